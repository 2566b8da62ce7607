package store

import (
	"bytes"
	"slices"
	"strings"

	"entrepot/store/kv"
)

// upgradeProps is how many rows of properties, of up to PropChunk bytes each,
// one transaction of an upgrade reads.
const upgradeProps = 500

// bearProps ends format 4, in which properties had no epoch and no history.
// Where a container has snapshots, each gets the epoch of the oldest row that
// its path has, live or past: a snapshot from before there was such a file does
// not show it, and nothing that is made out of that snapshot gets it. Snapshots
// that show the file show the properties of the upgrade. A mark is the row that
// comes next.
func bearProps(tx kv.Tx, mark []byte) ([]byte, error) {
	page, err := tx.Scan(kv.Range{Table: tableProps, From: mark}, upgradeProps)
	if err != nil {
		return nil, err
	}
	next := bytes.Clone(page.Next)
	type place struct {
		id   uint64
		path string
	}
	shown, births := make(map[uint64]bool), make(map[place]uint64)
	for _, item := range page.Items {
		p, err := decodeProp(tableProps, item.Row, item.Value)
		if err != nil {
			continue // damage, which the check reports
		}
		id := beID(item.Row)
		if _, known := shown[id]; !known {
			if shown[id], err = hasSnapshots(tx, id); err != nil {
				return nil, err
			}
		}
		if !shown[id] {
			continue
		}
		at := place{id, p.path}
		if _, known := births[at]; !known {
			if births[at], err = oldestBirth(tx, id, p.path); err != nil {
				return nil, err
			}
		}
		if p.born = births[at]; p.born > 0 {
			tx.Put(key(tableProps, bytes.Clone(item.Row)), encodeProp(&p))
		}
	}
	return next, nil
}

// hasSnapshots tells whether a container is there and has snapshots.
func hasSnapshots(tx kv.Tx, id uint64) (bool, error) {
	rows, err := tx.Get(containerKey(id))
	if err != nil || rows[0] == nil {
		return false, err
	}
	c, err := decodeContainer(id, rows[0])
	return err == nil && c.HasSnapshots(), nil // damage is reported by the check
}

// oldestBirth is the epoch in which the oldest row of a path was made, live or
// past; of a folder, that of its marker in either form. 0 where there is none.
func oldestBirth(tx kv.Tx, id uint64, path string) (uint64, error) {
	var births []uint64
	for _, name := range []string{path, strings.TrimSuffix(path, "/")} {
		rows, err := tx.Get(objectKey(id, name))
		if err != nil {
			return 0, err
		}
		if o, err := decodeObject(name, rows[0]); rows[0] != nil && err == nil {
			births = append(births, o.Born)
		}
		r := kv.Prefix(tableHistory, append(in(id, name), 0))
		r.KeysOnly = true
		page, err := tx.Scan(r, 1)
		if err != nil {
			return 0, err
		}
		if n := len(r.From); len(page.Items) > 0 && len(page.Items[0].Row) == n+8 {
			births = append(births, beID(page.Items[0].Row[n:]))
		}
	}
	if len(births) == 0 {
		return 0, nil
	}
	return slices.Min(births), nil
}
