package store_test

import (
	"context"
	"encoding/binary"
	"testing"
	"time"

	"entrepot/store"
	"entrepot/store/kv"
)

// Rows that find depots by a user may name depots that are gone, or that do
// not know the user: after damage, or by an older mistake. They go as well.
func TestForgetMemberEndsOnADamagedIndex(t *testing.T) {
	w, _ := hostile(t)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	const members, targets, claims = kv.Table(22), kv.Table(53), kv.Table(54)
	var locks []kv.Lock
	for _, depot := range []uint64{5, 4711} {
		locks = append(locks, store.LockDepot(depot, false))
	}
	err := w.engine.Update(ctx, locks, func(tx kv.Tx) error {
		for _, table := range []kv.Table{members, targets, claims} {
			for _, depot := range []uint64{5, 4711} { // one that does not know him, one that is not there
				row := binary.BigEndian.AppendUint64([]byte("bert\x00"), depot)
				tx.Put(kv.Key{Table: table, Row: row}, nil)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.ForgetMember(ctx, "Bert"); err != nil {
		t.Fatal(err)
	}
	var named bool
	err = w.View(ctx, func(v *store.View) (err error) {
		named, err = v.NamedByDepots("bert")
		return err
	})
	if err != nil || named {
		t.Errorf("depots still name him: %v, %v", named, err)
	}
}
