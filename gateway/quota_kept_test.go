package gateway_test

import (
	"strings"
	"testing"

	"entrepot/gateway"
	"entrepot/gateway/errs"
)

// fill puts 400 bytes under a name.
func (w *world) fill(name string) error {
	_, err := w.g.Objects.Put(w.ctx, ref("c", name), strings.NewReader(strings.Repeat("x", 400)), gateway.PutOptions{Size: 400})
	return err
}

func (w *world) limited(depot uint64, bytes int64) {
	w.t.Helper()
	w.must(w.g.Depots.SetLimits(w.Operator(), "tester", depot, gateway.DepotLimits{Storage: bytes}, gateway.DepotCall{Command: "limit"}))
}

// What a snapshot goes on showing takes room: writing a file anew behind every
// snapshot does not grow beyond the limit.
func TestQuotaCountsWhatSnapshotsKeepOfReplacedFiles(t *testing.T) {
	w := newWorld(t)
	c, err := w.g.Containers.Get(w.ctx, ref("c", ""))
	w.must(err)
	w.limited(c.Depot, 1000)
	w.must(w.fill("a"))
	w.must(w.g.Snapshots.Create(w.ctx, ref("c", ""), "one"))
	w.must(w.fill("a")) // 800: the old bytes are in the snapshot
	w.must(w.fill("a")) // what no snapshot shows is replaced
	w.must(w.g.Snapshots.Create(w.ctx, ref("c", ""), "two"))
	wantKind(t, w.fill("a"), errs.OverQuota, "")
	a, err := w.g.Accounts.Get(w.ctx, "test")
	if err != nil || a.Bytes != 800 {
		t.Errorf("the account holds %d bytes (%v)", a.Bytes, err)
	}
	w.must(w.g.Snapshots.Destroy(w.ctx, ref("c", ""), "one"))
	w.Store.Drain(t.Context())
	w.must(w.fill("a"))
}

// Versions that go to another depot need room there.
func TestQuotaOfTheDepotThatGetsTheVersionsBinds(t *testing.T) {
	w := newWorld(t)
	d, err := w.g.Depots.Create(w.Operator(), gateway.DepotOptions{User: "tester", StorageLimit: 1000}, gateway.DepotCall{})
	w.must(err)
	_, err = w.g.Depots.CreateSpace(w.Operator(), "tester", d.ID, "v", gateway.DepotCall{})
	w.must(err)
	w.must(w.g.Containers.Update(w.ctx, ref("c", ""), gateway.ContainerChange{Headers: gateway.Properties{"versions-location": "v"}}))
	for range 3 { // two versions: 800 bytes
		w.must(w.fill("a"))
	}
	wantKind(t, w.fill("a"), errs.OverQuota, "")
	w.must(w.g.Objects.Delete(w.ctx, ref("c", "a"), nil))
	w.must(w.fill("a"))
}

// A move leaves behind what snapshots show, which takes room; a move of what
// nothing keeps needs none, even where more is stored than is allowed now.
func TestQuotaCountsWhatMovesLeaveBehind(t *testing.T) {
	w := newWorld(t)
	w.container("k")
	c, err := w.g.Containers.Get(w.ctx, ref("c", ""))
	w.must(err)
	w.must(w.fill("a"))
	w.limited(c.Depot, 100)
	w.must(w.move(ref("c", "a"), ref("c", "b")))
	w.must(w.move(ref("c", "b"), ref("k", "b")))
	w.must(w.move(ref("k", "b"), ref("c", "a")))
	w.limited(c.Depot, 1000)
	w.must(w.g.Snapshots.Create(w.ctx, ref("c", ""), "one"))
	w.must(w.move(ref("c", "a"), ref("c", "b")))
	w.must(w.g.Snapshots.Create(w.ctx, ref("c", ""), "two"))
	wantKind(t, w.move(ref("c", "b"), ref("c", "a")), errs.OverQuota, "")
	wantKind(t, w.move(ref("c", "b"), ref("k", "b")), errs.OverQuota, "")
	w.must(w.g.Trees.Delete(w.ctx, ref("c", "b"), gateway.Conditions{}))
}
