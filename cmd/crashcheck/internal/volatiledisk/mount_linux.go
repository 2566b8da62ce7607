package volatiledisk

import (
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"
)

// A Mounted disk is served as one file in a directory.
type Mounted struct {
	*Disk
	dir    string
	server *fuse.Server
}

// Mount serves the disk in the directory dir, which must exist and be empty.
// It needs the right to mount.
func (d *Disk) Mount(dir string) (*Mounted, error) {
	server, err := fuse.NewServer(&files{RawFileSystem: fuse.NewDefaultRawFileSystem(), disk: d}, dir, &fuse.MountOptions{
		FsName: "volatiledisk", Name: "volatiledisk", DirectMount: true, DisableXAttrs: true, MaxWrite: 512 << 10,
	})
	if err != nil {
		return nil, fmt.Errorf("volatiledisk: mount on %s: %w", dir, err)
	}
	go server.Serve()
	if err := server.WaitMount(); err != nil {
		return nil, errors.Join(fmt.Errorf("volatiledisk: %w", err), server.Unmount())
	}
	return &Mounted{d, dir, server}, nil
}

// Path returns the file that is the disk since the last cut.
func (m *Mounted) Path() string { return filepath.Join(m.dir, fileName(m.current())) }

// Unmount ends serving. It fails while a loop device still uses the file.
func (m *Mounted) Unmount() error {
	var err error
	for range 50 { // a loop device lets go of its file a little after it was detached
		if err = m.server.Unmount(); err == nil {
			return nil
		}
		time.Sleep(20 * time.Millisecond)
	}
	return err
}

func fileName(generation int) string { return "disk" + strconv.Itoa(generation) }

// files is the file system: a root and one file for each generation. A
// generation's file has the inode number rootID plus generation.
type files struct {
	fuse.RawFileSystem
	disk *Disk
}

const rootID = fuse.FUSE_ROOT_ID

func (f *files) attributes(id uint64, out *fuse.Attr) {
	out.Ino = id
	if id == rootID {
		out.Mode = syscall.S_IFDIR | 0o700
		return
	}
	out.Mode = syscall.S_IFREG | 0o600
	out.Size = uint64(f.disk.size)
	out.Blocks = out.Size / 512
	out.Blksize = BlockSize
}

// Lookup finds the file of a generation, also of one that is over.
func (f *files) Lookup(_ <-chan struct{}, _ *fuse.InHeader, name string, out *fuse.EntryOut) fuse.Status {
	generation, err := strconv.Atoi(strings.TrimPrefix(name, "disk"))
	if err != nil || generation <= 0 || generation > f.disk.current() || fileName(generation) != name {
		return fuse.ENOENT
	}
	out.NodeId = rootID + uint64(generation)
	f.attributes(out.NodeId, &out.Attr)
	return fuse.OK
}

// GetAttr describes root and files.
func (f *files) GetAttr(_ <-chan struct{}, in *fuse.GetAttrIn, out *fuse.AttrOut) fuse.Status {
	f.attributes(in.NodeId, &out.Attr)
	return fuse.OK
}

// SetAttr accepts changes of times and changes nothing.
func (f *files) SetAttr(_ <-chan struct{}, in *fuse.SetAttrIn, out *fuse.AttrOut) fuse.Status {
	f.attributes(in.NodeId, &out.Attr)
	return fuse.OK
}

// Open opens a file past the page cache, which must not hide a cut.
func (f *files) Open(_ <-chan struct{}, _ *fuse.OpenIn, out *fuse.OpenOut) fuse.Status {
	out.OpenFlags = fuse.FOPEN_DIRECT_IO
	return fuse.OK
}

// OpenDir opens the root.
func (f *files) OpenDir(<-chan struct{}, *fuse.OpenIn, *fuse.OpenOut) fuse.Status { return fuse.OK }

// ReadDir shows no names: the file is found by looking it up.
func (f *files) ReadDir(<-chan struct{}, *fuse.ReadIn, *fuse.DirEntryList) fuse.Status {
	return fuse.OK
}

// Read reads from the cache and what is below it.
func (f *files) Read(_ <-chan struct{}, in *fuse.ReadIn, buf []byte) (fuse.ReadResult, fuse.Status) {
	n, ok := f.disk.read(int(in.NodeId-rootID), buf, int64(in.Offset))
	if !ok {
		return nil, fuse.EIO
	}
	return fuse.ReadResultData(buf[:n]), fuse.OK
}

// Write writes into the cache.
func (f *files) Write(_ <-chan struct{}, in *fuse.WriteIn, data []byte) (uint32, fuse.Status) {
	if !f.disk.write(int(in.NodeId-rootID), data, int64(in.Offset)) {
		return 0, fuse.EIO
	}
	return uint32(len(data)), fuse.OK
}

// Fsync flushes the cache.
func (f *files) Fsync(_ <-chan struct{}, in *fuse.FsyncIn) fuse.Status {
	if !f.disk.sync(int(in.NodeId - rootID)) {
		return fuse.EIO
	}
	return fuse.OK
}

// Flush is called when a descriptor is closed; it is no flush of the disk.
func (f *files) Flush(<-chan struct{}, *fuse.FlushIn) fuse.Status { return fuse.OK }
