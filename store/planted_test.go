package store_test

import (
	"bytes"
	"encoding/binary"

	"entrepot/store/kv"
)

// Tables that tests damage, by their numbers in the format.
const (
	tableNames      kv.Table = 8
	tableContainers kv.Table = 9
	tableObjects    kv.Table = 10
	tableContent    kv.Table = 12
	tableOwners     kv.Table = 13
	tableCounters   kv.Table = 14
	tableQueue      kv.Table = 15
)

func id8(v uint64) []byte { return binary.BigEndian.AppendUint64(nil, v) }

// rows returns the rows of a table that begin with prefix.
func (w *world) rows(t kv.Table, prefix []byte) (rows, values [][]byte) {
	w.t.Helper()
	err := w.engine.View(w.t.Context(), func(r kv.Reader) error {
		rows, values = nil, nil
		page, err := r.Scan(kv.Prefix(t, prefix), 10_000)
		for _, item := range page.Items {
			rows, values = append(rows, bytes.Clone(item.Row)), append(values, bytes.Clone(item.Value))
		}
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return rows, values
}

// plant changes rows behind the store's back.
func (w *world) plant(fn func(tx kv.Tx)) {
	w.t.Helper()
	var locks []kv.Lock
	for _, id := range []uint64{w.container.ID, 99} {
		locks = append(locks, kv.Lock{Key: kv.Key{Table: tableContainers, Row: id8(id)}})
	}
	for _, table := range []kv.Table{2, 3, 20, 25} { // accounts, users, depots, replays
		locks = append(locks, kv.Lock{Key: kv.Key{Table: table, Row: id8(5)}})
	}
	err := w.engine.Update(w.t.Context(), locks, func(tx kv.Tx) error { fn(tx); return nil })
	if err != nil {
		w.t.Fatal(err)
	}
}

// spoil flips a bit in a row's value.
func (w *world) spoil(t kv.Table, row []byte) {
	w.t.Helper()
	_, values := w.rows(t, row)
	if len(values) == 0 {
		w.t.Fatalf("no row %x in table %d", row, t)
	}
	w.plant(func(tx kv.Tx) { tx.Put(kv.Key{Table: t, Row: row}, flip(bytes.Clone(values[0]))) })
}

func (w *world) spoilRow(blob []byte) { w.spoil(tableContent, blob) }

func (w *world) dropRow(blob []byte) {
	w.plant(func(tx kv.Tx) { tx.Delete(kv.Key{Table: tableContent, Row: blob}) })
}
