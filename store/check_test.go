package store_test

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"strings"
	"testing"
	"time"

	"entrepot/store"
	"entrepot/store/blob"
	"entrepot/store/kv"
)

// check runs a check and returns its report and what it found, a line each.
func (w *world) check(opt store.CheckOptions) (store.CheckReport, string) {
	w.t.Helper()
	var lines []string
	opt.Found = func(f store.Finding) {
		lines = append(lines, fmt.Sprintf("%s: %s (%v)", f.Where, f.Reason, f.Repaired))
	}
	r, err := w.Check(w.t.Context(), opt)
	if err != nil {
		w.t.Fatal(err)
	}
	if int(r.Findings) != len(lines) {
		w.t.Errorf("%d findings, %d told", r.Findings, len(lines))
	}
	return r, strings.Join(lines, "\n")
}

// fill makes rows in nearly every table.
func (w *world) fill() {
	w.t.Helper()
	now, c := w.Now(), w.container.ID
	w.put("big", 5000, time.Time{})
	w.put("small", 10, now.Time().Add(time.Hour))
	w.put("empty", 0, time.Time{})
	w.put("folder/x", 11, time.Time{})
	w.share("big", "folder/copy")
	locks := []store.Guard{store.LockContainer(c, false), store.LockUser("anna"), store.LockReplay([32]byte{1}), store.LockDepot(5, false)}
	w.update(locks, func(tx *store.Tx) error {
		tx.PutLock(&store.Lock{Container: c, Path: "big", Token: "token", Exclusive: true}, true)
		tx.AddJournal(&store.Journal{Container: c, Time: now, Name: "big", Action: "put"})
		d := store.Depot{ID: 5, Owner: "anna", Account: "press", Users: []string{"anna"}, Targets: []string{"otto"}, Claims: []string{"otto"}}
		tx.PutDepot(&store.Depot{ID: 5, Owner: "anna"}, &d)
		tx.AddDepotEntry(&d, &store.DepotEntry{Time: now, Command: "create"})
		tx.PutInvitation(&store.Invitation{User: "otto", Depot: 5, Time: now, Epoch: 1})
		tx.AddDepotCall(&store.DepotCall{Time: now, ID: 1, Command: "create"})
		if err := tx.Remember([32]byte{1}, now+100, now); err != nil {
			return err
		}
		if err := tx.PutToken(&store.Token{Digest: [32]byte{2}, User: "anna", Issue: 3}, func(store.Token) bool { return false }); err != nil {
			return err
		}
		return tx.PutProp(&w.container, "big", store.DeadProp{Space: "s", Name: "n", Value: make([]byte, 100_000)})
	})
}

func TestCheckOfASoundStoreFindsNothing(t *testing.T) {
	w, _ := hostile(t)
	w.fill()
	w.abandon(5000)
	for _, opt := range []store.CheckOptions{{}, {Content: true}, {Content: true, Repair: true}} {
		r, lines := w.check(opt)
		if lines != "" || !r.Sound() || r.Orphans != 1 || r.Content != 3 || r.Rows < 20 || opt.Content != (r.Bytes == 5021) {
			t.Errorf("%+v\n%s", r, lines)
		}
	}
	if w.events() != "" {
		t.Error(w.events())
	}
}

func TestCheckFindsAndMendsWhatIsDerived(t *testing.T) {
	c := id8(77)
	for _, plant := range []struct {
		what    string
		do      func(w *world, tx kv.Tx)
		finding string
		mends   bool
	}{
		{"a counter", func(_ *world, tx kv.Tx) { tx.Add(kv.Key{Table: tableCounters, Row: append([]byte{1}, c...)}, 3) }, "it says 8 objects, there are 5", true},
		{"bytes of an account", func(_ *world, tx kv.Tx) { tx.Add(kv.Key{Table: tableCounters, Row: []byte("\x08press")}, -3) }, `account "press": it says`, true},
		{"bytes of a depot", func(_ *world, tx kv.Tx) { tx.Add(kv.Key{Table: tableCounters, Row: append([]byte{9}, id8(5)...)}, 1) }, "counter of depot 5", true},
		{"a list of users", func(_ *world, tx kv.Tx) { tx.Delete(kv.Key{Table: 4, Row: []byte("press\x00anna")}) }, "not in the list of its account", true},
		{"a user who is not", func(_ *world, tx kv.Tx) { tx.Put(kv.Key{Table: 4, Row: []byte("press\x00otto")}, nil) }, "the user does not exist", true},
		{"a container's name", func(_ *world, tx kv.Tx) { tx.Delete(kv.Key{Table: tableNames, Row: []byte("press\x00photos")}) }, "no name of account", true},
		{"a container of a depot", func(_ *world, tx kv.Tx) { tx.Delete(kv.Key{Table: 24, Row: append(id8(5), c...)}) }, "not in the list of its depot", true},
		{"a lock's token", func(_ *world, tx kv.Tx) { tx.Delete(kv.Key{Table: 19, Row: []byte("token")}) }, "its token does not lead to it", true},
		{"a token's lock", func(_ *world, tx kv.Tx) { tx.Put(kv.Key{Table: 19, Row: []byte("other")}, seal(append(id8(77), 'x'))) }, "the lock does not exist", true},
		{"a depot's owner", func(_ *world, tx kv.Tx) { tx.Delete(kv.Key{Table: 21, Row: append([]byte("anna\x00"), id8(5)...)}) }, "not in the list of its owner", true},
		{"a depot's user", func(_ *world, tx kv.Tx) { tx.Put(kv.Key{Table: 22, Row: append([]byte("otto\x00"), id8(5)...)}, nil) }, "names him not", true},
		{"a target", func(_ *world, tx kv.Tx) { tx.Delete(kv.Key{Table: 53, Row: append([]byte("otto\x00"), id8(5)...)}) }, "not in the list of its user otto", true},
		{"a claim of a stranger", func(_ *world, tx kv.Tx) { tx.Put(kv.Key{Table: 54, Row: append([]byte("anna\x00"), id8(5)...)}, nil) }, "names him not", true},
		{"whom a depot invited", func(_ *world, tx kv.Tx) { tx.Delete(kv.Key{Table: 56, Row: append(id8(5), "otto"...)}) }, "it is not in the list of its depot", true},
		{"an invitation", func(_ *world, tx kv.Tx) { tx.Delete(kv.Key{Table: 55, Row: append([]byte("otto\x00"), id8(5)...)}) }, "there is no such invitation", true},
		{"a line of the depot API's log", func(_ *world, tx kv.Tx) { tx.Put(kv.Key{Table: 57, Row: make([]byte, 9)}, nil) }, "has not the form", false},
		{"a replay's time", func(_ *world, tx kv.Tx) { _, _ = tx.DeleteRange(kv.Range{Table: 26}, 10) }, "when it may be forgotten", true},
		{"a token of a user", func(_ *world, tx kv.Tx) { tx.Delete(kv.Key{Table: 6, Row: append([]byte("anna\x00"), id8(3)...)}) }, "not in the list of its user", true},
		{"an expiry", func(_ *world, tx kv.Tx) { _, _ = tx.DeleteRange(kv.Range{Table: tableQueue}, 10) }, "not queued for the end", true},
		{"an owner", func(_ *world, tx kv.Tx) { _, _ = tx.DeleteRange(kv.Range{Table: tableOwners}, 1) }, "not among the owners", true},
		{"an owner that is not", func(w *world, tx kv.Tx) {
			row := append([]byte{}, make([]byte, 16)...)
			tx.Put(kv.Key{Table: tableOwners, Row: append(row, id8(9)...)}, nil)
		}, "no object owns", true},
		{"an object outside of containers", func(_ *world, tx kv.Tx) {
			_, values := valuesOf(tx, tableObjects, append(c, "empty"...))
			tx.Put(kv.Key{Table: tableObjects, Row: append(id8(99), 'x')}, values[0])
		}, "container 99 does not exist", false},
		{"a record", func(_ *world, tx kv.Tx) {
			rows, values := valuesOf(tx, tableObjects, append(c, "small"...))
			tx.Put(kv.Key{Table: tableObjects, Row: rows[0]}, flip(values[0]))
		}, `container 77, "small": record: value is damaged`, false},
		{"a past property", func(_ *world, tx kv.Tx) {
			tx.Put(kv.Key{Table: tablePastProps, Row: append(c, "a\x00s\x00n\x00\x00"...)}, nil)
		}, "past property row", false},
		{"a property that ended before it was written", func(_ *world, tx kv.Tx) {
			tx.Put(kv.Key{Table: tablePastProps, Row: append(c, "a\x00s\x00n\x00000000000000000f\x00"...)}, seal([]byte{1, 48 << 1, 9})) // a record: its version, the tag of a number, 9
		}, "written in epoch 15, it ended in epoch", false},
		{"past of no container", func(_ *world, tx kv.Tx) {
			tx.Put(kv.Key{Table: tablePastProps, Row: append(id8(99), "a\x00s\x00n\x000000000000000001\x00"...)}, seal([]byte{1, 48 << 1, 2}))
		}, "container 99 does not exist", false},
		{"work of no kind", func(_ *world, tx kv.Tx) { tx.Put(kv.Key{Table: tableQueue, Row: make([]byte, 20)}, nil) }, "no work of kind 0", false},
	} {
		t.Run(plant.what, func(t *testing.T) {
			w, _ := hostile(t)
			w.fill()
			w.plant(func(tx kv.Tx) { plant.do(w, tx) })
			r, lines := w.check(store.CheckOptions{})
			if r.Sound() || !strings.Contains(lines, plant.finding) || r.Repaired != 0 {
				t.Errorf("%+v\n%s", r, lines)
			}
			r, lines = w.check(store.CheckOptions{Repair: true})
			if r.Sound() != plant.mends {
				t.Errorf("repair: %+v\n%s", r, lines)
			}
			if again, lines := w.check(store.CheckOptions{}); again.Sound() != plant.mends {
				t.Errorf("after the repair: %+v\n%s", again, lines)
			}
		})
	}
}

// valuesOf reads rows inside a transaction.
func valuesOf(tx kv.Tx, t kv.Table, prefix []byte) (rows, values [][]byte) {
	page, err := tx.Scan(kv.Prefix(t, prefix), 100)
	if err != nil {
		return nil, nil
	}
	for _, item := range page.Items {
		rows, values = append(rows, append([]byte{}, item.Row...)), append(values, append([]byte{}, item.Value...))
	}
	return rows, values
}

func TestCheckFindsDamagedContentAndRepairQuarantinesIt(t *testing.T) {
	w, blobs := hostile(t)
	flipped, lost, cut := w.put("flipped", 5000, time.Time{}), w.put("lost", 5000, time.Time{}), w.put("cut", 5000, time.Time{})
	small := w.put("small", 10, time.Time{})
	blobs.Damage(flipped.Content.Blob, flip)
	blobs.Damage(cut.Content.Blob, func(b []byte) []byte { return b[:10] })
	if err := blobs.Remove(t.Context(), lost.Content.Blob); err != nil {
		t.Fatal(err)
	}
	w.spoilRow(small.Content.Blob[:])
	r, lines := w.check(store.CheckOptions{})
	for _, want := range []string{`object "lost"`, `object "cut"`, `object "small"`} {
		if !strings.Contains(lines, want) || strings.Contains(lines, "flipped") {
			t.Errorf("%+v\n%s", r, lines)
		}
	}
	if list, err := w.Quarantine(t.Context(), blob.ID{}, 10); err != nil || len(list) != 0 {
		t.Error("a check without repair wrote", list, err)
	}
	if r, lines := w.check(store.CheckOptions{Content: true, Repair: true}); r.Sound() || !strings.Contains(lines, `object "flipped"`) {
		t.Errorf("%+v\n%s", r, lines)
	}
	if list, err := w.Quarantine(t.Context(), blob.ID{}, 10); err != nil || len(list) != 4 {
		t.Error(list, err)
	}
}

func TestRepairAcquitsContentThatWasPutRight(t *testing.T) {
	w, blobs := hostile(t)
	o := w.put("a", 5000, time.Time{})
	blobs.Damage(o.Content.Blob, flip)
	if _, err := w.read("a"); err == nil {
		t.Fatal("damage was served")
	}
	w.clock.advance(time.Second)
	blobs.Damage(o.Content.Blob, flip) // the operator put the file back
	if r, lines := w.check(store.CheckOptions{}); r.Sound() || !strings.Contains(lines, "it is in quarantine") {
		t.Errorf("%+v\n%s", r, lines)
	}
	if r, lines := w.check(store.CheckOptions{Content: true, Repair: true}); !r.Sound() || r.Repaired != 1 {
		t.Errorf("%+v\n%s", r, lines)
	}
	if _, err := w.read("a"); err != nil || !strings.HasPrefix(w.events(), "damage ") || len(w.events()) != len("damage sound repair") {
		t.Error(err, w.events())
	}
}

func TestCheckBesideWritersFindsNothing(t *testing.T) {
	w, _ := hostile(t)
	w.fill()
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			name := fmt.Sprintf("w/%d", i%20)
			w.put(name, 50+i%3*100, time.Time{})
			if i%5 == 0 {
				w.delete(name)
			}
		}
	}()
	for range 10 {
		if r, lines := w.check(store.CheckOptions{Content: true}); !r.Sound() {
			t.Errorf("%+v\n%s", r, lines)
		}
	}
	close(stop)
	<-done
}

func TestCheckOfADetachedContainerWaitsForTheReaper(t *testing.T) {
	w, _ := hostile(t)
	w.fill()
	w.plant(func(tx kv.Tx) { // as between the detaching and the reaping
		tx.Delete(kv.Key{Table: tableContainers, Row: id8(77)})
		tx.Delete(kv.Key{Table: tableNames, Row: []byte("press\x00photos")})
		tx.Delete(kv.Key{Table: 24, Row: append(id8(5), id8(77)...)})
		for _, k := range []string{"\x06press", "\x07press", "\x08press", "\x09" + string(id8(5))} {
			tx.Delete(kv.Key{Table: tableCounters, Row: []byte(k)})
		}
		tx.Put(kv.Key{Table: tableQueue, Row: append(append([]byte{2}, id8(1<<40)...), id8(77)...)}, nil)
	})
	if r, lines := w.check(store.CheckOptions{}); !r.Sound() {
		t.Errorf("%+v\n%s", r, lines)
	}
	w.Drain(t.Context())
	if r, lines := w.check(store.CheckOptions{}); !r.Sound() || r.Content != 0 {
		t.Errorf("%+v\n%s", r, lines)
	}
}

// seal appends the checksum that rows outside records have.
func seal(b []byte) []byte {
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)))
}
