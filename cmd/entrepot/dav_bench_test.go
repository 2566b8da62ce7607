package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
)

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
// connection.
func BenchmarkPropfind10KHandler(b *testing.B) {
	w := newBench(b)
	w.fill(10_000)
	b.ReportAllocs()
	for b.Loop() {
		req := w.local("PROPFIND", "/dav/c/f/", http.NoBody, "Depth", "1")
		req.SetBasicAuth("u", "password")
		sink := &discard{header: http.Header{}}
		if w.handler.ServeHTTP(sink, req); sink.n < 1_000_000 {
			b.Fatal(sink.n)
		}
	}
}

// The handlers alone, one request at a time: what a small file costs through
// WebDAV with a password that was checked before.

func BenchmarkPutDav4KHandler(b *testing.B) {
	w, body := newBench(b), bytes.Repeat([]byte("x"), 4<<10)
	b.ReportAllocs()
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
	for b.Loop() {
		sink := &discard{header: http.Header{}}
		if w.handler.ServeHTTP(sink, req); sink.n != 4<<10 {
			b.Fatal(sink.n)
		}
	}
}
