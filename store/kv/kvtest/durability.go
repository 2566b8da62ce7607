package kvtest

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"testing"

	"entrepot/store/kv"
)

// durability holds the rules of engines that remember.
func durability(t *testing.T, open Open, reopen Reopen) {
	t.Run("RowsOutliveTheEngine", func(t *testing.T) {
		e := open(t)
		large := bytes.Repeat([]byte("large"), 10_000)
		update(t, e, func(tx kv.Tx) error {
			tx.Put(key("a"), large)
			tx.Put(key("empty"), nil)
			tx.Put(key("deleted"), nil)
			tx.Add(counter("n"), 41)
			return nil
		})
		update(t, e, func(tx kv.Tx) error {
			tx.Delete(key("deleted"))
			tx.Add(counter("n"), 1)
			_, err := tx.MovePrefix(tableRows, []byte("a"), []byte("moved"), 1)
			return err
		})
		_ = e.Update(t.Context(), all(), func(tx kv.Tx) error {
			tx.Put(key("failed"), nil)
			return errWanted
		})
		for range 3 {
			e = reopen(t, e)
			if list := rows(t, e); !slices.Equal(list, []string{"empty", "moved"}) {
				t.Fatalf("rows are %q", list)
			}
			if v := value(t, e, key("moved")); !bytes.Equal(v, large) {
				t.Fatalf("value of %d bytes came back as %d", len(large), len(v))
			}
			if n := kv.Counter(value(t, e, counter("n"))); n != 42 {
				t.Fatalf("counter is %d", n)
			}
		}
		if err := e.Close(); err != nil {
			t.Fatal(err)
		}
	})
	t.Run("CloseCarriesOutWhatWasAccepted", func(t *testing.T) {
		e := open(t)
		ctx := background(t)
		const n = 50
		results := make(chan error, n)
		for i := range n {
			go func() {
				results <- e.Update(ctx, []kv.Lock{lock(fmt.Sprint(i))}, func(tx kv.Tx) error {
					tx.Put(key(fmt.Sprint(i)), nil)
					tx.Add(counter("n"), 1)
					return nil
				})
			}()
		}
		done := int64(0)
		if <-results == nil { // at least one has been accepted
			done++
		}
		e = reopen(t, e)
		for range n - 1 {
			switch err := <-results; {
			case err == nil:
				done++
			case !errors.Is(err, kv.ErrClosed):
				t.Errorf("Update while closing: %v", err)
			}
		}
		if got := int64(len(rows(t, e))); got != done || kv.Counter(value(t, e, counter("n"))) != done {
			t.Errorf("%d acknowledged, %d rows there", done, got)
		}
		if err := e.Close(); err != nil {
			t.Fatal(err)
		}
	})
}
