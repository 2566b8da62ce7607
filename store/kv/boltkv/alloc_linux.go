package boltkv

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// fdatasync makes the bytes of a file durable, and what is needed to find
// them again.
func fdatasync(f *os.File) error {
	return restarted(func() error { return unix.Fdatasync(int(f.Fd())) })
}

// allocate gives a file n bytes of room behind offset at, which is its end.
// The error is errors.ErrUnsupported where the file system cannot do that.
func allocate(f *os.File, at, n int64) error {
	return restarted(func() error { return unix.Fallocate(int(f.Fd()), 0, at, n) })
}

// restarted calls fn again where a signal broke it off.
func restarted(fn func() error) error {
	for {
		if err := fn(); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}
