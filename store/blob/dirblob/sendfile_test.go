package dirblob_test

import (
	"bytes"
	"io"
	"os"
	"testing"

	"entrepot/store/blob"
	"entrepot/store/blob/blobtest"
	"entrepot/store/blob/dirblob"
)

// kernelWriter notes whether it is offered what a socket can send by itself.
type kernelWriter struct {
	bytes.Buffer
	t       *testing.T
	windows []int64
}

func (w *kernelWriter) ReadFrom(r io.Reader) (int64, error) {
	limited, ok := r.(*io.LimitedReader)
	if !ok {
		w.t.Fatalf("offered a %T", r)
	}
	file, ok := limited.R.(*os.File)
	if !ok {
		w.t.Fatalf("offered a limited %T", limited.R)
	}
	if info, err := file.Stat(); err != nil || !info.Mode().IsRegular() {
		w.t.Errorf("offered no regular file: %v", err)
	}
	w.windows = append(w.windows, limited.N)
	return w.Buffer.ReadFrom(r)
}

func TestSocketsAreOfferedTheFileWindowByWindow(t *testing.T) {
	s := open(t, t.TempDir(), dirblob.Options{})
	want := blobtest.Content(1, 2*blob.WindowSize+9)
	blobtest.Put(t, s, blobtest.ID(1), want)
	r, err := s.Open(t.Context(), blobtest.ID(1))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	w := &kernelWriter{t: t}
	if _, err := r.WriteRange(w, 7, r.Size()-7); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(w.Bytes(), want[7:]) {
		t.Error("other bytes")
	}
	if len(w.windows) != 3 || w.windows[0] != blob.WindowSize-7 || w.windows[1] != blob.WindowSize || w.windows[2] != 9 {
		t.Errorf("windows: %v", w.windows)
	}
}

// BenchmarkRead64MiB compares reading with checking each time, with what is
// remembered as checked, and the bare file.
func BenchmarkRead64MiB(b *testing.B) {
	const size = 64 << 20
	bench := func(name string, read func() error) {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(size)
			for b.Loop() {
				if err := read(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	dir := b.TempDir()
	stores := map[string]dirblob.Options{"Remembered": {}, "CheckedEachTime": {CheckedLife: 1}}
	for _, name := range []string{"Remembered", "CheckedEachTime"} {
		s, err := dirblob.Open(dir, stores[name])
		if err != nil {
			b.Fatal(err)
		}
		if err := s.Remove(b.Context(), blobtest.ID(1)); err != nil {
			b.Fatal(err)
		}
		blobtest.Put(b, s, blobtest.ID(1), blobtest.Content(1, size))
		bench(name, func() error {
			r, err := s.Open(b.Context(), blobtest.ID(1))
			if err != nil {
				return err
			}
			_, err = r.WriteRange(struct{ io.Writer }{io.Discard}, 0, r.Size())
			return cmpErr(err, r.Close())
		})
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
	}
	name := fileOf(b, dir, blobtest.ID(1))
	buf := make([]byte, blob.BlockSize)
	bench("BareFile", func() error {
		f, err := os.Open(name)
		if err != nil {
			return err
		}
		_, err = io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{f}, buf)
		return cmpErr(err, f.Close())
	})
}

func cmpErr(a, b error) error {
	if a != nil {
		return a
	}
	return b
}
