// Package memkv is the engine of every test above the engines: all rows lie
// in memory, and on request it is an adversary that shows the worst that the
// contract of package kv allows. Code that is right on an adversarial memkv
// is right on any engine.
//
// A plain engine (Options zero) runs one transaction at a time and is as fast
// as memory allows.
package memkv

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"entrepot/store/kv"
	"entrepot/store/kv/internal/overlay"
	"entrepot/store/kv/internal/rowmap"
)

// Engine is a kv.Engine in memory. Make it with New.
type Engine struct {
	opt    Options
	locks  lockTable
	turn   []wanted         // the lock that makes a plain engine serial
	writes *overlay.Overlay // of the transaction under way on a plain engine

	mu   sync.Mutex // held while head is replaced
	head atomic.Pointer[rowmap.Map[row]]

	under   sync.WaitGroup // transactions under way
	gate    sync.RWMutex   // held shared while a transaction joins under
	closed  bool
	stopped atomic.Pointer[error]

	trips atomic.Int64
	begun atomic.Uint64
}

var _ kv.Engine = (*Engine)(nil)

// New returns an empty engine.
func New(opt Options) *Engine {
	if opt.Fail == nil {
		opt.Fail = func(message string) { panic("memkv: " + message) }
	}
	e := &Engine{opt: opt, turn: []wanted{{}}, writes: overlay.New(kv.DefaultLimits)}
	e.locks.locks = map[string]*lockState{}
	e.head.Store(&rowmap.Map[row]{})
	return e
}

// Limits implements kv.Engine.
func (e *Engine) Limits() kv.Limits { return kv.DefaultLimits }

// RoundTrips returns how many round trips all transactions so far would have
// needed on an engine behind a network: one for each Get that the
// transaction's own writes do not answer, for each Scan, DeleteRange and
// MovePrefix, and one for each commit that writes. Beginning and locking go
// along with the first of them.
func (e *Engine) RoundTrips() int64 { return e.trips.Load() }

// Close implements kv.Engine.
func (e *Engine) Close() error {
	e.gate.Lock()
	e.closed = true
	e.gate.Unlock()
	e.under.Wait()
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

// View implements kv.Engine.
func (e *Engine) View(ctx context.Context, fn func(kv.Reader) error) error {
	if err := e.join(ctx); err != nil {
		return err
	}
	defer e.under.Done()
	head := e.head.Load()
	base := &rows{source: func() *rowmap.Map[row] { return head }}
	reader := overlay.Reader{Base: base, Limits: kv.DefaultLimits}
	if !e.opt.Adversarial {
		return fn(reader)
	}
	v := e.newView(reader)
	defer v.end()
	return fn(v)
}

// Update implements kv.Engine. fn runs on the caller's goroutine.
func (e *Engine) Update(ctx context.Context, locks []kv.Lock, fn func(kv.Tx) error) error {
	if n := kv.DefaultLimits.MaxLocks; len(locks) > n {
		return fmt.Errorf("%w: %d locks, allowed are %d", kv.ErrLimit, len(locks), n)
	}
	if err := e.join(ctx); err != nil {
		return err
	}
	defer e.under.Done()
	list := e.turn
	if e.opt.Adversarial {
		list = sorted(locks)
	}
	if err := e.locks.acquire(ctx, list); err != nil {
		return err
	}
	defer e.locks.release(list)
	if err := e.stopError(); err != nil {
		return err
	}
	writes := e.overlay()
	err := e.run(locks, fn, writes)
	if err == nil {
		err = writes.Err()
	}
	if err == nil && writes.Len() > 0 {
		err = e.commit(writes)
	}
	return err
}

// latest is a base that always shows the rows committed last.
func (e *Engine) latest() *rows { return &rows{source: e.head.Load} }

// overlay returns an overlay for one transaction. A plain engine runs one at
// a time and always uses the same.
func (e *Engine) overlay() *overlay.Overlay {
	if e.opt.Adversarial {
		return overlay.New(kv.DefaultLimits)
	}
	return e.writes
}

// run calls fn, perhaps again, and leaves what its last run wrote in writes.
func (e *Engine) run(held []kv.Lock, fn func(kv.Tx) error, writes *overlay.Overlay) error {
	if e.opt.Adversarial {
		return e.runHostile(held, fn, writes)
	}
	writes.Reset(e.latest())
	return fn(writes)
}

// commit makes writes part of the latest committed state.
func (e *Engine) commit(writes *overlay.Overlay) error {
	if err := e.hook(e.opt.BeforeCommit); err != nil {
		return err
	}
	e.mu.Lock()
	head := *e.head.Load()
	next := head.Fork()
	for w := range writes.Writes {
		e.apply(&next, w)
	}
	e.head.Store(&next)
	e.mu.Unlock()
	return e.hook(e.opt.AfterCommit)
}

// apply repeats one write in m.
func (e *Engine) apply(m *rowmap.Map[row], w overlay.Write) {
	p, ok := m.Find(kv.Table(w.Key[0]), w.Key[1:])
	var old row
	if ok {
		old = m.At(p)
	}
	if e.opt.Adversarial && ok && mixed(old, w) {
		e.opt.Fail(fmt.Sprintf("row %q of table %d is written by Add and by Put", w.Key[1:], w.Key[0]))
	}
	switch {
	case w.Op == overlay.Delete && ok:
		m.Remove(p)
	case w.Op == overlay.Delete:
	case ok:
		m.Replace(p, outcome(old, w))
	default:
		m.Insert(p, bytes.Clone(w.Key), outcome(old, w))
	}
}

// mixed tells whether w treats a counter as an ordinary row or the reverse.
func mixed(old row, w overlay.Write) bool {
	switch w.Op {
	case overlay.Put:
		return old.counter != w.Counter
	case overlay.Add:
		return !old.counter
	}
	return false
}

// outcome returns the row that old becomes by a Put or an Add, in memory of
// its own.
func outcome(old row, w overlay.Write) row {
	if w.Op == overlay.Add {
		return row{value: kv.AppendCounter(nil, kv.Counter(old.value)+w.Delta), counter: true}
	}
	return row{value: append(make([]byte, 0, len(w.Value)), w.Value...), counter: w.Counter}
}

// hook calls an injected fault, if there is one.
func (e *Engine) hook(fault func() error) error {
	if fault == nil {
		return nil
	}
	err := fault()
	if errors.Is(err, kv.ErrStopped) {
		e.stopped.CompareAndSwap(nil, &err)
	}
	return err
}

// stopError returns the error that ended writing, if any.
func (e *Engine) stopError() error {
	if err := e.stopped.Load(); err != nil {
		return *err
	}
	return nil
}
