package protocoltest

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// teller is a handler that tells what it got.
type teller struct {
	requests, tokens atomic.Int64
	clock            atomic.Int64
}

func (h *teller) advance(d time.Duration) { h.clock.Add(int64(d)) }

func (h *teller) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Trans-Id", fmt.Sprintf("tx%03d", h.requests.Add(1)))
	switch {
	case strings.HasPrefix(r.URL.Path, "/echo/"):
		h.echo(w, r)
	case r.URL.Path == "/auth/v1.0":
		w.Header().Set("X-Auth-Token", fmt.Sprintf("token-%d-%s-%s",
			h.tokens.Add(1), r.Header.Get("X-Auth-User"), r.Header.Get("X-Auth-Key")))
	case r.URL.Path == "/body":
		w.Header().Set("Framing", fmt.Sprintf("length %d", r.ContentLength))
		if r.ContentLength < 0 {
			w.Header().Set("Framing", strings.Join(r.TransferEncoding, " "))
		}
		_, _ = io.Copy(w, r.Body)
	case r.URL.Path == "/early":
		n, err := io.Copy(io.Discard, r.Body)
		w.WriteHeader(499)
		fmt.Fprintf(w, "%v after %d", err, n)
	case r.URL.Path == "/abort":
		panic(http.ErrAbortHandler)
	case r.URL.Path == "/half":
		w.Header().Set("Content-Length", "10")
		_, _ = io.WriteString(w, "half")
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	case r.URL.Path == "/clock":
		_, _ = io.WriteString(w, time.Duration(h.clock.Load()).String())
	default:
		w.WriteHeader(http.StatusRequestEntityTooLarge)
	}
}

func (h *teller) echo(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	user, key, _ := r.BasicAuth()
	w.Header()["x-kept-CASE"] = []string{"yes"}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Quoted", `"abc"`)
	w.Header()["Several"] = []string{"one", "two"}
	_ = json.NewEncoder(w).Encode(map[string]any{
		"method": r.Method, "target": r.RequestURI, "user": user, "key": key, "token": r.Header.Get("X-Auth-Token"),
		"length": len(body), "type": r.Header.Get("Content-Type"), "body": string(body), "close": r.Close,
	})
}

func TestScriptsRunAgainstAHandler(t *testing.T) {
	h := &teller{}
	Run(t, h, "testdata/*guage.txt", Clock(h.advance), Passwords(map[string]string{"tester": "testing"}))
}

func TestRunFreshMakesAFixtureForEachFile(t *testing.T) {
	made := 0
	RunFresh(t, func(*testing.T) Fixture {
		made++
		return Fixture{Handler: &teller{}, Vars: map[string]string{"n": fmt.Sprint(made)}}
	}, "testdata/fresh*.txt")
	if made != 2 {
		t.Errorf("%d fixtures were made for two files", made)
	}
}

// run runs a script's text and returns its failures.
func run(t *testing.T, f Fixture, dir, text string) []string {
	t.Helper()
	s, err := parse(text)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(f.Handler)
	defer server.Close()
	r := newRunner(server, dir, s, f)
	r.update = false
	var all []string
	for i := range s.steps {
		all = append(all, r.step(&s.steps[i])...)
	}
	return all
}

func TestEveryExpectationCanFail(t *testing.T) {
	for expectation, want := range map[string]string{
		"status == 404":                      "status is 200",
		"status in 404 500":                  "status is 200",
		"status != 200":                      "status is 200",
		"header Quoted == abc":               `it is "\"abc\""`,
		`header Quoted != "abc"`:             `it is "\"abc\""`,
		"header Quoted absent":               `it is "\"abc\""`,
		"header Nothing present":             "it is absent",
		"header Nothing ==":                  "it is absent",
		"header Nothing matches x":           "it is absent",
		"header Quoted contains xyz":         `it is "\"abc\""`,
		"header Quoted matches ^abc$":        `it is "\"abc\""`,
		"body == x":                          `it is "{`,
		"body empty":                         `it is "{`,
		"body lacks method":                  `it is "{`,
		"body contains nowhere":              `it is "{`,
		"body matches ^x":                    `it is "{`,
		"body length == 1":                   "it is \"",
		"body md5 == 1":                      "it is \"",
		"body broken":                        "the body came whole",
		"body == file testdata/none":         "no such file",
		"body json == {}":                    "is not expected",
		`body json == {"method":"PUT"}`:      "is not expected",
		"body json == []":                    "want []",
		"body json == {":                     "the script's own JSON",
		"wire contains nowhere":              "it is",
		"continued == true":                  `it is "false"`,
		"set x = header Nothing":             "there is no header Nothing",
		"set x = body matches never":         `never is not in "{`,
		"header Quoted == {99999999*abcdef}": "longer than",
	} {
		failures := run(t, Fixture{Handler: &teller{}}, ".", "GET /echo/x\n"+expectation)
		if len(failures) != 1 || !strings.Contains(failures[0], want) {
			t.Errorf("%s\n  failed with %q\n  want one failure with %q", expectation, failures, want)
		}
		if len(failures) == 1 && (!strings.HasPrefix(failures[0], "2: ") || !strings.Contains(failures[0], "> GET /echo/x HTTP/1.1")) {
			t.Errorf("%s: the failure lacks its line or the request:\n%s", expectation, failures[0])
		}
	}
}

func TestAStepThatCannotRunFails(t *testing.T) {
	for script, want := range map[string]string{
		"wait 1s":                             "1: wait: the fixture has no clock",
		"GET /echo/x\nas stranger":            `1: no password is known for "stranger"`,
		"GET /half\nstatus == 200":            "1: the answer's body ended early",
		"PUT /body\nbody truncated 9 x":       "1: truncated 9: the body has 1 bytes",
		"PUT /body\nbody file testdata/none":  "no such file",
		"GET /{99999999*abcdef}":              "longer than",
		"GET /x\nX: {99999999*abcdef}":        "longer than",
		"GET /body\nSet: x\nstatus == none":   "status is 200",
		"SEND {99999999*abcdef}\nstatus == 1": "longer than",
	} {
		failures := run(t, Fixture{Handler: &teller{}}, ".", script)
		if len(failures) != 1 || !strings.Contains(failures[0], want) {
			t.Errorf("%q failed with %q, want one failure with %q", script, failures, want)
		}
	}
}

func TestAnAnswerThatIsNotHTTPFails(t *testing.T) {
	for _, answer := range []string{"hello\n\n", "HTTP/1.1 200 OK\r\nX: y"} {
		h := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			conn, _, err := http.NewResponseController(w).Hijack()
			if err == nil {
				_, err = io.WriteString(conn, answer)
				err = errors.Join(err, conn.Close())
			}
			if err != nil {
				t.Error(err)
			}
		})
		if got := run(t, Fixture{Handler: h}, ".", "GET /"); len(got) != 1 || !strings.Contains(got[0], "the answer") {
			t.Errorf("%q was taken for an answer: %q", answer, got)
		}
	}
}

func TestAnAnswerThatDoesNotComeEndsTheStep(t *testing.T) {
	done := make(chan struct{})
	h := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-done })
	s, err := parse("GET /")
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(h)
	defer server.Close()
	defer close(done)
	r := newRunner(server, ".", s, Fixture{Handler: h, Limit: 20 * time.Millisecond})
	if got := r.step(&s.steps[0]); len(got) != 1 || !strings.Contains(got[0], "no answer in time") {
		t.Errorf("failures %q, want one about time", got)
	}
}

func TestTokenThatIsNotGivenFailsTheStep(t *testing.T) {
	got := run(t, Fixture{Handler: http.NotFoundHandler()}, ".", "GET /\ntoken a:b")
	if len(got) != 1 || !strings.Contains(got[0], `no token for "a": /auth/v1.0 answered 404`) {
		t.Errorf("failures %q, want one about the token", got)
	}
}

func TestUpdateWritesTheFileThatABodyIsComparedWith(t *testing.T) {
	dir := t.TempDir()
	s, err := parse("PUT /body\nbody \"new\\n\"\nbody == file golden.txt")
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(&teller{})
	defer server.Close()
	r := newRunner(server, dir, s, Fixture{})
	r.update = true
	if got := r.step(&s.steps[0]); len(got) != 0 {
		t.Fatalf("with -update: %q", got)
	}
	if got, err := os.ReadFile(filepath.Join(dir, "golden.txt")); err != nil || string(got) != "new\n" {
		t.Errorf("golden.txt is %q (%v), want the body", got, err)
	}
	r.update = false
	if got := r.step(&s.steps[0]); len(got) != 0 {
		t.Errorf("compared with the written file: %q", got)
	}
}
