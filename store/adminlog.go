package store

import (
	"context"
	"encoding/binary"
	"errors"
	"time"

	"entrepot/store/internal/record"
	"entrepot/store/kv"
)

// An AdminEntry is one line of the administrators' log: who made, changed or
// deleted an account, a user or a key, or tried to. Entries are never changed.
type AdminEntry struct {
	Time    Stamp  // from the key
	Number  uint64 // from the key; tells lines of one moment apart
	Caller  string // login name
	Address string // "" for the machine itself
	Method  string // such as "account.delete"
	Target  string // what it was about
	Result  string // "done", or why not
	unknown []byte
}

// Bounds of the log: lines older than adminLogLife are dropped, at most
// adminLogTrim at once; a text is cut behind maxAdminText bytes.
const (
	adminLogLife = 400 * 24 * time.Hour
	adminLogTrim = 1000
	maxAdminText = 512
)

func (e *AdminEntry) encode() []byte {
	w := record.NewWriter(96)
	w.String(1, e.Caller)
	w.String(2, e.Address)
	w.String(3, e.Method)
	w.String(4, e.Target)
	w.String(5, e.Result)
	w.Raw(e.unknown)
	return w.Finish()
}

func decodeAdminEntry(row, value []byte) (e AdminEntry, err error) {
	if len(row) != 16 {
		return e, errors.New("store: a row of the administrators' log has 16 bytes")
	}
	e.Time, e.Number = Stamp(binary.BigEndian.Uint64(row)), binary.BigEndian.Uint64(row[8:])
	e.unknown, err = record.Decode(value, func(f record.Field) bool {
		switch f.Tag {
		case 1:
			e.Caller = f.String()
		case 2:
			e.Address = f.String()
		case 3:
			e.Method = f.String()
		case 4:
			e.Target = f.String()
		case 5:
			e.Result = f.String()
		default:
			return false
		}
		return true
	})
	return e, err
}

// AddAdminEntry writes a line of the administrators' log, in the transaction
// of what it tells, under a number of the transaction's choice.
func (tx *Tx) AddAdminEntry(e AdminEntry) {
	for _, text := range []*string{&e.Target, &e.Result} {
		if len(*text) > maxAdminText {
			*text = (*text)[:maxAdminText]
		}
	}
	tx.tx.Put(key(tableAdminLog, append(u64(uint64(e.Time)), u64(tx.number())...)), e.encode())
}

// AdminLog lists the lines of the administrators' log before a moment, newest
// first, at most limit. Of the moment itself it lists the lines whose numbers
// are smaller than the given one, so that the time and number of a page's last
// line lead to the next page; 0 and 0 begin with the newest.
func (v *View) AdminLog(before Stamp, number uint64, limit int) ([]AdminEntry, error) {
	r := kv.Range{Table: tableAdminLog, Reverse: true}
	if before > 0 {
		r.To = append(u64(uint64(before)), u64(number)...)
	}
	page, err := v.r.Scan(r, limit)
	if err != nil {
		return nil, err
	}
	list := make([]AdminEntry, len(page.Items))
	for i, item := range page.Items {
		if list[i], err = decodeAdminEntry(item.Row, item.Value); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// trimAdminLog drops lines that are too old. It writes only where there are
// any.
func (s *Store) trimAdminLog(ctx context.Context) error {
	r := kv.Range{Table: tableAdminLog, To: u64(uint64(StampOf(s.Now().Time().Add(-adminLogLife)))), KeysOnly: true}
	old := false
	err := s.engine.View(ctx, func(v kv.Reader) error {
		page, err := v.Scan(r, 1)
		old = len(page.Items) > 0
		return err
	})
	if err != nil || !old {
		return fail("store.AdminLog", err)
	}
	return s.Update(ctx, nil, func(tx *Tx) error {
		_, err := tx.tx.DeleteRange(r, adminLogTrim)
		return err
	})
}
