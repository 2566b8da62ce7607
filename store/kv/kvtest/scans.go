package kvtest

import (
	"fmt"
	"slices"
	"testing"

	"entrepot/store/kv"
)

// checkScan compares a scan in both directions and in pages of every size
// with what it should yield upwards, in a view and in an update that has
// writes of its own around the range.
func checkScan(t *testing.T, e kv.Engine, r kv.Range, want ...string) {
	t.Helper()
	check := func(rd kv.Reader) error {
		for _, reverse := range []bool{false, true} {
			expect := slices.Clone(want)
			if r.Reverse = reverse; reverse {
				slices.Reverse(expect)
			}
			for limit := 1; limit <= len(want)+1; limit++ {
				list, err := scanAll(rd, r, limit)
				if err != nil || !slices.Equal(list, expect) {
					return fmt.Errorf("scan of %+v, limit %d: %q, %v, want %q", r, limit, list, err, expect)
				}
			}
		}
		return nil
	}
	view(t, e, check)
	update(t, e, func(tx kv.Tx) error {
		if err := check(tx); err != nil {
			return err
		}
		tx.Put(kv.Key{Table: tableFirst, Row: []byte("other table")}, nil)
		tx.Put(kv.Key{Table: tableLast, Row: []byte("other table")}, nil)
		return check(tx)
	})
}

func delimiter(t *testing.T, e kv.Engine) {
	fill(t, e, "a", "a/", "a/1", "a/2/3", "b", "b/1", "b/2", "b/3", "b/4", "b/5", "b/6", "b/7", "b0", "c", "d//x", "d/y", "\xff\xff/z")
	slash := kv.Range{Table: tableRows, Delimiter: []byte("/")}
	checkScan(t, e, slash, "a", "[a/]", "b", "[b/]", "b0", "c", "[d/]", "[\xff\xff/]")
	double := kv.Range{Table: tableRows, Delimiter: []byte("//")}
	checkScan(t, e, double, "a", "a/", "a/1", "a/2/3", "b", "b/1", "b/2", "b/3", "b/4", "b/5", "b/6", "b/7", "b0", "c", "[d//]", "d/y", "\xff\xff/z")
	checkScan(t, e, kv.Range{Table: tableRows, Delimiter: []byte("\xff")}, "a", "a/", "a/1", "a/2/3", "b", "b/1", "b/2", "b/3",
		"b/4", "b/5", "b/6", "b/7", "b0", "c", "d//x", "d/y", "[\xff]")
	inside := slash
	inside.From, inside.To = []byte("a/2"), []byte("b/5")
	checkScan(t, e, inside, "[a/]", "b", "[b/]")
	view(t, e, func(r kv.Reader) error {
		up, err := r.Scan(kv.Range{Table: tableRows, From: []byte("b/2"), Delimiter: []byte("/")}, 1)
		if err != nil || string(up.Items[0].First) != "b/2" || string(up.Items[0].Value) != "b/2" || string(up.Items[0].Row) != "b/" {
			return fmt.Errorf("a run upwards is %+v, %v", up.Items, err)
		}
		down, err := r.Scan(kv.Range{Table: tableRows, To: []byte("b/7"), Delimiter: []byte("/"), Reverse: true}, 1)
		if err != nil || string(down.Items[0].First) != "b/6" || string(down.Items[0].Value) != "b/6" {
			return fmt.Errorf("a run downwards is %+v, %v", down.Items, err)
		}
		keys, err := r.Scan(kv.Range{Table: tableRows, From: []byte("b/2"), Delimiter: []byte("/"), KeysOnly: true}, 2)
		if err != nil || keys.Items[0].Value != nil || string(keys.Items[0].First) != "b/2" || keys.Items[1].First != nil {
			return fmt.Errorf("a run of keys is %+v, %v", keys.Items, err)
		}
		return nil
	})
	update(t, e, func(tx kv.Tx) error { // own writes join, make and end runs
		tx.Put(key("a/0"), nil)
		tx.Put(key("e/1"), nil)
		tx.Delete(key("d//x"))
		tx.Delete(key("d/y"))
		for i := 1; i < 7; i++ {
			tx.Delete(key(fmt.Sprintf("b/%d", i)))
		}
		list, err := scanAll(tx, slash, 3)
		if want := []string{"a", "[a/]", "b", "[b/]", "b0", "c", "[e/]", "[\xff\xff/]"}; err != nil || !slices.Equal(list, want) {
			return fmt.Errorf("with own writes: %q, %v", list, err)
		}
		return nil
	})
	checkScan(t, e, slash, "a", "[a/]", "b", "[b/]", "b0", "c", "[e/]", "[\xff\xff/]")
}

func delimiterSkip(t *testing.T, e kv.Engine) {
	fill(t, e, "//a/b", "//a/c", "/x", "p/", "p/a", "p/a/1", "p/a/2", "p/b", "p/c/1", "q")
	r := kv.Prefix(tableRows, []byte("p/"))
	r.Delimiter, r.Skip = []byte("/"), 2
	checkScan(t, e, r, "p/", "p/a", "[p/a/]", "p/b", "[p/c/]")
	r.Skip = 4 // the slash of p/a/ stands at 3
	checkScan(t, e, r, "p/", "p/a", "p/a/1", "p/a/2", "p/b", "p/c/1")
	r.Skip = 3
	checkScan(t, e, r, "p/", "p/a", "[p/a/]", "p/b", "[p/c/]")
	r.Skip = 100
	checkScan(t, e, r, "p/", "p/a", "p/a/1", "p/a/2", "p/b", "p/c/1")
	r = kv.Range{Table: tableRows, To: []byte("p"), Delimiter: []byte("/"), Skip: 1}
	checkScan(t, e, r, "[//]", "/x")
}

func pages(t *testing.T, e kv.Engine) {
	var want []string
	update(t, e, func(tx kv.Tx) error {
		want = want[:0]
		for i := range 300 {
			row := fmt.Sprintf("%03d", i)
			tx.Put(key(row), nil)
			want = append(want, row)
		}
		return nil
	})
	for _, r := range []kv.Range{
		{Table: tableRows},
		{Table: tableRows, Reverse: true},
		{Table: tableRows, From: []byte("100"), To: []byte("200")},
		{Table: tableRows, From: []byte("100"), To: []byte("200"), Reverse: true},
		{Table: tableRows, From: []byte("0999"), To: []byte("1999"), Reverse: true},
		{Table: tableRows, From: []byte("5")},
		{Table: tableRows, To: []byte("00")},
		{Table: tableRows, To: []byte{}},
		{Table: tableRows, To: []byte{}, Reverse: true},
		{Table: tableRows, From: []byte("200"), To: []byte("100")},
		{Table: tableRows, From: []byte("200"), To: []byte("100"), Reverse: true},
	} {
		var expect []string
		for _, row := range want {
			if row >= string(r.From) && (r.To == nil || row < string(r.To)) {
				expect = append(expect, row)
			}
		}
		if r.Reverse {
			slices.Reverse(expect)
		}
		view(t, e, func(rd kv.Reader) error {
			for _, limit := range []int{1, 7, 99, 100, 101, 300, 1000} {
				list, err := scanAll(rd, r, limit)
				if err != nil || !slices.Equal(list, expect) {
					return fmt.Errorf("scan of %+v, limit %d: %d rows, %v, want %d", r, limit, len(list), err, len(expect))
				}
			}
			return nil
		})
	}
}
