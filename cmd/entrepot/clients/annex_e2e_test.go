//go:build e2e

package clients_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// annex is a git repository whose large files are git-annex's.
type annex struct {
	t   *testing.T
	dir string
	env []string
}

// newAnnex makes an annex with the files of a tree.
func newAnnex(t *testing.T) (_ *annex, files map[string][]byte) {
	t.Helper()
	need(t, "git", "git")
	need(t, "git-annex", "git-annex")
	dir, files := makeTree(t)
	a := &annex{t, dir, []string{"HOME=" + t.TempDir(), "LANG=C.UTF-8", "WEBDAV_USERNAME=" + admin.user, "WEBDAV_PASSWORD=" + admin.password}}
	a.git("init", "-q", "-b", "main")
	a.git("config", "user.name", "Tester")
	a.git("config", "user.email", "tester@example.org")
	a.git("annex", "init", "here")
	a.git("annex", "add", ".")
	a.git("commit", "-q", "-m", "first")
	t.Cleanup(func() {
		// What lies in an annex cannot be written, its folders included.
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err == nil && d.IsDir() {
				err = os.Chmod(path, 0o700)
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
	})
	return a, files
}

func (a *annex) git(args ...string) string {
	a.t.Helper()
	return command{dir: a.dir, env: a.env, args: append([]string{"git"}, args...)}.must(a.t)
}

// holds compares the files that can be read in the annex.
func (a *annex) holds(files map[string][]byte) {
	a.t.Helper()
	for name, want := range files {
		if got, err := os.ReadFile(filepath.Join(a.dir, name)); err != nil || md5hex(got) != md5hex(want) {
			a.t.Errorf("%s: %d bytes, want %d, %v", name, len(got), len(want), err)
		}
	}
}

// What was copied to the gateway, in pieces, can be dropped here and comes
// back; a look at all that is there finds no fault.
func TestE2EGitAnnexKeepsFilesAtGateway(t *testing.T) {
	t.Parallel()
	a, files := newAnnex(t)
	s := start(t, setting{})
	s.expect(201, admin, "MKCOL", "/dav/box/", "")
	a.git("annex", "initremote", "gate", "type=webdav", "url="+s.url+"/dav/box/annex", "encryption=none", "chunk=1MiB")
	a.git("annex", "copy", "--quiet", "--jobs=2", "--to", "gate")
	a.git("annex", "drop", "--quiet", ".")
	if _, err := os.Stat(filepath.Join(a.dir, "big.bin")); err == nil {
		t.Fatal("what was dropped is still here")
	}
	a.git("annex", "get", "--quiet", ".")
	a.holds(files)
	a.git("annex", "fsck", "--quiet", "--from", "gate")
	a.git("annex", "drop", "--quiet", "--force", "--from", "gate", "big.bin")
	if found := a.git("annex", "find", "--in", "gate", "big.bin"); found != "" {
		t.Errorf("git-annex still finds %q at the gateway", found)
	}
	if found := s.davRemote(t, "owncloud").must("lsf", "-R", "--files-only", "gate:box/annex"); strings.Contains(found, "9437201") {
		t.Errorf("the dropped file's pieces still lie at the gateway:\n%s", found)
	}
}

// An exported tree lies at the gateway under its own names, and follows the
// renames and removals of later commits.
func TestE2EGitAnnexExportsTrees(t *testing.T) {
	t.Parallel()
	a, files := newAnnex(t)
	s := start(t, setting{})
	s.expect(201, admin, "MKCOL", "/dav/box/", "")
	const signs = "names/100% + & = ; ' # ?.txt" // git-annex exports no name with # or ?
	delete(files, signs)
	a.git("rm", "-q", signs)
	a.git("annex", "initremote", "tree", "type=webdav", "url="+s.url+"/dav/box/tree", "encryption=none", "exporttree=yes")
	a.git("commit", "-q", "-m", "without signs")
	a.git("annex", "export", "--quiet", "main", "--to", "tree")
	exported := func() {
		t.Helper()
		back := t.TempDir()
		s.swiftRemote(t).must("copy", "gate:box/tree", back)
		sameTree(t, back, files)
	}
	exported()
	a.git("mv", "big.bin", "a/b/moved ü.bin")
	a.git("rm", "-q", "-r", "names")
	a.git("commit", "-q", "-m", "second")
	a.git("annex", "export", "--quiet", "main", "--to", "tree")
	files["a/b/moved ü.bin"] = files["big.bin"]
	for name := range files {
		if name == "big.bin" || strings.HasPrefix(name, "names/") {
			delete(files, name)
		}
	}
	exported()
}

// annexAlone is the one test of git-annex's own that fails with every server
// that tells the truth about what is not there: version 10.20230126 takes 404
// for a fault when it removes a folder a second time.
const annexAlone = "remove export directory that is already removed"

// git-annex's own tests of a remote: sizes, resumed transfers, keys that are
// not there, encrypted and not, in pieces and not.
func TestE2EGitAnnexTestsItsRemote(t *testing.T) {
	t.Parallel()
	a, _ := newAnnex(t)
	s := start(t, setting{})
	s.expect(201, admin, "MKCOL", "/dav/box/", "")
	a.git("annex", "initremote", "gate", "type=webdav", "url="+s.url+"/dav/box/annex", "encryption=none", "chunk=1MiB")
	printed, errs, _ := command{dir: a.dir, env: a.env, args: []string{"git", "annex", "testremote", "--fast", "gate"}}.run(t)
	passed := 0
	for _, line := range lines(printed) {
		switch {
		case strings.Contains(line, ": ") && strings.Contains(line, " OK"):
			passed++
		case strings.HasSuffix(line, "FAIL") && !strings.Contains(line, annexAlone):
			t.Errorf("git-annex: %s", strings.TrimSpace(line))
		}
	}
	if passed < 100 {
		t.Errorf("only %d of git-annex's tests passed\n%s%s", passed, last(printed, 3000), last(errs, 1000))
	}
}
