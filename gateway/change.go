package gateway

import (
	"context"
	"maps"
	"strings"
	"time"

	"entrepot/auth"
	"entrepot/gateway/errs"
	"entrepot/store"
)

// SetMeta replaces an object's properties and headers; content, digest and
// size stay. The content type stays when none is given.
func (o *Objects) SetMeta(ctx context.Context, ref Ref, change MetaChange) (Object, error) {
	if err := checkObjectRef(ref); err != nil {
		return Object{}, err
	}
	if !change.Item {
		if err := checkMeta(change.Properties, "object"); err != nil {
			return Object{}, err
		}
	}
	if err := checkHeaders(change.ContentType, change.Headers); err != nil {
		return Object{}, err
	}
	if err := checkReferring(auth.PrincipalOf(ctx), change.Headers, nil); err != nil {
		return Object{}, err
	}
	var out Object
	err := o.change(ctx, ref, false, change.Tokens, func(tx *store.Tx, s *scope, old *store.Object, p auth.Principal, now store.Stamp) error {
		next := *old
		next.Born = s.container.Epoch
		next.Timestamp = old.Timestamp.After(now)
		next.Headers, next.Properties = maps.Clone(change.Headers), maps.Clone(change.Properties)
		next.DeleteAt = 0
		if !change.DeleteAt.IsZero() {
			next.DeleteAt = change.DeleteAt.Unix()
		}
		if change.ContentType != "" {
			next.ContentType = change.ContentType
		}
		if change.Item {
			next.Headers, next.DeleteAt = keepHeaders(old.Headers, change.Headers), old.DeleteAt
			if err := itemFits(&next); err != nil {
				return err
			}
		}
		setModified(&next, time.Time{})
		tx.PutObject(&s.container, old, &next, now)
		if isMarker(old) && !isMarker(&next) { // it marked the folder that it now stands beside
			tx.MarkClash(s.container.ID)
		}
		tx.AddJournal(o.journal("post", p, s.container.ID, &next))
		out = fromObject(&next)
		return nil
	})
	return out, err
}

// change runs fn in a transaction on a live object that the caller may write
// and that no lock of somebody else protects; removes says that fn takes the
// name out of its folder.
func (c *core) change(ctx context.Context, ref Ref, removes bool, tokens []string,
	fn func(tx *store.Tx, s *scope, old *store.Object, p auth.Principal, now store.Stamp) error) error {
	p, now := auth.PrincipalOf(ctx), c.now()
	at, err := c.locate(ctx, p, ref)
	if err != nil {
		return err
	}
	guards := func(strong bool) []store.Guard {
		if strong || removes && strings.HasSuffix(ref.Object, chunkManifestSuffix) { // a file in chunks may go
			return at.guards(false)
		}
		guards := append(store.LocksOfWrite(at.container.ID, ref.Object, false), at.quotaGuards(false)...)
		return append(guards, at.archiveGuards(nil)...)
	}
	return c.retryStronger(ctx, guards, func(tx *store.Tx, strong bool) error {
		var old store.Object
		var found bool
		var locks int64
		s, err := c.load(&tx.View, p, ref, func(b *store.Batch, id uint64) {
			b.Object(id, ref.Object, &old, &found)
			b.Count(store.CountContainerLocks, id, &locks)
		})
		if err != nil {
			return err
		}
		if err := s.mayWrite(p); err != nil {
			return err
		}
		if !s.same(&at) || !found || old.Expired(now) {
			return errs.New("objects", errs.NotFound, errs.NoObject, "")
		}
		if locks != 0 && !strong {
			return errStronger
		}
		if locks != 0 {
			if err := c.holdsLocks(&tx.View, p, &s, ref.Object, removes, tokens, now); err != nil {
				return err
			}
		}
		return fn(tx, &s, &old, p, now)
	})
}

// locate reads the container of ref ahead of a transaction that is to change
// something in it, for a caller who may write there.
func (c *core) locate(ctx context.Context, p auth.Principal, ref Ref) (at scope, err error) {
	err = c.store.View(ctx, func(v *store.View) error {
		if at, err = c.load(v, p, ref, nil); err != nil {
			return err
		}
		return at.mayWrite(p)
	})
	return at, err
}

// guards returns the locks of a change of the whole container, or of a reader
// that needs it to stand still.
func (s *scope) guards(shared bool) []store.Guard {
	guards := []store.Guard{store.LockContainer(s.container.ID, shared), store.LockDepot(s.container.Depot, true)}
	if shared {
		return guards
	}
	return append(guards, s.archiveGuards(nil)...)
}

// same tells whether the scope is of the same container in the same depot, with
// the same archive, as the one that locks were chosen for.
func (s *scope) same(at *scope) bool {
	return s.container.ID == at.container.ID && s.container.Depot == at.container.Depot && s.archiveID() == at.archiveID()
}
