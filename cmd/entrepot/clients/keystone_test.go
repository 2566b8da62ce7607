package clients_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack"
	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/tokens"
	"github.com/gophercloud/gophercloud/v2/openstack/objectstorage/v1/containers"
	"github.com/gophercloud/gophercloud/v2/openstack/objectstorage/v1/objects"
	swift "github.com/ncw/swift/v2"
)

// keystoneModule is a file of Debian's python3-keystoneclient, a library that
// the swift command needs for versions 2 and 3 of the login.
const keystoneModule = "/usr/lib/python3/dist-packages/keystoneclient/__init__.py"

func TestGophercloudLogsInAndStores(t *testing.T) {
	t.Parallel()
	s := start(t, setting{})
	s.addUser("anna", "press", "owner", "anna's password")
	ctx := t.Context()
	provider, err := openstack.AuthenticatedClient(ctx, gophercloud.AuthOptions{
		IdentityEndpoint: s.url + "/v3/", Username: "anna", Password: "anna's password", DomainName: "Default", TenantName: "press",
	})
	if err != nil {
		t.Fatal(err)
	}
	store, err := openstack.NewObjectStorageV1(provider, gophercloud.EndpointOpts{Region: "RegionOne"})
	if err != nil {
		t.Fatal(err)
	}
	if want := s.url + "/v1/AUTH_press/"; store.Endpoint != want {
		t.Errorf("endpoint %s, want %s", store.Endpoint, want)
	}
	if err := containers.Create(ctx, store, "docs", nil).Err; err != nil {
		t.Fatal(err)
	}
	if err := objects.Create(ctx, store, "docs", "a.txt", objects.CreateOpts{Content: strings.NewReader("text")}).Err; err != nil {
		t.Fatal(err)
	}
	download := objects.Download(ctx, store, "docs", "a.txt", nil)
	got, err := download.ExtractContent()
	if err != nil || string(got) != "text" {
		t.Errorf("%q, %v", got, err)
	}
	identity, err := openstack.NewIdentityV3(provider, gophercloud.EndpointOpts{})
	if err != nil {
		t.Fatal(err)
	}
	project, err := tokens.Get(ctx, identity, provider.TokenID).ExtractProject()
	if err != nil || project.Name != "press" {
		t.Errorf("%+v, %v", project, err)
	}
	if ok, err := tokens.Validate(ctx, identity, provider.TokenID); err != nil || !ok {
		t.Errorf("a living token: %v, %v", ok, err)
	}
	if err := tokens.Revoke(ctx, identity, provider.TokenID).Err; err != nil {
		t.Error(err)
	}
	s.expect(401, login{}, "GET", "/v1/AUTH_press", "", "X-Auth-Token: "+provider.TokenID)
	_, err = openstack.AuthenticatedClient(ctx, gophercloud.AuthOptions{
		IdentityEndpoint: s.url + "/v3/", Username: "anna", Password: "wrong", DomainName: "Default", TenantName: "press",
	})
	if !gophercloud.ResponseCodeIs(err, 401) {
		t.Errorf("a wrong password: %v", err)
	}
}

func TestNcwSwiftLogsInWithEveryVersion(t *testing.T) {
	t.Parallel()
	s := start(t, setting{})
	s.addUser("anna", "press", "owner", "anna's password")
	for version, path := range map[int]string{1: "/auth/v1.0", 2: "/v2.0", 3: "/v3"} {
		c := &swift.Connection{UserName: "anna", ApiKey: "anna's password", AuthUrl: s.url + path, AuthVersion: version, Domain: "Default", Tenant: "press"}
		if version == 1 {
			c.Tenant, c.Domain = "", ""
		}
		ctx := t.Context()
		if err := c.Authenticate(ctx); err != nil {
			t.Errorf("version %d: %v", version, err)
			continue
		}
		name := "v" + strconv.Itoa(version)
		if err := c.ContainerCreate(ctx, name, nil); err != nil {
			t.Errorf("version %d: %v", version, err)
		}
		if err := c.ObjectPutString(ctx, name, "a", "text", ""); err != nil {
			t.Errorf("version %d: %v", version, err)
		}
		if got, err := c.ObjectGetString(ctx, name, "a"); err != nil || got != "text" {
			t.Errorf("version %d: %q, %v", version, got, err)
		}
		c.ApiKey = "wrong"
		c.UnAuthenticate()
		if err := c.Authenticate(ctx); err == nil {
			t.Errorf("version %d takes a wrong password", version)
		}
	}
}

func TestSwiftCommandLogsInWithVersion3(t *testing.T) {
	t.Parallel()
	need(t, "swift", "python3-swiftclient")
	if _, err := os.Stat(keystoneModule); err != nil {
		missing(t, "Debian's python3-keystoneclient")
	}
	s := start(t, setting{})
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "a.txt"), []byte("text"), 0o600); err != nil {
		t.Fatal(err)
	}
	for version, options := range map[string][]string{
		"3": {"--os-auth-url", s.url + "/v3", "--os-project-name", "admin", "--os-project-domain-name", "Default", "--os-user-domain-name", "Default"},
		"2": {"--os-auth-url", s.url + "/v2.0", "--os-tenant-name", "admin"},
	} {
		swift := func(args ...string) command {
			all := append([]string{"swift", "--auth-version", version, "--os-username", admin.user, "--os-password", admin.password}, options...)
			return command{dir: dir, args: append(all, args...)}
		}
		swift("upload", "docs", "a.txt").must(t)
		if got := swift("list", "docs").must(t); got != "a.txt\n" {
			t.Errorf("version %s: %q", version, got)
		}
		if got := swift("download", "docs", "a.txt", "-o", "-").must(t); got != "text" {
			t.Errorf("version %s: %q", version, got)
		}
	}
}

func TestRcloneLogsInWithVersion3(t *testing.T) {
	t.Parallel()
	need(t, "rclone", "rclone")
	s := start(t, setting{})
	for version, path := range map[string]string{"2": "/v2.0", "3": "/v3"} {
		r := newRclone(t, "type = swift", "auth = "+s.url+path, "user = admin", "key = "+adminPassword,
			"auth_version = "+version, "tenant = admin", "domain = Default", "tenant_domain = Default")
		text := content(3, 20_000)
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "a.bin"), text, 0o600); err != nil {
			t.Fatal(err)
		}
		r.must("copy", dir, "gate:box"+version)
		if got := r.must("cat", "gate:box"+version+"/a.bin"); !bytes.Equal([]byte(got), text) {
			t.Errorf("version %s: %d bytes came back", version, len(got))
		}
	}
}
