package gateway

import (
	"context"
	"time"

	"entrepot/auth"
	"entrepot/gateway/errs"
	"entrepot/gateway/names"
	"entrepot/store"
)

// Delete removes an object with its dead properties and locks. In a container
// that keeps versions nothing is lost; where X-Versions-Location moved an older
// version away, that one comes back.
func (o *Objects) Delete(ctx context.Context, ref Ref, tokens []string) error {
	_, err := o.DeleteMarked(ctx, ref, DeleteOptions{Tokens: tokens})
	return err
}

// DeleteOptions say how Objects.DeleteMarked removes an object.
type DeleteOptions struct {
	Tokens []string // lock tokens submitted
	// DeleteAt is when the object must be going to expire, in whole seconds,
	// else it stays: errs.Precondition. Zero: whenever, or never.
	DeleteAt time.Time
}

// allowed compares the condition with the object that is there.
func (d *DeleteOptions) allowed(old *store.Object) error {
	if d.DeleteAt.IsZero() || old.DeleteAt != 0 && old.DeleteAt == d.DeleteAt.Unix() {
		return nil
	}
	return errs.New("objects.Delete", errs.Precondition, "", "X-If-Delete-At and X-Delete-At do not match")
}

// DeleteMarked is Delete and returns the version of the marker that the
// deletion left, "" where it left none. Where the container marks deletions of
// objects that are not there, too, it returns one beside errs.NotFound.
func (o *Objects) DeleteMarked(ctx context.Context, ref Ref, opt DeleteOptions) (version string, err error) {
	if err := checkObjectRef(ref); err != nil {
		return "", err
	}
	err = o.change(ctx, ref, true, opt.Tokens, func(tx *store.Tx, s *scope, old *store.Object, p auth.Principal, now store.Stamp) error {
		if err := opt.allowed(old); err != nil {
			return err
		}
		marker, err := o.remove(tx, s, old, p, now)
		if version = ""; marker != 0 {
			version = versionText(marker)
		}
		return err
	})
	if errs.Of(err) == errs.NotFound && errs.ReasonOf(err) == errs.NoObject && opt.DeleteAt.IsZero() {
		marked, failed := o.markMissing(ctx, ref)
		if failed != nil {
			return "", failed
		}
		return marked, err
	}
	return version, err
}

// forgetPath drops the dead properties and the locks of a removed object.
func (c *core) forgetPath(tx *store.Tx, in *store.Container, path string) error {
	if err := tx.DeleteProps(in, path); err != nil {
		return err
	}
	locks, err := tx.LocksAt(in.ID, path)
	for i := range locks {
		tx.DeleteLock(&locks[i])
	}
	return err
}

// deleteBatch is how many objects one transaction of DeleteMany removes.
const deleteBatch = 500

// DeleteMany removes objects of one container in order, each as Delete does
// without lock tokens, in few transactions. The result holds the outcome of
// each name. When ctx ends, names that were not reached have its error.
func (o *Objects) DeleteMany(ctx context.Context, container Ref, objects []string) []error {
	results := make([]error, len(objects))
	for from := 0; from < len(objects); {
		n := distinct(objects[from:min(from+deleteBatch, len(objects))])
		part := results[from : from+n]
		if err := o.deleteBatch(ctx, container, objects[from:from+n], part); err != nil {
			for i := range part {
				part[i] = err
			}
		}
		from += n
	}
	return results
}

// distinct returns how many names there are before the first that comes again.
func distinct(list []string) int {
	seen := make(map[string]bool, len(list))
	for i, name := range list {
		if seen[name] {
			return i
		}
		seen[name] = true
	}
	return len(list)
}

// deleteBatch removes objects in one transaction, which excludes all others
// from the container. It returns what stopped all of them.
func (o *Objects) deleteBatch(ctx context.Context, ref Ref, objects []string, results []error) error {
	if err := names.Container(ref.Container); err != nil {
		return err
	}
	p, now := auth.PrincipalOf(ctx), o.now()
	var at scope
	err := o.store.View(ctx, func(v *store.View) (err error) {
		if at, err = o.load(v, p, ref, nil); err == nil {
			err = at.mayWriteEach(p, ref, objects, make([]error, len(objects)))
		}
		return err
	})
	if err != nil {
		return err
	}
	return o.store.Update(ctx, at.guards(false), func(tx *store.Tx) error {
		rows, found := make([]store.Object, len(objects)), make([]bool, len(objects))
		var locks int64
		s, err := o.load(&tx.View, p, ref, func(b *store.Batch, id uint64) {
			b.Count(store.CountContainerLocks, id, &locks)
			for i, name := range objects {
				if results[i] = names.Object(name); results[i] == nil {
					b.Object(id, name, &rows[i], &found[i])
				}
			}
		})
		if err != nil {
			return err
		}
		if err := s.mayWriteEach(p, ref, objects, results); err != nil {
			return err
		}
		if !s.same(&at) {
			return errs.New("objects.DeleteMany", errs.NotFound, errs.NoContainer, "")
		}
		for i := range objects {
			switch {
			case results[i] != nil:
				continue
			case !found[i] || rows[i].Expired(now):
				results[i] = errs.New("objects.DeleteMany", errs.NotFound, errs.NoObject, "")
				continue
			case locks != 0:
				err := o.holdsLocks(&tx.View, p, &s, objects[i], true, nil, now)
				if errs.Of(err) == errs.Locked {
					results[i] = err
					continue
				}
				if err != nil {
					return err
				}
			}
			if _, err := o.remove(tx, &s, &rows[i], p, now); err != nil {
				return err
			}
		}
		return nil
	})
}
