package dirblob

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"

	"entrepot/store/blob"
)

// reader reads one blob file.
type reader struct {
	store *Store
	id    blob.ID
	file  *os.File
	size  int64
	crcs  []uint32
}

var errRange = errors.New("dirblob: range outside of the blob")

// openReader opens a blob's file without following links, and reads its
// trailer.
func (s *Store) openReader(id blob.ID) (_ *reader, err error) {
	name := pathOf(id)
	if err := s.opt.Faults.at(StepOpen, name); err != nil {
		return nil, err
	}
	// Looked at before it is opened: opening a pipe would wait, and a link
	// inside the directory would be followed.
	want, err := s.root.Lstat(name)
	if err != nil {
		return nil, err
	}
	if !want.Mode().IsRegular() {
		s.foreign(name)
		return nil, blob.ErrNotFound
	}
	f, err := s.root.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, f.Close())
		}
	}()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !os.SameFile(info, want) {
		return nil, damaged("the file was exchanged while it was opened")
	}
	r := &reader{store: s, id: id, file: f}
	return r, r.readTrailer(info.Size())
}

// readTrailer reads the trailer of small blobs at once, of large ones in two
// steps.
func (r *reader) readTrailer(fileSize int64) error {
	tail := make([]byte, min(fileSize, 512))
	if err := r.readFull(tail, fileSize-int64(len(tail))); err != nil {
		return err
	}
	footer := tail[max(0, len(tail)-footerSize):]
	size, trailer, err := parseFooter(footer, fileSize, r.id)
	if err != nil {
		return err
	}
	if trailer > int64(len(tail)) {
		tail = make([]byte, trailer)
		if err := r.readFull(tail, size); err != nil {
			return err
		}
	}
	r.size = size
	r.crcs, err = parseTrailer(tail[int64(len(tail))-trailer:], fileSize, r.id)
	return err
}

// readFull fills p from offset off of the file; its end comes too early only
// in a damaged file.
func (r *reader) readFull(p []byte, off int64) error {
	if err := r.store.opt.Faults.at(StepRead, pathOf(r.id)); err != nil {
		return err
	}
	_, err := r.file.ReadAt(p, off)
	if errors.Is(err, io.EOF) {
		return damaged("the file ends early")
	}
	return err
}

// Size returns the number of content bytes.
func (r *reader) Size() int64 { return r.size }

// Close lets go of the file.
func (r *reader) Close() error { return r.file.Close() }

// ReadAt reads bytes of checked blocks (io.ReaderAt).
func (r *reader) ReadAt(p []byte, off int64) (int, error) {
	switch {
	case off < 0:
		return 0, errRange
	case off >= r.size:
		return 0, io.EOF
	}
	var end error
	if int64(len(p)) > r.size-off {
		p, end = p[:r.size-off], io.EOF
	}
	if err := r.check(off, int64(len(p))); err != nil {
		return 0, err
	}
	n, err := r.file.ReadAt(p, off)
	if errors.Is(err, io.EOF) {
		return 0, damaged("the file ends early")
	}
	if err == nil {
		err = end
	}
	return n, err
}

// WriteRange copies bytes of checked windows to w; see blob.Reader.
func (r *reader) WriteRange(w io.Writer, off, n int64) (int64, error) {
	if off < 0 || n < 0 || off > r.size || n > r.size-off {
		return 0, errRange
	}
	var written int64
	for written < n {
		at := off + written
		size := min(n-written, blob.WindowSize-at%blob.WindowSize)
		if err := r.check(at, size); err != nil {
			return written, err
		}
		m, err := r.copyTo(w, at, size)
		written += m
		if err == nil && m < size {
			err = damaged("the file ends early")
		}
		if err != nil {
			return written, err
		}
	}
	return written, nil
}

// copyTo copies n bytes at off to w, by the kernel if w can.
func (r *reader) copyTo(w io.Writer, off, n int64) (int64, error) {
	if to, ok := w.(io.ReaderFrom); ok {
		if _, err := r.file.Seek(off, io.SeekStart); err != nil {
			return 0, err
		}
		return to.ReadFrom(&io.LimitedReader{R: r.file, N: n})
	}
	buf := r.store.buffers.Get().(*[blob.BlockSize]byte)
	defer r.store.buffers.Put(buf)
	return io.CopyBuffer(w, io.NewSectionReader(r.file, off, n), buf[:])
}

// check makes sure that the blocks which hold n bytes at off are sound.
func (r *reader) check(off, n int64) error {
	for end := off + n; off < end; {
		next := min(end, off-off%blob.WindowSize+blob.WindowSize)
		if err := r.checkWindow(off/blob.WindowSize, off%blob.WindowSize, next-off); err != nil {
			return err
		}
		off = next
	}
	return nil
}

// checkWindow checks the blocks of one window that hold n > 0 bytes at off,
// counted from the window's start, unless they were found sound lately.
func (r *reader) checkWindow(window, off, n int64) error {
	info, err := r.file.Stat()
	if err != nil {
		return err
	}
	k := windowKey{id: r.id, stamp: stampOf(info), window: window}
	if k.stamp.size != r.size+4*int64(len(r.crcs))+footerSize {
		return r.report(damaged("the file has changed its size"))
	}
	first, last := off/blob.BlockSize, (off+n-1)/blob.BlockSize
	good := r.store.checked.blocks(k)
	var fresh uint32
	for b := first; b <= last; b++ {
		if good&(1<<b) != 0 {
			continue
		}
		if err := r.checkBlock(window*windowBlocks + b); err != nil {
			return r.report(err)
		}
		fresh |= 1 << b
	}
	if fresh != 0 {
		r.store.checked.add(k, fresh)
	}
	return nil
}

func (r *reader) checkBlock(block int64) error {
	buf := r.store.buffers.Get().(*[blob.BlockSize]byte)
	defer r.store.buffers.Put(buf)
	off := block * blob.BlockSize
	p := buf[:min(blob.BlockSize, r.size-off)]
	if err := r.readFull(p, off); err != nil {
		return err
	}
	if crc32.Checksum(p, castagnoli()) != r.crcs[block] {
		return damaged(fmt.Sprintf("block %d fails its checksum", block))
	}
	return nil
}

// report tells the operator of damage, and returns err.
func (r *reader) report(err error) error {
	if errors.Is(err, blob.ErrCorrupt) {
		r.store.opt.Logger.Error("blob is damaged", "blob", r.id.String(), "err", err)
	}
	return err
}
