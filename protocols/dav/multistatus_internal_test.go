package dav

import (
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"entrepot/gateway"
)

// testView is a view of a request by a user of account t.
func testView(body findBody, headers ...string) *view {
	f := bareFace(Config{})
	f.now = func() time.Time { return time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC) }
	r := httptest.NewRequest("PROPFIND", "/dav/c/", nil)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	return f.newView(f.of(r), body)
}

func testFile() *gateway.Node {
	return &gateway.Node{
		Ref: gateway.Ref{Account: "t", Container: "c", Object: "d/x y"}, Kind: gateway.NodeFile,
		Object:  gateway.Object{Name: "d/x y", Size: 5, MD5: "0cc175b9c0f1b6a831c399e269772661", ContentType: `a/b; c="<"`},
		Created: time.Date(2020, 1, 2, 3, 4, 5, 6, time.UTC), Modified: time.Date(2021, 1, 2, 3, 4, 5, 999, time.UTC),
		Props: []gateway.DeadProp{{Space: "urn:x", Name: "p", Lang: "en", Value: []byte("<v/>")}, {Name: "bare"}},
		Locks: []gateway.Lock{{
			Token: "opaquelocktoken:1", Root: gateway.Ref{Account: "t", Container: "c", Object: "d/"}, Infinite: true, Exclusive: true,
			Owner: []byte(`<D:owner xmlns:D="DAV:">me</D:owner>`), Expires: time.Date(2026, 3, 4, 5, 7, 7, 0, time.UTC),
		}},
	}
}

func TestAllpropOfAFile(t *testing.T) {
	const want = `<D:response><D:href>/dav/c/d/x%20y</D:href><D:propstat><D:prop>` +
		`<D:resourcetype/><D:displayname>x y</D:displayname><D:getcontentlength>5</D:getcontentlength>` +
		`<D:getcontenttype>a/b; c="&lt;"</D:getcontenttype><D:getetag>"0cc175b9c0f1b6a831c399e269772661"</D:getetag>` +
		`<D:getlastmodified>Sat, 02 Jan 2021 03:04:05 GMT</D:getlastmodified><D:creationdate>2020-01-02T03:04:05Z</D:creationdate>` +
		supportedLock +
		`<D:lockdiscovery><D:activelock><D:locktype><D:write/></D:locktype><D:lockscope><D:exclusive/></D:lockscope>` +
		`<D:depth>infinity</D:depth><D:owner xmlns:D="DAV:">me</D:owner><D:timeout>Second-60</D:timeout>` +
		`<D:locktoken><D:href>opaquelocktoken:1</D:href></D:locktoken><D:lockroot><D:href>/dav/c/d/</D:href></D:lockroot></D:activelock></D:lockdiscovery>` +
		`<x:p xmlns:x="urn:x" xml:lang="en"><v/></x:p><bare/>` +
		`</D:prop><D:status>HTTP/1.1 200 OK</D:status></D:propstat></D:response>`
	v := testView(findBody{mode: findAll})
	if got := string(v.appendResponse(nil, testFile())); got != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
	if p := v.parts(); !p.Props || !p.Locks {
		t.Errorf("parts %+v", p)
	}
}

func TestIncludeAddsWhatAllpropLacks(t *testing.T) {
	body := findBody{mode: findAll, names: []propName{{nsDAV, "getetag"}, {nsDAV, "owner"}, {"urn:x", "absent"}}}
	got := string(testView(body).appendResponse(nil, testFile()))
	if strings.Count(got, "<D:getetag>") != 1 || !strings.Contains(got, "<D:owner><D:href>/dav/</D:href></D:owner>") || strings.Contains(got, "absent") {
		t.Error(got)
	}
}

func TestNamedPropertiesOfAFile(t *testing.T) {
	names := []propName{{nsDAV, "getcontentlength"}, {"urn:x", "p"}, {"urn:y", "p"}, {nsDAV, "quota-used-bytes"}}
	const found = `<D:propstat><D:prop><D:getcontentlength>5</D:getcontentlength><x:p xmlns:x="urn:x" xml:lang="en"><v/></x:p></D:prop><D:status>HTTP/1.1 200 OK</D:status></D:propstat>`
	const absent = `<D:propstat><D:prop><x:p xmlns:x="urn:y"/><D:quota-used-bytes/></D:prop><D:status>HTTP/1.1 404 Not Found</D:status></D:propstat>`
	for _, tt := range []struct{ header, value, want string }{
		{"X-None", "", found + absent}, {"Brief", "t", found}, {"Prefer", "return=minimal", found},
	} {
		v := testView(findBody{mode: findProp, names: names}, tt.header, tt.value)
		want := `<D:response><D:href>/dav/c/d/x%20y</D:href>` + tt.want + `</D:response>`
		if got := string(v.appendResponse(nil, testFile())); got != want {
			t.Errorf("%s\n got %s\nwant %s", tt.header, got, want)
		}
	}
}

func TestOnlyWhatIsAskedIsLookedUp(t *testing.T) {
	if p := testView(findBody{mode: findProp, names: []propName{{nsDAV, "getetag"}}}).parts(); p.Props || p.Locks {
		t.Errorf("getetag needs %+v", p)
	}
	if p := testView(findBody{mode: findProp, names: []propName{{nsDAV, "lockdiscovery"}}}).parts(); p.Props || !p.Locks {
		t.Errorf("lockdiscovery needs %+v", p)
	}
	if p := testView(findBody{mode: findProp, names: []propName{{"urn:x", "p"}}}).parts(); !p.Props || p.Locks {
		t.Errorf("a dead property needs %+v", p)
	}
}

func TestPropnameListsOnlyNames(t *testing.T) {
	file := testFile()
	got := string(testView(findBody{mode: findNames}).appendResponse(nil, file))
	for _, want := range []string{"<D:getetag/>", "<D:current-user-principal/>", `<x:p xmlns:x="urn:x"/>`, "<bare/>", `<x:checksums xmlns:x="http://owncloud.org/ns"/>`} {
		if !strings.Contains(got, want) {
			t.Errorf("%s lacks %s", got, want)
		}
	}
	if strings.Contains(got, "quota") || strings.Contains(got, "0cc175b9") {
		t.Errorf("%s shows too much", got)
	}
}

func TestPropertiesOfAnotherSpellingKeepTheirNames(t *testing.T) {
	for _, tt := range []struct {
		name propName
		want string
	}{
		{propName{nsDAV, "x"}, "<D:x/>"}, {propName{"", "x"}, "<x/>"}, {propName{nsXML, "x"}, "<xml:x/>"},
		{propName{`a"<`, "x"}, `<x:x xmlns:x="a&#34;&lt;"/>`},
	} {
		if got := string(appendEmpty(nil, tt.name)); got != tt.want {
			t.Errorf("%v: %s", tt.name, got)
		}
	}
}

func TestAReadOnlyFaceShowsOnlyTheReadPrivilege(t *testing.T) {
	v := testView(findBody{mode: findProp, names: []propName{{nsDAV, "current-user-privilege-set"}}})
	v.face.cfg.ReadOnly = true
	node := testFile()
	node.Access.Write = true
	if got := string(v.appendResponse(nil, node)); strings.Contains(got, "write") || !strings.Contains(got, "<D:read/>") {
		t.Error(got)
	}
}

func BenchmarkAppendResponse(b *testing.B) {
	v, node := testView(findBody{mode: findAll}), testFile()
	node.Locks, node.Props = nil, nil
	var out []byte
	b.ReportAllocs()
	for b.Loop() {
		out = v.appendResponse(out[:0], node)
	}
	b.SetBytes(int64(len(out)))
}
