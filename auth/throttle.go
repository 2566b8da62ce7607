package auth

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// A Limit lets Burst wrong passwords through at once and then one more each
// Every.
type Limit struct {
	Burst int
	Every time.Duration
}

// ThrottleConfig says how fast passwords may be guessed. Zero fields take the
// defaults of DefaultThrottle.
type ThrottleConfig struct {
	// Pair limits one user from one address. Half of its burst is kept for
	// passwords that were not tried before, so that a forgotten client with
	// an old password does not lock its owner out.
	Pair Limit
	// User limits one user over all addresses from which it never logged in.
	User Limit
	// Address limits one address (IPv6: its /64) over all users that never
	// logged in from it.
	Address Limit
	// Entries bounds how many counters are remembered; the ones touched
	// longest ago are forgotten first. One takes some 150 bytes.
	Entries int
}

// DefaultThrottle lets a person mistype and makes a program wait.
func DefaultThrottle() ThrottleConfig {
	return ThrottleConfig{
		Pair:    Limit{Burst: 10, Every: time.Minute},
		User:    Limit{Burst: 100, Every: 20 * time.Second},
		Address: Limit{Burst: 50, Every: 10 * time.Second},
		Entries: 1 << 16,
	}
}

func (c ThrottleConfig) withDefaults() ThrottleConfig {
	d := DefaultThrottle()
	for _, l := range []struct{ have, def *Limit }{
		{&c.Pair, &d.Pair}, {&c.User, &d.User}, {&c.Address, &d.Address},
	} {
		if l.have.Burst <= 0 {
			l.have.Burst = l.def.Burst
		}
		if l.have.Every <= 0 {
			l.have.Every = l.def.Every
		}
	}
	if c.Entries <= 0 {
		c.Entries = d.Entries
	}
	return c
}

// A ThrottleError says how long to wait before another password is looked at.
// It is found with errors.As behind errs.RateLimited.
type ThrottleError struct {
	RetryAfter time.Duration // always above zero
}

// Error describes the wait.
func (e *ThrottleError) Error() string {
	return fmt.Sprintf("too many wrong passwords, wait %s", e.RetryAfter)
}

// knownFor is how long an address stays known to a user after a login.
const knownFor = 30 * 24 * time.Hour

// A counter names one counter of the throttle: a digest, so that neither
// names nor addresses lie around and all are of one size.
type counter [16]byte

func newCounter(class byte, user string, addr netip.Prefix) counter {
	b := make([]byte, 0, 64)
	b = append(b, class)
	b = binary.AppendUvarint(b, uint64(len(user)))
	b = append(b, user...)
	if addr.IsValid() {
		b = append(b, addr.Addr().AsSlice()...)
	}
	sum := sha256.Sum256(b)
	return counter(sum[:16])
}

// guess names the counters that one try at a password touches.
type guess struct {
	pair, user, address counter
}

func newGuess(user string, from netip.Addr) guess {
	from = canonical(from)
	near, wide := netip.Prefix{}, netip.Prefix{}
	if from.IsValid() {
		near = netip.PrefixFrom(from, from.BitLen())
		wide = near
		if from.Is6() {
			wide = netip.PrefixFrom(from, 64).Masked()
		}
	}
	return guess{
		pair:    newCounter('p', user, near),
		user:    newCounter('u', user, netip.Prefix{}),
		address: newCounter('a', "", wide),
	}
}

// throttle counts wrong passwords. A counter is one time: when it will have
// drained (the theoretical arrival time of the generic cell rate algorithm).
// A counter that has drained is as good as absent.
type throttle struct {
	cfg ThrottleConfig

	mu    sync.Mutex
	drain *simplelru.LRU[counter, time.Time]
	known *simplelru.LRU[counter, time.Time] // pair → last right password
	// dirty are the counters that changed since they were written down, stored
	// those that are in the StrikeStore.
	dirty  map[counter]struct{}
	stored *simplelru.LRU[counter, struct{}]
	asked  *simplelru.LRU[counter, struct{}] // pairs that were looked up there
}

func newThrottle(cfg ThrottleConfig) (*throttle, error) {
	cfg = cfg.withDefaults()
	drain, err := simplelru.NewLRU[counter, time.Time](cfg.Entries, nil)
	if err != nil {
		return nil, err
	}
	known, err := simplelru.NewLRU[counter, time.Time](cfg.Entries, nil)
	if err != nil {
		return nil, err
	}
	stored, err := simplelru.NewLRU[counter, struct{}](cfg.Entries, nil)
	if err != nil {
		return nil, err
	}
	asked, err := simplelru.NewLRU[counter, struct{}](cfg.Entries, nil)
	if err != nil {
		return nil, err
	}
	return &throttle{cfg: cfg, drain: drain, known: known, dirty: make(map[counter]struct{}), stored: stored, asked: asked}, nil
}

// wait returns how long a try must wait, 0 when it may go on. repeat tells
// that the same wrong password was seen before.
func (t *throttle) wait(g guess, repeat bool, now time.Time) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.waitLocked(g, repeat, now)
}

// take is wait that counts the try as wrong when it may go on; succeed takes
// it back. Counting first keeps many tries at once from passing together.
func (t *throttle) take(g guess, repeat bool, now time.Time) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	if w := t.waitLocked(g, repeat, now); w > 0 {
		return w
	}
	for _, c := range t.counters(g) {
		t.drain.Add(c.id, t.drained(c, now).Add(c.Every))
		t.touch(c.id)
	}
	return 0
}

// succeed notes that a taken try was the right password.
func (t *throttle) succeed(g guess, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.refundLocked(g, now)
	t.drain.Remove(g.pair)
	if at, ok := t.known.Get(g.pair); !ok || now.Sub(at) >= knownAgain {
		t.touch(g.known())
	}
	t.known.Add(g.pair, now)
}

// refund takes back a try that came to no verdict.
func (t *throttle) refund(g guess, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.refundLocked(g, now)
}

func (t *throttle) refundLocked(g guess, now time.Time) {
	for _, c := range t.counters(g) {
		if at := t.drained(c, now).Add(-c.Every); at.After(now) {
			t.drain.Add(c.id, at)
		} else {
			t.drain.Remove(c.id)
		}
		t.touch(c.id)
	}
}

func (t *throttle) waitLocked(g guess, repeat bool, now time.Time) time.Duration {
	c := t.counters(g)
	if repeat {
		c[0].Burst = max(1, c[0].Burst/2)
	}
	wait := t.waitFor(c[0], now)
	if at, ok := t.known.Get(g.pair); ok && now.Sub(at) < knownFor {
		return wait
	}
	return max(wait, t.waitFor(c[1], now), t.waitFor(c[2], now))
}

// limited is a counter with the limit that binds it.
type limited struct {
	id counter
	Limit
}

// counters lists what a guess is counted under, the pair first.
func (t *throttle) counters(g guess) [3]limited {
	return [3]limited{{g.pair, t.cfg.Pair}, {g.user, t.cfg.User}, {g.address, t.cfg.Address}}
}

// waitFor returns how long until the counter has room for one more.
func (t *throttle) waitFor(c limited, now time.Time) time.Duration {
	return max(0, t.drained(c, now).Add(c.Every).Sub(now)-c.full())
}

// drained returns when the counter will be empty, never before now, and never
// later than a full one would be: a clock that was set back locks nobody out.
func (t *throttle) drained(c limited, now time.Time) time.Time {
	at, ok := t.drain.Get(c.id)
	if !ok || at.Before(now) {
		return now
	}
	if latest := now.Add(c.full()); at.After(latest) {
		return latest
	}
	return at
}

// full is how long a counter at its burst takes to drain.
func (l Limit) full() time.Duration { return time.Duration(l.Burst) * l.Every }
