package boltkv

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	bolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"entrepot/store/kv"
)

// fileMode is the mode of the database: its owner's alone.
const fileMode = 0o600

// rowsBucket returns the name of the bucket that holds all rows. A change of
// the key format takes another name, so that no version misreads a file.
func rowsBucket() []byte { return []byte("rows.1") }

// Open opens the database at path, which it makes when there is none. A new
// file is complete and durable before it bears its name, so a crash at any
// moment leaves either no database or a sound one. Open fails with
// kv.ErrInUse when another process holds the file, and with the file's name
// and the reason when it is no database of this engine.
func Open(path string, opt Options) (*Engine, error) {
	opt = opt.withDefaults()
	if err := ensure(path, opt); err != nil {
		return nil, fmt.Errorf("boltkv: %w", err)
	}
	opt.MapSize = mappable(path, opt.MapSize)
	r := &recovery{path: path, opt: opt}
	var db *bolt.DB
	var w *wal
	err := guard(func() (err error) {
		if db, err = openBolt(path, opt, 0, r.prepare); err != nil {
			return err
		}
		if err := checkFormat(db); err != nil {
			return err
		}
		w, err = r.recovered(db)
		return err
	})
	switch {
	case err != nil && db != nil:
		return nil, fmt.Errorf("boltkv: %s: %w", path, errors.Join(err, r.close(), db.Close()))
	case err != nil:
		return nil, fmt.Errorf("boltkv: %w", errors.Join(err, r.close()))
	}
	return newEngine(db, w, opt), nil
}

// mappable returns how much of the address space to reserve for the file.
func mappable(path string, size int) int {
	if info, err := os.Stat(path); err == nil {
		size = max(size, int(2*info.Size()))
	}
	for size > 1<<30 && !canMap(size) {
		size /= 2
	}
	return size
}

// ensure makes the database at path unless a file is there.
func ensure(path string, opt Options) error {
	info, err := os.Stat(path)
	if err == nil {
		return checkFile(path, info)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	dir := filepath.Dir(path)
	if _, err := os.Lstat(logPath(path)); err == nil {
		return fmt.Errorf("%s is there, but the database %s that it belongs to is missing", logPath(path), path)
	}
	unlock, err := lockDir(dir, opt.LockTimeout)
	if err != nil {
		return fmt.Errorf("making %s: %w", path, err)
	}
	defer unlock()
	if info, err := os.Stat(path); err == nil { // somebody was faster
		return checkFile(path, info)
	}
	return create(path, dir, opt)
}

// checkFile refuses what cannot be a database, which bbolt would overwrite.
func checkFile(path string, info fs.FileInfo) error {
	switch {
	case !info.Mode().IsRegular():
		return fmt.Errorf("%s is not a regular file", path)
	case info.Size() == 0:
		return fmt.Errorf("%s is empty: not a database; restore it or move it away", path)
	}
	return nil
}

// create builds an empty database under a temporary name and gives it its
// name when it is durable. The directory is locked, so a temporary file that
// is there was left by a crash.
func create(path, dir string, opt Options) (err error) {
	temp := path + ".new"
	if err := os.Remove(temp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	db, err := openBolt(temp, opt, os.O_CREATE|os.O_EXCL, func(*os.File) error { return nil })
	if err != nil {
		return err
	}
	err = db.Update(func(tx *bolt.Tx) error {
		_, err := tx.CreateBucket(rowsBucket())
		return err
	})
	if err = errors.Join(err, db.Close()); err != nil {
		return errors.Join(err, os.Remove(temp))
	}
	if err := os.Rename(temp, path); err != nil {
		return err
	}
	return syncDir(dir)
}

// syncDir makes the names in a directory durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// openBolt opens the file with the flags of bbolt, less its wish to make a
// file, plus extra. bbolt gets the file after prepare has.
func openBolt(path string, opt Options, extra int, prepare func(*os.File) error) (*bolt.DB, error) {
	db, err := bolt.Open(path, fileMode, &bolt.Options{
		Timeout:         opt.LockTimeout + 50*time.Millisecond, // bbolt gives up 50 ms early
		NoFreelistSync:  true,
		FreelistType:    bolt.FreelistMapType,
		InitialMmapSize: opt.MapSize,
		NoStatistics:    true,
		NoGrowSync:      true, // what a meta record names is written and synced before it counts
		OpenFile: func(name string, flag int, mode os.FileMode) (f *os.File, err error) {
			if f, err = opt.openFile(name, flag&^os.O_CREATE|extra, mode); err != nil {
				return nil, err
			}
			if err = guard(func() error { return prepare(f) }); err != nil {
				return nil, errors.Join(err, f.Close())
			}
			return f, nil
		},
	})
	switch {
	case errors.Is(err, bolterrors.ErrTimeout):
		return nil, fmt.Errorf("%s: %w", path, kv.ErrInUse)
	case err != nil && !strings.Contains(err.Error(), path):
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return db, err
}

// checkFormat fails unless db holds the rows of this version of the engine.
func checkFormat(db *bolt.DB) error {
	return db.View(func(tx *bolt.Tx) error {
		if tx.Bucket(rowsBucket()) == nil {
			return fmt.Errorf("no bucket %q: not a database of this version", rowsBucket())
		}
		return nil
	})
}
