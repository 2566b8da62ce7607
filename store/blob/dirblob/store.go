package dirblob

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"log/slog"
	"math"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"entrepot/store/blob"
)

// Options configures a Store. The zero value is good.
type Options struct {
	// Floor is how many bytes of the volume stay free for deletions and the
	// database; new blobs are refused below it. Zero: the smaller of 1 GiB
	// and 2 % of the volume. Negative: none.
	Floor int64

	// CheckedLife is how long a block that was found sound is not read again
	// for checking; default 4 hours. CheckedWindows bounds how many windows
	// of blob.WindowSize are remembered (some 200 bytes each); default 16384.
	CheckedLife    time.Duration
	CheckedWindows int

	Now    func() time.Time // default time.Now
	Logger *slog.Logger     // default: none
	Faults Faults           // for tests
}

const (
	tmpDir   = "tmp"
	lockName = "lock"
	fanOut   = 256
	maxFloor = 1 << 30
)

var errClosed = errors.New("dirblob: the store is closed")

// A Store is a blob.Blobs over one directory. It is safe for concurrent use.
type Store struct {
	opt     Options
	root    *os.Root
	base    *os.File // the directory itself, for asking about its volume
	lock    *os.File
	floor   int64
	checked *checked
	buffers sync.Pool // of *[blob.BlockSize]byte
	stopped atomic.Pointer[error]
	closed  atomic.Bool

	made   [fanOut]atomic.Bool // the directories that exist durably
	making sync.Mutex
}

var _ blob.Blobs = (*Store)(nil)

// Open opens the directory dir, making it and its structure where missing. It
// removes what an earlier process was writing when it ended. It fails when
// another process has the directory open.
func Open(dir string, opt Options) (*Store, error) {
	opt.CheckedLife = cmp.Or(opt.CheckedLife, 4*time.Hour)
	opt.CheckedWindows = cmp.Or(opt.CheckedWindows, 16384)
	if opt.Now == nil {
		opt.Now = time.Now
	}
	if opt.Logger == nil {
		opt.Logger = slog.New(slog.DiscardHandler)
	}
	s := &Store{opt: opt}
	s.buffers.New = func() any { return new([blob.BlockSize]byte) }
	if err := s.open(dir); err != nil {
		return nil, errors.Join(fmt.Errorf("dirblob: open %s: %w", dir, err), s.release())
	}
	return s, nil
}

func (s *Store) open(dir string) (err error) {
	if s.checked, err = newChecked(s.opt.CheckedWindows, s.opt.CheckedLife, s.opt.Now); err != nil {
		return err
	}
	if err := makeBase(dir); err != nil {
		return err
	}
	if s.root, err = os.OpenRoot(dir); err != nil {
		return err
	}
	if s.base, err = s.root.Open("."); err != nil {
		return err
	}
	if s.lock, err = s.root.OpenFile(lockName, os.O_RDWR|os.O_CREATE, 0o600); err != nil {
		return err
	}
	if err := lockFile(s.lock); err != nil {
		return fmt.Errorf("in use by another process: %w", err)
	}
	if err := s.prepare(); err != nil {
		return err
	}
	if w := volumeWarning(s.base); w != "" {
		s.opt.Logger.Warn("blobs may not survive a crash", "dir", dir, "err", w)
	}
	return s.setFloor()
}

func (s *Store) setFloor() error {
	if s.floor = max(0, s.opt.Floor); s.opt.Floor != 0 {
		return nil
	}
	total, _, err := volume(s.base)
	s.floor = defaultFloor(total)
	return err
}

func defaultFloor(total int64) int64 { return min(maxFloor, total/50) }

// Create starts a blob. See blob.Blobs; an ID that was used before is an
// error.
func (s *Store) Create(ctx context.Context, id blob.ID) (blob.Upload, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := s.writable(); err != nil {
		return nil, err
	}
	if err := s.checkSpace(); err != nil {
		return nil, err
	}
	if _, err := s.root.Lstat(pathOf(id)); !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("dirblob: %s is taken: %w", id, cmp.Or(err, fs.ErrExist))
	}
	tmp := tmpDir + "/" + id.String()
	if err := s.opt.Faults.at(StepCreate, tmp); err != nil {
		return nil, s.writeError(err)
	}
	f, err := s.root.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, s.writeError(err)
	}
	return &upload{store: s, id: id, tmp: tmp, file: f}, nil
}

// Open opens a committed blob. See blob.Blobs; blob.ErrCorrupt when its
// trailer is damaged.
func (s *Store) Open(ctx context.Context, id blob.ID) (blob.Reader, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	r, err := s.openReader(id)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("%w: %s", blob.ErrNotFound, id)
	case errors.Is(err, blob.ErrCorrupt):
		s.opt.Logger.ErrorContext(ctx, "blob is damaged", "blob", id.String(), "err", err)
		return nil, err
	case err != nil:
		return nil, err
	}
	return r, nil
}

// Remove removes a blob. See blob.Blobs. It works while writing has stopped.
func (s *Store) Remove(ctx context.Context, id blob.ID) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return s.remove(pathOf(id))
}

func (s *Store) remove(name string) error {
	if err := s.opt.Faults.at(StepRemove, name); err != nil {
		return err
	}
	if err := s.root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// All yields the committed blobs, directory by directory. See blob.Blobs.
// What else lies in the directories is logged.
func (s *Store) All(ctx context.Context) iter.Seq2[blob.ID, error] {
	return func(yield func(blob.ID, error) bool) {
		for n := range fanOut {
			if !s.allOf(ctx, dirName(n), yield) {
				return
			}
		}
	}
}

// Free returns how many bytes there are above the floor.
func (s *Store) Free() (int64, error) {
	if err := s.opt.Faults.at(StepSpace, "."); err != nil {
		return 0, err
	}
	_, free, err := volume(s.base)
	switch {
	case err != nil:
		return 0, err
	case free == math.MaxInt64:
		return free, nil
	}
	return max(0, free-s.floor), nil
}

// Close lets go of the directory. Uploads under way fail; readers go on. A
// second Close does nothing.
func (s *Store) Close() error {
	if s.closed.Swap(true) {
		return nil
	}
	return s.release()
}

func (s *Store) release() error {
	var all []error
	for _, f := range []*os.File{s.base, s.lock} {
		if f != nil {
			all = append(all, f.Close())
		}
	}
	if s.root != nil {
		all = append(all, s.root.Close())
	}
	return errors.Join(all...)
}

// stop ends writing for good after cause, which it returns marked.
func (s *Store) stop(cause error) error {
	err := fmt.Errorf("%w: %w", blob.ErrStopped, cause)
	if s.stopped.CompareAndSwap(nil, &err) {
		s.opt.Logger.Error("writing of blobs has stopped until a restart", "err", cause)
	}
	return err
}

// writable tells whether writing still goes on.
func (s *Store) writable() error {
	if s.closed.Load() {
		return errClosed
	}
	if cause := s.stopped.Load(); cause != nil {
		return *cause
	}
	return nil
}

func (s *Store) checkSpace() error {
	free, err := s.Free()
	switch {
	case err != nil:
		return err
	case free <= 0:
		return fmt.Errorf("%w: the volume is below its floor of %d free bytes", blob.ErrNoSpace, s.floor)
	}
	return nil
}

// writeError marks the errors of a full disk, and stops writing when the disk
// or its file system cannot be written: one that failed an I/O, or was made
// read-only by the kernel for that reason, is not to be trusted before a
// restart.
func (s *Store) writeError(err error) error {
	if errors.Is(err, syscall.EIO) || errors.Is(err, syscall.EROFS) {
		return s.stop(err)
	}
	return spaceError(err)
}

// spaceError marks the errors of a full disk.
func spaceError(err error) error {
	if isNoSpace(err) {
		return fmt.Errorf("%w: %w", blob.ErrNoSpace, err)
	}
	return err
}

const hexDigits = "0123456789abcdef"

// dirName returns the name of the n-th directory.
func dirName(n int) string { return string([]byte{hexDigits[n>>4], hexDigits[n&15]}) }

// dirOf returns the directory of a blob. The last byte of an ID is random, so
// that directories fill evenly.
func dirOf(id blob.ID) string { return dirName(dirNumber(id)) }

func dirNumber(id blob.ID) int { return int(id[len(id)-1]) }

func pathOf(id blob.ID) string { return dirOf(id) + "/" + id.String() }
