package dav

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"entrepot/auth"
	"entrepot/gateway"
	"entrepot/gateway/errs"
)

// bareFace is a face without a gateway, for what decodes and encodes.
func bareFace(cfg Config) *Face {
	cfg = cfg.withDefaults()
	return &Face{cfg: cfg, mounts: mountsOf(cfg)}
}

// of makes a decoded request of a user of account t.
func (f *Face) of(r *http.Request) *request {
	return f.request(nil, r.WithContext(auth.WithPrincipal(r.Context(), auth.Principal{User: "u", Account: "t"})))
}

func testFace(t *testing.T) *Face {
	t.Helper()
	proxies, err := auth.ParseNetworks([]string{"192.0.2.1"})
	if err != nil {
		t.Fatal(err)
	}
	return bareFace(Config{PublicHosts: []string{"Files.example.org"}, TrustedProxies: proxies})
}

func testRequest(peer string) *request {
	r := httptest.NewRequest("MOVE", "http://gw.example:8080/dav/c/a", nil)
	r.RemoteAddr = peer
	r.Header.Set("X-Forwarded-Host", "proxy.example, other.example")
	return bareFace(Config{}).of(r)
}

func TestDestinationIsOneOfOurs(t *testing.T) {
	f := testFace(t)
	want := gateway.Ref{Account: "t", Container: "c", Object: "b c"}
	for _, dest := range []string{
		"/dav/c/b%20c", "/dav/c/b%20c/", "http://gw.example:8080/dav/c/b%20c", "https://GW.example:8080/dav/c/b%20c",
		"webdavs://files.example.org/dav/c/b%20c", "https://files.example.org:443/dav/c/b%20c",
		"https://user@files.example.org/dav/c/b%20c", "https://proxy.example/dav/c/b%20c", " /dav/c/b%20c ",
	} {
		q := testRequest("192.0.2.1:1234")
		q.r.Header.Set("Destination", dest)
		if got, err := f.destination(q); err != nil || got != want {
			t.Errorf("%s: %v, %v", dest, got, err)
		}
	}
}

func TestDestinationRefuses(t *testing.T) {
	f := testFace(t)
	tests := []struct {
		dest   string
		reason errs.Reason
	}{
		{"http://evil.example/dav/c/b", foreignURL}, {"ftp://gw.example:8080/dav/c/b", foreignURL},
		{"http://gw.example:8081/dav/c/b", foreignURL}, {"//gw.example:8081/dav/c/b", foreignURL},
		{"/davx/c/b", foreignURL}, {"/other", foreignURL}, {"https://proxy.example/dav/c/b", foreignURL},
		{"", ""}, {"dav/c/b", ""}, {"/dav/c/b?x", ""}, {"/dav/c/b#x", ""}, {"http:dav", ""}, {"/dav/c/%zz", ""},
		{"/dav/c/%2e%2e", ""}, {"/dav/c/a%2fb", ""}, {"http://gw.example:8080", ""},
	}
	for _, tt := range tests {
		q := testRequest("198.51.100.7:1234")
		q.r.Header.Set("Destination", tt.dest)
		_, err := f.destination(q)
		if errs.Of(err) != errs.Invalid || errs.ReasonOf(err) != tt.reason {
			t.Errorf("%q: %v", tt.dest, err)
		}
	}
	q := testRequest("198.51.100.7:1234")
	if _, err := f.destination(q); errs.Of(err) != errs.Invalid {
		t.Errorf("missing: %v", err)
	}
}

func TestForeignTagsMakeAListFalse(t *testing.T) {
	f := testFace(t)
	q := testRequest("198.51.100.7:1234")
	q.r.Header.Set("If", "<http://evil.example/dav/c/a> (<t1>) </dav/c/a> (<t2>) <mailto:x> (<t3>)")
	c, err := f.conditions(q)
	if err != nil || len(c.Lists) != 3 || len(c.Tokens) != 3 {
		t.Fatalf("%+v, %v", c, err)
	}
	if !c.Lists[0].Foreign || c.Lists[1].Foreign || !c.Lists[2].Foreign || *c.Lists[1].Ref != (gateway.Ref{Account: "t", Container: "c", Object: "a"}) {
		t.Errorf("%+v", c.Lists)
	}
}

func TestConditionsIgnoreDatesBesideTags(t *testing.T) {
	f := testFace(t)
	q := testRequest("198.51.100.7:1234")
	q.r.Header.Set("If-Unmodified-Since", "Thu, 01 Jan 2015 00:00:00 GMT")
	if c, err := f.conditions(q); err != nil || c.IfUnmodifiedSince.IsZero() || !c.Drive {
		t.Errorf("%+v, %v", c, err)
	}
	q.r.Header.Set("If-Match", `"e"`)
	if c, err := f.conditions(q); err != nil || !c.IfUnmodifiedSince.IsZero() {
		t.Errorf("%+v, %v", c, err)
	}
}

func FuzzDestination(f *testing.F) {
	for _, seed := range []string{"/dav/c/b", "http://gw.example:8080/dav/c/b%20c", "//x/dav", "http://[::1", "/dav/@x/c", "webdav://gw.example:8080/dav/"} {
		f.Add(seed)
	}
	face := bareFace(Config{})
	f.Fuzz(func(t *testing.T, dest string) {
		q := testRequest("198.51.100.7:1234")
		q.r.Header["Destination"] = []string{dest}
		ref, err := face.destination(q)
		if err != nil {
			if errs.Of(err) != errs.Invalid {
				t.Fatalf("%q: %v", dest, err)
			}
			return
		}
		if ref.Account == "" || (ref.Container == "" && ref.Object != "") || len(ref.Object) > 1024 {
			t.Fatalf("%q: %v", dest, ref)
		}
	})
}
