package store

import (
	"bytes"
	"context"
	"fmt"
	"strings"

	"entrepot/store/internal/record"
	"entrepot/store/kv"
)

// A Restoration is a container that is being made, or was, of what a snapshot
// shows. Its record outlives both containers, and goes with the account.
type Restoration struct {
	Account   string // from the key
	ID        string // from the key; the name that the new container got
	Snapshot  string // name of the snapshot
	Source    uint64 // the container that has the snapshot
	Container uint64 // the new one
	User      string // who asked for it
	State     RestorationState
	Text      string // why it failed, or what else is to be said
	Started   Stamp
	Ended     Stamp  // 0: under way
	Expires   Stamp  // when the new container is to be removed; 0: never
	Marker    string // name up to which objects were restored
	Done      int64  // how many were
	unknown   []byte
}

// A RestorationState says how far a Restoration is.
type RestorationState uint8

// The states.
const (
	RestoreQueued   RestorationState = 0
	RestoreRunning  RestorationState = 1
	RestoreComplete RestorationState = 2
	RestoreFailed   RestorationState = 3
	RestoreExpired  RestorationState = 4 // the new container was removed when its time was over
)

func restoreKey(account, id string) kv.Key { return key(tableRestores, join(account, id)) }

// LockRestoration returns the exclusive lock of the record of a Restoration.
func LockRestoration(account, id string) Guard { return Guard{Key: restoreKey(account, id)} }

func (r *Restoration) encode() []byte {
	w := record.NewWriter(128)
	w.String(1, r.Snapshot)
	w.Uint(2, r.Source)
	w.Uint(3, r.Container)
	w.String(4, r.User)
	w.Uint(5, uint64(r.State))
	w.String(6, r.Text)
	w.Int(7, int64(r.Started))
	w.Int(8, int64(r.Ended))
	w.Int(9, int64(r.Expires))
	w.String(10, r.Marker)
	w.Int(11, r.Done)
	w.Raw(r.unknown)
	return w.Finish()
}

func decodeRestore(row, value []byte) (r Restoration, err error) {
	account, id, ok := strings.Cut(string(row), "\x00")
	if !ok || account == "" || id == "" {
		return r, errRow
	}
	r.Account, r.ID = account, id
	r.unknown, err = record.Decode(value, func(f record.Field) bool {
		switch f.Tag {
		case 1:
			r.Snapshot = f.String()
		case 2:
			r.Source = f.Num
		case 3:
			r.Container = f.Num
		case 4:
			r.User = f.String()
		case 5:
			r.State = RestorationState(f.Num)
		case 6:
			r.Text = f.String()
		case 7:
			r.Started = Stamp(f.Int())
		case 8:
			r.Ended = Stamp(f.Int())
		case 9:
			r.Expires = Stamp(f.Int())
		case 10:
			r.Marker = f.String()
		case 11:
			r.Done = f.Int()
		default:
			return false
		}
		return true
	})
	return r, err
}

// Restoration reads the record of one of an account.
func (v *View) Restoration(account, id string) (r Restoration, found bool, err error) {
	k := restoreKey(account, id)
	rows, err := v.r.Get(k)
	if err != nil || rows[0] == nil {
		return Restoration{}, false, err
	}
	r, err = decodeRestore(k.Row, rows[0])
	return r, true, err
}

// Restorations lists those of an account whose IDs are greater than after, in
// order, at most limit.
func (v *View) Restorations(account, after string, limit int) ([]Restoration, error) {
	r := kv.Prefix(tableRestores, join(account, ""))
	if after != "" {
		r.From = join(account, after, "")
	}
	page, err := v.r.Scan(r, limit)
	if err != nil {
		return nil, err
	}
	list := make([]Restoration, len(page.Items))
	for i, item := range page.Items {
		if list[i], err = decodeRestore(item.Row, item.Value); err != nil {
			return nil, fmt.Errorf("store: restore, row %q: %w", item.Row, err)
		}
	}
	return list, nil
}

// PutRestore writes a record. The caller holds its lock.
func (tx *Tx) PutRestore(r *Restoration) { tx.tx.Put(restoreKey(r.Account, r.ID), r.encode()) }

// reapRestores removes the records of a deleted account.
func (s *Store) reapRestores(ctx context.Context, a *Account) error {
	return s.reapRows(ctx, a, tableRestores)
}

// A SnapshotNote is an entry of a snapshot's history.
type SnapshotNote struct {
	At   Stamp
	User string
	Text string
}

func notesOf(id uint64, snapshot string) []byte { return append(in(id, snapshot), 0) }

// MaxSnapshotNotes is how many entries a history keeps: the last ones.
const MaxSnapshotNotes = 500

// NoteSnapshot adds an entry to the history of a snapshot of a container,
// whose exclusive lock the caller holds. It goes with the snapshot.
func (tx *Tx) NoteSnapshot(id uint64, snapshot string, n SnapshotNote) error {
	w := record.NewWriter(64)
	w.String(1, n.User)
	w.String(2, n.Text)
	page, err := tx.tx.Scan(kv.Prefix(tableSnapshotLog, notesOf(id, snapshot)), MaxSnapshotNotes)
	if err != nil {
		return err
	}
	if many := len(page.Items); many > 0 { // entries of one moment stand behind each other
		last := page.Items[many-1].Row
		n.At = max(n.At, Stamp(beID(last[len(last)-8:]))+1)
	}
	if len(page.Items) == MaxSnapshotNotes {
		tx.tx.Delete(key(tableSnapshotLog, bytes.Clone(page.Items[0].Row)))
	}
	tx.tx.Put(key(tableSnapshotLog, append(notesOf(id, snapshot), u64(uint64(n.At))...)), w.Finish())
	return nil
}

func decodeSnapshotNote(row, value []byte) (n SnapshotNote, err error) {
	if len(row) < 8+1+8 || row[len(row)-9] != 0 {
		return n, errRow
	}
	n.At = Stamp(beID(row[len(row)-8:]))
	_, err = record.Decode(value, func(f record.Field) bool {
		switch f.Tag {
		case 1:
			n.User = f.String()
		case 2:
			n.Text = f.String()
		}
		return true
	})
	return n, err
}

// SnapshotNotes lists the history of a snapshot, oldest first, at most limit
// entries.
func (v *View) SnapshotNotes(id uint64, snapshot string, limit int) ([]SnapshotNote, error) {
	page, err := v.r.Scan(kv.Prefix(tableSnapshotLog, notesOf(id, snapshot)), limit)
	if err != nil {
		return nil, err
	}
	list := make([]SnapshotNote, len(page.Items))
	for i, item := range page.Items {
		if list[i], err = decodeSnapshotNote(item.Row, item.Value); err != nil {
			return nil, fmt.Errorf("store: history of a snapshot, row %x: %w", item.Row, err)
		}
	}
	return list, nil
}

// dropSnapshotNotes removes the history of a snapshot, or with "" of all of a
// container.
func (tx *Tx) dropSnapshotNotes(id uint64, snapshot string) (more bool, err error) {
	row := u64(id)
	if snapshot != "" {
		row = notesOf(id, snapshot)
	}
	return tx.tx.DeleteRange(kv.Prefix(tableSnapshotLog, row), reapBatch)
}
