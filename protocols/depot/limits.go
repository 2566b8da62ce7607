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

// callers limits how often each address may ask.
type callers struct {
	rate float64 // requests per second; 0: any number

	mu    sync.Mutex
	known *lru.Cache[netip.Addr, *caller]
}

// caller is what is remembered of an address.
type caller struct {
	tokens float64 // requests that it may send at once
	filled time.Time
}

func newCallers(rate float64) *callers {
	known, err := lru.New[netip.Addr, *caller](maxCallers)
	if err != nil {
		panic(err) // only a size below one fails
	}
	return &callers{rate: rate, known: known}
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
