package kvtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"entrepot/store/kv"
)

func rowsOrderByBytes(t *testing.T, e kv.Engine) {
	want := []string{"", "\x00", "\x00\x00", "\x00a", "A", "a", "a\x00", "a/", "a0", "aa", "b", "\x7f", "ä", "\xff", "\xff\xff"}
	shuffled := slices.Clone(want)
	slices.Reverse(shuffled)
	fill(t, e, shuffled...)
	update(t, e, func(tx kv.Tx) error {
		tx.Put(kv.Key{Table: tableRows - 1, Row: []byte("\xff\xff\xff")}, nil)
		tx.Put(kv.Key{Table: tableCounter, Row: nil}, nil)
		tx.Put(kv.Key{Table: tableFirst, Row: []byte("first")}, nil)
		tx.Put(kv.Key{Table: tableLast, Row: []byte("\xff")}, nil)
		return nil
	})
	view(t, e, func(r kv.Reader) error {
		up, err := scanAll(r, kv.Range{Table: tableRows}, 100)
		if err != nil || !slices.Equal(up, want) {
			return fmt.Errorf("up: %q, %w", up, err)
		}
		down, err := scanAll(r, kv.Range{Table: tableRows, Reverse: true}, 100)
		slices.Reverse(down)
		if err != nil || !slices.Equal(down, want) {
			return fmt.Errorf("down: %q, %w", down, err)
		}
		for table, row := range map[kv.Table]string{tableFirst: "first", tableLast: "\xff"} {
			for _, reverse := range []bool{false, true} {
				list, err := scanAll(r, kv.Range{Table: table, Reverse: reverse}, 10)
				if err != nil || !slices.Equal(list, []string{row}) {
					return fmt.Errorf("table %d: %q, %w", table, list, err)
				}
			}
		}
		return nil
	})
}

func getAnswersInOrder(t *testing.T, e kv.Engine) {
	update(t, e, func(tx kv.Tx) error {
		tx.Put(kv.Key{Table: tableFirst, Row: []byte("a")}, []byte("1"))
		tx.Put(kv.Key{Table: tableLast, Row: []byte("a")}, []byte("2"))
		tx.Put(key("a"), []byte("3"))
		return nil
	})
	keys := []kv.Key{key("b"), key("a"), {Table: tableLast, Row: []byte("a")}, key("a"), {Table: tableFirst, Row: []byte("a")}, key("")}
	want := []string{"", "3", "2", "3", "1", ""}
	check := func(r kv.Reader) error {
		if none, err := r.Get(); err != nil || len(none) != 0 {
			return fmt.Errorf("Get() = %q, %v", none, err)
		}
		values, err := r.Get(keys...)
		if err != nil || len(values) != len(want) {
			return fmt.Errorf("a Get gave %q, %v", values, err)
		}
		for i, v := range values {
			if string(v) != want[i] || (v == nil) != (want[i] == "") {
				return fmt.Errorf("value %d is %q, want %q", i, v, want[i])
			}
		}
		return nil
	}
	view(t, e, check)
	update(t, e, func(tx kv.Tx) error { return check(tx) })
	update(t, e, func(tx kv.Tx) error {
		tx.Put(key("c"), []byte("own write in between"))
		return check(tx)
	})
}

func absentAndEmpty(t *testing.T, e kv.Engine) {
	check := func(r kv.Reader) error {
		values, err := r.Get(key("empty"), key("nil"), key("absent"))
		if err != nil {
			return err
		}
		if values[0] == nil || values[1] == nil || len(values[0])+len(values[1]) != 0 || values[2] != nil {
			return fmt.Errorf("a Get gave %#v", values)
		}
		page, err := r.Scan(kv.Range{Table: tableRows}, 10)
		if err != nil || len(page.Items) != 2 || page.Items[0].Value == nil {
			return fmt.Errorf("a Scan gave %#v, %v", page, err)
		}
		page, err = r.Scan(kv.Range{Table: tableRows, KeysOnly: true}, 10)
		if err != nil || len(page.Items) != 2 || page.Items[0].Value != nil {
			return fmt.Errorf("a Scan of keys gave %#v, %v", page, err)
		}
		return nil
	}
	update(t, e, func(tx kv.Tx) error {
		tx.Put(key("empty"), []byte{})
		tx.Put(key("nil"), nil)
		tx.Put(key("absent"), []byte("x"))
		tx.Delete(key("absent"))
		tx.Delete(key("never there"))
		return check(tx)
	})
	view(t, e, check)
	update(t, e, func(tx kv.Tx) error { return check(tx) })
}

func putCopies(t *testing.T, e kv.Engine) {
	update(t, e, func(tx kv.Tx) error {
		row, value := []byte("row"), []byte("value")
		tx.Put(kv.Key{Table: tableRows, Row: row}, value)
		copy(row, "XXX")
		copy(value, "XXXXX")
		tx.Add(kv.Key{Table: tableCounter, Row: row}, 1)
		copy(row, "YYY")
		return nil
	})
	if v := value(t, e, key("row")); string(v) != "value" {
		t.Errorf("value is %q", v)
	}
	if n := kv.Counter(value(t, e, counter("XXX"))); n != 1 {
		t.Errorf("counter is %d", n)
	}
}

func failedUpdate(t *testing.T, e kv.Engine) {
	fill(t, e, "a", "b", "c")
	update(t, e, func(tx kv.Tx) error { tx.Add(counter("n"), 5); return nil })
	err := e.Update(t.Context(), all(), func(tx kv.Tx) error {
		tx.Put(key("a"), []byte("changed"))
		tx.Put(key("new"), nil)
		tx.Delete(key("b"))
		tx.Add(counter("n"), 1)
		if _, err := tx.DeleteRange(kv.Prefix(tableRows, []byte("c")), 10); err != nil {
			return err
		}
		if _, err := tx.MovePrefix(tableRows, []byte("a"), []byte("z"), 10); err != nil {
			return err
		}
		return fmt.Errorf("inside: %w", errWanted)
	})
	if !errors.Is(err, errWanted) {
		t.Fatalf("Update = %v, want the function's error", err)
	}
	if list := rows(t, e); !slices.Equal(list, []string{"a", "b", "c"}) {
		t.Errorf("rows are %q", list)
	}
	if v := value(t, e, key("a")); string(v) != "a" {
		t.Errorf("a is %q", v)
	}
	if n := kv.Counter(value(t, e, counter("n"))); n != 5 {
		t.Errorf("counter is %d", n)
	}
}

func updateWithoutWrites(t *testing.T, e kv.Engine) {
	fill(t, e, "a")
	update(t, e, func(tx kv.Tx) error {
		values, err := tx.Get(key("a"))
		if err != nil || string(values[0]) != "a" {
			return fmt.Errorf("a Get gave %q, %v", values, err)
		}
		return nil
	})
	if err := e.Update(t.Context(), nil, func(kv.Tx) error { return errWanted }); !errors.Is(err, errWanted) {
		t.Errorf("Update = %v", err)
	}
}

func viewSnapshot(t *testing.T, e kv.Engine) {
	fill(t, e, "a", "b")
	ctx := background(t)
	view(t, e, func(r kv.Reader) error {
		before, err := scanAll(r, kv.Range{Table: tableRows}, 1)
		if err != nil {
			return err
		}
		done := make(chan error)
		go func() {
			done <- e.Update(ctx, all(), func(tx kv.Tx) error {
				tx.Put(key("a"), []byte("new"))
				tx.Put(key("aa"), nil)
				tx.Delete(key("b"))
				return nil
			})
		}()
		if err := <-done; err != nil {
			return err
		}
		after, err := scanAll(r, kv.Range{Table: tableRows}, 1)
		if err != nil || !slices.Equal(before, after) {
			return fmt.Errorf("the snapshot changed: %q became %q, %v", before, after, err)
		}
		values, err := r.Get(key("a"), key("aa"), key("b"))
		if err != nil || string(values[0]) != "a" || values[1] != nil || string(values[2]) != "b" {
			return fmt.Errorf("the snapshot changed: %q, %v", values, err)
		}
		return nil
	})
	if list := rows(t, e); !slices.Equal(list, []string{"a", "aa"}) {
		t.Errorf("a later view sees %q", list)
	}
	if err := e.View(t.Context(), func(kv.Reader) error { return errWanted }); !errors.Is(err, errWanted) {
		t.Errorf("View = %v, want the function's error", err)
	}
}

func canceledContext(t *testing.T, e kv.Engine) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	ran := false
	if err := e.Update(ctx, nil, func(kv.Tx) error { ran = true; return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("Update = %v", err)
	}
	if err := e.View(ctx, func(kv.Reader) error { ran = true; return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("View = %v", err)
	}
	if ran {
		t.Error("the function ran")
	}
}

func canceledInside(t *testing.T, e kv.Engine) {
	ctx, cancel := context.WithCancel(t.Context())
	err := e.Update(ctx, all(), func(tx kv.Tx) error {
		cancel()
		tx.Put(key("a"), nil)
		_, err := tx.Get(key("b"))
		return err
	})
	if err != nil || value(t, e, key("a")) == nil {
		t.Errorf("Update = %v, row %v", err, value(t, e, key("a")))
	}
}

func canceledWaiting(t *testing.T, e kv.Engine) {
	started, release := make(chan struct{}, 64), make(chan struct{})
	first := make(chan error, 1)
	outer := background(t)
	go func() {
		first <- e.Update(outer, all(), func(tx kv.Tx) error {
			if _, err := tx.Get(key("first")); err != nil { // by now the locks are held
				return err
			}
			started <- struct{}{}
			<-release
			tx.Put(key("first"), nil)
			return nil
		})
	}()
	<-started
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	var ran atomic.Bool
	err := e.Update(ctx, all(), func(tx kv.Tx) error {
		if _, err := tx.Get(key("first")); err != nil { // the locks may be taken along with the first read
			return err
		}
		ran.Store(true)
		tx.Put(key("second"), nil)
		return nil
	})
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Update = %v, want the context's error", err)
	}
	close(release)
	if err := <-first; err != nil {
		t.Errorf("the transaction that was waited for: %v", err)
	}
	fill(t, e, "third") // the lock is free again
	if list := rows(t, e); ran.Load() || !slices.Equal(list, []string{"first", "third"}) {
		t.Errorf("rows are %q, ran: %v", list, ran.Load())
	}
}

func closedEngine(t *testing.T, e kv.Engine) {
	fill(t, e, "a")
	if err := e.Close(); err != nil {
		t.Fatalf("Close: %v", err)
	}
	if err := e.Close(); err != nil {
		t.Errorf("second Close: %v", err)
	}
	if err := e.View(t.Context(), func(kv.Reader) error { return nil }); !errors.Is(err, kv.ErrClosed) {
		t.Errorf("View = %v", err)
	}
	if err := e.Update(t.Context(), nil, func(kv.Tx) error { return nil }); !errors.Is(err, kv.ErrClosed) {
		t.Errorf("Update = %v", err)
	}
}

func limits(t *testing.T, e kv.Engine) {
	l := e.Limits()
	if l != kv.DefaultLimits {
		t.Errorf("limits are %+v, want those that all engines have", l)
	}
	longest := kv.Key{Table: tableRows, Row: bytes.Repeat([]byte("k"), l.MaxKey)}
	longer := kv.Key{Table: tableRows, Row: bytes.Repeat([]byte("k"), l.MaxKey+1)}
	largest := bytes.Repeat([]byte("v"), l.MaxValue)
	update(t, e, func(tx kv.Tx) error {
		tx.Put(longest, largest)
		return nil
	})
	if v := value(t, e, longest); !bytes.Equal(v, largest) {
		t.Errorf("largest row reads back as %d bytes", len(v))
	}
	if v := value(t, e, longer); v != nil {
		t.Error("a key over the limit is not absent")
	}
	locks := make([]kv.Lock, l.MaxLocks+1)
	for i := range locks {
		locks[i] = lock(fmt.Sprint(i))
	}
	if err := e.Update(t.Context(), locks[1:], func(kv.Tx) error { return nil }); err != nil {
		t.Errorf("as many locks as allowed: %v", err)
	}
	for name, c := range map[string]struct {
		locks []kv.Lock
		fn    func(tx kv.Tx) error
	}{
		"Put of a long key":      {fn: func(tx kv.Tx) error { tx.Put(longer, nil); return nil }},
		"Delete of a long key":   {fn: func(tx kv.Tx) error { tx.Delete(longer); return nil }},
		"Add to a long key":      {fn: func(tx kv.Tx) error { tx.Add(longer, 1); return nil }},
		"Put of a large value":   {fn: func(tx kv.Tx) error { tx.Put(key("b"), append(largest, 0)); return nil }},
		"too many locks":         {locks: locks, fn: func(kv.Tx) error { return nil }},
		"Scan of no rows":        {fn: func(tx kv.Tx) error { _, err := tx.Scan(kv.Range{}, 0); return err }},
		"Scan of too many rows":  {fn: func(tx kv.Tx) error { _, err := tx.Scan(kv.Range{}, l.MaxScan+1); return err }},
		"MovePrefix to long key": {fn: func(tx kv.Tx) error { _, err := tx.MovePrefix(tableRows, []byte("k"), []byte("xx"), 9); return err }},
	} {
		err := e.Update(t.Context(), c.locks, func(tx kv.Tx) error {
			tx.Put(key("innocent"), nil)
			return c.fn(tx)
		})
		if !errors.Is(err, kv.ErrLimit) {
			t.Errorf("%s: Update = %v", name, err)
		}
	}
	if n := len(rows(t, e)); n != 1 {
		t.Errorf("%d rows, want the largest alone", n)
	}
}

func manyRows(t *testing.T, e kv.Engine) {
	const n = 1000
	update(t, e, func(tx kv.Tx) error {
		keys := make([]kv.Key, n)
		for i := range n {
			keys[i] = key(fmt.Sprintf("%04d", (i*7919)%n))
			tx.Put(keys[i], fmt.Append(nil, i))
		}
		values, err := tx.Get(keys...)
		if err != nil {
			return err
		}
		for i, v := range values {
			if string(v) != fmt.Sprint(i) {
				return fmt.Errorf("row %s reads %q, want %d", keys[i].Row, v, i)
			}
		}
		list, err := scanAll(tx, kv.Range{Table: tableRows}, 17)
		if err != nil || len(list) != n || !slices.IsSorted(list) {
			return fmt.Errorf("own rows scan as %d, %v", len(list), err)
		}
		return nil
	})
	if n := len(rows(t, e)); n != 1000 {
		t.Errorf("%d rows after the commit", n)
	}
}
