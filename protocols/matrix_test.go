package protocols_test

import (
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"entrepot/gateway"
	"entrepot/gateway/gatewaytest"
	"entrepot/store"
)

// noise is n bytes that nothing else holds.
func noise(n int) string {
	b := make([]byte, n)
	rand.NewChaCha8([32]byte{byte(n), byte(n >> 8)}).Read(b)
	return string(b)
}

func sum(body string) string {
	s := md5.Sum([]byte(body))
	return hex.EncodeToString(s[:])
}

// eachPair runs a test for every door to write through and every door to read
// through.
func eachPair(t *testing.T, test func(t *testing.T, in, out door)) {
	t.Helper()
	for _, in := range contentDoors() {
		for _, out := range contentDoors() {
			t.Run(in.name+" to "+out.name, func(t *testing.T) { test(t, in, out) })
		}
	}
}

// What goes in through one door comes out of each: bytes, digest, type,
// length, parts.
func TestBytesGoInAndOutOfEveryDoor(t *testing.T) {
	d := newDoors(t, gatewaytest.Options{InlineLimit: store.DefaultInlineLimit})
	d.want(t, 201, swiftDoor.call("tester", "PUT", "c", ""))
	limit := store.DefaultInlineLimit
	eachPair(t, func(t *testing.T, in, out door) {
		for _, n := range []int{0, 1, 100, limit - 1, limit, limit + 1, 3<<20 + 7} {
			for _, chunked := range []bool{false, true} {
				body, name := noise(n), fmt.Sprintf("c/%s %s ünï%%20& #%s %d", in.name, out.name, question(in), n)
				put := in.call("tester", "PUT", name, body, "Content-Type: image/x-test;q=1")
				put.chunked = chunked && n > 0
				if r := d.ok(t, put); r.etag() != sum(body) {
					t.Errorf("%v answers with ETag %q", put, r.etag())
				}
				got := d.want(t, 200, out.call("tester", "GET", name, ""))
				if got.body != body || got.etag() != sum(body) || got.header.Get("Content-Type") != "image/x-test;q=1" {
					t.Errorf("%d bytes: read %d, ETag %s, type %q", n, len(got.body), got.etag(), got.header.Get("Content-Type"))
				}
				head := d.want(t, 200, out.call("tester", "HEAD", name, ""))
				if head.header.Get("Content-Length") != fmt.Sprint(n) || head.etag() != sum(body) {
					t.Errorf("%d bytes: HEAD says %v", n, head.header)
				}
				if n > 10 {
					part := d.want(t, 206, out.call("tester", "GET", name, "", "Range: bytes=5-9"))
					if part.body != body[5:10] {
						t.Errorf("%d bytes: the part is %q", n, part.body)
					}
				}
			}
		}
	})
}

// question is a character that is special in URLs, and that one door takes in
// no new name.
func question(in door) string {
	if in == duraDoor {
		return "'"
	}
	return "?"
}

// A second write through another door replaces the first whole, and a
// condition that holds at one door holds at the other.
func TestOverwritesAndConditionsAgree(t *testing.T) {
	d := matrixDoors(t)
	eachPair(t, func(t *testing.T, in, out door) {
		name := "c/" + in.name + out.name
		d.ok(t, in.call("tester", "PUT", name, noise(500)))
		if out == duraDoor {
			d.want(t, 200, out.call("tester", "GET", name, "", "If-None-Match: "+sum(noise(500))))
			return
		}
		d.want(t, 412, out.call("tester", "PUT", name, "x", "If-None-Match: *"))
		d.want(t, 304, out.call("tester", "GET", name, "", `If-None-Match: "`+sum(noise(500))+`"`))
		d.ok(t, out.call("tester", "PUT", name, "short", `Content-Type: text/plain`))
		got := d.want(t, 200, in.call("tester", "GET", name, ""))
		if got.body != "short" || got.header.Get("Content-Type") != "text/plain" {
			t.Errorf("read %q of type %q", got.body, got.header.Get("Content-Type"))
		}
	})
}

const win32 = `<propertyupdate xmlns="DAV:" xmlns:Z="urn:schemas-microsoft-com:"><set><prop>` +
	`<Z:Win32LastModifiedTime>%s</Z:Win32LastModifiedTime></prop></set></propertyupdate>`

// The user-visible modification time is one field with three spellings.
func TestModificationTimeIsOneField(t *testing.T) {
	d := matrixDoors(t)
	when := time.Date(2021, 3, 4, 5, 6, 7, 0, time.UTC)
	epoch := fmt.Sprint(when.Unix())
	for name, set := range map[string]func(file string){
		"X-Object-Meta-Mtime": func(file string) {
			d.ok(t, swiftDoor.call("tester", "PUT", file, "x", "X-Object-Meta-Mtime: "+epoch))
		},
		"X-Object-Meta-Mtime of a POST": func(file string) {
			d.ok(t, davDoor.call("tester", "PUT", file, "x"))
			d.ok(t, swiftDoor.call("tester", "POST", file, "", "X-Object-Meta-Mtime: "+epoch))
		},
		"X-OC-Mtime": func(file string) { d.ok(t, davDoor.call("tester", "PUT", file, "x", "X-OC-Mtime: "+epoch)) },
		"PROPPATCH": func(file string) {
			d.ok(t, swiftDoor.call("tester", "PUT", file, "x"))
			d.want(t, 207, davDoor.call("tester", "PROPPATCH", file, fmt.Sprintf(win32, when.Format(http.TimeFormat))))
		},
	} {
		t.Run(name, func(t *testing.T) {
			file := "c/" + strings.ReplaceAll(name, " ", "")
			set(file)
			d.Clock.Advance(time.Hour)
			for _, copied := range []string{"", "copied by swift", "copied by dav"} {
				switch copied {
				case "copied by swift":
					d.ok(t, swiftDoor.copyTo("tester", file, file+"1"))
					file += "1"
				case "copied by dav":
					d.ok(t, davDoor.copyTo("tester", file, file+"2"))
					file += "2"
				}
				if got := d.ok(t, swiftDoor.call("tester", "HEAD", file, "")).header.Get("X-Object-Meta-Mtime"); got != epoch {
					t.Errorf("%s: X-Object-Meta-Mtime %q, want %q", copied, got, epoch)
				}
				if got := d.ok(t, davDoor.call("tester", "HEAD", file, "")).header.Get("Last-Modified"); got != when.Format(http.TimeFormat) {
					t.Errorf("%s: Last-Modified of the drive is %q", copied, got)
				}
				if got := d.propfind(t, "tester", "c", file, "0")[0].Prop[0].Modified; got != when.Format(http.TimeFormat) {
					t.Errorf("%s: getlastmodified is %q", copied, got)
				}
			}
		})
	}
}

// Properties that Swift set outlive what a drive does to the file.
func TestPropertiesOutliveADrive(t *testing.T) {
	d := matrixDoors(t)
	d.ok(t, davDoor.call("tester", "MKCOL", "c/f", ""))
	d.ok(t, davDoor.call("tester", "MKCOL", "e", ""))
	d.ok(t, swiftDoor.call("tester", "PUT", "c/a", "x", "X-Object-Meta-Colour: blue", "Content-Type: text/x-a"))
	name := "c/a"
	for _, step := range []struct {
		call
		name string
	}{
		{davDoor.call("tester", "PUT", "c/a", "other", "Content-Type: text/x-a"), "c/a"},
		{davDoor.copyTo("tester", "c/a", "c/b"), "c/b"},
		{davDoor.call("tester", "MOVE", "c/b", "", "Destination: /dav/c/f/b"), "c/f/b"},
		{davDoor.call("tester", "MOVE", "c/f", "", "Destination: /dav/e/g"), "e/g/b"},
		{davDoor.call("tester", "MOVE", "e", "", "Destination: /dav/h"), "h/g/b"},
		{swiftDoor.copyTo("tester", "h/g/b", "c/z"), "c/z"},
	} {
		d.ok(t, step.call)
		name = step.name
		got := d.want(t, 200, swiftDoor.call("tester", "GET", name, ""))
		if got.header.Get("X-Object-Meta-Colour") != "blue" || got.body != "other" || got.header.Get("Content-Type") != "text/x-a" {
			t.Errorf("after %v: %q, colour %q, type %q", step.call, got.body, got.header.Get("X-Object-Meta-Colour"), got.header.Get("Content-Type"))
		}
	}
	// Dead properties of a drive outlive Swift's copy of properties.
	patch := `<propertyupdate xmlns="DAV:"><set><prop><n:p xmlns:n="urn:n">kept</n:p></prop></set></propertyupdate>`
	d.want(t, 207, davDoor.call("tester", "PROPPATCH", name, patch))
	d.ok(t, swiftDoor.call("tester", "POST", name, "", "X-Object-Meta-Colour: red"))
	if r := d.want(t, 207, davDoor.call("tester", "PROPFIND", name, "", "Depth: 0")); !strings.Contains(r.body, ">kept<") {
		t.Errorf("the dead property went with a POST: %s", r.body)
	}
}

// Both doors list the same files with the same sizes and digests.
func TestListingsAgree(t *testing.T) {
	d := matrixDoors(t)
	want := map[string]string{}
	for i, name := range []string{"a", "b/x", "b/y/z", "ü & co/☃", "with space", "pro%cent", "z"} {
		body := noise(10 * i)
		d.ok(t, swiftDoor.call("tester", "PUT", "c/"+name, body, "Content-Type: text/x-test"))
		want[name] = fmt.Sprintf("%d %s text/x-test", len(body), sum(body))
	}
	d.ok(t, davDoor.call("tester", "PUT", "c/b/v", "drive", "Content-Type: text/x-test"))
	want["b/v"] = fmt.Sprintf("%d %s text/x-test", 5, sum("drive"))
	var names []string
	for _, e := range d.swiftList(t, "tester", "c", "") {
		names = append(names, e.Name)
		if got := fmt.Sprintf("%d %s %s", e.Bytes, e.Hash, e.ContentType); got != want[e.Name] {
			t.Errorf("swift lists %q as %q, want %q", e.Name, got, want[e.Name])
		}
	}
	if !slices.IsSorted(names) || len(names) != len(want) {
		t.Errorf("swift lists %q", names)
	}
	files := 0
	for _, e := range d.propfind(t, "tester", "c", "c/", "infinity") {
		p := e.Prop[0]
		if p.Folder != nil {
			continue
		}
		files++
		if got := fmt.Sprintf("%s %s %s", p.Length, strings.Trim(p.ETag, `"`), p.Type); got != want[e.name] {
			t.Errorf("the drive lists %q as %q, want %q", e.name, got, want[e.name])
		}
	}
	if files != len(want) {
		t.Errorf("the drive lists %d files, want %d", files, len(want))
	}
	// Folder by folder, a drive shows what a delimiter listing shows.
	for _, folder := range []string{"", "b/", "b/y/"} {
		var rows []string
		for _, e := range d.swiftList(t, "tester", "c", "&delimiter=/&prefix="+folder) {
			rows = append(rows, e.Name+e.Subdir)
		}
		if got := d.members(t, "c", "c/"+folder, "1"); !slices.Equal(got, rows) {
			t.Errorf("%q: the drive has %q, swift %q", folder, got, rows)
		}
	}
}

// A copy and a removal through one door are seen through the other.
func TestCopiesAndRemovalsAgree(t *testing.T) {
	d := matrixDoors(t)
	eachPair(t, func(t *testing.T, in, out door) {
		from, to := "c/from "+in.name+out.name, "c/to "+in.name+out.name
		body := noise(300)
		d.ok(t, out.call("tester", "PUT", from, body))
		d.ok(t, in.copyTo("tester", from, to))
		d.ok(t, in.call("tester", "DELETE", from, ""))
		d.want(t, 404, out.call("tester", "GET", from, ""))
		if got := d.want(t, 200, out.call("tester", "GET", to, "")); got.body != body {
			t.Errorf("the copy has %d bytes", len(got.body))
		}
		d.ok(t, out.call("tester", "DELETE", to, ""))
		d.want(t, 404, in.call("tester", "DELETE", to, ""))
	})
	if c := d.want(t, 204, swiftDoor.call("tester", "HEAD", "c", "")); c.header.Get("X-Container-Object-Count") != "0" ||
		c.header.Get("X-Container-Bytes-Used") != "0" {
		t.Errorf("the container counts %v", c.header)
	}
	d.Store.Drain(t.Context())
	if n, err := d.Store.ContentCount(t.Context()); err != nil || n != 0 {
		t.Errorf("%d contents are left (%v)", n, err)
	}
}

// A file or folder that is there for one door is there for the other, whoever
// made or took it.
func TestFoldersAgree(t *testing.T) {
	d := matrixDoors(t)
	member := func(t *testing.T, path string, want ...string) {
		t.Helper()
		if got := d.members(t, "c", path, "1"); !slices.Equal(got, want) {
			t.Errorf("%s has %q, want %q", path, got, want)
		}
	}
	t.Run("an object implies its folders", func(t *testing.T) {
		d.ok(t, swiftDoor.call("tester", "PUT", "c/a/b/x", "x"))
		member(t, "c/", "a/")
		member(t, "c/a/", "a/b/")
		member(t, "c/a/b/", "a/b/x")
	})
	t.Run("a folder is a marker", func(t *testing.T) {
		d.want(t, 201, davDoor.call("tester", "MKCOL", "c/n/", ""))
		list := d.swiftList(t, "tester", "c", "&prefix=n")
		if len(list) != 1 || list[0] != (swiftEntry{Name: "n/", Hash: sum(""), ContentType: "application/directory"}) {
			t.Errorf("swift lists %+v", list)
		}
	})
	t.Run("both forms of marker are folders", func(t *testing.T) {
		d.ok(t, swiftDoor.call("tester", "PUT", "c/m1/", "", "Content-Type: text/plain"))
		d.ok(t, swiftDoor.call("tester", "PUT", "c/m2", "", "Content-Type: application/x-directory"))
		for _, e := range d.propfind(t, "tester", "c", "c/", "1") {
			if strings.HasPrefix(e.name, "m") && (e.Prop[0].Folder == nil || !strings.HasSuffix(e.name, "/")) {
				t.Errorf("%s is no folder", e.name)
			}
		}
		d.want(t, 201, davDoor.call("tester", "PUT", "c/m2/x", "x"))
		d.want(t, 204, davDoor.call("tester", "DELETE", "c/m2/", ""))
		for _, gone := range []string{"c/m2", "c/m2/x", "c/m2/"} {
			d.want(t, 404, swiftDoor.call("tester", "GET", gone, ""))
		}
	})
	t.Run("an implied folder ends with its last object", func(t *testing.T) {
		d.ok(t, swiftDoor.call("tester", "PUT", "c/i/x", "x"))
		d.ok(t, swiftDoor.call("tester", "DELETE", "c/i/x", ""))
		d.want(t, 404, davDoor.call("tester", "PROPFIND", "c/i/", "", "Depth: 0"))
	})
	t.Run("a drive's folder stays when its last member goes", func(t *testing.T) {
		for _, empty := range []call{
			davDoor.call("tester", "DELETE", "c/k/x", ""),
			davDoor.call("tester", "MOVE", "c/k/x", "", "Destination: /dav/c/moved", "Overwrite: T"),
		} {
			d.ok(t, swiftDoor.call("tester", "PUT", "c/k/x", "x"))
			d.ok(t, empty)
			d.want(t, 207, davDoor.call("tester", "PROPFIND", "c/k/", "", "Depth: 0"))
			d.ok(t, swiftDoor.call("tester", "DELETE", "c/k/", ""))
		}
	})
	t.Run("a file beside a folder of its name", func(t *testing.T) {
		d.ok(t, swiftDoor.call("tester", "PUT", "c/t/x", "below"))
		d.ok(t, swiftDoor.call("tester", "PUT", "c/t", "beside"))
		if got := d.want(t, 200, davDoor.call("tester", "GET", "c/t", "")); got.body != "beside" {
			t.Errorf("GET of the file reads %q", got.body)
		}
		if all := d.members(t, "c", "c/", "1"); slices.Contains(all, "t") || !slices.Contains(all, "t/") {
			t.Errorf("the drive lists %q", all)
		}
		d.want(t, 405, davDoor.call("tester", "PUT", "c/t", "x"))
		d.want(t, 204, davDoor.call("tester", "DELETE", "c/t", ""))
		d.want(t, 404, swiftDoor.call("tester", "GET", "c/t", ""))
		d.want(t, 404, swiftDoor.call("tester", "GET", "c/t/x", ""))
	})
	t.Run("a drive makes no such pair", func(t *testing.T) {
		d.ok(t, swiftDoor.call("tester", "PUT", "c/u/x", "x"))
		d.ok(t, swiftDoor.call("tester", "PUT", "c/file", "x"))
		d.want(t, 405, davDoor.call("tester", "PUT", "c/u", "x"))
		d.want(t, 405, davDoor.call("tester", "MKCOL", "c/u", ""))
		d.want(t, 405, davDoor.call("tester", "MKCOL", "c/file", ""))
		d.want(t, 409, davDoor.call("tester", "PUT", "c/file/x", "x"))
		d.want(t, 409, davDoor.call("tester", "MKCOL", "c/file/x", ""))
		d.want(t, 409, davDoor.call("tester", "PUT", "c/nowhere/x", "x"))
	})
	t.Run("containers are folders of the root", func(t *testing.T) {
		d.want(t, 201, davDoor.call("tester", "MKCOL", "made", ""))
		d.want(t, 202, swiftDoor.call("tester", "PUT", "made", ""))
		d.want(t, 201, davDoor.call("tester", "MOVE", "made", "", "Destination: /dav/renamed"))
		d.want(t, 404, swiftDoor.call("tester", "HEAD", "made", ""))
		d.want(t, 204, swiftDoor.call("tester", "DELETE", "renamed", ""))
		d.want(t, 404, davDoor.call("tester", "PROPFIND", "renamed", "", "Depth: 0"))
		d.want(t, 403, davDoor.call("tester", "PUT", "beside", "x"))
	})
	t.Run("an empty container becomes a folder", func(t *testing.T) {
		d.ok(t, davDoor.call("tester", "MKCOL", "empty", ""))
		d.want(t, 201, davDoor.call("tester", "MOVE", "empty", "", "Destination: /dav/c/was"))
		member(t, "c/was/")
		d.want(t, 201, davDoor.call("tester", "MOVE", "c/was", "", "Destination: /dav/again"))
		if list := d.swiftList(t, "tester", "again", ""); len(list) != 0 {
			t.Errorf("swift lists %+v in the folder that became a container", list)
		}
	})
}

const lockBody = `<lockinfo xmlns="DAV:"><lockscope><exclusive/></lockscope><locktype><write/></locktype></lockinfo>`

// A lock that a drive took binds Swift as well.
func TestLocksBindEveryDoor(t *testing.T) {
	d := matrixDoors(t)
	for _, name := range []string{"c/a", "c/f/x", "c/g/x", "c/free"} {
		d.ok(t, swiftDoor.call("tester", "PUT", name, "old"))
	}
	lock := func(path, depth string) string {
		t.Helper()
		return d.want(t, 200, davDoor.call("tester", "LOCK", path, lockBody, "Depth: "+depth)).header.Get("Lock-Token")
	}
	file := lock("c/a", "0")
	lock("c/f/", "infinity")
	lock("c/g/", "0")
	for _, refused := range []call{
		swiftDoor.call("tester", "PUT", "c/a", "new"),
		swiftDoor.call("tester", "POST", "c/a", "", "X-Object-Meta-Colour: red"),
		swiftDoor.call("tester", "DELETE", "c/a", ""),
		swiftDoor.copyTo("tester", "c/free", "c/a"),
		swiftDoor.call("tester", "PUT", "c/a", "", "X-Copy-From: /c/free"),
		swiftDoor.call("tester", "PUT", "c/f/x", "new"),
		swiftDoor.call("tester", "PUT", "c/f/new", "new"),
		swiftDoor.call("tester", "PUT", "c/f/deep/new", "new"),
		swiftDoor.call("tester", "DELETE", "c/f/x", ""),
		swiftDoor.call("tester", "PUT", "c/g/new", "new"),
		swiftDoor.call("tester", "DELETE", "c/g/x", ""),
		davDoor.call("tester", "PUT", "c/a", "new"),
		davDoor.call("tester", "DELETE", "c/g/x", ""),
	} {
		d.want(t, 423, refused)
	}
	for _, allowed := range []call{
		swiftDoor.call("tester", "GET", "c/a", ""),
		swiftDoor.call("tester", "PUT", "c/g/x", "new"), // not its list of members
		swiftDoor.call("tester", "PUT", "c/free", "new"),
		swiftDoor.copyTo("tester", "c/a", "c/copy"),
		davDoor.call("tester", "PUT", "c/a", "held", "If: ("+file+")"),
		davDoor.call("tester", "UNLOCK", "c/a", "", "Lock-Token: "+file),
		swiftDoor.call("tester", "PUT", "c/a", "last"),
	} {
		d.ok(t, allowed)
	}
	if got := d.want(t, 200, davDoor.call("tester", "GET", "c/f/x", "")); got.body != "old" {
		t.Errorf("the locked file reads %q", got.body)
	}
	d.Clock.Advance(25 * time.Hour) // locks end, tokens too
	clear(d.tokens)
	d.ok(t, swiftDoor.call("tester", "DELETE", "c/f/x", ""))
}

// limitDepot gives tester's depot a limit.
func (d *doors) limitDepot(t *testing.T, bytes int64) {
	t.Helper()
	depots, err := d.Gateway.Depots.Owned(d.Operator(), "tester", 0, false)
	if err != nil || len(depots) != 1 {
		t.Fatalf("%d depots: %v", len(depots), err)
	}
	err = d.Gateway.Depots.SetLimits(d.Operator(), "tester", depots[0].ID, gateway.DepotLimits{Storage: bytes}, gateway.DepotCall{Command: "test"})
	if err != nil {
		t.Fatal(err)
	}
}

// A full depot refuses growth at every door, each in its own words, and loses
// nothing.
func TestDepotLimitsBindEveryDoor(t *testing.T) {
	full := map[string]int{"swift": 413, "dav": 507, "duracloud": 507}
	eachPair(t, func(t *testing.T, in, out door) {
		d := matrixDoors(t)
		d.ok(t, out.call("tester", "PUT", "c/old", noise(600)))
		d.limitDepot(t, 1000)
		status := full[in.name]
		d.want(t, status, in.call("tester", "PUT", "c/new", noise(401)))
		d.want(t, status, in.call("tester", "PUT", "c/old", noise(1001)))
		chunked := in.call("tester", "PUT", "c/old", noise(1001))
		chunked.chunked = true
		d.want(t, status, chunked)
		d.want(t, status, in.copyTo("tester", "c/old", "c/copy"))
		d.want(t, 404, out.call("tester", "GET", "c/new", ""))
		d.want(t, 404, out.call("tester", "GET", "c/copy", ""))
		if got := d.want(t, 200, out.call("tester", "GET", "c/old", "")); got.body != noise(600) {
			t.Errorf("the old content is %d bytes", len(got.body))
		}
		d.ok(t, in.call("tester", "PUT", "c/fits", noise(400)))
		d.ok(t, in.call("tester", "PUT", "c/old", noise(600))) // no growth
		d.limitDepot(t, 10)
		d.want(t, status, in.call("tester", "PUT", "c/new", "x"))
		d.ok(t, in.call("tester", "PUT", "c/old", "short")) // shrinking
		d.ok(t, in.call("tester", "DELETE", "c/fits", ""))
		d.ok(t, in.call("tester", "PUT", "c/new", "12345"))
		a := d.ok(t, swiftDoor.call("tester", "HEAD", "c", ""))
		if a.header.Get("X-Container-Bytes-Used") != "10" || a.header.Get("X-Container-Object-Count") != "2" {
			t.Errorf("the container counts %v", a.header)
		}
		d.Store.Drain(t.Context())
		if n, err := d.Store.ContentCount(t.Context()); err != nil || n != 2 {
			t.Errorf("%d contents are kept, want 2 (%v)", n, err)
		}
	})
}

// What an access list gives and denies is the same at every door.
func TestRightsAreTheSameAtEveryDoor(t *testing.T) {
	d := matrixDoors(t)
	d.ok(t, swiftDoor.call("tester", "PUT", "c/a", "x"))
	for _, c := range []struct {
		name, read, write     string
		user                  string
		get, put, list, other int // other: a container that is not theirs to make
	}{
		{"nothing for another user", "", "", "tester3", 403, 403, 403, 403},
		{"nothing for another account", "", "", "tester2", 403, 403, 403, 403},
		{"nothing for nobody", "", "", "", 401, 401, 401, 401},
		{"reading", "test:tester3", "", "tester3", 200, 403, 200, 403},
		{"reading, another account", "test2:tester2", "", "tester2", 200, 403, 200, 403},
		{"writing", "test:tester3", "test:tester3", "tester3", 200, 201, 200, 403},
		{"writing, another account", "test2:tester2", "test2:tester2", "tester2", 200, 201, 200, 403},
		{"the owner", "", "", "tester", 200, 201, 200, 201},
		{"the administrator", "", "", "admin", 200, 201, 200, 201},
		{"an auditor", "", "", "tester6", 200, 403, 200, 403},
	} {
		t.Run(c.name, func(t *testing.T) {
			d.ok(t, swiftDoor.call("tester", "POST", "c", "", "X-Container-Read: "+c.read, "X-Container-Write: "+c.write))
			for i, door := range []door{swiftDoor, davElse} {
				list := door.call(c.user, "GET", "c", "")
				list.path += "?format=json"
				listed := c.list
				if door.name == "dav" {
					list = door.call(c.user, "PROPFIND", "c/", "", "Depth: 1")
					if listed == 200 {
						listed = 207
					}
				}
				fresh := fmt.Sprintf("c/%s %d", c.name, i)
				d.want(t, listed, list)
				d.want(t, c.get, door.call(c.user, "GET", "c/a", ""))
				d.want(t, c.put, door.call(c.user, "PUT", fresh, "x"))
				if c.put == 201 {
					d.want(t, 204, door.call(c.user, "DELETE", fresh, ""))
				} else {
					d.want(t, c.put, door.call(c.user, "DELETE", "c/a", ""))
				}
				another := door.call(c.user, "PUT", fmt.Sprintf("made%s%d", c.user, i), "")
				if door.name == "dav" {
					another.method = "MKCOL"
				}
				d.want(t, c.other, another)
			}
		})
	}
}
