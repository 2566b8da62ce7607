package swift_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net/http/httptest"
	"os/exec"
	"strings"
	"testing"
	"testing/iotest"

	"entrepot/gateway"
	"entrepot/gateway/gatewaytest"
	"entrepot/protocols/swift"
)

// bulkReport is the report of a bulk operation.
type bulkReport struct {
	Status   string      `json:"Response Status"`
	Body     string      `json:"Response Body"`
	Deleted  int         `json:"Number Deleted"`
	NotFound int         `json:"Number Not Found"`
	Created  int         `json:"Number Files Created"`
	Errors   [][2]string `json:"Errors"`
}

// bulk sends a bulk operation; the status is 200 whatever happens.
func (c *client) bulk(method, path string, body io.Reader, header ...string) bulkReport {
	c.t.Helper()
	w := c.do(method, path, body, append([]string{"Accept", "application/json"}, header...)...)
	var r bulkReport
	if err := json.Unmarshal(w.Body.Bytes(), &r); w.Code != 200 || err != nil {
		c.t.Fatalf("%s %s: %d %s %v", method, path, w.Code, w.Body, err)
	}
	return r
}

func (c *client) deleteLines(lines ...string) bulkReport {
	c.t.Helper()
	return c.bulk("POST", "/v1/AUTH_test?bulk-delete", strings.NewReader(strings.Join(lines, "\n")))
}

func (r bulkReport) want(t *testing.T, status string, deleted, missing int, errors ...[2]string) {
	t.Helper()
	if r.Status != status || r.Deleted != deleted || r.NotFound != missing || fmt.Sprint(r.Errors) != fmt.Sprint(errors) {
		t.Errorf("%+v, want %s, %d deleted, %d missing, %v", r, status, deleted, missing, errors)
	}
}

func TestBulkDeleteRunsInOrder(t *testing.T) {
	c := newClient(t, gatewaytest.New(t), swift.Config{})
	for _, path := range []string{"c", "d", "c/a", "c/b c", "c/☃", "c/x/", "d/o"} {
		c.want(c.do("PUT", "/v1/AUTH_test/"+strings.ReplaceAll(path, " ", "%20"), strings.NewReader("x")), 201, "")
	}
	c.deleteLines("c", "/c/a", "c/b%20c", "", "  ", "/c/%E2%98%83", "c/none", "c/a", "nowhere/o", "nowhere", "c/x%2F", "c", "d/", "d/o", "d/").
		want(t, "400 Bad Request", 7, 4, [2]string{"c", "409 Conflict"}, [2]string{"d/", "409 Conflict"})
	c.want(c.do("GET", "/v1/AUTH_test", nil), 204, "")
	w := c.do("DELETE", "/v1/AUTH_test?bulk-delete=1", strings.NewReader("nowhere"))
	c.want(w, 200, "Number Deleted: 0\nNumber Not Found: 1\nResponse Body: \nResponse Status: 200 OK\nErrors:\n")
}

func TestBulkDeleteReportsWhatCannotBe(t *testing.T) {
	c := newClient(t, gatewaytest.New(t), swift.Config{})
	c.deleteLines(" ").want(t, "400 Bad Request", 0, 0)
	if got := c.deleteLines("\n \n").Body; got != "Invalid bulk delete." {
		t.Error(got)
	}
	c.deleteLines("c/%ff", "c/%00", strings.Repeat("n", 257), "c/"+strings.Repeat("%6E", 1025)).
		want(t, "400 Bad Request", 0, 2, [2]string{"c/%FF", "412 Precondition Failed"}, [2]string{"c/%00", "412 Precondition Failed"})
	c.want(c.do("PUT", "/v1/AUTH_test/c", nil), 201, "")
	long := c.deleteLines("c", strings.Repeat("c/x", 5000), "c")
	if long.want(t, "400 Bad Request", 1, 0); long.Body != "Invalid File Name" {
		t.Errorf("a line longer than any name: %+v", long)
	}
	w := c.do("POST", "/v1/AUTH_test?bulk-delete", strings.NewReader("x"), "Accept", "image/png")
	c.want(w, 200, "Number Deleted: 0\nNumber Not Found: 0\nResponse Body: \nResponse Status: 406 Not Acceptable\nErrors:\n")
	r := httptest.NewRequest("POST", "/v1/AUTH_test?bulk-delete", nil)
	r.Header.Set("X-Auth-Token", c.token)
	recorder := httptest.NewRecorder()
	c.handler.ServeHTTP(recorder, r)
	c.want(recorder, 200, "Number Deleted: 0\nNumber Not Found: 0\nResponse Body: \nResponse Status: 411 Length Required\nErrors:\n")
	c.want(c.do("POST", "/v1/AUTH_test?bulk-delete", iotest.ErrReader(io.ErrUnexpectedEOF)), 499, "")
}

// S12: a bulk request needs no right of its own, every entry does.
func TestS12BulkDeleteJudgesEveryEntry(t *testing.T) {
	f := gatewaytest.New(t)
	c := newClient(t, f, swift.Config{})
	c.want(c.do("PUT", "/v1/AUTH_test/open", nil, "X-Container-Write", "test2"), 201, "")
	c.want(c.do("PUT", "/v1/AUTH_test/shut", nil), 201, "")
	for _, path := range []string{"open/a", "shut/a"} {
		c.want(c.do("PUT", "/v1/AUTH_test/"+path, strings.NewReader("x")), 201, "")
	}
	owner := c.token
	c.token = ""
	c.deleteLines("open/a", "shut/a", "none/a", "shut").want(t, "400 Bad Request", 0, 0,
		[2]string{"open/a", "401 Unauthorized"}, [2]string{"shut/a", "401 Unauthorized"},
		[2]string{"none/a", "401 Unauthorized"}, [2]string{"shut", "401 Unauthorized"})
	w := c.do("GET", "/auth/v1.0", nil, "X-Auth-User", "test2:tester2", "X-Auth-Key", "testing2")
	c.token = w.Header().Get("X-Auth-Token")
	c.deleteLines("open/a", "shut/a", "open").want(t, "400 Bad Request", 1, 0,
		[2]string{"shut/a", "403 Forbidden"}, [2]string{"open", "403 Forbidden"})
	c.token = owner
	c.want(c.do("GET", "/v1/AUTH_test/shut/a", nil), 200, "x")
}

func TestBulkDeleteLeavesLockedObjects(t *testing.T) {
	f := gatewaytest.New(t)
	c := newClient(t, f, swift.Config{})
	c.want(c.do("PUT", "/v1/AUTH_test/c", nil), 201, "")
	for _, name := range []string{"a", "b"} {
		c.want(c.do("PUT", "/v1/AUTH_test/c/"+name, strings.NewReader("x")), 201, "")
	}
	ref := gateway.Ref{Account: "test", Container: "c", Object: "a"}
	if _, _, err := f.Gateway.Trees.Lock(f.Ctx("tester"), ref, gateway.LockRequest{Exclusive: true}); err != nil {
		t.Fatal(err)
	}
	c.deleteLines("c/a", "c/b").want(t, "400 Bad Request", 1, 0, [2]string{"c/a", "423 Locked"})
}

// S52: a million lines are not read, and nothing is deleted.
func TestS52BulkDeleteOfAMillionIsRefused(t *testing.T) {
	c := newClient(t, gatewaytest.New(t), swift.Config{})
	c.want(c.do("PUT", "/v1/AUTH_test/c", nil), 201, "")
	c.want(c.do("PUT", "/v1/AUTH_test/c/o", strings.NewReader("x")), 201, "")
	body := &endless{line: "c/o\n", left: 1_000_000}
	r := c.bulk("POST", "/v1/AUTH_test?bulk-delete", body)
	if r.Status != "413 Request Entity Too Large" || r.Body != "Maximum Bulk Deletes: 10000 per request" {
		t.Errorf("%+v", r)
	}
	if body.left < 900_000 {
		t.Errorf("%d lines were read", 1_000_000-body.left)
	}
	c.want(c.do("GET", "/v1/AUTH_test/c/o", nil), 200, "")
	blank := &endless{line: "\n", left: 1_000_000}
	if r := c.bulk("POST", "/v1/AUTH_test?bulk-delete", blank); r.Status != "413 Request Entity Too Large" {
		t.Errorf("%+v", r)
	}
}

// endless is a body of many equal lines.
type endless struct {
	line string
	left int
}

func (e *endless) Read(p []byte) (n int, err error) {
	for e.left > 0 && len(p)-n >= len(e.line) {
		n += copy(p[n:], e.line)
		e.left--
	}
	if n == 0 {
		return 0, io.EOF
	}
	return n, nil
}

func FuzzDeleteLines(f *testing.F) {
	f.Add("/c/a%20b\r\n\n c/o \n%\nc/%ff")
	f.Fuzz(func(t *testing.T, body string) {
		lines, err := swift.DeleteLines(strings.NewReader(body))
		if err != nil {
			return
		}
		for _, line := range lines {
			container, object, ok := swift.DeleteTarget(line)
			if line == "" || strings.Contains(container, "/") || ok && strings.TrimPrefix(line, "/") != container+"/"+object && object != "" {
				t.Errorf("%q: %q %q %v", line, container, object, ok)
			}
		}
	})
}

// archive builds a tar archive.
type archive struct {
	t testing.TB
	bytes.Buffer
	w *tar.Writer
}

func newArchive(t testing.TB) *archive {
	a := &archive{t: t}
	a.w = tar.NewWriter(&a.Buffer)
	return a
}

func (a *archive) add(h tar.Header, content string) *archive {
	a.t.Helper()
	h.Size, h.Mode = int64(len(content)), 0o644
	if h.Typeflag == 0 {
		h.Typeflag = tar.TypeReg
	}
	if err := a.w.WriteHeader(&h); err != nil {
		a.t.Fatal(err)
	}
	if _, err := io.WriteString(a.w, content); err != nil {
		a.t.Fatal(err)
	}
	return a
}

func (a *archive) file(name, content string) *archive { return a.add(tar.Header{Name: name}, content) }

func (a *archive) done() []byte {
	if err := a.w.Close(); err != nil {
		a.t.Fatal(err)
	}
	return a.Bytes()
}

func (c *client) extract(path, format string, data []byte) bulkReport {
	c.t.Helper()
	return c.bulk("PUT", path+"?extract-archive="+format, bytes.NewReader(data))
}

func packed(t testing.TB, data []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestExtractStoresFilesWhereTheyBelong(t *testing.T) {
	c := newClient(t, gatewaytest.New(t), swift.Config{})
	big := strings.Repeat("0123456789", 10_000)
	data := newArchive(t).add(tar.Header{Name: "d/", Typeflag: tar.TypeDir}, "").file("d/a.txt", "A").file("./d/sub/b", big).
		file("top", "T").file("e/☃.html", "<p>").
		add(tar.Header{Name: "e/meta", PAXRecords: map[string]string{
			"SCHILY.xattr.user.meta.color": "red", "SCHILY.xattr.user.mime_type": "image/x", "SCHILY.xattr.user.other": "x"}}, "M").
		file("d/a.txt", "A, the later one").done()
	if r := c.extract("/v1/AUTH_test", "tar", data); r.Created != 5 || r.Status != "201 Created" || len(r.Errors) != 0 {
		t.Errorf("%+v", r)
	}
	c.want(c.do("GET", "/v1/AUTH_test/d", nil), 200, "a.txt\nsub/b\n")
	c.want(c.do("GET", "/v1/AUTH_test/d/a.txt", nil), 200, "A, the later one")
	c.want(c.do("GET", "/v1/AUTH_test/d/sub/b", nil), 200, big)
	w := c.do("GET", "/v1/AUTH_test/e/meta", nil)
	if h := w.Header(); h.Get("X-Object-Meta-Color") != "red" || h.Get("Content-Type") != "image/x" {
		t.Error(h)
	}
	if got := c.do("HEAD", "/v1/AUTH_test/e/%E2%98%83.html", nil).Header().Get("Content-Type"); got != "text/html" {
		t.Error(got)
	}
	if r := c.extract("/v1/AUTH_test/new", "tar.gz", packed(t, data)); r.Created != 6 {
		t.Errorf("%+v", r)
	}
	c.want(c.do("GET", "/v1/AUTH_test/new/top", nil), 200, "T")
	if r := c.extract("/v1/AUTH_test/new/deep/er/", "TAR", data); r.Created != 6 {
		t.Errorf("%+v", r)
	}
	c.want(c.do("GET", "/v1/AUTH_test/new/deep/er/d/a.txt", nil), 200, "A, the later one")
	if bz, err := exec.LookPath("bzip2"); err == nil {
		cmd := exec.Command(bz, "-c")
		cmd.Stdin = bytes.NewReader(data)
		out, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		if r := c.extract("/v1/AUTH_test/bz", "tar.bz2", out); r.Created != 6 {
			t.Errorf("%+v", r)
		}
	}
}

func TestExtractTellsWhatIsWrongWithTheArchive(t *testing.T) {
	c := newClient(t, gatewaytest.New(t), swift.Config{})
	good := newArchive(t).file("c/a", "A").done()
	c.want(c.do("PUT", "/v1/AUTH_test?extract-archive=zip", strings.NewReader("x")), 400, "Unsupported archive format")
	for _, tt := range []struct {
		format string
		data   []byte
		text   string
	}{
		{"tar", []byte("no archive"), "Invalid Tar File: truncated header"},
		{"tar.gz", good, "Invalid Tar File: not a gzip file"},
		{"tar.bz2", good, "Invalid Tar File: bzip2 data invalid: bad magic value"},
		{"tar", newArchive(t).done(), "Invalid Tar File: No Valid Files"},
		{"tar", newArchive(t).file("top", "x").done(), "Invalid Tar File: No Valid Files"},
		{"tar", good[:300], "Invalid Tar File: "},
	} {
		r := c.extract("/v1/AUTH_test", tt.format, tt.data)
		if r.Status != "400 Bad Request" || !strings.HasPrefix(r.Body, tt.text) || tt.text == "" {
			t.Errorf("%s: %+v", tt.format, r)
		}
	}
	c.want(c.do("GET", "/v1/AUTH_test", nil), 204, "")
	if r := c.extract("/v1/AUTH_test", "tar", newArchive(t).file(strings.Repeat("n", 257)+"/a", "x").file("c/ok", "x").done()); r.Created != 1 ||
		len(r.Errors) != 1 || r.Errors[0][1] != "400 Bad Request" || r.Status != "400 Bad Request" {
		t.Errorf("%+v", r)
	}
}

// S37: what is no plain file of a plain name is refused and reported, and
// nothing outside the containers is touched.
func TestS37ArchiveEntriesThatEscapeAreRefused(t *testing.T) {
	c := newClient(t, gatewaytest.New(t), swift.Config{})
	data := newArchive(t).file("c/ok", "x").file("../up", "x").file("c/../../up", "x").file("/abs/o", "x").file("c/..", "x").
		add(tar.Header{Name: "c/hard", Typeflag: tar.TypeLink, Linkname: "/etc/passwd"}, "").
		add(tar.Header{Name: "c/soft", Typeflag: tar.TypeSymlink, Linkname: "../../etc/passwd"}, "").
		add(tar.Header{Name: "c/dev", Typeflag: tar.TypeChar}, "").
		add(tar.Header{Name: "c/fifo", Typeflag: tar.TypeFifo}, "").
		add(tar.Header{Name: "c/meta", PAXRecords: map[string]string{"SCHILY.xattr.user.meta.x": "a\nb"}}, "").
		file("c/..fine", "x").done()
	r := c.extract("/v1/AUTH_test", "tar", data)
	if r.Created != 2 || len(r.Errors) != 9 || r.Status != "400 Bad Request" {
		t.Errorf("%+v", r)
	}
	c.want(c.do("GET", "/v1/AUTH_test", nil), 200, "c\n")
	c.want(c.do("GET", "/v1/AUTH_test/c", nil), 200, "..fine\nok\n")
}

func TestS37ArchiveBombsAreStopped(t *testing.T) {
	c := newClient(t, gatewaytest.New(t), swift.Config{})
	zeros := packed(t, newArchive(t).file("c/small", "x").file("c/zeros", strings.Repeat("\x00", 20<<20)).done())
	r := c.extract("/v1/AUTH_test", "tar.gz", zeros)
	if r.Created != 1 || r.Status != "413 Request Entity Too Large" || r.Body != "Invalid Tar File: the archive expands too much" {
		t.Errorf("%+v", r)
	}
	c.want(c.do("GET", "/v1/AUTH_test/c", nil), 200, "small\n")
	many := newArchive(t)
	for range 10_001 {
		many.file("c/same", "")
	}
	r = c.extract("/v1/AUTH_test", "tar", many.done())
	if r.Created != 10_000 || r.Status != "413 Request Entity Too Large" {
		t.Errorf("%d %s %s", r.Created, r.Status, r.Body)
	}
	failing := newArchive(t)
	for i := range 1500 {
		failing.add(tar.Header{Name: fmt.Sprint("c/", i), Typeflag: tar.TypeSymlink, Linkname: "x"}, "").file("c/..", "")
	}
	r = c.extract("/v1/AUTH_test", "tar", failing.done())
	if r.Status != "400 Bad Request" || r.Body != "Max extract failures exceeded" || len(r.Errors) > 1100 {
		t.Errorf("%d %s %s", len(r.Errors), r.Status, r.Body)
	}
}

func TestS37ArchiveIsBoundByQuotaAndRights(t *testing.T) {
	c := newClient(t, gatewaytest.New(t), swift.Config{})
	c.want(c.do("PUT", "/v1/AUTH_test/q", nil, "X-Container-Meta-Quota-Bytes", "10", "X-Container-Write", "test2"), 201, "")
	data := newArchive(t).file("a", "12345678").file("b", strings.Repeat("x", 40_000)).file("c", "1").done()
	r := c.extract("/v1/AUTH_test/q", "tar", data)
	if r.Created != 2 || len(r.Errors) != 1 || r.Errors[0] != [2]string{"q/b", "413 Request Entity Too Large"} {
		t.Errorf("%+v", r)
	}
	w := c.do("GET", "/auth/v1.0", nil, "X-Auth-User", "test2:tester2", "X-Auth-Key", "testing2")
	c.token = w.Header().Get("X-Auth-Token")
	if r := c.extract("/v1/AUTH_test/q", "tar", newArchive(t).file("d", "1").done()); r.Created != 1 {
		t.Errorf("%+v", r)
	}
	if r := c.extract("/v1/AUTH_test/none", "tar", newArchive(t).file("d", "1").done()); r.Created != 0 || r.Errors[0][1] != "403 Forbidden" {
		t.Errorf("%+v", r)
	}
}

// S33: an archive that is cut off leaves whole files only.
func TestS33TruncatedArchiveLeavesWholeFiles(t *testing.T) {
	c := newClient(t, gatewaytest.New(t), swift.Config{})
	data := newArchive(t).file("c/a", "A").file("c/b", strings.Repeat("B", 100_000)).done()
	body := stream{bytes.NewReader(data[:60_000]), io.ErrUnexpectedEOF}
	c.want(c.do("PUT", "/v1/AUTH_test?extract-archive=tar", body), 499, "")
	c.want(c.do("GET", "/v1/AUTH_test/c", nil), 200, "a\n")
}

func FuzzExtract(f *testing.F) {
	f.Add(newArchive(f).file("c/a", "A").add(tar.Header{Name: "l", Typeflag: tar.TypeSymlink, Linkname: "x"}, "").done(), "tar")
	f.Add(packed(f, newArchive(f).file("c/a", "A").done()), "tar.gz")
	f.Add([]byte("BZh9"), "tar.bz2")
	fixture := gatewaytest.NewWith(f, gatewaytest.Plain())
	h := handler(f, fixture, swift.Config{})
	w := httptest.NewRecorder()
	r := httptest.NewRequest("GET", "/auth/v1.0", nil)
	r.Header.Set("X-Auth-User", "test:tester")
	r.Header.Set("X-Auth-Key", "testing")
	h.ServeHTTP(w, r)
	token := w.Header().Get("X-Auth-Token")
	f.Fuzz(func(t *testing.T, data []byte, format string) {
		if format != "tar.gz" && format != "tar.bz2" {
			format = "tar"
		}
		c := &client{t: t, handler: h, token: token}
		r := c.extract("/v1/AUTH_test/c", format, data)
		if r.Status == "" || strings.HasPrefix(r.Status, "5") {
			t.Errorf("%+v", r)
		}
	})
}
