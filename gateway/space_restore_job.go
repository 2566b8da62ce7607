package gateway

import (
	"context"
	"strings"

	"entrepot/auth"
	"entrepot/gateway/errs"
	"entrepot/store"
)

// restorePage is how many objects one transaction restores in the background:
// so many that the source is held still for a moment only.
const restorePage = 2000

// goOnRestoring does a job that RestoreSnapshot queued, from where it ended.
func (s *Spaces) goOnRestoring(ctx context.Context, job *store.Job) error {
	account, id, _ := strings.Cut(job.Name, "/")
	renew := s.renewed(ctx, job)
	for {
		more, err := s.restoreMore(ctx, account, id)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil && (lasting(err) || job.Attempts >= jobAttempts):
			return s.endRestore(ctx, account, id, err)
		case err != nil || !more:
			return err
		}
		if err := renew(); err != nil {
			return err
		}
	}
}

// lasting tells whether trying again is in vain.
func lasting(err error) bool {
	switch errs.Of(err) {
	case errs.NotFound, errs.Forbidden, errs.Invalid, errs.OverQuota, errs.TooLarge:
		return true
	}
	return false
}

// restoreMore restores a page of objects and notes how far it came.
func (s *Spaces) restoreMore(ctx context.Context, account, id string) (more bool, err error) {
	if err := s.roomOnDisk(); err != nil {
		return false, err
	}
	r, source, dest, err := s.restoring(ctx, account, id)
	if err != nil || r.State > store.RestoreRunning {
		return false, err
	}
	now := s.now()
	p := auth.PrincipalOf(asSystem(ctx, account, r.User))
	err = s.retryStronger(ctx, func(strong bool) []store.Guard {
		guards := append(source.guards(false), dest.guards(false)...)
		return append(append(guards, dest.quotaGuards(strong)...), store.LockRestoration(account, id))
	}, func(tx *store.Tx, strong bool) error {
		r, found, err := tx.Restoration(account, id)
		if err != nil || !found || r.State > store.RestoreRunning {
			more = false
			return err
		}
		from, err := s.again(tx, p, Ref{Account: account, Container: source.container.Name}, &source)
		if err != nil {
			return err
		}
		to, err := s.again(tx, p, Ref{Account: account, Container: dest.container.Name}, &dest)
		if err != nil {
			return err
		}
		more, err = s.restoreObjects(tx, &r, &from, &to, strong, now)
		return err
	})
	return more, err
}

// restoreObjects restores the objects behind the mark of r.
func (s *Spaces) restoreObjects(tx *store.Tx, r *store.Restoration, from, to *scope, strong bool, now store.Stamp) (more bool, err error) {
	snap, found, err := tx.Snapshot(from.container.ID, r.Snapshot)
	if err != nil {
		return false, err
	}
	if !found {
		return false, errNoSnapshot
	}
	page := min(restorePage, s.cfg.MaxTree)
	list, err := tx.RecordsAt(from.container.ID, snap.Epoch, "", r.Marker, page)
	if err != nil {
		return false, err
	}
	more = len(list) == page
	past := shown{epoch: snap.Epoch}
	past.objects, past.gone = alive(list, snap.Created, more)
	if err := (&Snapshots{core: s.core}).restore(tx, from, to, past.objects, strong, now); err != nil {
		return false, err
	}
	behind, end := "", ""
	if r.Marker != "" {
		behind = r.Marker + "\x01" // its own properties went with the page before
	}
	if more {
		end = list[len(list)-1].Name + "\x01"
	}
	if err := (&Snapshots{core: s.core}).cloneProps(tx, from, to, &past, behind, end); err != nil {
		return false, err
	}
	r.State, r.Done = store.RestoreRunning, r.Done+int64(len(past.objects))
	if more {
		r.Marker = list[len(list)-1].Name
	} else {
		r.State, r.Ended, r.Marker = store.RestoreComplete, now, ""
		note := store.SnapshotNote{At: now, User: r.User, Text: "Restored to the space " + r.ID}
		if err := tx.NoteSnapshot(from.container.ID, r.Snapshot, note); err != nil {
			return false, err
		}
	}
	tx.PutRestore(r)
	return more, nil
}

// restoring reads a restoration and its two containers, whatever their names
// are by now.
func (s *Spaces) restoring(ctx context.Context, account, id string) (r store.Restoration, source, dest scope, err error) {
	p := auth.PrincipalOf(asSystem(ctx, account, ""))
	err = s.store.View(ctx, func(v *store.View) error {
		var found bool
		if r, found, err = v.Restoration(account, id); err != nil {
			return err
		}
		if !found {
			return errNoRestore
		}
		for _, side := range []struct {
			id uint64
			at *scope
		}{{r.Source, &source}, {r.Container, &dest}} {
			k, found, err := v.Container(side.id)
			if err != nil {
				return err
			}
			if !found {
				return errNoSpace
			}
			if *side.at, err = s.load(v, p, Ref{Account: k.Account, Container: k.Name}, nil); err != nil {
				return err
			}
		}
		return nil
	})
	return r, source, dest, err
}

// endRestore notes that a restoration failed for good.
func (s *Spaces) endRestore(ctx context.Context, account, id string, cause error) error {
	now := s.now()
	text := errs.TextOf(cause)
	if text == "" {
		text = "It failed: " + errs.Of(cause).Error()
	}
	return s.store.Update(ctx, []store.Guard{store.LockRestoration(account, id)}, func(tx *store.Tx) error {
		r, found, err := tx.Restoration(account, id)
		if err != nil || !found || r.State > store.RestoreRunning {
			return err
		}
		r.State, r.Text, r.Ended = store.RestoreFailed, text, now
		tx.PutRestore(&r)
		return nil
	})
}

// expireRestored does a job that KeepRestored queued: it removes the space,
// unless that was called again since or the space is another one.
func (s *Spaces) expireRestored(ctx context.Context, job *store.Job) error {
	_, rest, _ := strings.Cut(job.Name, "/")
	id, _, _ := strings.Cut(rest, "/")
	var r store.Restoration
	var k store.Container
	err := s.store.View(ctx, func(v *store.View) error {
		var found bool
		var err error
		if r, found, err = v.Restoration(job.Account, id); err == nil && !found {
			err = errNoRestore
		}
		if err != nil {
			return err
		}
		if k, found, err = v.Container(r.Container); err == nil && !found {
			err = errNoSpace
		}
		return err
	})
	now := s.now()
	if err != nil || r.Container != job.Container || r.Expires == 0 || r.Expires > now {
		return err
	}
	err = s.remove(asSystem(ctx, k.Account, r.User), Ref{Account: k.Account, Container: k.Name}, k.ID)
	if err != nil && errs.Of(err) != errs.NotFound {
		return err
	}
	return s.store.Update(ctx, []store.Guard{store.LockRestoration(job.Account, id)}, func(tx *store.Tx) error {
		r, found, err := tx.Restoration(job.Account, id)
		if err == nil && found && r.Container == job.Container {
			r.State, r.Ended = store.RestoreExpired, now
			tx.PutRestore(&r)
		}
		return err
	})
}
