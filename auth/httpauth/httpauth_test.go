package httpauth_test

import (
	"context"
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"entrepot/auth"
	"entrepot/auth/httpauth"
	"entrepot/gateway/errs"
)

// directory knows one user, tester, and one token.
type directory struct {
	user  auth.User
	token auth.TokenRecord
	// application is the digest of an application password of the user.
	application [32]byte
}

var errAbsent = errs.New("directory", errs.NotFound, "", "absent")

func (d *directory) User(_ context.Context, name string) (auth.User, error) {
	if name != d.user.Name {
		return auth.User{}, errAbsent
	}
	return d.user, nil
}

func (d *directory) Token(_ context.Context, digest [32]byte) (auth.TokenRecord, error) {
	if digest != d.token.Digest {
		return auth.TokenRecord{}, errAbsent
	}
	return d.token, nil
}

func (d *directory) CurrentToken(context.Context, auth.TokenRecord, time.Time) (auth.TokenRecord, error) {
	return auth.TokenRecord{}, errAbsent
}

func (d *directory) AddToken(_ context.Context, t auth.TokenRecord) error {
	d.token = t
	return nil
}

func (d *directory) NextIssue(context.Context, string) (uint64, error) { return 1, nil }

func (d *directory) RemoveToken(context.Context, [32]byte) error { return nil }

func (d *directory) Key(_ context.Context, digest [32]byte) (auth.KeyRecord, error) {
	switch digest {
	case auth.KeyDigest(apiKey):
		return auth.KeyRecord{Application: "phone"}, nil
	case auth.KeyDigest(revokedKey):
		return auth.KeyRecord{Application: "phone", Revoked: true}, nil
	case auth.KeyDigest(stoppedKey):
		return auth.KeyRecord{Application: "stopped"}, nil
	}
	return auth.KeyRecord{}, errAbsent
}

func (d *directory) UseApplication(_ context.Context, _ auth.Principal, application string) error {
	if application == "stopped" {
		return errs.New("directory", errs.Forbidden, errs.ApplicationStopped, "stopped")
	}
	return nil
}

func (d *directory) Credential(_ context.Context, digest [32]byte) (auth.CredentialRecord, error) {
	if digest != d.application {
		return auth.CredentialRecord{}, errAbsent
	}
	return auth.CredentialRecord{Digest: digest, User: d.user.Name, Application: "phone", Scope: auth.Scope{Container: 7}}, nil
}

func (d *directory) CredentialUsed([32]byte) {}

// API keys that the directory knows.
var (
	apiKey     = strings.Repeat("0A", 16)
	revokedKey = strings.Repeat("0B", 16)
	stoppedKey = strings.Repeat("0C", 16)
)

// applicationPassword is one of the user of service.
var applicationPassword = "ap-" + strings.Repeat("a2", 16)

var home = netip.MustParseAddr("192.0.2.1")

// service returns a service with the user tester, password "pass:word", and a
// token of that user.
func service(t testing.TB) (*auth.Service, string) {
	t.Helper()
	cheap := auth.HashParams{Memory: 8, Passes: 1, Lanes: 1}
	hash, err := cheap.Hash(strings.NewReader(strings.Repeat("s", 16)), "pass:word")
	if err != nil {
		t.Fatal(err)
	}
	d := &directory{application: auth.CredentialDigest(applicationPassword), user: auth.User{Name: "tester", Account: "test", Role: auth.RoleOwner, PasswordHash: hash}}
	s, err := auth.New(d, auth.Config{
		ServerKey: auth.NewSecret(strings.Repeat("k", 32)), Hash: cheap,
		Throttle: auth.ThrottleConfig{Pair: auth.Limit{Burst: 1000, Every: time.Minute}, Address: auth.Limit{Burst: 1000, Every: time.Minute}},
	})
	if err != nil {
		t.Fatal(err)
	}
	tok, _, err := s.Issue(t.Context(), "tester", "pass:word", home)
	if err != nil {
		t.Fatal(err)
	}
	return s, tok.Value
}

func request(t testing.TB, method string, headers ...string) *http.Request {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, "http://gateway.example/x", nil)
	r.RemoteAddr = "192.0.2.1:4711"
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	return r
}

func b64(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

func basic(s string) string { return "Basic " + b64(s) }

func TestCredentialsAreFound(t *testing.T) {
	s, token := service(t)
	all := httpauth.First(httpauth.SwiftToken(s), httpauth.Bearer(s), httpauth.Basic(s))
	none := "AUTH_tk" + strings.Repeat("0", 32)
	for name, c := range map[string]struct {
		headers []string
		user    string
		ambient bool
		kind    errs.Kind // Other: no error
	}{
		"nothing":                   {nil, "", false, 0},
		"application password":      {[]string{"Authorization", basic("tester:" + applicationPassword)}, "tester", true, 0},
		"application bearer":        {[]string{"Authorization", "Bearer " + applicationPassword}, "tester", false, 0},
		"application of another":    {[]string{"Authorization", basic("somebody:" + applicationPassword)}, "", false, errs.Unauthenticated},
		"application, unknown":      {[]string{"Authorization", "Bearer ap-" + strings.Repeat("b", 32)}, "", false, errs.Unauthenticated},
		"application as a token":    {[]string{"X-Auth-Token", applicationPassword}, "", false, errs.Unauthenticated},
		"basic":                     {[]string{"Authorization", basic("tester:pass:word")}, "tester", true, 0},
		"scheme in any case":        {[]string{"Authorization", "bAsIc " + b64("tester:pass:word")}, "tester", true, 0},
		"more spaces":               {[]string{"Authorization", "Basic   " + b64("tester:pass:word")}, "tester", true, 0},
		"basic, wrong":              {[]string{"Authorization", basic("tester:wrong")}, "", false, errs.Unauthenticated},
		"basic, no colon":           {[]string{"Authorization", basic("tester")}, "", false, errs.Unauthenticated},
		"basic, nothing":            {[]string{"Authorization", "Basic"}, "", false, errs.Unauthenticated},
		"basic, not base64":         {[]string{"Authorization", "Basic %%%"}, "", false, errs.Unauthenticated},
		"basic, account and user":   {[]string{"Authorization", basic("test:tester:pass:word")}, "", false, errs.Unauthenticated},
		"basic twice":               {[]string{"Authorization", basic("tester:pass:word"), "Authorization", basic("tester:pass:word")}, "", false, errs.Unauthenticated},
		"bearer":                    {[]string{"Authorization", "Bearer " + token}, "tester", false, 0},
		"bearer, wrong":             {[]string{"Authorization", "Bearer " + none}, "", false, errs.Unauthenticated},
		"bearer, password":          {[]string{"Authorization", "Bearer " + b64("tester:pass:word")}, "", false, errs.Unauthenticated},
		"token as a password":       {[]string{"Authorization", basic("tester:" + token)}, "", false, errs.Unauthenticated},
		"unknown scheme":            {[]string{"Authorization", "Negotiate abc"}, "", false, 0},
		"empty header":              {[]string{"Authorization", ""}, "", false, 0},
		"swift":                     {[]string{"X-Auth-Token", token}, "tester", false, 0},
		"swift, old name":           {[]string{"X-Storage-Token", token}, "tester", false, 0},
		"swift, first is empty":     {[]string{"X-Auth-Token", "", "X-Storage-Token", token}, "tester", false, 0},
		"swift, first is wrong":     {[]string{"X-Auth-Token", none, "X-Storage-Token", token}, "", false, errs.Unauthenticated},
		"swift, twice":              {[]string{"X-Auth-Token", token, "X-Auth-Token", token}, "", false, errs.Unauthenticated},
		"swift, malformed":          {[]string{"X-Auth-Token", "x"}, "", false, errs.Unauthenticated},
		"wrong token, right basic":  {[]string{"X-Auth-Token", none, "Authorization", basic("tester:pass:word")}, "", false, errs.Unauthenticated},
		"right token, wrong basic":  {[]string{"X-Auth-Token", token, "Authorization", basic("tester:wrong")}, "tester", false, 0},
		"far too long":              {[]string{"Authorization", basic("tester:" + strings.Repeat("x", 10000))}, "", false, errs.Unauthenticated},
		"far too long a token":      {[]string{"X-Auth-Token", strings.Repeat("x", 10000)}, "", false, errs.Unauthenticated},
		"token of another scheme":   {[]string{"Authorization", "Token " + token}, "", false, 0},
		"basic with a control sign": {[]string{"Authorization", basic("tester\x00:pass:word")}, "", false, errs.Unauthenticated},
	} {
		p, err := all.Authenticate(request(t, "GET", c.headers...))
		if c.kind == errs.Other && err != nil || c.kind != errs.Other && errs.Of(err) != c.kind {
			t.Errorf("%s: %v", name, err)
		}
		if p.User != c.user || p.Ambient != c.ambient {
			t.Errorf("%s: %+v", name, p)
		}
	}
}

func TestParseBasic(t *testing.T) {
	for text, want := range map[string][2]string{
		"tester:testing": {"tester", "testing"}, "a:b:c": {"a", "b:c"}, "a:": {"a", ""}, "Jörg:日本": {"Jörg", "日本"},
	} {
		user, password, err := httpauth.ParseBasic(b64(text))
		if err != nil || user != want[0] || password != want[1] {
			t.Errorf("%q: %q, %q, %v", text, user, password, err)
		}
	}
	for _, bad := range []string{
		"", "YTpi\n", "YTp\r\ni", "YQ", "YTpiYw", b64(""), b64(":"), b64(":x"), b64("nocolon"), b64("a:\xff"), b64("a\xc0\xaf:b"),
		b64("a:b\n"), b64("a\x7f:b"), b64("a\u0085:b"), b64("a:b") + "=", "YTpi YTpi", strings.Repeat("A", 1<<20), "YTpj\x00", "YTpi=", "YTph-_==",
	} {
		if user, password, err := httpauth.ParseBasic(bad); errs.Of(err) != errs.Unauthenticated || user+password != "" {
			t.Errorf("%.20q: %q, %q, %v", bad, user, password, err)
		}
	}
}

func FuzzParseBasic(f *testing.F) {
	for _, s := range []string{"", b64("tester:testing"), b64("a:b:c"), b64("a"), b64(":"), b64("\xff:x"), "YTpi\n", "====", b64("é:日本")} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		user, password, err := httpauth.ParseBasic(s)
		if err != nil {
			return
		}
		if user == "" || strings.Contains(user, ":") || b64(user+":"+password) != s {
			t.Fatalf("%q is read as %q and %q", s, user, password)
		}
	})
}
