package clients_test

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// swift runs the command of python-swiftclient.
func (s *server) swift(as login, dir string, args ...string) command {
	return command{dir: dir, args: append([]string{"swift"}, args...), env: []string{
		"ST_AUTH=" + s.url + "/auth/v1.0", "ST_USER=" + as.user, "ST_KEY=" + as.password,
	}}
}

// field returns a value of what swift stat prints.
func field(t *testing.T, printed, name string) string {
	t.Helper()
	for _, line := range lines(printed) {
		if k, v, ok := strings.Cut(line, ": "); ok && strings.TrimSpace(k) == name {
			return strings.TrimSpace(v)
		}
	}
	t.Fatalf("no %q in\n%s", name, printed)
	return ""
}

func TestSwiftCommandStoresAndReturnsTree(t *testing.T) {
	t.Parallel()
	need(t, "swift", "python3-swiftclient")
	s := start(t, setting{})
	dir, files := makeTree(t)

	s.swift(admin, dir, "upload", "docs", ".").must(t)
	listed := lines(s.swift(admin, dir, "list", "docs").must(t))
	if want := slices.Sorted(maps.Keys(files)); !slices.Equal(listed, want) {
		t.Errorf("swift list: %q, want %q", listed, want)
	}
	for _, name := range []string{"empty", "big.bin", "names/ünïcode ☃.txt", "names/100% + & = ; ' # ?.txt"} {
		stat := s.swift(admin, dir, "stat", "docs", name).must(t)
		if got, want := field(t, stat, "ETag"), md5hex(files[name]); got != want {
			t.Errorf("swift stat %s: ETag %s, want %s", name, got, want)
		}
	}
	back := t.TempDir()
	s.swift(admin, back, "download", "docs").must(t)
	sameTree(t, back, files)
}

func TestSwiftCommandSetsMetadataCopiesAndDeletes(t *testing.T) {
	t.Parallel()
	need(t, "swift", "python3-swiftclient")
	s := start(t, setting{})
	dir := t.TempDir()
	text := content(7, 30000)
	if err := os.WriteFile(filepath.Join(dir, "a.bin"), text, 0o600); err != nil {
		t.Fatal(err)
	}
	swift := func(args ...string) string { t.Helper(); return s.swift(admin, dir, args...).must(t) }

	swift("post", "-m", "Owner:we", "one")
	swift("post", "-r", ".r:*", "two")
	if got := field(t, swift("stat", "one"), "Meta Owner"); got != "we" {
		t.Errorf("container metadata: %q", got)
	}
	if got := field(t, swift("stat", "two"), "Read ACL"); got != ".r:*" {
		t.Errorf("read ACL: %q", got)
	}
	swift("upload", "one", "a.bin", "-H", "Content-Type: application/x-a")
	swift("post", "-m", "Colour:blue", "one", "a.bin")
	swift("copy", "-d", "/two/b c.bin", "one", "a.bin")
	stat := swift("stat", "two", "b c.bin")
	for name, want := range map[string]string{
		"Meta Colour": "blue", "Content Length": "30000", "ETag": md5hex(text), "Content Type": "application/x-a",
	} {
		if got := field(t, stat, name); got != want {
			t.Errorf("the copy's %s: %q, want %q", name, got, want)
		}
	}
	if got := swift("download", "-o", "-", "two", "b c.bin"); got != string(text) {
		t.Errorf("the copy has %d bytes with MD5 %s", len(got), md5hex([]byte(got)))
	}
	swift("delete", "one", "a.bin")
	if got := swift("list", "one"); got != "" {
		t.Errorf("after delete the list has %q", got)
	}
	swift("delete", "two")
	if got := swift("list"); got != "one\n" {
		t.Errorf("after delete of the container the list has %q", got)
	}
	if got := s.swift(admin, dir, "stat", "two").fails(t); !strings.Contains(got, "not found") {
		t.Errorf("stat of the deleted container says %q", got)
	}
}

func TestSwiftCommandWithWrongPasswordIsRefused(t *testing.T) {
	t.Parallel()
	need(t, "swift", "python3-swiftclient")
	s := start(t, setting{})
	got := s.swift(login{"admin", "wrong"}, "", "list").fails(t)
	if !strings.Contains(got, "Unauthorised") && !strings.Contains(got, "Unauthorized") {
		t.Errorf("swift says %q", got)
	}
}
