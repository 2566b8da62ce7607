package swift_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"

	"entrepot/auth"
	"entrepot/gateway"
	"entrepot/gateway/gatewaytest"
	"entrepot/protocols/swift"
)

// FuzzParseManifest: what is taken names objects or holds bytes, and is the
// same when it is written in the form in which it is put.
func FuzzParseManifest(f *testing.F) {
	for _, text := range []string{
		`[]`, `[{"path": "/c/o"}]`, `[{"path": "c/o/", "etag": null, "size_bytes": "5", "range": "1-"}, {"data": "aGVsbG8="}]`,
		`[{"path": "/c/o", "size_bytes": 1e3, "range": "-5"}]`, `[{"path": "/c/o", "size_bytes": 1e400}]`,
		`[{"path": "/c/o", "path": "/c/p"}]`, `[[[]], 5, null, "x", {}]`, `{"a": [1]}`, `[{"path": "//c/o", "range": "1-2,3-4"}]`,
		`[{"data": ""}]`, `[1] 2`, `[{"path": "/c/o", "size_bytes": -9223372036854775808}]`,
	} {
		f.Add([]byte(text))
	}
	self := gateway.Ref{Account: "a", Container: "c", Object: "self"}
	f.Fuzz(func(t *testing.T, text []byte) {
		list, err := swift.ParseManifest(text, self)
		if err != nil {
			if status, told := swift.AnswerTo(err); status != 400 || told == "" {
				t.Errorf("%q: %d %q", text, status, told)
			}
			return
		}
		for i := range list {
			s := &list[i]
			named := s.Container != "" && s.Object != "" && !strings.Contains(s.Container, "/")
			if named == (s.Data != nil) || s.Data == nil && s.Size < -1 || s.Data != nil && len(s.Data) == 0 {
				t.Fatalf("%q: entry %d is %+v", text, i, s)
			}
			if s.Size < 0 {
				s.Size = 0 // is known when it is stored
			}
		}
		again, err := swift.ParseManifest(swift.RawManifest(list), self)
		if err == nil && len(list) > 0 && !reflect.DeepEqual(list, again) {
			t.Errorf("%+v became %+v", list, again)
		}
	})
}

// FuzzLink: a link that is taken leads to an object of an account.
func FuzzLink(f *testing.F) {
	for _, s := range [][3]string{{"c/o", "", ""}, {"/c/o/p", "AUTH_x", `"abc"`}, {"c%2Fo", "AUTH_a%2Fb", ""}, {"%zz", "AUTH_", "x"}, {"c/%00", "x", ""}} {
		f.Add(s[0], s[1], s[2])
	}
	f.Fuzz(func(t *testing.T, target, account, etag string) {
		r := httptest.NewRequest("PUT", "/", nil)
		r.Header = http.Header{"X-Symlink-Target": {target}, "X-Symlink-Target-Account": {account}, "X-Symlink-Target-Etag": {etag}}
		link, err := swift.LinkOf(r, "own")
		if err != nil {
			if status, _ := swift.AnswerTo(err); status != 412 {
				t.Errorf("%q of %q: %v", target, account, err)
			}
			return
		}
		for _, name := range []string{link.Account, link.Container, link.Object} {
			if name == "" || strings.IndexByte(name, 0) >= 0 {
				t.Errorf("%q of %q: %+v", target, account, link)
			}
		}
		if strings.Contains(link.Account, "/") || strings.Contains(link.Container, "/") {
			t.Errorf("%q of %q: %+v", target, account, link)
		}
	})
}

func TestS32ManifestsAreReadWithinLimits(t *testing.T) {
	c := newClient(t, gatewaytest.New(t), swift.Config{})
	c.want(c.do("PUT", "/v1/AUTH_test/c", nil), 201, "")
	c.want(c.do("PUT", "/v1/AUTH_test/c/s", strings.NewReader("x")), 201, "")
	list := func(n int, entry string) string { return "[" + strings.Repeat(entry+",", n-1) + entry + "]" }
	for name, tt := range map[string]struct {
		body   string
		status int
		told   string
	}{
		"deep list":           {strings.Repeat("[", 1_000_000), 400, "Manifest must be valid JSON.\n"},
		"deep entry":          {`[{"path": ` + strings.Repeat("[", 20_000) + strings.Repeat("]", 20_000) + `}]`, 400, "Manifest must be valid JSON.\n"},
		"deep entry, allowed": {`[{"path": ` + strings.Repeat("[", 5000) + strings.Repeat("]", 5000) + `}]`, 400, "Index 0: \"path\" must be a string\n"},
		"duplicate keys":      {`[{"path": "/c/s", "path": "/c/t"}]`, 400, "Index 0: duplicate keys \"path\"\n"},
		"NaN":                 {`[{"path": "/c/s", "size_bytes": NaN}]`, 400, "Manifest must be valid JSON.\n"},
		"huge number":         {`[{"path": "/c/s", "size_bytes": 1e999999}]`, 400, "Index 0: invalid size_bytes\n"},
		"many digits":         {`[{"path": "/c/s", "size_bytes": ` + strings.Repeat("9", 1_000_000) + `}]`, 400, "Index 0: invalid size_bytes\n"},
		"trailing data":       {`[{"path": "/c/s"}]{}`, 400, "Manifest must be valid JSON.\n"},
		"not UTF-8":           {"[{\"path\": \"/c/\xff\"}]", 400, "Manifest must be valid JSON.\n"},
		"many objects":        {list(1001, `{"path":"/c/s"}`), 413, "Number of object-backed segments must be <= 1000"},
		"many entries":        {list(50_000, `{"data":"QQ=="}`), 400, "Inline data segments require at least one object-backed segment.\n"},
		"too many entries":    {`[{"path":"/c/s"},` + list(10_000, `{"data":"QQ=="}`)[1:], 413, "Number of segments must be <= 10000"},
		"a million numbers":   {list(1_000_000, "1"), 400, ""},
		"a million keys":      {`[{` + strings.Repeat(`"k":1,`, 1_000_000) + `"path":"/c/s"}]`, 400, ""},
	} {
		began := time.Now()
		w := c.do("PUT", "/v1/AUTH_test/c/slo?multipart-manifest=put", strings.NewReader(tt.body))
		if w.Code != tt.status || tt.told != "" && w.Body.String() != tt.told || w.Body.Len() > 100_000 {
			t.Errorf("%s: %d %.200q", name, w.Code, w.Body)
		}
		if took := time.Since(began); took > 2*time.Minute {
			t.Errorf("%s took %v", name, took)
		}
	}
	c.want(c.do("GET", "/v1/AUTH_test/c/slo", nil), 404, "")
}

func TestS13SignedURLReadsNoSegmentsBeyondItsKey(t *testing.T) {
	s := newSigner(t)
	s.token = s.do("GET", "/auth/v1.0", nil, "X-Auth-User", "test:tester", "X-Auth-Key", "testing").Header().Get("X-Auth-Token")
	for name, segment := range map[string]string{"far": "other/a", "near": "c/a/b"} {
		body := fmt.Sprintf(`[{"path": "/%s"}]`, segment)
		s.want(s.do("PUT", "/v1/AUTH_test/c/slo-"+name+"?multipart-manifest=put", strings.NewReader(body)), 201, "")
		s.want(s.do("PUT", "/v1/AUTH_test/c/dlo-"+name, nil, "X-Object-Manifest", segment, "Content-Length", "0"), 201, "")
		s.want(s.do("PUT", "/v1/AUTH_test/c/link-"+name, nil, "X-Symlink-Target", segment, "Content-Length", "0"), 201, "")
	}
	s.token = ""
	signed := func(method, key, name string) string {
		path := "/v1/AUTH_test/c/" + name
		return path + s.query(key, auth.SHA256, auth.TemporaryURL{Method: method, Path: path})
	}
	for _, kind := range []string{"slo", "dlo", "link"} {
		if w := s.do("GET", signed("GET", "k1", kind+"-far"), nil); w.Code != 200 || w.Body.String() != "other/a" && kind != "dlo" {
			t.Errorf("the account's key reads %s: %d %s", kind, w.Code, w.Body)
		}
		if w := s.do("GET", signed("GET", "k2", kind+"-near"), nil); w.Code != 200 || !strings.HasPrefix(w.Body.String(), "c/a/b") {
			t.Errorf("the container's key reads %s of its container: %d %s", kind, w.Code, w.Body)
		}
		w := s.do("GET", signed("GET", "k2", kind+"-far"), nil)
		if w.Code < 400 || strings.Contains(w.Body.String(), "other/a") {
			t.Errorf("the container's key reads %s of another container: %d %s", kind, w.Code, w.Body)
		}
	}
	// Nor can a signed PUT make such an object.
	for _, h := range []string{"X-Object-Manifest", "X-Symlink-Target"} {
		w := s.do("PUT", signed("PUT", "k2", "made"), nil, h, "other/a", "Content-Length", "0")
		if w.Code != 400 {
			t.Errorf("a signed PUT with %s: %d %s", h, w.Code, w.Body)
		}
	}
}

func TestS16ReservedHeadersDoNotMakeLargeObjects(t *testing.T) {
	c := newClient(t, gatewaytest.New(t), swift.Config{})
	c.want(c.do("PUT", "/v1/AUTH_test/c", nil), 201, "")
	reserved := []string{
		"X-Object-Sysmeta-Slo-Etag", "X-Object-Sysmeta-Slo-Size", "X-Object-Sysmeta-Symlink-Target",
		"X-Object-Transient-Sysmeta-A", "X-Backend-Storage-Policy-Index", "X-Container-Update-Override-Etag", "X-Timestamp",
		"X-Manifest-Etag",
	}
	var headers []string
	for _, name := range reserved {
		headers = append(headers, name, "c/other")
	}
	c.want(c.do("PUT", "/v1/AUTH_test/c/o", strings.NewReader("own"), headers...), 201, "")
	c.want(c.do("POST", "/v1/AUTH_test/c/o", nil, headers...), 202, "")
	w := c.do("GET", "/v1/AUTH_test/c/o", nil)
	c.want(w, 200, "own")
	for _, name := range reserved {
		if got := w.Header().Get(name); got == "c/other" {
			t.Errorf("%s was stored", name)
		}
	}
}

func TestS26CopySourcesAreNeverFetched(t *testing.T) {
	c := newClient(t, gatewaytest.New(t), swift.Config{})
	c.want(c.do("PUT", "/v1/AUTH_test/c", nil), 201, "")
	c.want(c.do("PUT", "/v1/AUTH_test/c/o", strings.NewReader("own")), 201, "")
	asked := false
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked = true }))
	defer elsewhere.Close()
	host := strings.TrimPrefix(elsewhere.URL, "http://")
	for _, value := range []string{
		elsewhere.URL + "/c/o", "https://" + host + "/c/o", "//" + host + "/c/o", "ftp://user:pass@" + host + "/c/o",
		"file:///etc/passwd", "http:/" + host + "/c/o", host + "/c/o", "c/o#x", "user@c/o",
	} {
		for _, w := range []*httptest.ResponseRecorder{
			c.do("PUT", "/v1/AUTH_test/c/got", nil, "X-Copy-From", value, "Content-Length", "0"),
			c.do("COPY", "/v1/AUTH_test/c/o", nil, "Destination", value),
			c.do("PUT", "/v1/AUTH_test/c/got?multipart-manifest=put", strings.NewReader(`[{"path": "`+value+`"}]`)),
		} {
			if w.Code < 400 && value != "c/o#x" || w.Code >= 500 {
				t.Errorf("%s: %d %s", value, w.Code, w.Body)
			}
		}
	}
	if asked {
		t.Error("another server was asked")
	}
}

func TestS35RangesOfLargeObjectsAreBounded(t *testing.T) {
	c := newClient(t, gatewaytest.New(t), swift.Config{})
	c.want(c.do("PUT", "/v1/AUTH_test/c", nil), 201, "")
	c.want(c.do("PUT", "/v1/AUTH_test/c/s/1", strings.NewReader(strings.Repeat("a", 600))), 201, "")
	c.want(c.do("PUT", "/v1/AUTH_test/c/s/2", strings.NewReader(strings.Repeat("b", 400))), 201, "")
	c.want(c.do("PUT", "/v1/AUTH_test/c/slo?multipart-manifest=put", strings.NewReader(`[{"path":"/c/s/1"},{"path":"/c/s/2"}]`)), 201, "")
	c.want(c.do("PUT", "/v1/AUTH_test/c/dlo", nil, "X-Object-Manifest", "c/s/", "Content-Length", "0"), 201, "")
	many := strings.TrimSuffix(strings.Repeat("0-9,20-29,", 26), ",")
	for value, want := range map[string][2]int{ // of the static one, of the dynamic one
		"bytes=" + many:     {416, 200},
		"bytes=0-5,1-6,2-7": {416, 200},
		"bytes=9-9,8-8,7-7,6-6,5-5,4-4,3-3,2-2,1-1": {416, 200},
		"bytes=-0":                    {416, 416},
		"bytes=1000-":                 {416, 416},
		"bytes=99999999999999999999-": {416, 416},
		"bytes=-99999999999999999999": {206, 206},
		"bytes=599-600,0-0":           {206, 200},
		"bytes=5-2":                   {200, 200},
	} {
		for i, name := range []string{"slo", "dlo"} {
			w := c.do("GET", "/v1/AUTH_test/c/"+name, nil, "Range", value)
			if w.Code != want[i] || w.Body.Len() > 2000 {
				t.Errorf("%s %.40s: %d with %d bytes, want %d", name, value, w.Code, w.Body.Len(), want[i])
			}
		}
	}
}

func TestCopyBeyondTheLargestPutIsRefused(t *testing.T) {
	c := newClient(t, gatewaytest.New(t), swift.Config{MaxObjectSize: 10})
	c.want(c.do("PUT", "/v1/AUTH_test/c", nil), 201, "")
	c.want(c.do("PUT", "/v1/AUTH_test/c/s", strings.NewReader("12345678")), 201, "")
	c.want(c.do("PUT", "/v1/AUTH_test/c/slo?multipart-manifest=put", strings.NewReader(`[{"path":"/c/s"},{"path":"/c/s"}]`)), 201, "")
	c.want(c.do("COPY", "/v1/AUTH_test/c/slo", nil, "Destination", "c/copy"), 413, "Your request is too large.")
	c.want(c.do("COPY", "/v1/AUTH_test/c/s", nil, "Destination", "c/copy"), 201, "")
	c.want(c.do("GET", "/v1/AUTH_test/c/slo", nil), 200, "1234567812345678")
}

func TestMemoryOfALargeObjectDoesNotGrowWithItsSegments(t *testing.T) {
	f := gatewaytest.NewWith(t, gatewaytest.Plain())
	c := newClient(t, f, swift.Config{})
	c.want(c.do("PUT", "/v1/AUTH_test/c", nil), 201, "")
	const segments, size = 5_000, 100
	for i := range segments {
		_, err := f.Gateway.Objects.Put(f.Ctx("tester"), gateway.Ref{Account: "test", Container: "c", Object: fmt.Sprintf("s/%06d", i)},
			strings.NewReader(strings.Repeat("x", size)), gateway.PutOptions{Size: size})
		if err != nil {
			t.Fatal(err)
		}
	}
	c.want(c.do("PUT", "/v1/AUTH_test/c/dlo", nil, "X-Object-Manifest", "c/s/", "Content-Length", "0"), 201, "")
	_, content, err := f.Gateway.Objects.Open(f.Ctx("tester"), gateway.Ref{Account: "test", Container: "c", Object: "dlo"}, gateway.Conditions{})
	if err != nil {
		t.Fatal(err)
	}
	defer content.Close()
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	if n, err := content.WriteRange(io.Discard, 0, content.Size()); err != nil || n != segments*size {
		t.Fatalf("%d bytes, %v", n, err)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 2<<20 {
		t.Errorf("after reading %d segments %d bytes more are held", segments, grown)
	}
}
