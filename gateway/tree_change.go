package gateway

import (
	"context"
	"strings"

	"entrepot/auth"
	"entrepot/gateway/errs"
	"entrepot/gateway/names"
	"entrepot/store"
)

// MakeFolder makes a folder, or a container directly below the root. Exists
// when anything is there; Conflict (NoParent, ParentIsFile) without a parent.
func (t *Trees) MakeFolder(ctx context.Context, ref Ref, cond Conditions) error {
	return t.MakeFolderWith(ctx, ref, PropPatch{Conditions: cond})
}

// MakeFolderWith is MakeFolder for a folder that has properties from its first
// moment on.
func (t *Trees) MakeFolderWith(ctx context.Context, ref Ref, patch PropPatch) error {
	for _, c := range patch.Changes {
		if err := checkProp(&c.Prop); err != nil {
			return err
		}
	}
	if err := checkDriveRef(ref); err != nil {
		return err
	}
	switch {
	case ref.Container == "":
		return errs.New("trees.MakeFolder", errs.Exists, errs.IsFolder, "The root exists.")
	case ref.Object == "":
		return t.makeContainer(ctx, ref, &patch)
	}
	if err := t.roomOnDisk(); err != nil {
		return err
	}
	p, now := auth.PrincipalOf(ctx), t.now()
	path := strings.TrimSuffix(ref.Object, "/") + "/"
	if err := names.Object(path); err != nil { // the slash counts
		return err
	}
	at, err := t.locateParent(ctx, p, ref)
	if err != nil {
		return err
	}
	return t.retryStronger(ctx, func(strong bool) []store.Guard {
		return append(store.LocksOfWrite(at.container.ID, path, false), at.quotaGuards(strong)...)
	}, func(tx *store.Tx, strong bool) error {
		return t.makeFolder(tx, p, ref, path, &at, &patch, strong, now)
	})
}

// makeFolder makes the folder inside the transaction.
func (t *Trees) makeFolder(tx *store.Tx, p auth.Principal, ref Ref, path string, at *scope, patch *PropPatch, strong bool, now store.Stamp) error {
	cond := &patch.Conditions
	s, err := t.loadSame(tx, p, ref, at)
	if err != nil {
		return err
	}
	// Without the slash, because a file is in the way as well.
	n, ok, err := t.lookup(&tx.View, s.container.ID, strings.TrimSuffix(path, "/"), now)
	if err != nil {
		return err
	}
	there := &n
	if !ok {
		there = nil
	}
	if err := t.judge(&tx.View, p, &s, ref, there, cond, now); err != nil {
		return err
	}
	if ok {
		return errs.New("trees.MakeFolder", errs.Exists, errs.IsFolder, "The name is taken.")
	}
	if err := t.parentIsFolder(&tx.View, s.container.ID, path, now); err != nil {
		return err
	}
	if err := t.holdsLocks(&tx.View, p, &s, path, true, cond.Tokens, now); err != nil {
		return err
	}
	u, err := readUsage(&tx.View, &s)
	if err != nil {
		return err
	}
	if err := s.fits(u, growth{}, 1, strong); err != nil {
		return err
	}
	made := node{kind: NodeFolder, path: path}
	if made.marker, err = t.putMarker(tx, p, &s, path, now); err != nil {
		return err
	}
	return t.applyPatch(tx, p, &s, &made, patch, now)
}

// putMarker writes a folder's marker, in place of an expired row if there is
// one.
func (c *core) putMarker(tx *store.Tx, p auth.Principal, s *scope, path string, now store.Stamp) (*store.Object, error) {
	row, found, err := tx.Object(s.container.ID, path)
	if err != nil {
		return nil, err
	}
	marker := newMarker(s, path, now)
	var old *store.Object
	if found {
		old = &row
		marker.Timestamp = row.Timestamp.After(now)
		if err := tx.DeleteProps(&s.container, path); err != nil {
			return nil, err
		}
	}
	tx.PutObject(&s.container, old, marker, now)
	tx.AddJournal(c.journal("mkdir", p, s.container.ID, marker))
	return marker, nil
}

// makeContainer makes a container for a drive's client.
func (t *Trees) makeContainer(ctx context.Context, ref Ref, patch *PropPatch) error {
	if len(patch.User) > 0 {
		return errs.New("trees.MakeFolder", errs.Forbidden, errs.ProtectedRoot, "A container has no user properties here.")
	}
	if err := t.Check(ctx, ref, patch.Conditions); err != nil && errs.Of(err) != errs.NotFound {
		return err
	}
	at, err := t.find(ctx, ref)
	if err != nil {
		return err
	}
	if at.container.ID != 0 {
		if _, err := t.Stat(ctx, ref, NodeParts{}); err != nil {
			return err
		}
	} else if err := t.newContainer(ctx, ref, patch.Changes); errs.Of(err) != errs.Exists {
		return err
	}
	return errs.New("trees.MakeFolder", errs.Exists, errs.IsFolder, "The name is taken.")
}

// newContainer makes a container with dead properties; Exists when somebody
// else made it meanwhile.
func (t *Trees) newContainer(ctx context.Context, ref Ref, changes []PropChange) error {
	if err := t.roomOnDisk(); err != nil {
		return err
	}
	p, now := auth.PrincipalOf(ctx), t.now()
	id, err := t.store.NewID()
	if err != nil {
		return err
	}
	depot, err := t.depotFor(ctx, p, ref.Account)
	if err != nil {
		return err
	}
	return t.store.Update(ctx, createGuards(ref, id, depot, false), func(tx *store.Tx) error {
		if err := t.create(tx, p, ref, id, depot, ContainerChange{}, now); err != nil {
			return err
		}
		return applyProps(tx, &store.Container{ID: id}, "", changes) // it has no past
	})
}

// locateParent is locate for a new name on a drive, where a missing container
// is a missing parent, and one that is named itself no place for a file.
func (c *core) locateParent(ctx context.Context, p auth.Principal, ref Ref) (scope, error) {
	at, err := c.locate(ctx, p, ref)
	switch {
	case errs.ReasonOf(err) != errs.NoContainer:
	case ref.Object == "":
		err = errBesideSpaces
	default:
		err = errs.Wrap("trees", errs.Conflict, errs.NoParent, err)
	}
	return at, err
}

// errBesideSpaces refuses a file in the root of a drive.
var errBesideSpaces = errs.New("trees", errs.Forbidden, errs.BesideSpaces,
	"A file cannot live beside containers: put it into a folder.")

// loadSame reads the container again inside a transaction and makes sure that
// it is the one that locks were chosen for, and that the caller may write.
func (c *core) loadSame(tx *store.Tx, p auth.Principal, ref Ref, at *scope) (scope, error) {
	s, err := c.load(&tx.View, p, ref, nil)
	if err != nil {
		return s, err
	}
	if err := s.mayWrite(p); err != nil {
		return s, err
	}
	if !s.same(at) {
		return s, errs.New("trees", errs.Conflict, "", "The container was replaced meanwhile.")
	}
	return s, nil
}

// Delete removes a file, or a folder or container with all that is below it,
// at once. A folder with more objects than Config.MaxTree goes in several
// steps, deepest names first.
func (t *Trees) Delete(ctx context.Context, ref Ref, cond Conditions) error {
	if err := checkDriveRef(ref); err != nil {
		return err
	}
	p := auth.PrincipalOf(ctx)
	switch {
	case ref.Container == "":
		return errs.New("trees.Delete", errs.Forbidden, errs.ProtectedRoot, "The root cannot be deleted.")
	case ref.Object == "":
		return t.detach(ctx, p, ref, func(tx *store.Tx, s *scope, now store.Stamp) error {
			if err := t.judge(&tx.View, p, s, ref, &node{kind: NodeContainer}, &cond, now); err != nil {
				return err
			}
			if err := keepSnapshots(s); err != nil {
				return err
			}
			if err := keepVersions(tx, s); err != nil {
				return err
			}
			return t.holdsTree(&tx.View, p, s, "", cond.Tokens, now)
		})
	}
	at, err := t.locate(ctx, p, ref)
	if err != nil {
		return err
	}
	for {
		var left bool
		now := t.now()
		err := t.retryStronger(ctx, func(strong bool) []store.Guard {
			if strong {
				return at.guards(false)
			}
			guards := append(store.LocksOfWrite(at.container.ID, ref.Object, true), at.quotaGuards(false)...)
			return append(guards, at.archiveGuards(nil)...)
		}, func(tx *store.Tx, strong bool) (err error) {
			left, err = t.delete(tx, p, ref, &at, &cond, strong, now)
			return err
		})
		if err != nil || !left {
			return err
		}
	}
}

// delete is one step of Delete; left tells that there is more to remove. Only
// a plain file of a container without locks goes without the container's
// exclusive lock.
func (t *Trees) delete(tx *store.Tx, p auth.Principal, ref Ref, at *scope, cond *Conditions, strong bool, now store.Stamp) (left bool, err error) {
	s, err := t.loadSame(tx, p, ref, at)
	if err != nil {
		return false, err
	}
	n, ok, err := t.lookup(&tx.View, s.container.ID, ref.Object, now)
	if err == nil && !ok {
		err = notOnDrive
	}
	if err != nil {
		return false, err
	}
	var locks int64
	b := tx.Batch()
	b.Count(store.CountContainerLocks, s.container.ID, &locks)
	if err := b.Do(); err != nil {
		return false, err
	}
	if !strong && (locks != 0 || n.kind != NodeFile || n.chunks != nil) {
		return false, errStronger
	}
	if err := t.judge(&tx.View, p, &s, ref, &n, cond, now); err != nil {
		return false, err
	}
	if locks != 0 {
		if err := t.mayRemove(&tx.View, p, &s, &n, cond.Tokens, now); err != nil {
			return false, err
		}
	}
	entries, left, err := t.removeNode(tx, p, &s, &n, now)
	if err != nil || left {
		return left, err
	}
	o := &store.Object{Name: n.path, Timestamp: now}
	if n.file != nil {
		o = n.file
		o.Timestamp = n.file.Timestamp.After(now)
	}
	if entries > 0 {
		j := t.journal("delete", p, s.container.ID, o)
		j.Entries = entries
		tx.AddJournal(j)
	}
	return false, t.markParent(tx, &s, n.path, now)
}

// mayRemove checks the locks that the removal of a node needs: on the node, on
// everything below it, and on its parent.
func (c *core) mayRemove(v *store.View, p auth.Principal, s *scope, n *node, tokens []string, now store.Stamp) error {
	if err := c.holdsLocks(v, p, s, n.path, true, tokens, now); err != nil {
		return err
	}
	if n.kind == NodeFile {
		return nil
	}
	return c.holdsTree(v, p, s, n.path, tokens, now)
}

// removeNode removes a node with its properties and locks. Of a folder it
// removes at most MaxTree objects, from the last name backwards, and tells
// whether there are more. entries is how many went without an audit record of
// their own.
func (c *core) removeNode(tx *store.Tx, p auth.Principal, s *scope, n *node, now store.Stamp) (entries int64, left bool, err error) {
	id := s.container.ID
	if n.chunks != nil {
		return 0, false, c.removeChunked(tx, p, s, n, now)
	}
	if n.kind == NodeFile {
		tx.DeleteObject(&s.container, n.file, now)
		return 1, false, c.forgetPath(tx, &s.container, n.path)
	}
	list, err := tx.Records(id, store.Query{Prefix: n.path, Limit: c.cfg.MaxTree + 1, Reverse: true})
	if err != nil {
		return 0, false, err
	}
	if left = len(list) > c.cfg.MaxTree; left {
		list = list[:c.cfg.MaxTree]
	}
	entries = int64(len(list))
	if entries > 0 && entries <= maxAuditedTree {
		c.auditDeleted(tx, p, s.container.ID, list, now)
		entries = 0
	}
	for i := range list {
		tx.DeleteObject(&s.container, &list[i], now)
		if left {
			if err := tx.DeleteProps(&s.container, list[i].Name); err != nil {
				return 0, false, err
			}
		}
	}
	if left {
		return int64(len(list)), true, nil
	}
	if n.twin != nil {
		tx.DeleteObject(&s.container, n.twin, now)
		if err := c.forgetPath(tx, &s.container, n.twin.Name); err != nil {
			return 0, false, err
		}
	}
	return entries, false, c.forgetTree(tx, &s.container, n.path)
}

// forgetTree drops the dead properties and locks at and below a folder.
func (c *core) forgetTree(tx *store.Tx, in *store.Container, path string) error {
	if err := tx.DeletePropsBelow(in, path); err != nil {
		return err
	}
	return c.dropLocks(tx, in.ID, path)
}

func (c *core) dropLocks(tx *store.Tx, id uint64, path string) error {
	locks, err := tx.LocksBelow(id, path, maxLocks)
	for i := range locks {
		tx.DeleteLock(&locks[i])
	}
	return err
}

// beside tells whether one path lies inside the folder that another names, or
// is the same. Paths of a container; "" is the container itself.
func beside(a, b string) (same, inside bool) {
	a, b = strings.TrimSuffix(a, "/"), strings.TrimSuffix(b, "/")
	return a == b, b == "" || strings.HasPrefix(a, b+"/")
}

// keepSnapshots refuses to end a container whose snapshots would be lost.
func keepSnapshots(s *scope) error {
	if s.container.HasSnapshots() {
		return errs.New("trees", errs.Forbidden, errs.HasSnapshots, "The container has snapshots: destroy them first.")
	}
	return nil
}
