// Package body makes content that can be made again: every byte follows from
// who wrote it, so that a checker can compare whole bodies without keeping
// them.
package body

import (
	"bytes"
	"crypto/md5" //nolint:gosec // the wire's checksum
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
)

// chunkSize is how many bytes come from one key, so that a range in the middle
// need not generate what is before it.
const chunkSize = 64 << 10

// An ID names one body: the seed of the run, the name it was first written
// under, and the number of that write. A copy or a rename keeps the ID. IDs
// are comparable.
type ID struct {
	Seed    uint64
	Origin  string
	Version int
	Size    int64
}

// String describes the body for people.
func (id ID) String() string { return fmt.Sprintf("%s#%d(%d bytes)", id.Origin, id.Version, id.Size) }

// chunk returns the n-th chunk of the content.
func (id ID) chunk(n int64) []byte {
	var head [24]byte
	binary.BigEndian.PutUint64(head[0:], id.Seed)
	binary.BigEndian.PutUint64(head[8:], uint64(id.Version))
	binary.BigEndian.PutUint64(head[16:], uint64(n))
	p := make([]byte, max(0, min(chunkSize, id.Size-n*chunkSize)))
	r := rand.NewChaCha8(sha256.Sum256(append(head[:], id.Origin...)))
	_, _ = r.Read(p) // never fails
	return p
}

// Reader returns the content.
func (id ID) Reader() io.Reader { return id.From(0) }

// From returns the content from an offset on.
func (id ID) From(off int64) io.Reader { return &reader{id: id, off: off} }

type reader struct {
	id   ID
	off  int64
	n    int64  // number of the chunk at hand
	have []byte // nil: none at hand
}

// Read implements io.Reader.
func (r *reader) Read(p []byte) (int, error) {
	if r.off >= r.id.Size {
		return 0, io.EOF
	}
	if n := r.off / chunkSize; r.have == nil || n != r.n {
		r.have, r.n = r.id.chunk(n), n
	}
	n := copy(p, r.have[r.off%chunkSize:])
	r.off += int64(n)
	return n, nil
}

// MD5 returns the checksum of the content in hex.
func (id ID) MD5() string {
	h := md5.New() //nolint:gosec // the wire's checksum
	_, _ = io.Copy(h, id.Reader())
	return hex.EncodeToString(h.Sum(nil))
}

// ErrDiffers tells that bytes are not those of the body.
var ErrDiffers = errors.New("the bytes differ")

// Check reads r to its end and compares it with n bytes of the content from
// off on. ErrDiffers tells where they part; other errors are r's, of a body
// that broke off and said so.
func (id ID) Check(r io.Reader, off, n int64) error {
	want, got := id.From(off), make([]byte, chunkSize)
	expected := make([]byte, chunkSize)
	var done int64
	for {
		k, err := r.Read(got)
		if done+int64(k) > n {
			return fmt.Errorf("%w: more than the %d bytes of %s", ErrDiffers, n, id)
		}
		if _, short := io.ReadFull(want, expected[:k]); short != nil {
			return fmt.Errorf("%w: %s ends before byte %d", ErrDiffers, id, off+done+int64(k))
		}
		if !bytes.Equal(got[:k], expected[:k]) {
			return fmt.Errorf("%w from %s within bytes %d to %d", ErrDiffers, id, off+done, off+done+int64(k))
		}
		done += int64(k)
		switch {
		case err == io.EOF && done != n: //nolint:errorlint // io.EOF comes bare
			return fmt.Errorf("%w: a clean end after %d of %d bytes of %s", ErrDiffers, done, n, id)
		case err == io.EOF: //nolint:errorlint // as above
			return nil
		case err != nil:
			return err
		}
	}
}
