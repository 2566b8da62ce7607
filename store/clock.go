package store

import (
	"sync"
	"time"
)

// A Stamp is a moment in ticks of 10 µs since the Unix epoch: the resolution
// of Swift's X-Timestamp. The zero Stamp means "not set".
type Stamp int64

const tick = 10 * time.Microsecond

// StampOf returns the Stamp of t, rounded down; 0 for the zero time. The epoch
// itself, which many files have for their time, is one tick late.
func StampOf(t time.Time) Stamp {
	if t.IsZero() {
		return 0
	}
	return Ticks(t.Unix()*100_000 + int64(t.Nanosecond())/int64(tick))
}

// Ticks returns the Stamp that is n ticks behind the epoch; one tick for 0.
func Ticks(n int64) Stamp {
	if n == 0 {
		return 1
	}
	return Stamp(n)
}

// Time returns the moment as a UTC time; the zero time for 0.
func (s Stamp) Time() time.Time {
	if s == 0 {
		return time.Time{}
	}
	sec, frac := int64(s)/100_000, int64(s)%100_000
	if frac < 0 {
		sec, frac = sec-1, frac+100_000
	}
	return time.Unix(sec, frac*int64(tick)).UTC()
}

// After returns the later of now and one tick behind s: a timestamp for a
// write that replaces something stamped s.
func (s Stamp) After(now Stamp) Stamp {
	if now > s {
		return now
	}
	return s + 1
}

// clock tells a time that never runs backwards, not over a restart either: it
// starts at the persisted high-water mark and follows the wall clock upwards.
type clock struct {
	wall func() time.Time

	mu   sync.Mutex
	last time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if t := c.wall(); t.After(c.last) {
		c.last = t
	}
	return c.last
}

// raise makes the clock start no earlier than t.
func (c *clock) raise(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if t.After(c.last) {
		c.last = t
	}
}
