package pgkv

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/jackc/pgx/v5/pgxpool"

	"entrepot/store/kv"
)

// Engine is a kv.Engine in a PostgreSQL database. Make it with Open.
type Engine struct {
	cfg      *pgxpool.Config
	opt      Options
	sql      [statements]string
	counters *[256]bool // tables that may hold counters
	pool     *pgxpool.Pool
	updates  chan struct{} // a place for each Update under way

	gate   sync.RWMutex // held shared while a transaction joins under
	closed bool
	under  sync.WaitGroup // transactions under way, and their ends
	once   sync.Once

	trips, commits, retries, resolved atomic.Uint64
}

var _ kv.Engine = (*Engine)(nil)

// newEngine returns an engine without its pool.
func newEngine(cfg *pgxpool.Config, opt Options) *Engine {
	return &Engine{
		cfg: cfg, opt: opt, sql: sqlOf(opt.Schema), counters: opt.counterTables(),
		updates: make(chan struct{}, max(1, opt.MaxConns*3/4)),
	}
}

// Schema returns the name of the schema that holds the store.
func (e *Engine) Schema() string { return e.opt.Schema }

// Stats are counts since Open.
type Stats struct {
	RoundTrips uint64 // that a caller of View or Update waited for
	Commits    uint64 // Updates that wrote and were committed
	Retries    uint64 // runs of functions of Update beyond the first
	Resolved   uint64 // lost COMMITs whose outcome was learned
}

// Stats returns the counts as they stand.
func (e *Engine) Stats() Stats {
	return Stats{
		RoundTrips: e.trips.Load(), Commits: e.commits.Load(),
		Retries: e.retries.Load(), Resolved: e.resolved.Load(),
	}
}

// Limits implements kv.Engine.
func (e *Engine) Limits() kv.Limits { return kv.DefaultLimits }

// Close implements kv.Engine. Transactions under way are waited for.
func (e *Engine) Close() error {
	e.gate.Lock()
	e.closed = true
	e.gate.Unlock()
	e.under.Wait()
	e.once.Do(e.pool.Close)
	return nil
}

// join counts a transaction as under way.
func (e *Engine) join(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	e.gate.RLock()
	defer e.gate.RUnlock()
	if e.closed {
		return kv.ErrClosed
	}
	e.under.Add(1)
	return nil
}

// View implements kv.Engine. The snapshot is that of the first read.
func (e *Engine) View(ctx context.Context, fn func(kv.Reader) error) error {
	if err := e.join(ctx); err != nil {
		return err
	}
	defer e.under.Done()
	s := &session{e: e, ctx: ctx, begin: []step{{statement: beginView}}, patient: true}
	defer s.leave(commit)
	if err := fn(viewer{s}); err != nil {
		return err
	}
	return s.failure()
}

// Update implements kv.Engine. fn runs on the caller's goroutine, up to its
// first read before the locks are held. A context that ends while the
// transaction waits for its locks ends the wait.
func (e *Engine) Update(ctx context.Context, locks []kv.Lock, fn func(kv.Tx) error) error {
	if n := kv.DefaultLimits.MaxLocks; len(locks) > n {
		return fmt.Errorf("%w: %d locks, allowed are %d", kv.ErrLimit, len(locks), n)
	}
	if err := e.join(ctx); err != nil {
		return err
	}
	defer e.under.Done()
	select { // waiting for locks takes a connection: some are left for views
	case e.updates <- struct{}{}:
		defer func() { <-e.updates }()
	case <-ctx.Done():
		return ctx.Err()
	}
	u := &update{e: e, ctx: ctx, locks: e.lockStep(locks), fn: fn}
	return u.run()
}
