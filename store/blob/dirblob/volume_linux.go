package dirblob

import (
	"errors"
	"io/fs"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// syncData makes the content of f durable, and of its inode what is needed to
// read it.
func syncData(f *os.File) error {
	for {
		err := unix.Fdatasync(int(f.Fd()))
		if !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

// startWriting asks the kernel to write pages out already, so that the sync
// at the end of a large blob has less to wait for. It is a hint: errors show
// at the sync.
func startWriting(f *os.File, off, n int64) {
	_ = unix.SyncFileRange(int(f.Fd()), off, n, unix.SYNC_FILE_RANGE_WRITE)
}

// lockFile takes the exclusive lock of f, or fails at once.
func lockFile(f *os.File) error { return unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) }

// volume returns the bytes of the volume under f: all, and those that an
// unprivileged writer may still use.
func volume(f *os.File) (total, free int64, err error) {
	var st unix.Statfs_t
	if err := unix.Fstatfs(int(f.Fd()), &st); err != nil {
		return 0, 0, err
	}
	return int64(st.Blocks) * st.Bsize, int64(st.Bavail) * st.Bsize, nil
}

// volumeWarning says why the file system under f may not keep what it was
// told to sync; "" for the supported ones.
func volumeWarning(f *os.File) string {
	var st unix.Statfs_t
	if err := unix.Fstatfs(int(f.Fd()), &st); err != nil {
		return "the file system cannot be determined"
	}
	switch uint32(st.Type) {
	case unix.EXT4_SUPER_MAGIC, unix.XFS_SUPER_MAGIC, unix.BTRFS_SUPER_MAGIC:
		return ""
	case unix.TMPFS_MAGIC, unix.RAMFS_MAGIC:
		return "a file system in memory loses everything at a restart"
	case unix.NFS_SUPER_MAGIC:
		return "on NFS a sync depends on the server, and its locks may fail"
	case unix.OVERLAYFS_SUPER_MAGIC:
		return "on an overlay syncs may be left out, and the content ends with the container"
	}
	return "the file system is none of ext4, xfs and btrfs"
}

// stampOf returns what tells one state of a file from another.
func stampOf(info fs.FileInfo) stamp {
	s := stamp{size: info.Size(), modified: info.ModTime().UnixNano()}
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		s.inode, s.changed = st.Ino, st.Ctim.Nano()
	}
	return s
}

func isNoSpace(err error) bool { return errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) }
