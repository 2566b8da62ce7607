// Package memblob keeps blobs in memory: the content engine of tests. It keeps
// the contract of package blob to the letter, damage included, and can be told
// to fail or to spoil content, so that what stands above it can be tested
// against a broken disk without one.
package memblob

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"iter"
	"maps"
	"math"
	"slices"
	"sync"

	"entrepot/store/blob"
)

// An Op names what a Store is doing when it asks for a fault.
type Op string

// The operations that can be made to fail.
const (
	OpCreate Op = "create"
	OpWrite  Op = "write"
	OpCommit Op = "commit" // as a failed sync: the store stops writing
	OpOpen   Op = "open"
	OpRead   Op = "read"
	OpRemove Op = "remove"
)

// Options configures a Store. The zero value is a store without bound or
// faults.
type Options struct {
	// Capacity bounds the bytes of all blobs, those being written included;
	// beyond it there is blob.ErrNoSpace. Zero: no bound.
	Capacity int64

	// Faults is asked before each operation; an error that it returns is the
	// operation's. It must be safe for concurrent use and not call the store.
	Faults func(op Op, id blob.ID) error
}

// Store is a blob.Blobs in memory. It is safe for concurrent use.
type Store struct {
	opt Options

	mu      sync.Mutex
	blobs   map[blob.ID]*content
	writing map[blob.ID]bool
	used    int64
	stopped error
}

// content is one committed blob. It is never changed, only replaced.
type content struct {
	bytes []byte
	size  int64 // as committed
	crcs  []uint32
}

var _ blob.Blobs = (*Store)(nil)

// New returns an empty store.
func New(opt Options) *Store {
	return &Store{opt: opt, blobs: map[blob.ID]*content{}, writing: map[blob.ID]bool{}}
}

func (s *Store) fault(op Op, id blob.ID) error {
	if s.opt.Faults == nil {
		return nil
	}
	return s.opt.Faults(op, id)
}

// Create starts a blob. See blob.Blobs; an ID that was used before is an
// error.
func (s *Store) Create(ctx context.Context, id blob.ID) (blob.Upload, error) {
	if err := cmpErr(ctx.Err(), s.fault(OpCreate, id)); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.stopped != nil:
		return nil, s.stopped
	case s.free() <= 0:
		return nil, blob.ErrNoSpace
	case s.writing[id] || s.blobs[id] != nil:
		return nil, fmt.Errorf("memblob: %s is taken", id)
	}
	s.writing[id] = true
	return &upload{store: s, id: id}, nil
}

// Open opens a committed blob. See blob.Blobs.
func (s *Store) Open(ctx context.Context, id blob.ID) (blob.Reader, error) {
	if err := cmpErr(ctx.Err(), s.fault(OpOpen, id)); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.blobs[id]
	switch {
	case c == nil:
		return nil, fmt.Errorf("%w: %s", blob.ErrNotFound, id)
	case int64(len(c.bytes)) != c.size:
		return nil, fmt.Errorf("%w: %s has changed its size", blob.ErrCorrupt, id)
	}
	return &reader{store: s, id: id, content: c}, nil
}

// Remove removes a blob. See blob.Blobs. It works while writing has stopped.
func (s *Store) Remove(ctx context.Context, id blob.ID) error {
	if err := cmpErr(ctx.Err(), s.fault(OpRemove, id)); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.blobs[id]; c != nil {
		s.used -= c.size
		delete(s.blobs, id)
	}
	return nil
}

// All yields the committed blobs as they were when it was first asked. See
// blob.Blobs.
func (s *Store) All(ctx context.Context) iter.Seq2[blob.ID, error] {
	return func(yield func(blob.ID, error) bool) {
		s.mu.Lock()
		ids := slices.Collect(maps.Keys(s.blobs))
		s.mu.Unlock()
		for _, id := range ids {
			if err := ctx.Err(); err != nil {
				yield(blob.ID{}, err)
				return
			}
			if !yield(id, nil) {
				return
			}
		}
	}
}

// Free returns what is left of Options.Capacity.
func (s *Store) Free() (int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.free(), nil
}

func (s *Store) free() int64 {
	if s.opt.Capacity == 0 {
		return math.MaxInt64
	}
	return max(0, s.opt.Capacity-s.used)
}

// Close does nothing: there is nothing to let go of.
func (s *Store) Close() error { return nil }

// Damage replaces the stored bytes of a blob with what spoil makes of a copy
// of them, behind the back of the checksums, as a failing disk would. It
// reports whether the blob exists. Open readers keep the old bytes.
func (s *Store) Damage(id blob.ID, spoil func([]byte) []byte) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.blobs[id]
	if c == nil {
		return false
	}
	s.blobs[id] = &content{bytes: spoil(bytes.Clone(c.bytes)), size: c.size, crcs: c.crcs}
	return true
}

// Len returns how many blobs are committed.
func (s *Store) Len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.blobs)
}

// cmpErr returns the first error.
func cmpErr(list ...error) error {
	for _, err := range list {
		if err != nil {
			return err
		}
	}
	return nil
}

var errEnded = errors.New("memblob: the upload has ended")

type upload struct {
	store *Store
	id    blob.ID
	buf   bytes.Buffer
	ended bool
	err   error
}

func (u *upload) Write(p []byte) (int, error) {
	switch {
	case u.ended:
		return 0, errEnded
	case u.err != nil:
		return 0, u.err
	}
	if u.err = u.store.fault(OpWrite, u.id); u.err != nil {
		return 0, u.err
	}
	u.store.mu.Lock()
	defer u.store.mu.Unlock()
	if u.store.free() < int64(len(p)) {
		u.err = blob.ErrNoSpace
		return 0, u.err
	}
	u.store.used += int64(len(p))
	return u.buf.Write(p)
}

func (u *upload) Commit() error {
	if u.ended {
		return errEnded
	}
	failed := u.store.fault(OpCommit, u.id)
	s := u.store
	s.mu.Lock()
	defer s.mu.Unlock()
	if failed != nil && s.stopped == nil {
		s.stopped = fmt.Errorf("%w: %w", blob.ErrStopped, failed)
	}
	if err := cmpErr(u.err, s.stopped); err != nil {
		u.discard()
		return err
	}
	u.ended = true
	delete(s.writing, u.id)
	c := &content{bytes: bytes.Clone(u.buf.Bytes()), size: int64(u.buf.Len())}
	for block := range slices.Chunk(c.bytes, blob.BlockSize) {
		c.crcs = append(c.crcs, sum(block))
	}
	s.blobs[u.id] = c
	return nil
}

func (u *upload) Abort() {
	u.store.mu.Lock()
	defer u.store.mu.Unlock()
	if !u.ended {
		u.discard()
	}
}

// discard ends the upload without a blob, under the store's mutex.
func (u *upload) discard() {
	u.ended = true
	u.store.used -= int64(u.buf.Len())
	delete(u.store.writing, u.id)
}

func sum(p []byte) uint32 { return crc32.Checksum(p, crc32.MakeTable(crc32.Castagnoli)) }

type reader struct {
	store   *Store
	id      blob.ID
	content *content
}

var errRange = errors.New("memblob: range outside of the blob")

func (r *reader) Size() int64 { return r.content.size }

func (r *reader) Close() error { return nil }

func (r *reader) ReadAt(p []byte, off int64) (int, error) {
	switch size := r.Size(); {
	case off < 0:
		return 0, errRange
	case off >= size:
		return 0, io.EOF
	default:
		n := min(int64(len(p)), size-off)
		if err := r.check(off, n); err != nil {
			return 0, err
		}
		copy(p, r.content.bytes[off:off+n])
		if n < int64(len(p)) {
			return int(n), io.EOF
		}
		return int(n), nil
	}
}

func (r *reader) WriteRange(w io.Writer, off, n int64) (int64, error) {
	if off < 0 || n < 0 || off > r.Size() || n > r.Size()-off {
		return 0, errRange
	}
	var written int64
	for written < n {
		at := off + written
		size := min(n-written, blob.WindowSize-at%blob.WindowSize)
		if err := r.check(at, size); err != nil {
			return written, err
		}
		m, err := w.Write(r.content.bytes[at : at+size])
		written += int64(m)
		if err != nil {
			return written, err
		}
		if int64(m) < size {
			return written, io.ErrShortWrite
		}
	}
	return written, nil
}

// check makes sure that the blocks which hold n bytes at off are sound.
func (r *reader) check(off, n int64) error {
	if err := r.store.fault(OpRead, r.id); err != nil {
		return err
	}
	if n == 0 {
		return nil
	}
	for b := off / blob.BlockSize; b <= (off+n-1)/blob.BlockSize; b++ {
		block := r.content.bytes[b*blob.BlockSize : min((b+1)*blob.BlockSize, r.Size())]
		if sum(block) != r.content.crcs[b] {
			return fmt.Errorf("%w: block %d of %s", blob.ErrCorrupt, b, r.id)
		}
	}
	return nil
}
