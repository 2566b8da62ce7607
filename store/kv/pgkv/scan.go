package pgkv

import (
	"bytes"
	"fmt"

	"entrepot/store/kv"
)

// A viewer is the kv.Reader of one View.
type viewer struct{ s *session }

// Get implements kv.Reader.
func (v viewer) Get(keys ...kv.Key) ([][]byte, error) {
	values := make([][]byte, len(keys))
	if err := v.s.load(keys, values); err != nil {
		return nil, err
	}
	return values, nil
}

// Scan implements kv.Reader.
func (v viewer) Scan(r kv.Range, limit int) (kv.Page, error) { return v.s.scan(r, limit, nil) }

// lowest returns the first key of a range.
func lowest(r kv.Range) []byte { return append([]byte{byte(r.Table)}, r.From...) }

// highest returns the key behind the last one of a range.
func highest(r kv.Range) []byte {
	switch {
	case r.To != nil:
		return append([]byte{byte(r.Table)}, r.To...)
	case r.Table < 255:
		return []byte{byte(r.Table) + 1}
	}
	return bytes.Repeat([]byte{0xFF}, kv.DefaultLimits.MaxKey+2)
}

// scan reads one page of a range in one round trip, in which the steps before
// are sent first.
func (s *session) scan(r kv.Range, limit int, before []step) (kv.Page, error) {
	if limit < 1 || limit > kv.DefaultLimits.MaxScan {
		return kv.Page{}, fmt.Errorf("%w: scan of %d rows, allowed are 1 to %d", kv.ErrLimit, limit, kv.DefaultLimits.MaxScan)
	}
	var rows, counters []kv.Item
	steps := append(before, s.scanStep(false, r, limit+1, &rows))
	if s.e.counters[r.Table] {
		steps = append(steps, s.scanStep(true, r, limit+1, &counters))
	}
	if err := s.do(steps...); err != nil {
		return kv.Page{}, err
	}
	return page(merge(rows, counters, r.Reverse), limit, r.Reverse), nil
}

// scanStep returns the statement that reads the first n items of a range, of
// ordinary rows or of counters.
func (s *session) scanStep(counters bool, r kv.Range, n int, to *[]kv.Item) step {
	params := [][]byte{lowest(r), highest(r)}
	rolled := len(r.Delimiter) > 0
	kind := scanKind(counters, rolled, r.Reverse)
	switch {
	case rolled:
		skip := 1 + min(max(r.Skip, 0), kv.DefaultLimits.MaxKey)
		params = append(params, r.Delimiter, int4(int32(skip)), int4(int32(n)), boolean(r.KeysOnly))
	case counters:
		params = append(params, int8(int64(n)))
	default:
		params = append(params, int8(int64(n)), boolean(r.KeysOnly))
	}
	return step{statement: kind, params: params, row: func(row [][]byte) error {
		key := s.data.copy(row[0])
		if len(key) == 0 {
			return fmt.Errorf("a row without a key")
		}
		item := kv.Item{Row: key[1:]}
		if !r.KeysOnly {
			item.Value = s.data.copy(row[1])
		}
		if rolled {
			if run := int(parseInt(row[2])); run > 0 && run <= len(key) {
				item.Row, item.Rolled, item.First = key[1:run:run], true, key[1:]
			}
		}
		*to = append(*to, item)
		return nil
	}}
}

// scanKind returns the statement for a kind of scan.
func scanKind(counters, rolled, down bool) statement {
	kinds := [8]statement{
		scanUp, scanDown, rollUp, rollDown, countersUp, countersDown, rollCountersUp, rollCountersDown,
	}
	at := 0
	for bit, set := range [3]bool{down, rolled, counters} {
		if set {
			at |= 1 << bit
		}
	}
	return kinds[at]
}

// merge returns the items of two lists in scan order. Of runs that both show,
// the one whose first row comes first stays.
func merge(a, b []kv.Item, down bool) []kv.Item {
	if len(b) == 0 {
		return a
	}
	merged := make([]kv.Item, 0, len(a)+len(b))
	for len(a) > 0 || len(b) > 0 {
		from := &a
		if len(a) == 0 || (len(b) > 0 && (bytes.Compare(first(b[0]), first(a[0])) < 0) != down) {
			from = &b
		}
		item := (*from)[0]
		*from = (*from)[1:]
		if n := len(merged); n > 0 && item.Rolled && merged[n-1].Rolled && bytes.Equal(item.Row, merged[n-1].Row) {
			continue
		}
		merged = append(merged, item)
	}
	return merged
}

// first returns the row that an item was found at.
func first(it kv.Item) []byte {
	if it.Rolled {
		return it.First
	}
	return it.Row
}

// page cuts items down to limit and says where the scan goes on.
func page(items []kv.Item, limit int, down bool) kv.Page {
	if len(items) <= limit {
		return kv.Page{Items: items}
	}
	next := first(items[limit])
	if down {
		next = items[limit-1].Row
	}
	return kv.Page{Items: items[:limit], Next: next}
}
