package protocols_test

import (
	"archive/tar"
	"bytes"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/gorilla/mux"

	"entrepot/auth"
	"entrepot/gateway"
	"entrepot/gateway/errs"
	"entrepot/gateway/gatewaytest"
	"entrepot/protocols"
	"entrepot/protocols/internal/httpkit"
	"entrepot/protocols/protocoltest"
)

// bare registers routes as a face would that forgot its access rules.
type bare func(r *mux.Router)

func (b bare) Routes(r *mux.Router) { b(r) }

func TestS5RouteWithoutARuleStopsTheStart(t *testing.T) {
	ok := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	public := httpkit.Rule{Path: "/x", Methods: "GET", Access: httpkit.Public}
	for name, c := range map[string]struct {
		routes bare
		says   string
	}{
		"no rule":       {func(r *mux.Router) { r.Handle("/x", ok) }, "/x without an access rule"},
		"no rule below": {func(r *mux.Router) { r.PathPrefix("/x").Subrouter().Handle("/y", ok) }, "/x/y without an access rule"},
		"own matcher":   {func(r *mux.Router) { r.NewRoute().Handler(ok) }, "without an access rule"},
		"empty list":    {func(r *mux.Router) { r.Handle("/x", httpkit.WithRules(ok)) }, "/x without an access rule"},
		"no methods": {func(r *mux.Router) {
			r.Handle("/x", httpkit.WithRules(ok, httpkit.Rule{Path: "/x", Access: httpkit.Public}))
		}, "incomplete"},
		"no access": {func(r *mux.Router) { r.Handle("/x", httpkit.WithRules(ok, httpkit.Rule{Path: "/x", Methods: "GET"})) }, "incomplete"},
		"unknown access": {func(r *mux.Router) {
			r.Handle("/x", httpkit.WithRules(ok, httpkit.Rule{Path: "/x", Methods: "GET", Access: "some"}))
		}, "incomplete"},
		"handler of others": {func(r *mux.Router) { r.NotFoundHandler = ok }, "no rule names"},
		"handler below": {func(r *mux.Router) {
			s := r.PathPrefix("/x").Subrouter()
			s.MethodNotAllowedHandler = ok
			s.Handle("/y", httpkit.WithRules(ok, public))
		}, "no rule names"},
	} {
		_, err := protocols.New(protocols.Config{}, protocols.Deps{}, protocols.Mount{Name: "late", Face: c.routes})
		if errs.Of(err) != errs.Invalid || err == nil || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), `"late"`) {
			t.Errorf("%s: %v, want a refusal that says %q", name, err, c.says)
		}
	}
	if _, err := protocols.New(protocols.Config{}, protocols.Deps{}, protocols.Mount{Name: "late", Face: bare(func(r *mux.Router) {
		r.Handle("/x", httpkit.WithRules(ok, public))
	})}); err != nil {
		t.Errorf("a route with a rule: %v", err)
	}
}

// securityPage is where people read the table of routes.
const securityPage = "../docs/security.md"

// The table stands between these lines.
const tableBegins, tableEnds = "<!-- routes: written by go test ./protocols -run SecurityPage -update -->\n", "<!-- end of routes -->\n"

func TestS5SecurityPageHoldsTheRouteTable(t *testing.T) {
	text, err := os.ReadFile(securityPage)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, found := strings.Cut(string(text), tableBegins)
	table, tail, closed := strings.Cut(rest, tableEnds)
	if !found || !closed {
		t.Fatalf("%s has no place for the table of routes", securityPage)
	}
	want := protocols.RuleTable(newDoors(t, gatewaytest.Options{}).front.Rules())
	if table == want {
		return
	}
	if !protocoltest.Updating() {
		t.Fatalf("the table of routes in %s is not that of the program (- page, + program); write it with\n  go test ./protocols -run SecurityPage -update\n%s",
			securityPage, cmp.Diff(table, want))
	}
	if err := os.WriteFile(securityPage, []byte(head+tableBegins+want+tableEnds+tail), 0o644); err != nil {
		t.Fatal(err)
	}
}

// tried are the methods that every path is asked with.
func tried() []string {
	return strings.Fields("GET HEAD PUT POST DELETE COPY MOVE OPTIONS PATCH TRACE PROPFIND PROPPATCH MKCOL LOCK UNLOCK REPORT SEARCH ACL BREW")
}

func TestS5MethodsWithoutARuleAreRefused(t *testing.T) {
	d := newDoors(t, gatewaytest.Options{})
	named := map[string][]string{}
	for _, r := range d.front.Rules() {
		named[r.Path] = append(named[r.Path], strings.Fields(r.Methods)...)
	}
	d.furnish()
	before := d.Fingerprint()
	for _, r := range d.front.Rules() {
		for _, method := range tried() {
			if base, _, query := strings.Cut(r.Path, "?"); query && slices.Contains(named[base], method) {
				continue // the query means nothing to it
			}
			if slices.Contains(named[r.Path], method) || slices.Contains(named[r.Path], httpkit.AnyMethod) {
				continue
			}
			got, err := d.send(d.ask(asked{DoorRule: r, method: method}, "admin", "admin"))
			if err != nil {
				t.Fatal(err)
			}
			switch got.status {
			case 400, 401, 403, 404, 405, 409, 501: // not even for the administrator
			default:
				t.Errorf("%s %s at the door %s has no access rule, and is answered with %d: add the method to a rule of the face", method, r.Path, r.Door, got.status)
			}
		}
	}
	if d.Fingerprint() != before {
		t.Error("a method without a rule changed something")
	}
}

// asked is one method of one route.
type asked struct {
	protocols.DoorRule
	method  string
	subject string // a token that the request is about
}

func (a asked) String() string { return a.method + " " + a.Path }

// reads tells methods that change nothing.
func (a asked) reads() bool {
	return slices.Contains([]string{"GET", "HEAD", "OPTIONS", "PROPFIND"}, a.method)
}

// sample is what a request must carry besides credentials to be done: by
// method and path, or by method alone. Only requests that are refused without
// stand here.
func (a asked) sample() (headers []string, body string) {
	switch {
	case strings.HasSuffix(a.Path, "?bulk-delete"):
		return nil, "box/a.txt"
	case strings.HasSuffix(a.Path, "?extract-archive=tar"):
		var b bytes.Buffer
		w := tar.NewWriter(&b)
		_ = w.WriteHeader(&tar.Header{Name: "box/a.txt", Typeflag: tar.TypeReg}) // a buffer takes everything
		_ = w.Close()
		return nil, b.String()
	case a.Door == "rpc":
		return []string{"Content-Type: application/json"}, `{"jsonrpc":"2.0","id":1,"method":"container.create","params":{"account":"AUTH_test","container":"fresh"}}`
	case strings.HasSuffix(a.Path, "?multipart-manifest=put"):
		return nil, "[]"
	case a.Door == "swift" && a.method == "COPY":
		return []string{"Destination: box/copied"}, ""
	case a.Door == "swift" && a.method == "PUT":
		return nil, "text"
	case a.Path == "/backup" && (a.method == "COPY" || a.method == "MOVE"):
		return []string{"Destination: /dav/@test/box2"}, ""
	case a.Door == "dav" && (a.method == "COPY" || a.method == "MOVE"):
		return []string{"Destination: " + strings.TrimSuffix(a.target(), "/") + "2"}, ""
	case a.Path == "/v3/auth/tokens" && a.Access == httpkit.Caller: // ask about the token of tester
		return []string{"X-Subject-Token: " + a.subject}, ""
	case a.Path == "/depots/claims":
		return nil, `{"document":"bm9uZQ=="}`
	case a.method == "UNLOCK":
		return []string{"Lock-Token: <urn:uuid:00000000-0000-0000-0000-000000000000>"}, ""
	case a.method == "PROPPATCH":
		return nil, `<propertyupdate xmlns="DAV:"><set><prop><a xmlns="urn:x">1</a></prop></set></propertyupdate>`
	case a.method == "LOCK":
		return nil, `<lockinfo xmlns="DAV:"><lockscope><exclusive/></lockscope><locktype><write/></locktype></lockinfo>`
	}
	return nil, ""
}

// refusedAnyway are requests that are right and that the state of things
// refuses, with the status.
func refusedAnyway() map[string]int {
	return map[string]int{
		"DELETE /v1/AUTH_{account}/{container}": 409, "DELETE /v1.0/AUTH_{account}/{container}": 409, // not empty
		"PUT /dav/{container}": 405, "UNLOCK /dav/{container}": 409, "UNLOCK /dav/{container}/{object}": 409, // no such lock
		"PUT /v2/dav/{container}": 405, "UNLOCK /v2/dav/{container}": 409, "UNLOCK /v2/dav/{container}/{object}": 409,
		"PUT /depots/invitations/{depot}": 404, "DELETE /depots/invitations/{depot}": 404, "DELETE /depots/claims/{depot}": 404,
		"POST /depots/claims": 404, // no such invitation, no such claim, no such document
		"PUT /backup":         405, "MKCOL /backup": 405, "UNLOCK /backup": 409, "UNLOCK /backup/{object}": 409,
	}
}

// target fills the pattern in: the account test, its container box and the
// object a.txt in it.
func (a asked) target() string {
	path := a.Path
	if a.method == "MKCOL" {
		path = strings.NewReplacer("{container}/{object}", "box/fresh", "{container}", "fresh", "{object}", "fresh").Replace(path)
	}
	path = strings.NewReplacer("{account}", "test", "{container}", "box", "{object}", "a.txt", "{other}", "2", "{day}", "1700000000000", "{depot}", "99", "{task}", "noop").Replace(path)
	if a.Door == "dav" && path != "/" {
		path = strings.Replace(path, "/dav/", "/dav/@test/", 1) // whoever asks
	}
	return path
}

// ask makes the request of a caller who gives a password or, where the door
// takes tokens, the token that it gives for it.
func (d *doors) ask(a asked, user, password string) call {
	headers, body := a.sample()
	c := call{method: a.method, path: a.target(), body: body, headers: headers}
	switch {
	case a.Access == httpkit.Login && a.Door == "keystone":
		c.body = keystoneLogin(a, user, password)
	case user == "":
	case a.Access == httpkit.Login:
		c.headers = append(c.headers, "X-Auth-User: test:"+user, "X-Auth-Key: "+password)
		if strings.HasSuffix(a.Path, "/auth") {
			c.headers = []string{"X-Storage-User: " + user, "X-Storage-Pass: " + password}
		}
	case a.tokens():
		c.headers = append(c.headers, "X-Auth-Token: "+d.tokenFor(user, password))
	case a.bears():
		c.headers = append(c.headers, "Authorization: Bearer "+d.tokenFor(user, password))
	default:
		c.basic = [2]string{user, password}
	}
	return c
}

// tokens tells routes that take tokens in a header of their own.
func (a asked) tokens() bool { return a.Door == "swift" || a.Door == "keystone" }

// keystoneLogin is the body of a login; nobody's is one without a name.
func keystoneLogin(a asked, user, password string) string {
	if user == "" {
		user = "nobody"
	}
	if strings.HasPrefix(a.Path, "/v2.0") {
		return fmt.Sprintf(`{"auth":{"passwordCredentials":{"username":%q,"password":%q},"tenantName":"test"}}`, user, password)
	}
	return fmt.Sprintf(`{"auth":{"identity":{"methods":["password"],"password":{"user":{"name":%q,"domain":{"id":"default"},"password":%q}}},`+
		`"scope":{"project":{"name":"test","domain":{"name":"Default"}}}}}`, user, password)
}

// bears tells routes that take tokens in the Authorization header only.
func (a asked) bears() bool { return strings.HasPrefix(a.Path, "/v2/dav/") }

// tokenFor logs in; a refused login gives a token that nobody was given.
func (d *doors) tokenFor(user, password string) string {
	token, _, err := d.Auth.Issue(d.t.Context(), user, password, loopback())
	if err != nil {
		return "AUTH_tk0123456789abcdef0123456789abcdef"
	}
	return token.Value
}

// furnish makes what the samples name and the users that the table asks as.
func (d *doors) furnish() {
	d.t.Helper()
	owner := d.Ctx("tester")
	for _, name := range []string{"box", "backup"} {
		if _, err := d.Gateway.Containers.Create(owner, gateway.Ref{Account: "test", Container: name}, gateway.ContainerChange{}); err != nil {
			d.t.Fatal(err)
		}
		if _, err := d.Gateway.Objects.Put(owner, gateway.Ref{Account: "test", Container: name, Object: "a.txt"}, strings.NewReader("text"),
			gateway.PutOptions{Size: 4}); err != nil {
			d.t.Fatal(err)
		}
	}
	d.AddUser("reader", "test", "reading", auth.RoleViewer)
	d.AddUser("fenced", "test", "fencing", auth.RoleOwner)
	d.AddUser("former", "test", "forgotten", auth.RoleOwner)
	d.former = d.tokenFor("former", "forgotten")
	d.fenced = d.tokenFor("fenced", "fencing")
	if err := d.Gateway.Accounts.SetNetworks(d.Local(), "fenced", []string{"192.0.2.0/24"}); err != nil {
		d.t.Fatal(err)
	}
	d.SetPassword("former", "remembered")
	for _, login := range [][2]string{{"admin", "admin"}, {"tester", "testing"}, {"tester2", "testing2"}, {"reader", "reading"}} {
		d.tokenFor(login[0], login[1]) // so that the requests themselves write none
		if _, _, err := d.Auth.IssueKeystone(d.t.Context(), login[0], login[1], loopback()); err != nil {
			d.t.Fatal(err)
		}
	}
}

// words are the statuses in which a door refuses.
type words struct {
	none, wrong, expired int
	other                int // a caller of another account
	readOnly             int // a change by a caller who may only read
	address              int // right credentials from where they do not count
}

// refusals are the words of each door; a new door stands here with its own.
func refusals() map[string]words {
	common := words{none: 401, wrong: 401, expired: 401, other: 403, readOnly: 403, address: 403}
	return map[string]words{"keystone": common, "swift": common, "dav": common, "duracloud": common,
		// A refusal stands in the answer.
		"rpc": {none: 401, wrong: 401, expired: 401, other: 200, readOnly: 200, address: 403},
		// Everybody has a list of his own: what is refused is not in it.
		"depots": {none: 401, wrong: 401, expired: 401, readOnly: 404, address: 403}}
}

func TestS4EveryRouteAsksWhoIsThere(t *testing.T) {
	routes := newDoors(t, gatewaytest.Options{}).front.Rules()
	for _, r := range routes {
		for method := range strings.FieldsSeq(r.Methods) {
			if method == httpkit.AnyMethod {
				method = http.MethodGet
			}
			a := asked{DoorRule: r, method: method}
			t.Run(r.Door+" "+a.String(), func(t *testing.T) {
				t.Parallel()
				judgeRoute(t, a)
			})
		}
	}
}

// judgeRoute asks one route as every kind of caller.
func judgeRoute(t *testing.T, a asked) {
	d := newDoors(t, gatewaytest.Options{})
	d.furnish()
	a.subject = d.tokenFor("tester", "testing")
	switch a.Access {
	case httpkit.Public, httpkit.Address:
		d.openToAll(t, a)
	case httpkit.Login:
		d.givesTokens(t, a)
	case httpkit.Caller, httpkit.Admin:
		d.asksWho(t, a)
	case httpkit.Proof:
		d.asksProof(t, a)
	case httpkit.Signature:
		d.asksSignature(t, a)
	case httpkit.Entries:
		d.judgesEntries(t, a)
	default:
		t.Fatalf("nothing here knows how to ask a route with the access %q: teach judgeRoute", a.Access)
	}
}

// openToAll expects one answer for all callers, and no change.
func (d *doors) openToAll(t *testing.T, a asked) {
	before := d.Fingerprint()
	anonymous := d.status(t, d.ask(a, "", ""))
	if anonymous == 401 || anonymous == 403 {
		t.Errorf("a %s route answers %d to nobody", a.Access, anonymous)
	}
	for _, caller := range [][2]string{{"tester", "wrong"}, {"reader", "reading"}, {"admin", "admin"}} {
		if got := d.status(t, d.ask(a, caller[0], caller[1])); got != anonymous {
			t.Errorf("a %s route answers %d to %s with %s, and %d to nobody", a.Access, got, caller[0], caller[1], anonymous)
		}
	}
	if d.Fingerprint() != before {
		t.Errorf("a %s route changed something", a.Access)
	}
}

// givesTokens asks a login.
func (d *doors) givesTokens(t *testing.T, a asked) {
	say := refusals()[a.Door]
	before := d.Fingerprint()
	for _, c := range []struct {
		who, user, password string
		want                int
	}{
		{"nobody", "", "", say.none}, {"a wrong password", "tester", "wrong", say.wrong},
		{"a stranger", "nobody", "testing", say.wrong}, {"an old password", "former", "forgotten", say.expired},
		{"a user of another account", "tester2", "testing2", say.wrong},
		{"the wrong address", "fenced", "fencing", say.address},
		{"a reader", "reader", "reading", a.done()}, {"the owner", "tester", "testing", a.done()},
	} {
		if got := d.status(t, d.ask(a, c.user, c.password)); got != c.want {
			t.Errorf("%s: %d, want %d", c.who, got, c.want)
		}
	}
	if d.Fingerprint() != before {
		t.Error("a refused login, or one with a living token, changed something")
	}
}

// asksWho asks a route whose callers have names.
func (d *doors) asksWho(t *testing.T, a asked) {
	say, ok := refusals()[a.Door]
	if !ok {
		t.Fatalf("the door %s has no row in refusals", a.Door)
	}
	if a.Access == httpkit.Admin {
		say.other, say.readOnly = http.StatusMethodNotAllowed, http.StatusMethodNotAllowed
	}
	if a.String() == "MKCOL /backup" {
		say.readOnly = http.StatusMethodNotAllowed // it is there, and readers see it
	}
	if strings.HasSuffix(a.String(), " /durastore/spaces") {
		say.none = http.StatusOK // nobody sees what is open to all, which is nothing here
		if body := d.answer(t, d.ask(a, "", "")).body; strings.Contains(body, "<space ") {
			t.Errorf("nobody is shown %s", body)
		}
	}
	before := d.Fingerprint()
	for _, c := range []struct {
		who  string
		call call
		want int
	}{
		{"nobody", d.ask(a, "", ""), say.none},
		{"a wrong password", d.ask(a, "tester", "wrong"), say.wrong},
		{"a stranger", d.ask(a, "nobody", "testing"), say.wrong},
		{"old credentials", d.askOld(a), say.expired},
		{"the wrong address", d.askFenced(a), say.address},
		{"a user of another account", d.ask(a, "tester2", "testing2"), say.other},
	} {
		if c.who == "a user of another account" && a.own() {
			continue // there everybody has a tree of their own
		}
		if got := d.status(t, c.call); got != c.want {
			t.Errorf("%s: %d, want %d", c.who, got, c.want)
		}
	}
	if !a.reads() {
		if got := d.status(t, d.ask(a, "reader", "reading")); got != say.readOnly {
			t.Errorf("a caller who may only read: %d, want %d", got, say.readOnly)
		}
	}
	if d.Fingerprint() != before {
		t.Error("a refused request changed something")
	}
	// Trails are for owners, and of tokens everybody sees the own.
	if a.reads() && !strings.Contains(a.Path, "/audit/") && a.Path != "/v3/auth/tokens" {
		if got := d.status(t, d.ask(a, "reader", "reading")); got >= 300 {
			t.Errorf("a caller who may read: %d", got)
		}
	}
	owner := [2]string{"tester", "testing"}
	if a.Access == httpkit.Admin {
		owner = [2]string{"admin", "admin"}
	}
	got, want := d.status(t, d.ask(a, owner[0], owner[1])), refusedAnyway()[a.String()]
	if want == 0 && got >= 300 || want != 0 && got != want {
		t.Errorf("%s: %d, want %d (0: any success); what the request lacks belongs into sample, what the state refuses into refusedAnyway", owner[0], got, want)
	}
}

// done is the status of a login.
func (a asked) done() int {
	if a.Path == "/v3/auth/tokens" {
		return http.StatusCreated
	}
	return http.StatusOK
}

// own tells routes where everybody sees what is their own.
func (a asked) own() bool {
	return strings.HasPrefix(a.Path, "/backup") || a.Path == "/v3/auth/catalog" || a.Path == "/v3/auth/projects" || a.Door == "depots"
}

// askOld asks with a token, or a password, of before the password was changed.
func (d *doors) askOld(a asked) call {
	c := d.ask(a, "", "")
	if a.tokens() {
		return c.with("X-Auth-Token: " + d.former)
	}
	if a.bears() {
		return c.with("Authorization: Bearer " + d.former)
	}
	c.basic = [2]string{"former", "forgotten"}
	return c
}

// askFenced asks with the credentials of a user who may not come from here.
func (d *doors) askFenced(a asked) call {
	c := d.ask(a, "", "")
	if a.tokens() {
		return c.with("X-Auth-Token: " + d.fenced)
	}
	if a.bears() {
		return c.with("Authorization: Bearer " + d.fenced)
	}
	c.basic = [2]string{"fenced", "fencing"}
	return c
}

// asksSignature asks a signed route without a signature, as all callers.
func (d *doors) asksSignature(t *testing.T, a asked) {
	before := d.Fingerprint()
	for _, caller := range [][2]string{{"", ""}, {"reader", "reading"}, {"tester", "testing"}, {"admin", "admin"}} {
		if got := d.status(t, d.ask(a, caller[0], caller[1])); got != http.StatusUnauthorized {
			t.Errorf("%q without a signature: %d", caller[0], got)
		}
	}
	if d.Fingerprint() != before {
		t.Error("a request without a signature changed something")
	}
}

// judgesEntries asks a route that takes a list as every kind of caller.
func (d *doors) judgesEntries(t *testing.T, a asked) {
	before := d.Fingerprint()
	for _, c := range []struct {
		who  string
		call call
		want string
	}{
		{"nobody", d.ask(a, "", ""), "401 Unauthorized"},
		{"a wrong password", d.ask(a, "tester", "wrong"), "401 Unauthorized"},
		{"old credentials", d.askOld(a), "401 Unauthorized"},
		{"a user of another account", d.ask(a, "tester2", "testing2"), "403 Forbidden"},
		{"a caller who may only read", d.ask(a, "reader", "reading"), "403 Forbidden"},
	} {
		if r := d.answer(t, c.call); r.status != http.StatusOK || !strings.Contains(r.body, ", "+c.want) {
			t.Errorf("%s: %d %s", c.who, r.status, r.body)
		}
	}
	if got := d.status(t, d.askFenced(a)); got != http.StatusForbidden {
		t.Errorf("the wrong address: %d", got)
	}
	if d.Fingerprint() != before {
		t.Error("a refused entry changed something")
	}
	if r := d.answer(t, d.ask(a, "tester", "testing")); r.status != http.StatusOK || !strings.HasSuffix(r.body, "Errors:\n") || d.Fingerprint() == before {
		t.Errorf("the owner: %d %s", r.status, r.body)
	}
}

// asksProof asks a route whose requests are signed.
func (d *doors) asksProof(t *testing.T, a asked) {
	const body = "<teamdrive><command>createdepot</command><requesttime>%d</requesttime><username>tester</username><disclimit>5</disclimit></teamdrive>"
	signed := func(at time.Time, salt string) call {
		text := fmt.Sprintf(body, at.Unix())
		return call{method: a.method, path: a.Path + "?checksum=" + auth.DepotChecksum([]byte(text), auth.NewSecret(salt)), body: text}
	}
	now := d.Clock.Now()
	none := signed(now, depotSalt)
	none.path = a.Path
	upper := signed(now, depotSalt)
	upper.path = a.Path + "?checksum=" + strings.ToUpper(strings.TrimPrefix(upper.path, a.Path+"?checksum="))
	password := none
	password.basic = [2]string{"admin", "admin"}
	before := d.Fingerprint()
	for who, c := range map[string]call{
		"no checksum": none, "a wrong salt": signed(now, strings.Repeat("x", 32)), "an old request": signed(now.Add(-time.Hour), depotSalt),
		"upper case": upper, "a password": password,
	} {
		if r := d.answer(t, c); r.status != 200 || !strings.Contains(r.body, "<primarycode>-30002</primarycode>") {
			t.Errorf("%s: %d %s", who, r.status, r.body)
		}
	}
	if d.Fingerprint() != before {
		t.Error("a refused request changed something")
	}
	if r := d.answer(t, signed(now, depotSalt)); r.status != 200 || strings.Contains(r.body, "<exception>") || d.Fingerprint() == before {
		t.Errorf("a right proof: %d %s", r.status, r.body)
	}
}

// answer makes a call, and status tells its status only.
func (d *doors) answer(t *testing.T, c call) reply {
	t.Helper()
	r, err := d.send(c)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func (d *doors) status(t *testing.T, c call) int {
	t.Helper()
	return d.answer(t, c).status
}
