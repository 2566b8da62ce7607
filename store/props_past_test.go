package store_test

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"entrepot/store"
	"entrepot/store/blob/memblob"
	"entrepot/store/kv"
	"entrepot/store/kv/memkv"
)

const (
	tableProps     kv.Table = 17
	tablePastProps kv.Table = 85
)

// snapshot takes a snapshot of the world's container.
func (w *onEngine) snapshot(name string) (epoch uint64) {
	w.t.Helper()
	w.update(w.whole(), func(tx *store.Tx) error {
		c, _, err := tx.Container(w.container.ID)
		s := store.Snapshot{Name: name, Created: w.Now()}
		tx.PutSnapshot(&c, &s)
		w.container, epoch = c, s.Epoch
		return err
	})
	return epoch
}

func (w *onEngine) unsnapshot(name string) {
	w.t.Helper()
	w.update(w.whole(), func(tx *store.Tx) error {
		c, _, err := tx.Container(w.container.ID)
		if err != nil {
			return err
		}
		s, _, err := tx.Snapshot(c.ID, name)
		if err != nil {
			return err
		}
		defer func() { w.container = c }()
		return tx.DeleteSnapshot(&c, &s, w.Now())
	})
	w.Drain(w.t.Context())
}

// setProp sets a property of a path, or removes it where there is no value.
func (w *onEngine) setProp(path, name, value string) {
	w.t.Helper()
	w.update(w.whole(), func(tx *store.Tx) error {
		if value == "" {
			return tx.DeleteProp(&w.container, path, "http://x/y", name)
		}
		return tx.PutProp(&w.container, path, store.DeadProp{Space: "http://x/y", Name: name, Lang: "de", Value: []byte(value)})
	})
}

// propsAt shows all properties as a snapshot shows them, read in three ways
// that must agree.
func (w *onEngine) propsAt(epoch uint64) string {
	w.t.Helper()
	var b strings.Builder
	w.look(func(v *store.View) error {
		b.Reset()
		id := w.container.ID
		all, err := v.PropsBetweenAt(id, epoch, "", "", 0)
		if err != nil {
			return err
		}
		members, err := v.MemberPropsAt(id, epoch, "d/", "d/", "", 0)
		if err != nil {
			return err
		}
		for _, at := range all {
			one, err := v.PropsAt(id, epoch, at.Path)
			if err != nil {
				return err
			}
			text := fmt.Sprintf("%s: %s; ", at.Path, texts(at.Props))
			if strings.HasPrefix(at.Path, "d/") && at.Path != "d/" && !strings.Contains(strings.TrimSuffix(at.Path[2:], "/"), "/") {
				i := slices.IndexFunc(members, func(m store.PathProps) bool { return m.Path == at.Path })
				if i < 0 || texts(members[i].Props) != texts(one) {
					w.t.Errorf("%s is not among the members %v", at.Path, members)
				}
			}
			if texts(one) != texts(at.Props) {
				w.t.Errorf("%s alone has %s", at.Path, texts(one))
			}
			b.WriteString(text)
		}
		return nil
	})
	return b.String()
}

func texts(list []store.DeadProp) string {
	var b strings.Builder
	for _, p := range list {
		fmt.Fprintf(&b, "%s=%.5s(%d,%s) ", p.Name, p.Value, len(p.Value), p.Lang)
	}
	return b.String()
}

func pastProperties(t *testing.T, w *onEngine) {
	past := func() int { rows, _ := w.rows(tablePastProps, id8(w.container.ID)); return len(rows) }
	big := strings.Repeat("big", store.PropChunk)
	w.setProp("", "p", "container")
	w.setProp("d/", "p", "folder")
	w.setProp("d/f", "a", "file")
	w.setProp("d/f", "b", big)
	w.setProp("d/s/", "p", "sub")
	w.setProp("d/s/deep", "p", "deep")
	w.setProp("d/f", "a", "file2")
	want(t, "rows of the past before there is any", past(), 0)
	first := w.snapshot("s1")
	was := w.propsAt(first)
	want(t, "what the first snapshot shows", was, ": p=conta(9,de) ; d/: p=folde(6,de) ; d/f: a=file2(5,de) b=bigbi(98304,de) ; d/s/: p=sub(3,de) ; d/s/deep: p=deep(4,de) ; ")

	w.setProp("d/f", "b", "small")
	w.setProp("d/f", "b", "smaller") // born after the snapshot: not kept
	w.setProp("d/f", "c", "new")
	w.setProp("", "p", "")
	w.setProp("d/s/", "p", "sub2")
	want(t, "rows of the past", past(), 3+1+1)
	want(t, "the first snapshot after changes", w.propsAt(first), was)
	second := w.snapshot("s2")
	is := w.propsAt(second)
	want(t, "what the second snapshot shows", is, "d/: p=folde(6,de) ; d/f: a=file2(5,de) b=small(7,de) c=new(3,de) ; d/s/: p=sub2(4,de) ; d/s/deep: p=deep(4,de) ; ")

	w.update(w.whole(), func(tx *store.Tx) error {
		if err := tx.MoveProps(&w.container, "d/", &w.container, "e/", false); err != nil {
			return err
		}
		return tx.DeletePropsBelow(&w.container, "e/s/")
	})
	want(t, "the first snapshot after a move", w.propsAt(first), was)
	want(t, "the second snapshot after a move", w.propsAt(second), is)
	third := w.snapshot("s3")
	want(t, "what the third snapshot shows", w.propsAt(third), "e/: p=folde(6,de) ; e/f: a=file2(5,de) b=small(7,de) c=new(3,de) ; ")
	report, text := w.check(store.CheckOptions{})
	if report.Findings != 0 {
		t.Errorf("check:\n%s", text)
	}

	w.unsnapshot("s2")
	want(t, "the first snapshot without the second", w.propsAt(first), was)
	// Of the second, only what the first shows as well is left: d/, d/f a, d/s/deep.
	want(t, "rows of the past without the second", past(), 5+3)
	w.update(w.whole(), func(tx *store.Tx) error { return tx.RestoreProps(&w.container, first, 100) })
	want(t, "restored", w.propsAt(w.snapshot("s4")), was)
	want(t, "the third snapshot after the restoration", w.propsAt(third), "e/: p=folde(6,de) ; e/f: a=file2(5,de) b=small(7,de) c=new(3,de) ; ")
	w.reopen()
	want(t, "the first snapshot after opening again", w.propsAt(first), was)
	for _, name := range []string{"s1", "s3", "s4"} {
		w.unsnapshot(name)
	}
	want(t, "rows of the past without snapshots", past(), 0)
	w.setProp("d/f", "a", "later")
	want(t, "rows of the past after a change", past(), 0)
}

// What comes from another container is born in the one where it arrives,
// whichever of them had more snapshots.
func propertiesBetweenContainers(t *testing.T, w *onEngine) {
	here := w.container
	there := store.Container{ID: 78, Account: "press", Name: "other", Depot: 5}
	guards := append(w.whole(), store.LockContainer(78, false), store.LockName("press", "other"), store.LockAccount("press", true))
	w.update(guards, func(tx *store.Tx) error { tx.CreateContainer(&there); return nil })
	move := func(from, to *store.Container, path string) {
		t.Helper()
		w.update(guards, func(tx *store.Tx) error { return tx.MoveProps(from, path, to, path, true) })
	}
	in := func(c *store.Container) *store.Container { w.container = *c; return c }

	in(&here)
	w.setProp("a", "p", "1")
	first := w.snapshot("s1")
	w.snapshot("s2")
	here = w.container
	w.setProp("a", "p", "2") // of epoch 2; there it is epoch 0
	move(&here, &there, "a")
	in(&there)
	arrived := w.snapshot("t1")
	want(t, "what a snapshot there shows", w.propsAt(arrived), "a: p=2(1,de) ; ")
	there = w.container
	in(&here)
	want(t, "what a snapshot here shows", w.propsAt(first), "a: p=1(1,de) ; ")
	w.setProp("b", "p", "3")
	move(&here, &there, "b")
	in(&there)
	want(t, "what the snapshot of before shows", w.propsAt(arrived), "a: p=2(1,de) ; ")

	// Without snapshots the source's epochs are ahead all the same.
	in(&here)
	w.unsnapshot("s1")
	w.unsnapshot("s2")
	w.setProp("c", "p", "4")
	here = w.container
	fresh := store.Container{ID: 79, Account: "press", Name: "fresh", Depot: 5}
	guards = append(guards, store.LockContainer(79, false), store.LockName("press", "fresh"))
	w.update(guards, func(tx *store.Tx) error { tx.CreateContainer(&fresh); return nil })
	move(&here, &fresh, "c")
	in(&fresh)
	want(t, "what a snapshot of the fresh one shows", w.propsAt(w.snapshot("f1")), "c: p=4(1,de) ; ")
	w.container = here
}

// A detached container is reaped with the past of its properties.
func pastPropertiesAreReaped(t *testing.T, w *onEngine) {
	for i := range 3 {
		w.setProp("a", "p", strings.Repeat("x", 40_000))
		w.snapshot(fmt.Sprint("s", i))
	}
	guards := append(w.whole(), store.LockName("press", "photos"), store.LockAccount("press", true), store.LockContainer(78, false))
	old, now := w.container, w.Now()
	w.container = store.Container{ID: 78, Account: "press", Name: "photos", Depot: 5}
	w.update(guards, func(tx *store.Tx) error {
		c := old
		if err := tx.DetachContainer(&c, now); err != nil {
			return err
		}
		tx.CreateContainer(&w.container)
		return nil
	})
	w.Drain(t.Context())
	for _, table := range []kv.Table{tableProps, tablePastProps} {
		rows, _ := w.rows(table, id8(old.ID))
		want(t, fmt.Sprintf("rows of table %d", table), len(rows), 0)
	}
}

// counting is an engine that notes the calls of its transactions.
type counting struct {
	kv.Engine
	calls []string
}

func (c *counting) Update(ctx context.Context, locks []kv.Lock, fn func(kv.Tx) error) error {
	return c.Engine.Update(ctx, locks, func(tx kv.Tx) error {
		c.calls = nil
		return fn(&countingTx{tx, c})
	})
}

type countingTx struct {
	kv.Tx
	c *counting
}

func (t *countingTx) note(call string) { t.c.calls = append(t.c.calls, call) }

func (t *countingTx) Get(keys ...kv.Key) ([][]byte, error) {
	t.note("get")
	return t.Tx.Get(keys...)
}

func (t *countingTx) Scan(r kv.Range, limit int) (kv.Page, error) {
	t.note("scan")
	return t.Tx.Scan(r, limit)
}

func (t *countingTx) Put(k kv.Key, value []byte) {
	t.note(fmt.Sprintf("put %d", k.Table))
	t.Tx.Put(k, value)
}

func (t *countingTx) Delete(k kv.Key) {
	t.note("delete")
	t.Tx.Delete(k)
}

func (t *countingTx) DeleteRange(r kv.Range, most int) (bool, error) {
	t.note("delete range")
	return t.Tx.DeleteRange(r, most)
}

func (t *countingTx) MovePrefix(table kv.Table, from, to []byte, most int) (int, error) {
	t.note("move prefix")
	return t.Tx.MovePrefix(table, from, to, most)
}

// A container without snapshots pays nothing for the past of properties,
// whether or not it had snapshots once; one with snapshots pays a read for each
// removal, and a row for each property that a snapshot shows.
func TestPropertiesWithoutSnapshotsCostNothingMore(t *testing.T) {
	engine := &counting{Engine: memkv.New(memkv.Options{})}
	w := &onEngine{newWorld(t, engine, memblob.New(memblob.Options{})), inMemory(engine)}
	does := func(step func(tx *store.Tx) error, want string) {
		t.Helper()
		w.update(w.whole(), step)
		if got := strings.Join(engine.calls, ", "); got != want {
			t.Errorf("%s; want %s", got, want)
		}
	}
	set := func(tx *store.Tx) error {
		return tx.PutProp(&w.container, "d/a", store.DeadProp{Name: "p", Value: []byte("v")})
	}
	move := func(tx *store.Tx) error { return tx.MoveProps(&w.container, "d/", &w.container, "e/", false) }
	remove := func(tx *store.Tx) error { return tx.DeleteProps(&w.container, "e/a") }
	plain := func() {
		t.Helper()
		does(set, "delete range, put 17")
		does(move, "move prefix")
		does(remove, "delete range")
	}
	plain()
	w.update(w.whole(), set)
	row, values := w.rows(tableProps, id8(w.container.ID))
	if want := seal([]byte{1, 2<<1 | 1, 1, 'v'}); len(row) != 1 || !bytes.Equal(values[0], want) { // its version, the value
		t.Errorf("a row of epoch 0: %x, want %x", values, want)
	}
	w.snapshot("s1")
	does(set, "scan, put 85, delete range, put 17")
	does(set, "scan, delete range, put 17")
	does(move, "scan, delete, put 17")
	w.snapshot("s2")
	does(remove, "scan, put 85, delete range")
	for _, name := range []string{"s1", "s2"} {
		w.unsnapshot(name)
	}
	plain()
	if err := w.Close(); err != nil {
		t.Error(err)
	}
}
