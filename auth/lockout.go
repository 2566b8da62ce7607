package auth

import (
	"context"
	"encoding/binary"
	"net/netip"
	"time"

	"entrepot/gateway/errs"
)

const (
	// lockoutTime is how long a wrong proof counts, and how long an address is
	// denied.
	lockoutTime = time.Minute
	// maxLockout is the largest number of wrong proofs that can be asked for:
	// each of them is a counter.
	maxLockout = 1000
)

// A Lockout denies addresses that proved something wrongly too often. What it
// counts lies where wrong passwords are counted: it outlives a restart, and
// gateways of one store count together, where one of them sees what another
// counted at the first request and at each wrong proof of an address. Safe for
// concurrent use.
type Lockout struct {
	service *Service
	class   string
	wrong   int
}

// Lockout returns the lockout of one door, which class names: an address that
// proves wrongly so many times within a minute is denied for a minute. With 0
// nobody ever is; a number below, or above 1000, is errs.Invalid.
func (s *Service) Lockout(class string, wrong int) (*Lockout, error) {
	if wrong < 0 || wrong > maxLockout {
		return nil, errs.New("auth.Lockout", errs.Invalid, "", "a lockout takes from 0 to 1000 wrong proofs per minute")
	}
	return &Lockout{service: s, class: class, wrong: wrong}, nil
}

// Denied tells whether an address is denied now.
func (l *Lockout) Denied(ctx context.Context, from netip.Addr, now time.Time) bool {
	if l.wrong == 0 {
		return false
	}
	lock, t := l.counter(from, 0), l.service.throttle
	if !t.recalled(guess{pair: lock}) {
		l.recall(ctx, from)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	until, ok := t.drain.Get(lock)
	// A clock that was set back locks nobody out for longer.
	return ok && until.After(now) && until.Sub(now) <= lockoutTime
}

// Failed counts a wrong proof.
func (l *Lockout) Failed(ctx context.Context, from netip.Addr, now time.Time) {
	if l.wrong == 0 {
		return
	}
	l.recall(ctx, from)
	t := l.service.throttle
	t.mu.Lock()
	defer t.mu.Unlock()
	free, counted := counter{}, 0
	for i := 1; i <= l.wrong; i++ {
		id := l.counter(from, i)
		if until, ok := t.drain.Get(id); ok && until.After(now) && until.Sub(now) <= lockoutTime {
			counted++
		} else {
			free = id
		}
	}
	if counted+1 < l.wrong {
		t.drain.Add(free, now.Add(lockoutTime))
		t.touch(free)
		return
	}
	lock := l.counter(from, 0)
	t.drain.Add(lock, now.Add(lockoutTime))
	t.touch(lock)
	for i := 1; i <= l.wrong; i++ {
		id := l.counter(from, i)
		t.drain.Remove(id)
		t.touch(id)
	}
}

// counter names what is counted of an address: 0 is until when it is denied,
// from 1 on until when one wrong proof counts.
func (l *Lockout) counter(from netip.Addr, i int) counter {
	from = canonical(from)
	var at netip.Prefix
	if from.IsValid() {
		at = netip.PrefixFrom(from, from.BitLen())
	}
	return newCounter('d', l.class+string(binary.AppendUvarint([]byte{0}, uint64(i))), at)
}

// recall learns what is kept about an address. A store that cannot be read is
// no reason to deny anybody.
func (l *Lockout) recall(ctx context.Context, from netip.Addr) {
	s := l.service
	lock := l.counter(from, 0)
	var list []Strike
	if s.cfg.Strikes != nil {
		all := make([][16]byte, l.wrong+1)
		for i := range all {
			all[i] = l.counter(from, i)
		}
		var err error
		if list, err = s.cfg.Strikes.Strikes(ctx, all); err != nil {
			s.noteStrikes(err)
			return
		}
	}
	s.throttle.learn(guess{pair: lock}, list)
}
