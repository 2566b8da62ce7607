package store

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"entrepot/store/internal/record"
	"entrepot/store/kv"
)

// A PathProps holds the dead properties of one path.
type PathProps struct {
	Path  string
	Props []DeadProp
}

// slash stands for "/" in the namespace part of a property's row, so that a
// scan can roll rows up at the slashes of paths. XML knows no such character.
const slash = "\x01"

func propKey(id uint64, path, space, name string, chunk byte) kv.Key {
	row := in(id, path)
	row = append(append(row, 0), strings.ReplaceAll(space, "/", slash)...)
	row = append(append(row, 0), name...)
	return key(tableProps, append(row, 0, chunk))
}

// splitProp takes the row of a property apart.
func splitProp(row []byte) (path, space, name string, chunk byte, err error) {
	if len(row) < 10 || row[len(row)-2] != 0 {
		return "", "", "", 0, fmt.Errorf("store: property row %x", row)
	}
	parts := strings.Split(string(row[8:len(row)-2]), "\x00")
	if len(parts) != 3 {
		return "", "", "", 0, fmt.Errorf("store: property row %x", row)
	}
	return parts[0], strings.ReplaceAll(parts[1], slash, "/"), parts[2], row[len(row)-1], nil
}

// A propRow is a row of a property, or of one that only snapshots show.
type propRow struct {
	path, space, name string
	chunk             byte
	lang              string
	value             []byte // dies with the row
	born, ended       uint64 // epochs of its container; only what is past has ended
}

func encodeProp(p *propRow) []byte {
	w := record.NewWriter(32 + len(p.value))
	w.String(1, p.lang)
	w.Bytes(2, p.value)
	if p.ended == 0 { // the key of a past row tells its birth
		w.Uint(47, p.born)
	}
	w.Uint(48, p.ended)
	return w.Finish()
}

func decodeProp(t kv.Table, row, value []byte) (p propRow, err error) {
	if t == tablePastProps {
		row, p.born, err = splitPast(row)
	}
	if err == nil {
		p.path, p.space, p.name, p.chunk, err = splitProp(row)
	}
	if err != nil {
		return p, err
	}
	_, err = record.Decode(value, func(f record.Field) bool {
		switch f.Tag {
		case 1:
			p.lang = f.String()
		case 2:
			p.value = f.Bytes
		case 47:
			p.born = f.Num
		case 48:
			p.ended = f.Num
		}
		return true
	})
	return p, err
}

// A propSource is where properties are read: as they are, or among those that
// only snapshots show.
type propSource struct {
	table kv.Table
	shown func(p *propRow) bool // nil: all are
	room  *int                  // bytes that may still be gathered; nil: any number
}

// ErrManyProps tells that properties take more memory than they may.
var ErrManyProps = errors.New("store: too many properties to be read at once")

// propCost is what a property takes beside its text, for the bounds of reads.
const propCost = 128

// propScan is how many rows a bounded read asks the engine for at a time.
const propScan = 1000

// liveProps are the properties as they are.
var liveProps = propSource{table: tableProps}

// within bounds what is gathered to a number of bytes; 0: it is not bounded.
func (src propSource) within(most int) propSource {
	if most > 0 {
		src.room = &most
	}
	return src
}

// page is how many rows a scan reads.
func (src propSource) page(v *View) int {
	if src.room != nil {
		return propScan
	}
	return v.maxScan()
}

// take takes the room that a row needs.
func (src propSource) take(p *propRow) error {
	if src.room == nil {
		return nil
	}
	if *src.room -= propCost + len(p.space) + len(p.name) + len(p.lang) + len(p.value); *src.room < 0 {
		return ErrManyProps
	}
	return nil
}

// Props reads the dead properties of one path, in order of namespace and name.
func (v *View) Props(id uint64, path string) ([]DeadProp, error) {
	return v.props(liveProps, id, path)
}

func (v *View) props(src propSource, id uint64, path string) ([]DeadProp, error) {
	list, err := v.propsIn(src, kv.Prefix(src.table, append(in(id, path), 0)))
	if err != nil || len(list) == 0 {
		return nil, err
	}
	return list[0].Props, nil
}

// PropsBetween reads the dead properties of all paths from one (inclusive) to
// another (exclusive; "" for the container's end), in order of path.
// ErrManyProps when they take more than most bytes (0: any number).
func (v *View) PropsBetween(id uint64, from, to string, most int) ([]PathProps, error) {
	return v.propsIn(liveProps.within(most), propsRange(tableProps, id, from, to))
}

// propsRange is the range of the properties of paths from one to another.
func propsRange(t kv.Table, id uint64, from, to string) kv.Range {
	r := kv.Prefix(t, u64(id))
	r.From = in(id, from)
	if to != "" {
		r.To = in(id, to)
	}
	return r
}

func (v *View) propsIn(src propSource, r kv.Range) (all []PathProps, err error) {
	for {
		page, err := v.r.Scan(r, src.page(v))
		if err != nil {
			return nil, err
		}
		next := bytes.Clone(page.Next)
		if all, err = src.gather(all, page.Items); err != nil || next == nil {
			return all, err
		}
		r.From = next
	}
}

// MemberProps reads the dead properties of the direct members of a folder
// (prefix, with its slash, or "" for the container) whose names lie from one
// (inclusive) to another (exclusive; "" for the folder's end). What lies deeper
// costs one seek for each sub-folder. ErrManyProps as PropsBetween has it.
func (v *View) MemberProps(id uint64, prefix, from, to string, most int) ([]PathProps, error) {
	return v.memberProps(liveProps.within(most), id, prefix, from, to)
}

func (v *View) memberProps(src propSource, id uint64, prefix, from, to string) ([]PathProps, error) {
	r := kv.Prefix(src.table, in(id, prefix))
	r.From, r.Delimiter, r.Skip = in(id, from), []byte("/"), 8+len(prefix)
	if to != "" {
		r.To = in(id, to)
	}
	var all []PathProps
	for {
		page, err := v.r.Scan(r, src.page(v))
		if err != nil {
			return nil, err
		}
		var folders []string
		rows := page.Items[:0:0]
		for _, item := range page.Items {
			switch {
			case !item.Rolled:
				rows = append(rows, item)
			case len(item.First) > len(item.Row) && item.First[len(item.Row)] == 0:
				folders = append(folders, string(item.Row[8:]))
			}
		}
		next := bytes.Clone(page.Next)
		if all, err = src.gather(all, rows); err != nil {
			return nil, err
		}
		for _, f := range folders {
			props, err := v.props(src, id, f)
			if err != nil {
				return nil, err
			}
			if len(props) > 0 {
				all = append(all, PathProps{Path: f, Props: props})
			}
		}
		if next == nil {
			return all, nil
		}
		r.From = next
	}
}

// gather appends the properties of rows to a list of which they may continue
// the last path and the last value.
func (src propSource) gather(list []PathProps, rows []kv.Item) ([]PathProps, error) {
	for _, item := range rows {
		row, err := decodeProp(src.table, item.Row, item.Value)
		if err != nil {
			return nil, err
		}
		if src.shown != nil && !src.shown(&row) {
			continue
		}
		if err := src.take(&row); err != nil {
			return nil, err
		}
		if n := len(list); n == 0 || list[n-1].Path != row.path {
			list = append(list, PathProps{Path: row.path})
		}
		p := &list[len(list)-1]
		if n := len(p.Props); row.chunk == 0 || n == 0 || p.Props[n-1].Name != row.name || p.Props[n-1].Space != row.space {
			p.Props = append(p.Props, DeadProp{Space: row.space, Name: row.name})
		}
		last := &p.Props[len(p.Props)-1]
		last.Lang, last.Value = row.lang, append(last.Value, row.value...)
	}
	return list, nil
}

// PutProp sets a dead property of a path in container c.
func (tx *Tx) PutProp(c *Container, path string, p DeadProp) error {
	if err := tx.DeleteProp(c, path, p.Space, p.Name); err != nil {
		return err
	}
	tx.writeProp(c, path, p)
	return nil
}

// writeProp writes a property that is not there.
func (tx *Tx) writeProp(c *Container, path string, p DeadProp) {
	row := propRow{lang: p.Lang, born: c.Epoch}
	for rest := p.Value; row.chunk == 0 || len(rest) > 0; row.chunk++ {
		n := min(len(rest), PropChunk)
		row.value, rest = rest[:n], rest[n:]
		tx.tx.Put(propKey(c.ID, path, p.Space, p.Name, row.chunk), encodeProp(&row))
	}
}

// DeleteProp removes a dead property of a path, if it is there.
func (tx *Tx) DeleteProp(c *Container, path, space, name string) error {
	row := propKey(c.ID, path, space, name, 0).Row
	return tx.dropProps(c, row[:len(row)-1])
}

// DeleteProps removes all dead properties of a path.
func (tx *Tx) DeleteProps(c *Container, path string) error {
	return tx.dropProps(c, append(in(c.ID, path), 0))
}

// DeletePropsBelow removes all dead properties of the paths that begin with
// prefix.
func (tx *Tx) DeletePropsBelow(c *Container, prefix string) error {
	return tx.dropProps(c, in(c.ID, prefix))
}

// dropProps removes the rows of properties that begin with prefix, which stay
// as history where a snapshot shows them.
func (tx *Tx) dropProps(c *Container, prefix []byte) error {
	r := kv.Prefix(tableProps, prefix)
	if c.HasSnapshots() {
		if err := tx.eachProp(r, func(row []byte, p *propRow) error {
			tx.keepProp(c, row, p)
			return nil
		}); err != nil {
			return err
		}
	}
	for more := true; more; {
		var err error
		if more, err = tx.tx.DeleteRange(r, 100_000); err != nil {
			return err
		}
	}
	return nil
}

// eachProp calls fn for the rows of a range of live properties. Rows die with
// the call.
func (tx *Tx) eachProp(r kv.Range, fn func(row []byte, p *propRow) error) error {
	for {
		page, err := tx.tx.Scan(r, tx.maxScan())
		if err != nil {
			return err
		}
		r.From = bytes.Clone(page.Next)
		for _, item := range page.Items {
			p, err := decodeProp(tableProps, item.Row, item.Value)
			if err != nil {
				return err
			}
			if err := fn(item.Row, &p); err != nil {
				return err
			}
		}
		if r.From == nil {
			return nil
		}
	}
}
