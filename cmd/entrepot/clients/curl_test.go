package clients_test

import (
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// curl runs curl as admin and returns the status and the body.
func (s *server) curl(t *testing.T, path string, args ...string) (status, body string) {
	t.Helper()
	need(t, "curl", "curl")
	file := filepath.Join(t.TempDir(), "body")
	status = command{args: append([]string{
		"curl", "-sS", "--path-as-is", "-u", admin.user + ":" + admin.password, "-o", file, "-w", "%{http_code}", s.url + path,
	}, args...)}.must(t)
	b, err := os.ReadFile(file)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return status, string(b)
}

func TestCurlPutsReadsRangesAndConditions(t *testing.T) {
	t.Parallel()
	need(t, "curl", "curl")
	s := start(t, setting{})
	dir := t.TempDir()
	text := content(21, 300000)
	file := filepath.Join(dir, "a.bin")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	s.expect(201, admin, "MKCOL", "/dav/box/", "")
	etag := `"` + md5hex(text) + `"`
	const url = "/dav/box/a.bin"
	for _, step := range []struct {
		args       []string
		want, body string
	}{
		{[]string{"-T", file, "-H", "If-None-Match: *"}, "201", ""},
		{[]string{"-T", file, "-H", "If-None-Match: *"}, "412", ""},
		{[]string{"-T", file, "-H", "If-Match: " + etag}, "204", ""},
		{[]string{"-T", file, "-H", `If-Match: "0123"`}, "412", ""},
		{[]string{"-T", file, "-H", "Content-MD5: 1B2M2Y8AsgTpgAmY7PhCfg=="}, "400", ""},
		{nil, "200", string(text)},
		{[]string{"-r", "0-0"}, "206", string(text[:1])},
		{[]string{"-r", "100000-200000"}, "206", string(text[100000:200001])},
		{[]string{"-r", "-7"}, "206", string(text[len(text)-7:])},
		{[]string{"-r", "299999-400000"}, "206", string(text[299999:])},
		{[]string{"-r", "300000-"}, "416", ""},
		{[]string{"-H", "If-None-Match: " + etag}, "304", ""},
		{[]string{"-H", `If-Match: "0123"`}, "412", ""},
		{[]string{"-r", "5-9", "-H", "If-Range: " + etag}, "206", string(text[5:10])},
		{[]string{"-r", "5-9", "-H", `If-Range: "0123"`}, "200", string(text)},
		{[]string{"-X", "DELETE"}, "204", ""},
		{nil, "404", ""},
	} {
		status, body := s.curl(t, url, step.args...)
		if status != step.want {
			t.Errorf("curl %q: %s, want %s\n%s", step.args, status, step.want, last(body, 500))
		}
		if step.want[:2] == "20" && body != step.body {
			t.Errorf("curl %q: %d bytes with MD5 %s, want %d with %s", step.args, len(body), md5hex([]byte(body)), len(step.body), md5hex([]byte(step.body)))
		}
	}
}

// A path that could mean another resource than the one it names is refused,
// never cleaned; Swift takes such bytes as a part of the name.
func TestCurlRawPaths(t *testing.T) {
	t.Parallel()
	need(t, "curl", "curl")
	s := start(t, setting{})
	file := filepath.Join(t.TempDir(), "a")
	if err := os.WriteFile(file, []byte("raw"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.expect(201, admin, "MKCOL", "/dav/box/", "")
	tok := s.token(admin)
	for _, c := range []struct {
		path   string
		status string
	}{
		{"/dav/box/../x", "400"},
		{"/dav/box/./x", "400"},
		{"/dav/box/%2e%2e/x", "400"},
		{"/dav/../v1/x", "400"},
		{"/dav/box/a%2Fb", "400"},
		{"/dav/box/a%00b", "400"},
		{"/dav/box/a%0Ab", "400"},
		{"/dav/box/%ff%fe", "400"},
		{"/dav/box/%zz", "400"},
		{"/dav/box//slashes", "201"}, // counts as one slash
		{"/dav/" + strings.Repeat("c", 257) + "/x", "414"},
		{"/dav/box/" + strings.Repeat("n", 1025), "414"},
		{"/v1/AUTH_admin/box/a%00b", "412"},
		{"/v1/AUTH_admin/box/%ff", "412"},
		{"/v1/AUTH_admin/box/" + strings.Repeat("n", 1025), "400"},
		{"/v1/AUTH_admin/box/a%2Fb", "201"},
		{"/v1/AUTH_admin/box/../up", "201"},
		{"/v1/AUTH_admin/box//slash", "201"},
		{"/v1/AUTH_admin/..%2Fbox/x", "404"},
		{"/nowhere/x", "404"},
		{"/davx/box/x", "404"},
	} {
		args := []string{"-T", file}
		if strings.HasPrefix(c.path, "/v1/") {
			args = append(args, "-H", tok)
		}
		if status, body := s.curl(t, c.path, args...); status != c.status {
			t.Errorf("PUT %s: %s, want %s\n%s", last(c.path, 80), status, c.status, last(body, 300))
		}
	}
	list := s.expect(200, login{}, "GET", "/v1/AUTH_admin/box", "", tok)
	if want := "../up\n/slash\na/b\nslashes\n"; list.body != want {
		t.Errorf("stored names %q, want %q", list.body, want)
	}
	list = s.expect(200, login{}, "GET", "/v1/AUTH_admin", "", tok)
	if list.body != "box\n" {
		t.Errorf("containers %q", list.body)
	}
}

func TestXMLWithDoctypeIsRefused(t *testing.T) {
	t.Parallel()
	need(t, "curl", "curl")
	s := start(t, setting{})
	s.expect(201, admin, "MKCOL", "/dav/box/", "")
	body := `<?xml version="1.0"?><!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><propfind xmlns="DAV:"><prop><displayname>&e;</displayname></prop></propfind>`
	for _, method := range []string{"PROPFIND", "PROPPATCH", "LOCK"} {
		status, text := s.curl(t, "/dav/box/", "-X", method, "--data-binary", body)
		if status != "400" || strings.Contains(text, "root:") {
			t.Errorf("%s: %s %s", method, status, text)
		}
	}
}

// rawPut opens a connection of its own, announces a body and sends less.
func (s *server) rawPut(t *testing.T, path, headers, body string) {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Fprintf(conn, "PUT %s HTTP/1.1\r\nHost: x\r\n%s\r\n%s", path, headers, body); err != nil {
		t.Fatal(err)
	}
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	reply, err := io.ReadAll(conn)
	if err == nil && strings.HasPrefix(string(reply), "HTTP/1.1 2") {
		t.Errorf("PUT %s with a short body: %s", path, reply)
	}
	conn.Close()
}

func TestUploadThatEndsEarlyKeepsOldContent(t *testing.T) {
	t.Parallel()
	s := start(t, setting{})
	tok := s.token(admin)
	s.expect(201, admin, "MKCOL", "/dav/box/", "")
	for _, size := range []int{1000, 200000} {
		old := string(content(uint64(size), size))
		s.expect(201, admin, "PUT", fmt.Sprintf("/dav/box/%d", size), old)
		part := strings.Repeat("n", size/2)
		basic := "Authorization: Basic YWRtaW46Y29ycmVjdCBob3JzZSBiYXR0ZXJ5IHN0YXBsZQ==\r\n"
		for door, auth := range map[string]string{"/dav/box/": basic, "/v1/AUTH_admin/box/": tok + "\r\n"} {
			for _, name := range []string{fmt.Sprint(size), "never-there"} {
				s.rawPut(t, door+name, auth+fmt.Sprintf("Content-Length: %d\r\n", size), part)
				s.rawPut(t, door+name, auth+"Transfer-Encoding: chunked\r\n", fmt.Sprintf("%x\r\n%s\r\n", len(part), part))
			}
		}
		if got := s.expect(200, admin, "GET", fmt.Sprintf("/dav/box/%d", size), ""); got.body != old {
			t.Errorf("%d bytes were replaced by %d", size, len(got.body))
		}
		s.expect(404, admin, "GET", "/dav/box/never-there", "")
	}
}
