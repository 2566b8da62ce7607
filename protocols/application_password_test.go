package protocols_test

import (
	"archive/tar"
	"slices"
	"strings"
	"testing"

	"entrepot/gateway"
	"entrepot/gateway/gatewaytest"
)

// limitedDoors is a gateway where tester has an application password for the
// container docs, or a folder in it.
func limitedDoors(t *testing.T, n gateway.NewCredential) (d *doors, password string) {
	t.Helper()
	d = newDoors(t, gatewaytest.Options{})
	if _, err := d.Gateway.Applications.Create(d.Ctx("admin"), gateway.NewApplication{ID: "phone"}); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"docs", "other"} {
		d.ok(t, swiftDoor.call("tester", "PUT", name, ""))
	}
	for _, name := range []string{"docs/a.txt", "docs/in/b.txt", "other/c.txt"} {
		d.ok(t, swiftDoor.call("tester", "PUT", name, "text"))
	}
	n.User, n.Application, n.Container = "tester", "phone", "docs"
	_, secret, err := d.Gateway.Credentials.Create(d.Ctx("tester"), n)
	if err != nil {
		t.Fatal(err)
	}
	return d, secret.Reveal()
}

// waysIn are the ways to use an application password at a door.
func (d *doors) waysIn(t *testing.T, where door, password string) map[string]func(call) call {
	t.Helper()
	basic := func(c call) call { c.user, c.basic = "", [2]string{"tester", password}; return c }
	bearer := func(c call) call { c.user = ""; return c.with("Authorization: Bearer " + password) }
	login := d.ok(t, call{method: "GET", path: "/auth/v1.0", headers: []string{"X-Auth-User: test:tester", "X-Auth-Key: " + password}})
	token := login.header.Get("X-Auth-Token")
	ways := map[string]func(call) call{"basic": basic, "bearer": bearer}
	if where.token {
		ways["token"] = func(c call) call { c.user = ""; return c.with("X-Auth-Token: " + token) }
	} else {
		ways["token"] = func(c call) call { c.user = ""; return c.with("Authorization: Bearer " + token) }
	}
	return ways
}

func TestAnApplicationPasswordIsHeldToItsFolderAtEveryDoor(t *testing.T) {
	for _, where := range append(everyDoor(), duraDoor) {
		d, password := limitedDoors(t, gateway.NewCredential{Prefix: "in"})
		outside := map[string]int{"swift": 403, "dav": 404, "duracloud": 403}[where.name]
		gone := map[string]int{"swift": 204, "dav": 204, "duracloud": 200}[where.name]
		for way, with := range d.waysIn(t, where, password) {
			for _, c := range []struct {
				method, name, body string
				want               int
			}{
				{"GET", "docs/in/b.txt", "", 200}, {"HEAD", "docs/in/b.txt", "", 200}, {"PUT", "docs/in/" + way, "text", 201},
				{"DELETE", "docs/in/" + way, "", gone}, {"GET", "docs/a.txt", "", outside}, {"PUT", "docs/a.txt", "x", outside},
				{"DELETE", "docs/a.txt", "", outside}, {"GET", "docs/none", "", outside}, {"GET", "other/c.txt", "", outside},
				{"GET", "none/c.txt", "", outside}, {"DELETE", "docs", "", outside}, {"PUT", "docs/in", "x", outside},
			} {
				if r := d.answer(t, with(where.call("", c.method, c.name, c.body))); r.status != c.want {
					t.Errorf("%s, %s: %s %s is %d, want %d: %.200s", where.name, way, c.method, c.name, r.status, c.want, r.body)
				}
			}
		}
		if got := d.ok(t, where.call("tester", "GET", "docs/a.txt", "")); got.body != "text" {
			t.Errorf("%s: %q", where.name, got.body)
		}
	}
}

func TestListingsAreCutToTheFolderOfAnApplicationPassword(t *testing.T) {
	d, password := limitedDoors(t, gateway.NewCredential{Prefix: "in"})
	for way, with := range d.waysIn(t, swiftDoor, password) {
		for path, want := range map[string]string{
			"/v1/AUTH_test": "docs\n", "/v1/AUTH_test/docs": "in/b.txt\n", "/v1/AUTH_test/docs?delimiter=/": "in/\n",
		} {
			if r := d.answer(t, with(call{method: "GET", path: path})); r.status != 200 || r.body != want {
				t.Errorf("%s: %s is %d %q, want %q", way, path, r.status, r.body, want)
			}
		}
	}
	for way, with := range d.waysIn(t, duraDoor, password) {
		for path, want := range map[string]string{
			"/durastore/spaces": `<spaces><space id="docs" /></spaces>`, "/durastore/docs": `<item>in/b.txt</item></space>`,
		} {
			r := d.answer(t, with(call{method: "GET", path: path}))
			if r.status != 200 || !strings.Contains(r.body, want) || strings.Contains(r.body, "a.txt") {
				t.Errorf("%s: %s is %d %q, want %q", way, path, r.status, r.body, want)
			}
		}
	}
	for way, with := range d.waysIn(t, davDoor, password) {
		for path, want := range map[string][]string{
			"/dav/": {"/dav/", "/dav/docs/"}, "/dav/docs/": {"/dav/docs/", "/dav/docs/in/"}, "/dav/docs/in/": {"/dav/docs/in/", "/dav/docs/in/b.txt"},
		} {
			r := d.answer(t, with(call{method: "PROPFIND", path: path, headers: []string{"Depth: 1"}}))
			if got := hrefs(r.body); r.status != 207 || !slices.Equal(got, want) {
				t.Errorf("%s: %s is %d %q, want %q", way, path, r.status, got, want)
			}
		}
		if r := d.answer(t, with(call{method: "PROPFIND", path: "/dav/other/", headers: []string{"Depth: 0"}})); r.status != 404 {
			t.Errorf("%s: another container is %d", way, r.status)
		}
	}
}

func TestDepotsAreNoAffairOfAnApplicationPassword(t *testing.T) {
	d, password := limitedDoors(t, gateway.NewCredential{})
	for _, c := range []call{
		{method: "GET", path: "/depots"}, {method: "GET", path: "/depots/invitations"},
		{method: "DELETE", path: "/depots/claims/1"}, {method: "PUT", path: "/depots/invitations/1"},
	} {
		c.basic = [2]string{"tester", password}
		if r := d.answer(t, c); r.status != 403 {
			t.Errorf("%s %s is %d %s, want 403", c.method, c.path, r.status, r.body)
		}
	}
}

// hrefs are the paths that a multistatus names.
func hrefs(body string) (list []string) {
	for _, part := range strings.Split(body, "href>")[1:] {
		if path, ok := strings.CutSuffix(part, "</D:"); ok && path != "" {
			list = append(list, path)
		}
	}
	return list
}

func TestAReadingApplicationPasswordIsForbiddenToChange(t *testing.T) {
	for _, where := range everyDoor() {
		d, password := limitedDoors(t, gateway.NewCredential{ReadOnly: true})
		before := d.Fingerprint()
		basic := func(method, name, body string) call {
			c := where.call("", method, name, body)
			c.basic = [2]string{"tester", password}
			return c
		}
		d.want(t, 200, basic("GET", "docs/a.txt", ""))
		d.want(t, 403, basic("PUT", "docs/z", "x"))
		d.want(t, 403, basic("DELETE", "docs/a.txt", ""))
		if d.Fingerprint() != before {
			t.Errorf("%s: something changed", where.name)
		}
		if err := d.Gateway.Applications.Stop(d.Ctx("tester"), "test", "phone"); err != nil {
			t.Fatal(err)
		}
		d.want(t, 403, basic("GET", "docs/a.txt", ""))
	}
}

// Operations on many names are judged name by name: what lies in the folder of
// an application password is done, and the rest refused in the report.
func TestBulkOperationsOfAnApplicationPasswordReachItsFolder(t *testing.T) {
	for way, prefix := range map[string]string{"a folder": "in", "a container": ""} {
		d, password := limitedDoors(t, gateway.NewCredential{Prefix: prefix})
		basic := d.waysIn(t, swiftDoor, password)["token"]
		for _, name := range []string{"docs/in/1", "docs/in/2", "docs/in/3", "docs/in/sub/4"} {
			d.ok(t, basic(swiftDoor.call("", "PUT", name, "text")))
		}
		r := d.answer(t, basic(call{method: "POST", path: "/v1/AUTH_test?bulk-delete",
			body: "docs/in/1\nother/c.txt\ndocs/in/none\ndocs/in/sub/4\nother\nnone/x\n", headers: []string{"Accept: application/json"}}))
		for _, want := range []string{`"Number Deleted": 2`, `"Number Not Found": 1`, `["other/c.txt", "403 Forbidden"]`, `["other", "403 Forbidden"]`, `["none/x", "403 Forbidden"]`} {
			if !strings.Contains(r.body, want) {
				t.Errorf("%s: %s without %s", way, r.body, want)
			}
		}
		if prefix != "" {
			r := d.answer(t, basic(call{method: "POST", path: "/v1/AUTH_test?bulk-delete", body: "docs/a.txt\ndocs/in/\n"}))
			if strings.Count(r.body, "403 Forbidden") != 2 {
				t.Errorf("%s: %s", way, r.body)
			}
		}
		d.ok(t, basic(call{method: "PUT", path: "/v1/AUTH_test/docs/in/whole?multipart-manifest=put",
			body: `[{"path": "docs/in/2"}, {"path": "docs/in/3"}]`}))
		r = d.answer(t, basic(call{method: "DELETE", path: "/v1/AUTH_test/docs/in/whole?multipart-manifest=delete", headers: []string{"Accept: application/json"}}))
		if !strings.Contains(r.body, `"Number Deleted": 3`) {
			t.Errorf("%s: %s", way, r.body)
		}
		r = d.answer(t, basic(call{method: "PUT", path: "/v1/AUTH_test?extract-archive=tar", headers: []string{"Accept: application/json"},
			body: archiveOf(t, "docs/in/x", "docs/in/deep/y", "other/z", "fresh/z")}))
		for _, want := range []string{`"Number Files Created": 2`, `["other/z", "403 Forbidden"]`, `["fresh/z", "403 Forbidden"]`} {
			if !strings.Contains(r.body, want) {
				t.Errorf("%s: %s without %s", way, r.body, want)
			}
		}
		if got := d.ok(t, swiftDoor.call("tester", "GET", "other", "")).body; got != "c.txt\n" {
			t.Errorf("%s: another container holds %q", way, got)
		}
	}
	d, password := limitedDoors(t, gateway.NewCredential{Prefix: "in", ReadOnly: true})
	basic := d.waysIn(t, swiftDoor, password)["token"]
	if r := d.answer(t, basic(call{method: "POST", path: "/v1/AUTH_test?bulk-delete", body: "docs/in/b.txt\n"})); !strings.Contains(r.body, "403 Forbidden") {
		t.Errorf("one that only reads: %s", r.body)
	}
}

// archiveOf is a tar archive of small files.
func archiveOf(t *testing.T, names ...string) string {
	t.Helper()
	var b strings.Builder
	w := tar.NewWriter(&b)
	for _, name := range names {
		if err := w.WriteHeader(&tar.Header{Name: name, Size: 4, Mode: 0o600, Typeflag: tar.TypeReg}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte("text")); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}
