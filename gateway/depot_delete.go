package gateway

import (
	"context"

	"entrepot/auth"
	"entrepot/gateway/errs"
	"entrepot/store"
)

// How many containers one depot may have to be deleted at once, and how many
// one call may name.
const (
	maxSpaces       = 10_000
	maxSpacesOfCall = 1000
)

// Delete removes a depot and all its containers with their objects, locked or
// not, in one step. The depot's history stays.
func (d *Depots) Delete(ctx context.Context, user string, id uint64, call DepotCall) error {
	if err := operator(auth.PrincipalOf(ctx)); err != nil {
		return err
	}
	account, err := d.accountOf(ctx, id)
	if err != nil {
		return err
	}
	more := []store.Guard{store.LockAccount(account, false)}
	return d.change(ctx, user, id, call, more, func(tx *store.Tx, record *store.Depot, now store.Stamp) error {
		if err := d.detachAll(ctx, tx, id, now); err != nil {
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

// detachAll detaches every container of a depot, whose exclusive lock the
// caller holds.
func (d *Depots) detachAll(ctx context.Context, tx *store.Tx, depot uint64, now store.Stamp) error {
	ids, err := tx.SpacesOf(depot, 0, maxSpaces+1)
	if err != nil {
		return err
	}
	if len(ids) > maxSpaces {
		return errs.New("depots.Delete", errs.Forbidden, errs.TooMany, "")
	}
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
