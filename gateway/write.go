package gateway

import (
	"context"
	"errors"
	"io"
	"maps"
	"slices"
	"strings"

	"entrepot/auth"
	"entrepot/gateway/errs"
	"entrepot/gateway/names"
	"entrepot/store"
)

// special is what makes an object stand for other ones; see store.Object.
type special struct {
	large  *store.Large
	link   *store.Link
	refers string
}

// put is one write of an object on its way: what it found and decided.
type put struct {
	*core
	ref   Ref
	opt   *PutOptions
	p     auth.Principal
	now   store.Stamp
	scope scope
	old   *store.Object // nil when the name is new or expired
	row   *store.Object // what the write replaces, expired or not
	usage usage
	above ancestors
	// as is what the object stands for besides its bytes.
	as special
	// others are the bytes that other uploads have reserved; reserved tells
	// that this one has its own room among them.
	othersDepot, othersAccount int64
	reserved                   bool
	chunked                    *store.Chunked // of a manifest of chunks
	manifest                   *store.Object  // nil unless it was asked for
	hasManifest                bool           // there is such an object
	joins                      *node          // the chunked file that a plain one is to replace; nil: none
	overChunks                 bool           // it does replace one
	source                     string         // of a copy within an account: that object, for the audit
	inPieces                   bool           // the content is that of several objects, each below the limit of size
	freed                      freed          // what goes in the same transaction
	also                       []store.Guard  // what the transaction locks besides
}

// Put stores body under ref and makes it visible in one step: readers see the
// old object until Put returns and never a part of the new one. Rights, names,
// conditions, locks and quota are checked at commit, and before the first byte
// of body is read, so that a face sends no "100 Continue" in vain; only a small
// body that the client is sending anyway is read first. An error of the body is
// errs.Incomplete; nothing is stored then.
func (o *Objects) Put(ctx context.Context, ref Ref, body io.Reader, opt PutOptions) (PutResult, error) {
	return o.put(ctx, ref, body, opt, special{})
}

// put is Put of an object that may stand for others.
func (o *Objects) put(ctx context.Context, ref Ref, body io.Reader, opt PutOptions, as special) (PutResult, error) {
	w := &put{core: o.core, ref: ref, opt: &opt, p: auth.PrincipalOf(ctx), now: o.now(), as: as, source: opt.source}
	if err := w.checkArguments(ctx); err != nil {
		return PutResult{}, err
	}
	if err := o.roomOnDisk(); err != nil {
		return PutResult{}, err
	}
	guessed := w.guess()
	release := func() {}
	if !guessed {
		var err error
		if release, err = w.prepare(ctx); err != nil {
			return PutResult{}, err
		}
	}
	defer func() { release() }()
	up := o.store.NewUploadIn(ctx, volumeOf(ref.Account), algorithms(opt.Digests)...)
	defer up.Close()
	body, received := w.watchManifest(body)
	if opt.sum != nil {
		up.Also(opt.sum.digest)
	}
	if err := w.receive(up, body); err != nil {
		return PutResult{}, err
	}
	received()
	if err := opt.sum.received(); err != nil {
		return PutResult{}, err
	}
	content, err := up.Finish()
	if err != nil {
		return PutResult{}, err
	}
	// The content is complete: a client that goes away now does not undo it.
	ctx = context.WithoutCancel(ctx)
	attach := func(tx *store.Tx, content *store.Content) error {
		up.Attach(tx, *content)
		return nil
	}
	result, err := w.commit(ctx, content, attach)
	if guessed && errors.Is(err, errMoved) {
		if release, err = w.prepare(ctx); err != nil {
			release = func() {}
		} else {
			result, err = w.commit(ctx, content, attach)
		}
	}
	if err != nil && errs.ReasonOf(err) != errs.Unknown {
		up.Discard(ctx)
	}
	if err == nil {
		o.traffic.count(&w.scope.container, content.Size)
	}
	return result, err
}

// errMoved tells that the container is not the one that locks were chosen for.
var errMoved = errs.New("objects.Put", errs.Conflict, "", "The container was replaced during the upload.")

// guess takes the container that had the name last as the one to write to,
// where judging can wait for the commit: the body is small and on its way. A
// stranger is judged before anything is read.
func (w *put) guess() bool {
	if w.opt.Waiting || w.p.Anonymous() || w.opt.Size < 0 || w.opt.Size > int64(w.store.InlineLimit()) {
		return false
	}
	h, ok := w.hints.Get([2]string{w.ref.Account, w.ref.Container})
	if !ok || h.quota || h.archive {
		return false
	}
	w.scope = h.scope(w.ref)
	return true
}

// prepare judges the write before its body is read and reserves its room.
func (w *put) prepare(ctx context.Context) (release func(), err error) {
	size := max(w.opt.Size, w.opt.Expected)
	err = w.store.View(ctx, func(v *store.View) error { return w.examine(v, size, true) })
	if err != nil {
		return nil, err
	}
	return w.reserve(size)
}

func algorithms(digests []Digest) []string {
	var list []string
	for _, d := range digests {
		list = append(list, d.Algorithm)
	}
	return list
}

// checkArguments judges what the request says by itself.
func (w *put) checkArguments(ctx context.Context) error {
	if w.opt.Drive {
		if w.ref.Container == "" {
			return errs.New("objects.Put", errs.Forbidden, errs.ProtectedRoot, "The root is not a file.")
		}
		if w.ref.Object == "" {
			return w.besideContainers(ctx)
		}
		if strings.HasSuffix(w.ref.Object, "/") {
			return errs.New("objects.Put", errs.Exists, errs.IsFolder, "A folder is in the way.")
		}
	}
	if w.opt.Item {
		if err := w.checkItemName(ctx); err != nil {
			return err
		}
	}
	if err := checkObjectRef(w.ref); err != nil {
		return err
	}
	if w.opt.Size > w.cfg.MaxObject && !w.inPieces {
		return errs.New("objects.Put", errs.TooLarge, "", "Your request is too large.")
	}
	if !w.opt.Item {
		if err := checkMeta(w.opt.Properties, "object"); err != nil {
			return err
		}
	}
	if err := checkReferring(w.p, w.opt.Headers, w.as.link); err != nil {
		return err
	}
	return checkHeaders(w.opt.ContentType, w.opt.Headers)
}

// besideContainers refuses a file directly below the root, where only
// containers live.
func (w *put) besideContainers(ctx context.Context) error {
	if err := names.Container(w.ref.Container); err != nil {
		return err
	}
	err := w.store.View(ctx, func(v *store.View) error {
		s, err := w.load(v, w.p, w.ref, nil)
		if err != nil {
			return err
		}
		return s.mayWrite(w.p)
	})
	switch {
	case err == nil:
		return errs.New("objects.Put", errs.Exists, errs.IsFolder, "A folder is in the way.")
	case errs.ReasonOf(err) == errs.NoContainer:
		return errBesideSpaces
	}
	return err
}

// examine reads what the write depends on and judges it. size is what will be
// stored, -1 when unknown; exclusive tells that quotas are judged strictly.
func (w *put) examine(v *store.View, size int64, exclusive bool) error {
	var row store.Object
	var found bool
	var locks int64
	s, err := w.load(v, w.p, w.ref, func(b *store.Batch, id uint64) {
		b.Object(id, w.ref.Object, &row, &found)
		b.Count(store.CountContainerLocks, id, &locks)
		if !w.opt.Drive {
			w.above.add(b, id, w.ref.Object)
		}
		w.askChunked(b, id)
	})
	if w.opt.Drive && errs.ReasonOf(err) == errs.NoContainer {
		err = errs.Wrap("objects.Put", errs.Conflict, errs.NoParent, err)
	}
	if err != nil {
		return err
	}
	if err := s.mayWrite(w.p); err != nil {
		return err
	}
	w.scope, w.row, w.old = s, nil, nil
	if found {
		w.row = &row
		if !row.Expired(w.now) {
			w.old = &row
		}
	}
	if w.old != nil && s.archived() {
		if s.archiveID() == 0 {
			return errNoArchive
		}
		if err := names.Object(store.ArchiveName(w.old.Name, w.old.Timestamp)); err != nil {
			return err
		}
	}
	if err := w.trafficLeft(v, &s, w.now); err != nil {
		return err
	}
	w.findChunked()
	if err := w.conditions(v, locks); err != nil {
		return err
	}
	if w.opt.Item && !w.opt.copied {
		if err := w.itemProperties(size); err != nil {
			return err
		}
	}
	if w.opt.Drive {
		err := w.driveRules(v, s.container.ID, w.ref.Object, w.old, w.now)
		if errs.ReasonOf(err) == errs.IsFolder && slices.Contains(w.opt.Conditions.IfNoneMatch, "*") {
			err = errPrecondition // something has the name
		}
		if err != nil {
			return err
		}
	}
	if err := w.roomInArchive(v); err != nil {
		return err
	}
	return w.judgeQuota(v, size, exclusive)
}

// conditions evaluates the request's conditions, then the locks.
func (w *put) conditions(v *store.View, locks int64) error {
	c := &w.opt.Conditions
	if len(c.Lists) > 0 {
		if err := w.evalLists(v, w.p, &w.scope, w.ref, c, w.now); err != nil {
			return err
		}
	}
	etag, shown := "", w.shown()
	if shown != nil && c.namesTags() {
		var err error
		if etag, err = w.tagShown(v, w.p, w.ref.Account, shown, w.now); err != nil {
			return err
		}
	}
	if err := c.writeAllowed(shown, etag); err != nil {
		return err
	}
	if locks == 0 {
		return nil
	}
	return w.holdsLocks(v, w.p, &w.scope, w.ref.Object, shown == nil, c.Tokens, w.now)
}

func (w *put) judgeQuota(v *store.View, size int64, exclusive bool) error {
	usage, err := readUsage(v, &w.scope)
	if err != nil {
		return err
	}
	objects := int64(1)
	if w.row != nil {
		objects = 0
	}
	usage.depotBytes += w.othersDepot
	usage.accountBytes += w.othersAccount
	w.freed.from(&usage, &w.scope.container)
	w.usage = usage
	return w.scope.fits(usage, w.growth(max(size, 0)), objects, exclusive)
}

// growth is by how many bytes container and account grow.
func (w *put) growth(size int64) growth {
	g := growth{size, size}
	w.freed.take(&g, &w.scope.container)
	if w.row == nil {
		return g
	}
	old := w.row.Content.Size
	here, elsewhere := w.scope.keptOld(w.row, w.now)
	g.container += (here - 1) * old
	g.account += (here + elsewhere - 1) * old
	return g
}

// roomInArchive judges whether the version that a write replaces has room in
// the archive, where that is in another depot.
func (w *put) roomInArchive(v *store.View) error {
	archive := w.scope.container.Archive
	if w.old == nil || archive == nil || archive.Depot == w.scope.container.Depot {
		return nil
	}
	var d store.Depot
	var found bool
	var used int64
	b := v.Batch()
	b.Depot(archive.Depot, &d, &found)
	b.Count(store.CountDepotBytes, archive.Depot, &used)
	if err := b.Do(); err != nil {
		return err
	}
	return room(d.StorageLimit, used, w.old.Content.Size, true, "depot")
}

// reserve takes the room that the body is going to need, while other uploads
// of the same depot are on their way.
func (w *put) reserve(size int64) (release func(), err error) {
	if !w.scope.limited() {
		return func() {}, nil
	}
	grown := w.growth(max(size, 0))
	w.reserved = true
	return w.pending.take(&w.scope.container, grown.account, func(depot, account int64) error {
		w.othersDepot, w.othersAccount = depot, account
		usage := w.usage
		usage.depotBytes += depot
		usage.accountBytes += account
		w.usage = usage
		return w.scope.fits(usage, grown, 0, true)
	})
}

// receive reads the body and compares it with what was promised.
func (w *put) receive(up *store.Upload, body io.Reader) error {
	limit, overflow := w.limit()
	switch err := up.Receive(body, limit); {
	case err == nil:
	case errs.Of(err) == errs.TooLarge:
		return overflow
	default:
		return err
	}
	if w.opt.Size >= 0 && up.Size() != w.opt.Size {
		return errs.Wrap("objects.Put", errs.Incomplete, "", errors.New("the body ended early"))
	}
	for _, d := range w.opt.Digests {
		if sum := up.Sum(d.Algorithm); sum != "" && d.Sum != "" && sum != d.Sum {
			return mismatch(d.Algorithm)
		}
	}
	return nil
}

// mismatch is the error of content that has another digest than was promised.
func mismatch(algorithm string) error {
	return errs.New("objects.Put", errs.Mismatch, "", "The "+algorithm+" digest of the content differs.")
}

// limit is how many bytes the body may have, and the error of one that has
// more: the object size limit, or the room that the quota leaves.
func (w *put) limit() (int64, error) {
	limit, err := w.cfg.MaxObject, error(errs.New("objects.Put", errs.TooLarge, "", "Your request is too large."))
	if w.scope.limited() {
		left := w.scope.available(w.usage, w.cfg.MaxObject)
		if here, elsewhere := w.scope.keptOld(w.row, w.now); w.row != nil && here+elsewhere == 0 {
			left += w.row.Content.Size
		}
		if left < limit {
			limit, err = left, overQuota("container")
		}
	}
	return limit, err
}

// commit writes the record that names the content; attach puts that where the
// record finds it.
func (w *put) commit(ctx context.Context, content store.Content, attach func(*store.Tx, *store.Content) error) (PutResult, error) {
	var result PutResult
	at := w.scope
	// What others reserved when this upload began may be stored by now and is
	// not counted twice; who has no reservation leaves that of others alone.
	w.othersDepot, w.othersAccount = 0, 0
	if !w.reserved {
		w.othersDepot, w.othersAccount = w.pending.held(&at.container)
	}
	archive, planned := w.archivePlan(&at)
	err := w.retryStronger(ctx, func(strong bool) []store.Guard {
		guards := append(store.LocksOfWrite(at.container.ID, w.ref.Object, w.opt.sum != nil), w.also...)
		if w.overChunks || strong && w.opt.Drive && w.cfg.Chunks != nil {
			guards = append(at.guards(false), w.also...) // what it replaces may be a file in chunks
		}
		return append(append(guards, at.quotaGuards(strong)...), archive(strong)...)
	}, func(tx *store.Tx, strong bool) error {
		if err := w.examine(&tx.View, content.Size, strong); err != nil {
			return err
		}
		if err := w.archives(planned, strong); err != nil {
			return err
		}
		if err := w.replaceChunked(tx, strong); err != nil {
			return err
		}
		if !w.scope.same(&at) || (w.scope.account.Quota != 0) != (at.account.Quota != 0) {
			return errMoved
		}
		stored := content
		if err := attach(tx, &stored); err != nil {
			return err
		}
		o := w.object(stored)
		tx.PutObject(&w.scope.container, w.row, o, o.Timestamp)
		if err := w.afterPut(tx, o); err != nil {
			return err
		}
		result = PutResult{Object: w.scope.show(o), Created: w.old == nil && !w.overChunks}
		return nil
	})
	return result, err
}

// archivePlan chooses the locks of the archive, which gets the row that is
// replaced: those of its new name, as far as the row is known, and stronger
// ones of the whole.
func (w *put) archivePlan(at *scope) (guards func(strong bool) []store.Guard, planned *store.Object) {
	planned = w.row
	return func(strong bool) []store.Guard {
		if strong || !at.archived() {
			return at.archiveGuards(nil)
		}
		if planned == nil {
			return nil
		}
		return at.archiveGuards(planned)
	}, planned
}

// archives checks that the row that is replaced has a place in the archive,
// and that the locks of that place are held.
func (w *put) archives(planned *store.Object, strong bool) error {
	if !w.scope.archived() || w.old == nil || strong {
		return nil
	}
	if planned == nil || planned.Timestamp != w.old.Timestamp {
		return errStronger
	}
	return nil
}

// retryStronger runs a transaction under shared quota locks, and again under
// exclusive ones when it asks for them.
func (c *core) retryStronger(ctx context.Context, guards func(strong bool) []store.Guard, fn func(tx *store.Tx, strong bool) error) error {
	err := c.store.Update(ctx, guards(false), func(tx *store.Tx) error { return fn(tx, false) })
	if errors.Is(err, errStronger) {
		err = c.store.Update(ctx, guards(true), func(tx *store.Tx) error { return fn(tx, true) })
	}
	return err
}

// object builds the record of a write.
func (w *put) object(content store.Content) *store.Object {
	o := &store.Object{
		Name:        w.ref.Object,
		Born:        w.scope.container.Epoch,
		Written:     w.now,
		ContentType: w.opt.ContentType,
		Headers:     maps.Clone(w.opt.Headers),
		Properties:  maps.Clone(w.opt.Properties),
		Content:     content,
		Item:        w.opt.Item,
		ReadersOf:   w.opt.readersOf,
		Chunked:     w.chunked,
		Large:       w.as.large,
		Link:        w.as.link,
		Refers:      w.as.refers,
	}
	if w.opt.Item {
		w.keepInSpace(o)
	}
	if w.row != nil {
		o.Written = w.row.Timestamp.After(w.now)
	}
	o.Timestamp, o.Created = o.Written, o.Written
	if o.ContentType == "" {
		o.ContentType = TypeOf(o.Name)
	}
	if !w.opt.DeleteAt.IsZero() {
		o.DeleteAt = w.opt.DeleteAt.Unix()
	}
	if w.old != nil {
		o.Created = w.old.Created
		if w.opt.Drive {
			w.keepOnDrive(o)
		}
	}
	if !w.opt.Created.IsZero() {
		o.Created = store.StampOf(w.opt.Created)
	}
	setModified(o, w.opt.Modified)
	if w.opt.Item && o.Modified == 0 {
		o.Modified = parseLongTime(w.opt.Properties[propFileModified])
	}
	return o
}

// keepOnDrive carries over what a drive's client did not send because its
// protocol has no words for it: the properties that others gave the file.
func (w *put) keepOnDrive(o *store.Object) {
	for k, v := range w.old.Properties {
		if _, sent := o.Properties[k]; !sent && k != propMtime {
			if o.Properties == nil {
				o.Properties = make(map[string]string)
			}
			o.Properties[k] = v
		}
	}
}

// afterPut keeps what hangs on the object: dead properties, the clash mark,
// the audit record.
func (w *put) afterPut(tx *store.Tx, o *store.Object) error {
	id := w.scope.container.ID
	keeps := w.old != nil && (w.opt.Drive || w.opt.Item && !w.opt.copied) // what only drives know of it
	if w.row != nil && !keeps {
		if err := tx.DeleteProps(&w.scope.container, o.Name); err != nil {
			return err
		}
	}
	if (w.old == nil || isMarker(w.old)) && !w.opt.Drive {
		clash, err := w.clashes(&tx.View, id, o)
		if err != nil {
			return err
		}
		if clash {
			tx.MarkClash(id)
		}
	}
	action := "put"
	if w.source != "" {
		action = "copy"
	}
	j := w.journal(action, w.p, id, o)
	j.Source = w.source
	tx.AddJournal(j)
	return w.opt.sum.note(tx, &w.scope, o, w.now)
}

func (c *core) journal(action string, p auth.Principal, id uint64, o *store.Object) *store.Journal {
	j := &store.Journal{
		Container: id, Time: o.Timestamp, Name: o.Name, Action: action, User: p.User,
		Size: o.Content.Size, MD5: slices.Clone(o.Content.MD5[:]),
		ContentType: o.ContentType, Properties: maps.Clone(o.Properties), Marker: o.Marks(),
	}
	if p.Address.IsValid() {
		j.Address = p.Address.String()
	}
	return j
}
