package store

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"time"

	"entrepot/store/internal/record"
	"entrepot/store/kv"
)

// A MonthUsage is what a container held on the days of one month on which it
// was sampled. It stays when the container goes: reports on a whole account
// are made of these rows, those on one container of its own samples.
type MonthUsage struct {
	Month     time.Time // its first day, midnight UTC
	Container uint64    // 0: containers of which it was not noted which they were
	Name      string    // of the container, when it was last sampled in the month
	Days      []Sample  // in order, one a day
}

// monthOf numbers months since the year 0.
func monthOf(at time.Time) uint32 {
	at = at.UTC()
	return uint32(at.Year()*12 + int(at.Month()) - 1)
}

func monthTime(n uint32) time.Time {
	return time.Date(int(n/12), time.Month(n%12+1), 1, 0, 0, 0, 0, time.UTC)
}

func usageOfMonth(account string, month uint32) []byte {
	return binary.BigEndian.AppendUint32(join(account, ""), month)
}

func usageKey(account string, month uint32, id uint64) kv.Key {
	return key(tableUsage, append(usageOfMonth(account, month), u64(id)...))
}

// maxDays is the number of days of the longest month.
const maxDays = 31

func (m *MonthUsage) encode() []byte {
	w := record.NewWriter(16 + len(m.Name) + 10*len(m.Days))
	w.String(1, m.Name)
	days := make([]byte, 0, 10*len(m.Days))
	for _, d := range m.Days {
		days = append(days, byte(d.Day.Day()))
		days = binary.AppendVarint(binary.AppendVarint(days, d.Objects), d.Bytes)
	}
	w.Bytes(2, days)
	return w.Finish()
}

// decode reads a row, whose days go where those of m were.
func (m *MonthUsage) decode(row, value []byte) error {
	account, rest, ok := bytes.Cut(row, []byte{0})
	if !ok || len(account) == 0 || len(rest) != 12 {
		return errRow
	}
	*m = MonthUsage{Month: monthTime(binary.BigEndian.Uint32(rest)), Container: beID(rest[4:]), Days: m.Days[:0]}
	var failed error
	_, err := record.Decode(value, func(f record.Field) bool {
		switch f.Tag {
		case 1:
			m.Name = f.String()
		case 2:
			failed = m.decodeDays(f.Bytes)
		}
		return true
	})
	if err == nil {
		err = failed
	}
	return err
}

func (m *MonthUsage) decodeDays(b []byte) error {
	m.Days = m.Days[:0]
	most := byte(m.Month.AddDate(0, 1, -1).Day())
	for last := byte(0); len(b) > 0; {
		day := b[0]
		objects, n := binary.Varint(b[1:])
		if day <= last || day > most || n <= 0 {
			return fmt.Errorf("store: day %d of a month: %w", day, record.ErrCorrupt)
		}
		bytes, k := binary.Varint(b[1+n:])
		if k <= 0 {
			return fmt.Errorf("store: bytes of day %d: %w", day, record.ErrCorrupt)
		}
		m.Days = append(m.Days, Sample{Day: m.Month.Add(time.Duration(day-1) * 24 * time.Hour), Objects: objects, Bytes: bytes})
		b, last = b[1+n+k:], day
	}
	return nil
}

// note puts the sample of a day in its place, or in that of the one before.
func (m *MonthUsage) note(s Sample) {
	i := len(m.Days)
	for i > 0 && m.Days[i-1].Day.After(s.Day) {
		i--
	}
	if i > 0 && m.Days[i-1].Day.Equal(s.Day) {
		m.Days[i-1] = s
		return
	}
	m.Days = append(m.Days, Sample{})
	copy(m.Days[i+1:], m.Days[i:])
	m.Days[i] = s
}

// UsagePage is how many rows Usage reads in one call.
const UsagePage = 4000

// Usage passes on what the containers of an account held, those that are gone
// included, in the months that from and to lie in and those between: by month,
// then container. after is where the page before ended, nil for the first one;
// a nil next ends the last one. emit must not keep what it gets.
func (v *View) Usage(account string, from, to time.Time, after []byte, emit func(*MonthUsage)) (next []byte, err error) {
	r := kv.Range{
		Table: tableUsage,
		From:  usageOfMonth(account, monthOf(from)),
		To:    usageOfMonth(account, monthOf(to)+1),
	}
	if after != nil {
		r.From = after
	}
	page, err := v.r.Scan(r, UsagePage)
	if err != nil {
		return nil, err
	}
	m := MonthUsage{Days: make([]Sample, 0, maxDays)}
	for _, item := range page.Items {
		if err := m.decode(item.Row, item.Value); err != nil {
			return nil, fmt.Errorf("store: usage, row %x: %w", item.Row, err)
		}
		emit(&m)
	}
	return bytes.Clone(page.Next), nil
}

// noteUsage adds samples to the months of containers of an account.
func noteUsage(tx kv.Tx, account string, list []containerSample) error {
	if len(list) == 0 {
		return nil
	}
	keys := make([]kv.Key, len(list))
	for i := range list {
		keys[i] = usageKey(account, monthOf(list[i].sample.Day), list[i].id)
	}
	rows, err := tx.Get(keys...)
	if err != nil {
		return err
	}
	months := make(map[string]*MonthUsage)
	for i, k := range keys {
		m := months[string(k.Row)]
		if m == nil {
			m = &MonthUsage{Month: monthTime(monthOf(list[i].sample.Day))}
			months[string(k.Row)] = m
			if rows[i] != nil {
				if err := m.decode(k.Row, rows[i]); err != nil {
					return err
				}
			}
		}
		m.Name = list[i].name
		m.note(list[i].sample)
	}
	for row, m := range months {
		tx.Put(key(tableUsage, []byte(row)), m.encode())
	}
	return nil
}

// A containerSample is the sample of a container of a name.
type containerSample struct {
	id     uint64
	name   string
	sample Sample
}

// reapUsage removes what was noted about the containers of a deleted account.
func (s *Store) reapUsage(ctx context.Context, a *Account) error {
	return s.reapRows(ctx, a, tableUsage)
}

// reapRows removes the rows of a table that begin with the name of a deleted
// account.
func (s *Store) reapRows(ctx context.Context, a *Account, t kv.Table) error {
	for more := true; more; {
		err := s.engine.Update(ctx, []kv.Lock{LockAccount(a.Name, false)}, func(tx kv.Tx) (err error) {
			more, err = tx.DeleteRange(kv.Prefix(t, join(a.Name, "")), reapBatch)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}
