package swift

import (
	"io"
	"net/http"
	"sync"

	"entrepot/gateway"
	"entrepot/protocols/internal/httpkit"
)

// chunkSize is how much of a listing is written at once.
const chunkSize = 64 << 10

// keptChunks is how many chunks of a listing are kept while its length is
// learned. Of what lies behind them the length alone is learned, and they are
// encoded once more.
const keptChunks = 64

// pages writes listings. Its memory is used again and again. It is safe for
// concurrent use; the zero value is ready.
type pages struct {
	buffers sync.Pool // of *[]byte
	rows    sync.Pool // of *[]gateway.Entry
}

// buffer returns an empty buffer that holds a chunk and the row that fills it.
func (p *pages) buffer() *[]byte {
	if b, ok := p.buffers.Get().(*[]byte); ok {
		*b = (*b)[:0]
		return b
	}
	b := make([]byte, 0, chunkSize+8<<10)
	return &b
}

// entries returns memory for the rows of a container's listing.
func (p *pages) entries() *[]gateway.Entry {
	if e, ok := p.rows.Get().(*[]gateway.Entry); ok {
		return e
	}
	return new([]gateway.Entry)
}

// done takes back the rows of a listing, to which nothing refers any more.
func (p *pages) done(e *[]gateway.Entry) {
	clear(*e)
	p.rows.Put(e)
}

// A document is a listing of n rows: the way it begins, one row, and its end.
// The functions append and keep nothing.
type document struct {
	rows  int
	head  func([]byte) []byte
	row   func(b []byte, i int) []byte
	tail  string
	empty string // whole body of a listing without rows; "": 204
}

// write answers a GET with a listing, of which Content-Length is exact.
func (p *pages) write(w http.ResponseWriter, r *http.Request, l *listing, d document) {
	h := w.Header()
	h["Content-Type"] = []string{l.format.contentType()}
	if d.rows == 0 {
		if d.empty == "" {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		d.tail = ""
		d.head = func(b []byte) []byte { return append(b, d.empty...) }
	}
	kept, next, length := p.keep(&d)
	defer func() {
		for _, b := range kept {
			p.buffers.Put(b)
		}
	}()
	answer := answer{header: h, values: make([]string, 0, 1)}
	answer.setInt("Content-Length", length)
	w.WriteHeader(http.StatusOK)
	if err := d.send(w, kept, next); err != nil {
		httpkit.EventOf(r.Context()).Err = err
		panic(http.ErrAbortHandler)
	}
}

// keep encodes a document and returns its first chunks, the row that follows
// them, and the length of all.
func (p *pages) keep(d *document) (kept []*[]byte, next int, length int64) {
	b := p.buffer()
	for row := 0; row < d.rows || length == 0; {
		*b, row = d.chunk((*b)[:0], row)
		length += int64(len(*b))
		if len(kept) < keptChunks {
			kept, next = append(kept, b), row
			b = p.buffer()
		}
	}
	p.buffers.Put(b)
	return kept, next, length
}

// send writes the chunks that were kept, and those behind them.
func (d *document) send(w io.Writer, kept []*[]byte, next int) error {
	for _, b := range kept {
		if _, err := w.Write(*b); err != nil {
			return err
		}
	}
	for last := kept[len(kept)-1]; next < d.rows; {
		*last, next = d.chunk((*last)[:0], next)
		if _, err := w.Write(*last); err != nil {
			return err
		}
	}
	return nil
}

// chunk appends rows from the given one on until there is a chunk, with the
// beginning and the end of the document, and returns the row that follows.
func (d *document) chunk(b []byte, row int) ([]byte, int) {
	if row == 0 {
		b = d.head(b)
	}
	for ; row < d.rows && len(b) < chunkSize; row++ {
		b = d.row(b, row)
	}
	if row == d.rows {
		b = append(b, d.tail...)
	}
	return b, row
}

// setListing sets the headers that listings and the HEAD of what they list
// have in common.
func setListing(a *answer, l *listing) {
	a.set("Accept-Ranges", "bytes")
	if !l.named {
		a.set("Vary", "Accept")
	}
}

const xmlHead = `<?xml version="1.0" encoding="UTF-8"?>` + "\n"

// objectsDocument is a page of a container's names.
func objectsDocument(f format, container string, entries []gateway.Entry) document {
	d := document{rows: len(entries), head: func(b []byte) []byte { return b }}
	switch f {
	case jsonFormat:
		d.head, d.tail, d.empty = jsonList, "]", "[]"
		d.row = func(b []byte, i int) []byte { return appendObjectJSON(comma(b, i), &entries[i]) }
	case xmlFormat, textXML:
		name := string(appendXML(nil, container, true))
		d.head = func(b []byte) []byte {
			return append(append(append(append(b, xmlHead...), `<container name="`...), name...), `">`...)
		}
		d.tail = "</container>"
		d.empty = xmlHead + `<container name="` + name + `" />`
		d.row = func(b []byte, i int) []byte { return appendObjectXML(b, &entries[i]) }
	default:
		d.row = func(b []byte, i int) []byte {
			name := entries[i].Subdir
			if name == "" {
				name = entries[i].Object.Name
			}
			return append(append(b, name...), '\n')
		}
	}
	return d
}

// containersDocument is a page of an account's containers.
func containersDocument(f format, account string, entries []gateway.ContainerEntry) document {
	d := document{rows: len(entries), head: func(b []byte) []byte { return b }}
	switch f {
	case jsonFormat:
		d.head, d.tail, d.empty = jsonList, "]", "[]"
		d.row = func(b []byte, i int) []byte { return appendContainerJSON(comma(b, i), &entries[i]) }
	case xmlFormat, textXML:
		name := string(appendXML(nil, account, true))
		d.head = func(b []byte) []byte {
			return append(append(append(append(b, xmlHead...), `<account name="`...), name...), "\">\n"...)
		}
		d.tail = "</account>"
		d.empty = xmlHead + `<account name="` + name + "\">\n</account>"
		d.row = func(b []byte, i int) []byte { return append(appendContainerXML(b, &entries[i]), '\n') }
	default:
		d.row = func(b []byte, i int) []byte {
			name := entries[i].Subdir
			if name == "" {
				name = entries[i].Name
			}
			return append(append(b, name...), '\n')
		}
	}
	return d
}

func jsonList(b []byte) []byte { return append(b, '[') }

// comma separates the rows of a JSON list.
func comma(b []byte, i int) []byte {
	if i > 0 {
		b = append(b, ", "...)
	}
	return b
}
