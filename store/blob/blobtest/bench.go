package blobtest

import (
	"io"
	"testing"

	"entrepot/store/blob"
)

const (
	mebi      = 1 << 20
	largeBlob = 64 * mebi
)

// Bench runs the benchmarks of an engine: a small durable blob alone and in
// company, a large stream, and a large read.
func Bench(b *testing.B, open func(testing.TB) blob.Blobs) {
	b.Run("Create1MiB", func(b *testing.B) { benchCreate(b, open(b)) })
	b.Run("Create1MiBParallel16", func(b *testing.B) { benchParallel(b, open(b)) })
	b.Run("Stream64MiB", func(b *testing.B) { benchStream(b, open(b)) })
	b.Run("Read64MiB", func(b *testing.B) { benchRead(b, open(b)) })
}

func benchCreate(b *testing.B, s blob.Blobs) {
	content := Content(1, mebi)
	b.SetBytes(mebi)
	for n := uint64(0); b.Loop(); n++ {
		Put(b, s, ID(n), content)
	}
}

func benchParallel(b *testing.B, s blob.Blobs) {
	content := Content(1, mebi)
	ids := make(chan blob.ID)
	go func() {
		defer close(ids)
		for n := range uint64(b.N) {
			ids <- ID(n)
		}
	}()
	b.SetBytes(mebi)
	b.SetParallelism(8)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			Put(b, s, <-ids, content)
		}
	})
}

func benchStream(b *testing.B, s blob.Blobs) {
	chunk := Content(1, 128<<10)
	b.SetBytes(largeBlob)
	for n := uint64(0); b.Loop(); n++ {
		u, err := s.Create(b.Context(), ID(n))
		if err != nil {
			b.Fatal(err)
		}
		for range largeBlob / len(chunk) {
			if _, err := u.Write(chunk); err != nil {
				b.Fatal(err)
			}
		}
		if err := u.Commit(); err != nil {
			b.Fatal(err)
		}
		if err := s.Remove(b.Context(), ID(n)); err != nil {
			b.Fatal(err)
		}
	}
}

func benchRead(b *testing.B, s blob.Blobs) {
	Put(b, s, ID(1), Content(1, largeBlob))
	b.SetBytes(largeBlob)
	for b.Loop() {
		r, err := s.Open(b.Context(), ID(1))
		if err != nil {
			b.Fatal(err)
		}
		if _, err := r.WriteRange(plainWriter{io.Discard}, 0, r.Size()); err != nil {
			b.Fatal(err)
		}
		if err := r.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
