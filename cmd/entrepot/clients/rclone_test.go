package clients_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// rclone is the program with a remote called gate.
type rclone struct {
	t      *testing.T
	config string
	ca     string // file with the authority to trust; "": the system's
}

// newRclone writes a configuration for one remote of the kind given by its
// options.
func newRclone(t *testing.T, options ...string) *rclone {
	t.Helper()
	need(t, "rclone", "rclone")
	path := filepath.Join(t.TempDir(), "rclone.conf")
	if err := os.WriteFile(path, []byte("[gate]\n"+strings.Join(options, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return &rclone{t: t, config: path}
}

func (r *rclone) command(args ...string) command {
	own := []string{"rclone", "--config", r.config, "--retries", "1", "--low-level-retries", "1"}
	if r.ca != "" {
		own = append(own, "--ca-cert", r.ca)
	}
	return command{args: append(own, args...)}
}

func (r *rclone) must(args ...string) string {
	r.t.Helper()
	return r.command(args...).must(r.t)
}

func (s *server) swiftRemote(t *testing.T) *rclone {
	r := newRclone(t, "type = swift", "auth = "+s.url+"/auth/v1.0", "user = admin", "key = "+adminPassword, "auth_version = 1")
	r.ca = s.ca
	return r
}

func (s *server) davRemote(t *testing.T, vendor string) *rclone {
	need(t, "rclone", "rclone")
	hidden := strings.TrimSpace(command{args: []string{"rclone", "obscure", adminPassword}}.must(t))
	r := newRclone(t, "type = webdav", "url = "+s.url+"/dav", "vendor = "+vendor, "user = admin", "pass = "+hidden)
	r.ca = s.ca
	return r
}

// remoteCase says what a remote is able to.
type remoteCase struct {
	remote func(s *server, t *testing.T) *rclone
	hashes bool // rclone check compares MD5 without a download
	times  bool // modification times are kept
}

var remotes = map[string]remoteCase{
	"swift":           {func(s *server, t *testing.T) *rclone { return s.swiftRemote(t) }, true, true},
	"webdav other":    {func(s *server, t *testing.T) *rclone { return s.davRemote(t, "other") }, false, false},
	"webdav owncloud": {func(s *server, t *testing.T) *rclone { return s.davRemote(t, "owncloud") }, true, true},
}

func TestRcloneCopiesTreeThereAndBack(t *testing.T) {
	t.Parallel()
	for name, c := range remotes {
		t.Run(name, func(t *testing.T) {
			s := start(t, setting{})
			r := c.remote(s, t)
			dir, files := makeTree(t)
			r.must("mkdir", "gate:box")
			r.must("copy", dir, "gate:box")
			r.must("check", "--download", dir, "gate:box")
			if c.hashes {
				out, errs, code := r.command("check", "-v", dir, "gate:box").run(t)
				if code != 0 || strings.Contains(out+errs, "could not be checked") {
					t.Errorf("rclone check: code %d\n%s%s", code, out, errs)
				}
			}
			if c.times {
				for _, line := range lines(r.must("lsl", "gate:box")) {
					if !strings.Contains(line, " 2024-02-29 12:34:56.") {
						t.Errorf("modification time of %s", line)
					}
				}
			}
			back := t.TempDir()
			r.must("copy", "gate:box", back)
			sameTree(t, back, files)
		})
	}
}

func TestRcloneSyncSendsChangesAndRemovesWhatIsGone(t *testing.T) {
	t.Parallel()
	for name, c := range remotes {
		t.Run(name, func(t *testing.T) {
			s := start(t, setting{})
			r := c.remote(s, t)
			dir, files := makeTree(t)
			r.must("mkdir", "gate:box")
			r.must("sync", dir, "gate:box")

			// A second run finds nothing to send.
			_, report, _ := r.command("sync", "-v", dir, "gate:box").run(t)
			if strings.Contains(report, "Copied") || strings.Contains(report, "Deleted") {
				t.Errorf("the second sync was not idle:\n%s", report)
			}
			files["a/b/other.txt"] = bytes.Repeat([]byte("longer "), 50)
			delete(files, "empty")
			if err := os.WriteFile(filepath.Join(dir, "a/b/other.txt"), files["a/b/other.txt"], 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.Remove(filepath.Join(dir, "empty")); err != nil {
				t.Fatal(err)
			}
			r.must("sync", dir, "gate:box")
			back := t.TempDir()
			r.must("copy", "gate:box", back)
			sameTree(t, back, files)
		})
	}
}

func TestRcloneCopiesMovesAndDeletesOnTheServer(t *testing.T) {
	t.Parallel()
	for name, c := range remotes {
		t.Run(name, func(t *testing.T) {
			s := start(t, setting{})
			r := c.remote(s, t)
			dir, files := makeTree(t)
			r.must("mkdir", "gate:box")
			r.must("copy", dir, "gate:box")

			_, report, code := r.command("copyto", "-v", "gate:box/big.bin", "gate:box/again/big.bin").run(t)
			if code != 0 || !strings.Contains(report, "server-side copy") {
				t.Errorf("copy: code %d\n%s", code, report)
			}
			r.must("moveto", "gate:box/one byte", "gate:box/moved/one")
			r.must("move", "gate:box/many", "gate:box/more")
			r.must("deletefile", "gate:box/empty")
			r.must("purge", "gate:box/names")

			want := map[string][]byte{"again/big.bin": files["big.bin"], "moved/one": files["one byte"]}
			for name, b := range files {
				if rest, ok := strings.CutPrefix(name, "many/"); ok {
					want["more/"+rest] = b
				} else if name != "empty" && name != "one byte" && !strings.HasPrefix(name, "names/") {
					want[name] = b
				}
			}
			back := t.TempDir()
			r.must("copy", "gate:box", back)
			sameTree(t, back, want)
			r.must("purge", "gate:box")
			if got := r.must("lsf", "gate:"); got != "" {
				t.Errorf("after purge the root has %q", got)
			}
		})
	}
}
