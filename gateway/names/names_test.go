package names_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"entrepot/gateway/errs"
	"entrepot/gateway/names"
)

func TestNamesAreRefusedWithTheirReason(t *testing.T) {
	long := strings.Repeat("x", 2000)
	for _, c := range []struct {
		check func(string) error
		name  string
		want  errs.Reason
	}{
		{names.Account, "test", ""}, {names.Account, "a.b", ""}, {names.Account, "größe", ""},
		{names.Account, "", errs.BadName}, {names.Account, "a:b", errs.BadName}, {names.Account, "a/b", errs.BadName},
		{names.Account, "a.1", errs.BadName}, {names.Account, "..", errs.BadName}, {names.Account, long, errs.NameTooLong},
		{names.User, "$CODE-1002", ""}, {names.User, "Jörg & Co", ""}, {names.User, "a,b", errs.BadName},
		{names.User, "a\n", errs.BadName}, {names.User, " a", errs.BadName}, {names.User, "\xff", errs.BadName},
		{names.Container, ".", ""}, {names.Container, "..", ""}, {names.Container, "a b", ""},
		{names.Container, ".zfs", errs.BadName}, {names.Container, "__ROOT__", errs.BadName},
		{names.Container, long[:257], errs.NameTooLong}, {names.Container, "a\x00", errs.BadName},
		{names.Object, "//a/../b/", ""}, {names.Object, "x/.zfs", ""}, {names.Object, ".zfsx", ""}, {names.Object, "a\nb", ""},
		{names.Object, ".zfs", errs.BadName}, {names.Object, ".zfs/snapshot", errs.BadName},
		{names.Object, long[:1025], errs.NameTooLong}, {names.Object, "\xc3", errs.BadName},
	} {
		if got := errs.ReasonOf(c.check(c.name)); got != c.want {
			t.Errorf("%.40q: got %q, want %q", c.name, got, c.want)
		}
	}
}

func TestOnlyNamesWithoutTricksShowOnADrive(t *testing.T) {
	for _, name := range []string{"a", "a/", "a/b", "a/b/", "...", "a..b", ".hidden", "ü"} {
		if !names.OnDrive(name) {
			t.Errorf("%q is hidden", name)
		}
	}
	for _, name := range []string{"a//b", "/a", "./x", "a/..", "a/./b", "a//", "a\x01", "a/\x7f", "//", "..", "a\ufffe", "a/\uffff/b"} {
		if names.OnDrive(name) {
			t.Errorf("%q is shown", name)
		}
	}
}

func TestParentAndAncestors(t *testing.T) {
	for name, want := range map[string][]string{
		"a": nil, "a/": nil, "a/b": {"a"}, "a/b/": {"a"}, "a/b/c": {"a", "a/b"}, "/a": {""}, "a//b": {"a", "a/"},
	} {
		if d := cmp.Diff(want, names.Ancestors(name)); d != "" {
			t.Errorf("%q: %s", name, d)
		}
	}
	for name, want := range map[string]string{"a": "", "a/": "", "a/b": "a/", "a/b/": "a/", "a/b/c": "a/b/"} {
		if got := names.Parent(name); got != want {
			t.Errorf("%q: %q", name, got)
		}
	}
}

func FuzzNames(f *testing.F) {
	f.Add("a/b")
	f.Add("..//\x00\xff")
	f.Fuzz(func(t *testing.T, s string) {
		if names.Object(s) == nil && names.OnDrive(s) {
			if strings.Contains("/"+s, "/../") || strings.Contains(s, "//") {
				t.Fatalf("%q shows on a drive", s)
			}
		}
		for _, a := range names.Ancestors(s) {
			if !strings.HasPrefix(s, a+"/") {
				t.Fatalf("%q is no ancestor of %q", a, s)
			}
		}
		if p := names.Parent(s); p != "" && !strings.HasSuffix(p, "/") {
			t.Fatalf("parent %q of %q", p, s)
		}
	})
}

func TestInSnapshotsSplitsPathsBelowTheReservedElement(t *testing.T) {
	for path, want := range map[string]names.SnapshotPath{
		".zfs": {Level: 1}, ".zfs/": {Level: 1}, ".zfs/snapshot": {Level: 2}, ".zfs/snapshot/": {Level: 2},
		".zfs/snapshot/s": {Level: 3, Name: "s"}, ".zfs/snapshot/s/": {Level: 3, Name: "s"}, ".zfs/snapshot/s/a/b": {Level: 3, Name: "s", Path: "a/b"},
		".zfs/snapshot/s/a/": {Level: 3, Name: "s", Path: "a/"}, ".zfs/other": {}, ".zfs/snapshots/s": {}, ".zfs/snapshotx": {},
	} {
		if got, ok := names.InSnapshots(path); !ok || got != want {
			t.Errorf("%q: %+v, %v", path, got, ok)
		}
	}
	for _, path := range []string{"", "a", ".zfsx", "a/.zfs", "a/.zfs/snapshot/s", ".ZFS/snapshot/s", "zfs"} {
		if got, ok := names.InSnapshots(path); ok {
			t.Errorf("%q: %+v", path, got)
		}
	}
}

// What names.Object lets through is never a path of snapshots, and the other
// way round: so no writer reaches them.
func FuzzInSnapshots(f *testing.F) {
	for _, seed := range []string{".zfs", ".zfs/snapshot/s/a", "a/.zfs", ".zfsx", ".zfs//x"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, path string) {
		at, ok := names.InSnapshots(path)
		if ok && names.Object(path) == nil {
			t.Fatalf("%q is an object's name and %+v", path, at)
		}
		if ok && at.Level == 3 {
			if again, ok := names.InSnapshots(at.String()); !ok || again != at {
				t.Fatalf("%q: %+v, written %q: %+v", path, at, at.String(), again)
			}
		}
	})
}
