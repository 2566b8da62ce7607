package duracloud_test

import (
	"net/http/httptest"
	"strings"
	"testing"

	"entrepot/gateway"
	"entrepot/gateway/gatewaytest"
	"entrepot/protocols/duracloud"
)

// An empty page ends a listing for every client, so names that XML cannot carry
// must not make one before the end.
func TestPageOfNamesThatXMLCannotCarryDoesNotEndAListing(t *testing.T) {
	f := fixture(t, gatewaytest.Options{})
	h := handler(t, f, duracloud.Config{})
	want(t, 201, h, "admin", "PUT", "/box", "")
	for _, name := range []string{"\x01a", "\x01b", "\x01c", "plain", "plain 2"} {
		ref := gateway.Ref{Account: "acme", Container: "box", Object: name}
		if _, err := f.Gateway.Objects.Put(f.Ctx("admin"), ref, strings.NewReader("x"), gateway.PutOptions{Size: 1}); err != nil {
			t.Fatal(err)
		}
	}
	for path, items := range map[string]string{
		"/box?maxResults=1":                  "<item>plain</item></space>",
		"/box?maxResults=2":                  "<item>plain</item><item>plain 2</item></space>",
		"/box":                               "<item>plain</item><item>plain 2</item></space>",
		"/box?maxResults=1&marker=plain":     "<item>plain 2</item></space>",
		"/box?maxResults=1&marker=plain%202": "",
		"/box?maxResults=1&prefix=%01":       "",
	} {
		got := want(t, 200, h, "admin", "GET", path, "").Body.String()
		if shown := strings.Contains(got, "<item>"); shown != (items != "") || !strings.Contains(got, items) {
			t.Errorf("%s: %q, want %q", path, got, items)
		}
	}
}

// What a client sends with a copy would be lost: it is refused, also where its
// length is not told.
func TestCopyWithABodyOfUnknownLengthIsRefused(t *testing.T) {
	f := fixture(t, gatewaytest.Options{})
	h := handler(t, f, duracloud.Config{})
	want(t, 201, h, "admin", "PUT", "/box", "")
	want(t, 201, h, "admin", "PUT", "/box/a", "x")
	for body, status := range map[string]int{"content": 400, "": 201} {
		r := httptest.NewRequest("PUT", "/durastore/box/b", strings.NewReader(body))
		r.ContentLength = -1
		r.TransferEncoding = []string{"chunked"}
		r.SetBasicAuth("admin", "admin")
		r.Header.Set("x-dura-meta-copy-source", "box/a")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != status {
			t.Errorf("with the body %q: %d %s, want %d", body, w.Code, w.Body, status)
		}
	}
}
