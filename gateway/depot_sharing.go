package gateway

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"unicode/utf8"

	"entrepot/auth"
	"entrepot/gateway/errs"
	"entrepot/store"
)

// maxInvitations is how many invitations a user is shown.
const maxInvitations = 1000

// errMovedOn tells that the locks of a transaction were chosen for a state
// that has passed.
var errMovedOn = errors.New("gateway: changed meanwhile")

// SetTarget makes a depot the one that a user's new containers go to, in place
// of another, whichever door makes them: it takes those of its owner's
// account. NotFound with NoUser, and with NoDepot for a depot that the user
// neither owns nor is authorised for.
func (d *Depots) SetTarget(ctx context.Context, user string, id uint64, call DepotCall) error {
	if err := operator(auth.PrincipalOf(ctx)); err != nil {
		return err
	}
	if err := d.prepare(&call); err != nil {
		return err
	}
	now := d.now()
	for {
		var current uint64
		err := d.store.View(ctx, func(v *store.View) (err error) {
			current, err = v.TargetOf(user)
			return err
		})
		if err != nil {
			return err
		}
		guards := append(replayGuards(call), store.LockUser(user), store.LockDepot(id, false))
		if current != 0 && current != id {
			guards = append(guards, store.LockDepot(current, false))
		}
		err = d.store.Update(ctx, guards, func(tx *store.Tx) error {
			if err := once(tx, call, now); err != nil {
				return err
			}
			return setTarget(tx, user, id, current)
		})
		if !errors.Is(err, errMovedOn) {
			return err
		}
	}
}

func setTarget(tx *store.Tx, user string, id, current uint64) error {
	is, err := tx.TargetOf(user)
	if err != nil {
		return err
	}
	if is != current {
		return errMovedOn
	}
	if _, found, err := tx.User(user); err != nil {
		return err
	} else if !found {
		return errNoUser
	}
	if gone, err := userGone(&tx.View, user); err != nil || gone {
		return cmp.Or(err, error(errNoUser))
	}
	record, err := sharedDepot(&tx.View, user, id)
	if err != nil || current == id {
		return err
	}
	me := store.Fold(user)
	if last, found, err := tx.Depot(current); err != nil {
		return err
	} else if found {
		old := last
		last.Targets = slices.DeleteFunc(slices.Clone(old.Targets), func(u string) bool { return u == me })
		tx.PutDepot(&old, &last)
	}
	old := record
	record.Targets = append(slices.Clone(old.Targets), me)
	tx.PutDepot(&old, &record)
	return nil
}

// sharedDepot reads a depot that a user owns or is authorised for, NotFound
// with NoDepot otherwise.
func sharedDepot(v *store.View, user string, id uint64) (store.Depot, error) {
	record, found, err := v.Depot(id)
	if err != nil {
		return record, err
	}
	me := store.Fold(user)
	if !found || record.Owner == "" || store.Fold(record.Owner) != me && !authorised(&record, me) {
		return record, errDepotNotFound
	}
	return record, nil
}

// Invite puts an invitation to the depot of a document on the lists of users,
// in place of an earlier one to the same depot. NotFound with NoUser when one
// of them does not exist, and with NoDepot when the document has ended;
// nothing is sent then.
func (d *Depots) Invite(ctx context.Context, users []string, claim DocumentClaim, message string, call DepotCall) error {
	if utf8.RuneCountInString(message) > maxNote {
		return errs.New("depots.Invite", errs.Invalid, errs.NameTooLong, "The message is too long.")
	}
	if len(users) > maxDepotUsers {
		return errs.New("depots.Invite", errs.Invalid, errs.NameTooLong, "The list of users is too long.")
	}
	return d.changeAny(ctx, claim.Depot, call, nil, func(tx *store.Tx, record *store.Depot, now store.Stamp) error {
		if record.Epoch != claim.Epoch {
			return errDepotNotFound
		}
		found := make([]bool, len(users))
		records := make([]store.User, len(users))
		b := tx.Batch()
		for i, user := range users {
			b.User(user, &records[i], &found[i])
		}
		if err := b.Do(); err != nil {
			return err
		}
		if slices.Contains(found, false) {
			return errNoUser
		}
		for _, user := range users {
			tx.PutInvitation(&store.Invitation{
				User: store.Fold(user), Depot: record.ID, Time: now, Epoch: record.Epoch, Message: message,
			})
		}
		return nil
	})
}

// caller returns the user who calls: Unauthenticated when there is none,
// Forbidden for whoever is of a suspended account, or uses an application
// password, which is for a container and not for depots.
func caller(ctx context.Context) (auth.Principal, error) {
	p := auth.PrincipalOf(ctx)
	switch {
	case p.User == "" || p.Scope != nil:
		return p, refuse(p)
	case p.Suspended:
		return p, errSuspended
	}
	return p, nil
}

// Mine returns the depots of the user who calls: those that he owns, and those
// of others that he took into his list with Claim or Accept. There may be
// none.
func (d *Depots) Mine(ctx context.Context) ([]Depot, error) {
	p, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	now := d.now()
	var out []Depot
	err = d.store.View(ctx, func(v *store.View) error {
		ids, err := everyID(v.DepotsOf, p.User)
		if err != nil {
			return err
		}
		claims, err := everyID(v.ClaimsOf, p.User)
		if err != nil {
			return err
		}
		ids = slices.Compact(slices.Sorted(slices.Values(append(ids, claims...))))
		out, err = readDepots(v, ids, now)
		return err
	})
	return out, err
}

// Claim takes the depot of a document into the list of the user who calls, who
// must own it or be authorised for it; an invitation to it is answered thereby.
// Doing it again changes nothing. NotFound with NoDepot for a document that
// has ended, Forbidden for whoever is not authorised.
func (d *Depots) Claim(ctx context.Context, claim DocumentClaim) (Depot, error) {
	return d.claim(ctx, claim.Depot, func(_ *store.Tx, record *store.Depot) error {
		if record.Epoch != claim.Epoch {
			return errDepotNotFound
		}
		return nil
	})
}

// Accept is Claim for an invitation that waits; NotFound without one.
func (d *Depots) Accept(ctx context.Context, id uint64) (Depot, error) {
	user := auth.PrincipalOf(ctx).User
	return d.claim(ctx, id, func(tx *store.Tx, record *store.Depot) error {
		i, found, err := tx.Invitation(user, id)
		if err == nil && (!found || i.Epoch != record.Epoch) {
			err = errDepotNotFound
		}
		return err
	})
}

func (d *Depots) claim(ctx context.Context, id uint64, judge func(*store.Tx, *store.Depot) error) (out Depot, err error) {
	p, err := caller(ctx)
	if err != nil {
		return out, err
	}
	err = d.store.Update(ctx, []store.Guard{store.LockDepot(id, false)}, func(tx *store.Tx) error {
		record, found, err := tx.Depot(id)
		if err != nil {
			return err
		}
		if !found {
			return errDepotNotFound
		}
		if err := judge(tx, &record); err != nil {
			return err
		}
		if _, err := sharedDepot(&tx.View, p.User, id); err != nil {
			return errs.New("depots.Claim", errs.Forbidden, "", "You are not on the list of this depot.")
		}
		tx.DeleteInvitation(p.User, id)
		if me := store.Fold(p.User); !slices.Contains(record.Claims, me) {
			old := record
			record.Claims = append(slices.Clone(old.Claims), me)
			tx.PutDepot(&old, &record)
		}
		out = fromDepot(&record, 0, 0)
		return nil
	})
	return out, err
}

// Disclaim takes a depot out of the list of the user who calls and declines an
// invitation to it; NotFound with NoDepot for one that is in neither. The
// depots that he owns stay.
func (d *Depots) Disclaim(ctx context.Context, id uint64) error {
	p, err := caller(ctx)
	if err != nil {
		return err
	}
	return d.store.Update(ctx, []store.Guard{store.LockDepot(id, false)}, func(tx *store.Tx) error {
		_, invited, err := tx.Invitation(p.User, id)
		if err != nil {
			return err
		}
		record, found, err := tx.Depot(id)
		if err != nil {
			return err
		}
		me := store.Fold(p.User)
		claimed := found && slices.Contains(record.Claims, me)
		if !invited && !claimed {
			return errDepotNotFound
		}
		tx.DeleteInvitation(p.User, id)
		if claimed {
			old := record
			record.Claims = slices.DeleteFunc(slices.Clone(old.Claims), func(u string) bool { return u == me })
			tx.PutDepot(&old, &record)
		}
		return nil
	})
}

// Invitations returns what waits for the answer of the user who calls, in
// ascending order of the depots, at most 1,000.
func (d *Depots) Invitations(ctx context.Context) ([]Invitation, error) {
	p, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	var out []Invitation
	err = d.store.View(ctx, func(v *store.View) error {
		list, err := v.Invitations(p.User, 0, maxInvitations)
		if err != nil {
			return err
		}
		records, found := make([]store.Depot, len(list)), make([]bool, len(list))
		b := v.Batch()
		for i := range list {
			b.Depot(list[i].Depot, &records[i], &found[i])
		}
		if err := b.Do(); err != nil {
			return err
		}
		out = make([]Invitation, 0, len(list))
		for i, invitation := range list {
			if found[i] {
				out = append(out, Invitation{
					Depot: fromDepot(&records[i], 0, 0), Time: invitation.Time.Time(), Message: invitation.Message,
				})
			}
		}
		return nil
	})
	return out, err
}
