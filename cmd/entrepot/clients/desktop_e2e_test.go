//go:build e2e

package clients_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// gvfsSession works on a mounted folder as GNOME's Files does. The password is
// asked for on standard input.
const gvfsSession = `set -e
printf '%s\n' "$PASSWORD" | gio mount "$DRIVE"
gio copy "$SENT" "$DRIVE/a.bin"
gio mkdir "$DRIVE/sub folder"
gio move "$DRIVE/a.bin" "$DRIVE/sub folder/b.bin"
gio rename "$DRIVE/sub folder/b.bin" "c ü.bin"
gio list -l "$DRIVE/sub folder"
gio info -f "$DRIVE/"
gio copy "$DRIVE/sub folder/c ü.bin" "$GOT"
gio remove "$DRIVE/sub folder/c ü.bin"
gio mount -u "$DRIVE"
`

func TestE2EGnomeMountsAndWorks(t *testing.T) {
	t.Parallel()
	need(t, "gio", "libglib2.0-bin")
	need(t, "dbus-run-session", "dbus-daemon")
	need(t, "/usr/libexec/gvfsd-dav", "gvfs-backends")
	s := start(t, setting{})
	s.expect(201, admin, "MKCOL", "/dav/box/", "")
	dir := t.TempDir()
	sent, got := filepath.Join(dir, "sent.bin"), filepath.Join(dir, "got.bin")
	text := content(23, 300_000)
	if err := os.WriteFile(sent, text, 0o600); err != nil {
		t.Fatal(err)
	}
	_, host, _ := strings.Cut(s.url, "://")
	out, errs, code := command{
		env: []string{
			"HOME=" + t.TempDir(), "XDG_RUNTIME_DIR=" + t.TempDir(), "PASSWORD=" + admin.password, "SENT=" + sent, "GOT=" + got,
			"DRIVE=dav://" + admin.user + "@" + host + "/dav/box", "GVFS_DISABLE_FUSE=1",
		},
		args: []string{"dbus-run-session", "--", "sh", "-c", gvfsSession},
	}.run(t)
	if code != 0 && strings.Contains(errs, "volume doesn’t implement mount") {
		t.Skipf("gvfs does not run here: %s", errs)
	}
	if code != 0 {
		t.Fatalf("exit code %d\n%s%s", code, out, errs)
	}
	if !strings.Contains(out, "c ü.bin\t300000") || !strings.Contains(out, "filesystem::free") {
		t.Errorf("it prints\n%s", out)
	}
	if b, err := os.ReadFile(got); err != nil || md5hex(b) != md5hex(text) {
		t.Errorf("%d bytes, %v", len(b), err)
	}
	s.expect(404, admin, "GET", "/dav/box/sub%20folder/c%20%C3%BC.bin", "")
}

// Chromium shows folders as pages, and runs nothing that users stored.
func TestE2EChromiumShowsFolders(t *testing.T) {
	t.Parallel()
	need(t, "chromium", "chromium")
	s := start(t, setting{})
	s.expect(201, admin, "MKCOL", "/dav/box/", "")
	s.expect(201, admin, "MKCOL", "/dav/box/sub/", "")
	s.expect(201, admin, "PUT", "/dav/box/a%20%3Cb%3E%20%26%20c.txt", "text")
	s.expect(201, admin, "PUT", "/dav/box/evil.html",
		"<html><body><p id=p>quiet</p><script>document.getElementById('p').textContent='ran'</script></body></html>", "Content-Type: text/html")
	dom := func(path string) string {
		t.Helper()
		return command{
			env: []string{"HOME=" + t.TempDir()}, limit: 2 * patience,
			args: []string{
				"chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--disable-background-networking",
				"--user-data-dir=" + t.TempDir(), "--dump-dom", s.withLogin("http", path),
			},
		}.must(t)
	}
	page := dom("/dav/box/")
	for _, part := range []string{`<a href="sub/">sub/</a>`, `<a href="a%20%3Cb%3E%20%26%20c.txt">a &lt;b&gt; &amp; c.txt</a>`, `<a href="../">`} {
		if !strings.Contains(page, part) {
			t.Errorf("the page of the folder lacks %s:\n%s", part, page)
		}
	}
	if got := dom("/dav/box/evil.html"); !strings.Contains(got, "quiet") || strings.Contains(got, ">ran<") {
		t.Errorf("a stored page ran its script:\n%s", got)
	}
}
