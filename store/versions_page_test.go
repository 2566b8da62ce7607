package store_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"entrepot/store"
	"entrepot/store/blob/memblob"
	"entrepot/store/kv/memkv"
)

// versioned makes the world's container keep versions, and makes n of each
// name; one name in two ends in the marker of a deletion.
func (w *world) versioned(n int, names ...string) {
	w.t.Helper()
	w.container.Versioning = store.Versioned
	w.update([]store.Guard{store.LockContainer(w.container.ID, false)}, func(tx *store.Tx) error {
		tx.PutContainer(&w.container)
		return nil
	})
	for i, name := range names {
		for range n {
			w.put(name, 10+i, time.Time{})
			w.clock.advance(time.Second)
		}
		if i%2 == 1 {
			w.delete(name)
		}
	}
}

func (w *world) page(q store.VersionQuery) []string {
	w.t.Helper()
	var list []store.ListedVersion
	err := w.View(w.t.Context(), func(v *store.View) (err error) {
		list, err = v.Versions(w.container.ID, q)
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	var rows []string
	for _, l := range list {
		rows = append(rows, fmt.Sprintf("%s %d %v", l.Object.Name, l.Object.Version, l.Latest))
	}
	return rows
}

// Pages of any length are the whole listing cut into pieces, in both
// directions, and also behind a version that is gone by then.
func TestPagesOfVersionsAreTheListingInPieces(t *testing.T) {
	w, _ := hostile(t)
	w.versioned(5, "a", "ab", "b", "c")
	for _, reverse := range []bool{false, true} {
		all := w.page(store.VersionQuery{Query: store.Query{Limit: 100, Reverse: reverse}})
		if len(all) < 22 {
			t.Fatalf("%d versions: %q", len(all), all)
		}
		for limit := 1; limit < 8; limit++ {
			var pieces []string
			q := store.VersionQuery{Query: store.Query{Limit: limit, Reverse: reverse}}
			for {
				page := w.page(q)
				pieces = append(pieces, page...)
				if len(page) < limit {
					break
				}
				var latest bool
				if _, err := fmt.Sscan(page[len(page)-1], &q.Marker, &q.VersionMarker, &latest); err != nil {
					t.Fatal(err)
				}
			}
			if !slices.Equal(pieces, all) {
				t.Errorf("reverse %v, pages of %d:\n%q, want\n%q", reverse, limit, pieces, all)
			}
		}
		for i, row := range all {
			var name string
			var version store.Stamp
			var latest bool
			if _, err := fmt.Sscan(row, &name, &version, &latest); err != nil {
				t.Fatal(err)
			}
			for _, next := range []store.Stamp{version - 1, version + 1} { // no version is there
				q := store.VersionQuery{Query: store.Query{Limit: 100, Reverse: reverse, Marker: name}, VersionMarker: next}
				from := i
				if (next < version) != reverse {
					from = i + 1
				}
				if got := w.page(q); !slices.Equal(got, all[from:]) {
					t.Errorf("reverse %v, behind %s %d:\n%q, want\n%q", reverse, name, next, got, all[from:])
				}
			}
		}
	}
}

// A page deep among the versions of one name costs no more than the first.
func TestPageOfVersionsReadsNothingBeforeItsMarker(t *testing.T) {
	engine := memkv.New(memkv.Options{Adversarial: true, Seed: 5, Covers: store.Covers, Fail: func(m string) { t.Error(m) }})
	w := newWorld(t, engine, memblob.New(memblob.Options{}))
	w.versioned(3500, "a")
	trips := func(q store.VersionQuery) int64 {
		before := engine.RoundTrips()
		if got := w.page(q); len(got) != 10 {
			t.Fatalf("%d rows", len(got))
		}
		return engine.RoundTrips() - before
	}
	all := w.page(store.VersionQuery{Query: store.Query{Limit: 4000}})
	var name string
	var version store.Stamp
	var latest bool
	if _, err := fmt.Sscan(all[3300], &name, &version, &latest); err != nil {
		t.Fatal(err)
	}
	first := trips(store.VersionQuery{Query: store.Query{Limit: 10}})
	deep := trips(store.VersionQuery{Query: store.Query{Limit: 10, Marker: name}, VersionMarker: version})
	if deep > first+1 { // one look tells whether the name has newer versions
		t.Errorf("%d round trips for the first page, %d for one behind 3300 versions", first, deep)
	}
}
