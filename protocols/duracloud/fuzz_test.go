package duracloud

import (
	"encoding/xml"
	"net/http"
	"strings"
	"testing"

	"entrepot/gateway"
	"entrepot/gateway/names"
	"entrepot/protocols/internal/httpkit"
)

func FuzzSplitDura(f *testing.F) {
	for _, s := range []string{"/durastore/a/b%2Fc", "/durastore//x", "/durastore/%zz", "/other", "/durastore/a/%2e%2e/b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, path string) {
		first, rest, err := httpkit.SplitDura("/durastore", path)
		if err != nil {
			return
		}
		again, rest2, err := httpkit.SplitDura("/durastore", "/durastore/"+strings.ReplaceAll(httpkit.EscapePath(first), "/", "%2F")+"/"+httpkit.EscapePath(rest))
		if err != nil || again != first || rest2 != rest {
			t.Errorf("%q: %q %q, then %q %q, %v", path, first, rest, again, rest2, err)
		}
	})
}

func FuzzItemNames(f *testing.F) {
	for _, s := range []string{"a", "a//b", "../x", "a?b", "é/", strings.Repeat("/", 400)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, name string) {
		short := names.Collapse(name)
		if strings.Contains(short, "//") || strings.HasPrefix(short, "/") || names.Collapse(short) != short {
			t.Errorf("%q collapses to %q", name, short)
		}
		if names.Item(short) == nil && names.Object(short) != nil {
			t.Errorf("%q is an item's name and no object's", short)
		}
		if names.Space(name) == nil && names.Container(name) != nil {
			t.Errorf("%q is a space's name and no container's", name)
		}
	})
}

func FuzzHeaders(f *testing.F) {
	f.Add("X-Dura-Meta-Acl-Bob%40x", "READ", "bytes=0-5,7-", "text/plain; charset=\"a;b\"")
	f.Add("X-Dura-Meta-Color", "caf\xc3\xa9", "bytes=-5", "a/b;c")
	f.Fuzz(func(t *testing.T, name, value, ranges, kind string) {
		h := http.Header{name: {value}, "Range": {ranges}}
		if list, err := grants(h); err == nil {
			out := http.Header{}
			setGrants(out, list)
			back, err := grants(out)
			if err != nil || len(back) != len(list) {
				t.Errorf("grants %v come back as %v, %v", list, back, err)
			}
		}
		props, faults := properties(h)
		for k, v := range props {
			if reserved(k) || faults == "" && strings.ContainsFunc(v, notASCII) {
				t.Errorf("property %q: %q", k, v)
			}
		}
		out := http.Header{}
		setProperties(out, props)
		for k := range out {
			if strings.ContainsAny(k, "\r\n \x00") {
				t.Errorf("header %q", k)
			}
		}
		if oneRange(h) == nil && ranges != "" {
			if set, ok := httpkit.ParseRange(h.Get("Range")); !ok || len(set) != 1 {
				t.Errorf("%q became %q", ranges, h.Get("Range"))
			}
		}
		if text, ok := mediaType(kind); ok {
			if again, ok := mediaType(text); !ok || again != text {
				t.Errorf("type %q is %q, then %q", kind, text, again)
			}
		}
	})
}

func FuzzReports(f *testing.F) {
	f.Add("1709510400000", "week")
	f.Add("-1", "year")
	f.Fuzz(func(t *testing.T, date, group string) {
		at, err := epochMillis(date, at0())
		if err == nil && date != "" && (at.Before(at0()) || !gateway.ByDay.Valid()) {
			t.Errorf("%q is %v", date, at)
		}
		_ = gateway.Grouping(group).Valid()
		if _, err := formOf(group); err != nil && answersWith(err) != http.StatusBadRequest {
			t.Errorf("%q: %v", group, err)
		}
	})
}

func FuzzChunkManifests(f *testing.F) {
	m := gateway.ChunkManifest{ContentID: `a "&<`, ContentType: "x/y", Size: 3, MD5: strings.Repeat("a", 32), Chunks: []gateway.Chunk{{ID: "c-0000", Size: 3, MD5: "d"}}}
	f.Add(Chunks{}.Write(&m))
	f.Add([]byte(`<chunksManifest xmlns="duracloud.org"><header schemaVersion="0.2"><sourceContent contentId="a"/></header><chunks><chunk chunkId="a-1"/></chunks></chunksManifest>`))
	f.Add([]byte(`<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>`))
	f.Fuzz(func(t *testing.T, text []byte) {
		m, err := Chunks{}.Read(text)
		if err != nil {
			return
		}
		again, err := Chunks{}.Read(Chunks{}.Write(&m))
		if err != nil || again.ContentID != m.ContentID || len(again.Chunks) != len(m.Chunks) || again.Size != m.Size {
			t.Errorf("%+v, then %+v, %v", m, again, err)
		}
	})
}

func FuzzListings(f *testing.F) {
	f.Add("space", `a"<>&'`, "\r\n\t")
	f.Fuzz(func(t *testing.T, space, a, b string) {
		if !inXML(space) || !inXML(a) || !inXML(b) { // see page
			return
		}
		var doc struct {
			ID    string   `xml:"id,attr"`
			Items []string `xml:"item"`
		}
		if err := xml.Unmarshal(spaceXML(space, []string{a, b}), &doc); err != nil || doc.ID != space {
			t.Errorf("%q: %q, %v", space, doc.ID, err)
		}
	})
}
