package httpkit_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"entrepot/protocols/internal/httpkit"
)

// content is a gateway.Content over text; it fails at offset bad when that is
// not negative.
type content struct {
	*strings.Reader
	bad int64
}

var errDamaged = errors.New("damaged")

func text(s string) content { return content{strings.NewReader(s), -1} }

func (c content) Close() error { return nil }

func (c content) WriteRange(w io.Writer, off, n int64) (int64, error) {
	if c.bad >= 0 && off+n > c.bad {
		if off >= c.bad {
			return 0, errDamaged
		}
		written, _ := io.Copy(w, io.NewSectionReader(c, off, c.bad-off))
		return written, errDamaged
	}
	return io.Copy(w, io.NewSectionReader(c, off, n))
}

func get(header ...string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return r
}

func TestServeContent(t *testing.T) {
	opt := httpkit.ContentOptions{IfRange: true, Rand: bytes.NewReader(make([]byte, 16))}
	boundary := strings.Repeat("0", 32)
	tests := []struct {
		name   string
		r      *http.Request
		status int
		head   map[string]string
		body   string
	}{
		{"whole", get(), 200, map[string]string{"Content-Length": "10", "Accept-Ranges": "bytes", "Content-Type": "text/plain", "X-Content-Type-Options": "nosniff"}, "0123456789"},
		{"part", get("Range", "bytes=-3"), 206, map[string]string{"Content-Length": "3", "Content-Range": "bytes 7-9/10"}, "789"},
		{"malformed range", get("Range", "bytes=5-2"), 200, map[string]string{"Content-Length": "10", "Content-Range": ""}, "0123456789"},
		{"parts", get("Range", "bytes=0-1,4-5"), 206, map[string]string{"Content-Length": "230", "Content-Type": "multipart/byteranges;boundary=" + boundary},
			"--" + boundary + "\r\nContent-Type: text/plain\r\nContent-Range: bytes 0-1/10\r\n\r\n01\r\n" +
				"--" + boundary + "\r\nContent-Type: text/plain\r\nContent-Range: bytes 4-5/10\r\n\r\n45\r\n--" + boundary + "--"},
		{"if-range holds", get("Range", "bytes=0-1", "If-Range", `"tag"`), 206, nil, "01"},
		{"if-range broken", get("Range", "bytes=0-1", "If-Range", `"other"`), 200, nil, "0123456789"},
		{"if-range weak", get("Range", "bytes=0-1", "If-Range", `W/"tag"`), 200, nil, "0123456789"},
		{"if-range date", get("Range", "bytes=0-1", "If-Range", "Sun, 22 Nov 2026 03:00:00 GMT"), 206, nil, "01"},
		{"if-range other date", get("Range", "bytes=0-1", "If-Range", "Sun, 22 Nov 2026 03:00:01 GMT"), 200, nil, "0123456789"},
		{"head", httptest.NewRequest(http.MethodHead, "/", nil), 200, map[string]string{"Content-Length": "10"}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := httptest.NewRecorder()
			w.Header().Set("Etag", "tag")
			w.Header().Set("Last-Modified", "Sun, 22 Nov 2026 03:00:00 GMT")
			if err := httpkit.ServeContent(w, tt.r, text("0123456789"), "text/plain", opt); err != nil {
				t.Fatal(err)
			}
			if w.Code != tt.status || w.Body.String() != tt.body {
				t.Errorf("got %d %q, want %d %q", w.Code, w.Body, tt.status, tt.body)
			}
			for name, want := range tt.head {
				if got := w.Header().Get(name); got != want {
					t.Errorf("%s: %q, want %q", name, got, want)
				}
			}
		})
	}
}

func TestServeContentIgnoresIfRangeWhenToldSo(t *testing.T) {
	w := httptest.NewRecorder()
	if err := httpkit.ServeContent(w, get("Range", "bytes=0-1", "If-Range", `"x"`), text("0123"), "", httpkit.ContentOptions{}); err != nil {
		t.Fatal(err)
	}
	if w.Code != 206 || w.Body.String() != "01" || w.Header().Get("Content-Type") != "application/octet-stream" {
		t.Errorf("%d %q %v", w.Code, w.Body, w.Header())
	}
}

func TestServeContentWritesNothingForUnsatisfiableRange(t *testing.T) {
	w := httptest.NewRecorder()
	err := httpkit.ServeContent(w, get("Range", "bytes=10-"), text("0123456789"), "", httpkit.ContentOptions{})
	var re *httpkit.RangeError
	if !errors.As(err, &re) || re.Size != 10 || w.Header().Get("Content-Range") != "bytes */10" || w.Flushed || w.Body.Len() != 0 {
		t.Errorf("error %v, answer %v", err, w)
	}
}

func TestServeContentReturnsDamageOfTheFirstBytes(t *testing.T) {
	for _, r := range []*http.Request{get(), get("Range", "bytes=0-5")} {
		w := httptest.NewRecorder()
		c := text("0123456789")
		c.bad = 0
		if err := httpkit.ServeContent(w, r, c, "", httpkit.ContentOptions{}); !errors.Is(err, errDamaged) {
			t.Errorf("error %v", err)
		}
		w.WriteHeader(500) // still possible
		if w.Code != 500 || w.Header().Get("Content-Range") != "" {
			t.Errorf("status %d, headers %v", w.Code, w.Header())
		}
	}
}

func TestServeContentCutsTheConnectionOnLaterDamage(t *testing.T) {
	for _, r := range []*http.Request{get(), get("Range", "bytes=1-5"), get("Range", "bytes=0-1,4-5")} {
		func() {
			defer func() {
				if v := recover(); v != http.ErrAbortHandler {
					t.Errorf("recovered %v", v)
				}
			}()
			c := text("0123456789")
			c.bad = 3
			err := httpkit.ServeContent(httptest.NewRecorder(), r, c, "", httpkit.ContentOptions{})
			t.Errorf("returned %v", err)
		}()
	}
}

// A short answer would still lie in the server's buffer: the client must see
// that one began, and that it broke off.
func TestServeContentShowsTheBeginningOfAnAnswerThatBreaksOff(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := text("0123456789")
		c.bad = 3
		t.Errorf("returned %v", httpkit.ServeContent(w, r, c, "", httpkit.ContentOptions{}))
	}))
	defer server.Close()
	answer, err := server.Client().Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if answer.StatusCode != 200 || string(body) != "012" || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("status %d, body %q, error %v", answer.StatusCode, body, err)
	}
}

func TestGuardContentSandboxesActiveTypes(t *testing.T) {
	for typ, want := range map[string]string{
		"text/html": "sandbox", "Text/HTML; charset=utf-8": "sandbox", "image/svg+xml": "sandbox",
		"application/vnd.wap.XHTML+xml;x": "sandbox", "multipart/x-mixed-replace;boundary=x": "sandbox",
		"text/plain": "", "+xml": "", "application/xml-dtd": "", "image/png": "", "application/octet-stream": "",
	} {
		h := http.Header{}
		httpkit.GuardContent(h, typ, false)
		if h.Get("Content-Security-Policy") != want || h.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: %v", typ, h)
		}
		h = http.Header{}
		if httpkit.GuardContent(h, typ, true); h.Get("Content-Security-Policy") != "" {
			t.Errorf("%s on its own host: %v", typ, h)
		}
	}
}

// readerFrom counts the calls that a kernel copy would take.
type readerFrom struct {
	*httptest.ResponseRecorder
	calls int
}

func (w *readerFrom) ReadFrom(src io.Reader) (int64, error) {
	w.calls++
	return io.Copy(w.ResponseRecorder, src)
}

func TestServeContentPassesReadFromOn(t *testing.T) {
	for _, r := range []*http.Request{get(), get("Range", "bytes=1-2")} {
		w := &readerFrom{ResponseRecorder: httptest.NewRecorder()}
		c := plainContent{text("0123456789")}
		if err := httpkit.ServeContent(w, r, c, "", httpkit.ContentOptions{}); err != nil || w.calls != 1 {
			t.Errorf("error %v, %d calls of ReadFrom", err, w.calls)
		}
	}
}

// plainContent copies the way a file does: by the writer's ReadFrom.
type plainContent struct{ content }

func (c plainContent) WriteRange(w io.Writer, off, n int64) (int64, error) {
	return w.(io.ReaderFrom).ReadFrom(io.NewSectionReader(c, off, n))
}

func TestHTTPTimeRoundsUp(t *testing.T) {
	at := time.Date(2026, 11, 22, 3, 59, 59, 0, time.UTC)
	if got := httpkit.HTTPTime(at); got != "Sun, 22 Nov 2026 03:59:59 GMT" {
		t.Error(got)
	}
	if got := httpkit.HTTPTime(at.Add(10 * time.Microsecond)); got != "Sun, 22 Nov 2026 04:00:00 GMT" {
		t.Error(got)
	}
}
