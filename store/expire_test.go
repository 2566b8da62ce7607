package store_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"entrepot/store"
	"entrepot/store/kv"
)

func (w *world) expire(want int) {
	w.t.Helper()
	if n, err := w.Expire(w.t.Context()); err != nil || n != want {
		w.t.Fatalf("%d objects expired, want %d: %v", n, want, err)
	}
}

// queued counts the rows that wait for their time.
func (w *world) queued() int {
	rows, _ := w.rows(tableQueue, []byte{4})
	return len(rows)
}

func TestExpiredObjectsAreRemovedWithCountersAndContent(t *testing.T) {
	w, blobs := hostile(t)
	in := func(d time.Duration) time.Time { return w.clock.Now().Add(d) }
	w.put("soon/small", 10, in(time.Minute))
	w.put("soon/big", 5000, in(time.Minute))
	w.put("later", 10, in(time.Hour))
	w.put("never", 10, time.Time{})
	w.expire(0)
	w.clock.advance(time.Minute)
	w.expire(2)
	w.expire(0)
	if objects, size := w.counts(); objects != 2 || size != 20 {
		t.Error(objects, size)
	}
	w.Drain(t.Context())
	if blobs.Len() != 0 || w.queued() != 1 {
		t.Error(blobs.Len(), w.queued())
	}
	err := w.View(t.Context(), func(v *store.View) error {
		list, err := v.Journal(w.container.ID, 0, 100)
		if len(list) != 2 || list[0].Action != "expire" {
			t.Errorf("%+v", list)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

func TestExpiryFollowsTheLastWrite(t *testing.T) {
	w, _ := hostile(t)
	in := func(d time.Duration) time.Time { return w.clock.Now().Add(d) }
	w.put("kept", 10, in(time.Minute))
	w.put("kept", 11, time.Time{})
	w.put("longer", 10, in(time.Minute))
	w.put("longer", 11, in(time.Hour))
	w.put("gone", 10, in(time.Minute))
	w.delete("gone")
	if n := w.queued(); n != 1 {
		t.Errorf("%d rows are queued", n)
	}
	w.clock.advance(time.Minute)
	w.expire(0)
	w.clock.advance(time.Hour)
	w.expire(1)
	if _, found := w.object("kept"); !found {
		t.Error("an object without time to live is gone")
	}
}

func TestExpiryFollowsRenames(t *testing.T) {
	w, _ := hostile(t)
	until := w.clock.Now().Add(time.Minute)
	w.put("old/a", 10, until)
	w.put("old/b", 10, time.Time{})
	w.put("single", 10, until)
	whole := []store.Guard{store.LockContainer(w.container.ID, false), store.LockDepot(5, true)}
	w.update(whole, func(tx *store.Tx) error {
		if _, err := tx.MoveTree(w.container.ID, "old/", "new/", 100); err != nil {
			return err
		}
		o, _, err := tx.Object(w.container.ID, "single")
		if err != nil {
			return err
		}
		renamed := o
		renamed.Name = "renamed"
		tx.MoveRow(&w.container, &w.container, &o, &renamed, w.Store.Now())
		return nil
	})
	if n := w.queued(); n != 2 {
		t.Errorf("%d rows are queued", n)
	}
	w.clock.advance(time.Minute)
	w.expire(2)
	for name, want := range map[string]bool{"new/a": false, "renamed": false, "new/b": true} {
		if _, found := w.object(name); found != want {
			t.Error(name, found)
		}
	}
}

func TestExpiryDropsLocksAndProperties(t *testing.T) {
	w, _ := hostile(t)
	w.put("a", 10, w.clock.Now().Add(time.Minute))
	whole := []store.Guard{store.LockContainer(w.container.ID, false)}
	w.update(whole, func(tx *store.Tx) error {
		tx.PutLock(&store.Lock{Container: w.container.ID, Path: "a", Token: "t", Exclusive: true}, true)
		return tx.PutProp(&w.container, "a", store.DeadProp{Space: "s", Name: "n", Value: []byte("v")})
	})
	w.clock.advance(time.Minute)
	w.expire(1)
	err := w.View(t.Context(), func(v *store.View) error {
		_, found, err := v.LockByToken("t")
		props, err2 := v.Props(w.container.ID, "a")
		if found || len(props) > 0 {
			t.Error(found, props)
		}
		return errors.Join(err, err2)
	})
	if err != nil {
		t.Error(err)
	}
}

func TestExpiryGoesInBatchesPastWhatItCannotRemove(t *testing.T) {
	w, _ := hostile(t)
	for i := range 450 {
		w.put(fmt.Sprintf("o%03d", i), 1, w.clock.Now().Add(time.Minute))
	}
	bad := store.Container{ID: 99, Account: "press", Name: "bad", Depot: 5}
	w.update([]store.Guard{store.LockContainer(99, false), store.LockName("press", "bad"), store.LockDepot(5, false)}, func(tx *store.Tx) error {
		tx.CreateContainer(&bad)
		o := store.Object{Name: "x", DeleteAt: w.clock.Now().Unix()}
		tx.PutObject(&bad, nil, &o, w.Now())
		return nil
	})
	w.plant(func(tx kv.Tx) { tx.Put(kv.Key{Table: tableObjects, Row: append(id8(99), 'x')}, []byte("spoiled")) })
	w.clock.advance(time.Hour)
	n, err := w.Expire(t.Context())
	if n != 450 || err == nil {
		t.Error(n, err)
	}
	if w.queued() != 1 {
		t.Error("what failed is not queued any more")
	}
}
