package store_test

import (
	"encoding/binary"
	"slices"
	"strings"
	"testing"
	"time"

	"entrepot/store"
	"entrepot/store/internal/record"
	"entrepot/store/kv"
)

const (
	tableSamples kv.Table = 32
	tableUsage   kv.Table = 75
)

// plantSamples writes samples of a subject ('c' id, or 'a' account NUL) as
// programs of format 2 did, one for each of the days from first on.
func plantSamples(tx kv.Tx, subject []byte, first time.Time, bytes ...int64) {
	for i, n := range bytes {
		w := record.NewWriter(16)
		w.Int(1, n/10)
		w.Int(2, n)
		day := uint32(first.Unix()/86400) + uint32(i)
		tx.Put(kv.Key{Table: tableSamples, Row: binary.BigEndian.AppendUint32(slices.Clone(subject), day)}, w.Finish())
	}
}

// used lists what the containers of an account held, as "name day:bytes …".
func (w *world) used(account string, from, to time.Time) (out []string) {
	w.t.Helper()
	err := w.View(w.t.Context(), func(v *store.View) error {
		next, err := v.Usage(account, from, to, nil, func(m *store.MonthUsage) {
			text := m.Month.Format("2006-01") + " " + m.Name
			for _, d := range m.Days {
				text += d.Day.Format(" 02:") + time.Duration(d.Bytes).String()
			}
			out = append(out, text)
		})
		if next != nil {
			w.t.Error("a page of few rows is not the last one")
		}
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	slices.Sort(out)
	return out
}

func TestUpgradeSpreadsSamplesOfAccountsOverTheirContainers(t *testing.T) {
	w, _ := hostile(t)
	account, name := w.container.Account, w.container.Name
	first := time.Date(2026, 1, 30, 0, 0, 0, 0, time.UTC)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	format := kv.Key{Table: 1, Row: []byte("format")}
	err := w.engine.Update(t.Context(), []kv.Lock{{Key: format}}, func(tx kv.Tx) error {
		if _, err := tx.DeleteRange(kv.Prefix(tableSamples, nil), 1000); err != nil {
			return err
		}
		if _, err := tx.DeleteRange(kv.Prefix(tableUsage, nil), 1000); err != nil {
			return err
		}
		tx.Put(format, []byte("2"))
		plantSamples(tx, append([]byte{'c'}, id8(w.container.ID)...), first, 100, 110, 120)
		plantSamples(tx, append([]byte{'c'}, id8(99)...), first, 50) // is gone
		plantSamples(tx, append([]byte{'a'}, account+"\x00"...), first, 150, 110, 170, 80)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	w.open()
	got := w.used(account, first, first.AddDate(0, 0, 3))
	want := []string{"2026-01  30:50ns", "2026-01 " + name + " 30:100ns 31:110ns", "2026-02  01:50ns 02:80ns", "2026-02 " + name + " 01:120ns"}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if rows, _ := w.rows(tableSamples, []byte{'a'}); len(rows) != 0 {
		t.Errorf("%d samples of accounts are left", len(rows))
	}
	r, err := w.Check(t.Context(), store.CheckOptions{})
	if err != nil || r.Findings != 0 {
		t.Errorf("check: %+v, %v", r, err)
	}
}

func TestUsageNotesADayOnce(t *testing.T) {
	w, _ := hostile(t)
	w.clock.advance(24 * time.Hour) // the start takes the first day's, perhaps before there is anything
	for range 2 {
		if err := w.SampleUsage(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	now := w.clock.Now()
	got := w.used(w.container.Account, now, now)
	if len(got) != 1 || strings.Count(got[0], " 23:") != 1 {
		t.Errorf("after two calls on one day: %q", got)
	}
}

func TestCheckFindsADamagedRowOfUsage(t *testing.T) {
	for what, row := range map[string]string{
		"no month":       "acme\x00" + "abc",
		"no account":     "\x00" + "abcdefghijkl",
		"days backwards": "acme\x00" + "\x00\x00\x5f\x10" + "abcdefgh",
	} {
		w, _ := hostile(t)
		w.plant(func(tx kv.Tx) {
			r := record.NewWriter(16)
			r.String(1, "cars")
			r.Bytes(2, []byte{9, 2, 2, 8, 2, 2})
			tx.Put(kv.Key{Table: tableUsage, Row: []byte(row)}, r.Finish())
		})
		r, err := w.Check(t.Context(), store.CheckOptions{})
		if err != nil || r.Findings != 1 {
			t.Errorf("%s: %+v, %v", what, r, err)
		}
	}
}
