package store_test

import (
	"testing"

	"entrepot/store"
)

// Between looking at counters and removing those that are over, somebody may
// have counted on.
func TestDropStrikesKeepsWhatWasWrittenAnew(t *testing.T) {
	w, _ := hostile(t)
	ctx := t.Context()
	old, again := store.Strike{Counter: [16]byte{1}, Until: 10}, store.Strike{Counter: [16]byte{2}, Until: 10}
	put := func(list ...store.Strike) {
		t.Helper()
		if err := w.PutStrikes(ctx, list); err != nil {
			t.Fatal(err)
		}
	}
	put(old, again)
	again.Until = 100
	put(again)
	if err := w.DropStrikes(ctx, [][16]byte{old.Counter, again.Counter, {3}}, 50); err != nil {
		t.Fatal(err)
	}
	left, err := w.Strikes(ctx, nil, 10)
	if err != nil || len(left) != 1 || left[0] != again {
		t.Errorf("%v, %v", left, err)
	}
}
