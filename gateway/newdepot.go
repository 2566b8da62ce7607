package gateway

import (
	"context"
	"slices"

	"entrepot/gateway/errs"
	"entrepot/store"
)

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
