package gateway_test

import (
	"sync"
	"testing"

	"entrepot/gateway"
	"entrepot/gateway/gatewaytest"
	"entrepot/store/blob"
	"entrepot/store/blob/memblob"
)

// newHeldWorld returns a world whose background removals wait, as they do while
// a backup is written, until the function that is returned too was called.
func newHeldWorld(t *testing.T) (w *world, goOn func()) {
	t.Helper()
	begun, end := make(chan struct{}), make(chan struct{})
	hold := sync.OnceFunc(func() { close(begun); <-end })
	blobs := memblob.New(memblob.Options{Faults: func(op memblob.Op, _ blob.ID) error {
		if op == memblob.OpRemove {
			hold()
		}
		return nil
	}})
	goOn = sync.OnceFunc(func() { close(end) })
	f := gatewaytest.NewWith(t, gatewaytest.Options{Blobs: blobs})
	t.Cleanup(goOn) // before the store is closed, which waits for its removals
	w = &world{Fixture: f, t: t, g: f.Gateway, ctx: f.Ctx("tester")}
	w.container("c")
	w.put("first", long)
	w.must(w.g.Objects.Delete(w.ctx, ref("c", "first"), nil))
	<-begun
	return w, goOn
}

// A renamed folder lands on names whose past is still there, though no snapshot
// shows it any more: nothing of it may be lost track of.
func TestMoveOntoAPastThatIsNotSweptYetLosesNoContent(t *testing.T) {
	w, goOn := newHeldWorld(t)
	w.put("d/x", long+"d")
	w.put("e/x", long+"e")
	w.must(w.g.Snapshots.Create(w.ctx, ref("c", ""), "s"))
	w.must(w.g.Trees.Delete(w.ctx, ref("c", "e"), gateway.Conditions{}))
	w.must(w.g.Snapshots.Destroy(w.ctx, ref("c", ""), "s"))
	_, err := w.g.Trees.Move(w.ctx, ref("c", "d"), ref("c", "e"), gateway.TreeOptions{})
	w.must(err)
	w.must(w.g.Snapshots.Create(w.ctx, ref("c", ""), "t"))
	w.must(w.g.Trees.Delete(w.ctx, ref("c", "e"), gateway.Conditions{}))
	goOn()
	w.sound()
	if got := w.past("c", "t"); got["e/x"] != long+"d" || len(got) != 1 {
		t.Errorf("the snapshot shows %q", got)
	}
	w.must(w.g.Snapshots.Destroy(w.ctx, ref("c", ""), "t"))
	w.Store.Drain(t.Context())
	if n, err := w.Store.ContentCount(t.Context()); n != 0 || err != nil {
		t.Errorf("%d contents are left, %v", n, err)
	}
	w.sound()
}
