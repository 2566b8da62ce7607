package kvtest

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"entrepot/store/kv"
)

// A model is what an engine should hold, done as plainly as can be: a map
// from table byte and row to value, sorted whenever order matters.
type model map[string]string

// row returns the model's name for a row.
func row(t kv.Table, r []byte) string { return string([]byte{byte(t)}) + string(r) }

// add is kv.Tx.Add.
func (m model) add(k kv.Key, delta int64) {
	name := row(k.Table, k.Row)
	m[name] = string(kv.AppendCounter(nil, kv.Counter([]byte(m[name]))+delta))
}

// names returns the rows of a range in ascending order.
func (m model) names(r kv.Range) []string {
	var list []string
	for name := range m {
		in := name[0] == byte(r.Table) && name[1:] >= string(r.From) && (r.To == nil || name[1:] < string(r.To))
		if in {
			list = append(list, name[1:])
		}
	}
	slices.Sort(list)
	return list
}

// scan returns all items of a range.
func (m model) scan(r kv.Range) []kv.Item {
	list := m.names(r)
	if r.Reverse {
		slices.Reverse(list)
	}
	var items []kv.Item
	for _, name := range list {
		it := kv.Item{Row: []byte(name), Value: []byte(m[row(r.Table, []byte(name))])}
		if len(r.Delimiter) > 0 && len(name) >= r.Skip {
			if before, _, found := strings.Cut(name[r.Skip:], string(r.Delimiter)); found {
				it.Rolled, it.First = true, it.Row
				it.Row = []byte(name[:r.Skip] + before + string(r.Delimiter))
			}
		}
		if n := len(items); n > 0 && it.Rolled && items[n-1].Rolled && bytes.Equal(items[n-1].Row, it.Row) {
			continue
		}
		if r.KeysOnly {
			it.Value = nil
		}
		items = append(items, it)
	}
	return items
}

// deleteRange is kv.Tx.DeleteRange.
func (m model) deleteRange(r kv.Range, limit int) (more bool) {
	for _, name := range m.names(r) {
		if limit--; limit < 0 {
			return true
		}
		delete(m, row(r.Table, []byte(name)))
	}
	return false
}

// movePrefix is kv.Tx.MovePrefix.
func (m model) movePrefix(t kv.Table, from, to []byte, limit int) (int, error) {
	moving := m.names(kv.Prefix(t, from))
	for _, name := range m.names(kv.Prefix(t, to)) {
		if !strings.HasPrefix(name, string(from)) {
			return 0, errors.New("occupied")
		}
	}
	if len(moving) > limit {
		return 0, kv.ErrTooMany
	}
	moved := model{}
	for _, name := range moving {
		moved[row(t, []byte(string(to)+name[len(from):]))] = m[row(t, []byte(name))]
		delete(m, row(t, []byte(name)))
	}
	maps.Copy(m, moved)
	return len(moving), nil
}

// compare returns an error unless r holds exactly what m holds.
func (m model) compare(r kv.Reader) error {
	for _, t := range []kv.Table{tableFirst, tableRows, tableCounter, tableLast} {
		rg := kv.Range{Table: t}
		page, err := r.Scan(rg, 10_000)
		if err != nil {
			return err
		}
		if err := equalItems(page.Items, m.scan(rg)); err != nil {
			return fmt.Errorf("table %d: %w", t, err)
		}
	}
	return nil
}

// equalItems compares two lists of items.
func equalItems(got, want []kv.Item) error {
	if len(got) != len(want) {
		return fmt.Errorf("%d items %q, want %d %q", len(got), names(got), len(want), names(want))
	}
	for i, w := range want {
		g := got[i]
		same := bytes.Equal(g.Row, w.Row) && bytes.Equal(g.Value, w.Value) && bytes.Equal(g.First, w.First) &&
			g.Rolled == w.Rolled && (g.Value == nil) == (w.Value == nil) && (g.First == nil) == (w.First == nil)
		if !same {
			return fmt.Errorf("item %d is %+v, want %+v", i, g, w)
		}
	}
	return nil
}
