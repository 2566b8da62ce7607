package gateway_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"entrepot/gateway"
	"entrepot/gateway/errs"
	"entrepot/gateway/gatewaytest"
	"entrepot/store/kv/kvtest/chance"
)

// drawn lists a folder of a drive in pages of the given size, as lines of
// kind, path below base and size.
func (w *world) drawn(base string, recursive bool, limit int) []string {
	w.t.Helper()
	var out []string
	opt := gateway.ListTree{Limit: limit, Recursive: recursive}
	for {
		page, err := w.g.Trees.List(w.ctx, ref("c", base), opt)
		w.must(err)
		for _, n := range page.Nodes {
			if n.Past != strings.HasPrefix(base, ".zfs/") {
				w.t.Fatalf("%v: past %v", n.Ref, n.Past)
			}
			name := n.Ref.Object
			if n.Past {
				name = strings.SplitN(name, "/", 4)[3]
			}
			out = append(out, fmt.Sprint(n.Kind, name, n.Object.Size, n.Object.MD5))
		}
		if page.Next == (gateway.Ref{}) {
			return out
		}
		opt.After = page.Next
	}
}

// TestSnapshotOnDriveListsWhatTheDriveListed compares the tree of a snapshot
// with the one of the drive at the moment when it was taken.
func TestSnapshotOnDriveListsWhatTheDriveListed(t *testing.T) {
	w := newWorld(t)
	pool := []string{"a", "a/b", "a/b/c", "a!", "a0", "b/", "b/x", "c//d", "d/e/f/g", "d/e/h", "é", "e/./x", "f/", "zz/1", "zz/2"}
	take := 0
	chance.Check(t, func(rt *rapid.T) {
		change := func(label string) {
			for i, n := range rapid.SliceOfN(rapid.SampledFrom(pool), 0, 12).Draw(rt, label) {
				if rapid.Bool().Draw(rt, "delete") {
					_ = w.g.Objects.Delete(w.ctx, ref("c", n), nil)
				} else {
					w.put(n, strings.Repeat("x", i))
				}
			}
		}
		change("before")
		limit := rapid.IntRange(1, 5).Draw(rt, "limit")
		deep, flat := w.drawn("", true, limit), w.drawn("", false, limit)
		var sub []string
		if _, err := w.g.Trees.Stat(w.ctx, ref("c", "a"), gateway.NodeParts{}); err == nil {
			sub = w.drawn("a", false, limit)
		}
		take++
		name := fmt.Sprint("s", take)
		w.must(w.g.Snapshots.Create(w.ctx, ref("c", ""), name))
		change("after")
		at := ".zfs/snapshot/" + name
		for _, c := range []struct {
			path      string
			recursive bool
			want      []string
		}{{at, true, deep}, {at + "/", false, flat}, {at + "/a", false, sub}} {
			if len(sub) == 0 && c.path == at+"/a" {
				continue
			}
			if diff := cmp.Diff(c.want, w.drawn(c.path, c.recursive, limit)); diff != "" {
				rt.Fatalf("%s (want -, got +):\n%s", c.path, diff)
			}
		}
		if take%3 == 0 {
			w.must(w.g.Snapshots.Destroy(w.ctx, ref("c", ""), name))
		}
	})
	w.counts("c")
}

// A copy out of a snapshot shares content with it: it outlives the snapshot,
// and the snapshot outlives it.
func TestCopyOutOfSnapshotStandsAlone(t *testing.T) {
	w := newWorld(t)
	w.put("d/old", long)
	w.must(w.g.Snapshots.Create(w.ctx, ref("c", ""), "s1"))
	w.must(w.g.Objects.Delete(w.ctx, ref("c", "d/old"), nil))
	_, err := w.g.Trees.Copy(w.ctx, ref("c", ".zfs/snapshot/s1/d"), ref("c", "back"), gateway.TreeOptions{})
	w.must(err)
	if got, err := w.read("c", "back/old"); err != nil || got != long {
		t.Errorf("the copy holds %q, %v", got, err)
	}
	w.counts("c")
	w.must(w.g.Snapshots.Destroy(w.ctx, ref("c", ""), "s1"))
	w.Store.Drain(w.ctx)
	if got, err := w.read("c", "back/old"); err != nil || got != long {
		t.Errorf("after the snapshot went, the copy holds %q, %v", got, err)
	}
	w.counts("c")

	// Rights: the source must be readable, the destination writable.
	w.must(w.g.Snapshots.Create(w.ctx, ref("c", ""), "s2"))
	_, err = w.g.Trees.Copy(w.Ctx("tester2"), ref("c", ".zfs/snapshot/s2/back"), ref("c", "x"), gateway.TreeOptions{})
	wantKind(t, err, errs.Forbidden, "")
	_, err = w.g.Trees.Copy(w.ctx, ref("c", ".zfs/snapshot/s2"), gateway.Ref{Account: "test2", Container: "x"}, gateway.TreeOptions{})
	wantKind(t, err, errs.Forbidden, "")
	_, err = w.g.Trees.Copy(w.ctx, ref("c", ".zfs/snapshot/none/back"), ref("c", "x"), gateway.TreeOptions{})
	wantKind(t, err, errs.NotFound, errs.NoSnapshot)
	_, err = w.g.Trees.Move(w.ctx, ref("c", ".zfs/snapshot/s2/back"), ref("c", "x"), gateway.TreeOptions{})
	wantKind(t, err, errs.Forbidden, errs.BadName)
}

// What expired after the snapshot was taken is in it, and comes back for good.
func TestSnapshotOnDriveShowsWhatExpiredSince(t *testing.T) {
	w := newWorld(t)
	_, err := w.g.Objects.Put(w.ctx, ref("c", "brief"), strings.NewReader("x"),
		gateway.PutOptions{Size: 1, DeleteAt: gatewaytest.Start().Add(time.Minute)})
	w.must(err)
	w.must(w.g.Snapshots.Create(w.ctx, ref("c", ""), "s1"))
	w.Clock.Advance(2 * time.Minute)
	if got := w.drawn(".zfs/snapshot/s1", false, 10); len(got) != 1 {
		t.Errorf("listed: %q", got)
	}
	_, err = w.g.Trees.Copy(w.ctx, ref("c", ".zfs/snapshot/s1/brief"), ref("c", "kept"), gateway.TreeOptions{})
	w.must(err)
	o, err := w.g.Objects.Head(w.ctx, ref("c", "kept"), gateway.Conditions{})
	w.must(err)
	if !o.DeleteAt.IsZero() {
		t.Errorf("the copy expires at %v", o.DeleteAt)
	}
}
