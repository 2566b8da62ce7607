package gateway

import (
	"context"

	"entrepot/auth"
	"entrepot/store"
)

// Users counts the accounts that use or allow each application, those that
// stopped it left out. Administrators only. It looks at what all accounts
// allow.
func (a *Applications) Users(ctx context.Context) (map[string]int, error) {
	if err := needAdmin(auth.PrincipalOf(ctx)); err != nil {
		return nil, err
	}
	count := map[string]int{}
	serials := map[string]uint64{}
	for after := (store.GrantCursor{}); ; {
		var list []store.Grant
		err := a.store.View(ctx, func(v *store.View) (err error) {
			if list, err = v.AllGrants(after, pageOfIDs); err != nil {
				return err
			}
			for i := range list {
				id := list[i].Application
				if _, known := serials[id]; known {
					continue
				}
				app, _, err := v.Application(id)
				if err != nil {
					return err
				}
				serials[id] = app.Serial
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
		for i := range list {
			if !list[i].Stopped && list[i].Serial == serials[list[i].Application] {
				count[list[i].Application]++
			}
		}
		if len(list) < pageOfIDs {
			return count, nil
		}
		last := list[len(list)-1]
		after = store.GrantCursor{Account: last.Account, Application: last.Application}
	}
}
