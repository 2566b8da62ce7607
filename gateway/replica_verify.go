package gateway

import (
	"context"
	"encoding/hex"
	"fmt"
	"time"

	"entrepot/store"
)

// A report on the integrity of a replica also holds it against its source, the
// third opinion beside what was read and what its record says: what is other
// content, is missing or is too much there is a failure, unless the change is
// younger than a day and on its way; what replication failed with several times
// is an error. What nothing was noted of is noted then, and brought in step.

// sourceSide is the source of a container whose report is being written.
type sourceSide struct {
	*core
	source, replica uint64
	store           uint8
	failing         map[string]store.Pending // given up for now
}

// young is how long a change may be on its way before its absence is a failure.
const young = 24 * time.Hour

// besides finds the source of a replica; nil for other containers, and where the
// source is gone.
func (c *core) besides(ctx context.Context, id uint64) (*sourceSide, error) {
	b := &sourceSide{core: c, replica: id, failing: map[string]store.Pending{}}
	found := false
	err := c.store.View(ctx, func(v *store.View) error {
		k, ok, err := v.Container(id)
		if found = false; err != nil || !ok || k.ReplicaOf == 0 {
			return err
		}
		b.source, b.store = k.ReplicaOf, volumeOf(k.Account)
		_, found, err = v.Container(b.source)
		return err
	})
	if err != nil || !found {
		return nil, err
	}
	for from, more, seen := "", true, 0; more && seen < maxBacklog; {
		var list []store.Pending
		var next string
		err := c.store.View(ctx, func(v *store.View) (err error) {
			list, next, err = v.Pendings(b.source, b.store, from, replicaPage)
			return err
		})
		if err != nil {
			return nil, err
		}
		for i := range list {
			if list[i].Attempts >= replicaTries {
				b.failing[list[i].Name] = list[i]
			}
		}
		seen += len(list)
		from, more = next, next != ""
	}
	return b, nil
}

// judge compares rows of a report, those of the names behind marker up to next
// ("": to the end), with the source, and gives them to emit with rows for what is
// missing, in order of the names.
func (b *sourceSide) judge(ctx context.Context, blank IntegrityRow, marker, next string, rows []IntegrityRow, emit func([]IntegrityRow) error) error {
	for more := true; more; {
		var out []IntegrityRow
		var drift []string
		rest, end := rows, marker
		err := b.core.store.View(ctx, func(v *store.View) error {
			out, drift, rest = nil, nil, rows
			list, err := v.Records(b.source, store.Query{Marker: marker, Limit: replicaPage})
			if err != nil {
				return err
			}
			more = len(list) == replicaPage
			end = next
			if more && (next == "" || list[replicaPage-1].Name < next) {
				end = list[replicaPage-1].Name
			} else {
				more = false
			}
			out, drift, rest, err = b.merge(v, blank, list, rows, end)
			return err
		})
		if err != nil {
			return err
		}
		if err := b.note(ctx, drift); err != nil {
			return err
		}
		if err := emit(out); err != nil {
			return err
		}
		rows, marker = rest, end
	}
	return nil
}

// merge judges the names up to end, "" for all, of which list has the source's
// rows and rows the report's; rest are those beyond.
func (b *sourceSide) merge(v *store.View, blank IntegrityRow, list []store.Object, rows []IntegrityRow, end string) (out []IntegrityRow, drift []string, rest []IntegrityRow, err error) {
	now := b.now()
	for len(rows) > 0 || len(list) > 0 {
		var from *store.Object
		var row *IntegrityRow
		if len(rows) == 0 || len(list) > 0 && list[0].Name <= rows[0].Item {
			from = &list[0]
		}
		if len(list) == 0 || len(rows) > 0 && rows[0].Item <= list[0].Name {
			own := rows[0] // the view may run again
			row = &own
		}
		name := ""
		if from != nil {
			name = from.Name
		} else {
			name = row.Item
		}
		if end != "" && name > end {
			break
		}
		if from != nil {
			list = list[1:]
		}
		if row != nil {
			rows = rows[1:]
		}
		if from != nil && (from.Marks() || from.Expired(now)) {
			from = nil
			if row == nil {
				continue
			}
		}
		r, drifted, err := b.verdict(v, blank, name, from, row, now)
		if err != nil {
			return nil, nil, nil, err
		}
		if r != nil {
			out = append(out, *r)
		}
		if drifted {
			drift = append(drift, name)
		}
	}
	return out, drift, rows, nil
}

// verdict judges one name by the source's row, nil for none, and the report's,
// nil for none: nil where there is nothing to say. drifted tells that both
// differ and nothing is noted of it.
func (b *sourceSide) verdict(v *store.View, blank IntegrityRow, name string, from *store.Object, row *IntegrityRow, now store.Stamp) (r *IntegrityRow, drifted bool, err error) {
	if row == nil {
		_, there, err := v.Object(b.replica, name)
		if err != nil || there { // replaced while it was read: the next report has it
			return nil, false, err
		}
		missing := blank
		missing.Item, missing.Checked = name, now.Time()
		row = &missing
	}
	if from != nil {
		row.Manifest = hex.EncodeToString(from.Content.MD5[:])
	} else {
		row.Manifest = ""
	}
	if row.Result == IntegrityFailure || row.Result == IntegrityError {
		return row, false, nil
	}
	if p, ok := b.failing[name]; ok {
		row.Result, row.Details = IntegrityError, fmt.Sprintf("Replication failed %d times: %s", p.Attempts, p.Reason)
		return row, false, nil
	}
	if from != nil && row.Recorded == row.Manifest {
		return row, false, nil
	}
	p, noted, err := v.PendingFor(b.source, b.store, name)
	switch {
	case err != nil:
		return nil, false, err
	case noted && now.Time().Sub(p.At.Time()) < young:
		if row.Result == "" {
			return nil, false, nil
		}
		return row, false, nil // on its way
	case row.Result == "":
		row.Details = "The item is missing in this store"
	case from == nil:
		row.Details = "The item is not in store 1"
	default:
		row.Details = "The content is not that of store 1"
	}
	row.Result = IntegrityFailure
	return row, !noted, nil
}

// note has names brought in step of which nothing was noted.
func (b *sourceSide) note(ctx context.Context, names []string) error {
	now := b.now()
	for _, name := range names {
		guards := []store.Guard{store.LockContainer(b.source, true), store.LockObject(b.source, name)}
		err := b.core.store.Update(ctx, guards, func(tx *store.Tx) error {
			k, found, err := tx.Container(b.source)
			if err != nil || !found || !contains(k.Replicas, b.store) {
				return err
			}
			if _, noted, err := tx.PendingFor(b.source, b.store, name); err != nil || noted {
				return err
			}
			tx.PutPending(&store.Pending{Source: b.source, Store: b.store, Name: name, At: now})
			return nil
		})
		if err != nil {
			return err
		}
	}
	if len(names) > 0 {
		b.replicator.hurry()
	}
	return nil
}
