package swift_test

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"entrepot/gateway"
	"entrepot/gateway/gatewaytest"
	"entrepot/protocols/swift"
)

// hostileNames are names that mean something to the formats of listings.
var hostileNames = []string{
	`"quoted"`, `<script>alert(1)</script>`, `]]>`, `a&b;`, "line\nbreak", "carriage\rreturn", "tab\there", "\x01\x1f\x7f", "\u202ertl",
	`'single'`, `back\slash`, "\ufffe", "%41", "+ +", "javascript:alert(1)", "//evil.example/x", "..", "../up", "?query#fragment", "\u2028",
}

// hostile is a published container with an object of every hostile name.
func hostile(t *testing.T) *client {
	t.Helper()
	c := newClient(t, gatewaytest.New(t), swift.Config{})
	c.want(c.do("PUT", "/v1/AUTH_test/c", nil, "X-Container-Read", ".r:*,.rlistings", "X-Container-Meta-Web-Listings", "true",
		"X-Container-Meta-Web-Listings-Label", `"><script>label</script>`, "X-Container-Meta-Web-Listings-Css", `x" onload="y`), 201, "")
	for _, name := range hostileNames {
		c.want(c.do("PUT", "/v1/AUTH_test/c/"+url.PathEscape(name), strings.NewReader("x"), "Content-Type", `text/"><b>`), 201, "")
	}
	return c
}

// S28: listings stay well-formed, and give every name back that the format can
// hold.
func TestS28ListingsHoldHostileNames(t *testing.T) {
	c := hostile(t)
	want := map[string]bool{}
	for _, name := range hostileNames {
		want[name] = true
	}
	var rows []struct{ Name string }
	if err := json.Unmarshal(c.do("GET", "/v1/AUTH_test/c?format=json", nil).Body.Bytes(), &rows); err != nil || len(rows) != len(hostileNames) {
		t.Fatal(err, len(rows))
	}
	for _, r := range rows {
		if !want[r.Name] {
			t.Errorf("JSON has %q", r.Name)
		}
	}
	for _, query := range []string{"?format=xml", "?format=xml&delimiter=/", "?format=xml&delimiter=%22"} {
		d := xml.NewDecoder(c.do("GET", "/v1/AUTH_test/c"+query, nil).Body)
		depth, names := 0, 0
		for {
			token, err := d.Token()
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatalf("%s: %v", query, err)
			}
			switch e := token.(type) {
			case xml.StartElement:
				if depth++; e.Name.Local == "script" || depth > 3 {
					t.Errorf("%s: element %s at depth %d", query, e.Name.Local, depth)
				}
				if e.Name.Local == "name" {
					names++
				}
			case xml.EndElement:
				depth--
			}
		}
		if names < len(hostileNames)-3 {
			t.Errorf("%s: %d names", query, names)
		}
	}
	// A plain listing cannot tell a line break in a name from its end; every
	// other byte stands as it is.
	plain := c.do("GET", "/v1/AUTH_test/c", nil).Body.String()
	for _, name := range hostileNames {
		if !strings.Contains(plain, name+"\n") {
			t.Errorf("the plain listing lacks %q", name)
		}
	}
}

// S44: pages that the door makes hold no markup of others, and nothing asks for
// a callback.
func TestS44PagesEscapeWhatTheyShow(t *testing.T) {
	c := hostile(t)
	c.token = ""
	w := c.do("GET", "/v1/AUTH_test/c/", nil)
	c.want(w, 200, "")
	page := w.Body.String()
	for _, bad := range []string{"<script", "<b>", "\" onload", "\x01", "\r", "\ufffe", `href="javascript:`, `href="//`, `href="/`} {
		if strings.Contains(page, bad) {
			t.Errorf("the page holds %q", bad)
		}
	}
	tags := regexp.MustCompile(`<(/?[a-zA-Z0-9]+)`).FindAllStringSubmatch(page, -1)
	known := "html head title link body h1 table tr th td a"
	for _, tag := range tags {
		if !strings.Contains(known, strings.TrimPrefix(tag[1], "/")) {
			t.Errorf("element %s", tag[1])
		}
	}
	for _, link := range regexp.MustCompile(`<a href="([^"]*)"`).FindAllStringSubmatch(page, -1) {
		u, err := url.Parse(strings.ReplaceAll(link[1], "&amp;", "&"))
		if err != nil || u.Scheme != "" || u.Host != "" || strings.HasPrefix(u.Path, "/") {
			t.Errorf("link %q", link[1])
		}
	}
	if got := w.Header().Get("Content-Security-Policy"); !strings.Contains(got, "default-src 'none'") {
		t.Error(got)
	}
	for _, path := range []string{"/v1/AUTH_test/c/%3Cscript%3E", "/v1/AUTH_test/%3Cscript%3E/x", "/v1/AUTH_%3Cscript%3E"} {
		if w := c.do("GET", path, nil); strings.Contains(w.Body.String(), "<script") {
			t.Errorf("%s: %s", path, w.Body)
		}
	}
	w = c.do("GET", "/v1/AUTH_test/c?format=json&callback=alert&jsonp=alert", nil, "X-Auth-Token", "")
	if body := w.Body.String(); strings.Contains(body, "alert(") && strings.HasPrefix(body, "alert") {
		t.Error(body)
	}
}

// S45: only configured origins, never with credentials, and answers that depend
// on the origin say so.
func TestS45OnlyConfiguredOriginsRead(t *testing.T) {
	c := newClient(t, gatewaytest.New(t), swift.Config{})
	for name, origins := range map[string]string{"some": "https://a.example https://b.example", "all": "*", "none": ""} {
		header := []string{"X-Container-Read", ".r:*", "X-Container-Meta-Access-Control-Allow-Origin", origins}
		c.want(c.do("PUT", "/v1/AUTH_test/"+name, nil, header...), 201, "")
		c.want(c.do("PUT", "/v1/AUTH_test/"+name+"/o", strings.NewReader("x")), 201, "")
	}
	for _, tt := range []struct{ container, origin, want string }{
		{"some", "https://a.example", "https://a.example"},
		{"some", "https://b.example", "https://b.example"},
		{"some", "https://a.example:443", ""},
		{"some", "http://a.example", ""},
		{"some", "https://a.example.evil", ""},
		{"some", "https://A.example", ""},
		{"some", "null", ""},
		{"some", "https://a.example https://b.example", ""},
		{"some", "*", ""},
		{"all", "https://evil.example", "*"},
		{"none", "https://a.example", ""},
		{"none", "", ""},
	} {
		for _, method := range []string{"GET", "HEAD", "OPTIONS", "PUT"} {
			w := c.do(method, "/v1/AUTH_test/"+tt.container+"/o", strings.NewReader("x"), "Origin", tt.origin, "Access-Control-Request-Method", "GET")
			h := w.Header()
			if got := h.Get("Access-Control-Allow-Origin"); got != tt.want {
				t.Errorf("%s %s from %q: allowed %q", method, tt.container, tt.origin, got)
			}
			if h.Get("Access-Control-Allow-Credentials") != "" {
				t.Error("credentials are allowed")
			}
			if vary := strings.Join(h["Vary"], ","); tt.want != "" && tt.want != "*" && !strings.Contains(vary, "Origin") {
				t.Errorf("%s %s: Vary %q", method, tt.container, vary)
			}
			if method == "OPTIONS" && tt.want == "" && tt.origin != "" && w.Code != 401 {
				t.Errorf("%s from %q: %d", tt.container, tt.origin, w.Code)
			}
		}
	}
}

// S43: what users upload never runs in the gateway's own origin.
func TestS43ActiveContentIsSandboxed(t *testing.T) {
	c := newClient(t, gatewaytest.New(t), swift.Config{})
	c.want(c.do("PUT", "/v1/AUTH_test/c", nil, "X-Container-Read", ".r:*", "X-Container-Meta-Web-Index", "i"), 201, "")
	token := c.token
	for i, contentType := range []string{"text/html", "image/svg+xml", "application/xml", "application/pdf", "TEXT/HTML; charset=x", "application/xhtml+xml"} {
		path := fmt.Sprint("/v1/AUTH_test/c/", i)
		c.token = token
		c.want(c.do("PUT", path, strings.NewReader("<script>"), "Content-Type", contentType), 201, "")
		for _, c.token = range []string{token, ""} {
			h := c.do("GET", path, nil).Header()
			if h.Get("X-Content-Type-Options") != "nosniff" || !strings.HasPrefix(h.Get("Content-Security-Policy"), "sandbox") ||
				strings.Contains(h.Get("Content-Security-Policy"), "same-origin") || len(h["Set-Cookie"]) != 0 {
				t.Errorf("%s: %v", contentType, h)
			}
		}
	}
}

func FuzzHeaderNames(f *testing.F) {
	f.Add("X-Auth-Token, x-object-meta-a ,,\x00,b c")
	f.Fuzz(func(t *testing.T, value string) {
		names := swift.HeaderNames([]string{value})
		if len(names) > 100 {
			t.Errorf("%d names", len(names))
		}
		h := http.Header{}
		for _, name := range names {
			h.Set("Access-Control-Allow-Headers", name)
			if strings.ContainsAny(name, "\r\n, \x00") {
				t.Errorf("%q", name)
			}
		}
	})
}

func FuzzWebListing(f *testing.F) {
	f.Add("a<b", "d/", `text/html; "`)
	f.Fuzz(func(t *testing.T, name, prefix, contentType string) {
		if name == "" {
			return
		}
		page := swift.WebRow(prefix, gateway.Entry{Object: gateway.Object{Name: prefix + name, ContentType: contentType}}) +
			swift.WebRow(prefix, gateway.Entry{Subdir: prefix + name})
		if strings.Count(page, "<tr") != 2 || strings.Count(page, "<a href=") != 2 || strings.Count(page, "<") != 20 {
			t.Errorf("%q", page)
		}
	})
}
