//go:build !(linux || darwin || freebsd || netbsd || openbsd || dragonfly)

package boltkv

import "os"

// shareFile tells nothing where files cannot be locked as bbolt does it: what
// is read while another process writes could look like damage.
func shareFile(*os.File) (free bool, err error) { return false, nil }
