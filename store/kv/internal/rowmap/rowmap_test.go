package rowmap_test

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"entrepot/store/kv"
	"entrepot/store/kv/internal/rowmap"
)

func set(m *rowmap.Map[int], t kv.Table, row []byte, v int) {
	p, ok := m.Find(t, row)
	if ok {
		m.Replace(p, v)
		return
	}
	m.Insert(p, rowmap.AppendKey(nil, t, row), v)
}

func remove(m *rowmap.Map[int], t kv.Table, row []byte) {
	if p, ok := m.Find(t, row); ok {
		m.Remove(p)
	}
}

// check compares a map with the plain one that it should equal, by lookups
// and by walks in both directions.
func check(t *testing.T, m *rowmap.Map[int], want map[string]int) {
	t.Helper()
	if m.Len() != len(want) {
		t.Fatalf("%d rows, want %d", m.Len(), len(want))
	}
	keys := slices.Sorted(maps.Keys(want))
	c := m.Cursor()
	c.SeekFirst()
	for _, k := range keys {
		if !c.Valid() || string(c.Key()) != k || c.Value() != want[k] {
			t.Fatalf("walk up: at %q something else stands", k)
		}
		if v, ok := m.Get(kv.Table(k[0]), []byte(k[1:])); !ok || v != want[k] {
			t.Fatalf("Get(%q) = %d, %v, want %d", k, v, ok, want[k])
		}
		c.Next()
	}
	if c.Valid() {
		t.Fatalf("walk up: extra row %q", c.Key())
	}
	c.SeekLast()
	for _, k := range slices.Backward(keys) {
		if !c.Valid() || string(c.Key()) != k {
			t.Fatalf("walk down: at %q something else stands", k)
		}
		c.Prev()
	}
	if c.Valid() {
		t.Fatalf("walk down: extra row %q", c.Key())
	}
}

// checkSeeks compares Seek and SeekBefore at a probe with a linear search.
func checkSeeks(t *testing.T, m *rowmap.Map[int], want map[string]int, probe string) {
	t.Helper()
	keys := slices.Sorted(maps.Keys(want))
	i, _ := slices.BinarySearch(keys, probe)
	c := m.Cursor()
	c.Seek(kv.Table(probe[0]), []byte(probe[1:]))
	if c.Valid() != (i < len(keys)) || (c.Valid() && string(c.Key()) != keys[i]) {
		t.Fatalf("Seek(%q) is wrong", probe)
	}
	c.SeekBefore(kv.Table(probe[0]), []byte(probe[1:]))
	if c.Valid() != (i > 0) || (c.Valid() && string(c.Key()) != keys[i-1]) {
		t.Fatalf("SeekBefore(%q) is wrong", probe)
	}
}

func TestMapEqualsAPlainMapAfterRandomChanges(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, space := range []int{3, 100, 5000} {
		var m rowmap.Map[int]
		want := map[string]int{}
		check(t, &m, want)
		for i := range 20_000 {
			row := fmt.Appendf(nil, "%d", rng.IntN(space))
			table := kv.Table(rng.IntN(3))
			key := string(rowmap.AppendKey(nil, table, row))
			if rng.IntN(5) < 3 {
				set(&m, table, row, i)
				want[key] = i
			} else {
				remove(&m, table, row)
				delete(want, key)
			}
			if i%500 == 0 {
				check(t, &m, want)
				checkSeeks(t, &m, want, key)
			}
		}
		check(t, &m, want)
		m.Reset()
		check(t, &m, map[string]int{})
		checkSeeks(t, &m, nil, "\x01a")
		set(&m, 1, []byte("again"), 1)
		check(t, &m, map[string]int{"\x01again": 1})
	}
}

func TestForkKeepsItsRowsWhileTheMapChanges(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	var m rowmap.Map[int]
	want := map[string]int{}
	type kept struct {
		m    rowmap.Map[int]
		want map[string]int
	}
	var snaps []kept
	for i := range 4000 {
		row := fmt.Appendf(nil, "%03d", rng.IntN(700))
		key := "\x00" + string(row)
		if rng.IntN(3) > 0 {
			set(&m, 0, row, i)
			want[key] = i
		} else {
			remove(&m, 0, row)
			delete(want, key)
		}
		if i%200 == 0 {
			snaps = append(snaps, kept{m.Fork(), maps.Clone(want)})
		}
	}
	for i := range snaps {
		check(t, &snaps[i].m, snaps[i].want)
		set(&snaps[i].m, 0, []byte("350"), -i)
		snaps[i].want["\x00350"] = -i
	}
	for i := range snaps {
		check(t, &snaps[i].m, snaps[i].want)
	}
	check(t, &m, want)
}

func TestForkOfAnEmptyMapStaysEmpty(t *testing.T) {
	var m rowmap.Map[int]
	s := m.Fork()
	set(&m, 0, []byte("a"), 1)
	check(t, &s, nil)
	check(t, &m, map[string]int{"\x00a": 1})
}

func TestRowsOrderByTableFirst(t *testing.T) {
	var m rowmap.Map[int]
	set(&m, 2, nil, 3)
	set(&m, 1, []byte{0xFF, 0xFF}, 2)
	set(&m, 1, nil, 1)
	c := m.Cursor()
	c.SeekFirst()
	for want := 1; want <= 3; want++ {
		if !c.Valid() || c.Value() != want {
			t.Fatalf("row %d is out of order", want)
		}
		c.Next()
	}
	c.Seek(1, []byte{0xFF, 0xFF, 0})
	if !bytes.Equal(c.Key(), []byte{2}) {
		t.Fatalf("the row behind the last one of table 1 is %x", c.Key())
	}
}

func BenchmarkInsertRandom100k(b *testing.B) {
	rng := rand.New(rand.NewPCG(5, 6))
	keys := make([][]byte, 100_000)
	for i := range keys {
		keys[i] = rowmap.AppendKey(nil, 1, fmt.Appendf(nil, "%016x", rng.Uint64()))
	}
	for b.Loop() {
		var m rowmap.Map[int]
		for i, k := range keys {
			p, _ := m.Find(1, k[1:])
			m.Insert(p, k, i)
		}
	}
}
