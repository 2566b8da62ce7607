package boltkv

import (
	"os"
	"time"
)

// WithOpenFile returns o with a replacement for os.OpenFile.
func (o Options) WithOpenFile(open func(string, int, os.FileMode) (*os.File, error)) Options {
	o.openFile = open
	return o
}

// WithSyncs returns o with replacements for the syncs of files and of
// directories, but for those that bbolt makes itself.
func (o Options) WithSyncs(file func(*os.File) error, dir func(string) error) Options {
	o.sync, o.syncDir = file, dir
	return o
}

// WithObserver returns o with somebody who is told what was done.
func (o Options) WithObserver(observe func(event string, f *os.File)) Options {
	o.observe = observe
	return o
}

// WithoutRoomForLogs returns o with which making a log fails as it does on a
// full volume.
func (o Options) WithoutRoomForLogs() Options {
	o.Random = roomless{}
	return o
}

type roomless struct{}

// Read implements io.Reader.
func (roomless) Read([]byte) (int, error) { return 0, errFull }

// WithBounds returns o with smaller bounds of the log.
func (o Options) WithBounds(commits, record int, limit, wrap int64) Options {
	o.tuning = tuning{checkpointCommits: commits, maxRecord: record, logLimit: limit, wrapRoom: wrap}
	return o
}

// Fdatasync is the sync of production.
func Fdatasync(f *os.File) error { return fdatasync(f) }

// SyncDir is the sync of directories of production.
func SyncDir(dir string) error { return syncDir(dir) }

// LogPath returns the name of the log of a database.
func LogPath(path string) string { return logPath(path) }

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

// Layout of a log, for the tests that damage one.
const (
	BlockSize   = blockSize
	RecordStart = recordStart
)

// WithTimer returns o with a replacement for timers.
func (o Options) WithTimer(after func(time.Duration) (<-chan time.Time, func())) Options {
	o.after = after
	return o
}

// A Company is what an engine knows of how many write at a time.
type Company struct{ c company }

// Note notes that n writers were there at a commit.
func (c *Company) Note(n int) { c.c.note(n) }

// Waited notes whether a wait was in vain.
func (c *Company) Waited(vain bool) { c.c.waited(vain) }

// Expected returns how many writers are to be waited for.
func (c *Company) Expected() int { return c.c.expected() }

// Bounds of waiting for writers.
const (
	Noticed    = noticed
	FirstPause = firstPause
	LastPause  = lastPause
)
