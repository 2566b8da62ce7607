package swift_test

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"entrepot/gateway"
	"entrepot/protocols/swift"
)

func listRequest(query, accept string) *http.Request {
	r := &http.Request{Method: http.MethodGet, URL: &url.URL{RawQuery: query}, Header: http.Header{}}
	if accept != "" {
		r.Header.Set("Accept", accept)
	}
	return r
}

func TestListingParameters(t *testing.T) {
	tests := []struct {
		query, accept string
		want          gateway.ListOptions
		contentType   string
		named         bool
	}{
		{"", "", gateway.ListOptions{Limit: 10000}, "text/plain", false},
		{"limit=2&marker=b/1&end_marker=c", "*/*", gateway.ListOptions{Limit: 2, Marker: "b/1", EndMarker: "c"}, "text/plain", false},
		{"limit=-1", "application/json", gateway.ListOptions{Limit: 10000}, "application/json", false},
		{"limit=x", "text/xml", gateway.ListOptions{Limit: 10000}, "text/xml", false},
		{"limit=0&format=JSON", "text/xml", gateway.ListOptions{}, "application/json", true},
		{"prefix=a%2F&delimiter=%2F&format=xml", "", gateway.ListOptions{Limit: 10000, Prefix: "a/", Delimiter: "/"}, "application/xml", true},
		{"path=a&prefix=x&delimiter=y", "", gateway.ListOptions{Limit: 10000, Prefix: "a/", Direct: true}, "text/plain", false},
		{"path=a/", "", gateway.ListOptions{Limit: 10000, Prefix: "a/", Direct: true}, "text/plain", false},
		{"path=", "", gateway.ListOptions{Limit: 10000, Direct: true}, "text/plain", false},
		{"reverse=on&format=yaml", "text/xml", gateway.ListOptions{Limit: 10000, Reverse: true}, "text/plain", true},
		{"reverse=no&format=", "", gateway.ListOptions{Limit: 10000}, "text/plain", false},
		{"marker=a;b+c%3B&&x", "", gateway.ListOptions{Limit: 10000, Marker: "a;b c;"}, "text/plain", false},
		{"marker=%00", "", gateway.ListOptions{Limit: 10000, Marker: "\x00"}, "text/plain", false},
		{"marker=50%", "", gateway.ListOptions{Limit: 10000, Marker: "50%"}, "text/plain", false},
	}
	for _, tt := range tests {
		got, err := swift.ListingOf(listRequest(tt.query, tt.accept))
		if err != nil {
			t.Errorf("%q: %v", tt.query, err)
			continue
		}
		if diff := cmp.Diff(tt.want, got.ListOptions); diff != "" {
			t.Errorf("%q: %s", tt.query, diff)
		}
		if contentType, named := got.Asked(); contentType != tt.contentType+"; charset=utf-8" || named != tt.named {
			t.Errorf("%q, %q: %s, %v", tt.query, tt.accept, contentType, named)
		}
	}
}

func TestListingRefusals(t *testing.T) {
	tests := []struct {
		query, accept string
		status        int
		text          string
	}{
		{"limit=10001", "", 412, "Maximum limit is 10000"},
		{"limit=99999999999999999999", "", 412, "Maximum limit is 10000"},
		{"prefix=%ff", "", 400, `"prefix" parameter not valid UTF-8`},
		{"", "image/png", 406, ""},
		{"", "json", 400, "Invalid Accept header"},
	}
	for _, tt := range tests {
		_, err := swift.ListingOf(listRequest(tt.query, tt.accept))
		if status, text := swift.AnswerTo(err); err == nil || status != tt.status || text != tt.text {
			t.Errorf("%q, %q: %v", tt.query, tt.accept, err)
		}
	}
}

func FuzzListing(f *testing.F) {
	for _, s := range []string{"limit=2&marker=b%2F1", "path=&reverse=1", "format=xml&delimiter=ab", "prefix=%ff", "limit=99999999999999999999", "a;b=&&%"} {
		f.Add(s, "application/json;q=0.5, */*")
	}
	f.Fuzz(func(t *testing.T, query, accept string) {
		l, err := swift.ListingOf(listRequest(query, accept))
		if err != nil {
			return
		}
		if l.Limit < 0 || l.Limit > 10000 || l.Direct && l.Delimiter != "" {
			t.Fatalf("%q gave %+v", query, l.ListOptions)
		}
		for _, s := range []string{l.Prefix, l.Marker, l.EndMarker, l.Delimiter} {
			if !utf8.ValidString(s) {
				t.Fatalf("%q gave %q", query, s)
			}
		}
	})
}

var at = time.Date(2026, 11, 22, 3, 4, 5, 60_000, time.UTC)

func objects(n int) []gateway.Entry {
	list := make([]gateway.Entry, n)
	for i := range list {
		list[i].Object = gateway.Object{
			Name: fmt.Sprintf("dir/object \"%06d\" <&>", i), Size: int64(i), MD5: "d41d8cd98f00b204e9800998ecf8427e",
			ContentType: "text/plain; charset=UTF-8", Timestamp: at.Add(time.Duration(i) * time.Second),
		}
	}
	return list
}

// serve writes a listing through a real server and returns the answer.
func serve(t *testing.T, query string, entries []gateway.Entry) (*http.Response, string) {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		l, err := swift.ListingOf(r)
		if err != nil {
			t.Error(err)
		}
		swift.WriteListing(w, r, &l, swift.ObjectsPage(swift.FormatOf(&l), "l<>", entries))
	}))
	defer s.Close()
	resp, err := s.Client().Get(s.URL + "?" + query)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(body)
}

func TestListingsOfAnySizeAreWellFormedAndHaveTheirLength(t *testing.T) {
	for _, n := range []int{1, 2, 700, 10000} {
		entries := objects(n)
		resp, body := serve(t, "format=json", entries)
		var rows []struct {
			Name, Hash, Content_Type, Last_Modified string
			Bytes                                   int64
		}
		if err := json.Unmarshal([]byte(body), &rows); err != nil || len(rows) != n || resp.ContentLength != int64(len(body)) {
			t.Fatalf("%d rows: %v, got %d, length %d of %d", n, err, len(rows), resp.ContentLength, len(body))
		}
		if last := rows[n-1]; last.Name != entries[n-1].Object.Name || last.Bytes != int64(n-1) || len(last.Last_Modified) != 26 {
			t.Errorf("last row %+v", last)
		}

		resp, body = serve(t, "format=xml", entries)
		var doc struct {
			Name    string `xml:"name,attr"`
			Objects []struct {
				Name  string `xml:"name"`
				Bytes int64  `xml:"bytes"`
			} `xml:"object"`
		}
		if err := xml.Unmarshal([]byte(body), &doc); err != nil || len(doc.Objects) != n || resp.ContentLength != int64(len(body)) {
			t.Fatalf("%d rows: %v, got %d, length %d of %d", n, err, len(doc.Objects), resp.ContentLength, len(body))
		}
		if doc.Name != "l<>" || doc.Objects[n-1].Name != entries[n-1].Object.Name {
			t.Errorf("container %q, last %+v", doc.Name, doc.Objects[n-1])
		}

		resp, body = serve(t, "", entries)
		if names := strings.Split(body, "\n"); len(names) != n+1 || names[n] != "" || resp.ContentLength != int64(len(body)) {
			t.Errorf("plain: %d lines", len(names))
		}
	}
}

func TestListingRowsAsSwiftWritesThem(t *testing.T) {
	entries := []gateway.Entry{{Object: gateway.Object{
		Name: "a\n\"☃\\\x01", Size: 5, MD5: "9dd4e461268c8034f5c8564e155c67a6", ContentType: "text/plain", Timestamp: at,
	}}, {Subdir: "b/"}}
	for query, want := range map[string]string{
		"format=json": `[{"name": "a\n\"☃\\\u0001", "hash": "9dd4e461268c8034f5c8564e155c67a6", "bytes": 5, "content_type": "text/plain", "last_modified": "2026-11-22T03:04:05.000060"}, {"subdir": "b/"}]`,
		"format=xml": `<?xml version="1.0" encoding="UTF-8"?>` + "\n" + `<container name="l&lt;&gt;"><object><name>a` + "\n" + `"☃\` + "\ufffd" +
			`</name><hash>9dd4e461268c8034f5c8564e155c67a6</hash><bytes>5</bytes><content_type>text/plain</content_type><last_modified>2026-11-22T03:04:05.000060</last_modified></object><subdir name="b/"><name>b/</name></subdir></container>`,
		"": "a\n\"☃\\\x01\nb/\n",
	} {
		if _, body := serve(t, query, entries); body != want {
			t.Errorf("%s: got\n%s\nwant\n%s", query, body, want)
		}
	}
	for query, want := range map[string]string{
		"format=json": "[]",
		"format=xml":  `<?xml version="1.0" encoding="UTF-8"?>` + "\n" + `<container name="l&lt;&gt;" />`,
		"":            "",
	} {
		resp, body := serve(t, query, nil)
		if status := map[bool]int{true: 204, false: 200}[want == ""]; body != want || resp.StatusCode != status {
			t.Errorf("nothing as %q: %d %s", query, resp.StatusCode, body)
		}
	}
}

func TestAccountRowsAsSwiftWritesThem(t *testing.T) {
	entries := []gateway.ContainerEntry{{Name: "c&", Objects: 2, Bytes: 7, Modified: at}, {Subdir: "jv"}}
	for query, want := range map[string]string{
		"format=json": `[{"name": "c&", "count": 2, "bytes": 7, "last_modified": "2026-11-22T03:04:05.000060"}, {"subdir": "jv"}]`,
		"format=xml": `<?xml version="1.0" encoding="UTF-8"?>` + "\n" + `<account name="AUTH_test">` + "\n" +
			`<container><name>c&amp;</name><count>2</count><bytes>7</bytes><last_modified>2026-11-22T03:04:05.000060</last_modified></container>` + "\n" +
			`<subdir name="jv" />` + "\n" + `</account>`,
		"": "c&\njv\n",
	} {
		r := listRequest(query, "")
		l, err := swift.ListingOf(r)
		if err != nil {
			t.Fatal(err)
		}
		w := httptest.NewRecorder()
		swift.WriteListing(w, r, &l, swift.ContainersPage(swift.FormatOf(&l), "AUTH_test", entries))
		if w.Body.String() != want {
			t.Errorf("%s: got\n%s\nwant\n%s", query, w.Body, want)
		}
	}
}

func FuzzEncoders(f *testing.F) {
	for _, s := range []string{"plain", "a\"b\\c", "\x00\x1f\r\n\t", "☃\U0001f600", "\xff\xfe", "<&>'", "\ufffe"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var back string
		if err := json.Unmarshal(swift.AppendJSON(nil, s), &back); err != nil || utf8.ValidString(s) && back != s {
			t.Fatalf("JSON of %q: %q, %v", s, back, err)
		}
		var doc struct {
			Attr string `xml:"a,attr"`
			Text string `xml:",chardata"`
		}
		text := swift.AppendXML([]byte(`<x a="`), s, true)
		text = append(swift.AppendXML(append(text, `">`...), s, false), `</x>`...)
		if err := xml.Unmarshal(text, &doc); err != nil || doc.Attr != doc.Text {
			t.Fatalf("XML of %q: %q and %q, %v", s, doc.Attr, doc.Text, err)
		}
		if !strings.ContainsRune(doc.Text, '\ufffd') && doc.Text != s {
			t.Fatalf("XML of %q came back as %q", s, doc.Text)
		}
	})
}

func TestTimestampsHaveFiveDecimals(t *testing.T) {
	for want, at := range map[string]time.Time{
		"1795318940.01071": time.Unix(1795318940, 10_710_000),
		"0.00000":          time.Unix(0, 0),
		"1.99999":          time.Unix(1, 999_999_999),
	} {
		if got := swift.Timestamp(at); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

func TestListingsBeyondWhatIsKeptAreEncodedAgain(t *testing.T) {
	entries := objects(6000)
	for i := range entries {
		entries[i].Object.Name = fmt.Sprintf("%06d/%s", i, strings.Repeat("n", 1000))
	}
	resp, body := serve(t, "format=json", entries)
	var rows []struct{ Name string }
	if err := json.Unmarshal([]byte(body), &rows); err != nil || int64(len(body)) != resp.ContentLength {
		t.Fatalf("%d bytes, announced %d: %v", len(body), resp.ContentLength, err)
	}
	if len(rows) != len(entries) {
		t.Fatalf("%d rows", len(rows))
	}
	for i := range rows {
		if rows[i].Name != entries[i].Object.Name {
			t.Fatalf("row %d is %q", i, rows[i].Name)
		}
	}
}

func BenchmarkEncode10000JSON(b *testing.B) {
	entries := objects(10000)
	r := listRequest("format=json", "")
	l, err := swift.ListingOf(r)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		swift.WriteListing(discard{http.Header{}}, r, &l, swift.ObjectsPage(swift.FormatOf(&l), "c", entries))
	}
}

// discard is a response that goes nowhere.
type discard struct{ h http.Header }

func (d discard) Header() http.Header         { return d.h }
func (d discard) Write(p []byte) (int, error) { return len(p), nil }
func (d discard) WriteHeader(int)             {}
