package boltkv

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	bolt "go.etcd.io/bbolt"

	"entrepot/store/kv"
	"entrepot/store/kv/internal/overlay"
)

// When a checkpoint begins: the bytes logged and the commits since the one
// before. bbolt looks at each commit whose pages are pinned with every
// transaction, so their number is bounded.
const (
	checkpointBytes   = 24 << 20
	checkpointCommits = 1024
	// lateCheckpoint is how many times as many commits writers wait behind.
	lateCheckpoint = 4
)

// logBucket returns the name of the bucket that holds the session of the log
// that the database needs, while it needs one.
func logBucket() []byte { return []byte("log.1") }

// sessionKey returns the key of the session in logBucket.
func sessionKey() []byte { return []byte("session") }

// wal commits transactions through a log: a commit is durable when its record
// is, with one sync; bbolt then writes its pages without any. From time to
// time a checkpoint makes the pages durable, and records before it are
// overwritten. Until the next checkpoint is durable a read transaction of the
// last one's state, the pin, keeps bbolt from using its pages again, so that
// recovery finds that state whole whatever else was or was not written.
//
// It is used by the combiner alone.
type wal struct {
	db   *bolt.DB
	file *os.File // bbolt's own
	opt  Options

	log  *logFile    // nil: the database stands by itself
	pin  *bolt.Tx    // of the state that log.header names
	next *checkpoint // under way; nil: none

	commits int   // since the newest checkpoint began
	bytes   int64 // logged since then

	page    int64 // bytes of a page of the database
	mapped  int64 // bytes into which the file may grow before it is mapped anew
	size    int64 // room that the database file has, in bytes from its beginning
	bounded bool  // room can be allocated
	buf     []byte
	done    chan error // of the append under way
}

// A checkpoint is a header that waits for the pages of its state.
type checkpoint struct {
	pin    *bolt.Tx
	header header
	synced chan error // gets one value
	over   bool       // it was received
}

// wait returns how the sync of the pages ended. It is called until it fails.
func (c *checkpoint) wait() error {
	if c.over {
		return nil
	}
	err := <-c.synced
	c.over = true
	return err
}

// newWAL returns the wal of an open database without a log.
func newWAL(db *bolt.DB, file *os.File, opt Options) (*wal, error) {
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	db.NoSync = true
	w := &wal{db: db, file: file, opt: opt, page: int64(db.Info().PageSize), mapped: mapSize(max(info.Size(), int64(opt.MapSize))),
		bounded: true, done: make(chan error, 1)}
	// What the file has behind its pages may be a hole: bbolt grows it by
	// truncating where nobody gave it room.
	err = db.View(func(tx *bolt.Tx) error {
		w.size = tx.Size()
		return nil
	})
	return w, err
}

// commit makes what o holds durable and ends tx, which was not changed yet.
// kv.ErrNoSpace means that nothing took effect; after other errors the outcome
// is unknown and nothing may be committed any more.
func (w *wal) commit(tx *bolt.Tx, o *overlay.Overlay) error {
	w.buf = appendWrites(append(w.buf[:0], make([]byte, recordHead)...), o)
	payload := len(w.buf) - recordHead
	if w.log == nil || w.log.header.number == 0 || payload > w.opt.tuning.maxRecord || w.mayRemap(tx, o.Len(), payload) {
		return w.commitAlone(tx, o, payload)
	}
	n := blocks(len(w.buf))
	at, err := w.room(tx, o.Len(), payload, n)
	switch {
	case errors.Is(err, errFull):
		return w.commitAlone(tx, o, payload)
	case err != nil:
		return errors.Join(err, abandon(tx))
	}
	h, err := w.ready()
	if err != nil {
		return errors.Join(err, abandon(tx))
	}
	w.buf = sealRecord(w.buf, w.log.header.session, w.log.seq, w.log.header.number)
	go func() { w.done <- w.log.append(w.buf, at, h) }()
	err = guard(func() error { return apply(tx.Bucket(rowsBucket()), o) })
	if err = errors.Join(<-w.done, err); err != nil {
		return errors.Join(err, abandon(tx))
	}
	w.log.appended(at, n)
	if h != nil {
		w.advance()
	}
	if err := guard(tx.Commit); err != nil {
		return errors.Join(err, abandon(tx))
	}
	w.opt.observe("committed", w.file)
	w.commits++
	w.bytes += n
	return w.checkpointIfDue()
}

// room makes sure that database and log have room for a transaction, and
// returns where its record goes. The error may be errFull.
func (w *wal) room(tx *bolt.Tx, rows, payload int, record int64) (at int64, err error) {
	if err := w.reserve(tx, rows, payload); err != nil {
		return 0, err
	}
	for {
		at, err := w.log.place(record)
		if at != 0 || err != nil && !errors.Is(err, errFull) {
			return at, err
		}
		switch {
		case w.next != nil:
			err = w.wait()
		case w.log.head == w.log.header.at: // not even empty it has room
			return 0, errors.Join(errFull, err)
		default:
			err = w.checkpointNow()
		}
		if err != nil {
			return 0, err
		}
	}
}

// commitAlone commits without a record: the first commit of a session, large
// ones, and those for which the file may be mapped anew, which no transaction
// may read meanwhile. The state before it is made durable, then unpinned,
// which is safe for one commit: bbolt does not use the pages of the state
// that it replaces.
func (w *wal) commitAlone(tx *bolt.Tx, o *overlay.Overlay, payload int) error {
	if payload > maxRecord {
		w.buf = nil // too much to keep for the next
	}
	err := w.prepareAlone()
	if err != nil && !errors.Is(err, errFull) {
		return errors.Join(err, abandon(tx))
	}
	if err := w.reserve(tx, o.Len(), payload); err != nil && !errors.Is(err, errFull) { // without room bbolt's own free pages may do
		return errors.Join(err, abandon(tx))
	}
	err = guard(func() error {
		if err := w.noteSession(tx); err != nil {
			return err
		}
		return apply(tx.Bucket(rowsBucket()), o)
	})
	if err == nil {
		err = w.commitSynced(tx)
	}
	if err == nil {
		return w.stamp(true)
	}
	err = errors.Join(err, abandon(tx))
	if !unwritten(err) {
		return err
	}
	if w.log != nil && w.log.header.number > 0 {
		if w.pin, err = w.db.Begin(false); err != nil { // the state is still that of the header
			return err
		}
	}
	return kv.ErrNoSpace
}

// prepareAlone makes the state so far durable, and the log where there is
// none. The error may be errFull; the commit is then one without a log.
func (w *wal) prepareAlone() error {
	switch {
	case w.log == nil && !haveLocks:
		return errFull
	case w.log == nil:
		h := header{pageSize: uint32(w.page), seq: 1, at: recordStart}
		if _, err := io.ReadFull(w.opt.Random, h.session[:]); err != nil {
			return err
		}
		log, err := createLog(w.db.Path(), h, w.opt)
		if err != nil {
			return err
		}
		w.log = log
		return nil
	case w.log.header.number == 0:
		return nil
	}
	if err := w.checkpointNow(); err != nil {
		return err
	}
	w.unpin()
	return nil
}

// noteSession notes in the database whose log it needs from tx on: none where
// there is no log, whatever a backup says that was made beside one.
func (w *wal) noteSession(tx *bolt.Tx) error {
	switch {
	case w.log == nil:
		return dropSession(tx)
	case w.log.header.number > 0: // it is noted
		return nil
	}
	b, err := tx.CreateBucketIfNotExists(logBucket())
	if err != nil {
		return err
	}
	return b.Put(sessionKey(), w.log.header.session[:])
}

// dropSession notes in the database that it needs no log.
func dropSession(tx *bolt.Tx) error {
	if tx.Bucket(logBucket()) == nil {
		return nil
	}
	return tx.DeleteBucket(logBucket())
}

// commitSynced ends tx with the syncs of bbolt's own.
func (w *wal) commitSynced(tx *bolt.Tx) error {
	w.db.NoSync = false
	defer func() { w.db.NoSync = true }()
	if err := guard(tx.Commit); err != nil {
		return err
	}
	w.opt.observe("committed and synced", w.file)
	return nil
}

// unwritten tells whether err is that of a commit which found no room for its
// pages, before it wrote its meta record. Where a sync says so it is too late.
func unwritten(err error) bool {
	var path *fs.PathError
	return errors.As(err, &path) && path.Op == "write" && noRoom(err)
}

// stamp makes the state that was just committed and synced the one that
// recovery begins with. A mark is a record without writes behind the header:
// should the header be damaged later, recovery knows that it was there.
func (w *wal) stamp(mark bool) error {
	if w.log == nil {
		return nil
	}
	if err := w.begin(); err != nil {
		return err
	}
	w.next.over = true
	if err := w.log.writeHeader(w.next.header); err != nil {
		return err
	}
	w.advance()
	w.grown(w.pin.Size())
	if !mark {
		return nil
	}
	at, err := w.log.place(blockSize)
	if err != nil {
		return err
	}
	w.buf = sealRecord(append(w.buf[:0], make([]byte, recordHead)...), w.log.header.session, w.log.seq, w.log.header.number)
	if err := w.log.append(w.buf, at, nil); err != nil {
		return err
	}
	w.log.appended(at, blockSize)
	return nil
}

// begin pins the state as it is and makes the header for it. The pages are not
// synced yet.
func (w *wal) begin() error {
	pin, err := w.db.Begin(false)
	if err != nil {
		return err
	}
	h := header{pageSize: w.log.header.pageSize, session: w.log.header.session, number: w.log.header.number + 1, seq: w.log.seq, at: w.log.head}
	page := make([]byte, headSize+metaSize)
	if _, err = w.file.ReadAt(page, int64(pin.ID()%2)*int64(h.pageSize)); err == nil {
		var m meta
		if m, err = parseMeta(page); err == nil && m.tx != uint64(pin.ID()) {
			err = fmt.Errorf("its meta record is of transaction %d, not of %d", m.tx, pin.ID())
		}
	}
	if err != nil {
		return errors.Join(err, abandon(pin))
	}
	h.meta = [metaSize]byte(page[headSize:])
	w.next = &checkpoint{pin: pin, header: h, synced: make(chan error, 1)}
	w.commits, w.bytes = 0, 0
	return nil
}

// checkpointIfDue starts a checkpoint after so many commits. Where the one
// before is far behind, it is waited for.
func (w *wal) checkpointIfDue() error {
	switch {
	case w.next == nil && (w.bytes >= checkpointBytes || w.commits >= w.opt.tuning.checkpointCommits):
		return w.start()
	case w.next != nil && w.commits >= lateCheckpoint*w.opt.tuning.checkpointCommits:
		return w.wait()
	}
	return nil
}

// start starts a checkpoint of the state as it is.
func (w *wal) start() error {
	if err := w.begin(); err != nil {
		return err
	}
	c := w.next
	go func() { c.synced <- w.opt.sync(w.file) }()
	return nil
}

// ready returns the header of a checkpoint whose pages are durable, which the
// next write to the log takes along; nil when there is none.
func (w *wal) ready() (*header, error) {
	if w.next == nil {
		return nil, nil
	}
	if !w.next.over && len(w.next.synced) == 0 {
		return nil, nil
	}
	if err := w.next.wait(); err != nil {
		return nil, err
	}
	return &w.next.header, nil
}

// wait waits for the checkpoint under way and writes its header.
func (w *wal) wait() error {
	if err := w.next.wait(); err != nil {
		return err
	}
	if err := w.log.writeHeader(w.next.header); err != nil {
		return err
	}
	w.advance()
	return nil
}

// checkpointNow makes a checkpoint of the state as it is. One that is under
// way is given up for it.
func (w *wal) checkpointNow() error {
	if err := w.drop(); err != nil {
		return err
	}
	if err := w.start(); err != nil {
		return err
	}
	return w.wait()
}

// drop waits for the pages of the checkpoint under way, and forgets it.
func (w *wal) drop() (err error) {
	if w.next == nil {
		return nil
	}
	err = w.next.wait()
	_ = w.next.pin.Rollback() // the end of a reader cannot fail
	w.next = nil
	return err
}

// advance notes that the header of the checkpoint under way is durable.
func (w *wal) advance() {
	w.unpin()
	w.log.header, w.pin, w.next = w.next.header, w.next.pin, nil
}

// unpin lets go of the pages of the last checkpoint.
func (w *wal) unpin() {
	if w.pin != nil {
		_ = w.pin.Rollback() // the end of a reader cannot fail
		w.pin = nil
	}
}

// settle makes the database one that needs no log and removes the log.
func (w *wal) settle() error {
	if w.log == nil {
		return nil
	}
	if w.log.header.number > 0 {
		if err := w.checkpointNow(); err != nil {
			return err
		}
		w.unpin()
	}
	if err := w.last(false); err != nil {
		return err
	}
	log := w.log
	w.log = nil
	return log.remove()
}

// last commits that the database needs no log, with the list of free pages
// where that is asked for, so that the next Open need not walk over the tree.
func (w *wal) last(freelist bool) error {
	tx, err := w.db.Begin(true)
	if err != nil {
		return err
	}
	err = guard(func() error { return dropSession(tx) })
	if err == nil {
		w.db.NoFreelistSync = !freelist
		err = w.commitSynced(tx)
		w.db.NoFreelistSync = true
	}
	if err != nil {
		return errors.Join(err, abandon(tx))
	}
	return nil
}

// shut settles the database for the last time. Its two meta records then are
// of commits that need no log, so that one of them may be damaged.
func (w *wal) shut() error {
	if err := w.settle(); err != nil {
		return err
	}
	return w.last(true)
}

// close lets go of all that the wal holds. A log that settle did not remove
// stays for the next Open.
func (w *wal) close() error {
	err := w.drop()
	w.unpin()
	if w.log != nil {
		err = errors.Join(err, w.log.f.Close())
	}
	return err
}
