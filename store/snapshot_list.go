package store

import (
	"bytes"
	"strings"

	"entrepot/store/kv"
)

// RecordsAt lists the objects that a snapshot shows whose names begin with
// prefix and are greater than after, in order, at most limit: live rows and
// history merged.
func (v *View) RecordsAt(id uint64, epoch uint64, prefix, after string, limit int) ([]Object, error) {
	scan := newPastScan(v, id, epoch, prefix)
	if after != "" {
		scan.seek(after + "\x00")
	}
	var out []Object
	for len(out) < limit {
		o, ok, err := scan.next()
		if err != nil || !ok {
			return out, err
		}
		out = append(out, o)
	}
	return out, nil
}

// ObjectsAt lists names as a snapshot shows them, with the meaning that the
// query has for Objects; Reverse, EndMarker and Direct are not looked at. What
// had expired by Query.Now is left out. Sub-folders are seeked past, not read.
func (v *View) ObjectsAt(id uint64, epoch uint64, q Query) ([]Listed, error) {
	scan := newPastScan(v, id, epoch, q.Prefix)
	if q.Marker != "" {
		scan.seek(q.Marker + "\x00")
		if sub := rolled(q.Marker, q); sub == q.Marker {
			scan.seek(string(kv.PrefixEnd([]byte(sub))))
		}
	}
	var list []Listed
	for len(list) < q.Limit {
		o, ok, err := scan.next()
		if err != nil || !ok {
			return list, err
		}
		if o.Expired(q.Now) {
			continue
		}
		sub := rolled(o.Name, q)
		if sub == "" {
			list = append(list, Listed{Object: o})
			continue
		}
		row := Listed{Subdir: sub}
		if o.Name == sub {
			row.Marker = &o
		}
		list = append(list, row)
		scan.seek(string(kv.PrefixEnd([]byte(sub))))
	}
	return list, nil
}

// rolled returns the row that stands for a name in a listing with a delimiter,
// "" for a name that stands for itself.
func rolled(name string, q Query) string {
	if q.Delimiter == "" || !strings.HasPrefix(name, q.Prefix) {
		return ""
	}
	i := strings.Index(name[len(q.Prefix):], q.Delimiter)
	if i < 0 {
		return ""
	}
	return name[:len(q.Prefix)+i+len(q.Delimiter)]
}

// pastScan walks the objects that a snapshot shows, in the order of names.
type pastScan struct {
	id, epoch  uint64
	live, past *cursor
}

func newPastScan(v *View, id, epoch uint64, prefix string) *pastScan {
	return &pastScan{
		id: id, epoch: epoch,
		live: &cursor{v: v, r: kv.Prefix(tableObjects, in(id, prefix)), name: func(row []byte) string { return string(row[8:]) }},
		past: &cursor{v: v, r: kv.Prefix(tableHistory, in(id, prefix)), name: func(row []byte) string { return string(row[8:max(8, len(row)-9)]) }},
	}
}

// seek goes on with the first name that is not smaller.
func (s *pastScan) seek(name string) {
	s.live.seek(in(s.id, name))
	// Rows of the history are longer than their names: those of the name just
	// before the one that is sought come behind it.
	s.past.seek(in(s.id, name))
	s.past.least = name
}

// next returns the next object that the snapshot shows.
func (s *pastScan) next() (Object, bool, error) {
	for {
		a, err := s.live.head()
		if err != nil {
			return Object{}, false, err
		}
		b, err := s.past.head()
		if err != nil {
			return Object{}, false, err
		}
		if a == nil && b == nil {
			return Object{}, false, nil
		}
		if b == nil || a != nil && s.live.name(a.Row) < s.past.name(b.Row) {
			o, err := decodeObject(s.live.name(a.Row), a.Value)
			if err != nil {
				return Object{}, false, err
			}
			if s.live.take(); o.Born <= s.epoch {
				return o, true, nil
			}
			continue
		}
		p, err := decodeHistory(b.Row, b.Value)
		if err != nil {
			return Object{}, false, err
		}
		if s.past.take(); p.Born <= s.epoch && s.epoch < p.Ended {
			return p.Object, true, nil
		}
	}
}

// cursor walks a range page by page.
type cursor struct {
	v     *View
	r     kv.Range
	name  func(row []byte) string
	least string // rows of smaller names are passed over
	page  []kv.Item
	end   bool
}

// head returns the next row, nil at the end.
func (c *cursor) head() (*kv.Item, error) {
	for {
		for len(c.page) > 0 {
			if c.least == "" || c.name(c.page[0].Row) >= c.least {
				return &c.page[0], nil
			}
			c.take()
		}
		if c.end || c.r.To != nil && bytes.Compare(c.r.From, c.r.To) >= 0 {
			return nil, nil
		}
		page, err := c.v.r.Scan(c.r, reapBatch)
		if err != nil {
			return nil, err
		}
		c.page, c.end = page.Items, page.Next == nil
		if next := bytes.Clone(page.Next); c.r.Reverse {
			c.r.To = next
		} else {
			c.r.From = next
		}
	}
}

func (c *cursor) take() { c.page = c.page[1:] }

// seekBack goes on, backwards, with the first row that is smaller.
func (c *cursor) seekBack(row []byte) {
	for len(c.page) > 0 && bytes.Compare(c.page[0].Row, row) >= 0 {
		c.take()
	}
	if len(c.page) == 0 && !c.end && (c.r.To == nil || bytes.Compare(row, c.r.To) < 0) {
		c.r.To = row
	}
}

// seek goes on with the first row that is not smaller.
func (c *cursor) seek(row []byte) {
	for len(c.page) > 0 && bytes.Compare(c.page[0].Row, row) < 0 {
		c.take()
	}
	if len(c.page) == 0 && !c.end && bytes.Compare(row, c.r.From) > 0 {
		c.r.From = row
	}
}
