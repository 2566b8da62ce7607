package boltkv

import (
	"errors"

	bolt "go.etcd.io/bbolt"
)

// Bounds of the steps in which the database file is given room.
const (
	firstStep = 512 << 10
	lastStep  = 16 << 20
)

// reserve gives the database file room for what a transaction writes,
// payload bytes in so many rows, so that its commit does not fail for lack of
// room once it is in the log. It assumes that a row shares its leaf with
// some of its own size, and that bbolt finds no free page. The error is errFull
// when there is none.
func (w *wal) reserve(tx *bolt.Tx, rows, payload int) error {
	want := tx.Size() + 4*int64(payload) + (64+4*int64(rows))*w.page
	if want <= w.size || !w.bounded {
		return nil
	}
	step := min(max(w.size/4, firstStep), lastStep)
	err := allocate(w.file, w.size, want+step-w.size)
	if noRoom(err) {
		step = 0
		err = allocate(w.file, w.size, want-w.size)
	}
	switch {
	case errors.Is(err, errors.ErrUnsupported):
		w.bounded = false
		return nil
	case err != nil:
		return full(err)
	}
	w.size = want + step
	return nil
}

// mayRemap tells whether bbolt may have to map the file anew for a
// transaction, for which it waits until nobody reads. It counts what bbolt
// writes at most for a row: a leaf of four rows of the largest size, its
// sibling, and the way down to both.
func (w *wal) mayRemap(tx *bolt.Tx, rows, payload int) bool {
	const most = 256 // pages
	return tx.Size()+4*int64(payload)+(64+most*int64(rows))*w.page >= w.mapped
}

// grown notes that the database has n bytes.
func (w *wal) grown(n int64) {
	w.size = max(w.size, n)
	w.mapped = max(w.mapped, mapSize(n+w.page))
}

// mapSize is how much bbolt maps for a file of n bytes: a power of two from 32
// KiB to 1 GiB, then whole GiB.
func mapSize(n int64) int64 {
	for size := int64(32 << 10); size <= 1<<30; size *= 2 {
		if n <= size {
			return size
		}
	}
	return (n + 1<<30 - 1) >> 30 << 30
}
