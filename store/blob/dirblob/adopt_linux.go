package dirblob

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// link gives a file of one directory the same name in another.
func link(from, to *os.File, name string) error {
	return unix.Linkat(int(from.Fd()), name, int(to.Fd()), name, 0)
}

// cannotLink tells the errors that mean that a copy is needed.
func cannotLink(err error) bool {
	for _, e := range []unix.Errno{unix.EXDEV, unix.EMLINK, unix.EPERM, unix.EACCES, unix.EOPNOTSUPP, unix.ENOSYS} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}
