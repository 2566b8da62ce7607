package dav_test

import (
	"encoding/xml"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"entrepot/gateway"
	"entrepot/gateway/gatewaytest"
	"entrepot/protocols/dav"
	"entrepot/store/blob/dirblob"
)

// names lists everything in the container c as it is stored.
func (f *fixture) names(t testing.TB) []string {
	t.Helper()
	_, entries, err := f.Gateway.Objects.List(f.Ctx("tester"), gateway.Ref{Account: "test", Container: "c"}, gateway.ListOptions{Limit: 10_000})
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, e := range entries {
		list = append(list, e.Object.Name)
	}
	return list
}

// Paths are decoded once; what remains is a name, and data.
func TestS22PathsAreDecodedOnceAndNeverCleaned(t *testing.T) {
	f := newFixture(t, dav.Config{})
	for _, path := range []string{
		"..", "../c/a", ".", "%2e", "%2e%2e", "%2E%2e/x", "a/../b", "a/./b", "x%2fy", "x%2Fy", "%00", "x%00y", "%0a", "%0d%0a", "%01", "%1f", "%7f",
		"%c0%af", "%c0%ae%c0%ae", "%e0%80%af", "%ff", "%ed%a0%80", "%zz", "%", "%e2%28%a1",
	} {
		for _, method := range []string{"GET", "PUT", "MKCOL", "PROPFIND", "DELETE"} {
			r := httptest.NewRequest(method, "/dav/c/", nil)
			r.URL.Path, r.URL.RawPath, r.URL.Opaque = "/dav/c/"+path, "", ""
			if _, err := r.URL.Parse("/dav/c/" + path); err == nil {
				r = httptest.NewRequest(method, "/dav/c/"+path, nil)
			} else {
				continue // net/http refuses the request line itself
			}
			r.SetBasicAuth("tester", "testing")
			w := httptest.NewRecorder()
			f.handler.ServeHTTP(w, r)
			if w.Code != 400 {
				t.Errorf("%s %s: %d", method, path, w.Code)
			}
		}
	}
	if got := f.names(t); len(got) != 0 {
		t.Errorf("stored: %q", got)
	}
	want := map[string]string{
		"%252e%252e": "%2e%2e", "%5c": `\`, `..%5c..%5cx`: `..\..\x`, "%252f": "%2f", "C:": "C:", "C:%5Cautoexec": `C:\autoexec`, "trailing.": "trailing.",
		"trailing%20": "trailing ", ";param=1": ";param=1", "a%3Fb": "a?b", "a%23b": "a#b", "%E2%80%AEtxt.exe": "\u202etxt.exe", "...": "...", "~": "~", "con": "con",
	}
	for path, name := range want {
		f.must(t, 201, "PUT", "/dav/c/"+path, name)
		if got := f.must(t, 200, "GET", "/dav/c/"+path, "").Body.String(); got != name {
			t.Errorf("%s holds %q", path, got)
		}
	}
	got := f.names(t)
	for _, name := range want {
		if !slices.Contains(got, name) {
			t.Errorf("%q is not stored; there are %q", name, got)
		}
	}
	f.must(t, 414, "PUT", "/dav/c/"+strings.Repeat("x", 1025), "x")
}

// What users call things is no path of the file system.
func TestS23NamesNeverReachTheFileSystem(t *testing.T) {
	dir := t.TempDir()
	blobs, err := dirblob.Open(dir, dirblob.Options{})
	if err != nil {
		t.Fatal(err)
	}
	g := gatewaytest.NewWith(t, gatewaytest.Options{Blobs: blobs})
	f := &fixture{Fixture: g, handler: mountFace(t, g)}
	f.AddUser("..evil", "evilaccount", "testing", "owner")
	for _, path := range []string{"/dav/evilcontainer", "/dav/evilcontainer/evilfolder", "/dav/evil%5C..%5Ccontainer"} {
		f.must(t, 201, "MKCOL", path, "")
	}
	f.must(t, 201, "PUT", "/dav/evilcontainer/evilfolder/evilname", strings.Repeat("x", 100_000))
	f.must(t, 201, "PUT", "/dav/evil%5C..%5Ccontainer/evil..%5C..%5Cetc", strings.Repeat("x", 100_000))
	files := 0
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if strings.Contains(path[len(dir):], "evil") || strings.Contains(path[len(dir):], "etc") {
			t.Errorf("%s has a name of a user's", path)
		}
		if err == nil && d.Type().IsRegular() {
			files++
		}
		return err
	})
	if err != nil || files < 2 {
		t.Errorf("%d files, %v", files, err)
	}
}

// Names are bytes: spellings of one word are two files where both were made,
// and a client sees what it wrote.
func TestS24SpellingsAndLetterCaseAreDistinct(t *testing.T) {
	f := newFixture(t, dav.Config{})
	f.swiftPut(t, "caf\u00e9", "composed")
	f.swiftPut(t, "cafe\u0301", "decomposed")
	f.must(t, 201, "PUT", "/dav/c/Name", "upper")
	f.must(t, 201, "PUT", "/dav/c/name", "lower")
	for path, want := range map[string]string{
		"caf%C3%A9": "composed", "cafe%CC%81": "decomposed", "Name": "upper", "name": "lower",
	} {
		if got := f.must(t, 200, "GET", "/dav/c/"+path, "").Body.String(); got != want {
			t.Errorf("%s: %q", path, got)
		}
	}
	if got := hrefs(t, f.must(t, 207, "PROPFIND", "/dav/c/", "", "Depth", "1")); len(got) != 5 {
		t.Errorf("listed: %q", got)
	}
}

func TestS26ForeignDestinationsAreNeitherUsedNorFetched(t *testing.T) {
	called := false
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { called = true }))
	defer other.Close()
	f := newFixture(t, dav.Config{})
	f.must(t, 201, "PUT", "/dav/c/a", "x")
	for dest, want := range map[string]int{
		other.URL + "/dav/c/b": 502, "ftp://example.com/dav/c/b": 502, "http://example.com:81/dav/c/b": 502, "http://example.com@evil.example/dav/c/b": 502,
		"http://evil.example:80/dav/c/b": 502, "//evil.example/dav/c/b": 502, "file:///etc/passwd": 502, "/etc/passwd": 502, "/dav/c/b#x": 400, "/dav/c/b?x": 400,
		"javascript:alert(1)": 400, "": 400, "dav/c/b": 400, "http://example.com": 400, "/dav/c/%2e%2e/b": 400, "/dav/c/b%00": 400,
	} {
		for _, method := range []string{"COPY", "MOVE"} {
			if w := f.do(method, "/dav/c/a", "", "Destination", dest); w.Code != want {
				t.Errorf("%s to %q: %d, want %d", method, dest, w.Code, want)
			}
		}
	}
	if got := f.names(t); called || !slices.Equal(got, []string{"a"}) {
		t.Errorf("called %v, stored %q", called, got)
	}
}

func TestS27NothingIsLostByAMoveOntoItself(t *testing.T) {
	f := newFixture(t, dav.Config{})
	f.must(t, 201, "MKCOL", "/dav/c/d", "")
	f.must(t, 201, "MKCOL", "/dav/c/d/e", "")
	f.must(t, 201, "PUT", "/dav/c/d/e/f", "x")
	f.must(t, 201, "PUT", "/dav/c/a", "x")
	before := f.names(t)
	for _, c := range [][2]string{
		{"c/a", "/dav/c/a"}, {"c/a", "/dav/c//a"}, {"c/d", "/dav/c/d/"}, {"c/d/", "/dav/c/d"}, {"c/d", "/dav/c/d/e/g"}, {"c/d/e", "/dav/c/d"}, {"c/d/e/f", "/dav/c/d"},
		{"c/a", "/dav/"}, {"c/d", "/dav/c"}, {"c", "/dav/c/d/x"}, {"c", "/dav/"}, {"", "/dav/x"}, {"c/a", "/dav/@test2/x"}, {"c/d", "/dav/@test2/x/"}, {"c", "/dav/@test2/x/"},
		{"@test/c/a", "/dav/c/a"},
	} {
		for _, method := range []string{"COPY", "MOVE"} {
			if w := f.do(method, "/dav/"+c[0], "", "Destination", c[1]); w.Code != 403 && w.Code != 409 {
				t.Errorf("%s %s to %s: %d", method, c[0], c[1], w.Code)
			}
		}
	}
	if got := f.names(t); !slices.Equal(got, before) {
		t.Errorf("stored %q, before %q", got, before)
	}
}

// Listings stay well-formed whatever things are called.
func TestS28ListingsEscapeHostileNames(t *testing.T) {
	f := newFixture(t, dav.Config{})
	hostile := []string{
		`"quotes"`, "'apostrophes'", "<script>alert(1)", "]]>", "&amp;", "a&b<c>", `" onmouseover="x`, "\u202eright to left", "--><!--", "javascript:x", "%41", "?q#f",
		"new\nline", "tab\tname", "\x01control", "\x7fdel", "\ufffe", "\U0001F600",
	}
	for _, name := range hostile {
		f.swiftPut(t, name, "x")
	}
	w := f.must(t, 207, "PROPFIND", "/dav/c/", "", "Depth", "1")
	if undeclared(w.Body.String()) != "" {
		t.Error(undeclared(w.Body.String()))
	}
	var status struct {
		Responses []struct {
			Href string `xml:"href"`
			Name string `xml:"propstat>prop>displayname"`
		} `xml:"response"`
	}
	if err := xml.Unmarshal(w.Body.Bytes(), &status); err != nil {
		t.Fatal(err)
	}
	shown := 0
	for _, r := range status.Responses[1:] {
		if !slices.Contains(hostile, r.Name) {
			t.Errorf("%q is shown as %q", r.Href, r.Name)
		}
		f.must(t, 200, "GET", r.Href, "")
		shown++
	}
	if shown != 13 {
		t.Errorf("%d names are shown", shown)
	}
	page := f.must(t, 200, "GET", "/dav/c/", "")
	root, err := html.Parse(page.Body)
	if err != nil {
		t.Fatal(err)
	}
	links := 0
	var walk func(n *html.Node)
	walk = func(n *html.Node) {
		if n.Type == html.ElementNode {
			if n.Data == "script" || slices.ContainsFunc(n.Attr, func(a html.Attribute) bool { return strings.HasPrefix(a.Key, "on") }) {
				t.Errorf("the page holds an element %s %v", n.Data, n.Attr)
			}
			if n.Data == "a" {
				links++
			}
		}
		for c := n.FirstChild; c != nil; c = c.NextSibling {
			walk(c)
		}
	}
	walk(root)
	if links != shown+1 {
		t.Errorf("%d links", links)
	}
}

// xmlMethods are the methods with XML in their bodies.
func xmlMethods() []string { return []string{"PROPFIND", "PROPPATCH", "LOCK", "MKCOL"} }

func (f *fixture) askXML(method, body string) (status int, took time.Duration) {
	begin := time.Now()
	w := f.do(method, "/dav/c/x", body, "Content-Type", "application/xml", "Depth", "0")
	return w.Code, time.Since(begin)
}

func TestS29NoEntityIsExpanded(t *testing.T) {
	f := newFixture(t, dav.Config{})
	laughs := `<!DOCTYPE l [<!ENTITY l0 "lol">`
	for i := range 9 {
		laughs += fmt.Sprintf(`<!ENTITY l%d "%s">`, i+1, strings.Repeat(fmt.Sprintf("&l%d;", i), 10))
	}
	for name, body := range map[string]string{
		"doctype":   `<!DOCTYPE propfind><propfind xmlns="DAV:"><allprop/></propfind>`,
		"external":  `<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><propfind xmlns="DAV:"><prop>&x;</prop></propfind>`,
		"parameter": `<!DOCTYPE a [<!ENTITY % p SYSTEM "http://127.0.0.1:1/x">%p;]><propfind xmlns="DAV:"/>`,
		"laughs":    laughs + `]><propfind xmlns="DAV:"><prop>&l9;</prop></propfind>`,
		"undefined": `<propfind xmlns="DAV:"><prop>&x;</prop></propfind>`,
		"latin1":    `<?xml version="1.0" encoding="ISO-8859-1"?><propfind xmlns="DAV:"><allprop/></propfind>`,
		"utf7":      `<?xml version="1.0" encoding="UTF-7"?>+ADw-propfind+AD4-`,
		"inner":     `<propfind xmlns="DAV:"><!DOCTYPE a><allprop/></propfind>`,
		"late":      `<propfind xmlns="DAV:"><?xml version="1.0"?><allprop/></propfind>`,
	} {
		for _, method := range xmlMethods() {
			if status, took := f.askXML(method, body); status != 400 || took > 20*time.Second {
				t.Errorf("%s of %s: %d in %v", method, name, status, took)
			}
		}
	}
	// A processing instruction is data of a property, and is carried out by nobody.
	if w := f.do("PROPFIND", "/dav/c/", `<?evil href="http://127.0.0.1:1/"?><propfind xmlns="DAV:"><allprop/></propfind>`, "Depth", "0"); w.Code != 207 {
		t.Errorf("with an instruction: %d", w.Code)
	}
}

func TestS30LargeXMLIsRefusedQuickly(t *testing.T) {
	f := newFixture(t, dav.Config{MaxXMLBytes: 64 << 20})
	shipped := newFixture(t, dav.Config{})
	attrs, spaces := strings.Builder{}, strings.Builder{}
	for i := range 1_000_000 {
		fmt.Fprintf(&attrs, ` a%d=""`, i)
	}
	for i := range 100_000 {
		fmt.Fprintf(&spaces, `<a xmlns:n%d="urn:%d">`, i, i)
	}
	for name, body := range map[string]string{
		"deep":            strings.Repeat("<a>", 100_000),
		"attributes":      `<propfind xmlns="DAV:"` + attrs.String() + `><allprop/></propfind>`,
		"elements":        `<propfind xmlns="DAV:"><prop>` + strings.Repeat("<a/>", 1_000_000) + `</prop></propfind>`,
		"namespaces":      spaces.String(),
		"twice":           `<propfind xmlns="DAV:" a="1" a="2"><allprop/></propfind>`,
		"twice by prefix": `<propfind xmlns="DAV:" xmlns:x="urn:x" xmlns:y="urn:x" x:a="1" y:a="2"><allprop/></propfind>`,
		"tricks":          `<propfind xmlns="DAV:"><x:prop/></propfind>`,
	} {
		// All methods share one parser: one of them meets the whole of it.
		if status, _ := f.askXML("PROPFIND", body); status != 400 {
			t.Errorf("%s: %d", name, status)
		}
		for _, method := range xmlMethods() {
			// The least of some tries: other programs run here too.
			least := time.Hour
			for try := 0; try < 5 && least > 100*time.Millisecond; try++ {
				status, took := shipped.askXML(method, body)
				if least = min(least, took); status != 400 && status != 413 {
					t.Errorf("%s of %s as shipped: %d", method, name, status)
				}
			}
			if least > time.Second {
				t.Errorf("%s of %s as shipped took %v", method, name, least)
			}
		}
	}
}

// A property's value that was stored and read comes out the same when it is
// stored again: nothing is decided by XML that was written here.
func TestS31ValuesDoNotChangeOnTheirWay(t *testing.T) {
	f := newFixture(t, dav.Config{})
	f.must(t, 201, "PUT", "/dav/c/a", "x")
	value := `<p xmlns="urn:x" xmlns:q="urn:q" q:a="1&lt;2">t<q:e q:b='"'/>&#13;<![CDATA[<raw>]]><!-- c --><?pi d?><e xmlns=""/></p>`
	read := func() string {
		w := f.must(t, 207, "PROPFIND", "/dav/c/a", findProp(`<p xmlns="urn:x"/>`), "Depth", "0").Body.String()
		_, rest, _ := strings.Cut(w, "<D:prop>")
		value, _, _ := strings.Cut(rest, "</D:prop>")
		return value
	}
	f.must(t, 207, "PROPPATCH", "/dav/c/a", patchProp(value))
	first := read()
	for range 3 {
		f.must(t, 207, "PROPPATCH", "/dav/c/a", patchProp(first))
		if again := read(); again != first {
			t.Fatalf("stored again it is\n%s\nit was\n%s", again, first)
		}
	}
}

func TestS36TheIfHeaderHoldsNoLockByItself(t *testing.T) {
	f := newFixture(t, dav.Config{})
	f.must(t, 201, "PUT", "/dav/c/a", "old")
	token := strings.Trim(f.must(t, 200, "LOCK", "/dav/c/a", lockBody).Header().Get("Lock-Token"), "<>")
	own := f.must(t, 201, "PUT", "/dav/c/b", "x")
	foreign := strings.Trim(f.must(t, 200, "LOCK", "/dav/c/b", lockBody).Header().Get("Lock-Token"), "<>")
	many := strings.Repeat("(<urn:x>) ", 3000)
	for header, want := range map[string]int{
		"(Not <urn:x>)":                               423,
		"(Not <DAV:no-lock>)":                         423,
		"(<urn:x>)":                                   412,
		"(<" + foreign + ">)":                         412,
		"(Not <" + foreign + ">)":                     423,
		"(Not <" + token + ">)":                       412, // it is held: the list is false
		"(<urn:x>) (Not <DAV:no-lock>)":               423,
		"</dav/c/b> (<" + foreign + ">)":              423,
		"</dav/c/a> (<" + foreign + ">)":              412,
		"<http://evil.example/> (<urn:x>)":            412,
		"<> (<" + token + ">)":                        400,
		"</dav/c/none> (Not <urn:x>)":                 423,
		`(["` + own.Header()["ETag"][0][1:33] + `"])`: 412,
		many: 400, strings.Repeat("(<urn:x>) ", 30): 412,
		"()":                            400,
		"(<>)":                          400,
		"(<" + token + ">":              400,
		"<" + token + ">":               400,
		"Not (<" + token + ">)":         400,
		"(Not)":                         400,
		"(Not Not <urn:x>)":             400,
		"":                              400,
		"(<a b>)":                       400,
		`(["x)`:                         400,
		strings.Repeat("(", 60_000):     400,
		strings.Repeat("(Not ", 12_000): 400,
		strings.Repeat("<", 60_000):     400,
		strings.Repeat(`(["`, 20_000):   400,
	} {
		begin := time.Now()
		w := f.do("PUT", "/dav/c/a", "new", "If", header)
		if w.Code != want {
			t.Errorf("If: %.80s: %d, want %d", header, w.Code, want)
		}
		if took := time.Since(begin); took > 20*time.Second {
			t.Errorf("If: %.80s took %v", header, took)
		}
	}
	if got := f.must(t, 200, "GET", "/dav/c/a", "").Body.String(); got != "old" {
		t.Errorf("the file holds %q", got)
	}
	f.must(t, 409, "UNLOCK", "/dav/c/a", "", "Lock-Token", "<"+foreign+">")
	f.must(t, 412, "LOCK", "/dav/c/a", "", "If", "(<"+foreign+">)")
	f.must(t, 400, "UNLOCK", "/dav/c/a", "")
}

// A page of another site changes nothing with the password that a browser has
// stored.
func TestS46PagesOfOtherSitesChangeNothing(t *testing.T) {
	f := newFixture(t, dav.Config{PublicHosts: []string{"files.example.org"}})
	f.must(t, 201, "PUT", "/dav/c/a", "x")
	for _, header := range [][2]string{{"Origin", "https://evil.example"}, {"Origin", "null"}, {"Sec-Fetch-Site", "cross-site"}} {
		for _, method := range []string{"PUT", "DELETE", "MKCOL", "LOCK", "PROPPATCH", "COPY", "MOVE", "UNLOCK", "POST"} {
			if w := f.do(method, "/dav/c/a", "", header[0], header[1], "Destination", "/dav/c/b"); w.Code != 403 {
				t.Errorf("%s with %s: %d", method, header, w.Code)
			}
		}
	}
	f.must(t, 204, "PUT", "/dav/c/a", "x", "Origin", "http://example.com")
	f.must(t, 204, "PUT", "/dav/c/a", "x", "Origin", "https://files.example.org", "Sec-Fetch-Site", "same-origin")
}

// No link of an answer holds the Host that the request claimed.
func TestS48LinksNameNoHost(t *testing.T) {
	f := newFixture(t, dav.Config{})
	f.must(t, 201, "MKCOL", "/dav/c/d", "")
	for _, c := range []struct{ method, path, body string }{
		{"GET", "/dav/c/d", ""}, {"GET", "/dav/c/", ""}, {"PROPFIND", "/dav/c/", findProp("<D:owner/><D:current-user-principal/><D:displayname/>")},
		{"LOCK", "/dav/c/d", lockBody}, {"PUT", "/dav/c/d", "x"}, {"OPTIONS", "/dav/c/", ""},
	} {
		r := httptest.NewRequest(c.method, c.path, strings.NewReader(c.body))
		r.SetBasicAuth("tester", "testing")
		r.Host = "evil.example"
		r.Header.Set("X-Forwarded-Host", "evil.example")
		r.Header.Set("Depth", "0")
		w := httptest.NewRecorder()
		f.handler.ServeHTTP(w, r)
		if strings.Contains(w.Body.String(), "evil.example") || strings.Contains(fmt.Sprint(w.Header()), "evil.example") {
			t.Errorf("%s %s: %v %s", c.method, c.path, w.Header(), w.Body)
		}
	}
}

// The infinite listing of a large tree is refused after a look at as many
// names as it might show.
func TestS52InfiniteDepthLooksAtFewNames(t *testing.T) {
	f := newPlainFixture(t, dav.Config{})
	for i := range 20_000 {
		f.swiftPut(t, fmt.Sprintf("d%03d/%05d", i%200, i), "")
	}
	for _, path := range []string{"/dav/c/", "/dav/"} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		w := f.do("PROPFIND", path, "", "Depth", "infinity")
		runtime.ReadMemStats(&after)
		if w.Code != 403 || !strings.Contains(w.Body.String(), "propfind-finite-depth") {
			t.Errorf("%s: %d %.200s", path, w.Code, w.Body)
		}
		if taken := after.TotalAlloc - before.TotalAlloc; taken > 64<<20 {
			t.Errorf("%s: %d MiB were taken in all", path, taken>>20)
		}
	}
	if w := f.do("PROPFIND", "/dav/c/d000", "", "Depth", "infinity"); w.Code != 207 {
		t.Errorf("a smaller tree: %d", w.Code)
	}
}

// A large folder is renamed in one step: readers see it here or there, whole.
func TestL10LargeFolderMovesInOneStep(t *testing.T) {
	f := newPlainFixture(t, dav.Config{})
	const files = 10_000
	for i := range files {
		f.swiftPut(t, fmt.Sprintf("from/%02d/%05d", i%50, i), "")
	}
	stop := make(chan struct{})
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			here, there := f.do("HEAD", "/dav/c/from/00/00000", "").Code, f.do("HEAD", "/dav/c/to/00/00000", "").Code
			if here == 404 && there == 404 {
				t.Error("the file was nowhere")
			}
			select {
			case <-stop:
				return
			default:
			}
		}
	}()
	f.must(t, 201, "MOVE", "/dav/c/from", "", "Destination", "/dav/c/to")
	close(stop)
	<-done
	list := f.names(t)
	moved := 0
	for _, name := range list {
		if strings.HasPrefix(name, "to/") && len(name) == len("to/00/00000") {
			moved++
		}
	}
	if moved != files {
		t.Errorf("%d of %d files moved, %d names in all", moved, files, len(list))
	}
}
