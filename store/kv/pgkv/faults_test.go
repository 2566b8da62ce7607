package pgkv_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"entrepot/store/kv"
	"entrepot/store/kv/pgkv"
	"entrepot/store/kv/pgkv/pgtest"
)

// Tables of these tests.
const (
	rowsTable    kv.Table = 7
	counterTable kv.Table = 8
)

func key(format string, args ...any) kv.Key {
	return kv.Key{Table: rowsTable, Row: fmt.Appendf(nil, format, args...)}
}

var total = kv.Key{Table: counterTable, Row: []byte("total")}

// openAt opens an engine in a new schema by way of an address.
func openAt(t testing.TB, c *pgtest.Cluster, addr string, opt pgkv.Options) *pgkv.Engine {
	t.Helper()
	opt.Schema = schema()
	e, err := pgkv.Open(t.Context(), c.DSNAt(addr), opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return e
}

// write puts a row and counts it.
func write(ctx context.Context, e kv.Engine, k kv.Key) error {
	return e.Update(ctx, []kv.Lock{{Key: k}}, func(tx kv.Tx) error {
		values, err := tx.Get(k)
		if err != nil {
			return err
		}
		if values[0] != nil {
			return fmt.Errorf("row %q is there twice", k.Row)
		}
		tx.Put(k, []byte("value"))
		tx.Add(total, 1)
		return nil
	})
}

// count returns the number of rows and what the counter says of it.
func count(t testing.TB, e kv.Engine) (rows map[string]bool, counted int64) {
	t.Helper()
	rows = map[string]bool{}
	err := e.View(t.Context(), func(r kv.Reader) error {
		page, err := r.Scan(kv.Range{Table: rowsTable}, 100_000)
		if err != nil {
			return err
		}
		for _, it := range page.Items {
			rows[string(it.Row)] = true
		}
		values, err := r.Get(total)
		if err == nil {
			counted = kv.Counter(values[0])
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return rows, counted
}

func TestLostCommitIsResolved(t *testing.T) {
	for name, c := range map[string]struct {
		cut     cut
		retries uint64 // -1: either
		either  bool
	}{
		"cut before COMMIT":          {cut: cutBefore, retries: 1},
		"cut within the writes":      {cut: cutWithin, retries: 1},
		"cut during COMMIT":          {cut: cutDuring, either: true},
		"cut before COMMIT's answer": {cut: cutAfter, retries: 0},
	} {
		t.Run(name, func(t *testing.T) {
			var armed atomic.Bool
			p := newProxy(t, cluster(t).Addr(), func() cut {
				if armed.CompareAndSwap(true, false) {
					return c.cut
				}
				return noCut
			})
			e := openAt(t, cluster(t), p.addr(), pgkv.Options{})
			if err := write(t.Context(), e, key("first")); err != nil {
				t.Fatal(err)
			}
			armed.Store(true)
			if err := write(t.Context(), e, key("second")); err != nil {
				t.Fatalf("Update = %v", err)
			}
			if armed.Load() {
				t.Fatal("no connection was cut")
			}
			if rows, counted := count(t, e); len(rows) != 2 || counted != 2 {
				t.Errorf("rows are %v, counted %d", rows, counted)
			}
			if s := e.Stats(); s.Resolved != 1 || s.Commits != 2 || (!c.either && s.Retries != c.retries) {
				t.Errorf("stats are %+v, want 1 resolved, 2 commits, %d retries", s, c.retries)
			}
		})
	}
}

func TestConnectionsThatBrokeWhileIdleAreReplaced(t *testing.T) {
	p := newProxy(t, cluster(t).Addr(), func() cut { return noCut })
	e := openAt(t, cluster(t), p.addr(), pgkv.Options{})
	for i := range 3 {
		if err := write(t.Context(), e, key("row %d", i)); err != nil {
			t.Fatal(err)
		}
		p.cutAll()
		if rows, counted := count(t, e); len(rows) != i+1 || counted != int64(i+1) {
			t.Errorf("rows are %v, counted %d", rows, counted)
		}
		p.cutAll()
	}
}

func TestTransfersKeepTheSumWhileConnectionsBreak(t *testing.T) {
	var commits atomic.Int64
	p := newProxy(t, cluster(t).Addr(), func() cut {
		if n := commits.Add(1); n%9 == 0 {
			return cut(1 + n/9%4)
		}
		return noCut
	})
	e := openAt(t, cluster(t), p.addr(), pgkv.Options{})
	const workers, each, accounts = 32, 12, 8
	account := func(i int) kv.Key { return kv.Key{Table: rowsTable + 10, Row: []byte{byte(i)}} }
	var acknowledged atomic.Int64
	transfer := func(rng *rand.Rand, receipt kv.Key) error {
		from, by := rng.IntN(accounts), rng.Int64N(9)
		to := (from + 1 + rng.IntN(accounts-1)) % accounts
		err := e.Update(t.Context(), []kv.Lock{{Key: account(from)}, {Key: account(to)}}, func(tx kv.Tx) error {
			values, err := tx.Get(account(from), account(to), receipt)
			if err != nil {
				return err
			}
			if values[2] != nil {
				return fmt.Errorf("transfer %q is made twice", receipt.Row)
			}
			tx.Put(account(from), kv.AppendCounter(nil, kv.Counter(values[0])-by))
			tx.Put(account(to), kv.AppendCounter(nil, kv.Counter(values[1])+by))
			tx.Put(receipt, nil)
			tx.Add(total, 1)
			return nil
		})
		if err == nil {
			acknowledged.Add(1)
		}
		return err
	}
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(w), 7))
			for i := range each {
				if err := transfer(rng, key("%d/%d", w, i)); err != nil {
					t.Errorf("worker %d: %v", w, err)
				}
			}
		})
	}
	wg.Wait()
	rows, counted := count(t, e)
	if n := acknowledged.Load(); n != workers*each || int64(len(rows)) != n || counted != n {
		t.Errorf("%d of %d acknowledged, %d receipts, counted %d", n, workers*each, len(rows), counted)
	}
	var sum int64
	err := e.View(t.Context(), func(r kv.Reader) error {
		page, err := r.Scan(kv.Range{Table: rowsTable + 10}, accounts)
		for _, it := range page.Items {
			sum += kv.Counter(it.Value)
		}
		return err
	})
	if err != nil || sum != 0 {
		t.Errorf("the sum is %d, %v", sum, err)
	}
	if s := e.Stats(); s.Resolved == 0 || s.Retries == 0 {
		t.Errorf("stats are %+v: nothing broke", s)
	}
}

func TestCrashOfTheServerLosesNothing(t *testing.T) {
	c := pgtest.Start(t)
	e := openAt(t, c, c.Addr(), pgkv.Options{})
	const workers = 8
	var mu sync.Mutex
	acknowledged, unknown := map[string]bool{}, map[string]bool{}
	var stop atomic.Bool
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for i := 0; !stop.Load(); i++ {
				k := key("%d/%d", w, i)
				err := write(t.Context(), e, k)
				mu.Lock()
				switch {
				case err == nil:
					acknowledged[string(k.Row)] = true
				case errors.Is(err, kv.ErrUnknown):
					unknown[string(k.Row)] = true
				default:
					t.Errorf("row %q: %v", k.Row, err)
				}
				mu.Unlock()
			}
		})
	}
	more := func() { // waits for further acknowledgements
		mu.Lock()
		enough := len(acknowledged) + 10*workers
		mu.Unlock()
		for now := 0; now < enough && !t.Failed(); time.Sleep(time.Millisecond) {
			mu.Lock()
			now = len(acknowledged)
			mu.Unlock()
		}
	}
	for range 2 {
		more()
		if err := c.Stop(true); err != nil {
			t.Error(err)
		}
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
	}
	more()
	stop.Store(true)
	wg.Wait()
	rows, counted := count(t, e)
	for k := range acknowledged {
		if !rows[k] {
			t.Errorf("row %q was acknowledged and is lost", k)
		}
	}
	for k := range rows {
		if !acknowledged[k] && !unknown[k] {
			t.Errorf("row %q was refused and is there", k)
		}
	}
	if int64(len(rows)) != counted || len(acknowledged) < workers {
		t.Errorf("%d rows, counted %d, %d acknowledged, %d unknown", len(rows), counted, len(acknowledged), len(unknown))
	}
	t.Logf("%d acknowledged, %d unknown, %+v", len(acknowledged), len(unknown), e.Stats())
}

func TestStatusAfterACrashIsTrustedOnlyWhereItCannotBeAnothers(t *testing.T) {
	for status, want := range map[string]struct{ committed, doubt bool }{
		"aborted": {}, "in progress": {}, "never": {}, // had it been committed, it would say so
		"committed": {doubt: true}, "forgotten": {doubt: true}, // perhaps of a later transaction with the same ID
	} {
		if committed, doubt := pgkv.AfterCrash(status); committed != want.committed || doubt != want.doubt {
			t.Errorf("%s: committed %v, in doubt %v", status, committed, doubt)
		}
	}
}

func TestGatewayThatStoodStillDoesNotCommitOverNewerWrites(t *testing.T) {
	name := schema()
	slow := openWith(t, pgkv.Options{Schema: name, Timeout: 300 * time.Millisecond})
	fast := openWith(t, pgkv.Options{Schema: name})
	defer func() { _, _ = slow.Close(), fast.Close() }()
	k := key("row")
	add := func(e kv.Engine, pause func()) error {
		return e.Update(t.Context(), []kv.Lock{{Key: k}}, func(tx kv.Tx) error {
			values, err := tx.Get(k)
			if err != nil {
				return err
			}
			pause()
			tx.Put(k, kv.AppendCounter(nil, kv.Counter(values[0])+1))
			return nil
		})
	}
	runs := 0
	err := add(slow, func() {
		if runs++; runs == 1 { // as if the process had been stopped: its locks go, others write
			if err := add(fast, func() {}); err != nil {
				t.Errorf("the other gateway: %v", err)
			}
		}
	})
	if err != nil || runs != 2 {
		t.Fatalf("Update = %v after %d runs", err, runs)
	}
	err = fast.View(t.Context(), func(r kv.Reader) error {
		values, err := r.Get(k)
		if err == nil && kv.Counter(values[0]) != 2 {
			err = fmt.Errorf("two additions make %d", kv.Counter(values[0]))
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

func TestServerThatStaysAwayIsAnErrorAfterPatience(t *testing.T) {
	var away atomic.Bool
	p := newProxy(t, cluster(t).Addr(), func() cut {
		if away.Load() {
			return cutAfter
		}
		return noCut
	})
	e := openAt(t, cluster(t), p.addr(), pgkv.Options{Patience: 50 * time.Millisecond})
	if err := write(t.Context(), e, key("a")); err != nil {
		t.Fatal(err)
	}
	away.Store(true)
	_ = p.listener.Close() // no new connections
	if err := write(t.Context(), e, key("b")); !errors.Is(err, kv.ErrUnknown) {
		t.Errorf("Update whose outcome cannot be asked for = %v", err)
	}
	if err := write(t.Context(), e, key("c")); err == nil || errors.Is(err, kv.ErrUnknown) {
		t.Errorf("Update without a server = %v", err)
	}
	if err := e.View(t.Context(), func(r kv.Reader) error { _, err := r.Get(key("a")); return err }); err == nil {
		t.Error("View without a server has read something")
	}
}
