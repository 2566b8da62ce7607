package gateway_test

import (
	"bytes"
	"crypto/md5"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"entrepot/gateway"
	"entrepot/gateway/errs"
	"entrepot/store"
)

// in stores an object in any container.
func (w *world) in(container, name, body string, headers gateway.Properties) gateway.Object {
	w.t.Helper()
	r, err := w.g.Objects.Put(w.ctx, ref(container, name), strings.NewReader(body),
		gateway.PutOptions{Size: int64(len(body)), Headers: headers})
	w.must(err)
	return r.Object
}

// static stores a static large object in the container c.
func (w *world) static(name string, list ...gateway.Segment) gateway.Object {
	w.t.Helper()
	r, err := w.g.Objects.PutManifest(w.ctx, ref("c", name), list, gateway.PutOptions{ContentType: "text/plain"})
	w.must(err)
	return r.Object
}

// of is an entry for a whole object of the container seg.
func of(name string) gateway.Segment {
	return gateway.Segment{Container: "seg", Object: name, Size: -1}
}

// largeWorld has a container seg with three segments, the second of them in a
// blob of its own.
func largeWorld(t *testing.T) (w *world, whole string) {
	t.Helper()
	w = newWorld(t)
	w.container("seg")
	for i, body := range []string{"aaaaa", strings.Repeat("0123456789", 20), "ccc"} {
		w.in("seg", fmt.Sprint("s/", i), body, nil)
		whole += body
	}
	return w, whole
}

func md5hex(s string) string { return fmt.Sprintf("%x", md5.Sum([]byte(s))) }

func wantReason(t *testing.T, err error, kind errs.Kind, reason errs.Reason) {
	t.Helper()
	if errs.Of(err) != kind || errs.ReasonOf(err) != reason {
		t.Errorf("got %v, want %v (%v)", err, kind, reason)
	}
}

func TestStaticLargeObjectReadsAsItsSegments(t *testing.T) {
	w, whole := largeWorld(t)
	part := of("s/1")
	part.Range = &gateway.SegmentRange{First: 5, Last: 14}
	suffix := of("s/1")
	suffix.Range = &gateway.SegmentRange{First: -1, Last: 4}
	own := gateway.Segment{Data: []byte("own bytes")}
	made := w.static("slo", of("s/0"), of("s/1"), of("s/2"), part, own, suffix)
	want := whole + whole[10:20] + "own bytes" + "6789"
	tags := md5hex("aaaaa") + md5hex(whole[5:205]) + md5hex("ccc") + md5hex(whole[5:205]) + ":5-14;" +
		md5hex("own bytes") + md5hex(whole[5:205]) + ":196-199;"
	if made.Size != int64(len(want)) || made.ETag() != md5hex(tags) || made.Large != gateway.Static || made.MD5 != "" || made.SHA256 != "" {
		t.Errorf("stored as %+v", made)
	}
	obj, content, err := w.g.Objects.Open(w.ctx, ref("c", "slo"), gateway.Conditions{IfMatch: []string{made.ETag()}})
	w.must(err)
	defer content.Close()
	if obj.Size != made.Size || content.Size() != made.Size {
		t.Errorf("opened with %d bytes, content %d", obj.Size, content.Size())
	}
	for off := range int64(len(want)) {
		for _, n := range []int64{0, 1, 4, 9, 200, int64(len(want)) - off} {
			n = min(n, int64(len(want))-off)
			var b strings.Builder
			if m, err := content.WriteRange(&b, off, n); err != nil || m != n || b.String() != want[off:off+n] {
				t.Fatalf("%d+%d: %d, %v, %q", off, n, m, err, b.String())
			}
			p := make([]byte, n+1)
			m, err := content.ReadAt(p, off)
			if int64(m) != min(n+1, int64(len(want))-off) || string(p[:m]) != want[off:off+int64(m)] || (m <= int(n)) != (err == io.EOF) {
				t.Fatalf("read at %d of %d: %d, %v", off, n+1, m, err)
			}
		}
	}
	if _, err := content.WriteRange(io.Discard, 1, made.Size); err == nil {
		t.Error("a range beyond the end was written")
	}
	_, list, err := w.g.Objects.List(w.ctx, ref("c", ""), gateway.ListOptions{Limit: 10})
	w.must(err)
	if o := list[0].Object; o.Size != made.Size || o.Composite != made.Composite || o.ManifestMD5 != made.ManifestMD5 || len(o.ManifestMD5) != 32 {
		t.Errorf("listed as %+v", o)
	}
}

func TestStaticLargeObjectMayHoldOthersTenDeep(t *testing.T) {
	w, whole := largeWorld(t)
	w.static("deep/1", of("s/0"), of("s/1"), of("s/2"))
	for i := 2; i <= 11; i++ {
		s := gateway.Segment{Container: "c", Object: fmt.Sprint("deep/", i-1), Size: -1}
		tail := of("s/2")
		w.static(fmt.Sprint("deep/", i), s, tail)
		whole += "ccc"
		got, err := w.read("c", fmt.Sprint("deep/", i))
		if i == 11 {
			wantReason(t, err, errs.Conflict, errs.BadSegment)
		} else if err != nil || got != whole {
			t.Errorf("%d deep: %q, %v", i, got, err)
		}
	}
	d, err := w.g.Objects.DeleteManifest(w.ctx, ref("c", "deep/10"))
	w.must(err)
	// Each level's "s/2" is the same object: it goes once.
	if d.Deleted != 13 || d.Missing != 9 || len(d.Problems) != 0 || len(w.names("seg")) != 0 {
		t.Errorf("deleted %+v, left %q and %q", d, w.names("seg"), w.names("c"))
	}
}

func TestManifestOfWhatIsNotThereIsRefused(t *testing.T) {
	w, _ := largeWorld(t)
	w.in("seg", "empty", "", nil)
	other, size, outside := of("s/0"), of("s/0"), of("s/0")
	other.ETag, size.Size = md5hex("x"), 4
	outside.Range = &gateway.SegmentRange{First: 5, Last: -1}
	elsewhere := gateway.Segment{Container: "nowhere", Object: "x", Size: -1}
	_, err := w.g.Objects.PutManifest(w.ctx, ref("c", "slo"),
		[]gateway.Segment{of("none"), of("s/0"), other, size, outside, elsewhere, of("empty"), of("empty")}, gateway.PutOptions{})
	wantReason(t, err, errs.Invalid, errs.BadSegment)
	var refused *gateway.ManifestError
	if !errors.As(err, &refused) {
		t.Fatal(err)
	}
	got := ""
	for _, p := range refused.Problems {
		got += fmt.Sprintf("%d %s %v %d\n", p.Index, p.Path, errs.Of(p.Err), p.Fault)
	}
	want := "0 /seg/none not found 0\n2 /seg/s/0 other 1\n3 /seg/s/0 other 2\n4 /seg/s/0 other 3\n5 /nowhere/x not found 0\n6 /seg/empty other 4\n"
	if got != want {
		t.Errorf("refused\n%swant\n%s", got, want)
	}
	if _, err := w.read("c", "slo"); errs.Of(err) != errs.NotFound {
		t.Errorf("a refused manifest reads %v", err)
	}
	_, err = w.g.Objects.PutManifest(w.ctx, ref("c", "slo"), make([]gateway.Segment, gateway.MaxSegments+1), gateway.PutOptions{})
	wantReason(t, err, errs.TooLarge, errs.TooMany)
	_, err = w.g.Objects.PutManifest(w.ctx, ref("c", "slo"), []gateway.Segment{of("s/0")},
		gateway.PutOptions{Digests: []gateway.Digest{{Algorithm: "md5", Sum: md5hex("aaaaa")}}})
	wantReason(t, err, errs.Mismatch, "")
}

func TestChangedSegmentEndsTheRead(t *testing.T) {
	w, whole := largeWorld(t)
	w.static("slo", of("s/0"), of("s/1"), of("s/2"))
	_, content, err := w.g.Objects.Open(w.ctx, ref("c", "slo"), gateway.Conditions{})
	w.must(err)
	defer content.Close()
	w.in("seg", "s/1", strings.Repeat("x", 200), nil) // of the same size
	var b strings.Builder
	n, err := content.WriteRange(&b, 0, content.Size())
	wantReason(t, err, errs.Conflict, errs.BadSegment)
	if n != 5 || b.String() != "aaaaa" {
		t.Errorf("%d bytes %q were written before the changed one", n, b.String())
	}
	b.Reset()
	if _, err := content.WriteRange(&b, 205, 3); err != nil || b.String() != whole[205:] {
		t.Errorf("a range that touches only what is unchanged: %q, %v", b.String(), err)
	}
	w.must(w.g.Objects.Delete(w.ctx, ref("seg", "s/0"), nil))
	if _, err := w.read("c", "slo"); errs.ReasonOf(err) != errs.BadSegment {
		t.Errorf("with its first segment gone it reads %v", err)
	}
	if o, err := w.g.Objects.Head(w.ctx, ref("c", "slo"), gateway.Conditions{}); err != nil || o.Size != 208 {
		t.Errorf("head: %+v, %v", o, err)
	}
}

func TestDynamicLargeObjectIsWhatItsPrefixHoldsNow(t *testing.T) {
	w, whole := largeWorld(t)
	w.in("seg", "s", "not below the prefix", nil)
	w.in("c", "dlo", "stored", gateway.Properties{"x-object-manifest": "seg/s%2F"})
	tags := md5hex("aaaaa") + md5hex(whole[5:205]) + md5hex("ccc")
	obj, err := w.g.Objects.Head(w.ctx, ref("c", "dlo"), gateway.Conditions{IfNoneMatch: []string{md5hex("stored")}})
	w.must(err)
	if obj.Size != 208 || obj.ETag() != md5hex(tags) || obj.Large != gateway.Dynamic || w.get("dlo") != whole {
		t.Errorf("head %+v", obj)
	}
	w.in("seg", "s/3", "dd", nil)
	if got := w.get("dlo"); got != whole+"dd" {
		t.Errorf("with a further segment it has %d bytes", len(got))
	}
	raw, content, err := w.g.Objects.OpenWith(w.ctx, ref("c", "dlo"), gateway.ReadOptions{Manifest: true})
	w.must(err)
	defer content.Close()
	if raw.ETag() != md5hex("stored") || raw.Size != 6 || content.Size() != 6 || raw.Headers["x-object-manifest"] != "seg/s%2F" {
		t.Errorf("the stored form is %+v", raw)
	}
	_, err = w.g.Objects.SetMeta(w.ctx, ref("c", "dlo"), gateway.MetaChange{})
	w.must(err)
	if got := w.get("dlo"); got != "stored" {
		t.Errorf("without the header it reads %q", got)
	}
	for _, bad := range []string{"noslash", "/seg/s", "seg/", "seg/s?x", "seg/s&x", "/", "seg/%00"} {
		_, err := w.g.Objects.Put(w.ctx, ref("c", "bad"), strings.NewReader(""), gateway.PutOptions{Headers: gateway.Properties{"x-object-manifest": bad}})
		wantReason(t, err, errs.Invalid, "")
	}
}

func TestDynamicLargeObjectOfManySegmentsReadsInPages(t *testing.T) {
	w := newWorld(t)
	w.container("seg")
	want := ""
	for i := range 2500 {
		body := strings.Repeat(string(rune('a'+i%26)), i%4)
		w.in("seg", fmt.Sprintf("p/%05d", i), body, nil)
		want += body
	}
	w.in("c", "dlo", "", gateway.Properties{"x-object-manifest": "seg/p/"})
	_, content, err := w.g.Objects.Open(w.ctx, ref("c", "dlo"), gateway.Conditions{})
	w.must(err)
	defer content.Close()
	for _, span := range [][2]int{{0, len(want)}, {3000, 700}, {1498, 5}, {0, 1}, {len(want) - 1, 1}} {
		var b strings.Builder
		if _, err := content.WriteRange(&b, int64(span[0]), int64(span[1])); err != nil || b.String() != want[span[0]:span[0]+span[1]] {
			t.Fatalf("%v: %v", span, err)
		}
	}
	_, err = content.WriteRange(io.Discard, 0, 1)
	w.must(err)
	w.in("seg", "p/02000x", "new", nil)
	_, err = content.WriteRange(io.Discard, int64(len(want)-5), 5)
	wantReason(t, err, errs.Conflict, errs.BadSegment)
}

func TestLargeObjectsInsideDynamicOnesAreJoined(t *testing.T) {
	w, whole := largeWorld(t)
	w.container("all")
	w.static("slo", of("s/0"), of("s/1"), of("s/2"))
	_, _, err := w.g.Objects.Copy(w.ctx, ref("c", "slo"), ref("all", "p/1"), gateway.CopyOptions{Manifest: true})
	w.must(err)
	w.in("all", "p/2", "xx", gateway.Properties{"x-object-manifest": "seg/s/"}) // is what it stores here
	_, err = w.g.Objects.PutLink(w.ctx, ref("all", "p/3"), gateway.Link{Ref: ref("seg", "s/2")}, gateway.PutOptions{})
	w.must(err)
	w.in("all", "p/4", "", gateway.Properties{"x-object-manifest": "all/p/"}) // holds itself
	if got, err := w.read("all", "p/4"); err != nil || got != whole+"xxccc" {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestS13SegmentsNeedTheReadersOwnRight(t *testing.T) {
	w, _ := largeWorld(t)
	read := ".r:*"
	w.must(w.g.Containers.Update(w.ctx, ref("c", ""), gateway.ContainerChange{ReadACL: &read}))
	w.container("open")
	w.must(w.g.Containers.Update(w.ctx, ref("open", ""), gateway.ContainerChange{ReadACL: &read}))
	w.in("open", "s/0", "public", nil)
	w.static("slo", gateway.Segment{Container: "open", Object: "s/0", Size: -1}, of("s/0"))
	w.static("outer", gateway.Segment{Container: "open", Object: "s/0", Size: -1}, gateway.Segment{Container: "c", Object: "slo", Size: -1})
	w.in("c", "dlo", "", gateway.Properties{"x-object-manifest": "seg/s/"})
	w.in("c", "unlisted", "", gateway.Properties{"x-object-manifest": "open/s/"})
	for _, user := range []string{"", "tester2", "tester3"} {
		ctx := w.Ctx(user)
		if _, _, err := w.g.Objects.Open(ctx, ref("c", "slo"), gateway.Conditions{}); errs.ReasonOf(err) != errs.BadSegment {
			t.Errorf("%q opens a manifest of closed segments: %v", user, err)
		}
		_, content, err := w.g.Objects.Open(ctx, ref("c", "outer"), gateway.Conditions{})
		w.must(err)
		var b strings.Builder
		_, err = content.WriteRange(&b, 0, content.Size())
		if errs.ReasonOf(err) != errs.BadSegment || strings.Contains(b.String(), "aaaaa") {
			t.Errorf("%q reads closed segments below another manifest: %q, %v", user, b.String(), err)
		}
		w.must(content.Close())
		for _, name := range []string{"dlo", "unlisted"} {
			_, _, err := w.g.Objects.Open(ctx, ref("c", name), gateway.Conditions{})
			if kind := errs.Of(err); kind != errs.Forbidden && kind != errs.Unauthenticated {
				t.Errorf("%q opens %s: %v", user, name, err)
			}
			if _, err := w.g.Objects.Head(ctx, ref("c", name), gateway.Conditions{}); err == nil {
				t.Errorf("%q learns the size of %s", user, name)
			}
		}
		_, _, err = w.g.Objects.Copy(ctx, ref("c", "slo"), gateway.Ref{Account: "test2", Container: "c", Object: "x"}, gateway.CopyOptions{})
		if err == nil {
			t.Errorf("%q copied a manifest of closed segments", user)
		}
	}
}

func TestCopyOfLargeObjectIsPlainUnlessTheManifestIsWanted(t *testing.T) {
	w, whole := largeWorld(t)
	slo := w.static("slo", of("s/0"), of("s/1"), of("s/2"))
	w.in("c", "dlo", "", gateway.Properties{"x-object-manifest": "seg/s/"})
	for _, name := range []string{"slo", "dlo"} {
		source, r, err := w.g.Objects.Copy(w.ctx, ref("c", name), ref("c", name+" plain"), gateway.CopyOptions{})
		w.must(err)
		if o := r.Object; o.MD5 != md5hex(whole) || o.Large != gateway.Plain || o.Headers["x-object-manifest"] != "" || source.ETag() != slo.ETag() {
			t.Errorf("%s was copied as %+v of %+v", name, o, source)
		}
		_, r, err = w.g.Objects.Copy(w.ctx, ref("c", name), ref("c", name+" manifest"), gateway.CopyOptions{Manifest: true})
		w.must(err)
		if o, err := w.g.Objects.Head(w.ctx, ref("c", name+" manifest"), gateway.Conditions{}); err != nil || o.ETag() != slo.ETag() || o.Large == gateway.Plain {
			t.Errorf("the manifest of %s was copied as %+v, %v", name, o, err)
		}
		_, r, err = w.g.Objects.Copy(w.ctx, ref("c", name), ref("c", name+" part"), gateway.CopyOptions{
			Part: func(size int64) (int64, int64, error) { return 3, size - 6, nil },
		})
		w.must(err)
		if r.Object.MD5 != md5hex(whole[3:205]) {
			t.Errorf("a part of %s was copied as %+v", name, r.Object)
		}
		_, _, err = w.g.Objects.Copy(w.ctx, ref("c", name), ref("c", "x"), gateway.CopyOptions{MaxSize: 207})
		wantReason(t, err, errs.TooLarge, "")
	}
}

func TestCopyOfLargeObjectNeedsRoomForAllOfItAndTheManifestForItself(t *testing.T) {
	w, whole := largeWorld(t)
	w.static("slo", of("s/0"), of("s/1"), of("s/2"))
	w.container("small")
	w.must(w.g.Containers.Update(w.ctx, ref("small", ""), gateway.ContainerChange{Properties: gateway.Properties{"quota-bytes": "700"}}))
	to := func(name string, opt gateway.CopyOptions) error {
		_, _, err := w.g.Objects.Copy(w.ctx, ref("c", "slo"), ref("small", name), opt)
		return err
	}
	w.must(to("manifest", gateway.CopyOptions{Manifest: true}))
	used, err := w.g.Containers.Get(w.ctx, ref("small", ""))
	w.must(err)
	if used.Bytes <= 700-int64(len(whole)) || used.Bytes > 695 {
		t.Fatalf("the manifest takes %d bytes", used.Bytes)
	}
	wantReason(t, to("joined", gateway.CopyOptions{}), errs.OverQuota, "")
	part := gateway.CopyOptions{Part: func(int64) (int64, int64, error) { return 0, 5, nil }}
	w.must(to("part", part))
	if _, err := w.read("small", "joined"); errs.Of(err) != errs.NotFound {
		t.Errorf("what did not fit reads %v", err)
	}
}

func TestLargeObjectCopiedOntoItselfBecomesPlain(t *testing.T) {
	w, whole := largeWorld(t)
	w.static("slo", of("s/0"), of("s/1"), of("s/2"))
	w.in("c", "dlo", "", gateway.Properties{"x-object-manifest": "seg/s/"})
	for _, name := range []string{"slo", "dlo"} {
		_, _, err := w.g.Objects.Copy(w.ctx, ref("c", name), ref("c", name), gateway.CopyOptions{Manifest: true, Properties: gateway.Properties{"colour": "blue"}})
		w.must(err)
		o, err := w.g.Objects.Head(w.ctx, ref("c", name), gateway.Conditions{})
		w.must(err)
		if o.Large == gateway.Plain || o.Properties["colour"] != "blue" || w.get(name) != whole {
			t.Errorf("the manifest copied onto itself is %+v", o)
		}
		_, r, err := w.g.Objects.Copy(w.ctx, ref("c", name), ref("c", name), gateway.CopyOptions{})
		w.must(err)
		if r.Object.Large != gateway.Plain || r.Object.MD5 != md5hex(whole) || w.get(name) != whole {
			t.Errorf("copied onto itself it is %+v", r.Object)
		}
	}
	if len(w.names("seg")) != 3 {
		t.Errorf("of the segments %q are left", w.names("seg"))
	}
}

func TestManifestInAnotherAccountRefersToWhereItWasMade(t *testing.T) {
	w, whole := largeWorld(t)
	w.static("slo", of("s/0"), of("s/1"), of("s/2"))
	w.in("c", "dlo", "", gateway.Properties{"x-object-manifest": "seg/s/"})
	admin := w.Ctx("admin")
	there := func(name string) gateway.Ref { return gateway.Ref{Account: "test2", Container: "there", Object: name} }
	_, err := w.g.Containers.Create(admin, there(""), gateway.ContainerChange{})
	w.must(err)
	for _, name := range []string{"slo", "dlo"} {
		_, _, err := w.g.Objects.Copy(admin, ref("c", name), there(name), gateway.CopyOptions{Manifest: true})
		w.must(err)
		_, content, err := w.g.Objects.Open(admin, there(name), gateway.Conditions{})
		w.must(err)
		var b strings.Builder
		_, err = content.WriteRange(&b, 0, content.Size())
		w.must(errors.Join(err, content.Close()))
		if b.String() != whole {
			t.Errorf("%s reads %d bytes", name, b.Len())
		}
		if _, _, err := w.g.Objects.Open(w.Ctx("tester2"), there(name), gateway.Conditions{}); err == nil {
			t.Errorf("the owner of the copy of %s reads segments of another account", name)
		}
		_, _, err = w.g.Objects.Copy(admin, there(name), ref("c", name+" back"), gateway.CopyOptions{Manifest: true})
		w.must(err)
		if w.get(name+" back") != whole {
			t.Errorf("%s came back as something else", name)
		}
	}
}

func TestDriveShowsLargeObjectsAndKeepsTheirManifests(t *testing.T) {
	w, whole := largeWorld(t)
	slo := w.static("d/slo", of("s/0"), of("s/1"), of("s/2"))
	w.in("c", "d/dlo", "", gateway.Properties{"x-object-manifest": "seg/s/"})
	w.in("c", "d/broken", "", gateway.Properties{"x-object-manifest": "nowhere/s/"})
	_, err := w.g.Objects.PutLink(w.ctx, ref("c", "d/link"), gateway.Link{Ref: ref("c", "d/slo")}, gateway.PutOptions{})
	w.must(err)
	_, err = w.g.Trees.Copy(w.ctx, ref("c", "d/"), ref("c", "e/"), gateway.TreeOptions{})
	w.must(err)
	_, err = w.g.Trees.Move(w.ctx, ref("c", "d/"), ref("seg", "d/"), gateway.TreeOptions{})
	w.must(err)
	for _, folder := range []gateway.Ref{ref("c", "e/"), ref("seg", "d/")} {
		page, err := w.g.Trees.List(w.ctx, folder, gateway.ListTree{Limit: 10})
		w.must(err)
		got := ""
		for _, n := range page.Nodes {
			got += fmt.Sprintln(n.Name(), n.Kind == gateway.NodeFile, n.Object.Size, n.Object.ETag())
		}
		want := fmt.Sprintln("broken true 0 ") + fmt.Sprintln("dlo true 208", slo.ETag())
		if strings.HasPrefix(folder.Object, "e") { // the link leads to a name that has moved away
			want += fmt.Sprintln("link true 0", md5hex(""))
		} else {
			want += fmt.Sprintln("link true 0", md5hex(""))
		}
		want += fmt.Sprintln("slo true 208", slo.ETag())
		if got != want {
			t.Errorf("%s:\n%swant\n%s", folder, got, want)
		}
		for _, name := range []string{"slo", "dlo"} {
			if got, err := w.read(folder.Container, folder.Object+name); err != nil || got != whole {
				t.Errorf("%s%s: %d bytes, %v", folder, name, len(got), err)
			}
		}
	}
	n, err := w.g.Trees.Stat(w.ctx, ref("c", "e/dlo"), gateway.NodeParts{})
	w.must(err)
	put := func(tag string) error {
		_, err := w.g.Objects.Put(w.ctx, ref("c", "e/dlo"), strings.NewReader("new"),
			gateway.PutOptions{Size: 3, Drive: true, Conditions: gateway.Conditions{Drive: true, IfMatch: []string{tag}}})
		return err
	}
	wantReason(t, put(md5hex("")), errs.Precondition, "")
	w.must(put(n.Object.ETag()))
	if w.get("e/dlo") != "new" {
		t.Error("a PUT over a dynamic large object left it one")
	}
}

func TestSnapshotShowsLargeObjectWithTheSegmentsOfItsMoment(t *testing.T) {
	w := newWorld(t)
	w.put("s/1", "one, "+strings.Repeat("x", 100))
	w.put("s/2", "two")
	whole := "one, " + strings.Repeat("x", 100) + "two"
	w.static("slo", gateway.Segment{Container: "c", Object: "s/1", Size: -1}, gateway.Segment{Container: "c", Object: "s/2", Size: -1})
	w.in("c", "dlo", "", gateway.Properties{"x-object-manifest": "c/s/"})
	w.must(w.g.Snapshots.Create(w.ctx, ref("c", ""), "then"))
	w.put("s/1", "changed")
	w.must(w.g.Objects.Delete(w.ctx, ref("c", "s/2"), nil))
	w.put("s/3", "new")
	for _, name := range []string{"slo", "dlo"} {
		obj, content, err := w.g.Snapshots.Open(w.ctx, ref("c", name), "then")
		w.must(err)
		var b bytes.Buffer
		_, err = content.WriteRange(&b, 0, content.Size())
		w.must(errors.Join(err, content.Close()))
		if b.String() != whole || obj.Size != int64(len(whole)) {
			t.Errorf("%s of the snapshot has %q", name, b.String())
		}
		n, err := w.g.Trees.Stat(w.ctx, ref("c", ".zfs/snapshot/then/"+name), gateway.NodeParts{})
		w.must(err)
		if n.Object.Size != obj.Size || n.Object.ETag() != obj.ETag() {
			t.Errorf("%s on the drive is %+v", name, n.Object)
		}
	}
	if w.get("dlo") != "changednew" {
		t.Errorf("now it reads %q", w.get("dlo"))
	}
}

func TestLinkReadsAsItsTarget(t *testing.T) {
	w := newWorld(t)
	target := w.put("target", "content")
	link := func(name string, to gateway.Link) error {
		_, err := w.g.Objects.PutLink(w.ctx, ref("c", name), to, gateway.PutOptions{})
		return err
	}
	w.must(link("1", gateway.Link{Ref: ref("c", "target")}))
	w.must(link("2", gateway.Link{Ref: ref("c", "1")}))
	w.must(link("3", gateway.Link{Ref: ref("c", "2")}))
	w.must(link("static", gateway.Link{Ref: ref("c", "target"), ETag: target.MD5}))
	w.must(link("nowhere", gateway.Link{Ref: ref("c", "none")}))
	wantReason(t, link("x", gateway.Link{Ref: ref("c", "x")}), errs.Invalid, errs.BadLink)
	wantReason(t, link("x", gateway.Link{Ref: ref("c", "target"), ETag: md5hex("x")}), errs.Conflict, errs.BadLink)
	wantReason(t, link("x", gateway.Link{Ref: ref("c", "none"), ETag: md5hex("x")}), errs.Conflict, errs.BadLink)
	for _, name := range []string{"1", "2", "static"} {
		o, err := w.g.Objects.Head(w.ctx, ref("c", name), gateway.Conditions{})
		w.must(err)
		if o.Target != ref("c", "target") || o.MD5 != target.MD5 || w.get(name) != "content" {
			t.Errorf("%s: %+v", name, o)
		}
	}
	_, err := w.read("c", "3")
	wantReason(t, err, errs.Conflict, errs.BadLink)
	_, err = w.read("c", "nowhere")
	wantReason(t, err, errs.NotFound, errs.NoObject)
	own, err := w.g.Objects.HeadWith(w.ctx, ref("c", "static"), gateway.ReadOptions{Link: true})
	w.must(err)
	if own.Link == nil || own.Link.Object != "target" || own.Link.ETag != target.MD5 || own.Link.Size != 7 || own.Size != 0 {
		t.Errorf("the link itself is %+v", own)
	}
	_, r, err := w.g.Objects.Copy(w.ctx, ref("c", "1"), ref("c", "copy"), gateway.CopyOptions{})
	w.must(err)
	_, _, err = w.g.Objects.Copy(w.ctx, ref("c", "1"), ref("c", "copied link"), gateway.CopyOptions{Link: true})
	w.must(err)
	w.put("target", "changed")
	if r.Object.MD5 != target.MD5 || w.get("copy") != "content" || w.get("copied link") != "changed" {
		t.Errorf("copies read %q and %q", w.get("copy"), w.get("copied link"))
	}
	_, err = w.read("c", "static")
	wantReason(t, err, errs.Conflict, errs.BadLink)
	w.must(w.g.Objects.Delete(w.ctx, ref("c", "1"), nil))
	if w.get("target") != "changed" {
		t.Error("deleting a link deleted its target")
	}
}

func TestLinkNeedsTheReadersRightToItsTarget(t *testing.T) {
	w := newWorld(t)
	w.container("public")
	read := ".r:*"
	w.must(w.g.Containers.Update(w.ctx, ref("public", ""), gateway.ContainerChange{ReadACL: &read}))
	w.put("secret", "secret")
	_, err := w.g.Objects.PutLink(w.ctx, ref("public", "link"), gateway.Link{Ref: ref("c", "secret")}, gateway.PutOptions{})
	w.must(err)
	for _, user := range []string{"", "tester2", "tester3"} {
		if _, _, err := w.g.Objects.Open(w.Ctx(user), ref("public", "link"), gateway.Conditions{}); err == nil {
			t.Errorf("%q reads through a link what it may not read", user)
		}
		if o, err := w.g.Objects.HeadWith(w.Ctx(user), ref("public", "link"), gateway.ReadOptions{Link: true}); err != nil || o.Link == nil {
			t.Errorf("%q: the link itself: %v", user, err)
		}
	}
}

func TestManifestCountsItsOwnBytesAndCheckFindsNothing(t *testing.T) {
	w, _ := largeWorld(t)
	o := w.static("slo", of("s/0"), of("s/1"), of("s/2"))
	_, err := w.g.Objects.PutLink(w.ctx, ref("c", "link"), gateway.Link{Ref: ref("c", "slo")}, gateway.PutOptions{DeleteAt: w.Clock.Now().Add(time.Hour)})
	w.must(err)
	c, err := w.g.Containers.Get(w.ctx, ref("c", ""))
	w.must(err)
	if c.Bytes != o.ManifestSize || c.Objects != 2 {
		t.Errorf("the container has %d bytes in %d objects, the manifest %d", c.Bytes, c.Objects, o.ManifestSize)
	}
	report, err := w.Store.Check(w.ctx, store.CheckOptions{Content: true})
	w.must(err)
	if !report.Sound() {
		t.Errorf("check finds %+v", report)
	}
}

// A manifest says of every item what its reader gets, or those who compare a
// retrieved copy with it would find false damage.
func TestManifestOfASpaceShowsWhatReadersOfLargeObjectsAndLinksGet(t *testing.T) {
	w, _ := largeWorld(t)
	w.static("static", of("s/0"), of("s/1"))
	w.in("c", "dynamic", "", gateway.Properties{"x-object-manifest": "seg/s/"})
	w.in("c", "plain", "text", nil)
	for name, target := range map[string]gateway.Ref{"link": ref("c", "plain"), "link to large": ref("c", "dynamic"), "link to nothing": ref("c", "gone")} {
		_, err := w.g.Objects.PutLink(w.ctx, ref("c", name), gateway.Link{Ref: target}, gateway.PutOptions{})
		w.must(err)
	}
	seen := 0
	w.must(w.g.Spaces.Manifest(w.ctx, ref("c", ""), "", func(page []gateway.ManifestItem) error {
		for i := range page {
			m := &page[i]
			want, err := w.g.Objects.Head(w.ctx, ref("c", m.Name), gateway.Conditions{})
			if errs.Of(err) == errs.NotFound && m.Name == "link to nothing" {
				want, err = w.g.Objects.HeadWith(w.ctx, ref("c", m.Name), gateway.ReadOptions{Link: true})
			}
			w.must(err)
			if m.HexMD5() != want.ETag() || m.Size != want.Size {
				t.Errorf("%s: %s of %d bytes, but %s of %d", m.Name, m.HexMD5(), m.Size, want.ETag(), want.Size)
			}
			seen++
		}
		return nil
	}))
	if seen != 6 {
		t.Errorf("%d items", seen)
	}
}
