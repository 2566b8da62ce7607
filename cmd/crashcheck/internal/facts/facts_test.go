package facts_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"entrepot/cmd/crashcheck/internal/facts"
	"entrepot/cmd/crashcheck/internal/inspect"
	"entrepot/cmd/crashcheck/internal/process"
	"entrepot/cmd/crashcheck/internal/wire"
)

// A lie changes an answer on its way.
type lie struct {
	name  string
	about string // what a report has to name
	tell  func(r *http.Response, body []byte) []byte
}

// replace is a lie about the body of answers to requests whose method and
// address fit.
func replace(request, old, put string) func(*http.Response, []byte) []byte {
	fits, find := regexp.MustCompile(request), regexp.MustCompile(old)
	return func(r *http.Response, body []byte) []byte {
		if !fits.MatchString(r.Request.Method + " " + r.Request.URL.String()) {
			return body
		}
		return find.ReplaceAll(body, []byte(put))
	}
}

func lies() []lie {
	return []lie{
		{"a version is missing", "kept", replace(`^GET .*/kept\?versions`, `\[\{[^}]*\},?`, "[")},
		{"the archive shows another content", "stack", replace(`^GET .*/stack-old\?`, `"hash": ?"[0-9a-f]`, `"hash":"x`)},
		{"a marker of a deletion has bytes", "hist", replace(`^GET .*/hist-old\?`, `"bytes": ?0`, `"bytes":7`)},
		{"a large object misses its end", "slo", replace(`^GET .*/slo/`, `(?s)\[slo[0-9]+ 200\].*\[`, "[")},
		{"a joined object has a flipped byte", "dlo", replace(`^GET .*/dlo/`, ` 200\]`, " 199]")},
		{"a link shows old content", "link", replace(`^GET .*-link$`, `\[link[0-9]+`, "[link0")},
		{"an item loses a property", "item", func(r *http.Response, body []byte) []byte {
			if r.Request.Method == http.MethodHead && strings.Contains(r.Request.URL.Path, "/item/") {
				r.Header.Del("X-Object-Meta-Color")
			}
			return body
		}},
		{"a chunk is lost", "chunk", replace(`^GET .*/chunk\?`, `\{[^}]*dura-chunk-0001[^}]*\},?`, "")},
		{"a dead property is lost", "prop", replace(`^PROPFIND .*/prop/`, `note`, "nope")},
		{"a lock is forgotten", "tree", func(r *http.Response, body []byte) []byte {
			if r.StatusCode == http.StatusLocked {
				r.StatusCode = http.StatusCreated
			}
			return body
		}},
		{"a snapshot shows the present", "snap", replace(`^GET .*/.zfs/`, `\[snap`, "[snip")},
		{"a limit is wrong", "depot", replace(`^GET .*/depots$`, `"disclimit":`, `"disclimit":9`)},
		{"a password has ended", "pass", func(r *http.Response, body []byte) []byte {
			if r.Request.Method == "PROPFIND" && strings.HasSuffix(r.Request.URL.Path, "/pass") {
				r.StatusCode = http.StatusUnauthorized
			}
			return body
		}},
		{"an object lives for ever", "due", func(r *http.Response, body []byte) []byte {
			r.Header.Del("X-Delete-At")
			return body
		}},
		{"a piece is doubled", "piece", replace(`^GET .*/piece/`, `(?s)^.*$`, "$0$0")},
	}
}

// TestCrewFindsEachLie drives the real program through a proxy, which lies
// about one subject after the other.
func TestCrewFindsEachLie(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	binary, err := process.Build(t.Context(), "../../../..", dir)
	if err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(dir, "entrepot.toml")
	if err := os.WriteFile(config, []byte("[dav]\nchunking = true\npartial_update = true\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	data := filepath.Join(dir, "data")
	g, err := process.Start(t.Context(), process.Options{
		Binary: binary, Data: data, Scratch: dir, Log: filepath.Join(dir, "log"), Password: "admin-password", Config: config, Limit: time.Minute,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(g.Kill)
	var told atomic.Pointer[lie]
	target, err := url.Parse(g.URL)
	if err != nil {
		t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{
		Transport: &http.Transport{},
		Rewrite:   func(r *httputil.ProxyRequest) { r.SetURL(target); r.Out.Host = target.Host },
		ModifyResponse: func(r *http.Response) error {
			body, err := io.ReadAll(r.Body)
			if l := told.Load(); l != nil && err == nil {
				body = l.tell(r, body)
			}
			if r.Request.Method != http.MethodHead {
				r.Header.Del("Content-Length")
				r.ContentLength = int64(len(body))
			}
			r.Body = io.NopCloser(bytes.NewReader(body))
			return err
		},
	}
	front := httptest.NewServer(proxy)
	t.Cleanup(front.Close)
	e := facts.Eyes{
		Own: wire.New(facts.User, facts.Password).With(front.URL), Admin: wire.New("admin", "admin-password").With(front.URL),
		Salt: func() (string, error) { return inspect.Salt(data) },
	}
	if err := e.Admin.Login(t.Context()); err != nil {
		t.Fatal(err)
	}
	crew := facts.New(5, nil)
	if err := crew.Setup(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	crew.Run(t.Context(), e, 40)
	if wrong := crew.Violations(); len(wrong) > 0 {
		t.Errorf("under load: %q", wrong)
	}
	if wrong, seen := lookAt(t.Context(), crew, e, true); len(wrong) > 0 || len(seen) < 60 {
		t.Errorf("%d facts; a sound gateway shows %q", len(seen), wrong)
	}
	for _, l := range lies() {
		told.Store(&l)
		wrong, _ := lookAt(t.Context(), crew, e, false)
		if !strings.Contains(strings.Join(wrong, "\n"), "\n"+l.about+" ") {
			t.Errorf("%s: nobody saw it: %q", l.name, wrong)
		}
	}
	told.Store(nil)
	if wrong, _ := lookAt(t.Context(), crew, e, false); len(wrong) > 0 {
		t.Errorf("lies stay: %q", wrong)
	}
}

// lookAt returns the reports of a look, each on a line of its own.
func lookAt(ctx context.Context, crew *facts.Crew, e facts.Eyes, settle bool) (wrong []string, seen map[string]string) {
	report := &inspect.Report{}
	seen = crew.Look(ctx, e, settle, func(format string, args ...any) { report.Add("\n"+format, args...) })
	return report.All(), seen
}
