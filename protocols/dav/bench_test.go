package dav_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"entrepot/protocols/dav"
)

// benchClient runs the face in a real server and returns a function that
// sends one request and expects its status.
func benchClient(b *testing.B, f *fixture) func(b *testing.B, status int, method, path, body string, headers ...string) http.Header {
	server := httptest.NewServer(f.handler)
	b.Cleanup(server.Close)
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64, DisableCompression: true}}
	b.Cleanup(client.CloseIdleConnections)
	return func(b *testing.B, status int, method, path, body string, headers ...string) http.Header {
		r, err := http.NewRequest(method, server.URL+path, strings.NewReader(body))
		if err != nil {
			b.Fatal(err)
		}
		r.SetBasicAuth("tester", "testing")
		for i := 0; i < len(headers); i += 2 {
			r.Header.Set(headers[i], headers[i+1])
		}
		w, err := client.Do(r)
		if err != nil {
			b.Fatal(err)
		}
		io.Copy(io.Discard, w.Body)
		w.Body.Close()
		if w.StatusCode != status {
			b.Fatalf("%s %s: %d", method, path, w.StatusCode)
		}
		return w.Header
	}
}

func BenchmarkPropfindDepth1Of10000Files(b *testing.B) {
	f := newFixture(b, dav.Config{})
	for i := range 10_000 {
		f.swiftPut(b, fmt.Sprintf("d/file-%05d.txt", i), "x")
	}
	do := benchClient(b, f)
	for _, bc := range []struct{ name, body string }{
		{"allprop", ""},
		{"named", `<D:propfind xmlns:D="DAV:"><D:prop><D:resourcetype/><D:getcontentlength/><D:getlastmodified/><D:getetag/></D:prop></D:propfind>`},
	} {
		b.Run(bc.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				do(b, 207, "PROPFIND", "/dav/c/d/", bc.body, "Depth", "1")
			}
		})
	}
}

func BenchmarkPut4KiBParallel(b *testing.B) {
	f := newFixture(b, dav.Config{})
	do := benchClient(b, f)
	body := strings.Repeat("x", 4096)
	var n atomic.Int64
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	b.SetParallelism(16)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			do(b, 201, "PUT", fmt.Sprintf("/dav/c/f%d", n.Add(1)), body)
		}
	})
}

func BenchmarkGet4KiB(b *testing.B) {
	f := newFixture(b, dav.Config{})
	do := benchClient(b, f)
	do(b, 201, "PUT", "/dav/c/a", strings.Repeat("x", 4096))
	b.SetBytes(4096)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			do(b, 200, "GET", "/dav/c/a", "")
		}
	})
}

func BenchmarkLockUnlock(b *testing.B) {
	f := newFixture(b, dav.Config{})
	do := benchClient(b, f)
	do(b, 201, "PUT", "/dav/c/a", "x")
	b.ReportAllocs()
	for b.Loop() {
		token := do(b, 200, "LOCK", "/dav/c/a", lockBody).Get("Lock-Token")
		do(b, 204, "UNLOCK", "/dav/c/a", "", "Lock-Token", token)
	}
}
