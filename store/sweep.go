package store

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"

	"entrepot/store/blob"
	"entrepot/store/internal/record"
	"entrepot/store/kv"
)

// DefaultGrace is how long content must have been without a reference before
// the collector removes it.
const DefaultGrace = time.Hour

const (
	// sweepBatch is how many IDs of content are looked up in one walk over the
	// objects: 16 MiB of them.
	sweepBatch = 1 << 20
	// sweepListed bounds the orphans that a report names.
	sweepListed = 1000
)

// An Orphan is content that no record names: what a crash left between the
// moment that content was durable and the commit that should have named it, or
// between the commit that released it and its removal.
type Orphan struct {
	Blob   blob.ID
	Since  time.Time // when the collector first met it; zero: in this scan
	Inline bool      // a row of the engine, else a file
	Parts  bool      // a list of parts, which are content of their own
}

func (o *Orphan) encode() []byte {
	w := record.NewWriter(16)
	w.Int(1, int64(StampOf(o.Since)))
	w.Bool(2, o.Inline)
	w.Bool(tagParts, o.Parts)
	return w.Finish()
}

func decodeOrphan(row, value []byte) (o Orphan, err error) {
	if len(row) != len(o.Blob) {
		return o, errors.New("store: an orphan's row has 16 bytes")
	}
	o.Blob = blob.ID(row)
	_, err = record.Decode(value, func(f record.Field) bool {
		switch f.Tag {
		case 1:
			o.Since = Stamp(f.Int()).Time()
		case 2:
			o.Inline = f.Bool()
		case tagParts:
			o.Parts = f.Bool()
		}
		return true
	})
	return o, err
}

func orphanKey(id blob.ID) kv.Key { return key(tableOrphans, id[:]) }

// SweepOptions say how to collect.
type SweepOptions struct {
	// Grace is how long ago a scan must have met an orphan first, and how old
	// the orphan must be. 0 removes what two looks at the same call find.
	Grace  time.Duration
	DryRun bool // change nothing, note nothing
}

// A SweepReport says what a sweep found.
type SweepReport struct {
	Content  int64    // pieces of content that were looked at
	Found    int64    // orphans among them
	Removed  int64    // of these
	Orphans  []Orphan // the first of them
	Duration time.Duration
}

// Sweep looks for content that no record names and removes what was without a
// reference in two scans at least a grace period apart. It never touches
// content in quarantine, nor what an upload under way wrote.
//
// It lists all content, a million IDs at a time, and walks page by page over
// all objects for each such batch. Objects that move meanwhile may escape
// that walk, so what is left of the batch is looked for again on one snapshot:
// a reference can only come from an upload, which is known until its record is
// written, or from another reference, which the snapshot shows. Sound stores
// have nothing left by then and need no long view.
func (s *Store) Sweep(ctx context.Context, opt SweepOptions) (report SweepReport, err error) {
	s.sweeping.Lock()
	defer s.sweeping.Unlock()
	begin := s.Now()
	defer func() { report.Duration = s.Now().Time().Sub(begin.Time()) }()
	if !opt.DryRun {
		s.Drain(ctx)
	}
	marks, err := s.orphanMarks(ctx)
	if err != nil {
		return report, err
	}
	w := &sweep{Store: s, opt: opt, now: begin, marks: marks, met: make(map[blob.ID]bool), report: &report}
	if err := w.run(ctx); err != nil || opt.DryRun {
		return report, err
	}
	if report.Removed > 0 {
		s.raise(ctx, EventOrphan, "sweep at "+begin.Time().Format(time.RFC3339),
			fmt.Sprintf("removed %d pieces of content that no record named", report.Removed))
	}
	return report, w.finish(ctx)
}

// orphanMarks reads what earlier sweeps met.
func (s *Store) orphanMarks(ctx context.Context) (map[blob.ID]Orphan, error) {
	marks := make(map[blob.ID]Orphan)
	err := s.pages(ctx, kv.Range{Table: tableOrphans}, func(_ kv.Reader, items []kv.Item) error {
		for _, item := range items {
			if o, err := decodeOrphan(item.Row, item.Value); err == nil {
				marks[o.Blob] = o
			}
		}
		return nil
	})
	return marks, err
}

// sweep is one Sweep on its way.
type sweep struct {
	*Store
	opt    SweepOptions
	now    Stamp
	marks  map[blob.ID]Orphan // of earlier sweeps
	met    map[blob.ID]bool   // orphans of this one
	report *SweepReport
}

func (w *sweep) run(ctx context.Context) error {
	files := make([]blob.ID, 0, 1024)
	for id, err := range w.blobs.All(ctx) {
		if err != nil {
			return fail("store.Sweep", err)
		}
		if files = append(files, id); len(files) == sweepBatch {
			if err := w.batch(ctx, files, kindFile); err != nil {
				return err
			}
			files = files[:0]
		}
	}
	if err := w.batch(ctx, files, kindFile); err != nil {
		return err
	}
	if err := w.rows(ctx, tableContent, kindInline, files[:0]); err != nil {
		return err
	}
	return w.rows(ctx, tableParts, kindParts, files[:0])
}

// rows looks at the content that a table's rows hold, whose keys begin with
// its ID.
func (w *sweep) rows(ctx context.Context, t kv.Table, kind byte, rows []blob.ID) error {
	r := kv.Range{Table: t, KeysOnly: true}
	for more := true; more; {
		err := w.engine.View(ctx, func(v kv.Reader) (err error) {
			n := len(rows)
			r.From, more, err = step(v, r, func(_ kv.Reader, items []kv.Item) error {
				rows = rows[:n]
				for _, item := range items {
					if len(item.Row) < len(blob.ID{}) {
						continue
					}
					if id := blob.ID(item.Row[:16]); len(rows) == 0 || rows[len(rows)-1] != id { // a list has several rows
						rows = append(rows, id)
					}
				}
				return nil
			})
			return err
		})
		if err != nil {
			return fail("store.Sweep", err)
		}
		if len(rows) > sweepBatch-pageRows || !more {
			if err := w.batch(ctx, rows, kind); err != nil {
				return err
			}
			rows = rows[:0]
		}
	}
	return nil
}

// batch finds and removes the orphans among IDs, which it sorts.
func (w *sweep) batch(ctx context.Context, ids []blob.ID, kind byte) error {
	w.report.Content += int64(len(ids))
	left, err := w.unreferenced(ctx, ids)
	if err != nil || len(left) == 0 {
		return err
	}
	// Uploads are looked at before the snapshot: one that has ended by now has
	// its record in it.
	left = slices.DeleteFunc(left, func(id blob.ID) bool { return w.inFlight.has(id) || w.bad.has(id) })
	if len(left) == 0 {
		return nil
	}
	seen := make([]bool, len(left))
	err = w.engine.View(ctx, func(v kv.Reader) error {
		for _, r := range contentRanges() {
			if err := allPages(v, r, marker(r.Table, left, seen)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fail("store.Sweep", err)
	}
	for i, id := range left {
		if seen[i] {
			continue
		}
		if err := w.orphan(ctx, id, kind); err != nil {
			return err
		}
	}
	return nil
}

// referenceRanges are the tables whose rows are objects, which refer to content.
func referenceRanges() []kv.Range {
	return []kv.Range{{Table: tableObjects}, {Table: tableHistory}, {Table: tableVersions}}
}

// unreferenced returns the IDs, sorted, that a walk over all objects does not
// meet.
func (s *Store) unreferenced(ctx context.Context, ids []blob.ID) (left []blob.ID, err error) {
	if len(ids) == 0 {
		return nil, nil
	}
	slices.SortFunc(ids, compareIDs)
	seen := make([]bool, len(ids))
	for _, r := range contentRanges() {
		if err := s.pages(ctx, r, marker(r.Table, ids, seen)); err != nil {
			return nil, fail("store.Sweep", err)
		}
	}
	for i, id := range ids {
		if !seen[i] {
			left = append(left, id)
		}
	}
	return left, nil
}

func compareIDs(a, b blob.ID) int { return bytes.Compare(a[:], b[:]) }

// marker marks which of the sorted IDs a page of objects refers to.
func marker(t kv.Table, ids []blob.ID, seen []bool) func(kv.Reader, []kv.Item) error {
	return func(_ kv.Reader, items []kv.Item) error {
		for _, item := range items {
			err := referenced(t, item.Value, func(id blob.ID) {
				if i, found := slices.BinarySearchFunc(ids, id, compareIDs); found {
					seen[i] = true
				}
			})
			if err != nil {
				return fmt.Errorf("store: table %d, row %x: %w; nothing is removed while it may name content", t, item.Row, err)
			}
		}
		return nil
	}
}

// referenced decodes only which content a row names: the record of an object,
// or what wraps one or several of them.
func referenced(t kv.Table, value []byte, met func(blob.ID)) error {
	fields, err := record.Fields(value)
	if err != nil {
		return err
	}
	var wrapped uint32 // tag of the records inside
	switch t {
	case tableHistory:
		wrapped = 2
	case tableParts:
		wrapped = 1
	}
	var id blob.ID
	for fields.Next() {
		switch {
		case wrapped != 0 && fields.Tag == wrapped:
			if err := referenced(tableObjects, fields.Bytes, met); err != nil {
				return err
			}
		case wrapped == 0 && fields.Tag == 11:
			copy(id[:], fields.Bytes)
		}
	}
	if wrapped == 0 {
		met(id)
	}
	return fields.Err()
}

// decodeReference decodes the object of a row that refers to content.
func decodeReference(t kv.Table, row, value []byte) (o Object, err error) {
	if len(row) < 9 {
		return o, fmt.Errorf("store: a row of table %d has %d bytes", t, len(row))
	}
	if t == tableHistory {
		p, err := decodeHistory(row, value)
		return p.Object, err
	}
	if t == tableVersions {
		return decodeVersion(row, value)
	}
	return decodeObject(string(row[8:]), value)
}

// orphan notes one orphan, or removes it when it is due.
func (w *sweep) orphan(ctx context.Context, id blob.ID, kind byte) error {
	o, known := w.marks[id]
	if !known {
		o = Orphan{Blob: id, Since: w.now.Time(), Inline: kind == kindInline, Parts: kind == kindParts}
	}
	w.met[id] = true
	w.report.Found++
	if len(w.report.Orphans) < sweepListed {
		w.report.Orphans = append(w.report.Orphans, o)
	}
	limit := w.now.Time().Add(-w.opt.Grace)
	switch {
	case w.opt.DryRun:
		return nil
	case o.Since.After(limit) || madeAt(id).After(limit):
		if known {
			return nil
		}
		return fail("store.Sweep", w.engine.Update(ctx, nil, func(tx kv.Tx) error {
			tx.Put(orphanKey(id), o.encode())
			return nil
		}))
	}
	return w.remove(ctx, o)
}

// madeAt is the moment that an ID holds, to the millisecond.
func madeAt(id blob.ID) time.Time {
	var ms [8]byte
	copy(ms[2:], id[:6])
	return time.UnixMilli(int64(binary.BigEndian.Uint64(ms[:])))
}

// remove removes an orphan with everything that is noted about it.
func (w *sweep) remove(ctx context.Context, o Orphan) error {
	w.removal.RLock() // a backup may be copying
	defer w.removal.RUnlock()
	switch {
	case o.Parts:
		if done, err := w.dropParts(ctx, o.Blob); err != nil || !done {
			return fail("store.Sweep", err)
		}
	case !o.Inline:
		if err := w.blobs.Remove(ctx, o.Blob); err != nil {
			return fail("store.Sweep", err)
		}
	}
	err := w.engine.Update(ctx, []kv.Lock{{Key: contentKey(o.Blob)}}, func(tx kv.Tx) error {
		if o.Inline {
			tx.Delete(contentKey(o.Blob))
		}
		tx.Delete(orphanKey(o.Blob))
		_, err := tx.DeleteRange(kv.Prefix(tableOwners, o.Blob[:]), pageRows)
		return err
	})
	if err == nil {
		w.report.Removed++
		w.Store.opt.Logger.Info("removed content that no record named", "blob", o.Blob.String(), "inline", o.Inline, "since", o.Since)
	}
	return fail("store.Sweep", err)
}

// finish forgets the marks of what is referred to, or gone.
func (w *sweep) finish(ctx context.Context) error {
	var stale []blob.ID
	for id := range w.marks {
		if !w.met[id] {
			stale = append(stale, id)
		}
	}
	for part := range slices.Chunk(stale, pageRows) {
		err := w.engine.Update(ctx, nil, func(tx kv.Tx) error {
			for _, id := range part {
				tx.Delete(orphanKey(id))
			}
			return nil
		})
		if err != nil {
			return fail("store.Sweep", err)
		}
	}
	return nil
}
