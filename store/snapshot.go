package store

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"slices"

	"entrepot/store/internal/record"
	"entrepot/store/kv"
)

// Snapshots and history
//
// A container has an epoch; every row is stamped with the epoch of the write
// that made it (born). A snapshot records the epoch and raises it: one small
// write, whatever the container holds. A row that is replaced or deleted in
// epoch E moves to the history table with ended = E when a snapshot lies
// between its birth and now, else its content is released at once. So a
// snapshot of epoch e shows the live rows with born ≤ e and the history rows
// with born ≤ e < ended.

// A Snapshot is a container's snapshot.
type Snapshot struct {
	Container uint64 // from the key
	Name      string // from the key
	Epoch     uint64
	Created   Stamp
	User      string
	// What a preservation client is told of it; counted when it was taken.
	Description  string
	Items, Bytes int64
	unknown      []byte
}

func (s *Snapshot) encode() []byte {
	w := record.NewWriter(48)
	w.Uint(1, s.Epoch)
	w.Int(2, int64(s.Created))
	w.String(3, s.User)
	w.String(30, s.Description)
	w.Int(31, s.Items)
	w.Int(32, s.Bytes)
	w.Raw(s.unknown)
	return w.Finish()
}

func decodeSnapshot(id uint64, name string, b []byte) (s Snapshot, err error) {
	s.Container, s.Name = id, name
	s.unknown, err = record.Decode(b, func(f record.Field) bool {
		switch f.Tag {
		case 1:
			s.Epoch = f.Num
		case 2:
			s.Created = Stamp(f.Int())
		case 3:
			s.User = f.String()
		case 30:
			s.Description = f.String()
		case 31:
			s.Items = f.Int()
		case 32:
			s.Bytes = f.Int()
		default:
			return false
		}
		return true
	})
	return s, err
}

// MaxSnapshots is how many snapshots a container may have.
const MaxSnapshots = 10_000

func snapshotKey(id uint64, name string) kv.Key { return key(tableSnapshots, in(id, name)) }

// historyKey is the row of a replaced object: names hold no NUL, so versions
// of one name stand together in the order of their birth.
func historyKey(id uint64, name string, born uint64) kv.Key {
	return key(tableHistory, append(append(in(id, name), 0), u64(born)...))
}

// encodeHistory wraps an object's record with the epoch that ended it.
func encodeHistory(o *Object, ended uint64) []byte {
	w := record.NewWriter(256)
	w.Uint(1, ended)
	w.Bytes(2, o.encode())
	return w.Finish()
}

// A Past object is a row that only snapshots show.
type Past struct {
	Object
	Ended uint64
}

func decodeHistory(row, b []byte) (p Past, err error) {
	if len(row) < 17 || row[len(row)-9] != 0 {
		return p, fmt.Errorf("store: history row %x", row)
	}
	name := string(row[8 : len(row)-9])
	var inner []byte
	if _, err := record.Decode(b, func(f record.Field) bool {
		switch f.Tag {
		case 1:
			p.Ended = f.Num
		case 2:
			inner = f.Bytes
		}
		return true
	}); err != nil {
		return p, err
	}
	p.Object, err = decodeObject(name, inner)
	return p, err
}

// HasSnapshots tells whether the container has snapshots.
func (c *Container) HasSnapshots() bool { return c.Snapshot != 0 }

// Keeps tells whether a snapshot of the container shows the object, so that
// its row must outlive its replacement.
func (c *Container) Keeps(o *Object) bool { return o.Born < c.Snapshot }

// keep moves an object that is being replaced to the history, with a reference
// to its content.
func (tx *Tx) keep(c *Container, old *Object, ref Content) {
	past := *old
	past.Content = ref
	tx.tx.Put(historyKey(c.ID, past.Name, past.Born), encodeHistory(&past, c.Epoch))
	size := past.Content.Size
	tx.tx.Add(counterKey(CountContainerHistory, u64(c.ID)), size)
	tx.tx.Add(counterKey(CountAccountBytes, []byte(c.Account)), size)
	tx.tx.Add(counterKey(CountDepotBytes, u64(c.Depot)), size)
}

// SharePast makes dst refer to the content of an object that a snapshot of
// container c shows, live or past; its row is written back when it was not
// shared before.
func (tx *Tx) SharePast(c *Container, src *Object, dst *Content) error {
	live, found, err := tx.Object(c.ID, src.Name)
	if err != nil {
		return err
	}
	if found && live.Born == src.Born {
		tx.ShareContent(c, &live, dst)
		return nil
	}
	k := historyKey(c.ID, src.Name, src.Born)
	rows, err := tx.tx.Get(k)
	if err != nil {
		return err
	}
	if rows[0] == nil {
		return fmt.Errorf("store: history of %q is gone", src.Name)
	}
	past, err := decodeHistory(k.Row, rows[0])
	if err != nil {
		return err
	}
	alone := past.Content.Owner == 0
	tx.share(&past.Content, dst)
	if alone && past.Content.Owner != 0 {
		tx.tx.Put(k, encodeHistory(&past.Object, past.Ended))
	}
	return nil
}

// Snapshots lists a container's snapshots in order of their epochs.
func (v *View) Snapshots(id uint64) ([]Snapshot, error) {
	list, err := v.SnapshotsAfter(id, "", MaxSnapshots+1)
	slices.SortFunc(list, func(a, b Snapshot) int {
		if a.Epoch < b.Epoch {
			return -1
		}
		return 1
	})
	return list, err
}

// SnapshotsAfter lists a container's snapshots whose names are greater than
// after, by name, at most limit.
func (v *View) SnapshotsAfter(id uint64, after string, limit int) ([]Snapshot, error) {
	r := kv.Prefix(tableSnapshots, u64(id))
	if after != "" {
		r.From = append(in(id, after), 0)
	}
	page, err := v.r.Scan(r, limit)
	if err != nil {
		return nil, err
	}
	list := make([]Snapshot, len(page.Items))
	for i, item := range page.Items {
		if list[i], err = decodeSnapshot(id, string(item.Row[8:]), item.Value); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// Snapshot reads one snapshot.
func (v *View) Snapshot(id uint64, name string) (s Snapshot, found bool, err error) {
	rows, err := v.r.Get(snapshotKey(id, name))
	if err != nil || rows[0] == nil {
		return Snapshot{}, false, err
	}
	s, err = decodeSnapshot(id, name, rows[0])
	return s, true, err
}

// PutSnapshot takes a snapshot of container c, whose record follows: two small
// rows, whatever it holds.
func (tx *Tx) PutSnapshot(c *Container, s *Snapshot) {
	s.Container, s.Epoch = c.ID, c.Epoch
	tx.tx.Put(snapshotKey(c.ID, s.Name), s.encode())
	c.Epoch++
	c.Snapshot = c.Epoch
	tx.PutContainer(c)
}

// DeleteSnapshot removes a snapshot. The rows that only it showed are removed
// in the background.
func (tx *Tx) DeleteSnapshot(c *Container, s *Snapshot, now Stamp) error {
	tx.tx.Delete(snapshotKey(c.ID, s.Name))
	if _, err := tx.dropSnapshotNotes(c.ID, s.Name); err != nil { // at most MaxSnapshotNotes
		return err
	}
	list, err := tx.Snapshots(c.ID)
	if err != nil {
		return err
	}
	c.Snapshot = 0
	for _, left := range list {
		if left.Name != s.Name {
			c.Snapshot = max(c.Snapshot, left.Epoch+1)
		}
	}
	tx.PutContainer(c)
	tx.tx.Put(queueKey(queueHistory, now, u64(c.ID)), nil)
	tx.released = true
	return nil
}

// shownBy tells whether any of the snapshots, in order of their epochs, shows a
// past row.
func shownBy(list []Snapshot, born, ended uint64) bool {
	i, _ := slices.BinarySearchFunc(list, born, func(s Snapshot, at uint64) int { return cmp.Compare(s.Epoch, at) })
	return i < len(list) && list[i].Epoch < ended
}

// sweepHistory removes the history of a container that no snapshot shows any
// more, in batches. It may begin anew after a restart: what is removed is
// removed.
func (s *Store) sweepHistory(ctx context.Context, unique []byte) error {
	id, err := decodeID(unique)
	if err != nil {
		return err
	}
	for _, t := range []kv.Table{tableHistory, tablePastProps} {
		var from []byte
		for more := true; more; more = from != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			var next []byte
			now, start := s.Now(), from
			err := s.Update(ctx, []Guard{LockContainer(id, false)}, func(tx *Tx) (err error) {
				next, err = tx.sweepBatch(id, t, start, now)
				return err
			})
			if err != nil {
				return err
			}
			from = next
		}
	}
	return nil
}

func (tx *Tx) sweepBatch(id uint64, t kv.Table, from []byte, now Stamp) (next []byte, err error) {
	c, found, err := tx.Container(id)
	if err != nil || !found {
		return nil, err // detached: the reaper removes everything
	}
	snapshots, err := tx.Snapshots(id)
	if err != nil {
		return nil, err
	}
	if t == tablePastProps {
		return tx.sweepPastProps(id, snapshots, from)
	}
	return tx.sweepPast(&c, snapshots, from, now)
}

// sweepPast removes a batch of past objects that no snapshot shows.
func (tx *Tx) sweepPast(c *Container, snapshots []Snapshot, from []byte, now Stamp) (next []byte, err error) {
	id := c.ID
	r := kv.Prefix(tableHistory, u64(id))
	if from != nil {
		r.From = from
	}
	page, err := tx.tx.Scan(r, reapBatch)
	if err != nil {
		return nil, err
	}
	for _, item := range page.Items {
		p, err := decodeHistory(item.Row, item.Value)
		if err != nil {
			return nil, err
		}
		if shownBy(snapshots, p.Born, p.Ended) {
			continue
		}
		tx.tx.Delete(key(tableHistory, bytes.Clone(item.Row)))
		tx.releaseContent(p.Content, now)
		tx.tx.Add(counterKey(CountContainerHistory, u64(id)), -p.Content.Size)
		tx.tx.Add(counterKey(CountAccountBytes, []byte(c.Account)), -p.Content.Size)
		tx.tx.Add(counterKey(CountDepotBytes, u64(c.Depot)), -p.Content.Size)
	}
	return bytes.Clone(page.Next), nil
}

// reapHistory removes the history and the snapshots of a detached container.
func (tx *Tx) reapHistory(id uint64, now Stamp) (more bool, err error) {
	page, err := tx.tx.Scan(kv.Prefix(tableHistory, u64(id)), reapBatch)
	if err != nil {
		return false, err
	}
	for _, item := range page.Items {
		p, err := decodeHistory(item.Row, item.Value)
		if err != nil {
			return false, err
		}
		tx.tx.Delete(key(tableHistory, bytes.Clone(item.Row)))
		tx.releaseContent(p.Content, now)
	}
	moreProps, err := tx.tx.DeleteRange(kv.Prefix(tablePastProps, u64(id)), reapBatch)
	if err != nil || moreProps || page.Next != nil {
		return true, err
	}
	if more, err := tx.dropSnapshotNotes(id, ""); err != nil || more {
		return more, err
	}
	tx.tx.Delete(counterKey(CountContainerHistory, u64(id)))
	_, err = tx.tx.DeleteRange(kv.Prefix(tableSnapshots, u64(id)), MaxSnapshots+1)
	return false, err
}

// HasPast tells whether names that begin with prefix have history: rows that
// snapshots show, or that no snapshot shows any more and are not removed yet.
func (v *View) HasPast(id uint64, prefix string) (bool, error) {
	r := kv.Prefix(tableHistory, in(id, prefix))
	r.KeysOnly = true
	page, err := v.r.Scan(r, 1)
	return err == nil && len(page.Items) > 0, err
}

// ObjectAt reads the version of an object that a snapshot shows.
func (v *View) ObjectAt(id uint64, name string, epoch uint64) (o Object, found bool, err error) {
	o, found, err = v.Object(id, name)
	if err != nil || found && o.Born <= epoch {
		return o, found, err
	}
	r := kv.Prefix(tableHistory, append(in(id, name), 0))
	r.To = historyKey(id, name, epoch+1).Row
	r.Reverse = true
	page, err := v.r.Scan(r, 1)
	if err != nil || len(page.Items) == 0 {
		return Object{}, false, err
	}
	p, err := decodeHistory(page.Items[0].Row, page.Items[0].Value)
	return p.Object, err == nil && epoch < p.Ended, err
}

// DescribeSnapshot writes the record of a snapshot that is there again, with
// another description.
func (tx *Tx) DescribeSnapshot(s *Snapshot) { tx.tx.Put(snapshotKey(s.Container, s.Name), s.encode()) }
