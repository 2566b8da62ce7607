package gateway

import (
	"context"
	"errors"
	"slices"
	"strings"

	"entrepot/auth"
	"entrepot/gateway/errs"
	"entrepot/gateway/names"
	"entrepot/store"
)

// Copy copies a file or a tree by reference; nothing is read or written but
// records. An existing destination is replaced whole, in the same step.
func (t *Trees) Copy(ctx context.Context, src, dst Ref, opt TreeOptions) (created bool, err error) {
	return t.transfer(ctx, src, dst, opt, false)
}

// Move renames a file, folder or container in one step. Locks in the moved
// tree end; an existing destination is replaced whole.
func (t *Trees) Move(ctx context.Context, src, dst Ref, opt TreeOptions) (created bool, err error) {
	opt.Shallow = false
	return t.transfer(ctx, src, dst, opt, true)
}

// transfer is one COPY or MOVE on its way.
type transfer struct {
	*core
	p        auth.Principal
	now      store.Stamp
	src, dst Ref
	opt      TreeOptions
	move     bool

	// What was found before the transaction, which locks are chosen by.
	from, to scope // to has container ID 0 when the destination is a new container
	newID    uint64
	depot    uint64 // of a new container
	plain    bool   // a single file onto a name that is no folder

	// past is the source's place where that is a snapshot.
	past *names.SnapshotPath
	gone map[string]bool // of the last run: what a copy leaves out, see alive

	rewrites rewrites // manifests of chunks that get another text
}

func (t *Trees) transfer(ctx context.Context, src, dst Ref, opt TreeOptions, move bool) (created bool, err error) {
	if src.Object == "" || dst.Object == "" { // a container may go
		defer t.users.purgeCredentials()
	}
	w := &transfer{
		core: t.core, p: auth.PrincipalOf(ctx), now: t.now(), src: src, dst: dst, opt: opt, move: move,
	}
	if err := w.checkArguments(); err != nil {
		return false, err
	}
	if volumeOf(src.Account) != volumeOf(dst.Account) {
		return false, errAcross
	}
	if !move {
		if err := w.roomOnDisk(); err != nil {
			return false, err
		}
	}
	if err := w.look(ctx); err != nil {
		return false, err
	}
	defer func() { w.endRewrites(ctx, err) }()
	for range rewriteAttempts {
		err = w.retryStronger(ctx, w.guards, func(tx *store.Tx, strong bool) (err error) {
			w.unused()
			created, err = w.run(tx, strong)
			return err
		})
		if !errors.Is(err, errRewrite) {
			return created, err
		}
		if err := w.prepare(ctx); err != nil {
			return false, err
		}
	}
	return false, err
}

func (w *transfer) checkArguments() error {
	if at, ok := names.InSnapshots(w.src.Object); ok && !w.move {
		w.past = &at
		return w.checkPastSource()
	}
	if err := checkDriveRef(w.src); err != nil {
		return err
	}
	if err := checkDriveRef(w.dst); err != nil {
		return err
	}
	if w.src.Container == "" || w.dst.Container == "" {
		return errs.New("trees", errs.Forbidden, errs.ProtectedRoot, "The root can be neither copied nor replaced.")
	}
	if w.src.Account == w.dst.Account && w.src.Container == w.dst.Container {
		return nested(w.src.Object, w.dst.Object)
	}
	return nil
}

// nested refuses a destination that is the source, inside it or around it.
func nested(src, dst string) error {
	same, inside := beside(dst, src)
	if same {
		return errs.New("trees", errs.Forbidden, errs.SameResource, "Source and destination are the same.")
	}
	if _, around := beside(src, dst); inside || around {
		return errNested
	}
	return nil
}

var errNested = errs.New("trees", errs.Forbidden, errs.Nested, "Source and destination contain each other.")

// look reads what the choice of locks depends on.
func (w *transfer) look(ctx context.Context) (err error) {
	err = w.store.View(ctx, func(v *store.View) error {
		var n node
		if w.from, n, err = w.readSource(v); err != nil {
			return err
		}
		w.to, err = w.load(v, w.p, w.dst, nil)
		switch {
		case errs.ReasonOf(err) == errs.NoContainer && w.dst.Object != "":
			return errs.Wrap("trees", errs.Conflict, errs.NoParent, err)
		case errs.ReasonOf(err) == errs.NoContainer:
			w.to = scope{}
		case err != nil:
			return err
		}
		w.plain = n.kind == NodeFile && n.chunks == nil && w.dst.Object != "" && w.past == nil
		if w.plain {
			d, ok, err := w.lookup(v, w.to.container.ID, w.dst.Object, w.now)
			if err != nil {
				return err
			}
			w.plain = !ok || d.kind == NodeFile && d.chunks == nil
		}
		if n.kind == NodeFile && w.dst.Object == "" {
			return errBesideSpaces
		}
		return nil
	})
	if err != nil {
		return err
	}
	if w.dst.Object != "" {
		return nil
	}
	if w.newID, err = w.store.NewID(); err != nil {
		return err
	}
	w.depot, err = w.depotFor(ctx, w.p, w.dst.Account)
	return err
}

// guards returns the locks of the transaction: those of two names for a plain
// file, else both containers.
func (w *transfer) guards(strong bool) []store.Guard {
	var guards []store.Guard
	if w.plain && !strong {
		guards = append(store.LocksOfWrite(w.from.container.ID, w.src.Object, w.move), w.from.quotaGuards(false)...)
		guards = append(guards, store.LocksOfWrite(w.to.container.ID, w.dst.Object, false)...)
		guards = append(guards, w.to.quotaGuards(false)...)
		return append(append(guards, w.from.archiveGuards(nil)...), w.to.archiveGuards(nil)...)
	}
	guards = w.from.guards(false)
	if w.to.container.ID != 0 {
		guards = append(guards, w.to.guards(false)...)
		guards = append(guards, w.to.quotaGuards(strong)...)
	}
	if w.dst.Object == "" {
		guards = append(guards, createGuards(w.dst, w.newID, w.depot, strong)...)
	}
	if w.src.Object == "" {
		guards = append(guards, store.LockName(w.src.Account, w.src.Container))
	}
	return guards
}

// run does the whole transfer inside the transaction.
func (w *transfer) run(tx *store.Tx, strong bool) (created bool, err error) {
	s, n, err := w.source(tx)
	if err != nil {
		return false, err
	}
	d, existing, ok, err := w.destination(tx)
	if err != nil {
		return false, err
	}
	if err := w.judge(&tx.View, w.p, &s, w.src, &n, &w.opt.Conditions, w.now); err != nil {
		return false, err
	}
	if ok && !w.opt.Overwrite {
		return false, errs.New("trees", errs.Precondition, "", "The destination exists.")
	}
	var locks [2]int64
	b := tx.Batch()
	b.Count(store.CountContainerLocks, s.container.ID, &locks[0])
	b.Count(store.CountContainerLocks, d.container.ID, &locks[1])
	if err := b.Do(); err != nil {
		return false, err
	}
	chunked := n.chunks != nil || existing.chunks != nil
	if !strong && w.plain && (locks[0]+locks[1] != 0 || ok && existing.kind != NodeFile || n.kind != NodeFile || chunked) {
		return false, errStronger
	}
	if s.container.ID == d.container.ID && w.past == nil && (existing.consistsOf(n.path) || n.consistsOf(w.dst.Object)) {
		return false, errNested
	}
	if err := w.mayTransfer(tx, &s, &n, &d, &existing, ok); err != nil {
		return false, err
	}
	if w.renames() {
		return !ok, w.rename(tx, &s, &d, ok)
	}
	if err := w.clear(tx, &d, &existing, ok, strong); err != nil {
		return false, err
	}
	return !ok, w.carry(tx, &s, &n, &d, strong)
}

// source reads the source for a caller who may read it, and remove it when it
// moves.
func (w *transfer) source(tx *store.Tx) (scope, node, error) {
	s, n, err := w.readSource(&tx.View)
	switch {
	case err != nil:
	case !s.same(&w.from):
		err = errs.New("trees", errs.Conflict, "", "The container was replaced meanwhile.")
	case w.move && w.src.Object == "":
		if err = s.mayOwn(w.p); err == nil {
			err = s.notReplica()
		}
		if err == nil {
			err = keepSnapshots(&s)
		}
		if err == nil && !w.renames() {
			err = keepVersions(tx, &s)
		}
	case w.move:
		err = s.mayWrite(w.p)
	}
	if err == nil {
		err = s.mayRead(w.p)
	}
	if err == nil && n.kind != NodeFile {
		err = s.mayList(w.p) // a copy of a folder shows the names in it
	}
	return s, n, err
}

// destination reads what the transfer replaces, for a caller who may write
// there; ok tells whether there is something.
func (w *transfer) destination(tx *store.Tx) (d scope, n node, ok bool, err error) {
	d, err = w.load(&tx.View, w.p, w.dst, nil)
	if errs.ReasonOf(err) == errs.NoContainer && w.dst.Object == "" {
		return scope{}, node{}, false, nil
	}
	switch {
	case err != nil:
		return d, node{}, false, err
	case !d.same(&w.to):
		return d, node{}, false, errs.New("trees", errs.Conflict, "", "The container was replaced meanwhile.")
	case w.dst.Object == "":
		if err = d.mayOwn(w.p); err == nil {
			err = d.notReplica()
		}
		if err != nil {
			return d, node{}, false, err
		}
		if err = keepSnapshots(&d); err == nil {
			err = keepVersions(tx, &d)
		}
		return d, node{kind: NodeContainer}, true, err
	}
	if err := d.mayWrite(w.p); err != nil {
		return d, node{}, false, err
	}
	bare := strings.TrimSuffix(w.dst.Object, "/")
	n, ok, err = w.lookup(&tx.View, d.container.ID, bare, w.now)
	if err == nil {
		err = w.parentIsFolder(&tx.View, d.container.ID, bare, w.now)
	}
	return d, n, ok, err
}

// mayTransfer checks the locks of both sides.
func (w *transfer) mayTransfer(tx *store.Tx, s *scope, n *node, d *scope, existing *node, ok bool) error {
	tokens := w.opt.Conditions.Tokens
	if w.move {
		if err := w.mayRemove(&tx.View, w.p, s, n, tokens, w.now); err != nil {
			return err
		}
	}
	if d.container.ID == 0 {
		return nil
	}
	path := strings.TrimSuffix(w.dst.Object, "/")
	if err := w.holdsLocks(&tx.View, w.p, d, path, !ok, tokens, w.now); err != nil {
		return err
	}
	if !ok || existing.kind == NodeFile {
		return nil
	}
	return w.holdsTree(&tx.View, w.p, d, existing.path, tokens, w.now)
}

// renames tells that a container gets another name in its account.
func (w *transfer) renames() bool {
	return w.src.Object == "" && w.dst.Object == "" && w.move && w.src.Account == w.dst.Account
}

// rename gives a container another name: one row, whatever it holds.
func (w *transfer) rename(tx *store.Tx, s, d *scope, ok bool) error {
	if ok {
		if err := tx.DetachContainer(&d.container, w.now); err != nil {
			return err
		}
	}
	if err := w.dropLocks(tx, s.container.ID, ""); err != nil {
		return err
	}
	s.container.Modified = s.container.Modified.After(w.now)
	tx.RenameContainer(&s.container, w.dst.Container)
	j := w.journal("move", w.p, s.container.ID, &store.Object{Timestamp: s.container.Modified})
	j.Source = w.src.String()
	tx.AddJournal(j)
	return nil
}

// clear removes what the transfer replaces and prepares its place: d becomes
// the container that the copy goes to.
func (w *transfer) clear(tx *store.Tx, d *scope, existing *node, ok, strong bool) error {
	if w.dst.Object == "" {
		if ok {
			if err := tx.DetachContainer(&d.container, w.now); err != nil {
				return err
			}
		}
		if err := w.create(tx, w.p, w.dst, w.newID, w.depot, ContainerChange{}, w.now); err != nil {
			return err
		}
		var err error
		*d, err = w.load(&tx.View, w.p, w.dst, nil)
		return err
	}
	if ok {
		held, err := w.heldAt(tx, d, existing)
		if err != nil {
			return err
		}
		_, left, err := w.removeNode(tx, w.p, d, existing, w.now)
		if err != nil {
			return err
		}
		if left {
			return tooMany()
		}
		for i := range held {
			tx.PutLock(&held[i], true)
		}
	}
	return w.clearExpired(tx, d, strong)
}

// heldAt lists the caller's locks of a file that is going to be replaced, those
// whose tokens came along. They end, as all locks of it do (RFC 4918 sections
// 9.6.1 and 9.9.3), and stay as Replaced: davfs2 goes on with such a lock, and
// gives up its upload where it cannot refresh it.
func (w *transfer) heldAt(tx *store.Tx, d *scope, existing *node) ([]store.Lock, error) {
	if existing.kind != NodeFile || existing.chunks != nil {
		return nil, nil
	}
	locks, err := tx.LocksAt(d.container.ID, existing.path)
	held := slices.DeleteFunc(live(locks, w.now), func(l store.Lock) bool { return !submitted(&l, w.p, w.opt.Conditions.Tokens) })
	for i := range held {
		held[i].Replaced = true
	}
	return held, err
}

// clearExpired removes rows of expired objects that would be in the way, all of
// them: what is written over a row that stays is lost track of.
func (w *transfer) clearExpired(tx *store.Tx, d *scope, strong bool) error {
	bare := strings.TrimSuffix(w.dst.Object, "/")
	rows, err := tx.Records(d.container.ID, store.Query{Prefix: bare + "/", Limit: w.cfg.MaxTree + 1})
	if err != nil {
		return err
	}
	if len(rows) > w.cfg.MaxTree {
		return tooMany()
	}
	if len(rows) > 0 && w.plain && !strong {
		return errStronger // the locks of two names do not cover them
	}
	if o, found, err := tx.Object(d.container.ID, bare); err != nil {
		return err
	} else if found {
		rows = append(rows, o)
	}
	for i := range rows {
		tx.DeleteObject(&d.container, &rows[i], w.now)
		if err := tx.DeleteProps(&d.container, rows[i].Name); err != nil {
			return err
		}
	}
	return nil
}

func tooMany() error {
	return errs.New("trees", errs.Forbidden, errs.TooMany,
		"The folder has too many entries for one step: split the work.")
}

// target is the canonical path of the destination: with a slash for a folder,
// "" for a container.
func (w *transfer) target(n *node) string {
	if w.dst.Object == "" {
		return ""
	}
	bare := strings.TrimSuffix(w.dst.Object, "/")
	if n.kind == NodeFile {
		return bare
	}
	return bare + "/"
}

// carry copies or moves the objects and dead properties of the source.
func (w *transfer) carry(tx *store.Tx, s *scope, n *node, d *scope, strong bool) error {
	target := w.target(n)
	if len(target) > names.MaxObject {
		return errs.New("trees", errs.Invalid, errs.NameTooLong, "The name is too long.")
	}
	var objects []store.Object
	var err error
	switch {
	case n.chunks != nil:
		if objects, err = w.chunksOf(tx, s, n); err != nil {
			return err
		}
		if err := w.clearChunks(tx, n, d, target, objects); err != nil {
			return err
		}
	case n.kind == NodeFile:
		objects = []store.Object{*n.file}
	case w.opt.Shallow:
	default:
		if objects, err = w.below(tx, s, n.path); err != nil {
			return err
		}
		if target == "" {
			if objects, err = w.leaveMarker(tx, s, n, objects); err != nil {
				return err
			}
		}
	}
	count, bytes := w.grows(n, target, objects)
	if err := w.room(tx, s, d, count, bytes, w.keeps(s, objects), strong); err != nil {
		return err
	}
	w.audit(tx, s, n, d, target, objects)
	var was, is []string
	if w.joins(n) {
		was, is = manifestsAmong(objects, n.path, target)
	}
	if w.move {
		err = w.moveObjects(tx, s, n, d, target, objects)
	} else {
		err = w.copyObjects(tx, s, n, d, target, objects)
	}
	if err != nil {
		return err
	}
	if err := w.rewriteChunked(tx, d, was, is); err != nil {
		return err
	}
	return w.finish(tx, s, n, d, target, objects)
}

// grows counts what the transfer adds to its destination: a copy counts its
// bytes although it shares them.
func (w *transfer) grows(n *node, target string, objects []store.Object) (count, bytes int64) {
	for i := range objects {
		if w.move || w.past != nil || !objects[i].Expired(w.now) {
			count++
			bytes += objects[i].Content.Size
		}
	}
	if n.twin != nil && target != "" && !w.opt.Shallow {
		count++
		bytes += n.twin.Content.Size
	}
	if count == 0 && target != "" {
		count = 1 // a marker is written
	}
	return count, bytes
}

// keeps sums up what a move leaves behind: rows that snapshots or versions of
// the source go on holding.
func (w *transfer) keeps(s *scope, objects []store.Object) (kept growth) {
	if !w.move {
		return kept
	}
	for i := range objects {
		here, elsewhere := s.keptOld(&objects[i], w.now)
		kept.container += here * objects[i].Content.Size
		kept.account += (here + elsewhere) * objects[i].Content.Size
	}
	return kept
}

// room checks limits of the destination.
func (w *transfer) room(tx *store.Tx, s, d *scope, count, bytes int64, kept growth, strong bool) error {
	inside := w.move && s.container.ID == d.container.ID
	if inside && kept == (growth{}) {
		return nil
	}
	u, err := readUsage(&tx.View, d)
	if err != nil {
		return err
	}
	switch {
	case inside:
		return d.fits(u, kept, 0, strong)
	case w.move && s.container.Depot == d.container.Depot:
		// Inside one depot and account only the container's own limits count,
		// and what stays behind, even where more is stored than a lowered
		// limit allows.
		return d.fits(u, growth{bytes, kept.account}, count, strong)
	}
	return d.fits(u, growth{bytes, bytes}, count, strong)
}
