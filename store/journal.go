package store

import (
	"bytes"
	"cmp"
	"compress/flate"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"entrepot/store/internal/record"
	"entrepot/store/kv"
)

// The journal of a container is a run of rows in order of time. What is older
// than archiveAfter is kept compressed, many records in a row of the archive,
// and what is older than Options.JournalKeep goes. A container that was
// detached leaves its journal, and a row that says which name it had.

const (
	archiveAfter  = 30 * 24 * time.Hour
	archiveBatch  = 1000
	archiveEvery  = 24 * time.Hour
	metaJournal   = "journal"
	journalRowLen = 24
	// maxArchive bounds the decompressed bytes of one row.
	maxArchive = 64 << 20
)

func formerKey(account, name string, id uint64) kv.Key {
	return key(tableFormer, append(join(account, name, ""), u64(id)...))
}

func checkFormer(row, value []byte) error {
	if strings.Count(string(row[:max(0, len(row)-8)]), "\x00") != 2 || len(row) < 11 {
		return errRow
	}
	if len(value) != 8 {
		return errValue
	}
	return nil
}

// Former lists the containers that had a name and are gone, oldest first, at
// most limit.
func (v *View) Former(account, name string, limit int) ([]uint64, error) {
	base := join(account, name, "")
	page, err := v.r.Scan(kv.Prefix(tableFormer, base), limit)
	if err != nil {
		return nil, err
	}
	type gone struct {
		at Stamp
		id uint64
	}
	var list []gone
	for _, item := range page.Items {
		at, err := decodeID(item.Value)
		if err != nil || len(item.Row) != len(base)+8 {
			return nil, fmt.Errorf("store: former container: row %x", item.Row)
		}
		list = append(list, gone{Stamp(at), beID(item.Row[len(base):])})
	}
	slices.SortFunc(list, func(a, b gone) int { return cmp.Compare(a.at, b.at) })
	ids := make([]uint64, len(list))
	for i, g := range list {
		ids[i] = g.id
	}
	return ids, nil
}

// forgetFormer forgets which containers an account had. Their journals go when
// they are old enough.
func (tx *Tx) forgetFormer(account string) error {
	_, err := tx.tx.DeleteRange(kv.Prefix(tableFormer, join(account, "")), 100_000)
	return err
}

// JournalPage lists the records of a container's journal behind a cursor, the
// archived ones first, in order of time: about limit of them. next is the
// cursor behind the page, nil at the end; nil begins.
func (v *View) JournalPage(id uint64, cursor []byte, limit int) (list []Journal, next []byte, err error) {
	if cursor == nil || cursor[0] == byte(tableArchive) {
		r := kv.Prefix(tableArchive, u64(id))
		if cursor != nil {
			r.From = bytes.Clone(cursor[1:])
		}
		page, err := v.r.Scan(r, max(1, limit/archiveBatch))
		if err != nil {
			return nil, nil, err
		}
		for _, item := range page.Items {
			if list, err = unpack(list, id, item.Value); err != nil {
				return nil, nil, fmt.Errorf("store: archived journal, row %x: %w", item.Row, err)
			}
		}
		if page.Next != nil {
			return list, append([]byte{byte(tableArchive)}, page.Next...), nil
		}
		cursor = append([]byte{byte(tableJournal)}, u64(id)...)
		if len(list) > 0 {
			return list, cursor, nil
		}
	}
	r := kv.Prefix(tableJournal, u64(id))
	r.From = bytes.Clone(cursor[1:])
	page, err := v.r.Scan(r, limit)
	if err != nil {
		return nil, nil, err
	}
	list = make([]Journal, len(page.Items))
	for i, item := range page.Items {
		if list[i], err = decodeJournal(id, Stamp(beID(item.Row[8:])), item.Value); err != nil {
			return nil, nil, err
		}
	}
	if page.Next != nil {
		next = append([]byte{byte(tableJournal)}, page.Next...)
	}
	return list, next, nil
}

// HasJournal tells whether a container has any record in its journal.
func (v *View) HasJournal(id uint64) (bool, error) {
	for _, t := range []kv.Table{tableArchive, tableJournal} {
		r := kv.Prefix(t, u64(id))
		r.KeysOnly = true
		page, err := v.r.Scan(r, 1)
		if err != nil || len(page.Items) > 0 {
			return err == nil, err
		}
	}
	return false, nil
}

// pack compresses rows of the journal.
func pack(rows []kv.Item) ([]byte, error) {
	var out bytes.Buffer
	w, err := flate.NewWriter(&out, flate.DefaultCompression)
	if err != nil {
		return nil, err
	}
	var n [binary.MaxVarintLen64]byte
	for _, item := range rows {
		for _, part := range [][]byte{item.Row[8:], n[:binary.PutUvarint(n[:], uint64(len(item.Value)))], item.Value} {
			if _, err := w.Write(part); err != nil {
				return nil, err
			}
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return record.Seal(out.Bytes()), nil
}

// unpack appends the records of an archive's row.
func unpack(list []Journal, id uint64, value []byte) ([]Journal, error) {
	packed, err := record.Open(value)
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(io.LimitReader(flate.NewReader(bytes.NewReader(packed)), maxArchive))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", record.ErrCorrupt, err)
	}
	for len(data) > 0 {
		const head = journalRowLen - 8
		if len(data) < head {
			return nil, record.ErrCorrupt
		}
		at, rest := Stamp(beID(data)), data[head:]
		n, used := binary.Uvarint(rest)
		if used <= 0 || n > uint64(len(rest)-used) {
			return nil, record.ErrCorrupt
		}
		j, err := decodeJournal(id, at, rest[used:used+int(n)])
		if err != nil {
			return nil, err
		}
		list, data = append(list, j), rest[used+int(n):]
	}
	return list, nil
}

func checkArchive(row, value []byte) error {
	if len(row) != journalRowLen {
		return errRow
	}
	_, err := unpack(nil, beID(row), value)
	return err
}

// journalDue tends to the journal where that was not done for a day.
func (s *Store) journalDue(ctx context.Context) error {
	var last Stamp
	err := s.engine.View(ctx, func(r kv.Reader) error {
		rows, err := r.Get(metaKey(metaJournal))
		if err != nil || rows[0] == nil {
			last = 0
			return err
		}
		n, err := decodeID(rows[0])
		last = Stamp(n)
		return err
	})
	now := s.Now()
	if err != nil || now.Time().Sub(last.Time()) < archiveEvery {
		return err
	}
	if err := s.TendJournal(ctx); err != nil {
		return err
	}
	return s.engine.Update(ctx, []kv.Lock{{Key: metaKey(metaJournal)}}, func(tx kv.Tx) error {
		tx.Put(metaKey(metaJournal), u64(uint64(now)))
		return nil
	})
}

// TendJournal compresses old records of all journals and removes those that
// are older than Options.JournalKeep, with the names of detached containers of
// which none are left. The store does it once a day by itself.
func (s *Store) TendJournal(ctx context.Context) error {
	now := s.Now().Time()
	old, gone := StampOf(now.Add(-archiveAfter)), Stamp(0)
	if s.opt.JournalKeep > 0 {
		gone = StampOf(now.Add(-s.opt.JournalKeep))
		old = max(old, gone)
	}
	for _, t := range []kv.Table{tableArchive, tableJournal} {
		for id := uint64(0); ; id++ {
			var found bool
			err := s.engine.View(ctx, func(r kv.Reader) error {
				page, err := r.Scan(kv.Range{Table: t, From: u64(id), KeysOnly: true}, 1)
				if found = err == nil && len(page.Items) > 0; found {
					id = beID(page.Items[0].Row)
				}
				return err
			})
			if err != nil || !found {
				if err != nil {
					return fail("store.TendJournal", err)
				}
				break
			}
			if err := s.tendOne(ctx, t, id, gone, old); err != nil {
				return fail("store.TendJournal", err)
			}
			if id == 1<<64-1 {
				break
			}
		}
	}
	return s.forgetGone(ctx)
}

// tendOne removes the rows of one container in one table that end before gone,
// and archives those of its journal that are older than old.
func (s *Store) tendOne(ctx context.Context, t kv.Table, id uint64, gone, old Stamp) error {
	if gone > 0 {
		r := kv.Range{Table: t, From: u64(id), To: append(u64(id), u64(uint64(gone))...)}
		for more := true; more; {
			err := s.engine.Update(ctx, []kv.Lock{{Key: metaKey(metaJournal)}}, func(tx kv.Tx) (err error) {
				more, err = tx.DeleteRange(r, archiveBatch)
				return err
			})
			if err != nil {
				return err
			}
		}
	}
	if t != tableJournal {
		return nil
	}
	for {
		done, err := s.archiveSome(ctx, id, old)
		if err != nil || done {
			return err
		}
	}
}

// archiveSome moves the oldest records of a container into a row of the
// archive; done tells that none is left that is old enough.
func (s *Store) archiveSome(ctx context.Context, id uint64, old Stamp) (done bool, err error) {
	r := kv.Range{Table: tableJournal, From: u64(id), To: append(u64(id), u64(uint64(old))...)}
	var rows []kv.Item
	err = s.engine.View(ctx, func(v kv.Reader) error {
		rows = rows[:0]
		page, err := v.Scan(r, archiveBatch)
		for _, item := range page.Items {
			rows = append(rows, kv.Item{Row: bytes.Clone(item.Row), Value: bytes.Clone(item.Value)})
		}
		done = page.Next == nil
		return err
	})
	if err != nil || len(rows) == 0 {
		return true, err
	}
	value, err := pack(rows)
	for err == nil && len(value) > kv.DefaultLimits.MaxValue {
		done, rows = false, rows[:(len(rows)+1)/2]
		if len(rows) == 1 {
			return true, nil // a record that compresses to nothing less stays as it is
		}
		value, err = pack(rows)
	}
	if err != nil {
		return true, err
	}
	last := rows[len(rows)-1].Row
	r.To = append(bytes.Clone(last), 0)
	err = s.engine.Update(ctx, []kv.Lock{{Key: metaKey(metaJournal)}}, func(tx kv.Tx) error {
		page, err := tx.Scan(kv.Range{Table: r.Table, From: r.From, To: r.To, KeysOnly: true}, len(rows)+1)
		if err != nil || len(page.Items) != len(rows) {
			return err // another gateway was here
		}
		tx.Put(key(tableArchive, last), value)
		_, err = tx.DeleteRange(r, len(rows))
		return err
	})
	return done, err
}

// forgetGone forgets the names of detached containers without a journal.
func (s *Store) forgetGone(ctx context.Context) error {
	err := s.dropRows(ctx, kv.Range{Table: tableFormer, KeysOnly: true}, func(v *View, item kv.Item) (bool, error) {
		kept, err := v.HasJournal(beID(item.Row[len(item.Row)-8:]))
		return !kept, err
	})
	return fail("store.TendJournal", err)
}

// journalRank orders records of one moment: a container is made before
// anything is in it, and goes last.
func journalRank(action string) uint64 {
	switch action {
	case "create":
		return 0
	case "acl":
		return 1
	case "delete":
		return 3
	case "remove":
		return 4
	}
	return 2
}
