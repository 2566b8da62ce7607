package dav

import (
	"context"
	"net/http"
	"strconv"

	"github.com/klauspost/compress/gzip"

	"entrepot/gateway"
	"entrepot/protocols/internal/httpkit"
)

// minCompressed is the shortest answer that is worth compressing: less fits
// into one packet anyway.
const minCompressed = 1400

// A listing is an answer of unknown length on its way, sent page by page, and
// compressed where the client takes that: the answers shrink by ten.
type listing struct {
	face   *Face
	w      http.ResponseWriter
	status int
	gz     *gzip.Writer // while the answer is compressed
	sent   bool         // the header went out
	accept bool         // the client takes gzip
}

// listing begins an answer; its header fields but those of the encoding are
// set by the caller before the first page.
func (f *Face) listing(q *request, status int) *listing {
	return &listing{face: f, w: q.w, status: status, accept: httpkit.AcceptsGzip(q.r.Header)}
}

// page sends a part of the answer and pushes it out; with last it is the end.
func (l *listing) page(out []byte, last bool) error {
	if !l.sent {
		l.begin(len(out), last)
	}
	if l.gz == nil {
		if _, err := l.w.Write(out); err != nil || last {
			return err
		}
		return flush(l.w)
	}
	_, err := l.gz.Write(out)
	switch {
	case err != nil:
		return err
	case last:
		return l.gz.Close()
	}
	if err := l.gz.Flush(); err != nil {
		return err
	}
	return flush(l.w)
}

// begin sends the header.
func (l *listing) begin(n int, last bool) {
	h := l.w.Header()
	h.Set("Vary", "Accept-Encoding")
	h.Set("X-Content-Type-Options", "nosniff")
	switch {
	case l.accept && n >= minCompressed:
		h.Set("Content-Encoding", "gzip")
		l.gz = l.face.compressor(l.w)
	case last:
		h.Set("Content-Length", strconv.Itoa(n))
	}
	l.w.WriteHeader(l.status)
	l.sent = true
}

// close gives back what the answer used; it sends nothing.
func (l *listing) close() {
	if l.gz != nil {
		l.face.compressors.Put(l.gz)
		l.gz = nil
	}
}

// pageNodes is how many members one look into the store yields. Between two
// looks nothing is held, however slow the client reads.
const pageNodes = 1_000

// members calls take for the members of a folder, page by page. The nodes die
// with the call; its error, or one of the gateway's, ends the walk.
func (f *Face) members(ctx context.Context, ref gateway.Ref, opt gateway.ListTree, take func(nodes []gateway.Node, last bool) error) error {
	memory, ok := f.nodes.Get().(*[]gateway.Node)
	if !ok {
		memory = new([]gateway.Node)
	}
	defer func() {
		clear((*memory)[:cap(*memory)])
		f.nodes.Put(memory)
	}()
	for opt.Limit = pageNodes; ; {
		opt.Into = *memory
		page, err := f.trees.List(ctx, ref, opt)
		if err != nil {
			return err
		}
		if cap(page.Nodes) > cap(*memory) {
			*memory = page.Nodes
		}
		last := page.Next == gateway.Ref{}
		if err := take(page.Nodes, last); err != nil || last {
			return err
		}
		opt.After = page.Next
	}
}

// compressor returns a gzip writer at its fastest: a listing repeats itself so
// much that more effort gains little.
func (f *Face) compressor(w http.ResponseWriter) *gzip.Writer {
	if gz, ok := f.compressors.Get().(*gzip.Writer); ok {
		gz.Reset(w)
		return gz
	}
	gz, err := gzip.NewWriterLevel(w, gzip.BestSpeed)
	if err != nil {
		panic("dav: " + err.Error()) // the level is a constant
	}
	return gz
}
