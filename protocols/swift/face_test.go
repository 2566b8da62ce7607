package swift_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"entrepot/gateway"
	"entrepot/gateway/gatewaytest"
	"entrepot/protocols/swift"
)

// client calls a handler with a token.
type client struct {
	t       *testing.T
	handler http.Handler
	token   string
}

func newClient(t *testing.T, f *gatewaytest.Fixture, cfg swift.Config) *client {
	t.Helper()
	c := &client{t: t, handler: handler(t, f, cfg)}
	w := c.do("GET", "/auth/v1.0", nil, "X-Auth-User", "test:tester", "X-Auth-Key", "testing")
	c.token = w.Header().Get("X-Auth-Token")
	if w.Code != 200 || c.token == "" {
		t.Fatalf("login: %d %s", w.Code, w.Body)
	}
	return c
}

func (c *client) do(method, path string, body io.Reader, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, body)
	r.Header.Set("X-Auth-Token", c.token)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	c.handler.ServeHTTP(w, r)
	return w
}

// want fails unless the answer has a status and a body (when not "").
func (c *client) want(w *httptest.ResponseRecorder, status int, body string) {
	c.t.Helper()
	if w.Code != status || body != "" && w.Body.String() != body {
		c.t.Errorf("got %d %q, want %d %q", w.Code, w.Body, status, body)
	}
}

// stream is a body of unknown length that ends with err.
type stream struct {
	io.Reader
	err error
}

func (s stream) Read(p []byte) (int, error) {
	n, err := s.Reader.Read(p)
	if err == io.EOF && s.err != nil {
		err = s.err
	}
	return n, err
}

func TestPutKeepsOldObjectWhenBodyFails(t *testing.T) {
	c := newClient(t, gatewaytest.New(t), swift.Config{MaxObjectSize: 10})
	c.want(c.do("PUT", "/v1/AUTH_test/c", nil), 201, "")
	c.want(c.do("PUT", "/v1/AUTH_test/c/o", strings.NewReader("0123456789")), 201, "")
	for _, tt := range []struct {
		body   stream
		status int
	}{
		{stream{strings.NewReader("0123456789x"), nil}, 413},
		{stream{strings.NewReader(strings.Repeat("x", 100_000)), nil}, 413},
		{stream{strings.NewReader("01"), os.ErrDeadlineExceeded}, 408},
		{stream{strings.NewReader("01"), fmt.Errorf("wrapped: %w", os.ErrDeadlineExceeded)}, 408},
		{stream{strings.NewReader("01"), io.ErrUnexpectedEOF}, 499},
		{stream{strings.NewReader("01"), errors.New("connection reset")}, 499},
		{stream{strings.NewReader("01"), &http.MaxBytesError{Limit: 2}}, 413},
	} {
		c.want(c.do("PUT", "/v1/AUTH_test/c/o", tt.body), tt.status, "")
		c.want(c.do("GET", "/v1/AUTH_test/c/o", nil), 200, "0123456789")
	}
	c.want(c.do("PUT", "/v1/AUTH_test/c/o", strings.NewReader("0123456789x")), 413, "Your request is too large.")
	c.want(c.do("PUT", "/v1/AUTH_test/c/o", stream{strings.NewReader("abcdefghij"), nil}), 201, "")
}

func TestWrongPasswordsAreThrottled(t *testing.T) {
	c := newClient(t, gatewaytest.New(t), swift.Config{})
	for i := range 200 {
		w := c.do("GET", "/auth/v1.0", nil, "X-Auth-User", "test:tester", "X-Auth-Key", fmt.Sprint("wrong", i))
		if w.Code == 401 {
			continue
		}
		if after := w.Header().Get("Retry-After"); w.Code != 429 || after == "" || after == "0" {
			t.Errorf("got %d, Retry-After %q", w.Code, after)
		}
		return
	}
	t.Error("200 wrong passwords were all tried")
}

func TestStorageURLCanBeSet(t *testing.T) {
	h := handler(t, gatewaytest.New(t), swift.Config{StorageURL: "https://files.example.org/"})
	r := httptest.NewRequest("GET", "/auth/v1.0", nil)
	r.Header.Set("X-Auth-User", "test:tester")
	r.Header.Set("X-Auth-Key", "testing")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if got := w.Header().Get("X-Storage-Url"); got != "https://files.example.org/v1/AUTH_test" {
		t.Error(got)
	}
}

func TestNewRefusesSettingsThatCannotBe(t *testing.T) {
	f := gatewaytest.New(t)
	for _, cfg := range []swift.Config{
		{MaxObjectSize: -1},
		{Policies: []swift.Policy{{Name: ""}}},
		{Policies: []swift.Policy{{Name: "a"}, {Name: "b", Aliases: []string{"A"}}}},
		{Policies: []swift.Policy{{Name: "a,b"}}},
	} {
		if _, err := swift.New(cfg, f.Gateway, f.Auth, f.Clock.Now); err == nil {
			t.Errorf("%+v was taken", cfg)
		}
	}
}

func TestPoliciesAreChosenByAlias(t *testing.T) {
	c := newClient(t, gatewaytest.New(t), swift.Config{Policies: []swift.Policy{{Name: "plain"}, {Name: "Gold", Aliases: []string{"yellow"}}}})
	c.want(c.do("PUT", "/v1/AUTH_test/c", nil, "X-Storage-Policy", "YELLOW"), 201, "")
	w := c.do("HEAD", "/v1/AUTH_test/c", nil)
	if got := w.Header().Get("X-Storage-Policy"); got != "Gold" {
		t.Errorf("policy %q", got)
	}
	w = c.do("GET", "/info", nil)
	if !strings.Contains(w.Body.String(), `{"name": "Gold", "aliases": "Gold, yellow"}`) {
		t.Error(w.Body)
	}
}

func TestPathsOfOtherDoorsAreNotTaken(t *testing.T) {
	c := newClient(t, gatewaytest.New(t), swift.Config{})
	for _, path := range []string{"/v2/dav/x", "/v2/api", "/v1x/AUTH_test", "/authx", "/infox", "/", "/dav/", "/%76%31/AUTH_test"} {
		w := c.do("GET", path, nil)
		if w.Code != 404 || w.Header().Get("X-Trans-Id") != "" {
			t.Errorf("%s: %d %v", path, w.Code, w.Header())
		}
	}
}

func TestAllNamesOfPathsSurvive(t *testing.T) {
	c := newClient(t, gatewaytest.New(t), swift.Config{})
	c.want(c.do("PUT", "/v1/AUTH_test/%2E", nil), 201, "")
	for i, escaped := range []string{"a%20b", "a+b", "%E2%98%83", "..", "%2E%2E/x", "//", "a%3Fb%23", "%01%7F", "a%25b", "x;y=1", "a/"} {
		path, body := "/v1/AUTH_test/%2E/"+escaped, fmt.Sprint(i)
		c.want(c.do("PUT", path, strings.NewReader(body)), 201, "")
		c.want(c.do("GET", path, nil), 200, body)
	}
	c.want(c.do("GET", "/v1/AUTH_test/%2E", nil), 200, "\x01\x7f\n..\n../x\n//\na b\na%b\na+b\na/\na?b#\nx;y=1\n☃\n")
}

func TestLockOfADriveBindsThisDoor(t *testing.T) {
	f := gatewaytest.New(t)
	c := newClient(t, f, swift.Config{})
	c.want(c.do("PUT", "/v1/AUTH_test/c", nil), 201, "")
	c.want(c.do("PUT", "/v1/AUTH_test/c/o", strings.NewReader("old")), 201, "")
	ref := gateway.Ref{Account: "test", Container: "c", Object: "o"}
	if _, _, err := f.Gateway.Trees.Lock(f.Ctx("tester"), ref, gateway.LockRequest{Exclusive: true}); err != nil {
		t.Fatal(err)
	}
	for _, w := range []*httptest.ResponseRecorder{
		c.do("PUT", "/v1/AUTH_test/c/o", strings.NewReader("new")),
		c.do("POST", "/v1/AUTH_test/c/o", nil, "X-Object-Meta-A", "1"),
		c.do("DELETE", "/v1/AUTH_test/c/o", nil),
		c.do("PUT", "/v1/AUTH_test/c/o", nil, "X-Copy-From", "c/o"),
	} {
		c.want(w, 423, swift.Page(423))
	}
	c.want(c.do("GET", "/v1/AUTH_test/c/o", nil), 200, "old")
	c.want(c.do("COPY", "/v1/AUTH_test/c/o", nil, "Destination", "c/copy"), 201, "")
}
