package swift

import (
	"net/http"
	"sync"

	"entrepot/gateway"
	"entrepot/protocols/internal/httpkit"
)

// chunkSize is how much of a listing is written at once.
const chunkSize = 64 << 10

// pages writes listings. Its buffers are used again and again. It is safe for
// concurrent use; the zero value is ready.
type pages struct {
	buffers sync.Pool // of *[]byte
}

// buffer returns an empty buffer that holds a chunk and the row that fills it.
func (p *pages) buffer() *[]byte {
	if b, ok := p.buffers.Get().(*[]byte); ok {
		return b
	}
	b := make([]byte, 0, chunkSize+8<<10)
	return &b
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

// write answers a GET with a listing. The body is encoded chunk by
// chunk, twice when it is larger than one: the first time to learn its length,
// so that memory stays flat and Content-Length is exact.
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
	buffer := p.buffer()
	defer p.buffers.Put(buffer)

	length, whole := d.measure(buffer)
	answer := answer{header: h, values: make([]string, 0, 1)}
	answer.setInt("Content-Length", length)
	w.WriteHeader(http.StatusOK)
	if whole {
		_, _ = w.Write(*buffer) // a client that left has no use for the error
		return
	}
	if err := d.encode(buffer, func(b []byte) error { _, err := w.Write(b); return err }); err != nil {
		httpkit.EventOf(r.Context()).Err = err
		panic(http.ErrAbortHandler)
	}
}

// measure encodes the document and counts. When it fits one chunk, it is in
// the buffer then.
func (d *document) measure(buffer *[]byte) (length int64, whole bool) {
	chunks := 0
	_ = d.encode(buffer, func(b []byte) error { // counting cannot fail
		length += int64(len(b))
		chunks++
		return nil
	})
	return length, chunks == 1
}

// encode passes the document to emit in chunks; the last is still in the
// buffer when it returns.
func (d *document) encode(buffer *[]byte, emit func([]byte) error) error {
	b := d.head((*buffer)[:0])
	for i := range d.rows {
		b = d.row(b, i)
		if len(b) >= chunkSize {
			if err := emit(b); err != nil {
				return err
			}
			b = b[:0]
		}
	}
	b = append(b, d.tail...)
	*buffer = b
	return emit(b)
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
