// Package overlay keeps what one transaction has written but not committed,
// and shows the transaction the store as if it had: puts, deletions and
// summed additions in one sorted map over a Base. An engine applies the map
// when the transaction's function returns nil and forgets it otherwise, so
// one writer of a shared commit is undone alone, and every engine gives reads
// of own writes in the same way.
//
// Deletions of ranges and renames of prefixes are written down row by row
// when they are called: both are bounded by the caller, both must look at
// the rows anyhow, and reads need no second kind of tombstone.
//
// An Overlay is itself a Base, so overlays stack: the members of a shared
// commit see the writes of those before them.
package overlay

import (
	"bytes"
	"fmt"
	"slices"

	"entrepot/store/kv"
)

// A Base is what an Overlay lies on: an engine's rows, or another Overlay.
type Base interface {
	// Load sets values[i] to the value of keys[i]: nil for an absent row, not
	// nil for a present one. values is as long as keys. The slices stay as they
	// are until the transaction ends.
	Load(keys []kv.Key, values [][]byte) error

	// Cursor returns a cursor over the rows of t. Each call may end the use of
	// the cursor before, and so may a write to the Base.
	Cursor(t kv.Table) Cursor
}

// A Cursor walks over the rows of one table. A nil row stands for the end;
// the empty row is not nil, nor is any value. Slices stay as they are until
// the transaction ends.
type Cursor interface {
	// Ascend moves to the first row at or behind from; Next then moves up.
	Ascend(from []byte) (row, value []byte, err error)
	// Descend moves to the last row before below, nil meaning the end of the
	// table; Next then moves down.
	Descend(below []byte) (row, value []byte, err error)
	// Next moves one row further in the direction of the last seek. It is not
	// called again after the end.
	Next() (row, value []byte, err error)
}

// A Reader is the kv.Reader over a Base on which nothing was written.
type Reader struct {
	Base   Base
	Limits kv.Limits
}

// Get implements kv.Reader.
func (r Reader) Get(keys ...kv.Key) ([][]byte, error) {
	values := make([][]byte, len(keys))
	if err := r.Base.Load(keys, values); err != nil {
		return nil, err
	}
	return values, nil
}

// Scan implements kv.Reader.
func (r Reader) Scan(rg kv.Range, limit int) (kv.Page, error) {
	return scan(r.Base, rg, limit, r.Limits)
}

// firstItems is the most items that a page has room for before it grows.
const firstItems = 64

// nearby is how many rows of a rolled-up run are stepped over before the
// scan seeks past the run: a step is far cheaper than a seek.
const nearby = 4

// scan reads one page of base.
func scan(base Base, r kv.Range, limit int, limits kv.Limits) (kv.Page, error) {
	if limit < 1 || limit > limits.MaxScan {
		return kv.Page{}, fmt.Errorf("%w: scan of %d rows, allowed are 1 to %d", kv.ErrLimit, limit, limits.MaxScan)
	}
	s := scanner{c: base.Cursor(r.Table), r: r}
	row, value, err := s.start()
	items := r.Into[:0]
	if cap(items) == 0 {
		items = make([]kv.Item, 0, min(limit, firstItems))
	}
	for row != nil && err == nil {
		if len(items) == limit {
			return kv.Page{Items: items, Next: s.resume(items[limit-1], row)}, nil
		}
		item := kv.Item{Row: row}
		if !r.KeysOnly {
			item.Value = value
		}
		if n := s.rolled(row); n > 0 {
			item.Row, item.Rolled, item.First = row[:n:n], true, row
			row, value, err = s.past(item.Row)
		} else {
			row, value, err = s.step()
		}
		if len(items) == cap(items) {
			items = slices.Grow(items, min(len(items), limit-len(items)))
		}
		items = append(items, item)
	}
	if err != nil {
		return kv.Page{}, err
	}
	return kv.Page{Items: items}, nil
}

// A scanner walks over the rows of a range and rolls up runs.
type scanner struct {
	c   Cursor
	r   kv.Range
	buf []byte
}

// start returns the first row of the range in scan order.
func (s *scanner) start() (row, value []byte, err error) {
	if s.r.Reverse {
		return s.within(s.c.Descend(s.r.To))
	}
	return s.within(s.c.Ascend(s.r.From))
}

// step returns the next row of the range in scan order.
func (s *scanner) step() (row, value []byte, err error) { return s.within(s.c.Next()) }

// within turns a row outside the range into the end.
func (s *scanner) within(row, value []byte, err error) ([]byte, []byte, error) {
	switch {
	case row == nil || err != nil:
		return nil, nil, err
	case s.r.Reverse && s.r.From != nil && bytes.Compare(row, s.r.From) < 0:
		return nil, nil, nil
	case !s.r.Reverse && s.r.To != nil && bytes.Compare(row, s.r.To) >= 0:
		return nil, nil, nil
	}
	return row, value, nil
}

// rolled returns how many bytes of row name the run that row belongs to, or
// 0 for a row that stands alone.
func (s *scanner) rolled(row []byte) int {
	if len(s.r.Delimiter) == 0 || len(row) < s.r.Skip {
		return 0
	}
	skip := max(s.r.Skip, 0)
	i := bytes.Index(row[skip:], s.r.Delimiter)
	if i < 0 {
		return 0
	}
	return skip + i + len(s.r.Delimiter)
}

// past returns the first row behind the run named common, in scan order.
func (s *scanner) past(common []byte) (row, value []byte, err error) {
	for range nearby {
		row, value, err = s.step()
		if err != nil || row == nil || !bytes.HasPrefix(row, common) {
			return row, value, err
		}
	}
	if s.r.Reverse {
		return s.within(s.c.Descend(common))
	}
	s.buf = append(s.buf[:0], common...)
	for n := len(s.buf); n > 0; n-- {
		if s.buf[n-1] != 0xFF {
			s.buf[n-1]++
			return s.within(s.c.Ascend(s.buf[:n]))
		}
	}
	return nil, nil, nil
}

// resume returns where the scan goes on after last, given that next is there.
func (s *scanner) resume(last kv.Item, next []byte) []byte {
	if s.r.Reverse {
		return last.Row
	}
	return next
}
