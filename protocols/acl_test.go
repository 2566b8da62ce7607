package protocols_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"entrepot/gateway/gatewaytest"
)

// aclDoors is a gateway with the containers box and src of tester, and an
// object in each.
func aclDoors(t *testing.T) *doors {
	t.Helper()
	d := newDoors(t, gatewaytest.Options{})
	for _, name := range []string{"box", "src"} {
		d.ok(t, swiftDoor.call("tester", "PUT", name, ""))
		d.ok(t, swiftDoor.call("tester", "PUT", name+"/a.txt", "text"))
	}
	return d
}

// can asks what a caller may do: G object GET, L listing, W object PUT.
func (d *doors) can(t *testing.T, user string, headers ...string) string {
	t.Helper()
	out := ""
	for _, c := range []struct {
		letter, method, name, body string
	}{{"G", "GET", "box/a.txt", ""}, {"L", "GET", "box", ""}, {"W", "PUT", "box/by-" + user, "x"}} {
		switch status := d.answer(t, swiftDoor.call(user, c.method, c.name, c.body, headers...)).status; {
		case status < 300:
			out += c.letter
		case user == "" && status != 401, user != "" && status != 403:
			t.Errorf("%s %s by %q: %d", c.method, c.name, user, status)
		}
	}
	return out
}

func TestS12ContainerListsGiveExactlyWhatTheMatrixSays(t *testing.T) {
	d := aclDoors(t)
	const page = "Referer: http://www.example.com/x"
	for _, c := range []struct {
		read, write                              string
		anonymous, referred, foreigner, ordinary string
	}{
		{"", "", "", "", "", ""},
		{".r:*", "", "G", "G", "G", "G"},
		{".r:*,.rlistings", "", "GL", "GL", "GL", "GL"},
		{".r:.example.com,.rlistings", "", "", "GL", "", ""},
		{".r:*,.r:-.example.com", "", "G", "", "G", "G"},
		{".r:-.example.com,.r:*", "", "G", "G", "G", "G"},
		{".r:www.example.com", "", "", "G", "", ""},
		{".r:example.com", "", "", "", "", ""},
		{".r:.ample.com", "", "", "", "", ""},
		{".rlistings", "", "", "", "", ""},
		{"test2:tester2", "", "", "", "GL", ""},
		{"test2", "", "", "", "GL", ""},
		{"test:tester3", "", "", "", "", "GL"},
		{"test", "", "", "", "", "GL"},
		{"*:*", "", "", "", "", ""},
		{"*", "", "", "", "", ""},
		{"test2:*", "", "", "", "", ""},
		{"test2:tester3", "", "", "", "", ""},
		{"", "test2:tester2", "", "", "W", ""},
		{"", "test", "", "", "", "W"},
		{"test2", "test2", "", "", "GLW", ""},
		{".r:*", "test2", "G", "G", "GW", "G"},
	} {
		d.ok(t, swiftDoor.call("tester", "POST", "box", "", "X-Container-Read: "+c.read, "X-Container-Write: "+c.write))
		name := fmt.Sprintf("read %q, write %q", c.read, c.write)
		for who, got := range map[string][2]string{
			"nobody": {d.can(t, ""), c.anonymous}, "a page": {d.can(t, "", page), c.referred},
			"another account": {d.can(t, "tester2"), c.foreigner}, "a user without rights": {d.can(t, "tester3"), c.ordinary},
			"the auditor": {d.can(t, "tester6"), "GL"}, "the owner": {d.can(t, "tester"), "GLW"}, "the administrator": {d.can(t, "admin"), "GLW"},
		} {
			if got[0] != got[1] {
				t.Errorf("%s: %s may %q, want %q", name, who, got[0], got[1])
			}
		}
	}
}

// TestS12ListsGiveNoMoreThanObjects asks as one who may read and write objects
// what is the owner's, and what both ends of a copy demand.
func TestS12ListsGiveNoMoreThanObjects(t *testing.T) {
	d := aclDoors(t)
	d.ok(t, swiftDoor.call("tester", "POST", "box", "", "X-Container-Read: test2", "X-Container-Write: test2"))
	d.want(t, 200, swiftDoor.call("tester2", "GET", "box/a.txt", "")) // and the login
	before := d.Fingerprint()
	manifest := "X-Object-Manifest: src/a"
	for _, c := range []call{
		swiftDoor.call("tester2", "POST", "box", "", "X-Container-Read: .r:*"), swiftDoor.call("tester2", "PUT", "box", "", "X-Container-Meta-A: b"),
		swiftDoor.call("tester2", "DELETE", "box", ""), swiftDoor.call("tester2", "PUT", "fresh", ""),
		swiftDoor.call("tester2", "GET", "src/a.txt", ""), swiftDoor.call("tester2", "POST", "src/a.txt", "", "X-Object-Meta-A: b"),
		swiftDoor.call("tester2", "DELETE", "src/a.txt", ""),
		swiftDoor.call("tester2", "COPY", "src/a.txt", "", "Destination: box/copied", "Destination-Account: AUTH_test"),
		swiftDoor.call("tester2", "COPY", "box/a.txt", "", "Destination: src/copied", "Destination-Account: AUTH_test"),
		swiftDoor.call("tester2", "PUT", "box/copied", "", "X-Copy-From: /src/a.txt", "X-Copy-From-Account: AUTH_test"),
		{user: "tester2", method: "POST", path: "/v1/AUTH_test", headers: []string{"X-Account-Meta-A: b"}, token: true},
		{user: "tester2", method: "GET", path: "/v1/AUTH_test", token: true},
	} {
		d.want(t, http.StatusForbidden, c)
	}
	r := d.answer(t, call{user: "tester2", method: "POST", path: "/v1/AUTH_test?bulk-delete", body: "src/a.txt\n", token: true})
	if r.status != 200 || !strings.Contains(r.body, "403 Forbidden") {
		t.Errorf("a bulk deletion: %d %s", r.status, r.body)
	}
	if d.Fingerprint() != before {
		t.Error("something changed")
	}
	// A manifest gives nobody what it leads to.
	d.want(t, 201, swiftDoor.call("tester2", "PUT", "box/joined", "", manifest))
	if r := d.answer(t, swiftDoor.call("tester2", "GET", "box/joined", "")); r.status < 400 || strings.Contains(r.body, "text") {
		t.Errorf("a manifest to what its reader may not read: %d %q", r.status, r.body)
	}
	if r := d.answer(t, swiftDoor.call("tester", "GET", "box/joined", "")); r.status != 200 || r.body != "text" {
		t.Errorf("the manifest for who may read both: %d %q", r.status, r.body)
	}
	if r := d.answer(t, swiftDoor.call("tester2", "HEAD", "box", "")); r.header.Get("X-Container-Read") != "" || r.status != 204 {
		t.Errorf("the list is shown to others: %d %v", r.status, r.header)
	}
}

func TestStarsCountForCallersOfTheIdentityAPI(t *testing.T) {
	d := aclDoors(t)
	keystone := func(user string) string {
		t.Helper()
		token, _, err := d.Auth.IssueKeystone(t.Context(), user, passwordOf(user), loopback())
		if err != nil {
			t.Fatal(err)
		}
		return "X-Auth-Token: " + token.Value
	}
	for list, want := range map[string][2]bool{ // tester2, tester3
		"*:*": {true, true}, "test2:*": {true, false}, "*:tester3": {false, true}, "test:tester3": {false, true}, "other:*": {false, false},
		"test2:tester2": {true, false}, "*": {false, false}, "*:Tester2": {true, false},
	} {
		d.ok(t, swiftDoor.call("tester", "POST", "box", "", "X-Container-Read: "+list))
		for i, user := range []string{"tester2", "tester3"} {
			r := d.answer(t, swiftDoor.call("", "GET", "box/a.txt", "", keystone(user)))
			if (r.status == 200) != want[i] {
				t.Errorf("%s: %s gets %d", list, user, r.status)
			}
		}
	}
	d.want(t, 401, swiftDoor.call("", "GET", "box/a.txt", ""))
}

// account makes a call on the account test at the Swift door.
func account(user, method string, headers ...string) call {
	return call{user: user, method: method, path: "/v1/AUTH_test", headers: headers, token: true}
}

func TestAccountListsHaveThreeGrades(t *testing.T) {
	d := aclDoors(t)
	set := func(text string) {
		t.Helper()
		d.want(t, 204, account("tester", "POST", "X-Account-Access-Control: "+text))
	}
	steps := []struct {
		name string
		call func(user string) call
		// statuses of the grades: none, read-only, read-write, admin
		want [4]int
	}{
		{"list", func(u string) call { return account(u, "GET") }, [4]int{403, 200, 200, 200}},
		{"read", func(u string) call { return swiftDoor.call(u, "GET", "box/a.txt", "") }, [4]int{403, 200, 200, 200}},
		{"list names", func(u string) call { return swiftDoor.call(u, "GET", "box", "") }, [4]int{403, 200, 200, 200}},
		{"a missing container", func(u string) call { return swiftDoor.call(u, "GET", "none", "") }, [4]int{403, 404, 404, 404}},
		{"write", func(u string) call { return swiftDoor.call(u, "PUT", "box/"+u, "x") }, [4]int{403, 403, 201, 201}},
		{"make", func(u string) call { return swiftDoor.call(u, "PUT", "made", "") }, [4]int{403, 403, 201, 201}},
		{"change", func(u string) call { return swiftDoor.call(u, "POST", "box", "", "X-Container-Meta-A: b") }, [4]int{403, 403, 204, 204}},
		{"remove", func(u string) call { return swiftDoor.call(u, "DELETE", "made", "") }, [4]int{403, 404, 204, 204}},
		{"the account's properties", func(u string) call { return account(u, "POST", "X-Account-Meta-A: b") }, [4]int{403, 403, 403, 204}},
		{"the account itself", func(u string) call { return account(u, "DELETE") }, [4]int{405, 405, 405, 405}},
	}
	for grade, text := range []string{"", `{"read-only":["test2"]}`, `{"read-write":["test2:tester2"]}`, `{"admin":["test2:tester2"]}`} {
		set(text)
		for _, s := range steps {
			if r := d.answer(t, s.call("tester2")); r.status != s.want[grade] {
				t.Errorf("%s with %q: %d, want %d: %.200s", s.name, text, r.status, s.want[grade], r.body)
			}
		}
		if r := d.answer(t, account("", "GET")); r.status != 401 {
			t.Errorf("nobody with %q: %d", text, r.status)
		}
	}
	// Who writes sees and sets no access lists.
	set(`{"read-write":["test2"]}`)
	d.want(t, 204, swiftDoor.call("tester2", "POST", "box", "", "X-Container-Read: .r:*", "X-Container-Meta-Temp-Url-Key: k"))
	d.want(t, 401, swiftDoor.call("", "GET", "box/a.txt", ""))
	r := d.want(t, 204, swiftDoor.call("tester", "HEAD", "box", ""))
	if r.header.Get("X-Container-Read") != "" || r.header.Get("X-Container-Meta-Temp-Url-Key") != "" {
		t.Errorf("a writer set %v", r.header)
	}
	d.want(t, 201, swiftDoor.call("tester2", "PUT", "theirs", "", "X-Container-Read: .r:*"))
	if r := d.want(t, 204, swiftDoor.call("tester", "HEAD", "theirs", "")); r.header.Get("X-Container-Read") != "" {
		t.Errorf("a writer set %v", r.header)
	}
}

func TestAccountListsAreShownCleanAndCleared(t *testing.T) {
	d := aclDoors(t)
	const name = "X-Account-Access-Control"
	d.want(t, 204, account("tester", "POST", name+`: { "read-write": ["b"], "admin": [ "test2:tester2" , "ü" ], "read-only": [] }`))
	if got := d.want(t, 204, account("tester", "HEAD")).header.Get(name); got != `{"admin":["test2:tester2","ü"],"read-write":["b"]}` {
		t.Errorf("shown as %s", got)
	}
	if got := d.want(t, 204, account("tester6", "HEAD")).header.Get(name); got != "" {
		t.Errorf("the auditor sees %s", got)
	}
	for text, reason := range map[string]string{
		"{": "Syntax error in input ('{')", "[]": "Syntax error in input ('[]')", "{} x": "Syntax error in input ('{} x')",
		`{"x":[]}`: `Key "x" not recognized`, `{"admin":"a"}`: `Value for key "admin" must be a list`, `{"admin":null}`: `Value for key "admin" must be a list`,
		`{"admin":[1]}`: `Elements of "admin" list must be strings`,
	} {
		r := d.want(t, 400, account("tester", "POST", name+": "+text))
		if want := name + " invalid: " + reason + "\n\nInput: " + text + "\n"; r.body != want {
			t.Errorf("%s: %q, want %q", text, r.body, want)
		}
	}
	for _, clear := range []string{name + ": {}", name + ": ", "X-Remove-Account-Access-Control: x"} {
		d.want(t, 204, account("tester", "POST", name+`: {"admin":["b"]}`))
		d.want(t, 204, account("tester", "POST", clear))
		if got := d.want(t, 204, account("tester", "HEAD")).header.Get(name); got != "" {
			t.Errorf("%s leaves %s", clear, got)
		}
	}
}
