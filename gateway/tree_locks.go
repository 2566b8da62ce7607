package gateway

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"entrepot/auth"
	"entrepot/gateway/errs"
	"entrepot/store"
)

const tokenScheme = "opaquelocktoken:"

// timeout settles how long a lock lives: what was asked up to the cap, the
// default when nothing was.
func (c *core) timeout(asked time.Duration) time.Duration {
	switch {
	case asked <= 0:
		return c.cfg.LockDefault
	case asked > c.cfg.LockMax:
		return c.cfg.LockMax
	}
	return asked
}

// Lock takes a lock; created tells that it made an empty file at an unmapped
// ref. Locked with a *LockError when another lock is in the way.
func (t *Trees) Lock(ctx context.Context, ref Ref, req LockRequest) (lock Lock, created bool, err error) {
	if err := checkDriveRef(ref); err != nil {
		return Lock{}, false, err
	}
	if ref.Container == "" {
		return Lock{}, false, errs.New("trees.Lock", errs.Forbidden, errs.ProtectedRoot, "The root cannot be locked.")
	}
	if err := t.roomOnDisk(); err != nil {
		return Lock{}, false, err
	}
	p, now := auth.PrincipalOf(ctx), t.now()
	at, err := t.locateParent(ctx, p, ref)
	if err != nil {
		return Lock{}, false, err
	}
	token, err := uuid.NewRandom()
	if err != nil {
		return Lock{}, false, errs.Wrap("trees.Lock", errs.Other, "", err)
	}
	record := &store.Lock{
		Token: tokenScheme + token.String(), Infinite: req.Infinite, Exclusive: req.Exclusive,
		Owner: req.Owner, User: p.User, Created: now, Expires: store.StampOf(now.Time().Add(t.timeout(req.Timeout))),
	}
	err = t.retryStronger(ctx, func(strong bool) []store.Guard {
		return append(at.guards(false), at.quotaGuards(strong)...)
	}, func(tx *store.Tx, strong bool) (err error) {
		created, err = t.lock(tx, p, ref, &at, &req.Conditions, record, strong, now)
		return err
	})
	if err != nil {
		return Lock{}, false, err
	}
	return fromLock(ref.Account, ref.Container, record), created, nil
}

// lock takes the lock inside the transaction.
func (t *Trees) lock(tx *store.Tx, p auth.Principal, ref Ref, at *scope, cond *Conditions, record *store.Lock, strong bool, now store.Stamp) (created bool, err error) {
	s, err := t.loadSame(tx, p, ref, at)
	if err != nil {
		return false, err
	}
	n, ok, err := t.lookup(&tx.View, s.container.ID, ref.Object, now)
	if err != nil {
		return false, err
	}
	found := &n
	if !ok {
		found = nil
	}
	if err := t.judge(&tx.View, p, &s, ref, found, cond, now); err != nil {
		return false, err
	}
	if !ok {
		if err := t.emptyFile(tx, p, &s, ref, cond, strong, now); err != nil {
			return false, err
		}
		n = node{kind: NodeFile, path: ref.Object}
	}
	record.Container, record.Path = s.container.ID, n.path
	if err := t.noConflict(tx, &s, &n, record, now); err != nil {
		return false, err
	}
	if err := t.roomForLock(tx, s.container.ID, n.path, len(record.Owner), now); err != nil {
		return false, err
	}
	tx.PutLock(record, true)
	return !ok, nil
}

// emptyFile makes the file that a lock on an unmapped name needs.
func (t *Trees) emptyFile(tx *store.Tx, p auth.Principal, s *scope, ref Ref, cond *Conditions, strong bool, now store.Stamp) error {
	if strings.HasSuffix(ref.Object, "/") {
		return notOnDrive
	}
	if err := t.parentIsFolder(&tx.View, s.container.ID, ref.Object, now); err != nil {
		return err
	}
	if err := t.holdsLocks(&tx.View, p, s, ref.Object, true, cond.Tokens, now); err != nil {
		return err
	}
	u, err := readUsage(&tx.View, s)
	if err != nil {
		return err
	}
	if err := s.fits(u, growth{}, 1, strong); err != nil {
		return err
	}
	row, found, err := tx.Object(s.container.ID, ref.Object)
	if err != nil {
		return err
	}
	var old *store.Object
	o := newMarker(s, ref.Object, now)
	o.ContentType = TypeOf(ref.Object)
	if found {
		old = &row
		o.Written = row.Timestamp.After(now)
		o.Timestamp = o.Written
		if err := tx.DeleteProps(&s.container, ref.Object); err != nil {
			return err
		}
	}
	tx.PutObject(&s.container, old, o, now)
	tx.AddJournal(t.journal("put", p, s.container.ID, o))
	return nil
}

// noConflict refuses a lock beside one that excludes it: on the node, above it
// or, for an infinite lock, below it.
func (t *Trees) noConflict(tx *store.Tx, s *scope, n *node, record *store.Lock, now store.Stamp) error {
	locks, err := t.covering(&tx.View, s.container.ID, n.path, now)
	if err != nil {
		return err
	}
	if record.Infinite && n.kind != NodeFile {
		below, err := tx.LocksBelow(s.container.ID, n.path, maxLocks)
		if err != nil {
			return err
		}
		locks = append(locks, live(below, now)...)
	}
	for i := range locks {
		if record.Exclusive || locks[i].Exclusive {
			return lockedBy(s, &locks[i])
		}
	}
	return nil
}

// roomForLock makes room for one more lock at a path of a container: expired
// ones are removed, at the path always and elsewhere now and then. OverQuota
// with MetadataFull when those that live are too many, or say too much of their
// owners.
func (c *core) roomForLock(tx *store.Tx, id uint64, path string, owner int, now store.Stamp) error {
	var count int64
	b := tx.Batch()
	b.Count(store.CountContainerLocks, id, &count)
	if err := b.Do(); err != nil {
		return err
	}
	here, err := tx.LocksAt(id, path)
	if err != nil {
		return err
	}
	removed := sweepLocks(tx, here, now)
	for _, l := range live(here, now) {
		owner += len(l.Owner)
	}
	if len(here)-removed >= maxLocksAt || owner > maxOwnersAt {
		return errs.New("trees.Lock", errs.OverQuota, errs.MetadataFull, "The resource has too many locks.")
	}
	if count == 0 || count%sweepEvery != 0 && count < int64(c.cfg.MaxLocks) {
		return nil
	}
	all, err := tx.LocksBelow(id, "", maxLocks)
	if err != nil {
		return err
	}
	if len(all)-sweepLocks(tx, all, now) >= c.cfg.MaxLocks {
		return errs.New("trees.Lock", errs.OverQuota, errs.MetadataFull, "The container has too many locks.")
	}
	return nil
}

// sweepLocks removes those of a list that are over and returns their number.
func sweepLocks(tx *store.Tx, list []store.Lock, now store.Stamp) (removed int) {
	for i := range list {
		if ended(&list[i], now) {
			tx.DeleteLock(&list[i])
			removed++
		}
	}
	return removed
}

// Refresh gives a lock that covers ref and whose token is among those of cond a
// new timeout; Precondition where cond does not hold, with NoLock where no such
// lock covers ref. A lock of a file that its holder replaced by a COPY or MOVE
// ended with that; refreshing it in its time takes it again, unless another
// lock is there or was taken meanwhile.
func (t *Trees) Refresh(ctx context.Context, ref Ref, cond Conditions, timeout time.Duration) (Lock, error) {
	var out Lock
	err := t.changeLock(ctx, ref, func(tx *store.Tx, s *scope, p auth.Principal, n *node, locks []store.Lock, now store.Stamp) error {
		again, err := t.takeAgain(tx, p, s, n, locks, cond.Tokens, now)
		if err != nil {
			return err
		}
		locks = append(locks, again...)
		if err := t.judge(&tx.View, p, s, ref, n, &cond, now); err != nil {
			return err
		}
		i := slices.IndexFunc(locks, func(l store.Lock) bool { return submitted(&l, p, cond.Tokens) })
		if i < 0 {
			return errs.New("trees.Refresh", errs.Precondition, errs.NoLock, "The token is not a lock of this resource.")
		}
		locks[i].Expires = store.StampOf(now.Time().Add(t.timeout(timeout)))
		tx.PutLock(&locks[i], false)
		out = fromLock(s.container.Account, s.container.Name, &locks[i])
		return nil
	})
	return out, err
}

// takeAgain makes a lock hold again that ended when its holder wrote another
// file over n, and whose token was submitted, where none of the locks that
// cover n excludes it.
func (t *Trees) takeAgain(tx *store.Tx, p auth.Principal, s *scope, n *node, covering []store.Lock, tokens []string, now store.Stamp) ([]store.Lock, error) {
	if n == nil || n.kind != NodeFile {
		return nil, nil
	}
	locks, err := tx.LocksAt(s.container.ID, n.path)
	for i := range locks {
		l := &locks[i]
		excluded := slices.ContainsFunc(covering, func(o store.Lock) bool { return l.Exclusive || o.Exclusive })
		if l.Replaced && l.Expires > now && !excluded && submitted(l, p, tokens) {
			l.Replaced = false
			tx.PutLock(l, false)
			return locks[i : i+1], nil
		}
	}
	return nil, err
}

// Unlock ends a lock that covers ref: NotFound where nothing lies, Conflict with
// NoLock when the token does not cover it, Forbidden when the lock is another
// user's (administrators may).
func (t *Trees) Unlock(ctx context.Context, ref Ref, token string) error {
	return t.changeLock(ctx, ref, func(tx *store.Tx, _ *scope, p auth.Principal, n *node, locks []store.Lock, _ store.Stamp) error {
		i := slices.IndexFunc(locks, func(l store.Lock) bool { return l.Token == token })
		if i < 0 && n == nil {
			return notOnDrive
		}
		if i < 0 {
			return errs.New("trees.Unlock", errs.Conflict, errs.NoLock, "The token is not a lock of this resource.")
		}
		if store.Fold(locks[i].User) != store.Fold(p.User) && p.Role != auth.RoleAdmin {
			return errs.New("trees.Unlock", errs.Forbidden, "", "The lock is somebody else's.")
		}
		tx.DeleteLock(&locks[i])
		return nil
	})
}

// changeLock runs fn with the node at ref, nil when there is none, and the live
// locks that cover it.
func (t *Trees) changeLock(ctx context.Context, ref Ref,
	fn func(tx *store.Tx, s *scope, p auth.Principal, n *node, locks []store.Lock, now store.Stamp) error) error {
	if err := checkDriveRef(ref); err != nil {
		return err
	}
	if ref.Container == "" {
		return errs.New("trees", errs.Conflict, errs.NoLock, "The root is never locked.")
	}
	p, now := auth.PrincipalOf(ctx), t.now()
	at, err := t.locate(ctx, p, ref)
	if err != nil {
		return err
	}
	return t.store.Update(ctx, at.guards(false), func(tx *store.Tx) error {
		s, err := t.loadSame(tx, p, ref, &at)
		if err != nil {
			return err
		}
		locks, err := t.covering(&tx.View, s.container.ID, ref.Object, now)
		if err != nil {
			return err
		}
		found, ok, err := t.lookup(&tx.View, s.container.ID, ref.Object, now)
		if err != nil {
			return err
		}
		n := &found
		if !ok {
			n = nil
		}
		return fn(tx, &s, p, n, locks, now)
	})
}
