package admin_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"entrepot/auth"
	"entrepot/gateway/gatewaytest"
	"entrepot/protocols/admin"
)

func newClient(t *testing.T) (*admin.Client, *gatewaytest.Fixture, *httptest.Server, *[]string) {
	t.Helper()
	f := gatewaytest.New(t)
	changed := &[]string{}
	face := admin.New(admin.Deps{
		Accounts: f.Gateway.Accounts, Applications: f.Gateway.Applications,
		Hash:    func(p string) (string, error) { return "hash of " + p, nil },
		Changed: func(u string) { *changed = append(*changed, u); f.Auth.Forget(u) },
	})
	srv := httptest.NewServer(face)
	t.Cleanup(srv.Close)
	client := srv.Client()
	client.Transport = rewrite{srv.URL, client.Transport}
	return &admin.Client{HTTP: client}, f, srv, changed
}

// rewrite sends every request to the test server.
type rewrite struct {
	url  string
	next http.RoundTripper
}

func (r rewrite) RoundTrip(req *http.Request) (*http.Response, error) {
	req = req.Clone(req.Context())
	req.URL.Host = strings.TrimPrefix(r.url, "http://")
	return r.next.RoundTrip(req)
}

func TestUsersAreAddedChangedAndListed(t *testing.T) {
	c, f, _, changed := newClient(t)
	ctx := t.Context()
	u := admin.User{Name: "anna", Account: "press", Role: "owner", Password: "first"}
	if err := c.Call(ctx, admin.MethodUserAdd, u, nil); err != nil {
		t.Fatal(err)
	}
	if got, err := f.Gateway.Accounts.User(ctx, "anna"); err != nil || got.PasswordHash != "hash of first" || got.Role != auth.RoleOwner {
		t.Error(got, err)
	}
	var fail *admin.Failure
	if err := c.Call(ctx, admin.MethodUserAdd, u, nil); !errors.As(err, &fail) || fail.Code != -32005 {
		t.Error(err)
	}
	u.Role = "king"
	if err := c.Call(ctx, admin.MethodUserAdd, u, nil); !errors.As(err, &fail) || fail.Code != -32001 || !strings.Contains(fail.Message, "king") {
		t.Error(err)
	}
	if err := c.Call(ctx, admin.MethodUserPasswd, admin.Passwd{Name: "anna", Password: "second"}, nil); err != nil {
		t.Error(err)
	}
	if len(*changed) != 1 || (*changed)[0] != "anna" {
		t.Error(*changed)
	}
	if err := c.Call(ctx, admin.MethodUserPasswd, admin.Passwd{Name: "nobody", Password: "x"}, nil); !errors.As(err, &fail) || fail.Code != -32004 {
		t.Error(err)
	}
	var list []admin.Listed
	if err := c.Call(ctx, admin.MethodUserList, admin.List{Account: "press"}, &list); err != nil || len(list) != 1 || !list[0].Password || list[0].Role != "owner" {
		t.Error(list, err)
	}
	if err := c.Call(ctx, admin.MethodUserList, admin.List{Limit: 2, After: "anna"}, &list); err != nil || len(list) != 2 || list[0].Name != "tester" {
		t.Error(list, err)
	}
}

func TestKeyIsShownOnceAndFoundByItsDigest(t *testing.T) {
	c, f, _, _ := newClient(t)
	var key admin.Key
	if err := c.Call(t.Context(), admin.MethodKeyAdd, admin.NewKey{Application: "app"}, &key); err != nil {
		t.Fatal(err)
	}
	rec, err := f.Gateway.Accounts.Key(t.Context(), auth.KeyDigest(key.Key))
	if err != nil || rec.Application != "app" || len(key.Key) != 32 {
		t.Error(rec, key, err)
	}
	if err := c.Call(t.Context(), admin.MethodKeyAdd, admin.NewKey{}, nil); err == nil {
		t.Error("a key without an application was made")
	}
}

func TestWhatIsNoCallIsRefused(t *testing.T) {
	_, _, srv, _ := newClient(t)
	for body, code := range map[string]string{
		"":                  "-32700",
		"[]":                "-32700",
		`{"jsonrpc":"2.0"}`: "-32600",
		`{"jsonrpc":"2.0","method":"user.add","id":1} {}`:                        "-32700",
		`{"jsonrpc":"2.0","id":1,"method":"nope"}`:                               "-32601",
		`{"jsonrpc":"2.0","id":1,"method":"user.add","params":{"x":1}}`:          "-32602",
		`{"jsonrpc":"2.0","id":1,"method":"user.list","params":{"limit":1001}}`:  "-32602",
		`{"jsonrpc":"2.0","id":1,"method":"` + strings.Repeat("x", 70000) + `"}`: "-32700",
	} {
		resp, err := http.Post(srv.URL, "application/json", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		got, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if !strings.Contains(string(got), `"code":`+code) {
			t.Errorf("%.60s: %s", body, got)
		}
	}
	resp, err := http.Get(srv.URL)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusMethodNotAllowed {
		t.Error(resp.Status)
	}
}
