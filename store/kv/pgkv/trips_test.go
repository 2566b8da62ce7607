package pgkv_test

import (
	"bytes"
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

// One trip looks at what the PUT depends on, one takes the locks and looks
// again, one commits. What is more the gateway asks for by itself: whether a
// folder of the new name exists (a scan), whether a file has the name of a
// folder above (a read), and that dead properties of the old object go (a
// deletion of a range).
func TestWarmPutOfASmallObjectCostsFewRoundTrips(t *testing.T) {
	e := openWith(t, pgkv.Options{})
	defer func() { _ = e.Close() }()
	f := gatewaytest.NewWith(t, gatewaytest.Options{Engine: e, InlineLimit: store.DefaultInlineLimit})
	ctx := f.Ctx("tester")
	if _, err := f.Gateway.Containers.Create(ctx, gateway.Ref{Account: "test", Container: "c"}, gateway.ContainerChange{}); err != nil {
		t.Fatal(err)
	}
	put := func(name string) func() error {
		return func() error {
			ref := gateway.Ref{Account: "test", Container: "c", Object: name}
			_, err := f.Gateway.Objects.Put(ctx, ref, bytes.NewReader([]byte("content")), gateway.PutOptions{Size: 7})
			return err
		}
	}
	if err := put("warm")(); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, object string
		most         uint64
	}{
		{"a new object", "new%d", 3 + 1},
		{"a new object in a folder", "folder/new%d", 3 + 2},
		{"an object again", "warm", 3 + 1},
	} {
		least := uint64(1 << 32)
		for i := range 5 { // the store's background work makes trips of its own now and then
			name := c.object
			if name != "warm" {
				name = fmt.Sprintf(name, i)
			}
			least = min(least, trips(t, e, put(name)))
		}
		if least > c.most {
			t.Errorf("PUT of %s waits for %d round trips, allowed are %d", c.name, least, c.most)
		}
	}
}
