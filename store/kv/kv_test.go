package kv_test

import (
	"bytes"
	"math"
	"testing"

	"entrepot/store/kv"
)

func TestPrefixEndIsTheSmallestKeyBehindAllKeysWithThePrefix(t *testing.T) {
	for _, c := range []struct{ prefix, want []byte }{
		{nil, nil},
		{[]byte{}, nil},
		{[]byte("a"), []byte("b")},
		{[]byte("a/"), []byte("a0")},
		{[]byte{'a', 0xFF}, []byte{'b'}},
		{[]byte{'a', 0xFF, 0xFF}, []byte{'b'}},
		{[]byte{0xFF}, nil},
		{[]byte{0xFF, 0xFF}, nil},
		{[]byte{0, 0xFE, 0xFF}, []byte{0, 0xFF}},
	} {
		if got := kv.PrefixEnd(c.prefix); !bytes.Equal(got, c.want) || (got == nil) != (c.want == nil) {
			t.Errorf("PrefixEnd(%x) = %x, want %x", c.prefix, got, c.want)
		}
	}
}

func FuzzPrefixEndSeparates(f *testing.F) {
	f.Add([]byte("a/"), []byte("a/b"))
	f.Add([]byte{'a', 0xFF}, []byte{'b'})
	f.Add([]byte{0xFF}, []byte{0xFF, 0})
	f.Add([]byte{}, []byte{})
	f.Fuzz(func(t *testing.T, prefix, key []byte) {
		before := bytes.Clone(prefix)
		r := kv.Prefix(7, prefix)
		in := bytes.Compare(key, r.From) >= 0 && (r.To == nil || bytes.Compare(key, r.To) < 0)
		if in != bytes.HasPrefix(key, prefix) {
			t.Fatalf("range of prefix %x is [%x, %x): key %x inside: %v", prefix, r.From, r.To, key, in)
		}
		if r.Table != 7 || !bytes.Equal(before, prefix) {
			t.Fatal("Prefix changed its argument or lost the table")
		}
	})
}

func TestCounterReadsBackWhatWasWritten(t *testing.T) {
	for _, n := range []int64{0, 1, -1, 42, math.MaxInt64, math.MinInt64} {
		b := kv.AppendCounter([]byte("x"), n)
		if len(b) != 1+kv.CounterLen || kv.Counter(b[1:]) != n {
			t.Errorf("counter %d reads back as %d (%x)", n, kv.Counter(b[1:]), b)
		}
	}
	for _, b := range [][]byte{nil, {}, {1}, make([]byte, 9)} {
		if n := kv.Counter(b); n != 0 {
			t.Errorf("Counter(%x) = %d, want 0", b, n)
		}
	}
}
