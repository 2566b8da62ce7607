package clients_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack"
	"github.com/gophercloud/gophercloud/v2/openstack/objectstorage/v1/containers"
	"github.com/gophercloud/gophercloud/v2/openstack/objectstorage/v1/objects"
	"github.com/gophercloud/gophercloud/v2/openstack/objectstorage/v1/swauth"
	ncw "github.com/ncw/swift/v2"
)

// segmented is what the tests of large objects store: content that needs
// several segments of segmentSize, the last one shorter.
const (
	segmentSize   = 300_000
	segmentedSize = 1_000_000
)

func segmented(t *testing.T) (dir string, text []byte) {
	t.Helper()
	dir, text = t.TempDir(), content(61, segmentedSize)
	if err := os.WriteFile(filepath.Join(dir, "big.bin"), text, 0o600); err != nil {
		t.Fatal(err)
	}
	return dir, text
}

// composite is the entity tag of a large object with these segments.
func composite(text []byte) string {
	tags := ""
	for part := range slices.Chunk(text, segmentSize) {
		tags += md5hex(part)
	}
	return `"` + md5hex([]byte(tags)) + `"`
}

func TestSwiftCommandUploadsReadsAndDeletesLargeObjects(t *testing.T) {
	t.Parallel()
	need(t, "swift", "python3-swiftclient")
	s := start(t, setting{})
	dir, text := segmented(t)
	for kind, args := range map[string][]string{"dynamic": nil, "static": {"--use-slo"}} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			s.swiftLargeObject(t, kind, dir, text, args)
		})
	}
}

// swiftLargeObject takes big.bin of dir through the life of a large object in
// the container box.
func (s *server) swiftLargeObject(t *testing.T, box, dir string, text []byte, args []string) {
	swift := func(args ...string) string { t.Helper(); return s.swift(admin, dir, args...).must(t) }
	swift(append(append([]string{"upload"}, args...), "-S", fmt.Sprint(segmentSize), box, "big.bin")...)
	stat := swift("stat", box, "big.bin")
	if got := field(t, stat, "Content Length"); got != fmt.Sprint(segmentedSize) {
		t.Errorf("%s: length %s", box, got)
	}
	if got := field(t, stat, "ETag"); got != composite(text) {
		t.Errorf("%s: ETag %s, want %s", box, got, composite(text))
	}
	if got := lines(swift("list", box+"_segments")); len(got) != 4 {
		t.Errorf("%s: segments %q", box, got)
	}
	swift("download", box, "big.bin", "-o", box+".back")
	if got, err := os.ReadFile(filepath.Join(dir, box+".back")); err != nil || !bytes.Equal(got, text) {
		t.Errorf("%s: came back with %d bytes, %v", box, len(got), err)
	}
	swift("post", "-m", "Colour:blue", "-H", "X-Object-Manifest:"+manifestOf(stat), box, "big.bin")
	stat = swift("stat", box, "big.bin")
	if field(t, stat, "Meta Colour") != "blue" || field(t, stat, "ETag") != composite(text) {
		t.Errorf("%s after post:\n%s", box, stat)
	}
	swift("copy", "-d", "/"+box+"/copy.bin", box, "big.bin")
	stat = swift("stat", box, "copy.bin")
	if field(t, stat, "ETag") != md5hex(text) || field(t, stat, "Meta Colour") != "blue" {
		t.Errorf("%s: the copy is\n%s", box, stat)
	}
	// Unchanged, it is not sent again; deleted, it takes its segments along.
	swift(append(append([]string{"upload", "--skip-identical"}, args...), "-S", fmt.Sprint(segmentSize), box, "big.bin")...)
	swift("delete", box, "big.bin")
	if got := swift("list", box+"_segments") + swift("list", box); got != "copy.bin\n" {
		t.Errorf("%s: after delete there are %q", box, got)
	}
}

// manifestOf is the manifest header that swift stat shows of a dynamic large
// object, "" of others.
func manifestOf(stat string) string {
	for _, line := range lines(stat) {
		if name, value, _ := strings.Cut(strings.TrimSpace(line), ": "); name == "Manifest" {
			return value
		}
	}
	return ""
}

func TestRcloneSendsLargeFilesInChunksAndEveryDoorReadsThem(t *testing.T) {
	t.Parallel()
	s := start(t, setting{})
	dir, text := segmented(t)
	if err := os.WriteFile(filepath.Join(dir, "small"), []byte("small"), 0o600); err != nil {
		t.Fatal(err)
	}
	r := s.swiftRemote(t)
	chunked := func(args ...string) string {
		t.Helper()
		return r.must(append([]string{"--swift-chunk-size", fmt.Sprint(segmentSize) + "b"}, args...)...)
	}
	chunked("copy", dir, "gate:box")
	r.must("check", "--download", dir, "gate:box")
	r.must("check", dir, "gate:box")
	if got := lines(r.must("lsf", "-R", "gate:box_segments")); len(slices.DeleteFunc(got, func(n string) bool { return strings.HasSuffix(n, "/") })) != 4 {
		t.Errorf("segments %q", got)
	}
	chunked("copyto", "gate:box/big.bin", "gate:other/copied.bin")
	if got := r.must("cat", "gate:other/copied.bin"); got != string(text) {
		t.Errorf("the copy on the server has %d bytes", len(got))
	}
	// A file of the same name replaces segments, too.
	text = content(62, segmentedSize)
	if err := os.WriteFile(filepath.Join(dir, "big.bin"), text, 0o600); err != nil {
		t.Fatal(err)
	}
	chunked("sync", dir, "gate:box")
	drive := s.davRemote(t, "owncloud")
	drive.must("check", "--download", dir, "gate:box")
	if got := drive.must("cat", "--offset", "299990", "--count", "300020", "gate:box/big.bin"); got != string(text[299990:600010]) {
		t.Errorf("a range on the drive has %d bytes with MD5 %s", len(got), md5hex([]byte(got)))
	}
	drive.must("moveto", "gate:box/big.bin", "gate:box/moved.bin")
	if got := drive.must("cat", "gate:box/moved.bin"); got != string(text) {
		t.Errorf("moved on the drive it has %d bytes", len(got))
	}
	r.must("delete", "gate:box")
	if got := r.must("lsf", "-R", "gate:box") + r.must("lsf", "-R", "gate:box_segments"); got != "" {
		t.Errorf("after delete there are %q", got)
	}
}

func TestCurlReadsRangesOfLargeObjectsOnTheDrive(t *testing.T) {
	t.Parallel()
	s := start(t, setting{})
	_, text := segmented(t)
	s.storeSegments(text)
	for _, name := range []string{"slo", "dlo"} {
		etag := composite(text)
		for _, step := range []struct {
			args       []string
			want, body string
		}{
			{nil, "200", string(text)},
			{[]string{"-r", "299999-300000"}, "206", string(text[299999:300001])},
			{[]string{"-r", "-7"}, "206", string(text[len(text)-7:])},
			{[]string{"-r", "1000000-"}, "416", ""},
			{[]string{"-H", "If-None-Match: " + etag}, "304", ""},
			{[]string{"-H", "If-Match: " + etag}, "200", string(text)},
			{[]string{"-r", "5-9", "-H", "If-Range: " + etag}, "206", string(text[5:10])},
			{[]string{"-r", "5-9", "-H", `If-Range: "` + md5hex(nil) + `"`}, "200", string(text)},
		} {
			status, body := s.curl(t, "/dav/box/"+name, step.args...)
			if status != step.want || step.want[:2] == "20" && body != step.body {
				t.Errorf("%s: curl %q: %s with %d bytes, want %s", name, step.args, status, len(body), step.want)
			}
		}
		a := s.expect(207, admin, "PROPFIND", "/dav/box/"+name, "", "Depth: 0")
		for _, want := range []string{"<D:getcontentlength>1000000</D:getcontentlength>", "<D:getetag>" + etag} {
			if !strings.Contains(a.body, want) {
				t.Errorf("%s: PROPFIND lacks %s:\n%s", name, want, a.body)
			}
		}
		if strings.Contains(a.body, "MD5:") {
			t.Errorf("%s: PROPFIND tells a checksum that nobody computed:\n%s", name, a.body)
		}
	}
}

// storeSegments makes box/slo and box/dlo, joined of the same segments.
func (s *server) storeSegments(text []byte) {
	s.t.Helper()
	tok := s.token(admin)
	for _, container := range []string{"box", "parts"} {
		s.expect(201, login{}, "PUT", "/v1/AUTH_admin/"+container, "", tok)
	}
	var manifest []string
	for part := range slices.Chunk(text, segmentSize) {
		name := fmt.Sprintf("parts/p/%03d", len(manifest))
		s.expect(201, login{}, "PUT", "/v1/AUTH_admin/"+name, string(part), tok)
		manifest = append(manifest, fmt.Sprintf(`{"path": "/%s", "size_bytes": %d}`, name, len(part)))
	}
	s.expect(201, login{}, "PUT", "/v1/AUTH_admin/box/slo?multipart-manifest=put", "["+strings.Join(manifest, ",")+"]", tok)
	s.expect(201, login{}, "PUT", "/v1/AUTH_admin/box/dlo", "", tok, "X-Object-Manifest: parts/p/")
}

func TestSendfileCarriesTheSegmentsOfLargeObjects(t *testing.T) {
	t.Parallel()
	const size = 40 << 20
	trace, traced := tracedSendfile(t)
	s := start(t, traced)
	tok := s.token(admin)
	s.expect(201, login{}, "PUT", "/v1/AUTH_admin/box", "", tok)
	part := content(63, size/4)
	for i := range 4 {
		s.expect(201, login{}, "PUT", fmt.Sprint("/v1/AUTH_admin/box/p/", i), string(part), tok)
	}
	s.expect(201, login{}, "PUT", "/v1/AUTH_admin/box/whole", "", tok, "X-Object-Manifest: box/p/")
	before := sentByKernel(t, trace)
	if got := s.expect(200, login{}, "GET", "/v1/AUTH_admin/box/whole", "", tok); len(got.body) != size {
		t.Errorf("%d bytes", len(got.body))
	}
	if sent := sentByKernel(t, trace) - before; sent < size*9/10 {
		t.Errorf("sendfile carried %d of %d bytes", sent, size)
	}
}

func TestNcwSwiftWritesAndReadsLargeObjects(t *testing.T) {
	t.Parallel()
	s := start(t, setting{})
	ctx := t.Context()
	_, text := segmented(t)
	c := &ncw.Connection{UserName: admin.user, ApiKey: admin.password, AuthUrl: s.url + "/auth/v1.0", AuthVersion: 1}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(c.Authenticate(ctx))
	must(c.ContainerCreate(ctx, "box", nil))
	must(c.ContainerCreate(ctx, "box_segments", nil))
	for kind, create := range map[string]func(*ncw.LargeObjectOpts) (ncw.LargeObjectFile, error){
		"static":  func(o *ncw.LargeObjectOpts) (ncw.LargeObjectFile, error) { return c.StaticLargeObjectCreate(ctx, o) },
		"dynamic": func(o *ncw.LargeObjectOpts) (ncw.LargeObjectFile, error) { return c.DynamicLargeObjectCreate(ctx, o) },
	} {
		f, err := create(&ncw.LargeObjectOpts{Container: "box", ObjectName: kind, ChunkSize: segmentSize})
		must(err)
		_, err = io.Copy(f, bytes.NewReader(text))
		must(err)
		must(f.Close())
		got, err := c.ObjectGetBytes(ctx, "box", kind)
		must(err)
		if !bytes.Equal(got, text) {
			t.Errorf("%s: came back with %d bytes", kind, len(got))
		}
		info, headers, err := c.Object(ctx, "box", kind)
		must(err)
		if info.Bytes != segmentedSize || !headers.IsLargeObject() {
			t.Errorf("%s: %+v", kind, info)
		}
		_, segments, err := c.LargeObjectGetSegments(ctx, "box", kind)
		must(err)
		if len(segments) != 4 {
			t.Errorf("%s: segments %+v", kind, segments)
		}
		r, _, err := c.ObjectOpen(ctx, "box", kind, false, nil)
		must(err)
		_, err = r.Seek(ctx, 599_990, io.SeekStart)
		must(err)
		some := make([]byte, 20)
		_, err = io.ReadFull(r, some)
		must(err)
		must(r.Close())
		if !bytes.Equal(some, text[599_990:600_010]) {
			t.Errorf("%s: read behind a seek %x", kind, some)
		}
		if kind == "static" {
			must(c.StaticLargeObjectMove(ctx, "box", kind, "box", kind+" moved"))
		} else {
			must(c.DynamicLargeObjectMove(ctx, "box", kind, "box", kind+" moved"))
		}
		got, err = c.ObjectGetBytes(ctx, "box", kind+" moved")
		must(err)
		if !bytes.Equal(got, text) {
			t.Errorf("%s: moved it has %d bytes", kind, len(got))
		}
		must(c.LargeObjectDelete(ctx, "box", kind+" moved"))
		for _, container := range []string{"box", "box_segments"} {
			if names, err := c.ObjectNamesAll(ctx, container, nil); err != nil || len(names) != 0 {
				t.Errorf("%s: left in %s: %q, %v", kind, container, names, err)
			}
		}
	}
}

func TestGophercloudWritesAndReadsLargeObjects(t *testing.T) {
	t.Parallel()
	s := start(t, setting{})
	ctx := t.Context()
	_, text := segmented(t)
	provider, err := openstack.NewClient(s.url)
	if err != nil {
		t.Fatal(err)
	}
	c, err := swauth.NewObjectStorageV1(ctx, provider, swauth.AuthOpts{User: admin.user, Key: admin.password})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"box", "parts"} {
		if _, err := containers.Create(ctx, c, name, nil).Extract(); err != nil {
			t.Fatal(err)
		}
	}
	var manifest []string
	for part := range slices.Chunk(text, segmentSize) {
		name := fmt.Sprintf("p/%d", len(manifest))
		made, err := objects.Create(ctx, c, "parts", name, objects.CreateOpts{Content: bytes.NewReader(part)}).Extract()
		if err != nil {
			t.Fatal(err)
		}
		manifest = append(manifest, fmt.Sprintf(`{"path": "/parts/%s", "etag": %q, "size_bytes": %d}`, name, made.ETag, len(part)))
	}
	list := "[" + strings.Join(manifest, ",") + "]"
	for name, opts := range map[string]objects.CreateOpts{
		"slo": {Content: strings.NewReader(list), MultipartManifest: "put", NoETag: true, ContentType: "application/x-big"},
		"dlo": {Content: strings.NewReader(""), ObjectManifest: "parts/p/", ContentType: "application/x-big"},
	} {
		if _, err := objects.Create(ctx, c, "box", name, opts).Extract(); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		head, err := objects.Get(ctx, c, "box", name, nil).Extract()
		if err != nil || head.ContentLength != segmentedSize || head.StaticLargeObject != (name == "slo") || (head.ObjectManifest == "") != (name == "slo") {
			t.Errorf("%s: %+v, %v", name, head, err)
		}
		whole := objects.Download(ctx, c, "box", name, nil)
		body, err := whole.ExtractContent()
		if err != nil || !bytes.Equal(body, text) {
			t.Errorf("%s: came back with %d bytes, %v", name, len(body), err)
		}
		part := objects.Download(ctx, c, "box", name, objects.DownloadOpts{Range: "bytes=299990-300010"})
		some, err := part.ExtractContent()
		if err != nil || !bytes.Equal(some, text[299_990:300_011]) {
			t.Errorf("%s: a range has %d bytes, %v", name, len(some), err)
		}
		if _, err := objects.Copy(ctx, c, "box", name, objects.CopyOpts{Destination: "/box/" + name + " copy"}).Extract(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		copied, err := objects.Get(ctx, c, "box", name+" copy", nil).Extract()
		if err != nil || copied.ETag != md5hex(text) || copied.StaticLargeObject || copied.ObjectManifest != "" {
			t.Errorf("%s: the copy is %+v, %v", name, copied, err)
		}
	}
	// The library takes Swift's 200 with a report for a failure.
	_, err = objects.Delete(ctx, c, "box", "slo", objects.DeleteOpts{MultipartManifest: "delete"}).Extract()
	if err != nil && !gophercloud.ResponseCodeIs(err, http.StatusOK) {
		t.Errorf("deleting with the segments: %v", err)
	}
	left, err := objects.Get(ctx, c, "box", "dlo", nil).Extract()
	if err != nil || left.ContentLength != 0 {
		t.Errorf("without its segments the dynamic one is %+v, %v", left, err)
	}
}
