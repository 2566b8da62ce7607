package swift_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"entrepot/gateway"
	"entrepot/gateway/gatewaytest"
	"entrepot/protocols/internal/httpkit"
	"entrepot/protocols/swift"
)

// S34: lists in headers are read in one pass, whatever they hold.
func TestS34HeadersOfSeparatorsCostNothing(t *testing.T) {
	const size = 64 << 10
	now := gatewaytest.Start()
	for _, unit := range []string{",", ";", "-", "=", "\"", " ", ", ", "*/*,", "a/b;q=0.5,", "\\", "(", "0-1,", "W/\"", ".r:", "%", "&"} {
		text := strings.Repeat(unit, size/len(unit))
		for name, read := range map[string]func(){
			"Accept":        func() { _, _ = httpkit.Negotiate(text, "text/plain", "application/json") },
			"Range":         func() { _, _ = httpkit.ParseRange("bytes=" + text) },
			"If-None-Match": func() { swift.ConditionsOf(http.Header{"If-None-Match": {text}, "If-Match": {text}}) },
			"CORS":          func() { swift.HeaderNames([]string{text}) },
			"properties": func() {
				_, _ = swift.Properties(http.Header{"X-Object-Meta-" + strings.ReplaceAll(unit, " ", "x"): {text}}, "X-Object-Meta-")
			},
			"type":   func() { _ = swift.CheckType(text) },
			"expiry": func() { _, _ = swift.DeleteAt(http.Header{"X-Delete-At": {text}, "X-Delete-After": {text}}, now) },
			"query": func() {
				for range swift.Params(text) { //nolint:revive // it is read to its end
				}
			},
			"temporary URL": func() { swift.PresentSigned("temp_url_sig=x&"+text, http.Header{}) },
		} {
			best := time.Hour // the machine may do other things meanwhile
			for range 5 {
				begun := time.Now()
				read()
				best = min(best, time.Since(begun))
			}
			if best > 500*time.Millisecond {
				t.Errorf("%s of %q: %v", name, unit, best)
			}
		}
	}
}

// S34: an access list of 64 KiB is refused, and the longest one is judged
// quickly.
func TestS34AccessListsAreBounded(t *testing.T) {
	f := gatewaytest.New(t)
	for _, unit := range []string{",", ".r:a,", ".r:-.b,", "a:b,", ":", ".r:"} {
		text := strings.Repeat(unit, (64<<10)/len(unit))
		change := gateway.ContainerChange{ReadACL: &text}
		begun := time.Now()
		_, err := f.Gateway.Containers.Create(f.Ctx("tester"), gateway.Ref{Account: "test", Container: "c"}, change)
		if err == nil {
			t.Errorf("%q: taken", unit)
		}
		if took := time.Since(begun); took > 20*time.Second {
			t.Errorf("%q: %v", unit, took)
		}
	}
}

// S38: a body in a coding is kept as it is where it is content, and refused
// where the door would have to read it.
func TestS38CodedBodiesAreNotInflated(t *testing.T) {
	c := newClient(t, gatewaytest.New(t), swift.Config{})
	c.want(c.do("PUT", "/v1/AUTH_test/c", nil), 201, "")
	bomb := packed(t, bytes.Repeat([]byte("c/o\n"), 1<<20))
	c.want(c.do("PUT", "/v1/AUTH_test/c/o", bytes.NewReader(bomb), "Content-Encoding", "gzip"), 201, "")
	w := c.do("GET", "/v1/AUTH_test/c/o", nil)
	if c.want(w, 200, ""); w.Body.Len() != len(bomb) || w.Header().Get("Content-Encoding") != "gzip" {
		t.Errorf("%d bytes, coding %q", w.Body.Len(), w.Header().Get("Content-Encoding"))
	}
	for _, coding := range []string{"gzip", "deflate", "br", "gzip, gzip"} {
		c.want(c.do("POST", "/v1/AUTH_test?bulk-delete", bytes.NewReader(bomb), "Content-Encoding", coding), 415, "")
		c.want(c.do("PUT", "/v1/AUTH_test?extract-archive=tar", bytes.NewReader(bomb), "Content-Encoding", coding), 415, "")
	}
	c.want(c.do("GET", "/v1/AUTH_test/c/o", nil), 200, "")
}

// S42: nothing that ends a header line is kept, nor sent.
func TestS42LineBreaksNeverReachHeaders(t *testing.T) {
	f := gatewaytest.New(t)
	c := newClient(t, f, swift.Config{})
	c.want(c.do("PUT", "/v1/AUTH_test/c", nil), 201, "")
	c.want(c.do("PUT", "/v1/AUTH_test/c/o", strings.NewReader("x")), 201, "")
	for _, bad := range []string{"a\nb", "a\rb", "a\r\nSet-Cookie: x=1", "a\x00b"} {
		for _, name := range []string{
			"X-Object-Meta-A", "Content-Type", "Content-Disposition", "Content-Language", "Cache-Control", "Expires", "X-Robots-Tag", "Content-Encoding",
		} {
			c.want(c.do("POST", "/v1/AUTH_test/c/o", nil, name, bad), 400, "")
			c.want(c.do("PUT", "/v1/AUTH_test/c/new", strings.NewReader("x"), name, bad), 400, "")
			c.want(c.do("COPY", "/v1/AUTH_test/c/o", nil, "Destination", "c/new", name, bad), 400, "")
		}
		for _, name := range []string{"X-Container-Meta-A", "X-Container-Meta-Web-Listings-Label", "X-Container-Meta-Access-Control-Expose-Headers"} {
			c.want(c.do("POST", "/v1/AUTH_test/c", nil, name, bad), 400, "")
		}
		c.want(c.do("POST", "/v1/AUTH_test", nil, "X-Account-Meta-A", bad), 400, "")
	}
	// Names of users' choice in headers of answers.
	for _, path := range []string{"/v1/AUTH_%0d%0aX:y/c", "/v1/AUTH_test%0d%0aSet-Cookie:x/c", "/v1/AUTH_test/none%0d%0aX:y/o"} {
		c.token = ""
		for name, values := range c.do("GET", path, nil, "Referer", "x").Header() {
			if strings.ContainsAny(name+strings.Join(values, ""), "\r\n\x00") {
				t.Errorf("%s: %s: %q", path, name, values)
			}
		}
	}
}

// S52: pages are limited whatever is asked for, in either direction.
func TestS52ListingsAreLimited(t *testing.T) {
	f := gatewaytest.NewWith(t, gatewaytest.Plain())
	c := newClient(t, f, swift.Config{})
	c.want(c.do("PUT", "/v1/AUTH_test/c", nil), 201, "")
	ctx := f.Ctx("tester")
	for i := range 10_100 {
		ref := gateway.Ref{Account: "test", Container: "c", Object: fmt.Sprintf("%03d/%05d", i%200, i)}
		if _, err := f.Gateway.Objects.Put(ctx, ref, strings.NewReader(""), gateway.PutOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	for _, query := range []string{"limit=1000000000", "limit=10001", "limit=99999999999999999999", "limit=10001&reverse=1&delimiter=/"} {
		c.want(c.do("GET", "/v1/AUTH_test/c?"+query, nil), 412, "Maximum limit is 10000")
	}
	for query, rows := range map[string]int{
		"": 10_000, "limit=-1": 10_000, "limit=x": 10_000, "reverse=1": 10_000, "versions": 10_000,
		"delimiter=/": 200, "reverse=1&delimiter=/": 200, "versions&reverse=1&delimiter=/": 200,
	} {
		var list []json.RawMessage
		w := c.do("GET", "/v1/AUTH_test/c?format=json&"+query, nil)
		if err := json.Unmarshal(w.Body.Bytes(), &list); err != nil || len(list) != rows {
			t.Errorf("%s: %d rows, %v", query, len(list), err)
		}
	}
}
