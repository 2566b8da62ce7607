package protocols_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"entrepot/gateway"
	"entrepot/gateway/gatewaytest"
	"entrepot/protocols/duracloud"
	"entrepot/store"
)

// chunkedFile puts a file in n chunks as DuraCloud's tools do, and returns its
// bytes.
func (d *doors) chunkedFile(t testing.TB, name string, n, size int) string {
	t.Helper()
	space, id, _ := strings.Cut(name, "/")
	whole := noise(n*size - size/2) // the last chunk is half as long
	m := gateway.ChunkManifest{ContentID: id, ContentType: "application/octet-stream", Size: int64(len(whole)), MD5: sum(whole)}
	for i := range n {
		part := whole[i*size : min((i+1)*size, len(whole))]
		c := gateway.Chunk{ID: fmt.Sprintf("%s.dura-chunk-%04d", id, i), Size: int64(len(part)), MD5: sum(part)}
		d.want(t, 201, duraDoor.call("tester", "PUT", space+"/"+c.ID, part, "Content-MD5: "+c.MD5, "Content-Type: application/octet-stream"))
		m.Chunks = append(m.Chunks, c)
	}
	text := string(duracloud.Chunks{}.Write(&m))
	d.want(t, 201, duraDoor.call("tester", "PUT", name+".dura-manifest", text, "Content-Type: application/xml", "Content-MD5: "+sum(text)))
	return whole
}

// isWhole reads a chunked file on the drive, whole and in part.
func (d *doors) isWhole(t testing.TB, name, whole string) {
	t.Helper()
	r := d.want(t, 200, davDoor.call("tester", "GET", name, ""))
	if r.body != whole || r.etag() != sum(whole) || r.header.Get("Content-Length") != fmt.Sprint(len(whole)) {
		t.Errorf("%s: %d bytes of %d, tag %s, %v", name, len(r.body), len(whole), r.etag(), r.header)
	}
	part := d.want(t, 206, davDoor.call("tester", "GET", name, "", fmt.Sprintf("Range: bytes=90-%d", len(whole)-20)))
	if part.body != whole[90:len(whole)-19] {
		t.Errorf("%s: a part of %d bytes is wrong", name, len(part.body))
	}
	d.want(t, 304, davDoor.call("tester", "GET", name, "", `If-None-Match: "`+sum(whole)+`"`))
	p := d.propfind(t, "tester", name, name, "0")[0].Prop[0]
	if p.Length != fmt.Sprint(len(whole)) || strings.Trim(p.ETag, `"`) != sum(whole) || p.Type != "video/mp4" {
		t.Errorf("%s: PROPFIND says %+v", name, p)
	}
}

func TestChunkedFileIsOneFileOnTheDrive(t *testing.T) {
	d := matrixDoors(t)
	whole := d.chunkedFile(t, "c/dir/big & <ü>.mp4", 21, 100) // as 20 GiB in chunks of 1 GB
	d.ok(t, duraDoor.call("tester", "PUT", "c/dir/big & <ü>.mp4.dura-chunk-0099", "not of the file"))
	d.ok(t, duraDoor.call("tester", "PUT", "c/dir/other.dura-chunk-0000", "no manifest"))
	d.isWhole(t, "c/dir/big & <ü>.mp4", whole)
	want := []string{"dir/big & <ü>.mp4", "dir/big & <ü>.mp4.dura-chunk-0099", "dir/other.dura-chunk-0000"}
	for _, depth := range []string{"1", "infinity"} {
		got := d.members(t, "c", "c/dir/", depth)
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("depth %s: the drive lists %q, want %q", depth, got, want)
		}
	}
	if got := d.duraList(t, "tester", "c", "?prefix=dir/big"); len(got) != 23 {
		t.Errorf("the space lists %q", got)
	}
	d.want(t, 404, duraDoor.call("tester", "HEAD", "c/dir/big & <ü>.mp4", ""))
}

func TestChunkedFileIsCopiedMovedAndRemovedWhole(t *testing.T) {
	d := newDoors(t, gatewaytest.Options{InlineLimit: store.DefaultInlineLimit})
	d.want(t, 201, swiftDoor.call("tester", "PUT", "c", ""))
	whole := d.chunkedFile(t, "c/a.mp4", 4, 100)
	d.ok(t, davDoor.call("tester", "MKCOL", "c/dir", ""))
	d.ok(t, davDoor.copyTo("tester", "c/a.mp4", "c/dir/b.mp4"))
	d.isWhole(t, "c/dir/b.mp4", whole)
	d.isWhole(t, "c/a.mp4", whole)
	d.ok(t, davDoor.call("tester", "MOVE", "c/a.mp4", "", "Destination: /dav/c/dir/é.mp4"))
	d.want(t, 404, davDoor.call("tester", "GET", "c/a.mp4", ""))
	d.isWhole(t, "c/dir/é.mp4", whole)
	d.ok(t, davDoor.call("tester", "MOVE", "c/dir", "", "Destination: /dav/c/new"))
	for _, name := range []string{"new/b.mp4", "new/é.mp4"} {
		d.isWhole(t, "c/"+name, whole)
		// DuraCloud's tools find the chunks by the names in the manifest.
		m, err := duracloud.Chunks{}.Read([]byte(d.ok(t, duraDoor.call("tester", "GET", "c/"+name+".dura-manifest", "")).body))
		if err != nil || m.ContentID != name || m.MD5 != sum(whole) {
			t.Fatalf("the manifest of %s: %+v, %v", name, m, err)
		}
		joined := ""
		for _, c := range m.Chunks {
			r := d.ok(t, duraDoor.call("tester", "GET", "c/"+c.ID, ""))
			if joined += r.body; r.etag() != c.MD5 {
				t.Errorf("chunk %s has digest %s", c.ID, r.etag())
			}
		}
		if joined != whole {
			t.Errorf("the chunks of %s are not the file", name)
		}
	}
	// A plain file takes the place of a chunked one, chunks and all.
	d.want(t, 204, davDoor.call("tester", "PUT", "c/new/b.mp4", "plain"))
	if got := d.duraList(t, "tester", "c", "?prefix=new/b"); !slices.Equal(got, []string{"new/b.mp4"}) {
		t.Errorf("the space lists %q", got)
	}
	d.want(t, 204, davDoor.call("tester", "DELETE", "c/new/é.mp4", ""))
	if got := d.duraList(t, "tester", "c", ""); !slices.Equal(got, []string{"new/b.mp4"}) {
		t.Errorf("the space lists %q", got)
	}
	d.Store.Drain(t.Context())
	if n, err := d.Store.ContentCount(t.Context()); err != nil || n != 1 {
		t.Errorf("%d contents are left, %v", n, err)
	}
}

func TestChunkedFileWithoutAChunkIsNeverShort(t *testing.T) {
	d := matrixDoors(t)
	d.chunkedFile(t, "c/a.mp4", 4, 100)
	d.ok(t, duraDoor.call("tester", "DELETE", "c/a.mp4.dura-chunk-0002", ""))
	if got := d.members(t, "c", "c/", "1"); !slices.Contains(got, "a.mp4") {
		t.Errorf("the drive lists %q", got)
	}
	d.want(t, 502, davDoor.call("tester", "GET", "c/a.mp4", ""))
	d.want(t, 201, duraDoor.call("tester", "PUT", "c/b.mp4.dura-manifest", "no XML"))
	d.want(t, 200, davDoor.call("tester", "GET", "c/b.mp4.dura-manifest", ""))
	d.want(t, 404, davDoor.call("tester", "GET", "c/b.mp4", ""))
}

func TestLockOnAChunkedFileMakesNoEmptyOne(t *testing.T) {
	d := matrixDoors(t)
	whole := d.chunkedFile(t, "c/a.mp4", 2, 200)
	lock := `<lockinfo xmlns="DAV:"><lockscope><exclusive/></lockscope><locktype><write/></locktype></lockinfo>`
	d.want(t, 200, davDoor.call("tester", "LOCK", "c/a.mp4", lock, "Timeout: Second-600"))
	d.isWhole(t, "c/a.mp4", whole)
	d.want(t, 423, davDoor.call("tester", "DELETE", "c/a.mp4", ""))
	d.want(t, 423, davDoor.call("tester", "PUT", "c/a.mp4", "x"))
}

func TestALockOnAFileInChunksBindsItsPieces(t *testing.T) {
	d := newDoors(t, gatewaytest.Options{InlineLimit: store.DefaultInlineLimit})
	d.want(t, 201, swiftDoor.call("tester", "PUT", "c", ""))
	whole := d.chunkedFile(t, "c/a.mp4", 2, 100)
	lock := `<D:lockinfo xmlns:D="DAV:"><D:lockscope><D:exclusive/></D:lockscope><D:locktype><D:write/></D:locktype></D:lockinfo>`
	token := d.want(t, 200, davDoor.call("tester", "LOCK", "c/a.mp4", lock)).header.Get("Lock-Token")
	for _, piece := range []string{"c/a.mp4.dura-manifest", "c/a.mp4.dura-chunk-0000"} {
		for _, where := range []door{swiftDoor, duraDoor} {
			d.want(t, 423, where.call("tester", "PUT", piece, "other"))
			d.want(t, 423, where.call("tester", "DELETE", piece, ""))
		}
	}
	if r := d.want(t, 200, davDoor.call("tester", "GET", "c/a.mp4", "")); r.body != whole {
		t.Errorf("%d bytes of %d", len(r.body), len(whole))
	}
	d.want(t, 204, davDoor.call("tester", "PUT", "c/a.mp4", "new", "If: ("+token+")"))
}
