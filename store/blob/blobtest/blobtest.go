// Package blobtest is the suite that every content engine passes. It tests
// the comments of package blob: what is visible when, what a damaged blob may
// never do, what a second call does. An engine runs it in a few lines:
//
//	func TestContract(t *testing.T) {
//		blobtest.Run(t, blobtest.Engine{Open: open, Damage: damage})
//	}
//
// The benchmarks stand beside it (Bench).
package blobtest

import (
	"bytes"
	"encoding/binary"
	"io"
	"math/rand/v2"
	"slices"
	"testing"

	"entrepot/store/blob"
)

// An Engine says how to get an empty store, and how to spoil one.
type Engine struct {
	// Open returns an empty store that is closed when the test ends.
	Open func(t testing.TB) blob.Blobs

	// Damage replaces what is stored of a blob, of whatever form, with what
	// spoil makes of it. The first bytes that spoil is given are the content.
	Damage func(t testing.TB, b blob.Blobs, id blob.ID, spoil func([]byte) []byte)
}

// Run runs the suite.
func Run(t *testing.T, e Engine) {
	t.Helper()
	for _, test := range slices.Concat(writeTests(), readTests(), damageTests(), concurrencyTests()) {
		t.Run(test.name, func(t *testing.T) { test.run(t, e) })
	}
}

type namedTest struct {
	name string
	run  func(*testing.T, Engine)
}

// sizes are those at which something changes.
func sizes() []int64 {
	return []int64{
		0, 1, 512, blob.BlockSize - 1, blob.BlockSize, blob.BlockSize + 1, 3*blob.BlockSize + 7,
		blob.WindowSize - 1, blob.WindowSize, blob.WindowSize + 1, 2*blob.WindowSize + blob.BlockSize + 5,
	}
}

// ID returns the n-th of a row of distinct IDs that look random.
func ID(n uint64) blob.ID {
	var id blob.ID
	r := rand.New(rand.NewPCG(n, 0x626c6f62))
	binary.BigEndian.PutUint64(id[:8], n)
	binary.BigEndian.PutUint64(id[8:], r.Uint64())
	return id
}

// Content returns n bytes that depend on seed, the same each time. No two
// pages of it are alike, so that exchanged blocks show.
func Content(seed uint64, n int64) []byte {
	var page [4096]byte
	var key [32]byte
	binary.BigEndian.PutUint64(key[:], seed)
	_, _ = rand.NewChaCha8(key).Read(page[:]) // never fails
	b := make([]byte, 0, n+int64(len(page)))
	for i := uint64(0); int64(len(b)) < n; i++ {
		binary.BigEndian.PutUint64(page[:8], i^seed<<32)
		b = append(b, page[:]...)
	}
	return slices.Clip(b[:n])
}

// Put stores content under id, in writes of uneven sizes.
func Put(t testing.TB, b blob.Blobs, id blob.ID, content []byte) {
	t.Helper()
	u, err := b.Create(t.Context(), id)
	if err != nil {
		t.Fatalf("Create: %v", err)
	}
	defer u.Abort()
	for size := 1; len(content) > 0; size = size*3 + 1 {
		n := min(size, len(content))
		if m, err := u.Write(content[:n]); err != nil || m != n {
			t.Fatalf("Write of %d bytes: %d, %v", n, m, err)
		}
		content = content[n:]
	}
	if err := u.Commit(); err != nil {
		t.Fatalf("Commit: %v", err)
	}
}

// Get returns the content under id.
func Get(t testing.TB, b blob.Blobs, id blob.ID) []byte {
	t.Helper()
	r := mustOpen(t, b, id)
	var got bytes.Buffer
	if n, err := r.WriteRange(&got, 0, r.Size()); err != nil || n != r.Size() {
		t.Fatalf("WriteRange of %d bytes: %d, %v", r.Size(), n, err)
	}
	return got.Bytes()
}

func mustOpen(t testing.TB, b blob.Blobs, id blob.ID) blob.Reader {
	t.Helper()
	r, err := b.Open(t.Context(), id)
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	t.Cleanup(func() { _ = r.Close() })
	return r
}

// all returns the IDs that All yields, sorted.
func all(t testing.TB, b blob.Blobs) []blob.ID {
	t.Helper()
	var ids []blob.ID
	for id, err := range b.All(t.Context()) {
		if err != nil {
			t.Fatalf("All: %v", err)
		}
		ids = append(ids, id)
	}
	slices.SortFunc(ids, func(a, b blob.ID) int { return bytes.Compare(a[:], b[:]) })
	return ids
}

// plainWriter hides every method of a writer but Write.
type plainWriter struct{ io.Writer }
