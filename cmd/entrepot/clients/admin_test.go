package clients_test

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// rpc calls a method of the administration with curl and decodes its result.
func (s *server) rpc(t *testing.T, as login, method, params string, result any) {
	t.Helper()
	body := command{args: []string{
		"curl", "-sS", "--fail-with-body", "-u", as.user + ":" + as.password, "-H", "Content-Type: application/json",
		"--data-binary", `{"jsonrpc":"2.0","id":1,"method":"` + method + `","params":` + params + `}`, s.url + "/rpc",
	}}.must(t)
	var reply struct {
		Result json.RawMessage
		Error  json.RawMessage
	}
	if err := json.Unmarshal([]byte(body), &reply); err != nil || reply.Error != nil {
		t.Fatalf("%s %s: %s", method, params, body)
	}
	if result != nil {
		if err := json.Unmarshal(reply.Result, result); err != nil {
			t.Fatalf("%s: %s: %v", method, body, err)
		}
	}
}

func TestCurlMakesAnAccountUsesItAndDeletesIt(t *testing.T) {
	t.Parallel()
	need(t, "curl", "curl")
	need(t, "swift", "python3-swiftclient")
	s := start(t, setting{})
	var made struct{ Account, User, Password string }
	s.rpc(t, admin, "account.create", `{"account":"AUTH_shop"}`, &made)
	owner := login{user: made.User, password: made.Password}
	dir := t.TempDir()
	file := filepath.Join(dir, "a.txt")
	if err := os.WriteFile(file, []byte("hello"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.swift(login{user: "shop:shop", password: made.Password}, dir, "upload", "docs", "a.txt").must(t)

	// A form that a browser could post, and an address that it could open.
	var form struct {
		URL    string
		Fields map[string]string
	}
	s.rpc(t, owner, "upload.ticket", `{"container":"docs","prefix":"in/","max_file_size":100,"max_file_count":2}`, &form)
	args := []string{"curl", "-sS", "--fail-with-body", form.URL}
	for name, value := range form.Fields {
		args = append(args, "-F", name+"="+value)
	}
	if body := (command{args: append(args, "-F", "file=@"+file+";filename=b c.txt")}).must(t); body != "201 Created" {
		t.Errorf("the form: %s", body)
	}
	var ticket struct{ URL string }
	s.rpc(t, owner, "download.ticket", `{"container":"docs","object":"in/b c.txt"}`, &ticket)
	if body := (command{args: []string{"curl", "-sS", "--fail-with-body", ticket.URL}}).must(t); body != "hello" {
		t.Errorf("the download: %s", body)
	}
	if out := (command{args: []string{"curl", "-sS", "-o", os.DevNull, "-w", "%{http_code}", strings.Replace(ticket.URL, "b%20c", "a", 1)}}).must(t); out != "401" {
		t.Errorf("the ticket opened another object: %s", out)
	}

	var list struct {
		Containers []struct {
			Name  string
			Count int
		}
	}
	s.rpc(t, owner, "container.list", `{}`, &list)
	if len(list.Containers) != 1 || list.Containers[0].Name != "docs" || list.Containers[0].Count != 2 {
		t.Errorf("%+v", list)
	}
	s.rpc(t, admin, "account.delete", `{"account":"AUTH_shop"}`, nil)
	if out := (command{args: []string{"curl", "-sS", "-o", os.DevNull, "-w", "%{http_code}", ticket.URL}}).must(t); out != "401" {
		t.Errorf("the ticket outlived the account: %s", out)
	}
	s.swift(login{user: "shop:shop", password: made.Password}, dir, "list").fails(t)
	waitFor(t, "the deleted account to be removed", func() bool {
		_, _, code := command{args: []string{binary, "account", "show", "shop", "--data", s.data}}.run(t)
		return code == 3 && !strings.Contains(s.entrepot("", "account", "list"), "shop")
	})
	s.rpc(t, admin, "account.create", `{"account":"AUTH_shop"}`, &made)
	s.rpc(t, login{user: made.User, password: made.Password}, "container.list", `{}`, &list)
	if len(list.Containers) != 0 {
		t.Errorf("the new account has %+v", list)
	}
}

func TestPythonAdministersWithItsStandardLibrary(t *testing.T) {
	t.Parallel()
	need(t, "python3", "python3")
	s := start(t, setting{})
	out := command{args: []string{"python3", "testdata/rpc.py", s.url, admin.user, admin.password}}.must(t)
	if !strings.HasSuffix(out, "sound\n") {
		t.Error(out)
	}
	if log := s.entrepot("", "account", "log", "--limit", "100"); !regexp.MustCompile(`(?m) admin +127\.0\.0\.1 +account\.update +press +done$`).MatchString(log) {
		t.Error(log)
	}
}

func TestSwiftCommandWorksInAnAccountThatAnAdministratorMade(t *testing.T) {
	t.Parallel()
	need(t, "curl", "curl")
	need(t, "swift", "python3-swiftclient")
	s := start(t, setting{})
	stat := s.swift(admin, "", "stat", "-v").must(t)
	token := field(t, stat, "Auth Token")
	put := func(method, header, want string) {
		t.Helper()
		got := command{args: []string{
			"curl", "-sS", "-o", os.DevNull, "-w", "%{http_code}", "-X", method, "-H", "X-Auth-Token: " + token, "-H", header, s.url + "/v1/AUTH_new",
		}}.must(t)
		if got != want {
			t.Errorf("%s: %s, want %s", method, got, want)
		}
	}
	put(http.MethodPut, "X-Account-Meta-Subject: Literature", "201")
	put(http.MethodPut, "X-Account-Meta-Quota-Bytes: 20", "202")
	there := func(args ...string) command {
		return s.swift(admin, t.TempDir(), append([]string{"--os-storage-url", s.url + "/v1/AUTH_new", "--os-auth-token", token}, args...)...)
	}
	there("post", "-m", "Colour:blue").must(t)
	stat = there("stat").must(t)
	for name, want := range map[string]string{"Account": "AUTH_new", "Meta Subject": "Literature", "Meta Colour": "blue", "Meta Quota-Bytes": "20"} {
		if got := field(t, stat, name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	there("post", "box").must(t)
	if out := there("list").must(t); out != "box\n" {
		t.Errorf("list: %q", out)
	}
	put(http.MethodDelete, "X-Nothing: x", "204")
	if out := there("stat").fails(t); !strings.Contains(out, "410") && !strings.Contains(out, "Account not found") {
		t.Errorf("stat of a deleted account: %s", out)
	}
}
