package boltkv

import (
	"bytes"

	bolt "go.etcd.io/bbolt"

	"entrepot/store/kv"
	"entrepot/store/kv/internal/overlay"
	"entrepot/store/kv/internal/rowmap"
)

// rows is an overlay.Base over the committed rows that one bbolt transaction
// sees. It is used before the transaction changes the tree: bbolt's cursors
// stop early at leaves that were emptied in the same transaction. All slices
// point into the mapped file and die with the transaction.
type rows struct {
	c    *bolt.Cursor
	seek []byte // the key last sought; reused
	room [192]byte
	// paged tells that whoever calls Next catches panics of bbolt, once for a
	// page of rows rather than for each.
	paged bool

	// state of the one cursor
	table kv.Table
	down  bool
}

var _ overlay.Base = (*rows)(nil)
var _ overlay.Cursor = (*rows)(nil)

// reset lets r read the rows of tx.
func (r *rows) reset(tx *bolt.Tx) {
	r.c = tx.Bucket(rowsBucket()).Cursor()
	r.seek = r.room[:0]
}

// Load implements overlay.Base.
func (r *rows) Load(keys []kv.Key, values [][]byte) (err error) {
	defer caught(&err)
	for i, k := range keys {
		values[i] = nil
		r.seek = rowmap.AppendKey(r.seek[:0], k.Table, k.Row)
		if key, value := r.c.Seek(r.seek); bytes.Equal(key, r.seek) {
			values[i] = present(value)
		}
	}
	return nil
}

// Cursor implements overlay.Base: there is one cursor, so a call ends the one
// before.
func (r *rows) Cursor(t kv.Table) overlay.Cursor {
	r.table = t
	return r
}

// Ascend implements overlay.Cursor.
func (r *rows) Ascend(from []byte) (row, value []byte, err error) {
	defer caught(&err)
	r.down = false
	r.seek = rowmap.AppendKey(r.seek[:0], r.table, from)
	return r.within(r.c.Seek(r.seek))
}

// Descend implements overlay.Cursor.
func (r *rows) Descend(below []byte) (row, value []byte, err error) {
	defer caught(&err)
	r.down = true
	switch {
	case below != nil:
		r.seek = rowmap.AppendKey(r.seek[:0], r.table, below)
	case r.table == ^kv.Table(0):
		return r.within(r.c.Last())
	default:
		r.seek = rowmap.AppendKey(r.seek[:0], r.table+1, nil)
	}
	if key, _ := r.c.Seek(r.seek); key == nil {
		return r.within(r.c.Last())
	}
	return r.within(r.c.Prev())
}

// Next implements overlay.Cursor.
func (r *rows) Next() (row, value []byte, err error) {
	if r.paged {
		return r.next()
	}
	defer caught(&err)
	return r.next()
}

func (r *rows) next() (row, value []byte, err error) {
	if r.down {
		return r.within(r.c.Prev())
	}
	return r.within(r.c.Next())
}

// within turns what the cursor found into a row of its table, or the end.
func (r *rows) within(key, value []byte) (row, _ []byte, err error) {
	if len(key) == 0 || key[0] != byte(r.table) {
		return nil, nil, nil
	}
	return key[1:], present(value), nil
}

// present makes the value of a present row not nil.
func present(value []byte) []byte {
	if value == nil {
		return []byte{}
	}
	return value
}
