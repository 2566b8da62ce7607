package store

import (
	"bytes"
	"context"
	"encoding/binary"
	"time"

	"entrepot/store/kv"
)

const (
	expireEvery = 15 * time.Second
	// expireBatch is how many due rows are read at once, and so the most
	// objects that one transaction removes.
	expireBatch = 200
)

// expiry keeps the queue of objects with a time to live, and their count, in
// step with a row that was old (nil: none) and is now (nil: gone).
func (tx *Tx) expiry(id uint64, old, now *Object) {
	var delta int64
	if old != nil && old.DeleteAt != 0 {
		delta--
		if now == nil || now.DeleteAt != old.DeleteAt || now.Name != old.Name {
			tx.tx.Delete(expireKey(id, old))
		}
	}
	if now != nil && now.DeleteAt != 0 {
		delta++
		tx.tx.Put(expireKey(id, now), nil)
	}
	if delta != 0 {
		tx.tx.Add(counterKey(CountContainerExpiring, u64(id)), delta)
	}
}

// moveExpiry queues the objects below a prefix anew after they got it as their
// name. The rows under the old names find nothing when they are due. Only
// containers with such objects are walked.
func (tx *Tx) moveExpiry(id uint64, from, to string) error {
	var expiring int64
	b := tx.Batch()
	b.Count(CountContainerExpiring, id, &expiring)
	if err := b.Do(); err != nil || expiring == 0 {
		return err
	}
	var types interner
	return allPages(tx.tx, kv.Prefix(tableObjects, in(id, to)), func(_ kv.Reader, items []kv.Item) error {
		for _, item := range items {
			var o Object
			if err := o.decodeListed(string(item.Row[8:]), item.Value, &types, false); err != nil {
				return err
			}
			if o.DeleteAt == 0 {
				continue
			}
			tx.tx.Put(expireKey(id, &o), nil)
			o.Name = from + o.Name[len(to):]
			tx.tx.Delete(expireKey(id, &o))
		}
		return nil
	})
}

// runExpiry removes expired objects now and then.
func (s *Store) runExpiry(ctx context.Context) {
	every := time.NewTicker(expireEvery)
	defer every.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-every.C:
		}
		if _, err := s.Expire(ctx); err != nil && ctx.Err() == nil {
			s.opt.Logger.Warn("removing expired objects", "err", err)
		}
	}
}

// Expire removes the objects whose time to live is over and returns how many
// it removed. Their locks and dead properties go with them. What cannot be
// removed now stays queued and does not stop the rest; the first such failure
// is returned. The background work calls it; a call that is cut off or comes
// twice does no harm.
func (s *Store) Expire(ctx context.Context) (removed int, err error) {
	for _, kind := range []byte{queueExpire, queueExpireVersion} {
		n, one := s.expireKind(ctx, kind)
		removed += n
		if err == nil {
			err = one
		}
	}
	return removed, err
}

// expireKind removes what one queue holds.
func (s *Store) expireKind(ctx context.Context, kind byte) (removed int, err error) {
	r := kv.Range{Table: tableQueue, From: []byte{kind}, To: []byte{kind + 1}}
	for {
		now := s.Now()
		r.To = append([]byte{kind}, u64(uint64(now+1))...)
		due, next, scanErr := s.dueExpiries(ctx, r)
		if scanErr != nil {
			return removed, scanErr
		}
		for id, rows := range due {
			n, one := s.expireIn(ctx, id, rows, now)
			removed += n
			if err == nil {
				err = one
			}
		}
		if next == nil || ctx.Err() != nil {
			return removed, err
		}
		r.From = next
	}
}

// dueExpiries reads a batch of due rows and sorts them by container.
func (s *Store) dueExpiries(ctx context.Context, r kv.Range) (due map[uint64][][]byte, next []byte, err error) {
	err = s.engine.View(ctx, func(v kv.Reader) error {
		due = make(map[uint64][][]byte)
		page, err := v.Scan(r, expireBatch)
		for _, item := range page.Items {
			if len(item.Row) > 17 { // others are for the check to report
				id := binary.BigEndian.Uint64(item.Row[9:])
				due[id] = append(due[id], bytes.Clone(item.Row))
			}
		}
		next = bytes.Clone(page.Next)
		return err
	})
	return due, next, fail("store.Expire", err)
}

// expireIn removes objects of one container, in one transaction that finds
// again that they are due.
func (s *Store) expireIn(ctx context.Context, id uint64, rows [][]byte, now Stamp) (removed int, err error) {
	var before Container
	err = s.View(ctx, func(v *View) (err error) {
		before, _, err = v.Container(id)
		return err
	})
	if err != nil {
		return 0, err
	}
	locks := []Guard{LockContainer(id, false), LockDepot(before.Depot, true)}
	err = s.Update(ctx, locks, func(tx *Tx) error {
		removed = 0
		c, found, err := tx.Container(id)
		if err != nil || found && c.Depot != before.Depot {
			return err // in another depot now: next time
		}
		for _, row := range rows {
			gone, err := tx.expire(&c, found, row, now)
			if err != nil {
				return err
			}
			if gone {
				removed++
			}
		}
		return nil
	})
	return removed, err
}

// expire does one due row: the object goes if it is there and still due; the
// row goes in any case.
func (tx *Tx) expire(c *Container, found bool, row []byte, now Stamp) (removed bool, err error) {
	tx.tx.Delete(key(tableQueue, row))
	if !found { // detached: its rows are reaped
		return false, nil
	}
	if row[0] == queueExpireVersion {
		return tx.expireVersion(c, row, now)
	}
	o, found, err := tx.Object(c.ID, string(row[17:]))
	if err != nil || !found || !o.Expired(now) || !bytes.Equal(expireKey(c.ID, &o).Row, row) {
		return false, err
	}
	at := o.Timestamp.After(now)
	tx.DeleteCurrent(c, &o, at)
	tx.AddJournal(&Journal{
		Container: c.ID, Time: at, Name: o.Name, Action: "expire", Size: o.Content.Size, MD5: bytes.Clone(o.Content.MD5[:]),
	})
	return true, tx.forget(c, o.Name, now)
}

// expireVersion does one due row of a version.
func (tx *Tx) expireVersion(c *Container, row []byte, now Stamp) (removed bool, err error) {
	name, version, err := splitVersion(row[9:])
	if err != nil {
		return false, err
	}
	o, found, err := tx.Version(c.ID, name, version)
	if err != nil || !found || !o.Expired(now) || !bytes.Equal(expireVersionKey(c.ID, &o).Row, row) {
		return false, err
	}
	tx.DeleteVersion(c, &o, now)
	return true, nil
}

// forget drops the dead properties and locks of a removed object. A folder
// that lost only its marker keeps them.
func (tx *Tx) forget(c *Container, name string, now Stamp) error {
	id := c.ID
	if trimSlash(name) != name {
		if below, err := tx.HasPrefix(id, name, name, now); err != nil || below {
			return err
		}
	}
	if err := tx.DeleteProps(c, name); err != nil {
		return err
	}
	locks, err := tx.LocksAt(id, name)
	for i := range locks {
		tx.DeleteLock(&locks[i])
	}
	return err
}
