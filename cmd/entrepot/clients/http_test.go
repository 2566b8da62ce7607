package clients_test

import (
	"bytes"
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// login is a user name and a password.
type login struct{ user, password string }

var admin = login{"admin", adminPassword}

// answer is a response that was read to its end.
type answer struct {
	status int
	header http.Header
	body   string
}

// send makes a request with Basic authentication, or none for the empty
// login. Headers come as "Name: value".
func (s *server) send(as login, method, path string, body io.Reader, headers ...string) (answer, error) {
	r, err := http.NewRequestWithContext(s.t.Context(), method, s.url+path, body)
	if err != nil {
		return answer{}, err
	}
	return s.do(as, r, headers...)
}

// do is send for a request that is made already.
func (s *server) do(as login, r *http.Request, headers ...string) (answer, error) {
	if as.user != "" {
		r.SetBasicAuth(as.user, as.password)
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Set(name, value)
	}
	resp, err := s.client.Do(r)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return answer{resp.StatusCode, resp.Header, string(b)}, err
}

// expect is send for an answer of a known status.
func (s *server) expect(status int, as login, method, path, body string, headers ...string) answer {
	s.t.Helper()
	var r io.Reader
	if body != "" {
		r = strings.NewReader(body)
	}
	a, err := s.send(as, method, path, r, headers...)
	if err != nil {
		s.t.Fatalf("%s %s: %v", method, path, err)
	}
	if a.status != status {
		s.t.Fatalf("%s %s: status %d, want %d\n%s", method, path, a.status, status, last(a.body, 1000))
	}
	return a
}

// token logs in at the Swift door and returns the header with the token.
func (s *server) token(as login) string {
	s.t.Helper()
	a := s.expect(200, login{}, "GET", "/auth/v1.0", "", "X-Auth-User: "+as.user, "X-Auth-Key: "+as.password)
	return "X-Auth-Token: " + a.header.Get("X-Auth-Token")
}

// content returns n bytes that depend on seed alone.
func content(seed uint64, n int) []byte {
	var key [32]byte
	key[0], key[1], key[2], key[3] = byte(seed), byte(seed>>8), byte(seed>>16), byte(seed>>24)
	b := make([]byte, n)
	rand.NewChaCha8(key).Read(b)
	return b
}

func md5hex(b []byte) string {
	sum := md5.Sum(b)
	return hex.EncodeToString(sum[:])
}

// makeTree writes files of many sizes and awkward names under a new directory
// and returns it with the files' contents by name.
func makeTree(t *testing.T) (dir string, files map[string][]byte) {
	t.Helper()
	dir = t.TempDir()
	files = map[string][]byte{
		"empty":                         {},
		"one byte":                      []byte("x"),
		"a/b/c/deep.txt":                []byte("deep\n"),
		"a/b/other.txt":                 content(1, 100),
		"inline limit.bin":              content(2, 16384),
		"above inline limit.bin":        content(3, 16385),
		"big.bin":                       content(4, 9<<20+17),
		"names/ünïcode ☃.txt":           []byte("snow"),
		"names/100% + & = ; ' # ?.txt":  []byte("signs"),
		"names/~tilde (x) [y] {z}!.txt": []byte("brackets"),
		"names/日本語/ファイル.txt":            []byte("kana"),
	}
	for i := range 20 {
		files[fmt.Sprintf("many/%03d.dat", i)] = content(uint64(100+i), i*777)
	}
	when := time.Date(2024, 2, 29, 12, 34, 56, 0, time.UTC)
	for name, b := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, b, 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, when, when); err != nil {
			t.Fatal(err)
		}
	}
	return dir, files
}

// sameTree fails the test unless dir holds exactly the files.
func sameTree(t *testing.T, dir string, files map[string][]byte) {
	t.Helper()
	missing := maps.Clone(files)
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		want, ok := files[name]
		if !ok {
			t.Errorf("%s came from nowhere", name)
			return nil
		}
		delete(missing, name)
		got, err := os.ReadFile(path)
		if err == nil && !bytes.Equal(got, want) {
			t.Errorf("%s: %d bytes with MD5 %s, want %d with %s", name, len(got), md5hex(got), len(want), md5hex(want))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for name := range missing {
		t.Errorf("%s is missing", name)
	}
}
