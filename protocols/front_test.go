package protocols_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/mux"

	"entrepot/auth"
	"entrepot/auth/httpauth"
	"entrepot/gateway/errs"
	"entrepot/protocols"
	"entrepot/protocols/internal/httpkit"
	"entrepot/protocols/protocoltest"
)

// face is a protocol with one path, for what the front does around it.
type face struct {
	path  string
	serve http.HandlerFunc
}

func (f face) Routes(r *mux.Router) {
	ruled := httpkit.WithRules(f.serve, httpkit.Rule{Path: "/" + f.path, Methods: httpkit.AnyMethod, Access: httpkit.Public})
	r.Handle("/"+f.path, ruled)
	r.PathPrefix("/" + f.path + "/").Handler(ruled)
}

// echo answers with what the front put into the request.
func echo(w http.ResponseWriter, r *http.Request) {
	e := httpkit.EventOf(r.Context())
	e.Op, e.Account, e.Container, e.User = "test.echo", "acc", "box", "tester"
	fmt.Fprintf(w, "%s %s %s %s", e.Face, r.URL.EscapedPath(), httpauth.AddrOf(r.Context()), e.ReqID)
}

func networks(t *testing.T, list ...string) auth.Networks {
	t.Helper()
	n, err := auth.ParseNetworks(list)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// newFront makes a front whose log goes to the returned buffer.
func newFront(t *testing.T, cfg protocols.Config, mounts ...protocols.Mount) (*protocols.Front, *bytes.Buffer) {
	t.Helper()
	var log bytes.Buffer
	clock := time.Unix(1420070400, 0)
	f, err := protocols.New(cfg, protocols.Deps{
		Log: slog.New(slog.NewJSONHandler(&log, nil)),
		Now: func() time.Time { clock = clock.Add(time.Millisecond); return clock },
	}, mounts...)
	if err != nil {
		t.Fatal(err)
	}
	return f, &log
}

// get sends a request straight to the front's handler.
func get(f *protocols.Front, target string, change func(*http.Request)) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, "/x", nil)
	r.RequestURI = target
	r.URL.Path, _, _ = strings.Cut(target, "?")
	r.RemoteAddr = "203.0.113.9:1234"
	if change != nil {
		change(r)
	}
	w := httptest.NewRecorder()
	f.Handler().ServeHTTP(w, r)
	return w
}

func TestScripts(t *testing.T) {
	f, _ := newFront(t, protocols.Config{MaxHeaders: 20},
		protocols.Mount{Name: "one", Face: face{"one", echo}},
		protocols.Mount{Name: "broken", Face: face{"broken", func(http.ResponseWriter, *http.Request) { panic("secret cause") }}},
		protocols.Mount{Name: "abort", Face: face{"abort", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }}},
	)
	protocoltest.Run(t, f.Handler(), "testdata/*.txt")
}

func TestEachRequestIsLoggedOnceWithFixedKeys(t *testing.T) {
	f, log := newFront(t, protocols.Config{AllowPlainHTTP: true}, protocols.Mount{Name: "one", Face: face{"one", echo}})
	w := get(f, "/one/object?signature=secret", nil)
	var line map[string]any
	d := json.NewDecoder(log)
	if err := d.Decode(&line); err != nil || d.More() {
		t.Fatalf("not one line: %v", err)
	}
	want := map[string]any{
		"level": "INFO", "msg": "request", "req": w.Header().Get("X-Trans-Id"), "method": "GET", "status": 200.0,
		"bytes": float64(w.Body.Len()), "dur": float64(time.Millisecond), "addr": "203.0.113.9", "face": "one",
		"op": "test.echo", "user": "tester", "account": "acc", "container": "box",
	}
	delete(line, "time")
	if len(line) != len(want) {
		t.Errorf("logged %v, want %v", line, want)
	}
	for k, v := range want {
		if line[k] != v {
			t.Errorf("%s = %v, want %v", k, line[k], v)
		}
	}
}

func TestFailuresAreLoggedWithKindAndCause(t *testing.T) {
	f, log := newFront(t, protocols.Config{AllowPlainHTTP: true}, protocols.Mount{Name: "one", Face: face{"one",
		func(w http.ResponseWriter, r *http.Request) {
			httpkit.EventOf(r.Context()).Err = errs.Wrap("objects.Put", errs.OverQuota, errs.DiskFull, errors.New("no space left"))
			w.WriteHeader(http.StatusInsufficientStorage)
		}}}, protocols.Mount{Name: "limit", Face: face{"limit", func(w http.ResponseWriter, r *http.Request) {
		httpkit.EventOf(r.Context()).Err = errs.New("objects.Put", errs.OverQuota, "", "over the limit")
		w.WriteHeader(http.StatusInsufficientStorage)
	}}})
	get(f, "/one", nil)
	for _, part := range []string{`"level":"ERROR"`, `"kind":"over quota"`, "no space left", `"status":507`} {
		if !strings.Contains(log.String(), part) {
			t.Errorf("the log lacks %s: %s", part, log)
		}
	}
	log.Reset()
	get(f, "/limit", nil)
	if !strings.Contains(log.String(), `"level":"INFO"`) {
		t.Errorf("a used-up limit is not the operator's affair: %s", log)
	}
	log.Reset()
	get(f, "/nothing/here?token=secret", nil)
	if text := log.String(); !strings.Contains(text, `"path":"/nothing/here"`) || strings.Contains(text, "secret") {
		t.Errorf("an unknown path is logged as %s", text)
	}
}

func TestPlainHTTPNeedsAReason(t *testing.T) {
	lan := networks(t, "192.168.0.0/16")
	open := protocols.Mount{Name: "open", Face: face{"open", echo}}
	depot := protocols.Mount{Name: "depot", Face: face{"depot", echo}, PlainFrom: lan}
	strict, _ := newFront(t, protocols.Config{Proxies: networks(t, "198.51.100.1")}, open, depot)
	loose, _ := newFront(t, protocols.Config{AllowPlainHTTP: true}, open)
	from := func(addr string) func(*http.Request) {
		return func(r *http.Request) { r.RemoteAddr = addr }
	}
	for _, c := range []struct {
		name   string
		front  *protocols.Front
		target string
		from   string
		want   int
	}{
		{"far away", strict, "/open", "203.0.113.9:1", 403},
		{"far away, allowed", loose, "/open", "203.0.113.9:1", 200},
		{"behind a proxy", strict, "/open", "198.51.100.1:1", 200},
		{"depot from its network", strict, "/depot", "192.168.1.1:1", 200},
		{"another door from the depot's network", strict, "/open", "192.168.1.1:1", 403},
		{"depot from elsewhere", strict, "/depot", "203.0.113.9:1", 403},
		{"health from everywhere", strict, "/healthz", "203.0.113.9:1", 200},
	} {
		if w := get(c.front, c.target, from(c.from)); w.Code != c.want {
			t.Errorf("%s: status %d (%q), want %d", c.name, w.Code, w.Body, c.want)
		}
	}
}

func TestForwardedAddressCountsOnlyBehindAProxy(t *testing.T) {
	f, _ := newFront(t, protocols.Config{AllowPlainHTTP: true, Proxies: networks(t, "198.51.100.1")},
		protocols.Mount{Name: "one", Face: face{"one", echo}})
	forwarded := func(peer string) func(*http.Request) {
		return func(r *http.Request) {
			r.RemoteAddr = peer
			r.Header.Set("X-Forwarded-For", "10.1.2.3")
		}
	}
	if w := get(f, "/one", forwarded("198.51.100.1:1")); !strings.Contains(w.Body.String(), " 10.1.2.3 ") {
		t.Errorf("behind the proxy the client is %q", w.Body)
	}
	if w := get(f, "/one", forwarded("203.0.113.9:1")); !strings.Contains(w.Body.String(), " 203.0.113.9 ") {
		t.Errorf("a stranger's header was believed: %q", w.Body)
	}
	w := get(f, "/one", func(r *http.Request) {
		r.RemoteAddr = "198.51.100.1:1"
		r.Header.Set("X-Forwarded-For", "nonsense")
	})
	if w.Code != http.StatusForbidden {
		t.Errorf("a malformed chain gave %d, want 403", w.Code)
	}
}

func TestAllowListsBindTheWholeAndEachDoor(t *testing.T) {
	f, _ := newFront(t, protocols.Config{AllowPlainHTTP: true, Allow: networks(t, "203.0.113.0/24")},
		protocols.Mount{Name: "one", Face: face{"one", echo}},
		protocols.Mount{Name: "two", Face: face{"two", echo}, Allow: networks(t, "203.0.113.77")})
	for target, want := range map[string][2]int{"/one": {200, 403}, "/two": {403, 403}, "/healthz": {200, 403}} {
		inside := get(f, target, nil).Code
		outside := get(f, target, func(r *http.Request) { r.RemoteAddr = "192.0.2.1:1" }).Code
		if got := [2]int{inside, outside}; got != want {
			t.Errorf("%s: inside and outside %v, want %v", target, got, want)
		}
	}
}

func TestMetricsAreForTheMachineAndTheListed(t *testing.T) {
	f, _ := newFront(t, protocols.Config{MetricsFrom: networks(t, "192.0.2.7"), AllowPlainHTTP: true},
		protocols.Mount{Name: "one", Face: face{"one", echo}})
	get(f, "/one", nil)
	for addr, want := range map[string]int{"127.0.0.1:1": 200, "[::1]:1": 200, "192.0.2.7:1": 200, "192.0.2.8:1": 403} {
		w := get(f, "/metrics", func(r *http.Request) { r.RemoteAddr = addr })
		if w.Code != want {
			t.Errorf("metrics for %s: %d, want %d", addr, w.Code, want)
		}
		line := `entrepot_requests_total{face="one",op="test.echo",status="200"} 1`
		if want == 200 && !strings.Contains(w.Body.String(), line) {
			t.Errorf("metrics for %s lack %s", addr, line)
		}
	}
}

func TestAMountNeedsANameOfItsOwn(t *testing.T) {
	one := protocols.Mount{Name: "one", Face: face{"one", echo}}
	for _, mounts := range [][]protocols.Mount{{one, one}, {{Face: face{"x", echo}}}, {{Name: "x"}}} {
		if _, err := protocols.New(protocols.Config{}, protocols.Deps{}, mounts...); errs.Of(err) != errs.Invalid {
			t.Errorf("New(%v) = %v, want errs.Invalid", mounts, err)
		}
	}
}

// kernel notes what reaches the server's own ReadFrom.
type kernel struct {
	http.ResponseWriter
	file io.Reader
	hits int
}

func (k *kernel) ReadFrom(src io.Reader) (int64, error) {
	if l, ok := src.(*io.LimitedReader); ok && l.R == k.file {
		k.hits++
	}
	return k.ResponseWriter.(io.ReaderFrom).ReadFrom(src)
}

// TestFileOfAFaceReachesTheKernel sends a file through the whole front and
// over a real connection, and looks at what the server's writer was given.
func TestFileOfAFaceReachesTheKernel(t *testing.T) {
	content := bytes.Repeat([]byte("entrepot"), 100_000)
	name := filepath.Join(t.TempDir(), "blob")
	if err := os.WriteFile(name, content, 0o600); err != nil {
		t.Fatal(err)
	}
	file, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	f, _ := newFront(t, protocols.Config{}, protocols.Mount{Name: "one", Face: face{"one",
		func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", fmt.Sprint(len(content)))
			if _, err := w.(io.ReaderFrom).ReadFrom(&io.LimitedReader{R: file, N: int64(len(content))}); err != nil {
				t.Error(err)
			}
		}}})
	k := &kernel{file: file}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		k.ResponseWriter = w
		f.Handler().ServeHTTP(k, r)
	}))
	defer server.Close()
	reply, err := server.Client().Get(server.URL + "/one")
	if err != nil {
		t.Fatal(err)
	}
	defer reply.Body.Close()
	got, err := io.ReadAll(reply.Body)
	if err != nil || !bytes.Equal(got, content) {
		t.Errorf("got %d bytes, %v; want the file's %d", len(got), err, len(content))
	}
	if k.hits == 0 {
		t.Error("the server's ReadFrom never saw the file under one limit: no sendfile")
	}
}

func BenchmarkFront(b *testing.B) {
	answer := func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok") }
	f, err := protocols.New(protocols.Config{AllowPlainHTTP: true}, protocols.Deps{},
		protocols.Mount{Name: "one", Face: face{"one", answer}})
	if err != nil {
		b.Fatal(err)
	}
	r := httptest.NewRequest(http.MethodGet, "/one/x", nil)
	b.ReportAllocs()
	for b.Loop() {
		f.Handler().ServeHTTP(httptest.NewRecorder(), r)
	}
}
