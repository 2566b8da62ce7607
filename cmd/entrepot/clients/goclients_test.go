package clients_test

import (
	"bytes"
	"io"
	"slices"
	"testing"
	"time"

	emersion "github.com/emersion/go-webdav"
	"github.com/studio-b12/gowebdav"
)

// The library that many Go programs use: it waits for the challenge, makes the
// folders above a file, reads ranges, and takes one large and one small body.
func TestGoWebDAVLibraryWorksOnTree(t *testing.T) {
	t.Parallel()
	s := start(t, setting{})
	c := gowebdav.NewClient(s.url+"/dav/", admin.user, admin.password)
	must := func(what string, err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
	}
	must("connect", c.Connect())
	must("mkdir", c.Mkdir("box", 0))
	must("mkdir again", c.Mkdir("box", 0))
	must("mkdirall", c.MkdirAll("box/a/b c/ü", 0))
	small, large := []byte("small"), content(61, 5<<20+3)
	must("write", c.Write("box/a/b c/ü/100% & #.txt", small, 0))
	must("write without folders", c.Write("box/new/folders/small", small, 0))
	must("stream", c.WriteStream("box/streamed", bytes.NewReader(large), 0))
	must("stream of a length", c.WriteStreamWithLength("box/with length", io.MultiReader(bytes.NewReader(large)), int64(len(large)), 0))

	info, err := c.Stat("box/streamed")
	must("stat", err)
	if info.Size() != int64(len(large)) || info.IsDir() || time.Since(info.ModTime()).Abs() > 10*time.Minute {
		t.Errorf("stat of a file: %v", info)
	}
	if info, err = c.Stat("box/a"); err != nil || !info.IsDir() {
		t.Errorf("stat of a folder: %v, %v", info, err)
	}
	if _, err = c.Stat("box/none"); !gowebdav.IsErrNotFound(err) {
		t.Errorf("stat of nothing: %v", err)
	}
	got, err := c.Read("box/a/b c/ü/100% & #.txt")
	if err != nil || !bytes.Equal(got, small) {
		t.Errorf("read: %q, %v", got, err)
	}
	part, err := c.ReadStreamRange("box/with length", 4<<20, 1000)
	must("range", err)
	got, err = io.ReadAll(part)
	part.Close()
	if err != nil || !bytes.Equal(got, large[4<<20:4<<20+1000]) {
		t.Errorf("range: %d bytes, %v", len(got), err)
	}

	must("copy", c.Copy("box/streamed", "box/copied", false))
	if err := c.Copy("box/streamed", "box/copied", false); !gowebdav.IsErrCode(err, 412) {
		t.Errorf("a copy over a file that is there: %v", err)
	}
	must("rename over", c.Rename("box/streamed", "box/copied", true))
	must("rename of a folder", c.Rename("box/a", "box/z", false))
	must("remove", c.Remove("box/with length"))
	must("remove of nothing", c.Remove("box/with length"))
	must("removeall", c.RemoveAll("box/new"))
	list, err := c.ReadDir("box")
	must("readdir", err)
	var names []string
	for _, f := range list {
		names = append(names, f.Name())
	}
	if slices.Sort(names); !slices.Equal(names, []string{"copied", "z"}) {
		t.Errorf("the folder has %q", names)
	}
	wrong := gowebdav.NewClient(s.url+"/dav/", admin.user, "wrong")
	must("connect, which only asks what the server can", wrong.Connect())
	if _, err := wrong.ReadDir("box"); !gowebdav.IsErrCode(err, 401) {
		t.Errorf("a wrong password: %v", err)
	}
}

// A second library with an opinion of its own: it decodes every answer into
// structures, asks who it is, sends chunks, and walks trees with one request.
func TestGoEmersionLibraryWorksOnTree(t *testing.T) {
	t.Parallel()
	s := start(t, setting{})
	s.expect(201, admin, "MKCOL", "/dav/box/", "")
	c, err := emersion.NewClient(emersion.HTTPClientWithBasicAuth(nil, admin.user, admin.password), s.url+"/dav/")
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	must := func(what string, err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
	}
	who, err := c.FindCurrentUserPrincipal(ctx)
	if err != nil || who == "" {
		t.Errorf("current-user-principal: %q, %v", who, err)
	}
	must("mkdir", c.Mkdir(ctx, "/dav/box/a b"))
	if err := c.Mkdir(ctx, "/dav/box/none/b"); err == nil {
		t.Error("a folder was made where no folder is")
	}
	text := content(62, 3<<20+1)
	w, err := c.Create(ctx, "/dav/box/a b/ü.bin")
	must("create", err)
	_, err = w.Write(text)
	must("write", err)
	must("close", w.Close())
	info, err := c.Stat(ctx, "/dav/box/a b/ü.bin")
	must("stat", err)
	if info.Size != int64(len(text)) || info.IsDir || info.ETag != md5hex(text) || info.ModTime.IsZero() || info.MIMEType == "" {
		t.Errorf("stat: %+v", info)
	}
	must("copy", c.Copy(ctx, "/dav/box/a b", "/dav/box/c", nil))
	if err := c.Copy(ctx, "/dav/box/a b", "/dav/box/c", &emersion.CopyOptions{NoOverwrite: true}); err == nil {
		t.Error("a copy went over a folder that is there")
	}
	must("flat copy", c.Copy(ctx, "/dav/box/a b", "/dav/box/flat", &emersion.CopyOptions{NoRecursive: true}))
	must("move", c.Move(ctx, "/dav/box/a b/ü.bin", "/dav/box/moved", nil))
	must("remove", c.RemoveAll(ctx, "/dav/box/a b"))
	list, err := c.ReadDir(ctx, "/dav/box/", true)
	must("readdir", err)
	var names []string
	for _, f := range list {
		names = append(names, f.Path)
	}
	slices.Sort(names)
	if want := []string{"/dav/box/", "/dav/box/c/", "/dav/box/c/ü.bin", "/dav/box/flat/", "/dav/box/moved"}; !slices.Equal(names, want) {
		t.Errorf("the tree has %q, want %q", names, want)
	}
	r, err := c.Open(ctx, "/dav/box/moved")
	must("open", err)
	got, err := io.ReadAll(r)
	r.Close()
	if err != nil || !bytes.Equal(got, text) {
		t.Errorf("open: %d bytes, %v", len(got), err)
	}
	_, err = c.Stat(ctx, "/dav/box/a b")
	if err == nil {
		t.Error("what was removed is still there")
	}
}
