package httpkit

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"entrepot/gateway"
)

// ContentOptions say how ServeContent answers.
type ContentOptions struct {
	// IfRange honours the If-Range header (RFC 9110 section 13.1.5) against
	// the ETag and Last-Modified headers that the caller has set; without it
	// the header is ignored, as Swift does.
	IfRange bool
	// OneRange answers a request for several ranges with the whole content.
	OneRange bool
	// Active leaves out the sandbox that keeps scripts of user content away
	// from the gateway's own origin: for content with a host of its own.
	Active bool
	// Rand gives the boundary of multipart answers; nil: crypto/rand.
	Rand io.Reader
}

// ServeContent answers a GET or HEAD with the content, or with the parts of it
// that a Range header of a GET asks for (RFC 9110 section 14): 200, 206 with
// Content-Range, or 206 with multipart/byteranges. The caller has set every
// other header of the answer. It sets Accept-Ranges, Content-Type,
// Content-Length and the headers that keep browsers from running user content.
//
// It returns an error only when nothing was written, so that the caller can
// answer with it: a *RangeError (Content-Range is set then), or what the
// content said of its first bytes. When the copy fails later the connection is
// cut with panic(http.ErrAbortHandler), since the length was promised.
func ServeContent(w http.ResponseWriter, r *http.Request, c gateway.Content, contentType string, opt ContentOptions) error {
	h := w.Header()
	h["Accept-Ranges"] = acceptBytes
	if contentType == "" {
		contentType = "application/octet-stream"
	}
	GuardContent(h, contentType, opt.Active)
	h["Content-Type"] = []string{contentType}

	size := c.Size()
	if r.Method == http.MethodHead {
		setLength(h, size)
		w.WriteHeader(http.StatusOK)
		return nil
	}
	spans, err := requestedSpans(r, h, size, opt)
	if err != nil {
		h["Content-Range"] = []string{err.ContentRange()}
		return err
	}
	switch len(spans) {
	case 0:
		setLength(h, size)
		return sendWhole(w, r, c, size)
	case 1:
		h["Content-Range"] = []string{spans[0].contentRange(size)}
		setLength(h, spans[0].Len)
		if err := sendSpan(&lateStatus{ResponseWriter: w}, r, c, spans[0]); err != nil {
			delete(h, "Content-Range")
			return err
		}
		return nil
	}
	var first [1]byte // what is wrong with the first part can still be answered
	if _, err := c.ReadAt(first[:], spans[0].Off); err != nil && err != io.EOF {
		return err
	}
	boundary, rerr := newBoundary(opt.Rand)
	if rerr != nil {
		return rerr
	}
	sendParts(w, r, c, contentType, boundary, spans)
	return nil
}

// The values of headers that are the same in every answer; never written to.
var (
	acceptBytes = []string{"bytes"}
	noSniff     = []string{"nosniff"}
	sandbox     = []string{"sandbox"}
)

// activeTypes are media types that a browser runs or renders with scripts,
// besides all that end in "+xml".
var activeTypes = [...]string{
	"text/html", "text/xml", "application/xml", "application/pdf", "application/x-shockwave-flash",
	"multipart/related", "multipart/mixed", "multipart/x-mixed-replace", "message/rfc822", "text/xsl",
}

// GuardContent sets the headers that keep a browser from guessing the type of
// user content and, unless active is set, from running it in the gateway's
// origin.
func GuardContent(h http.Header, contentType string, active bool) {
	h["X-Content-Type-Options"] = noSniff
	if !active && isActive(contentType) {
		h["Content-Security-Policy"] = sandbox
	}
}

// isActive tells whether a browser may run content of the type.
func isActive(contentType string) bool {
	mediaType, _, _ := strings.Cut(contentType, ";")
	mediaType = strings.Trim(mediaType, " \t")
	const xml = "+xml"
	if n := len(mediaType) - len(xml); n > 0 && strings.EqualFold(mediaType[n:], xml) {
		return true
	}
	for _, t := range activeTypes {
		if strings.EqualFold(mediaType, t) {
			return true
		}
	}
	return false
}

// requestedSpans decides what a GET asks for; none: the whole content.
func requestedSpans(r *http.Request, h http.Header, size int64, opt ContentOptions) ([]Span, *RangeError) {
	values := r.Header["Range"]
	if len(values) != 1 {
		return nil, nil // absent, or repeated and so malformed
	}
	if opt.IfRange && !ifRange(r.Header.Get("If-Range"), h) {
		return nil, nil
	}
	set, ok := ParseRange(values[0])
	if !ok {
		return nil, nil
	}
	if opt.OneRange && len(set) > 1 {
		return nil, nil
	}
	spans, err := set.For(size)
	if err != nil {
		return nil, &RangeError{Size: size}
	}
	return spans, nil
}

// ifRange tells whether the validator in an If-Range header still holds: an
// absent header does, a tag must be strong and equal, a date exact. A tag may
// come without its quotes, as some doors show it.
func ifRange(value string, h http.Header) bool {
	switch {
	case value == "":
		return true
	case strings.HasPrefix(value, "W/"):
		return false
	}
	if asked, err := http.ParseTime(value); err == nil {
		modified, err := http.ParseTime(h.Get("Last-Modified"))
		return err == nil && asked.Equal(modified)
	}
	etag := h["Etag"]
	if len(etag) == 0 {
		//lint:ignore SA1008 WebDAV writes the name as its clients spell it
		etag = h["ETag"]
	}
	return len(etag) == 1 && strings.Trim(etag[0], `"`) == strings.Trim(value, `"`) && !strings.HasPrefix(etag[0], "W/")
}

// sendWhole writes the whole content with status 200.
func sendWhole(w http.ResponseWriter, r *http.Request, c gateway.Content, size int64) error {
	if size == 0 {
		w.WriteHeader(http.StatusOK)
		return nil
	}
	// The status goes out with the first byte, so that damage found before it
	// can still be answered.
	n, err := c.WriteRange(w, 0, size)
	return finish(w, r, n, size, err)
}

// sendSpan writes one span with status 206.
func sendSpan(w *lateStatus, r *http.Request, c gateway.Content, s Span) error {
	n, err := c.WriteRange(w, s.Off, s.Len)
	return finish(w, r, n, s.Len, err)
}

// finish judges a copy: an error is returned while nothing went out, and cuts
// the connection afterwards.
func finish(w http.ResponseWriter, r *http.Request, n, want int64, err error) error {
	switch {
	case err == nil && n == want:
		return nil
	case n == 0 && err != nil && r.Context().Err() == nil:
		return err
	}
	cut(w, r, err)
	return nil // not reached
}

// cut ends the connection of an answer that cannot be completed; the cause
// goes to the log. What was written so far is sent before, so that the client
// sees an answer that breaks off and not a connection that was never answered.
func cut(w http.ResponseWriter, r *http.Request, err error) {
	if err == nil {
		err = io.ErrUnexpectedEOF
	}
	EventOf(r.Context()).Err = err
	_ = http.NewResponseController(w).Flush() // a client that is gone needs no answer
	panic(http.ErrAbortHandler)
}

// lateStatus sends status 206 with the first byte. It passes ReadFrom on, so
// that the kernel can still send files.
type lateStatus struct {
	http.ResponseWriter
	sent bool
}

// Unwrap lets http.ResponseController find the connection.
func (l *lateStatus) Unwrap() http.ResponseWriter { return l.ResponseWriter }

func (l *lateStatus) begin() {
	if !l.sent {
		l.sent = true
		l.WriteHeader(http.StatusPartialContent)
	}
}

// Write sends the status before the first byte.
func (l *lateStatus) Write(p []byte) (int, error) {
	l.begin()
	return l.ResponseWriter.Write(p)
}

// ReadFrom sends the status before the first byte.
func (l *lateStatus) ReadFrom(src io.Reader) (int64, error) {
	l.begin()
	if rf, ok := l.ResponseWriter.(io.ReaderFrom); ok {
		return rf.ReadFrom(src)
	}
	return io.Copy(onlyWriter{l.ResponseWriter}, src)
}

// onlyWriter hides every method of a writer but Write.
type onlyWriter struct{ io.Writer }

// newBoundary makes a multipart boundary of 32 hex digits.
func newBoundary(source io.Reader) (string, error) {
	if source == nil {
		source = rand.Reader
	}
	var b [16]byte
	if _, err := io.ReadFull(source, b[:]); err != nil {
		return "", fmt.Errorf("making a boundary: %w", err)
	}
	return hex.EncodeToString(b[:]), nil
}

// sendParts writes several spans as multipart/byteranges (RFC 9110 section
// 14.6), without a line break behind the closing boundary, as Swift does.
func sendParts(w http.ResponseWriter, r *http.Request, c gateway.Content, contentType, boundary string, spans []Span) {
	size := c.Size()
	closing := "--" + boundary + "--"
	length := int64(len(closing))
	heads := make([]string, len(spans))
	for i, s := range spans {
		heads[i] = "--" + boundary + "\r\nContent-Type: " + oneLine(contentType) +
			"\r\nContent-Range: " + s.contentRange(size) + "\r\n\r\n"
		length += int64(len(heads[i])) + s.Len + int64(len("\r\n"))
	}
	h := w.Header()
	h["Content-Type"] = []string{"multipart/byteranges;boundary=" + boundary}
	setLength(h, length)
	w.WriteHeader(http.StatusPartialContent)
	write := func(text string) {
		if _, err := io.WriteString(w, text); err != nil {
			cut(w, r, err)
		}
	}
	for i, s := range spans {
		write(heads[i])
		if n, err := c.WriteRange(w, s.Off, s.Len); err != nil || n != s.Len {
			cut(w, r, err)
		}
		write("\r\n")
	}
	write(closing)
}

// oneLine takes line breaks out of a header value.
func oneLine(s string) string {
	if !strings.ContainsAny(s, "\r\n") {
		return s
	}
	return strings.NewReplacer("\r", " ", "\n", " ").Replace(s)
}

func setLength(h http.Header, n int64) {
	h["Content-Length"] = []string{strconv.FormatInt(n, 10)}
}

// HTTPTime returns t as an HTTP date, rounded up to the next whole second, as
// Swift shows and compares modification times.
func HTTPTime(t time.Time) string {
	return string(AppendHTTPTime(make([]byte, 0, len(http.TimeFormat)), t))
}

// AppendHTTPTime appends what HTTPTime returns.
func AppendHTTPTime(b []byte, t time.Time) []byte {
	if t.Nanosecond() != 0 {
		t = t.Truncate(time.Second).Add(time.Second)
	}
	return AppendHTTPDate(b, t)
}
