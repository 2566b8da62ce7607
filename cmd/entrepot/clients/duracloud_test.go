package clients_test

import (
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func TestDuraCloudPagesShellExampleRuns(t *testing.T) {
	t.Parallel()
	need(t, "curl", "curl")
	page, err := os.ReadFile("../../../docs/duracloud.md")
	if err != nil {
		t.Fatal(err)
	}
	block := regexp.MustCompile("(?s)<!-- run: sh -->\n```sh\n(.*?)```").FindSubmatch(page)
	if block == nil {
		t.Fatal("docs/duracloud.md has nothing to run")
	}
	s := start(t, setting{})
	dir := t.TempDir()
	for name, text := range map[string]string{"README.md": "read me", "example.sh": string(block[1])} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	out := command{
		args: []string{"sh", "-e", "example.sh"}, dir: dir, env: []string{"URL=" + s.url, "LOGIN=" + admin.user + ":" + admin.password},
	}.must(t)
	sum := md5hex([]byte("read me"))
	for _, want := range []string{
		"\r\nETag: " + sum + "\r\n", "\r\nContent-MD5: " + sum + "\r\n", "\r\nx-dura-meta-color: green\r\n",
		"<item>docs/README.md</item>", sum + "  photos/docs/README.md\n", "Space photos ACLs updated successfully", "read me",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("the example prints no %q:\n%s", want, out)
		}
	}
	if !strings.HasSuffix(out, "read me") {
		t.Errorf("nobody in particular may not read the public space:\n%s", last(out, 300))
	}
}

// A bag (RFC 8493) that is made of a space's items and its BAGIT manifest is
// what coreutils find it to be.
func TestBagOfASpaceHoldsWhatItsManifestSays(t *testing.T) {
	t.Parallel()
	need(t, "curl", "curl")
	need(t, "md5sum", "coreutils")
	s := start(t, setting{})
	s.expect(201, admin, "PUT", "/durastore/bag", "")
	bag := t.TempDir()
	files := []string{"a.txt", "dir/sub/b c.bin", "dir/ünï & co.xml", "#1 (copy)'s", "empty", "big.bin"}
	for i, name := range files {
		body := string(content(uint64(i), i*40_000))
		if name == "empty" {
			body = ""
		}
		path := "/durastore/bag/" + strings.ReplaceAll(url.PathEscape(name), "%2F", "/")
		s.expect(201, admin, "PUT", path, body)
		file := filepath.Join(bag, "data", "bag", filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		status, text := s.curl(t, path)
		if status != "200" {
			t.Fatalf("reading %s: %s", name, status)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var manifest strings.Builder
	for line := range strings.Lines(string(s.expect(200, admin, "GET", "/durastore/manifest/bag?format=BAGIT", "").body)) {
		sum, path, ok := strings.Cut(line, "  ")
		if !ok {
			t.Fatalf("the manifest has the line %q", line)
		}
		fmt.Fprintf(&manifest, "%s  data/%s", sum, path)
	}
	for name, text := range map[string]string{
		"manifest-md5.txt": manifest.String(), "bagit.txt": "BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n",
	} {
		if err := os.WriteFile(filepath.Join(bag, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	out := command{args: []string{"md5sum", "--check", "--strict", "manifest-md5.txt"}, dir: bag}.must(t)
	if n := strings.Count(out, ": OK\n"); n != len(files) {
		t.Errorf("%d of %d files are as the manifest says:\n%s", n, len(files), out)
	}
	// No validator of bags is packaged: the tag files are judged by a strict one
	// of our own, on Python's standard library.
	need(t, "python3", "python3")
	strict := command{args: []string{"python3", "testdata/bag.py", bag}}
	if out := strict.must(t); strings.TrimSpace(out) != fmt.Sprint(len(files)) {
		t.Errorf("the bag holds %s files, not %d", out, len(files))
	}
	if err := os.WriteFile(filepath.Join(bag, "data", "bag", "a.txt"), []byte("spoilt"), 0o600); err != nil {
		t.Fatal(err)
	}
	command{args: []string{"md5sum", "--check", "--strict", "manifest-md5.txt"}, dir: bag}.fails(t)
	strict.fails(t)
}

// An upload that broke off leaves the old item; the same upload again, and a
// download in two halves, are the file. The same names lie apart in two stores.
func TestDuraCloudUploadBreaksOffGoesOnAndComesBackInTwoStores(t *testing.T) {
	t.Parallel()
	need(t, "curl", "curl")
	dir := t.TempDir()
	file := filepath.Join(dir, "entrepot.toml")
	text := fmt.Sprintf("[[stores]]\nid = 2\ndirectory = %q\n", filepath.Join(dir, "second"))
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	s := start(t, setting{args: []string{"--config", file}})
	login := admin.user + ":" + admin.password
	body := content(7, 3<<20)
	if err := os.WriteFile(filepath.Join(dir, "big"), body, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, store := range []string{"1", "2"} {
		item := s.url + "/durastore/space/big?storeID=" + store
		s.expect(201, admin, "PUT", "/durastore/space?storeID="+store, "")
		s.expect(201, admin, "PUT", "/durastore/space/big?storeID="+store, "old "+store)
		command{args: []string{"curl", "-sS", "-f", "-u", login, "-T", "big", "--limit-rate", "500k", "--max-time", "1", item}, dir: dir}.fails(t)
		get := command{args: []string{"curl", "-sS", "-f", "-u", login, item}}
		if got := get.must(t); got != "old "+store {
			t.Errorf("after an upload that broke off store %s holds %d bytes", store, len(got))
		}
		command{args: []string{"curl", "-sS", "-f", "-u", login, "-T", "big", "-H", "Content-MD5: " + md5hex(body), item}, dir: dir}.must(t)
		back := filepath.Join(dir, "back"+store)
		if err := os.WriteFile(back, body[:1<<20], 0o600); err != nil {
			t.Fatal(err)
		}
		command{args: []string{"curl", "-sS", "-f", "-u", login, "-C", "-", "-o", back, item}}.must(t)
		got, err := os.ReadFile(back)
		if err != nil || md5hex(got) != md5hex(body) {
			t.Errorf("store %s gave %d bytes back, %v", store, len(got), err)
		}
	}
	s.expect(200, admin, "DELETE", "/durastore/space/big?storeID=1", "")
	s.expect(404, admin, "GET", "/durastore/space/big?storeID=1", "")
	s.expect(200, admin, "HEAD", "/durastore/space/big?storeID=2", "")
}
