//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package boltkv

import (
	"errors"
	"os"
	"time"
)

// lockRetry is the pause between two attempts to lock.
const lockRetry = 20 * time.Millisecond

// lockDir takes an exclusive lock on a directory, so that one process alone
// makes a database in it. It fails with kv.ErrInUse after timeout.
func lockDir(dir string, timeout time.Duration) (unlock func(), err error) {
	d, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	if err := lock(d, timeout); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return func() { _ = d.Close() }, nil // nothing was written through d
}
