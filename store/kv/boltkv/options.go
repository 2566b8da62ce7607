package boltkv

import (
	"crypto/rand"
	"io"
	"log/slog"
	"os"
	"time"
)

// Defaults of Options.
const (
	// DefaultLockTimeout is how long Open waits for another process.
	DefaultLockTimeout = time.Second
	// DefaultMapSize is the address space in bytes that the file may grow into
	// without being mapped anew: 16 GiB where addresses have 64 bits, else 1.
	DefaultMapSize = 1 << (30 + 4*(^uint(0)>>63))
)

// Options tune an Engine. The zero value is right for production.
type Options struct {
	// Logger receives the end of writing and panics of transactions; nil
	// discards.
	Logger *slog.Logger

	// LockTimeout is how long Open waits while another process holds the file
	// before it fails with kv.ErrInUse. 0 means DefaultLockTimeout.
	LockTimeout time.Duration

	// MapSize is the address space in bytes that is reserved for the file; at
	// least twice what the file has is reserved at Open, and less where the
	// process may not have so much. A file that outgrows it is mapped anew in
	// steps of 1 GiB, and each step waits for the views under way; near a step
	// commits are slower. It costs no memory. 0 means DefaultMapSize.
	MapSize int

	// Random yields the names of sessions; nil means crypto/rand.
	Random io.Reader

	// OnStop, when set, is called once, on a goroutine of the engine's, with
	// the error that ended writing.
	OnStop func(error)

	// openFile replaces os.OpenFile in tests.
	openFile func(string, int, os.FileMode) (*os.File, error)
	// sync and syncDir replace the syncs of files and of a directory in tests.
	sync    func(*os.File) error
	syncDir func(string) error
	// observe is told in tests what was done to a file.
	observe func(event string, f *os.File)
	// after replaces timers in tests: over gets a value after d, unless stop was
	// called.
	after func(d time.Duration) (over <-chan time.Time, stop func())
	// tuning holds the bounds that tests make smaller.
	tuning tuning
}

// tuning bounds the log; zero fields take the constants of the same names.
type tuning struct {
	checkpointCommits int
	maxRecord         int
	logLimit          int64
	wrapRoom          int64
}

// withDefaults returns t with zero fields replaced.
func (t tuning) withDefaults() tuning {
	if t.checkpointCommits <= 0 {
		t.checkpointCommits = checkpointCommits
	}
	if t.maxRecord <= 0 {
		t.maxRecord = maxRecord
	}
	if t.logLimit <= 0 {
		t.logLimit = logLimit
	}
	if t.wrapRoom <= 0 {
		t.wrapRoom = wrapRoom
	}
	return t
}

// withDefaults returns o with zero fields replaced.
func (o Options) withDefaults() Options {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.LockTimeout <= 0 {
		o.LockTimeout = DefaultLockTimeout
	}
	if o.MapSize <= 0 {
		o.MapSize = DefaultMapSize
	}
	if o.OnStop == nil {
		o.OnStop = func(error) {}
	}
	if o.Random == nil {
		o.Random = rand.Reader
	}
	if o.openFile == nil {
		o.openFile = os.OpenFile
	}
	if o.sync == nil {
		o.sync = fdatasync
	}
	if o.syncDir == nil {
		o.syncDir = syncDir
	}
	if o.after == nil {
		o.after = after
	}
	if o.observe == nil {
		o.observe = func(string, *os.File) {}
	}
	o.tuning = o.tuning.withDefaults()
	return o
}
