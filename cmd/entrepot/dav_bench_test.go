package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"
)

// processorTime reports what the process, client and all, computes for each
// turn of the benchmark's loop. Unlike its time it says something on a busy
// machine too.
func processorTime(b *testing.B) (report func()) {
	b.Helper()
	begin := processTime(b)
	return func() { b.ReportMetric(float64((processTime(b)-begin).Nanoseconds())/float64(b.N)/1e3, "cpu-µs/op") }
}

func processTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// local returns a request for the handler stack itself, as if it had come over
// loopback.
func (w *bench) local(method, path string, body io.Reader, header ...string) *http.Request {
	w.b.Helper()
	req, err := http.NewRequestWithContext(w.b.Context(), method, w.url+path, body)
	if err != nil {
		w.b.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	req.RemoteAddr, req.RequestURI = "127.0.0.1:1", path
	addr := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 80}
	return req.WithContext(context.WithValue(req.Context(), http.LocalAddrContextKey, addr))
}

// BenchmarkPropfind10KHandler is BenchmarkPropfind10K without a client and a
// connection: all properties, and the four that clients list folders with.
func BenchmarkPropfind10KHandler(b *testing.B) {
	w := newBench(b)
	w.fill(10_000)
	const four = `<D:propfind xmlns:D="DAV:"><D:prop><D:resourcetype/><D:getcontentlength/><D:getlastmodified/><D:getetag/></D:prop></D:propfind>`
	for name, body := range map[string]string{"all": "", "four": four} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			defer processorTime(b)()
			for b.Loop() {
				req := w.local("PROPFIND", "/dav/c/f/", strings.NewReader(body), "Depth", "1")
				req.SetBasicAuth("u", "password")
				sink := &discard{header: http.Header{}}
				if w.handler.ServeHTTP(sink, req); sink.n < 1_000_000 {
					b.Fatal(sink.n)
				}
			}
		})
	}
}

// The handlers alone, one request at a time: what a small file costs through
// WebDAV with a password that was checked before.

func BenchmarkPutDav4KHandler(b *testing.B) {
	w, body := newBench(b), bytes.Repeat([]byte("x"), 4<<10)
	b.ReportAllocs()
	defer processorTime(b)()
	for i := 0; b.Loop(); i++ {
		req := w.local(http.MethodPut, fmt.Sprintf("/dav/c/o%09d", i), bytes.NewReader(body))
		req.SetBasicAuth("u", "password")
		w.handler.ServeHTTP(&discard{header: http.Header{}}, req)
	}
}

func BenchmarkGetDav4KHandler(b *testing.B) {
	w := newBench(b)
	w.dav(http.MethodPut, "/dav/c/o", strings.Repeat("x", 4<<10), http.StatusCreated)
	req := w.local(http.MethodGet, "/dav/c/o", http.NoBody)
	req.SetBasicAuth("u", "password")
	b.ReportAllocs()
	defer processorTime(b)()
	for b.Loop() {
		sink := &discard{header: http.Header{}}
		if w.handler.ServeHTTP(sink, req); sink.n != 4<<10 {
			b.Fatal(sink.n)
		}
	}
}
