package store_test

import (
	"fmt"
	"testing"

	"entrepot/store"
)

// An application that many accounts allow leaves nothing behind, however often
// the steps of its removal are run again.
func TestDeletingAnApplicationRemovesWhatEveryAccountAllowed(t *testing.T) {
	w, _ := hostile(t)
	app := store.Application{ID: "app", Serial: 9, Name: "app"}
	const accounts = 2500
	for from := 0; from < accounts; from += 500 {
		w.update([]store.Guard{store.LockApplication("app", false)}, func(tx *store.Tx) error {
			tx.PutApplication(&app)
			for i := from; i < from+500; i++ {
				tx.PutGrant(&store.Grant{Account: fmt.Sprintf("a%04d", i), Application: "app", Serial: app.Serial})
			}
			return nil
		})
	}
	now := w.Now()
	w.update([]store.Guard{store.LockApplication("app", false)}, func(tx *store.Tx) error {
		tx.DeleteApplication(&app, now)
		return nil
	})
	w.Drain(t.Context())
	var left []store.Grant
	err := w.View(t.Context(), func(v *store.View) (err error) {
		left, err = v.AllGrants(store.GrantCursor{}, accounts)
		return err
	})
	if err != nil || len(left) != 0 {
		t.Errorf("%d grants are left (%v)", len(left), err)
	}
}
