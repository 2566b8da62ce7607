package gateway

import (
	"slices"
	"strings"

	"entrepot/auth"
	"entrepot/gateway/errs"
	"entrepot/gateway/names"
	"entrepot/store"
)

// Limits of locks, expired ones that were not removed yet included. Decisions
// look at all locks of a path or a tree, so no lock is made beyond them.
const (
	maxLocks   = 10_000 // of a container
	maxLocksAt = 500    // of one resource, as shared locks may be

	maxOwnersAt = 64 << 10 // bytes that the owners of one resource's locks say of themselves
)

// sweepEvery is at which numbers of locks of a container its expired ones are
// looked for: at every multiple, so that it costs little for each.
const sweepEvery = 256

// live leaves out the locks that are over.
func live(list []store.Lock, now store.Stamp) []store.Lock {
	return slices.DeleteFunc(list, func(l store.Lock) bool { return ended(&l, now) })
}

// ended tells whether a lock binds nobody any more: it expired, or its file was
// replaced.
func ended(l *store.Lock, now store.Stamp) bool { return l.Expires <= now || l.Replaced }

// covering lists the live locks that protect the node at path: those rooted
// there (as a file or as a folder) and the infinite ones of the folders above.
func (c *core) covering(v *store.View, id uint64, path string, now store.Stamp) ([]store.Lock, error) {
	var list []store.Lock
	at := func(root string, direct bool) error {
		locks, err := v.LocksAt(id, root)
		for _, l := range live(locks, now) {
			if direct || l.Infinite {
				list = append(list, l)
			}
		}
		return err
	}
	if path != "" {
		if err := at("", false); err != nil {
			return nil, err
		}
	}
	for _, a := range names.Ancestors(path) {
		if err := at(a+"/", false); err != nil {
			return nil, err
		}
	}
	if err := at(path, true); err != nil {
		return nil, err
	}
	if path == "" {
		return list, nil
	}
	twin, isFolder := strings.CutSuffix(path, "/")
	if !isFolder {
		twin = path + "/"
	}
	return list, at(twin, true)
}

// parentLocks lists the live locks rooted exactly at the parent folder of
// path: they protect its list of members.
func (c *core) parentLocks(v *store.View, id uint64, path string, now store.Stamp) ([]store.Lock, error) {
	if path == "" {
		return nil, nil
	}
	locks, err := v.LocksAt(id, names.Parent(path))
	return live(locks, now), err
}

// held tells whether at least one of the locks (which protect one node) was
// submitted by the user that owns it; no locks need none.
func held(locks []store.Lock, p auth.Principal, tokens []string) bool {
	if len(locks) == 0 {
		return true
	}
	return slices.ContainsFunc(locks, func(l store.Lock) bool { return submitted(&l, p, tokens) })
}

func submitted(l *store.Lock, p auth.Principal, tokens []string) bool {
	return store.Fold(l.User) == store.Fold(p.User) && slices.Contains(tokens, l.Token)
}

// holdsLocks checks the locks that a write at path needs: those that cover it
// and, when it adds or removes a member, those of its parent.
func (c *core) holdsLocks(v *store.View, p auth.Principal, s *scope, path string, member bool, tokens []string, now store.Stamp) error {
	locks, err := c.covering(v, s.container.ID, path, now)
	if err != nil {
		return err
	}
	if !held(locks, p, tokens) {
		return lockedBy(s, &locks[0])
	}
	if base, ok := partOf(path); ok {
		// A drive locks the one file that it shows, not its pieces.
		if locks, err = c.covering(v, s.container.ID, base, now); err != nil {
			return err
		}
		if !held(locks, p, tokens) {
			return lockedBy(s, &locks[0])
		}
	}
	if !member {
		return nil
	}
	locks, err = c.parentLocks(v, s.container.ID, path, now)
	if err != nil {
		return err
	}
	if !held(locks, p, tokens) {
		return lockedBy(s, &locks[0])
	}
	return nil
}

// partOf returns the file that a chunk or a manifest of chunks belongs to.
func partOf(path string) (base string, ok bool) {
	if base, ok = strings.CutSuffix(path, chunkManifestSuffix); ok && base != "" {
		return base, true
	}
	base, _, ok = splitChunk(path)
	return base, ok
}

// holdsTree checks the locks that the removal of everything at and below path
// needs, beside those of holdsLocks.
func (c *core) holdsTree(v *store.View, p auth.Principal, s *scope, path string, tokens []string, now store.Stamp) error {
	locks, err := v.LocksBelow(s.container.ID, path, maxLocks)
	if err != nil {
		return err
	}
	byRoot := make(map[string][]store.Lock)
	for _, l := range live(locks, now) {
		byRoot[l.Path] = append(byRoot[l.Path], l)
	}
	for _, group := range byRoot {
		if !held(group, p, tokens) {
			return lockedBy(s, &group[0])
		}
	}
	return nil
}

func lockedBy(s *scope, l *store.Lock) error {
	root := Ref{Account: s.container.Account, Container: s.container.Name, Object: l.Path}
	return errs.Wrap("locks", errs.Locked, "", &LockError{Root: root})
}

// evalLists evaluates an If header: true when any of its lists is.
func (c *core) evalLists(v *store.View, p auth.Principal, s *scope, self Ref, cond *Conditions, now store.Stamp) error {
	for i := range cond.Lists {
		ok, err := c.evalList(v, p, s, self, &cond.Lists[i], now)
		if err != nil {
			return err
		}
		if ok {
			return nil
		}
	}
	return errPrecondition
}

func (c *core) evalList(v *store.View, p auth.Principal, s *scope, self Ref, list *ConditionList, now store.Stamp) (bool, error) {
	if list.Foreign {
		return false, nil
	}
	ref := self
	if list.Ref != nil {
		ref = *list.Ref
	}
	if at, ok := names.InSnapshots(ref.Object); ok {
		state, err := c.pastState(v, p, ref, at, now)
		return state.all(list), err
	}
	var id uint64
	switch {
	case ref.Account == self.Account && ref.Container == self.Container && s != nil:
		id = s.container.ID
	case ref.Container != "":
		other, err := c.load(v, p, ref, nil)
		if err == nil && other.access.List {
			id = other.container.ID
		} else if err != nil && errs.Of(err) == errs.Other {
			return false, err
		}
	}
	state := listState{}
	if id != 0 {
		var err error
		if state, err = c.stateOf(v, p, id, ref, now); err != nil {
			return false, err
		}
	}
	return state.all(list), nil
}

// listState is what the conditions of a list look at.
type listState struct {
	locks []store.Lock
	etag  string
}

func (c *core) stateOf(v *store.View, p auth.Principal, id uint64, ref Ref, now store.Stamp) (st listState, err error) {
	name := ref.Object
	if st.locks, err = c.covering(v, id, name, now); err != nil || name == "" {
		return st, err
	}
	o, found, err := v.Object(id, strings.TrimSuffix(name, "/"))
	if err != nil || !found || o.Expired(now) {
		return st, err
	}
	st.etag, err = c.tagShown(v, p, ref.Account, &o, now)
	return st, err
}

// all tells whether every condition of a list is true.
func (st *listState) all(list *ConditionList) bool {
	return !slices.ContainsFunc(list.Conditions, func(cond Condition) bool { return st.holds(cond) == cond.Not })
}

func (st *listState) holds(cond Condition) bool {
	if cond.Token == "" {
		return st.etag != "" && !cond.Weak && cond.ETag == st.etag
	}
	return slices.ContainsFunc(st.locks, func(l store.Lock) bool { return l.Token == cond.Token })
}
