package protocols_test

import (
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"entrepot/gateway/gatewaytest"
	"entrepot/protocols"
)

// loginAt are the ways to give a user's password at each door.
func loginAt() map[string]func(user, password string) call {
	basic := func(method, path string) func(user, password string) call {
		return func(user, password string) call {
			return call{method: method, path: path, basic: [2]string{user, password}}
		}
	}
	return map[string]func(user, password string) call{
		"swift": func(user, password string) call {
			return call{method: "GET", path: "/auth/v1.0", headers: []string{"X-Auth-User: " + user, "X-Auth-Key: " + password}}
		},
		"keystone 3": func(user, password string) call {
			body, _ := json.Marshal(map[string]any{"auth": map[string]any{"identity": map[string]any{"methods": []string{"password"},
				"password": map[string]any{"user": map[string]string{"name": user, "password": password}}}}}) // maps of text always marshal
			return call{method: "POST", path: "/v3/auth/tokens", body: string(body)}
		},
		"keystone 2": func(user, password string) call {
			return call{method: "POST", path: "/v2.0/tokens", body: fmt.Sprintf(`{"auth":{"passwordCredentials":{"username":%q,"password":%q}}}`, user, password)}
		},
		"webdav":    basic("PROPFIND", "/dav/"),
		"duracloud": basic("GET", "/durastore/spaces"),
	}
}

func TestS3GuessesCountTogetherAtEveryDoor(t *testing.T) {
	d := newDoors(t, gatewaytest.Options{})
	doors := loginAt()
	n := 0
	for round := 0; n < 10; round++ {
		for name, login := range doors {
			if n++; n > 10 {
				break
			}
			if r := d.answer(t, login("tester", fmt.Sprint("wrong", n))); r.status != http.StatusUnauthorized {
				t.Errorf("guess %d at %s: %d", n, name, r.status)
			}
		}
	}
	for name, login := range doors {
		for what, password := range map[string]string{"another guess": "wrong", "the right password": "testing"} {
			r := d.answer(t, login("tester", password))
			if r.status != http.StatusTooManyRequests || r.header.Get("Retry-After") == "" || r.header.Get("Retry-After") == "0" {
				t.Errorf("%s at %s: %d, Retry-After %q", what, name, r.status, r.header.Get("Retry-After"))
			}
		}
		if r := d.answer(t, login("tester2", "testing2")); r.status == http.StatusTooManyRequests || r.status == http.StatusUnauthorized {
			t.Errorf("somebody else at %s: %d", name, r.status)
		}
	}
	d.Clock.Advance(11 * time.Minute)
	for name, login := range doors {
		if r := d.answer(t, login("tester", "testing")); r.status >= 300 && name != "duracloud" {
			t.Errorf("later at %s: %d", name, r.status)
		}
	}
}

func TestS6CredentialsOfOneKindAreNotTakenAsAnother(t *testing.T) {
	d := newDoors(t, gatewaytest.Options{})
	d.furnish()
	token := d.tokenFor("tester", "testing")
	before := d.Fingerprint()
	for name, c := range map[string]call{
		"a token as a password":            {method: "PROPFIND", path: "/dav/", basic: [2]string{"tester", token}},
		"a token as a login":               {method: "GET", path: "/auth/v1.0", headers: []string{"X-Auth-User: tester", "X-Auth-Key: " + token}},
		"a password as a token":            {method: "GET", path: "/v1/AUTH_test", headers: []string{"X-Auth-Token: testing"}},
		"a password as a bearer":           {method: "PROPFIND", path: "/dav/", headers: []string{"Authorization: Bearer testing"}},
		"a token as a cookie":              {method: "GET", path: "/v1/AUTH_test", headers: []string{"Cookie: X-Auth-Token=" + token}},
		"a token in the query":             {method: "GET", path: "/v1/AUTH_test?X-Auth-Token=" + token + "&access_token=" + token},
		"a token as a service's":           {method: "GET", path: "/v1/AUTH_test", headers: []string{"X-Service-Token: " + token}},
		"a token as a signature":           {method: "GET", path: "/v1/AUTH_test/box/a.txt?temp_url_sig=" + token + "&temp_url_expires=9999999999"},
		"a password for the storage":       {method: "GET", path: "/v1/AUTH_test", basic: [2]string{"tester", "testing"}},
		"a token in lower case":            {method: "GET", path: "/v1/AUTH_test", headers: []string{"X-Auth-Token: " + strings.ToLower(token)}},
		"a token with blanks":              {method: "GET", path: "/v1/AUTH_test", headers: []string{"X-Auth-Token: " + token + " x"}},
		"an API key as a token":            {method: "GET", path: "/v1/AUTH_test", headers: []string{"X-Auth-Token: 0123456789ABCDEF0123456789ABCDEF"}},
		"an API key alone":                 {method: "PROPFIND", path: "/dav/", headers: []string{"X-TeraCLOUD-API-KEY: 0123456789ABCDEF0123456789ABCDEF"}},
		"half a Basic":                     {method: "PROPFIND", path: "/dav/", headers: []string{"Authorization: Basic dGVzdGVy"}},
		"a Digest":                         {method: "PROPFIND", path: "/dav/", headers: []string{`Authorization: Digest username="tester"`}},
		"a token of the Identity API's id": {method: "POST", path: "/v3/auth/tokens", body: `{"auth":{"identity":{"methods":["token"],"token":{"id":"testing"}}}}`},
	} {
		if r := d.answer(t, c); r.status != http.StatusUnauthorized {
			t.Errorf("%s: %d", name, r.status)
		}
	}
	if d.Fingerprint() != before {
		t.Error("something changed")
	}
}

func TestS7TokensEndWithThePasswordAtOnce(t *testing.T) {
	d := newDoors(t, gatewaytest.Options{})
	old := "X-Auth-Token: " + d.tokenFor("tester", "testing")
	d.want(t, 204, call{method: "HEAD", path: "/v1/AUTH_test", headers: []string{old}})
	d.SetPassword("tester", "another")
	d.want(t, 401, call{method: "HEAD", path: "/v1/AUTH_test", headers: []string{old}})
	fresh := "X-Auth-Token: " + d.tokenFor("tester", "another")
	d.want(t, 204, call{method: "HEAD", path: "/v1/AUTH_test", headers: []string{fresh}})
	d.Clock.Advance(24*time.Hour + time.Second)
	d.want(t, 401, call{method: "HEAD", path: "/v1/AUTH_test", headers: []string{fresh}})
}

// TestS18ForeignNamesAreAnsweredAlikeWhetherTheyExist compares whole answers.
func TestS18ForeignNamesAreAnsweredAlikeWhetherTheyExist(t *testing.T) {
	d := newDoors(t, gatewaytest.Options{})
	d.furnish()
	for _, user := range []string{"", "tester2", "tester3"} {
		for _, where := range []struct {
			door    door
			methods []string
		}{{swiftDoor, []string{"GET", "HEAD", "PUT", "POST", "DELETE"}}, {davElse, []string{"GET", "PUT", "DELETE", "PROPFIND", "PROPPATCH", "LOCK", "MOVE"}}} {
			for _, method := range where.methods {
				ask := func(name string) reply {
					t.Helper()
					r := d.answer(t, where.door.call(user, method, name, "", "Destination: /dav/@test/zzz/elsewhere"))
					r.body = strings.ReplaceAll(r.body, name, "NAME")
					return r
				}
				for _, pair := range [][2]string{{"box", "nox"}, {"box/a.txt", "box/n.txt"}, {"box/a.txt", "nox/a.txt"}} {
					there, absent := ask(pair[0]), ask(pair[1])
					if there.status != absent.status || there.body != absent.body {
						t.Errorf("%s by %q at %s: %s is %d %.100q, %s is %d %.100q", method, user, where.door.name,
							pair[0], there.status, there.body, pair[1], absent.status, absent.body)
					}
				}
			}
		}
	}
}

func TestS47ForwardedAddressesCountOnlyBehindProxies(t *testing.T) {
	lan := networks(t, "192.0.2.0/24", "2001:db8::/32")
	mount := protocols.Mount{Name: "one", Face: face{"one", echo}, Allow: lan}
	plain := protocols.Config{AllowPlainHTTP: true}
	behind := plain
	behind.Proxies = networks(t, "10.0.0.0/8")
	for name, c := range map[string]struct {
		cfg    protocols.Config
		peer   string
		header []string // name, value, …
		want   int
	}{
		"listed":                           {plain, "192.0.2.9:1", nil, 200},
		"not listed":                       {plain, "203.0.113.9:1", nil, 403},
		"mapped":                           {plain, "[::ffff:192.0.2.9]:1", nil, 200},
		"mapped, not listed":               {plain, "[::ffff:203.0.113.9]:1", nil, 403},
		"a zone":                           {plain, "[2001:db8::1%eth0]:1", nil, 200},
		"no address":                       {plain, "@", nil, 403},
		"a stranger's X-Forwarded-For":     {plain, "203.0.113.9:1", []string{"X-Forwarded-For", "192.0.2.9"}, 403},
		"a stranger's X-Real-IP":           {plain, "203.0.113.9:1", []string{"X-Real-IP", "192.0.2.9"}, 403},
		"a stranger's Forwarded":           {plain, "203.0.113.9:1", []string{"Forwarded", "for=192.0.2.9"}, 403},
		"a stranger's Client-IP":           {plain, "203.0.113.9:1", []string{"Client-IP", "192.0.2.9", "True-Client-IP", "192.0.2.9"}, 403},
		"a listed one's own header":        {plain, "192.0.2.9:1", []string{"X-Forwarded-For", "203.0.113.9"}, 200},
		"a proxy's":                        {behind, "10.0.0.1:1", []string{"X-Forwarded-For", "192.0.2.9"}, 200},
		"a proxy's of a stranger":          {behind, "10.0.0.1:1", []string{"X-Forwarded-For", "203.0.113.9"}, 403},
		"a spoofed left part":              {behind, "10.0.0.1:1", []string{"X-Forwarded-For", "192.0.2.9, 203.0.113.9"}, 403},
		"a spoofed first line":             {behind, "10.0.0.1:1", []string{"X-Forwarded-For", "192.0.2.9", "X-Forwarded-For", "203.0.113.9"}, 403},
		"the last line counts":             {behind, "10.0.0.1:1", []string{"X-Forwarded-For", "203.0.113.9", "X-Forwarded-For", "192.0.2.9"}, 200},
		"through two proxies":              {behind, "10.0.0.1:1", []string{"X-Forwarded-For", "203.0.113.9, 192.0.2.9, 10.9.9.9"}, 200},
		"a port":                           {behind, "10.0.0.1:1", []string{"X-Forwarded-For", "192.0.2.9:4711"}, 200},
		"malformed":                        {behind, "10.0.0.1:1", []string{"X-Forwarded-For", "192.0.2.9,"}, 403},
		"no number":                        {behind, "10.0.0.1:1", []string{"X-Forwarded-For", "localhost"}, 403},
		"leading zeros":                    {behind, "10.0.0.1:1", []string{"X-Forwarded-For", "192.000.2.9"}, 403},
		"the proxy itself":                 {behind, "10.0.0.1:1", nil, 403},
		"headers that contradict another":  {behind, "10.0.0.1:1", []string{"X-Forwarded-For", "192.0.2.9", "X-Real-IP", "203.0.113.9"}, 403},
		"a proxy's Client-IP is no header": {behind, "10.0.0.1:1", []string{"Client-IP", "192.0.2.9"}, 403},
	} {
		f, _ := newFront(t, c.cfg, mount)
		w := get(f, "/one", func(r *http.Request) {
			r.RemoteAddr = c.peer
			for i := 0; i < len(c.header); i += 2 {
				r.Header.Add(c.header[i], c.header[i+1])
			}
		})
		if w.Code != c.want {
			t.Errorf("%s: %d, want %d", name, w.Code, c.want)
		}
	}
}

func TestS48HostsOfRequestsChooseNothing(t *testing.T) {
	d := newDoors(t, gatewaytest.Options{})
	r := d.ok(t, call{method: "GET", path: "/auth/v1.0", headers: []string{"X-Auth-User: test:tester", "X-Auth-Key: testing", "X-Forwarded-Host: evil.example"}})
	if url := r.header.Get("X-Storage-Url"); url != d.url+"/v1/AUTH_test" {
		t.Errorf("a forwarded host moved the storage to %s", url)
	}
	r = d.answer(t, loginAt()["keystone 3"]("tester", "testing").with("X-Forwarded-Host: evil.example", "X-Forwarded-Proto: gopher"))
	if r.status != http.StatusCreated || strings.Contains(r.body, "evil.example") || strings.Contains(r.body, "gopher") {
		t.Errorf("%d %s", r.status, r.body)
	}
}

func TestS53CredentialsNeedTLSBeyondTheMachine(t *testing.T) {
	f, _ := newFront(t, protocols.Config{}, protocols.Mount{Name: "one", Face: face{"one", echo}})
	for name, c := range map[string]struct {
		tls  *tls.ConnectionState
		want int
	}{"plain": {nil, 403}, "over TLS": {&tls.ConnectionState{Version: tls.VersionTLS13, HandshakeComplete: true}, 200}} {
		w := get(f, "/one", func(r *http.Request) {
			r.TLS = c.tls
			r.SetBasicAuth("tester", "testing")
		})
		if w.Code != c.want || c.want == 403 && !strings.Contains(w.Body.String(), "HTTPS") {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
	}
}
