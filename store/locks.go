package store

import (
	"bytes"
	"encoding/binary"

	"entrepot/store/kv"
)

// PutLock writes a lock; one that is new is counted.
func (tx *Tx) PutLock(l *Lock, isNew bool) {
	tx.tx.Put(lockKey(l.Container, l.Path, l.Token), l.encode())
	if isNew {
		tx.tx.Put(lockOfKey(l.Token), sealed(in(l.Container, l.Path)))
		tx.tx.Add(counterKey(CountContainerLocks, u64(l.Container)), 1)
	}
}

// DeleteLock removes a lock.
func (tx *Tx) DeleteLock(l *Lock) {
	tx.tx.Delete(lockKey(l.Container, l.Path, l.Token))
	tx.tx.Delete(lockOfKey(l.Token))
	tx.tx.Add(counterKey(CountContainerLocks, u64(l.Container)), -1)
}

// LocksAt lists the locks rooted exactly at a path, expired ones included.
func (v *View) LocksAt(id uint64, path string) ([]Lock, error) {
	return v.locks(kv.Prefix(tableLocks, append(in(id, path), 0)), 1000)
}

// LocksBelow lists the locks rooted at paths that begin with prefix, at most
// limit, expired ones included. The empty prefix lists the container's.
func (v *View) LocksBelow(id uint64, prefix string, limit int) ([]Lock, error) {
	return v.locks(kv.Prefix(tableLocks, in(id, prefix)), limit)
}

// LocksBetween lists the locks rooted at paths from one (inclusive) to another
// (exclusive; "" for the container's end), at most limit.
func (v *View) LocksBetween(id uint64, from, to string, limit int) ([]Lock, error) {
	r := kv.Prefix(tableLocks, u64(id))
	r.From = in(id, from)
	if to != "" {
		r.To = in(id, to)
	}
	return v.locks(r, limit)
}

func (v *View) locks(r kv.Range, limit int) ([]Lock, error) {
	page, err := v.r.Scan(r, limit)
	if err != nil {
		return nil, err
	}
	list := make([]Lock, 0, len(page.Items))
	for _, item := range page.Items {
		path, token, ok := bytes.Cut(item.Row[8:], []byte{0})
		if !ok {
			continue
		}
		l, err := decodeLock(binary.BigEndian.Uint64(item.Row), string(path), string(token), item.Value)
		if err != nil {
			return nil, err
		}
		list = append(list, l)
	}
	return list, nil
}
