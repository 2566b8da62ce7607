package clients_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"

	"entrepot/store/kv/kvtest/chance"
)

// diary is what one writer was told by the gateway. A name is in it from the
// moment on that its request is sent.
type diary struct {
	stored   map[string]string // name → MD5, acknowledged
	unsure   map[string]bool   // sent, not answered
	deleted  map[string]bool   // acknowledged
	sequence int               // last acknowledged number of the file that is written again and again
	problems []string
}

// scribble writes, replaces and deletes files through one door until the
// gateway is gone.
func (s *server) scribble(t *testing.T, writer int, headers ...string) diary {
	d := diary{stored: map[string]string{}, unsure: map[string]bool{}, deleted: map[string]bool{}}
	as, door := admin, "/dav/box/"
	if writer%2 == 1 {
		as, door = login{}, "/v1/AUTH_admin/box/"
	}
	sizes := []int{0, 10, 4096, 16384, 16385, 70000, 600000}
	for i := 0; ; i++ {
		name := fmt.Sprintf("w%d-%05d", writer, i)
		body := content(uint64(writer*1_000_003+i), sizes[i%len(sizes)]+i%13)
		d.unsure[name] = true
		a, err := s.send(as, "PUT", door+name, bytes.NewReader(body), headers...)
		if err != nil {
			return d
		}
		if a.status != 201 {
			d.problems = append(d.problems, fmt.Sprintf("PUT %s: status %d", name, a.status))
			return d
		}
		d.stored[name] = md5hex(body)
		delete(d.unsure, name)
		s.scribbled.Add(1)

		again := strings.Repeat(fmt.Sprintf("%08d\n", i+1), 1+i%3000)
		if _, err := s.send(as, "PUT", door+fmt.Sprintf("again%d", writer), strings.NewReader(again), headers...); err != nil {
			return d
		}
		d.sequence = i + 1
		if i%5 == 4 {
			d.unsure[name] = true
			if _, err := s.send(as, "DELETE", door+name, nil, headers...); err != nil {
				return d
			}
			delete(d.unsure, name)
			delete(d.stored, name)
			d.deleted[name] = true
		}
	}
}

// compare holds the gateway to a diary.
func (s *server) compare(t *testing.T, writer int, d diary) {
	t.Helper()
	for _, p := range d.problems {
		t.Error(p)
	}
	for name, sum := range d.stored {
		if d.unsure[name] {
			continue // its DELETE was not answered
		}
		a := s.expect(200, admin, "GET", "/dav/box/"+name, "")
		if got := md5hex([]byte(a.body)); got != sum || a.header.Get("ETag") != `"`+sum+`"` {
			t.Errorf("%s: %d bytes with MD5 %s and ETag %s, want %s", name, len(a.body), got, a.header.Get("ETag"), sum)
		}
	}
	for name := range d.deleted {
		s.expect(404, admin, "GET", "/dav/box/"+name, "")
	}
	if d.sequence == 0 {
		return
	}
	a := s.expect(200, admin, "GET", fmt.Sprintf("/dav/box/again%d", writer), "")
	first, _, _ := strings.Cut(a.body, "\n")
	n, err := strconv.Atoi(first)
	if err != nil || n < d.sequence || n > d.sequence+1 {
		t.Errorf("the file that is written again has number %q, acknowledged was %d", first, d.sequence)
	}
	if a.body != strings.Repeat(first+"\n", 1+(n-1)%3000) {
		t.Errorf("the file that is written again is torn at %d bytes", len(a.body))
	}
}

func TestKillLosesNoAcknowledgedFile(t *testing.T) {
	t.Parallel()
	const writers = 6
	rounds := 4
	if testing.Short() {
		rounds = 1
	}
	moments, data := chance.Rand(t, 3), filepath.Join(t.TempDir(), "data")
	s := start(t, setting{data: data})
	s.expect(201, admin, "MKCOL", "/dav/box/", "")
	for round := range rounds {
		tok := s.token(admin)
		diaries := make([]diary, writers)
		var all sync.WaitGroup
		for w := range writers {
			all.Go(func() { diaries[w] = s.scribble(t, round*writers+w, headersOf(w, tok)...) })
		}
		enough := 1 + moments.Int64N(400)
		waitFor(t, "more files", func() bool { return s.scribbled.Load() >= enough })
		s.kill()
		all.Wait()
		s = start(t, setting{data: data})
		acknowledged := 0
		for w, d := range diaries {
			s.compare(t, round*writers+w, d)
			acknowledged += len(d.stored) + len(d.deleted)
		}
		if acknowledged == 0 {
			t.Errorf("round %d: nothing was acknowledged before the kill", round)
		}
		t.Logf("round %d: %d files acknowledged", round, acknowledged)
	}
}

// headersOf returns what a writer's door needs beside Basic.
func headersOf(writer int, token string) []string {
	if writer%2 == 1 {
		return []string{token}
	}
	return nil
}

// The names that swift upload prints are acknowledged files.
func TestKillInTheMiddleOfSwiftUpload(t *testing.T) {
	t.Parallel()
	need(t, "swift", "python3-swiftclient")
	dir, moments := t.TempDir(), chance.Rand(t, 4)
	const files = 600
	for i := range files {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("f%04d", i)), content(uint64(i), i*97%40000), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	data := filepath.Join(t.TempDir(), "data")
	s := start(t, setting{data: data})
	for round, bucket := range []string{"a", "b"} {
		printed := make(chan string, 1)
		go func() {
			out, _, _ := s.swift(admin, dir, "--retries", "0", "upload", bucket, ".").run(t)
			printed <- out
		}()
		// The moment is chosen by what has arrived, since the command takes
		// its time to begin.
		s.waitForObjects(t, bucket, 20+moments.IntN(200))
		s.kill()
		names := lines(<-printed)
		s = start(t, setting{data: data})
		for _, name := range names {
			if !regexp.MustCompile(`^f\d{4}$`).MatchString(name) {
				continue // a warning
			}
			want, err := os.ReadFile(filepath.Join(dir, name))
			if err != nil {
				t.Fatal(err)
			}
			if got := s.expect(200, admin, "GET", "/dav/"+bucket+"/"+name, ""); got.body != string(want) || got.header.Get("ETag") != `"`+md5hex(want)+`"` {
				t.Errorf("%s: %d bytes, want %d", name, len(got.body), len(want))
			}
		}
		if len(names) == 0 || len(names) >= files {
			t.Errorf("round %d: %d of %d files were printed before the kill", round, len(names), files)
		}
		// A second run completes the tree.
		s.swift(admin, dir, "upload", "--skip-identical", bucket, ".").must(t)
		back := t.TempDir()
		s.swift(admin, back, "download", bucket).must(t)
		if got, err := os.ReadDir(back); err != nil || len(got) != files {
			t.Errorf("round %d: %d files after the second upload, %v", round, len(got), err)
		}
	}
}

// waitForObjects returns when a container holds n objects.
func (s *server) waitForObjects(t *testing.T, container string, n int) {
	t.Helper()
	tok := s.token(admin)
	waitFor(t, "more objects in "+container, func() bool {
		a, err := s.send(login{}, "HEAD", "/v1/AUTH_admin/"+container, nil, tok)
		if err != nil {
			t.Fatal(err)
		}
		got, _ := strconv.Atoi(a.header.Get("X-Container-Object-Count"))
		return got >= n
	})
}

func TestLocksSurviveKill(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	s := start(t, setting{data: data})
	s.expect(201, admin, "MKCOL", "/dav/box/", "")
	s.expect(201, admin, "PUT", "/dav/box/a", "old")
	lock := s.expect(200, admin, "LOCK", "/dav/box/a",
		`<lockinfo xmlns="DAV:"><lockscope><exclusive/></lockscope><locktype><write/></locktype></lockinfo>`, "Timeout: Second-600")
	s.kill()
	s = start(t, setting{data: data})
	s.expect(423, admin, "PUT", "/dav/box/a", "new")
	s.expect(423, login{}, "PUT", "/v1/AUTH_admin/box/a", "new", s.token(admin))
	s.expect(423, login{}, "DELETE", "/v1/AUTH_admin/box/a", "", s.token(admin))
	if got := s.expect(200, admin, "GET", "/dav/box/a", ""); got.body != "old" {
		t.Errorf("the locked file holds %q", got.body)
	}
	s.expect(204, admin, "PUT", "/dav/box/a", "new", "If: ("+lock.header.Get("Lock-Token")+")")
	s.expect(204, admin, "UNLOCK", "/dav/box/a", "", "Lock-Token: "+lock.header.Get("Lock-Token"))
	s.expect(201, login{}, "PUT", "/v1/AUTH_admin/box/a", "newer", s.token(admin))
}
