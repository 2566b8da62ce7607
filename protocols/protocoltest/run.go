package protocoltest

import (
	"flag"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// The flag is the one thing here that all tests of a binary share.
var update = flag.Bool("update", false, "write the files that bodies are compared with in request scripts")

// Updating tells whether the tests were called with -update, for files that
// are compared elsewhere.
func Updating() bool { return *update }

// A Fixture is what a script runs against.
type Fixture struct {
	Handler http.Handler
	// Advance moves the handler's clock; nil forbids "wait".
	Advance func(time.Duration)
	// Passwords are used for logins that name none.
	Passwords map[string]string
	// Vars are variables that are set from the start.
	Vars map[string]string
	// Limit is how long one step may take; 0 means a minute.
	Limit time.Duration
}

// An Option changes the fixture that Run makes.
type Option func(*Fixture)

// Clock lets scripts move time with "wait".
func Clock(advance func(time.Duration)) Option {
	return func(f *Fixture) { f.Advance = advance }
}

// Passwords gives the passwords of logins that name none.
func Passwords(of map[string]string) Option {
	return func(f *Fixture) { f.Passwords = of }
}

// Var sets a variable from the start.
func Var(name, value string) Option {
	return func(f *Fixture) {
		f.Vars = maps.Clone(f.Vars)
		if f.Vars == nil {
			f.Vars = map[string]string{}
		}
		f.Vars[name] = value
	}
}

// Run runs the scripts whose names match glob against handler, in the order of
// their names: one subtest per file, and in it one per step, named by its
// line. All files share the handler and what it keeps; see RunFresh. A glob
// that matches nothing fails the test.
func Run(t *testing.T, handler http.Handler, glob string, options ...Option) {
	t.Helper()
	f := Fixture{Handler: handler}
	for _, o := range options {
		o(&f)
	}
	RunFresh(t, func(*testing.T) Fixture { return f }, glob)
}

// RunFresh is Run with a fixture of its own for each file.
func RunFresh(t *testing.T, fresh func(t *testing.T) Fixture, glob string) {
	t.Helper()
	names, err := filepath.Glob(glob)
	if err != nil || len(names) == 0 {
		t.Fatalf("no request scripts match %s (%v)", glob, err)
	}
	for _, name := range names {
		t.Run(strings.TrimSuffix(filepath.Base(name), filepath.Ext(name)), func(t *testing.T) {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			s, err := parse(string(text))
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			runScript(t, name, s, fresh(t))
		})
	}
}

// runScript runs the steps of one file as subtests.
func runScript(t *testing.T, name string, s *script, f Fixture) {
	server := httptest.NewServer(f.Handler)
	t.Cleanup(server.Close)
	r := newRunner(server, filepath.Dir(name), s, f)
	for i := range s.steps {
		step := &s.steps[i]
		t.Run(step.title(), func(t *testing.T) {
			for _, failure := range r.step(step) {
				t.Errorf("%s:%s", name, failure)
			}
		})
	}
}

// title names a step's subtest: a slash would begin a subtest of it.
func (s *step) title() string {
	if s.wait != 0 {
		return fmt.Sprintf("%03d wait", s.line)
	}
	return fmt.Sprintf("%03d %s", s.line, s.method)
}

// A runner runs the steps of one script, in order.
type runner struct {
	host    string
	dir     string // of the script; files lie beside it
	fixture Fixture
	login   *login
	limit   time.Duration
	update  bool
	vars    map[string]string
	tokens  map[string]string // by user
}

func newRunner(server *httptest.Server, dir string, s *script, f Fixture) *runner {
	r := &runner{
		host: strings.TrimPrefix(server.URL, "http://"), dir: dir, fixture: f, login: s.login,
		limit: f.Limit, update: *update, vars: map[string]string{}, tokens: map[string]string{},
	}
	if r.limit == 0 {
		r.limit = defaultLimit
	}
	maps.Copy(r.vars, f.Vars)
	r.vars["host"], r.vars["url"] = r.host, server.URL
	return r
}

// step runs one step and returns what is not as the script has it, each
// beginning with the number of its line.
func (r *runner) step(s *step) []string {
	if s.wait != 0 {
		if r.fixture.Advance == nil {
			return []string{fmt.Sprintf("%d: wait: the fixture has no clock", s.line)}
		}
		r.fixture.Advance(s.wait)
		return nil
	}
	x, err := r.request(s)
	if err == nil {
		err = r.exchange(x, s.method)
	}
	if err != nil {
		return []string{fmt.Sprintf("%d: %v", s.line, err)}
	}
	var failures []string
	broken := x.broken
	for i := range s.actions {
		a := &s.actions[i]
		if a.op == "broken" {
			broken = nil
		}
		if err := r.judge(x, a); err != nil {
			failures = append(failures, fmt.Sprintf("%d: %s\n  %v", a.line, a.text, err))
		}
	}
	if broken != nil {
		failures = append(failures, fmt.Sprintf("%d: the answer's body ended early: %v", s.line, broken))
	}
	if len(failures) > 0 {
		failures[len(failures)-1] += "\n" + x.dump()
	}
	return failures
}

// dump shows both sides of an exchange, long parts cut.
func (x *exchange) dump() string {
	var b strings.Builder
	for _, part := range []struct {
		mark string
		text []byte
	}{{"> ", x.request}, {"> ", x.sent}, {"< ", x.raw}, {"< ", x.body}} {
		text := strings.TrimRight(cut(string(part.text), 2000), "\r\n")
		if text == "" {
			continue
		}
		for line := range strings.Lines(text + "\n") {
			b.WriteString("    " + part.mark + strings.TrimRight(line, "\r\n") + "\n")
		}
	}
	if x.status == 0 {
		b.WriteString("    < (closed without an answer)\n")
	}
	return b.String()
}
