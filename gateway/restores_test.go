package gateway_test

import (
	"fmt"
	"maps"
	"testing"
	"time"

	"entrepot/gateway"
	"entrepot/gateway/errs"
	"entrepot/gateway/gatewaytest"
	"entrepot/store"
)

// restorable is a world with a space of n items, a snapshot of them, and
// changes since; root is an administrator of the account.
func restorable(t *testing.T, n, most int) (w *world, snapshot gateway.SpaceSnapshot, before map[string]string) {
	w = newWorldWith(t, gateway.Config{MaxTree: most})
	for i := range n {
		w.put(fmt.Sprintf("d%d/item%03d", i%3, i), fmt.Sprint(long, i))
	}
	before = w.state("c")
	snapshot, err := w.g.Spaces.CreateSnapshot(w.ctx, ref("c", ""), "all")
	w.must(err)
	w.put("d0/item000", "changed")
	w.must(w.g.Objects.Delete(w.ctx, ref("c", "d1/item001"), nil))
	w.put("new", "since")
	return w, snapshot, before
}

func TestSmallSnapshotsAreRestoredAtOnce(t *testing.T) {
	w, snapshot, before := restorable(t, 6, 100)
	r, err := w.g.Spaces.RestoreSnapshot(w.Ctx("admin"), "test", snapshot.ID)
	w.must(err)
	if r.Status != gateway.RestoreComplete || r.Items != 6 || r.Ended.IsZero() {
		t.Errorf("%+v", r)
	}
	if got := w.state(r.ID); !maps.Equal(got, before) {
		t.Errorf("restored %v", got)
	}
	for who, kind := range map[string]errs.Kind{"tester": errs.Forbidden, "": errs.Forbidden} {
		if who != "" {
			_, err := w.g.Spaces.RestoreSnapshot(w.Ctx(who), "test", snapshot.ID)
			wantKind(t, err, kind, errs.NotAdmin)
		}
	}
}

// A restoration that is too large for one step goes on over restarts.
func TestLargeSnapshotsAreRestoredInTheBackgroundOverRestarts(t *testing.T) {
	const n = 23
	w, snapshot, before := restorable(t, n, 5)
	cfg := gateway.Config{MaxTree: 5}
	r, err := w.g.Spaces.RestoreSnapshot(w.Ctx("admin"), "test", snapshot.ID)
	w.must(err)
	if r.Status != gateway.RestoreInitialized {
		t.Errorf("at first: %+v", r)
	}
	r = w.restart(cfg, snapshot.ID)
	if got := w.state(r.ID); !maps.Equal(got, before) || r.Items != n {
		t.Errorf("restored %d items: %v", r.Items, got)
	}
	history, err := w.g.Spaces.SnapshotHistory(w.ctx, "test", snapshot.ID)
	w.must(err)
	if len(history) != 3 || history[2].Text != "Restored to the space "+r.ID+" by admin" {
		t.Errorf("history %v", history)
	}
	check, err := w.Store.Check(t.Context(), store.CheckOptions{})
	if err != nil || check.Findings != 0 {
		t.Errorf("check: %+v, %v", check, err)
	}
}

// restart closes the gateway and opens another until the restoration of a
// snapshot is complete.
func (w *world) restart(cfg gateway.Config, snapshot string) (r gateway.SpaceRestore) {
	w.t.Helper()
	var err error
	for tries := 0; ; tries++ {
		w.must(w.g.Close()) // wherever it is
		w.Clock.Advance(time.Hour)
		w.g, err = gateway.New(w.t.Context(), w.Store, cfg)
		w.must(err)
		if tries > 0 {
			w.must(w.g.DoJobs(w.t.Context()))
		}
		r, err = w.g.Spaces.Restore(w.ctx, "test", "", snapshot)
		w.must(err)
		if r.Status == gateway.RestoreComplete {
			break
		}
		if tries > 10 {
			w.t.Fatalf("%+v", r)
		}
	}
	w.t.Cleanup(func() { _ = w.g.Close() })
	return r
}

func TestRestoringEndsWhereTheSnapshotIsGone(t *testing.T) {
	w, snapshot, _ := restorable(t, 12, 5)
	w.must(w.g.Close()) // nothing is done by itself
	r, err := w.g.Spaces.RestoreSnapshot(w.Ctx("admin"), "test", snapshot.ID)
	w.must(err)
	w.must(w.g.Snapshots.Destroy(w.ctx, ref("c", ""), snapshot.ID))
	w.must(w.g.DoJobs(t.Context()))
	r, err = w.g.Spaces.Restore(w.ctx, "test", r.ID, "")
	w.must(err)
	if r.Status != gateway.RestoreFailed || r.Text == "" || r.Ended.IsZero() {
		t.Errorf("%+v", r)
	}
}

func TestRestoringEndsWhereThereIsNoRoom(t *testing.T) {
	w, snapshot, _ := restorable(t, 12, 5)
	w.must(w.g.Close())
	r, err := w.g.Spaces.RestoreSnapshot(w.Ctx("admin"), "test", snapshot.ID)
	w.must(err)
	w.must(w.g.Containers.Update(w.ctx, ref(r.ID, ""), gateway.ContainerChange{Properties: gateway.Properties{"quota-count": "7"}}))
	w.must(w.g.DoJobs(t.Context()))
	r, err = w.g.Spaces.Restore(w.ctx, "test", r.ID, "")
	w.must(err)
	if r.Status != gateway.RestoreFailed || r.Items != 5 {
		t.Errorf("%+v", r)
	}
}

func TestRestoredSpacesGoWhenTheirTimeIsOver(t *testing.T) {
	w, snapshot, _ := restorable(t, 3, 100)
	r, err := w.g.Spaces.RestoreSnapshot(w.Ctx("admin"), "test", snapshot.ID)
	w.must(err)
	at := ref(r.ID, "")
	for _, days := range []int{1, 5} { // the second call counts
		r, err = w.g.Spaces.KeepRestored(w.ctx, at, days)
		w.must(err)
	}
	_, err = w.g.Spaces.KeepRestored(w.Ctx("tester3"), at, 1)
	wantKind(t, err, errs.Forbidden, errs.ReasonOf(err))
	w.Clock.Advance(2 * 24 * time.Hour)
	w.must(w.g.DoJobs(t.Context()))
	if _, err := w.g.Spaces.Get(w.ctx, at); err != nil {
		t.Fatalf("gone too early: %v", err)
	}
	w.Clock.Advance(4 * 24 * time.Hour)
	w.must(w.g.DoJobs(t.Context()))
	_, err = w.g.Spaces.Get(w.ctx, at)
	wantKind(t, err, errs.NotFound, errs.NoContainer)
	r, err = w.g.Spaces.Restore(w.ctx, "test", r.ID, "")
	w.must(err)
	if r.Status != gateway.RestoreExpired {
		t.Errorf("%+v", r)
	}
}

// The name of a restored space is cut to 42 characters; where that is taken,
// as by the space itself, room is made for the moment.
func TestSpacesOfLongNamesAreRestoredToo(t *testing.T) {
	f := gatewaytest.New(t)
	ctx := f.Ctx("admin")
	at := gateway.Ref{Account: "test", Container: "a-name-of-forty-two-characters-which-is-it"}
	if _, err := f.Gateway.Spaces.Create(ctx, at); err != nil {
		t.Fatal(err)
	}
	s, err := f.Gateway.Spaces.CreateSnapshot(ctx, at, "")
	if err != nil {
		t.Fatal(err)
	}
	r, err := f.Gateway.Spaces.RestoreSnapshot(ctx, "test", s.ID)
	if err != nil || r.ID != "a-name-of-forty-two-ch-"+f.Clock.Now().Format("2006-01-02-15-04-05") {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestHistoryOfASnapshotGoesWithIt(t *testing.T) {
	w, snapshot, _ := restorable(t, 2, 100)
	for range store.MaxSnapshotNotes + 3 {
		w.must(w.g.Spaces.RequestRestore(w.ctx, "test", snapshot.ID, "ann@example.org"))
		w.Clock.Advance(time.Second)
	}
	history, err := w.g.Spaces.SnapshotHistory(w.ctx, "test", snapshot.ID)
	w.must(err)
	if len(history) != store.MaxSnapshotNotes+1 {
		t.Errorf("%d entries", len(history))
	}
	c, err := w.g.Containers.Get(w.ctx, ref("c", ""))
	w.must(err)
	w.must(w.g.Snapshots.Destroy(w.ctx, ref("c", ""), snapshot.ID))
	w.must(w.Store.View(t.Context(), func(v *store.View) error {
		left, err := v.SnapshotNotes(c.ID, snapshot.ID, 10)
		if len(left) != 0 {
			t.Errorf("%d entries outlived their snapshot", len(left))
		}
		return err
	}))
}
