package dav_test

import (
	"encoding/xml"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"

	"entrepot/protocols/dav"
)

// A peer runs the same request through this face or through x/net's handler
// over the same storage.
type peer func(method, path, body string, headers ...string) *httptest.ResponseRecorder

func peers(t *testing.T) (ours, bare peer) {
	t.Helper()
	f := newFixture(t, dav.Config{})
	face, err := dav.New(dav.Config{}, f.Gateway, f.Auth, nil, f.Clock.Now)
	if err != nil {
		t.Fatal(err)
	}
	handler := face.Bare()
	return f.do, func(method, path, body string, headers ...string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(method, path, strings.NewReader(body)).WithContext(f.Ctx("tester"))
		for i := 0; i < len(headers); i += 2 {
			r.Header.Set(headers[i], headers[i+1])
		}
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		return w
	}
}

// traffic makes a small tree; both handlers understand it.
func traffic(t *testing.T, p peer) {
	t.Helper()
	steps := []struct{ method, path, body, header, value string }{
		{"MKCOL", "/dav/c/d", "", "", ""},
		{"PUT", "/dav/c/d/a.txt", "hello", "", ""},
		{"PUT", "/dav/c/d/empty", "", "", ""},
		{"PUT", "/dav/c/sp ace#%ü&", "x", "", ""},
		{"MKCOL", "/dav/c/d/sub", "", "", ""},
		{"PROPPATCH", "/dav/c/d/a.txt", `<D:propertyupdate xmlns:D="DAV:"><D:set><D:prop><p xmlns="urn:x">1<v xmlns="urn:y"/></p><q xmlns="urn:x"/></D:prop></D:set></D:propertyupdate>`, "", ""},
		{"PROPPATCH", "/dav/c/d/a.txt", `<D:propertyupdate xmlns:D="DAV:"><D:remove><D:prop><q xmlns="urn:x"/></D:prop></D:remove></D:propertyupdate>`, "", ""},
		{"PROPPATCH", "/dav/c/d", `<D:propertyupdate xmlns:D="DAV:"><D:set><D:prop><p xmlns="urn:x">folder</p></D:prop></D:set></D:propertyupdate>`, "", ""},
		{"PUT", "/dav/c/gone", "x", "", ""},
		{"DELETE", "/dav/c/gone", "", "", ""},
		{"PUT", "/dav/c/from", "moved", "", ""},
		{"MOVE", "/dav/c/from", "", "Destination", "/dav/c/to"},
	}
	for _, s := range steps {
		path := strings.NewReplacer(" ", "%20", "#", "%23", "%ü", "%25%C3%BC").Replace(s.path)
		headers := []string{"Overwrite", "F"}
		if s.header != "" {
			headers = append(headers, s.header, s.value)
		}
		if w := p(s.method, path, s.body, headers...); w.Code >= 300 {
			t.Fatalf("%s %s: %d %s", s.method, s.path, w.Code, w.Body)
		}
	}
}

// A shown resource is what PROPFIND says of it, without what two trees made at
// different times differ in.
type shown struct {
	Type, Length, ETag, ContentType string
	Dead                            map[string]string
}

// show lists a tree through p.
func show(t *testing.T, p peer) map[string]shown {
	t.Helper()
	var ms struct {
		Responses []struct {
			Href      string `xml:"DAV: href"`
			Propstats []struct {
				Status string `xml:"DAV: status"`
				Prop   struct {
					Type struct {
						Inner struct {
							XMLName xml.Name
						} `xml:",any"`
					} `xml:"DAV: resourcetype"`
					Length      string `xml:"DAV: getcontentlength"`
					ETag        string `xml:"DAV: getetag"`
					ContentType string `xml:"DAV: getcontenttype"`
					P           *struct {
						Text string    `xml:",chardata"`
						V    *struct{} `xml:"urn:y v"`
					} `xml:"urn:x p"`
					Q *struct{} `xml:"urn:x q"`
				} `xml:"DAV: prop"`
			} `xml:"DAV: propstat"`
		} `xml:"DAV: response"`
	}
	body := `<propfind xmlns="DAV:"><prop><resourcetype/><getcontentlength/><getetag/><getcontenttype/><p xmlns="urn:x"/><q xmlns="urn:x"/></prop></propfind>`
	w := p("PROPFIND", "/dav/c/", body, "Depth", "infinity")
	if w.Code != http.StatusMultiStatus {
		t.Fatalf("PROPFIND: %d %s", w.Code, w.Body)
	}
	if err := xml.Unmarshal(w.Body.Bytes(), &ms); err != nil {
		t.Fatal(err)
	}
	tree := map[string]shown{}
	for _, r := range ms.Responses {
		for _, ps := range r.Propstats {
			if !strings.Contains(ps.Status, "200") {
				continue
			}
			s := shown{Type: ps.Prop.Type.Inner.XMLName.Local, Length: ps.Prop.Length, Dead: map[string]string{}}
			if s.Type == "" { // the types and tags of folders are each server's own
				s.ETag, s.ContentType = ps.Prop.ETag, ps.Prop.ContentType
			} else {
				s.Length = ""
			}
			if ps.Prop.P != nil {
				s.Dead["p"] = ps.Prop.P.Text
				if ps.Prop.P.V != nil {
					s.Dead["v"] = "yes"
				}
			}
			if ps.Prop.Q != nil {
				s.Dead["q"] = "yes"
			}
			tree[unescape(t, r.Href)] = s
		}
	}
	return tree
}

// unescape makes hrefs comparable: the handlers escape differently.
func unescape(t *testing.T, href string) string {
	t.Helper()
	r, err := http.NewRequest("GET", href, nil)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSuffix(r.URL.Path, "/")
}

// TestTheBareHandlerSeesTheSameTree builds one tree through each handler and
// looks at both through both.
func TestTheBareHandlerSeesTheSameTree(t *testing.T) {
	ours, bare := peers(t)
	traffic(t, ours)
	oursByOurs, oursByBare := show(t, ours), show(t, bare)
	ours2, bare2 := peers(t)
	traffic(t, bare2)
	bareByOurs, bareByBare := show(t, ours2), show(t, bare2)
	if len(oursByOurs) != 7 {
		t.Errorf("the tree has %d resources: %v", len(oursByOurs), oursByOurs)
	}
	for name, other := range map[string]map[string]shown{"ours by bare": oursByBare, "bare by ours": bareByOurs, "bare by bare": bareByBare} {
		if !reflect.DeepEqual(other, oursByOurs) {
			t.Errorf("%s\n got %v\nwant %v", name, other, oursByOurs)
		}
	}
}

func TestTheBareHandlerReadsTheSameContent(t *testing.T) {
	ours, bare := peers(t)
	content := strings.Repeat("0123456789", 10_000)
	if w := ours("PUT", "/dav/c/a", content); w.Code != 201 {
		t.Fatalf("PUT: %d", w.Code)
	}
	for _, rng := range []string{"bytes=0-", "bytes=99990-", "bytes=5-8", "bytes=-3"} {
		a, b := ours("GET", "/dav/c/a", "", "Range", rng), bare("GET", "/dav/c/a", "", "Range", rng)
		//lint:ignore SA1008 the name is sent as clients spell it
		if a.Code != 206 || b.Code != 206 || a.Body.String() != b.Body.String() || a.Header()["ETag"][0] != b.Header().Get("ETag") {
			t.Errorf("%s: %d and %d, %d and %d bytes", rng, a.Code, b.Code, a.Body.Len(), b.Body.Len())
		}
	}
	if w := bare("PUT", "/dav/c/a/below", "x"); w.Code < 400 {
		t.Errorf("a file below a file: %d", w.Code)
	}
}
