package protocols_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"entrepot/auth"
	"entrepot/gateway"
	"entrepot/gateway/gatewaytest"
	"entrepot/protocols"
	"entrepot/protocols/internal/httpkit"
)

// secretsOf are the secrets that the calls of these tests carry, in each
// spelling in which they do.
func (d *doors) secretsOf() map[string]bool {
	secrets := map[string]bool{depotSalt: true, "the-temporary-key": true, "wrong-and-secret": true, "0123456789ABCDEF0123456789ABCDEF": true}
	add := func(user, password string) {
		secrets[password] = true
		secrets[base64.StdEncoding.EncodeToString([]byte(user+":"+password))] = true
		secrets[url.QueryEscape(password)] = true
	}
	for _, login := range [][2]string{
		{"admin", "secret of admin"}, {"tester", "secret of tester"}, {"tester2", "secret of tester2"}, {"reader", "secret of reader"},
		{"tester3", "wrong-and-secret"}, {"nobody", "wrong-and-secret"},
	} {
		add(login[0], login[1])
		for _, issue := range []func() (auth.Token, auth.Principal, error){
			func() (auth.Token, auth.Principal, error) {
				return d.Auth.Issue(d.t.Context(), login[0], login[1], loopback())
			},
			func() (auth.Token, auth.Principal, error) {
				return d.Auth.IssueKeystone(d.t.Context(), login[0], login[1], loopback())
			},
		} {
			if token, _, err := issue(); err == nil {
				secrets[token.Value] = true
			}
		}
	}
	secrets[d.former], secrets[d.fenced] = true, true
	return secrets
}

// findSecrets fails the test for each secret that was logged.
func findSecrets(t *testing.T, text string, secrets map[string]bool) {
	t.Helper()
	for line := range strings.Lines(text) {
		for secret := range secrets {
			if secret != "" && strings.Contains(line, secret) {
				t.Errorf("%q is logged: %s", secret, line)
			}
		}
	}
}

func TestS8NoLogLineHoldsASecret(t *testing.T) {
	d := newDoors(t, gatewaytest.Options{})
	d.furnish()
	for _, user := range []string{"admin", "tester", "tester2", "reader"} {
		d.SetPassword(user, "secret of "+user)
	}
	subject := d.tokenFor("tester", "secret of tester")
	d.ok(t, call{method: "POST", path: "/v1/AUTH_test", headers: []string{"X-Auth-Token: " + subject, "X-Account-Meta-Temp-Url-Key: the-temporary-key"}})
	_, application, err := d.limited(t)
	if err != nil {
		t.Fatal(err)
	}
	secrets := d.secretsOf()
	secrets[application.Reveal()] = true
	for _, r := range d.front.Rules() {
		for method := range strings.FieldsSeq(strings.ReplaceAll(r.Methods, httpkit.AnyMethod, "GET")) {
			a := asked{DoorRule: r, method: method, subject: subject}
			for _, c := range []call{
				d.ask(a, "tester", "secret of tester"), d.ask(a, "tester3", "wrong-and-secret"), d.ask(a, "nobody", "wrong-and-secret"),
				d.ask(a, "tester2", "secret of tester2"), d.ask(a, "admin", "secret of admin"), d.askFenced(a), d.askOld(a),
				d.ask(a, "", "").with("Authorization: Bearer " + application.Reveal()), d.ask(a, "", "").with("Authorization: Basic wrong-and-secret"),
				d.ask(a, "", "").with("X-TeraCLOUD-API-KEY: 0123456789ABCDEF0123456789ABCDEF", "Cookie: token=wrong-and-secret"),
				{method: method, path: a.target() + more(a.target()) + "temp_url_sig=wrong-and-secret&temp_url_expires=9999999999&checksum=wrong-and-secret"},
			} {
				if _, err := d.send(c); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	for _, path := range []string{"/nothing/x;api_key=0123456789ABCDEF0123456789ABCDEF", "/nothing/%3Bapi_key=0123456789ABCDEF0123456789ABCDEF?token=wrong-and-secret"} {
		d.want(t, 404, call{method: "GET", path: path})
	}
	text := d.logs.String()
	if n := strings.Count(text, `"msg":"request"`); n < 500 {
		t.Errorf("only %d requests were logged", n)
	}
	findSecrets(t, text, d.secretsOf())
	findSecrets(t, text, secrets)
}

// more begins a query, or goes on with one.
func more(path string) string {
	if strings.Contains(path, "?") {
		return "&"
	}
	return "?"
}

// limited makes an application password of tester for box.
func (d *doors) limited(t *testing.T) (gateway.Credential, auth.Secret, error) {
	t.Helper()
	if _, err := d.Gateway.Applications.Create(d.Ctx("admin"), gateway.NewApplication{ID: "phone"}); err != nil {
		t.Fatal(err)
	}
	return d.Gateway.Credentials.Create(d.Ctx("tester"), gateway.NewCredential{User: "tester", Application: "phone", Container: "box"})
}

func TestS8PanicsAndErrorsTellNoSecretAndS54AnswersNothingOfTheCause(t *testing.T) {
	f, log := newFront(t, protocols.Config{AllowPlainHTTP: true},
		protocols.Mount{Name: "panics", Face: face{"panics", func(_ http.ResponseWriter, r *http.Request) { panic(fmt.Sprintf("cannot serve %T", r)) }}},
	)
	w := get(f, "/panics", func(r *http.Request) {
		r.SetBasicAuth("tester", "wrong-and-secret")
		r.Header.Set("X-Auth-Token", "wrong-and-secret")
		r.URL.RawQuery = "temp_url_sig=wrong-and-secret"
	})
	if w.Code != http.StatusInternalServerError {
		t.Errorf("status %d", w.Code)
	}
	for _, part := range []string{"panic", "cannot serve", "goroutine", ".go:", "/usr", "wrong-and-secret"} {
		if strings.Contains(w.Body.String(), part) {
			t.Errorf("the answer tells %q: %s", part, w.Body)
		}
	}
	if !strings.Contains(log.String(), "cannot serve") {
		t.Errorf("the panic is not logged: %s", log)
	}
	findSecrets(t, log.String(), map[string]bool{
		"wrong-and-secret": true, base64.StdEncoding.EncodeToString([]byte("tester:wrong-and-secret")): true,
	})
}

// TestS54ErrorPagesTellNothingOfTheMachine asks every route in ways that it
// refuses.
func TestS54ErrorPagesTellNothingOfTheMachine(t *testing.T) {
	d := newDoors(t, gatewaytest.Options{})
	d.furnish()
	for _, r := range d.front.Rules() {
		for _, method := range tried() {
			a := asked{DoorRule: r, method: method}
			for _, c := range []call{d.ask(a, "", ""), d.ask(a, "admin", "admin")} {
				if a.Door != "front" && a.Door != "rpc" && method != "TRACE" {
					c.path += more(c.path) + "marker=in-the-query"
				}
				got, err := d.send(c)
				if err != nil {
					t.Fatal(err)
				}
				if got.status < 400 {
					continue
				}
				for _, part := range []string{"goroutine ", ".go:", "entrepot/gateway", "go1.", "/tmp/", "/home/", "in-the-query"} {
					if strings.Contains(got.body, part) {
						t.Errorf("%s: %d tells %q: %.300s", a, got.status, part, got.body)
					}
				}
				if server := got.header.Get("Server"); strings.ContainsAny(server, "0123456789") {
					t.Errorf("%s: Server %q", a, server)
				}
			}
		}
	}
}

func TestS10DiagnosticsAreOffOrForTheMachineItself(t *testing.T) {
	f, _ := newFront(t, protocols.Config{AllowPlainHTTP: true}, protocols.Mount{Name: "one", Face: face{"one", echo}})
	for target, want := range map[string]int{
		"/healthz": 200, "/readyz": 200, "/metrics": 403, "/debug/pprof/": 404, "/debug/vars": 404, "/debug/pprof/heap": 404, "/env": 404, "/config": 404,
	} {
		w := get(f, target, nil)
		if w.Code != want {
			t.Errorf("%s: %d, want %d", target, w.Code, want)
		}
		if len(w.Body.String()) > 200 {
			t.Errorf("%s says much: %s", target, w.Body)
		}
	}
	w := get(f, "/metrics", func(r *http.Request) { r.RemoteAddr = "127.0.0.1:1" })
	if w.Code != 200 || !strings.Contains(w.Body.String(), "entrepot_requests_total") {
		t.Errorf("the machine itself: %d", w.Code)
	}
	for _, secret := range []string{"password", "secret", "token", "key="} {
		for line := range strings.Lines(w.Body.String()) {
			if !strings.HasPrefix(line, "#") && strings.Contains(strings.ToLower(line), secret) {
				t.Errorf("metrics hold %q: %s", secret, line)
			}
		}
	}
}
