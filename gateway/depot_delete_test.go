package gateway_test

import (
	"fmt"
	"testing"
	"time"

	"entrepot/gateway"
	"entrepot/gateway/errs"
)

func TestDepotOfManySpacesIsDeletedWhole(t *testing.T) {
	w := newWorldWith(t, gateway.Config{SpacesAtOnce: 3})
	op := w.Operator()
	d, err := w.g.Depots.Create(op, gateway.DepotOptions{User: "tester", StorageLimit: 1000}, gateway.DepotCall{})
	w.must(err)
	for i := range 8 {
		_, err := w.g.Depots.CreateSpace(op, "tester", d.ID, fmt.Sprint("space", i), gateway.DepotCall{})
		w.must(err)
	}
	w.in("space4", "o", "x", nil)
	call := gateway.DepotCall{Command: "deletedepot", Replay: &gateway.Replay{Digest: [32]byte{1}, Until: w.Clock.Now().Add(time.Minute)}}
	wantKind(t, w.g.Depots.Delete(op, "tester2", d.ID, call), errs.NotFound, errs.NoDepot)
	if n := w.spacesOf("tester"); n != 9 {
		t.Fatalf("%d containers are left", n)
	}
	w.must(w.g.Depots.Delete(op, "tester", d.ID, call))
	if n := w.spacesOf("tester"); n != 1 {
		t.Errorf("%d containers are left", n)
	}
	_, err = w.g.Depots.Owned(op, "tester", d.ID, false)
	wantKind(t, err, errs.NotFound, errs.NoDepot)
	wantKind(t, w.g.Depots.Delete(op, "tester", d.ID, call), errs.Conflict, errs.Replayed)
	w.sound()
}

// spacesOf counts the containers of a user's account.
func (w *world) spacesOf(user string) int {
	w.t.Helper()
	_, list, err := w.g.Containers.List(w.Ctx(user), "test", gateway.ListOptions{Limit: 100})
	w.must(err)
	return len(list)
}
