package store

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"entrepot/store/kv"
)

// Properties of the past
//
// Dead properties have history as objects have: a row is stamped with the
// epoch of its container in which it was written, and when it is replaced or
// removed it moves to the table of past properties if a snapshot shows it. So a
// snapshot of epoch e shows the live rows with born ≤ e and the past rows with
// born ≤ e < ended, and these are the rows that were there when it was taken,
// whatever became of the paths since. In epoch 0, before the first snapshot,
// rows carry no stamp.
//
// Nothing counts the bytes of past properties, as nothing counts those of
// live ones.

// pastMark is how many bytes the row of a past property has more than that of
// a live one: the epoch of its birth as hexadecimal digits. Among them is no
// slash, so that a scan can roll these rows up as it does the live ones.
const pastMark = 16

// pastPropRow is the row under which a live one is kept.
func pastPropRow(row []byte, born uint64) []byte {
	var text [pastMark]byte
	hex.Encode(text[:], binary.BigEndian.AppendUint64(nil, born))
	n := len(row) - 1 // the chunk comes last
	return slices.Concat(row[:n], text[:], row[n:])
}

// splitPast takes the row of a past property apart into the one that it was and
// the epoch of its birth.
func splitPast(row []byte) (live []byte, born uint64, err error) {
	n := len(row) - 1 - pastMark
	if n < 9 {
		return nil, 0, fmt.Errorf("store: past property row %x", row)
	}
	var at [pastMark / 2]byte
	if _, err := hex.Decode(at[:], row[n:n+pastMark]); err != nil || !bytes.Equal(bytes.ToLower(row[n:n+pastMark]), row[n:n+pastMark]) {
		return nil, 0, fmt.Errorf("store: past property row %x", row)
	}
	return slices.Concat(row[:n], row[n+pastMark:]), binary.BigEndian.Uint64(at[:]), nil
}

// keepProp moves a live row that goes to the past, if a snapshot shows it. The
// caller removes the live row.
func (tx *Tx) keepProp(c *Container, row []byte, p *propRow) {
	if p.born >= c.Snapshot {
		return
	}
	past := *p
	past.ended = c.Epoch
	tx.tx.Put(key(tablePastProps, pastPropRow(row, p.born)), encodeProp(&past))
}

// propsAt are where the properties are found that a snapshot shows.
func propsAt(epoch uint64) [2]propSource {
	return [2]propSource{
		{table: tableProps, shown: func(p *propRow) bool { return p.born <= epoch }},
		{table: tablePastProps, shown: func(p *propRow) bool { return p.born <= epoch && epoch < p.ended }},
	}
}

// PropsAt is Props as the snapshot of an epoch shows them.
func (v *View) PropsAt(id, epoch uint64, path string) ([]DeadProp, error) {
	var all []DeadProp
	for _, src := range propsAt(epoch) {
		list, err := v.props(src, id, path)
		if err != nil {
			return nil, err
		}
		all = append(all, list...)
	}
	sortProps(all)
	return all, nil
}

// PropsBetweenAt is PropsBetween as the snapshot of an epoch shows them.
func (v *View) PropsBetweenAt(id, epoch uint64, from, to string, most int) ([]PathProps, error) {
	return mergeProps(epoch, most, func(src propSource) ([]PathProps, error) {
		return v.propsIn(src, propsRange(src.table, id, from, to))
	})
}

// MemberPropsAt is MemberProps as the snapshot of an epoch shows them.
func (v *View) MemberPropsAt(id, epoch uint64, prefix, from, to string, most int) ([]PathProps, error) {
	return mergeProps(epoch, most, func(src propSource) ([]PathProps, error) {
		return v.memberProps(src, id, prefix, from, to)
	})
}

// mergeProps joins what live and past rows hold for a snapshot, in order of
// path. A property is in one of them at most. The bound is that of both together.
func mergeProps(epoch uint64, most int, read func(propSource) ([]PathProps, error)) ([]PathProps, error) {
	var all []PathProps
	bound := propSource{}.within(most)
	for _, src := range propsAt(epoch) {
		src.room = bound.room
		list, err := read(src)
		if err != nil {
			return nil, err
		}
		all = append(all, list...)
	}
	slices.SortStableFunc(all, func(a, b PathProps) int { return cmp.Compare(a.Path, b.Path) })
	merged := all[:0]
	for _, p := range all {
		if n := len(merged); n > 0 && merged[n-1].Path == p.Path {
			merged[n-1].Props = append(merged[n-1].Props, p.Props...)
			continue
		}
		merged = append(merged, p)
	}
	for i := range merged {
		sortProps(merged[i].Props)
	}
	return merged, nil
}

// sortProps puts properties in the order of their rows.
func sortProps(list []DeadProp) {
	slices.SortFunc(list, func(a, b DeadProp) int {
		return cmp.Or(
			cmp.Compare(strings.ReplaceAll(a.Space, "/", slash), strings.ReplaceAll(b.Space, "/", slash)),
			cmp.Compare(a.Name, b.Name))
	})
}

// MoveProps renames the dead properties of a path of container c to one of
// container d, the same or another, or with one false of everything that
// begins with it. Nothing has properties there. More than 400,000 rows:
// kv.ErrTooMany.
func (tx *Tx) MoveProps(c *Container, path string, d *Container, target string, one bool) error {
	from, to := in(c.ID, path), in(d.ID, target)
	if one {
		from, to = append(from, 0), append(to, 0)
	}
	const most = 400_000
	if same := c.ID == d.ID; !c.HasSnapshots() && (same || !d.HasSnapshots() && c.Epoch <= d.Epoch) {
		_, err := tx.tx.MovePrefix(tableProps, from, to, most)
		return err
	}
	// What is past stays, and what comes is born now.
	rows := 0
	return tx.eachProp(kv.Prefix(tableProps, from), func(row []byte, p *propRow) error {
		if rows++; rows > most {
			return kv.ErrTooMany
		}
		if c.HasSnapshots() {
			tx.keepProp(c, row, p)
		}
		tx.tx.Delete(key(tableProps, bytes.Clone(row)))
		p.born = d.Epoch
		tx.tx.Put(key(tableProps, slices.Concat(to, row[len(from):])), encodeProp(p))
		return nil
	})
}

// RestoreProps makes the dead properties of a container those that the
// snapshot of an epoch shows: what was written since goes, what was there then
// comes back. More than max rows that differ: kv.ErrTooMany.
func (tx *Tx) RestoreProps(c *Container, epoch uint64, max int) error {
	rows := 0
	all := kv.Prefix(tableProps, u64(c.ID))
	err := tx.eachProp(all, func(row []byte, p *propRow) error {
		if p.born <= epoch {
			return nil
		}
		if rows++; rows > max {
			return kv.ErrTooMany
		}
		tx.keepProp(c, row, p)
		tx.tx.Delete(key(tableProps, bytes.Clone(row)))
		return nil
	})
	if err != nil {
		return err
	}
	past, err := tx.propsIn(propsAt(epoch)[1], propsRange(tablePastProps, c.ID, "", ""))
	if err != nil {
		return err
	}
	for _, at := range past {
		for _, p := range at.Props {
			if rows++; rows > max {
				return kv.ErrTooMany
			}
			tx.writeProp(c, at.Path, p)
		}
	}
	return nil
}

// sweepPastProps removes a batch of past properties that no snapshot shows.
func (tx *Tx) sweepPastProps(id uint64, snapshots []Snapshot, from []byte) (next []byte, err error) {
	r := kv.Prefix(tablePastProps, u64(id))
	if from != nil {
		r.From = from
	}
	page, err := tx.tx.Scan(r, reapBatch)
	if err != nil {
		return nil, err
	}
	for _, item := range page.Items {
		p, err := decodeProp(tablePastProps, item.Row, item.Value)
		if err != nil {
			return nil, err
		}
		if !shownBy(snapshots, p.born, p.ended) {
			tx.tx.Delete(key(tablePastProps, bytes.Clone(item.Row)))
		}
	}
	return bytes.Clone(page.Next), nil
}
