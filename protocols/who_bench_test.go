package protocols_test

import (
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"testing"

	"entrepot/gateway/gatewaytest"
)

// BenchmarkWhoAsks serves a small object that everybody may read, to nobody, to
// a user with a warm password and to one with a token: the differences are what
// authentication adds to a request.
func BenchmarkWhoAsks(b *testing.B) {
	d := newDoors(b, gatewaytest.Plain())
	d.ok(b, swiftDoor.call("tester", "PUT", "box", "", "X-Container-Read: .r:*"))
	d.ok(b, swiftDoor.call("tester", "PUT", "box/a.txt", "text"))
	token := d.tokens["tester"]
	for _, c := range []struct {
		name, path string
		ask        func(*http.Request)
	}{
		{"swift/anonymous", "/v1/AUTH_test/box/a.txt", func(*http.Request) {}},
		{"swift/token", "/v1/AUTH_test/box/a.txt", func(r *http.Request) { r.Header.Set("X-Auth-Token", token) }},
		{"dav/anonymous", "/dav/@test/box/a.txt", func(*http.Request) {}},
		{"dav/password", "/dav/@test/box/a.txt", func(r *http.Request) { r.SetBasicAuth("tester", "testing") }},
		{"dav/bearer", "/dav/@test/box/a.txt", func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+token) }},
	} {
		b.Run(c.name, func(b *testing.B) {
			r := httptest.NewRequestWithContext(b.Context(), http.MethodGet, d.url+c.path, nil)
			r.RemoteAddr = "127.0.0.1:4711"
			r.TLS = new(tls.ConnectionState) // for the front, which serves no plain HTTP from nowhere
			c.ask(r)
			h := d.front.Handler()
			b.ReportAllocs()
			for b.Loop() {
				w := httptest.NewRecorder()
				h.ServeHTTP(w, r.Clone(r.Context()))
				if w.Code != http.StatusOK {
					b.Fatalf("%d %s", w.Code, w.Body)
				}
			}
		})
	}
}
