package kvtest

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"entrepot/store/kv"
)

// slicesLive holds that what a transaction read stays as it was while the
// transaction goes on reading and writing.
func slicesLive(t *testing.T, e kv.Engine) {
	fill(t, e, "a", "b/1", "b/2", "c")
	update(t, e, func(tx kv.Tx) error { tx.Add(counter("n"), 5); return nil })
	later := func(tx kv.Tx) error {
		for i := range 3 {
			tx.Put(key("a"), []byte("X"))
			tx.Put(key(fmt.Sprintf("b/%d", i)), []byte("YYY"))
			tx.Delete(key("c"))
			tx.Add(counter("n"), 1)
			if _, err := tx.Scan(kv.Range{Table: tableRows}, 10); err != nil {
				return err
			}
			if _, err := tx.Scan(kv.Range{Table: tableCounter}, 10); err != nil {
				return err
			}
			if _, err := tx.Get(key("a"), key("b/1"), counter("n"), key("absent")); err != nil {
				return err
			}
		}
		if _, err := tx.MovePrefix(tableRows, []byte("b/"), []byte("d/"), 10); err != nil {
			return err
		}
		_, err := tx.DeleteRange(kv.Range{Table: tableRows}, 10)
		return err
	}
	update(t, e, func(tx kv.Tx) error {
		tx.Put(key("own"), []byte("own"))
		values, err := tx.Get(key("a"), key("own"), counter("n"))
		if err != nil {
			return err
		}
		page, err := tx.Scan(kv.Range{Table: tableRows, Delimiter: []byte("/")}, 2)
		if err != nil {
			return err
		}
		if err := later(tx); err != nil {
			return err
		}
		if string(values[0]) != "a" || string(values[1]) != "own" || kv.Counter(values[2]) != 5 {
			return fmt.Errorf("values read earlier became %q", values)
		}
		first, second := page.Items[0], page.Items[1]
		if string(first.Row) != "a" || string(first.Value) != "a" || string(second.Row) != "b/" ||
			string(second.First) != "b/1" || string(second.Value) != "b/1" || string(page.Next) != "c" {
			return fmt.Errorf("page read earlier became %q, next %q", names(page.Items), page.Next)
		}
		return nil
	})
}

// valuesOfEverySize holds that values come back whole around the sizes at
// which engines begin to lay them out differently.
func valuesOfEverySize(t *testing.T, e kv.Engine) {
	sizes := []int{0, 1, 2, 126, 127, 128, 1000, 1996, 2000, 2033, 2048, 4000, 4096, 8000, 8100, 8160, 8192, 16 << 10, 32 << 10, 60<<10 - 1, 60 << 10}
	rng := rand.New(rand.NewPCG(1, 2))
	values := make([][]byte, len(sizes))
	for i, n := range sizes {
		values[i] = make([]byte, n)
		for j := range values[i] {
			values[i][j] = byte(rng.Uint32())
		}
	}
	for round := range 2 { // the second time over rows of another size
		for i := range sizes {
			update(t, e, func(tx kv.Tx) error {
				tx.Put(key(fmt.Sprintf("%02d", i)), values[(i+7*round)%len(values)])
				return nil
			})
		}
		view(t, e, func(r kv.Reader) error {
			page, err := r.Scan(kv.Range{Table: tableRows}, 100)
			if err != nil || len(page.Items) != len(sizes) {
				return fmt.Errorf("%d rows, %w", len(page.Items), err)
			}
			for i, it := range page.Items {
				want := values[(i+7*round)%len(values)]
				got, err := r.Get(kv.Key{Table: tableRows, Row: it.Row})
				if err != nil || !bytes.Equal(got[0], want) || !bytes.Equal(it.Value, want) {
					return fmt.Errorf("value of %d bytes reads as %d, scans as %d, %w", len(want), len(got[0]), len(it.Value), err)
				}
			}
			return nil
		})
	}
}

// lastKeys holds that the greatest keys that there are, behind which no bound
// can be named, are rows like all others.
func lastKeys(t *testing.T, e kv.Engine) {
	last := bytes.Repeat([]byte{0xFF}, e.Limits().MaxKey)
	shorter := last[:len(last)-1]
	in := func(row []byte) kv.Key { return kv.Key{Table: tableLast, Row: row} }
	update(t, e, func(tx kv.Tx) error {
		tx.Put(in(last), []byte("last"))
		tx.Put(in(shorter), []byte("shorter"))
		tx.Put(in([]byte("a")), []byte("a"))
		return nil
	})
	view(t, e, func(r kv.Reader) error {
		for _, rg := range []kv.Range{{Table: tableLast, From: shorter}, kv.Prefix(tableLast, []byte{0xFF}), {Table: tableLast, From: shorter, Reverse: true}} {
			page, err := r.Scan(rg, 10)
			if err != nil || len(page.Items) != 2 {
				return fmt.Errorf("%d items at the end, %w", len(page.Items), err)
			}
			if i := slices.IndexFunc(page.Items, func(it kv.Item) bool { return bytes.Equal(it.Row, last) }); (i == 0) != rg.Reverse {
				return fmt.Errorf("the last row is item %d, reverse: %v", i, rg.Reverse)
			}
		}
		page, err := r.Scan(kv.Range{Table: tableLast, Delimiter: []byte{0xFF}}, 10)
		if err != nil || len(page.Items) != 2 || !page.Items[1].Rolled || page.Next != nil {
			return fmt.Errorf("rolled up: %+v, %w", page, err)
		}
		return nil
	})
	update(t, e, func(tx kv.Tx) error {
		moved, err := tx.MovePrefix(tableLast, shorter, []byte("moved"), 10)
		if err != nil || moved != 2 {
			return fmt.Errorf("moved %d, %w", moved, err)
		}
		moved, err = tx.MovePrefix(tableLast, []byte("moved"), shorter, 10)
		if err != nil || moved != 2 {
			return fmt.Errorf("moved %d back, %w", moved, err)
		}
		more, err := tx.DeleteRange(kv.Range{Table: tableLast, From: shorter}, 1)
		if err != nil || !more {
			return fmt.Errorf("one deleted, more: %v, %w", more, err)
		}
		return nil
	})
	if v := value(t, e, in(last)); string(v) != "last" {
		t.Errorf("the last row reads %q", v)
	}
	if v := value(t, e, in(shorter)); v != nil {
		t.Errorf("the row before it reads %q", v)
	}
}
