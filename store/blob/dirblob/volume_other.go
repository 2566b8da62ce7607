//go:build !linux

package dirblob

import (
	"errors"
	"io/fs"
	"math"
	"os"
	"syscall"
)

func syncData(f *os.File) error { return f.Sync() }

func startWriting(*os.File, int64, int64) {}

// lockFile takes no lock: here nothing keeps a second process out.
func lockFile(*os.File) error { return nil }

// volume knows no bound here; a full disk shows at the write.
func volume(*os.File) (total, free int64, err error) { return 0, math.MaxInt64, nil }

func volumeWarning(*os.File) string {
	return "on this system neither a second process nor a full disk is noticed in advance"
}

func stampOf(info fs.FileInfo) stamp {
	return stamp{size: info.Size(), modified: info.ModTime().UnixNano()}
}

func isNoSpace(err error) bool { return errors.Is(err, syscall.ENOSPC) }
