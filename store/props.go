package store

import (
	"bytes"
	"fmt"
	"strings"

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

// Props reads the dead properties of one path, in order of namespace and name.
func (v *View) Props(id uint64, path string) ([]DeadProp, error) {
	page, err := v.r.Scan(kv.Prefix(tableProps, append(in(id, path), 0)), v.maxScan())
	if err != nil {
		return nil, err
	}
	list, err := gather(nil, page.Items)
	if err != nil || len(list) == 0 {
		return nil, err
	}
	return list[0].Props, nil
}

// PropsBetween reads the dead properties of all paths from one (inclusive) to
// another (exclusive; "" for the container's end), in order of path.
func (v *View) PropsBetween(id uint64, from, to string) ([]PathProps, error) {
	r := kv.Prefix(tableProps, u64(id))
	r.From = in(id, from)
	if to != "" {
		r.To = in(id, to)
	}
	var all []PathProps
	for {
		page, err := v.r.Scan(r, v.maxScan())
		if err != nil {
			return nil, err
		}
		next := bytes.Clone(page.Next)
		if all, err = gather(all, page.Items); err != nil || next == nil {
			return all, err
		}
		r.From = next
	}
}

// MemberProps reads the dead properties of the direct members of a folder
// (prefix, with its slash, or "" for the container) whose names lie from one
// (inclusive) to another (exclusive; "" for the folder's end). What lies deeper
// costs one seek for each sub-folder.
func (v *View) MemberProps(id uint64, prefix, from, to string) ([]PathProps, error) {
	r := kv.Prefix(tableProps, in(id, prefix))
	r.From, r.Delimiter, r.Skip = in(id, from), []byte("/"), 8+len(prefix)
	if to != "" {
		r.To = in(id, to)
	}
	var all []PathProps
	for {
		page, err := v.r.Scan(r, v.maxScan())
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
		if all, err = gather(all, rows); err != nil {
			return nil, err
		}
		for _, f := range folders {
			props, err := v.Props(id, f)
			if err != nil {
				return nil, err
			}
			all = append(all, PathProps{Path: f, Props: props})
		}
		if next == nil {
			return all, nil
		}
		r.From = next
	}
}

// gather appends property rows to a list of which they may continue the last
// path and the last value.
func gather(list []PathProps, rows []kv.Item) ([]PathProps, error) {
	for _, item := range rows {
		path, space, name, chunk, err := splitProp(item.Row)
		if err != nil {
			return nil, err
		}
		if n := len(list); n == 0 || list[n-1].Path != path {
			list = append(list, PathProps{Path: path})
		}
		p := &list[len(list)-1]
		if n := len(p.Props); chunk == 0 || n == 0 || p.Props[n-1].Name != name || p.Props[n-1].Space != space {
			p.Props = append(p.Props, DeadProp{Space: space, Name: name})
		}
		if err := p.Props[len(p.Props)-1].addChunk(item.Value); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// PutProp sets a dead property of a path.
func (tx *Tx) PutProp(id uint64, path string, p DeadProp) error {
	if err := tx.DeleteProp(id, path, p.Space, p.Name); err != nil {
		return err
	}
	for chunk, rest := byte(0), p.Value; chunk == 0 || len(rest) > 0; chunk++ {
		n := min(len(rest), PropChunk)
		tx.tx.Put(propKey(id, path, p.Space, p.Name, chunk), encodeProp(p.Lang, rest[:n]))
		rest = rest[n:]
	}
	return nil
}

// DeleteProp removes a dead property of a path, if it is there.
func (tx *Tx) DeleteProp(id uint64, path, space, name string) error {
	row := propKey(id, path, space, name, 0).Row
	_, err := tx.tx.DeleteRange(kv.Prefix(tableProps, row[:len(row)-1]), 256)
	return err
}

// DeleteProps removes all dead properties of a path.
func (tx *Tx) DeleteProps(id uint64, path string) error {
	_, err := tx.tx.DeleteRange(kv.Prefix(tableProps, append(in(id, path), 0)), 100_000)
	return err
}

// DeletePropsBelow removes all dead properties of the paths that begin with
// prefix.
func (tx *Tx) DeletePropsBelow(id uint64, prefix string) error {
	for more := true; more; {
		var err error
		if more, err = tx.tx.DeleteRange(kv.Prefix(tableProps, in(id, prefix)), 100_000); err != nil {
			return err
		}
	}
	return nil
}
