package boltkv

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// Sizes of a log file.
const (
	// firstLog is what a new log has room for, in bytes of records.
	firstLog = 64 << 10
	// lastGrowth bounds how much a log grows at once. It doubles before.
	lastGrowth = 1 << 20
	// logLimit is the largest log.
	logLimit = 96 << 20
	// wrapRoom is the room at the front for which a log that is full begins
	// anew there rather than grow.
	wrapRoom = 8 << 20
)

// logPath returns the name of the log of a database.
func logPath(path string) string { return path + ".log" }

// A logFile is the log of one session. Records go round in it: from
// header.at, the first that recovery needs, to head. It is used by the
// combiner alone, but for append, of which one may run beside it.
type logFile struct {
	f      *os.File
	path   string
	opt    Options
	header header // the newest that is durable
	size   int64  // bytes that were written once, so that syncing them moves no block
	head   int64  // where the next record goes if it fits
	seq    uint64 // of the next record
}

// createLog makes the log beside the database at path. It is durable under a
// temporary name before it bears its own, so a log that is there has a sound
// header.
func createLog(path string, h header, opt Options) (_ *logFile, err error) {
	l := &logFile{path: logPath(path), opt: opt, header: h, head: h.at, seq: h.seq, size: recordStart + firstLog}
	temp := l.path + ".new"
	if err := os.Remove(temp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if l.f, err = os.OpenFile(temp, os.O_RDWR|os.O_CREATE|os.O_EXCL, fileMode); err != nil {
		return nil, full(err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, l.f.Close())
			_ = os.Remove(temp) // the first error tells more
		}
	}()
	b := appendHeader(make([]byte, 0, l.size), h)
	if _, err := l.f.WriteAt(b[:l.size], 0); err != nil {
		return nil, full(err)
	}
	if err := opt.sync(l.f); err != nil {
		return nil, err
	}
	if err := os.Rename(temp, l.path); err != nil {
		return nil, full(err)
	}
	opt.observe("log named", l.f)
	if err := opt.syncDir(filepath.Dir(path)); err != nil {
		return nil, err
	}
	return l, nil
}

// errFull marks errors of a full volume that were met before anything
// depended on the write. A sync that says so is as bad as any that fails.
var errFull = errors.New("the volume is full")

// noRoom tells whether err means that the volume is full.
func noRoom(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

// full marks err where it means that the volume is full.
func full(err error) error {
	if noRoom(err) {
		return fmt.Errorf("%w: %w", errFull, err)
	}
	return err
}

// place finds room for n bytes, which grows the file where it must. at is 0
// when there is none before the next header. The error may be errFull.
func (l *logFile) place(n int64) (at int64, err error) {
	tail := l.header.at
	if l.head < tail { // the records go round the end
		if l.head+n < tail {
			return l.head, nil
		}
		return 0, nil
	}
	if l.head+n <= l.size {
		return l.head, nil
	}
	front := recordStart+n < tail
	if front && tail-recordStart >= l.opt.tuning.wrapRoom {
		return recordStart, nil
	}
	if l.head+n <= l.opt.tuning.logLimit {
		if err = l.grow(l.head + n); err == nil {
			return l.head, nil
		}
	}
	if front && (err == nil || errors.Is(err, errFull)) {
		return recordStart, nil
	}
	return 0, err
}

// grow makes the file at least least bytes large, and larger where there is
// room. What it adds becomes durable with the next record.
func (l *logFile) grow(least int64) error {
	size := min(max(least, l.size+min(l.size, lastGrowth)), l.opt.tuning.logLimit)
	_, err := l.f.WriteAt(make([]byte, size-l.size), l.size)
	if noRoom(err) && size > least {
		size = least
		_, err = l.f.WriteAt(make([]byte, size-l.size), l.size)
	}
	if err == nil {
		l.size = size
	}
	return full(err)
}

// append writes a record of whole blocks where place found room for it, and a
// header before it where one is given, and makes them durable.
func (l *logFile) append(record []byte, at int64, h *header) error {
	if h != nil {
		if err := l.putHeader(*h); err != nil {
			return err
		}
	}
	if _, err := l.f.WriteAt(record, at); err != nil {
		return err
	}
	return l.opt.sync(l.f)
}

// appended notes that a record of n bytes is durable.
func (l *logFile) appended(at, n int64) {
	l.head = at + n
	l.seq++
}

// writeHeader makes a header durable. From then on recovery begins with it.
func (l *logFile) writeHeader(h header) error {
	if err := l.putHeader(h); err != nil {
		return err
	}
	if err := l.opt.sync(l.f); err != nil {
		return err
	}
	l.header = h
	return nil
}

// putHeader writes a header over the one before the current.
func (l *logFile) putHeader(h header) error {
	_, err := l.f.WriteAt(appendHeader(make([]byte, 0, blockSize), h), int64(h.number%2)*blockSize)
	return err
}

// remove ends the log: the database is durable without it.
func (l *logFile) remove() error {
	err := os.Remove(l.path)
	l.opt.observe("log removed", l.f)
	return errors.Join(err, l.opt.syncDir(filepath.Dir(l.path)), l.f.Close())
}

// openLog opens the log of the database at path and finds its newest header.
// It is nil where there is none.
func openLog(path string, opt Options) (l *logFile, err error) {
	name := logPath(path)
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
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
	var found *header
	var reasons [2]error
	for slot := range reasons {
		b := make([]byte, blockSize)
		if _, err := f.ReadAt(b, int64(slot)*blockSize); err != nil {
			return nil, fmt.Errorf("%s is damaged: %w", name, err)
		}
		h, err := parseHeader(b)
		if reasons[slot] = err; err == nil && (found == nil || h.number > found.number) {
			found = &h
		}
	}
	if found == nil {
		return nil, fmt.Errorf("%s is damaged: header 0: %w; header 1: %w", name, reasons[0], reasons[1])
	}
	return &logFile{f: f, path: name, opt: opt, header: *found, head: found.at, seq: found.seq, size: info.Size()}, nil
}

// next reads the record that follows those already read; ok is false behind
// the last.
func (l *logFile) next() (r record, ok bool, err error) {
	for _, at := range []int64{l.head, recordStart} {
		r, end, ok, err := readRecord(l.f, at, l.size, l.header.session)
		if err != nil {
			return r, false, fmt.Errorf("%s: %w", l.path, err)
		}
		if ok && r.seq == l.seq {
			l.head, l.seq = end, l.seq+1
			return r, true, nil
		}
	}
	return record{}, false, nil
}

// count returns how many commits stand behind the header.
func (l *logFile) count() (n uint64, err error) {
	for scan := *l; ; {
		r, ok, err := scan.next()
		if err != nil || !ok {
			return n, err
		}
		if len(r.payload) > 0 {
			n++
		}
	}
}

// verify looks for what a crash does not leave. A record is written when the
// one before it is durable, so at most the last can be torn, and it names a
// header that was durable before it.
func (l *logFile) verify() error {
	var last uint64
	for scan := *l; ; {
		if _, ok, err := scan.next(); err != nil {
			return err
		} else if !ok {
			last = scan.seq
			break
		}
	}
	for at := int64(recordStart); at < l.size; at += blockSize {
		r, _, ok, err := readRecord(l.f, at, l.size, l.header.session)
		switch {
		case err != nil:
			return fmt.Errorf("%s: %w", l.path, err)
		case !ok:
		case r.number > l.header.number:
			return fmt.Errorf("%s is damaged: its header %d is not sound, and record %d was written after it", l.path, r.number, r.seq)
		case r.seq >= last:
			return fmt.Errorf("%s is damaged: record %d is not sound, and record %d was written after it", l.path, last, r.seq)
		}
	}
	return nil
}
