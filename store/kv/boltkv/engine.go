package boltkv

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"

	bolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"entrepot/store/kv"
	"entrepot/store/kv/internal/overlay"
)

// Engine is a kv.Engine in one bbolt file. Make it with Open.
type Engine struct {
	db   *bolt.DB
	wal  *wal
	path string
	opt  Options

	mu      sync.Mutex
	queue   []*request // not yet taken by the combiner
	want    int        // the combiner is to be woken when so many are queued; 0: at once
	company company
	closed  bool
	wake    chan struct{} // has room for one: there may be something in queue
	idle    chan struct{} // closed when the combiner has ended

	stopped atomic.Pointer[error] // why writing has stopped
	commits atomic.Uint64
	updates atomic.Uint64
	close   func() error

	c combiner
}

var _ kv.Engine = (*Engine)(nil)

// newEngine starts the combiner over an open database.
func newEngine(db *bolt.DB, w *wal, opt Options) *Engine {
	e := &Engine{
		db:   db,
		wal:  w,
		path: db.Path(),
		opt:  opt,
		wake: make(chan struct{}, 1),
		idle: make(chan struct{}),
		c:    newCombiner(),
	}
	e.close = sync.OnceValue(e.shut)
	go e.combine()
	return e
}

// Path returns the name of the database file as it was given to Open.
func (e *Engine) Path() string { return e.path }

// Stats are counts since Open. Updates divided by Commits is how many writers
// shared a commit on average.
type Stats struct {
	Commits uint64 // synced commits
	Updates uint64 // Updates that wrote and were committed
}

// Stats returns the counts as they stand.
func (e *Engine) Stats() Stats {
	return Stats{Commits: e.commits.Load(), Updates: e.updates.Load()}
}

// Limits implements kv.Engine.
func (e *Engine) Limits() kv.Limits { return kv.DefaultLimits }

// View implements kv.Engine. The slices that it hands out point into the
// mapped file: they are not to be written to, and reading one after fn is a
// crash in waiting. A view that stays open keeps the space of all rows that
// are replaced meanwhile from being used again.
func (e *Engine) View(ctx context.Context, fn func(kv.Reader) error) (err error) {
	if err := ctx.Err(); err != nil {
		return err
	}
	tx, err := e.db.Begin(false)
	if err != nil {
		if errors.Is(err, bolterrors.ErrDatabaseNotOpen) {
			return kv.ErrClosed
		}
		return fmt.Errorf("boltkv: %w", err)
	}
	defer func() { _ = tx.Rollback() }() // a view's end cannot fail
	defer catchFault(&err)
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	r := viewer{limits: kv.DefaultLimits}
	if err := guard(func() error { r.rows.reset(tx); return nil }); err != nil {
		return fmt.Errorf("boltkv: %w", err)
	}
	return fn(&r)
}

// A viewer is the kv.Reader of one View.
type viewer struct {
	rows   rows
	limits kv.Limits
}

// Get implements kv.Reader.
func (v *viewer) Get(keys ...kv.Key) ([][]byte, error) {
	return overlay.Reader{Base: &v.rows, Limits: v.limits}.Get(keys...)
}

// Scan implements kv.Reader.
func (v *viewer) Scan(r kv.Range, limit int) (page kv.Page, err error) {
	defer caught(&err)
	v.rows.paged = true
	return overlay.Reader{Base: &v.rows, Limits: v.limits}.Scan(r, limit)
}

// Update implements kv.Engine. All transactions are serial, so locks are
// counted but not taken. fn runs on the combiner's goroutine; a panic or
// runtime.Goexit in it is repeated on the caller's. The rows that fn is shown
// may have been written by members of the same commit, so the answer, good
// or bad, is given after that commit.
func (e *Engine) Update(ctx context.Context, locks []kv.Lock, fn func(kv.Tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if n := kv.DefaultLimits.MaxLocks; len(locks) > n {
		return fmt.Errorf("%w: %d locks, allowed are %d", kv.ErrLimit, len(locks), n)
	}
	r := &request{fn: fn, done: make(chan struct{})}
	if err := e.enqueue(r); err != nil {
		return err
	}
	select {
	case <-r.done:
	case <-ctx.Done():
		if r.claim() { // before the combiner did
			return ctx.Err()
		}
		<-r.done
	}
	switch {
	case isFault(r.panicked):
		return damagedError(r.panicked)
	case r.panicked != nil:
		panic(r.panicked)
	case r.exited:
		runtime.Goexit()
	}
	return r.err
}

// enqueue hands a request to the combiner.
func (e *Engine) enqueue(r *request) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return kv.ErrClosed
	}
	if err := e.stopError(); err != nil {
		return err
	}
	e.queue = append(e.queue, r)
	if len(e.queue) < e.want {
		return nil
	}
	e.want = 0
	select {
	case e.wake <- struct{}{}:
	default:
	}
	return nil
}

// take waits for requests and returns all that are queued, or nil when the
// engine was closed and nothing is left. It reuses the array of spare.
func (e *Engine) take(spare []*request) []*request {
	for {
		e.mu.Lock()
		waiting, closed := len(e.queue), e.closed
		e.mu.Unlock()
		switch {
		case waiting > 0:
			e.gather(waiting)
			e.awaitCompany()
			e.mu.Lock()
			defer e.mu.Unlock()
			taken := e.queue
			e.queue = spare[:0]
			return taken
		case closed:
			return nil
		}
		<-e.wake
	}
}

// stop ends writing for good because of err.
func (e *Engine) stop(err error) {
	if e.stopped.CompareAndSwap(nil, &err) {
		e.opt.Logger.Error("commit failed; writing has stopped until the next start", "err", err)
		e.opt.OnStop(err)
	}
}

// stopError returns the error of writers after stop, else nil.
func (e *Engine) stopError() error {
	if cause := e.stopped.Load(); cause != nil {
		return fmt.Errorf("%w: %w", kv.ErrStopped, *cause)
	}
	return nil
}

// Close implements kv.Engine. Updates that are queued are still carried out;
// views under way are waited for.
func (e *Engine) Close() error { return e.close() }

// shut does the work of Close once.
func (e *Engine) shut() error {
	e.mu.Lock()
	e.closed = true
	e.mu.Unlock()
	select {
	case e.wake <- struct{}{}:
	default:
	}
	<-e.idle
	var err error
	if e.stopError() == nil {
		err = guard(e.wal.shut)
	}
	if err = errors.Join(err, e.wal.close(), e.db.Close()); err != nil {
		return fmt.Errorf("boltkv: closing: %w", err)
	}
	return nil
}
