package overlay

import (
	"fmt"

	"entrepot/store/kv"
	"entrepot/store/kv/internal/rowmap"
)

// An Op is what a transaction did to a row, all in all.
type Op uint8

// The operations. Put replaces the row, Delete removes it, Add adds to the
// counter that it is or becomes.
const (
	Put Op = iota + 1
	Delete
	Add
)

// A Write is the outcome of a transaction for one row.
type Write struct {
	// Key is the table byte followed by the row.
	Key   []byte
	Op    Op
	Value []byte // of a Put; never nil
	Delta int64  // of an Add
	// Counter tells that a Put is a counter which was deleted and then added
	// to.
	Counter bool
}

// write is a Write without its key.
type write struct {
	op      Op
	counter bool
	value   []byte
	delta   int64
}

// An Overlay is a kv.Tx that collects writes over a Base. Make it with New
// and Reset it before each use. It is not safe for concurrent use. It owns
// copies of all keys and values that it was given, so it outlives its Base
// and can be applied after the Base has ended.
type Overlay struct {
	limits  kv.Limits
	base    Base
	rows    rowmap.Map[write]
	bytes   arena
	results [][]byte // room for the answers of Get
	err     error    // the first write beyond the limits

	missing []miss // scratch of Load
	wanted  []kv.Key
	found   [][]byte

	cursor merged
}

// miss is a key that Load must ask the base for.
type miss struct {
	at    int // index of the key
	delta int64
	added bool
}

var _ kv.Tx = (*Overlay)(nil)
var _ Base = (*Overlay)(nil)

// New returns an empty Overlay that enforces limits.
func New(limits kv.Limits) *Overlay { return &Overlay{limits: limits} }

// Reset forgets everything and lays the overlay on base. All slices that it
// returned become invalid.
func (o *Overlay) Reset(base Base) {
	o.base, o.err = base, nil
	o.rows.Reset()
	o.bytes.reset()
	clear(o.results[:cap(o.results)])
	o.results = o.results[:0]
}

// Rebase lays the overlay, with all that it holds, on another base.
func (o *Overlay) Rebase(base Base) { o.base = base }

// Err returns the first error of a write, which Update returns instead of
// committing.
func (o *Overlay) Err() error { return o.err }

// Len returns the number of rows written.
func (o *Overlay) Len() int { return o.rows.Len() }

// Answers tells whether Get knows the row of k without asking the base.
func (o *Overlay) Answers(k kv.Key) bool {
	w, _ := o.rows.Get(k.Table, k.Row)
	return w.op == Put || w.op == Delete
}

// Writes calls yield with every write in the order of keys until it returns
// false. It has the shape of an iter.Seq[Write].
func (o *Overlay) Writes(yield func(Write) bool) {
	c := o.rows.Cursor()
	for c.SeekFirst(); c.Valid(); c.Next() {
		w := c.Value()
		if !yield(Write{Key: c.Key(), Op: w.op, Value: w.value, Delta: w.delta, Counter: w.counter}) {
			return
		}
	}
}

// Absorb repeats the writes of a later transaction here.
func (o *Overlay) Absorb(later *Overlay) {
	for w := range later.Writes {
		k := kv.Key{Table: kv.Table(w.Key[0]), Row: w.Key[1:]}
		switch w.Op {
		case Put:
			o.set(k, write{op: Put, counter: w.Counter, value: o.bytes.copy(w.Value)})
		case Delete:
			o.Delete(k)
		case Add:
			o.Add(k, w.Delta)
		}
	}
}

// Put implements kv.Tx.
func (o *Overlay) Put(k kv.Key, value []byte) {
	if !o.checkKey(k) {
		return
	}
	if len(value) > o.limits.MaxValue {
		o.fail(fmt.Errorf("%w: value of %d bytes, allowed are %d", kv.ErrLimit, len(value), o.limits.MaxValue))
		return
	}
	o.set(k, write{op: Put, value: o.bytes.copy(value)})
}

// Delete implements kv.Tx.
func (o *Overlay) Delete(k kv.Key) {
	if o.checkKey(k) {
		o.set(k, write{op: Delete})
	}
}

// Add implements kv.Tx.
func (o *Overlay) Add(k kv.Key, delta int64) {
	if !o.checkKey(k) {
		return
	}
	p, ok := o.rows.Find(k.Table, k.Row)
	if !ok {
		o.rows.Insert(p, o.key(k), write{op: Add, delta: delta})
		return
	}
	w := o.rows.At(p)
	switch w.op {
	case Add:
		w.delta += delta
	default: // the row's value is known: nothing after Delete, else a Put
		born := w.op == Delete || w.counter
		w = write{op: Put, counter: born, value: o.counter(kv.Counter(w.value) + delta)}
	}
	o.rows.Replace(p, w)
}

// set writes w down for k.
func (o *Overlay) set(k kv.Key, w write) {
	p, ok := o.rows.Find(k.Table, k.Row)
	if ok {
		o.rows.Replace(p, w)
		return
	}
	o.rows.Insert(p, o.key(k), w)
}

// key returns a copy of k in the form of a rowmap.
func (o *Overlay) key(k kv.Key) []byte {
	return rowmap.AppendKey(o.bytes.alloc(1 + len(k.Row))[:0], k.Table, k.Row)
}

// counter returns the value of a counter that stands at n.
func (o *Overlay) counter(n int64) []byte {
	return kv.AppendCounter(o.bytes.alloc(kv.CounterLen)[:0], n)
}

// checkKey reports whether a row with this key may be written.
func (o *Overlay) checkKey(k kv.Key) bool {
	if len(k.Row) <= o.limits.MaxKey {
		return true
	}
	o.fail(fmt.Errorf("%w: key of %d bytes, allowed are %d", kv.ErrLimit, len(k.Row), o.limits.MaxKey))
	return false
}

// fail remembers the first error.
func (o *Overlay) fail(err error) {
	if o.err == nil {
		o.err = err
	}
}
