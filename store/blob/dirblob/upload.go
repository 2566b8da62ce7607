package dirblob

import (
	"errors"
	"os"

	"entrepot/store/blob"
)

// upload is one blob being written to its temporary file.
type upload struct {
	store *Store
	id    blob.ID
	tmp   string
	file  *os.File // nil once ended
	sums  sums
	err   error // what went wrong while writing; sticky
}

var errEnded = errors.New("dirblob: the upload has ended")

// Write appends to the content. Memory stays flat but for four bytes a block.
func (u *upload) Write(p []byte) (int, error) {
	switch {
	case u.file == nil:
		return 0, errEnded
	case u.err != nil:
		return 0, u.err
	}
	before := u.sums.size
	n, err := u.write(p)
	u.sums.write(p[:n])
	if err == nil && before/blob.WindowSize != u.sums.size/blob.WindowSize {
		err = u.nextWindow(before)
	}
	u.err = err
	return n, err
}

func (u *upload) write(p []byte) (int, error) {
	if err := u.store.opt.Faults.at(StepWrite, u.tmp); err != nil {
		return 0, u.store.writeError(err)
	}
	n, err := u.file.Write(p)
	return n, u.store.writeError(err)
}

// nextWindow is called when another window is full: its pages start on their
// way to the disk, and the free space is looked at again.
func (u *upload) nextWindow(before int64) error {
	from := before - before%blob.WindowSize
	to := u.sums.size - u.sums.size%blob.WindowSize
	startWriting(u.file, from, to-from)
	return u.store.checkSpace()
}

// Commit makes the blob durable and visible, in the order that the package's
// comment gives.
func (u *upload) Commit() (err error) {
	if u.file == nil {
		return errEnded
	}
	defer func() {
		if err != nil {
			u.discard()
		}
		u.file = nil
	}()
	if u.err != nil {
		return u.err
	}
	if err := u.store.writable(); err != nil {
		return err
	}
	if _, err := u.write(u.sums.trailer(u.id)); err != nil {
		return err
	}
	if err := u.finish(); err != nil {
		return u.store.stop(err)
	}
	return u.publish()
}

// Abort throws the blob away; after Commit or another Abort it does nothing.
func (u *upload) Abort() {
	if u.file != nil {
		u.discard()
		u.file = nil
	}
}

// finish makes the file durable and closes it.
func (u *upload) finish() error {
	faults := u.store.opt.Faults
	if err := faults.at(StepSync, u.tmp); err != nil {
		return err
	}
	if err := syncData(u.file); err != nil {
		return err
	}
	if err := faults.at(StepClose, u.tmp); err != nil {
		return err
	}
	return u.file.Close()
}

// publish gives the finished file its name and makes that durable. A full
// disk before the rename leaves everything as it was; all else stops writing.
func (u *upload) publish() error {
	s, name := u.store, pathOf(u.id)
	err := s.makeDir(u.id)
	if err == nil {
		err = s.opt.Faults.at(StepRename, name)
	}
	if err == nil {
		err = s.root.Rename(u.tmp, name)
	}
	switch {
	case isNoSpace(err):
		return spaceError(err)
	case err != nil && s.closed.Load():
		return errClosed
	case err != nil:
		return s.stop(err)
	}
	if err := s.syncDir(dirOf(u.id)); err != nil {
		// Nobody was told of the blob; what is left of it is an orphan.
		return s.stop(errors.Join(err, s.remove(name)))
	}
	return nil
}

// discard removes the temporary file. What cannot be removed now is removed
// when the store is opened next.
func (u *upload) discard() {
	closing := u.file.Close()
	if errors.Is(closing, os.ErrClosed) {
		closing = nil
	}
	if err := errors.Join(closing, u.store.remove(u.tmp)); err != nil && !u.store.closed.Load() {
		u.store.opt.Logger.Warn("unfinished blob not removed", "file", u.tmp, "err", err)
	}
}
