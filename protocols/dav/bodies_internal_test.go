package dav

import (
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"

	"entrepot/gateway/errs"
)

func mustParse(t *testing.T, body string) *element {
	t.Helper()
	root, err := parseXML([]byte(body))
	if err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	return root
}

func TestDecodePropfind(t *testing.T) {
	size := propName{nsDAV, "getcontentlength"}
	tests := []struct {
		body string
		want findBody
	}{
		{"", findBody{mode: findAll}},
		{`<D:propfind xmlns:D="DAV:"><D:allprop/></D:propfind>`, findBody{mode: findAll}},
		{`<propfind xmlns="DAV:"><propname/></propfind>`, findBody{mode: findNames}},
		{`<propfind xmlns="DAV:"><prop/></propfind>`, findBody{mode: findProp}},
		{`<propfind xmlns="DAV:"><prop><getcontentlength/><x:p xmlns:x="urn:x"/><getcontentlength/></prop></propfind>`,
			findBody{mode: findProp, names: []propName{size, {"urn:x", "p"}}}},
		{`<propfind xmlns="DAV:"><prop><getcontentlength> <junk/> </getcontentlength></prop><x:new xmlns:x="urn:x"/></propfind>`,
			findBody{mode: findProp, names: []propName{size}}},
		{`<propfind xmlns="DAV:"><allprop/><include><getcontentlength/></include></propfind>`,
			findBody{mode: findAll, names: []propName{size}}},
		{`<propfind xmlns="DAV:"><prop><p xmlns=""/></prop></propfind>`, findBody{mode: findProp, names: []propName{{"", "p"}}}},
	}
	for _, tt := range tests {
		got, err := decodePropfind(mustParse(t, tt.body))
		if err != nil || !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s\n got %v, %v\nwant %v", tt.body, got, err, tt.want)
		}
	}
}

func TestDecodePropfindRefuses(t *testing.T) {
	for _, body := range []string{
		`<propfind/>`, `<D:prop xmlns:D="DAV:"/>`, `<propfind xmlns="DAV:"/>`,
		`<propfind xmlns="DAV:"><prop/><allprop/></propfind>`,
		`<propfind xmlns="DAV:"><propname/><allprop/></propfind>`,
		`<propfind xmlns="DAV:"><prop>` + manyNames(maxPropNames+1) + `</prop></propfind>`,
	} {
		if _, err := decodePropfind(mustParse(t, body)); errs.Of(err) != errs.Invalid {
			t.Errorf("%.80s: %v", body, err)
		}
	}
}

func manyNames(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString("<p" + strings.Repeat("x", i%50) + string(rune('a'+i/50)) + "/>")
	}
	return b.String()
}

func TestDecodeProppatchKeepsDocumentOrder(t *testing.T) {
	items, err := decodeProppatch(mustParse(t, `<propertyupdate xmlns="DAV:" xmlns:x="urn:x">
		<set><prop><x:a>1</x:a><x:b/></prop></set><x:unknown/><remove><prop><x:a/></prop></remove></propertyupdate>`))
	if err != nil || len(items) != 3 {
		t.Fatalf("%v, %v", items, err)
	}
	for i, want := range []patchItem{{name: propName{"urn:x", "a"}}, {name: propName{"urn:x", "b"}}, {name: propName{"urn:x", "a"}, remove: true}} {
		if items[i].name != want.name || items[i].remove != want.remove {
			t.Errorf("instruction %d is %v", i, items[i])
		}
	}
}

func TestDecodeProppatchRefuses(t *testing.T) {
	if _, err := decodeProppatch(nil); errs.Of(err) != errs.Invalid {
		t.Errorf("no body: %v", err)
	}
	for _, body := range []string{`<a/>`, `<propertyupdate xmlns="DAV:"/>`, `<propertyupdate xmlns="DAV:"><set/></propertyupdate>`} {
		if _, err := decodeProppatch(mustParse(t, body)); errs.Of(err) != errs.Invalid {
			t.Errorf("%s: %v", body, err)
		}
	}
}

func TestDecodeLock(t *testing.T) {
	body, err := decodeLock(mustParse(t, `<D:lockinfo xmlns:D="DAV:" xmlns:q="DAV:"><D:lockscope><D:shared/></D:lockscope>
		<D:locktype><D:write/></D:locktype><D:owner><q:href>mailto:a@b</q:href></D:owner></D:lockinfo>`))
	if err != nil || body.exclusive {
		t.Fatalf("%v, %v", body, err)
	}
	const want = `<D:owner xmlns:D="DAV:"><q:href xmlns:q="DAV:">mailto:a@b</q:href></D:owner>`
	if string(body.owner) != want {
		t.Errorf("owner\n got %s\nwant %s", body.owner, want)
	}
}

func TestDecodeLockRefuses(t *testing.T) {
	const scope, kind = `<lockscope><exclusive/></lockscope>`, `<locktype><write/></locktype>`
	for _, inner := range []string{
		"", scope, kind, `<lockscope/>` + kind, scope + `<locktype><read/></locktype>`,
		`<lockscope><exclusive/><shared/></lockscope>` + kind,
	} {
		if _, err := decodeLock(mustParse(t, `<lockinfo xmlns="DAV:">`+inner+`</lockinfo>`)); errs.Of(err) != errs.Invalid {
			t.Errorf("%s: %v", inner, err)
		}
	}
	long := `<lockinfo xmlns="DAV:">` + scope + kind + `<owner>` + strings.Repeat("x", maxOwnerBytes) + `</owner></lockinfo>`
	if _, err := decodeLock(mustParse(t, long)); errs.Of(err) != errs.TooLarge {
		t.Errorf("long owner: %v", err)
	}
}

func TestReadXMLStopsAtTheLimit(t *testing.T) {
	for _, declared := range []bool{true, false} {
		r := httptest.NewRequest("PROPFIND", "/", strings.NewReader("<a>"+strings.Repeat("x", 100)+"</a>"))
		if !declared {
			r.ContentLength = -1
		}
		if _, err := readXML(r, 50); errs.Of(err) != errs.TooLarge {
			t.Errorf("declared %v: %v", declared, err)
		}
	}
}

func FuzzDecodePropfind(f *testing.F) {
	f.Add([]byte(`<D:propfind xmlns:D="DAV:"><D:prop><D:getetag/><x xmlns="urn:x"/></D:prop></D:propfind>`))
	f.Add([]byte(`<propfind xmlns="DAV:"><allprop/><include><a/></include></propfind>`))
	f.Fuzz(func(t *testing.T, body []byte) {
		root, err := parseXML(body)
		if err != nil || root == nil {
			return
		}
		b, err := decodePropfind(root)
		if err != nil {
			return
		}
		if len(b.names) > maxPropNames || (b.mode == findNames && b.names != nil) {
			t.Fatalf("%q: %v", body, b)
		}
		for _, name := range b.names {
			wrapped := append(appendEmpty([]byte(`<D:x xmlns:D="DAV:">`), name), "</D:x>"...)
			shown := mustParse(t, string(wrapped)).children[0].elem
			if shown.local != name.local || shown.space != name.space {
				t.Fatalf("%v is shown as %s", name, wrapped)
			}
		}
	})
}

func FuzzDecodeProppatch(f *testing.F) {
	f.Add([]byte(`<D:propertyupdate xmlns:D="DAV:"><D:set><D:prop><x:p xmlns:x="urn:x"><v/></x:p></D:prop></D:set></D:propertyupdate>`))
	f.Add([]byte(`<D:propertyupdate xmlns:D="DAV:"><D:remove><D:prop><D:getetag/></D:prop></D:remove></D:propertyupdate>`))
	face := &Face{}
	f.Fuzz(func(t *testing.T, body []byte) {
		root, err := parseXML(body)
		if err != nil {
			return
		}
		items, err := decodeProppatch(root)
		if err != nil {
			return
		}
		patch, verdicts := face.judge(items, false)
		if len(verdicts) == 0 || len(verdicts) > len(items) || len(patch.Changes) > len(items) {
			t.Fatalf("%q: %v, %v", body, patch, verdicts)
		}
	})
}

func FuzzDecodeLock(f *testing.F) {
	f.Add([]byte(`<lockinfo xmlns="DAV:"><lockscope><exclusive/></lockscope><locktype><write/></locktype><owner><href>x</href></owner></lockinfo>`))
	f.Fuzz(func(t *testing.T, body []byte) {
		root, err := parseXML(body)
		if err != nil || root == nil {
			return
		}
		b, err := decodeLock(root)
		if err != nil || b.owner == nil {
			return
		}
		if again := mustParse(t, string(b.owner)); !again.is("owner") {
			t.Fatalf("%q: owner %q", body, b.owner)
		}
	})
}
