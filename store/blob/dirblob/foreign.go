package dirblob

import (
	"context"
	"errors"
	"io/fs"

	"entrepot/store/blob"
)

// Foreign lists the files in the directory that this package did not make, at
// most limit. They are left alone.
func (s *Store) Foreign(ctx context.Context, limit int) (names []string, err error) {
	note := func(name string) bool {
		if len(names) < limit {
			names = append(names, name)
		}
		return len(names) < limit
	}
	have, err := s.entries()
	if err != nil {
		return nil, err
	}
	for name, entry := range have {
		if name != lockName && (!entry.IsDir() || name != tmpDir && !isDirName(name)) {
			note(name)
		}
	}
	for n := range fanOut {
		dir := dirName(n)
		err := s.list(dir, func(e fs.DirEntry) (bool, error) {
			id, err := blob.ParseID(e.Name())
			if err != nil || dirOf(id) != dir || !e.Type().IsRegular() {
				return note(dir + "/" + e.Name()), ctx.Err()
			}
			return true, ctx.Err()
		})
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return names, err
		}
	}
	return names, nil
}

func isDirName(name string) bool {
	for n := range fanOut {
		if name == dirName(n) {
			return true
		}
	}
	return false
}
