package swift_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"entrepot/auth"
	"entrepot/gateway/gatewaytest"
	"entrepot/protocols/swift"
)

// signer makes temporary URLs.
type signer struct {
	*client
	clock *gatewaytest.Clock
}

// newSigner returns a client of an account whose key is "k1", with a container
// of its own key "k2" that holds the objects a/b, a/bc and a.
func newSigner(t *testing.T) signer {
	f := gatewaytest.New(t)
	c := newClient(t, f, swift.Config{})
	c.want(c.do("POST", "/v1/AUTH_test", nil, "X-Account-Meta-Temp-Url-Key", "k1"), 204, "")
	c.want(c.do("PUT", "/v1/AUTH_test/c", nil, "X-Container-Meta-Temp-Url-Key-2", "k2"), 201, "")
	c.want(c.do("PUT", "/v1/AUTH_test/other", nil), 201, "")
	for _, name := range []string{"c/a/b", "c/a/bc", "c/a", "other/a"} {
		c.want(c.do("PUT", "/v1/AUTH_test/"+name, strings.NewReader(name), "X-Object-Meta-Color", "red",
			"X-Object-Meta-Public-Size", "big", "Content-Type", "text/plain"), 201, "")
	}
	c.token = ""
	return signer{c, f.Clock}
}

// query signs a request for the next hour.
func (s signer) query(key, digest string, u auth.TemporaryURL) string {
	s.t.Helper()
	if u.Expires == 0 {
		u.Expires = s.clock.Now().Add(time.Hour).Unix()
	}
	sig, err := auth.Sign(digest, auth.NewSecret(key), u.Text())
	if err != nil {
		s.t.Fatal(err)
	}
	q := fmt.Sprintf("?temp_url_sig=%s&temp_url_expires=%d", sig, u.Expires)
	if u.IPRange != "" {
		q += "&temp_url_ip_range=" + url.QueryEscape(u.IPRange)
	}
	return q
}

const object = "/v1/AUTH_test/c/a/b"

func (s signer) get(key string) string {
	return s.query(key, auth.SHA256, auth.TemporaryURL{Method: "GET", Path: object})
}

func TestTemporaryURLServesItsMethodAndHead(t *testing.T) {
	s := newSigner(t)
	for _, digest := range auth.SignatureDigests() {
		for _, key := range []string{"k1", "k2"} {
			q := s.query(key, digest, auth.TemporaryURL{Method: "GET", Path: object})
			s.want(s.do("GET", object+q, nil), 200, "c/a/b")
			s.want(s.do("HEAD", object+q, nil), 200, "")
			s.want(s.do("PUT", object+q, strings.NewReader("x")), 401, "401 Unauthorized: Temp URL invalid\n")
		}
	}
	for _, method := range []string{"PUT", "POST", "DELETE", "HEAD"} {
		q := s.query("k1", auth.SHA1, auth.TemporaryURL{Method: method, Path: "/v1/AUTH_test/c/new"})
		status := map[string]int{"PUT": 201, "POST": 202, "DELETE": 204, "HEAD": 200}[method]
		if method == "HEAD" {
			s.do("PUT", "/v1/AUTH_test/c/new"+s.query("k1", auth.SHA1, auth.TemporaryURL{Method: "PUT", Path: "/v1/AUTH_test/c/new"}), strings.NewReader("x"))
		}
		s.want(s.do(method, "/v1/AUTH_test/c/new"+q, strings.NewReader("x")), status, "")
		s.want(s.do("GET", "/v1/AUTH_test/c/new"+q, nil), 401, "")
		if method == "PUT" || method == "POST" {
			s.want(s.do("HEAD", "/v1/AUTH_test/c/new"+q, nil), 200, "")
		}
		if method == "DELETE" {
			s.want(s.do("HEAD", "/v1/AUTH_test/c/new"+q, nil), 401, "")
		}
	}
}

func TestTemporaryURLHidesPropertiesAndNamesTheDownload(t *testing.T) {
	s := newSigner(t)
	q := s.get("k1")
	for _, tt := range []struct{ more, want string }{
		{"", `attachment; filename="b"; filename*=UTF-8''b`},
		{"&filename=", `attachment; filename="b"; filename*=UTF-8''b`},
		{"&filename=x%20%22%0d%0ay%2Fz", `attachment; filename="x %22%0D%0Ay/z"; filename*=UTF-8''x%20%22%0D%0Ay/z`},
		{"&filename=%E2%98%83.txt", `attachment; filename="%E2%98%83.txt"; filename*=UTF-8''%E2%98%83.txt`},
		{"&inline", "inline"},
		{"&inline&filename=x", `inline; filename="x"; filename*=UTF-8''x`},
	} {
		w := s.do("GET", object+q+tt.more, nil)
		s.want(w, 200, "c/a/b")
		h := w.Header()
		if h.Get("Content-Disposition") != tt.want || h.Get("X-Object-Meta-Color") != "" || h.Get("X-Object-Meta-Public-Size") != "big" {
			t.Errorf("%s: %v", tt.more, h)
		}
		if h.Get("Expires") != "Sun, 22 Nov 2026 09:00:00 GMT" {
			t.Errorf("Expires: %s", h.Get("Expires"))
		}
	}
}

func TestTemporaryURLForAPrefixServesWhatBeginsWithIt(t *testing.T) {
	s := newSigner(t)
	q := s.query("k1", auth.SHA256, auth.TemporaryURL{Method: "GET", Path: "/v1/AUTH_test/c/a/", Prefix: true})
	s.want(s.do("GET", object+q+"&temp_url_prefix=a/", nil), 200, "c/a/b")
	s.want(s.do("GET", "/v1/AUTH_test/c/a/bc"+q+"&temp_url_prefix=a%2F", nil), 200, "c/a/bc")
	s.want(s.do("GET", "/v1/AUTH_test/c/a"+q+"&temp_url_prefix=a/", nil), 401, "")
	s.want(s.do("GET", "/v1/AUTH_test/c/b"+q+"&temp_url_prefix=", nil), 401, "")
	s.want(s.do("GET", "/v1/AUTH_test/c/a/none"+q+"&temp_url_prefix=a/", nil), 404, "")
	all := s.query("k1", auth.SHA256, auth.TemporaryURL{Method: "GET", Path: "/v1/AUTH_test/c/", Prefix: true})
	s.want(s.do("GET", "/v1/AUTH_test/c/a"+all+"&temp_url_prefix=", nil), 200, "c/a")
}

func TestTemporaryURLTakesOlderSpellings(t *testing.T) {
	s := newSigner(t)
	for _, names := range [][2]string{{"signature", "expires"}, {"Signature", "Expires"}} {
		q := strings.NewReplacer("temp_url_sig", names[0], "temp_url_expires", names[1]).Replace(s.get("k1"))
		s.want(s.do("GET", object+q, nil), 200, "c/a/b")
		s.want(s.do("GET", object+q+"0", nil), 401, "")
	}
}

// S14: whatever differs from what was signed is refused, and a PUT makes no
// pointers to other data.
func TestS14TemporaryURLServesWhatWasSignedOnly(t *testing.T) {
	s := newSigner(t)
	unauthorised := func(method, target string) {
		t.Helper()
		w := s.do(method, target, strings.NewReader("x"))
		if w.Code != 401 || method != "HEAD" && w.Body.String() != "401 Unauthorized: Temp URL invalid\n" ||
			w.Header().Get("Www-Authenticate") != `Swift realm="unknown"` {
			t.Errorf("%s %s: %d %q %v", method, target, w.Code, w.Body, w.Header())
		}
	}
	q := s.get("k1")
	for _, method := range []string{"PUT", "POST", "DELETE", "COPY"} {
		unauthorised(method, object+q)
	}
	for _, path := range []string{"c/a/bc", "c/a", "c/a/b/", "c/x", "other/a/b", "c", ""} {
		unauthorised("GET", "/v1/AUTH_test/"+path+q)
	}
	unauthorised("GET", "/v1/AUTH_test2/c/a/b"+q)
	unauthorised("GET", "/v1/test/c/a/b"+q)
	now := s.clock.Now()
	for _, expires := range []int64{1, now.Unix(), now.Unix() - 1} {
		unauthorised("GET", object+s.query("k1", auth.SHA256, auth.TemporaryURL{Method: "GET", Path: object, Expires: expires}))
	}
	signed := auth.TemporaryURL{Method: "GET", Path: object, Expires: 4102444800}
	good := s.query("k1", auth.SHA256, signed)
	for _, expires := range []string{"", "-4102444800", "+4102444800", "4102444800.0", "4.1e9", "99999999999999999999", "0x f4865700",
		"2100-01-01 00:00:00", "2100-01-01T00:00:00+00:00", "9223372036854775807", "253402300800"} {
		unauthorised("GET", object+strings.Replace(good, "4102444800", url.QueryEscape(expires), 1))
	}
	sig := strings.TrimPrefix(strings.Split(good, "&")[0], "?temp_url_sig=")
	for _, bad := range []string{"", sig[:40], sig[:63], sig + "00", strings.Repeat("0", 64), "sha1:" + sig, "md5:" + sig} {
		unauthorised("GET", object+"?temp_url_sig="+bad+"&temp_url_expires=4102444800")
	}
	unauthorised("GET", object+"?temp_url_sig="+sig)
	unauthorised("GET", object+"?temp_url_expires=4102444800")
	unauthorised("GET", object+good+"&temp_url_sig="+sig)
	unauthorised("GET", object+good+"&temp_url_prefix=a/")
	unauthorised("GET", object+good+"&temp_url_ip_range=192.0.2.1")
	// Keys of others: an unknown one, and a container's for its neighbour.
	unauthorised("GET", object+s.get("k3"))
	unauthorised("GET", "/v1/AUTH_test/other/a"+s.query("k2", auth.SHA256, auth.TemporaryURL{Method: "GET", Path: "/v1/AUTH_test/other/a"}))
	put := s.query("k1", auth.SHA256, auth.TemporaryURL{Method: "PUT", Path: object})
	for _, header := range []string{"X-Object-Manifest", "X-Copy-From", "X-Symlink-Target"} {
		s.want(s.do("PUT", object+put, strings.NewReader("x"), header, "other/a"), 400,
			"The header '"+header+"' is not allowed in this tempurl")
	}
	s.want(s.do("GET", object+q, nil), 200, "c/a/b")
}

func TestS14TemporaryURLIsBoundToAddresses(t *testing.T) {
	s := newSigner(t)
	for _, tt := range []struct {
		ip     string
		status int
	}{{"192.0.2.1", 200}, {"192.0.2.0/24", 200}, {"192.0.2.2", 401}, {"10.0.0.0/8", 401}, {"2001:db8::/32", 401}, {"x", 401}} {
		q := s.query("k1", auth.SHA256, auth.TemporaryURL{Method: "GET", Path: object, IPRange: tt.ip})
		s.want(s.do("GET", object+q, nil), tt.status, "") // httptest's client is 192.0.2.1
	}
}

func TestS14DigestsCanBeSwitchedOff(t *testing.T) {
	f := gatewaytest.New(t)
	c := newClient(t, f, swift.Config{SignatureDigests: []string{auth.SHA256}})
	c.want(c.do("PUT", "/v1/AUTH_test/c", nil, "X-Container-Meta-Temp-Url-Key", "k"), 201, "")
	c.want(c.do("PUT", "/v1/AUTH_test/c/o", strings.NewReader("x")), 201, "")
	s := signer{c, f.Clock}
	for digest, status := range map[string]int{auth.SHA1: 401, auth.SHA256: 200, auth.SHA512: 401} {
		q := s.query("k", digest, auth.TemporaryURL{Method: "GET", Path: "/v1/AUTH_test/c/o"})
		c.want(c.do("GET", "/v1/AUTH_test/c/o"+q, nil), status, "")
	}
}

// S17: what no signature covers must not change what a signed request means,
// and a token beside it gives nothing.
func TestS17SignedRequestTakesNoUnsignedControl(t *testing.T) {
	s := newSigner(t)
	put := s.query("k1", auth.SHA256, auth.TemporaryURL{Method: "PUT", Path: object})
	get := s.get("k1")
	for _, param := range []string{"multipart-manifest=put", "symlink=get", "version-id=null", "extract-archive=tar", "bulk-delete"} {
		s.want(s.do("PUT", object+put+"&"+param, strings.NewReader("[]")), 400, "")
		s.want(s.do("GET", object+get+"&"+param, nil), 400, "")
	}
	w := s.do("GET", "/auth/v1.0", nil, "X-Auth-User", "test:tester", "X-Auth-Key", "testing")
	s.token = w.Header().Get("X-Auth-Token")
	s.want(s.do("DELETE", object+get, nil), 401, "")
	s.want(s.do("GET", object+strings.Replace(get, "sig=", "sig=0", 1), nil), 401, "")
	s.want(s.do("GET", object, nil), 200, "c/a/b")
}

func TestTemporaryURLOfMissingThings(t *testing.T) {
	s := newSigner(t)
	path := "/v1/AUTH_test/none/o"
	s.want(s.do("GET", path+s.query("k1", auth.SHA1, auth.TemporaryURL{Method: "GET", Path: path}), nil), 404, "")
	path = "/v1/AUTH_test/c/none"
	s.want(s.do("GET", path+s.query("k2", auth.SHA1, auth.TemporaryURL{Method: "GET", Path: path}), nil), 404, "")
}

func FuzzSignedQuery(f *testing.F) {
	f.Add("temp_url_sig=x&temp_url_expires=1&filename=%0d%0a&inline")
	f.Add("Signature=x&Expires=1&temp_url_prefix=%ff")
	f.Fuzz(func(t *testing.T, query string) {
		h := http.Header{"X-Object-Meta-Secret": {"s"}}
		if !swift.PresentSigned(query, h) {
			return
		}
		for name, values := range h {
			if strings.ContainsAny(values[0], "\r\n\x00") || name == "X-Object-Meta-Secret" {
				t.Errorf("%s: %q", name, values)
			}
		}
	})
}
