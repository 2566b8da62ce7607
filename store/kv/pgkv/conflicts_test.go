package pgkv_test

import (
	"context"
	"errors"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"entrepot/store/kv"
	"entrepot/store/kv/pgkv"
)

// with returns the shared server's connection string with a setting of the
// session.
func with(t *testing.T, name, value string) string {
	t.Helper()
	dsn, err := url.Parse(cluster(t).DSN())
	if err != nil {
		t.Fatal(err)
	}
	query := dsn.Query()
	query.Set(name, value)
	dsn.RawQuery = query.Encode()
	return dsn.String()
}

func TestDeadlockRunsTheLoserAgain(t *testing.T) {
	e, err := pgkv.Open(t.Context(), with(t, "deadlock_timeout", "20ms"), pgkv.Options{Schema: schema()})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = e.Close() }()
	// Rows that no declared lock guards, written in opposite orders and sent
	// ahead by scans: each waits for the other's row.
	var met sync.WaitGroup
	met.Add(2)
	var runs atomic.Int32
	cross := func(first, second kv.Key) error {
		own := true
		return e.Update(t.Context(), nil, func(tx kv.Tx) error {
			runs.Add(1)
			tx.Put(first, nil)
			if _, err := tx.Scan(kv.Range{Table: rowsTable}, 10); err != nil {
				return err
			}
			if own { // in the first run only
				own = false
				met.Done()
				met.Wait()
			}
			tx.Put(second, nil)
			tx.Add(total, 1)
			return nil
		})
	}
	done := make(chan error)
	go func() { done <- cross(key("a"), key("b")) }()
	go func() { done <- cross(key("b"), key("a")) }()
	if err := errors.Join(<-done, <-done); err != nil {
		t.Fatal(err)
	}
	if n := runs.Load(); n < 3 || e.Stats().Retries != uint64(n-2) {
		t.Errorf("%d runs, stats %+v, want one to run again", n, e.Stats())
	}
	if rows, counted := count(t, e); len(rows) != 2 || counted != 2 {
		t.Errorf("rows are %v, counted %d", rows, counted)
	}
}

func TestWaitForALockEndsAfterTimeout(t *testing.T) {
	name := schema()
	holder := openWith(t, pgkv.Options{Schema: name})
	waiter := openWith(t, pgkv.Options{Schema: name, Timeout: 300 * time.Millisecond})
	defer func() { _, _ = holder.Close(), waiter.Close() }()
	err := holder.Update(t.Context(), []kv.Lock{{Key: key("hot")}}, func(tx kv.Tx) error {
		if _, err := tx.Get(key("hot")); err != nil {
			return err
		}
		err := waiter.Update(t.Context(), []kv.Lock{{Key: key("hot"), Shared: true}}, func(tx kv.Tx) error {
			tx.Put(key("not written"), nil)
			return nil
		})
		if err == nil || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, kv.ErrUnknown) {
			t.Errorf("Update that waited too long = %v, want an error of its own", err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if rows, _ := count(t, holder); len(rows) != 0 {
		t.Errorf("rows are %v", rows)
	}
}

func TestCountersAddUpOverMoreConnectionsThanShards(t *testing.T) {
	const conns = 36
	e := openWith(t, pgkv.Options{MaxConns: conns})
	defer func() { _ = e.Close() }()
	var inside, done sync.WaitGroup
	inside.Add(conns)
	for range conns { // all connections are in use at once
		done.Go(func() {
			err := e.View(t.Context(), func(r kv.Reader) error {
				_, err := r.Get(total)
				inside.Done()
				inside.Wait()
				return err
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	done.Wait()
	const each = 3
	for range conns {
		done.Go(func() {
			for range each {
				if err := e.Update(t.Context(), nil, func(tx kv.Tx) error { tx.Add(total, 1); return nil }); err != nil {
					t.Error(err)
				}
			}
		})
	}
	done.Wait()
	if _, counted := count(t, e); counted != conns*each {
		t.Errorf("counted %d of %d", counted, conns*each)
	}
}
