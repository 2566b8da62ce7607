package gateway

import (
	"context"
	"errors"

	"entrepot/auth"
	"entrepot/gateway/errs"
	"entrepot/store"
)

// How many containers one transaction of a whole account touches, and how many
// one call may name.
const (
	maxSpaces       = 10_000
	maxSpacesOfCall = 1000
)

// Delete removes a depot and all its containers with their objects, locked or
// not, in one step. The depot's history stays.
//
// A depot with more than 10,000 containers goes in several: the first switches
// it off, so that nothing is added or changed any more, and the last removes
// the depot. Where the call fails between them, what is left of the depot is
// inactive, and another call goes on.
func (d *Depots) Delete(ctx context.Context, user string, id uint64, call DepotCall) error {
	if err := operator(auth.PrincipalOf(ctx)); err != nil {
		return err
	}
	defer d.users.purgeCredentials()
	for {
		err := d.deleteWhole(ctx, user, id, call)
		if !errors.Is(err, errManySpaces) {
			return err
		}
		if err := d.deleteSome(ctx, user, id, call); err != nil {
			return err
		}
	}
}

var errManySpaces = errors.New("gateway: more containers than one transaction detaches")

// deleteSome switches a depot off and detaches some of its containers. The
// call is not noted as carried out.
func (d *Depots) deleteSome(ctx context.Context, user string, id uint64, call DepotCall) error {
	part := call
	part.Replay, part.Log = nil, nil
	return d.change(ctx, user, id, part, nil, func(tx *store.Tx, record *store.Depot, now store.Stamp) error {
		if err := fresh(&tx.View, call, now); err != nil {
			return err
		}
		if !record.Inactive {
			record.Inactive = true
			tx.AddDepotEntry(record, entry(ctx, part, now, record, record))
		}
		ids, err := tx.SpacesOf(id, 0, d.cfg.SpacesAtOnce)
		if err != nil {
			return err
		}
		return d.detachThese(ctx, tx, ids, now)
	})
}

// deleteWhole removes a depot, or fails with errManySpaces.
func (d *Depots) deleteWhole(ctx context.Context, user string, id uint64, call DepotCall) error {
	account, err := d.accountOf(ctx, id)
	if err != nil {
		return err
	}
	more := []store.Guard{store.LockAccount(account, false)}
	return d.change(ctx, user, id, call, more, func(tx *store.Tx, record *store.Depot, now store.Stamp) error {
		if record.Account != account { // it was given away meanwhile
			return errs.New("depots.Delete", errs.Unavailable, "", "The depot is being changed; try again.")
		}
		ids, err := tx.SpacesOf(id, 0, d.cfg.SpacesAtOnce+1)
		if err == nil && len(ids) > d.cfg.SpacesAtOnce {
			err = errManySpaces
		}
		if err != nil {
			return err
		}
		if err := d.detachThese(ctx, tx, ids, now); err != nil {
			return err
		}
		if err := tx.DeleteInvitationsTo(id); err != nil {
			return err
		}
		a, found, err := tx.Account(account)
		if err != nil {
			return err
		}
		if found && a.DefaultDepot == id {
			a.DefaultDepot = 0
			tx.PutAccount(&a)
		}
		tx.AddDepotEntry(record, entry(ctx, call, now, record, &store.Depot{}))
		tx.DeleteDepot(record)
		return nil
	})
}

// detachThese detaches containers of a depot, whose exclusive lock the caller
// holds.
func (d *Depots) detachThese(ctx context.Context, tx *store.Tx, ids []uint64, now store.Stamp) error {
	for _, id := range ids {
		c, found, err := tx.Container(id)
		if err != nil {
			return err
		}
		if found {
			if err := d.detachSpace(tx, auth.PrincipalOf(ctx), &c, now); err != nil {
				return err
			}
		}
	}
	return nil
}

func (d *Depots) accountOf(ctx context.Context, depot uint64) (account string, err error) {
	err = d.store.View(ctx, func(v *store.View) error {
		record, _, err := v.Depot(depot)
		account = record.Account
		return err
	})
	return account, err
}
