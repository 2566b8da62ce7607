// Package rowmap keeps a sorted map of rows in memory: the write set of one
// transaction and the whole contents of the memory engine are both one.
//
// Rows lie in sorted chunks of at most 64, and the chunks in one sorted
// slice. A map of a few rows is therefore one small slice, which nothing
// beats; a map of 100,000 rows still inserts anywhere by moving at most 64
// rows and, at a split, some 2,000 pointers. Forks share chunks, and each
// map copies a chunk before it first changes it after a fork.
//
// A key is the byte of the table followed by the row, so that one
// comparison orders rows of all tables.
package rowmap

import (
	"bytes"
	"slices"
	"sort"

	"entrepot/store/kv"
)

// maxChunk is the largest number of rows in one chunk.
const maxChunk = 64

// AppendKey appends the map's form of a key to b: table byte, then row.
func AppendKey(b []byte, t kv.Table, row []byte) []byte {
	return append(append(b, byte(t)), row...)
}

// compare orders an encoded key against a table and a row.
func compare(key []byte, t kv.Table, row []byte) int {
	if key[0] != byte(t) {
		return int(key[0]) - int(t)
	}
	return bytes.Compare(key[1:], row)
}

type entry[V any] struct {
	key   []byte
	value V
}

type chunk[V any] struct {
	edition *byte // the edition of the map that may change the chunk in place
	rows    []entry[V]
}

// Map is a sorted map from encoded keys to values. The zero Map is empty. It
// is not safe for concurrent use, but two forks are independent. The map keeps the keys that it is given:
// the caller never changes them.
type Map[V any] struct {
	chunks  []*chunk[V]
	edition *byte
	shared  bool // chunks, the slice itself, belongs to another map too
	n       int
}

// A Pos is a place in a Map, valid until the map changes.
type Pos struct{ chunk, row int }

// Len returns the number of rows.
func (m *Map[V]) Len() int { return m.n }

// Find returns the place of a row and whether the row is there. The place of
// an absent row is where Insert wants it.
func (m *Map[V]) Find(t kv.Table, row []byte) (Pos, bool) {
	if len(m.chunks) == 0 {
		return Pos{}, false
	}
	ci := 0
	if len(m.chunks) > 1 {
		ci = sort.Search(len(m.chunks), func(i int) bool { return compare(m.chunks[i].rows[0].key, t, row) > 0 }) - 1
		ci = max(ci, 0)
	}
	rows := m.chunks[ci].rows
	lo, hi := 0, len(rows)
	for lo < hi {
		mid := int(uint(lo+hi) >> 1)
		c := compare(rows[mid].key, t, row)
		if c == 0 {
			return Pos{ci, mid}, true
		}
		if c < 0 {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return Pos{ci, lo}, false
}

// Get returns the value of a row and whether it is there.
func (m *Map[V]) Get(t kv.Table, row []byte) (value V, ok bool) {
	p, ok := m.Find(t, row)
	if !ok {
		return value, false
	}
	return m.At(p), true
}

// At returns the value at the place of a row that Find found.
func (m *Map[V]) At(p Pos) V { return m.chunks[p.chunk].rows[p.row].value }

// Replace sets the value at the place of a row that Find found.
func (m *Map[V]) Replace(p Pos, value V) { m.own(p.chunk).rows[p.row].value = value }

// Insert adds a row at the place that Find returned for its absence. key is
// the encoded key and is kept.
func (m *Map[V]) Insert(p Pos, key []byte, value V) {
	m.n++
	if len(m.chunks) == 0 {
		m.unshare()
		m.chunks = append(m.chunks, &chunk[V]{edition: m.edition})
	}
	c := m.own(p.chunk)
	if len(c.rows) >= maxChunk {
		c, p = m.split(c, p)
	}
	c.rows = slices.Insert(c.rows, p.row, entry[V]{key, value})
}

// Remove takes out the row at the place that Find found.
func (m *Map[V]) Remove(p Pos) {
	m.n--
	c := m.own(p.chunk)
	c.rows = slices.Delete(c.rows, p.row, p.row+1)
	if len(c.rows) == 0 {
		m.chunks = slices.Delete(m.chunks, p.chunk, p.chunk+1)
	}
}

// split makes room in the full chunk c at p and returns the chunk and the
// place where p went. Rows that arrive in ascending order leave full chunks
// behind.
func (m *Map[V]) split(c *chunk[V], p Pos) (*chunk[V], Pos) {
	cut := maxChunk / 2
	if p.row == len(c.rows) && p.chunk == len(m.chunks)-1 {
		cut = len(c.rows)
	}
	right := &chunk[V]{edition: m.edition, rows: append(make([]entry[V], 0, maxChunk), c.rows[cut:]...)}
	clear(c.rows[cut:])
	c.rows = c.rows[:cut]
	m.chunks = slices.Insert(m.chunks, p.chunk+1, right)
	if p.row > cut || (p.row == cut && len(right.rows) == 0) {
		return right, Pos{p.chunk + 1, p.row - cut}
	}
	return c, p
}

// unshare gives the map its own slice of chunks.
func (m *Map[V]) unshare() {
	if m.shared {
		m.chunks = slices.Clone(m.chunks)
		m.shared = false
	}
}

// own returns chunk i in a form that may be changed in place.
func (m *Map[V]) own(i int) *chunk[V] {
	m.unshare()
	c := m.chunks[i]
	if c.edition != m.edition {
		rows := append(make([]entry[V], 0, maxChunk), c.rows...)
		c = &chunk[V]{edition: m.edition, rows: rows}
		m.chunks[i] = c
	}
	return c
}

// Fork returns a map of the same rows. Both may change afterwards, and
// neither sees the changes of the other.
func (m *Map[V]) Fork() Map[V] {
	m.edition, m.shared = new(byte), true
	return Map[V]{chunks: m.chunks, edition: new(byte), shared: true, n: m.n}
}

// Reset empties the map and keeps a little memory for the next rows. A
// map that was forked is not reset.
func (m *Map[V]) Reset() {
	if len(m.chunks) > 0 {
		first := m.chunks[0]
		clear(m.chunks)
		clear(first.rows)
		first.rows = first.rows[:0]
		m.chunks = m.chunks[:0]
		m.spare(first)
	}
	m.n = 0
}

// spare keeps an empty chunk as the only one. Find works on it because it
// looks at the first row of a chunk only where there are several.
func (m *Map[V]) spare(c *chunk[V]) { m.chunks = append(m.chunks, c) }
