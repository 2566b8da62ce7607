package inspect_test

import (
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"entrepot/cmd/crashcheck/internal/inspect"
	"entrepot/cmd/crashcheck/internal/load"
	"entrepot/cmd/crashcheck/internal/model"
	"entrepot/cmd/crashcheck/internal/wire"
	"entrepot/gateway/gatewaytest"
	"entrepot/protocols"
	"entrepot/protocols/dav"
	"entrepot/protocols/swift"
)

// site is a whole gateway in memory behind its front, which a test can make
// lie.
type site struct {
	client *wire.Client
	fleet  *load.Fleet
	lie    func(http.Handler) http.Handler
	clock  *gatewaytest.Clock
}

func newSite(t *testing.T, clients int) *site {
	t.Helper()
	f := gatewaytest.NewWith(t, gatewaytest.Plain())
	log := slog.New(slog.DiscardHandler)
	swiftFace, err := swift.New(swift.Config{}, f.Gateway, f.Auth, f.Clock.Now)
	if err != nil {
		t.Fatal(err)
	}
	davFace, err := dav.New(dav.Config{Prefix: "/dav"}, f.Gateway, f.Auth, log, f.Clock.Now)
	if err != nil {
		t.Fatal(err)
	}
	front, err := protocols.New(protocols.Config{}, protocols.Deps{Log: log},
		protocols.Mount{Name: "swift", Face: swiftFace}, protocols.Mount{Name: "dav", Face: davFace})
	if err != nil {
		t.Fatal(err)
	}
	s := &site{clock: f.Clock, fleet: load.New(load.Config{Seed: 5, Clients: clients, Mix: load.Everything, Largest: 1 << 20})}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := front.Handler()
		if s.lie != nil {
			h = s.lie(h)
		}
		h.ServeHTTP(w, r)
	}))
	t.Cleanup(srv.Close)
	s.client = wire.New("admin", "admin").With(srv.URL)
	t.Cleanup(s.client.Close)
	if err := s.client.Login(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.fleet.Setup(t.Context(), s.client); err != nil {
		t.Fatal(err)
	}
	s.fleet.Run(t.Context(), s.client, 120)
	return s
}

func (s *site) look(t *testing.T) (inspect.Snapshot, []string) {
	t.Helper()
	report := &inspect.Report{}
	shown := inspect.Look(t.Context(), s.client, s.fleet.Models(), report)
	return shown, report.All()
}

func TestSoundGatewayPassesEveryInspection(t *testing.T) {
	s := newSite(t, 3)
	if wrong := s.fleet.Violations(); len(wrong) > 0 {
		t.Fatalf("under load: %q", wrong)
	}
	stats := s.fleet.Stats()
	for _, op := range []string{"put", "delete", "get", "range", "head", "list", "post", "copy", "move", "move folder", "lock"} {
		if stats[op][wire.OK] == 0 {
			t.Errorf("no %s was carried out", op)
		}
	}
	if stats["put cut"][wire.Refused] == 0 {
		t.Error("no upload was cut off")
	}
	first, wrong := s.look(t)
	if len(wrong) > 0 {
		t.Errorf("inspection: %q", wrong)
	}
	for _, m := range s.fleet.Models() {
		for _, err := range m.Resolve(first.Names) {
			t.Error(err)
		}
	}
	second, wrong := s.look(t)
	report := &inspect.Report{}
	inspect.Same(first, second, report)
	if wrong = append(wrong, report.All()...); len(wrong) > 0 {
		t.Errorf("second inspection: %q", wrong)
	}
	s.clock.Advance(3 * time.Second)
	locks := s.fleet.Locks()
	inspect.Locks(t.Context(), s.client, locks, func(name string) { s.fleet.Drop(t.Context(), s.client, name) }, report)
	if len(locks) == 0 || len(report.All()) > 0 {
		t.Errorf("%d locks: %q", len(locks), report.All())
	}
}

// rewriting changes the bodies of answers that want asks for.
func rewriting(want func(*http.Request) bool, change func(body []byte, h http.Header) []byte) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !want(r) {
				next.ServeHTTP(w, r)
				return
			}
			rec := httptest.NewRecorder()
			next.ServeHTTP(rec, r)
			body := change(rec.Body.Bytes(), rec.Header())
			for name, values := range rec.Header() {
				w.Header()[name] = values
			}
			if r.Method != http.MethodHead {
				w.Header().Set("Content-Length", strconv.Itoa(len(body)))
			}
			w.WriteHeader(rec.Code)
			_, _ = w.Write(body)
		})
	}
}

func TestInspectionFindsEachLie(t *testing.T) {
	s := newSite(t, 2)
	shown, wrong := s.look(t)
	if len(wrong) > 0 {
		t.Fatal(wrong)
	}
	var victim string
	for name, seen := range shown.Names {
		if seen.Size > 100 {
			victim = name
			break
		}
	}
	container, object, _ := strings.Cut(victim, "/")
	swiftPath := "/v1/AUTH_admin/" + victim
	is := func(method, path string) func(*http.Request) bool {
		return func(r *http.Request) bool { return r.Method == method && r.URL.Path == path }
	}
	flip := func(b []byte, _ http.Header) []byte { b[len(b)/2] ^= 1; return b }
	listed := func(format string) func(*http.Request) bool {
		return func(r *http.Request) bool {
			return r.URL.Path == "/v1/AUTH_admin/"+container && r.Method == http.MethodGet && r.URL.Query().Get("format") == format
		}
	}
	header := func(name, value string) func([]byte, http.Header) []byte {
		return func(b []byte, h http.Header) []byte { h.Set(name, value); return b }
	}
	for name, c := range map[string]struct {
		lie  func(http.Handler) http.Handler
		says string
	}{
		"flipped bit by Swift":  {rewriting(is("GET", swiftPath), flip), "bytes differ"},
		"flipped bit by WebDAV": {rewriting(is("GET", "/dav/"+victim), flip), "bytes differ"},
		"truncated":             {rewriting(is("GET", swiftPath), func(b []byte, _ http.Header) []byte { return b[:len(b)-1] }), "bytes differ"},
		"gone by HEAD": {func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if is("HEAD", swiftPath)(r) {
					w.WriteHeader(http.StatusNotFound)
					return
				}
				next.ServeHTTP(w, r)
			})
		}, "cannot be found"},
		"name not in XML": {rewriting(listed("xml"), func(b []byte, _ http.Header) []byte {
			return bytes.Replace(b, []byte("<bytes>"), []byte("<bytes>1"), 1)
		}), "differ"},
		"name invented in JSON": {rewriting(listed("json"), func(b []byte, _ http.Header) []byte {
			return bytes.Replace(b, []byte(`"c0/`), []byte(`"c0/new`), 1)
		}), "differ"},
		"object count":  {rewriting(is("HEAD", "/v1/AUTH_admin/"+container), header("X-Container-Object-Count", "1")), "recount"},
		"account bytes": {rewriting(is("HEAD", "/v1/AUTH_admin"), header("X-Account-Bytes-Used", "1")), "recount"},
	} {
		s.lie = c.lie
		if _, wrong := s.look(t); !strings.Contains(strings.Join(wrong, "\n"), c.says) {
			t.Errorf("%s of %s: the inspection says %q", name, object, wrong)
		}
	}
}

// TestClientsNoticeLiesUnderLoad has the gateway lie while clients work: what
// they are shown is judged at once.
func TestClientsNoticeLiesUnderLoad(t *testing.T) {
	always := func(want func(*http.Request) bool, status int) func(http.Handler) http.Handler {
		return func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if !want(r) {
					next.ServeHTTP(w, r)
					return
				}
				_, _ = io.Copy(io.Discard, r.Body)
				w.Header().Set("Content-Length", "0")
				w.WriteHeader(status)
			})
		}
	}
	method := func(m string) func(*http.Request) bool {
		return func(r *http.Request) bool { return r.Method == m && strings.Contains(r.URL.Path, "/c0/") }
	}
	for name, c := range map[string]struct {
		lie  func(http.Handler) http.Handler
		says string
	}{
		"deletes that are not done":  {always(method("DELETE"), http.StatusNoContent), "absent"},
		"puts that are not done":     {always(method("PUT"), http.StatusCreated), "404, but it is"},
		"objects that seem missing":  {always(method("GET"), http.StatusNotFound), "404, but it is"},
		"failing reads":              {always(method("HEAD"), http.StatusServiceUnavailable), "status 503"},
		"uploads that seem refused":  {always(method("PUT"), http.StatusBadRequest), "was refused with 400"},
		"folders that are not moved": {always(method("MOVE"), http.StatusCreated), "404, but it is"},
		"flipped bits": {rewriting(method("GET"), func(b []byte, _ http.Header) []byte {
			if len(b) > 0 {
				b[0] ^= 1
			}
			return b
		}), "bytes differ"},
	} {
		s := newSite(t, 1)
		s.lie = c.lie
		s.fleet.Run(t.Context(), s.client, 150)
		if wrong := s.fleet.Violations(); !strings.Contains(strings.Join(wrong, "\n"), c.says) {
			t.Errorf("%s: the clients say %.500q", name, wrong)
		}
	}
}

func TestModelsFindLostAndChangedObjects(t *testing.T) {
	s := newSite(t, 1)
	shown, _ := s.look(t)
	var victim string
	for name, seen := range shown.Names {
		if seen.Tag != "" && !strings.HasSuffix(name, "/") {
			victim = name
		}
	}
	m := s.fleet.Models()[0]
	seen := shown.Names[victim]
	for what, change := range map[string]func(){
		"lost":               func() { delete(shown.Names, victim) },
		"without properties": func() { v := seen; v.Tag = ""; shown.Names[victim] = v },
		"of another time":    func() { v := seen; v.MD5 = "0"; shown.Names[victim] = v },
	} {
		change()
		if m.Check(victim, shown.Names[victim]) == nil {
			t.Errorf("an object that is %s passes", what)
		}
		shown.Names[victim] = seen
	}
}

func TestSameFindsWhatARestartChanged(t *testing.T) {
	before := inspect.Snapshot{Names: map[string]model.Seen{"k/a": {Exists: true, Timestamp: "1"}}, Folders: map[string]bool{"k/d": true}}
	for name, after := range map[string]inspect.Snapshot{
		"lost":      {Names: map[string]model.Seen{}, Folders: before.Folders},
		"timestamp": {Names: map[string]model.Seen{"k/a": {Exists: true, Timestamp: "2"}}, Folders: before.Folders},
		"new":       {Names: map[string]model.Seen{"k/a": before.Names["k/a"], "k/b": {Exists: true}}, Folders: before.Folders},
		"folder":    {Names: before.Names, Folders: map[string]bool{}},
	} {
		report := &inspect.Report{}
		inspect.Same(before, after, report)
		if len(report.All()) == 0 {
			t.Errorf("%s: nothing was found", name)
		}
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestFilesLogAndScratchAreSearched(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "blobs", "lock"), "")
	write(t, filepath.Join(dir, "blobs", "a0", "00"), "x")
	write(t, filepath.Join(dir, "blobs", "tmp", "01"), "x")
	if kept, temporary, err := inspect.Files(dir); kept != 1 || temporary != 1 || err != nil {
		t.Errorf("%d kept, %d temporary, %v", kept, temporary, err)
	}
	report := &inspect.Report{}
	if inspect.Content(t.Context(), dir, nil, 0, 0, 10*time.Millisecond, report); len(report.All()) != 1 {
		t.Errorf("an unfinished file: %q", report.All())
	}
	log := filepath.Join(dir, "log")
	write(t, log, "level=INFO msg=fine\n")
	report = &inspect.Report{}
	if inspect.Log(log, report); len(report.All()) != 0 {
		t.Errorf("a sound log: %q", report.All())
	}
	write(t, log, "level=INFO msg=fine\npanic: runtime error\n"+io.EOF.Error())
	if inspect.Log(log, report); len(report.All()) != 1 {
		t.Errorf("a panic: %q", report.All())
	}
	if inspect.Scratch(dir, report); len(report.All()) != 3 {
		t.Errorf("leavings: %q", report.All())
	}
}
