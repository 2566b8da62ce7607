package protocols_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"entrepot/gateway/errs"
	"entrepot/protocols"
	"entrepot/protocols/internal/httpkit"
	"entrepot/protocols/protocoltest"
)

// listen opens a loopback listener.
func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// start serves f and returns its address and what Serve will return.
func start(t *testing.T, f *protocols.Front, tc *tls.Config) (string, <-chan error) {
	t.Helper()
	l := listen(t)
	done := make(chan error, 1)
	go func() { done <- f.Serve(l, tc) }()
	t.Cleanup(func() { _ = f.Shutdown(context.Background()) })
	return l.Addr().String(), done
}

func TestShutdownLetsRequestsFinish(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	entered, release := make(chan struct{}), make(chan struct{})
	f, _ := newFront(t, protocols.Config{}, protocols.Mount{Name: "slow", Face: face{"slow",
		func(w http.ResponseWriter, _ *http.Request) {
			close(entered)
			<-release
			_, _ = io.WriteString(w, "finished")
		}}})
	addr, served := start(t, f, nil)
	answer := make(chan string, 1)
	client := &http.Client{Transport: &http.Transport{}}
	go func() {
		reply, err := client.Get("http://" + addr + "/slow")
		if err != nil {
			answer <- err.Error()
			return
		}
		defer reply.Body.Close()
		text, _ := io.ReadAll(reply.Body)
		answer <- string(text)
	}()
	<-entered
	stopped := make(chan error, 1)
	go func() { stopped <- f.Shutdown(t.Context()) }()
	if err := <-served; err != nil {
		t.Errorf("Serve = %v after Shutdown, want nil", err)
	}
	if w := get(f, "/readyz", nil); w.Code != http.StatusServiceUnavailable {
		t.Errorf("/readyz while stopping: %d, want 503", w.Code)
	}
	close(release)
	if got := <-answer; got != "finished" {
		t.Errorf("the request at work got %q", got)
	}
	if err := <-stopped; err != nil {
		t.Errorf("Shutdown = %v", err)
	}
	if err := f.Serve(listen(t), nil); err != nil {
		t.Errorf("Serve after Shutdown = %v, want nil at once", err)
	}
	client.CloseIdleConnections()
}

func TestShutdownCutsOffWhenItsTimeIsOver(t *testing.T) {
	entered, left := make(chan struct{}), make(chan struct{})
	f, _ := newFront(t, protocols.Config{}, protocols.Mount{Name: "stuck", Face: face{"stuck",
		func(_ http.ResponseWriter, r *http.Request) {
			close(entered)
			<-r.Context().Done()
			close(left)
		}}})
	addr, _ := start(t, f, nil)
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprint(conn, "GET /stuck HTTP/1.1\r\nHost: x\r\n\r\n")
	<-entered
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := f.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Shutdown = %v, want the deadline", err)
	}
	<-left
}

func TestReadyAsksTheProgram(t *testing.T) {
	ready := errs.New("store", errs.Unavailable, "", "opening")
	var limited []string
	f, err := protocols.New(protocols.Config{}, protocols.Deps{Limited: func() []string { return limited }, Ready: func(context.Context) error {
		if ready == nil {
			return nil
		}
		return ready
	}})
	if err != nil {
		t.Fatal(err)
	}
	if w := get(f, "/readyz", nil); w.Code != 503 || w.Header().Get("Retry-After") != "1" || strings.Contains(w.Body.String(), "opening") {
		t.Errorf("not ready: %d %q", w.Code, w.Body)
	}
	ready = nil
	if w := get(f, "/readyz", nil); w.Code != 200 {
		t.Errorf("ready: %d", w.Code)
	}
	limited = []string{"store 2 is away"}
	if w := get(f, "/readyz", nil); w.Code != 200 || !strings.Contains(w.Body.String(), "limited: store 2 is away") {
		t.Errorf("limited: %d %q", w.Code, w.Body)
	}
}

// certificates are what a test serves TLS with, and what its clients trust.
func certificates() (server *tls.Config, roots *x509.CertPool) {
	made := httptest.NewUnstartedServer(nil)
	made.StartTLS() // for its certificate
	made.Close()
	roots = x509.NewCertPool()
	roots.AddCert(made.Certificate())
	return &tls.Config{Certificates: made.TLS.Certificates}, roots
}

func TestHTTP2IsServedOverTLSOnly(t *testing.T) {
	f, _ := newFront(t, protocols.Config{}, protocols.Mount{Name: "one", Face: face{"one",
		func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.Proto) }}})
	server, roots := certificates()
	addr, _ := start(t, f, server)
	client := http.Client{Transport: &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: roots}, ForceAttemptHTTP2: true,
	}}
	reply, err := client.Get("https://" + addr + "/one")
	if err != nil {
		t.Fatal(err)
	}
	defer reply.Body.Close()
	if text, _ := io.ReadAll(reply.Body); string(text) != "HTTP/2.0" {
		t.Errorf("over TLS: %s, want HTTP/2.0", text)
	}
	client.CloseIdleConnections()

	plain, _ := start(t, f, nil)
	conn, err := net.Dial("tcp", plain)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprint(conn, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
	if line, _ := bufio.NewReader(conn).ReadString('\n'); strings.HasPrefix(line, "HTTP/1.1 2") {
		t.Errorf("HTTP/2 without TLS was answered %q", line)
	}
}

func TestSlowHeadersAndBodiesAreEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		result := make(chan error, 1)
		f, _ := newFront(t, protocols.Config{HeaderTimeout: 100 * time.Millisecond, Stall: 100 * time.Millisecond},
			protocols.Mount{Name: "one", Face: face{"one", func(_ http.ResponseWriter, r *http.Request) {
				_, err := io.ReadAll(r.Body)
				result <- err
			}}})
		l := protocoltest.NewPipe()
		go func() { _ = f.Serve(l, nil) }()
		t.Cleanup(func() { _ = f.Shutdown(context.Background()) })
		for _, begin := range []string{"GET /one HTTP/1.1\r\nHost: x\r\nX-Slow", "PUT /one HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nfive"} {
			conn, err := l.Dial()
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
			fmt.Fprint(conn, begin)
			if _, err := io.ReadAll(conn); errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("%q was waited for", begin)
			}
		}
		if err := <-result; !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("the face's read gave %v, want os.ErrDeadlineExceeded", err)
		}
	})
}

// conn is a connection from anywhere, for the hook that counts them.
type conn struct {
	net.Conn
	from   string
	closed bool
}

func (c *conn) RemoteAddr() net.Addr { return addr(c.from) }
func (c *conn) Close() error         { c.closed = true; return nil }

type addr string

func (addr) Network() string  { return "tcp" }
func (a addr) String() string { return string(a) }

func TestConnectionsOfOneAddressAreLimited(t *testing.T) {
	f, _ := newFront(t, protocols.Config{MaxConnections: 2, Proxies: networks(t, "198.51.100.1")})
	hook := f.NewServer().ConnState
	open := func(from string) *conn {
		c := &conn{from: from}
		hook(c, http.StateNew)
		return c
	}
	first, second, third := open("203.0.113.9:1"), open("203.0.113.9:2"), open("203.0.113.9:3")
	if first.closed || second.closed || !third.closed {
		t.Errorf("closed: %t %t %t, want only the third", first.closed, second.closed, third.closed)
	}
	if open("203.0.113.10:1").closed {
		t.Error("another address was refused")
	}
	hook(third, http.StateClosed)
	hook(first, http.StateClosed)
	if open("203.0.113.9:4").closed {
		t.Error("a closed connection still counts")
	}
	for _, free := range []string{"127.0.0.1:1", "198.51.100.1:1", "@"} {
		for range 3 {
			if open(free).closed {
				t.Errorf("%s was limited", free)
			}
		}
	}
}

func TestHandlersThatOverlapHaveTheirOwnEvents(t *testing.T) {
	f, _ := newFront(t, protocols.Config{AllowPlainHTTP: true})
	if httpkit.RequestID(t.Context()) != "" {
		t.Fatal("a context without request has an ID")
	}
	a, b := get(f, "/healthz", nil), get(f, "/healthz", nil)
	if a.Header().Get("X-Trans-Id") == b.Header().Get("X-Trans-Id") {
		t.Error("two requests have one ID")
	}
}
