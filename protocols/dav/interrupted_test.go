package dav_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"entrepot/gateway/gatewaytest"
	"entrepot/store/blob/dirblob"
)

// Downloads that break off leave nothing behind, neither files nor goroutines:
// ten thousand whose writer fails, and some that a client cuts off;
// ENTREPOT_INTERRUPTIONS says how many of these, for longer runs.
func TestS50BrokenDownloadsLeaveNothingOpen(t *testing.T) {
	blobs, err := dirblob.Open(t.TempDir(), dirblob.Options{})
	if err != nil {
		t.Fatal(err)
	}
	g := gatewaytest.NewWith(t, gatewaytest.Options{Blobs: blobs})
	f := &fixture{Fixture: g, handler: mountFace(t, g)}
	f.must(t, 201, "MKCOL", "/dav/c", "")
	f.must(t, 201, "PUT", "/dav/c/large", strings.Repeat("x", 4<<20))
	for i := range 1500 {
		f.swiftPut(t, fmt.Sprintf("d/%04d", i), "")
	}
	server := httptest.NewServer(f.handler)
	defer server.Close()
	cutOff(t, server, "GET", "/dav/c/large")
	files, routines := settle(t)
	cuts := 150
	if text := os.Getenv("ENTREPOT_INTERRUPTIONS"); text != "" {
		if cuts, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	}
	for range cuts {
		cutOff(t, server, "GET", "/dav/c/large")
		cutOff(t, server, "PROPFIND", "/dav/c/d/")
	}
	for i := range 10_000 {
		failWriting(t, f.handler, "GET", "/dav/c/large")
		if i%50 == 0 {
			failWriting(t, f.handler, "PROPFIND", "/dav/c/d/")
		}
	}
	moreFiles, moreRoutines := files, routines
	for limit := time.Now().Add(2 * time.Minute); time.Now().Before(limit); time.Sleep(20 * time.Millisecond) {
		if moreFiles, moreRoutines = settle(t); moreFiles <= files+8 && moreRoutines <= routines+8 {
			return
		}
	}
	t.Errorf("open files %d, were %d; goroutines %d, were %d", moreFiles, files, moreRoutines, routines)
}

// cutOff reads the beginning of an answer and closes the connection.
func cutOff(t *testing.T, server *httptest.Server, method, path string) {
	t.Helper()
	r, err := http.NewRequest(method, server.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.SetBasicAuth("tester", "testing")
	r.Header.Set("Depth", "1")
	w, err := server.Client().Transport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.CopyN(io.Discard, w.Body, 100); err != nil {
		t.Fatal(err)
	}
	w.Body.Close() // with most of it unread, which cuts the connection
}

// gone is a response writer whose client went away.
type gone struct {
	header http.Header
	status int
	tried  bool
}

// Header implements http.ResponseWriter.
func (b *gone) Header() http.Header { return b.header }

// WriteHeader implements http.ResponseWriter.
func (b *gone) WriteHeader(status int) { b.status = status }

// Write implements http.ResponseWriter.
func (b *gone) Write([]byte) (int, error) {
	b.tried = true
	return 0, errors.New("the client is gone")
}

// failWriting has a request answered to nobody.
func failWriting(t *testing.T, h http.Handler, method, path string) {
	t.Helper()
	r := httptest.NewRequest(method, path, nil)
	r.SetBasicAuth("tester", "testing")
	r.Header.Set("Depth", "1")
	w := &gone{header: http.Header{}}
	func() {
		defer func() {
			if p := recover(); p != nil && p != http.ErrAbortHandler { //nolint:errorlint // net/http compares so
				panic(p)
			}
		}()
		h.ServeHTTP(w, r)
	}()
	if !w.tried {
		t.Fatalf("%s %s: nothing was written, status %d", method, path, w.status)
	}
}

// settle counts what is open and running.
func settle(t *testing.T) (files, routines int) {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip("open files cannot be counted here")
	}
	return len(list), runtime.NumGoroutine()
}
