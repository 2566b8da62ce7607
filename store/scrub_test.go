package store_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"entrepot/store"
	"entrepot/store/blob"
	"entrepot/store/blob/memblob"
	"entrepot/store/kv"
	"entrepot/store/kv/memkv"
)

func TestScrubReadsEachPieceOnceAndNotesWhen(t *testing.T) {
	w, blobs := hostile(t)
	big := w.put("big", 300_000, time.Time{})
	small := w.put("small", 10, time.Time{})
	w.put("empty", 0, time.Time{})
	w.share("big", "copy")
	at := w.clock.Now()
	st, err := w.Scrub(t.Context(), 0)
	if err != nil || st.Content != 2 || st.Bytes != 300_010 || st.Damaged+st.Failed != 0 || st.Ended.IsZero() {
		t.Errorf("%+v %v", st, err)
	}
	for _, id := range []blob.ID{big.Content.Blob, small.Content.Blob} {
		if got, err := w.Verified(t.Context(), id); err != nil || !got.Equal(at) {
			t.Error(got, err)
		}
	}
	// What is gone is forgotten at the end of the next pass.
	w.delete("small")
	w.clock.advance(time.Hour)
	if st, err := w.Scrub(t.Context(), 0); err != nil || st.Content != 1 {
		t.Errorf("%+v %v", st, err)
	}
	if got, err := w.Verified(t.Context(), small.Content.Blob); err != nil || !got.IsZero() {
		t.Error(got, err)
	}
	if blobs.Len() != 1 || w.events() != "" {
		t.Error(blobs.Len(), w.events())
	}
}

func TestScrubFindsEveryKindOfDamage(t *testing.T) {
	w, blobs := hostile(t)
	flipped, cut := w.put("flipped", 5000, time.Time{}), w.put("cut", 5000, time.Time{})
	lost, small := w.put("lost", 5000, time.Time{}), w.put("small", 10, time.Time{})
	gone := w.put("gone", 11, time.Time{})
	w.put("sound", 5000, time.Time{})
	blobs.Damage(flipped.Content.Blob, flip)
	blobs.Damage(cut.Content.Blob, func(b []byte) []byte { return b[:4000] })
	w.spoilRow(small.Content.Blob[:])
	w.dropRow(gone.Content.Blob[:])
	if err := blobs.Remove(t.Context(), lost.Content.Blob); err != nil {
		t.Fatal(err)
	}
	st, err := w.Scrub(t.Context(), 0)
	if err != nil || st.Damaged != 5 || st.Content != 6 {
		t.Errorf("%+v %v", st, err)
	}
	list, err := w.Quarantine(t.Context(), blob.ID{}, 100)
	if err != nil || len(list) != 5 || w.events() != "damage damage damage damage damage" {
		t.Error(list, err, w.events())
	}
	for _, q := range list {
		if q.Where == "" || q.Reason == "" {
			t.Errorf("%+v", q)
		}
	}
	if _, err := w.read("sound"); err != nil {
		t.Error(err)
	}
	w.clock.advance(time.Second)
	// The next pass counts them without reading them.
	if st, err := w.Scrub(t.Context(), 0); err != nil || st.Damaged != 5 || st.Content != 1 {
		t.Errorf("%+v %v", st, err)
	}
}

// TestScrubComparesDigestsNotOnlyChecksums: content that was wrong before its
// checksum was made.
func TestScrubComparesDigestsNotOnlyChecksums(t *testing.T) {
	w, _ := hostile(t)
	w.put("a", 5000, time.Time{})
	w.update(w.locks("a"), func(tx *store.Tx) error {
		o, _, err := tx.Object(w.container.ID, "a")
		next := o
		next.Content.SHA256[0] ^= 1
		tx.PutObject(&w.container, &o, &next, w.Now())
		return err
	})
	if st, err := w.Scrub(t.Context(), 0); err != nil || st.Damaged != 1 {
		t.Errorf("%+v %v", st, err)
	}
	if _, err := w.read("a"); !errors.Is(err, blob.ErrCorrupt) {
		t.Error("wrong bytes were served", err)
	}
}

func TestScrubGoesOnWhereItStopped(t *testing.T) {
	var reads int
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	blobs := memblob.New(memblob.Options{Faults: func(op memblob.Op, _ blob.ID) error {
		if op == memblob.OpOpen {
			if reads++; reads == 100 {
				cancel()
			}
		}
		return nil
	}})
	w := newWorld(t, memkv.New(memkv.Options{}), blobs)
	for i := range 200 {
		w.put(fmt.Sprintf("o%03d", i), 100, time.Time{})
	}
	if _, err := w.Scrub(ctx, 0); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	w.open()
	st, err := w.Scrub(t.Context(), 0)
	if err != nil || st.Content != 200 || st.Ended.IsZero() {
		t.Errorf("%+v %v", st, err)
	}
	if reads < 200 || reads > 200+64 {
		t.Errorf("%d reads for 200 objects", reads)
	}
}

func TestScrubKeepsItsRate(t *testing.T) {
	w, _ := hostile(t)
	w.put("a", 200_000, time.Time{})
	begin := time.Now()
	if _, err := w.Scrub(t.Context(), 2_000_000); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(begin); took < 90*time.Millisecond {
		t.Errorf("200,000 bytes at 2 MB/s took %v", took)
	}
}

func TestUnreadableContentIsReportedAndNotCondemned(t *testing.T) {
	broken := errors.New("input/output error")
	blobs := memblob.New(memblob.Options{Faults: func(op memblob.Op, _ blob.ID) error {
		if op == memblob.OpRead {
			return broken
		}
		return nil
	}})
	w := newWorld(t, memkv.New(memkv.Options{}), blobs)
	w.put("a", 5000, time.Time{})
	st, err := w.Scrub(t.Context(), 0)
	if err != nil || st.Failed != 1 || st.Damaged != 0 {
		t.Errorf("%+v %v", st, err)
	}
	if list, err := w.Quarantine(t.Context(), blob.ID{}, 1); err != nil || len(list) != 0 || w.events() != "damage" {
		t.Error(list, err, w.events())
	}
}

func TestScrubReadsWhatOnlySnapshotsShow(t *testing.T) {
	w, _ := hostile(t)
	old := w.put("a", 10, time.Time{})
	w.update([]store.Guard{store.LockContainer(w.container.ID, false)}, func(tx *store.Tx) error {
		w.container.Epoch, w.container.Snapshot = 1, 1
		tx.PutContainer(&w.container)
		return nil
	})
	w.put("a", 5000, time.Time{})
	if rows, _ := w.rows(kv.Table(11), nil); len(rows) != 1 {
		t.Fatal("no history was kept")
	}
	w.spoilRow(old.Content.Blob[:])
	if st, err := w.Scrub(t.Context(), 0); err != nil || st.Damaged != 1 || st.Content != 2 {
		t.Errorf("%+v %v", st, err)
	}
	if r := w.sweep(0); r.Found != 0 || r.Removed != 0 {
		t.Errorf("%+v", r)
	}
}
