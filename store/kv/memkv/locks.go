package memkv

import (
	"context"
	"slices"
	"sync"

	"entrepot/store/kv"
	"entrepot/store/kv/internal/rowmap"
)

// lockTable grants shared and exclusive locks on keys, first come, first
// served.
type lockTable struct {
	mu    sync.Mutex
	locks map[string]*lockState
}

// lockState is one key that is locked or waited for.
type lockState struct {
	readers int
	writer  bool
	queue   []*waiter
}

// waiter is one transaction in the queue of a key.
type waiter struct {
	shared  bool
	granted chan struct{}
}

// wanted is a lock in the form of the table.
type wanted struct {
	key    string
	shared bool
}

// sorted returns locks in the order in which all transactions take them, each
// key once, exclusive where any of its locks is.
func sorted(locks []kv.Lock) []wanted {
	list := make([]wanted, 0, len(locks))
	for _, l := range locks {
		list = append(list, wanted{string(rowmap.AppendKey(nil, l.Key.Table, l.Key.Row)), l.Shared})
	}
	slices.SortFunc(list, func(a, b wanted) int {
		switch {
		case a.key < b.key:
			return -1
		case a.key > b.key:
			return 1
		case !a.shared && b.shared:
			return -1 // CompactFunc keeps the first
		}
		return 0
	})
	return slices.CompactFunc(list, func(a, b wanted) bool { return a.key == b.key })
}

// acquire takes all locks, or none and the context's error when ctx ends
// first.
func (t *lockTable) acquire(ctx context.Context, list []wanted) error {
	for i, w := range list {
		if err := t.lock(ctx, w); err != nil {
			t.release(list[:i])
			return err
		}
	}
	return nil
}

// release gives all locks back.
func (t *lockTable) release(list []wanted) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, w := range list {
		t.unlock(w)
	}
}

// lock takes one lock.
func (t *lockTable) lock(ctx context.Context, w wanted) error {
	t.mu.Lock()
	s := t.locks[w.key]
	if s == nil {
		s = &lockState{}
		t.locks[w.key] = s
	}
	me := &waiter{shared: w.shared, granted: make(chan struct{})}
	s.queue = append(s.queue, me)
	s.grant()
	t.mu.Unlock()
	select {
	case <-me.granted:
		return nil
	case <-ctx.Done():
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	select {
	case <-me.granted: // meanwhile
		t.unlock(w)
	default:
		s.queue = slices.DeleteFunc(s.queue, func(q *waiter) bool { return q == me })
		s.grant()
		t.forget(w.key, s)
	}
	return ctx.Err()
}

// unlock gives one lock back; the table's mutex is held.
func (t *lockTable) unlock(w wanted) {
	s := t.locks[w.key]
	if w.shared {
		s.readers--
	} else {
		s.writer = false
	}
	s.grant()
	t.forget(w.key, s)
}

// forget drops a key that nobody holds or wants.
func (t *lockTable) forget(key string, s *lockState) {
	if s.readers == 0 && !s.writer && len(s.queue) == 0 {
		delete(t.locks, key)
	}
}

// grant wakes those at the head of the queue who can have the lock.
func (s *lockState) grant() {
	for len(s.queue) > 0 && !s.writer {
		head := s.queue[0]
		if !head.shared && s.readers > 0 {
			return
		}
		if head.shared {
			s.readers++
		} else {
			s.writer = true
		}
		s.queue = s.queue[1:]
		close(head.granted)
	}
}
