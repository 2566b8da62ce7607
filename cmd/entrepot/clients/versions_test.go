package clients_test

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack"
	"github.com/gophercloud/gophercloud/v2/openstack/objectstorage/v1/containers"
	"github.com/gophercloud/gophercloud/v2/openstack/objectstorage/v1/objects"
	swift "github.com/ncw/swift/v2"
)

// connect logs in as ncw/swift does.
func (s *server) connect(as login) *swift.Connection {
	s.t.Helper()
	c := &swift.Connection{UserName: as.user, ApiKey: as.password, AuthUrl: s.url + "/auth/v1.0", AuthVersion: 1}
	if err := c.Authenticate(s.t.Context()); err != nil {
		s.t.Fatal(err)
	}
	return c
}

func TestNcwSwiftKeepsVersionsAndWorksInBulk(t *testing.T) {
	t.Parallel()
	s := start(t, setting{})
	c, ctx := s.connect(admin), t.Context()
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	check(c.VersionContainerCreate(ctx, "docs", "docs-old"))
	for i := range 3 {
		check(c.ObjectPutString(ctx, "docs", "a", fmt.Sprint("text ", i), "text/plain"))
	}
	old, err := c.VersionObjectList(ctx, "docs-old", "a")
	if check(err); len(old) != 2 {
		t.Errorf("versions: %q", old)
	}
	for _, want := range []string{"text 1", "text 0"} {
		check(c.ObjectDelete(ctx, "docs", "a"))
		if got, err := c.ObjectGetString(ctx, "docs", "a"); err != nil || got != want {
			t.Errorf("%q, %v; want %q", got, err, want)
		}
	}
	check(c.VersionDisable(ctx, "docs"))

	var names []string
	for i := range 50 {
		names = append(names, fmt.Sprintf("bulk/ü %% %d", i))
		check(c.ObjectPutString(ctx, "docs", names[i], "x", ""))
	}
	result, err := c.BulkDelete(ctx, "docs", append(names, "none"))
	if check(err); result.NumberDeleted != 50 || result.NumberNotFound != 1 || len(result.Errors) != 0 {
		t.Errorf("%+v", result)
	}

	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, name := range []string{"x/1", "x/2"} {
		check(w.WriteHeader(&tar.Header{Name: name, Size: 4, Mode: 0o644, Typeflag: tar.TypeReg}))
		_, err := io.WriteString(w, "data")
		check(err)
	}
	check(w.Close())
	uploaded, err := c.BulkUpload(ctx, "docs/up", &b, swift.UploadTar, nil)
	if check(err); uploaded.NumberCreated != 2 {
		t.Errorf("%+v", uploaded)
	}
	if got, err := c.ObjectGetString(ctx, "docs", "up/x/2"); err != nil || got != "data" {
		t.Errorf("%q, %v", got, err)
	}
	check(c.AccountUpdate(ctx, swift.Headers{"X-Account-Meta-Temp-Url-Key": "secret"}))
	link := c.ObjectTempUrl("docs", "up/x/1", "secret", http.MethodGet, time.Now().Add(time.Hour))
	resp, err := s.client.Get(link) //nolint:noctx // as anybody follows a link
	if check(err); resp.StatusCode != http.StatusOK {
		t.Errorf("%s: %s", link, resp.Status)
	}
	check(resp.Body.Close())
}

func TestGophercloudReadsVersionsAndDeletesInBulk(t *testing.T) {
	t.Parallel()
	s := start(t, setting{})
	ctx := t.Context()
	provider, err := openstack.AuthenticatedClient(ctx, gophercloud.AuthOptions{
		IdentityEndpoint: s.url + "/v3/", Username: admin.user, Password: admin.password, DomainName: "Default", TenantName: "admin",
	})
	if err != nil {
		t.Fatal(err)
	}
	store, err := openstack.NewObjectStorageV1(provider, gophercloud.EndpointOpts{Region: "RegionOne"})
	if err != nil {
		t.Fatal(err)
	}
	if err := containers.Create(ctx, store, "docs", containers.CreateOpts{VersionsEnabled: true}).Err; err != nil {
		t.Fatal(err)
	}
	header, err := containers.Get(ctx, store, "docs", nil).Extract()
	if err != nil || !header.VersionsEnabled {
		t.Errorf("%+v, %v", header, err)
	}
	var ids []string
	for i := range 3 {
		made, err := objects.Create(ctx, store, "docs", "a", objects.CreateOpts{Content: strings.NewReader(fmt.Sprint("text ", i))}).Extract()
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, made.ObjectVersionID)
	}
	page, err := objects.List(store, "docs", objects.ListOpts{Versions: true}).AllPages(ctx)
	if err != nil {
		t.Fatal(err)
	}
	list, err := objects.ExtractInfo(page)
	if err != nil || len(list) != 3 || !list[0].IsLatest || list[0].VersionID != ids[2] || list[2].VersionID != ids[0] {
		t.Errorf("%+v, %v; want %q", list, err, ids)
	}
	download := objects.Download(ctx, store, "docs", "a", objects.DownloadOpts{ObjectVersionID: ids[0]})
	if got, err := download.ExtractContent(); err != nil || string(got) != "text 0" {
		t.Errorf("%q, %v", got, err)
	}
	for _, id := range slices.Backward(ids) {
		if err := objects.Delete(ctx, store, "docs", "a", objects.DeleteOpts{ObjectVersionID: id}).Err; err != nil {
			t.Error(err)
		}
	}
	for _, name := range []string{"b", "c d", "ü/☃"} {
		if err := objects.Create(ctx, store, "docs", name, objects.CreateOpts{Content: strings.NewReader("x")}).Err; err != nil {
			t.Fatal(err)
		}
	}
	gone, err := objects.BulkDelete(ctx, store, "docs", []string{"b", "c d", "ü/☃", "none"}).Extract()
	if err != nil || gone.NumberDeleted != 3 || gone.NumberNotFound != 1 {
		t.Errorf("%+v, %v", gone, err)
	}
	if link, err := objects.CreateTempURL(ctx, store, "docs", "b", objects.CreateTempURLOpts{Method: objects.GET, TTL: 60, TempURLKey: "k"}); err != nil || !strings.Contains(link, "temp_url_sig=") {
		t.Errorf("%s, %v", link, err)
	}
}

func TestSwiftCommandSignsVersionsAndDeletesAll(t *testing.T) {
	t.Parallel()
	need(t, "swift", "python3-swiftclient")
	s := start(t, setting{})
	dir := t.TempDir()
	swift := func(args ...string) string { t.Helper(); return s.swift(admin, dir, args...).must(t) }
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, "a.txt"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range []string{"bulk_delete", "tempurl", "staticweb", "versioned_writes", "formpost"} {
		if got := swift("capabilities"); !strings.Contains(got, want) {
			t.Errorf("swift capabilities lack %s:\n%s", want, got)
		}
	}
	// Versions in another container.
	swift("post", "old")
	swift("post", "-H", "X-Versions-Location: old", "docs")
	write("one")
	swift("upload", "docs", "a.txt")
	write("two, longer")
	swift("upload", "docs", "a.txt")
	if got := lines(swift("list", "old")); len(got) != 1 || !strings.HasPrefix(got[0], "005a.txt/") {
		t.Errorf("versions: %q", got)
	}
	swift("delete", "docs", "a.txt")
	if got := swift("download", "-o", "-", "docs", "a.txt"); got != "one" {
		t.Errorf("after the deletion: %q", got)
	}
	// Access lists and temporary URLs.
	swift("post", "-r", ".r:*,.rlistings", "-w", "press:anna", "docs")
	stat := swift("stat", "docs")
	if field(t, stat, "Read ACL") != ".r:*,.rlistings" || field(t, stat, "Write ACL") != "press:anna" {
		t.Errorf("swift stat:\n%s", stat)
	}
	swift("post", "-r", "", "docs")
	swift("post", "-m", "Temp-URL-Key:k-1")
	for _, digest := range []string{"sha1", "sha256", "sha512"} {
		path := strings.TrimSpace(swift("tempurl", "--digest", digest, "GET", "600", "/v1/AUTH_admin/docs/a.txt", "k-1"))
		if got := s.expect(200, login{}, "GET", path, ""); got.body != "one" {
			t.Errorf("%s: %q", path, got.body)
		}
		s.expect(401, login{}, "PUT", path, "x")
		path = strings.TrimSpace(swift("tempurl", "--digest", digest, "--prefix-based", "--iso8601", "PUT", "600", "/v1/AUTH_admin/docs/in/", "k-1"))
		path = strings.Replace(path, "/docs/in/", "/docs/in/new", 1)
		s.expect(201, login{}, "PUT", path, "through a prefix")
		s.expect(401, login{}, "PUT", strings.Replace(path, "/docs/in/new", "/docs/out", 1), "x")
	}
	// Everything goes, in bulk.
	for i := range 20 {
		s.expect(201, login{}, "PUT", fmt.Sprintf("/v1/AUTH_admin/docs/many/%d", i), "x", s.token(admin))
	}
	swift("delete", "--all")
	if got := swift("list"); got != "" {
		t.Errorf("after delete --all: %q", got)
	}
}
