package kvtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"testing"

	"pgregory.net/rapid"

	"entrepot/store/kv"
	"entrepot/store/kv/kvtest/chance"
)

// A choice returns a number from 0 to n-1: rapid's, or a fuzzer's.
type choice func(n int) int

// An op is one call inside a transaction. It does the call on an engine's
// transaction and on the model, and compares the answers.
type op struct {
	name string
	run  func(tx kv.Tx, m model) error
}

// drawRow returns a short row made of few tokens, so that rows meet, nest and
// share prefixes.
func drawRow(pick choice) []byte {
	tokens := []string{"a", "b", "/", "//", "\x00", "\xff"}
	row := []byte{}
	for range pick(5) {
		row = append(row, tokens[pick(len(tokens))]...)
	}
	return row
}

// drawTable returns a table of ordinary rows.
func drawTable(pick choice) kv.Table {
	return []kv.Table{tableFirst, tableRows, tableRows, tableRows, tableLast}[pick(5)]
}

// drawKey returns the key of an ordinary row.
func drawKey(pick choice) kv.Key { return kv.Key{Table: drawTable(pick), Row: drawRow(pick)} }

// drawRange returns a range of rows or counters without its options.
func drawRange(pick choice) kv.Range {
	r := kv.Range{Table: drawTable(pick)}
	if pick(6) == 0 {
		r.Table = tableCounter
	}
	switch pick(4) {
	case 0:
		r = kv.Prefix(r.Table, drawRow(pick))
	case 1:
		r.From = drawRow(pick)
	case 2:
		r.From, r.To = drawRow(pick), drawRow(pick)
	}
	return r
}

// drawOp returns one call.
func drawOp(pick choice) op {
	switch pick(12) {
	case 0, 1, 2:
		k, v := drawKey(pick), bytes.Repeat([]byte{byte(pick(250))}, pick(9))
		return op{"Put", func(tx kv.Tx, m model) error {
			tx.Put(k, v)
			m[row(k.Table, k.Row)] = string(v)
			return nil
		}}
	case 3:
		k := drawKey(pick)
		return op{"Delete", func(tx kv.Tx, m model) error {
			tx.Delete(k)
			delete(m, row(k.Table, k.Row))
			return nil
		}}
	case 4, 5:
		k, delta := kv.Key{Table: tableCounter, Row: drawRow(pick)}, int64(pick(100)-50)
		return op{"Add", func(tx kv.Tx, m model) error {
			tx.Add(k, delta)
			m.add(k, delta)
			return nil
		}}
	case 6:
		return drawDeleteRange(pick)
	case 7:
		return drawMovePrefix(pick)
	case 8, 9:
		return drawGet(pick)
	}
	return drawScan(pick)
}

func drawDeleteRange(pick choice) op {
	r, limit := drawRange(pick), pick(6)
	return op{"DeleteRange", func(tx kv.Tx, m model) error {
		more, err := tx.DeleteRange(r, limit)
		if want := m.deleteRange(r, limit); err != nil || more != want {
			return fmt.Errorf("DeleteRange(%+v, %d) = %v, %v", r, limit, more, err)
		}
		return nil
	}}
}

func drawMovePrefix(pick choice) op {
	t, from, to, limit := drawTable(pick), drawRow(pick), drawRow(pick), 1+pick(9)
	return op{"MovePrefix", func(tx kv.Tx, m model) error {
		n, err := tx.MovePrefix(t, from, to, limit)
		want, wantErr := m.movePrefix(t, from, to, limit)
		if n != want || (err == nil) != (wantErr == nil) || (errors.Is(wantErr, kv.ErrTooMany) && !errors.Is(err, kv.ErrTooMany)) {
			return fmt.Errorf("MovePrefix(%q, %q, %d) = %d, %v, want %d, %v", from, to, limit, n, err, want, wantErr)
		}
		return nil
	}}
}

func drawGet(pick choice) op {
	keys := make([]kv.Key, 1+pick(4))
	for i := range keys {
		keys[i] = drawKey(pick)
		if pick(4) == 0 {
			keys[i].Table = tableCounter
		}
	}
	return op{"Get", func(tx kv.Tx, m model) error {
		values, err := tx.Get(keys...)
		if err != nil || len(values) != len(keys) {
			return fmt.Errorf("a Get gave %q, %v", values, err)
		}
		for i, k := range keys {
			want, ok := m[row(k.Table, k.Row)]
			if string(values[i]) != want || (values[i] != nil) != ok {
				return fmt.Errorf("row %q reads %q, want %q, %v", k.Row, values[i], want, ok)
			}
		}
		return nil
	}}
}

func drawScan(pick choice) op {
	r, limit := drawRange(pick), 1+pick(6)
	r.Reverse, r.KeysOnly = pick(2) == 1, pick(4) == 0
	if pick(3) > 0 {
		r.Delimiter, r.Skip = []byte([]string{"/", "//", "a", "\xff"}[pick(4)]), pick(4)
	}
	return op{"Scan", func(tx kv.Tx, m model) error { return comparePages(tx, m, r, limit) }}
}

// comparePages compares a scan in pages with the model's.
func comparePages(rd kv.Reader, m model, r kv.Range, limit int) error {
	want := m.scan(r)
	for at := r; ; {
		page, err := rd.Scan(at, limit)
		if err != nil {
			return err
		}
		n := min(limit, len(want))
		if err := equalItems(page.Items, want[:n]); err != nil {
			return fmt.Errorf("Scan(%+v, %d): %w", at, limit, err)
		}
		if want = want[n:]; (page.Next == nil) != (len(want) == 0) {
			return fmt.Errorf("Scan(%+v, %d): next is %q with %d items left", at, limit, page.Next, len(want))
		}
		if page.Next == nil {
			return nil
		}
		if at.Reverse {
			at.To = page.Next
		} else {
			at.From = page.Next
		}
	}
}

// transaction draws one transaction, runs it and compares the state behind
// it. It returns the model of that state.
func transaction(ctx context.Context, e kv.Engine, before model, pick choice) (model, error) {
	ops := make([]op, 1+pick(10))
	trace := make([]string, len(ops))
	for i := range ops {
		ops[i] = drawOp(pick)
		trace[i] = ops[i].name
	}
	fails := pick(8) == 0
	var after model
	err := e.Update(ctx, all(), func(tx kv.Tx) error {
		after = maps.Clone(before) // from scratch: this may be the second run
		for _, o := range ops {
			if err := o.run(tx, after); err != nil {
				return err
			}
		}
		if err := after.compare(tx); err != nil {
			return fmt.Errorf("inside: %w", err)
		}
		if fails {
			return errWanted
		}
		return nil
	})
	if fails && errors.Is(err, errWanted) {
		after, err = before, nil
	}
	if err == nil {
		err = e.View(ctx, after.compare)
	}
	if err != nil {
		return nil, fmt.Errorf("%v: %w", trace, err)
	}
	return after, nil
}

func randomTransactions(t *testing.T, e kv.Engine) {
	chance.Check(t, func(rt *rapid.T) {
		clear := func(tx kv.Tx) error {
			for _, table := range []kv.Table{tableFirst, tableRows, tableCounter, tableLast} {
				if _, err := tx.DeleteRange(kv.Range{Table: table}, 100_000); err != nil {
					return err
				}
			}
			return nil
		}
		if err := e.Update(t.Context(), all(), clear); err != nil {
			rt.Fatal(err)
		}
		m := model{}
		pick := func(n int) int { return rapid.IntRange(0, n-1).Draw(rt, "choice") }
		for range 1 + pick(8) {
			after, err := transaction(t.Context(), e, m, pick)
			if err != nil {
				rt.Fatal(err)
			}
			m = after
		}
	})
}

// Fuzz runs transactions drawn from the fuzzer's bytes on an engine and on a
// model and compares them.
func Fuzz(f *testing.F, open Open) {
	f.Add([]byte{})
	f.Add([]byte("put, put and move along"))
	f.Add(bytes.Repeat([]byte{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}, 20))
	f.Add(bytes.Repeat([]byte{7, 1, 3, 0, 2, 2, 9, 11, 4}, 40))
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 4096 {
			t.Skip("longer programs find nothing more")
		}
		e := opened(t, open)
		pick := func(n int) int {
			if len(data) == 0 {
				return 0
			}
			c := int(data[0])
			data = data[1:]
			return c % n
		}
		for m := (model{}); len(data) > 0; {
			after, err := transaction(t.Context(), e, m, pick)
			if err != nil {
				t.Fatal(err)
			}
			m = after
		}
	})
}
