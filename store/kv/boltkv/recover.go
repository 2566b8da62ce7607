package boltkv

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"sort"

	bolt "go.etcd.io/bbolt"

	"entrepot/store/kv"
	"entrepot/store/kv/internal/overlay"
)

// Bounds of the transactions in which recovery repeats records.
const (
	replayRows  = 2048
	replayBytes = 4 << 20
)

// bucketHead is what precedes the page of a small bucket: its root page, which
// is 0, and a sequence number, 8 bytes each.
const bucketHead = 16

// A recovery prepares the file of one Open for bbolt.
type recovery struct {
	path string
	opt  Options
	log  *logFile // whose records are to be repeated; nil: none
	file *os.File
}

// prepare looks whether bbolt can open f, which nobody else has. Where a log
// is there, f becomes what it was at the checkpoint that the log names: of
// all that was written since any part may be missing. A crash in it changes
// nothing: the next Open does the same.
func (r *recovery) prepare(f *os.File) (err error) {
	if err := lockFile(f, r.opt.LockTimeout); err != nil {
		return fmt.Errorf("%s: %w", r.path, err)
	}
	r.file = f
	if r.log, err = openLog(r.path, r.opt); err != nil {
		return err
	}
	if r.log != nil && !haveLocks {
		return fmt.Errorf("%s was not closed, and its log cannot be used on this system", r.path)
	}
	if r.log != nil {
		if err := r.log.verify(); err != nil {
			return err
		}
		if r.log.header.number > 0 {
			return r.restore()
		}
	}
	m, copied, err := findMeta(f)
	if err != nil {
		return fmt.Errorf("%s: %w", r.path, err)
	}
	w, err := r.walker(m)
	if err != nil {
		return err
	}
	if err := w.openable(); err != nil {
		return err
	}
	if r.log != nil || copied {
		return nil
	}
	switch s, err := w.session(); {
	case err != nil:
		return err
	case s != nil:
		return fmt.Errorf("%s was not closed, and its log %s is missing: they belong together", r.path, logPath(r.path))
	}
	return nil
}

// walker returns a walker over the tree of m.
func (r *recovery) walker(m meta) (*walker, error) {
	info, err := r.file.Stat()
	if err != nil {
		return nil, err
	}
	w := &walker{f: r.file, meta: m, seen: make([]uint64, m.pages/64+1)}
	w.found = func(page uint64, reason string) error {
		return fmt.Errorf("%s: damaged database: page %d: %s", r.path, page, reason)
	}
	if m.pages > uint64(info.Size())/uint64(m.pageSize) {
		return nil, fmt.Errorf("%s: the file is cut off: it has %d bytes, its last commit needs %d", r.path, info.Size(), m.pages*uint64(m.pageSize))
	}
	return w, nil
}

// restore makes the meta record of the log's header the only one of the
// database, once it is sure that the log is of this database and has all that
// it needs. Every commit behind the header stands in the log before bbolt
// writes its meta record, so the database can be further than the log only
// where the log was cut off or is an older one, or where a program wrote that
// knows no log; only such a one closes with a list of free pages while a log is
// there. One commit without a record, which nobody was told of, may follow the
// header directly.
func (r *recovery) restore() error {
	h := r.log.header
	m, err := parseMetaRecord(h.meta[:])
	if err != nil {
		return fmt.Errorf("%s: %w", r.log.path, err)
	}
	foreign := func(why string) error {
		return fmt.Errorf("%s is not the database that %s belongs to: %s; bring back the one that does, "+
			"or, to keep this database and lose what the log holds, move the log away", r.path, r.log.path, why)
	}
	size := int64(h.pageSize)
	pages := [2][]byte{make([]byte, size), make([]byte, size)}
	own := int(m.tx % 2)
	if _, err := r.file.ReadAt(pages[own], int64(own)*size); err != nil {
		return fmt.Errorf("%s: %w", r.path, err)
	}
	if _, err := r.file.ReadAt(pages[1-own], int64(1-own)*size); err != nil {
		return fmt.Errorf("%s: %w", r.path, err)
	}
	records, err := r.log.count()
	if err != nil {
		return err
	}
	for i, page := range pages {
		switch old, err := parseMeta(page); {
		case err != nil:
		case i == own && old.tx < m.tx:
			return foreign("it is older")
		case old.tx > m.tx && old.freelist != noFreelist:
			return fmt.Errorf("%s was written to and closed by a program that knows no log, and that would be lost with %s; "+
				"nothing was changed: bring back a backup, or take what is there out with that program", r.path, r.log.path)
		case old.tx > m.tx+max(records, 1):
			return fmt.Errorf("%s lacks what it had: with it %s gets to transaction %d, and was at %d already; bring back the log that belongs to it, or a backup",
				r.log.path, r.path, m.tx+records, old.tx)
		}
	}
	w, err := r.walker(m)
	if err != nil {
		return err
	}
	switch s, err := w.session(); {
	case err != nil:
		return foreign(err.Error())
	case !bytes.Equal(s, h.session[:]):
		return foreign("it names another session, or none")
	}
	if err := w.walk(m.root); err != nil {
		return err
	}
	clear(pages[own])
	clear(pages[1-own])
	putMetaPage(pages[own], uint64(own), h.meta)
	for i, page := range pages {
		if _, err := r.file.WriteAt(page, int64(i)*size); err != nil {
			return err
		}
	}
	return r.opt.sync(r.file)
}

// putMetaPage makes page the page of a meta record.
func putMetaPage(page []byte, number uint64, record [metaSize]byte) {
	binary.NativeEndian.PutUint64(page, number)
	binary.NativeEndian.PutUint16(page[8:], flagMeta)
	copy(page[headSize:], record[:])
}

// replay repeats the records of the log in the database and makes it one that
// needs no log. A crash in it changes nothing, or the next Open begins with a
// later checkpoint.
func (w *wal) replay(log *logFile) (err error) {
	w.log = log
	if log.header.number > 0 {
		if w.pin, err = w.db.Begin(false); err != nil {
			return err
		}
	}
	group := overlay.New(kv.DefaultLimits)
	group.Reset(nil)
	reader, payload, records := *log, 0, 0
	for {
		r, ok, err := reader.next()
		if err != nil {
			return err
		}
		if ok {
			if err := decodeWrites(r.payload, group); err != nil {
				return fmt.Errorf("%s: record %d: %w", log.path, r.seq, err)
			}
			payload += len(r.payload)
			records++
		}
		if !ok || group.Len() >= replayRows || payload >= replayBytes {
			if err := w.repeat(group, payload, reader.head, reader.seq); err != nil {
				return err
			}
			group.Reset(nil)
			payload = 0
		}
		if !ok {
			break
		}
	}
	w.opt.Logger.Info("the database was not closed; what was in its log is back", "file", w.db.Path(), "commits", records)
	return w.settle()
}

// repeat commits the writes of records that are in the log. The next record is
// seq, at an offset.
func (w *wal) repeat(group *overlay.Overlay, payload int, at int64, seq uint64) error {
	if group.Len() == 0 {
		return nil
	}
	tx, err := w.db.Begin(true)
	if err != nil {
		return err
	}
	alone := w.mayRemap(tx, group.Len(), payload)
	if alone {
		if err := w.prepareAlone(); err != nil {
			return errors.Join(err, abandon(tx))
		}
	}
	err = guard(func() error { return apply(tx.Bucket(rowsBucket()), group) })
	switch {
	case err != nil:
	case alone:
		err = w.commitSynced(tx)
	default:
		err = guard(tx.Commit)
	}
	if err != nil {
		return errors.Join(err, abandon(tx))
	}
	w.opt.observe("committed", w.file)
	w.log.head, w.log.seq = at, seq
	if alone {
		return w.stamp(false)
	}
	w.grown(0)
	return nil
}

// recovered ends what Open began: it opens the wal of db and repeats the log.
func (r *recovery) recovered(db *bolt.DB) (w *wal, err error) {
	if w, err = newWAL(db, r.file, r.opt); err != nil || r.log == nil {
		return w, err
	}
	log := r.log
	r.log = nil
	if err := w.replay(log); err != nil {
		return nil, errors.Join(err, w.close())
	}
	return w, nil
}

// close lets go of a log that nobody took over.
func (r *recovery) close() error {
	if r.log == nil {
		return nil
	}
	return r.log.f.Close()
}

// session returns the session whose log the database needs, nil when it needs
// none.
func (w *walker) session() ([]byte, error) {
	clear(w.seen)
	defer clear(w.seen)
	bucket, err := w.value(w.meta.root, logBucket())
	if len(bucket) < bucketHead || err != nil {
		return nil, err
	}
	if root := binary.NativeEndian.Uint64(bucket); root != 0 {
		return w.value(root, sessionKey())
	}
	page := bucket[bucketHead:] // a small bucket is a leaf within its parent's
	if len(page) < headSize {
		return nil, nil
	}
	count := int(binary.NativeEndian.Uint16(page[10:]))
	if headSize+count*elementSize > len(page) {
		return nil, nil
	}
	elements, reason := parseElements(nil, page, false, count)
	if reason != "" {
		return nil, nil
	}
	for _, e := range elements {
		if bytes.Equal(e.key, sessionKey()) {
			return bytes.Clone(e.value), nil
		}
	}
	return nil, nil
}

// value returns the value of a key in the tree below a page; nil for none.
func (w *walker) value(number uint64, key []byte) ([]byte, error) {
	for depth := 0; ; depth++ {
		elements, flags, err := w.elements(number, depth)
		if flags == 0 || err != nil {
			return nil, err
		}
		at := sort.Search(len(elements), func(i int) bool { return bytes.Compare(elements[i].key, key) > 0 }) - 1
		switch {
		case flags == flagBranch:
			number = elements[max(at, 0)].child
		case at < 0 || !bytes.Equal(elements[at].key, key):
			return nil, nil
		default:
			return bytes.Clone(elements[at].value), nil
		}
	}
}
