package store

import (
	"context"

	"entrepot/store/kv"
)

// A Strike is what was counted about wrong passwords under one counter.
type Strike struct {
	Counter [16]byte // a digest of what is counted, see package auth
	Until   Stamp    // the row is worth nothing after it
}

// lockStrikes keeps counters from being removed while they are written.
func lockStrikes(shared bool) Guard { return Guard{Key: metaKey("strikes"), Shared: shared} }

// PutStrikes writes counters, durably with whatever else is committed. The
// last writer of a counter wins.
func (s *Store) PutStrikes(ctx context.Context, list []Strike) error {
	return s.Update(ctx, []Guard{lockStrikes(true)}, func(tx *Tx) error {
		for i := range list {
			st := &list[i]
			tx.tx.Put(key(tableThrottle, st.Counter[:]), sealed(u64(uint64(st.Until))))
		}
		return nil
	})
}

// StrikesOf reads counters; absent ones are left out.
func (s *Store) StrikesOf(ctx context.Context, counters [][16]byte) (list []Strike, err error) {
	keys := make([]kv.Key, len(counters))
	for i := range counters {
		keys[i] = key(tableThrottle, counters[i][:])
	}
	err = s.View(ctx, func(v *View) error {
		list = nil
		rows, err := v.r.Get(keys...)
		for i, row := range rows {
			if row == nil {
				continue
			}
			st, err := decodeStrike(keys[i].Row, row)
			if err != nil {
				return err
			}
			list = append(list, st)
		}
		return err
	})
	return list, err
}

// Strikes lists the counters behind one, in order, at most limit.
func (s *Store) Strikes(ctx context.Context, after *[16]byte, limit int) (list []Strike, err error) {
	r := kv.Range{Table: tableThrottle}
	if after != nil {
		r.From = append(append([]byte(nil), after[:]...), 0)
	}
	err = s.View(ctx, func(v *View) error {
		page, err := v.r.Scan(r, limit)
		list = make([]Strike, 0, len(page.Items))
		for _, item := range page.Items {
			st, err := decodeStrike(item.Row, item.Value)
			if err != nil {
				return err
			}
			list = append(list, st)
		}
		return err
	})
	return list, err
}

// DropStrikes removes those of the counters that are worth nothing after
// limit. One that was written anew since the caller looked stays.
func (s *Store) DropStrikes(ctx context.Context, counters [][16]byte, limit Stamp) error {
	return s.Update(ctx, []Guard{lockStrikes(false)}, func(tx *Tx) error {
		keys := make([]kv.Key, len(counters))
		for i := range counters {
			keys[i] = key(tableThrottle, counters[i][:])
		}
		rows, err := tx.tx.Get(keys...)
		if err != nil {
			return err
		}
		for i, row := range rows {
			if row == nil {
				continue
			}
			st, err := decodeStrike(keys[i].Row, row)
			if err != nil {
				return err
			}
			if st.Until <= limit {
				tx.tx.Delete(keys[i])
			}
		}
		return nil
	})
}

func decodeStrike(row, value []byte) (Strike, error) {
	if len(row) != 16 {
		return Strike{}, errRow
	}
	until, err := openID(value)
	return Strike{Counter: [16]byte(row), Until: Stamp(until)}, err
}

func checkStrike(row, value []byte) error {
	_, err := decodeStrike(row, value)
	return err
}
