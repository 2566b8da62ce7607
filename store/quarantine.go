package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"entrepot/store/blob"
	"entrepot/store/internal/record"
	"entrepot/store/kv"
)

// Quarantined is content that was found damaged. It is kept where it lies and
// is neither served nor removed, whether objects still refer to it or not.
type Quarantined struct {
	Blob   blob.ID // from the key
	Since  time.Time
	Size   int64 // as its object says
	Inline bool  // in the engine, else in a file
	Where  string
	Reason string
}

func (q *Quarantined) encode() []byte {
	w := record.NewWriter(64 + len(q.Where) + len(q.Reason))
	w.Int(1, int64(StampOf(q.Since)))
	w.Int(2, q.Size)
	w.Bool(3, q.Inline)
	w.String(4, q.Where)
	w.String(5, q.Reason)
	return w.Finish()
}

func decodeQuarantined(row, value []byte) (q Quarantined, err error) {
	if len(row) != len(q.Blob) {
		return q, errors.New("store: a row of the quarantine has 16 bytes")
	}
	q.Blob = blob.ID(row)
	_, err = record.Decode(value, func(f record.Field) bool {
		switch f.Tag {
		case 1:
			q.Since = Stamp(f.Int()).Time()
		case 2:
			q.Size = f.Int()
		case 3:
			q.Inline = f.Bool()
		case 4:
			q.Where = f.String()
		case 5:
			q.Reason = f.String()
		}
		return true
	})
	return q, err
}

func quarantineKey(id blob.ID) kv.Key { return key(tableQuarantine, id[:]) }

// badSet is the quarantine in memory. It is empty on a sound store, where
// asking it costs one atomic load.
type badSet struct {
	n   atomic.Int64
	mu  sync.RWMutex
	ids map[blob.ID]bool
}

func (b *badSet) has(id blob.ID) bool {
	if b == nil || b.n.Load() == 0 {
		return false
	}
	b.mu.RLock()
	defer b.mu.RUnlock()
	return b.ids[id]
}

// add returns false when the ID was there already.
func (b *badSet) add(id blob.ID) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ids[id] {
		return false
	}
	if b.ids == nil {
		b.ids = make(map[blob.ID]bool)
	}
	b.ids[id] = true
	b.n.Store(int64(len(b.ids)))
	return true
}

func (b *badSet) remove(id blob.ID) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.ids, id)
	b.n.Store(int64(len(b.ids)))
}

// quarantine marks content as damaged and raises an event, once.
func (s *Store) quarantine(ctx context.Context, c Content, where string, cause error) {
	if !s.bad.add(c.Blob) {
		return
	}
	ctx = context.WithoutCancel(ctx)
	q := Quarantined{Since: s.Now().Time(), Size: c.Size, Inline: c.Inline, Where: where, Reason: reasonOf(cause)}
	err := s.engine.Update(ctx, nil, func(tx kv.Tx) error {
		tx.Put(quarantineKey(c.Blob), q.encode())
		return nil
	})
	if err != nil { // it is remembered in memory, and found again after a restart
		s.opt.Logger.WarnContext(ctx, "noting damaged content", "err", err)
	}
	text := fmt.Sprintf("damaged content of %d bytes, kept but not served: %s", c.Size, q.Reason)
	if where != "" {
		text += " (" + where + ")"
	}
	s.raise(ctx, EventDamage, c.Blob.String(), text)
}

// reasonOf is the cause of damage in words.
func reasonOf(err error) string {
	var d *damage
	if errors.As(err, &d) {
		err = d.cause
	}
	return err.Error()
}

// acquit takes content out of the quarantine.
func (s *Store) acquit(ctx context.Context, id blob.ID) error {
	err := s.engine.Update(ctx, nil, func(tx kv.Tx) error {
		tx.Delete(quarantineKey(id))
		return nil
	})
	if err != nil {
		return fail("store.acquit", err)
	}
	s.bad.remove(id)
	s.raise(ctx, EventSound, id.String(), "content left the quarantine: its size and digests are right")
	return nil
}

// Quarantine lists the content that was found damaged, in order of ID behind
// the given one, at most limit.
func (s *Store) Quarantine(ctx context.Context, after blob.ID, limit int) (list []Quarantined, err error) {
	r := kv.Range{Table: tableQuarantine}
	if !after.IsZero() {
		r.From = append(bytes.Clone(after[:]), 0)
	}
	err = s.engine.View(ctx, func(v kv.Reader) error {
		list = nil
		page, err := v.Scan(r, limit)
		for _, item := range page.Items {
			q, err := decodeQuarantined(item.Row, item.Value)
			if err != nil {
				return err
			}
			list = append(list, q)
		}
		return err
	})
	return list, fail("store.Quarantine", err)
}

// loadQuarantine reads the quarantine into memory. A row that does not decode
// still counts: its key says enough.
func (s *Store) loadQuarantine(ctx context.Context) error {
	err := s.pages(ctx, kv.Range{Table: tableQuarantine, KeysOnly: true}, func(_ kv.Reader, items []kv.Item) error {
		for _, item := range items {
			if len(item.Row) == len(blob.ID{}) {
				s.bad.add(blob.ID(item.Row))
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("store: reading the quarantine: %w", err)
	}
	return nil
}

// inFlight counts the uploads under way by the blob that they write.
type inFlight struct {
	mu  sync.Mutex
	ids map[blob.ID]int
}

func (f *inFlight) add(id blob.ID) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ids[id]++
}

func (f *inFlight) remove(id blob.ID) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.ids, id)
}

func (f *inFlight) has(id blob.ID) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.ids[id] > 0
}
