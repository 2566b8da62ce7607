//go:build e2e

package clients_test

import (
	"bufio"
	"fmt"
	"html"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// office is LibreOffice without a window, with one person at it.
type office struct {
	t      *testing.T
	in     io.WriteCloser
	answer chan string
	errs   *log
}

// startOffice starts LibreOffice in a profile of its own. The name is what it
// writes into locks, the login what it answers when asked for one.
func startOffice(t *testing.T, given, family string, as login) *office {
	t.Helper()
	need(t, "soffice", "libreoffice-writer-nogui")
	need(t, "/usr/bin/python3", "python3")
	if _, _, code := (command{args: []string{"/usr/bin/python3", "-c", "import uno"}}).run(t); code != 0 {
		missing(t, "the Debian package python3-uno")
	}
	profile := t.TempDir()
	if err := os.Mkdir(filepath.Join(profile, "user"), 0o700); err != nil {
		t.Fatal(err)
	}
	settings := `<?xml version="1.0" encoding="UTF-8"?><oor:items xmlns:oor="http://openoffice.org/2001/registry">`
	for name, value := range map[string]string{"givenname": given, "sn": family} {
		settings += fmt.Sprintf(`<item oor:path="/org.openoffice.UserProfile/Data"><prop oor:name="%s" oor:op="fuse"><value>%s</value></prop></item>`, name, html.EscapeString(value))
	}
	if err := os.WriteFile(filepath.Join(profile, "user", "registrymodifications.xcu"), []byte(settings+"</oor:items>\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	o := &office{t: t, answer: make(chan string), errs: &log{}}
	cmd := exec.Command("/usr/bin/python3", "testdata/office.py", profile, as.user, as.password)
	cmd.Env = append(cleanEnv(), "HOME="+t.TempDir(), "LANG=C.UTF-8")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Stderr = o.errs
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if o.in, err = cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	read := make(chan struct{})
	go func() {
		defer close(read)
		defer close(o.answer)
		for s := bufio.NewScanner(out); s.Scan(); {
			o.answer <- s.Text()
		}
	}()
	t.Cleanup(func() { o.end(cmd, read) })
	o.expect("ok")
	return o
}

// end lets the program stop, and stops it where it does not.
func (o *office) end(cmd *exec.Cmd, read <-chan struct{}) {
	o.in.Close()
	late := time.AfterFunc(2*time.Minute, func() { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) })
	defer late.Stop()
	for range o.answer {
		// Nobody waits for these any more.
	}
	<-read
	if err := cmd.Wait(); err != nil {
		o.t.Errorf("LibreOffice: %v\n%s", err, o.errs.tail(2000))
	}
}

// expect reads one answer.
func (o *office) expect(want string) {
	o.t.Helper()
	select {
	case got := <-o.answer:
		if got != want {
			o.t.Fatalf("LibreOffice answers %q, want %q\n%s", got, want, o.errs.tail(2000))
		}
	case <-time.After(2 * time.Minute):
		o.t.Fatalf("LibreOffice does not answer\n%s", o.errs.tail(2000))
	}
}

// does has one thing done.
func (o *office) does(what, want string) {
	o.t.Helper()
	if _, err := io.WriteString(o.in, what+"\n"); err != nil {
		o.t.Fatal(err)
	}
	o.expect(want)
}

// LibreOffice asks for the login, stores a new document, and edits it where it
// lies. Whoever opens it meanwhile is told that it is locked and reads; other
// doors cannot write it. When it is closed the next may write.
func TestE2ELibreOfficeLocksWhatItEdits(t *testing.T) {
	t.Parallel()
	need(t, "soffice", "libreoffice-writer-nogui")
	s := start(t, setting{})
	bobs := login{"bob", "bob's own password"}
	s.addUser(bobs.user, "admin", "owner", bobs.password)
	s.expect(201, admin, "MKCOL", "/dav/box/", "")
	_, host, _ := strings.Cut(s.url, "://")
	const path = "/dav/box/a%20letter.odt"
	url := "vnd.sun.star.webdav://" + host + path

	ada := startOffice(t, "Ada", "Lovelace & Co", admin)
	bob := startOffice(t, "Bob", "Ünder", bobs)
	ada.does("new", "ok")
	ada.does("write first", "ok")
	ada.does("saveas "+url, "ok")
	who := func() string {
		return s.expect(207, bobs, "PROPFIND", path, `<propfind xmlns="DAV:"><prop><lockdiscovery/></prop></propfind>`, "Depth: 0").body
	}
	if found := who(); !strings.Contains(found, ">LibreOffice - Ada Lovelace &amp; Co<") || !strings.Contains(found, "<D:exclusive/>") {
		t.Errorf("while the document is open its locks are\n%s", found)
	}
	bob.does("open "+url, "ok locked")
	bob.does("text", "ok first")
	bob.does("close", "ok")
	s.expect(423, bobs, "PUT", path, "stolen")
	s.expect(423, login{}, "PUT", "/v1/AUTH_admin/box/a%20letter.odt", "stolen", s.token(admin))

	ada.does("write second", "ok")
	ada.does("save", "ok")
	ada.does("close", "ok")
	if found := who(); strings.Contains(found, "activelock") {
		t.Errorf("the document is closed, and its locks are\n%s", found)
	}
	bob.does("open "+url, "ok to write")
	bob.does("text", "ok second")
	bob.does("write third", "ok")
	bob.does("save", "ok")
	bob.does("close", "ok")
	got := s.expect(200, admin, "GET", path, "")
	if !strings.HasPrefix(got.body, "PK") || !strings.Contains(got.body, "mimetypeapplication/vnd.oasis.opendocument.text") {
		t.Errorf("what is stored is no text document: %d bytes", len(got.body))
	}
	ada.does("open "+url, "ok to write")
	ada.does("text", "ok third")
	ada.does("close", "ok")
}
