package gateway

import (
	"context"
	"slices"

	"entrepot/auth"
	"entrepot/gateway/errs"
	"entrepot/gateway/names"
	"entrepot/store"
)

// SetActive switches a depot on or off. While it is off, nobody reads or
// writes objects in its containers; everything else goes on. Switching off
// ends its documents and invitations. A depot that is so already stays as it
// is.
func (d *Depots) SetActive(ctx context.Context, user string, id uint64, active bool, call DepotCall) error {
	return d.change(ctx, user, id, call, nil, func(tx *store.Tx, record *store.Depot, now store.Stamp) error {
		if record.Inactive == !active {
			return nil
		}
		record.Inactive = !active
		if !active {
			if err := renew(tx, record); err != nil {
				return err
			}
		}
		tx.AddDepotEntry(record, entry(ctx, call, now, record, record))
		return nil
	})
}

// renew ends the documents and invitations of a depot.
func renew(tx *store.Tx, record *store.Depot) error {
	record.Epoch++
	return tx.DeleteInvitationsTo(record.ID)
}

// SetContract notes a contract number of at most 128 characters; "" removes
// it. Without a user the depot is found by its number alone.
func (d *Depots) SetContract(ctx context.Context, user string, id uint64, number string, call DepotCall) error {
	if err := checkContract(number); err != nil {
		return err
	}
	return d.changeAny(ctx, id, call, nil, func(tx *store.Tx, record *store.Depot, now store.Stamp) error {
		if user != "" && store.Fold(record.Owner) != store.Fold(user) {
			return errDepotNotFound
		}
		record.Contract = number
		tx.AddDepotEntry(record, entry(ctx, call, now, record, record))
		return nil
	})
}

// AddUsers authorises users to make containers in a depot, and returns it.
// Those who are already, and the owner, are passed over. Names need not be
// users yet. A depot has at most 1,000: Invalid with NameTooLong.
func (d *Depots) AddUsers(ctx context.Context, user string, id uint64, users []string, call DepotCall) (Depot, error) {
	if err := checkUsers(users); err != nil {
		return Depot{}, err
	}
	var out Depot
	err := d.change(ctx, user, id, call, nil, func(tx *store.Tx, record *store.Depot, now store.Stamp) error {
		old := *record
		record.Users = cleanUsers(slices.Concat(old.Users, users), record.Owner)
		if len(record.Users) > maxDepotUsers {
			return errs.New("depots", errs.Invalid, errs.NameTooLong, "The list of users is too long.")
		}
		if !slices.Equal(record.Users, old.Users) {
			tx.PutDepot(&old, record)
			tx.AddDepotEntry(record, entry(ctx, call, now, record, record))
		}
		out = fromDepot(record, 0, 0)
		return nil
	})
	return out, err
}

// RemoveUsers ends what AddUsers began; names that are not on the list are
// passed over. The containers that the users made stay, but their makers lose
// what rights came with the authorisation. The depot's documents and
// invitations end, for everybody.
func (d *Depots) RemoveUsers(ctx context.Context, user string, id uint64, users []string, call DepotCall) error {
	return d.change(ctx, user, id, call, nil, func(tx *store.Tx, record *store.Depot, now store.Stamp) error {
		gone := make(map[string]bool, len(users))
		for _, name := range users {
			if store.Fold(name) != store.Fold(record.Owner) {
				gone[store.Fold(name)] = true
			}
		}
		old := *record
		without := func(list []string) []string {
			return slices.DeleteFunc(slices.Clone(list), func(name string) bool { return gone[store.Fold(name)] })
		}
		record.Users, record.Targets, record.Claims = without(old.Users), without(old.Targets), without(old.Claims)
		if err := renew(tx, record); err != nil {
			return err
		}
		tx.PutDepot(&old, record)
		tx.AddDepotEntry(record, entry(ctx, call, now, record, record))
		return nil
	})
}

// Assign gives a depot that nobody owns to a user, who is made when there is
// none; where that is forbidden, NotFound with NoDepotForUser. Doing it again
// for the same user changes nothing; NotFound with NoDepot for a depot of
// somebody else.
func (d *Depots) Assign(ctx context.Context, user string, id uint64, call DepotCall) error {
	if err := names.User(user); err != nil {
		return err
	}
	version, err := d.store.NewID()
	if err != nil {
		return err
	}
	more := []store.Guard{store.LockUser(user), store.LockAccount(user, false)}
	return d.changeAny(ctx, id, call, more, func(tx *store.Tx, record *store.Depot, now store.Stamp) error {
		if record.Owner != "" {
			if store.Fold(record.Owner) != store.Fold(user) {
				return errDepotNotFound
			}
			return nil
		}
		if record.Account != "" { // the default depot of an account waits for its owner
			return errDepotNotFound
		}
		owner, err := d.ownerOf(tx, user, version, now)
		if errs.ReasonOf(err) == errs.NoUser {
			err = errNoDepotForUser
		}
		if err != nil {
			return err
		}
		old := *record
		record.Owner, record.Account = owner.Name, owner.Account
		record.Users = cleanUsers(record.Users, owner.Name)
		tx.PutDepot(&old, record)
		tx.AddDepotEntry(record, entry(ctx, call, now, record, record))
		return nil
	})
}

// changeAny is change for a depot whoever owns it.
func (d *Depots) changeAny(ctx context.Context, id uint64, call DepotCall, more []store.Guard,
	fn func(tx *store.Tx, record *store.Depot, now store.Stamp) error) error {
	if err := operator(auth.PrincipalOf(ctx)); err != nil {
		return err
	}
	if err := checkCall(&call); err != nil {
		return err
	}
	if err := d.prepare(&call); err != nil {
		return err
	}
	now := d.now()
	guards := append(replayGuards(call), store.LockDepot(id, false))
	return d.store.Update(ctx, append(guards, more...), func(tx *store.Tx) error {
		if err := once(tx, call, now); err != nil {
			return err
		}
		record, found, err := tx.Depot(id)
		if err != nil {
			return err
		}
		if !found {
			return errDepotNotFound
		}
		return fn(tx, &record, now)
	})
}

// History returns the newest lines of a depot's history, at most limit.
func (d *Depots) History(ctx context.Context, user string, id uint64, limit int) ([]DepotEntry, error) {
	if err := operator(auth.PrincipalOf(ctx)); err != nil {
		return nil, err
	}
	var list []store.DepotEntry
	err := d.store.View(ctx, func(v *store.View) error {
		ids, err := depotsOf(v, user, false)
		if err != nil {
			return err
		}
		if _, err := only(ids, id); err != nil {
			return err
		}
		list, err = v.DepotEntries(id, limit)
		return err
	})
	out := make([]DepotEntry, len(list))
	for i, e := range list {
		out[i] = DepotEntry{
			Seq: e.Seq, Time: e.Time.Time(), Command: e.Command, Address: e.Address, Note: e.Note,
			OldStorage: e.OldStorage, NewStorage: e.NewStorage, OldTraffic: e.OldTraffic, NewTraffic: e.NewTraffic,
		}
	}
	return out, err
}

// CheckLogin tells whether a user may use the gateway: NotFound with NoUser,
// Forbidden with NotActivated for one who is disabled or has no password yet.
func (d *Depots) CheckLogin(ctx context.Context, user string) error {
	if err := operator(auth.PrincipalOf(ctx)); err != nil {
		return err
	}
	return d.store.View(ctx, func(v *store.View) error {
		u, found, err := v.User(user)
		if err != nil {
			return err
		}
		gone, err := userGone(v, user)
		switch {
		case err != nil:
			return err
		case !found || gone:
			return errNoUser
		case u.Disabled || u.PasswordHash == "":
			return errs.New("depots.CheckLogin", errs.Forbidden, errs.NotActivated, "")
		}
		return nil
	})
}
