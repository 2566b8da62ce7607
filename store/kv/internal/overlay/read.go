package overlay

import (
	"bytes"

	"entrepot/store/kv"
	"entrepot/store/kv/internal/rowmap"
)

// firstResults is how many answers of Get an overlay has room for at first.
const firstResults = 64

// Get implements kv.Reader: the base's rows with the writes of the overlay.
func (o *Overlay) Get(keys ...kv.Key) ([][]byte, error) {
	n, at := len(keys), len(o.results)
	if at+n > cap(o.results) {
		o.results, at = make([][]byte, 0, max(firstResults, n)), 0
	}
	o.results = o.results[:at+n]
	values := o.results[at : at+n : at+n]
	if err := o.Load(keys, values); err != nil {
		return nil, err
	}
	return values, nil
}

// Load implements Base.
func (o *Overlay) Load(keys []kv.Key, values [][]byte) error {
	if o.rows.Len() == 0 {
		return o.base.Load(keys, values)
	}
	o.missing, o.wanted = o.missing[:0], o.wanted[:0]
	for i, k := range keys {
		w, _ := o.rows.Get(k.Table, k.Row)
		switch w.op {
		case Put, Delete:
			values[i] = w.value
		default:
			o.missing = append(o.missing, miss{at: i, delta: w.delta, added: w.op == Add})
			o.wanted = append(o.wanted, k)
		}
	}
	if len(o.wanted) == 0 {
		return nil
	}
	if cap(o.found) < len(o.wanted) {
		o.found = make([][]byte, len(o.wanted))
	}
	o.found = o.found[:len(o.wanted)]
	if err := o.base.Load(o.wanted, o.found); err != nil {
		return err
	}
	for j, m := range o.missing {
		value := o.found[j]
		if m.added {
			value = o.counter(kv.Counter(value) + m.delta)
		}
		values[m.at] = value
	}
	clear(o.found)
	return nil
}

// Scan implements kv.Reader: a page of the base's rows with the writes of the
// overlay.
func (o *Overlay) Scan(r kv.Range, limit int) (kv.Page, error) {
	return scan(o, r, limit, o.limits)
}

// Cursor implements Base.
func (o *Overlay) Cursor(t kv.Table) Cursor {
	if o.rows.Len() == 0 {
		return o.base.Cursor(t)
	}
	o.cursor = merged{o: o, table: t, own: o.rows.Cursor(), base: o.base.Cursor(t)}
	return &o.cursor
}

// merged is a Cursor over the rows of a base and the writes above them.
type merged struct {
	o     *Overlay
	table kv.Table
	down  bool
	own   rowmap.Cursor[write]
	base  Cursor

	row, value []byte // where base stands
}

// Ascend implements Cursor.
func (m *merged) Ascend(from []byte) (row, value []byte, err error) {
	m.down = false
	m.own.Seek(m.table, from)
	m.row, m.value, err = m.base.Ascend(from)
	return m.pick(err)
}

// Descend implements Cursor.
func (m *merged) Descend(below []byte) (row, value []byte, err error) {
	m.down = true
	switch {
	case below != nil:
		m.own.SeekBefore(m.table, below)
	case m.table == ^kv.Table(0):
		m.own.SeekLast()
	default:
		m.own.SeekBefore(m.table+1, nil)
	}
	m.row, m.value, err = m.base.Descend(below)
	return m.pick(err)
}

// Next implements Cursor: pick has already moved past the row it returned.
func (m *merged) Next() (row, value []byte, err error) { return m.pick(nil) }

// pick returns the next row of the two and moves past it, and past rows that
// the overlay deleted.
func (m *merged) pick(err error) (row, value []byte, _ error) {
	for err == nil {
		own, w := m.ownRow()
		order := m.order(own)
		if order < 0 {
			if m.row == nil {
				return nil, nil, nil
			}
			row, value = m.row, m.value
			m.row, m.value, err = m.base.Next()
			return row, value, err
		}
		under := m.value
		if order == 0 {
			m.row, m.value, err = m.base.Next()
		} else {
			under = nil
		}
		m.stepOwn()
		switch {
		case err != nil:
		case w.op == Put:
			return own, w.value, nil
		case w.op == Add:
			return own, m.o.counter(kv.Counter(under) + w.delta), nil
		}
	}
	return nil, nil, err
}

// ownRow returns the row that the overlay stands on; nil at the end.
func (m *merged) ownRow() ([]byte, write) {
	if !m.own.Valid() {
		return nil, write{}
	}
	key := m.own.Key()
	if key[0] != byte(m.table) {
		return nil, write{}
	}
	return key[1:], m.own.Value()
}

// stepOwn moves the overlay's cursor on.
func (m *merged) stepOwn() {
	if m.down {
		m.own.Prev()
	} else {
		m.own.Next()
	}
}

// order tells which row comes first: negative for the base's or none, zero
// for the same, positive for the overlay's.
func (m *merged) order(own []byte) int {
	switch {
	case own == nil:
		return -1
	case m.row == nil:
		return 1
	case m.down:
		return bytes.Compare(own, m.row)
	}
	return bytes.Compare(m.row, own)
}
