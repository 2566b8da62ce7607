package pgkv

import (
	"errors"
	"fmt"

	"entrepot/store/kv"
	"entrepot/store/kv/internal/overlay"
)

// errCounter: Add was used outside Options.Counters.
var errCounter = fmt.Errorf("%w: Add to a table that is not among Options.Counters", kv.ErrLimit)

// errOccupied: MovePrefix found rows where it was to put others, or counters,
// which have no other name.
var errOccupied = errors.New("pgkv: move of a prefix onto rows that are there, or of counters")

// A tx is the kv.Tx of one run of a function. What it wrote lies in the
// overlay until a scan of the same table, or the commit, sends it.
type tx struct {
	*overlay.Overlay
	s       *session
	written [256]bool // tables that the overlay has writes of
	sent    bool      // writes were sent already
	refused error     // the first misuse
}

var _ kv.Tx = (*tx)(nil)

// base is the overlay.Base below: the rows on the server.
type base struct{ s *session }

// Load implements overlay.Base.
func (b base) Load(keys []kv.Key, values [][]byte) error { return b.s.load(keys, values) }

// Cursor implements overlay.Base. It is not used: scans run on the server.
func (b base) Cursor(kv.Table) overlay.Cursor { return noCursor{} }

// noCursor fails whoever walks over rows in the overlay.
type noCursor struct{}

var errNoCursor = errors.New("pgkv: scans run on the server")

func (noCursor) Ascend([]byte) (row, value []byte, err error)  { return nil, nil, errNoCursor }
func (noCursor) Descend([]byte) (row, value []byte, err error) { return nil, nil, errNoCursor }
func (noCursor) Next() (row, value []byte, err error)          { return nil, nil, errNoCursor }

// newTx returns the transaction of a session.
func newTx(s *session) *tx {
	t := &tx{s: s}
	t.begin()
	return t
}

// begin lays an empty overlay on the rows of the server. The one before is
// left as it is, since fn may hold slices of it.
func (t *tx) begin() {
	t.Overlay = overlay.New(kv.DefaultLimits)
	t.Overlay.Reset(base{t.s})
	t.written = [256]bool{}
}

// Put implements kv.Tx.
func (t *tx) Put(k kv.Key, value []byte) {
	t.written[k.Table] = true
	t.Overlay.Put(k, value)
}

// Delete implements kv.Tx.
func (t *tx) Delete(k kv.Key) {
	t.written[k.Table] = true
	t.Overlay.Delete(k)
}

// Add implements kv.Tx.
func (t *tx) Add(k kv.Key, delta int64) {
	if !t.s.e.counters[k.Table] {
		t.refuse(fmt.Errorf("%w: table %d", errCounter, k.Table))
		return
	}
	t.written[k.Table] = true
	t.Overlay.Add(k, delta)
}

// refuse remembers the first misuse, which ends the Update.
func (t *tx) refuse(err error) {
	if t.refused == nil {
		t.refused = err
	}
}

// failure returns what the transaction fails with whatever fn says.
func (t *tx) failure() error {
	t.refuse(t.Overlay.Err())
	if t.s.err != nil {
		return t.s.err
	}
	return t.refused
}

// Scan implements kv.Reader.
func (t *tx) Scan(r kv.Range, limit int) (kv.Page, error) {
	if limit < 1 || limit > kv.DefaultLimits.MaxScan {
		return t.s.scan(r, limit, nil) // refuses
	}
	return t.s.scan(r, limit, t.ahead(r.Table))
}

// DeleteRange implements kv.Tx.
func (t *tx) DeleteRange(r kv.Range, limit int) (more bool, err error) {
	kind := deleteRange
	if t.s.e.counters[r.Table] {
		kind = deleteRangeAll
	}
	steps := append(t.ahead(r.Table), step{
		statement: kind,
		params:    [][]byte{lowest(r), highest(r), int8(int64(max(limit, 0)))},
		row:       func(row [][]byte) error { more = parseBool(row[0]); return nil },
	})
	t.sent = true
	return more, t.s.do(steps...)
}

// MovePrefix implements kv.Tx.
func (t *tx) MovePrefix(table kv.Table, from, to []byte, limit int) (moved int, err error) {
	source, target := kv.Prefix(table, from), kv.Prefix(table, to)
	var found, longest, put int64
	var taken bool
	steps := append(t.ahead(table), step{
		statement: movePrefix,
		params: [][]byte{
			lowest(source), highest(source), lowest(target), highest(target), int4(int32(len(from) + 2)),
			int8(int64(max(limit, 0)) + 1), int8(int64(len(to) - len(from))), int8(int64(kv.DefaultLimits.MaxKey + 1)),
		},
		row: func(row [][]byte) error {
			found, longest, taken, put = parseInt(row[0]), parseInt(row[1]), parseBool(row[2]), parseInt(row[3])
			return nil
		},
	})
	t.sent = true
	if err := t.s.do(steps...); err != nil {
		return 0, err
	}
	grown := longest - 1 + int64(len(to)-len(from))
	switch {
	case taken:
		return 0, fmt.Errorf("%w: %q", errOccupied, to)
	case found > int64(limit):
		return 0, fmt.Errorf("%w: more than %d under the prefix", kv.ErrTooMany, limit)
	case found > 0 && grown > int64(kv.DefaultLimits.MaxKey):
		return 0, fmt.Errorf("%w: moved key of %d bytes, allowed are %d", kv.ErrLimit, grown, kv.DefaultLimits.MaxKey)
	case put != found:
		return 0, fmt.Errorf("pgkv: %d of %d rows moved", put, found)
	}
	return int(put), nil
}

// ahead returns the statements that send all writes, when there are any of
// the table, and forgets them here.
func (t *tx) ahead(table kv.Table) []step {
	t.refuse(t.Overlay.Err())
	if !t.written[table] || t.refused != nil {
		return nil
	}
	steps := t.writes()
	t.begin()
	t.sent = true
	return steps
}

// writes returns the statements that send all writes of the overlay. Counters
// come last, since others may wait for them.
func (t *tx) writes() []step {
	keys, values := newBytesArray(1<<10), newBytesArray(8<<10)
	gone, goneCounters := newBytesArray(0), newBytesArray(0)
	added, deltas := newBytesArray(0), newInt8Array(0)
	for w := range t.Overlay.Writes {
		counters := t.s.e.counters[w.Key[0]]
		switch w.Op {
		case overlay.Put:
			if !w.Counter {
				keys.addBytes(w.Key)
				values.addBytes(w.Value)
				continue
			}
			goneCounters.addBytes(w.Key)
			added.addBytes(w.Key)
			deltas.addInt8(kv.Counter(w.Value))
		case overlay.Delete:
			gone.addBytes(w.Key)
			if counters {
				goneCounters.addBytes(w.Key)
			}
		case overlay.Add:
			added.addBytes(w.Key)
			deltas.addInt8(w.Delta)
		}
	}
	var steps []step
	if gone.n > 0 {
		steps = append(steps, step{statement: deleteRows, params: [][]byte{gone.bytes()}})
	}
	if keys.n > 0 {
		steps = append(steps, step{statement: putRows, params: [][]byte{keys.bytes(), values.bytes()}})
	}
	if goneCounters.n > 0 {
		steps = append(steps, step{statement: deleteCounters, params: [][]byte{goneCounters.bytes()}})
	}
	if added.n > 0 {
		steps = append(steps, step{statement: addCounters, params: [][]byte{nil, added.bytes(), deltas.bytes()}}) // the shard is the connection's
	}
	return steps
}
