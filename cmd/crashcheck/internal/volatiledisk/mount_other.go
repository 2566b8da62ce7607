//go:build !linux

package volatiledisk

import "errors"

// A Mounted disk is served as one file in a directory.
type Mounted struct{ *Disk }

// Mount fails: serving needs Linux.
func (d *Disk) Mount(string) (*Mounted, error) {
	return nil, errors.New("volatiledisk: mounting needs Linux")
}

// Path returns the file that is the disk since the last cut.
func (m *Mounted) Path() string { return "" }

// Unmount ends serving.
func (m *Mounted) Unmount() error { return nil }
