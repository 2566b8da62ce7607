package gateway

import (
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"entrepot/auth"
	"entrepot/gateway/errs"
	"entrepot/gateway/names"
	"entrepot/store"
)

// Uploads in pieces: the pieces of a file are ordinary objects of the container
// ".uploads" of the caller's account, below USER/UPLOAD/, and expire when the
// upload is not finished. So quotas, rights, checks and copies of the store
// hold for them as for everything. Assemble makes one object of them, whose
// content is theirs.

// UploadsContainer is the container that holds the pieces of unfinished
// uploads.
const UploadsContainer = ".uploads"

// UploadLife is how long a piece lives when its upload is not finished.
const UploadLife = 24 * time.Hour

// maxPieces is how many pieces one upload may have.
const maxPieces = store.MaxParts

// UploadRef names an upload of the caller, or a piece of one.
func UploadRef(p auth.Principal, upload, piece string) Ref {
	return Ref{Account: p.Account, Container: UploadsContainer, Object: p.User + "/" + upload + "/" + piece}
}

// BeginUpload begins an upload in pieces under a name of the caller's choice.
// Exists when there is one. The first of an account makes the container, which
// is for its owners.
func (o *Objects) BeginUpload(ctx context.Context, upload string) error {
	p := auth.PrincipalOf(ctx)
	ref, err := checkUpload(p, upload, "")
	if err != nil {
		return err
	}
	container := Ref{Account: ref.Account, Container: ref.Container}
	_, err = (&Trees{o.core}).Stat(ctx, container, NodeParts{})
	if errs.ReasonOf(err) == errs.NoContainer {
		_, err = (&Containers{core: o.core}).Create(ctx, container, ContainerChange{})
	}
	if err != nil {
		return err
	}
	_, err = o.Put(ctx, ref, strings.NewReader(""), PutOptions{
		ContentType: "application/directory", DeleteAt: o.now().Time().Add(UploadLife), Conditions: Conditions{IfNoneMatch: []string{"*"}},
	})
	if errs.Of(err) == errs.Precondition {
		err = errs.New("objects.BeginUpload", errs.Exists, "", "The upload has begun already.")
	}
	return err
}

// PutPiece stores a piece of an upload that was begun: Conflict with NoParent
// where it was not, or was too long ago.
func (o *Objects) PutPiece(ctx context.Context, upload, piece string, body io.Reader, opt PutOptions) (PutResult, error) {
	p := auth.PrincipalOf(ctx)
	ref, err := checkUpload(p, upload, piece)
	if err != nil {
		return PutResult{}, err
	}
	if piece == "" || strings.Contains(piece, "/") {
		return PutResult{}, errs.New("objects.PutPiece", errs.Invalid, errs.BadName, "A piece has a name of one path element.")
	}
	opt.Drive, opt.DeleteAt = true, o.now().Time().Add(UploadLife)
	opt.sum = o.sumPiece(ctx, ref, opt.Size)
	return o.Put(ctx, ref, body, opt)
}

func checkUpload(p auth.Principal, upload, piece string) (Ref, error) {
	ref := UploadRef(p, upload, piece)
	switch {
	case p.User == "" || p.Account == "":
		return ref, refuse(p)
	case upload == "" || strings.Contains(upload, "/") || !names.OnDrive(p.User+"/"+upload+"/"+piece):
		return ref, errs.New("objects.Upload", errs.Invalid, errs.BadName, "An upload has a name of one path element.")
	}
	return ref, nil
}

// Assemble makes dst of the pieces of an upload, one behind the other: by
// number where all names are numbers, else in byte order. The upload ends with
// it, in the same transaction; a failure changes nothing. total is what the
// pieces must have in all, -1 for any size: else Invalid. The new object is
// like one that was put whole, under opt. Its content consists of the pieces as
// they are stored: nothing is written again, and only pieces are read whose
// bytes are not among the digests yet (see pieceSum). What is no plain content,
// or has to lie elsewhere, is read and written once more.
func (o *Objects) Assemble(ctx context.Context, upload string, dst Ref, total int64, opt PutOptions) (PutResult, error) {
	p := auth.PrincipalOf(ctx)
	folder, err := checkUpload(p, upload, "")
	if err != nil {
		return PutResult{}, err
	}
	if dst.Account == folder.Account && dst.Container == folder.Container && strings.HasPrefix(dst.Object, folder.Object) {
		return PutResult{}, errs.New("objects.Assemble", errs.Forbidden, errs.Nested, "The file cannot lie in its own upload.")
	}
	opt.Drive, opt.Waiting = true, true
	a := &assembly{put: put{core: o.core, ref: dst, opt: &opt, p: p, now: o.now(), inPieces: true}, folder: folder}
	if err := a.look(ctx); err != nil {
		return PutResult{}, err
	}
	opt.Size = a.size()
	if total >= 0 && total != opt.Size {
		return PutResult{}, errs.New("objects.Assemble", errs.Invalid, "", "The pieces are not as long as the file should be.")
	}
	if !a.joinable() {
		return o.rewrite(ctx, a)
	}
	return a.join(ctx)
}

var errNoUpload = errs.New("objects.Assemble", errs.NotFound, errs.NoObject, "There is no such upload.")

// errReplaced tells that an upload changed while it was being put together.
var errReplaced = errs.New("objects.Assemble", errs.Conflict, "", "A piece was replaced meanwhile.")

// An assembly is one Assemble on its way: a put whose content is that of other
// objects, which go.
type assembly struct {
	put
	folder Ref
	from   scope          // of the folder
	marker store.Object   // of the folder
	pieces []store.Object // in their order
	digest *store.Digest  // of them
}

// look reads the upload.
func (a *assembly) look(ctx context.Context) error {
	return a.store.View(ctx, func(v *store.View) error {
		s, err := a.load(v, a.p, a.folder, nil)
		if errs.ReasonOf(err) == errs.NoContainer {
			return errNoUpload
		}
		if err == nil {
			err = errors.Join(s.mayRead(a.p), s.mayWrite(a.p))
		}
		if err != nil {
			return err
		}
		a.from = s
		if a.marker, a.pieces, err = a.read(v); err != nil {
			return err
		}
		a.freed = freed{container: s.container}
		for i := range a.pieces {
			if here, elsewhere := s.keptOld(&a.pieces[i], a.now); here+elsewhere == 0 {
				a.freed.bytes += a.pieces[i].Content.Size
			}
		}
		return nil
	})
}

// read reads the folder and the pieces of the upload, in their order.
func (a *assembly) read(v *store.View) (marker store.Object, pieces []store.Object, err error) {
	list, err := v.Records(a.from.container.ID, store.Query{Prefix: a.folder.Object, Limit: maxPieces + 2})
	if err != nil {
		return marker, nil, err
	}
	begun, numbers := false, true
	for _, o := range list {
		switch {
		case o.Expired(a.now):
		case o.Name == a.folder.Object:
			marker, begun = o, true
		default:
			numbers = numbers && a.number(&o) >= 0
			pieces = append(pieces, o)
		}
	}
	switch {
	case !begun:
		return marker, nil, errNoUpload
	case len(pieces) > maxPieces:
		return marker, nil, errs.New("objects.Assemble", errs.Invalid, errs.TooMany, "The upload has too many pieces.")
	}
	if numbers {
		slices.SortFunc(pieces, func(x, y store.Object) int { return cmp.Compare(a.number(&x), a.number(&y)) })
	}
	return marker, pieces, nil
}

// number is the number that a piece has as its name, -1 where it is another.
func (a *assembly) number(o *store.Object) int { return number(o.Name[len(a.folder.Object):]) }

// number is the value of a name of digits, -1 for another name.
func number(name string) int {
	if name == "" || strings.Trim(name, "0123456789") != "" {
		return -1
	}
	n, err := strconv.Atoi(name)
	if err != nil {
		return -1
	}
	return n
}

func (a *assembly) size() (n int64) {
	for i := range a.pieces {
		n += sizeOf(&a.pieces[i])
	}
	return n
}

// joinable tells whether the content of the new object can be that of the
// pieces. What fits into the engine is one run of bytes there; a manifest of
// chunks is read when it is put.
func (a *assembly) joinable() bool {
	volume := volumeOf(a.ref.Account)
	manifest := a.cfg.Chunks != nil && strings.HasSuffix(a.ref.Object, chunkManifestSuffix)
	small := volume == 0 && a.size() <= int64(a.store.InlineLimit()) && len(a.pieces) > 1
	for i := range a.pieces {
		if !plainPiece(&a.pieces[i]) {
			return false
		}
	}
	return volume == volumeOf(a.folder.Account) && !manifest && !small
}

// join makes the object.
func (a *assembly) join(ctx context.Context) (PutResult, error) {
	if err := a.checkArguments(ctx); err != nil {
		return PutResult{}, err
	}
	if err := a.roomOnDisk(); err != nil {
		return PutResult{}, err
	}
	release, err := a.prepare(ctx)
	if err != nil {
		return PutResult{}, err
	}
	defer release()
	if err := a.sum(ctx); err != nil {
		return PutResult{}, err
	}
	a.also = append(a.from.guards(false), a.from.quotaGuards(false)...)
	d := a.digest.Digests()
	content := store.Content{Size: d.Size, MD5: d.MD5, SHA256: d.SHA256, SHA1: d.SHA1}
	// All is known: a client that goes away now does not undo it.
	return a.commit(context.WithoutCancel(ctx), content, a.take)
}

// sum brings the digests up to the last piece and compares them with what was
// promised.
func (a *assembly) sum(ctx context.Context) error {
	from := a.resume()
	extra := make(map[string]hash.Hash)
	for _, d := range a.opt.Digests {
		if h := store.NewHash(d.Algorithm); h != nil && d.Algorithm != "sha1" {
			extra[d.Algorithm] = h
			a.digest, from = store.NewDigest(), 0 // its state is not kept
		}
	}
	to := []io.Writer{a.digest}
	for _, h := range extra {
		to = append(to, h)
	}
	for i := from; i < len(a.pieces); i++ {
		err := a.readPiece(ctx, a.from, &a.pieces[i], io.MultiWriter(to...))
		if errors.Is(err, errGone) || errs.Of(err) == errs.NotFound {
			return errReplaced
		}
		if err != nil {
			return err
		}
	}
	sums := a.digest.Digests()
	known := map[string][]byte{"md5": sums.MD5[:], "sha256": sums.SHA256[:], "sha1": sums.SHA1}
	for name, h := range extra {
		known[name] = h.Sum(nil)
	}
	for _, d := range a.opt.Digests {
		if sum := known[d.Algorithm]; sum != nil && d.Sum != "" && hex.EncodeToString(sum) != d.Sum {
			return mismatch(d.Algorithm)
		}
	}
	return nil
}

// resume takes up the digests where they stand and returns which piece comes
// next: the first where they are not those of the first pieces.
func (a *assembly) resume() (from int) {
	a.digest = store.NewDigest()
	known := a.marker.Progress
	if known == nil || known.Pieces > int64(len(a.pieces)) {
		return 0
	}
	var met store.Progress
	for i := range a.pieces[:known.Pieces] {
		met.Chain = met.Follow(&a.pieces[i].Content)
	}
	if met.Chain != known.Chain {
		return 0
	}
	d, err := store.ResumeDigest(known.State)
	if err != nil {
		return 0
	}
	a.digest = d
	return int(known.Pieces)
}

// take ends the upload in the transaction of the new object, which gets the
// content of its pieces.
func (a *assembly) take(tx *store.Tx, content *store.Content) error {
	s, err := a.loadSame(tx, a.p, a.folder, &a.from)
	if err != nil {
		return err
	}
	marker, pieces, err := a.read(&tx.View)
	if err != nil {
		return err
	}
	if !slices.EqualFunc(pieces, a.pieces, samePiece) {
		return errReplaced
	}
	if err := a.unlocked(tx, &s); err != nil {
		return err
	}
	a.auditPieces(tx, &s, append(pieces, marker))
	parts := make([]store.Content, len(pieces))
	for i := range pieces {
		parts[i] = tx.TakeContent(&s.container, &pieces[i], a.now)
	}
	tx.DeleteObject(&s.container, &marker, a.now)
	if err := a.forgetTree(tx, &s.container, a.folder.Object); err != nil {
		return err
	}
	*content, err = tx.PutParts(parts, a.digest.Digests(), a.now)
	return err
}

// samePiece tells whether two records are of one writing of a piece.
func samePiece(x, y store.Object) bool {
	return x.Name == y.Name && x.Content.Blob == y.Content.Blob && x.Content.SHA256 == y.Content.SHA256 && plainPiece(&x) == plainPiece(&y)
}

// unlocked checks that no lock of somebody else protects the upload.
func (a *assembly) unlocked(tx *store.Tx, s *scope) error {
	var locks int64
	b := tx.Batch()
	b.Count(store.CountContainerLocks, s.container.ID, &locks)
	if err := b.Do(); err != nil || locks == 0 {
		return err
	}
	return a.mayRemove(&tx.View, a.p, s, &node{kind: NodeFolder, path: a.folder.Object}, a.opt.Conditions.Tokens, a.now)
}

// auditPieces writes the records of the removal of pieces: of many of them one.
func (a *assembly) auditPieces(tx *store.Tx, s *scope, gone []store.Object) {
	if len(gone) <= maxAuditedTree {
		a.auditDeleted(tx, a.p, s.container.ID, gone, a.now)
		return
	}
	j := a.journal("delete", a.p, s.container.ID, &store.Object{Name: a.folder.Object, Timestamp: a.now})
	j.Entries = int64(len(gone))
	tx.AddJournal(j)
}

// freed are bytes of a container that go in the transaction of a write, which
// needs no room of its own for as many.
type freed struct {
	container store.Container
	bytes     int64
}

// take lessens by how much a write makes container, depot and account grow.
func (f *freed) take(g *growth, c *store.Container) {
	if f.container.Account != c.Account || f.container.Depot != c.Depot {
		return
	}
	g.account -= f.bytes
	if f.container.ID == c.ID {
		g.container -= f.bytes
	}
}

// from lessens the usage of an account whose depots are different ones.
func (f *freed) from(u *usage, c *store.Container) {
	if f.container.Account == c.Account && f.container.Depot != c.Depot {
		u.accountBytes -= f.bytes
	}
}
