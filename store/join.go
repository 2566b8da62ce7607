package store

import (
	"errors"
	"fmt"
	"io"
	"sync"
)

// A Run is a part of joined content: N bytes of some other content, from From
// on, that begin at Start in the whole.
type Run struct {
	Start, From, N int64
	// Open opens the other content.
	Open func() (ContentReader, error)
}

// Join returns a reader of content of size bytes that consists of runs. find
// returns the run that holds the byte at off, 0 ≤ off < size. The content of a
// run is opened when its bytes are asked for and stays open until those of
// another one are, so that one is open at a time. The reader is safe for
// concurrent use; find and Open are not called at once.
func Join(size int64, find func(off int64) (Run, error)) ContentReader {
	return &joined{size: size, find: find}
}

type joined struct {
	size int64
	find func(off int64) (Run, error)

	mu   sync.Mutex
	run  Run // the open one
	open ContentReader
}

// Size implements blob.Reader.
func (j *joined) Size() int64 { return j.size }

// Close implements blob.Reader.
func (j *joined) Close() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.close()
}

func (j *joined) close() error {
	if j.open == nil {
		return nil
	}
	err := j.open.Close()
	j.open = nil
	return err
}

// each calls do for the pieces of runs that make up n bytes from off on: the
// run's content, where the piece begins in it and how long it is. do returns
// how many bytes it has dealt with.
func (j *joined) each(off, n int64, do func(c ContentReader, off, n int64) (int64, error)) (done int64, err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for done < n {
		if err := j.use(off + done); err != nil {
			return done, err
		}
		skip := off + done - j.run.Start
		want := min(j.run.N-skip, n-done)
		m, err := do(j.open, j.run.From+skip, want)
		done += m
		if err == nil && m != want {
			err = io.ErrShortWrite
		}
		if err != nil {
			return done, err
		}
	}
	return done, nil
}

// use opens the run that holds the byte at off, unless it is the open one.
func (j *joined) use(off int64) error {
	if j.open != nil && off >= j.run.Start && off < j.run.Start+j.run.N {
		return nil
	}
	if err := j.close(); err != nil {
		return err
	}
	run, err := j.find(off)
	if err == nil && (off < run.Start || off >= run.Start+run.N) {
		err = fmt.Errorf("store: byte %d is not in the run %d+%d", off, run.Start, run.N)
	}
	if err != nil {
		return err
	}
	open, err := run.Open()
	if err == nil {
		j.run, j.open = run, open
	}
	return err
}

// WriteRange implements blob.Reader: each run is written by its own content.
func (j *joined) WriteRange(w io.Writer, off, n int64) (int64, error) {
	if off < 0 || n < 0 || off > j.size || n > j.size-off {
		return 0, fmt.Errorf("store: range %d+%d of %d bytes", off, n, j.size)
	}
	return j.each(off, n, func(c ContentReader, off, n int64) (int64, error) { return c.WriteRange(w, off, n) })
}

// ReadAt implements io.ReaderAt.
func (j *joined) ReadAt(b []byte, off int64) (int, error) {
	if off < 0 {
		return 0, errors.New("store: negative offset")
	}
	n := min(int64(len(b)), max(j.size-off, 0))
	done := 0
	_, err := j.each(off, n, func(c ContentReader, off, n int64) (int64, error) {
		m, err := c.ReadAt(b[done:done+int(n)], off)
		done += m
		if errors.Is(err, io.EOF) && int64(m) == n {
			err = nil
		}
		return int64(m), err
	})
	if err == nil && done < len(b) {
		err = io.EOF
	}
	return done, err
}
