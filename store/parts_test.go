package store_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"entrepot/gateway/errs"
	"entrepot/store"
	"entrepot/store/kv"
)

const tableParts kv.Table = 65

// join makes one object of others, whose content becomes its parts, and returns
// its bytes.
func (w *world) join(name string, pieces ...string) []byte {
	w.t.Helper()
	sum, all := store.NewDigest(), []byte{}
	for _, piece := range pieces {
		data, err := w.read(piece)
		if err != nil {
			w.t.Fatal(piece, err)
		}
		all = append(all, data...)
	}
	_, _ = sum.Write(all)
	w.update([]store.Guard{store.LockContainer(w.container.ID, false), store.LockDepot(5, true)}, func(tx *store.Tx) error {
		now := w.Now()
		var parts []store.Content
		for _, piece := range pieces {
			o, found, err := tx.Object(w.container.ID, piece)
			if err != nil || !found {
				return errors.Join(err, errors.New("nothing to take"))
			}
			parts = append(parts, tx.TakeContent(&w.container, &o, now))
		}
		content, err := tx.PutParts(parts, sum.Digests(), now)
		if err != nil {
			return err
		}
		o := store.Object{Name: name, Created: now, Written: now, Timestamp: now, ContentType: "text/plain", Content: content}
		tx.PutObject(&w.container, nil, &o, now)
		return nil
	})
	return all
}

// pieces puts objects of these sizes and returns their names.
func (w *world) pieces(sizes ...int) (names []string) {
	w.t.Helper()
	for i, n := range sizes {
		names = append(names, fmt.Sprintf("piece/%04d", i))
		w.put(names[i], n, time.Time{})
	}
	return names
}

// joined opens an object that consists of parts.
func (w *world) joined(name string) store.ContentReader {
	w.t.Helper()
	o, found := w.object(name)
	if !found || o.Content.Parts == 0 {
		w.t.Fatalf("%s consists of %d parts (%v)", name, o.Content.Parts, found)
	}
	r, err := w.OpenObject(w.t.Context(), w.container.ID, &o)
	if err != nil {
		w.t.Fatal(err)
	}
	return r
}

func (w *world) quarantined(c store.Content) (is bool) {
	w.t.Helper()
	err := w.View(w.t.Context(), func(v *store.View) (err error) {
		is, err = v.Quarantined(c)
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return is
}

// Content that consists of parts is copied, replaced and removed as other
// content is, and every range of it reads as if it were one run.
func partsAreOneContent(t *testing.T, w *onEngine) {
	data := w.join("joined", w.pieces(5000, 10, 0, 64, 65, 300_000, 1)...)
	w.holds("joined", data)
	r := w.joined("joined")
	for _, at := range [][2]int{{0, 0}, {0, 1}, {4999, 2}, {5000, 10}, {5009, 66}, {0, len(data)}, {len(data) - 1, 1}, {5073, 200_000}, {len(data), 0}} {
		off, n := at[0], at[1]
		var out bytes.Buffer
		if m, err := r.WriteRange(&out, int64(off), int64(n)); err != nil || int(m) != n || !bytes.Equal(out.Bytes(), data[off:off+n]) {
			t.Errorf("bytes %d+%d: %d, %v", off, n, m, err)
		}
		got := make([]byte, n)
		if m, err := r.ReadAt(got, int64(off)); err != nil || m != n || !bytes.Equal(got, data[off:off+n]) {
			t.Errorf("reading at %d+%d: %d, %v", off, n, m, err)
		}
	}
	if _, err := r.WriteRange(&bytes.Buffer{}, 1, int64(len(data))); err == nil {
		t.Error("a range behind the end was written")
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	if objects, size := w.counts(); objects != 1 || size != int64(len(data)) {
		t.Errorf("%d objects, %d bytes are counted", objects, size)
	}
	w.share("joined", "copy")
	w.delete("joined")
	w.Drain(t.Context())
	w.holds("copy", data)
	w.reopen()
	w.holds("copy", data)
	w.put("copy", 7, time.Time{})
	want(t, "content", w.content(), 1)
	if rows, _ := w.rows(tableParts, nil); len(rows) != 0 {
		t.Error("the list of parts is left")
	}
}

// A list of many parts lies in several rows.
func manyParts(t *testing.T, w *onEngine) {
	sizes := make([]int, 600)
	for i := range sizes {
		sizes[i] = 1 + i%50
	}
	data := w.join("many", w.pieces(sizes...)...)
	if rows, _ := w.rows(tableParts, nil); len(rows) != 3 {
		t.Errorf("%d rows of parts", len(rows))
	}
	w.holds("many", data)
	r := w.joined("many")
	for off := 0; off+700 < len(data); off += 331 {
		got := make([]byte, 700)
		if _, err := r.ReadAt(got, int64(off)); err != nil || !bytes.Equal(got, data[off:off+700]) {
			t.Fatalf("reading at %d: %v", off, err)
		}
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	if st, err := w.Scrub(t.Context(), 0); err != nil || st.Content != 1 || st.Bytes != int64(len(data)) || st.Damaged != 0 {
		t.Errorf("%+v %v", st, err)
	}
	if report, text := w.check(store.CheckOptions{Content: true}); !report.Sound() || report.Orphans != 0 {
		t.Errorf("%+v\n%s", report, text)
	}
	w.delete("many")
	want(t, "content", w.content(), 0)
}

// Parts that something else refers to as well stay when the list goes, and the
// list's when that goes.
func partsAreShared(t *testing.T, w *onEngine) {
	names := w.pieces(5000, 10)
	w.share(names[0], "other")
	data := w.join("joined", names...)
	first := data[:5000]
	w.delete("other")
	w.Drain(t.Context())
	w.holds("joined", data)
	names = w.pieces(5000, 10)
	w.share(names[0], "other")
	w.delete("joined")
	w.join("joined", names...)
	w.delete("joined")
	want(t, "content", w.content(), 1)
	w.holds("other", first)
}

func TestOnePartIsTheContentItselfAndNoneIsNoContent(t *testing.T) {
	w, _ := hostile(t)
	data := w.join("one", w.pieces(0, 5000, 0)...)
	o, _ := w.object("one")
	if o.Content.Parts != 0 || o.Content.Size != 5000 || len(o.Content.SHA1) != 20 {
		t.Errorf("%+v", o.Content)
	}
	if got, err := w.read("one"); err != nil || !bytes.Equal(got, data) {
		t.Error(err)
	}
	w.join("none", w.pieces(0, 0)...)
	if o, found := w.object("none"); !found || !o.Content.Blob.IsZero() || o.Content.Size != 0 {
		t.Errorf("%+v", o.Content)
	}
}

func TestAReaderOfPartsOutlivesTheirRemoval(t *testing.T) {
	w, blobs := hostile(t)
	data := w.join("joined", w.pieces(5000, 10, 5000)...)
	o, _ := w.object("joined")
	r := w.joined("joined")
	w.delete("joined")
	w.Drain(t.Context())
	if rep := w.sweep(0); rep.Removed != 0 {
		t.Errorf("the sweep removed what is being read: %+v", rep)
	}
	if rep, text := w.check(store.CheckOptions{Content: true}); rep.Findings != 0 {
		t.Errorf("a removal that waits for a reader is found fault with: %s", text)
	}
	got := make([]byte, len(data))
	if _, err := r.ReadAt(got, 0); err != nil || !bytes.Equal(got, data) {
		t.Error(err)
	}
	if err := errors.Join(r.Close(), r.Close()); err != nil {
		t.Error(err)
	}
	w.Drain(t.Context())
	if n, err := w.ContentCount(t.Context()); err != nil || n != 0 || blobs.Len() != 0 {
		t.Errorf("%d left, %v", n, err)
	}
	if _, err := w.OpenObject(t.Context(), w.container.ID, &o); errs.Of(err) != errs.NotFound {
		t.Error(err)
	}
}

// Damage of one part is found by every reader before anything is sent, and
// only that part is kept when the object goes.
func TestDamageOfAPartIsFoundAndKept(t *testing.T) {
	for _, how := range []string{"scrub", "read", "check"} {
		w, blobs := hostile(t)
		names := w.pieces(5000, 10, 6000)
		bad, _ := w.object(names[2])
		w.join("joined", names...)
		blobs.Damage(bad.Content.Blob, flip)
		switch how {
		case "scrub":
			if st, err := w.Scrub(t.Context(), 0); err != nil || st.Damaged != 1 || st.Failed != 0 {
				t.Errorf("%+v %v", st, err)
			}
		case "read":
			if data, err := w.read("joined"); err == nil || len(data) != 5010 {
				t.Errorf("%d bytes, %v", len(data), err)
			}
		case "check":
			if r, text := w.check(store.CheckOptions{Content: true, Repair: true}); r.Findings != 1 || !strings.Contains(text, bad.Content.Blob.String()) {
				t.Errorf("%+v\n%s", r, text)
			}
		}
		list, err := w.Quarantine(t.Context(), [16]byte{}, 10)
		if err != nil || len(list) != 1 || list[0].Blob != bad.Content.Blob {
			t.Fatalf("%s: %+v %v", how, list, err)
		}
		if o, _ := w.object("joined"); !w.quarantined(o.Content) {
			t.Errorf("%s: the whole does not count as damaged", how)
		}
		if data, err := w.read("joined"); err == nil || len(data) != 0 {
			t.Errorf("%s: %d bytes of damaged content are served, %v", how, len(data), err)
		}
		w.clock.advance(time.Hour)
		if st, err := w.Scrub(t.Context(), 0); err != nil || st.Damaged != 1 {
			t.Errorf("%s, next pass: %+v %v", how, st, err)
		}
		blobs.Damage(bad.Content.Blob, flip) // it reads well again
		if r, text := w.check(store.CheckOptions{Content: true, Repair: true}); r.Findings != 1 || r.Repaired != 1 {
			t.Errorf("%s: %s", how, text)
		}
		if _, err := w.read("joined"); err != nil {
			t.Error(how, err)
		}
		blobs.Damage(bad.Content.Blob, flip)
		_, _ = w.Scrub(t.Context(), 0)
		_, _ = w.read("joined")
		w.delete("joined")
		w.Drain(t.Context())
		if blobs.Len() != 1 {
			t.Errorf("%s: %d files are kept", how, blobs.Len())
		}
	}
}

// A digest of the whole that is not that of the parts is found although every
// part is what its list says.
func TestTheDigestOfJoinedContentIsChecked(t *testing.T) {
	w, _ := hostile(t)
	w.join("joined", w.pieces(5000, 10)...)
	w.update(w.locks("joined"), func(tx *store.Tx) error {
		o, _, err := tx.Object(w.container.ID, "joined")
		next := o
		next.Content.MD5[0] ^= 1
		tx.PutObject(&w.container, &o, &next, w.Now())
		return err
	})
	if r, text := w.check(store.CheckOptions{Content: true}); r.Findings != 1 || !strings.Contains(text, "MD5") {
		t.Errorf("%+v %s", r, text)
	}
	if st, err := w.Scrub(t.Context(), 0); err != nil || st.Damaged != 1 {
		t.Errorf("%+v %v", st, err)
	}
}

func TestCheckFindsBrokenListsOfParts(t *testing.T) {
	sizes := make([]int, 600)
	for i := range sizes {
		sizes[i] = 3
	}
	for what, harm := range map[string]func(w *world, rows [][]byte){
		"first row": func(w *world, rows [][]byte) {
			w.plant(func(tx kv.Tx) { tx.Delete(kv.Key{Table: tableParts, Row: rows[0]}) })
		},
		"row between": func(w *world, rows [][]byte) {
			w.plant(func(tx kv.Tx) { tx.Delete(kv.Key{Table: tableParts, Row: rows[1]}) })
		},
		"last row": func(w *world, rows [][]byte) {
			w.plant(func(tx kv.Tx) { tx.Delete(kv.Key{Table: tableParts, Row: rows[2]}) })
		},
		"flipped bit": func(w *world, rows [][]byte) { w.spoil(tableParts, rows[1]) },
	} {
		w, _ := hostile(t)
		w.join("joined", w.pieces(sizes...)...)
		rows, _ := w.rows(tableParts, nil)
		harm(w, rows)
		if r, text := w.check(store.CheckOptions{}); r.Findings == 0 {
			t.Errorf("%s: nothing is found %s", what, text)
		}
		if data, err := w.read("joined"); err == nil {
			t.Errorf("%s: %d bytes are served", what, len(data))
		}
	}
}

func TestASweepRemovesAListThatNothingNamesWithItsParts(t *testing.T) {
	w, blobs := hostile(t)
	w.join("joined", w.pieces(5000, 10, 5000)...)
	w.put("else", 5000, time.Time{})
	if r := w.sweep(0); r.Found != 0 || r.Content != 5 {
		t.Errorf("%+v", r)
	}
	w.plant(func(tx kv.Tx) {
		tx.Delete(kv.Key{Table: tableObjects, Row: append(id8(w.container.ID), "joined"...)})
	})
	r := w.sweep(0)
	if r.Found != 1 || r.Removed != 1 || !r.Orphans[0].Parts {
		t.Errorf("%+v", r)
	}
	w.Drain(t.Context())
	if n, err := w.ContentCount(t.Context()); err != nil || n != 1 || blobs.Len() != 1 {
		t.Error(n, err)
	}
}

func TestBackupsHoldWhatConsistsOfParts(t *testing.T) {
	v := newVault(t)
	names := v.pieces(5000, 10, 6000)
	v.share(names[0], "other")
	data := v.join("joined", names...)
	v.share("joined", "copy")
	if r := v.mustBackup(true); r.Content != 2 || r.Bytes != 11_000 {
		t.Errorf("%+v", r)
	}
	w, _, err := v.restore()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"joined", "copy"} {
		if got, err := w.read(name); err != nil || !bytes.Equal(got, data) {
			t.Errorf("%s: %d bytes, %v", name, len(got), err)
		}
	}
	if r, lines := w.check(store.CheckOptions{Content: true}); !r.Sound() || r.Orphans != 0 {
		t.Errorf("%+v\n%s", r, lines)
	}
}

func TestWrongPartsAreRefused(t *testing.T) {
	w, _ := hostile(t)
	o := w.put("a", 5000, time.Time{})
	locks := w.locks("a")
	for what, parts := range map[string][]store.Content{
		"a size that is not the digests'": {o.Content},
		"a part of parts":                 {{Size: 5000, Blob: o.Content.Blob, Parts: 2}},
		"a part of nothing":               {{Size: 5000}},
	} {
		err := w.Update(t.Context(), locks, func(tx *store.Tx) error {
			_, err := tx.PutParts(parts, store.Digests{Size: 4999}, w.Now())
			return err
		})
		if err == nil {
			t.Errorf("%s is taken", what)
		}
	}
	many := make([]store.Content, store.MaxParts+1)
	for i := range many {
		many[i] = store.Content{Size: 1, Blob: o.Content.Blob}
	}
	err := w.Update(t.Context(), locks, func(tx *store.Tx) error {
		_, err := tx.PutParts(many, store.Digests{Size: int64(len(many))}, w.Now())
		return err
	})
	if errs.ReasonOf(err) != errs.TooMany {
		t.Error(err)
	}
}
