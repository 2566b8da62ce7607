//go:build e2e

package clients_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// mountable skips the test where the kernel lets nobody mount; it fails where
// only the programs are missing and should be there.
func mountable(t *testing.T) {
	t.Helper()
	f, err := os.OpenFile("/dev/fuse", os.O_RDWR, 0)
	if err != nil {
		t.Skipf("mounting is not possible here: %v", err)
	}
	f.Close()
	if os.Getuid() != 0 {
		t.Skip("mounting needs root")
	}
}

// mounted tells whether something is mounted on a directory.
func mounted(dir string) bool {
	var here, above syscall.Stat_t
	return syscall.Stat(dir, &here) == nil && syscall.Stat(filepath.Dir(dir), &above) == nil && here.Dev != above.Dev
}

// davfs mounts path with davfs2 until the returned function unmounts it, which
// sends everything. What is closed is sent at once.
func (s *server) davfs(t *testing.T, path string) (dir string, unmount func()) {
	t.Helper()
	return s.davfsWith(t, path, "delay_upload 0")
}

// davfsWith is davfs with a line of configuration in place of that which has
// files sent at once.
func (s *server) davfsWith(t *testing.T, path, setting string) (dir string, unmount func()) {
	t.Helper()
	need(t, "mount.davfs", "davfs2")
	mountable(t)
	home := t.TempDir()
	dir = filepath.Join(home, "drive")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	secrets, conf := filepath.Join(home, "secrets"), filepath.Join(home, "davfs2.conf")
	// The buffer is larger than the default of 16 KiB, with which kernels since
	// 6.15 cannot read directories.
	settings := fmt.Sprintf("secrets %s\nbuf_size 64\nuse_locks 1\n%s\n", secrets, setting)
	if s.ca != "" {
		settings += "trust_ca_cert " + s.ca + "\n"
	}
	for name, text := range map[string]string{
		secrets: fmt.Sprintf("%s%s %s \"%s\"\n", s.url, path, admin.user, admin.password),
		conf:    settings,
	} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	command{args: []string{"mount.davfs", s.url + path, dir, "-o", "conf=" + conf}}.must(t)
	gone := false
	unmount = func() {
		if !gone {
			gone = true
			command{args: []string{"umount", dir}}.must(t)
		}
	}
	t.Cleanup(func() {
		if !gone {
			out, err := exec.Command("umount", "-l", dir).CombinedOutput()
			t.Logf("unmounted at the end: %v %s", err, out)
		}
	})
	if !mounted(dir) {
		t.Fatal("mount.davfs succeeded, but nothing is mounted")
	}
	return dir, unmount
}

// freePort returns a port that nobody listens on just now, and that no other
// test is given: it lies below those that systems choose by themselves.
func freePort(t *testing.T) int {
	t.Helper()
	for range 1000 {
		port := 20_000 + rand.IntN(10_000)
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			_ = l.Close()
			return port
		}
	}
	t.Fatal("no port is free")
	return 0
}

// rcloneMount mounts the container box with rclone.
func (s *server) rcloneMount(t *testing.T) (dir string, sent, unmount func()) {
	t.Helper()
	return s.davRemote(t, "owncloud").mount("gate:box")
}

// mount mounts a folder of a remote. What is written reaches the gateway some
// time after the file is closed; sent waits for that, and so does unmount.
//
// Who renames a folder waits before: what rclone is sending at that moment goes
// to the old name, for which rclone makes the folder anew where it is refused.
func (r *rclone) mount(folder string) (dir string, sent, unmount func()) {
	t := r.t
	t.Helper()
	need(t, "fusermount3", "fuse3")
	mountable(t)
	dir = filepath.Join(t.TempDir(), "drive")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	control := fmt.Sprintf("127.0.0.1:%d", freePort(t))
	args := r.command("mount", folder, dir, "--vfs-cache-mode", "writes", "--vfs-write-back", "2s",
		"--cache-dir", t.TempDir(), "--rc", "--rc-no-auth", "--rc-addr", control).args
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Env = cleanEnv()
	out := &log{}
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	gone := false
	end := func() {
		if gone {
			return
		}
		gone = true
		if unmount, err := exec.Command("fusermount3", "-u", dir).CombinedOutput(); err != nil {
			t.Errorf("fusermount3: %v %s", err, unmount)
			if err := cmd.Process.Kill(); err != nil {
				t.Error(err)
			}
		}
		if err := cmd.Wait(); err != nil {
			t.Errorf("rclone mount: %v", err)
		}
		if t.Failed() {
			t.Logf("rclone mount says:\n%s", out.tail(4000))
		}
	}
	t.Cleanup(end)
	waitFor(t, "rclone to mount", func() bool { return mounted(dir) })
	sent = func() {
		t.Helper()
		waitForUploads(t, r, control)
	}
	return dir, sent, func() {
		t.Helper()
		sent()
		end()
	}
}

// waitForUploads returns when rclone mount has nothing left to send.
func waitForUploads(t *testing.T, r *rclone, control string) {
	t.Helper()
	var stats struct {
		DiskCache struct {
			UploadsInProgress, UploadsQueued, ErroredFiles int
		}
	}
	for limit := time.Now().Add(patience); time.Now().Before(limit); time.Sleep(200 * time.Millisecond) {
		if err := json.Unmarshal([]byte(r.must("rc", "--rc-addr", control, "vfs/stats")), &stats); err != nil {
			t.Fatal(err)
		}
		if c := stats.DiskCache; c.UploadsInProgress+c.UploadsQueued == 0 {
			if c.ErroredFiles > 0 {
				t.Errorf("rclone could not send %d files", c.ErroredFiles)
			}
			return
		}
	}
	t.Fatalf("rclone did not finish: %+v", stats)
}

// makeRepository makes a git repository with two commits of some files, and
// returns it with the files of the last.
func makeRepository(t *testing.T) (repo string, files map[string][]byte) {
	t.Helper()
	need(t, "git", "git")
	repo, files = makeTree(t)
	git(t, repo, "init", "-q", "-b", "main")
	git(t, repo, "add", "-A")
	git(t, repo, "commit", "-q", "-m", "first")
	files["one byte"] = []byte("two bytes, and more")
	if err := os.WriteFile(filepath.Join(repo, "one byte"), files["one byte"], 0o600); err != nil {
		t.Fatal(err)
	}
	git(t, repo, "commit", "-q", "-a", "-m", "second")
	return repo, files
}

func git(t *testing.T, dir string, args ...string) string {
	t.Helper()
	return command{dir: dir, args: append([]string{
		"git", "-c", "user.name=Tester", "-c", "user.email=tester@example.org", "-c", "safe.directory=*", "-c", "core.fileMode=false",
	}, args...)}.must(t)
}

// workOnDrive does on a mounted folder what people do: clones, commits,
// renames, deletes. It returns the files that must be in it afterwards, except
// git's own.
func workOnDrive(t *testing.T, dir string, sent func()) map[string][]byte {
	t.Helper()
	repo, files := makeRepository(t)
	work := filepath.Join(dir, "work")
	git(t, dir, "clone", "-q", "--no-hardlinks", repo, work)
	if got := git(t, work, "status", "--porcelain"); got != "" {
		t.Errorf("git status after clone:\n%s", got)
	}
	if err := os.WriteFile(filepath.Join(work, "new.txt"), []byte("written on the drive\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	git(t, work, "add", "new.txt")
	git(t, work, "commit", "-q", "-m", "third")
	git(t, work, "fsck", "--full", "--strict")
	if got := len(lines(git(t, work, "log", "--oneline"))); got != 3 {
		t.Errorf("%d commits on the drive, want 3", got)
	}
	sent()
	if err := os.Rename(filepath.Join(work, "many"), filepath.Join(work, "renamed")); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(filepath.Join(work, "names")); err != nil {
		t.Fatal(err)
	}
	want := map[string][]byte{"new.txt": []byte("written on the drive\n")}
	for name, b := range files {
		if rest, ok := strings.CutPrefix(name, "many/"); ok {
			name = "renamed/" + rest
		}
		if !strings.HasPrefix(name, "names/") {
			want[name] = b
		}
	}
	return want
}

// holds compares the folder work of the container box, read over Swift, with
// what was left on the drive, and asks git about its own files.
func (s *server) holds(t *testing.T, want map[string][]byte) {
	t.Helper()
	back := t.TempDir()
	s.swiftRemote(t).must("copy", "--create-empty-src-dirs", "gate:box/work", back)
	git(t, back, "fsck", "--full", "--strict")
	if err := os.RemoveAll(filepath.Join(back, ".git")); err != nil {
		t.Fatal(err)
	}
	sameTree(t, back, want)
}

func TestE2EDavfs2MountCarriesGitRepository(t *testing.T) {
	t.Parallel()
	s := start(t, setting{})
	s.expect(201, admin, "MKCOL", "/dav/box/", "")
	dir, unmount := s.davfs(t, "/dav/box/")
	want := workOnDrive(t, dir, func() {})
	unmount()
	s.holds(t, want)

	// A new mount shows the same.
	dir, unmount = s.davfs(t, "/dav/box/")
	if err := os.RemoveAll(filepath.Join(dir, "work", ".git")); err != nil {
		t.Fatal(err)
	}
	sameTree(t, filepath.Join(dir, "work"), want)
	unmount()
}

// The lock that a mounted drive holds while a file is open binds other doors.
func TestE2EDavfs2LocksOpenFile(t *testing.T) {
	t.Parallel()
	s := start(t, setting{})
	s.expect(201, admin, "MKCOL", "/dav/box/", "")
	s.expect(201, admin, "PUT", "/dav/box/a", "old")
	dir, unmount := s.davfs(t, "/dav/box/")
	f, err := os.OpenFile(filepath.Join(dir, "a"), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString("new"); err != nil {
		t.Error(err)
	}
	s.expect(423, login{}, "PUT", "/v1/AUTH_admin/box/a", "other", s.token(admin))
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	unmount()
	if got := s.expect(200, admin, "GET", "/dav/box/a", ""); got.body != "new" {
		t.Errorf("after the unmount the file holds %q", got.body)
	}
	s.expect(201, login{}, "PUT", "/v1/AUTH_admin/box/a", "other", s.token(admin))
}

// Both over TLS, with an authority that only they are told of.
func TestE2EDrivesOverTLS(t *testing.T) {
	t.Parallel()
	s := startTLS(t)
	dir, files := makeTree(t)
	for name, mount := range map[string]func(*testing.T) (dir string, sent, unmount func()){
		"davfs2": func(t *testing.T) (string, func(), func()) {
			dir, unmount := s.davfs(t, "/dav/box/")
			return dir, func() {}, unmount
		},
		"rclone": s.rcloneMount,
	} {
		t.Run(name, func(t *testing.T) {
			drive, sent, unmount := mount(t)
			command{args: []string{"cp", "-r", dir, filepath.Join(drive, name)}}.must(t)
			sent()
			if err := os.Rename(filepath.Join(drive, name, "big.bin"), filepath.Join(drive, name, "a", "big ü.bin")); err != nil {
				t.Error(err)
			}
			unmount()
			want := maps.Clone(files)
			want["a/big ü.bin"] = want["big.bin"]
			delete(want, "big.bin")
			back := t.TempDir()
			s.swiftRemote(t).must("copy", "gate:box/"+name, back)
			sameTree(t, back, want)
		})
	}
}

func TestE2ERcloneMountCarriesGitRepository(t *testing.T) {
	t.Parallel()
	s := start(t, setting{})
	s.expect(201, admin, "MKCOL", "/dav/box/", "")
	dir, sent, unmount := s.rcloneMount(t)
	want := workOnDrive(t, dir, sent)
	unmount()
	s.holds(t, want)
}

// lftp 4.9.2 reads folders as web pages here: with http:use-propfind it follows
// each PUT with a PROPPATCH whose Authorization comes after the body, which no
// server with passwords takes.
func TestE2ELftpMirrorsTree(t *testing.T) {
	t.Parallel()
	need(t, "lftp", "lftp")
	s := start(t, setting{})
	s.expect(201, admin, "MKCOL", "/dav/box/", "")
	dir, files := makeTree(t)
	const tilde = "names/~tilde (x) [y] {z}!.txt" // mirror takes no file whose name begins so
	delete(files, tilde)
	if err := os.Remove(filepath.Join(dir, tilde)); err != nil {
		t.Fatal(err)
	}
	back := t.TempDir()
	script := strings.Join([]string{
		"set cmd:fail-exit yes", "set net:max-retries 2", "set http:use-propfind no",
		fmt.Sprintf("open -u '%s','%s' %s/dav/box/", admin.user, admin.password, s.url),
		"mirror -R " + dir + " tree",
		"mv tree/many tree/moved",
		"rm tree/empty",
		"mirror tree " + back,
	}, "\n") + "\n"
	command{dir: t.TempDir(), env: []string{"HOME=" + t.TempDir()}, stdin: script, args: []string{"lftp", "-f", "/dev/stdin"}}.must(t)
	want := map[string][]byte{}
	for name, b := range files {
		if rest, ok := strings.CutPrefix(name, "many/"); ok {
			name = "moved/" + rest
		}
		if name != "empty" {
			want[name] = b
		}
	}
	sameTree(t, back, want)
}
