package store

import (
	"context"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"

	"entrepot/store/kv"
)

// A tally is what counters should say.
type tally map[CounterKind]int64

// containers recounts every container.
func (c *checker) containers(ctx context.Context) error {
	return c.each(ctx, tableContainers, func(row, _ []byte) error {
		if len(row) != 8 {
			return nil
		}
		id := beID(row)
		return c.compareCounts(ctx, fmt.Sprintf("container %d", id), u64(id), []Guard{LockContainer(id, false)},
			func(v kv.Reader) (tally, error) { return recount(v, id) })
	})
}

// each calls fn for every row of a table, outside of any view.
func (c *checker) each(ctx context.Context, t kv.Table, fn func(row, value []byte) error) error {
	r := kv.Range{Table: t}
	for more := true; more; {
		var rows []suspect
		err := c.engine.View(ctx, func(v kv.Reader) (err error) {
			r.From, more, err = step(v, r, func(_ kv.Reader, items []kv.Item) error {
				rows = rows[:0]
				for _, item := range items {
					rows = append(rows, suspect{row: append([]byte{}, item.Row...), value: append([]byte{}, item.Value...)})
				}
				return nil
			})
			return err
		})
		if err != nil {
			return fail("store.Check", err)
		}
		for _, s := range rows {
			if err := fn(s.row, s.value); err != nil {
				return err
			}
		}
	}
	return nil
}

// recount counts what a container holds, on one snapshot. Records that do not
// decode count as objects without bytes.
func recount(v kv.Reader, id uint64) (tally, error) {
	rows, err := v.Get(containerKey(id))
	if err != nil || rows[0] == nil {
		return nil, err
	}
	t := tally{CountContainerObjects: 0, CountContainerBytes: 0, CountContainerLocks: 0, CountContainerHistory: 0, CountContainerExpiring: 0, CountContainerMarkers: 0}
	var types interner
	var o Object
	err = allPages(v, kv.Prefix(tableObjects, u64(id)), func(_ kv.Reader, items []kv.Item) error {
		for _, item := range items {
			t[CountContainerObjects]++
			if err := o.decodeListed(string(item.Row[8:]), item.Value, &types, false); err == nil {
				t[CountContainerMarkers] += o.marks()
				t[CountContainerBytes] += o.Content.Size
				if o.DeleteAt != 0 {
					t[CountContainerExpiring]++
				}
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	err = allPages(v, kv.Prefix(tableVersions, u64(id)), func(_ kv.Reader, items []kv.Item) error {
		for _, item := range items {
			if err := o.decodeListed("", item.Value, &types, false); err == nil {
				t[CountContainerBytes] += o.Content.Size
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	err = allPages(v, kv.Prefix(tableHistory, u64(id)), func(_ kv.Reader, items []kv.Item) error {
		for _, item := range items {
			if p, err := decodeHistory(item.Row, item.Value); err == nil {
				t[CountContainerHistory] += p.Content.Size
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	locks := kv.Prefix(tableLocks, u64(id))
	locks.KeysOnly = true
	err = allPages(v, locks, func(_ kv.Reader, items []kv.Item) error {
		t[CountContainerLocks] += int64(len(items))
		return nil
	})
	return t, err
}

// compareCounts compares the counters of one thing with a recount on the same
// snapshot, and corrects them in a transaction that counts again. Counters are
// only ever added to, so a correction loses no write that comes between.
func (c *checker) compareCounts(ctx context.Context, what string, of []byte, locks []Guard, count func(kv.Reader) (tally, error)) error {
	var wrong []Finding
	look := func(v kv.Reader, fix func(k kv.Key, delta int64)) error {
		wrong = nil
		want, err := count(v)
		if err != nil {
			return err
		}
		for _, kind := range slices.Sorted(maps.Keys(want)) {
			have, err := counterAt(v, counterKey(kind, of))
			if err != nil {
				return err
			}
			if have != want[kind] {
				wrong = append(wrong, Finding{Where: "counter of " + what,
					Reason: fmt.Sprintf("it says %d %s, there are %d", have, counted(kind), want[kind])})
				fix(counterKey(kind, of), want[kind]-have)
			}
		}
		return nil
	}
	err := c.engine.View(ctx, func(v kv.Reader) error { return look(v, func(kv.Key, int64) {}) })
	if err != nil || len(wrong) == 0 {
		return fail("store.Check", err)
	}
	if c.opt.Repair {
		err := c.engine.Update(ctx, mergeGuards(locks), func(tx kv.Tx) error { return look(tx, tx.Add) })
		if err != nil {
			return fail("store.Check", err)
		}
	}
	for _, f := range wrong {
		f.Repaired = c.opt.Repair
		c.found(f)
	}
	return nil
}

func counted(kind CounterKind) string {
	return map[CounterKind]string{
		CountContainerObjects: "objects", CountContainerBytes: "bytes", CountContainerLocks: "locks",
		CountContainerHistory: "bytes of history", CountContainerExpiring: "objects with a time to live",
		CountContainerMarkers: "folder markers",
		CountAccountSpaces:    "containers", CountAccountObjects: "objects", CountAccountBytes: "bytes", CountDepotBytes: "bytes",
	}[kind]
}

func counterAt(v kv.Reader, k kv.Key) (int64, error) {
	rows, err := v.Get(k)
	if err != nil || rows[0] == nil {
		return 0, err
	}
	if len(rows[0]) != 8 {
		return 0, nil // reported with its table
	}
	return int64(binary.BigEndian.Uint64(rows[0])), nil
}

// accounts compares the counters of accounts with those of their containers.
func (c *checker) accounts(ctx context.Context) error {
	return c.each(ctx, tableAccounts, func(row, _ []byte) error {
		name := string(row)
		return c.compareCounts(ctx, fmt.Sprintf("account %q", name), row, []Guard{LockAccount(name, false)},
			func(v kv.Reader) (tally, error) {
				t := tally{CountAccountSpaces: 0, CountAccountObjects: 0, CountAccountBytes: 0}
				err := allPages(v, kv.Prefix(tableNames, join(name, "")), func(v kv.Reader, items []kv.Item) error {
					for _, item := range items {
						id, err := openID(item.Value)
						if err != nil {
							continue // reported where rows are checked
						}
						t[CountAccountSpaces]++
						if err := addCounts(v, t, u64(id), CountAccountObjects, CountAccountBytes); err != nil {
							return err
						}
					}
					return nil
				})
				return t, err
			})
	})
}

// depots compares the counters of depots with those of their containers.
func (c *checker) depots(ctx context.Context) error {
	return c.each(ctx, tableDepots, func(row, _ []byte) error {
		if len(row) != 8 {
			return nil
		}
		id := beID(row)
		return c.compareCounts(ctx, fmt.Sprintf("depot %d", id), row, []Guard{LockDepot(id, false)},
			func(v kv.Reader) (tally, error) {
				t := tally{CountDepotBytes: 0}
				err := allPages(v, kv.Prefix(tableDepotSpaces, row), func(v kv.Reader, items []kv.Item) error {
					for _, item := range items {
						if len(item.Row) != 16 {
							continue
						}
						if err := addCounts(v, t, item.Row[8:], 0, CountDepotBytes); err != nil {
							return err
						}
					}
					return nil
				})
				return t, err
			})
	})
}

// addCounts adds a container's counters to a tally; kind 0 is left out.
func addCounts(v kv.Reader, t tally, container []byte, objects, bytes CounterKind) error {
	for _, add := range []struct{ from, to CounterKind }{
		{CountContainerObjects, objects}, {CountContainerBytes, bytes}, {CountContainerHistory, bytes},
	} {
		if add.to == 0 {
			continue
		}
		n, err := counterAt(v, counterKey(add.from, container))
		if err != nil {
			return err
		}
		t[add.to] += n
	}
	return nil
}
