package protocols_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"entrepot/auth"
	"entrepot/gateway"
	"entrepot/gateway/gatewaytest"
	"entrepot/protocols"
	"entrepot/protocols/admin"
	"entrepot/protocols/dav"
	"entrepot/protocols/depot"
	"entrepot/protocols/depotlist"
	"entrepot/protocols/duracloud"
	"entrepot/protocols/keystone"
	"entrepot/protocols/swift"
)

// doors is a whole gateway behind its front, reached over loopback.
type doors struct {
	*gatewaytest.Fixture
	t      testing.TB
	front  *protocols.Front
	logs   *logged
	url    string
	client *http.Client
	tokens map[string]string // user → token

	former, fenced string // tokens of users of those names, see furnish
}

// logged is a log that many write.
type logged struct {
	mu   sync.Mutex
	text strings.Builder
}

// Write adds a line.
func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

// String returns what was written.
func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// depotSalt is what requests to the depot door are signed with.
const depotSalt = "0123456789abcdef0123456789abcdef"

// loopback is where the tests' requests come from.
func loopback() netip.Addr { return netip.MustParseAddr("127.0.0.1") }

func newDoors(t testing.TB, opt gatewaytest.Options) *doors {
	t.Helper()
	opt.Config.Manifests, opt.Config.Chunks = duracloud.Manifests{}, duracloud.Chunks{}
	logs := &logged{}
	log := slog.New(slog.NewJSONHandler(logs, &slog.HandlerOptions{Level: slog.LevelDebug}))
	opt.Config.Logger = log
	f := gatewaytest.NewWith(t, opt)
	swiftFace, err := swift.New(swift.Config{}, f.Gateway, f.Auth, f.Clock.Now)
	if err != nil {
		t.Fatal(err)
	}
	davFace, err := dav.New(dav.Config{}, f.Gateway, f.Auth, log, f.Clock.Now)
	if err != nil {
		t.Fatal(err)
	}
	duraFace, err := duracloud.New(duracloud.Config{Hosts: map[string]string{"127.0.0.1": "test"}}, f.Gateway, f.Auth, log, f.Clock.Now)
	if err != nil {
		t.Fatal(err)
	}
	allow, err := auth.ParseNetworks([]string{"127.0.0.1"})
	if err != nil {
		t.Fatal(err)
	}
	documents, err := gateway.NewDocuments("https://gateway.example/", auth.NewSecret("documents"), ed25519.NewKeyFromSeed(make([]byte, 32)))
	if err != nil {
		t.Fatal(err)
	}
	depotFace, err := depot.New(depot.Config{Allow: allow, Documents: documents, Keys: auth.DepotKeys{Salt: auth.NewSecret(depotSalt)}},
		f.Gateway.Depots, f.Auth, log, f.Clock.Now)
	if err != nil {
		t.Fatal(err)
	}
	front, err := protocols.New(protocols.Config{}, protocols.Deps{Log: log},
		protocols.Mount{Name: "swift", Face: swiftFace},
		protocols.Mount{Name: "keystone", Face: keystone.New(keystone.Config{}, f.Gateway, f.Auth, f.Clock.Now)}, protocols.Mount{Name: "depot", Face: depotFace},
		protocols.Mount{Name: "depots", Face: depotlist.New(f.Gateway.Depots, documents, f.Auth)},
		protocols.Mount{Name: "rpc", Face: rpcDoor(f)},
		protocols.Mount{Name: "dav", Face: davFace}, protocols.Mount{Name: "duracloud", Face: duraFace})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(front.Handler())
	t.Cleanup(server.Close)
	return &doors{Fixture: f, t: t, front: front, logs: logs, url: server.URL, client: server.Client(), tokens: make(map[string]string)}
}

// rpcDoor is the door of the administration.
func rpcDoor(f *gatewaytest.Fixture) *admin.Door {
	return admin.NewDoor(admin.New(admin.Deps{
		Accounts: f.Gateway.Accounts, Containers: f.Gateway.Containers, Applications: f.Gateway.Applications,
		Credentials: f.Gateway.Credentials, Changed: f.Auth.Forget, Random: rand.Reader,
		Now: f.Clock.Now, Version: "test", Hash: func(p string) (string, error) { return f.Hash(p) },
	}), f.Auth)
}

// matrixDoors is a gateway with the container c, which belongs to tester.
func matrixDoors(t *testing.T) *doors {
	t.Helper()
	d := newDoors(t, gatewaytest.Options{})
	d.want(t, 201, swiftDoor.call("tester", "PUT", "c", ""))
	return d
}

// call is one request.
type call struct {
	user, method, path, body string
	headers                  []string // "Name: value"
	chunked                  bool     // of a length that is not declared
	token                    bool     // log in at the Swift door; else Basic
	basic                    [2]string
}

// with returns the call with further headers.
func (c call) with(headers ...string) call {
	c.headers = slices.Concat(c.headers, headers)
	return c
}

func (c call) String() string { return c.method + " " + c.path + " of " + c.user }

// A reply is an answer read to its end.
type reply struct {
	status int
	header http.Header
	body   string
}

// etag is the entity tag without quotes.
func (r reply) etag() string { return strings.Trim(r.header.Get("Etag"), `"`) }

// door is one way to name a container or an object.
type door struct {
	name, root string
	token      bool
}

var (
	swiftDoor = door{"swift", "/v1/AUTH_test/", true}
	davDoor   = door{"dav", "/dav/", false}
	// davElse names account test for users of other accounts.
	davElse = door{"dav", "/dav/@test/", false}
	// duraDoor knows neither conditions nor folders.
	duraDoor = door{"duracloud", "/durastore/", false}
)

// contentDoors are those through which content goes in and out.
func contentDoors() []door { return []door{swiftDoor, davDoor, duraDoor} }

func everyDoor() []door { return []door{swiftDoor, davDoor} }

// path is the path of a thing behind the door.
func (d door) path(name string) string {
	segments := strings.Split(name, "/")
	for i, s := range segments {
		segments[i] = url.PathEscape(s)
	}
	return d.root + strings.Join(segments, "/")
}

func (d door) call(user, method, name, body string, headers ...string) call {
	return call{user: user, method: method, path: d.path(name), body: body, headers: headers, token: d.token}
}

// copyTo copies one object to another name.
func (d door) copyTo(user, from, to string) call {
	if d.name == duraDoor.name {
		source := strings.TrimPrefix(d.path(from), d.root)
		return d.call(user, "PUT", to, "", "x-dura-meta-copy-source: "+source)
	}
	if d.token {
		return d.call(user, "COPY", from, "", "Destination: "+strings.TrimPrefix(d.path(to), strings.TrimSuffix(d.root, "/")))
	}
	return d.call(user, "COPY", from, "", "Destination: "+d.path(to))
}

// send makes a call.
func (d *doors) send(c call) (reply, error) {
	var body io.Reader
	if c.body != "" {
		body = strings.NewReader(c.body)
	}
	if c.chunked {
		body = io.MultiReader(body)
	}
	r, err := http.NewRequestWithContext(d.t.Context(), c.method, d.url+c.path, body)
	if err != nil {
		return reply{}, err
	}
	for _, h := range c.headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Set(name, value)
	}
	switch {
	case c.basic[0] != "":
		r.SetBasicAuth(c.basic[0], c.basic[1])
	case c.user == "":
	case c.token:
		token, err := d.token(c.user)
		if err != nil {
			return reply{}, err
		}
		r.Header.Set("X-Auth-Token", token)
	default:
		r.SetBasicAuth(c.user, passwordOf(c.user))
	}
	resp, err := d.client.Do(r)
	if err != nil {
		return reply{}, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return reply{resp.StatusCode, resp.Header, string(b)}, err
}

// passwordOf is the fixture's password of a user.
func passwordOf(user string) string { return strings.Replace(user, "tester", "testing", 1) }

// token logs a user in once.
func (d *doors) token(user string) (string, error) {
	if t := d.tokens[user]; t != "" {
		return t, nil
	}
	r, err := d.send(call{method: "GET", path: "/auth/v1.0", headers: []string{"X-Auth-User: " + user, "X-Auth-Key: " + passwordOf(user)}})
	if err == nil && r.status != 200 {
		err = errors.New("the login of " + user + " was refused: " + r.body)
	}
	d.tokens[user] = r.header.Get("X-Auth-Token")
	return d.tokens[user], err
}

// want makes a call that ends with a status.
func (d *doors) want(t testing.TB, status int, c call) reply {
	t.Helper()
	r, err := d.send(c)
	if err != nil {
		t.Fatalf("%v: %v", c, err)
	}
	if r.status != status {
		t.Fatalf("%v: status %d, want %d: %.300s", c, r.status, status, r.body)
	}
	return r
}

// ok makes a call that succeeds.
func (d *doors) ok(t testing.TB, c call) reply {
	t.Helper()
	r, err := d.send(c)
	if err != nil || r.status >= 300 {
		t.Fatalf("%v: status %d, %v: %.300s", c, r.status, err, r.body)
	}
	return r
}

// swiftEntry is a row of a JSON listing.
type swiftEntry struct {
	Name, Hash, Subdir string
	Bytes              int64
	ContentType        string `json:"content_type"`
}

// swiftList lists a container at the Swift door; query begins with "&".
func (d *doors) swiftList(t testing.TB, user, container, query string) []swiftEntry {
	t.Helper()
	c := swiftDoor.call(user, "GET", container, "")
	c.path += "?format=json" + query
	var list []swiftEntry
	if err := json.Unmarshal([]byte(d.want(t, 200, c).body), &list); err != nil {
		t.Fatal(err)
	}
	return list
}

// davEntry is a response of a multistatus.
type davEntry struct {
	Href string `xml:"href"`
	Prop []struct {
		Status   string    `xml:"status"`
		Length   string    `xml:"prop>getcontentlength"`
		Type     string    `xml:"prop>getcontenttype"`
		ETag     string    `xml:"prop>getetag"`
		Modified string    `xml:"prop>getlastmodified"`
		Folder   *struct{} `xml:"prop>resourcetype>collection"`
	} `xml:"propstat"`
	name string // below the container, with the slash of a folder
}

// propfind lists what a PROPFIND shows; container says what names begin
// behind.
func (d *doors) propfind(t testing.TB, user, container, path, depth string) []davEntry {
	t.Helper()
	r := d.want(t, 207, davDoor.call(user, "PROPFIND", path, "", "Depth: "+depth))
	var doc struct {
		Responses []davEntry `xml:"response"`
	}
	if err := xml.Unmarshal([]byte(r.body), &doc); err != nil {
		t.Fatal(err)
	}
	for i := range doc.Responses {
		e := &doc.Responses[i]
		u, err := url.Parse(e.Href)
		if err != nil {
			t.Fatal(err)
		}
		e.name = strings.TrimPrefix(u.Path, davDoor.root+container+"/")
	}
	return doc.Responses
}

// members are the names that a PROPFIND shows below a path, the path itself
// left out.
func (d *doors) members(t testing.TB, container, path, depth string) []string {
	t.Helper()
	names := []string{}
	for _, e := range d.propfind(t, "tester", container, path, depth)[1:] {
		names = append(names, e.name)
	}
	slices.Sort(names)
	return names
}
