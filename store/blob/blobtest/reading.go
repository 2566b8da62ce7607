package blobtest

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"testing"
	"testing/iotest"

	"entrepot/store/blob"
)

func readTests() []namedTest {
	return []namedTest{
		{"AnUnknownIDIsNotFound", unknownID},
		{"AnyRangeCanBeRead", anyRange},
		{"ReadAtKeepsTheRulesOfReaderAt", readAtRules},
		{"WindowsAreBounded", windowsBounded},
		{"RangesOutsideAreRefused", rangesOutside},
		{"AFailingWriterEndsTheCopy", failingWriter},
		{"ReadersOutliveTheStore", readersOutlive},
	}
}

func unknownID(t *testing.T, e Engine) {
	b := e.Open(t)
	wantAbsent(t, b, ID(1))
	wantAbsent(t, b, blob.ID{})
}

func anyRange(t *testing.T, e Engine) {
	b := e.Open(t)
	want := Content(1, 2*blob.WindowSize+3*blob.BlockSize+11)
	Put(t, b, ID(1), want)
	r := mustOpen(t, b, ID(1))
	random := rand.New(rand.NewPCG(1, 2))
	for i := range 60 {
		off := random.Int64N(r.Size() + 1)
		n := min(random.Int64N(1<<(4+i%20)), r.Size()-off)
		var plain, from bytes.Buffer
		if m, err := r.WriteRange(plainWriter{&plain}, off, n); err != nil || m != n {
			t.Fatalf("WriteRange(%d, %d) = %d, %v", off, n, m, err)
		}
		if m, err := r.WriteRange(&from, off, n); err != nil || m != n {
			t.Fatalf("WriteRange(%d, %d) to a ReaderFrom = %d, %v", off, n, m, err)
		}
		p := make([]byte, n)
		if m, err := r.ReadAt(p, off); n > 0 && (err != nil || int64(m) != n) {
			t.Fatalf("ReadAt(%d, %d) = %d, %v", off, n, m, err)
		}
		for _, got := range [][]byte{plain.Bytes(), from.Bytes(), p} {
			if !bytes.Equal(got, want[off:off+n]) {
				t.Fatalf("range %d+%d differs", off, n)
			}
		}
	}
}

func readAtRules(t *testing.T, e Engine) {
	b := e.Open(t)
	want := Content(1, 700) // TestReader reads byte by byte, each checked
	Put(t, b, ID(1), want)
	r := mustOpen(t, b, ID(1))
	if err := iotest.TestReader(io.NewSectionReader(r, 0, r.Size()), want); err != nil {
		t.Error(err)
	}
	p := make([]byte, 20)
	if n, err := r.ReadAt(p, r.Size()-5); n != 5 || !errors.Is(err, io.EOF) {
		t.Errorf("ReadAt across the end = %d, %v", n, err)
	}
	if n, err := r.ReadAt(p, r.Size()); n != 0 || !errors.Is(err, io.EOF) {
		t.Errorf("ReadAt at the end = %d, %v", n, err)
	}
	if _, err := r.ReadAt(p, -1); err == nil || errors.Is(err, io.EOF) {
		t.Errorf("ReadAt before the start: %v", err)
	}
}

// windowWriter notes how much it is handed at once.
type windowWriter struct {
	bytes.Buffer
	largest int64
}

func (w *windowWriter) Write(p []byte) (int, error) {
	w.largest = max(w.largest, int64(len(p)))
	return w.Buffer.Write(p)
}

func (w *windowWriter) ReadFrom(r io.Reader) (int64, error) {
	n, err := w.Buffer.ReadFrom(r)
	w.largest = max(w.largest, n)
	return n, err
}

func windowsBounded(t *testing.T, e Engine) {
	b := e.Open(t)
	want := Content(1, 2*blob.WindowSize+1)
	Put(t, b, ID(1), want)
	var w windowWriter
	if _, err := mustOpen(t, b, ID(1)).WriteRange(&w, 5, int64(len(want))-5); err != nil {
		t.Fatal(err)
	}
	if w.largest > blob.WindowSize {
		t.Errorf("%d bytes were written at once, limit %d", w.largest, blob.WindowSize)
	}
	if !bytes.Equal(w.Bytes(), want[5:]) {
		t.Error("other bytes were written")
	}
}

func rangesOutside(t *testing.T, e Engine) {
	b := e.Open(t)
	Put(t, b, ID(1), Content(1, 100))
	r := mustOpen(t, b, ID(1))
	for _, bad := range [][2]int64{{-1, 1}, {0, -1}, {0, 101}, {101, 0}, {50, 51}, {1, 1<<63 - 1}, {1<<63 - 1, 1}} {
		var w bytes.Buffer
		if n, err := r.WriteRange(&w, bad[0], bad[1]); err == nil || n != 0 || w.Len() != 0 {
			t.Errorf("WriteRange(%d, %d) = %d, %v", bad[0], bad[1], n, err)
		}
	}
	for _, good := range [][2]int64{{0, 0}, {100, 0}, {0, 100}, {99, 1}} {
		if n, err := r.WriteRange(io.Discard, good[0], good[1]); err != nil || n != good[1] {
			t.Errorf("WriteRange(%d, %d) = %d, %v", good[0], good[1], n, err)
		}
	}
}

var errFull = errors.New("the writer is full")

// limitedWriter takes so many bytes and then fails.
type limitedWriter struct{ left int }

func (w *limitedWriter) Write(p []byte) (int, error) {
	n := min(w.left, len(p))
	w.left -= n
	if n < len(p) {
		return n, errFull
	}
	return n, nil
}

func failingWriter(t *testing.T, e Engine) {
	b := e.Open(t)
	Put(t, b, ID(1), Content(1, 2*blob.WindowSize))
	r := mustOpen(t, b, ID(1))
	for _, room := range []int{0, 1, 70000, blob.WindowSize, blob.WindowSize + 1} {
		n, err := r.WriteRange(&limitedWriter{left: room}, 0, r.Size())
		if !errors.Is(err, errFull) || n != int64(room) {
			t.Errorf("room for %d: %d, %v", room, n, err)
		}
	}
}

func readersOutlive(t *testing.T, e Engine) {
	b := e.Open(t)
	want := Content(1, blob.BlockSize+1)
	Put(t, b, ID(1), want)
	r := mustOpen(t, b, ID(1))
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	var got bytes.Buffer
	if _, err := r.WriteRange(&got, 0, r.Size()); err != nil || !bytes.Equal(got.Bytes(), want) {
		t.Errorf("after Close: %v", err)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
}
