package dav

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"entrepot/protocols/internal/httpkit"
	"entrepot/protocols/protocoltest"
)

// lingering serves the answer 401 behind deadlines, as fail gives it, and
// opens a connection to it.
func lingering(t *testing.T) net.Conn {
	t.Helper()
	limits := httpkit.Deadlines{Stall: time.Minute, MinRate: 1}
	server := &http.Server{Handler: http.HandlerFunc(func(plain http.ResponseWriter, r *http.Request) {
		w := httpkit.NewResponse(plain, limits)
		r.Body = limits.Body(r.Body, w.Control())
		if lingers(r) && http.NewResponseController(w).EnableFullDuplex() == nil {
			defer linger(w, r)
		}
		w.Header().Set("Content-Length", "0")
		w.WriteHeader(http.StatusUnauthorized)
	})}
	l := protocoltest.NewPipe()
	go func() { _ = server.Serve(l) }()
	t.Cleanup(func() { _ = server.Close() })
	conn, err := l.Dial()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// The rest of a body that stood still for too long is not taken for a request.
func TestBodyWithoutLoginThatStandsStillEndsTheConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conn := lingering(t)
		answers := bufio.NewReader(conn)
		fmt.Fprint(conn, "PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nbegun")
		if resp, err := http.ReadResponse(answers, nil); err != nil || resp.StatusCode != http.StatusUnauthorized {
			t.Fatal(resp, err)
		}
		time.Sleep(2 * time.Minute)
		go fmt.Fprint(conn, "PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
		if resp, err := http.ReadResponse(answers, nil); err == nil {
			t.Errorf("what came after the standstill was answered with %s", resp.Status)
		}
	})
}

// Who is heard out: callers of HTTP/1 without a login who send a body of a
// bearable length without waiting for leave.
func TestOnlyBodiesOfCallersWithoutLoginAreTakenIn(t *testing.T) {
	for name, c := range map[string]struct {
		change func(r *http.Request)
		want   bool
	}{
		"a length":        {func(*http.Request) {}, true},
		"chunks":          {func(r *http.Request) { r.ContentLength = -1 }, true},
		"the longest":     {func(r *http.Request) { r.ContentLength = lingerBytes }, true},
		"too long":        {func(r *http.Request) { r.ContentLength = lingerBytes + 1 }, false},
		"no body":         {func(r *http.Request) { r.ContentLength, r.Body = 0, http.NoBody }, false},
		"a login":         {func(r *http.Request) { r.Header.Set("Authorization", "Basic eDp5") }, false},
		"waits for leave": {func(r *http.Request) { r.Header.Set("Expect", "100-continue") }, false},
		"HTTP/2":          {func(r *http.Request) { r.ProtoMajor = 2 }, false},
	} {
		r := httptest.NewRequest(http.MethodPut, "/dav/c/o", strings.NewReader("x"))
		if c.change(r); lingers(r) != c.want {
			t.Errorf("%s: %v", name, !c.want)
		}
	}
}
