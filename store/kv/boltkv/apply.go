package boltkv

import (
	"errors"

	bolt "go.etcd.io/bbolt"

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

// joinRollback ends tx because of err.
func joinRollback(err error, tx *bolt.Tx) error { return errors.Join(err, tx.Rollback()) }

// rollback ends a transaction in an unknown state, so that the writer's lock
// is free again.
func rollback(tx *bolt.Tx) {
	defer func() { _ = recover() }() // the panic that led here was reported
	_ = tx.Rollback()                // nothing more can be done
}
