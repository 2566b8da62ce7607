//go:build e2e

package clients_test

import (
	"encoding/base64"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// netrc writes the administrator's login where programs look for it, and
// returns the home directory.
func netrc(t *testing.T) (home string) {
	t.Helper()
	home = t.TempDir()
	text := "machine 127.0.0.1\nlogin " + admin.user + "\npassword \"" + admin.password + "\"\n"
	if err := os.WriteFile(filepath.Join(home, ".netrc"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return home
}

// withLogin puts the administrator's login into a URL.
func (s *server) withLogin(scheme, path string) string {
	_, host, _ := strings.Cut(s.url, "://")
	return scheme + "://" + url.UserPassword(admin.user, admin.password).String() + "@" + host + path
}

// The grid's client: it sends white space inside empty elements, probes with
// HEAD, and moves. Over plain HTTP it answers no challenge, whoever makes it,
// so that the login goes along from the start.
func TestE2EDavixStoresMovesAndReads(t *testing.T) {
	t.Parallel()
	need(t, "davix-put", "davix")
	s := start(t, setting{})
	s.expect(201, admin, "MKCOL", "/dav/box/", "")
	dir := t.TempDir()
	sent, got := filepath.Join(dir, "sent.bin"), filepath.Join(dir, "got.bin")
	text := content(21, 3<<20+5)
	if err := os.WriteFile(sent, text, 0o600); err != nil {
		t.Fatal(err)
	}
	basic := base64.StdEncoding.EncodeToString([]byte(admin.user + ":" + admin.password))
	davix := func(program string, args ...string) string {
		t.Helper()
		out, errs, code := command{args: append([]string{program, "-H", "Authorization: Basic " + basic}, args...)}.run(t)
		// davix-mv 0.8.4 ends with 255 whatever becomes of it, and says what went wrong.
		if strings.Contains(out+errs, "Error") || code != 0 && program != "davix-mv" {
			t.Fatalf("%s %q: exit code %d\n%s%s", program, args, code, out, errs)
		}
		return out
	}
	base := s.url + "/dav/box"
	davix("davix-mkdir", base+"/sub")
	davix("davix-put", sent, base+"/sub/a.bin")
	davix("davix-mv", base+"/sub/a.bin", base+"/sub/b.bin")
	s.expect(201, admin, "COPY", "/dav/box/sub/b.bin", "", "Destination: /dav/box/sub/c.bin")
	listed := davix("davix-ls", "-l", base+"/sub/")
	for _, name := range []string{"b.bin", "c.bin"} {
		if !strings.Contains(listed, name) {
			t.Errorf("davix-ls does not show %s:\n%s", name, listed)
		}
	}
	if strings.Contains(listed, "a.bin") || !strings.Contains(listed, fmt.Sprint(len(text))) {
		t.Errorf("davix-ls shows\n%s", listed)
	}
	davix("davix-get", base+"/sub/c.bin", got)
	if b, err := os.ReadFile(got); err != nil || md5hex(b) != md5hex(text) {
		t.Errorf("davix-get: %d bytes, %v", len(b), err)
	}
	davix("davix-rm", base+"/sub/c.bin")
	s.expect(404, admin, "GET", "/dav/box/sub/c.bin", "")
}

// git pushes over DAV with locks, and others clone what it left.
func TestE2EGitPushesOverDAV(t *testing.T) {
	t.Parallel()
	need(t, "git", "git")
	s := start(t, setting{})
	s.expect(201, admin, "MKCOL", "/dav/box/", "")
	repo, files := makeRepository(t)
	bare := filepath.Join(t.TempDir(), "r.git")
	git(t, repo, "init", "-q", "--bare", "-b", "main", bare)
	git(t, bare, "update-server-info")
	s.davRemote(t, "owncloud").must("copy", "--create-empty-src-dirs", bare, "gate:box/r.git")

	remote := s.withLogin("http", "/dav/box/r.git/")
	home := netrc(t)
	run := func(dir string, args ...string) string {
		t.Helper()
		return command{dir: dir, env: []string{"HOME=" + home}, args: append([]string{
			"git", "-c", "user.name=Tester", "-c", "user.email=tester@example.org", "-c", "safe.directory=*", "-c", "core.fileMode=false",
		}, args...)}.must(t)
	}
	run(repo, "push", remote, "main")
	clone := filepath.Join(t.TempDir(), "clone")
	run(repo, "clone", "-q", "-b", "main", remote, clone)
	if err := os.WriteFile(filepath.Join(clone, "more.txt"), []byte("more\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	run(clone, "add", "more.txt")
	run(clone, "commit", "-q", "-m", "third")
	run(clone, "push", remote, "main")
	again := filepath.Join(t.TempDir(), "again")
	run(repo, "clone", "-q", "-b", "main", remote, again)
	run(again, "fsck", "--full", "--strict")
	if got := len(lines(run(again, "log", "--oneline"))); got != 3 {
		t.Errorf("%d commits came back, want 3", got)
	}
	if err := os.RemoveAll(filepath.Join(again, ".git")); err != nil {
		t.Fatal(err)
	}
	files["more.txt"] = []byte("more\n")
	sameTree(t, again, files)
}

// webdavSession is what a script with Python's client does.
const webdavSession = `
import sys, json
from webdav3.client import Client
url, user, password, sent, got = sys.argv[1:]
c = Client({'webdav_hostname': url, 'webdav_login': user, 'webdav_password': password})
assert c.check('/'), 'root'
assert not c.check('none')
c.mkdir('sub')
c.upload_sync(remote_path='sub/a.bin', local_path=sent)
assert c.check('sub/a.bin')
c.copy('sub/a.bin', 'sub/b.bin')
c.move('sub/b.bin', 'sub/c d.bin')
assert set(c.list('sub')) - {'sub/'} == {'a.bin', 'c d.bin'}, c.list('sub')
assert int(c.info('sub/a.bin')['size']) == len(open(sent, 'rb').read())
assert c.is_dir('sub') and not c.is_dir('sub/a.bin')
c.set_property('sub/a.bin', {'namespace': 'urn:x', 'name': 'colour', 'value': 'blue'})
assert c.get_property('sub/a.bin', {'namespace': 'urn:x', 'name': 'colour'}) == 'blue'
c.download_sync(remote_path='sub/c d.bin', local_path=got)
assert int(c.free()) > 0
c.clean('sub/a.bin')
assert not c.check('sub/a.bin')
`

func TestE2EPythonClientRoundTrip(t *testing.T) {
	t.Parallel()
	need(t, "/usr/bin/python3", "python3")
	if _, _, code := (command{args: []string{"/usr/bin/python3", "-c", "import webdav3"}}).run(t); code != 0 {
		missing(t, "the Debian package python3-webdavclient")
	}
	s := start(t, setting{})
	s.expect(201, admin, "MKCOL", "/dav/box/", "")
	dir := t.TempDir()
	sent, got := filepath.Join(dir, "sent.bin"), filepath.Join(dir, "got.bin")
	text := content(22, 100_000)
	if err := os.WriteFile(sent, text, 0o600); err != nil {
		t.Fatal(err)
	}
	command{args: []string{"/usr/bin/python3", "-c", webdavSession, s.url + "/dav/box/", admin.user, admin.password, sent, got}}.must(t)
	if b, err := os.ReadFile(got); err != nil || md5hex(b) != md5hex(text) {
		t.Errorf("download: %d bytes, %v", len(b), err)
	}
}
