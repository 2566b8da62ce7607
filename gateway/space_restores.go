package gateway

import (
	"context"
	"fmt"
	"strings"
	"time"

	"entrepot/auth"
	"entrepot/gateway/errs"
	"entrepot/gateway/names"
	"entrepot/store"
)

// A RestoreStatus says how far the restoration of a snapshot of a space is, in
// the words of preservation clients.
type RestoreStatus string

// The statuses.
const (
	RestoreInitialized RestoreStatus = "INITIALIZED"
	RestoreRunning     RestoreStatus = "TRANSFERRING_TO_DURACLOUD"
	RestoreComplete    RestoreStatus = "RESTORATION_COMPLETE"
	RestoreFailed      RestoreStatus = "ERROR"
	RestoreExpired     RestoreStatus = "RESTORATION_EXPIRED"
)

// A SpaceRestore is the making of a space of what a snapshot of another shows.
type SpaceRestore struct {
	ID       string // that of its record, and the name of the new space
	Snapshot string // SnapshotID
	StoreID  int
	Status   RestoreStatus
	Text     string
	Started  time.Time
	Ended    time.Time // zero: under way
	Expires  time.Time // when the new space is to be removed; zero: never
	Items    int64     // restored so far, markers of folders included
}

var errNoRestore = errs.New("spaces", errs.NotFound, "", "There is no such restoration.")

// statusOf is a store's state in the words of clients.
func statusOf(state store.RestorationState) RestoreStatus {
	switch state {
	case store.RestoreRunning:
		return RestoreRunning
	case store.RestoreComplete:
		return RestoreComplete
	case store.RestoreFailed:
		return RestoreFailed
	case store.RestoreExpired:
		return RestoreExpired
	}
	return RestoreInitialized
}

func (s *Spaces) fromRestore(r *store.Restoration) SpaceRestore {
	out := SpaceRestore{
		ID: r.ID, Snapshot: r.Snapshot, StoreID: s.storeOf(r.Account).ID, Status: statusOf(r.State),
		Text: r.Text, Started: r.Started.Time(), Items: r.Done,
	}
	if r.Ended != 0 {
		out.Ended = r.Ended.Time()
	}
	if r.Expires != 0 {
		out.Expires = r.Expires.Time()
	}
	return out
}

// maxSpaceName is the longest name of a space that a restored one gets.
const maxSpaceName = 42

// restoredNames are names for a space that is made of a snapshot: that which
// DuraCloud gives, and one that has the moment whole where the former has not.
func restoredNames(space string, now time.Time) []string {
	stamp := "-" + now.UTC().Format(fileStamp)
	list := []string{strings.TrimRight((space + stamp)[:min(len(space)+len(stamp), maxSpaceName)], "-")}
	if len(space)+len(stamp) > maxSpaceName {
		list = append(list, strings.TrimRight(space[:min(len(space), maxSpaceName-len(stamp))], "-.")+stamp)
	}
	return list
}

// RestoreSnapshot makes a new space of what a snapshot shows. Administrators
// only, as in DuraCloud. Up to Config.MaxTree objects are restored in one step,
// before it returns; more in the background, see Restore.
func (s *Spaces) RestoreSnapshot(ctx context.Context, account, id string) (SpaceRestore, error) {
	p := auth.PrincipalOf(ctx)
	if p.Role != auth.RoleAdmin || p.User == "" {
		return SpaceRestore{}, errs.New("spaces", errs.Forbidden, errs.NotAdmin, "")
	}
	ref, _, err := refOfSnapshot(account, id)
	if err != nil {
		return SpaceRestore{}, err
	}
	for _, name := range restoredNames(ref.Container, s.now().Time()) {
		r := store.Restoration{Account: account, ID: name, Snapshot: id, User: p.User}
		err = s.beginRestore(ctx, ref, &r, true)
		if errs.ReasonOf(err) == errs.TooMany {
			err = s.beginRestore(ctx, ref, &r, false)
		}
		if err == nil {
			s.jobs.hurry()
			return s.fromRestore(&r), nil
		}
		if errs.Of(err) != errs.Exists {
			break
		}
	}
	if errs.ReasonOf(err) == errs.NoContainer {
		err = errNoSnapshotID
	}
	return SpaceRestore{}, err
}

// beginRestore makes the space, with everything in it or with nothing yet.
func (s *Spaces) beginRestore(ctx context.Context, ref Ref, r *store.Restoration, whole bool) error {
	guards := []store.Guard{store.LockRestoration(r.Account, r.ID), store.LockJobs(store.JobRestore)}
	to := Ref{Account: r.Account, Container: r.ID}
	base := *r
	return (&Snapshots{core: s.core}).clone(ctx, ref, r.Snapshot, to, cloning{whole: whole, guards: guards,
		also: func(tx *store.Tx, from *scope, id uint64, n int, now store.Stamp) error {
			*r = base
			_, found, err := tx.Snapshot(from.container.ID, r.Snapshot)
			if err != nil {
				return err
			}
			if !found {
				return errNoSnapshot
			}
			r.Source, r.Container, r.Started = from.container.ID, id, now
			text := "Restored to the space " + r.ID
			if whole {
				r.State, r.Ended, r.Done = store.RestoreComplete, now, int64(n)
			} else {
				text = "Being restored to the space " + r.ID
				tx.AddJob(&store.Job{
					Kind: store.JobRestore, Due: now, Name: r.Account + "/" + r.ID, Account: r.Account,
					Container: id, User: r.User, Since: now,
				})
			}
			tx.PutRestore(r)
			return tx.NoteSnapshot(from.container.ID, r.Snapshot, store.SnapshotNote{At: now, User: r.User, Text: text})
		}})
}

// Restore finds a restoration in a store by its ID or, where that is "", the
// last one of a snapshot, for a caller who may list the space that the snapshot
// is of; where that is gone, for those who may list the account.
func (s *Spaces) Restore(ctx context.Context, account, id, snapshot string) (SpaceRestore, error) {
	p := auth.PrincipalOf(ctx)
	var r store.Restoration
	err := s.store.View(ctx, func(v *store.View) (err error) {
		found := false
		if id != "" && names.Text(id) == nil {
			r, found, err = v.Restoration(account, id)
		} else if id == "" {
			r, found, err = lastRestore(v, account, snapshot)
		}
		if err != nil {
			return err
		}
		if !found {
			return errNoRestore
		}
		of := Ref{Account: account, Container: r.ID}
		if ref, _, err := refOfSnapshot(account, r.Snapshot); err == nil {
			of = ref
		}
		at, err := s.load(v, p, of, nil)
		if errs.ReasonOf(err) == errs.NoContainer {
			return s.MayReport(ctx, account)
		}
		if err != nil {
			return err
		}
		return at.mayList(p)
	})
	if err != nil {
		return SpaceRestore{}, err
	}
	return s.fromRestore(&r), nil
}

// lastRestore finds the restoration of a snapshot that began last.
func lastRestore(v *store.View, account, snapshot string) (last store.Restoration, found bool, err error) {
	for after, more := "", true; more; {
		list, err := v.Restorations(account, after, spacesPage)
		if err != nil {
			return last, false, err
		}
		for _, r := range list {
			if r.Snapshot == snapshot && (!found || r.Started > last.Started) {
				last, found = r, true
			}
			after = r.ID
		}
		more = len(list) == spacesPage
	}
	return last, found, nil
}

// maxRestoreDays bounds for how long a restored space is asked to stay.
const maxRestoreDays = 36_500

// KeepRestored says for how many days a restored space stays before it is
// removed with what is in it; 0: for ever. Owners of the space only. Conflict
// before it is restored whole.
func (s *Spaces) KeepRestored(ctx context.Context, ref Ref, days int) (SpaceRestore, error) {
	if days < 0 || days > maxRestoreDays {
		return SpaceRestore{}, errs.New("spaces", errs.Invalid, "", fmt.Sprintf("A restored space stays for 1 to %d days, or with 0 for ever.", maxRestoreDays))
	}
	if names.Text(ref.Container) != nil {
		return SpaceRestore{}, errNoSpace
	}
	p, now := auth.PrincipalOf(ctx), s.now()
	at, err := s.owned(ctx, p, ref)
	if err != nil {
		return SpaceRestore{}, err
	}
	var r store.Restoration
	guards := append(at.guards(true), store.LockRestoration(ref.Account, ref.Container), store.LockJobs(store.JobExpire))
	err = s.store.Update(ctx, guards, func(tx *store.Tx) error {
		if _, err := s.again(tx, p, ref, &at); err != nil {
			return err
		}
		var found bool
		var err error
		r, found, err = tx.Restoration(ref.Account, ref.Container)
		switch {
		case err != nil:
			return err
		case !found || r.Container != at.container.ID:
			return errs.New("spaces", errs.NotFound, "", "The space was not restored from a snapshot.")
		case r.State != store.RestoreComplete:
			return errs.New("spaces", errs.Conflict, "", "The space is not restored whole.")
		}
		if r.Expires = 0; days > 0 {
			r.Expires = store.StampOf(now.Time().AddDate(0, 0, days))
			tx.AddJob(&store.Job{
				Kind: store.JobExpire, Due: r.Expires, Account: ref.Account, Container: r.Container, User: p.User, Since: now,
				Name: fmt.Sprintf("%s/%s/%d", ref.Account, ref.Container, r.Expires),
			})
		}
		tx.PutRestore(&r)
		return nil
	})
	if err != nil {
		return SpaceRestore{}, err
	}
	return s.fromRestore(&r), nil
}
