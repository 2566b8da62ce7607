package gateway_test

import (
	"strings"
	"sync"
	"testing"

	"entrepot/gateway"
	"entrepot/gateway/gatewaytest"
	"entrepot/store/blob"
	"entrepot/store/blob/memblob"
)

// A heldRemoval is where background removals wait, as they do while a backup is
// written.
type heldRemoval struct {
	blobs      blob.Blobs
	begun, end chan struct{}
}

func holdRemovals() *heldRemoval {
	h := &heldRemoval{begun: make(chan struct{}), end: make(chan struct{})}
	hold := sync.OnceFunc(func() { close(h.begun); <-h.end })
	h.blobs = memblob.New(memblob.Options{Faults: func(op memblob.Op, _ blob.ID) error {
		if op == memblob.OpRemove {
			hold()
		}
		return nil
	}})
	return h
}

// begin has the removals of a world wait, whose container c is empty, until
// goOn is called for the first time.
func (h *heldRemoval) begin(t *testing.T, w *world) (goOn func()) {
	t.Helper()
	w.put("first", strings.Repeat("x", 1000))
	w.must(w.g.Objects.Delete(w.ctx, ref("c", "first"), nil))
	<-h.begun
	return sync.OnceFunc(func() { close(h.end) })
}

// A renamed folder lands on names whose past is still there, though no snapshot
// shows it any more: nothing of it may be lost track of.
func TestMoveOntoAPastThatIsNotSweptYetLosesNoContent(t *testing.T) {
	held := holdRemovals()
	f := gatewaytest.NewWith(t, gatewaytest.Options{Blobs: held.blobs})
	w := &world{Fixture: f, t: t, g: f.Gateway, ctx: f.Ctx("tester")}
	w.container("c")
	goOn := held.begin(t, w)
	defer goOn()
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
