package dav_test

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"entrepot/gateway"
	"entrepot/protocols/dav"
	"entrepot/protocols/protocoltest"
)

// varied fills the container with what a listing may have to show: names of
// every kind, times before the epoch and far ahead, types, languages, dead and
// user properties, locks, markers in both forms, a name that is file and
// folder, and names that no drive can show.
func varied(t *testing.T, f *fixture) {
	t.Helper()
	names := []string{
		"d/plain.txt", "d/sp ace#%ü&.txt", "d/<tag>&'\"", "d/日本語", "d/😀.png", "d/a+b=c;d,e@f:g!h*i(j)k",
		"d/~tilde-under_score.tar.gz", "d/caf\u0065\u0301", "d/clash", "d/clash/inside", "d/sub/one", "d/sub/two/three",
		"d//empty-segment", "d/bad\x01name", "d/./dot", "d/" + strings.Repeat("long-", 60),
	}
	for i, name := range names {
		f.Clock.Advance(time.Duration(i) * 37 * time.Hour)
		f.swiftPut(t, name, strings.Repeat("x", i*i*i))
	}
	for i := range 30 {
		f.swiftPut(t, fmt.Sprintf("d/run/%05d", i), "x")
	}
	f.must(t, 201, "MKCOL", "/dav/c/d/made/", "")
	_, err := f.Gateway.Objects.Put(f.Ctx("tester"), gateway.Ref{Account: "test", Container: "c", Object: "d/marked"},
		strings.NewReader(""), gateway.PutOptions{ContentType: "application/directory; x=y"})
	if err != nil {
		t.Fatal(err)
	}
	for i, epoch := range []string{"-86399", "0", "1", "951782399", "951782400", "4107542400", "1709164800.75", "253402300799"} {
		f.must(t, 201, "PUT", fmt.Sprintf("/dav/c/d/time-%d", i), "t", "X-OC-Mtime", epoch, "X-OC-CTime", epoch,
			"Content-Type", `text/plain; a="<&>"`, "Content-Language", "de, en")
	}
	const space = `<D:propertyupdate xmlns:D="DAV:" xmlns:x="urn:x"><D:set><D:prop>` +
		`<x:p xml:lang="fr"><y xmlns="urn:y">1 &lt; 2</y></x:p><x:q/><plain xmlns="">v</plain>` +
		`<u:colour xmlns:u="urn:duracloud:meta">red &amp; blue</u:colour></D:prop></D:set></D:propertyupdate>`
	for _, path := range []string{"/dav/c/d/plain.txt", "/dav/c/d/made/", "/dav/c/d/sub/one", "/dav/c/d/"} {
		f.must(t, 207, "PROPPATCH", path, space)
	}
	f.must(t, 200, "LOCK", "/dav/c/d/plain.txt", lockBody, "Timeout", "Second-500", "Depth", "0")
	f.must(t, 200, "LOCK", "/dav/c/d/sub/", lockBody, "Timeout", "Second-600")
}

// What a listing says, byte for byte. The files were written before listings
// were made cheap, and change only where an answer is meant to change.
func TestListingsStayAsTheyWere(t *testing.T) {
	f := newFixture(t, dav.Config{})
	varied(t, f)
	token := regexp.MustCompile(`opaquelocktoken:[0-9a-f-]{36}`)
	const named = `<D:propfind xmlns:D="DAV:"><D:prop><D:resourcetype/><D:getcontentlength/><D:getlastmodified/><D:getetag/></D:prop></D:propfind>`
	const mixed = `<D:propfind xmlns:D="DAV:" xmlns:x="urn:x"><D:prop><D:displayname/><D:creationdate/><x:p/><x:none/><D:lockdiscovery/>` +
		`<D:lastmodified/><Z:Win32LastModifiedTime xmlns:Z="urn:schemas-microsoft-com:"/><o:checksums xmlns:o="http://owncloud.org/ns"/>` +
		`<D:getcontentlanguage/><D:owner/><D:current-user-privilege-set/><u:colour xmlns:u="urn:duracloud:meta"/></D:prop></D:propfind>`
	for _, c := range []struct {
		name, method, path, body string
		headers                  []string
	}{
		{"allprop", "PROPFIND", "/dav/c/d/", "", []string{"Depth", "1"}},
		{"named", "PROPFIND", "/dav/c/d/", named, []string{"Depth", "1"}},
		{"mixed", "PROPFIND", "/dav/c/d/", mixed, []string{"Depth", "1"}},
		{"minimal", "PROPFIND", "/dav/c/d/", mixed, []string{"Depth", "1", "Brief", "t"}},
		{"names", "PROPFIND", "/dav/c/d/", `<D:propfind xmlns:D="DAV:"><D:propname/></D:propfind>`, []string{"Depth", "1"}},
		{"infinity", "PROPFIND", "/dav/c/", named, []string{"Depth", "infinity"}},
		{"account", "PROPFIND", "/dav/@test/", "", []string{"Depth", "infinity"}},
		{"index", "GET", "/dav/c/d/", "", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := f.do(c.method, c.path, c.body, c.headers...).Body.String()
			got = token.ReplaceAllString(got, "TOKEN")
			file := "testdata/listing/" + c.name + ".golden"
			if protocoltest.Updating() {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				i := 0
				for i < min(len(got), len(want)) && got[i] == want[i] {
					i++
				}
				t.Errorf("differs at %d:\n got …%s\nwant …%s", i, cut(got, i), cut(string(want), i))
			}
		})
	}
}

// cut returns what stands around a place in a text.
func cut(s string, at int) string { return s[max(0, at-80):min(len(s), at+80)] }
