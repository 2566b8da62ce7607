package httpauth_test

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strconv"
	"strings"
	"testing"

	"entrepot/auth"
	"entrepot/auth/httpauth"
	"entrepot/gateway/errs"
)

// serve runs one request through the middleware and returns what the handler
// saw, what deny was told, and the response.
//
//lint:ignore ST1008 the error is what deny was told, not the helper's
func serve(t *testing.T, a httpauth.Authenticator, r *http.Request, opts ...httpauth.Option) (auth.Principal, bool, error, *httptest.ResponseRecorder) {
	t.Helper()
	var seen auth.Principal
	var denied error
	reached := false
	deny := func(w http.ResponseWriter, _ *http.Request, err error) {
		denied = err
		w.WriteHeader(http.StatusTeapot)
	}
	h := httpauth.Middleware(a, deny, opts...)(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		reached = true
		seen = auth.PrincipalOf(r.Context())
	}))
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if reached == (denied != nil) {
		t.Errorf("reached: %v, denied: %v", reached, denied)
	}
	return seen, reached, denied, w
}

func TestMiddlewareTellsWhoAsksFromWhere(t *testing.T) {
	s, _ := service(t)
	r := request(t, "GET", "Authorization", basic("tester:pass:word"), "Referer", "https://WWW.Example.com:8443/page?x=1")
	p, reached, _, _ := serve(t, httpauth.Basic(s), r)
	if !reached || p.User != "tester" || p.Address != home || p.Referer != "www.example.com" || !p.Ambient {
		t.Errorf("%+v", p)
	}
	front := netip.MustParseAddr("203.0.113.5")
	r = request(t, "GET", "Referer", "not a url\x7f")
	r = r.WithContext(httpauth.WithAddr(r.Context(), front))
	p, reached, _, _ = serve(t, httpauth.Basic(s), r)
	if !reached || !p.Anonymous() || p.Address != front || p.Referer != "" {
		t.Errorf("%+v", p)
	}
}

func TestTheAddressOfTheFrontIsTheOneThatCounts(t *testing.T) {
	s, err := auth.New(&directory{}, auth.Config{
		ServerKey: auth.NewSecret(strings.Repeat("k", 32)), Hash: auth.HashParams{Memory: 8, Passes: 1, Lanes: 1},
	})
	if err != nil {
		t.Fatal(err)
	}
	try := func(from string, i int) error {
		r := request(t, "GET", "Authorization", basic("tester:guess "+strconv.Itoa(i)))
		r = r.WithContext(httpauth.WithAddr(r.Context(), netip.MustParseAddr(from)))
		_, _, denied, w := serve(t, httpauth.Basic(s), r)
		if throttled := errs.Of(denied) == errs.RateLimited; throttled != (w.Header().Get("Retry-After") != "") {
			t.Errorf("%v with Retry-After %q", denied, w.Header().Get("Retry-After"))
		}
		return denied
	}
	var last error
	for i := range 11 {
		last = try("203.0.113.5", i)
	}
	if errs.Of(last) != errs.RateLimited || errs.ReasonOf(last) != errs.Throttled {
		t.Errorf("the eleventh guess: %v", last)
	}
	if err := try("203.0.113.6", 0); errs.Of(err) != errs.Unauthenticated {
		t.Errorf("a guess from elsewhere: %v", err)
	}
}

func TestAForeignPageMayNotUseSavedCredentials(t *testing.T) {
	s, token := service(t)
	any := httpauth.First(httpauth.SwiftToken(s), httpauth.Basic(s))
	saved := []string{"Authorization", basic("tester:pass:word")}
	sent := []string{"X-Auth-Token", token}
	for name, c := range map[string]struct {
		method  string
		who     []string
		headers []string
		pass    bool
	}{
		"no browser":              {"PUT", saved, nil, true},
		"own page":                {"PUT", saved, []string{"Origin", "http://gateway.example", "Sec-Fetch-Site", "same-origin"}, true},
		"own page, proxied TLS":   {"PUT", saved, []string{"Origin", "https://gateway.example"}, true},
		"own page, default port":  {"PUT", saved, []string{"Origin", "https://GATEWAY.example:443"}, true},
		"typed by hand":           {"POST", saved, []string{"Sec-Fetch-Site", "none"}, true},
		"foreign page":            {"PUT", saved, []string{"Origin", "https://evil.example"}, false},
		"foreign page, by site":   {"DELETE", saved, []string{"Sec-Fetch-Site", "cross-site"}, false},
		"by site, in caps":        {"DELETE", saved, []string{"Sec-Fetch-Site", "Cross-Site"}, false},
		"forged own origin":       {"PUT", saved, []string{"Origin", "http://gateway.example", "Sec-Fetch-Site", "cross-site"}, false},
		"sister host":             {"PUT", saved, []string{"Origin", "http://www.gateway.example", "Sec-Fetch-Site", "same-site"}, false},
		"other port":              {"PUT", saved, []string{"Origin", "http://gateway.example:8081"}, false},
		"other scheme":            {"PUT", saved, []string{"Origin", "file://gateway.example"}, false},
		"null":                    {"POST", saved, []string{"Origin", "null"}, false},
		"empty":                   {"POST", saved, []string{"Origin", ""}, false},
		"two origins":             {"POST", saved, []string{"Origin", "http://gateway.example", "Origin", "http://gateway.example"}, false},
		"suffix":                  {"POST", saved, []string{"Origin", "http://gateway.example.evil.example"}, false},
		"user in origin":          {"POST", saved, []string{"Origin", "http://gateway.example@evil.example"}, false},
		"dav method":              {"MKCOL", saved, []string{"Origin", "https://evil.example"}, false},
		"unknown method":          {"FROB", saved, []string{"Origin", "https://evil.example"}, false},
		"reading":                 {"GET", saved, []string{"Origin", "https://evil.example", "Sec-Fetch-Site", "cross-site"}, true},
		"listing":                 {"PROPFIND", saved, []string{"Origin", "https://evil.example"}, true},
		"token":                   {"PUT", sent, []string{"Origin", "https://evil.example", "Sec-Fetch-Site", "cross-site"}, true},
		"anonymous":               {"POST", nil, []string{"Origin", "https://evil.example"}, true},
		"allowed origin":          {"PUT", saved, []string{"Origin", "https://friend.example", "Sec-Fetch-Site", "cross-site"}, true},
		"allowed origin, not GET": {"MOVE", saved, []string{"Origin", "https://friend.example"}, true},
	} {
		allow := httpauth.AllowOrigins(func(r *http.Request, origin string) bool {
			return r.URL.Path == "/x" && origin == "https://friend.example"
		})
		_, reached, denied, _ := serve(t, any, request(t, c.method, append(c.who, c.headers...)...), allow)
		if reached != c.pass {
			t.Errorf("%s: %v", name, denied)
		}
		if !c.pass && (errs.Of(denied) != errs.Forbidden || errs.ReasonOf(denied) != errs.CrossSite) {
			t.Errorf("%s: refused with %v", name, denied)
		}
	}
}

func TestNoOriginIsAllowedUnlessSaid(t *testing.T) {
	p := auth.Principal{User: "tester", Ambient: true}
	r := request(t, "PUT", "Origin", "https://friend.example")
	if err := httpauth.RefuseCrossSite(r, p, nil); errs.ReasonOf(err) != errs.CrossSite {
		t.Errorf("%v", err)
	}
}
