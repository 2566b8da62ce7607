package swift_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync/atomic"
	"testing"

	"entrepot/gateway/gatewaytest"
	"entrepot/protocols/swift"
)

// The benchmarks go through the router and the whole door, over a gateway in
// memory: they show what the door costs, not the disk. The server's own part
// of net/http is in only where a real connection is.

// bench is a door with a container and a token.
type bench struct {
	handler http.Handler
	token   string
}

func newBench(b *testing.B) *bench {
	x := &bench{handler: handler(b, gatewaytest.NewWith(b, gatewaytest.Plain()), swift.Config{})}
	w := x.do("GET", "/auth/v1.0", nil, "X-Auth-User", "test:tester", "X-Auth-Key", "testing")
	if x.token = w.Header().Get("X-Auth-Token"); x.token == "" {
		b.Fatalf("no token: %d %s", w.Code, w.Body)
	}
	x.must(b, 201, x.do("PUT", "/v1/AUTH_test/c", nil))
	return x
}

func (x *bench) request(method, path string, body []byte, header ...string) *http.Request {
	r := httptest.NewRequest(method, path, bytes.NewReader(body))
	r.Header.Set("X-Auth-Token", x.token)
	r.Header.Set("Content-Length", strconv.Itoa(len(body)))
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return r
}

func (x *bench) do(method, path string, body []byte, header ...string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	x.handler.ServeHTTP(w, x.request(method, path, body, header...))
	return w
}

func (x *bench) must(b *testing.B, status int, w *httptest.ResponseRecorder) {
	b.Helper()
	if w.Code != status {
		b.Fatalf("status %d, want %d: %s", w.Code, status, w.Body)
	}
}

// sink is a response whose body goes nowhere.
type sink struct {
	header http.Header
	status int
	bytes  int64
}

func (s *sink) Header() http.Header { return s.header }

func (s *sink) WriteHeader(status int) { s.status = status }

func (s *sink) Write(p []byte) (int, error) {
	s.bytes += int64(len(p))
	return len(p), nil
}

func BenchmarkPut4KiB(b *testing.B) {
	x := newBench(b)
	body := bytes.Repeat([]byte("x"), 4<<10)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		r := x.request("PUT", fmt.Sprintf("/v1/AUTH_test/c/o%d", i%1000), body)
		w := &sink{header: http.Header{}}
		if x.handler.ServeHTTP(w, r); w.status != 201 {
			b.Fatal(w.status)
		}
	}
}

func BenchmarkPut4KiBParallel64(b *testing.B) {
	x := newBench(b)
	body := bytes.Repeat([]byte("x"), 4<<10)
	var n atomic.Int64
	b.SetParallelism(64)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			r := x.request("PUT", fmt.Sprintf("/v1/AUTH_test/c/o%d", n.Add(1)%1000), body)
			w := &sink{header: http.Header{}}
			if x.handler.ServeHTTP(w, r); w.status != 201 {
				b.Error(w.status)
			}
		}
	})
}

func BenchmarkGet4KiB(b *testing.B) {
	x := newBench(b)
	x.must(b, 201, x.do("PUT", "/v1/AUTH_test/c/o", bytes.Repeat([]byte("x"), 4<<10)))
	r := x.request("GET", "/v1/AUTH_test/c/o", nil)
	b.ReportAllocs()
	for b.Loop() {
		w := &sink{header: http.Header{}}
		if x.handler.ServeHTTP(w, r); w.bytes != 4<<10 {
			b.Fatal(w.status, w.bytes)
		}
	}
}

func BenchmarkHead(b *testing.B) {
	x := newBench(b)
	x.must(b, 201, x.do("PUT", "/v1/AUTH_test/c/o", []byte("x")))
	r := x.request("HEAD", "/v1/AUTH_test/c/o", nil)
	b.ReportAllocs()
	for b.Loop() {
		w := &sink{header: http.Header{}}
		if x.handler.ServeHTTP(w, r); w.status != 200 {
			b.Fatal(w.status)
		}
	}
}

func BenchmarkGet64MiBOverTCP(b *testing.B) {
	const size = 64 << 20
	x := newBench(b)
	x.must(b, 201, x.do("PUT", "/v1/AUTH_test/c/big", make([]byte, size)))
	s := httptest.NewServer(x.handler)
	defer s.Close()
	buf := make([]byte, 256<<10)
	b.SetBytes(size)
	for b.Loop() {
		r, err := http.NewRequestWithContext(b.Context(), "GET", s.URL+"/v1/AUTH_test/c/big", nil)
		if err != nil {
			b.Fatal(err)
		}
		r.Header.Set("X-Auth-Token", x.token)
		resp, err := s.Client().Do(r)
		if err != nil {
			b.Fatal(err)
		}
		n, err := io.CopyBuffer(onlyWrite{io.Discard}, resp.Body, buf)
		resp.Body.Close()
		if err != nil || n != size {
			b.Fatal(n, err)
		}
	}
}

// onlyWrite hides ReadFrom, so that the given buffer is used.
type onlyWrite struct{ io.Writer }

func BenchmarkList10000JSON(b *testing.B) {
	x := newBench(b)
	for i := range 10000 {
		x.must(b, 201, x.do("PUT", fmt.Sprintf("/v1/AUTH_test/c/dir/object-%08d", i), []byte("x")))
	}
	r := x.request("GET", "/v1/AUTH_test/c?format=json", nil)
	b.ReportAllocs()
	for b.Loop() {
		w := &sink{header: http.Header{}}
		if x.handler.ServeHTTP(w, r); w.status != 200 {
			b.Fatal(w.status)
		}
		b.ReportMetric(float64(w.bytes)/1000, "kB/listing")
	}
}
