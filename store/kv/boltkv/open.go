package boltkv

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
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
	if err := verifyFile(path); err != nil {
		return nil, fmt.Errorf("boltkv: %w", err)
	}
	var db *bolt.DB
	err := guard(func() (err error) {
		if db, err = openBolt(path, opt, 0); err != nil {
			return err
		}
		return checkFormat(db)
	})
	switch {
	case err != nil && db != nil:
		return nil, fmt.Errorf("boltkv: %s: %w", path, errors.Join(err, db.Close()))
	case err != nil:
		return nil, fmt.Errorf("boltkv: %w", err)
	}
	return newEngine(db, opt), nil
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
	db, err := openBolt(temp, opt, os.O_CREATE|os.O_EXCL)
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
// file, plus extra.
func openBolt(path string, opt Options, extra int) (*bolt.DB, error) {
	db, err := bolt.Open(path, fileMode, &bolt.Options{
		Timeout:         opt.LockTimeout + 50*time.Millisecond, // bbolt gives up 50 ms early
		NoFreelistSync:  true,
		FreelistType:    bolt.FreelistMapType,
		InitialMmapSize: opt.MapSize,
		NoStatistics:    true,
		OpenFile: func(name string, flag int, mode os.FileMode) (*os.File, error) {
			return opt.openFile(name, flag&^os.O_CREATE|extra, mode)
		},
	})
	switch {
	case errors.Is(err, bolterrors.ErrTimeout):
		return nil, fmt.Errorf("%s: %w", path, kv.ErrInUse)
	case err != nil:
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return db, nil
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
