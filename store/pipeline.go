package store

import (
	"io"
	"sync"
	"sync/atomic"
)

// chunkSize is how many bytes travel through the pipeline at once, and
// chunks how many may be under way: memory per upload is their product.
const (
	chunkSize = 256 << 10
	chunks    = 4
)

// A chunk is a buffer that all workers read; the last one gives it back.
type chunk struct {
	data []byte
	left atomic.Int32
}

// pipeline feeds an upload's body to its workers: one computes MD5, the second
// SHA-256 and the rest and writes the blob, and a third one the digests that go
// on over several uploads, where somebody asked for them.
type pipeline struct {
	u      *Upload
	free   chan *chunk
	toMD5  chan *chunk
	toFile chan *chunk
	toAlso chan *chunk // nil without a third worker
	work   sync.WaitGroup
	failed atomic.Pointer[error]
}

func startPipeline(u *Upload) *pipeline {
	p := &pipeline{
		u:      u,
		free:   make(chan *chunk, chunks),
		toMD5:  make(chan *chunk, chunks),
		toFile: make(chan *chunk, chunks),
	}
	for range chunks {
		p.free <- &chunk{}
	}
	p.work.Go(func() {
		for c := range p.toMD5 {
			u.md5.Write(c.data)
			p.giveBack(c)
		}
	})
	p.work.Go(func() {
		for c := range p.toFile {
			p.write(c.data)
			p.giveBack(c)
		}
	})
	if u.also != nil {
		p.toAlso = make(chan *chunk, chunks)
		p.work.Go(func() {
			for c := range p.toAlso {
				_, _ = u.also.Write(c.data)
				p.giveBack(c)
			}
		})
	}
	return p
}

func (p *pipeline) giveBack(c *chunk) {
	if c.left.Add(-1) == 0 {
		p.free <- c
	}
}

// write hashes and stores one chunk; after a failure the rest is dropped.
func (p *pipeline) write(data []byte) {
	if p.failed.Load() != nil {
		return
	}
	p.u.sha256.Write(data)
	for _, h := range p.u.extra {
		h.Write(data)
	}
	if _, err := p.u.file.Write(data); err != nil {
		p.failed.Store(&err)
	}
}

// feed sends head and then the body through the workers. It returns the
// body's error, io.EOF excepted, or nil early when a worker failed.
func (p *pipeline) feed(head []byte, body io.Reader) error {
	for p.failed.Load() == nil {
		c := <-p.free
		if c.data == nil {
			c.data = *p.u.s.chunks.Get().(*[]byte)
		}
		c.data = c.data[:cap(c.data)]
		n := copy(c.data, head)
		head = head[n:]
		m, err := fill(body, c.data[n:])
		p.u.size += int64(m)
		c.data = c.data[:n+m]
		if p.toAlso != nil {
			c.left.Store(3)
			p.toAlso <- c
		} else {
			c.left.Store(2)
		}
		p.toMD5 <- c
		p.toFile <- c
		if err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
	}
	return nil
}

// finish waits for the workers and returns the failure of one, if any.
func (p *pipeline) finish() error {
	close(p.toMD5)
	close(p.toFile)
	if p.toAlso != nil {
		close(p.toAlso)
	}
	p.work.Wait()
	for range chunks {
		if c := <-p.free; c.data != nil {
			p.u.s.chunks.Put(&c.data)
		}
	}
	if err := p.failed.Load(); err != nil {
		return *err
	}
	return nil
}

// fill reads until buf is full (nil), the body ends (io.EOF) or fails. Unlike
// io.ReadFull it never turns one of these into another: a body that was cut
// off says io.ErrUnexpectedEOF itself.
func fill(body io.Reader, buf []byte) (n int, err error) {
	for n < len(buf) && err == nil {
		var m int
		m, err = body.Read(buf[n:])
		n += m
	}
	if n == len(buf) && err == io.EOF {
		err = nil
	}
	return n, err
}
