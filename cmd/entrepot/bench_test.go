package main

import (
	"bytes"
	"context"
	"crypto/md5"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/gorilla/mux"
	"go.etcd.io/bbolt"

	"entrepot/auth"
	"entrepot/protocols/admin"
)

// bench is a gateway on disk, served over loopback by the whole handler stack,
// and a client with a token.
type bench struct {
	b      *testing.B
	url    string
	token  string
	client *http.Client
	data   string // its directory

	handler http.Handler
}

func newBench(b *testing.B) *bench {
	b.Helper()
	p := &program{stdout: io.Discard, stderr: io.Discard}
	c := defaults()
	c.Data, c.Listen = b.TempDir(), "127.0.0.1:0"
	s := &server{program: p, config: c, log: slog.New(slog.DiscardHandler)}
	var err error
	if s.data, err = open(b.Context(), c, s.log, func(error) {}); err != nil {
		b.Fatal(err)
	}
	if err := s.listen(); err != nil {
		b.Fatal(err)
	}
	if err := s.build(&secretsFromEnv{}); err != nil {
		b.Fatal(err)
	}
	face := &admin.Client{HTTP: &http.Client{Transport: direct{s.data.face(s.auth, "", s.log)}}}
	err = face.Call(b.Context(), admin.MethodUserCreate, admin.NewUser{User: "u", Account: "a", Roles: []string{string(auth.RoleOwner)}, Password: "password"}, nil)
	if err != nil {
		b.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.front.Serve(s.listener, nil) }()
	b.Cleanup(func() {
		if err := s.front.Shutdown(context.Background()); err != nil {
			b.Error(err)
		}
		<-served
		if err := s.data.Close(); err != nil {
			b.Error(err)
		}
	})
	w := &bench{b: b, url: s.url, data: c.Data, client: newClient(), handler: s.front.Handler()}
	resp := w.do(http.MethodGet, "/auth/v1.0", nil, "X-Auth-User", "a:u", "X-Auth-Key", "password")
	w.token = resp.Header.Get("X-Auth-Token")
	w.do(http.MethodPut, "/v1/AUTH_a/c", nil)
	return w
}

func newClient() *http.Client {
	return &http.Client{Transport: &http.Transport{
		MaxIdleConnsPerHost: 256, DisableCompression: true, ReadBufferSize: 64 << 10,
		DialContext: (&net.Dialer{}).DialContext,
	}}
}

// do sends one request, reads the answer and fails on a status that is no
// success.
func (w *bench) do(method, path string, body []byte, header ...string) *http.Response {
	w.b.Helper()
	req, err := http.NewRequestWithContext(w.b.Context(), method, w.url+path, bytes.NewReader(body))
	if err != nil {
		w.b.Fatal(err)
	}
	if w.token != "" {
		req.Header.Set("X-Auth-Token", w.token)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := w.client.Do(req)
	if err != nil {
		w.b.Error(err)
		return nil
	}
	_, err = io.Copy(io.Discard, resp.Body)
	resp.Body.Close()
	if err != nil || resp.StatusCode >= 300 {
		w.b.Errorf("%s %s: %s, %v", method, path, resp.Status, err)
	}
	return resp
}

// parallel runs op from n goroutines.
func parallel(b *testing.B, n int, op func(i int64)) {
	b.Helper()
	var next atomic.Int64
	done := make(chan bool)
	b.ResetTimer()
	report := processorTime(b)
	for range n {
		go func() {
			for {
				i := next.Add(1)
				if i > int64(b.N) {
					done <- true
					return
				}
				op(i)
			}
		}()
	}
	for range n {
		<-done
	}
	b.StopTimer()
	report()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "req/s")
}

func (w *bench) put(n, size int) {
	body := bytes.Repeat([]byte("x"), size)
	w.b.ReportAllocs()
	parallel(w.b, n, func(i int64) { w.do(http.MethodPut, fmt.Sprintf("/v1/AUTH_a/c/o%09d", i), body) })
}

func BenchmarkPut4K(b *testing.B)           { newBench(b).put(1, 4<<10) }
func BenchmarkPut4KParallel64(b *testing.B) { newBench(b).put(64, 4<<10) }

// BenchmarkPutDav4KParallel64 is the same PUT through WebDAV with a password.
func BenchmarkPutDav4KParallel64(b *testing.B) {
	w, body := newBench(b), strings.Repeat("x", 4<<10)
	w.dav("PROPFIND", "/dav/c/", "", http.StatusMultiStatus, "Depth", "0") // the password is checked
	b.ReportAllocs()
	parallel(b, 64, func(i int64) { w.dav(http.MethodPut, fmt.Sprintf("/dav/c/o%09d", i), body, http.StatusCreated) })
}

func BenchmarkPut1M(b *testing.B) {
	b.SetBytes(1 << 20)
	newBench(b).put(1, 1<<20)
}

func BenchmarkPut256M(b *testing.B) {
	b.SetBytes(256 << 20)
	newBench(b).put(1, 256<<20)
}

func (w *bench) get(n, size int) {
	w.do(http.MethodPut, "/v1/AUTH_a/c/o", bytes.Repeat([]byte("x"), size))
	w.b.ReportAllocs()
	parallel(w.b, n, func(int64) { w.do(http.MethodGet, "/v1/AUTH_a/c/o", nil) })
}

func BenchmarkGet4K(b *testing.B)           { newBench(b).get(1, 4<<10) }
func BenchmarkGet4KParallel64(b *testing.B) { newBench(b).get(64, 4<<10) }

func BenchmarkGet256M(b *testing.B) {
	b.SetBytes(256 << 20)
	newBench(b).get(1, 256<<20)
}

// fill stores n empty objects.
func (w *bench) fill(n int) {

	done := make(chan bool)
	var next atomic.Int64
	for range 64 {
		go func() {
			for i := next.Add(1); i <= int64(n); i = next.Add(1) {
				w.do(http.MethodPut, fmt.Sprintf("/v1/AUTH_a/c/f/%07d", i), []byte("x"))
			}
			done <- true
		}()
	}
	for range 64 {
		<-done
	}
}

func BenchmarkList10K(b *testing.B) {
	w := newBench(b)
	w.fill(10_000)
	w.b.ReportAllocs()
	for b.Loop() {
		w.do(http.MethodGet, "/v1/AUTH_a/c?format=json", nil)
	}
}

// dav sends one request to the WebDAV door and returns the answer's header and
// the length of its body.
func (w *bench) dav(method, path, body string, status int, header ...string) (http.Header, int64) {
	w.b.Helper()
	req, err := http.NewRequestWithContext(w.b.Context(), method, w.url+path, strings.NewReader(body))
	if err != nil {
		w.b.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	req.SetBasicAuth("u", "password")
	resp, err := w.client.Do(req)
	if err != nil {
		w.b.Error(err)
		return nil, 0
	}
	n, err := io.Copy(io.Discard, resp.Body)
	resp.Body.Close()
	if err != nil || resp.StatusCode != status {
		w.b.Errorf("%s %s: %s, %v", method, path, resp.Status, err)
	}
	return resp.Header, n
}

func BenchmarkPropfind10K(b *testing.B) {
	w := newBench(b)
	w.fill(10_000)
	w.b.ReportAllocs()
	for b.Loop() {
		if _, n := w.dav("PROPFIND", "/dav/c/f/", "", http.StatusMultiStatus, "Depth", "1"); n < 1_000_000 {
			b.Fatal(n)
		}
	}
}

func BenchmarkMoveFolderOf10K(b *testing.B) {
	w := newBench(b)
	w.fill(10_000)
	from, to := "/dav/c/f", "/dav/c/g"
	for b.Loop() {
		w.dav("MOVE", from, "", http.StatusCreated, "Destination", to)
		from, to = to, from
	}
}

func BenchmarkLockUnlockParallel16(b *testing.B) {
	const connections = 16
	w := newBench(b)
	for i := range connections {
		w.do(http.MethodPut, fmt.Sprintf("/v1/AUTH_a/c/o%d", i), nil)
	}
	const lock = `<D:lockinfo xmlns:D="DAV:"><D:lockscope><D:exclusive/></D:lockscope><D:locktype><D:write/></D:locktype></D:lockinfo>`
	free := make(chan string, connections)
	for i := range connections {
		free <- fmt.Sprintf("/dav/c/o%d", i)
	}
	parallel(b, connections, func(int64) {
		path := <-free
		header, _ := w.dav("LOCK", path, lock, http.StatusOK)
		w.dav("UNLOCK", path, "", http.StatusNoContent, "Lock-Token", header.Get("Lock-Token"))
		free <- path
	})
}

// bare is what the figures stand beside: net/http and mux over bbolt, with no
// rights, no rules and no metadata; each PUT is one synced commit of its own.
func bare(b *testing.B) *bench {
	b.Helper()
	db, err := bbolt.Open(filepath.Join(b.TempDir(), "db"), 0o600, &bbolt.Options{NoFreelistSync: true, FreelistType: bbolt.FreelistMapType, InitialMmapSize: 1 << 30})
	if err != nil {
		b.Fatal(err)
	}
	name := []byte("b")
	err = db.Update(func(tx *bbolt.Tx) error { _, err := tx.CreateBucketIfNotExists(name); return err })
	if err != nil {
		b.Fatal(err)
	}
	r := mux.NewRouter()
	r.HandleFunc("/v1/{rest:.*}", func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			http.Error(w, "", http.StatusBadRequest)
			return
		}
		sum := md5.Sum(body)
		err = db.Update(func(tx *bbolt.Tx) error { return tx.Bucket(name).Put([]byte(r.URL.Path), body) })
		if err != nil {
			http.Error(w, "", http.StatusInternalServerError)
			return
		}
		w.Header().Set("Etag", fmt.Sprintf("%x", sum))
		w.WriteHeader(http.StatusCreated)
	}).Methods(http.MethodPut)
	r.HandleFunc("/v1/{rest:.*}", func(w http.ResponseWriter, r *http.Request) {
		var body []byte
		err := db.View(func(tx *bbolt.Tx) error {
			body = bytes.Clone(tx.Bucket(name).Get([]byte(r.URL.Path)))
			return nil
		})
		if err != nil || body == nil {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "application/octet-stream")
		w.Write(body) //nolint:errcheck // a benchmark's stand-in
	}).Methods(http.MethodGet)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	srv := &http.Server{Handler: r}
	go srv.Serve(l) //nolint:errcheck // ends with Close
	b.Cleanup(func() {
		srv.Close()
		db.Close()
	})
	return &bench{b: b, url: "http://" + l.Addr().String(), client: newClient()}
}

func BenchmarkBarePut4K(b *testing.B)           { bare(b).put(1, 4<<10) }
func BenchmarkBarePut4KParallel64(b *testing.B) { bare(b).put(64, 4<<10) }
func BenchmarkBareGet4K(b *testing.B)           { bare(b).get(1, 4<<10) }
func BenchmarkBareGet4KParallel64(b *testing.B) { bare(b).get(64, 4<<10) }

// BenchmarkGet4KHandler measures the handler stack alone, without a client and
// a connection.
func BenchmarkGet4KHandler(b *testing.B) {
	w := newBench(b)
	w.do(http.MethodPut, "/v1/AUTH_a/c/o", bytes.Repeat([]byte("x"), 4<<10))
	req, err := http.NewRequestWithContext(b.Context(), http.MethodGet, w.url+"/v1/AUTH_a/c/o", nil)
	if err != nil {
		b.Fatal(err)
	}
	req.Header.Set("X-Auth-Token", w.token)
	req.RemoteAddr, req.RequestURI = "127.0.0.1:1", "/v1/AUTH_a/c/o"
	local := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 80}
	req = req.WithContext(context.WithValue(req.Context(), http.LocalAddrContextKey, local))
	b.ReportAllocs()
	for b.Loop() {
		sink := &discard{header: http.Header{}}
		w.handler.ServeHTTP(sink, req)
		if sink.n != 4<<10 {
			b.Fatal(sink.n)
		}
	}
}

// discard is a response that counts its bytes.
type discard struct {
	header http.Header
	n      int
}

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) WriteHeader(int)             {}
func (d *discard) Write(p []byte) (int, error) { d.n += len(p); return len(p), nil }
