package httpkit

import (
	"io"
	"net/http"
	"time"
)

// Deadlines end the transfer of bodies that stand still. A body may take as
// long as it likes while it makes progress; what may not happen is that the
// other side keeps a connection and gives, or takes, next to nothing.
//
// The deadlines of connections are compared with the machine's clock by the
// kernel, so they do not follow an injected one.
type Deadlines struct {
	// Stall is how long a transfer may wait for the other side, counted
	// without the time in which the handler does something else. 0 means no
	// deadlines.
	Stall time.Duration
	// MinRate is the progress, in bytes per second over Stall, that counts as
	// moving: bodies whose bytes arrive one by one are ended too. 0 means
	// that one byte is progress.
	MinRate int64
}

// renewAfter is which part of Stall may pass before a deadline is set anew:
// each setting costs a system timer, each window may be that much shorter.
const renewAfter = 16

// piece is how many bytes one deadline covers when a whole file is handed to
// the kernel. A stalled reader of a file is noticed after Stall and the time
// that a piece takes at MinRate.
const piece = 256 << 10

// patience is how long sending n bytes may take.
func (d Deadlines) patience(n int64) time.Duration {
	if d.MinRate <= 0 {
		return d.Stall
	}
	return d.Stall + time.Duration(n)*time.Second/time.Duration(d.MinRate)
}

// Body returns body with deadlines that roll while it is read through control.
// A reader that waited longer than allowed gets os.ErrDeadlineExceeded. The
// first deadline is set at once, so that a body which the handler never reads
// cannot hold the connection either; the deadline is lifted when the body
// ends, because the server then watches the connection for its end.
func (d Deadlines) Body(body io.ReadCloser, control *http.ResponseController) io.ReadCloser {
	if d.Stall <= 0 || body == nil || body == http.NoBody {
		return body
	}
	b := &rollingBody{ReadCloser: body, control: control, limits: d}
	b.extend(time.Now(), d.Stall)
	return b
}

// unasked is how long the server still waits, after the answer, for a body
// that the client holds back.
const unasked = 100 * time.Millisecond

// Answered is to be called when the answer to r is complete, with what Body
// returned. A client that waits for "100 Continue" (RFC 9110 section 10.1.1)
// and was refused instead need not send its body, and the server would wait for
// it: the connection, which ends with this answer, is let go of at once.
func Answered(r *http.Request, body io.ReadCloser) {
	if b, ok := body.(*rollingBody); ok && !b.read && r.Header.Get("Expect") != "" {
		b.extend(time.Now(), unasked)
	}
}

// rollingBody is a request body with a deadline. The time between reads is the
// handler's and is not counted.
type rollingBody struct {
	io.ReadCloser
	control *http.ResponseController
	limits  Deadlines

	waited  time.Duration // in Read, since progress was last enough
	got     int64         // bytes since then
	expires time.Time     // the deadline as it is set
	read    bool          // the handler asked for it
}

// Read reads under a deadline of what is left of the allowed time.
func (b *rollingBody) Read(p []byte) (int, error) {
	b.read = true
	start := time.Now()
	left := b.limits.Stall - b.waited
	if b.expires.Sub(start) < left-b.limits.Stall/renewAfter {
		b.extend(start, left)
	}
	n, err := b.ReadCloser.Read(p)
	if err == io.EOF {
		_ = b.control.SetReadDeadline(time.Time{}) // unsupported: then there was none
		return n, err
	}
	b.waited += time.Since(start)
	b.got += int64(n)
	if b.got > 0 && b.got >= int64(b.limits.Stall.Seconds()*float64(b.limits.MinRate)) {
		b.waited, b.got = 0, 0
	}
	return n, err
}

// extend sets the deadline. A connection without deadlines (a recorder in a
// test) has none to roll.
func (b *rollingBody) extend(from time.Time, d time.Duration) {
	b.expires = from.Add(d)
	_ = b.control.SetReadDeadline(b.expires)
}
