package protocols_test

import (
	"encoding/xml"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// duraList is a space's listing at the DuraCloud door.
func (d *doors) duraList(t testing.TB, user, space, query string) []string {
	t.Helper()
	c := duraDoor.call(user, "GET", space, "")
	c.path += query
	var doc struct {
		Items []string `xml:"item"`
	}
	if err := xml.Unmarshal([]byte(d.want(t, 200, c).body), &doc); err != nil {
		t.Fatal(err)
	}
	return doc.Items
}

// A space lists what the other doors put, in the same order, but no markers
// of folders; what is put there is a file on the drive.
func TestSpacesListWhatEveryDoorPut(t *testing.T) {
	d := matrixDoors(t)
	d.ok(t, swiftDoor.call("tester", "PUT", "c/a & b", "1"))
	d.ok(t, davDoor.call("tester", "MKCOL", "c/folder", ""))
	d.ok(t, davDoor.call("tester", "PUT", "c/folder/ü", "2"))
	d.ok(t, swiftDoor.call("tester", "PUT", "c/marked", "", "Content-Type: application/directory"))
	d.ok(t, duraDoor.call("tester", "PUT", "c/kept", "", "Content-Type: application/directory"))
	d.ok(t, duraDoor.call("tester", "PUT", "c//z//deep", "3"))
	want := []string{"a & b", "folder/ü", "kept", "z/deep"}
	if got := d.duraList(t, "tester", "c", ""); !slices.Equal(got, want) {
		t.Errorf("the space lists %q, want %q", got, want)
	}
	if got := d.want(t, 200, duraDoor.call("tester", "HEAD", "c", "")).header.Get("x-dura-meta-space-count"); got != "4" {
		t.Errorf("the space counts %s", got)
	}
	var swift []string
	for _, e := range d.swiftList(t, "tester", "c", "") {
		swift = append(swift, e.Name)
	}
	if want := []string{"a & b", "folder/", "folder/ü", "kept", "marked", "z/deep"}; !slices.Equal(swift, want) {
		t.Errorf("swift lists %q, want %q", swift, want)
	}
	if got := d.members(t, "c", "c/z/", "1"); !slices.Equal(got, []string{"z/deep"}) {
		t.Errorf("the drive has %q", got)
	}
	d.ok(t, davDoor.call("tester", "DELETE", "c/folder", ""))
	d.ok(t, swiftDoor.call("tester", "DELETE", "c/kept", ""))
	if got := d.duraList(t, "tester", "c", ""); !slices.Equal(got, []string{"a & b", "z/deep"}) {
		t.Errorf("the space lists %q", got)
	}
}

// A property is one with three spellings; a modification time too.
func TestPropertiesHaveASpellingAtEachDoor(t *testing.T) {
	d := matrixDoors(t)
	d.ok(t, duraDoor.call("tester", "PUT", "c/a", "x", "x-dura-meta-Colour: blue", "x-dura-meta-mtime: 1614834367", "Content-Type: text/x-a"))
	h := d.ok(t, swiftDoor.call("tester", "HEAD", "c/a", "")).header
	if h.Get("X-Object-Meta-Colour") != "blue" || h.Get("X-Object-Meta-Mtime") != "1614834367" || h.Get("Content-Type") != "text/x-a" {
		t.Errorf("swift shows %v", h)
	}
	if got := d.ok(t, davDoor.call("tester", "HEAD", "c/a", "")).header.Get("Last-Modified"); got != "Thu, 04 Mar 2021 05:06:07 GMT" {
		t.Errorf("the drive shows %q", got)
	}
	d.ok(t, davDoor.call("tester", "PUT", "c/a", "other"))
	d.ok(t, swiftDoor.call("tester", "POST", "c/a", "", "X-Object-Meta-Size: big", "X-Object-Meta-Colour: ünï"))
	r := d.ok(t, duraDoor.call("tester", "HEAD", "c/a", ""))
	if r.header.Get("x-dura-meta-size") != "big" || r.header.Get("x-dura-meta-colour") != "UTF-8''%C3%BCn%C3%AF" {
		t.Errorf("the space shows %v", r.header)
	}
	d.ok(t, duraDoor.call("tester", "PUT", "c/b", "x", "x-dura-meta-content-file-modified: 2014-09-10T15:54:42.042"))
	if got := d.ok(t, davDoor.call("tester", "HEAD", "c/b", "")).header.Get("Last-Modified"); got != "Wed, 10 Sep 2014 15:54:42 GMT" {
		t.Errorf("the time of the file is %q on the drive", got)
	}
}

// One access list: what is granted at one door counts at the others.
func TestGrantsCountAtEveryDoor(t *testing.T) {
	d := matrixDoors(t)
	d.ok(t, swiftDoor.call("tester", "PUT", "c/a", "x"))
	see := func(want int) {
		t.Helper()
		for _, door := range contentDoors() {
			d.want(t, want, door.call("tester3", "GET", "c/a", ""))
		}
	}
	see(403)
	d.ok(t, duraDoor.call("tester", "POST", "acl/c", "", "x-dura-meta-acl-tester3: READ"))
	see(200)
	d.want(t, 403, duraDoor.call("tester3", "PUT", "c/b", "x"))
	d.ok(t, swiftDoor.call("tester", "POST", "c", "", "X-Container-Write: test:tester3"))
	d.ok(t, duraDoor.call("tester3", "PUT", "c/b", "x"))
	d.ok(t, swiftDoor.call("tester", "POST", "c", "", "X-Container-Read: .r:*,.rlistings"))
	if r := d.ok(t, duraDoor.call("tester", "HEAD", "acl/c", "")); r.header.Get("x-dura-meta-acl-group-public") != "READ" ||
		r.header.Get("x-dura-meta-acl-tester3") != "WRITE" {
		t.Errorf("the access list is %v", r.header)
	}
	d.ok(t, duraDoor.call("", "GET", "c/a", ""))
}

// A lock of the drive binds the space, and so does its removal.
func TestLocksOfTheDriveBindSpaces(t *testing.T) {
	d := matrixDoors(t)
	d.ok(t, swiftDoor.call("tester", "PUT", "c/a", "x"))
	lock := `<lockinfo xmlns="DAV:"><lockscope><exclusive/></lockscope><locktype><write/></locktype></lockinfo>`
	r := d.ok(t, davDoor.call("tester", "LOCK", "c/a", lock, "Timeout: Second-600"))
	d.want(t, 423, duraDoor.call("tester", "PUT", "c/a", "y"))
	d.want(t, 423, duraDoor.call("tester", "POST", "c/a", "", "x-dura-meta-k: v"))
	d.want(t, 423, duraDoor.call("tester", "DELETE", "c/a", ""))
	d.want(t, 423, duraDoor.call("tester", "DELETE", "c", ""))
	d.ok(t, davDoor.call("tester", "UNLOCK", "c/a", "", "Lock-Token: "+r.header.Get("Lock-Token")))
	d.ok(t, duraDoor.call("tester", "DELETE", "c", ""))
	d.want(t, 404, davDoor.call("tester", "PROPFIND", "c/", "", "Depth: 0"))
}

// Manifests hold what any door put, with the digests that it answered with.
func TestManifestsHoldWhatEveryDoorPut(t *testing.T) {
	d := matrixDoors(t)
	var want []string
	for _, door := range contentDoors() {
		r := d.ok(t, door.call("tester", "PUT", "c/"+door.name, door.name))
		want = append(want, fmt.Sprintf("%s  c/%s\n", r.etag(), door.name))
	}
	slices.SortFunc(want, func(a, b string) int { return strings.Compare(a[32:], b[32:]) })
	c := duraDoor.call("tester", "GET", "manifest/c", "")
	c.path += "?format=bagit"
	if got := d.ok(t, c).body; got != strings.Join(want, "") {
		t.Errorf("the manifest is\n%s, want\n%s", got, strings.Join(want, ""))
	}
}

// What only drives know of a file stays when its content or its properties are
// replaced as an item's, and goes with the file, or when Swift replaces it.
func TestDeadPropertiesStayWhenAnItemIsPutAgain(t *testing.T) {
	d := matrixDoors(t)
	dead := func() bool {
		body := d.ok(t, davDoor.call("tester", "PROPFIND", "c/a", `<D:propfind xmlns:D="DAV:" xmlns:x="urn:x"><D:prop><x:dead/></D:prop></D:propfind>`, "Depth: 0")).body
		return strings.Contains(body, "alive")
	}
	d.ok(t, duraDoor.call("tester", "PUT", "c/a", "x"))
	d.ok(t, davDoor.call("tester", "PROPPATCH", "c/a",
		`<D:propertyupdate xmlns:D="DAV:"><D:set><D:prop><x:dead xmlns:x="urn:x">alive</x:dead></D:prop></D:set></D:propertyupdate>`))
	for _, c := range []call{
		duraDoor.call("tester", "POST", "c/a", "", "x-dura-meta-k: v"),
		duraDoor.call("tester", "PUT", "c/a", "other"),
		davDoor.call("tester", "PUT", "c/a", "third"),
	} {
		d.ok(t, c)
		if !dead() {
			t.Fatalf("%s %s: the dead property is gone", c.method, c.path)
		}
	}
	d.ok(t, duraDoor.call("tester", "DELETE", "c/a", ""))
	d.ok(t, duraDoor.call("tester", "PUT", "c/a", "again"))
	if dead() {
		t.Error("a new item has what the deleted one had")
	}
}
