package protocols_test

import (
	"fmt"
	"strings"
	"testing"
)

// joinedWorld has c/d/slo, c/d/dlo and c/d/link, which read as the returned
// content; their parts are in the container parts.
func joinedWorld(t *testing.T) (d *doors, whole string) {
	t.Helper()
	d = matrixDoors(t)
	d.want(t, 201, swiftDoor.call("tester", "PUT", "parts", ""))
	var list []string
	for i, n := range []int{700, 20_000, 5} {
		body, name := noise(n), fmt.Sprint("parts/p", i)
		d.ok(t, swiftDoor.call("tester", "PUT", name, body))
		list = append(list, `{"path": "`+name+`"}`)
		whole += body
	}
	manifest := swiftDoor.call("tester", "PUT", "c/d/slo", "["+strings.Join(list, ",")+"]")
	manifest.path += "?multipart-manifest=put"
	d.ok(t, manifest)
	d.ok(t, swiftDoor.call("tester", "PUT", "c/d/dlo", "", "X-Object-Manifest: parts/p"))
	d.ok(t, swiftDoor.call("tester", "PUT", "c/d/link", "", "X-Symlink-Target: c/d/slo"))
	return d, whole
}

// What Swift joins or links is one file at every door: content, length, parts,
// conditions.
func TestLargeObjectsAndLinksAreFilesAtEveryDoor(t *testing.T) {
	d, whole := joinedWorld(t)
	tag := d.want(t, 200, swiftDoor.call("tester", "HEAD", "c/d/slo", "")).etag()
	for _, out := range contentDoors() {
		for _, name := range []string{"c/d/slo", "c/d/dlo", "c/d/link"} {
			got := d.want(t, 200, out.call("tester", "GET", name, ""))
			if got.body != whole {
				t.Errorf("%s %s: %d bytes", out.name, name, len(got.body))
			}
			head := d.want(t, 200, out.call("tester", "HEAD", name, ""))
			if head.header.Get("Content-Length") != fmt.Sprint(len(whole)) {
				t.Errorf("%s %s: HEAD says %v", out.name, name, head.header)
			}
			for _, r := range []reply{got, head} {
				joinedDigest(t, out.name+" "+name, r, tag, whole)
			}
			part := d.want(t, 206, out.call("tester", "GET", name, "", "Range: bytes=690-20703"))
			if part.body != whole[690:20704] {
				t.Errorf("%s %s: the part has %d bytes", out.name, name, len(part.body))
			}
		}
	}
	for _, e := range d.propfind(t, "tester", "c", "c/d/", "1")[1:] {
		if e.Prop[0].Length != fmt.Sprint(len(whole)) || e.Prop[0].ETag != `"`+tag+`"` {
			t.Errorf("PROPFIND shows %+v", e)
		}
	}
	d.want(t, 304, davDoor.call("tester", "GET", "c/d/dlo", "", `If-None-Match: "`+tag+`"`))
	d.want(t, 412, davDoor.call("tester", "PUT", "c/d/dlo", "x", `If-Match: "`+sum("")+`"`))
}

// joinedDigest fails unless an answer about joined content names its composite
// tag and no digest, or, as /durastore does from some moment after it was
// read, the digest of its bytes as both.
func joinedDigest(t *testing.T, what string, r reply, tag, whole string) {
	t.Helper()
	md5 := r.header.Get("Content-MD5")
	learned := strings.HasPrefix(what, duraDoor.name) && md5 == sum(whole) && r.etag() == md5
	if !learned && (md5 != "" || r.etag() != tag) || r.header.Get("OC-Checksum") != "" {
		t.Errorf("%s: digests %v", what, r.header)
	}
}

// A drive copies and moves large objects as they are, puts files in their
// place and deletes them; their parts stay.
func TestDriveHandlesLargeObjectsAsFiles(t *testing.T) {
	d, whole := joinedWorld(t)
	for _, name := range []string{"slo", "dlo"} {
		d.ok(t, davDoor.copyTo("tester", "c/d/"+name, "c/copied "+name))
		move := davDoor.copyTo("tester", "c/d/"+name, "c/moved "+name)
		move.method = "MOVE"
		d.ok(t, move)
		for _, kind := range []string{"copied ", "moved "} {
			got := d.want(t, 200, swiftDoor.call("tester", "GET", "c/"+kind+name, ""))
			large := got.header.Get("X-Static-Large-Object") + got.header.Get("X-Object-Manifest")
			if got.body != whole || large == "" {
				t.Errorf("%s%s: %d bytes, %v", kind, name, len(got.body), got.header)
			}
		}
		d.ok(t, davDoor.call("tester", "PUT", "c/moved "+name, "new"))
		got := d.want(t, 200, swiftDoor.call("tester", "GET", "c/moved "+name, ""))
		if got.body != "new" || got.etag() != sum("new") || got.header.Get("X-Object-Manifest") != "" {
			t.Errorf("over %s: %q, %v", name, got.body, got.header)
		}
		d.ok(t, davDoor.call("tester", "DELETE", "c/copied "+name, ""))
	}
	if got := len(d.swiftList(t, "tester", "parts", "")); got != 3 {
		t.Errorf("%d parts are left", got)
	}
}
