package gateway

import (
	"context"
	"slices"

	"entrepot/auth"
	"entrepot/gateway/errs"
	"entrepot/store"
)

// mayOwnDepots tells whether a user of a role gets the default depot.
func mayOwnDepots(r auth.Role) bool { return r == auth.RoleOwner || r == auth.RoleAdmin }

// addDefaultDepot makes the depot in which an account's containers lie that
// ask for none, without limits. Its owner is "" until the account has one.
func addDefaultDepot(tx *store.Tx, account *store.Account, owner string, depot uint64, now store.Stamp) error {
	if _, err := tx.NextInSequence(store.SequenceDepot, depot); err != nil {
		return err
	}
	account.DefaultDepot = depot
	tx.PutDepot(nil, &store.Depot{ID: depot, Owner: owner, Account: account.Name, Created: now, Default: true, Epoch: 1})
	return nil
}

// adoptDefaultDepot gives the account's default depot to its first owner. The
// caller holds the depot's exclusive lock.
func adoptDefaultDepot(tx *store.Tx, depot uint64, owner string) error {
	d, found, err := tx.Depot(depot)
	if err != nil || !found || d.Owner != "" {
		return err
	}
	old := d
	d.Owner = owner
	tx.PutDepot(&old, &d)
	return nil
}

// withNewDepot runs fn with the number of a depot to be made, at least atLeast,
// whose lock it holds. The number is read ahead, because a transaction names
// its locks before it reads; when somebody else took it, it starts over.
func (c *core) withNewDepot(ctx context.Context, guards []store.Guard, atLeast uint64, fn func(tx *store.Tx, depot uint64) error) error {
	for {
		var last uint64
		err := c.store.View(ctx, func(v *store.View) (err error) {
			last, err = v.Sequence(store.SequenceDepot)
			return err
		})
		if err != nil {
			return err
		}
		depot := max(last+1, atLeast)
		moved := false
		err = c.store.Update(ctx, append(slices.Clone(guards), store.LockDepot(depot, false)), func(tx *store.Tx) error {
			now, err := tx.Sequence(store.SequenceDepot)
			if err != nil {
				return err
			}
			if moved = now != last; moved {
				return errs.New("depots", errs.Conflict, "", "")
			}
			return fn(tx, depot)
		})
		if !moved {
			return err
		}
	}
}
