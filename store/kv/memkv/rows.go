package memkv

import (
	"entrepot/store/kv"
	"entrepot/store/kv/internal/overlay"
	"entrepot/store/kv/internal/rowmap"
)

// A row is a committed value. Its bytes never change.
type row struct {
	value   []byte
	counter bool // made by Add
}

// rows is an overlay.Base over the rows that source returns.
type rows struct {
	// source returns the rows as each Load and each Cursor sees them: always
	// the same in a View, the latest committed in an Update.
	source func() *rowmap.Map[row]

	c     rowmap.Cursor[row]
	table kv.Table
	down  bool
}

var _ overlay.Base = (*rows)(nil)
var _ overlay.Cursor = (*rows)(nil)

// Load implements overlay.Base.
func (r *rows) Load(keys []kv.Key, values [][]byte) error {
	m := r.source()
	for i, k := range keys {
		v, _ := m.Get(k.Table, k.Row)
		values[i] = v.value
	}
	return nil
}

// Cursor implements overlay.Base: there is one cursor, so a call ends the one
// before.
func (r *rows) Cursor(t kv.Table) overlay.Cursor {
	m := r.source()
	r.c, r.table = m.Cursor(), t
	return r
}

// Ascend implements overlay.Cursor.
func (r *rows) Ascend(from []byte) (row, value []byte, err error) {
	r.down = false
	r.c.Seek(r.table, from)
	return r.here()
}

// Descend implements overlay.Cursor.
func (r *rows) Descend(below []byte) (row, value []byte, err error) {
	r.down = true
	switch {
	case below != nil:
		r.c.SeekBefore(r.table, below)
	case r.table == ^kv.Table(0):
		r.c.SeekLast()
	default:
		r.c.SeekBefore(r.table+1, nil)
	}
	return r.here()
}

// Next implements overlay.Cursor.
func (r *rows) Next() (row, value []byte, err error) {
	if r.down {
		r.c.Prev()
	} else {
		r.c.Next()
	}
	return r.here()
}

// here returns the row under the cursor, or the end of the table.
func (r *rows) here() (row, value []byte, err error) {
	if !r.c.Valid() || r.c.Key()[0] != byte(r.table) {
		return nil, nil, nil
	}
	return r.c.Key()[1:], r.c.Value().value, nil
}
