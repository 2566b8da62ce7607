package admin_test

import (
	"crypto/rand"
	"encoding/json"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/gorilla/mux"

	"entrepot/auth"
	"entrepot/gateway"
	"entrepot/gateway/gatewaytest"
	"entrepot/protocols/admin"
)

// A rule says who may call a method with parameters about the account test:
// a administrator, r auditor, o owner, u user, v viewer, all of test but the
// first two; x owner of another account, s owner of a suspended one.
type rule struct{ params, may string }

// rules hold a row for each method. Calls that may be made may still fail.
func rules() map[string]rule {
	return map[string]rule{
		"system.version":         {`{}`, "arouvxs"},
		"system.log":             {`{}`, "ar"},
		"account.create":         {`{"account":"AUTH_fresh"}`, "a"},
		"account.get":            {`{"account":"AUTH_test"}`, "arov"},
		"account.update":         {`{"account":"AUTH_test","quota":5}`, "a"},
		"account.delete":         {`{"account":"AUTH_test"}`, "a"},
		"account.list":           {`{}`, "ar"},
		"user.create":            {`{"account":"AUTH_test","user":"fresh"}`, "ao"},
		"user.get":               {`{"user":"victim"}`, "aro"},
		"user.list":              {`{"account":"AUTH_test"}`, "aro"},
		"user.update":            {`{"user":"victim","email":"a@b"}`, "ao"},
		"user.set_password":      {`{"user":"victim","password":"x"}`, "ao"},
		"user.delete":            {`{"user":"victim"}`, "ao"},
		"container.list":         {`{"account":"AUTH_test"}`, "arov"},
		"container.create":       {`{"account":"AUTH_test","container":"fresh"}`, "ao"},
		"container.delete":       {`{"account":"AUTH_test","container":"box"}`, "ao"},
		"replication.set":        {`{"account":"AUTH_test","container":"box","stores":[]}`, "ao"},
		"replication.get":        {`{"account":"AUTH_test","container":"box"}`, "arov"},
		"replication.list":       {`{}`, "ar"},
		"replication.compare":    {`{"account":"AUTH_test","container":"box"}`, "ao"},
		"replication.retry":      {`{"account":"AUTH_test","container":"box"}`, "ao"},
		"replication.release":    {`{"account":"AUTH_test","container":"box"}`, "ao"},
		"replication.repair":     {`{"account":"AUTH_test","container":"box"}`, "ao"},
		"snapshot.list":          {`{"account":"AUTH_test","container":"box"}`, "arov"},
		"snapshot.create":        {`{"account":"AUTH_test","container":"box","snapshot":"fresh"}`, "ao"},
		"snapshot.destroy":       {`{"account":"AUTH_test","container":"box","snapshot":"s"}`, "ao"},
		"upload.ticket":          {`{"account":"AUTH_test","container":"box","max_file_size":1}`, "ao"},
		"download.ticket":        {`{"account":"AUTH_test","container":"box","object":"o"}`, "arov"},
		"application.create":     {`{"id":"fresh"}`, "a"},
		"application.list":       {`{}`, "a"},
		"application.delete":     {`{"id":"app"}`, "a"},
		"application.issue_key":  {`{"id":"app"}`, "a"},
		"application.revoke_key": {`{"id":"app","last4":"0000"}`, "a"},
		"app_password.create":    {`{"user":"victim","application":"app","container":"box"}`, "ao"},
		"app_password.list":      {`{"user":"victim"}`, "ao"},
		"app_password.delete":    {`{"user":"victim","id":"0"}`, "ao"},
		"grant.list":             {`{"account":"AUTH_test"}`, "ao"},
		"grant.allow":            {`{"account":"AUTH_test","application":"app"}`, "ao"},
		"grant.stop":             {`{"account":"AUTH_test","application":"app"}`, "ao"},
	}
}

// callers are the logins of the letters of a rule; all have the password "pw".
func callers() map[string]string {
	return map[string]string{"a": "root", "r": "reader", "o": "owner", "u": "plain", "v": "viewer", "x": "stranger", "s": "closed"}
}

// furnished is a gateway with the callers and what the rules' parameters name.
func furnished(t *testing.T) *gatewaytest.Fixture {
	t.Helper()
	f := gatewaytest.New(t)
	for _, u := range []struct {
		name, account string
		role          auth.Role
	}{
		{"root", "ops", auth.RoleAdmin}, {"reader", "ops", auth.RoleAuditor}, {"owner", "test", auth.RoleOwner}, {"plain", "test", auth.RoleUser},
		{"viewer", "test", auth.RoleViewer}, {"victim", "test", auth.RoleUser}, {"stranger", "else", auth.RoleOwner}, {"closed", "shut", auth.RoleOwner},
	} {
		f.AddUser(u.name, u.account, "pw", u.role)
	}
	_, err := f.Gateway.Containers.Create(f.Ctx("owner"), gateway.Ref{Account: "test", Container: "box"}, gateway.ContainerChange{})
	if err == nil {
		_, err = f.Gateway.Applications.Create(f.Local(), gateway.NewApplication{ID: "app"})
	}
	if err == nil {
		err = f.Gateway.Accounts.Update(f.Local(), "shut", gateway.AccountChange{State: gateway.AccountSuspended})
	}
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func faceOf(f *gatewaytest.Fixture) *admin.Face {
	return admin.New(admin.Deps{
		Accounts: f.Gateway.Accounts, Containers: f.Gateway.Containers, Applications: f.Gateway.Applications,
		Credentials: f.Gateway.Credentials, Replication: f.Gateway.Replication, Snapshots: f.Gateway.Snapshots,
		Random: rand.Reader, Now: f.Clock.Now, Hash: f.Hash,
	})
}

// ask calls a method through the door and returns the code of its error, 0 for
// none.
func ask(t *testing.T, f *gatewaytest.Fixture, user, method, params string) int {
	t.Helper()
	router := mux.NewRouter()
	admin.NewDoor(faceOf(f), f.Auth).Routes(router)
	r := httptest.NewRequest("POST", "/rpc", strings.NewReader(`{"jsonrpc":"2.0","id":1,"method":"`+method+`","params":`+params+`}`))
	r.Header.Set("Content-Type", "application/json")
	r.SetBasicAuth(user, "pw")
	w := httptest.NewRecorder()
	router.ServeHTTP(w, r)
	var reply struct{ Error *admin.Failure }
	if err := json.Unmarshal(w.Body.Bytes(), &reply); err != nil || w.Code != 200 {
		t.Fatalf("%s as %s: %d %s", method, user, w.Code, w.Body)
	}
	if reply.Error == nil {
		return 0
	}
	return reply.Error.Code
}

func TestEveryMethodHasARuleThatItKeeps(t *testing.T) {
	f := furnished(t)
	var all admin.Version
	srv := httptest.NewServer(faceOf(f))
	t.Cleanup(srv.Close)
	c := &admin.Client{HTTP: srv.Client()}
	c.HTTP.Transport = rewrite{srv.URL, c.HTTP.Transport}
	if err := c.Call(t.Context(), admin.MethodVersion, admin.Nothing{}, &all); err != nil {
		t.Fatal(err)
	}
	table := rules()
	for _, method := range all.Methods {
		if _, ok := table[method]; !ok && method != admin.MethodKeyAdd { // of the machine itself only
			t.Errorf("the method %s has no rule here: say who may call it", method)
		}
	}
	for method, rule := range table {
		if !slices.Contains(all.Methods, method) {
			t.Errorf("there is no method %s", method)
		}
		t.Run(method, func(t *testing.T) {
			t.Parallel()
			f := furnished(t)
			before := f.Fingerprint()
			for letter, user := range callers() {
				if strings.Contains(rule.may, letter) {
					continue
				}
				if code := ask(t, f, user, method, rule.params); code != -32003 {
					t.Errorf("%s gets %d, want -32003", user, code)
				}
			}
			if f.Fingerprint() != before {
				t.Error("a refused call changed something")
			}
			for _, letter := range strings.Split(rule.may, "") {
				if code := ask(t, furnished(t), callers()[letter], method, rule.params); code == -32003 || code == -32601 || code == -32602 {
					t.Errorf("%s gets %d", callers()[letter], code)
				}
			}
		})
	}
}

func TestWhatACallerIsToldItMayCallIsWhatItMay(t *testing.T) {
	f := furnished(t)
	for letter, user := range callers() {
		if letter == "s" {
			continue // is told nothing but may ask
		}
		router := mux.NewRouter()
		admin.NewDoor(faceOf(f), f.Auth).Routes(router)
		r := httptest.NewRequest("POST", "/rpc", strings.NewReader(`{"jsonrpc":"2.0","id":1,"method":"system.version"}`))
		r.Header.Set("Content-Type", "application/json")
		r.SetBasicAuth(user, "pw")
		w := httptest.NewRecorder()
		router.ServeHTTP(w, r)
		for method, rule := range rules() {
			told := strings.Contains(w.Body.String(), `"`+method+`"`)
			if strings.Contains(rule.may, letter) && !told {
				t.Errorf("%s may call %s and is not told", user, method)
			}
			if strings.HasPrefix(method, "application.") && told && letter != "a" {
				t.Errorf("%s is told of %s", user, method)
			}
		}
	}
}
