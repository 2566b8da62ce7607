package store_test

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"entrepot/store"
	"entrepot/store/blob"
)

// abandon leaves content behind that no record names, as a crash between the
// content and its record does. Inline content is planted.
func (w *world) abandon(n int) blob.ID {
	w.t.Helper()
	up := w.NewUpload(w.t.Context())
	defer up.Close()
	if err := up.Receive(bytes.NewReader(bytesOf("orphan", n)), 1<<30); err != nil {
		w.t.Fatal(err)
	}
	c, err := up.Finish()
	if err != nil {
		w.t.Fatal(err)
	}
	w.update(nil, func(tx *store.Tx) error { up.Attach(tx, c); return nil })
	return c.Blob
}

func (w *world) sweep(grace time.Duration) store.SweepReport {
	w.t.Helper()
	r, err := w.Sweep(w.t.Context(), store.SweepOptions{Grace: grace})
	if err != nil {
		w.t.Fatal(err)
	}
	return r
}

func TestOrphansGoAfterTwoScansAGracePeriodApart(t *testing.T) {
	w, _ := hostile(t)
	w.put("kept", 5000, time.Time{})
	w.put("small", 10, time.Time{})
	w.abandon(5000)
	w.abandon(20)
	for i, step := range []struct {
		wait           time.Duration
		found, removed int64
	}{
		{0, 2, 0}, {30 * time.Minute, 2, 0}, {29 * time.Minute, 2, 0}, {time.Minute, 2, 2}, {time.Hour, 0, 0},
	} {
		w.clock.advance(step.wait)
		if r := w.sweep(time.Hour); r.Found != step.found || r.Removed != step.removed {
			t.Errorf("scan %d: %+v", i, r)
		}
	}
	if n, err := w.ContentCount(t.Context()); err != nil || n != 2 || w.events() != "orphan" {
		t.Error(n, err, w.events())
	}
	if rows, _ := w.rows(31, nil); len(rows) != 0 {
		t.Error("marks are left")
	}
}

func TestSweepWithoutGraceLeavesExactlyWhatIsReferredTo(t *testing.T) {
	w, blobs := hostile(t)
	w.put("a", 5000, time.Time{})
	w.share("a", "b")
	w.delete("a")
	w.put("c", 6000, time.Time{})
	w.put("c", 6001, time.Time{})
	w.abandon(5000)
	if r := w.sweep(0); r.Removed != 1 || blobs.Len() != 2 {
		t.Errorf("%+v, %d blobs", r, blobs.Len())
	}
	if r := w.sweep(0); r.Removed != 0 || r.Found != 0 || r.Content != 2 {
		t.Errorf("%+v", r)
	}
	if _, err := w.read("b"); err != nil {
		t.Error(err)
	}
}

func TestSweepLeavesUploadsUnderWayAlone(t *testing.T) {
	w, blobs := hostile(t)
	up := w.NewUpload(t.Context())
	if err := up.Receive(bytes.NewReader(bytesOf("slow", 5000)), 1<<30); err != nil {
		t.Fatal(err)
	}
	content, err := up.Finish() // durable, not yet named
	if err != nil {
		t.Fatal(err)
	}
	w.clock.advance(48 * time.Hour)
	if r := w.sweep(0); r.Removed != 0 || r.Found != 0 || blobs.Len() != 1 {
		t.Errorf("%+v", r)
	}
	w.update(w.locks("slow"), func(tx *store.Tx) error {
		tx.PutObject(&w.container, nil, &store.Object{Name: "slow", Content: content}, w.Now())
		return nil
	})
	up.Close()
	if r := w.sweep(0); r.Removed != 0 || blobs.Len() != 1 {
		t.Errorf("%+v", r)
	}
}

func TestDryRunChangesNothing(t *testing.T) {
	w, blobs := hostile(t)
	id := w.abandon(5000)
	for range 2 {
		r, err := w.Sweep(t.Context(), store.SweepOptions{DryRun: true})
		if err != nil || r.Found != 1 || r.Removed != 0 || len(r.Orphans) != 1 || r.Orphans[0].Blob != id {
			t.Errorf("%+v %v", r, err)
		}
	}
	if rows, _ := w.rows(31, nil); len(rows) != 0 || blobs.Len() != 1 {
		t.Error("a dry run left marks", rows)
	}
}

func TestSweepForgetsWhatIsReferredToAgain(t *testing.T) {
	w, _ := hostile(t)
	up := w.NewUpload(t.Context())
	if err := up.Receive(bytes.NewReader(bytesOf("x", 5000)), 1<<30); err != nil {
		t.Fatal(err)
	}
	content, err := up.Finish()
	if err != nil {
		t.Fatal(err)
	}
	up.Close() // as in another gateway, whose uploads are not known here
	if r := w.sweep(time.Hour); r.Found != 1 {
		t.Fatalf("%+v", r)
	}
	w.update(w.locks("x"), func(tx *store.Tx) error {
		tx.PutObject(&w.container, nil, &store.Object{Name: "x", Content: content}, w.Now())
		return nil
	})
	w.clock.advance(2 * time.Hour)
	if r := w.sweep(time.Hour); r.Found != 0 || r.Removed != 0 {
		t.Errorf("%+v", r)
	}
	if rows, _ := w.rows(31, nil); len(rows) != 0 {
		t.Error("a mark is left")
	}
}

func TestSweepRemovesNothingWhileARecordIsUnreadable(t *testing.T) {
	w, blobs := hostile(t)
	w.put("a", 5000, time.Time{})
	w.abandon(5000)
	w.spoil(tableObjects, append(id8(w.container.ID), 'a'))
	if _, err := w.Sweep(t.Context(), store.SweepOptions{}); err == nil || blobs.Len() != 2 {
		t.Error(err, blobs.Len())
	}
}

func TestSweepLeavesTheQuarantineAlone(t *testing.T) {
	w, blobs := hostile(t)
	o := w.put("a", 5000, time.Time{})
	blobs.Damage(o.Content.Blob, flip)
	if _, err := w.read("a"); !errors.Is(err, blob.ErrCorrupt) {
		t.Fatal(err)
	}
	w.delete("a")
	if r := w.sweep(0); r.Removed != 0 || blobs.Len() != 1 {
		t.Errorf("%+v", r)
	}
}

func TestUpkeepSweepsOnceADayAndScrubsOnceAWeek(t *testing.T) {
	w, blobs := hostile(t)
	w.put("a", 5000, time.Time{})
	id := w.abandon(5000)
	upkeep := func() {
		t.Helper()
		if err := w.Upkeep(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	upkeep()
	first, err := w.Scrubbed(t.Context())
	if err != nil || first.Content != 1 || first.Ended.IsZero() {
		t.Error(first, err)
	}
	w.clock.advance(23 * time.Hour)
	upkeep()
	if blobs.Len() != 2 {
		t.Error("swept twice in a day")
	}
	w.clock.advance(time.Hour)
	upkeep()
	if _, err := blobs.Open(t.Context(), id); !errors.Is(err, blob.ErrNotFound) {
		t.Error(err)
	}
	if st, err := w.Scrubbed(t.Context()); err != nil || st != first {
		t.Error("scrubbed twice in a week", st, err)
	}
	w.clock.advance(7 * 24 * time.Hour)
	upkeep()
	if st, err := w.Scrubbed(t.Context()); err != nil || !st.Begun.After(first.Begun) {
		t.Error(st, err)
	}
}
