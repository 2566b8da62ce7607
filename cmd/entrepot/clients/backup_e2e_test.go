//go:build e2e

package clients_test

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// serveRestic runs rclone's server for restic over the container box, until
// the end of the test, and returns its URL.
func (s *server) serveRestic(t *testing.T) string {
	t.Helper()
	address := fmt.Sprintf("127.0.0.1:%d", freePort(t))
	args := s.davRemote(t, "owncloud").command("serve", "restic", "gate:box", "--addr", address).args
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Env = cleanEnv()
	out := &log{}
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Error(err)
		}
		_ = cmd.Wait() // it was told to end
		if t.Failed() {
			t.Logf("rclone serve restic says:\n%s", out.tail(4000))
		}
	})
	waitFor(t, "rclone to serve", func() bool {
		c, err := net.Dial("tcp", address)
		if err == nil {
			c.Close()
		}
		return err == nil
	})
	return "rest:http://" + address + "/"
}

// restic makes two backups of a tree, checks every byte of the repository,
// forgets the first and restores the second.
func restic(t *testing.T, repository string, env ...string) {
	t.Helper()
	dir, files := makeTree(t)
	env = append([]string{"HOME=" + t.TempDir(), "RESTIC_REPOSITORY=" + repository, "RESTIC_PASSWORD=secret"}, env...)
	run := func(args ...string) string {
		t.Helper()
		return command{dir: dir, env: env, args: append([]string{"restic", "--no-cache"}, args...), limit: 2 * patience}.must(t)
	}
	run("init")
	run("backup", ".")
	files["a/b/other.txt"] = content(31, 200_000)
	if err := os.WriteFile(filepath.Join(dir, "a/b/other.txt"), files["a/b/other.txt"], 0o600); err != nil {
		t.Fatal(err)
	}
	run("backup", ".")
	run("forget", "--keep-last", "1", "--prune")
	run("check", "--read-data")
	back := t.TempDir()
	run("restore", "latest", "--target", back)
	sameTree(t, back, files)
}

func TestE2EResticOverRcloneServe(t *testing.T) {
	t.Parallel()
	need(t, "restic", "restic")
	s := start(t, setting{})
	s.expect(201, admin, "MKCOL", "/dav/box/", "")
	restic(t, s.serveRestic(t))
}

func TestE2EResticOverRclone(t *testing.T) {
	t.Parallel()
	need(t, "restic", "restic")
	s := start(t, setting{})
	s.expect(201, admin, "MKCOL", "/dav/box/", "")
	restic(t, "rclone:gate:box/backup", "RCLONE_CONFIG="+s.davRemote(t, "other").config)
}

func TestE2EDuplicityBacksUpAndRestores(t *testing.T) {
	t.Parallel()
	need(t, "duplicity", "duplicity")
	s := start(t, setting{})
	s.expect(201, admin, "MKCOL", "/dav/box/", "")
	dir, files := makeTree(t)
	_, host, _ := strings.Cut(s.url, "://")
	remote := "webdav://" + admin.user + "@" + host + "/dav/box/backup"
	env := []string{"HOME=" + t.TempDir(), "FTP_PASSWORD=" + admin.password}
	run := func(args ...string) {
		t.Helper()
		command{env: env, limit: 2 * patience, args: append([]string{"duplicity"}, append(args, "--no-encryption", "--volsize", "4")...)}.must(t)
	}
	run("full", dir, remote)
	files["a/b/other.txt"] = content(32, 200_000)
	if err := os.WriteFile(filepath.Join(dir, "a/b/other.txt"), files["a/b/other.txt"], 0o600); err != nil {
		t.Fatal(err)
	}
	run("incremental", dir, remote)
	run("verify", "--compare-data", remote, dir)
	back := filepath.Join(t.TempDir(), "back")
	run("restore", remote, back)
	sameTree(t, back, files)
}
