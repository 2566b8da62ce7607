//go:build e2e

package clients_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// newerRclone is the directory of an rclone that sends large files in pieces,
// and of the tests of its WebDAV backend, see .ci/with-rclone.
func newerRclone(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("TEST_RCLONE")
	if dir == "" {
		missing(t, "an rclone that is built from its module: make e2e")
	}
	return dir
}

// startChunking starts a gateway that takes uploads in pieces, with a container
// called box.
func startChunking(t *testing.T) *server {
	t.Helper()
	conf := filepath.Join(t.TempDir(), "entrepot.toml")
	if err := os.WriteFile(conf, []byte("[dav]\nchunking = true\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := start(t, setting{args: []string{"--config", conf}})
	s.expect(201, admin, "MKCOL", "/dav/box/", "")
	return s
}

// chunkingRemote writes a configuration for the newer rclone with remotes named
// after vendors, which reach the gateway at url.
func chunkingRemote(t *testing.T, dir, url string) (config string) {
	t.Helper()
	hidden := strings.TrimSpace(command{args: []string{filepath.Join(dir, "rclone"), "obscure", adminPassword}}.must(t))
	var text strings.Builder
	for _, vendor := range []string{"nextcloud", "owncloud", "other"} {
		path := "/dav"
		if vendor == "nextcloud" {
			path = "/remote.php/dav/files/admin"
		}
		// Names are UTF-8 here: rclone writes bytes that are not in its own way.
		fmt.Fprintf(&text, "[%s]\ntype = webdav\nurl = %s%s\nvendor = %s\nuser = admin\npass = %s\nnextcloud_chunk_size = 5Mi\n"+
			"encoding = Slash,Ctl,Del,Dot,InvalidUtf8\n\n", vendor, url, path, vendor, hidden)
	}
	config = filepath.Join(t.TempDir(), "rclone.conf")
	if err := os.WriteFile(config, []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return config
}

// relay passes connections on to a server and returns its own URL. It breaks a
// connection off whenever so many bytes have gone to the server in all, for at
// most times times.
func relay(t *testing.T, url string, every int64, times int64) (_ string, broken *atomic.Int64) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	var sent atomic.Int64
	broken = &atomic.Int64{}
	go func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer client.Close()
				server, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
				if err != nil {
					return
				}
				defer server.Close()
				go func() { _, _ = io.Copy(client, server) }()
				buf := make([]byte, 64<<10)
				for {
					n, err := client.Read(buf)
					if err != nil {
						return
					}
					if before := sent.Add(int64(n)) - int64(n); before/every != (before+int64(n))/every && broken.Add(1) <= times {
						return
					}
					if _, err := server.Write(buf[:n]); err != nil {
						return
					}
				}
			}()
		}
	}()
	return "http://" + l.Addr().String(), broken
}

// Large files go up in pieces, several at a time and over connections that
// break, and come back as they were: bytes, digests, times.
func TestE2ERcloneSendsLargeFilesInPieces(t *testing.T) {
	t.Parallel()
	dir := newerRclone(t)
	s := startChunking(t)
	through, broken := relay(t, s.url, 60<<20, 3)
	config := chunkingRemote(t, dir, through)
	rclone := func(args ...string) string {
		t.Helper()
		return command{args: append([]string{filepath.Join(dir, "rclone"), "--config", config, "--retries", "1", "--low-level-retries", "5"}, args...)}.must(t)
	}
	local, back := t.TempDir(), t.TempDir()
	files := map[string][]byte{
		"large.bin": content(61, 200<<20), "a/one.bin": content(62, 5<<20+1), "a/two.bin": content(63, 31<<20), "b/three.bin": content(64, 17<<20+5),
		"whole.bin": content(65, 5<<20), "small": []byte("small"),
	}
	day := time.Date(2021, 3, 4, 5, 6, 7, 0, time.UTC)
	for name, data := range files {
		path := filepath.Join(local, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, day, day); err != nil {
			t.Fatal(err)
		}
	}
	rclone("copy", "--transfers", "4", local, "nextcloud:box")
	if broken.Load() < 3 {
		t.Errorf("%d connections were broken off", broken.Load())
	}
	rclone("check", "--download", local, "nextcloud:box")
	rclone("check", local, "nextcloud:box") // by SHA-1
	rclone("check", local, "owncloud:box")
	// Another time alone is no reason to send a file again: one for each remote.
	later := day.Add(48 * time.Hour)
	for remote, name := range map[string]string{"nextcloud": "small", "owncloud": "a/one.bin"} {
		if err := os.Chtimes(filepath.Join(local, name), later, later); err != nil {
			t.Fatal(err)
		}
		verbose := command{args: []string{filepath.Join(dir, "rclone"), "--config", config, "copy", "--stats-one-line", "-v", local, remote + ":box"}}
		if _, log, code := verbose.run(t); code != 0 || !strings.Contains(log, "There was nothing to transfer") {
			t.Errorf("exit code %d: what is at %s already was copied again:\n%s", code, remote, log)
		}
		if got := s.expect(200, admin, "HEAD", "/dav/box/"+name, "").header.Get("Last-Modified"); got != later.Format(http.TimeFormat) {
			t.Errorf("the time of %s is %s", name, got)
		}
	}
	rclone("copy", "nextcloud:box", back)
	sameTree(t, back, files)
	if info, err := os.Stat(filepath.Join(back, "large.bin")); err != nil || !info.ModTime().Equal(day) {
		t.Errorf("the time of large.bin came back as %v, %v", info.ModTime(), err)
	}
	if got := s.expect(200, admin, "HEAD", "/durastore/box/large.bin", "").header.Get("Content-Md5"); got != md5hex(files["large.bin"]) {
		t.Errorf("DuraCloud's checksum is %s", got)
	}
	rclone("moveto", "nextcloud:box/large.bin", "nextcloud:box/moved.bin")
	rclone("copyto", "nextcloud:box/moved.bin", "nextcloud:box/copied.bin")
	rclone("delete", "nextcloud:box/moved.bin")
	if got := s.expect(200, admin, "GET", "/dav/box/copied.bin", "").body; got != string(files["large.bin"]) {
		t.Errorf("%d bytes of the copy", len(got))
	}
	if text := s.entrepot("", "check", "--content"); !strings.Contains(text, "sound") {
		t.Error(text)
	}
}

// rclone's own tests of its WebDAV backend pass, for a drive like others and
// for those with further abilities.
func TestE2ERclonesOwnTestsOfWebDAV(t *testing.T) {
	t.Parallel()
	dir := newerRclone(t)
	source, err := os.ReadFile(filepath.Join(dir, "source"))
	if err != nil {
		t.Fatal(err)
	}
	s := startChunking(t)
	config := chunkingRemote(t, dir, s.url)
	for vendor, least := range map[string]int{"nextcloud": 117, "owncloud": 135, "other": 117} {
		t.Run(vendor, func(t *testing.T) {
			t.Parallel()
			out := command{
				args:  []string{filepath.Join(dir, "webdav.test"), "-test.v", "-test.run", "^TestIntegration$", "-remote", vendor + ":box/" + vendor},
				dir:   filepath.Join(strings.TrimSpace(string(source)), "backend", "webdav"),
				env:   []string{"RCLONE_CONFIG=" + config},
				limit: 2 * patience,
			}.must(t)
			if n := strings.Count(out, "--- PASS"); n < least || strings.Contains(out, "--- FAIL") {
				t.Errorf("%d tests passed, %d are expected\n%s", n, least, last(out, 4000))
			}
		})
	}
}
