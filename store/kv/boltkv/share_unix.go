//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package boltkv

import (
	"errors"
	"os"
	"syscall"
	"time"

	"entrepot/store/kv"
)

// haveLocks tells that lockFile locks. Without it there are no logs: two
// processes could recover from one at the same time.
const haveLocks = true

// lockFile takes the lock that bbolt takes. It fails with kv.ErrInUse after
// timeout. The lock ends when f is closed.
func lockFile(f *os.File, timeout time.Duration) error { return lock(f, timeout) }

// lock takes an exclusive lock on what d is open for.
func lock(d *os.File, timeout time.Duration) error {
	for tries := timeout/lockRetry + 1; ; tries-- {
		err := syscall.Flock(int(d.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		switch {
		case err == nil:
			return nil
		case !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR):
			return err
		case tries <= 0:
			return kv.ErrInUse
		}
		time.Sleep(lockRetry)
	}
}

// canMap tells whether the process may have n bytes of address space.
func canMap(n int) bool {
	b, err := syscall.Mmap(-1, 0, n, syscall.PROT_NONE, syscall.MAP_PRIVATE|syscall.MAP_ANON)
	return err == nil && syscall.Munmap(b) == nil
}
