//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package boltkv

import (
	"errors"
	"os"
	"syscall"
	"time"

	"entrepot/store/kv"
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
	for tries := timeout/lockRetry + 1; ; tries-- {
		err := syscall.Flock(int(d.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		switch {
		case err == nil:
			return func() { _ = d.Close() }, nil // nothing was written through d
		case !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR):
			return nil, errors.Join(err, d.Close())
		case tries <= 0:
			return nil, errors.Join(kv.ErrInUse, d.Close())
		}
		time.Sleep(lockRetry)
	}
}
