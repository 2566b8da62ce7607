package boltkv

import (
	"errors"
	"fmt"

	bolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"entrepot/store/kv"
	"entrepot/store/kv/internal/overlay"
)

// apply repeats the writes of o, which come in the order of the keys, in b.
func apply(b *bolt.Bucket, o *overlay.Overlay) error {
	var sums []byte // bbolt keeps values until the commit
	for w := range o.Writes {
		var err error
		switch w.Op {
		case overlay.Put:
			err = b.Put(w.Key, w.Value)
		case overlay.Delete:
			err = b.Delete(w.Key)
		case overlay.Add:
			at := len(sums)
			sums = kv.AppendCounter(sums, kv.Counter(b.Get(w.Key))+w.Delta)
			err = b.Put(w.Key, sums[at:])
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// guard runs fn and turns a panic of bbolt's, which means a damaged file,
// into an error.
func guard(fn func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("damaged database: %v", v)
		}
	}()
	return fn()
}

// abandon ends a transaction in an unknown state, so that the writer's lock is
// free again. One that has ended is left as it is.
func abandon(tx *bolt.Tx) error {
	return guard(func() error {
		if err := tx.Rollback(); !errors.Is(err, bolterrors.ErrTxClosed) {
			return err
		}
		return nil
	})
}
