package memkv_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"entrepot/store/kv"
	"entrepot/store/kv/memkv"
)

// complaints collects what an engine reports.
type complaints struct {
	mu   sync.Mutex
	list []string
}

func (c *complaints) add(m string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.list = append(c.list, m)
}

// expect fails the test unless all complaints so far, at least one of them,
// hold the words; it forgets them. No words: no complaints.
func (c *complaints) expect(t *testing.T, words string) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, m := range c.list {
		if words == "" || !strings.Contains(m, words) {
			t.Errorf("complaint %q, want %q", m, words)
		}
	}
	if words != "" && len(c.list) == 0 {
		t.Errorf("no complaint, want %q", words)
	}
	c.list = nil
}

// hostile returns an adversarial engine and its complaints.
func hostile(opt memkv.Options) (*memkv.Engine, *complaints) {
	c := &complaints{}
	opt.Adversarial, opt.Fail = true, c.add
	return memkv.New(opt), c
}

func key(row string) kv.Key { return kv.Key{Table: 1, Row: []byte(row)} }

// update runs fn under an exclusive lock and fails the test when it fails.
func update(t *testing.T, e kv.Engine, fn func(tx kv.Tx) error) {
	t.Helper()
	if err := e.Update(t.Context(), []kv.Lock{{Key: key("")}}, fn); err != nil {
		t.Fatal(err)
	}
}

// get returns a row's value.
func get(t *testing.T, e kv.Engine, k kv.Key) (value []byte) {
	t.Helper()
	err := e.View(t.Context(), func(r kv.Reader) error {
		values, err := r.Get(k)
		value = bytes.Clone(values[0])
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return value
}

func TestFunctionsRunAgainAndCountOnce(t *testing.T) {
	e, c := hostile(memkv.Options{})
	runs := 0
	for i := range 100 {
		update(t, e, func(tx kv.Tx) error {
			runs++
			tx.Add(key("n"), 1)
			tx.Put(key(fmt.Sprintf("run/%d/%d", i, runs)), nil)
			return nil
		})
	}
	if runs < 110 || runs > 200 {
		t.Errorf("100 functions ran %d times", runs)
	}
	rows := 0
	err := e.View(t.Context(), func(r kv.Reader) error {
		page, err := r.Scan(kv.Prefix(1, []byte("run/")), 1000)
		rows = len(page.Items)
		return err
	})
	if n := kv.Counter(get(t, e, key("n"))); err != nil || n != 100 || rows != 100 {
		t.Errorf("they counted %d and left %d rows, %v", n, rows, err)
	}
	c.expect(t, "")
}

func TestSameSeedMakesTheSameChoices(t *testing.T) {
	trace := func(seed uint64) string {
		e, _ := hostile(memkv.Options{Seed: seed})
		var b strings.Builder
		for i := range 50 {
			update(t, e, func(kv.Tx) error { fmt.Fprint(&b, i, " "); return nil })
		}
		return b.String()
	}
	if first, again := trace(1), trace(1); first != again || first == trace(2) {
		t.Error("choices do not follow the seed")
	}
}

func TestSlicesAreSpoiledWhenTheFunctionHasReturned(t *testing.T) {
	e, c := hostile(memkv.Options{})
	update(t, e, func(tx kv.Tx) error { tx.Put(key("a/b"), []byte("value")); tx.Put(key("c"), []byte("c")); return nil })
	read := func(r kv.Reader) ([][]byte, error) {
		values, err := r.Get(key("a/b"))
		if err != nil {
			return nil, err
		}
		page, err := r.Scan(kv.Range{Table: 1, Delimiter: []byte("/")}, 1)
		if err != nil || string(values[0]) != "value" || string(page.Items[0].Row) != "a/" {
			return nil, fmt.Errorf("wrong while fn runs: %q, %+v, %v", values, page, err)
		}
		return [][]byte{values[0], page.Items[0].Row, page.Items[0].Value, page.Items[0].First, page.Next}, nil
	}
	var kept [][]byte
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		for i, b := range kept {
			if len(b) == 0 || !bytes.Equal(b, bytes.Repeat([]byte{0xDB}, len(b))) {
				t.Errorf("slice %d still reads %q", i, b)
			}
		}
	}
	check(e.View(t.Context(), func(r kv.Reader) (err error) { kept, err = read(r); return err }))
	check(e.Update(t.Context(), nil, func(tx kv.Tx) (err error) { kept, err = read(tx); return err }))
	if v := get(t, e, key("a/b")); string(v) != "value" {
		t.Errorf("the engine's own row became %q", v)
	}
	c.expect(t, "")
}

func TestDisjointLocksInterleaveAtReadCommitted(t *testing.T) {
	e, c := hostile(memkv.Options{})
	update(t, e, func(tx kv.Tx) error { tx.Put(key("x"), []byte("0")); return nil })
	generation := 0
	err := e.Update(t.Context(), []kv.Lock{{Key: key("mine")}}, func(tx kv.Tx) error {
		for range 2 {
			generation++
			other := fmt.Append(nil, generation)
			err := e.Update(t.Context(), []kv.Lock{{Key: key("other")}}, func(tx kv.Tx) error {
				tx.Put(key("x"), other)
				return nil
			})
			if err != nil {
				return err
			}
			values, err := tx.Get(key("x"))
			if err != nil || !bytes.Equal(values[0], other) {
				return fmt.Errorf("Get = %q, %v, want what was committed last, %q", values, err, other)
			}
			page, err := tx.Scan(kv.Range{Table: 1}, 10)
			if err != nil || !bytes.Equal(page.Items[0].Value, other) {
				return fmt.Errorf("Scan = %+v, %v, want %q", page, err, other)
			}
		}
		tx.Add(key("n"), 1)
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	c.expect(t, "")
}

func TestWriteThatNoLockCoversIsReported(t *testing.T) {
	e, c := hostile(memkv.Options{Covers: func(held []kv.Lock, k kv.Key) bool {
		for _, l := range held {
			if !l.Shared && bytes.HasPrefix(k.Row, l.Key.Row) {
				return true
			}
		}
		return false
	}})
	locks := []kv.Lock{{Key: key("a/")}, {Key: key("b/"), Shared: true}}
	for name, test := range map[string]struct {
		fn    func(tx kv.Tx)
		words string
	}{
		"covered":         {func(tx kv.Tx) { tx.Put(key("a/1"), nil); tx.Delete(key("a/2")) }, ""},
		"Add":             {func(tx kv.Tx) { tx.Add(key("elsewhere"), 1) }, ""},
		"Put":             {func(tx kv.Tx) { tx.Put(key("c/1"), nil) }, `"c/1"`},
		"Delete":          {func(tx kv.Tx) { tx.Delete(key("b/1")) }, `"b/1"`},
		"covered move":    {func(tx kv.Tx) { _, _ = tx.MovePrefix(1, []byte("a/1"), []byte("a/3"), 9) }, ""},
		"MovePrefix":      {func(tx kv.Tx) { _, _ = tx.MovePrefix(1, []byte("a/"), []byte("d/"), 9) }, `"d/`},
		"DeleteRange":     {func(tx kv.Tx) { _, _ = tx.DeleteRange(kv.Prefix(1, []byte("elsewhere")), 9) }, `"elsewhere"`},
		"read everywhere": {func(tx kv.Tx) { _, _ = tx.Get(key("x")); _, _ = tx.Scan(kv.Range{Table: 1}, 9) }, ""},
	} {
		e := e
		for _, row := range []string{"a/1", "elsewhere"} {
			err := e.Update(t.Context(), []kv.Lock{{Key: key(row)}}, func(tx kv.Tx) error { tx.Delete(key(row)); tx.Add(key(row), 1); return nil })
			if err != nil {
				t.Fatal(err)
			}
		}
		c.expect(t, "")
		err := e.Update(t.Context(), locks, func(tx kv.Tx) error { test.fn(tx); return errors.New("undo") })
		if err == nil {
			t.Errorf("%s: the error was lost", name)
		}
		c.expect(t, test.words)
	}
}

func TestCounterWrittenByPutIsReported(t *testing.T) {
	e, c := hostile(memkv.Options{})
	update(t, e, func(tx kv.Tx) error { tx.Add(key("n"), 1); tx.Put(key("row"), nil); return nil })
	update(t, e, func(tx kv.Tx) error { tx.Delete(key("n")); tx.Add(key("n"), 2); return nil })
	update(t, e, func(tx kv.Tx) error { tx.Add(key("n"), 1); return nil })
	c.expect(t, "")
	update(t, e, func(tx kv.Tx) error { tx.Add(key("row"), 1); return nil })
	c.expect(t, `"row" of table 1 is written by Add and by Put`)
	update(t, e, func(tx kv.Tx) error { tx.Put(key("n"), nil); return nil })
	c.expect(t, `"n" of table 1 is written by Add and by Put`)
}

func TestUseAfterTheFunctionReturnedIsReported(t *testing.T) {
	e, c := hostile(memkv.Options{})
	var reader kv.Reader
	var tx kv.Tx
	if err := e.View(t.Context(), func(r kv.Reader) error { reader = r; return nil }); err != nil {
		t.Fatal(err)
	}
	update(t, e, func(x kv.Tx) error { tx = x; return nil })
	c.expect(t, "")
	for name, use := range map[string]func(){
		"Get":    func() { _, _ = reader.Get(key("a")) },
		"Scan":   func() { _, _ = reader.Scan(kv.Range{}, 1) },
		"Put":    func() { tx.Put(key("a"), nil) },
		"Delete": func() { tx.Delete(key("a")) },
		"Add":    func() { tx.Add(key("a"), 1) },
	} {
		use()
		c.expect(t, name+" after the transaction's function returned")
	}
}

func TestRoundTripsAreCounted(t *testing.T) {
	e, c := hostile(memkv.Options{MaxRoundTrips: 3})
	for name, test := range map[string]struct {
		fn    func(tx kv.Tx)
		trips int64
	}{
		"nothing":             {func(kv.Tx) {}, 0},
		"one Get":             {func(tx kv.Tx) { _, _ = tx.Get(key("a"), key("b"), key("c")) }, 1},
		"blind write":         {func(tx kv.Tx) { tx.Put(key("a"), nil); tx.Add(key("n"), 1) }, 1},
		"read and write":      {func(tx kv.Tx) { _, _ = tx.Get(key("a")); tx.Put(key("a"), nil) }, 2},
		"own write read back": {func(tx kv.Tx) { tx.Put(key("a"), nil); _, _ = tx.Get(key("a")) }, 1},
		"scan and delete":     {func(tx kv.Tx) { _, _ = tx.Scan(kv.Range{}, 1); _, _ = tx.DeleteRange(kv.Range{}, 1) }, 2},
		"move":                {func(tx kv.Tx) { _, _ = tx.MovePrefix(5, []byte("a"), []byte("b"), 1) }, 1},
	} {
		runs, before := int64(0), e.RoundTrips()
		update(t, e, func(tx kv.Tx) error { runs++; test.fn(tx); return nil })
		if got := e.RoundTrips() - before; got != runs*test.trips {
			t.Errorf("%s: %d round trips in %d runs, want %d each", name, got, runs, test.trips)
		}
	}
	c.expect(t, "")
	update(t, e, func(tx kv.Tx) error {
		for range 3 {
			_, _ = tx.Get(key("a"))
		}
		tx.Put(key("a"), nil)
		return nil
	})
	c.expect(t, "took 4 round trips, allowed are 3")
}

func TestComplaintWithoutFailPanics(t *testing.T) {
	e := memkv.New(memkv.Options{Adversarial: true, MaxRoundTrips: 1})
	defer func() {
		if v := recover(); v == nil || !strings.Contains(fmt.Sprint(v), "round trips") {
			t.Errorf("recovered %v", v)
		}
	}()
	_ = e.Update(t.Context(), nil, func(tx kv.Tx) error {
		tx.Put(key("a"), nil)
		_, err := tx.Get(key("b"))
		return err
	})
}

func TestFaultBeforeCommitHasNoEffectAndAfterItHas(t *testing.T) {
	for _, adversarial := range []bool{false, true} {
		var before, after error
		e := memkv.New(memkv.Options{
			Adversarial:  adversarial,
			BeforeCommit: func() error { return before },
			AfterCommit:  func() error { return after },
		})
		put := func(row string) error {
			return e.Update(t.Context(), nil, func(tx kv.Tx) error { tx.Put(key(row), nil); return nil })
		}
		before = fmt.Errorf("connection lost: %w", kv.ErrUnknown)
		if err := put("a"); !errors.Is(err, kv.ErrUnknown) || get(t, e, key("a")) != nil {
			t.Errorf("fault before the commit: %v, row there: %v", err, get(t, e, key("a")) != nil)
		}
		before, after = nil, kv.ErrUnknown
		if err := put("b"); !errors.Is(err, kv.ErrUnknown) || get(t, e, key("b")) == nil {
			t.Errorf("fault after the commit: %v, row there: %v", err, get(t, e, key("b")) != nil)
		}
		before, after = kv.ErrStopped, nil
		if err := put("c"); !errors.Is(err, kv.ErrStopped) {
			t.Errorf("stop: %v", err)
		}
		before = nil
		if err := put("c"); !errors.Is(err, kv.ErrStopped) || get(t, e, key("c")) != nil || get(t, e, key("b")) == nil {
			t.Errorf("after the stop: %v", err)
		}
	}
}
