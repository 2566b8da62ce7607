package store

import (
	"bytes"
	"reflect"
	"testing"
	"time"

	"entrepot/store/internal/record"
)

// FuzzDecodeUsage feeds rows of usage, restorations and histories of snapshots
// to their decoders: what is understood is written as it was read.
func FuzzDecodeUsage(f *testing.F) {
	month := monthTime(monthOf(time.Date(2024, 2, 10, 5, 0, 0, 0, time.UTC)))
	m := MonthUsage{Month: month, Container: 7, Name: "cars", Days: []Sample{{month, 1, 100}, {month.AddDate(0, 0, 28), 2, 1 << 40}}}
	f.Add(usageKey("acme", monthOf(month), 7).Row, m.encode()[:12])
	f.Add(usageKey("acme", monthOf(month), 7).Row, m.encode()[:len(m.encode())-4])
	r := Restoration{Account: "acme", ID: "cars-2024", Snapshot: "s", Source: 1, Container: 2, State: RestoreRunning, Marker: "m", Done: 3}
	f.Add(restoreKey("acme", "cars-2024").Row, r.encode()[:len(r.encode())-4])
	f.Add(append(notesOf(7, "s"), u64(9)...), []byte{record.Version})
	f.Fuzz(func(t *testing.T, row, fields []byte) {
		value := record.Seal(bytes.Clone(fields))
		var u, again MonthUsage
		if err := u.decode(row, value); err == nil {
			if err := again.decode(row, u.encode()); err != nil || len(u.Days) != len(again.Days) || u.Name != again.Name || len(u.Days) > maxDays {
				t.Errorf("usage %+v became %+v, %v", u, again, err)
			}
		}
		if r, err := decodeRestore(row, value); err == nil {
			if got, err := decodeRestore(row, r.encode()); err != nil || !reflect.DeepEqual(got, r) {
				t.Errorf("restoration %+v became %+v, %v", r, got, err)
			}
		}
		_, _ = decodeSnapshotNote(row, value) // does not panic
	})
}

func TestUsageKeepsItsDaysInOrderWhateverTheOrderOfNotes(t *testing.T) {
	month := monthTime(monthOf(time.Date(2024, 2, 10, 5, 0, 0, 0, time.UTC)))
	m := MonthUsage{Month: month, Name: "cars"}
	for _, day := range []int{5, 1, 28, 5, 3, 1} {
		m.note(Sample{Day: month.AddDate(0, 0, day), Objects: int64(len(m.Days)), Bytes: int64(day)})
	}
	row := usageKey("acme", monthOf(month), 7).Row
	var got MonthUsage
	if err := got.decode(row, m.encode()); err != nil {
		t.Fatal(err)
	}
	var days []int64
	for _, d := range got.Days {
		days = append(days, d.Bytes)
	}
	if !reflect.DeepEqual(days, []int64{1, 3, 5, 28}) || !got.Month.Equal(month) || got.Container != 7 {
		t.Errorf("days %v of %+v", days, got)
	}
}

// What is learned of a large object holds for one tag and size.
func TestJoinedDigestHoldsForItsTagAndSize(t *testing.T) {
	j := &Joined{Tag: [16]byte{1}, Size: 5, MD5: [16]byte{2}}
	o := Object{Name: "a", Large: &Large{Size: 5, MD5: [16]byte{1}}, Content: Content{Size: 9, MD5: [16]byte{3}}, Joined: j}
	back, err := decodeObject("a", o.encode())
	if err != nil || back.Joined == nil || *back.Joined != *j {
		t.Fatalf("%+v, %v", back.Joined, err)
	}
	for _, c := range []struct {
		tag  byte
		size int64
		want bool
	}{{1, 5, true}, {1, 6, false}, {4, 5, false}} {
		if _, known := back.JoinedMD5([16]byte{c.tag}, c.size); known != c.want {
			t.Errorf("tag %d, size %d: known %v", c.tag, c.size, known)
		}
	}
	if _, known := (&Object{}).JoinedMD5([16]byte{}, 0); known {
		t.Error("the digest of an object of which nothing was learned is known")
	}
}
