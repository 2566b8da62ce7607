package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/webdav"
)

// davServer is x/net's handler in memory behind the login of peers.
func davServer(t *testing.T) *door {
	t.Helper()
	handler := &webdav.Handler{FileSystem: webdav.NewMemFS(), LockSystem: webdav.NewMemLS()}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if u, p, ok := r.BasicAuth(); !ok || u != user || p != password {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		handler.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	return &door{address: strings.TrimPrefix(server.URL, "http://"), base: "/bench/", auth: basic, filled: map[string]bool{}}
}

func TestEveryRowRunsAgainstAServer(t *testing.T) {
	s := settings{seconds: 30 * time.Millisecond, large: 1 << 20, files: 30, many: 40}
	server := davServer(t)
	if err := prepare(t.Context(), server); err != nil {
		t.Fatal(err)
	}
	for _, r := range workRows(s) {
		if r.door != "dav" {
			continue
		}
		cell, err := r.run(t.Context(), server)
		if err != nil || cell == "" || cell == "0" {
			t.Errorf("%s: %q, %v", r.name, cell, err)
		}
	}
}

func TestWireReadsAnswersOfEveryForm(t *testing.T) {
	closes := false
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		switch r.URL.Path {
		case "/length":
			w.Header().Set("Content-Length", "5")
			_, _ = io.WriteString(w, "hello")
		case "/chunks":
			w.Header().Set("Lock-Token", "<t>")
			for range 100 {
				_, _ = io.WriteString(w, "0123456789")
				_ = http.NewResponseController(w).Flush()
			}
		case "/close":
			w.Header().Set("Connection", "close")
			closes = true
		case "/none":
			w.WriteHeader(http.StatusNoContent)
		}
	}))
	defer server.Close()
	w, err := dial(t.Context(), &door{address: strings.TrimPrefix(server.URL, "http://"), auth: basic})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { w.close() }()
	for _, c := range []struct {
		path  string
		want  answer
		bytes int64
	}{
		{"/length", answer{status: 200}, 5}, {"/chunks", answer{status: 200, token: "<t>"}, 1000}, {"/close", answer{status: 200, closed: true}, 0},
		{"/none", answer{status: 204}, 0}, {"/length", answer{status: 200}, 5},
	} {
		got, err := w.do(t.Context(), "PUT", c.path, strings.NewReader("body"), 4)
		c.want.bytes = c.bytes
		if err != nil || got != c.want {
			t.Errorf("%s: %+v, %v", c.path, got, err)
		}
	}
	if !closes {
		t.Error("the connection was not asked to close")
	}
	if _, err := w.want(t.Context(), []int{201}, "PUT", "/none", strings.NewReader("body"), 4); err == nil {
		t.Error("another status was taken")
	}
}

func TestTableIsMarkdown(t *testing.T) {
	var b strings.Builder
	tab := table{rows: []string{"PUT", "GET"}, columns: []column{{"A", []string{"1", "2"}}, {"B", []string{"3", "–"}}}, missing: []string{"c (c is not installed)"}}
	if err := tab.print(&b); err != nil {
		t.Fatal(err)
	}
	const want = "| work | A | B |\n|---|---|---|\n| PUT | 1 | 3 |\n| GET | 2 | – |\n\nNot measured: c (c is not installed).\n"
	if b.String() != want {
		t.Errorf("%q", b.String())
	}
}

func TestMissingPeersAreNamed(t *testing.T) {
	_, err := launch(t.Context(), "127.0.0.1:1", "/", "no-such-server", nil)
	if err == nil || err.Error() != "no-such-server is not installed" {
		t.Error(err)
	}
	if got := selected(workRows(settings{files: 1, large: 1 << 20}), "MOVE,LOCK"); len(got) != 2 {
		t.Errorf("%d rows", len(got))
	}
}
