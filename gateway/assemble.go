package gateway

import (
	"cmp"
	"context"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"entrepot/auth"
	"entrepot/gateway/errs"
	"entrepot/gateway/names"
)

// Uploads in pieces: the pieces of a file are ordinary objects of the container
// ".uploads" of the caller's account, below USER/UPLOAD/, and expire when the
// upload is not finished. So quotas, rights, checks and copies of the store
// hold for them as for everything. Assemble makes one object of them.

// UploadsContainer is the container that holds the pieces of unfinished
// uploads.
const UploadsContainer = ".uploads"

// UploadLife is how long a piece lives when its upload is not finished.
const UploadLife = 24 * time.Hour

// maxPieces is how many pieces one upload may have.
const maxPieces = 10_000

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
// it. total is what the pieces must have in all, -1 for any size: else Invalid.
// The new object is like one that was put whole, under opt; its bytes are read
// and written once for it, since digests and checksums are over the whole.
func (o *Objects) Assemble(ctx context.Context, upload string, dst Ref, total int64, opt PutOptions) (PutResult, error) {
	folder, err := checkUpload(auth.PrincipalOf(ctx), upload, "")
	if err != nil {
		return PutResult{}, err
	}
	pieces, err := o.pieces(ctx, folder)
	if err != nil {
		return PutResult{}, err
	}
	opt.Size = 0
	for i := range pieces {
		opt.Size += pieces[i].Size
	}
	if total >= 0 && total != opt.Size {
		return PutResult{}, errs.New("objects.Assemble", errs.Invalid, "", "The pieces are not as long as the file should be.")
	}
	opt.Drive, opt.Waiting = true, true
	body := &pieceReader{ctx: ctx, objects: o, folder: folder, pieces: pieces}
	defer body.close()
	result, err := o.Put(ctx, dst, body, opt)
	if err != nil {
		return result, err
	}
	// The file is there: pieces that cannot be removed now expire.
	if err := (&Trees{o.core}).Delete(ctx, folder, Conditions{}); err != nil {
		o.cfg.Logger.WarnContext(ctx, "pieces of a finished upload stay until they expire", "err", err)
	}
	return result, nil
}

// pieces lists the pieces of an upload in their order.
func (o *Objects) pieces(ctx context.Context, folder Ref) ([]Object, error) {
	container := Ref{Account: folder.Account, Container: folder.Container}
	_, list, err := o.List(ctx, container, ListOptions{Prefix: folder.Object, Limit: maxPieces + 2})
	if err != nil {
		return nil, err
	}
	var pieces []Object
	begun, numbers := false, true
	for _, e := range list {
		if e.Object.Name == folder.Object {
			begun = true
			continue
		}
		e.Object.Name = e.Object.Name[len(folder.Object):]
		numbers = numbers && number(e.Object.Name) > 0
		pieces = append(pieces, e.Object)
	}
	switch {
	case !begun:
		return nil, errs.New("objects.Assemble", errs.NotFound, errs.NoObject, "There is no such upload.")
	case len(pieces) > maxPieces:
		return nil, errs.New("objects.Assemble", errs.Invalid, errs.TooMany, "The upload has too many pieces.")
	}
	if numbers {
		slices.SortFunc(pieces, func(a, b Object) int { return cmp.Compare(number(a.Name), number(b.Name)) })
	}
	return pieces, nil
}

// number is the value of a name of digits, 0 for another name.
func number(name string) int {
	if strings.Trim(name, "0123456789") != "" {
		return 0
	}
	n, err := strconv.Atoi(name)
	if err != nil {
		return 0
	}
	return n
}

// pieceReader reads pieces one behind the other. It lives as long as the call
// whose context it holds.
type pieceReader struct {
	ctx     context.Context //nolint:containedctx // see above
	objects *Objects
	folder  Ref
	pieces  []Object
	open    Content
	at      int64
}

// Read implements io.Reader.
func (r *pieceReader) Read(p []byte) (int, error) {
	for {
		if r.open == nil {
			if len(r.pieces) == 0 {
				return 0, io.EOF
			}
			if err := r.next(); err != nil {
				return 0, err
			}
		}
		if r.at < r.open.Size() {
			n, err := r.open.ReadAt(p[:min(int64(len(p)), r.open.Size()-r.at)], r.at)
			r.at += int64(n)
			if n > 0 {
				err = nil // the next call meets it again
			}
			return n, err
		}
		r.close()
	}
}

// next opens the next piece, which must be the one that was counted.
func (r *pieceReader) next() error {
	piece := r.pieces[0]
	ref := r.folder
	ref.Object += piece.Name
	found, content, err := r.objects.Open(r.ctx, ref, Conditions{})
	if err != nil {
		return err
	}
	r.pieces, r.open, r.at = r.pieces[1:], content, 0
	if found.ETag() != piece.ETag() || content.Size() != piece.Size {
		return errs.New("objects.Assemble", errs.Conflict, "", "A piece was replaced meanwhile.")
	}
	return nil
}

func (r *pieceReader) close() {
	if r.open != nil {
		r.open.Close() //nolint:errcheck // it was only read
		r.open = nil
	}
}
