//go:build e2e

package clients_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// DuraCloud's Ruby client, on net/http: names of headers as they are on the
// wire, pages of a thousand, a manifest in the background.
func TestE2EDuraCloudsRubyClientFindsWhatItLooksFor(t *testing.T) {
	t.Parallel()
	need(t, "ruby", "ruby")
	s := start(t, setting{})
	out := command{args: []string{"ruby", "testdata/duracloud/client.rb", s.url, admin.user, admin.password, "rubies", "many"}}.must(t)
	if out != "listed 1102\n" {
		t.Errorf("it prints %q", out)
	}
}

// DuraCloud's PHP client: slashes as %2F, names of headers and texts of answers
// compared letter by letter.
func TestE2EDuraCloudsPHPClientFindsWhatItLooksFor(t *testing.T) {
	t.Parallel()
	need(t, "php", "php-cli")
	s := start(t, setting{})
	if out := (command{args: []string{"php", "testdata/duracloud/client.php", s.url, admin.user, admin.password, "elephants"}}).must(t); out != "done\n" {
		t.Errorf("it prints %q", out)
	}
}

// javaClient compiles the client of the Java store client's habits and returns
// how it is run.
func javaClient(t *testing.T) func(args ...string) string {
	t.Helper()
	need(t, "javac", "default-jdk-headless")
	need(t, "java", "default-jdk-headless")
	var path []string
	for _, jar := range []string{"httpclient", "httpcore", "commons-logging", "commons-codec"} {
		file := "/usr/share/java/" + jar + ".jar"
		if _, err := os.Stat(file); err != nil {
			need(t, file, "libhttpclient-java") // skips or fails
		}
		path = append(path, file)
	}
	out := t.TempDir()
	on := strings.Join(path, ":")
	command{args: []string{"javac", "-cp", on, "-d", out, "testdata/duracloud/StoreClient.java"}}.must(t)
	return func(args ...string) string {
		return command{args: append([]string{"java", "-cp", on + ":" + out, "StoreClient"}, args...), limit: 2 * patience}.must(t)
	}
}

// A JVM client synchronises a directory as SyncTool does, finds nothing to do
// when it comes again, and retrieves it as RetrievalTool does.
func TestE2EAJavaClientSynchronisesAndRetrievesADirectory(t *testing.T) {
	t.Parallel()
	run := javaClient(t)
	s := start(t, setting{})
	from, files := t.TempDir(), map[string][]byte{
		"a b.txt": []byte("text"), "dir/ünï & co+1.xml": content(1, 999), "dir/exact.bin": content(2, 1000), "dir/large.bin": content(3, 25_500),
	}
	for name, body := range files {
		file := filepath.Join(from, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, body, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	sync := func(want string) {
		t.Helper()
		if out := run("sync", s.url, admin.user, admin.password, "java", from, "1000"); out != want+"\n" {
			t.Errorf("it prints %q, not %q", out, want)
		}
	}
	sync("uploaded 4 skipped 0 deleted 0")
	sync("uploaded 0 skipped 4 deleted 0")
	if err := os.Remove(filepath.Join(from, "dir", "large.bin")); err != nil {
		t.Fatal(err)
	}
	to := t.TempDir()
	if out := run("retrieve", s.url, admin.user, admin.password, "java", to); out != "retrieved 4 resumed true\n" {
		t.Errorf("it prints %q", out)
	}
	sameTree(t, to, files)
	sync("uploaded 0 skipped 3 deleted 27") // 26 chunks and their manifest
}

// The largest file that DuraCloud's tools can make has 9,999 chunks. On a drive
// it is one file; they retrieve it chunk by chunk.
func TestE2EAFileOf9999ChunksIsOneFileOnADrive(t *testing.T) {
	t.Parallel()
	need(t, "curl", "curl")
	run := javaClient(t)
	s := start(t, setting{})
	const chunks, size = 9999, 1000
	whole := content(9, chunks*size)
	s.expect(201, admin, "PUT", "/durastore/large", "")
	putChunks(t, s, whole, size)
	var b strings.Builder
	fmt.Fprintf(&b, `<?xml version="1.0" encoding="UTF-8"?>`+"\n"+`<dur:chunksManifest xmlns:dur="duracloud.org"><header schemaVersion="0.2">`+
		`<sourceContent contentId="dir/f.bin"><mimetype>application/octet-stream</mimetype><byteSize>%d</byteSize><md5>%s</md5></sourceContent></header><chunks>`, len(whole), md5hex(whole))
	for i := range chunks {
		fmt.Fprintf(&b, `<chunk chunkId="dir/f.bin.dura-chunk-%04d" index="%d"><byteSize>%d</byteSize><md5>%s</md5></chunk>`, i, i, size, md5hex(whole[i*size:(i+1)*size]))
	}
	s.expect(201, admin, "PUT", "/durastore/large/dir/f.bin.dura-manifest", b.String()+"</chunks></dur:chunksManifest>", "Content-Type: application/xml")

	url, login := s.url+"/dav/large/dir/f.bin", admin.user+":"+admin.password
	for _, r := range [][2]int{{0, 0}, {size - 1, size}, {5000*size - 3, 5002*size + 3}, {len(whole) - 1, len(whole) - 1}} {
		got := command{args: []string{"curl", "-sS", "-f", "-u", login, "-r", fmt.Sprintf("%d-%d", r[0], r[1]), url}}.must(t)
		if got != string(whole[r[0]:r[1]+1]) {
			t.Errorf("bytes %d to %d are others", r[0], r[1])
		}
	}
	remote := s.davRemote(t, "other")
	to := t.TempDir()
	remote.must("copy", "gate:large", to)
	sameTree(t, to, map[string][]byte{"dir/f.bin": whole})
	back := t.TempDir()
	if out := run("retrieve", s.url, admin.user, admin.password, "large", back); out != "retrieved 1 resumed true\n" {
		t.Errorf("it prints %q", out)
	}
	sameTree(t, back, map[string][]byte{"dir/f.bin": whole})
}

// putChunks puts the chunks of dir/f.bin into the space large, eight at once.
func putChunks(t *testing.T, s *server, whole []byte, size int) {
	t.Helper()
	next := make(chan int)
	var work sync.WaitGroup
	for range 8 {
		work.Go(func() {
			for i := range next {
				body := whole[i*size : (i+1)*size]
				a, err := s.send(admin, "PUT", fmt.Sprintf("/durastore/large/dir/f.bin.dura-chunk-%04d", i),
					strings.NewReader(string(body)), "Content-Type: application/octet-stream")
				if err != nil || a.status != 201 {
					t.Errorf("chunk %d: %d, %v", i, a.status, err)
				}
			}
		})
	}
	for i := range len(whole) / size {
		next <- i
	}
	close(next)
	work.Wait()
}
