package clients_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// goSources is the source tree of the Go installation, the largest tree of
// real files that every machine with these tests has, and the sorted names of
// its files.
func goSources(t *testing.T) (dir string, names []string) {
	t.Helper()
	dir = filepath.Join(strings.TrimSpace(command{args: []string{"go", "env", "GOROOT"}}.must(t)), "src")
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		name, err := filepath.Rel(dir, path)
		names = append(names, name)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(names) < 5000 {
		t.Fatalf("%s has %d files only", dir, len(names))
	}
	slices.Sort(names)
	return dir, names
}

// The work that the gateway is for, from end to end: a tree goes in through
// one door and comes out of another, is rearranged there, and a depot's limit
// binds both.
func TestMainJob(t *testing.T) {
	t.Parallel()
	need(t, "swift", "python3-swiftclient")
	need(t, "rclone", "rclone")
	need(t, "curl", "curl")
	s := start(t, setting{})
	src, names := goSources(t)

	began := time.Now()
	upload := s.swift(admin, src, "upload", "-q", "src", ".")
	upload.limit = 10 * time.Minute
	upload.must(t)
	t.Logf("swift upload of %d files: %v", len(names), time.Since(began).Round(time.Millisecond))
	if got := s.listNames(t, "src"); !slices.Equal(got, names) {
		t.Fatalf("swift lists %d names, want %d", len(got), len(names))
	}
	s.readTreeBack(t, src, len(names))
	s.rearrange(t, names)
	s.fillDepot(t)
}

// listNames is swift list of a container.
func (s *server) listNames(t *testing.T, args ...string) []string {
	t.Helper()
	return lines(s.swift(admin, "", append([]string{"list"}, args...)...).must(t))
}

// checkers is how many rclone processes read at once. One process makes at
// most a hundred WebDAV requests per second, whatever the server does.
const checkers = 6

var matching = regexp.MustCompile(`(\d+) matching files`)

// readTreeBack compares every byte of the container src with the directory:
// top-level folders one by one, those of cmd too, since it has a third of all.
func (s *server) readTreeBack(t *testing.T, src string, files int) {
	t.Helper()
	began := time.Now()
	remote := s.davRemote(t, "other")
	check := func(folder string, flags ...string) (same int) {
		c := remote.command(append([]string{"check", "--download", "gate:src/" + folder, filepath.Join(src, folder)}, flags...)...)
		c.limit = 10 * time.Minute
		_, report, code := c.run(t)
		found := matching.FindStringSubmatch(report)
		if code != 0 || !strings.Contains(report, "0 differences found") {
			t.Errorf("rclone check of %q: code %d\n%s", folder, code, last(report, 2000))
		}
		if found != nil {
			same, _ = strconv.Atoi(found[1])
		}
		return same
	}
	var same atomic.Int64
	same.Add(int64(check("", "--max-depth", "1") + check("cmd", "--max-depth", "1")))
	folders := make(chan string)
	var all sync.WaitGroup
	for range checkers {
		all.Go(func() {
			for folder := range folders {
				same.Add(int64(check(folder)))
			}
		})
	}
	for _, parent := range []string{"cmd", ""} {
		entries, err := os.ReadDir(filepath.Join(src, parent))
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			if name := filepath.Join(parent, e.Name()); e.IsDir() && name != "cmd" {
				folders <- name
			}
		}
	}
	close(folders)
	all.Wait()
	if same.Load() != int64(files) {
		t.Fatalf("rclone check found %d files the same, want %d", same.Load(), files)
	}
	t.Logf("rclone check over WebDAV: %v", time.Since(began).Round(time.Millisecond))
}

// rearrange makes and renames folders over WebDAV and looks for them through
// Swift.
func (s *server) rearrange(t *testing.T, names []string) {
	t.Helper()
	under := func(prefix string) (out []string) {
		for _, n := range names {
			if strings.HasPrefix(n, prefix) {
				out = append(out, n)
			}
		}
		return out
	}
	move := func(from, to string) {
		t.Helper()
		if status, body := s.curl(t, from, "-X", "MOVE", "-H", "Destination: "+s.url+to); status != "201" {
			t.Fatalf("MOVE %s: %s\n%s", from, status, body)
		}
	}
	if status, body := s.curl(t, "/dav/src/attic/", "-X", "MKCOL"); status != "201" {
		t.Fatalf("MKCOL: %s\n%s", status, body)
	}
	if got := s.listNames(t, "src", "--prefix", "attic/"); !slices.Equal(got, []string{"attic/"}) {
		t.Errorf("after MKCOL swift lists %q", got)
	}
	began := time.Now()
	move("/dav/src/cmd", "/dav/src/attic/commands")
	t.Logf("MOVE of a folder with %d files: %v", len(under("cmd/")), time.Since(began).Round(time.Millisecond))

	want := []string{"attic/"}
	for _, n := range under("cmd/") {
		want = append(want, "attic/commands/"+strings.TrimPrefix(n, "cmd/"))
	}
	if got := s.listNames(t, "src", "--prefix", "attic/"); !slices.Equal(got, want) {
		t.Errorf("after MOVE swift lists %d names under attic/, want %d", len(got), len(want))
	}
	if got := s.listNames(t, "src", "--prefix", "cmd/"); len(got) != 0 {
		t.Errorf("after MOVE swift still lists %d names under cmd/", len(got))
	}
	s.davRemote(t, "other").must("moveto", "gate:src/net/http", "gate:src/web")
	if got := s.listNames(t, "src", "--prefix", "web/"); len(got) != len(under("net/http/")) {
		t.Errorf("after rclone's move swift lists %d names under web/, want %d", len(got), len(under("net/http/")))
	}
	move("/dav/src", "/dav/sources")
	if got := s.listNames(t); !slices.Equal(got, []string{"sources"}) {
		t.Errorf("after MOVE of the container swift lists %q", got)
	}
	if got := s.listNames(t, "sources"); len(got) != len(names)+1 {
		t.Errorf("after MOVE of the container it has %d names, want %d", len(got), len(names)+1)
	}
}

// fillDepot makes a depot for a new user, lowers its limit below what it
// holds, and finds it closed to both doors with nothing lost.
func (s *server) fillDepot(t *testing.T) {
	t.Helper()
	id := s.createDepot(t, "erika", 10<<20)
	erika := login{"erika", strings.TrimSpace(s.entrepot("", "user", "passwd", "erika"))}
	dir := t.TempDir()
	files := map[string][]byte{}
	for i := range 4 {
		name := "part" + strconv.Itoa(i)
		files[name] = content(uint64(i), 1<<20)
		if err := os.WriteFile(filepath.Join(dir, name), files[name], 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s.swift(erika, dir, "upload", "mine", ".").must(t)
	set := s.depot(t, "setdepot", "<username>erika</username><depotid>"+id+"</depotid><disclimit>"+strconv.Itoa(3<<20)+"</disclimit>")
	if set.Result != "0" {
		t.Fatalf("setdepot: %+v", set)
	}

	extra := filepath.Join(t.TempDir(), "extra")
	if err := os.WriteFile(extra, []byte("one more"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := s.swift(erika, filepath.Dir(extra), "upload", "mine", "extra").fails(t); !strings.Contains(got, "413") {
		t.Errorf("swift upload into the full depot says %q", got)
	}
	s.expect(413, login{}, "PUT", "/v1/AUTH_erika/mine/extra", "one more", s.token(erika))
	s.expect(507, erika, "PUT", "/dav/mine/extra", "one more")
	s.expect(507, erika, "PUT", "/dav/mine/part0", string(content(9, 2<<20)))
	back := t.TempDir()
	s.swift(erika, back, "download", "mine").must(t)
	sameTree(t, back, files)

	// Two parts less, and there is room again.
	s.expect(204, erika, "DELETE", "/dav/mine/part0", "")
	s.swift(erika, "", "delete", "mine", "part1").must(t)
	s.expect(201, erika, "PUT", "/dav/mine/extra", "one more")
	if got := s.depot(t, "getdepotdata", "<username>erika</username>"); len(got.Depot) != 1 || got.Depot[0].Used < 2<<20 || got.Depot[0].Used > 3<<20 {
		t.Errorf("getdepotdata after deletes: %+v", got)
	}
}
