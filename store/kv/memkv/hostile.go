package memkv

import (
	"fmt"
	"math/rand/v2"
	"runtime"

	"entrepot/store/kv"
	"entrepot/store/kv/internal/overlay"
)

// spoiled is what slices are overwritten with when their time is over.
const spoiled = 0xDB

// view is a kv.Reader that hands out copies, counts round trips, lets others
// run in between and spoils the copies at its end.
type view struct {
	e      *Engine
	reader kv.Reader
	rng    *rand.Rand
	trips  int
	lent   [][]byte
	ended  bool
}

// newView returns a view with its own sequence of choices.
func (e *Engine) newView(r kv.Reader) *view {
	return &view{e: e, reader: r, rng: rand.New(rand.NewPCG(e.opt.Seed, e.begun.Add(1)))}
}

// end spoils all slices that were lent; the view is not used again.
func (v *view) end() {
	v.ended = true
	for _, b := range v.lent {
		for i := range b {
			b[i] = spoiled
		}
	}
}

// enter notes a call of name that costs one round trip if remote.
func (v *view) enter(name string, remote bool) {
	if v.ended {
		v.e.opt.Fail(name + " after the transaction's function returned")
	}
	if remote {
		v.trips++
		v.e.trips.Add(1)
	}
	v.yield()
}

// yield lets other transactions run, more often than not.
func (v *view) yield() {
	for range v.rng.IntN(3) {
		runtime.Gosched()
	}
}

// lend returns a copy of b that lives until end.
func (v *view) lend(b []byte) []byte {
	if b == nil {
		return nil
	}
	c := append(make([]byte, 0, len(b)), b...)
	v.lent = append(v.lent, c)
	return c
}

// Get implements kv.Reader.
func (v *view) Get(keys ...kv.Key) ([][]byte, error) {
	v.enter("Get", true)
	return v.get(keys)
}

// get does Get without counting.
func (v *view) get(keys []kv.Key) ([][]byte, error) {
	values, err := v.reader.Get(keys...)
	lent := make([][]byte, len(values))
	for i, b := range values {
		lent[i] = v.lend(b)
	}
	return lent, err
}

// Scan implements kv.Reader.
func (v *view) Scan(r kv.Range, limit int) (kv.Page, error) {
	v.enter("Scan", true)
	page, err := v.reader.Scan(r, limit)
	for i := range page.Items {
		it := &page.Items[i]
		it.Row, it.Value, it.First = v.lend(it.Row), v.lend(it.Value), v.lend(it.First)
	}
	page.Next = v.lend(page.Next)
	return page, err
}

// tx is a view that writes.
type tx struct {
	*view
	writes *overlay.Overlay
}

var _ kv.Tx = (*tx)(nil)

// Get implements kv.Reader; what the transaction itself wrote costs nothing.
func (t *tx) Get(keys ...kv.Key) ([][]byte, error) {
	remote := false
	for _, k := range keys {
		remote = remote || !t.writes.Answers(k)
	}
	t.enter("Get", remote)
	return t.get(keys)
}

// Put implements kv.Tx.
func (t *tx) Put(k kv.Key, value []byte) {
	t.enter("Put", false)
	t.writes.Put(k, value)
}

// Delete implements kv.Tx.
func (t *tx) Delete(k kv.Key) {
	t.enter("Delete", false)
	t.writes.Delete(k)
}

// Add implements kv.Tx.
func (t *tx) Add(k kv.Key, delta int64) {
	t.enter("Add", false)
	t.writes.Add(k, delta)
}

// DeleteRange implements kv.Tx.
func (t *tx) DeleteRange(r kv.Range, limit int) (more bool, err error) {
	t.enter("DeleteRange", true)
	return t.writes.DeleteRange(r, limit)
}

// MovePrefix implements kv.Tx.
func (t *tx) MovePrefix(table kv.Table, from, to []byte, limit int) (moved int, err error) {
	t.enter("MovePrefix", true)
	return t.writes.MovePrefix(table, from, to, limit)
}

// runHostile runs fn on an adversarial engine, perhaps several times, and
// returns what the last run said. writes holds what that wrote.
func (e *Engine) runHostile(held []kv.Lock, fn func(kv.Tx) error, writes *overlay.Overlay) error {
	for {
		writes.Reset(e.latest())
		if again, err := e.runOnce(held, fn, writes); !again {
			return err
		}
	}
}

// runOnce runs fn and tells whether it is to run again.
func (e *Engine) runOnce(held []kv.Lock, fn func(kv.Tx) error, writes *overlay.Overlay) (again bool, err error) {
	t := &tx{view: e.newView(writes), writes: writes}
	defer t.end()
	err = fn(t)
	e.inspect(t, held)
	t.yield()
	return t.rng.IntN(4) == 0, err
}

// inspect reports what one run of a function did wrong.
func (e *Engine) inspect(t *tx, held []kv.Lock) {
	if t.writes.Len() > 0 {
		t.trips++
		e.trips.Add(1)
	}
	if limit := e.opt.MaxRoundTrips; limit > 0 && t.trips > limit {
		e.opt.Fail(fmt.Sprintf("an update took %d round trips, allowed are %d", t.trips, limit))
	}
	if e.opt.Covers == nil {
		return
	}
	for w := range t.writes.Writes {
		k := kv.Key{Table: kv.Table(w.Key[0]), Row: w.Key[1:]}
		if w.Op != overlay.Add && !e.opt.Covers(held, k) {
			e.opt.Fail(fmt.Sprintf("no lock covers the write of row %q of table %d", k.Row, k.Table))
			return // one line for each transaction
		}
	}
}
