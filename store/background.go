package store

import (
	"context"
	"errors"
	"strconv"
	"time"

	"entrepot/store/blob"
	"entrepot/store/kv"
)

const (
	releaseBatch = 256
	reapBatch    = 1000
	clockEvery   = time.Minute
	retryEvery   = 10 * time.Second
)

// runReleaser removes what committed transactions released: files, shared
// content without owners, rows of detached containers. What a crash leaves in
// the queue is done at the next start.
func (s *Store) runReleaser(ctx context.Context) {
	retry := time.NewTicker(retryEvery)
	defer retry.Stop()
	for {
		for s.releaseSome(ctx) {
		}
		select {
		case <-ctx.Done():
			return
		case <-s.release:
		case <-retry.C:
		}
	}
}

// Drain does all queued removals before it returns, for tests and tools: those,
// too, that the background work of this store was in the middle of. What must
// wait for a backup, for a reader or for a repair stays queued.
func (s *Store) Drain(ctx context.Context) {
	for s.releaseSome(ctx) {
	}
}

// ContentCount counts the content that is kept, inline, in blobs and rows of
// lists of parts, for tests and tools. It walks all of it.
func (s *Store) ContentCount(ctx context.Context) (n int, err error) {
	for _, t := range []kv.Table{tableContent, tableParts} {
		r := kv.Range{Table: t, KeysOnly: true}
		for more := true; more; {
			err := s.engine.View(ctx, func(v kv.Reader) (err error) {
				r.From, more, err = step(v, r, func(_ kv.Reader, items []kv.Item) error {
					n += len(items)
					return nil
				})
				return err
			})
			if err != nil {
				return 0, err
			}
		}
	}
	for _, err := range s.blobs.All(ctx) {
		if err != nil {
			return 0, err
		}
		n++
	}
	return n, nil
}

// releaseSome does a batch of queued work and tells whether there is more to
// do at once. Batches take turns: who finds the queue empty knows that nobody is
// at work on what was in it, and may put more there.
func (s *Store) releaseSome(ctx context.Context) bool {
	select {
	case s.releasing <- struct{}{}:
		defer func() { <-s.releasing }()
	case <-ctx.Done():
		return false
	}
	if !s.removal.TryRLock() { // a backup needs what is there
		return false
	}
	defer s.removal.RUnlock()
	var rows [][]byte
	var kinds []byte
	err := s.engine.View(ctx, func(r kv.Reader) error {
		rows, kinds = nil, nil
		for _, part := range []kv.Range{{To: []byte{queueExpire}}, {From: []byte{queueHistory}, To: []byte{queueHistory + 1}},
			{From: []byte{queueForget}, To: []byte{queueForget + 1}}, {From: []byte{queueParts}, To: []byte{queueParts + 1}}} {
			part.Table = tableQueue
			page, err := r.Scan(part, releaseBatch)
			if err != nil {
				return err
			}
			for _, item := range page.Items {
				rows = append(rows, append([]byte(nil), item.Row...))
				kinds = append(kinds, append(append([]byte(nil), item.Value...), 0)[0])
			}
		}
		return nil
	})
	if err != nil || len(rows) == 0 {
		return false
	}
	done := make([][]byte, 0, len(rows))
	for i, row := range rows {
		ok, err := s.releaseOne(ctx, row, kinds[i])
		if err != nil {
			if ctx.Err() != nil {
				return false
			}
			s.opt.Logger.Warn("removing released content", "queue", row[0], "err", err)
		}
		if ok {
			done = append(done, row)
		}
	}
	if len(done) > 0 {
		err = s.engine.Update(ctx, nil, func(tx kv.Tx) error {
			for _, row := range done {
				tx.Delete(key(tableQueue, row))
			}
			return nil
		})
	}
	return err == nil && len(done) > 0
}

// releaseOne does one row's work; done means that the row may go.
func (s *Store) releaseOne(ctx context.Context, row []byte, kind byte) (done bool, err error) {
	unique := row[9:]
	switch row[0] {
	case queueRelease:
		if s.bad.has(blob.ID(unique)) {
			return true, nil
		}
		return true, s.blobs.Remove(ctx, blob.ID(unique)) // what is left the collector finds
	case queueShared:
		return true, s.dropUnowned(ctx, blob.ID(unique[:16]), kind)
	case queueParts:
		return s.dropParts(ctx, blob.ID(unique))
	case queueReap:
		err := s.reap(ctx, unique)
		return err == nil, err
	case queueHistory:
		err := s.sweepHistory(ctx, unique)
		return err == nil, err
	case queueForget:
		err := s.forgetApplication(ctx, unique)
		return err == nil, err
	}
	return false, errors.New("store: unknown work in the queue")
}

// dropUnowned removes shared content that has no owner any more. A new owner
// can only appear beside one that is still there, so a scan that finds none is
// final.
func (s *Store) dropUnowned(ctx context.Context, id blob.ID, kind byte) error {
	if s.bad.has(id) {
		return nil
	}
	lock, now := []kv.Lock{{Key: contentKey(id)}}, s.Now()
	var remove bool
	err := s.engine.Update(ctx, lock, func(tx kv.Tx) error {
		remove = false
		page, err := tx.Scan(kv.Prefix(tableOwners, id[:]), 1)
		if err != nil || len(page.Items) > 0 {
			return err
		}
		switch kind {
		case kindInline:
			tx.Delete(contentKey(id))
		case kindParts:
			tx.Put(queueKey(queueParts, now, id[:]), nil)
		default:
			remove = true
		}
		return nil
	})
	if err != nil || !remove {
		return err
	}
	return s.blobs.Remove(ctx, id)
}

// reap removes the rows of a detached container in batches. Its number is
// never given out again, so nobody else writes them.
func (s *Store) reap(ctx context.Context, unique []byte) error {
	id, err := decodeID(unique)
	if err != nil {
		return err
	}
	for more := true; more; {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		now := s.Now()
		err := s.Update(ctx, []Guard{LockContainer(id, false)}, func(tx *Tx) (err error) {
			more, err = tx.reapBatch(id, now)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (tx *Tx) reapBatch(id uint64, now Stamp) (more bool, err error) {
	page, err := tx.tx.Scan(kv.Prefix(tableObjects, u64(id)), reapBatch)
	if err != nil {
		return false, err
	}
	for _, item := range page.Items {
		o, err := decodeObject(string(item.Row[8:]), item.Value)
		if err != nil {
			return false, err
		}
		tx.releaseContent(o.Content, now)
		tx.tx.Delete(objectKey(id, o.Name))
		tx.expiry(id, &o, nil)
	}
	locks, err := tx.LocksBelow(id, "", reapBatch)
	if err != nil {
		return false, err
	}
	for _, l := range locks {
		tx.DeleteLock(&l)
	}
	moreProps, err := tx.tx.DeleteRange(kv.Prefix(tableProps, u64(id)), reapBatch)
	if err != nil {
		return false, err
	}
	morePending, err := tx.tx.DeleteRange(kv.Prefix(tablePending, u64(id)), reapBatch)
	if err != nil {
		return false, err
	}
	if page.Next != nil || len(locks) == reapBatch || moreProps || morePending {
		return true, nil
	}
	if more, err := tx.reapHistory(id, now); err != nil || more {
		return more, err
	}
	if more, err := tx.reapVersions(id, now); err != nil || more {
		return more, err
	}
	for kind := CountContainerObjects; kind <= CountContainerLocks; kind++ {
		tx.tx.Delete(counterKey(kind, u64(id)))
	}
	tx.tx.Delete(counterKey(CountContainerExpiring, u64(id)))
	tx.tx.Delete(counterKey(CountContainerMarkers, u64(id)))
	tx.tx.Delete(integrityKey(id))
	if _, err := tx.tx.DeleteRange(kv.Prefix(tableSamples, containerSamples(id)), 100_000); err != nil {
		return false, err
	}
	_, err = tx.tx.DeleteRange(kv.Prefix(tableCounters, counterKey(CountContainerTraffic, u64(id)).Row), reapBatch)
	return false, err
}

// runClock records the time now and then and at the end, so that it does not
// run backwards over a restart.
func (s *Store) runClock(ctx context.Context) {
	every := time.NewTicker(clockEvery)
	defer every.Stop()
	for {
		s.saveClock(ctx)
		select {
		case <-ctx.Done():
			s.saveClock(context.WithoutCancel(ctx))
			return
		case <-every.C:
		}
	}
}

func (s *Store) saveClock(ctx context.Context) {
	now := strconv.FormatInt(int64(s.Now()), 10)
	locks := []kv.Lock{{Key: metaKey(metaClock)}}
	err := s.engine.Update(ctx, locks, func(tx kv.Tx) error {
		tx.Put(metaKey(metaClock), []byte(now))
		return nil
	})
	if err != nil && ctx.Err() == nil {
		s.opt.Logger.Warn("recording the clock", "err", err)
	}
}

// When the collector and the scrubber run by themselves.
const (
	upkeepEvery = 10 * time.Minute
	sweepEvery  = 24 * time.Hour
	scrubEvery  = 7 * 24 * time.Hour
	metaSweep   = "sweep"
)

// runUpkeep does a part of the upkeep now and then.
func (s *Store) runUpkeep(ctx context.Context, part func(context.Context) error) {
	every := time.NewTicker(upkeepEvery)
	defer every.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-every.C:
		}
		if err := part(ctx); err != nil && ctx.Err() == nil {
			s.opt.Logger.Warn("upkeep", "err", err)
		}
	}
}

// Upkeep runs the collector, where it did not run for a day, and the scrubber,
// where its last pass began a week ago or was cut off. The background work
// does both by itself, side by side.
func (s *Store) Upkeep(ctx context.Context) error {
	return errors.Join(s.sweepDue(ctx), s.scrubDue(ctx))
}

func (s *Store) sweepDue(ctx context.Context) error {
	swept, err := s.lastSweep(ctx)
	now := s.Now()
	if err != nil || now.Time().Sub(swept.Time()) < sweepEvery {
		return err
	}
	if _, err := s.Sweep(ctx, SweepOptions{Grace: s.opt.Grace}); err != nil {
		return err
	}
	return s.saveSweep(ctx, now)
}

func (s *Store) scrubDue(ctx context.Context) error {
	if s.opt.ScrubRate < 0 {
		return nil
	}
	st, err := s.Scrubbed(ctx)
	if err != nil || !st.Ended.IsZero() && s.Now().Time().Sub(st.Begun) < scrubEvery {
		return err
	}
	_, err = s.Scrub(ctx, s.opt.ScrubRate)
	return err
}

func (s *Store) lastSweep(ctx context.Context) (at Stamp, err error) {
	err = s.engine.View(ctx, func(r kv.Reader) error {
		rows, err := r.Get(metaKey(metaSweep))
		if err != nil || rows[0] == nil {
			at = 0
			return err
		}
		n, err := decodeID(rows[0])
		at = Stamp(n)
		return err
	})
	return at, err
}

func (s *Store) saveSweep(ctx context.Context, at Stamp) error {
	return s.engine.Update(ctx, []kv.Lock{{Key: metaKey(metaSweep)}}, func(tx kv.Tx) error {
		tx.Put(metaKey(metaSweep), u64(uint64(at)))
		return nil
	})
}
