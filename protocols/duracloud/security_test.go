package duracloud_test

import (
	"encoding/xml"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"entrepot/auth"
	"entrepot/gateway"
	"entrepot/gateway/gatewaytest"
	"entrepot/protocols/duracloud"
)

// ask makes a request as a user whose password is the name; "" is nobody.
func ask(t testing.TB, h http.Handler, user, method, path, body string, headers ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(method, duracloud.DefaultPrefix+path, strings.NewReader(body))
	if user != "" {
		r.SetBasicAuth(user, user)
	}
	for _, line := range headers {
		name, value, _ := strings.Cut(line, ": ")
		r.Header.Set(name, value)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// want makes a request that ends with a status.
func want(t testing.TB, status int, h http.Handler, user, method, path, body string, headers ...string) *httptest.ResponseRecorder {
	t.Helper()
	w := ask(t, h, user, method, path, body, headers...)
	if w.Code != status {
		t.Fatalf("%s %s as %q: %d, want %d: %s", method, path, user, w.Code, status, w.Body)
	}
	return w
}

// Every right of every kind of caller, method by method.
func TestS12RightsOfSpaces(t *testing.T) {
	f := fixture(t, gatewaytest.Options{})
	h := handler(t, f, duracloud.Config{})
	f.AddUser("reader", "acme", "reader", auth.RoleViewer)
	f.AddUser("writer", "acme", "writer", auth.RoleUser)
	f.AddUser("stranger", "other", "stranger", auth.RoleOwner)
	// By caller, in the order of the requests below: what a space gives that
	// ann may read by her group and writer may write; with "public", everybody.
	requests := []struct{ method, path string }{
		{"GET", "/space"}, {"HEAD", "/space"}, {"GET", "/space/a"}, {"HEAD", "/space/a"}, {"HEAD", "/acl/space"},
		{"GET", "/manifest/space"}, {"GET", "/bit-integrity/space"}, {"GET", "/report/space/space"},
		{"POST", "/manifest/space"}, {"PUT", "/space/n"}, {"POST", "/space/n"}, {"DELETE", "/space/n"},
		{"GET", "/audit/space"}, {"GET", "/report/store"}, {"POST", "/acl/space"}, {"PUT", "/another"}, {"DELETE", "/another"},
	}
	const may, no, who = "+", "-", "?"
	rows := map[string]map[string]string{
		"closed": {
			"":         strings.Repeat(who, 17),
			"bob":      strings.Repeat(no, 17),
			"ann":      "++++++++" + strings.Repeat(no, 9),
			"writer":   "++++++++++++" + strings.Repeat(no, 5),
			"reader":   "++++++++-----+---",
			"stranger": strings.Repeat(no, 15) + "..",
			"admin":    strings.Repeat(may, 17),
			"root":     strings.Repeat(may, 17),
		},
		"public": {
			"":    "+++++" + strings.Repeat(who, 12),
			"bob": "++++++++" + strings.Repeat(no, 9),
		},
	}
	for state, callers := range rows {
		for caller, marks := range callers {
			want(t, 201, h, "admin", "PUT", "/space", "")
			want(t, 201, h, "admin", "PUT", "/another", "")
			want(t, 201, h, "admin", "PUT", "/space/a", "x")
			want(t, 201, h, "admin", "PUT", "/space/n", "x")
			grants := []string{"x-dura-meta-acl-group-curators: READ", "x-dura-meta-acl-writer: WRITE"}
			if state == "public" {
				grants = append(grants, "x-dura-meta-acl-group-public: WRITE")
			}
			cfg := duracloud.Config{Hosts: map[string]string{"example.com": "acme"}}
			door := handler(t, f, cfg)
			for i, q := range requests {
				want(t, 200, h, "admin", "POST", "/acl/space", "", grants...)
				w := ask(t, door, caller, q.method, q.path, "x", "Content-Type: text/plain")
				mark := may
				switch {
				case marks[i] == '.':
					continue // strangers with a depot of their own elsewhere: judged below
				case w.Code == http.StatusUnauthorized:
					mark = who
				case w.Code == http.StatusForbidden:
					mark = no
				case w.Code >= 300:
					t.Errorf("%s: %s %s as %q: %d %s", state, q.method, q.path, caller, w.Code, w.Body)
				}
				if mark != marks[i:i+1] {
					t.Errorf("%s: %s %s as %q: %d, want %q", state, q.method, q.path, caller, w.Code, marks[i:i+1])
				}
			}
		}
	}
	if w := ask(t, handler(t, f, duracloud.Config{Hosts: map[string]string{"example.com": "acme"}}), "stranger", "PUT", "/another2", ""); w.Code != http.StatusForbidden {
		t.Errorf("a stranger makes a space: %d", w.Code)
	}
}

func TestS16ReservedPropertiesAreNotStored(t *testing.T) {
	f := fixture(t, gatewaytest.Options{})
	h := handler(t, f, duracloud.Config{})
	want(t, 201, h, "admin", "PUT", "/space", "", "x-dura-meta-is-delete: true", "x-dura-meta-space-count: 7")
	headers := []string{"x-dura-meta-fine: 1"}
	for _, name := range strings.Fields("content-mimetype content-size content-checksum content-md5 content-modified copy-source-store space-count space-created acl-bob") {
		headers = append(headers, "x-dura-meta-"+name+": x")
	}
	want(t, 201, h, "admin", "PUT", "/space/a", "x", headers...)
	obj, err := f.Gateway.Objects.Head(f.Ctx("admin"), gateway.Ref{Account: "acme", Container: "space", Object: "a"}, gateway.Conditions{})
	if err != nil || len(obj.Properties) != 1 || obj.Properties["fine"] != "1" || obj.ContentType != "application/octet-stream" {
		t.Errorf("%+v, %v", obj, err)
	}
	if g, err := f.Gateway.Spaces.Grants(f.Ctx("admin"), gateway.Ref{Account: "acme", Container: "space"}); err != nil || len(g) != 1 {
		t.Errorf("grants %v, %v", g, err)
	}
}

func TestS20PropertyLimitBindsTheSum(t *testing.T) {
	f := fixture(t, gatewaytest.Options{})
	h := handler(t, f, duracloud.Config{})
	want(t, 201, h, "admin", "PUT", "/space", "")
	for i := range 20 { // each fits; together they do not
		w := ask(t, h, "admin", "PUT", "/space/a", "x", fmt.Sprintf("x-dura-meta-p%02d: %s", i, strings.Repeat("v", 197)))
		if over := i >= 9; over != (w.Code == http.StatusBadRequest) || !over && w.Code != http.StatusCreated {
			t.Fatalf("property %d: %d", i, w.Code)
		}
	}
}

func TestS22NamesHaveOneMeaning(t *testing.T) {
	f := fixture(t, gatewaytest.Options{})
	h := handler(t, f, duracloud.Config{})
	want(t, 201, h, "admin", "PUT", "/space", "")
	want(t, 201, h, "admin", "PUT", "/secret", "")
	want(t, 201, h, "admin", "PUT", "/secret/a", "hidden")
	want(t, 200, h, "admin", "POST", "/acl/space", "", "x-dura-meta-acl-bob: WRITE")
	for _, path := range []string{
		"/space/../secret/a", "/space/%2e%2e/secret/a", "/space/%2e%2e%2fsecret%2fa", "/space/..%5csecret%5ca",
		"/space/%252e%252e/secret/a", "/space//../secret/a", "/space/./../secret/a",
	} {
		if w := ask(t, h, "bob", "GET", path, ""); w.Code != 404 || strings.Contains(w.Body.String(), "hidden") {
			t.Errorf("GET %s: %d %s", path, w.Code, w.Body)
		}
	}
	for path, status := range map[string]int{
		"/space/a/../b": 400, "/space/%2e/b": 400, "/space/%00": 400, "/space/a%0d%0ab": 400, "/space/%ff": 400, "/space/a%5cb": 400,
		"/space/%c0%ae": 400, "/space/a;b=c": 201, "/space/CON": 201, "/space/%e2%80%ae": 201, "/space/%252e": 201, "/space/trailing.": 201,
		"/space/C%3A": 201,
	} {
		if w := ask(t, h, "bob", "PUT", path, "x"); w.Code != status {
			t.Errorf("PUT %s: %d, want %d: %s", path, w.Code, status, w.Body)
		}
	}
	var items []string
	_, items, err := f.Gateway.Spaces.Items(f.Ctx("admin"), gateway.Ref{Account: "acme", Container: "space"}, "", "", 100)
	slices.Sort(items)
	if want := []string{"%2e", "C:", "CON", "a;b=c", "trailing.", "\u202e"}; err != nil || !slices.Equal(items, want) {
		t.Errorf("stored %q, want %q, %v", items, want, err)
	}
}

func TestS28HostileNamesLeaveListingsWellFormed(t *testing.T) {
	f := fixture(t, gatewaytest.Options{})
	h := handler(t, f, duracloud.Config{})
	want(t, 201, h, "admin", "PUT", "/space", "")
	hostile := []string{`"'<>&]]>`, "</item><item>x", "tab\tin", "line\nin", "return\rin", "\x01control", "\ufffe", `<!ENTITY x "y">`}
	for _, name := range hostile { // the other doors take them
		ref := gateway.Ref{Account: "acme", Container: "space", Object: name}
		if _, err := f.Gateway.Objects.Put(f.Ctx("admin"), ref, strings.NewReader("x"), gateway.PutOptions{Size: 1}); err != nil {
			t.Fatal(err)
		}
	}
	var doc struct {
		Items []string `xml:"item"`
	}
	body := want(t, 200, h, "admin", "GET", "/space", "").Body.String()
	if err := xml.Unmarshal([]byte(body), &doc); err != nil {
		t.Fatalf("%v\n%s", err, body)
	}
	if len(doc.Items) != len(hostile)-2 { // XML cannot carry two of them
		t.Errorf("%q", doc.Items)
	}
	for _, path := range []string{"/manifest/space", "/manifest/space?format=EXTENDED_TSV", "/manifest/space?format=BAGIT", "/audit/space"} {
		text := want(t, 200, h, "admin", "GET", path, "").Body.String()
		for line := range strings.Lines(text) {
			if strings.Contains(line, "\r") || strings.HasPrefix(line, "in") || !strings.HasSuffix(line, "\n") {
				t.Errorf("%s has the line %q", path, line)
			}
		}
		if !strings.Contains(text, "tab%09in") || !strings.Contains(text, "line%0Ain") || !strings.Contains(text, "return%0Din") {
			t.Errorf("%s: %q", path, text)
		}
	}
}

func TestS42LineEndsNeverReachHeaders(t *testing.T) {
	f := fixture(t, gatewaytest.Options{})
	h := handler(t, f, duracloud.Config{})
	want(t, 201, h, "admin", "PUT", "/space", "")
	ref := gateway.Ref{Account: "acme", Container: "space", Object: "a\r\nSet-Cookie: x\"é"}
	opt := gateway.PutOptions{Size: 1, ContentType: "text/plain", Properties: gateway.Properties{"ü: x": "wért"}}
	if _, err := f.Gateway.Objects.Put(f.Ctx("admin"), ref, strings.NewReader("x"), opt); err == nil {
		t.Fatal("a colon in the name of a property was taken")
	}
	opt.Properties = gateway.Properties{"ü x": "wért"}
	if _, err := f.Gateway.Objects.Put(f.Ctx("admin"), ref, strings.NewReader("x"), opt); err != nil {
		t.Fatal(err)
	}
	w := want(t, 200, h, "admin", "GET", "/space/a%0D%0ASet-Cookie:%20x%22%C3%A9?attachment=true", "")
	for name, values := range w.Header() {
		if strings.ContainsAny(name+strings.Join(values, ""), "\r\n") || name == "Set-Cookie" {
			t.Errorf("header %q: %q", name, values)
		}
	}
	if got := w.Header()["x-dura-meta-%C3%BC%20x"]; len(got) != 1 || got[0] != "UTF-8''w%C3%A9rt" {
		t.Errorf("the property is sent as %v", w.Header())
	}
	for _, value := range []string{"text/plain\r\nX: y", "text/\x00"} {
		r := httptest.NewRequest("PUT", duracloud.DefaultPrefix+"/space/b", strings.NewReader("x"))
		r.SetBasicAuth("admin", "admin")
		r.Header["Content-Type"] = []string{value}
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, r)
		if rec.Code != http.StatusBadRequest {
			t.Errorf("type %q: %d", value, rec.Code)
		}
	}
}

func TestS43BrowsersDoNotRunContent(t *testing.T) {
	f := fixture(t, gatewaytest.Options{})
	h := handler(t, f, duracloud.Config{})
	want(t, 201, h, "admin", "PUT", "/space", "")
	for _, kind := range []string{"text/html", "image/svg+xml", "application/xml", "application/pdf"} {
		want(t, 201, h, "admin", "PUT", "/space/page", "<script>", "Content-Type: "+kind)
		for _, method := range []string{"GET", "HEAD"} {
			header := want(t, 200, h, "admin", method, "/space/page", "").Header()
			if header.Get("X-Content-Type-Options") != "nosniff" || header.Get("Content-Security-Policy") != "sandbox" || header.Get("Set-Cookie") != "" {
				t.Errorf("%s of %s: %v", method, kind, header)
			}
		}
	}
	if got := want(t, 404, h, "admin", "GET", "/space/<script>", "").Header(); got.Get("X-Content-Type-Options") != "nosniff" || got.Get("Content-Type") != "text/plain" {
		t.Errorf("an error: %v", got)
	}
}

// A suspended account answers its own users as if it were gone: with 401 at
// every resource, the first that clients ask for included.
func TestSuspendedAccountRefusesItsUsersEverywhere(t *testing.T) {
	f := fixture(t, gatewaytest.Options{})
	h := handler(t, f, duracloud.Config{})
	want(t, 201, h, "admin", "PUT", "/space", "")
	want(t, 201, h, "admin", "PUT", "/space/a", "x")
	f.AddUser("boss", "elsewhere", "boss", auth.RoleAdmin)
	if err := f.Gateway.Accounts.Update(f.Local(), "acme", gateway.AccountChange{State: gateway.AccountSuspended}); err != nil {
		t.Fatal(err)
	}
	for _, q := range []struct{ method, path string }{
		{"GET", "/stores"}, {"GET", "/spaces"}, {"GET", "/task"}, {"POST", "/task/noop"}, {"POST", "/task/get-snapshots"},
		{"GET", "/space"}, {"HEAD", "/acl/space"}, {"GET", "/space/a"}, {"PUT", "/space/b"}, {"GET", "/manifest/space"},
		{"POST", "/manifest/space"}, {"GET", "/audit/space"}, {"GET", "/bit-integrity/space"}, {"GET", "/report/space/space"},
		{"GET", "/report/store"}, {"GET", "/report/store/0"},
	} {
		if w := ask(t, h, "admin", q.method, q.path, ""); w.Code != http.StatusUnauthorized {
			t.Errorf("%s %s: %d %s", q.method, q.path, w.Code, w.Body)
		}
	}
}
