//go:build !(linux || darwin || freebsd || netbsd || openbsd || dragonfly)

package boltkv

import (
	"os"
	"time"
)

// haveLocks tells that lockFile does nothing.
const haveLocks = false

// lockFile does nothing where files cannot be locked as bbolt does it.
func lockFile(*os.File, time.Duration) error { return nil }

// canMap leaves it to bbolt to find out.
func canMap(int) bool { return true }
