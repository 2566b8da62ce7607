package boltkv

import (
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"sync/atomic"

	bolt "go.etcd.io/bbolt"

	"entrepot/store/kv"
	"entrepot/store/kv/internal/overlay"
)

// Bounds of one batch, in rows written. A transaction above largeRows is
// committed alone, so that its neighbours do not wait for it; a batch is
// complete above batchRows.
const (
	largeRows = 1024
	batchRows = 8192
)

// gatherRounds is how often the combiner steps aside between two batches at
// most. A lone writer pays for one round, well under a microsecond on a
// machine with nothing else to do.
const gatherRounds = 8

// A request is one Update on its way through the combiner.
type request struct {
	fn      func(kv.Tx) error
	claimed atomic.Bool

	// Set by the combiner before it closes done.
	err      error
	panicked any  // what fn panicked with
	exited   bool // fn ended its goroutine
	done     chan struct{}
}

// claim tells whether the caller is the first: either the combiner, which
// then runs fn, or the Update whose context ended.
func (r *request) claim() bool { return r.claimed.CompareAndSwap(false, true) }

// combiner is the state of the goroutine that runs all writers. It outlives
// the goroutine when a transaction's function ends that (runtime.Goexit, as
// in t.FailNow): the next one goes on where it stood.
type combiner struct {
	taken   []*request // requests of this round
	next    int        // the first of them that was not looked at
	members []*request // requests that wait for the commit

	tx      *bolt.Tx // nil between batches
	base    rows     // what tx sees
	writers uint64   // members that wrote
	shared  *overlay.Overlay
	own     *overlay.Overlay // of the request under way
}

// newCombiner returns a combiner that has done nothing.
func newCombiner() combiner {
	return combiner{shared: overlay.New(kv.DefaultLimits), own: overlay.New(kv.DefaultLimits)}
}

// combine runs writers until the engine is closed.
func (e *Engine) combine() {
	debug.SetPanicOnFault(true) // a damaged page may point outside of the map
	ended := false
	defer func() {
		if !ended {
			go e.combine()
		}
	}()
	for {
		if e.c.next == len(e.c.taken) && e.c.tx == nil {
			clear(e.c.taken)
			e.c.taken, e.c.next = e.take(e.c.taken), 0
			if e.c.taken == nil {
				break
			}
		}
		e.batch()
	}
	ended = true
	close(e.idle)
}

// gather steps aside while the queue, which is waiting long, grows. Those who
// were just answered would otherwise come a moment too late for the next
// commit, and writers who return at once would part into halves that wait for
// each other.
func (e *Engine) gather(waiting int) {
	for range gatherRounds {
		runtime.Gosched()
		e.mu.Lock()
		n := len(e.queue)
		e.mu.Unlock()
		if n == waiting {
			return
		}
		waiting = n
	}
}

// batch runs taken requests and commits them together.
func (e *Engine) batch() {
	c := &e.c
	if c.tx == nil {
		e.begin()
	}
	for c.next < len(c.taken) && c.shared.Len() < batchRows {
		r := c.taken[c.next]
		c.next++
		if !r.claim() {
			continue
		}
		if r.err = e.stopError(); r.err != nil {
			close(r.done)
			continue
		}
		c.members = append(c.members, r)
		e.call(r)
		if r.err == nil && r.panicked == nil && !e.keep(r) {
			break
		}
	}
	e.finish()
}

// begin starts a bbolt transaction and empties the shared overlay.
func (e *Engine) begin() {
	c := &e.c
	tx, err := e.db.Begin(true)
	if err != nil {
		e.stop(fmt.Errorf("boltkv: %w", err))
		return
	}
	if err := guard(func() error { c.base.reset(tx); return nil }); err != nil {
		e.stop(fmt.Errorf("boltkv: %w", errors.Join(err, abandon(tx))))
		return
	}
	c.tx, c.writers = tx, 0
	c.shared.Reset(&c.base)
}

// call runs the function of r on an overlay of its own and notes how it
// ended.
func (e *Engine) call(r *request) {
	e.c.own.Reset(e.c.shared)
	r.exited = true
	defer func() {
		if v := recover(); v != nil {
			r.panicked, r.exited = v, false
			e.opt.Logger.Error("transaction panicked", "panic", v, "stack", string(debug.Stack()))
		}
	}()
	r.err = r.fn(e.c.own)
	r.exited = false
	if r.err == nil {
		r.err = e.c.own.Err()
	}
}

// keep adds what r wrote to the batch. It returns false when the batch is
// complete. A large transaction gets a batch of its own: the earlier members
// are committed first, which changes nothing of what r saw.
func (e *Engine) keep(r *request) (more bool) {
	c := &e.c
	large := c.own.Len() > largeRows
	if large && c.shared.Len() > 0 {
		c.members = c.members[:len(c.members)-1]
		e.finish()
		c.members = append(c.members, r)
		if e.stopError() == nil {
			e.begin()
		}
		if r.err = e.stopError(); r.err != nil {
			return false
		}
	}
	if c.own.Len() > 0 {
		c.writers++
	}
	if c.shared.Len() == 0 {
		c.shared, c.own = c.own, c.shared
		c.shared.Rebase(&c.base)
	} else {
		c.shared.Absorb(c.own)
	}
	return !large
}

// finish commits the batch and answers its members.
func (e *Engine) finish() {
	c := &e.c
	if c.tx != nil {
		if err := e.commit(); err != nil {
			e.failed(err)
		}
	}
	e.mu.Lock()
	e.company.note(len(c.members) + len(e.queue))
	e.mu.Unlock()
	for _, r := range c.members {
		close(r.done)
	}
	clear(c.members)
	c.members = c.members[:0]
}

// failed answers the members of a batch that was not committed. Whatever one
// of them decided, it may have decided on what another wrote.
func (e *Engine) failed(err error) {
	full := errors.Is(err, kv.ErrNoSpace)
	if !full {
		e.stop(err)
	}
	for _, r := range e.c.members {
		switch {
		case full:
			r.err = err
		case r.err == nil:
			r.err = fmt.Errorf("%w: %w", kv.ErrUnknown, err)
		default:
			r.err = e.stopError()
		}
	}
}

// commit makes the shared overlay durable and ends the bbolt transaction.
func (e *Engine) commit() error {
	c := &e.c
	tx := c.tx
	c.tx = nil
	if c.shared.Len() == 0 {
		return tx.Rollback()
	}
	if err := e.wal.commit(tx, c.shared); err != nil {
		return fmt.Errorf("boltkv: %w", err)
	}
	e.commits.Add(1)
	e.updates.Add(c.writers)
	return nil
}
