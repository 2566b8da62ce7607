package dav_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"golang.org/x/net/webdav"

	"entrepot/protocols/dav"
)

// A side is a server that a trap is set for: this face, or x/net's handler
// over its own file system and locks, which is what a gateway is without one.
type side struct {
	t       *testing.T
	handler http.Handler
	// fail makes the listing that runs fail behind its first page.
	fail func()
}

// answer is what a side said.
type answer struct {
	status int
	header http.Header
	body   string
}

func (a answer) lacks(parts ...string) string {
	for _, p := range parts {
		if !strings.Contains(a.body, p) {
			return fmt.Sprintf("%d without %s: %.600s", a.status, p, a.body)
		}
	}
	return ""
}

// wants is the complaint of a status that is none of those given.
func (a answer) wants(statuses ...int) string {
	for _, s := range statuses {
		if a.status == s {
			return ""
		}
	}
	return fmt.Sprintf("status %d, want %v: %.300s", a.status, statuses, a.body)
}

// send makes a request as tester or, at the bare handler, as anybody.
func (s *side) send(method, path string, body io.Reader, headers ...string) answer {
	r := httptest.NewRequest(method, path, body)
	r.SetBasicAuth("tester", "testing")
	for i := 0; i < len(headers); i += 2 {
		switch headers[i] {
		case "user":
			r.SetBasicAuth(headers[i+1], strings.Replace(headers[i+1], "tester", "testing", 1))
		case "Content-Length":
			if _, err := fmt.Sscan(headers[i+1], &r.ContentLength); err != nil {
				s.t.Fatal(err)
			}
		default:
			r.Header.Set(headers[i], headers[i+1])
		}
	}
	w := httptest.NewRecorder()
	s.handler.ServeHTTP(w, r)
	return answer{w.Code, w.Result().Header, w.Body.String()}
}

func (s *side) do(method, path, body string, headers ...string) answer {
	if body == "" {
		return s.send(method, path, http.NoBody, headers...)
	}
	return s.send(method, path, strings.NewReader(body), headers...)
}

// given makes requests that prepare a trap: "METHOD path body".
func (s *side) given(steps ...string) {
	for _, step := range steps {
		method, rest, _ := strings.Cut(step, " ")
		path, body, _ := strings.Cut(rest, " ")
		if a := s.do(method, "/dav/c/"+path, body); a.status >= 300 {
			s.t.Fatalf("%s: %d %s", step, a.status, a.body)
		}
	}
}

// holds complains when a file does not have the content.
func (s *side) holds(path, content string) string {
	if a := s.do("GET", "/dav/c/"+path, ""); a.status != 200 || a.body != content {
		return fmt.Sprintf("%s is %d %q, want %q", path, a.status, a.body, content)
	}
	return ""
}

// lock takes a lock and returns its token.
func (s *side) lock(path string, headers ...string) string {
	a := s.do("LOCK", "/dav/c/"+path, lockBody, headers...)
	if a.status >= 300 {
		s.t.Fatalf("LOCK %s: %d %s", path, a.status, a.body)
	}
	return strings.Trim(a.header.Get("Lock-Token"), "<>")
}

// first is the first complaint.
func first(complaints ...string) string {
	for _, c := range complaints {
		if c != "" {
			return c
		}
	}
	return ""
}

// broken is a body that ends early.
type broken struct{ io.Reader }

func (b broken) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if err == io.EOF { //nolint:errorlint // io.EOF comes bare from a reader
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

func findProp(names string) string {
	return `<D:propfind xmlns:D="DAV:"><D:prop>` + names + `</D:prop></D:propfind>`
}

func patchProp(xml string) string {
	return `<D:propertyupdate xmlns:D="DAV:"><D:set><D:prop>` + xml + `</D:prop></D:set></D:propertyupdate>`
}

// A trap says what a server did wrong, "" when it did right.
type trap struct {
	name string
	run  func(s *side) string
}

// ourSide and bareSide are fresh servers with an empty collection c.
func ourSide(t *testing.T) *side {
	f := newFixture(t, dav.Config{InfinityLimit: 20})
	s := &side{t: t, handler: f.handler}
	s.fail = func() { s.given("DELETE ") }
	return s
}

func bareSide(t *testing.T) *side {
	fs := &failingFS{FileSystem: webdav.NewMemFS()}
	s := &side{t: t, handler: &webdav.Handler{Prefix: "/dav", FileSystem: fs, LockSystem: webdav.NewMemLS()}}
	if a := s.do("MKCOL", "/dav/c", ""); a.status != 201 {
		t.Fatal(a)
	}
	s.fail = func() { fs.broken = true }
	return s
}

// failingFS is a file system that breaks while it is listed.
type failingFS struct {
	webdav.FileSystem
	broken bool
}

func (f *failingFS) OpenFile(ctx context.Context, name string, flag int, perm os.FileMode) (webdav.File, error) {
	if f.broken && strings.HasSuffix(name, "9") {
		return nil, errors.New("the disk is broken")
	}
	return f.FileSystem.OpenFile(ctx, name, flag, perm)
}

// What x/net's handler does wrong is done right here; that it still does it
// wrong shows that the test would notice.
func TestEveryTrapOfTheBareHandlerIsPassed(t *testing.T) {
	for _, list := range [][]trap{uploadTraps(), treeTraps(), lockTraps(), ifTraps(), propertyTraps(), requestTraps()} {
		for _, tr := range list {
			t.Run(tr.name, func(t *testing.T) {
				if wrong := tr.run(ourSide(t)); wrong != "" {
					t.Error(wrong)
				}
				if tr.run(bareSide(t)) == "" {
					t.Error("the bare handler does this right: the trap proves nothing")
				}
			})
		}
	}
}

// pathOf is a path in the collection c.
func pathOf(name string) string { return "/dav/c/" + name }
