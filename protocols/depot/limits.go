package depot

import (
	"net/netip"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
)

// maxCallers is how many addresses are remembered; the one that was not heard
// of for longest is forgotten first.
const maxCallers = 4096

// lockoutTime is how long failures count, and how long an address is denied.
const lockoutTime = time.Minute

// callers limits what each address may do.
type callers struct {
	rate    float64 // requests per second; 0: any number
	lockout int     // wrong proofs per minute; 0: any number

	mu    sync.Mutex
	known *lru.Cache[netip.Addr, *caller]
}

// caller is what is remembered of an address.
type caller struct {
	tokens   float64 // requests that it may send at once
	filled   time.Time
	failures int
	since    time.Time // of the first failure that counts
	locked   time.Time // until when it is denied
}

func newCallers(rate float64, lockout int) *callers {
	known, err := lru.New[netip.Addr, *caller](maxCallers)
	if err != nil {
		panic(err) // only a size below one fails
	}
	return &callers{rate: rate, lockout: lockout, known: known}
}

// of returns what is known of an address.
func (c *callers) of(addr netip.Addr, now time.Time) *caller {
	got, ok := c.known.Get(addr)
	if !ok {
		got = &caller{tokens: 2 * c.rate, filled: now}
		c.known.Add(addr, got)
	}
	return got
}

// take uses up one request, if the address has one left.
func (c *callers) take(addr netip.Addr, now time.Time) bool {
	if c.rate <= 0 {
		return true
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	a := c.of(addr, now)
	if d := now.Sub(a.filled); d > 0 {
		a.tokens = min(2*c.rate, a.tokens+d.Seconds()*c.rate)
		a.filled = now
	}
	// An address may always send one request at a time, however low the rate.
	if a.tokens < min(1, 2*c.rate) {
		return false
	}
	a.tokens = max(0, a.tokens-1)
	return true
}

// failed counts a wrong proof.
func (c *callers) failed(addr netip.Addr, now time.Time) {
	if c.lockout <= 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	a := c.of(addr, now)
	if now.Sub(a.since) >= lockoutTime {
		a.failures, a.since = 0, now
	}
	if a.failures++; a.failures >= c.lockout {
		a.locked, a.failures = now.Add(lockoutTime), 0
	}
}

// locked tells whether an address is denied for its wrong proofs.
func (c *callers) locked(addr netip.Addr, now time.Time) bool {
	if c.lockout <= 0 {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	a, ok := c.known.Peek(addr)
	return ok && now.Before(a.locked)
}
