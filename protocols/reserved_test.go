package protocols_test

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gorilla/mux"

	"entrepot/gateway/gatewaytest"
	"entrepot/protocols"
	"entrepot/protocols/internal/httpkit"
)

// reservedHeaders are what servers of a cluster send each other.
var reservedHeaders = []string{
	"X-Account-Sysmeta-Core-Access-Control", "X-Container-Sysmeta-Versions-Enabled", "X-Object-Sysmeta-Slo-Etag",
	"x-object-transient-sysmeta-a", "X-Backend-Storage-Policy-Index", "X-BACKEND-REPLICATION", "X-Container-Host",
	"X-Container-Partition", "X-Account-Device", "X-Delete-At-Host", "X-Container-Update-Override-Etag",
	"X-Account-Override-Deleted", "X-Replication-Status", "X-Minio-Source-Mtime", "X-Object-Owner",
}

func TestS16ReservedHeadersReachNoDoorAndAreLogged(t *testing.T) {
	var log bytes.Buffer
	var seen http.Header
	face := bare(func(r *mux.Router) {
		r.Handle("/x", httpkit.WithRules(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { seen = r.Header.Clone() }),
			httpkit.Rule{Path: "/x", Methods: "GET", Access: httpkit.Public}))
	})
	front, err := protocols.New(protocols.Config{AllowPlainHTTP: true}, protocols.Deps{Log: slog.New(slog.NewTextHandler(&log, nil))},
		protocols.Mount{Name: "x", Face: face})
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest("GET", "/x", nil)
	for _, name := range reservedHeaders {
		r.Header.Set(name, "secret-value")
	}
	kept := []string{"X-Account-Meta-Sysmeta-A", "X-Object-Meta-Backend", "X-Auth-Token", "X-Timestamp", "X-Container-Read", "X-Delete-At"}
	for _, name := range kept {
		r.Header.Set(name, "kept")
	}
	front.Handler().ServeHTTP(httptest.NewRecorder(), r)
	for name := range seen {
		if seen.Get(name) != "kept" {
			t.Errorf("the door saw %s", name)
		}
	}
	if len(seen) != len(kept) {
		t.Errorf("the door saw %v", seen)
	}
	if line := log.String(); !strings.Contains(line, "ignored=X-Account-Device,X-Account-Override-Deleted") || strings.Contains(line, "secret-value") {
		t.Errorf("the log says %s", line)
	}
}

func TestS16ReservedHeadersAreNotStored(t *testing.T) {
	d := newDoors(t, gatewaytest.Options{})
	var headers []string
	for _, name := range reservedHeaders {
		headers = append(headers, name+": x")
	}
	admin := []string{"X-Auth-Token: " + d.tokenFor("admin", "admin")}
	for _, c := range []call{
		{method: "PUT", path: "/v1/AUTH_new"}, {method: "POST", path: "/v1/AUTH_new"},
		{method: "PUT", path: "/v1/AUTH_new/c"}, {method: "POST", path: "/v1/AUTH_new/c"},
		{method: "PUT", path: "/v1/AUTH_new/c/o", body: "text"}, {method: "POST", path: "/v1/AUTH_new/c/o"},
	} {
		if r := d.answer(t, c.with(append(headers, admin...)...)); r.status >= 300 {
			t.Fatalf("%s: %d %s", c, r.status, r.body)
		}
	}
	for _, path := range []string{"/v1/AUTH_new", "/v1/AUTH_new/c", "/v1/AUTH_new/c/o"} {
		r := d.answer(t, call{method: "HEAD", path: path, headers: admin})
		for _, name := range reservedHeaders {
			if v := r.header.Get(name); v != "" {
				t.Errorf("%s answers %s: %s", path, name, v)
			}
		}
	}
}

func TestS46PagesOfOtherSitesAdministerNothing(t *testing.T) {
	d := newDoors(t, gatewaytest.Options{})
	body := `{"jsonrpc":"2.0","id":1,"method":"account.delete","params":{"account":"AUTH_test"}}`
	token := "X-Auth-Token: " + d.tokenFor("admin", "admin")
	before := d.Fingerprint()
	for _, page := range []string{"Origin: https://evil.example", "Origin: null", "Sec-Fetch-Site: cross-site"} {
		for _, c := range []call{{basic: [2]string{"admin", "admin"}}, {headers: []string{token}}} {
			c.method, c.path, c.body = "POST", "/rpc", body
			if r := d.answer(t, c.with(page, "Content-Type: application/json")); r.status != http.StatusForbidden || !strings.Contains(r.body, "-32003") {
				t.Errorf("%s: %d %s", page, r.status, r.body)
			}
		}
	}
	for _, form := range []string{"text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""} {
		c := call{method: "POST", path: "/rpc", body: body, basic: [2]string{"admin", "admin"}}
		if form != "" {
			c = c.with("Content-Type: " + form)
		}
		if r := d.answer(t, c); r.status != http.StatusUnsupportedMediaType {
			t.Errorf("%q, which a form of a page may send: %d %s", form, r.status, r.body)
		}
	}
	if d.Fingerprint() != before {
		t.Error("a page of another site changed something")
	}
}
