package dirblob

import (
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"entrepot/store/blob"
)

// stamp tells one state of a file from another.
type stamp struct {
	inode             uint64
	size              int64
	modified, changed int64 // Unix nanoseconds
}

// windowKey names one window of one state of a blob's file.
type windowKey struct {
	id     blob.ID
	stamp  stamp
	window int64
}

// A window has as many blocks as a mask has bits; the array's length fails to
// compile when it has more.
const windowBlocks = blob.WindowSize / blob.BlockSize

var _ [32 - windowBlocks]struct{}

type windowState struct {
	blocks uint32 // one bit for each block that was checked
	until  time.Time
}

// checked remembers which blocks were found sound, so that content that is
// read often is not read twice each time. It is bounded, and forgets after a
// while, because disks rot.
type checked struct {
	life time.Duration
	now  func() time.Time

	mu  sync.Mutex
	lru *simplelru.LRU[windowKey, windowState]
}

func newChecked(windows int, life time.Duration, now func() time.Time) (*checked, error) {
	lru, err := simplelru.NewLRU[windowKey, windowState](windows, nil)
	if err != nil {
		return nil, err
	}
	return &checked{life: life, now: now, lru: lru}, nil
}

// blocks returns the blocks of a window that need not be checked again.
func (c *checked) blocks(k windowKey) uint32 {
	c.mu.Lock()
	defer c.mu.Unlock()
	s, ok := c.lru.Get(k)
	if !ok {
		return 0
	}
	if left := s.until.Sub(c.now()); left <= 0 || left > c.life {
		c.lru.Remove(k)
		return 0
	}
	return s.blocks
}

// add notes blocks that were just checked. They are good for as long as the
// oldest of their window.
func (c *checked) add(k windowKey, blocks uint32) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s, ok := c.lru.Get(k)
	if !ok {
		s.until = c.now().Add(c.life)
	}
	s.blocks |= blocks
	c.lru.Add(k, s)
}
