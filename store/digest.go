package store

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"encoding"
	"fmt"
	"hash"
	"sync"

	"entrepot/store/internal/record"
)

// Digests are what content that comes in pieces hashes to.
type Digests struct {
	Size   int64
	MD5    [16]byte
	SHA256 [32]byte
	SHA1   []byte // nil where it was not computed
}

// match finds out whether content has the digests; damage where it has not.
func (d Digests) match(c Content) error {
	switch {
	case d.Size != c.Size:
		return newDamage(c, fmt.Errorf("%d bytes where its object has %d", d.Size, c.Size))
	case d.MD5 != c.MD5:
		return newDamage(c, fmt.Errorf("MD5 is %x, its object says %x", d.MD5, c.MD5))
	case d.SHA256 != c.SHA256:
		return newDamage(c, fmt.Errorf("SHA-256 is %x, its object says %x", d.SHA256, c.SHA256))
	}
	return nil
}

// A Digest computes the digests of content that comes in several pieces. Its
// state can be written down between two of them. Not safe for concurrent use.
type Digest struct {
	size int64
	sums [3]hash.Hash // MD5, SHA-256, SHA-1
}

// NewDigest returns the digest of nothing yet.
func NewDigest() *Digest {
	return &Digest{sums: [3]hash.Hash{md5.New(), sha256.New(), sha1.New()}}
}

// apart is from how many bytes on MD5, which is the slowest of the three, has a
// goroutine of its own.
const apart = 64 << 10

// Write implements io.Writer; it never fails.
func (d *Digest) Write(p []byte) (int, error) {
	if len(p) >= apart {
		var md5 sync.WaitGroup
		md5.Go(func() { d.sums[0].Write(p) })
		d.sums[1].Write(p)
		d.sums[2].Write(p)
		md5.Wait()
	} else {
		for _, h := range d.sums {
			h.Write(p)
		}
	}
	d.size += int64(len(p))
	return len(p), nil
}

// Size returns how many bytes were written.
func (d *Digest) Size() int64 { return d.size }

// Digests returns the digests of what was written so far.
func (d *Digest) Digests() Digests {
	out := Digests{Size: d.size, SHA1: d.sums[2].Sum(nil)}
	d.sums[0].Sum(out.MD5[:0])
	d.sums[1].Sum(out.SHA256[:0])
	return out
}

// State returns the state as ResumeDigest takes it, about 350 bytes.
func (d *Digest) State() ([]byte, error) {
	w := record.NewWriter(384)
	w.Int(1, d.size)
	for i, h := range d.sums {
		state, err := h.(encoding.BinaryMarshaler).MarshalBinary()
		if err != nil {
			return nil, fmt.Errorf("store: state of a digest: %w", err)
		}
		w.Bytes(uint32(2+i), state)
	}
	return w.Finish(), nil
}

// ResumeDigest returns a digest in a state that State returned, also that of
// another process. Whatever cannot be one is an error.
func ResumeDigest(state []byte) (*Digest, error) {
	d := NewDigest()
	seen := 0
	var bad error
	_, err := record.Decode(state, func(f record.Field) bool {
		switch i := int(f.Tag) - 2; {
		case f.Tag == 1:
			d.size = f.Int()
		case i >= 0 && i < len(d.sums):
			seen |= 1 << i
			if err := d.sums[i].(encoding.BinaryUnmarshaler).UnmarshalBinary(f.Bytes); err != nil {
				bad = err
			}
		}
		return true
	})
	switch {
	case err != nil:
		return nil, err
	case bad != nil:
		return nil, fmt.Errorf("store: state of a digest: %w", bad)
	case seen != 1<<len(d.sums)-1 || d.size < 0:
		return nil, fmt.Errorf("store: state of a digest: %w", errValue)
	}
	return d, nil
}

// Progress says how far the digests of an upload in pieces have come: the state
// behind the first Pieces of them. It holds as long as those are what they were
// then, which Chain tells; who finds them changed reads them again.
type Progress struct {
	Pieces int64
	Chain  [32]byte
	State  []byte
}

// Follow returns the chain behind one more piece of content.
func (p *Progress) Follow(c *Content) [32]byte { return chain(p.Chain, c.SHA256, c.Size) }

func chain(before, sum [32]byte, size int64) [32]byte {
	b := append(append(make([]byte, 0, 72), before[:]...), sum[:]...)
	return sha256.Sum256(append(b, u64(uint64(size))...))
}

func (p *Progress) encode() []byte {
	w := record.NewWriter(512)
	w.Int(1, p.Pieces)
	w.Bytes(2, p.Chain[:])
	w.Bytes(3, p.State)
	return w.Finish()
}

// decodeProgress is the field of an object's record. One that cannot be read
// counts as none: what it says can be computed again.
func (o *Object) decodeProgress(f *record.Field) bool {
	if f.Tag != tagProgress {
		return false
	}
	p := &Progress{}
	_, err := record.Decode(f.Bytes, func(f record.Field) bool {
		switch f.Tag {
		case 1:
			p.Pieces = f.Int()
		case 2:
			copy(p.Chain[:], f.Bytes)
		case 3:
			p.State = f.Clone()
		}
		return true
	})
	if err == nil && p.Pieces > 0 {
		o.Progress = p
	}
	return true
}
