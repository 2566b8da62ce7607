package gateway

import (
	"context"
	"time"

	"entrepot/auth"
	"entrepot/store"
)

var _ auth.StrikeStore = (*Accounts)(nil)

// Strikes reads counters of wrong passwords; absent ones are left out.
func (a *Accounts) Strikes(ctx context.Context, counters [][16]byte) ([]auth.Strike, error) {
	list, err := a.store.StrikesOf(ctx, counters)
	out := make([]auth.Strike, len(list))
	for i := range list {
		out[i] = auth.Strike{Counter: list[i].Counter, Until: list[i].Until.Time()}
	}
	return out, err
}

// PutStrikes writes counters of wrong passwords; the last writer of one wins.
func (a *Accounts) PutStrikes(ctx context.Context, list []auth.Strike) error {
	records := make([]store.Strike, len(list))
	for i := range list {
		records[i] = store.Strike{Counter: list[i].Counter, Until: max(store.StampOf(list[i].Until), 0)}
	}
	return a.store.PutStrikes(ctx, records)
}

// TrimStrikes removes counters of wrong passwords that are over.
func (a *Accounts) TrimStrikes(ctx context.Context, now time.Time) error {
	limit := store.StampOf(now)
	var after *[16]byte
	for {
		page, err := a.store.Strikes(ctx, after, pageOfIDs)
		if err != nil || len(page) == 0 {
			return err
		}
		var over [][16]byte
		for i := range page {
			if page[i].Until <= limit {
				over = append(over, page[i].Counter)
			}
		}
		if len(over) > 0 {
			if err := a.store.DropStrikes(ctx, over, limit); err != nil {
				return err
			}
		}
		after = &page[len(page)-1].Counter
	}
}
