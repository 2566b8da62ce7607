package dirblob

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"entrepot/store/blob"
)

// Adopt takes over a blob of another store on the same volume by a link, so
// that it takes no space of its own; blobs are never changed, so neither store
// notices the other. It returns false where a link cannot be made: on another
// volume, on a file system without links, or when the file has too many. The
// name is durable after SyncNames. Adopting a blob that is there is not an
// error.
func (s *Store) Adopt(ctx context.Context, from *Store, id blob.ID) (linked bool, err error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	if err := s.writable(); err != nil {
		return false, err
	}
	if err := s.makeDir(id); err != nil {
		return false, spaceError(err)
	}
	err = link(from.base, s.base, pathOf(id))
	switch {
	case err == nil, errors.Is(err, fs.ErrExist):
		return true, nil
	case errors.Is(err, fs.ErrNotExist):
		return false, fmt.Errorf("%w: %s", blob.ErrNotFound, id)
	case cannotLink(err):
		return false, nil
	}
	return false, spaceError(err)
}

// SyncNames makes the names of adopted blobs durable. A failure ends writing
// for good.
func (s *Store) SyncNames() error {
	for n := range fanOut {
		if !s.made[n].Load() {
			continue
		}
		if err := s.syncDir(dirName(n)); err != nil {
			return s.stop(err)
		}
	}
	return nil
}

// OpenFile opens the file of a blob below root, a directory of a Store that
// need not be open. The content stands at its beginning and is not checked.
func OpenFile(root *os.Root, id blob.ID) (*os.File, error) {
	f, err := root.Open(pathOf(id))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: %s", blob.ErrNotFound, id)
	}
	return f, err
}
