//go:build !linux

package boltkv

import (
	"errors"
	"os"
)

// fdatasync makes a file durable.
func fdatasync(f *os.File) error { return f.Sync() }

// allocate is not possible here.
func allocate(*os.File, int64, int64) error { return errors.ErrUnsupported }
