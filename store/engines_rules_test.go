package store_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"entrepot/gateway/errs"
	"entrepot/store"
	"entrepot/store/kv"
)

func putOverwriteDelete(t *testing.T, w *onEngine) {
	w.put("small", 40, time.Time{})
	w.put("large", 5000, time.Time{})
	w.put("empty", 0, time.Time{})
	objects, size := w.counts()
	want(t, "objects", objects, 3)
	want(t, "bytes", size, 5040)
	want(t, "content", w.content(), 2)
	other := bytesOf("other", 70)
	w.putBytes("small", other, time.Time{}) // from the engine into a blob
	w.put("large", 10, time.Time{})         // and the reverse
	w.holds("small", other)
	w.holds("large", bytesOf("large", 10))
	objects, size = w.counts()
	want(t, "objects after overwriting", objects, 3)
	want(t, "bytes after overwriting", size, 80)
	want(t, "content after overwriting", w.content(), 2)
	var account, depot int64
	w.look(func(v *store.View) error {
		b := v.Batch()
		b.CountOf(store.CountAccountBytes, "press", &account)
		b.Count(store.CountDepotBytes, 5, &depot)
		return b.Do()
	})
	want(t, "bytes of the account", account, 80)
	want(t, "bytes of the depot", depot, 80)
	for _, name := range []string{"small", "large", "empty"} {
		w.delete(name)
	}
	objects, size = w.counts()
	want(t, "objects after deletion", objects, 0)
	want(t, "bytes after deletion", size, 0)
	want(t, "content after deletion", w.content(), 0)
	if _, err := w.read("small"); errs.Of(err) != errs.NotFound {
		t.Errorf("deleted object reads %v", err)
	}
}

func copiesShare(t *testing.T, w *onEngine) {
	for name, size := range map[string]int{"inline": 30, "blob": 3000} {
		w.put(name, size, time.Time{})
		w.share(name, name+" copy")
		w.share(name+" copy", name+" copy of copy")
		want(t, "content of three "+name, w.content(), 1)
		w.delete(name)
		w.put(name+" copy", 5, time.Time{})
		want(t, "content with one owner left", w.content(), 2)
		w.holds(name+" copy of copy", bytesOf(name, size))
		w.delete(name + " copy of copy")
		w.delete(name + " copy")
		want(t, "content without owners", w.content(), 0)
	}
}

func treeMoves(t *testing.T, w *onEngine) {
	for _, name := range []string{"a/", "a/x", "a/y", "a/deep/z", "a0", "b"} {
		w.put(name, len(name)%3*50, time.Time{})
	}
	prop := store.DeadProp{Space: "urn:x", Name: "p", Value: []byte("v")}
	w.update(w.whole(), func(tx *store.Tx) error { return tx.PutProp(&w.container, "a/deep/z", prop) })
	move := func(from, to string, most int) (moved int, err error) {
		err = w.Update(t.Context(), w.whole(), func(tx *store.Tx) (err error) {
			moved, err = tx.MoveTree(w.container.ID, from, to, most)
			return err
		})
		return moved, err
	}
	if _, err := move("a/", "c/", 3); errs.ReasonOf(err) != errs.TooMany {
		t.Errorf("move of too many = %v", err)
	}
	want(t, "names after the refusal", fmt.Sprint(w.names(store.Query{Limit: 100})), "[a/ a/deep/z a/x a/y a0 b]")
	moved, err := move("a/", "c/d/", 4)
	if err != nil {
		t.Fatal(err)
	}
	want(t, "moved", moved, 4)
	want(t, "names", fmt.Sprint(w.names(store.Query{Limit: 100})), "[a0 b c/d/ c/d/deep/z c/d/x c/d/y]")
	w.holds("c/d/deep/z", bytesOf("a/deep/z", len("a/deep/z")%3*50))
	w.look(func(v *store.View) error {
		props, err := v.Props(w.container.ID, "c/d/deep/z")
		if len(props) != 1 || string(props[0].Value) != "v" {
			t.Errorf("properties that moved along: %v", props)
		}
		return err
	})
}

func largeProperties(t *testing.T, w *onEngine) {
	value := bytesOf("value", 3*store.PropChunk+17)
	id := w.container.ID
	w.update(w.whole(), func(tx *store.Tx) error {
		err := tx.PutProp(&w.container, "dir/file", store.DeadProp{Space: "http://x/y", Name: "big", Lang: "de", Value: value})
		return errors.Join(err,
			tx.PutProp(&w.container, "dir/file", store.DeadProp{Space: "http://x/y", Name: "small", Value: []byte("1")}),
			tx.PutProp(&w.container, "dir/sub/", store.DeadProp{Name: "folder's"}),
			tx.PutProp(&w.container, "dir/sub/deep", store.DeadProp{Name: "deep"}))
	})
	w.look(func(v *store.View) error {
		props, err := v.Props(id, "dir/file")
		if err != nil || len(props) != 2 {
			return fmt.Errorf("%d properties, %w", len(props), err)
		}
		if p := props[0]; p.Space != "http://x/y" || p.Name != "big" || p.Lang != "de" || !bytes.Equal(p.Value, value) {
			t.Errorf("property {%s}%s of %d bytes", p.Space, p.Name, len(p.Value))
		}
		members, err := v.MemberProps(id, "dir/", "dir/", "", 0)
		var paths []string
		for _, m := range members {
			paths = append(paths, m.Path)
		}
		slices.Sort(paths)
		want(t, "members with properties", fmt.Sprint(paths), "[dir/file dir/sub/]")
		return err
	})
	w.update(w.whole(), func(tx *store.Tx) error { // replaced by a shorter one, in one transaction with a read
		if err := tx.PutProp(&w.container, "dir/file", store.DeadProp{Space: "http://x/y", Name: "big", Value: []byte("2")}); err != nil {
			return err
		}
		props, err := tx.Props(id, "dir/file")
		if len(props) != 2 || string(props[0].Value) != "2" {
			return fmt.Errorf("replaced property reads %v, %w", props, err)
		}
		return err
	})
	w.update(w.whole(), func(tx *store.Tx) error { return tx.DeletePropsBelow(&w.container, "dir/") })
	w.look(func(v *store.View) error {
		all, err := v.PropsBetween(id, "", "", 0)
		want(t, "properties left", len(all), 0)
		return err
	})
}

func locksAreFound(t *testing.T, w *onEngine) {
	id, now := w.container.ID, w.Now()
	lock := func(path, token string) *store.Lock {
		return &store.Lock{Container: id, Path: path, Token: token, Exclusive: true, User: "anna", Created: now, Expires: now + 100}
	}
	w.update(w.whole(), func(tx *store.Tx) error {
		for _, l := range []*store.Lock{lock("", "t0"), lock("a/", "t1"), lock("a/b", "t2"), lock("a/b", "t3"), lock("c", "t4")} {
			tx.PutLock(l, true)
		}
		tx.PutLock(lock("c", "t4"), false) // refreshed
		return nil
	})
	tokens := func(list []store.Lock) string {
		var all []string
		for _, l := range list {
			all = append(all, l.Token)
		}
		return strings.Join(all, " ")
	}
	w.look(func(v *store.View) error {
		at, err := v.LocksAt(id, "a/b")
		want(t, "locks of a path", tokens(at), "t2 t3")
		below, err2 := v.LocksBelow(id, "a/", 10)
		want(t, "locks below", tokens(below), "t1 t2 t3")
		between, err3 := v.LocksBetween(id, "a/b", "", 10)
		want(t, "locks between", tokens(between), "t2 t3 t4")
		l, found, err4 := v.LockByToken("t3")
		want(t, "lock by token", fmt.Sprint(l.Path, " ", found, l.Exclusive), "a/b true true")
		var n int64
		b := v.Batch()
		b.Count(store.CountContainerLocks, id, &n)
		err5 := b.Do()
		want(t, "count of locks", n, 5)
		return errors.Join(err, err2, err3, err4, err5)
	})
	w.update(w.whole(), func(tx *store.Tx) error {
		list, err := tx.LocksBelow(id, "", 10)
		for i := range list {
			tx.DeleteLock(&list[i])
		}
		return err
	})
	w.look(func(v *store.View) error {
		_, found, err := v.LockByToken("t3")
		want(t, "lock after its deletion", found, false)
		return err
	})
}

func depotsKeep(t *testing.T, w *onEngine) {
	now := w.Now()
	guards := []store.Guard{
		store.LockDepot(9, false), store.LockUser("anna"), store.LockUser("bert"), store.LockUser("cleo"),
		store.LockSequence(store.SequenceDepot),
	}
	d := store.Depot{ID: 9, Owner: "anna", Account: "press", Created: now, Users: []string{"bert"}}
	var numbers []uint64
	w.update(guards, func(tx *store.Tx) error {
		d := d
		tx.PutDepot(nil, &d)
		numbers = numbers[:0]
		for _, least := range []uint64{0, 100, 5} {
			n, err := tx.NextInSequence(store.SequenceDepot, least)
			if err != nil {
				return err
			}
			numbers = append(numbers, n)
		}
		return nil
	})
	want(t, "numbers of the sequence", fmt.Sprint(numbers), "[1 100 101]")
	w.update(guards, func(tx *store.Tx) error {
		old, found, err := tx.Depot(9)
		if err != nil || !found {
			return fmt.Errorf("depot is %v, %w", found, err)
		}
		next := old
		next.Users, next.StorageLimit = []string{"cleo"}, 1000
		tx.PutDepot(&old, &next)
		for _, command := range []string{"first", "second"} {
			tx.AddDepotEntry(&next, &store.DepotEntry{Time: now, Command: command})
		}
		return nil
	})
	w.look(func(v *store.View) error {
		owned, err := v.DepotsOf("Anna", 0, 10)
		bert, err2 := v.MemberOf("bert", 0, 10)
		cleo, err3 := v.MemberOf("cleo", 0, 10)
		log, err4 := v.DepotLog(9, 10)
		spaces, err5 := v.SpacesOf(5, 0, 10)
		want(t, "depots of the owner and of users", fmt.Sprint(owned, bert, cleo), "[5 9] [] [9]")
		want(t, "containers of the other depot", fmt.Sprint(spaces), "[77]")
		if len(log) != 2 || log[0].Command != "second" || log[1].Seq != 1 {
			t.Errorf("log is %+v", log)
		}
		return errors.Join(err, err2, err3, err4, err5)
	})
	w.update(guards, func(tx *store.Tx) error {
		d, _, err := tx.Depot(9)
		tx.DeleteDepot(&d)
		return err
	})
}

func detachAndReap(t *testing.T, w *onEngine) {
	for i := range 12 {
		w.put(fmt.Sprintf("dir/%d", i), i*20, time.Time{})
	}
	w.share("dir/11", "copy")
	old := w.container
	guards := []store.Guard{
		store.LockContainer(old.ID, false), store.LockName("press", "photos"), store.LockDepot(5, true), store.LockAccount("press", true),
	}
	w.update(append(guards, store.LockContainer(78, false)), func(tx *store.Tx) error {
		if err := tx.PutProp(&old, "dir/1", store.DeadProp{Name: "p"}); err != nil {
			return err
		}
		tx.PutLock(&store.Lock{Container: old.ID, Path: "dir/1", Token: "t"}, true)
		c := old
		if err := tx.DetachContainer(&c, w.Now()); err != nil {
			return err
		}
		w.container = store.Container{ID: 78, Account: "press", Name: "photos", Depot: 5}
		tx.CreateContainer(&w.container)
		return nil
	})
	want(t, "names in the new container", len(w.names(store.Query{Limit: 10})), 0)
	var spaces, objects, size, depot int64
	w.look(func(v *store.View) error {
		b := v.Batch()
		b.CountOf(store.CountAccountSpaces, "press", &spaces)
		b.CountOf(store.CountAccountObjects, "press", &objects)
		b.CountOf(store.CountAccountBytes, "press", &size)
		b.Count(store.CountDepotBytes, 5, &depot)
		return b.Do()
	})
	want(t, "counts at once", fmt.Sprint(spaces, objects, size, depot), "1 0 0 0")
	w.put("new", 10, time.Time{})
	want(t, "content after reaping", w.content(), 1)
	for _, table := range []kv.Table{tableObjects, tableContainers} {
		rows, _ := w.rows(table, id8(old.ID))
		want(t, fmt.Sprintf("rows of table %d", table), len(rows), 0)
	}
}

func outlives(t *testing.T, w *onEngine) {
	w.put("small", 50, time.Time{})
	w.put("large", 200<<10, time.Time{})
	w.clock.advance(time.Hour)
	before := w.Now()
	w.reopen()
	w.clock.advance(-2 * time.Hour)
	w.reopen()
	if now := w.Now(); now < before {
		t.Errorf("the clock ran backwards: %v, before %v", now.Time(), before.Time())
	}
	w.holds("small", bytesOf("small", 50))
	w.holds("large", bytesOf("large", 200<<10))
	objects, size := w.counts()
	want(t, "counts", fmt.Sprint(objects, size), fmt.Sprint(2, 50+200<<10))
	w.put("small", 51, time.Time{})
	w.holds("small", bytesOf("small", 51))
}

func largeUpload(t *testing.T, w *onEngine) {
	data := bytesOf("large", 3<<20+5)
	w.putBytes("large", data, time.Time{})
	o, found := w.object("large")
	if !found || o.Content.Inline || o.Content.Size != int64(len(data)) {
		t.Fatalf("object is %+v", o)
	}
	r, err := w.OpenObject(t.Context(), w.container.ID, &o)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	part := make([]byte, 1000)
	if _, err := r.ReadAt(part, 2<<20-500); err != nil || !bytes.Equal(part, data[2<<20-500:][:1000]) {
		t.Errorf("a part reads wrong: %v", err)
	}
	w.put("large", 10, time.Time{})
	want(t, "content", w.content(), 1)
	var out bytes.Buffer // an open reader serves the old bytes to their end
	if _, err := r.WriteRange(&out, 0, r.Size()); err != nil || !bytes.Equal(out.Bytes(), data) {
		t.Errorf("the reader of a replaced object reads %d bytes, %v", out.Len(), err)
	}
	up := w.NewUpload(t.Context())
	defer up.Close()
	if err := up.Receive(bytes.NewReader(data), 1<<20); errs.Of(err) != errs.TooLarge {
		t.Errorf("upload over the limit = %v", err)
	}
	up.Close()
	want(t, "content after a refused upload", w.content(), 1)
}

func refusedUpdate(t *testing.T, w *onEngine) {
	w.put("a", 30, time.Time{})
	refusal := errs.New("test", errs.Conflict, "", "no")
	err := w.Update(t.Context(), w.whole(), func(tx *store.Tx) error {
		o, _, err := tx.Object(w.container.ID, "a")
		if err != nil {
			return err
		}
		tx.DeleteObject(&w.container, &o, w.container.Created)
		if _, err := tx.MoveTree(w.container.ID, "x/", "y/", 10); err != nil {
			return err
		}
		tx.AddTraffic(w.container.ID, 5, 1, 1000)
		return refusal
	})
	if !errors.Is(err, errs.Conflict) {
		t.Errorf("Update = %v", err)
	}
	w.holds("a", bytesOf("a", 30))
	var traffic int64
	w.look(func(v *store.View) error {
		b := v.Batch()
		b.Traffic(store.CountDepotTraffic, 5, 1, &traffic)
		return b.Do()
	})
	objects, size := w.counts()
	want(t, "counts", fmt.Sprint(objects, size, traffic), "1 30 0")
}

func listings(t *testing.T, w *onEngine) {
	for _, name := range []string{"a", "a/", "a/1", "a/2", "b/c/d", "b/c/e", "b/f", "ä", "z"} {
		w.put(name, 1, time.Time{})
	}
	for _, c := range []struct {
		query store.Query
		want  string
	}{
		{store.Query{Limit: 100}, "a a/ a/1 a/2 b/c/d b/c/e b/f z ä"},
		{store.Query{Limit: 3, Reverse: true}, "ä z b/f"},
		{store.Query{Limit: 100, Delimiter: "/"}, "a a/ b/ z ä"},
		{store.Query{Limit: 100, Delimiter: "/", Reverse: true}, "ä z b/ a/ a"},
		{store.Query{Limit: 100, Delimiter: "/", Prefix: "b/"}, "b/c/ b/f"},
		{store.Query{Limit: 2, Delimiter: "/", Marker: "a"}, "a/ b/"},
		{store.Query{Limit: 100, Delimiter: "/", Marker: "a/"}, "b/ z ä"},
		{store.Query{Limit: 100, Marker: "a/1", EndMarker: "b/f"}, "a/2 b/c/d b/c/e"},
		{store.Query{Limit: 100, Delimiter: "/", Prefix: "a/", Direct: true}, "a/1 a/2"},
	} {
		want(t, fmt.Sprintf("listing of %+v", c.query), strings.Join(w.names(c.query), " "), c.want)
	}
	w.update(w.whole(), func(tx *store.Tx) error { // a transaction lists its own writes
		o, _, err := tx.Object(w.container.ID, "b/f")
		if err != nil {
			return err
		}
		tx.DeleteObject(&w.container, &o, w.Now())
		rest, err := tx.Objects(w.container.ID, store.Query{Limit: 9, Delimiter: "/", Prefix: "b/", Now: w.Now()})
		if len(rest) != 1 || rest[0].Subdir != "b/c/" {
			return fmt.Errorf("own deletion is listed: %+v, %w", rest, err)
		}
		return err
	})
}

func manyWriters(t *testing.T, w *onEngine) {
	const writers, each = 12, 6
	ctx := context.WithoutCancel(t.Context())
	put := func(name string, size int64) error {
		now := w.Now()
		return w.Update(ctx, w.locks(name), func(tx *store.Tx) error {
			old, found, err := tx.Object(w.container.ID, name)
			if err != nil {
				return err
			}
			before := &old
			if !found {
				before = nil
			}
			o := store.Object{Name: name, Written: now, Timestamp: now, Content: store.Content{Size: size}}
			tx.PutObject(&w.container, before, &o, now)
			return nil
		})
	}
	var wg sync.WaitGroup
	for i := range writers {
		wg.Go(func() {
			for j := range each {
				if err := errors.Join(put(fmt.Sprintf("%d/%d", i, j), 0), put("same", 0)); err != nil {
					t.Errorf("writer %d: %v", i, err)
				}
			}
		})
	}
	wg.Wait()
	objects, _ := w.counts()
	want(t, "objects", objects, writers*each+1)
	want(t, "names", len(w.names(store.Query{Limit: 1000})), writers*each+1)
}

func remembered(t *testing.T, w *onEngine) {
	now := w.Now()
	token := func(n byte, expires store.Stamp) *store.Token {
		return &store.Token{Digest: [32]byte{n}, User: "Anna", Issue: uint64(n), Expires: expires}
	}
	dead := func(t store.Token) bool { return t.Expires < now }
	guards := []store.Guard{store.LockUser("anna"), store.LockReplay([32]byte{1}), store.LockReplay([32]byte{2})}
	w.update(guards, func(tx *store.Tx) error {
		err := tx.PutToken(token(1, now-5), dead)
		return errors.Join(err, tx.PutToken(token(2, now+5), dead), tx.Remember([32]byte{1}, now+10, now))
	})
	w.look(func(v *store.View) error {
		list, err := v.TokensOf("ANNA")
		if len(list) != 1 || list[0].Issue != 2 {
			t.Errorf("tokens are %+v", list)
		}
		until, err2 := v.Replayed([32]byte{1})
		want(t, "request remembered until", until, now+10)
		return errors.Join(err, err2)
	})
	w.update(guards, func(tx *store.Tx) error { return tx.Remember([32]byte{2}, now+50, now+20) })
	w.look(func(v *store.View) error {
		first, err := v.Replayed([32]byte{1})
		second, err2 := v.Replayed([32]byte{2})
		want(t, "request after its time and another", fmt.Sprint(first, second), fmt.Sprint(0, now+50))
		return errors.Join(err, err2)
	})
}
