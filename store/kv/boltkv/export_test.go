package boltkv

import "os"

// WithOpenFile returns o with a replacement for os.OpenFile.
func (o Options) WithOpenFile(open func(string, int, os.FileMode) (*os.File, error)) Options {
	o.openFile = open
	return o
}

// Queued returns how many requests wait for the combiner.
func (e *Engine) Queued() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.queue)
}

// Bounds of a batch, for the tests that cross them.
const (
	LargeRows = largeRows
	BatchRows = batchRows
)
