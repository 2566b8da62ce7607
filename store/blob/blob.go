// Package blob keeps immutable runs of bytes: the content of objects that is
// too large for the metadata engine. A blob is written once under an ID of its
// own, never reopened for writing and never renamed to another ID.
//
// dirblob keeps blobs in files (the default), memblob in memory (for tests).
// Both pass the suite in blobtest. The package knows nothing of objects: which
// blobs are referred to is the store's business.
package blob

import (
	"context"
	"encoding/hex"
	"errors"
	"io"
	"iter"
)

// An ID names one blob: 16 bytes of which the leading ones grow with time (so
// that neighbours in time are neighbours in an index) and at least 80 bits are
// random. Its text form is 32 lower-case hex digits.
type ID [16]byte

// String returns the text form.
func (id ID) String() string { return hex.EncodeToString(id[:]) }

// IsZero tells the zero ID, which names nothing.
func (id ID) IsZero() bool { return id == ID{} }

// ParseID reads the text form.
func ParseID(s string) (ID, error) {
	var id ID
	if len(s) != 2*len(id) {
		return ID{}, errors.New("blob: an ID has 32 hex digits")
	}
	if _, err := hex.Decode(id[:], []byte(s)); err != nil {
		return ID{}, errors.New("blob: an ID has 32 hex digits")
	}
	if id.String() != s {
		return ID{}, errors.New("blob: an ID is written in lower case")
	}
	return id, nil
}

// BlockSize is the number of bytes that one CRC32C of a blob guards.
const BlockSize = 256 << 10

// WindowSize is the largest number of bytes that WriteRange hands to its
// writer at once, so that the caller's deadlines can roll.
const WindowSize = 8 << 20

// Errors; engines wrap them with detail.
var (
	// ErrNotFound: no blob of that ID.
	ErrNotFound = errors.New("blob: not found")
	// ErrCorrupt: the stored bytes are not those that were written.
	ErrCorrupt = errors.New("blob: content is damaged")
	// ErrNoSpace: the volume is full or below its floor of free space.
	ErrNoSpace = errors.New("blob: no space left")
	// ErrStopped: a sync failed; nothing is written any more by this process.
	ErrStopped = errors.New("blob: writing has stopped after a failed sync")
)

// Blobs keeps immutable runs of bytes under IDs that its caller chooses at
// random and never twice.
type Blobs interface {
	// Create starts a blob that nobody sees until Commit. ErrNoSpace when the
	// volume is below its floor, ErrStopped after a failed sync.
	Create(ctx context.Context, id ID) (Upload, error)

	// Open opens a committed blob; ErrNotFound for an unknown ID. The reader
	// serves these bytes to its end even if the blob is removed meanwhile.
	Open(ctx context.Context, id ID) (Reader, error)

	// Remove removes a blob. Removing an absent one is not an error, so that
	// sweeping can be repeated.
	Remove(ctx context.Context, id ID) error

	// All yields every committed blob, in no order, for the sweeper.
	All(ctx context.Context) iter.Seq2[ID, error]

	// Free returns how many bytes may still be stored before ErrNoSpace, and
	// math.MaxInt64 where there is no bound.
	Free() (int64, error)

	// Close releases what the engine holds. Open readers stay valid.
	Close() error
}

// Upload is one blob being written. Exactly one of Commit and Abort ends it;
// Abort after Commit does nothing, so it can be deferred. After an error of
// Write only Abort is useful.
type Upload interface {
	io.Writer
	// Commit makes bytes and directory entry durable. After an error the blob
	// is not visible and writing may have stopped (ErrStopped).
	Commit() error
	Abort()
}

// Reader reads one blob. It is not safe for concurrent use but for ReadAt.
type Reader interface {
	// ReadAt reads verified bytes: each block it touches is checked against
	// its CRC32C; ErrCorrupt otherwise.
	io.ReaderAt
	io.Closer

	// Size returns the number of content bytes.
	Size() int64

	// WriteRange copies n bytes from offset off to w and returns how many were
	// written. The bytes go in windows of at most WindowSize; each window is
	// verified before its first byte is written. Where the bytes lie in a file
	// and w is an io.ReaderFrom, each window is one w.ReadFrom of an
	// io.LimitedReader around the *os.File, so that the kernel can copy.
	// ErrCorrupt: a block is damaged; nothing of its window was written.
	WriteRange(w io.Writer, off, n int64) (int64, error)
}
