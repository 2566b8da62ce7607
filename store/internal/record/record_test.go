package record_test

import (
	"bytes"
	"errors"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"

	"entrepot/store/internal/record"
)

type sample struct {
	num     uint64
	signed  int64
	yes     bool
	text    string
	list    []string
	table   map[string]string
	unknown []byte
}

func (s sample) encode() []byte {
	w := record.NewWriter(64)
	w.Uint(1, s.num)
	w.Int(2, s.signed)
	w.Bool(3, s.yes)
	w.String(4, s.text)
	w.Strings(5, s.list)
	w.Map(6, s.table)
	w.Raw(s.unknown)
	return w.Finish()
}

func decode(b []byte) (s sample, err error) {
	s.unknown, err = record.Decode(b, func(f record.Field) bool {
		switch f.Tag {
		case 1:
			s.num = f.Num
		case 2:
			s.signed = f.Int()
		case 3:
			s.yes = f.Bool()
		case 4:
			s.text = f.String()
		case 5:
			s.list = append(s.list, f.String())
		case 6:
			f.AddTo(&s.table)
		default:
			return false
		}
		return true
	})
	return s, err
}

func TestDecodeReturnsWhatWasEncoded(t *testing.T) {
	for _, want := range []sample{
		{},
		{num: math.MaxUint64, signed: math.MinInt64, yes: true, text: "é\x00", list: []string{"", "a"}, table: map[string]string{"": "x", "k": ""}},
		{signed: -1},
	} {
		got, err := decode(want.encode())
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, got, cmp.AllowUnexported(sample{})); d != "" {
			t.Error(d)
		}
	}
}

func TestRewriteKeepsFieldsOfANewerProgram(t *testing.T) {
	w := record.NewWriter(0)
	w.String(4, "text")
	w.String(99, "from the future")
	w.Uint(100, 7)
	old, err := decode(w.Finish())
	if err != nil {
		t.Fatal(err)
	}
	old.text = "changed"
	var seen []string
	if _, err := record.Decode(old.encode(), func(f record.Field) bool {
		if f.Tag == 99 {
			seen = append(seen, f.String())
		}
		if f.Tag == 100 && f.Num == 7 {
			seen = append(seen, "seven")
		}
		return true
	}); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{"from the future", "seven"}, seen); d != "" {
		t.Error(d)
	}
}

func TestEveryFlippedBitIsFound(t *testing.T) {
	good := sample{num: 5, text: "some text", list: []string{"x"}}.encode()
	for i := range good {
		for bit := range 8 {
			bad := bytes.Clone(good)
			bad[i] ^= 1 << bit
			if _, err := decode(bad); !errors.Is(err, record.ErrCorrupt) {
				t.Fatalf("byte %d bit %d: %v", i, bit, err)
			}
		}
	}
	for n := range good {
		if _, err := decode(good[:n]); err == nil {
			t.Fatalf("cut to %d bytes: accepted", n)
		}
	}
}

func TestNewerVersionIsRefusedWithoutBlamingTheDisk(t *testing.T) {
	_, err := decode(record.Seal([]byte{record.Version + 1}))
	if err == nil || errors.Is(err, record.ErrCorrupt) {
		t.Fatalf("got %v", err)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte{})
	f.Add(sample{num: 5, text: "x", table: map[string]string{"a": "b"}}.encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		// Any bytes, and any bytes with a right checksum: an error or a value.
		for _, in := range [][]byte{b, record.Seal(append([]byte{record.Version}, b...))} {
			s, err := decode(in)
			if err != nil {
				continue
			}
			again, err := decode(s.encode())
			if err != nil {
				t.Fatalf("what was decoded cannot be encoded: %v", err)
			}
			if d := cmp.Diff(s, again, cmp.AllowUnexported(sample{})); d != "" {
				t.Fatal(d)
			}
		}
	})
}
