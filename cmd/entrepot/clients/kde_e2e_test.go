//go:build e2e

package clients_test

import (
	be "encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode/utf16"
)

// kioSession works on a folder as Dolphin does, below which the same worker
// lies. The login is in KDE's memory, as it is once somebody has typed it.
//
// KDE's password server outlives its session; the script ends it.
const kioSession = `set -e
trap 'kill $(gdbus call --session --timeout 60 --dest org.freedesktop.DBus --object-path /org/freedesktop/DBus \
	--method org.freedesktop.DBus.GetConnectionUnixProcessID org.kde.kiod5 | tr -dc "0-9 " | cut -d" " -f2)' EXIT
gdbus call --session --timeout 60 --dest org.kde.kpasswdserver --object-path /modules/kpasswdserver \
	--method org.kde.KPasswdServer.addAuthInfo "$LOGIN" 0
kio() { timeout -k 5 100 kioclient5 --noninteractive "$@"; }
kio copy "file://$SENT" "$DRIVE/a b.bin"
kio ls "$DRIVE/"
kio stat "$DRIVE/a b.bin"
kio cat "$DRIVE/a b.bin" >"$GOT.cat"
kio move "$DRIVE/a b.bin" "$DRIVE/c ü.bin"
kio copy "$DRIVE/c ü.bin" "$DRIVE/d.bin"
kio copy "$DRIVE/c ü.bin" "file://$GOT"
kio remove "$DRIVE/c ü.bin"
`

// kdeLogin is what KDE's password server takes: a login in Qt's serial form,
// as the literal of an array of bytes.
func kdeLogin(url string, as login) string {
	b := []byte{1} // the form's version
	lengthAnd := func(p []byte) {
		b = append(be.BigEndian.AppendUint32(b, uint32(len(p))), p...)
	}
	text := func(s string) {
		var p []byte
		for _, u := range utf16.Encode([]rune(s)) {
			p = be.BigEndian.AppendUint16(p, u)
		}
		lengthAnd(p)
	}
	lengthAnd([]byte(url))
	// Name, password, prompt, caption, comment and its label, realm, digest.
	for _, s := range []string{as.user, as.password, "", "", "", "", "Entrepot", ""} {
		text(s)
	}
	b = append(b, 0, 0, 1, 0) // any path: no, read-only: no, keep: yes, modified: no
	b = append(b, 0, 0, 0, 0) // no further fields
	var out []string
	for _, c := range b {
		out = append(out, fmt.Sprintf("byte 0x%02x", c))
	}
	return "[" + strings.Join(out, ", ") + "]"
}

func TestE2EKDEWorksOnFolder(t *testing.T) {
	t.Parallel()
	need(t, "kioclient5", "kde-cli-tools")
	need(t, "gdbus", "libglib2.0-bin")
	need(t, "dbus-run-session", "dbus-daemon")
	s := start(t, setting{})
	s.expect(201, admin, "MKCOL", "/dav/box/", "")
	dir, home := t.TempDir(), t.TempDir()
	sent, got := filepath.Join(dir, "sent.bin"), filepath.Join(dir, "got.bin")
	// KIO sends a worker's first PUT without the login, and must have sent it
	// all to read that one is needed. net/http alone takes in 256 KiB.
	text := content(91, 20_000_000)
	if err := os.WriteFile(sent, text, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(home, ".config"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(home, ".config", "kwalletrc"), []byte("[Wallet]\nEnabled=false\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, host, _ := strings.Cut(s.url, "://")
	drive := "webdav://" + admin.user + "@" + host + "/dav/box"
	run, err := os.MkdirTemp("", "kde") // sockets lie there, whose paths must be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(run) })
	out, err := os.Create(filepath.Join(dir, "out")) // a file: KDE's own servers would keep a pipe open
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	cmd := exec.Command("dbus-run-session", "--", "sh", "-c", kioSession)
	cmd.Env = append(cleanEnv(), "HOME="+home, "XDG_RUNTIME_DIR="+run, "QT_QPA_PLATFORM=offscreen", "LANG=C.UTF-8",
		"LOGIN="+kdeLogin(drive, admin), "SENT="+sent, "GOT="+got, "DRIVE="+drive)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	late := time.AfterFunc(4*time.Minute, func() { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) })
	err = cmd.Wait()
	late.Stop()
	printed, readErr := os.ReadFile(out.Name())
	if err != nil || readErr != nil {
		t.Fatalf("KDE: %v, %v\n%s", err, readErr, last(string(printed), 4000))
	}
	for _, part := range []string{"\na b.bin\n", "20000000"} {
		if !strings.Contains(string(printed), part) {
			t.Errorf("KDE does not show %q:\n%s", part, printed)
		}
	}
	for _, name := range []string{got, got + ".cat"} {
		if b, err := os.ReadFile(name); err != nil || md5hex(b) != md5hex(text) {
			t.Errorf("%s: %d bytes, %v", name, len(b), err)
		}
	}
	if list := s.expect(200, login{}, "GET", "/v1/AUTH_admin/box", "", s.token(admin)); list.body != "d.bin\n" {
		t.Errorf("Swift lists %q after the session", list.body)
	}
}
