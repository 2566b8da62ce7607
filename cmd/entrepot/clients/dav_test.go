package clients_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

var litmusSummary = regexp.MustCompile("(?m)^<- summary for `(\\w+)': of (\\d+) tests run: (\\d+) passed, (\\d+) failed")

// All five suites of litmus 0.13, at the root of an account's tree and inside
// a container.
func TestLitmusPassesEveryTest(t *testing.T) {
	t.Parallel()
	need(t, "litmus", "litmus")
	s := start(t, setting{})
	s.expect(201, admin, "MKCOL", "/dav/box/", "")
	for _, path := range []string{"/dav/box/", "/dav/box/deeper/"} {
		if path != "/dav/box/" {
			s.expect(201, admin, "MKCOL", path, "")
		}
		printed := command{dir: t.TempDir(), args: []string{"litmus", s.url + path, admin.user, admin.password}}.must(t)
		run, passed := 0, 0
		suites := litmusSummary.FindAllStringSubmatch(printed, -1)
		for _, suite := range suites {
			n, _ := strconv.Atoi(suite[2])
			ok, _ := strconv.Atoi(suite[3])
			run, passed = run+n, passed+ok
		}
		if len(suites) != 5 || run != 104 || passed != 104 {
			t.Errorf("%s: %d suites, %d tests run, %d passed; want 5, 104, 104\n%s", path, len(suites), run, passed, printed)
		}
		for _, bad := range []string{"WARNING", "FAIL", "SKIPPED"} {
			if strings.Contains(printed, bad) {
				t.Errorf("%s: litmus prints %s\n%s", path, bad, printed)
			}
		}
	}
}

// cadaver runs a session of commands; the login comes from a .netrc.
func (s *server) cadaver(t *testing.T, path, session string) string {
	t.Helper()
	need(t, "cadaver", "cadaver")
	home := t.TempDir()
	netrc := "machine 127.0.0.1\nlogin " + admin.user + "\npassword \"" + admin.password + "\"\n"
	if err := os.WriteFile(filepath.Join(home, ".netrc"), []byte(netrc), 0o600); err != nil {
		t.Fatal(err)
	}
	args := []string{"cadaver", s.url + path}
	if strings.HasPrefix(s.url, "https:") {
		// It shows certificates to people only: at a terminal.
		args = []string{"script", "-q", "-e", "-c", strings.Join(args, " "), "/dev/null"}
	}
	return command{dir: home, env: []string{"HOME=" + home, "TERM=dumb"}, stdin: session, args: args}.must(t)
}

func TestCadaverSession(t *testing.T) {
	t.Parallel()
	need(t, "cadaver", "cadaver")
	s := start(t, setting{})
	dir := t.TempDir()
	text := content(11, 50000)
	sent, got := filepath.Join(dir, "sent.bin"), filepath.Join(dir, "got.bin")
	if err := os.WriteFile(sent, text, 0o600); err != nil {
		t.Fatal(err)
	}
	printed := s.cadaver(t, "/dav/", strings.Join([]string{
		"mkcol box", "cd box", "put " + sent + " a.bin", "copy a.bin b.bin", "move b.bin c.bin", "mkcol sub",
		"copy sub sub2", "propset c.bin colour blue", "propget c.bin colour", "lock a.bin", "discover a.bin",
		"unlock a.bin", "get c.bin " + got, "ls", "delete a.bin", "rmcol sub", "quit",
	}, "\n")+"\n")
	for _, bad := range []string{"failed", "Failed", "error", "Error"} {
		if strings.Contains(printed, bad) {
			t.Errorf("cadaver prints %q:\n%s", bad, printed)
		}
	}
	if !strings.Contains(printed, "blue") {
		t.Errorf("propget does not show the property:\n%s", printed)
	}
	if b, err := os.ReadFile(got); err != nil || md5hex(b) != md5hex(text) {
		t.Errorf("get: %d bytes, %v", len(b), err)
	}
	tok := s.token(admin)
	list := s.expect(200, login{}, "GET", "/v1/AUTH_admin/box", "", tok)
	if list.body != "c.bin\nsub2/\n" {
		t.Errorf("Swift lists %q after the session", list.body)
	}
}
