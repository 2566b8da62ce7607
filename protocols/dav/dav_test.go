package dav_test

import (
	"bytes"
	"context"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/mux"

	"entrepot/gateway"
	"entrepot/gateway/gatewaytest"
	"entrepot/protocols/dav"
	"entrepot/protocols/internal/httpkit"
	"entrepot/protocols/protocoltest"
)

// A fixture is a gateway with the container c of account test, which tester
// owns and tester3 may read and write, and the face over it.
type fixture struct {
	*gatewaytest.Fixture
	handler http.Handler
}

func newFixture(t testing.TB, cfg dav.Config) *fixture {
	t.Helper()
	if _, fast := t.(*testing.B); fast {
		return newPlainFixture(t, cfg)
	}
	return fixtureOf(t, cfg, gatewaytest.Options{})
}

// newPlainFixture is a fixture over a fast engine, for much data.
func newPlainFixture(t testing.TB, cfg dav.Config) *fixture {
	t.Helper()
	return fixtureOf(t, cfg, gatewaytest.Plain())
}

func fixtureOf(t testing.TB, cfg dav.Config, opt gatewaytest.Options) *fixture {
	t.Helper()
	f := gatewaytest.NewWith(t, opt)
	access := "test:tester3"
	_, err := f.Gateway.Containers.Create(f.Ctx("tester"), gateway.Ref{Account: "test", Container: "c"},
		gateway.ContainerChange{ReadACL: &access, WriteACL: &access})
	if err != nil {
		t.Fatal(err)
	}
	face, err := dav.New(cfg, f.Gateway, f.Auth, nil, f.Clock.Now)
	if err != nil {
		t.Fatal(err)
	}
	router := mux.NewRouter().SkipClean(true).UseEncodedPath()
	face.Routes(router)
	return &fixture{Fixture: f, handler: router}
}

// do sends a request of a user whose password follows the fixture's pattern.
func (f *fixture) do(method, path, body string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.SetBasicAuth("tester", "testing")
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	f.handler.ServeHTTP(w, r)
	return w
}

// must is do for requests that prepare a test.
func (f *fixture) must(t testing.TB, status int, method, path, body string, headers ...string) *httptest.ResponseRecorder {
	t.Helper()
	w := f.do(method, path, body, headers...)
	if w.Code != status {
		t.Fatalf("%s %s: %d, want %d\n%s", method, path, w.Code, status, w.Body)
	}
	return w
}

// swiftPut writes an object the way the Swift door does.
func (f *fixture) swiftPut(t testing.TB, name, body string) {
	t.Helper()
	_, err := f.Gateway.Objects.Put(f.Ctx("tester"), gateway.Ref{Account: "test", Container: "c", Object: name},
		strings.NewReader(body), gateway.PutOptions{Size: int64(len(body))})
	if err != nil {
		t.Fatal(err)
	}
}

func TestScripts(t *testing.T) {
	protocoltest.RunFresh(t, func(t *testing.T) protocoltest.Fixture {
		f := newFixture(t, dav.Config{})
		f.takeSnapshots(t)
		return protocoltest.Fixture{Handler: httpkitEvents(f.handler), Advance: func(d time.Duration) { f.Clock.Advance(d) }}
	}, "testdata/*.txt")
}

// TestClientSequences runs what known clients send, in their order.
func TestClientSequences(t *testing.T) {
	protocoltest.RunFresh(t, func(t *testing.T) protocoltest.Fixture {
		f := newFixture(t, dav.Config{})
		return protocoltest.Fixture{Handler: httpkitEvents(f.handler), Advance: func(d time.Duration) { f.Clock.Advance(d) }}
	}, "testdata/clients/*.txt")
}

// TestVectors runs the table of answers that the door owes its clients: with
// what is off by default off, and on.
func TestVectors(t *testing.T) {
	for name, cfg := range map[string]dav.Config{"as shipped": {}, "with extensions": {Partial: true, Chunking: true}} {
		t.Run(name, func(t *testing.T) {
			protocoltest.RunFresh(t, func(t *testing.T) protocoltest.Fixture {
				f := newFixture(t, cfg)
				f.swiftPut(t, "s/f", "x")
				f.swiftPut(t, "s/t/x", "x")
				f.must(t, 201, "MKCOL", "/dav/q", "")
				err := f.Gateway.Containers.Update(f.Ctx("tester"), gateway.Ref{Account: "test", Container: "q"},
					gateway.ContainerChange{Properties: gateway.Properties{"quota-bytes": "10"}})
				if err != nil {
					t.Fatal(err)
				}
				return protocoltest.Fixture{Handler: httpkitEvents(f.handler), Advance: func(d time.Duration) { f.Clock.Advance(d) }}
			}, "testdata/vectors/*.txt")
		})
	}
}

// The scripts of what settings switch on.
func TestScriptsOfExtensions(t *testing.T) {
	protocoltest.RunFresh(t, func(t *testing.T) protocoltest.Fixture {
		f := newFixture(t, dav.Config{Partial: true, Chunking: true})
		return protocoltest.Fixture{Handler: httpkitEvents(f.handler), Advance: func(d time.Duration) { f.Clock.Advance(d) }}
	}, "testdata/extensions/*.txt")
}

// takeSnapshots makes the container p with two snapshots of what was in it.
func (f *fixture) takeSnapshots(t *testing.T) {
	t.Helper()
	p := gateway.Ref{Account: "test", Container: "p"}
	snapshot := func(name string) {
		t.Helper()
		f.Clock.Advance(10 * time.Second)
		if err := f.Gateway.Snapshots.Create(f.Ctx("tester"), p, name); err != nil {
			t.Fatal(err)
		}
	}
	f.must(t, 201, "MKCOL", "/dav/p/", "")
	f.must(t, 201, "MKCOL", "/dav/p/d/", "")
	f.must(t, 201, "MKCOL", "/dav/p/d/sub/", "")
	f.must(t, 201, "PUT", "/dav/p/d/a", "old")
	f.must(t, 201, "PUT", "/dav/p/d/sub/b", "kept only in s1, and longer than what lies inline in the tests' store, sixty-four bytes")
	patch := func(path, what string) {
		t.Helper()
		f.must(t, 207, "PROPPATCH", path, `<D:propertyupdate xmlns:D="DAV:" xmlns:x="http://example.org/x">`+what+`</D:propertyupdate>`)
	}
	for _, path := range []string{"/dav/p/", "/dav/p/d/", "/dav/p/d/a", "/dav/p/d/sub/b"} {
		patch(path, `<D:set><D:prop><x:mood>then</x:mood><x:gone/></D:prop></D:set>`)
	}
	snapshot("s1")
	for _, path := range []string{"/dav/p/", "/dav/p/d/", "/dav/p/d/a"} {
		patch(path, `<D:set><D:prop><x:mood>now</x:mood><x:more/></D:prop></D:set><D:remove><D:prop><x:gone/></D:prop></D:remove>`)
	}
	f.must(t, 204, "PUT", "/dav/p/d/a", "newer")
	f.must(t, 204, "DELETE", "/dav/p/d/sub", "")
	snapshot("s2")
	f.must(t, 204, "PUT", "/dav/p/d/a", "newest of all")
}

// httpkitEvents gives requests an event, as the front does.
func httpkitEvents(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(w, r.WithContext(httpkit.WithEvent(r.Context(), &httpkit.Event{})))
	})
}

func TestAnEventSaysWhatWasAsked(t *testing.T) {
	f := newFixture(t, dav.Config{})
	event := &httpkit.Event{}
	r := httptest.NewRequest("GET", "/dav/c/none", nil)
	r = r.WithContext(httpkit.WithEvent(r.Context(), event))
	r.SetBasicAuth("tester", "testing")
	f.handler.ServeHTTP(httptest.NewRecorder(), r)
	if event.Face != "dav" || event.Op != "GET" || event.Account != "test" || event.Container != "c" || event.Err == nil {
		t.Errorf("%+v", event)
	}
}

func TestNewRefusesABadPrefix(t *testing.T) {
	f := gatewaytest.New(t)
	for _, prefix := range []string{"dav", "/dav/", "/d%20v", "/{x}"} {
		if _, err := dav.New(dav.Config{Prefix: prefix}, f.Gateway, f.Auth, nil, nil); err == nil {
			t.Errorf("%q was accepted", prefix)
		}
	}
}

// slowBody yields its halves when it is told to.
type slowBody struct {
	parts chan string
	rest  string
}

func (s *slowBody) Read(p []byte) (int, error) {
	if s.rest == "" {
		part, ok := <-s.parts
		if !ok {
			return 0, io.EOF
		}
		s.rest = part
	}
	n := copy(p, s.rest)
	s.rest = s.rest[n:]
	return n, nil
}

// startPut sends a PUT whose body comes through the channel that it returns,
// and delivers the status.
func (f *fixture) startPut(path string, headers ...string) (chan<- string, <-chan int) {
	body := &slowBody{parts: make(chan string)}
	r := httptest.NewRequest("PUT", path, body)
	r.ContentLength = -1
	r.SetBasicAuth("tester", "testing")
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	done := make(chan int, 1)
	go func() {
		w := httptest.NewRecorder()
		f.handler.ServeHTTP(w, r)
		done <- w.Code
	}()
	return body.parts, done
}

func TestReadersSeeTheOldFileDuringAPut(t *testing.T) {
	f := newFixture(t, dav.Config{})
	f.must(t, 201, "PUT", "/dav/c/a", "old")
	body, done := f.startPut("/dav/c/a")
	body <- "new half"
	if got := f.must(t, 200, "GET", "/dav/c/a", "").Body.String(); got != "old" {
		t.Errorf("during the PUT: %q", got)
	}
	body <- ", other half"
	close(body)
	if status := <-done; status != 204 {
		t.Errorf("PUT: %d", status)
	}
	if got := f.must(t, 200, "GET", "/dav/c/a", "").Body.String(); got != "new half, other half" {
		t.Errorf("after the PUT: %q", got)
	}
}

func TestOfTwoParallelPutsTheLaterCommitWins(t *testing.T) {
	f := newFixture(t, dav.Config{})
	one, oneDone := f.startPut("/dav/c/a")
	two, twoDone := f.startPut("/dav/c/a")
	one <- "one"
	two <- "two"
	close(two)
	if status := <-twoDone; status != 201 {
		t.Errorf("first to finish: %d", status)
	}
	close(one)
	if status := <-oneDone; status != 204 {
		t.Errorf("second to finish: %d", status)
	}
	if got := f.must(t, 200, "GET", "/dav/c/a", "").Body.String(); got != "one" {
		t.Errorf("content %q", got)
	}
}

var loopback = netip.MustParseAddr("127.0.0.1")

const lockBody = `<D:lockinfo xmlns:D="DAV:"><D:lockscope><D:exclusive/></D:lockscope><D:locktype><D:write/></D:locktype></D:lockinfo>`

func TestALockIsRefreshedDuringAPutUnderIt(t *testing.T) {
	f := newFixture(t, dav.Config{})
	f.must(t, 201, "PUT", "/dav/c/a", "old")
	token := "(" + f.must(t, 200, "LOCK", "/dav/c/a", lockBody).Header().Get("Lock-Token") + ")"
	body, done := f.startPut("/dav/c/a", "If", token)
	body <- "half"
	f.must(t, 200, "LOCK", "/dav/c/a", "", "If", token)
	close(body)
	if status := <-done; status != 204 {
		t.Errorf("PUT: %d", status)
	}
}

func TestQuotaIsToldBeforeAndAfterTheBody(t *testing.T) {
	f := newFixture(t, dav.Config{})
	f.must(t, 201, "PUT", "/dav/c/a", "old")
	err := f.Gateway.Containers.Update(f.Ctx("tester"), gateway.Ref{Account: "test", Container: "c"},
		gateway.ContainerChange{Properties: gateway.Properties{"quota-bytes": "13"}})
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest("PUT", "/dav/c/b", failingBody{t})
	r.ContentLength = 11
	r.Header.Set("Expect", "100-continue")
	r.SetBasicAuth("tester", "testing")
	w := httptest.NewRecorder()
	f.handler.ServeHTTP(w, r)
	if w.Code != 507 || !strings.Contains(w.Body.String(), "<D:quota-not-exceeded>") {
		t.Errorf("declared: %d %s", w.Code, w.Body)
	}
	body, done := f.startPut("/dav/c/a")
	body <- "12345678901234"
	close(body)
	if status := <-done; status != 507 {
		t.Errorf("chunked: %d", status)
	}
	if got := f.must(t, 200, "GET", "/dav/c/a", "").Body.String(); got != "old" {
		t.Errorf("content %q", got)
	}
	listing := f.must(t, 207, "PROPFIND", "/dav/c/", `<propfind xmlns="DAV:"><prop><quota-available-bytes/><quota-used-bytes/></prop></propfind>`, "Depth", "0").Body.String()
	if !strings.Contains(listing, "<D:quota-available-bytes>10</D:quota-available-bytes><D:quota-used-bytes>3</D:quota-used-bytes>") {
		t.Error(listing)
	}
}

// failingBody fails the test when it is read.
type failingBody struct{ t *testing.T }

func (b failingBody) Read([]byte) (int, error) {
	b.t.Error("the body was read")
	return 0, io.EOF
}

func TestImpliedFolders(t *testing.T) {
	f := newFixture(t, dav.Config{})
	f.swiftPut(t, "a/b/x", "x")
	for path, member := range map[string]string{"/dav/c/": "/dav/c/a/", "/dav/c/a/": "/dav/c/a/b/", "/dav/c/a/b": "/dav/c/a/b/x"} {
		if got := hrefs(t, f.must(t, 207, "PROPFIND", path, "", "Depth", "1")); len(got) != 2 || got[1] != member {
			t.Errorf("%s lists %q", path, got)
		}
	}
	// The folder stays when its last member goes here.
	f.must(t, 204, "DELETE", "/dav/c/a/b/x", "")
	if got := hrefs(t, f.must(t, 207, "PROPFIND", "/dav/c/a/b/", "", "Depth", "1")); len(got) != 1 {
		t.Errorf("emptied folder lists %q", got)
	}
}

func TestNamesThatADriveCannotShow(t *testing.T) {
	f := newFixture(t, dav.Config{})
	f.swiftPut(t, "a//b", "x")
	f.swiftPut(t, "./x", "x")
	if got := hrefs(t, f.must(t, 207, "PROPFIND", "/dav/c/", "", "Depth", "1")); len(got) != 2 || got[1] != "/dav/c/a/" {
		t.Errorf("c lists %q", got)
	}
	if got := hrefs(t, f.must(t, 207, "PROPFIND", "/dav/c/a/", "", "Depth", "1")); len(got) != 1 {
		t.Errorf("a lists %q", got)
	}
	f.must(t, 204, "DELETE", "/dav/c/a/", "")
	if _, err := f.Gateway.Objects.Head(f.Ctx("tester"), gateway.Ref{Account: "test", Container: "c", Object: "a//b"}, gateway.Conditions{}); err == nil {
		t.Error("a//b survived its folder")
	}
}

func TestAFileBesideAFolderOfItsName(t *testing.T) {
	f := newFixture(t, dav.Config{})
	f.swiftPut(t, "a", "file")
	f.swiftPut(t, "a/x", "member")
	if got := hrefs(t, f.must(t, 207, "PROPFIND", "/dav/c/", "", "Depth", "1")); len(got) != 2 || got[1] != "/dav/c/a/" {
		t.Errorf("c lists %q", got)
	}
	if got := f.must(t, 200, "GET", "/dav/c/a", "").Body.String(); got != "file" {
		t.Errorf("GET a: %q", got)
	}
	f.must(t, 405, "PUT", "/dav/c/a", "new")
	f.must(t, 204, "DELETE", "/dav/c/a", "")
	f.must(t, 404, "GET", "/dav/c/a", "")
	f.must(t, 404, "PROPFIND", "/dav/c/a/", "", "Depth", "0")
}

func TestMkcolMakesASwiftMarker(t *testing.T) {
	f := newFixture(t, dav.Config{})
	f.must(t, 201, "MKCOL", "/dav/c/n/", "")
	o, err := f.Gateway.Objects.Head(f.Ctx("tester"), gateway.Ref{Account: "test", Container: "c", Object: "n/"}, gateway.Conditions{})
	if err != nil || o.Size != 0 || o.ContentType != "application/directory" {
		t.Errorf("%+v, %v", o, err)
	}
}

func TestMovedContainersKeepTheirObjects(t *testing.T) {
	f := newFixture(t, dav.Config{})
	f.must(t, 201, "MKCOL", "/dav/New%20folder", "")
	f.must(t, 201, "PUT", "/dav/New%20folder/x", "x")
	f.must(t, 201, "MOVE", "/dav/New%20folder", "", "Destination", "/dav/docs/")
	if _, err := f.Gateway.Containers.Get(f.Ctx("tester"), gateway.Ref{Account: "test", Container: "docs"}); err != nil {
		t.Error(err)
	}
	if got := f.must(t, 200, "GET", "/dav/docs/x", "").Body.String(); got != "x" {
		t.Errorf("content %q", got)
	}
}

func TestSomethingIsAlwaysThereDuringAMoveOverAFolder(t *testing.T) {
	f := newFixture(t, dav.Config{})
	f.must(t, 201, "MKCOL", "/dav/c/d", "")
	f.must(t, 201, "MKCOL", "/dav/c/e", "")
	for i := range 200 {
		f.swiftPut(t, fmt.Sprintf("d/%d", i), "new")
	}
	f.swiftPut(t, "e/1", "old")
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			if w := f.do("GET", "/dav/c/e/1", ""); w.Code != 200 {
				t.Errorf("GET during the move: %d", w.Code)
			}
			select {
			case <-stop:
				return
			default:
			}
		}
	})
	f.must(t, 204, "MOVE", "/dav/c/d", "", "Destination", "/dav/c/e")
	close(stop)
	wg.Wait()
	if got := f.must(t, 200, "GET", "/dav/c/e/1", "").Body.String(); got != "new" {
		t.Errorf("content %q", got)
	}
}

func TestListingsContinueOverPages(t *testing.T) {
	f := newFixture(t, dav.Config{})
	const files = 2500
	ctx := f.Ctx("tester")
	for i := range files {
		name := fmt.Sprintf("d/%05d", i)
		if i%5 == 0 {
			name += "/member"
		}
		_, err := f.Gateway.Objects.Put(ctx, gateway.Ref{Account: "test", Container: "c", Object: name}, strings.NewReader("x"), gateway.PutOptions{Size: 1})
		if err != nil {
			t.Fatal(err)
		}
	}
	for depth, want := range map[string]int{"0": 1, "1": files + 1, "infinity": files + files/5 + 1} {
		w := f.must(t, 207, "PROPFIND", "/dav/c/d/", `<propfind xmlns="DAV:"><prop><resourcetype/></prop></propfind>`, "Depth", depth)
		got := hrefs(t, w)
		seen := map[string]bool{}
		for _, h := range got {
			seen[h] = true
		}
		if len(got) != want || len(seen) != want {
			t.Errorf("Depth %s: %d responses, %d different, want %d", depth, len(got), len(seen), want)
		}
	}
	if got := strings.Count(f.must(t, 200, "GET", "/dav/c/d/", "").Body.String(), "<li>"); got != files+1 {
		t.Errorf("the index has %d rows", got)
	}
}

func TestInfiniteDepthIsLimited(t *testing.T) {
	f := newFixture(t, dav.Config{InfinityLimit: 3})
	f.swiftPut(t, "a", "x")
	f.swiftPut(t, "b", "x")
	f.must(t, 207, "PROPFIND", "/dav/c/", "")
	f.swiftPut(t, "d", "x")
	w := f.must(t, 403, "PROPFIND", "/dav/c/", "", "Depth", "infinity")
	if !strings.Contains(w.Body.String(), "<D:propfind-finite-depth>") {
		t.Error(w.Body)
	}
	f.must(t, 207, "PROPFIND", "/dav/c/", "", "Depth", "1")
	f.must(t, 207, "PROPFIND", "/dav/c/a", "")
}

func TestReadOnly(t *testing.T) {
	f := newFixture(t, dav.Config{ReadOnly: true})
	for _, method := range []string{"PUT", "MKCOL", "DELETE", "LOCK", "PROPPATCH", "MOVE"} {
		f.must(t, 403, method, "/dav/c/x", "")
	}
	//lint:ignore SA1008 the name is sent as clients spell it
	if got := f.must(t, 200, "OPTIONS", "/dav/c/", ""); got.Header()["DAV"][0] != "1" || strings.Contains(got.Header().Get("Allow"), "PUT") {
		t.Errorf("%v", got.Header())
	}
	if got := f.must(t, 207, "PROPFIND", "/dav/c/", "", "Depth", "0").Body.String(); !strings.Contains(got, "<D:supportedlock/>") {
		t.Errorf("a read-only drive offers locks: %s", got)
	}
}

func TestFixedContainers(t *testing.T) {
	f := newFixture(t, dav.Config{FixedContainers: true})
	f.must(t, 403, "MKCOL", "/dav/new", "")
	f.must(t, 403, "DELETE", "/dav/c/", "")
	f.must(t, 403, "MOVE", "/dav/c/", "", "Destination", "/dav/d")
	f.must(t, 201, "MKCOL", "/dav/c/d", "")
	f.must(t, 403, "COPY", "/dav/c/d", "", "Destination", "/dav/d")
}

func TestProtectedModificationTime(t *testing.T) {
	f := newFixture(t, dav.Config{ProtectModified: true})
	f.must(t, 201, "PUT", "/dav/c/a", "x")
	w := f.must(t, 207, "PROPPATCH", "/dav/c/a", `<propertyupdate xmlns="DAV:"><set><prop><getlastmodified>1</getlastmodified></prop></set></propertyupdate>`)
	if !strings.Contains(w.Body.String(), "403 Forbidden") {
		t.Error(w.Body)
	}
}

func TestAnUploadThatIsCutOffIsClassified(t *testing.T) {
	f := newFixture(t, dav.Config{})
	r := httptest.NewRequest("PUT", "/dav/c/a", io.MultiReader(strings.NewReader("half"), errorBody{}))
	r.ContentLength = 100
	r.SetBasicAuth("tester", "testing")
	w := httptest.NewRecorder()
	f.handler.ServeHTTP(w, r)
	if w.Code != 400 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	f.must(t, 404, "GET", "/dav/c/a", "")
}

type errorBody struct{}

func (errorBody) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func TestBearerTokensOpenTheDrive(t *testing.T) {
	f := newFixture(t, dav.Config{})
	token, _, err := f.Auth.Issue(context.Background(), "tester", "testing", loopback)
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest("PROPFIND", "/dav/c/", nil)
	r.Header.Set("Authorization", "Bearer "+token.Value)
	r.Header.Set("Depth", "0")
	w := httptest.NewRecorder()
	f.handler.ServeHTTP(w, r)
	if w.Code != 207 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// hrefs reads a multistatus strictly and returns the hrefs of its responses.
func hrefs(t testing.TB, w *httptest.ResponseRecorder) []string {
	t.Helper()
	var ms struct {
		XMLName   xml.Name `xml:"DAV: multistatus"`
		Responses []struct {
			Href string `xml:"DAV: href"`
		} `xml:"DAV: response"`
	}
	if err := xml.NewDecoder(bytes.NewReader(w.Body.Bytes())).Decode(&ms); err != nil {
		t.Fatalf("%v\n%s", err, w.Body)
	}
	var list []string
	for _, r := range ms.Responses {
		list = append(list, r.Href)
	}
	return list
}
