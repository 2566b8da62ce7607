package store

import (
	"bytes"
	"context"
	"fmt"
	"strconv"

	"entrepot/store/kv"
)

// A store of an older format is brought to that of this program when it is
// opened, before anything else happens: one format after the other, each in
// transactions of at most a page of rows. The row metaUpgrade says how far a
// step came, in the transaction of what it did; so an upgrade that was
// interrupted goes on where it ended, and two gateways that open one store at
// once do not do anything twice.

const metaUpgrade = "upgrade" // where the step under way goes on; absent: it has not begun

// An upgradeStep does one page of an upgrade from a mark on, nil at the
// beginning, and returns where it goes on; nil: all is done. It runs in a
// transaction while nobody else writes.
type upgradeStep func(tx kv.Tx, mark []byte) (next []byte, err error)

// upgrades are the steps: that at index i ends format i+1.
func upgrades() []upgradeStep {
	return []upgradeStep{
		countFolderMarkers,
		spreadUsage,
		nothing, // nothing older is a list of parts
		bearProps,
	}
}

// nothing is a step of which older rows need no change.
func nothing(kv.Tx, []byte) ([]byte, error) { return nil, nil }

// oldestFormat is the first format that there was.
const oldestFormat = 1

// upgrade brings a store from a format to that of this program. It refuses
// formats that this program does not know.
func (s *Store) upgrade(ctx context.Context, format string) error {
	n, err := strconv.Atoi(format)
	switch {
	case err != nil || n < oldestFormat:
		return fmt.Errorf("store: the data directory has format %q, which is none", format)
	case n > Format:
		return fmt.Errorf("store: the data directory has format %d, this program knows none after %d: it was used by a newer program", n, Format)
	}
	for ; n < Format; n++ {
		s.opt.Logger.InfoContext(ctx, "upgrading the store", "from", n, "to", n+1)
		pages := 0
		for more := true; more; pages++ {
			if more, err = s.upgradePage(ctx, n); err != nil {
				return fmt.Errorf("store: upgrade from format %d to %d: %w", n, n+1, err)
			}
		}
		s.opt.Logger.InfoContext(ctx, "upgraded the store", "format", n+1, "transactions", pages)
	}
	return nil
}

// upgradePage does one page of the step that ends format n; more tells whether
// there is more to do.
func (s *Store) upgradePage(ctx context.Context, n int) (more bool, err error) {
	format, mark := metaKey(metaFormat), metaKey(metaUpgrade)
	err = s.engine.Update(ctx, []kv.Lock{{Key: format}, {Key: mark}}, func(tx kv.Tx) error {
		more = false
		rows, err := tx.Get(format, mark)
		if err != nil || string(rows[0]) != strconv.Itoa(n) {
			return err // somebody else has ended the step
		}
		next, err := upgrades()[n-1](tx, bytes.Clone(rows[1]))
		if err != nil {
			return err
		}
		if more = next != nil; more {
			tx.Put(mark, next)
			return nil
		}
		tx.Delete(mark)
		tx.Put(format, []byte(strconv.Itoa(n+1)))
		return nil
	})
	return more, err
}

// upgradeRows is how many rows one transaction of an upgrade reads.
const upgradeRows = 5000

// countFolderMarkers ends format 1, which did not count the objects that only
// mark folders, or not all of them. First the counters of all containers are
// set to nothing, then the objects are walked through, in the order of their
// rows. A mark is the table and the row that come next.
func countFolderMarkers(tx kv.Tx, mark []byte) ([]byte, error) {
	if mark == nil {
		mark = []byte{byte(tableContainers)}
	}
	table := kv.Table(mark[0])
	page, err := tx.Scan(kv.Range{Table: table, From: bytes.Clone(mark[1:]), KeysOnly: table == tableContainers}, upgradeRows)
	if err != nil {
		return nil, err
	}
	next := bytes.Clone(page.Next)
	counts := make(map[uint64]int64)
	var types interner
	var o Object
	for _, item := range page.Items {
		if len(item.Row) < 8 {
			continue // damage, which the check reports
		}
		id := beID(item.Row)
		if table == tableContainers {
			counts[id] = 0
		} else if err := o.decodeListed(string(item.Row[8:]), item.Value, &types, false); err == nil {
			counts[id] += o.marks()
		}
	}
	for id, n := range counts {
		if err := addMarkers(tx, id, n, table == tableContainers); err != nil {
			return nil, err
		}
	}
	switch {
	case next != nil:
		return append([]byte{byte(table)}, next...), nil
	case table == tableContainers:
		return []byte{byte(tableObjects)}, nil
	}
	return nil, nil
}

// addMarkers adds to the count of a container, after setting it to nothing
// where the count begins. What is left of a container that was detached is not
// counted.
func addMarkers(tx kv.Tx, id uint64, n int64, begin bool) error {
	k := counterKey(CountContainerMarkers, u64(id))
	if begin {
		was, err := counterAt(tx, k)
		if err != nil {
			return err
		}
		n = -was
	}
	if n == 0 {
		return nil
	}
	rows, err := tx.Get(containerKey(id))
	if err == nil && rows[0] != nil {
		tx.Add(k, n)
	}
	return err
}
