// Package volumes joins several engines of content into one: a first one and
// up to 15 further ones, each for what was put into a store of its own. The
// first four bits of a blob's ID name its volume. The engines know nothing of
// each other.
package volumes

import (
	"context"
	"errors"
	"iter"

	"entrepot/store/blob"
)

// Max is the highest number of a volume. The first engine is volume 0.
const Max = 15

// Of returns the number of the volume that an ID names.
func Of(id blob.ID) uint8 { return id[0] >> 4 }

// Mark makes an ID name a volume, 0 to Max.
func Mark(id *blob.ID, volume uint8) { id[0] = id[0]&0x0f | volume<<4 }

// Store is a blob.Blobs over several. Safe for concurrent use.
type Store struct {
	first   blob.Blobs
	further map[uint8]blob.Blobs
}

// New joins engines: first is volume 0. IDs of a volume that is not there go
// to the first one, which also has what it kept of a volume before that came:
// so a backup can be restored into one directory. The Store does not own the
// engines: they outlive it.
func New(first blob.Blobs, further map[uint8]blob.Blobs) *Store {
	return &Store{first: first, further: further}
}

var _ blob.Blobs = (*Store)(nil)

// volume is the engine of an ID, and nil where that is the first.
func (s *Store) volume(id blob.ID) blob.Blobs { return s.further[Of(id)] }

// Create implements blob.Blobs.
func (s *Store) Create(ctx context.Context, id blob.ID) (blob.Upload, error) {
	if v := s.volume(id); v != nil {
		return v.Create(ctx, id)
	}
	return s.first.Create(ctx, id)
}

// Open implements blob.Blobs.
func (s *Store) Open(ctx context.Context, id blob.ID) (blob.Reader, error) {
	v := s.volume(id)
	if v == nil {
		return s.first.Open(ctx, id)
	}
	r, err := v.Open(ctx, id)
	if errors.Is(err, blob.ErrNotFound) {
		return s.first.Open(ctx, id)
	}
	return r, err
}

// Remove implements blob.Blobs.
func (s *Store) Remove(ctx context.Context, id blob.ID) error {
	var err error
	if v := s.volume(id); v != nil {
		err = v.Remove(ctx, id)
	}
	return errors.Join(err, s.first.Remove(ctx, id))
}

// All implements blob.Blobs: an error of one volume is yielded and the next
// one goes on.
func (s *Store) All(ctx context.Context) iter.Seq2[blob.ID, error] {
	return func(yield func(blob.ID, error) bool) {
		for id, err := range s.first.All(ctx) {
			if !yield(id, err) {
				return
			}
		}
		for n := uint8(1); n <= Max; n++ {
			v := s.further[n]
			if v == nil {
				continue
			}
			for id, err := range v.All(ctx) {
				if !yield(id, err) {
					return
				}
			}
		}
	}
}

// Free implements blob.Blobs for the first volume, where the database grows
// as well; a further one that is full refuses by itself.
func (s *Store) Free() (int64, error) { return s.first.Free() }

// Close does nothing: the engines are closed by who opened them.
func (s *Store) Close() error { return nil }

// Away is the engine of a volume that could not be opened: whatever is asked
// of it fails with the cause.
type Away struct{ Err error }

var _ blob.Blobs = Away{}

// Create implements blob.Blobs.
func (a Away) Create(context.Context, blob.ID) (blob.Upload, error) { return nil, a.Err }

// Open implements blob.Blobs.
func (a Away) Open(context.Context, blob.ID) (blob.Reader, error) { return nil, a.Err }

// Remove implements blob.Blobs.
func (a Away) Remove(context.Context, blob.ID) error { return a.Err }

// All implements blob.Blobs.
func (a Away) All(context.Context) iter.Seq2[blob.ID, error] {
	return func(yield func(blob.ID, error) bool) { yield(blob.ID{}, a.Err) }
}

// Free implements blob.Blobs.
func (a Away) Free() (int64, error) { return 0, a.Err }

// Close implements blob.Blobs.
func (a Away) Close() error { return nil }
