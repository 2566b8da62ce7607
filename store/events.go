package store

import (
	"context"
	"encoding/binary"
	"errors"
	"sync"
	"time"

	"entrepot/store/internal/record"
	"entrepot/store/kv"
)

// An EventKind says what an Event is about.
type EventKind string

// The kinds of events.
const (
	EventDamage EventKind = "damage" // content is not what was written; it is in quarantine
	EventSound  EventKind = "sound"  // content in quarantine reads well again and left it
	EventRow    EventKind = "row"    // a record is damaged
	EventOrphan EventKind = "orphan" // content that no record named was removed
	EventRepair EventKind = "repair" // a check changed something

	EventReplica EventKind = "replication" // a replica cannot be brought in step, or was mended, kept or removed

	EventStopped EventKind = "stopped" // a further volume of content takes nothing more
)

// An Event is something that an operator should know: it is logged when it
// happens and kept for a while.
type Event struct {
	Time time.Time // when it was noticed
	Kind EventKind
	Ref  string // what it is about: a content ID, a row
	Text string
}

// Bounds of what is kept: events older than eventLife, and beyond the newest
// maxEvents, are dropped. The same event is not kept twice within repeatAfter.
const (
	eventLife   = 90 * 24 * time.Hour
	maxEvents   = 10_000
	repeatAfter = time.Hour
	trimEvery   = 256
	maxText     = 2 << 10
)

func (e *Event) encode() []byte {
	w := record.NewWriter(64 + len(e.Text))
	w.String(1, string(e.Kind))
	w.String(2, e.Ref)
	w.String(3, e.Text)
	return w.Finish()
}

func decodeEvent(row, value []byte) (e Event, err error) {
	if len(row) != 16 {
		return e, errors.New("store: an event's row has 16 bytes")
	}
	e.Time = Stamp(binary.BigEndian.Uint64(row)).Time()
	_, err = record.Decode(value, func(f record.Field) bool {
		switch f.Tag {
		case 1:
			e.Kind = EventKind(f.String())
		case 2:
			e.Ref = f.String()
		case 3:
			e.Text = f.String()
		}
		return true
	})
	return e, err
}

// recentEvents remembers what was raised lately, so that a file that is read
// a thousand times is reported once.
type recentEvents struct {
	mu     sync.Mutex
	seen   map[string]Stamp
	raised int
}

// first tells whether an event is worth keeping, and whether it is time to
// drop old ones.
func (r *recentEvents) first(what string, now Stamp) (keep, trim bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if at, ok := r.seen[what]; ok && now-at < StampOf(time.Unix(0, 0).Add(repeatAfter)) {
		return false, false
	}
	if len(r.seen) >= maxEvents {
		clear(r.seen)
	}
	r.seen[what] = now
	r.raised++
	return true, r.raised%trimEvery == 1
}

// raise logs an event and keeps it. Where writing has stopped the log is all
// that there is of it.
func (s *Store) raise(ctx context.Context, kind EventKind, ref, text string) {
	now := s.Now()
	keep, trim := s.recent.first(string(kind)+"\x00"+ref, now)
	if !keep {
		return
	}
	if len(text) > maxText {
		text = text[:maxText]
	}
	log := s.opt.Logger.ErrorContext
	if kind == EventSound || kind == EventOrphan || kind == EventRepair {
		log = s.opt.Logger.WarnContext
	}
	log(ctx, "operator event", "event", string(kind), "ref", ref, "text", text)
	row := u64(uint64(now))
	var unique [8]byte
	if err := s.fill(unique[:]); err != nil {
		return
	}
	e := Event{Kind: kind, Ref: ref, Text: text}
	k, value := key(tableEvents, append(row, unique[:]...)), e.encode()
	err := s.engine.Update(context.WithoutCancel(ctx), nil, func(tx kv.Tx) error {
		tx.Put(k, value)
		if !trim {
			return nil
		}
		return trimEvents(tx, now)
	})
	if err != nil {
		s.opt.Logger.WarnContext(ctx, "keeping an event", "err", err)
	}
}

// Notify logs and keeps an event about something that ref names. The same one is
// kept once in an hour.
func (s *Store) Notify(ctx context.Context, kind EventKind, ref, text string) {
	s.raise(ctx, kind, ref, text)
}

// trimEvents drops old events.
func trimEvents(tx kv.Tx, now Stamp) error {
	before := u64(uint64(StampOf(now.Time().Add(-eventLife))))
	if _, err := tx.DeleteRange(kv.Range{Table: tableEvents, To: before}, maxEvents); err != nil {
		return err
	}
	page, err := tx.Scan(kv.Range{Table: tableEvents, Reverse: true, KeysOnly: true}, maxEvents)
	if err != nil || page.Next == nil {
		return err
	}
	_, err = tx.DeleteRange(kv.Range{Table: tableEvents, To: append([]byte(nil), page.Next...)}, maxEvents)
	return err
}

// Events returns the newest events, newest first, at most limit.
func (s *Store) Events(ctx context.Context, limit int) (list []Event, err error) {
	err = s.engine.View(ctx, func(r kv.Reader) error {
		list = nil
		page, err := r.Scan(kv.Range{Table: tableEvents, Reverse: true}, min(max(limit, 1), maxEvents))
		for _, item := range page.Items {
			e, err := decodeEvent(item.Row, item.Value)
			if err != nil {
				return err
			}
			list = append(list, e)
		}
		return err
	})
	return list, fail("store.Events", err)
}

// notice raises the event that a failed transaction calls for.
func (s *Store) notice(ctx context.Context, err error) {
	if err == nil {
		return
	}
	var d *damage
	switch {
	case errors.As(err, &d):
		s.quarantine(ctx, d.content, "", err)
	case errors.Is(err, record.ErrCorrupt):
		s.raise(ctx, EventRow, err.Error(), "a record is damaged: "+err.Error())
	}
}
