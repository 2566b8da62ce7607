package pgkv_test

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"entrepot/gateway"
	"entrepot/gateway/gatewaytest"
	"entrepot/store"
	"entrepot/store/kv"
	"entrepot/store/kv/pgkv"
)

// trips returns how many round trips fn waits for.
func trips(t *testing.T, e *pgkv.Engine, fn func() error) uint64 {
	t.Helper()
	before := e.Stats().RoundTrips
	if err := fn(); err != nil {
		t.Fatal(err)
	}
	return e.Stats().RoundTrips - before
}

func TestTransactionsCostFewRoundTrips(t *testing.T) {
	e := openWith(t, pgkv.Options{})
	defer func() { _ = e.Close() }()
	update := func(fn func(tx kv.Tx) error) func() error {
		return func() error { return e.Update(t.Context(), []kv.Lock{{Key: key("lock")}}, fn) }
	}
	view := func(fn func(r kv.Reader) error) func() error {
		return func() error { return e.View(t.Context(), fn) }
	}
	put := func(tx kv.Tx) error {
		tx.Put(key("folder/%d", 1), []byte("value"))
		tx.Put(key("folder/%d", 2), []byte("value"))
		tx.Add(total, 1)
		return nil
	}
	for _, c := range []struct {
		name string
		fn   func() error
		want uint64
	}{
		{"view that reads nothing", view(func(kv.Reader) error { return nil }), 0},
		{"view of rows and counters", view(func(r kv.Reader) error { _, err := r.Get(key("a"), key("b"), total); return err }), 1},
		{"view of a listing", view(func(r kv.Reader) error {
			_, err := r.Scan(kv.Range{Table: rowsTable, Delimiter: []byte("/")}, 1000)
			return err
		}), 1},
		{"update that does nothing", update(func(kv.Tx) error { return nil }), 0},
		{"update that only writes", update(put), 2},
		{"update that reads once", update(func(tx kv.Tx) error {
			if _, err := tx.Get(key("a"), key("b"), total); err != nil {
				return err
			}
			return put(tx)
		}), 2},
		{"update that reads its own writes", update(func(tx kv.Tx) error {
			tx.Put(key("own"), nil)
			_, err := tx.Get(key("own"))
			return err
		}), 2},
		{"update that moves a prefix", update(func(tx kv.Tx) error {
			_, err := tx.MovePrefix(rowsTable, []byte("folder/"), []byte("moved/"), 10)
			return err
		}), 2},
		{"update that writes, then deletes a range", update(func(tx kv.Tx) error {
			if err := put(tx); err != nil {
				return err
			}
			_, err := tx.DeleteRange(kv.Prefix(rowsTable, []byte("folder/")), 10)
			return err
		}), 2},
	} {
		if got := trips(t, e, c.fn); got != c.want {
			t.Errorf("%s: %d round trips, want %d", c.name, got, c.want)
		}
	}
}

// TestWarmRequestsCostFewRoundTrips counts what a caller of the gateway waits
// for once the gateway knows the container. A PUT of a small object looks, with
// its locks; looks for one more thing that is not a row by itself (a folder of
// its name, dead properties of the object before it); and commits.
func TestWarmRequestsCostFewRoundTrips(t *testing.T) {
	e := openWith(t, pgkv.Options{})
	defer func() { _ = e.Close() }()
	f := gatewaytest.NewWith(t, gatewaytest.Options{Engine: e, InlineLimit: store.DefaultInlineLimit})
	ctx := f.Ctx("tester")
	ref := func(name string) gateway.Ref { return gateway.Ref{Account: "test", Container: "c", Object: name} }
	if _, err := f.Gateway.Containers.Create(ctx, ref(""), gateway.ContainerChange{}); err != nil {
		t.Fatal(err)
	}
	put := func(name string, size int64) error {
		_, err := f.Gateway.Objects.Put(ctx, ref(name), bytes.NewReader(make([]byte, size)), gateway.PutOptions{Size: size})
		return err
	}
	if err := put("warm", 7); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		request string
		most    uint64
		do      func(i int) error
	}{
		{"PUT of a new object", 3, func(i int) error { return put(fmt.Sprint("new", i), 7) }},
		{"PUT of a new object in a folder", 3, func(i int) error { return put(fmt.Sprint("folder/new", i), 7) }},
		{"PUT of an object again", 3, func(int) error { return put("warm", 7) }},
		{"PUT of a large object", 4, func(i int) error { return put(fmt.Sprint("large", i), 100_000) }},
		{"HEAD", 1, func(int) error {
			_, err := f.Gateway.Objects.Head(ctx, ref("warm"), gateway.Conditions{})
			return err
		}},
		{"GET of a small object", 2, func(int) error {
			_, content, err := f.Gateway.Objects.Open(ctx, ref("warm"), gateway.Conditions{})
			return errors.Join(err, content.Close())
		}},
		{"listing", 2, func(int) error {
			_, _, err := f.Gateway.Objects.List(ctx, ref(""), gateway.ListOptions{Delimiter: "/", Limit: 1000})
			return err
		}},
		{"DELETE", 5, func(i int) error { return f.Gateway.Objects.Delete(ctx, ref(fmt.Sprint("new", i)), nil) }},
	} {
		least := uint64(1 << 32)
		for i := range 5 { // the store's background work makes trips of its own now and then
			least = min(least, trips(t, e, func() error { return c.do(i) }))
		}
		if least > c.most {
			t.Errorf("%s waits for %d round trips, allowed are %d", c.request, least, c.most)
		}
		t.Logf("%s: %d", c.request, least)
	}
}
