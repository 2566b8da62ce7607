//go:build !linux

package dirblob

import (
	"errors"
	"os"
)

// link is not known here: blobs are copied.
func link(_, _ *os.File, _ string) error { return errors.ErrUnsupported }

// cannotLink tells the errors that mean that a copy is needed.
func cannotLink(err error) bool { return errors.Is(err, errors.ErrUnsupported) }
