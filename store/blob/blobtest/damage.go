package blobtest

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"entrepot/store/blob"
)

func damageTests() []namedTest {
	return []namedTest{
		{"AFlippedBitIsNeverServed", flippedBit},
		{"ATruncatedBlobIsNeverServed", truncated},
		{"AnExtendedBlobIsNeverServed", extended},
		{"SoundBlocksOfADamagedBlobCanBeRead", soundBlocks},
	}
}

// readAll reads a blob in every way; it returns what came out and the errors.
func readAll(t *testing.T, b blob.Blobs, id blob.ID) (got [][]byte, errs []error) {
	t.Helper()
	r, err := b.Open(t.Context(), id)
	if err != nil {
		return nil, []error{err}
	}
	defer func() { _ = r.Close() }()
	var plain, from bytes.Buffer
	_, err1 := r.WriteRange(plainWriter{&plain}, 0, r.Size())
	_, err2 := r.WriteRange(&from, 0, r.Size())
	p := make([]byte, r.Size())
	n, err3 := r.ReadAt(p, 0)
	return [][]byte{plain.Bytes(), from.Bytes(), p[:n]}, []error{err1, err2, err3}
}

// wantDamage checks that every way of reading fails, and that what came out
// before is right.
func wantDamage(t *testing.T, b blob.Blobs, id blob.ID, want []byte) {
	t.Helper()
	got, errs := readAll(t, b, id)
	for i, err := range errs {
		if !errors.Is(err, blob.ErrCorrupt) {
			t.Errorf("way %d: %v, want %v", i, err, blob.ErrCorrupt)
		}
	}
	for i, p := range got {
		if !bytes.HasPrefix(want, p) {
			t.Errorf("way %d: wrong bytes were served", i)
		}
		if len(p)%blob.WindowSize != 0 {
			t.Errorf("way %d: %d bytes of a damaged window were served", i, len(p)%blob.WindowSize)
		}
	}
}

func flippedBit(t *testing.T, e Engine) {
	const size = blob.WindowSize + 2*blob.BlockSize + 3
	b := e.Open(t)
	random := rand.New(rand.NewPCG(3, 4))
	want := Content(1, size)
	for n := range uint64(6) {
		Put(t, b, ID(n), want)
		at := random.IntN(size)
		if n < 2 {
			at = int(n) * (size - 1) // the first and the last byte
		}
		t.Run(fmt.Sprint(at), func(t *testing.T) {
			readAll(t, b, ID(n)) // what is remembered as sound must not hide the damage
			e.Damage(t, b, ID(n), func(p []byte) []byte {
				p[at] ^= 1 << random.IntN(8)
				return p
			})
			wantDamage(t, b, ID(n), want)
		})
	}
}

func truncated(t *testing.T, e Engine) {
	b := e.Open(t)
	want := Content(1, 3*blob.BlockSize+100)
	for n, left := range []int{0, 1, 39, 100, blob.BlockSize, 2 * blob.BlockSize, len(want) - 1, -1} {
		Put(t, b, ID(uint64(n)), want)
		t.Run(fmt.Sprint(left), func(t *testing.T) {
			e.Damage(t, b, ID(uint64(n)), func(p []byte) []byte {
				if left < 0 {
					return p[:len(p)-1]
				}
				return p[:left]
			})
			wantDamage(t, b, ID(uint64(n)), want)
		})
	}
}

func extended(t *testing.T, e Engine) {
	b := e.Open(t)
	want := Content(1, blob.BlockSize)
	for n, more := range []int{1, 4, 44, blob.BlockSize} {
		Put(t, b, ID(uint64(n)), want)
		t.Run(fmt.Sprint(more), func(t *testing.T) {
			e.Damage(t, b, ID(uint64(n)), func(p []byte) []byte { return append(p, make([]byte, more)...) })
			wantDamage(t, b, ID(uint64(n)), want)
		})
	}
}

func soundBlocks(t *testing.T, e Engine) {
	b := e.Open(t)
	want := Content(1, 3*blob.BlockSize)
	Put(t, b, ID(1), want)
	e.Damage(t, b, ID(1), func(p []byte) []byte {
		p[blob.BlockSize] ^= 0x80
		return p
	})
	r := mustOpen(t, b, ID(1))
	for _, block := range []int64{0, 2} {
		p := make([]byte, blob.BlockSize)
		off := block * blob.BlockSize
		if _, err := r.ReadAt(p, off); err != nil || !bytes.Equal(p, want[off:off+blob.BlockSize]) {
			t.Errorf("block %d: %v", block, err)
		}
	}
	if n, err := r.ReadAt(make([]byte, 2), blob.BlockSize-1); !errors.Is(err, blob.ErrCorrupt) || n != 0 {
		t.Errorf("ReadAt into the damaged block = %d, %v", n, err)
	}
}

func concurrencyTests() []namedTest {
	return []namedTest{
		{"ManyCanWriteReadAndRemoveAtOnce", manyAtOnce},
		{"ReadAtIsSafeForConcurrentUse", concurrentReadAt},
	}
}

func manyAtOnce(t *testing.T, e Engine) {
	b := e.Open(t)
	var wg sync.WaitGroup
	for w := range uint64(8) {
		wg.Go(func() {
			for i := range uint64(6) {
				id := ID(w*100 + i)
				want := Content(w*100+i, int64(w*70001+i*13))
				Put(t, b, id, want)
				if got := Get(t, b, id); !bytes.Equal(got, want) {
					t.Errorf("blob %d of writer %d differs", i, w)
				}
				if i%2 == 1 {
					if err := b.Remove(t.Context(), id); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	wg.Wait()
	if got := len(all(t, b)); got != 8*3 {
		t.Errorf("%d blobs are left, want %d", got, 8*3)
	}
}

func concurrentReadAt(t *testing.T, e Engine) {
	b := e.Open(t)
	want := Content(1, blob.WindowSize+blob.BlockSize)
	Put(t, b, ID(1), want)
	r := mustOpen(t, b, ID(1))
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			random := rand.New(rand.NewPCG(uint64(w), 9))
			p := make([]byte, 5000)
			for range 50 {
				off := random.Int64N(r.Size() - int64(len(p)))
				if _, err := r.ReadAt(p, off); err != nil || !bytes.Equal(p, want[off:off+int64(len(p))]) {
					t.Errorf("ReadAt(%d): %v", off, err)
				}
			}
		})
	}
	wg.Wait()
}
