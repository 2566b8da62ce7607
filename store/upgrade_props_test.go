package store_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"entrepot/store"
	"entrepot/store/kv"
)

// withoutEpochs makes the properties of a closed store, and its format, those
// that a program of format 4 left.
func (w *world) withoutEpochs(values map[string]string) {
	w.t.Helper()
	format := kv.Key{Table: 1, Row: []byte("format")}
	err := w.engine.Update(w.t.Context(), []kv.Lock{{Key: format}}, func(tx kv.Tx) error {
		page, err := tx.Scan(kv.Range{Table: tableProps}, 10_000)
		if err != nil {
			return err
		}
		for _, item := range page.Items {
			path, _, _ := strings.Cut(string(item.Row[8:]), "\x00")
			value := values[path]
			fields := append([]byte{1, 2<<1 | 1, byte(len(value))}, value...) // version 1, the value
			tx.Put(kv.Key{Table: tableProps, Row: []byte(string(item.Row))}, seal(fields))
		}
		tx.Put(format, []byte("4"))
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

// makeEmpty writes an object without content in the container's epoch, in place of
// what has its name.
func (w *onEngine) makeEmpty(name string) {
	w.t.Helper()
	now := w.Now()
	w.update(w.whole(), func(tx *store.Tx) error {
		old, found, err := tx.Object(w.container.ID, name)
		if err != nil {
			return err
		}
		o := &store.Object{Name: name, Born: w.container.Epoch, Created: now, Written: now, Timestamp: now, ContentType: "text/plain"}
		if !found {
			tx.PutObject(&w.container, nil, o, now)
			return nil
		}
		o.Timestamp = old.Timestamp.After(now)
		tx.PutObject(&w.container, &old, o, now)
		return nil
	})
}

// What a snapshot from before the upgrade shows has the properties of the
// upgrade; what was made since has none there, so that nothing that is made out
// of the snapshot has properties of files that it has not.
func upgradeGivesPropertiesEpochs(t *testing.T, w *onEngine) {
	set := map[string]string{"": "container", "kept": "1", "again": "2", "old/": "3", "twin/": "4", "new": "5", "fresh/": "6", "odd": "7", "gone": "8"}
	for _, name := range []string{"kept", "again", "gone", "old/", "twin"} {
		w.makeEmpty(name)
	}
	first := w.snapshot("s1")
	w.delete("gone")
	for _, name := range []string{"again", "gone", "new", "fresh/"} {
		w.makeEmpty(name)
	}
	for path, value := range set {
		w.setProp(path, "p", value)
	}
	second := w.snapshot("s2")
	w.withoutEpochs(set)
	w.reopen()
	want(t, "what the first snapshot shows", w.propsAt(first),
		": p=conta(9,) ; again: p=2(1,) ; gone: p=8(1,) ; kept: p=1(1,) ; odd: p=7(1,) ; old/: p=3(1,) ; twin/: p=4(1,) ; ")
	all := ": p=conta(9,) ; again: p=2(1,) ; fresh/: p=6(1,) ; gone: p=8(1,) ; kept: p=1(1,) ; new: p=5(1,) ; odd: p=7(1,) ; old/: p=3(1,) ; twin/: p=4(1,) ; "
	want(t, "what the second snapshot shows", w.propsAt(second), all)
	w.setProp("new", "p", "")
	w.setProp("kept", "p", "changed")
	want(t, "the second snapshot after changes", w.propsAt(second), all)
	if r, text := w.check(store.CheckOptions{}); r.Findings != 0 {
		t.Errorf("check after the upgrade:\n%s", text)
	}
}

// Properties are upgraded page by page.
func TestUpgradeOfPropertiesGoesInPages(t *testing.T) {
	w, blobs := hostile(t)
	on := &onEngine{w, inMemory(w.engine)}
	first := on.snapshot("s1")
	set := make(map[string]string)
	for i := range 1200 {
		path := fmt.Sprintf("f%04d", i)
		if set[path] = "v"; i%100 == 0 {
			on.makeEmpty(path)
		}
	}
	on.update(on.whole(), func(tx *store.Tx) error {
		for path := range set {
			if err := tx.PutProp(&w.container, path, store.DeadProp{Name: "p", Value: []byte("v")}); err != nil {
				return err
			}
		}
		return nil
	})
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	w.withoutEpochs(set)
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
	want(t, "interruptions", tries, 2)
	w.open()
	want(t, "properties of what the snapshot does not know", strings.Count(on.propsAt(first), "p=v"), 1200-12)
}
