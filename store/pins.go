package store

import (
	"sync"

	"entrepot/store/blob"
)

// pinned is a reader of parts, which stay until it is closed.
type pinned struct {
	ContentReader
	release func()
}

// Close implements io.Closer. A second call does nothing.
func (p *pinned) Close() error {
	defer p.release()
	return p.ContentReader.Close()
}

// pins are the lists that are read, or removed, at the moment: a list is not
// removed while somebody reads it, as an open file is not.
type pins struct {
	mu  sync.Mutex
	ids map[blob.ID]int // readers; -1: it is being removed
}

// hold returns a reader that releases a list, which was taken for it, when it is
// closed.
func (p *pins) hold(id blob.ID, r ContentReader) ContentReader {
	return &pinned{ContentReader: r, release: sync.OnceFunc(func() { p.release(id) })}
}

// take notes a reader; false while the list is being removed.
func (p *pins) take(id blob.ID) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ids[id] < 0 {
		return false
	}
	if p.ids == nil {
		p.ids = make(map[blob.ID]int)
	}
	p.ids[id]++
	return true
}

func (p *pins) release(id blob.ID) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ids[id]--; p.ids[id] == 0 {
		delete(p.ids, id)
	}
}

// claim keeps readers away from a list that is being removed, until forgo;
// false while there are some.
func (p *pins) claim(id blob.ID) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ids[id] != 0 {
		return false
	}
	if p.ids == nil {
		p.ids = make(map[blob.ID]int)
	}
	p.ids[id] = -1
	return true
}

func (p *pins) forgo(id blob.ID) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.ids, id)
}
