package gateway_test

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"entrepot/gateway"
	"entrepot/gateway/errs"
	"entrepot/gateway/gatewaytest"
	"entrepot/store"
	"entrepot/store/blob"
	"entrepot/store/blob/memblob"
	"entrepot/store/blob/volumes"
)

// A treeCall is Trees.Copy or Trees.Move.
type treeCall = func(ctx context.Context, src, dst gateway.Ref, opt gateway.TreeOptions) (bool, error)

// chunkedWorld is a world whose drives join files in chunks, with one, "f".
func chunkedWorld(t *testing.T) *world {
	f := gatewaytest.NewWith(t, gatewaytest.Options{Config: gateway.Config{Chunks: jsonChunks{}}, InlineLimit: 1024})
	w := &world{Fixture: f, t: t, g: f.Gateway, ctx: f.Ctx("tester")}
	w.container("c")
	w.putChunked("f")
	return w
}

func (w *world) putChunked(base string) {
	w.t.Helper()
	m := gateway.ChunkManifest{ContentID: base, MD5: "1c1e41d4bd5b2ce0d5a2e0d1f9ef0aaa"}
	for i := range 2 {
		o := w.put(fmt.Sprintf("%s.dura-chunk-%04d", base, i), strings.Repeat("z", 70))
		m.Chunks, m.Size = append(m.Chunks, gateway.Chunk{ID: o.Name, Size: 70, MD5: o.MD5}), m.Size+70
	}
	w.put(base+".dura-manifest", string(jsonChunks{}.Write(&m)))
}

// A transfer whose destination is a file in chunks that its source is a part
// of, or the other way round, would remove what it carries.
func TestAFileInChunksIsNotReplacedByItsOwnParts(t *testing.T) {
	for _, pair := range [][2]string{{"f.dura-manifest", "f"}, {"f.dura-chunk-0001", "f"}, {"f", "f.dura-manifest"}, {"f", "f.dura-chunk-0000"}} {
		for name, do := range map[string]func(*gateway.Trees) treeCall{
			"copy": func(t *gateway.Trees) treeCall { return t.Copy }, "move": func(t *gateway.Trees) treeCall { return t.Move },
		} {
			t.Run(name+" "+pair[0]+" to "+pair[1], func(t *testing.T) {
				w := chunkedWorld(t)
				_, err := do(w.g.Trees)(w.ctx, ref("c", pair[0]), ref("c", pair[1]), gateway.TreeOptions{Overwrite: true})
				wantKind(t, err, errs.Forbidden, errs.Nested)
				_, content, err := w.g.Trees.Open(w.ctx, ref("c", "f"), gateway.Conditions{})
				w.must(err)
				if content.Size() != 140 {
					t.Errorf("the file has %d bytes", content.Size())
				}
				content.Close()
				w.counts("c")
			})
		}
	}
}

// A folder that shares its name with a chunk is carried together with that.
func TestAFolderThatSharesAChunksNameDoesNotReplaceTheFile(t *testing.T) {
	w := chunkedWorld(t)
	w.put("f.dura-chunk-0000/x", "x")
	_, err := w.g.Trees.Move(w.ctx, ref("c", "f.dura-chunk-0000"), ref("c", "f"), gateway.TreeOptions{Overwrite: true})
	wantKind(t, err, errs.Forbidden, errs.Nested)
	w.counts("c")
}

// A manifest that is carried alone keeps its text, and is the manifest of no
// other file.
func TestAManifestOfChunksCarriedAloneIsAPlainFile(t *testing.T) {
	w := chunkedWorld(t)
	w.put("f", "plain") // now the drive shows the manifest itself
	before := w.get("f.dura-manifest")
	_, err := w.g.Trees.Move(w.ctx, ref("c", "f.dura-manifest"), ref("c", "h.dura-manifest"), gateway.TreeOptions{})
	w.must(err)
	if got := w.get("h.dura-manifest"); got != before {
		t.Errorf("it holds %q, not %q", got, before)
	}
	_, err = w.g.Trees.Stat(w.ctx, ref("c", "h"), gateway.NodeParts{})
	wantKind(t, err, errs.NotFound, errs.NoObject)
	w.counts("c")
}

// Where the room is small a write runs under stronger locks from its start:
// they cover the chunks that it removes.
func TestAFileThatReplacesChunksHoldsTheLocksOfAllOfThem(t *testing.T) {
	w := chunkedWorld(t)
	w.must(w.g.Accounts.Update(w.Local(), "test", gateway.AccountChange{Quota: new(int64(10_000))}))
	_, err := w.g.Objects.Put(w.ctx, ref("c", "f"), strings.NewReader("plain"), gateway.PutOptions{Size: 5, Drive: true})
	w.must(err)
	if got := w.names("c"); len(got) != 1 || got[0] != "f" {
		t.Errorf("the container holds %q", got)
	}
	w.counts("c")
}

// Chunks that are left of another file are replaced like any file.
func TestAFileInChunksReplacesChunksThatAreInItsWay(t *testing.T) {
	w := chunkedWorld(t)
	w.put("h.dura-chunk-0001", "left over")
	_, err := w.g.Trees.Copy(w.ctx, ref("c", "f"), ref("c", "h"), gateway.TreeOptions{})
	wantKind(t, err, errs.Precondition, "")
	_, err = w.g.Trees.Copy(w.ctx, ref("c", "f"), ref("c", "h"), gateway.TreeOptions{Overwrite: true})
	w.must(err)
	_, content, err := w.g.Trees.Open(w.ctx, ref("c", "h"), gateway.Conditions{})
	w.must(err)
	content.Close()
	w.counts("c")
}

// putMany puts a file of n chunks, whose manifest is larger than what the
// database holds, and returns its bytes.
func (w *world) putMany(container, base string, n int) string {
	w.t.Helper()
	return w.putChunks(gateway.Ref{Account: "test", Container: container}, base, n)
}

func (w *world) putChunks(to gateway.Ref, base string, n int) string {
	w.t.Helper()
	var whole strings.Builder
	m := gateway.ChunkManifest{ContentID: base}
	put := func(name, body string) gateway.Object {
		to.Object = name
		r, err := w.g.Objects.Put(w.ctx, to, strings.NewReader(body), gateway.PutOptions{Size: int64(len(body)), Item: true})
		w.must(err)
		return r.Object
	}
	for i := range n {
		body := fmt.Sprintf("part %d of %s;", i, base)
		whole.WriteString(body)
		o := put(fmt.Sprintf("%s.dura-chunk-%04d", base, i), body)
		m.Chunks = append(m.Chunks, gateway.Chunk{ID: o.Name, Size: o.Size, MD5: o.MD5})
		m.Size += o.Size
	}
	sum := md5.Sum([]byte(whole.String()))
	m.MD5 = hex.EncodeToString(sum[:])
	put(base+".dura-manifest", string(jsonChunks{}.Write(&m)))
	return whole.String()
}

// whole reads a file of the drive.
func (w *world) whole(at gateway.Ref) string {
	w.t.Helper()
	o, content, err := w.g.Trees.Open(w.ctx, at, gateway.Conditions{})
	w.must(err)
	defer content.Close()
	b := make([]byte, content.Size())
	_, err = content.ReadAt(b, 0)
	w.must(err)
	if sum := md5.Sum(b); o.MD5 != hex.EncodeToString(sum[:]) {
		w.t.Errorf("%s has the digest %s, its bytes %x", at, o.MD5, sum)
	}
	return string(b)
}

// manyWorld is a world with a file "big" of 300 chunks.
func manyWorld(t *testing.T) (*world, string) {
	f := gatewaytest.NewWith(t, gatewaytest.Options{Config: gateway.Config{Chunks: jsonChunks{}}, InlineLimit: 1024})
	w := &world{Fixture: f, t: t, g: f.Gateway, ctx: f.Ctx("tester")}
	w.container("c")
	w.container("k")
	return w, w.putMany("c", "big", 300)
}

// wantSound checks the counters, and that the content that is kept is that of
// the records and nothing else.
func (w *world) wantSound(contents int) {
	w.t.Helper()
	w.Store.Drain(w.t.Context())
	r, err := w.Store.Check(w.t.Context(), store.CheckOptions{})
	if err != nil || r.Findings != 0 {
		w.t.Errorf("check: %+v, %v", r, err)
	}
	if n, err := w.Store.ContentCount(w.t.Context()); err != nil || n != contents {
		w.t.Errorf("%d contents are kept, not %d (%v)", n, contents, err)
	}
}

func TestAFileInManyChunksIsCopiedAndMovedAsOne(t *testing.T) {
	w, body := manyWorld(t)
	for _, step := range []struct {
		move     bool
		from, to gateway.Ref
	}{
		{false, ref("c", "big"), ref("c", "copy")},
		{true, ref("c", "copy"), ref("k", "folder/moved")},
		{false, ref("k", "folder"), ref("c", "deep")},
		{true, ref("c", "deep"), ref("c", "deeper")}, // rows are renamed by the engine
		{true, ref("k", ""), ref("c", "whole")},
	} {
		do := w.g.Trees.Copy
		if step.move {
			do = w.g.Trees.Move
		}
		if parent := "folder"; step.to.Object == "folder/moved" {
			w.must(w.g.Trees.MakeFolder(w.ctx, ref("k", parent), gateway.Conditions{}))
		}
		_, err := do(w.ctx, step.from, step.to, gateway.TreeOptions{})
		if err != nil {
			t.Fatalf("%s to %s: %v", step.from, step.to, err)
		}
	}
	for _, name := range []string{"big", "deeper/moved", "whole/folder/moved"} {
		if got := w.whole(ref("c", name)); got != body {
			t.Errorf("%s has %d bytes of %d", name, len(got), len(body))
		}
	}
	w.counts("c")
	w.wantSound(300 + 3) // the chunks are shared, each file has its manifest
	_, err := w.g.Trees.Copy(w.ctx, ref("c", "big"), ref("c", "deeper/moved"), gateway.TreeOptions{Overwrite: true})
	w.must(err)
	for _, name := range []string{"big", "deeper", "whole"} {
		w.must(w.g.Trees.Delete(w.ctx, ref("c", name), gateway.Conditions{}))
	}
	w.wantSound(0)
}

// What is refused leaves nothing of the manifest that was prepared for it.
func TestARefusedMoveOfManyChunksLeavesNothing(t *testing.T) {
	w, body := manyWorld(t)
	_, err := w.g.Trees.Move(w.ctx, ref("c", "big"), ref("c", "none/x"), gateway.TreeOptions{})
	wantKind(t, err, errs.Conflict, errs.NoParent)
	long := strings.Repeat("n", 1020)
	_, err = w.g.Trees.Move(w.ctx, ref("c", "big"), ref("c", long), gateway.TreeOptions{})
	wantKind(t, err, errs.Invalid, errs.NameTooLong)
	w.must(w.g.Accounts.Update(w.Local(), "test", gateway.AccountChange{Quota: new(int64(30_000))}))
	_, err = w.g.Trees.Copy(w.ctx, ref("c", "big"), ref("c", "copy"), gateway.TreeOptions{})
	wantKind(t, err, errs.OverQuota, "")
	if got := w.whole(ref("c", "big")); got != body {
		t.Errorf("the file has %d bytes of %d", len(got), len(body))
	}
	w.wantSound(301)
}

// While others put the manifest again and again, a copy has either text whole.
func TestAFileInManyChunksIsCopiedWhileItIsPut(t *testing.T) {
	w, body := manyWorld(t)
	var all sync.WaitGroup
	all.Go(func() {
		for range 10 {
			w.putMany("c", "big", 300)
		}
	})
	for i := range 10 {
		name := fmt.Sprint("copy", i)
		_, err := w.g.Trees.Copy(w.ctx, ref("c", "big"), ref("c", name), gateway.TreeOptions{})
		if errs.Of(err) == errs.Conflict {
			continue
		}
		w.must(err)
		if got := w.whole(ref("c", name)); got != body {
			t.Errorf("%s has %d bytes of %d", name, len(got), len(body))
		}
	}
	all.Wait()
	w.counts("c")
	r, err := w.Store.Check(t.Context(), store.CheckOptions{})
	if err != nil || r.Findings != 0 {
		t.Errorf("check: %+v, %v", r, err)
	}
}

// In a store whose content never lies in the database, a small file in chunks
// is renamed as well.
func TestAFileInChunksIsRenamedInAFurtherStore(t *testing.T) {
	f := gatewaytest.NewWith(t, gatewaytest.Options{
		Blobs:  volumes.New(memblob.New(memblob.Options{}), map[uint8]blob.Blobs{2: memblob.New(memblob.Options{})}),
		Config: gateway.Config{Chunks: jsonChunks{}, Stores: []gateway.StoreInfo{{ID: 1}, {ID: 2}}},
	})
	w := &world{Fixture: f, t: t, g: f.Gateway, ctx: f.Ctx("tester")}
	at := gateway.Ref{Account: "test.2", Container: "space"}
	_, err := w.g.Spaces.Create(w.ctx, at)
	w.must(err)
	body := w.putChunks(at, "f", 3)
	from, to := at, at
	from.Object, to.Object = "f", "g"
	_, err = w.g.Trees.Move(w.ctx, from, to, gateway.TreeOptions{})
	w.must(err)
	if got := w.whole(to); got != body {
		t.Errorf("it holds %q", got)
	}
	w.wantSound(4)
}

func TestTimeAndPropertiesOfAFileInChunks(t *testing.T) {
	w, body := manyWorld(t)
	at := time.Date(2020, 2, 3, 4, 5, 6, 0, time.UTC)
	w.must(w.g.Trees.PatchProps(w.ctx, ref("c", "big"), gateway.PropPatch{
		Modified: at, User: []gateway.MetaItem{{Name: "color", Value: "green"}},
		Changes: []gateway.PropChange{{Prop: gateway.DeadProp{Space: "urn:x", Name: "p", Value: []byte("v")}}},
	}))
	for range 2 {
		n, err := w.g.Trees.Stat(w.ctx, ref("c", "big"), gateway.NodeParts{Props: true})
		w.must(err)
		if !n.Modified.Equal(at) || n.Object.Properties["color"] != "green" || len(n.Props) != 1 || n.Object.Size != int64(len(body)) {
			t.Errorf("after PROPPATCH: %v, %v, %d properties, %d bytes", n.Modified, n.Object.Properties, len(n.Props), n.Object.Size)
		}
		_, err = w.g.Trees.Move(w.ctx, ref("c", "big"), ref("c", "moved"), gateway.TreeOptions{})
		w.must(err)
		_, err = w.g.Trees.Move(w.ctx, ref("c", "moved"), ref("c", "big"), gateway.TreeOptions{})
		w.must(err)
	}
	if got := w.whole(ref("c", "big")); got != body {
		t.Errorf("the file has %d bytes of %d", len(got), len(body))
	}
	w.counts("c")
}

// The conditions of a PUT are judged on the file that the drive shows.
func TestConditionsOfAPutOverAFileInChunks(t *testing.T) {
	w, _ := manyWorld(t)
	n, err := w.g.Trees.Stat(w.ctx, ref("c", "big"), gateway.NodeParts{})
	w.must(err)
	put := func(c gateway.Conditions) error {
		_, err := w.g.Objects.Put(w.ctx, ref("c", "big"), strings.NewReader("plain"), gateway.PutOptions{Size: 5, Drive: true, Conditions: c})
		return err
	}
	wantKind(t, put(gateway.Conditions{IfNoneMatch: []string{"*"}}), errs.Precondition, "")
	wantKind(t, put(gateway.Conditions{IfMatch: []string{strings.Repeat("0", 32)}}), errs.Precondition, "")
	wantKind(t, put(gateway.Conditions{IfNoneMatch: []string{n.Object.MD5}}), errs.Precondition, "")
	wantKind(t, put(gateway.Conditions{Drive: true, IfUnmodifiedSince: n.Modified.Add(-time.Hour)}), errs.Precondition, "")
	if got := len(w.names("c")); got != 301 {
		t.Fatalf("%d objects after refusals", got)
	}
	w.must(put(gateway.Conditions{IfMatch: []string{n.Object.MD5}}))
	if got := w.names("c"); len(got) != 1 || got[0] != "big" {
		t.Errorf("the container holds %q", got)
	}
	w.wantSound(1)
}

// A snapshot shows files in chunks as the drive does, and gives them back.
func TestSnapshotsShowFilesInChunksWhole(t *testing.T) {
	w, body := manyWorld(t)
	w.must(w.g.Snapshots.Create(w.ctx, ref("c", ""), "s"))
	w.must(w.g.Trees.Delete(w.ctx, ref("c", "big"), gateway.Conditions{}))
	w.put("other", "x")
	old := ".zfs/snapshot/s"
	if got := w.drawn(old, false, 10); len(got) != 1 || !strings.Contains(got[0], "big") {
		t.Errorf("listed: %q", got)
	}
	if got := w.whole(ref("c", old+"/big")); got != body {
		t.Errorf("it has %d bytes of %d", len(got), len(body))
	}
	n, err := w.g.Trees.Stat(w.ctx, ref("c", old+"/big"), gateway.NodeParts{})
	w.must(err)
	if n.Object.Size != int64(len(body)) || !n.Past {
		t.Errorf("Stat: %+v", n)
	}
	for from, to := range map[string]string{"/big": "back", "": "all"} {
		_, err := w.g.Trees.Copy(w.ctx, ref("c", old+from), ref("k", to), gateway.TreeOptions{})
		w.must(err)
	}
	for _, name := range []string{"back", "all/big"} {
		if got := w.whole(ref("k", name)); got != body {
			t.Errorf("%s has %d bytes of %d", name, len(got), len(body))
		}
	}
	w.must(w.g.Snapshots.Destroy(w.ctx, ref("c", ""), "s"))
	w.wantSound(1 + 300 + 2)
}

// A file in chunks whose manifest's time is over is not there.
func TestAnExpiredManifestOfChunksIsNoFile(t *testing.T) {
	w := chunkedWorld(t)
	_, err := w.g.Objects.SetMeta(w.ctx, ref("c", "f.dura-manifest"), gateway.MetaChange{DeleteAt: w.Clock.Now().Add(time.Hour)})
	w.must(err)
	fresh := gateway.PutOptions{Size: 1, Drive: true, Conditions: gateway.Conditions{IfNoneMatch: []string{"*"}}}
	_, err = w.g.Objects.Put(w.ctx, ref("c", "f"), strings.NewReader("x"), fresh)
	wantKind(t, err, errs.Precondition, errs.ReasonOf(err))
	w.Clock.Advance(2 * time.Hour)
	_, err = w.g.Objects.Put(w.ctx, ref("c", "f"), strings.NewReader("x"), fresh)
	w.must(err)
}

// Whoever removes the manifest of a file in chunks removes the file: what gets
// its name has neither its properties nor its locks. Where another file has the
// name, they are that one's.
func TestRemovedManifestTakesThePropertiesOfItsFileAlong(t *testing.T) {
	for name, remove := range map[string]func(w *world) error{
		"one": func(w *world) error { return w.g.Objects.Delete(w.ctx, ref("c", "f.dura-manifest"), nil) },
		"many": func(w *world) error {
			return w.g.Objects.DeleteMany(w.ctx, ref("c", ""), []string{"f.dura-chunk-0000", "f.dura-manifest"})[1]
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := chunkedWorld(t)
			w.note("of chunks", "f")
			w.must(remove(w))
			w.put("f", "plain")
			w.wantNotes("c", "f")
			w.note("plain", "f")
			w.putChunked("f")
			w.must(remove(w))
			w.wantNotes("c", "f", "", "plain")
			w.sound()
		})
	}
}
