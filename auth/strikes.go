package auth

import (
	"context"
	"time"

	"entrepot/gateway/errs"
)

// A Strike is one counter of wrong passwords as it is kept over a restart: a
// digest of what is counted, and until when it counts.
type Strike struct {
	Counter [16]byte
	Until   time.Time // a time that has passed: the counter is empty
}

// A StrikeStore keeps counters of wrong passwords, for this process after a
// restart and for others that share it. Counters are digests: neither names
// nor addresses are kept.
type StrikeStore interface {
	// Strikes reads counters; absent ones are left out.
	Strikes(ctx context.Context, counters [][16]byte) ([]Strike, error)
	// PutStrikes writes counters; the last writer of one wins.
	PutStrikes(ctx context.Context, list []Strike) error
	// TrimStrikes removes counters that are over.
	TrimStrikes(ctx context.Context, now time.Time) error
}

const (
	strikeFlush = time.Second
	strikeTrim  = 10 * time.Minute
	// maxDirty bounds how many counters are written at once; what is beyond
	// counts in memory only.
	maxDirty = 4096
	// knownAgain is how old a noted login must be to be noted again.
	knownAgain = 24 * time.Hour
)

// Run writes down what is counted about wrong passwords, at most once a
// second, until ctx ends, and once more then. Without a StrikeStore it does
// nothing. Every Service of a program that keeps counters needs one Run.
func (s *Service) Run(ctx context.Context) {
	if s.cfg.Strikes == nil {
		return
	}
	every, trim := time.NewTicker(strikeFlush), time.NewTicker(strikeTrim)
	defer every.Stop()
	defer trim.Stop()
	for {
		var err error
		select {
		case <-ctx.Done():
			s.noteStrikes(s.Flush(context.WithoutCancel(ctx)))
			return
		case <-every.C:
			err = s.Flush(ctx)
		case <-trim.C:
			err = s.cfg.Strikes.TrimStrikes(ctx, s.cfg.Now())
		}
		s.noteStrikes(err)
	}
}

func (s *Service) noteStrikes(err error) {
	if err != nil && errs.Of(err) != errs.Canceled {
		s.cfg.Logger.Warn("writing down wrong passwords", "err", err)
	}
}

// Flush writes down at once what was counted about wrong passwords since the
// last time.
func (s *Service) Flush(ctx context.Context) error {
	if s.cfg.Strikes == nil {
		return nil
	}
	list := s.throttle.changed(s.cfg.Now())
	if len(list) == 0 {
		return nil
	}
	err := s.cfg.Strikes.PutStrikes(ctx, list)
	if err != nil {
		s.throttle.again(list)
	}
	return err
}

// recall learns what is kept about a guess, before it costs a slow hash: what
// an earlier run of the program or another gateway counted. A store that
// cannot be read is no reason to let nobody in.
func (s *Service) recall(ctx context.Context, g guess) {
	if s.cfg.Strikes == nil {
		s.throttle.learn(g, nil)
		return
	}
	list, err := s.cfg.Strikes.Strikes(ctx, [][16]byte{g.pair, g.user, g.address, g.known()})
	if err != nil {
		s.noteStrikes(err)
		return
	}
	s.throttle.learn(g, list)
}

// known is the counter under which it is kept that a user has logged in from
// an address.
func (g guess) known() counter {
	id := g.pair
	id[0] ^= 0x80
	return id
}

// changed returns what is to be written down, and takes it off the list.
func (t *throttle) changed(now time.Time) []Strike {
	t.mu.Lock()
	defer t.mu.Unlock()
	list := make([]Strike, 0, len(t.dirty))
	for id := range t.dirty {
		at, counted := t.drain.Peek(id)
		if !counted {
			at, counted = t.notedLogin(id)
		}
		_, stored := t.stored.Get(id)
		if (!counted || !at.After(now)) && !stored {
			continue // it came and went
		}
		t.stored.Add(id, struct{}{})
		list = append(list, Strike{Counter: id, Until: at})
	}
	clear(t.dirty)
	return list
}

// notedLogin returns until when a login is known, for its own counter.
func (t *throttle) notedLogin(id counter) (time.Time, bool) {
	pair := id
	pair[0] ^= 0x80
	at, ok := t.known.Peek(pair)
	return at.Add(knownFor), ok
}

// again puts back what could not be written.
func (t *throttle) again(list []Strike) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, s := range list {
		t.touch(s.Counter)
	}
}

// touch notes that a counter changed.
func (t *throttle) touch(id counter) {
	if len(t.dirty) < maxDirty {
		t.dirty[id] = struct{}{}
	}
}

// recalled tells whether it is known in memory what the store has about a
// user at an address.
func (t *throttle) recalled(g guess) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	_, ok := t.asked.Get(g.pair)
	return ok
}

// learn takes over counters that are further than those in memory.
func (t *throttle) learn(g guess, list []Strike) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.asked.Add(g.pair, struct{}{})
	for _, s := range list {
		t.stored.Add(s.Counter, struct{}{})
		if s.Counter == g.known() {
			if at, ok := t.known.Get(g.pair); !ok || at.Add(knownFor).Before(s.Until) {
				t.known.Add(g.pair, s.Until.Add(-knownFor))
			}
			continue
		}
		if at, ok := t.drain.Get(s.Counter); !ok || at.Before(s.Until) {
			t.drain.Add(s.Counter, s.Until)
		}
	}
}
