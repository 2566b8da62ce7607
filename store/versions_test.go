package store_test

import (
	"testing"
	"time"

	"entrepot/store"
)

// versionsOf lists the versions of a name: sizes, -1 for a marker.
func (w *onEngine) versionsOf(name string) (list []store.ListedVersion, sizes []int64) {
	w.look(func(v *store.View) (err error) {
		list, err = v.Versions(w.container.ID, store.VersionQuery{Query: store.Query{Prefix: name, Limit: 100, Now: w.Now()}})
		return err
	})
	for _, l := range list {
		size := l.Object.Content.Size
		if l.Object.Deleted {
			size = -1
		}
		sizes = append(sizes, size)
	}
	return list, sizes
}

func (w *onEngine) wantVersions(t *testing.T, name string, want ...int64) []store.ListedVersion {
	t.Helper()
	list, sizes := w.versionsOf(name)
	if len(sizes) != len(want) {
		t.Fatalf("versions of %s: %d, want %d", name, sizes, want)
	}
	for i := range want {
		if sizes[i] != want[i] || list[i].Latest != (i == 0) {
			t.Fatalf("versions of %s: %d, want %d; latest %v at %d", name, sizes, want, list[i].Latest, i)
		}
	}
	return list
}

// versionsKeep: what is replaced or deleted stays, once, until it is removed by
// its version or with its container.
func versionsKeep(t *testing.T, w *onEngine) {
	w.container.Versioning = store.Versioned
	w.update(w.whole(), func(tx *store.Tx) error {
		tx.PutContainer(&w.container)
		return nil
	})
	for _, size := range []int{40, 5000, 60} {
		w.put("o", size, time.Time{})
		w.clock.advance(time.Second)
	}
	w.put("p", 10, time.Time{})
	list := w.wantVersions(t, "o", 60, 5000, 40)
	w.clock.advance(time.Second)
	w.delete("o")
	w.wantVersions(t, "o", -1, 60, 5000, 40)
	objects, size := w.counts()
	want(t, "objects", objects, 1)
	want(t, "bytes, versions and all", size, 40+5000+60+10)
	want(t, "content", w.content(), 4)

	w.reopen()
	middle := list[1].Object
	w.update(w.whole(), func(tx *store.Tx) error {
		o, found, err := tx.Version(w.container.ID, "o", middle.Version)
		if err != nil || !found {
			t.Error("a version is gone", err)
			return err
		}
		tx.RestoreVersion(&w.container, nil, &o, w.Now())
		return nil
	})
	w.holds("o", bytesOf("o", 5000))
	w.clock.advance(time.Second)
	w.put("o", 70, time.Time{})
	list = w.wantVersions(t, "o", 70, -1, 60, 5000, 40)
	w.update(w.whole(), func(tx *store.Tx) error {
		for _, l := range list[2:] {
			o, found, err := tx.Version(w.container.ID, "o", l.Object.Version)
			if err != nil || !found {
				t.Error("a version is gone", err)
				return err
			}
			tx.DeleteVersion(&w.container, &o, w.Now())
		}
		return nil
	})
	w.wantVersions(t, "o", 70, -1)
	want(t, "content after removing versions", w.content(), 2)

	// What is left goes with the container.
	w.put("o", 6000, time.Time{})
	guards := append(w.whole(), store.LockName("press", "photos"), store.LockAccount("press", true))
	old := w.container
	w.update(append(guards, store.LockContainer(78, false)), func(tx *store.Tx) error {
		c := old
		if err := tx.DetachContainer(&c, w.Now()); err != nil {
			return err
		}
		w.container = store.Container{ID: 78, Account: "press", Name: "photos", Depot: 5}
		tx.CreateContainer(&w.container)
		return nil
	})
	want(t, "content after reaping", w.content(), 0)
}
