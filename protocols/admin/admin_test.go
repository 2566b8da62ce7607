package admin_test

import (
	"crypto/rand"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"entrepot/auth"
	"entrepot/gateway"
	"entrepot/gateway/gatewaytest"
	"entrepot/protocols/admin"
)

func newClient(t *testing.T) (*admin.Client, *gatewaytest.Fixture, *httptest.Server, *[]string) {
	t.Helper()
	f := gatewaytest.New(t)
	changed := &[]string{}
	face := admin.New(admin.Deps{
		Accounts: f.Gateway.Accounts, Containers: f.Gateway.Containers,
		Applications: f.Gateway.Applications, Credentials: f.Gateway.Credentials, Random: rand.Reader, Now: f.Clock.Now,
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

// refusal fails unless err is a refusal with a code.
func refusal(t *testing.T, err error, code int) *admin.Failure {
	t.Helper()
	var fail *admin.Failure
	if !errors.As(err, &fail) || fail.Code != code {
		t.Errorf("got %v, want code %d", err, code)
		return &admin.Failure{}
	}
	return fail
}

func TestUsersAreAddedChangedAndListed(t *testing.T) {
	c, f, _, changed := newClient(t)
	ctx := t.Context()
	u := admin.NewUser{User: "anna", Account: "AUTH_press", Roles: []string{"owner"}, Password: "first", Email: "a@b.example"}
	var made admin.Created
	if err := c.Call(ctx, admin.MethodUserCreate, u, &made); err != nil || made.Password != "" || made.Account != "AUTH_press" {
		t.Fatal(made, err)
	}
	if got, err := f.Gateway.Accounts.User(ctx, "anna"); err != nil || got.PasswordHash != "hash of first" || got.Role != auth.RoleOwner {
		t.Error(got, err)
	}
	refusal(t, c.Call(ctx, admin.MethodUserCreate, u, nil), -32009)
	u.User, u.Roles = "ben", []string{"king"}
	if fail := refusal(t, c.Call(ctx, admin.MethodUserCreate, u, nil), -32602); !strings.Contains(fail.Message, "king") {
		t.Error(fail)
	}
	u.Roles = []string{"owner", "user"}
	refusal(t, c.Call(ctx, admin.MethodUserCreate, u, nil), -32602)
	if err := c.Call(ctx, admin.MethodUserPassword, admin.NewPassword{User: "anna", Password: "second"}, nil); err != nil {
		t.Error(err)
	}
	if len(*changed) != 1 || (*changed)[0] != "anna" {
		t.Error(*changed)
	}
	if err := c.Call(ctx, admin.MethodUserPassword, admin.NewPassword{User: "anna"}, &made); err != nil || len(made.Password) < 20 {
		t.Error(made, err)
	}
	refusal(t, c.Call(ctx, admin.MethodUserPassword, admin.NewPassword{User: "nobody", Password: "x"}, nil), -32004)
	refusal(t, c.Call(ctx, admin.MethodUserPassword, admin.NewPassword{User: "anna", Account: "test", Password: "x"}, nil), -32004)
	var list admin.Users
	if err := c.Call(ctx, admin.MethodUserList, admin.UserPage{Account: "press"}, &list); err != nil || len(list.Users) != 1 ||
		!list.Users[0].Password || list.Users[0].Roles[0] != "owner" || list.Users[0].Email != "a@b.example" || list.Marker != "" {
		t.Error(list, err)
	}
	if err := c.Call(ctx, admin.MethodUserList, admin.UserPage{All: true, Limit: 2, Marker: "anna"}, &list); err != nil ||
		len(list.Users) != 2 || list.Users[0].User != "tester" || list.Marker != list.Users[1].User {
		t.Error(list, err)
	}
	yes, groups, networks := true, []string{"g"}, []string{"10.0.0.0/8"}
	var now admin.User
	err := c.Call(ctx, admin.MethodUserUpdate, admin.UserUpdate{
		User: "anna", Roles: []string{"viewer"}, Disabled: &yes, Groups: &groups, Networks: &networks,
	}, &now)
	if err != nil || !now.Disabled || now.Roles[0] != "viewer" || now.Groups[0] != "g" || now.Networks[0] != "10.0.0.0/8" || now.Email != "a@b.example" {
		t.Error(now, err)
	}
	networks = []string{"nowhere"}
	refusal(t, c.Call(ctx, admin.MethodUserUpdate, admin.UserUpdate{User: "anna", Networks: &networks}, nil), -32602)
	if err := c.Call(ctx, admin.MethodUserDelete, admin.UserName{User: "anna", Account: "press"}, nil); err != nil {
		t.Error(err)
	}
	refusal(t, c.Call(ctx, admin.MethodUserGet, admin.UserName{User: "anna"}, nil), -32004)
	refusal(t, c.Call(ctx, admin.MethodUserDelete, admin.UserName{User: "admin"}, nil), -32009)
}

func TestAccountsAreMadeChangedListedAndDeleted(t *testing.T) {
	c, f, _, _ := newClient(t)
	ctx := t.Context()
	var made admin.Created
	n := admin.NewAccount{Account: "AUTH_shop", Quota: admin.Limit{Set: true, Bytes: 10}, Meta: map[string]string{"a": "1"}}
	if err := c.Call(ctx, admin.MethodAccountCreate, n, &made); err != nil || made.Account != "AUTH_shop" || made.User != "shop" || len(made.Password) < 20 {
		t.Fatal(made, err)
	}
	if u, err := f.Gateway.Accounts.User(ctx, "shop"); err != nil || u.PasswordHash != "hash of "+made.Password || u.Role != auth.RoleOwner {
		t.Error(u, err)
	}
	var a admin.Account
	two := "2"
	u := admin.AccountUpdate{Account: "shop", Meta: map[string]*string{"a": nil, "b": &two}, State: "suspended"}
	if err := c.Call(ctx, admin.MethodAccountUpdate, u, &a); err != nil || a.State != "suspended" || len(a.Meta) != 1 || a.Meta["b"] != "2" || *a.Quota != 10 {
		t.Error(a, err)
	}
	u = admin.AccountUpdate{Account: "shop", Quota: admin.Limit{Set: true, Bytes: -1}, State: "active"}
	a = admin.Account{}
	if err := c.Call(ctx, admin.MethodAccountUpdate, u, &a); err != nil || a.Quota != nil || a.State != "active" {
		t.Error(a, err)
	}
	refusal(t, c.Call(ctx, admin.MethodAccountUpdate, admin.AccountUpdate{Account: "shop", State: "deleted"}, nil), -32602)
	refusal(t, c.Call(ctx, admin.MethodAccountUpdate, admin.AccountUpdate{}, nil), -32602)
	refusal(t, c.Call(ctx, admin.MethodAccountGet, admin.AccountName{Account: "nosuch"}, nil), -32004)
	var list admin.Accounts
	if err := c.Call(ctx, admin.MethodAccountList, admin.Page{Prefix: "AUTH_t", Limit: 2}, &list); err != nil ||
		len(list.Accounts) != 2 || list.Accounts[0].Account != "AUTH_test" || list.Marker != "AUTH_test2" {
		t.Error(list, err)
	}
	if err := c.Call(ctx, admin.MethodAccountList, admin.Page{Prefix: "t", Marker: list.Marker}, &list); err != nil || len(list.Accounts) != 2 {
		t.Error(list, err)
	}
	var gone admin.Deleted
	if err := c.Call(ctx, admin.MethodAccountDelete, admin.AccountName{Account: "shop"}, &gone); err != nil || !gone.Deleted {
		t.Error(gone, err)
	}
	refusal(t, c.Call(ctx, admin.MethodAccountDelete, admin.AccountName{}, nil), -32602)
	var log admin.Log
	if err := c.Call(ctx, admin.MethodLog, admin.LogPage{Limit: 1000}, &log); err != nil || !slices.ContainsFunc(log.Lines, func(l admin.LogLine) bool {
		return l.Method == "account.delete" && l.Target == "shop" && l.Caller == auth.LocalUser && l.Result == "done"
	}) || !slices.ContainsFunc(log.Lines, func(l admin.LogLine) bool {
		return l.Method == "account.update" && strings.HasPrefix(l.Result, "invalid: ")
	}) {
		t.Error(log, err)
	}
}

func TestKeysAreShownOnceAndFoundByTheirDigests(t *testing.T) {
	c, f, _, _ := newClient(t)
	ctx := t.Context()
	var key admin.Key
	if err := c.Call(ctx, admin.MethodAppCreate, admin.NewApplication{ID: "app", Vendor: "Example"}, &key); err != nil || key.ID != "app" {
		t.Fatal(key, err)
	}
	rec, err := f.Gateway.Accounts.Key(ctx, auth.KeyDigest(key.Key))
	if err != nil || rec.Application != "app" || len(key.Key) != 32 {
		t.Error(rec, key, err)
	}
	refusal(t, c.Call(ctx, admin.MethodAppCreate, admin.NewApplication{ID: "app"}, nil), -32009)
	refusal(t, c.Call(ctx, admin.MethodAppCreate, admin.NewApplication{ID: "b", Bonus: &admin.Bonus{GB: 1}}, nil), -32602)
	if err := c.Call(ctx, admin.MethodKeyAdd, admin.NewKey{ID: "app"}, nil); err != nil {
		t.Error(err)
	}
	refusal(t, c.Call(ctx, admin.MethodKeyIssue, admin.NewKey{ID: "app"}, nil), -32009)
	refusal(t, c.Call(ctx, admin.MethodKeyIssue, admin.NewKey{ID: "nosuch"}, nil), -32004)
	if err := c.Call(ctx, admin.MethodKeyAdd, admin.NewKey{}, nil); err == nil {
		t.Error("a key without an application was made")
	}
	var revoked admin.Revoked
	if err := c.Call(ctx, admin.MethodKeyRevoke, admin.OldKey{ID: "app", Last4: key.Key[28:]}, &revoked); err != nil || !revoked.Revoked {
		t.Error(revoked, err)
	}
	if err := c.Call(ctx, admin.MethodGrantAllow, admin.Allowed{Account: "test", Application: "app"}, nil); err != nil {
		t.Error(err)
	}
	var apps admin.Apps
	if err := c.Call(ctx, admin.MethodAppList, admin.AppPage{}, &apps); err != nil || len(apps.Applications) != 1 {
		t.Fatal(apps, err)
	}
	if a := apps.Applications[0]; a.ID != "app" || a.Vendor != "Example" || a.Users != 1 || len(a.Keys) != 2 ||
		a.Keys[0].State != "revoked" || a.Keys[0].Last4 != key.Key[28:] || a.Keys[1].State != "active" {
		t.Errorf("%+v", a)
	}
	if err := c.Call(ctx, admin.MethodAppDelete, admin.AppName{ID: "app"}, nil); err != nil {
		t.Error(err)
	}
	refusal(t, c.Call(ctx, admin.MethodAppDelete, admin.AppName{ID: "app"}, nil), -32004)
}

func TestApplicationPasswordsAndGrantsAreManaged(t *testing.T) {
	c, f, _, _ := newClient(t)
	ctx := t.Context()
	if _, err := f.Gateway.Containers.Create(f.Ctx("tester"), gateway.Ref{Account: "test", Container: "box"}, gateway.ContainerChange{}); err != nil {
		t.Fatal(err)
	}
	for _, app := range []string{"app", "other"} {
		if err := c.Call(ctx, admin.MethodAppCreate, admin.NewApplication{ID: app}, nil); err != nil {
			t.Fatal(err)
		}
	}
	var made admin.AppPassword
	n := admin.NewAppPassword{User: "tester", Application: "app", Container: "box", Prefix: "in", ReadOnly: true, Label: "phone"}
	if err := c.Call(ctx, admin.MethodPasswordCreate, n, &made); err != nil || !strings.HasPrefix(made.Password, "ap-") || made.Prefix != "in/" || made.State != "active" {
		t.Fatal(made, err)
	}
	var grants admin.Grants
	if err := c.Call(ctx, admin.MethodGrantList, admin.AccountName{Account: "test"}, &grants); err != nil || len(grants.Grants) != 1 ||
		grants.Grants[0].Application != "app" || grants.Grants[0].Passwords != 1 || grants.Grants[0].State != "allowed" {
		t.Error(grants, err)
	}
	if err := c.Call(ctx, admin.MethodGrantStop, admin.Allowed{Account: "test", Application: "app"}, nil); err != nil {
		t.Error(err)
	}
	var list admin.AppPasswords
	if err := c.Call(ctx, admin.MethodPasswordList, admin.UserName{User: "tester"}, &list); err != nil || len(list.Passwords) != 1 ||
		list.Passwords[0].State != "stopped" || list.Passwords[0].Password != "" || list.Passwords[0].Label != "phone" {
		t.Error(list, err)
	}
	if err := c.Call(ctx, admin.MethodPasswordDelete, admin.OldAppPassword{User: "tester", ID: made.ID}, nil); err != nil {
		t.Error(err)
	}
	refusal(t, c.Call(ctx, admin.MethodPasswordDelete, admin.OldAppPassword{User: "tester", ID: made.ID}, nil), -32004)
}

func TestPasswordsOfImpossibleLengthsAreNotHashed(t *testing.T) {
	c, _, _, _ := newClient(t)
	refusal(t, c.Call(t.Context(), admin.MethodUserPassword, admin.NewPassword{User: "tester", Password: strings.Repeat("x", 1025)}, nil), -32602)
}

// post sends a body and returns what came.
func post(t *testing.T, srv *httptest.Server, body string) (status int, answer string) {
	t.Helper()
	resp, err := srv.Client().Post(srv.URL, "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(got)
}

func TestWhatIsNoCallIsRefused(t *testing.T) {
	_, _, srv, _ := newClient(t)
	for _, c := range []struct {
		body   string
		status int
		code   string
	}{
		{"", 400, "-32700"},
		{"{", 400, "-32700"},
		{`{"jsonrpc":"2.0","method":"system.version","id":1} {}`, 400, "-32700"},
		{"[]", 400, "-32600"},
		{"1", 400, "-32600"},
		{"null", 400, "-32600"},
		{`"text"`, 400, "-32600"},
		{`{"jsonrpc":"2.0"}`, 400, "-32600"},
		{`{"jsonrpc":"1.0","id":1,"method":"system.version"}`, 400, "-32600"},
		{`{"jsonrpc":"2.0","id":1,"method":7}`, 400, "-32600"},
		{`{"jsonrpc":"2.0","id":1.5,"method":"system.version"}`, 400, "-32600"},
		{`{"jsonrpc":"2.0","id":true,"method":"system.version"}`, 400, "-32600"},
		{`{"jsonrpc":"2.0","id":{},"method":"system.version"}`, 400, "-32600"},
		{"[" + strings.Repeat(`{"jsonrpc":"2.0","method":"system.version"},`, 50) + "1]", 400, "-32600"},
		{`{"jsonrpc":"2.0","id":1,"method":"nope"}`, 200, "-32601"},
		{`{"jsonrpc":"2.0","id":1,"method":"user.create","params":{"x":1}}`, 200, "-32602"},
		{`{"jsonrpc":"2.0","id":1,"method":"user.create","params":{"user":7}}`, 200, "-32602"},
		{`{"jsonrpc":"2.0","id":1,"method":"system.version","params":[]}`, 200, "-32602"},
		{`{"jsonrpc":"2.0","id":1,"method":"system.version","params":null}`, 200, "-32602"},
		{`{"jsonrpc":"2.0","id":1,"method":"user.list","params":{"limit":1001}}`, 200, "-32602"},
		{`{"jsonrpc":"2.0","id":1,"method":"account.create","params":{"account":"x","quota":-1}}`, 200, "-32602"},
		{`{"jsonrpc":"2.0","id":1,"method":"` + strings.Repeat("x", 1<<20) + `"}`, 413, "-32600"},
	} {
		status, got := post(t, srv, c.body)
		if status != c.status || !strings.Contains(got, `"code":`+c.code) || !strings.Contains(got, `"data":{"status":`) {
			t.Errorf("%.60s: %d %s", c.body, status, got)
		}
		if status != 200 && !strings.Contains(got, `"id":null`) {
			t.Errorf("%.60s: %s", c.body, got)
		}
	}
	resp, err := srv.Client().Get(srv.URL)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusMethodNotAllowed {
		t.Error(resp.Status)
	}
}

func TestBatchesAreAnsweredInOrderAndNotificationsNot(t *testing.T) {
	_, f, srv, _ := newClient(t)
	status, got := post(t, srv, `[{"jsonrpc":"2.0","id":"a","method":"nope"},7,{"jsonrpc":"2.0","method":"account.create","params":{"account":"quiet"}},`+
		`{"jsonrpc":"2.0","id":null,"method":"nope"},{"jsonrpc":"2.0","id":-3,"method":"account.get","params":{"account":"AUTH_quiet"}}]`)
	want := `^[{"jsonrpc":"2.0","id":"a","error":{"code":-32601,*},{"jsonrpc":"2.0","id":null,"error":{"code":-32600,*},` +
		`{"jsonrpc":"2.0","id":null,"error":{"code":-32601,*},{"jsonrpc":"2.0","id":-3,"result":{"account":"AUTH_quiet",*}]`
	rest := got
	for part := range strings.SplitSeq(strings.TrimPrefix(want, "^"), "*") {
		_, after, ok := strings.Cut(rest, part)
		if !ok {
			t.Fatalf("%d %s lacks %s", status, got, part)
		}
		rest = after
	}
	if status, got = post(t, srv, `{"jsonrpc":"2.0","method":"account.delete","params":{"account":"quiet"}}`); status != 204 || got != "" {
		t.Error(status, got)
	}
	if status, got = post(t, srv, `[{"jsonrpc":"2.0","method":"nope"}]`); status != 204 || got != "" {
		t.Error(status, got)
	}
	if _, err := f.Gateway.Accounts.Get(f.Ctx("admin"), "quiet"); err == nil {
		t.Error("the notification did nothing")
	}
}
