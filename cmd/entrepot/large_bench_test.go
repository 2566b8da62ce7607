package main

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// segments stores n objects of size bytes and two large objects that join
// them, c/static and c/dynamic.
func (w *bench) segments(n, size int) {
	w.b.Helper()
	body := bytes.Repeat([]byte("0123456789abcdef"), size/16)
	for i := range n {
		w.do(http.MethodPut, fmt.Sprintf("/v1/AUTH_a/c/s/%06d", i), body)
	}
	if n <= 1000 {
		w.do(http.MethodPut, "/v1/AUTH_a/c/static?multipart-manifest=put", w.manifest(n))
	}
	w.do(http.MethodPut, "/v1/AUTH_a/c/dynamic", nil, "X-Object-Manifest", "c/s/")
}

// manifest is the body of a PUT that joins the first n segments.
func (w *bench) manifest(n int) []byte {
	entries := make([]string, n)
	for i := range entries {
		entries[i] = fmt.Sprintf(`{"path": "/c/s/%06d"}`, i)
	}
	return []byte("[" + strings.Join(entries, ", ") + "]")
}

// BenchmarkGetLarge reads the same 1,000 MiB as one plain object and as 100
// segments of 10 MiB.
func BenchmarkGetLarge(b *testing.B) {
	const n, size = 100, 10 << 20
	w := newBench(b)
	w.segments(n, size)
	w.do("COPY", "/v1/AUTH_a/c/static", nil, "Destination", "c/plain")
	for _, kind := range []string{"plain", "static", "dynamic"} {
		b.Run(kind, func(b *testing.B) {
			b.SetBytes(n * size)
			before := heap()
			for b.Loop() {
				w.do(http.MethodGet, "/v1/AUTH_a/c/"+kind, nil)
			}
			b.ReportMetric(float64(heap()-before)/(1<<20), "heap-MiB")
		})
	}
}

// BenchmarkGetManySegments reads 10,000 segments of 1 KiB as one object, and
// asks for its length.
func BenchmarkGetManySegments(b *testing.B) {
	const n, size = 10_000, 1 << 10
	w := newBench(b)
	w.segments(n, size)
	for _, method := range []string{http.MethodGet, http.MethodHead} {
		b.Run(method, func(b *testing.B) {
			before := heap()
			for b.Loop() {
				w.do(method, "/v1/AUTH_a/c/dynamic", nil)
			}
			b.ReportMetric(float64(heap()-before)/(1<<20), "heap-MiB")
		})
	}
}

// BenchmarkManifest stores a manifest of 1,000 segments, each of which is
// looked up, reads a byte of what it joins, and reads its text.
func BenchmarkManifest(b *testing.B) {
	const n = 1000
	w := newBench(b)
	w.segments(n, 16)
	body := w.manifest(n)
	b.Run("put", func(b *testing.B) {
		for b.Loop() {
			w.do(http.MethodPut, "/v1/AUTH_a/c/static?multipart-manifest=put", body)
		}
	})
	b.Run("range", func(b *testing.B) {
		for b.Loop() {
			w.do(http.MethodGet, "/v1/AUTH_a/c/static", nil, "Range", "bytes=8000-8000")
		}
	})
	b.Run("text", func(b *testing.B) {
		for b.Loop() {
			w.do(http.MethodGet, "/v1/AUTH_a/c/static?multipart-manifest=get", nil)
		}
	})
}
