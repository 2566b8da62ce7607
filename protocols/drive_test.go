package protocols_test

import (
	"strings"
	"testing"

	"entrepot/gateway"
	"entrepot/gateway/gatewaytest"
)

// What a drive writes beside the bytes is there for the Swift door: times,
// user properties, folders, containers; and the other way round.
func TestDriveAndSwiftShareTimesPropertiesAndFolders(t *testing.T) {
	d := newDoors(t, gatewaytest.Options{})
	d.want(t, 201, davDoor.call("tester", "MKCOL", "New folder", ""))
	d.want(t, 201, davDoor.call("tester", "MOVE", "New folder", "", "Destination: /dav/docs"))
	d.want(t, 201, davDoor.call("tester", "MKCOL", "docs/n/", ""))
	d.want(t, 201, davDoor.call("tester", "PUT", "docs/n/a", "x", "X-OC-Mtime: 1420070400"))
	d.want(t, 207, davDoor.call("tester", "PROPPATCH", "docs/n/a",
		`<D:propertyupdate xmlns:D="DAV:"><D:set><D:prop><colour xmlns="urn:duracloud:meta">blue</colour></D:prop></D:set></D:propertyupdate>`))

	if got := d.want(t, 200, swiftDoor.call("tester", "GET", "", "")); !strings.Contains(got.body, "docs\n") {
		t.Errorf("Swift lists %q", got.body)
	}
	if got := d.want(t, 200, swiftDoor.call("tester", "GET", "docs", "")); got.body != "n/\nn/a\n" {
		t.Errorf("Swift lists %q", got.body)
	}
	if got := d.want(t, 200, swiftDoor.call("tester", "HEAD", "docs/n/", "")); got.header.Get("Content-Type") != "application/directory" {
		t.Errorf("the marker is of type %q", got.header.Get("Content-Type"))
	}
	got := d.want(t, 200, swiftDoor.call("tester", "HEAD", "docs/n/a", ""))
	if got.header.Get("X-Object-Meta-Mtime") != "1420070400" || got.header.Get("X-Object-Meta-Colour") != "blue" {
		t.Errorf("Swift shows %v", got.header)
	}

	d.want(t, 202, swiftDoor.call("tester", "POST", "docs/n/a", "", "X-Object-Meta-Colour: red", "X-Object-Meta-Shape: round"))
	props := d.want(t, 207, davDoor.call("tester", "PROPFIND", "docs/n/a", "", "Depth: 0"))
	for _, part := range []string{`<x:colour xmlns:x="urn:duracloud:meta">red<`, `<x:shape xmlns:x="urn:duracloud:meta">round<`} {
		if !strings.Contains(props.body, part) {
			t.Errorf("the drive does not show %s: %s", part, props.body)
		}
	}
}

// An application password that is limited to a folder reads this folder in
// snapshots too, and nothing else of them; it restores into its folder only,
// and uploads nothing in pieces, which lie elsewhere.
func TestAnApplicationPasswordIsHeldToItsFolderInThePast(t *testing.T) {
	d, password := limitedDoors(t, gateway.NewCredential{Prefix: "in"})
	if err := d.Gateway.Snapshots.Create(d.Ctx("tester"), gateway.Ref{Account: "test", Container: "docs"}, "s1"); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		method, name, to string
		want             int
	}{
		{"GET", "docs/.zfs/snapshot/s1/in/b.txt", "", 200}, {"PROPFIND", "docs/.zfs/snapshot/s1/in/", "", 207}, {"PROPFIND", "docs/.zfs/snapshot/s1/in/b.txt", "", 207},
		{"GET", "docs/.zfs/snapshot/s1/a.txt", "", 404}, {"PROPFIND", "docs/.zfs/snapshot/s1/a.txt", "", 404}, {"GET", "other/.zfs/snapshot/s1/c.txt", "", 404},
		{"PROPFIND", "docs/.zfs/snapshot/s1/", "", 404}, {"PROPFIND", "docs/.zfs/snapshot/", "", 404},
		{"COPY", "docs/.zfs/snapshot/s1/in/b.txt", "docs/in/again.txt", 201}, {"COPY", "docs/.zfs/snapshot/s1/a.txt", "docs/in/stolen.txt", 404},
		{"COPY", "docs/.zfs/snapshot/s1/in/b.txt", "docs/out.txt", 404}, {"COPY", "docs/.zfs/snapshot/s1/", "docs/in/all", 404},
	} {
		asked := davDoor.call("", c.method, c.name, "", "Depth: 1")
		if c.to != "" {
			asked = davDoor.call("", c.method, c.name, "", "Destination: "+davDoor.path(c.to))
		}
		asked.basic = [2]string{"tester", password}
		r := d.answer(t, asked)
		if r.status != c.want {
			t.Errorf("%s %s %s: %d, want %d: %.300s", c.method, c.name, c.to, r.status, c.want, r.body)
		}
		if strings.Contains(r.body, "a.txt") {
			t.Errorf("%s %s shows a.txt: %.300s", c.method, c.name, r.body)
		}
	}
}

func TestNewContentHasNotTheTimeOfTheOld(t *testing.T) {
	d := newDoors(t, gatewaytest.Options{})
	d.ok(t, swiftDoor.call("tester", "PUT", "box", ""))
	for _, where := range []door{swiftDoor, davDoor, duraDoor} {
		d.ok(t, swiftDoor.call("tester", "PUT", "box/o", "old", "X-Object-Meta-Mtime: 1000000000"))
		d.ok(t, where.call("tester", "PUT", "box/o", "new"))
		if got := d.ok(t, davDoor.call("tester", "HEAD", "box/o", "")).header.Get("Last-Modified"); strings.Contains(got, "2001") {
			t.Errorf("%s: new content of %s", where.name, got)
		}
	}
}
