package store_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"entrepot/store"
	"entrepot/store/kv"
)

// older makes the store what a program of format 1 left: nobody counted the
// markers of folders, or some went uncounted.
func (w *world) older(counted int64) {
	w.t.Helper()
	k := kv.Key{Table: tableCounters, Row: append([]byte{byte(store.CountContainerMarkers)}, id8(w.container.ID)...)}
	lock := []kv.Lock{{Key: kv.Key{Table: 1, Row: []byte("format")}}}
	err := w.engine.Update(w.t.Context(), lock, func(tx kv.Tx) error {
		rows, err := tx.Get(k)
		if err != nil {
			return err
		}
		if rows[0] != nil {
			tx.Add(k, -int64(beUint(rows[0])))
		}
		tx.Add(k, counted)
		tx.Put(kv.Key{Table: 1, Row: []byte("format")}, []byte("1"))
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

func beUint(b []byte) (n uint64) {
	for _, c := range b {
		n = n<<8 | uint64(c)
	}
	return n
}

func (w *world) markers() (n int64) {
	w.t.Helper()
	err := w.View(w.t.Context(), func(v *store.View) error {
		b := v.Batch()
		b.Count(store.CountContainerMarkers, w.container.ID, &n)
		return b.Do()
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return n
}

// fillMarkers writes so many objects, every fifth a marker, that an upgrade needs
// several transactions.
func (w *world) fillMarkers(n int) {
	now := w.Now()
	for from := 0; from < n; from += 2000 {
		w.update([]store.Guard{store.LockContainer(w.container.ID, false)}, func(tx *store.Tx) error {
			for i := from; i < min(from+2000, n); i++ {
				name := fmt.Sprintf("o%06d", i)
				if i%5 == 0 {
					name += "/"
				}
				tx.PutObject(&w.container, nil, &store.Object{Name: name, Timestamp: now, Created: now, Written: now, ContentType: "text/plain"}, now)
			}
			return nil
		})
	}
}

func upgradeCounts(t *testing.T, w *onEngine) {
	w.fillMarkers(12_000)
	want(t, "markers", w.markers(), 2400)
	for _, counted := range []int64{0, 17, -3} {
		w.older(counted)
		w.reopen()
		want(t, "markers after the upgrade", w.markers(), 2400)
		r, err := w.Check(t.Context(), store.CheckOptions{})
		if err != nil || r.Findings != 0 {
			t.Errorf("check after the upgrade: %+v, %v", r, err)
		}
	}
	if !strings.Contains(w.log.String(), "upgraded the store") {
		t.Error("the upgrade was not logged")
	}
}

// breaking is an engine that fails every update after some.
type breaking struct {
	kv.Engine
	left int
}

var errBroken = errors.New("the machine went away")

func (b *breaking) Update(ctx context.Context, locks []kv.Lock, fn func(kv.Tx) error) error {
	if b.left--; b.left < 0 {
		return errBroken
	}
	return b.Engine.Update(ctx, locks, fn)
}

func TestUpgradeGoesOnWhereItWasInterrupted(t *testing.T) {
	w, blobs := hostile(t)
	w.fillMarkers(12_000)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	w.older(5)
	tries := 0
	for ; tries < 10; tries++ {
		s, err := store.Open(t.Context(), &breaking{Engine: w.engine, left: 1}, blobs, store.Options{Now: w.clock.Now, InlineLimit: 64})
		if err == nil {
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			break
		}
		if !errors.Is(err, errBroken) {
			t.Fatal(err)
		}
	}
	if tries != 7 { // one page of containers, three of objects, two of samples, the ends of formats 3 and 4, and the last try finds nothing to do
		t.Errorf("the upgrade was done after %d interruptions", tries)
	}
	w.open()
	want(t, "markers", w.markers(), 2400)
	r, err := w.Check(t.Context(), store.CheckOptions{})
	if err != nil || r.Findings != 0 {
		t.Errorf("check: %+v, %v", r, err)
	}
}

func TestUpgradeDoesNotCountAContainerThatIsGone(t *testing.T) {
	w, _ := hostile(t)
	w.put("a/", 0, time.Time{})
	w.plant(func(tx kv.Tx) {
		rows, err := tx.Get(kv.Key{Table: tableObjects, Row: append(id8(w.container.ID), "a/"...)})
		if err != nil {
			t.Error(err)
			return
		}
		tx.Put(kv.Key{Table: tableObjects, Row: append(id8(99), "a/"...)}, rows[0])
	})
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	w.older(0)
	w.open()
	want(t, "markers", w.markers(), 1)
	if rows, _ := w.rows(tableCounters, append([]byte{byte(store.CountContainerMarkers)}, id8(99)...)); len(rows) != 0 {
		t.Error("what is left of a detached container was counted")
	}
}

func TestStoreOfANewerFormatIsRefused(t *testing.T) {
	w, blobs := hostile(t)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	format := kv.Key{Table: 1, Row: []byte("format")}
	for text, says := range map[string]string{strconv.Itoa(store.Format + 1): "newer program", "x": "is none", "0": "is none"} {
		err := w.engine.Update(t.Context(), []kv.Lock{{Key: format}}, func(tx kv.Tx) error {
			tx.Put(format, []byte(text))
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		s, err := store.Open(t.Context(), w.engine, blobs, store.Options{Now: w.clock.Now})
		if err == nil {
			_ = s.Close()
			t.Fatalf("a store of format %q was opened", text)
		}
		if !strings.Contains(err.Error(), says) {
			t.Errorf("format %q: %v", text, err)
		}
	}
}
