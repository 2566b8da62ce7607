package dirblob

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"entrepot/store/blob"
)

// readBatch is how many directory entries are read at once.
const readBatch = 1024

// makeBase makes dir and its missing parents, each synced into its own.
func makeBase(dir string) error {
	dir = filepath.Clean(dir)
	err := os.Mkdir(dir, 0o700)
	switch {
	case err == nil:
		return syncPath(filepath.Dir(dir))
	case errors.Is(err, fs.ErrExist):
		return nil
	case !errors.Is(err, fs.ErrNotExist) || filepath.Dir(dir) == dir:
		return err
	}
	if err := makeBase(filepath.Dir(dir)); err != nil {
		return err
	}
	return makeBase(dir)
}

func syncPath(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// prepare looks at what is there, makes the directory for unfinished blobs
// and empties it. The base is synced even if nothing is made: the process that
// made a directory may have died before its own sync.
func (s *Store) prepare() error {
	have, err := s.entries()
	if err != nil {
		return err
	}
	if _, ok := have[tmpDir]; !ok {
		if err := s.root.Mkdir(tmpDir, 0o700); err != nil {
			return err
		}
	} else if !have[tmpDir].IsDir() {
		return fmt.Errorf("%s is not a directory", tmpDir)
	}
	for n := range fanOut {
		name := dirName(n)
		entry, ok := have[name]
		if ok && !entry.IsDir() {
			return fmt.Errorf("%s is not a directory", name)
		}
		s.made[n].Store(ok)
		delete(have, name)
	}
	delete(have, tmpDir)
	delete(have, lockName)
	for name := range have {
		s.foreign(name)
	}
	if err := s.syncDir("."); err != nil {
		return err
	}
	return s.emptyTmp()
}

// makeDir makes the directory of a blob durable before the first blob comes
// into it.
func (s *Store) makeDir(id blob.ID) error {
	made := &s.made[dirNumber(id)]
	if made.Load() {
		return nil
	}
	s.making.Lock()
	defer s.making.Unlock()
	if made.Load() {
		return nil
	}
	if err := s.opt.Faults.at(StepMakeDir, dirOf(id)); err != nil {
		return err
	}
	if err := s.root.Mkdir(dirOf(id), 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	if err := s.syncDir("."); err != nil {
		return err
	}
	made.Store(true)
	return nil
}

// entries lists the base directory.
func (s *Store) entries() (map[string]fs.DirEntry, error) {
	have := map[string]fs.DirEntry{}
	err := s.list(".", func(e fs.DirEntry) (bool, error) {
		have[e.Name()] = e
		return true, nil
	})
	return have, err
}

// emptyTmp removes what a dead process was writing.
func (s *Store) emptyTmp() error {
	removed := 0
	err := s.list(tmpDir, func(e fs.DirEntry) (bool, error) {
		name := tmpDir + "/" + e.Name()
		if _, err := blob.ParseID(e.Name()); err != nil || !e.Type().IsRegular() {
			s.foreign(name)
			return true, nil
		}
		removed++
		return true, s.remove(name)
	})
	if removed > 0 {
		s.opt.Logger.Info("removed unfinished blobs", "count", removed)
	}
	return err
}

// allOf yields the blobs of one directory and tells whether to go on.
func (s *Store) allOf(ctx context.Context, dir string, yield func(blob.ID, error) bool) bool {
	on := true
	err := s.list(dir, func(e fs.DirEntry) (bool, error) {
		if err := ctx.Err(); err != nil {
			return false, err
		}
		id, err := blob.ParseID(e.Name())
		if err != nil || dirOf(id) != dir || !e.Type().IsRegular() {
			s.foreign(dir + "/" + e.Name())
			return true, nil
		}
		on = yield(id, nil)
		return on, nil
	})
	if err == nil || errors.Is(err, fs.ErrNotExist) { // a directory is made when its first blob comes
		return on
	}
	if on {
		yield(blob.ID{}, err)
	}
	return false
}

// list calls fn for each entry of a directory until it says stop or fails.
func (s *Store) list(dir string, fn func(fs.DirEntry) (more bool, err error)) (err error) {
	d, err := s.root.Open(dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	for {
		batch, err := d.ReadDir(readBatch)
		for _, e := range batch {
			if more, err := fn(e); err != nil || !more {
				return err
			}
		}
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
	}
}

// syncDir makes the names in a directory durable.
func (s *Store) syncDir(dir string) error {
	if err := s.opt.Faults.at(StepSyncDir, dir); err != nil {
		return err
	}
	d, err := s.root.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func (s *Store) foreign(name string) {
	s.opt.Logger.Warn("foreign file among the blobs, left alone", "file", name)
}
