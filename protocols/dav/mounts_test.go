package dav_test

import (
	"net/http/httptest"
	"strings"
	"testing"

	"entrepot/protocols/dav"
)

// The tree at /v2/dav takes tokens, and names its paths as they were asked.
func TestTokensOpenTheOtherTree(t *testing.T) {
	f := newFixture(t, dav.Config{})
	f.must(t, 201, "PUT", "/dav/c/a", "x")
	token, _, err := f.Auth.Issue(t.Context(), "tester", "testing", loopback)
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest("PROPFIND", "/v2/dav/c/", nil)
	r.Header.Set("Depth", "1")
	r.Header.Set("Authorization", "Bearer "+token.Value)
	w := httptest.NewRecorder()
	f.handler.ServeHTTP(w, r)
	if w.Code != 207 || !strings.Contains(w.Body.String(), "<D:href>/v2/dav/c/a</D:href>") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestAloneServesThePrefixOnly(t *testing.T) {
	f := newFixture(t, dav.Config{Alone: true})
	for _, path := range []string{"/backup/", "/v2/dav/"} {
		f.must(t, 404, "PROPFIND", path, "", "Depth", "0")
	}
}
