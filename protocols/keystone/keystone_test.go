package keystone_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/gorilla/mux"

	"entrepot/auth"
	"entrepot/auth/httpauth"
	"entrepot/gateway"
	"entrepot/gateway/errs"
	"entrepot/gateway/gatewaytest"
	"entrepot/protocols/internal/httpkit"
	"entrepot/protocols/keystone"
	"entrepot/protocols/protocoltest"
)

// handler is the door behind a router, with what the front adds to requests.
func handler(f *gatewaytest.Fixture, cfg keystone.Config) http.Handler {
	router := mux.NewRouter().SkipClean(true).UseEncodedPath()
	keystone.New(cfg, f.Gateway, f.Auth, f.Clock.Now).Routes(router)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx := httpkit.WithEvent(r.Context(), &httpkit.Event{ReqID: "tx1"})
		if addr, err := httpauth.ClientAddr(r, auth.Networks{}); err == nil {
			ctx = httpauth.WithAddr(ctx, addr)
		}
		router.ServeHTTP(w, r.WithContext(ctx))
	})
}

func TestScripts(t *testing.T) {
	protocoltest.RunFresh(t, func(t *testing.T) protocoltest.Fixture {
		f := gatewaytest.New(t)
		return protocoltest.Fixture{Handler: handler(f, keystone.Config{}), Advance: f.Clock.Advance}
	}, "testdata/*.txt")
}

// post asks for a token and returns the answer.
func post(t *testing.T, h http.Handler, body string) (*http.Response, string) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "http://gate.example:8080/v3/auth/tokens", strings.NewReader(body))
	r.RemoteAddr = "127.0.0.1:4711"
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	b, err := io.ReadAll(w.Result().Body)
	if err != nil {
		t.Fatal(err)
	}
	return w.Result(), string(b)
}

func password(user, password string) string {
	return fmt.Sprintf(`{"auth":{"identity":{"methods":["password"],"password":{"user":{"name":%q,"password":%q}}}}}`, user, password)
}

func TestTooManyWrongPasswordsAre429(t *testing.T) {
	f := gatewaytest.New(t)
	h := handler(f, keystone.Config{})
	for i := range 30 {
		resp, body := post(t, h, password("tester", fmt.Sprint("wrong", i)))
		if resp.StatusCode == http.StatusTooManyRequests {
			if resp.Header.Get("Retry-After") == "" || !strings.Contains(body, `"code":429`) {
				t.Errorf("%v %s", resp.Header, body)
			}
			return
		}
	}
	t.Error("nothing slowed the guesses down")
}

func TestApplicationCredentialsAreApplicationPasswords(t *testing.T) {
	f := gatewaytest.New(t)
	if _, err := f.Gateway.Applications.Create(f.Ctx("admin"), gateway.NewApplication{ID: "phone"}); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Gateway.Containers.Create(f.Ctx("tester"), gateway.Ref{Account: "test", Container: "docs"}, gateway.ContainerChange{}); err != nil {
		t.Fatal(err)
	}
	made, secret, err := f.Gateway.Credentials.Create(f.Ctx("tester"), gateway.NewCredential{User: "tester", Application: "phone", Container: "docs"})
	if err != nil {
		t.Fatal(err)
	}
	h := handler(f, keystone.Config{})
	ask := func(fields string) (*http.Response, string) {
		return post(t, h, `{"auth":{"identity":{"methods":["application_credential"],"application_credential":{`+fields+`}}}}`)
	}
	byID, body := ask(fmt.Sprintf(`"id":%q,"secret":%q`, made.ID, secret.Reveal()))
	if byID.StatusCode != http.StatusCreated || !strings.Contains(body, `"methods":["application_credential"]`) {
		t.Fatalf("%d %s", byID.StatusCode, body)
	}
	p, err := f.Auth.Token(t.Context(), byID.Header.Get("X-Subject-Token"), gatewaytestAddr)
	if err != nil || p.Scope == nil || p.Scope.Credential != made.ID {
		t.Errorf("its token: %+v, %v", p, err)
	}
	if r, body := ask(fmt.Sprintf(`"name":"phone","user":{"name":"tester","domain":{"id":"default"}},"secret":%q`, secret.Reveal())); r.StatusCode != http.StatusCreated {
		t.Errorf("by name: %d %s", r.StatusCode, body)
	}
	for name, fields := range map[string]string{
		"another id":   fmt.Sprintf(`"id":"0000000000000000","secret":%q`, secret.Reveal()),
		"another user": fmt.Sprintf(`"name":"phone","user":{"name":"tester2"},"secret":%q`, secret.Reveal()),
		"a password":   fmt.Sprintf(`"id":%q,"secret":"testing"`, made.ID),
	} {
		if r, body := ask(fields); r.StatusCode != http.StatusUnauthorized {
			t.Errorf("%s: %d %s", name, r.StatusCode, body)
		}
	}
	if r, body := ask(`"secret":"x"`); r.StatusCode != http.StatusBadRequest {
		t.Errorf("without a name: %d %s", r.StatusCode, body)
	}
}

func TestLinksNameThePublicAddress(t *testing.T) {
	f := gatewaytest.New(t)
	proxies, err := auth.ParseNetworks([]string{"127.0.0.1"})
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		cfg   keystone.Config
		proto string
		want  string
	}{
		"request":          {keystone.Config{}, "https", "http://gate.example:8080/v1/AUTH_test"},
		"configured":       {keystone.Config{PublicURL: "https://files.example.org/"}, "", "https://files.example.org/v1/AUTH_test"},
		"behind a proxy":   {keystone.Config{Proxies: proxies}, "https", "https://gate.example:8080/v1/AUTH_test"},
		"a strange scheme": {keystone.Config{Proxies: proxies}, "javascript", "http://gate.example:8080/v1/AUTH_test"},
	} {
		h := handler(f, c.cfg)
		wrapped := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			r.Header.Set("X-Forwarded-Proto", c.proto)
			h.ServeHTTP(w, r)
		})
		_, body := post(t, wrapped, password("tester", "testing"))
		var doc struct {
			Token struct {
				Catalog []struct {
					Type      string
					Endpoints []struct{ URL string }
				}
			}
		}
		if err := json.Unmarshal([]byte(body), &doc); err != nil {
			t.Fatal(err)
		}
		if len(doc.Token.Catalog) != 2 || doc.Token.Catalog[1].Endpoints[0].URL != c.want {
			t.Errorf("%s: %s, want %s", name, body, c.want)
		}
	}
}

var gatewaytestAddr = netip.MustParseAddr("127.0.0.1")

func TestErrorsAreCompleteAndSayNothingOfThemselves(t *testing.T) {
	for _, kind := range errs.Kinds() {
		status, text := keystone.AnswerTo(errs.Wrap("op", kind, "", fmt.Errorf("secret cause in /a/path")))
		if status < 300 || text == "" || strings.Contains(text, "secret") {
			t.Errorf("%v: %d %q", kind, status, text)
		}
	}
	if status, _ := keystone.AnswerTo(errs.New("op", errs.Other, "", "")); status != 500 {
		t.Errorf("unclassified: %d", status)
	}
}

func FuzzRequestBodies(f *testing.F) {
	f.Add([]byte(password("tester", "testing")))
	f.Add([]byte(`{"auth":{"identity":{"methods":["token"],"token":{"id":"x"}},"scope":{"project":{"id":"a"}}}}`))
	f.Add([]byte(`{"auth":{"passwordCredentials":{"username":"a","password":"b"},"tenantName":"c"}}`))
	f.Add([]byte(`{"auth":{"identity":{"methods":["application_credential"],"application_credential":{"id":"x","secret":"y"}},"scope":"unscoped"}}`))
	f.Add([]byte(`[[[[`))
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, err := range keystone.Parse(body) {
			if err != nil && errs.Of(err) != errs.Invalid && errs.Of(err) != errs.Unauthenticated {
				t.Fatalf("%q: %v", body, err)
			}
		}
	})
}
