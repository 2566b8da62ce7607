package overlay_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"entrepot/store/kv"
	"entrepot/store/kv/internal/overlay"
)

// none is a Base without rows; it counts the keys that it was asked for.
type none struct {
	asked int
	err   error
}

func (n *none) Load(keys []kv.Key, values [][]byte) error {
	n.asked += len(keys)
	clear(values)
	return n.err
}

func (n *none) Cursor(kv.Table) overlay.Cursor { return n }

func (n *none) Ascend([]byte) (row, value []byte, err error)  { return nil, nil, n.err }
func (n *none) Descend([]byte) (row, value []byte, err error) { return nil, nil, n.err }
func (n *none) Next() (row, value []byte, err error)          { return nil, nil, n.err }

func key(row string) kv.Key { return kv.Key{Table: 1, Row: []byte(row)} }

// fresh returns an overlay over base.
func fresh(base overlay.Base) *overlay.Overlay {
	o := overlay.New(kv.DefaultLimits)
	o.Reset(base)
	return o
}

// list describes the writes of o.
func list(o *overlay.Overlay) []string {
	var l []string
	for w := range o.Writes {
		l = append(l, fmt.Sprintf("%q %d %q %d %v", w.Key, w.Op, w.Value, w.Delta, w.Counter))
	}
	return l
}

func TestWritesComeOnceForEachRowInOrderOfTheKeys(t *testing.T) {
	o := fresh(&none{})
	o.Put(kv.Key{Table: 2, Row: []byte("a")}, []byte("last table"))
	o.Put(key("b"), []byte("first"))
	o.Put(key("b"), []byte("second"))
	o.Delete(key("c"))
	o.Add(key("a"), 2)
	o.Add(key("a"), 3)
	o.Add(key("c"), 4)
	o.Add(key("d"), 4)
	o.Delete(key("d"))
	want := []string{
		`"\x01a" 3 "" 5 false`,
		`"\x01b" 1 "second" 0 false`,
		`"\x01c" 1 "\x00\x00\x00\x00\x00\x00\x00\x04" 0 true`,
		`"\x01d" 2 "" 0 false`,
		`"\x02a" 1 "last table" 0 false`,
	}
	if got := list(o); !slices.Equal(got, want) {
		t.Errorf("writes are\n%q, want\n%q", got, want)
	}
	for range o.Writes { // stops when told to
		break
	}
}

func TestAbsorbEqualsDoingBothInOneTransaction(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 7))
	for range 200 {
		first, second, both := fresh(&none{}), fresh(&none{}), fresh(&none{})
		for i := range 60 {
			o := first
			if i >= 30 {
				o = second
			}
			k, n := key(fmt.Sprint(rng.IntN(8))), rng.IntN(100)
			switch rng.IntN(3) {
			case 0:
				o.Put(k, kv.AppendCounter(nil, int64(n)))
				both.Put(k, kv.AppendCounter(nil, int64(n)))
			case 1:
				o.Delete(k)
				both.Delete(k)
			case 2:
				o.Add(k, int64(n))
				both.Add(k, int64(n))
			}
		}
		first.Absorb(second)
		second.Reset(&none{})
		second.Put(key("overwrites"), bytes.Repeat([]byte("x"), 4096)) // first keeps copies of its own
		if got, want := list(first), list(both); !slices.Equal(got, want) {
			t.Fatalf("absorbed\n%q, want\n%q", got, want)
		}
	}
}

func TestGetAsksTheBaseOnlyForWhatTheOverlayDoesNotKnow(t *testing.T) {
	base := &none{}
	o := fresh(base)
	o.Put(key("put"), []byte("v"))
	o.Delete(key("deleted"))
	o.Add(key("added"), 3)
	for _, k := range []string{"put", "deleted"} {
		if !o.Answers(key(k)) {
			t.Errorf("the overlay does not answer for %q", k)
		}
	}
	if o.Answers(key("added")) || o.Answers(key("absent")) {
		t.Error("the overlay answers for what it does not know")
	}
	values, err := o.Get(key("put"), key("added"), key("deleted"), key("absent"))
	if err != nil || string(values[0]) != "v" || kv.Counter(values[1]) != 3 || values[2] != nil || values[3] != nil {
		t.Errorf("Get = %q, %v", values, err)
	}
	if base.asked != 2 {
		t.Errorf("the base was asked for %d keys, want 2", base.asked)
	}
}

func TestValuesOfOneGetOutliveTheNext(t *testing.T) {
	o := fresh(&none{})
	var kept [][][]byte
	for i := range 100 {
		o.Put(key("n"), fmt.Append(nil, i))
		values, err := o.Get(key("n"), key("absent"), key("n"))
		if err != nil {
			t.Fatal(err)
		}
		kept = append(kept, values)
	}
	for i, values := range kept {
		if string(values[0]) != fmt.Sprint(i) || values[1] != nil || string(values[2]) != fmt.Sprint(i) {
			t.Fatalf("values of Get %d became %q", i, values)
		}
	}
}

func TestErrorsOfTheBaseAreAnswered(t *testing.T) {
	broken := errors.New("broken")
	for _, written := range []bool{false, true} {
		o := fresh(&none{err: broken})
		if written {
			o.Put(key("a"), nil)
		}
		_, getErr := o.Get(key("b"))
		_, scanErr := o.Scan(kv.Range{Table: 1}, 10)
		_, downErr := o.Scan(kv.Range{Table: 1, Reverse: true}, 10)
		_, deleteErr := o.DeleteRange(kv.Range{Table: 1}, 10)
		_, moveErr := o.MovePrefix(1, []byte("x"), []byte("y"), 10)
		for i, err := range []error{getErr, scanErr, downErr, deleteErr, moveErr} {
			if !errors.Is(err, broken) {
				t.Errorf("call %d over a broken base, own rows %v: %v", i, written, err)
			}
		}
	}
}

func TestFirstErrorOfAWriteIsRemembered(t *testing.T) {
	o := fresh(&none{})
	long := kv.Key{Table: 1, Row: make([]byte, kv.DefaultLimits.MaxKey+1)}
	o.Delete(long)
	first := o.Err()
	o.Put(key("a"), make([]byte, kv.DefaultLimits.MaxValue+1))
	if !errors.Is(first, kv.ErrLimit) || o.Err() != first || o.Len() != 0 {
		t.Errorf("error %v became %v with %d rows", first, o.Err(), o.Len())
	}
	if o.Reset(&none{}); o.Err() != nil {
		t.Errorf("Reset kept %v", o.Err())
	}
}

func TestOverlaysStack(t *testing.T) {
	bottom := fresh(&none{})
	bottom.Put(key("a"), []byte("1"))
	bottom.Put(key("b"), []byte("1"))
	bottom.Add(key("n"), 1)
	top := fresh(bottom)
	top.Delete(key("a"))
	top.Put(key("c"), []byte("2"))
	top.Add(key("n"), 1)
	page, err := top.Scan(kv.Range{Table: 1}, 10)
	if err != nil || len(page.Items) != 3 || string(page.Items[0].Row) != "b" || kv.Counter(page.Items[2].Value) != 2 {
		t.Errorf("Scan = %+v, %v", page, err)
	}
	values, err := top.Get(key("a"), key("b"), key("c"), key("n"))
	if err != nil || values[0] != nil || string(values[1]) != "1" || string(values[2]) != "2" || kv.Counter(values[3]) != 2 {
		t.Errorf("Get = %q, %v", values, err)
	}
	if page, err = bottom.Scan(kv.Range{Table: 1}, 10); err != nil || len(page.Items) != 3 || string(page.Items[0].Row) != "a" {
		t.Errorf("the overlay below changed: %+v, %v", page, err)
	}
}

// BenchmarkPut shows the overhead of one transaction of the shape of an
// object PUT: one Get of 8 keys, 5 Puts, 8 Adds.
func BenchmarkPut(b *testing.B) {
	base := &none{}
	o := overlay.New(kv.DefaultLimits)
	keys := make([]kv.Key, 16)
	for i := range keys {
		keys[i] = kv.Key{Table: kv.Table(i * 7 % 16), Row: []byte("container/some/name/of/an/object")}
	}
	value := make([]byte, 300)
	b.ReportAllocs()
	for b.Loop() {
		o.Reset(base)
		if _, err := o.Get(keys[:8]...); err != nil {
			b.Fatal(err)
		}
		for _, k := range keys[:5] {
			o.Put(k, value)
		}
		for _, k := range keys[8:] {
			o.Add(k, 1)
		}
	}
}

// BenchmarkMovePrefix100k shows the cost of the largest rename, engine apart.
func BenchmarkMovePrefix100k(b *testing.B) {
	below := fresh(&none{})
	for i := range 100_000 {
		below.Put(key(fmt.Sprintf("folder/%08d", i)), make([]byte, 300))
	}
	o := overlay.New(kv.DefaultLimits)
	for b.Loop() {
		o.Reset(below)
		if n, err := o.MovePrefix(1, []byte("folder/"), []byte("other/"), 100_000); n != 100_000 || err != nil {
			b.Fatal(n, err)
		}
	}
}
