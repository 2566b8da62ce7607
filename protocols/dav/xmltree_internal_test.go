package dav

import (
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
	"unicode/utf16"

	"entrepot/gateway/errs"
)

func TestParseXMLAccepts(t *testing.T) {
	for _, body := range []string{
		`<a/>`,
		"\xef\xbb\xbf<a/>",
		`<?xml version="1.0" encoding="UTF-8"?><a>x</a>`,
		`<?xml version="1.0"?><!-- c --><a><?pi data?><b/></a><!-- c -->`,
		`<a xmlns="urn:a" xmlns:b="urn:b"><b:c b:d="1" d="2"/></a>`,
		`<a xml:lang="en"><b xmlns=""/></a>`,
		`<a>&lt;&#65536;<![CDATA[<&]]></a>`,
		`<a xmlns:xml="http://www.w3.org/XML/1998/namespace"/>`,
		strings.Repeat("<a>", 64) + strings.Repeat("</a>", 64),
	} {
		if root, err := parseXML([]byte(body)); err != nil || root == nil {
			t.Errorf("parseXML(%q) = %v, %v", body, root, err)
		}
	}
}

func TestParseXMLTakesWhiteSpaceForNoBody(t *testing.T) {
	for _, body := range []string{"", " \r\n", "\xef\xbb\xbf"} {
		if root, err := parseXML([]byte(body)); root != nil || err != nil {
			t.Errorf("parseXML(%q) = %v, %v", body, root, err)
		}
	}
}

func TestParseXMLRefuses(t *testing.T) {
	manyAttrs := "<a"
	for i := range 65 {
		manyAttrs += fmt.Sprintf(" x%d='1'", i)
	}
	for name, body := range map[string]string{
		"not well-formed":       `<a><b></a>`,
		"closed twice":          `<a/></a>`,
		"ends early":            `<a><b>`,
		"two roots":             `<a/><b/>`,
		"text before":           `x<a/>`,
		"text behind":           `<a/>x`,
		"no element":            `<!-- c -->`,
		"doctype":               `<!DOCTYPE a><a/>`,
		"entities":              `<!DOCTYPE a [<!ENTITY e "x">]><a>&e;</a>`,
		"undefined entity":      `<a>&nbsp;</a>`,
		"prefix of nothing":     `<a xmlns:x=""/>`,
		"undeclared prefix":     `<x:a/>`,
		"undeclared attribute":  `<a x:b="1"/>`,
		"redeclared":            `<a xmlns:x="urn:1" xmlns:x="urn:2"/>`,
		"xmlns declared":        `<a xmlns:xmlns="urn:x"/>`,
		"xml rebound":           `<a xmlns:xml="urn:x"/>`,
		"xml's space stolen":    `<a xmlns:x="http://www.w3.org/XML/1998/namespace"/>`,
		"default to xmlns":      `<a xmlns="http://www.w3.org/2000/xmlns/"/>`,
		"attribute twice":       `<a b="1" b="2"/>`,
		"expanded twice":        `<a xmlns:x="u" xmlns:y="u" x:b="1" y:b="2"/>`,
		"two colons":            `<a:b:c xmlns:a="u"/>`,
		"empty prefix":          `<:a/>`,
		"element named xmlns":   `<xmlns:a/>`,
		"late declaration":      ` <?xml version="1.0"?><a/>`,
		"inner declaration":     `<a><?xml version="1.0"?></a>`,
		"other encoding":        `<?xml version="1.0" encoding="iso-8859-1"?><a/>`,
		"utf-16 without a mark": `<?xml version="1.0" encoding="utf-16"?><a/>`,
		"invalid utf-8":         "<a>\xff</a>",
		"control character":     "<a>\x01</a>",
		"half a utf-16 unit":    "\xfe\xff\x00<\x00",
		"half a surrogate":      "\xfe\xff\xd8\x00\x00a",
		"too deep":              strings.Repeat("<a>", 65) + strings.Repeat("</a>", 65),
		"too many elements":     "<a>" + strings.Repeat("<b/>", maxXMLElements) + "</a>",
		"too many attributes":   manyAttrs + "/>",
	} {
		if _, err := parseXML([]byte(body)); errs.Of(err) != errs.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestParseXMLReadsUTF16(t *testing.T) {
	const text = `<?xml version="1.0" encoding="utf-16"?><a>ü𝄞</a>`
	for _, order := range []binary.AppendByteOrder{binary.LittleEndian, binary.BigEndian} {
		body := order.AppendUint16(nil, 0xfeff)
		for _, unit := range utf16.Encode([]rune(text)) {
			body = order.AppendUint16(body, unit)
		}
		root, err := parseXML(body)
		if err != nil || root.innerText() != "ü𝄞" {
			t.Errorf("%v: %v", order, err)
		}
	}
}

func TestInnerIsSelfContained(t *testing.T) {
	tests := []struct{ body, want string }{
		{`<p/>`, ""},
		{`<p> text </p>`, " text "},
		{`<p xmlns:y="urn:y"><y:v>1</y:v></p>`, `<y:v xmlns:y="urn:y">1</y:v>`},
		{`<p xmlns="urn:d"><v><w/></v></p>`, `<v xmlns="urn:d"><w/></v>`},
		{`<p xmlns="urn:d"><v xmlns=""/></p>`, `<v xmlns=""/>`},
		{`<q:p xmlns:q="urn:q"><v q:a="1"/><q:w/></q:p>`, `<v xmlns:q="urn:q" q:a="1"/><q:w xmlns:q="urn:q"/>`},
		{`<p><x:p xmlns:x="urn:x">v<x:p/></x:p></p>`, `<x:p xmlns:x="urn:x">v<x:p/></x:p>`},
		{`<p xmlns:a="u1"><v xmlns:a="u2"><a:w/></v><a:z/></p>`, `<v xmlns:a="u2"><a:w/></v><a:z xmlns:a="u1"/>`},
		{`<p>a&amp;b&#13;<![CDATA[<]]>&quot;</p>`, `a&amp;b&#xD;&lt;"`},
		{`<p><v a='"&#10;&#9;&lt;'/></p>`, `<v a="&#34;&#xA;&#x9;&lt;"/>`},
		{`<p><!--c--><?pi some data?><?p?></p>`, `<!--c--><?pi some data?><?p?>`},
		{`<p>&#x1D11E;𝄞</p>`, "𝄞𝄞"},
		{`<p><v xml:lang="de" xml:space="preserve"/></p>`, `<v xml:lang="de" xml:space="preserve"/>`},
	}
	for _, tt := range tests {
		root, err := parseXML([]byte(tt.body))
		if err != nil {
			t.Errorf("%s: %v", tt.body, err)
			continue
		}
		if got := string(root.inner()); got != tt.want {
			t.Errorf("inner(%s)\n got %s\nwant %s", tt.body, got, tt.want)
		}
	}
}

func TestLanguageIsInherited(t *testing.T) {
	root, err := parseXML([]byte(`<a xml:lang="en"><b><c xml:lang="de"/></b></a>`))
	if err != nil {
		t.Fatal(err)
	}
	b := root.children[0].elem
	if b.lang != "en" || b.children[0].elem.lang != "de" {
		t.Errorf("languages %q, %q", b.lang, b.children[0].elem.lang)
	}
}

func TestAppendTextReplacesWhatXMLCannotCarry(t *testing.T) {
	if got, want := string(appendText(nil, "a\x00<b\xff\ufffe&\n")), "a\uFFFD&lt;b\uFFFD\uFFFD&amp;\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// FuzzParseXML checks that whatever is accepted is written back so that it
// stands alone, parses again, and no longer changes.
func FuzzParseXML(f *testing.F) {
	for _, seed := range []string{
		`<D:propfind xmlns:D="DAV:"><D:allprop/></D:propfind>`,
		`<p xmlns="urn:d" xmlns:x="urn:x"><v x:a="&#10;'&quot;"><x:p>1</x:p></v>&amp;<!--c--><?p d?></p>`,
		`<p xml:lang="en">]]&gt;&#13;</p>`, "\xff\xfe<\x00a\x00/\x00>\x00",
		`<!DOCTYPE a [<!ENTITY e "x">]><a>&e;</a>`, `<a xmlns:x=""/>`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		if len(body) > 1<<16 {
			return
		}
		root, err := parseXML(body)
		if err != nil {
			if errs.Of(err) != errs.Invalid {
				t.Fatalf("%q: %v", body, err)
			}
			return
		}
		if root == nil {
			return
		}
		once := root.inner()
		again, err := parseXML([]byte("<x>" + string(once) + "</x>"))
		if err != nil {
			t.Fatalf("%q written as %q: %v", body, once, err)
		}
		if twice := again.inner(); string(twice) != string(once) {
			t.Fatalf("%q: %q became %q", body, once, twice)
		}
	})
}
