package kvtest

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"

	"entrepot/store/kv"
)

func counters(t *testing.T, e kv.Engine) {
	want := func(r kv.Reader, n int64) error {
		values, err := r.Get(counter("n"))
		if err != nil || len(values[0]) != kv.CounterLen || kv.Counter(values[0]) != n {
			return fmt.Errorf("counter reads %x, %v, want %d", values, err, n)
		}
		page, err := r.Scan(kv.Range{Table: tableCounter}, 10)
		if err != nil || len(page.Items) != 1 || kv.Counter(page.Items[0].Value) != n {
			return fmt.Errorf("counter scans as %+v, %v, want %d", page.Items, err, n)
		}
		return nil
	}
	steps := []struct {
		fn   func(tx kv.Tx)
		want int64
	}{
		{func(tx kv.Tx) { tx.Add(counter("n"), 0) }, 0},
		{func(tx kv.Tx) { tx.Add(counter("n"), 7); tx.Add(counter("n"), -2) }, 5},
		{func(tx kv.Tx) { tx.Add(counter("n"), -10) }, -5},
		{func(tx kv.Tx) { tx.Delete(counter("n")); tx.Add(counter("n"), 3); tx.Add(counter("n"), 1) }, 4},
		{func(tx kv.Tx) { tx.Add(counter("n"), 9); tx.Delete(counter("n")); tx.Add(counter("n"), 1) }, 1},
		{func(tx kv.Tx) { tx.Add(counter("n"), math.MaxInt64-1) }, math.MaxInt64},
	}
	for i, s := range steps {
		update(t, e, func(tx kv.Tx) error {
			s.fn(tx)
			return want(tx, s.want)
		})
		view(t, e, func(r kv.Reader) error {
			if err := want(r, s.want); err != nil {
				return fmt.Errorf("step %d: %w", i, err)
			}
			return nil
		})
	}
	update(t, e, func(tx kv.Tx) error {
		_, err := tx.DeleteRange(kv.Range{Table: tableCounter}, 10)
		tx.Add(counter("n"), 2)
		return errors.Join(err, want(tx, 2))
	})
	update(t, e, func(tx kv.Tx) error { tx.Delete(counter("n")); return nil })
	if v := value(t, e, counter("n")); v != nil {
		t.Errorf("deleted counter reads %x", v)
	}
}

func deleteRange(t *testing.T, e kv.Engine) {
	fill(t, e, "a", "b1", "b2", "b3", "b4", "c")
	r := kv.Prefix(tableRows, []byte("b"))
	r.Reverse, r.KeysOnly, r.Delimiter = true, true, []byte("b") // all ignored
	step := func(limit int, more bool, left ...string) {
		t.Helper()
		update(t, e, func(tx kv.Tx) error {
			got, err := tx.DeleteRange(r, limit)
			if err != nil || got != more {
				return fmt.Errorf("DeleteRange(%d) = %v, %v", limit, got, err)
			}
			list, err := scanAll(tx, kv.Range{Table: tableRows}, 2)
			if err != nil || !slices.Equal(list, left) {
				return fmt.Errorf("left inside: %q, %v", list, err)
			}
			return nil
		})
		if list := rows(t, e); !slices.Equal(list, left) {
			t.Fatalf("left: %q", list)
		}
	}
	step(0, true, "a", "b1", "b2", "b3", "b4", "c")
	step(1, true, "a", "b2", "b3", "b4", "c")
	step(2, true, "a", "b4", "c")
	step(1, false, "a", "c")
	step(5, false, "a", "c")
	step(0, false, "a", "c")
	update(t, e, func(tx kv.Tx) error { // own rows count, own deletions do not
		tx.Put(key("b5"), nil)
		tx.Put(key("b6"), nil)
		tx.Put(key("b7"), nil)
		tx.Delete(key("b5"))
		more, err := tx.DeleteRange(r, 1)
		if err != nil || !more {
			return fmt.Errorf("DeleteRange of own rows = %v, %v", more, err)
		}
		tx.Put(key("b5"), []byte("again"))
		return nil
	})
	if list := rows(t, e); !slices.Equal(list, []string{"a", "b5", "b7", "c"}) {
		t.Errorf("left: %q", list)
	}
	var many []string
	for i := range 9000 {
		many = append(many, fmt.Sprintf("b%05d", i))
	}
	fill(t, e, many...)
	step(9001, true, "a", "b7", "c")
}

// contents returns row=value of all rows of the middle table.
func contents(r kv.Reader) ([]string, error) {
	page, err := r.Scan(kv.Range{Table: tableRows}, 1000)
	list := make([]string, 0, len(page.Items))
	for _, it := range page.Items {
		list = append(list, string(it.Row)+"="+string(it.Value))
	}
	return list, err
}

// wantContents fails the test unless the rows are these, inside the
// transaction that fn is part of and after it.
func wantContents(t *testing.T, e kv.Engine, fn func(tx kv.Tx) error, want ...string) {
	t.Helper()
	check := func(r kv.Reader) error {
		list, err := contents(r)
		if err != nil || !slices.Equal(list, want) {
			return fmt.Errorf("rows are %q, %v, want %q", list, err, want)
		}
		return nil
	}
	update(t, e, func(tx kv.Tx) error {
		if err := fn(tx); err != nil {
			return err
		}
		return check(tx)
	})
	view(t, e, check)
}

// move returns a function that moves a prefix and checks the answer.
func move(from, to string, limit, want int, wantErr error) func(tx kv.Tx) error {
	return func(tx kv.Tx) error {
		n, err := tx.MovePrefix(tableRows, []byte(from), []byte(to), limit)
		if n != want || !errors.Is(err, wantErr) {
			return fmt.Errorf("MovePrefix(%q, %q) = %d, %v", from, to, n, err)
		}
		return nil
	}
}

func movePrefix(t *testing.T, e kv.Engine) {
	fill(t, e, "d/", "d/a", "d/b/c", "d0", "c")
	wantContents(t, e, move("d/", "e/", 2, 0, kv.ErrTooMany), "c=c", "d/=d/", "d/a=d/a", "d/b/c=d/b/c", "d0=d0")
	wantContents(t, e, move("d/", "e/", 3, 3, nil), "c=c", "d0=d0", "e/=d/", "e/a=d/a", "e/b/c=d/b/c")
	wantContents(t, e, move("e/", "longer/prefix/", 3, 3, nil),
		"c=c", "d0=d0", "longer/prefix/=d/", "longer/prefix/a=d/a", "longer/prefix/b/c=d/b/c")
	wantContents(t, e, move("longer/prefix/", "x", 99, 3, nil), "c=c", "d0=d0", "x=d/", "xa=d/a", "xb/c=d/b/c")
	wantContents(t, e, move("nothing", "y", 0, 0, nil), "c=c", "d0=d0", "x=d/", "xa=d/a", "xb/c=d/b/c")
	wantContents(t, e, func(tx kv.Tx) error { // own writes move along, own deletions do not
		tx.Put(key("xnew"), []byte("new"))
		tx.Put(key("xa"), []byte("changed"))
		tx.Delete(key("x"))
		if err := move("x", "a", 99, 3, nil)(tx); err != nil {
			return err
		}
		tx.Put(key("xa"), []byte("behind"))
		tx.Delete(key("anew"))
		return nil
	}, "aa=changed", "ab/c=d/b/c", "c=c", "d0=d0", "xa=behind")
	wantContents(t, e, func(tx kv.Tx) error { // twice in one transaction
		if err := move("a", "q", 99, 2, nil)(tx); err != nil {
			return err
		}
		return move("q", "zz", 99, 2, nil)(tx)
	}, "c=c", "d0=d0", "xa=behind", "zza=changed", "zzb/c=d/b/c")
	update(t, e, func(tx kv.Tx) error {
		tx.Put(kv.Key{Table: tableLast, Row: []byte("z")}, nil)
		n, err := tx.MovePrefix(tableLast, nil, []byte("all/"), 5)
		if err != nil || n != 1 {
			return fmt.Errorf("MovePrefix of a whole table = %d, %v", n, err)
		}
		return nil
	})
	if value(t, e, kv.Key{Table: tableLast, Row: []byte("all/z")}) == nil || len(rows(t, e)) != 5 {
		t.Error("a move of a whole table went wrong or reached another table")
	}
}

func movePrefixNested(t *testing.T, e kv.Engine) {
	fill(t, e, "a/", "a/a/x", "a/b")
	wantContents(t, e, move("a/", "a/a/", 9, 3, nil), "a/a/=a/", "a/a/a/x=a/a/x", "a/a/b=a/b")
	wantContents(t, e, move("a/a/", "a/", 9, 3, nil), "a/=a/", "a/a/x=a/a/x", "a/b=a/b")
	wantContents(t, e, move("a/", "a/", 9, 3, nil), "a/=a/", "a/a/x=a/a/x", "a/b=a/b")
	wantContents(t, e, move("", "\xff\xff", 9, 3, nil), "\xff\xffa/=a/", "\xff\xffa/a/x=a/a/x", "\xff\xffa/b=a/b")
	wantContents(t, e, move("\xff", "", 9, 3, nil), "\xffa/=a/", "\xffa/a/x=a/a/x", "\xffa/b=a/b")
}

func movePrefixOccupied(t *testing.T, e kv.Engine) {
	fill(t, e, "a/b/x", "a/q", "c/1")
	for _, c := range []struct{ from, to string }{{"a/", "c/"}, {"a/b/", "a/"}, {"c/", ""}, {"c/", "a"}} {
		err := e.Update(t.Context(), all(), func(tx kv.Tx) error {
			n, err := tx.MovePrefix(tableRows, []byte(c.from), []byte(c.to), 99)
			if n != 0 || err == nil {
				return fmt.Errorf("%w: MovePrefix = %d, %v", errWanted, n, err)
			}
			return err
		})
		if err == nil || errors.Is(err, errWanted) {
			t.Errorf("MovePrefix(%q, %q) onto rows: %v", c.from, c.to, err)
		}
	}
	if list := rows(t, e); !slices.Equal(list, []string{"a/b/x", "a/q", "c/1"}) {
		t.Errorf("rows are %q", list)
	}
}
