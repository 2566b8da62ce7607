package rowmap

import "entrepot/store/kv"

// A Cursor walks over the rows of a Map in either direction. It is valid
// until the map changes.
type Cursor[V any] struct {
	m *Map[V]
	p Pos
}

// Cursor returns a cursor that stands nowhere: seek first.
func (m *Map[V]) Cursor() Cursor[V] { return Cursor[V]{m: m, p: Pos{chunk: -1}} }

// Seek moves to the first row at or behind the given one, whatever its table.
func (c *Cursor[V]) Seek(t kv.Table, row []byte) {
	c.p, _ = c.m.Find(t, row)
	if c.p.chunk < len(c.m.chunks) && c.p.row == len(c.m.chunks[c.p.chunk].rows) {
		c.p = Pos{c.p.chunk + 1, 0}
	}
}

// SeekFirst moves to the first row of the map.
func (c *Cursor[V]) SeekFirst() {
	c.p = Pos{}
	if c.m.n == 0 {
		c.p.chunk = len(c.m.chunks)
	}
}

// SeekBefore moves to the last row before the given one, whatever its table.
func (c *Cursor[V]) SeekBefore(t kv.Table, row []byte) {
	c.p, _ = c.m.Find(t, row)
	c.Prev()
}

// SeekLast moves to the last row of the map.
func (c *Cursor[V]) SeekLast() {
	c.p = Pos{chunk: len(c.m.chunks)}
	c.Prev()
}

// Valid tells whether the cursor stands on a row.
func (c *Cursor[V]) Valid() bool {
	return c.p.chunk >= 0 && c.p.chunk < len(c.m.chunks) && c.p.row < len(c.m.chunks[c.p.chunk].rows)
}

// Key returns the encoded key of the row; the cursor is valid.
func (c *Cursor[V]) Key() []byte { return c.m.chunks[c.p.chunk].rows[c.p.row].key }

// Value returns the value of the row; the cursor is valid.
func (c *Cursor[V]) Value() V { return c.m.chunks[c.p.chunk].rows[c.p.row].value }

// Next moves one row up.
func (c *Cursor[V]) Next() {
	c.p.row++
	if c.p.row >= len(c.m.chunks[c.p.chunk].rows) {
		c.p = Pos{c.p.chunk + 1, 0}
	}
}

// Prev moves one row down.
func (c *Cursor[V]) Prev() {
	if c.p.row > 0 {
		c.p.row--
		return
	}
	c.p.chunk--
	c.p.row = 0
	if c.p.chunk >= 0 {
		c.p.row = max(len(c.m.chunks[c.p.chunk].rows)-1, 0)
	}
}
