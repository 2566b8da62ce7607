package boltkv

import (
	"log/slog"
	"os"
	"time"
)

// Defaults of Options.
const (
	// DefaultLockTimeout is how long Open waits for another process.
	DefaultLockTimeout = time.Second
	// DefaultMapSize is the address space in bytes that the file may grow into
	// without being mapped anew.
	DefaultMapSize = 1 << 30
)

// Options tune an Engine. The zero value is right for production.
type Options struct {
	// Logger receives the end of writing and panics of transactions; nil
	// discards.
	Logger *slog.Logger

	// LockTimeout is how long Open waits while another process holds the file
	// before it fails with kv.ErrInUse. 0 means DefaultLockTimeout.
	LockTimeout time.Duration

	// MapSize is the address space in bytes that is reserved for the file. A
	// file that outgrows it is mapped anew in steps of 1 GiB, and each step
	// waits for the views under way. It costs no memory. 0 means
	// DefaultMapSize.
	MapSize int

	// OnStop, when set, is called once, on a goroutine of the engine's, with
	// the error that ended writing.
	OnStop func(error)

	// openFile replaces os.OpenFile in tests.
	openFile func(string, int, os.FileMode) (*os.File, error)
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
	if o.openFile == nil {
		o.openFile = os.OpenFile
	}
	return o
}
