//go:build e2e

package clients_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// A mounted folder is worked in as in any other: files are edited in place,
// renamed and synchronised with their times, git packs its objects, fio writes
// at random and reads back what it wrote, and df shows the quota.
func TestE2ERcloneMountIsAFolderLikeOthers(t *testing.T) {
	t.Parallel()
	need(t, "rsync", "rsync")
	need(t, "fio", "fio")
	s := start(t, setting{})
	s.expect(201, admin, "MKCOL", "/dav/box/", "")
	s.expect(204, login{}, "POST", "/v1/AUTH_admin/box", "", s.token(admin), "X-Container-Meta-Quota-Bytes: 200000000")
	dir, _, unmount := s.rcloneMount(t)

	edited := editInPlace(t, dir)
	repo, files := makeRepository(t)
	if err := os.RemoveAll(filepath.Join(repo, ".git")); err != nil {
		t.Fatal(err)
	}
	synced := filepath.Join(dir, "synced")
	command{args: []string{"rsync", "-rt", "--inplace", repo + "/", synced}}.must(t)
	if again := (command{args: []string{"rsync", "-rtni", repo + "/", synced}}).must(t); again != "" {
		t.Errorf("a second rsync would send\n%s", again)
	}
	packs(t, dir)
	command{dir: dir, limit: 2 * patience, args: []string{
		"fio", "--name=drive", "--directory=" + dir, "--filename=fio.dat", "--rw=randwrite", "--bsrange=4k-64k", "--size=8m", "--verify=crc32c", "--do_verify=1", "--verify_fatal=1", "--ioengine=psync", "--fallocate=none",
	}}.must(t)
	if err := os.Remove(filepath.Join(dir, "fio.dat")); err != nil {
		t.Fatal(err)
	}
	unmount()

	back := t.TempDir()
	s.swiftRemote(t).must("copy", "gate:box/synced", back)
	sameTree(t, back, files)
	for name, want := range edited {
		if got := s.expect(200, admin, "GET", "/dav/box/"+name, ""); got.body != want {
			t.Errorf("%s holds %d bytes, want %d", name, len(got.body), len(want))
		}
	}
}

// editInPlace changes files as editors do and returns what they hold then.
func editInPlace(t *testing.T, dir string) map[string]string {
	t.Helper()
	old := bytes.Repeat([]byte("0123456789"), 10_000)
	path := filepath.Join(dir, "edited")
	if err := os.WriteFile(path, old, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt([]byte("MIDDLE"), 50_000); err != nil {
		t.Fatal(err)
	}
	if err := f.Truncate(60_000); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if f, err = os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0); err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString("end"); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	// As editors save: a new file beside it, and a rename over the old.
	for name, text := range map[string]string{"saved": "old", "saved.tmp": "new"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Rename(filepath.Join(dir, "saved.tmp"), filepath.Join(dir, "saved")); err != nil {
		t.Fatal(err)
	}
	copy(old[50_000:], "MIDDLE")
	return map[string]string{"edited": string(old[:60_000]) + "end", "saved": "new"}
}

// packs clones a repository into the drive and lets git pack it there.
func packs(t *testing.T, dir string) {
	t.Helper()
	repo, _ := makeRepository(t)
	work := filepath.Join(dir, "packed")
	git(t, dir, "clone", "-q", "--no-hardlinks", repo, work)
	git(t, work, "gc", "--aggressive", "--prune=now", "-q")
	git(t, work, "fsck", "--full", "--strict")
	if got := git(t, work, "status", "--porcelain"); got != "" {
		t.Errorf("git status after gc:\n%s", got)
	}
}

// What df shows of a mounted container is its quota.
func TestE2ERcloneMountShowsTheQuota(t *testing.T) {
	t.Parallel()
	s := start(t, setting{})
	s.expect(201, admin, "MKCOL", "/dav/box/", "")
	s.expect(201, admin, "PUT", "/dav/box/a", string(content(41, 1_000_000)))
	s.expect(204, login{}, "POST", "/v1/AUTH_admin/box", "", s.token(admin), "X-Container-Meta-Quota-Bytes: 50000000")
	hidden := strings.TrimSpace(command{args: []string{"rclone", "obscure", adminPassword}}.must(t))
	r := newRclone(t, "type = webdav", "url = "+s.url+"/dav/box", "vendor = other", "user = admin", "pass = "+hidden)
	dir, _, unmount := r.mount("gate:")
	defer unmount()
	fields := strings.Fields(lines(command{args: []string{"df", "--block-size=1", "--output=size,used,avail", dir}}.must(t))[1])
	for i, want := range []int{50_000_000, 1_000_000, 49_000_000} {
		got, err := strconv.Atoi(fields[i])
		if err != nil || got < want-8192 || got > want+8192 {
			t.Errorf("df shows %v, want %s", fields, fmt.Sprint(50_000_000, 1_000_000, 49_000_000))
		}
	}
}
