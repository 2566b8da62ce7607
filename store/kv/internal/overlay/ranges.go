package overlay

import (
	"bytes"
	"errors"
	"fmt"

	"entrepot/store/kv"
)

// errOccupied: MovePrefix found rows where it was to put others.
var errOccupied = errors.New("kv: move of a prefix onto rows that are there")

// deletePage is how many rows DeleteRange looks at in one go.
const deletePage = 4096

// DeleteRange implements kv.Tx.
func (o *Overlay) DeleteRange(r kv.Range, limit int) (more bool, err error) {
	r = kv.Range{Table: r.Table, From: r.From, To: r.To, KeysOnly: true}
	for {
		page, err := o.Scan(r, max(1, min(limit, deletePage, o.limits.MaxScan)))
		if err != nil || len(page.Items) == 0 || limit <= 0 {
			return len(page.Items) > 0, err
		}
		for _, it := range page.Items {
			o.Delete(kv.Key{Table: r.Table, Row: it.Row})
		}
		limit -= len(page.Items)
		if page.Next == nil || limit == 0 {
			return page.Next != nil, nil
		}
		r.From = page.Next
	}
}

// MovePrefix implements kv.Tx. Rows under to that are not under from too are
// an error, and nothing is moved then. The prefixes may contain each other.
func (o *Overlay) MovePrefix(t kv.Table, from, to []byte, limit int) (moved int, err error) {
	if err := o.checkVacant(t, from, to); err != nil {
		return 0, err
	}
	items, err := o.collect(kv.Prefix(t, from), limit)
	if err != nil {
		return 0, err
	}
	for _, it := range items {
		if n := len(to) + len(it.Row) - len(from); n > o.limits.MaxKey {
			return 0, fmt.Errorf("%w: moved key of %d bytes, allowed are %d", kv.ErrLimit, n, o.limits.MaxKey)
		}
	}
	for _, it := range items {
		o.Delete(kv.Key{Table: t, Row: it.Row})
	}
	row := bytes.Clone(to)
	for _, it := range items {
		row = append(row[:len(to)], it.Row[len(from):]...)
		o.Put(kv.Key{Table: t, Row: row}, it.Value)
	}
	return len(items), nil
}

// collect returns all rows of r, or kv.ErrTooMany when there are more than
// limit.
func (o *Overlay) collect(r kv.Range, limit int) ([]kv.Item, error) {
	var items []kv.Item
	for {
		page, err := o.Scan(r, min(max(limit-len(items)+1, 1), o.limits.MaxScan))
		if err != nil {
			return nil, err
		}
		if items = append(items, page.Items...); len(items) > limit {
			return nil, fmt.Errorf("%w: more than %d under the prefix", kv.ErrTooMany, limit)
		}
		if page.Next == nil {
			return items, nil
		}
		r.From = page.Next
	}
}

// checkVacant fails when rows of t begin with to that do not begin with from.
func (o *Overlay) checkVacant(t kv.Table, from, to []byte) error {
	around := kv.Prefix(t, to)
	parts := []kv.Range{around}
	switch {
	case bytes.HasPrefix(to, from):
		return nil
	case bytes.HasPrefix(from, to):
		parts = []kv.Range{{Table: t, From: around.From, To: from}}
		if end := kv.PrefixEnd(from); end != nil {
			parts = append(parts, kv.Range{Table: t, From: end, To: around.To})
		}
	}
	for _, r := range parts {
		r.KeysOnly = true
		page, err := o.Scan(r, 1)
		if err != nil {
			return err
		}
		if len(page.Items) > 0 {
			return fmt.Errorf("%w: %q", errOccupied, page.Items[0].Row)
		}
	}
	return nil
}
