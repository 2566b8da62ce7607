package gateway

import (
	"context"
	"strings"

	"entrepot/auth"
	"entrepot/gateway/errs"
	"entrepot/gateway/names"
	"entrepot/store"
)

// The drive's view of snapshots: below ".zfs/snapshot/NAME" of a container
// hangs what the snapshot shows. The names are not listed with the container's
// members. Nothing there can be changed: names.Object refuses the first
// element to every writer, on every door. Dead properties are shown as they
// were; locks belong to the present and do not appear.

// pastRows are the objects that a snapshot of a container shows.
type pastRows struct {
	v    *store.View
	id   uint64
	snap store.Snapshot
}

func (r pastRows) each(q store.Query, take func(row *store.Listed) error) (int, error) {
	q.Now = r.snap.Created
	list, err := r.v.ObjectsAt(r.id, r.snap.Epoch, q)
	for i := range list {
		if err := take(&list[i]); err != nil {
			return i, err
		}
	}
	return len(list), err
}

func (r pastRows) below(prefix string) (bool, error) {
	n, err := r.each(store.Query{Prefix: prefix, Limit: 1}, func(*store.Listed) error { return nil })
	return n > 0, err
}

func (r pastRows) object(name string) (store.Object, bool, error) {
	o, found, err := r.v.ObjectAt(r.id, name, r.snap.Epoch)
	return o, found && !o.Expired(r.snap.Created), err
}

func (r pastRows) props(folder, from, to string, deep bool, most int) ([]store.PathProps, error) {
	if deep {
		return r.v.PropsBetweenAt(r.id, r.snap.Epoch, from, to, most)
	}
	return r.v.MemberPropsAt(r.id, r.snap.Epoch, folder, from, to, most)
}

// lookup finds the node at a path inside the snapshot.
func (r pastRows) lookup(path string) (n node, ok bool, err error) {
	if path == "" {
		return node{kind: NodeContainer}, true, nil
	}
	bare := strings.TrimSuffix(path, "/")
	var objects [2]store.Object
	var found [2]bool
	for i, name := range []string{bare, bare + "/"} {
		if objects[i], found[i], err = r.object(name); err != nil {
			return node{}, false, err
		}
	}
	below, err := r.below(bare + "/")
	if err != nil {
		return node{}, false, err
	}
	n, ok = choose(path, &objects, found, below)
	return n, ok, nil
}

// checkPast judges a path below ".zfs": the path inside the snapshot is one
// that the drive could show.
func checkPast(ref Ref, at names.SnapshotPath) error {
	inside := Ref{Account: ref.Account, Container: ref.Container, Object: at.Path}
	if err := checkDriveRef(inside); err != nil {
		return err
	}
	if at.Level == 0 {
		return notOnDrive
	}
	return nil
}

// pastAt opens the snapshot at a path for a caller who may see the container.
// Callers that are limited to a folder are held to it in the past as well.
func (c *core) pastAt(v *store.View, p auth.Principal, ref Ref, at names.SnapshotPath) (scope, pastRows, error) {
	ref.Object = at.Path
	if at.Level == 3 {
		s, snap, err := c.snapshot(v, p, ref, at.Name)
		return s, pastRows{v, s.container.ID, snap}, err
	}
	s, err := c.load(v, p, ref, nil)
	if err == nil && !s.access.List && !s.access.Read {
		err = refuse(p)
	}
	return s, pastRows{v: v, id: s.container.ID}, err
}

// nodeAt finds the node at a path inside a snapshot.
func (c *core) nodeAt(v *store.View, p auth.Principal, ref Ref, at names.SnapshotPath) (scope, pastRows, node, error) {
	if err := checkPast(ref, at); err != nil {
		return scope{}, pastRows{}, node{}, err
	}
	s, rows, err := c.pastAt(v, p, ref, at)
	if err != nil {
		return s, rows, node{}, err
	}
	n, ok, err := rows.lookup(at.Path)
	if err == nil && !ok {
		n, ok, err = c.chunkedAt(rows, at.Path)
	}
	if err == nil && !ok {
		err = notOnDrive
	}
	return s, rows, n, err
}

// statPast is Stat below ".zfs".
func (t *Trees) statPast(ctx context.Context, ref Ref, at names.SnapshotPath, parts NodeParts) (out Node, err error) {
	if err := checkPast(ref, at); err != nil {
		return Node{}, err
	}
	p := auth.PrincipalOf(ctx)
	err = t.store.View(ctx, func(v *store.View) error {
		if at.Level < 3 {
			s, _, err := t.pastAt(v, p, ref, at)
			out = t.pastFolder(&s, at, s.container.Created)
			return err
		}
		s, rows, n, err := t.nodeAt(v, p, ref, at)
		if err != nil {
			return err
		}
		if n.kind == NodeContainer {
			out = t.pastFolder(&s, at, rows.snap.Created)
		} else {
			out = Node{}
			t.describe(&out, &s, &n, nil)
			if _, err = t.reveal(v, p, &s, &past{rows.id, rows.snap}, &n, &out, t.now()); err != nil {
				return err
			}
			out.inSnapshot(at.Base())
		}
		if !parts.Props {
			return nil
		}
		props, err := v.PropsAt(rows.id, rows.snap.Epoch, n.path)
		out.Props = fromProps(props)
		return err
	})
	return out, err
}

// pastState is what the conditions of an If header look at below ".zfs": files
// have their entity tags, and nothing has locks.
func (c *core) pastState(v *store.View, p auth.Principal, ref Ref, at names.SnapshotPath, now store.Stamp) (st listState, err error) {
	if at.Level < 3 {
		return st, nil
	}
	s, rows, n, err := c.nodeAt(v, p, ref, at)
	if err != nil || n.file == nil {
		if k := errs.Of(err); k == errs.NotFound || k == errs.Forbidden || k == errs.Unauthenticated {
			err = nil // nothing is told of what is not there, or not for the caller
		}
		return st, err
	}
	var out Node
	c.describe(&out, &s, &n, nil)
	if _, err = c.reveal(v, p, &s, &past{rows.id, rows.snap}, &n, &out, now); err == nil {
		st.etag = out.Object.ETag()
	}
	return st, err
}

// checkAtPast is Check below ".zfs".
func (t *Trees) checkAtPast(ctx context.Context, ref Ref, cond *Conditions) error {
	if len(cond.Lists) == 0 {
		return nil
	}
	p, now := auth.PrincipalOf(ctx), t.now()
	return t.store.View(ctx, func(v *store.View) error { return t.evalLists(v, p, nil, ref, cond, now) })
}

// pastFolder is the node of a folder that no object stands for.
func (t *Trees) pastFolder(s *scope, at names.SnapshotPath, created store.Stamp) Node {
	var n Node
	t.describe(&n, s, &node{kind: NodeFolder, path: at.String()}, nil)
	n.Created, n.Modified = created.Time(), created.Time()
	n.inSnapshot("")
	return n
}

// inSnapshot makes a node one of a snapshot whose tree hangs at base.
func (n *Node) inSnapshot(base string) {
	n.Past, n.Ref.Object = true, base+n.Ref.Object
	n.Access.Write, n.Access.Owner = false, false
}

// listPast is List below ".zfs". The folders above the snapshots list their
// members only, also for a walk of the whole tree.
func (t *Trees) listPast(ctx context.Context, ref Ref, at names.SnapshotPath, opt ListTree) (page TreePage, err error) {
	if err := checkPast(ref, at); err != nil {
		return TreePage{}, err
	}
	p := auth.PrincipalOf(ctx)
	err = t.store.View(ctx, func(v *store.View) error {
		if at.Level < 3 {
			page, err = t.listSnapshots(v, p, ref, at, opt)
			return err
		}
		s, rows, n, err := t.nodeAt(v, p, ref, at)
		if err != nil {
			return err
		}
		if err := s.mayList(p); err != nil {
			return err
		}
		if n.kind == NodeFile {
			page = TreePage{}
			return nil
		}
		opt := opt
		opt.After.Object = strings.TrimPrefix(opt.After.Object, at.Base())
		w := &walk{
			core: t.core, v: v, p: p, s: &s, rows: rows, past: true, in: &past{rows.id, rows.snap}, base: at.Base(), prefix: n.path, opt: opt,
			now: rows.snap.Created, nodes: opt.memory(),
		}
		page, err = w.page()
		return err
	})
	return page, err
}

// listSnapshots lists the folder that leads to the snapshots, or them.
func (t *Trees) listSnapshots(v *store.View, p auth.Principal, ref Ref, at names.SnapshotPath, opt ListTree) (TreePage, error) {
	s, _, err := t.pastAt(v, p, ref, at)
	if err == nil {
		err = s.mayList(p)
	}
	if err != nil {
		return TreePage{}, err
	}
	after := opt.After.Object
	if at.Level == 1 {
		list := names.SnapshotPath{Level: 2}
		if after >= list.String() {
			return TreePage{}, nil
		}
		return TreePage{Nodes: []Node{t.pastFolder(&s, list, s.container.Created)}}, nil
	}
	snapshots, err := v.SnapshotsAfter(s.container.ID, strings.TrimSuffix(strings.TrimPrefix(after, at.String()), "/"), opt.Limit)
	if err != nil {
		return TreePage{}, err
	}
	var page TreePage
	for i := range snapshots {
		inside := names.SnapshotPath{Level: 3, Name: snapshots[i].Name}
		page.Nodes = append(page.Nodes, t.pastFolder(&s, inside, snapshots[i].Created))
	}
	if n := len(page.Nodes); n == opt.Limit {
		page.Next = page.Nodes[n-1].Ref
	}
	return page, nil
}

// Open returns a file of the drive with its content, live or in a snapshot;
// see Objects.Open.
func (t *Trees) Open(ctx context.Context, ref Ref, cond Conditions) (Object, Content, error) {
	at, past := names.InSnapshots(ref.Object)
	if !past {
		obj, content, err := (&Objects{t.core}).Open(ctx, ref, cond)
		if errs.ReasonOf(err) == errs.NoObject && t.cfg.Chunks != nil {
			if o, c, e := t.openChunked(ctx, ref, "", &cond); errs.Of(e) != errs.NotFound {
				return o, c, e
			}
		}
		return obj, content, err
	}
	if err := checkPast(ref, at); err != nil {
		return Object{}, nil, err
	}
	if at.Path == "" {
		return Object{}, nil, notOnDrive
	}
	inside := Ref{Account: ref.Account, Container: ref.Container, Object: at.Path}
	if err := t.checkAtPast(ctx, ref, &cond); err != nil {
		return Object{}, nil, err
	}
	obj, content, err := (&Snapshots{core: t.core}).open(ctx, inside, at.Name, cond)
	if errs.ReasonOf(err) == errs.NoObject && t.cfg.Chunks != nil {
		if o, c, e := t.openChunked(ctx, inside, at.Name, &cond); errs.Of(e) != errs.NotFound {
			return o, c, e
		}
	}
	return obj, content, err
}

// checkPastSource judges a copy out of a snapshot: of what it shows, not of
// the list of snapshots.
func (w *transfer) checkPastSource() error {
	if err := checkDriveRef(w.dst); err != nil {
		return err
	}
	if err := checkPast(w.src, *w.past); err != nil {
		return err
	}
	if w.past.Level < 3 || w.dst.Container == "" {
		return errs.New("trees.Copy", errs.Forbidden, errs.ProtectedRoot, "Copy one snapshot, or something in it, into a container.")
	}
	return nil
}

// readSource finds the source of a transfer, live or in a snapshot.
func (w *transfer) readSource(v *store.View) (scope, node, error) {
	if w.past == nil {
		return w.at(v, w.p, w.src, w.now)
	}
	s, _, n, err := w.nodeAt(v, w.p, w.src, *w.past)
	return s, n, err
}

// share makes a copy refer to the content of its source.
func (w *transfer) share(tx *store.Tx, s *scope, src, dst *store.Object) error {
	if w.past == nil {
		tx.ShareContent(&s.container, src, &dst.Content)
		return nil
	}
	if dst.Expired(w.now) {
		dst.DeleteAt = 0 // what was alive in the snapshot is wanted back
	}
	return tx.SharePast(&s.container, src, &dst.Content)
}
