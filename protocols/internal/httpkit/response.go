package httpkit

import (
	"io"
	"net/http"
	"time"
)

// A Response is the front's view of a response: it counts what is sent and
// rolls the deadline for it. It passes ReadFrom on to the server's own writer,
// so that a file still goes out by sendfile, and offers what
// http.ResponseController asks for except Hijack: no face takes a connection
// away from the server.
type Response struct {
	http.ResponseWriter
	control *http.ResponseController
	limits  Deadlines

	status  int
	bytes   int64
	expires time.Time
}

// NewResponse wraps w.
func NewResponse(w http.ResponseWriter, limits Deadlines) *Response {
	return &Response{ResponseWriter: w, control: http.NewResponseController(w), limits: limits}
}

// Control returns the controller of the wrapped writer.
func (w *Response) Control() *http.ResponseController { return w.control }

// Status returns the status that was sent, 0 while nothing was.
func (w *Response) Status() int { return w.status }

// Bytes returns how many bytes of a body were handed to the server.
func (w *Response) Bytes() int64 { return w.bytes }

// WriteHeader sends the header. A second call is passed on too, so that the
// server can complain about it, and changes nothing here.
func (w *Response) WriteHeader(status int) {
	if w.status == 0 && (status >= 200 || status == http.StatusSwitchingProtocols) {
		w.status = status
	}
	w.roll(0)
	w.ResponseWriter.WriteHeader(status)
}

// Write sends part of the body.
func (w *Response) Write(p []byte) (int, error) {
	w.begin(int64(len(p)))
	n, err := w.ResponseWriter.Write(p)
	w.bytes += int64(n)
	return n, err
}

// ReadFrom sends src, through the server's ReadFrom where it has one. Long
// sources go in pieces, each with a deadline of its own.
func (w *Response) ReadFrom(src io.Reader) (int64, error) {
	to, ok := w.ResponseWriter.(io.ReaderFrom)
	if !ok { // HTTP/2
		return io.Copy(struct{ io.Writer }{w}, src)
	}
	limited, ok := src.(*io.LimitedReader)
	if !ok {
		limited = &io.LimitedReader{R: src, N: 1<<63 - 1}
	}
	var total int64
	for limited.N > 0 {
		w.begin(piece)
		// One level of io.LimitedReader over the file is what the kernel's
		// path is found through.
		part := &io.LimitedReader{R: limited.R, N: min(limited.N, piece)}
		asked := part.N
		n, err := to.ReadFrom(part)
		total += n
		w.bytes += n
		limited.N -= asked - part.N
		if err != nil || n < asked {
			return total, err
		}
	}
	return total, nil
}

// FlushError sends what is buffered; http.ResponseController calls it.
func (w *Response) FlushError() error {
	w.begin(0)
	return w.control.Flush()
}

// Flush is FlushError for those who look for http.Flusher.
func (w *Response) Flush() { _ = w.FlushError() }

// SetReadDeadline is for http.ResponseController.
func (w *Response) SetReadDeadline(t time.Time) error { return w.control.SetReadDeadline(t) }

// SetWriteDeadline is for http.ResponseController. The next write sets the
// deadline anew.
func (w *Response) SetWriteDeadline(t time.Time) error {
	w.expires = time.Time{}
	return w.control.SetWriteDeadline(t)
}

// EnableFullDuplex is for http.ResponseController.
func (w *Response) EnableFullDuplex() error { return w.control.EnableFullDuplex() }

// Finish prepares for what the server sends after the handler: it must be
// called last. Without a header so far the status is 200.
func (w *Response) Finish() { w.begin(0) }

// begin notes the implied status and rolls the deadline for n bytes.
func (w *Response) begin(n int64) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	w.roll(n)
}

// roll sets the deadline for sending n bytes, unless the one that is set lets
// them enough time.
func (w *Response) roll(n int64) {
	if w.limits.Stall <= 0 {
		return
	}
	now := time.Now()
	d := w.limits.patience(n)
	if w.expires.Sub(now) >= d-w.limits.Stall/renewAfter {
		return
	}
	w.expires = now.Add(d)
	_ = w.control.SetWriteDeadline(w.expires) // unsupported: a recorder in a test
}
