package gateway_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"entrepot/gateway"
	"entrepot/gateway/errs"
	"entrepot/gateway/gatewaytest"
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
