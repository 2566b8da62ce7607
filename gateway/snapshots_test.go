package gateway_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"entrepot/gateway"
	"entrepot/gateway/errs"
	"entrepot/store/kv/kvtest/chance"
)

// state reads everything that a container holds.
func (w *world) state(container string) map[string]string {
	w.t.Helper()
	out := map[string]string{}
	for _, name := range w.names(container) {
		body, err := w.read(container, name)
		w.must(err)
		out[name] = body
	}
	return out
}

// past reads everything that a snapshot shows, in pages of two.
func (w *world) past(container, snapshot string) map[string]string {
	w.t.Helper()
	out := map[string]string{}
	for marker := ""; ; {
		page, err := w.g.Snapshots.Objects(w.ctx, ref(container, ""), snapshot, "", marker, 2)
		w.must(err)
		for _, o := range page {
			_, content, err := w.g.Snapshots.Open(w.ctx, ref(container, o.Name), snapshot)
			w.must(err)
			var b strings.Builder
			_, err = content.WriteRange(&b, 0, content.Size())
			w.must(err)
			content.Close()
			if _, twice := out[o.Name]; twice || o.Name <= marker {
				w.t.Fatalf("%q is listed out of order behind %q", o.Name, marker)
			}
			out[o.Name], marker = b.String(), o.Name
		}
		if len(page) < 2 {
			return out
		}
	}
}

func TestSnapshotShowsTheContainerAsItWas(t *testing.T) {
	w := newWorld(t)
	w.put("keep", long)
	w.put("change", "old")
	w.put("d/gone", long+"2")
	_, err := w.g.Objects.SetMeta(w.ctx, ref("c", "change"), gateway.MetaChange{Properties: gateway.Properties{"k": "old"}})
	w.must(err)
	before := w.state("c")
	w.must(w.g.Snapshots.Create(w.ctx, ref("c", ""), "s1"))
	wantKind(t, w.g.Snapshots.Create(w.ctx, ref("c", ""), "s1"), errs.Exists, "")
	wantKind(t, w.g.Snapshots.Create(w.ctx, ref("c", ""), "a/b"), errs.Invalid, errs.BadName)
	wantKind(t, w.g.Snapshots.Create(w.Ctx("tester3"), ref("c", ""), "s2"), errs.Forbidden, "")

	_, err = w.g.Objects.SetMeta(w.ctx, ref("c", "change"), gateway.MetaChange{Properties: gateway.Properties{"k": "new"}})
	w.must(err)
	w.put("change", "new")
	w.put("change", "newer") // born after the snapshot: not kept
	w.put("new", "x")
	w.must(w.g.Trees.Delete(w.ctx, ref("c", "d"), gateway.Conditions{}))
	if got := w.past("c", "s1"); !maps.Equal(got, before) {
		t.Errorf("the snapshot shows %v", got)
	}
	o, content, err := w.g.Snapshots.Open(w.ctx, ref("c", "change"), "s1")
	w.must(err)
	content.Close()
	if o.Properties["k"] != "old" {
		t.Errorf("properties of the snapshot: %v", o.Properties)
	}
	_, _, err = w.g.Snapshots.Open(w.ctx, ref("c", "new"), "s1")
	wantKind(t, err, errs.NotFound, errs.NoObject)
	_, _, err = w.g.Snapshots.Open(w.ctx, ref("c", "keep"), "none")
	wantKind(t, err, errs.NotFound, errs.NoSnapshot)

	// Nothing that would lose it.
	wantKind(t, w.g.Trees.Delete(w.ctx, ref("c", ""), gateway.Conditions{}), errs.Forbidden, errs.HasSnapshots)
	_, err = w.g.Trees.Move(w.ctx, ref("c", ""), ref("other", ""), gateway.TreeOptions{})
	wantKind(t, err, errs.Forbidden, errs.HasSnapshots)

	after := w.state("c")
	w.must(w.g.Snapshots.Clone(w.ctx, ref("c", ""), "s1", ref("clone", "")))
	if got := w.state("clone"); !maps.Equal(got, before) {
		t.Errorf("the clone holds %v", got)
	}
	w.must(w.g.Snapshots.Create(w.ctx, ref("c", ""), "s2"))
	w.must(w.g.Snapshots.Rollback(w.ctx, ref("c", ""), "s1"))
	if got := w.state("c"); !maps.Equal(got, before) {
		t.Errorf("after the rollback: %v", got)
	}
	if got := w.past("c", "s2"); !maps.Equal(got, after) {
		t.Errorf("the newer snapshot shows %v, want %v", got, after)
	}
	w.counts("c")
	w.counts("clone")
}

func TestRecursiveSnapshotTakesAllContainersAtOnce(t *testing.T) {
	w := newWorld(t)
	w.container("c2")
	w.put("a", "1")
	w.must(w.g.Snapshots.CreateAll(w.ctx, "test", "all"))
	w.must(w.g.Objects.Delete(w.ctx, ref("c", "a"), nil))
	if got := w.past("c", "all"); got["a"] != "1" {
		t.Error(got)
	}
	list, err := w.g.Snapshots.List(w.ctx, ref("c2", ""))
	if err != nil || len(list) != 1 || list[0].Name != "all" || list[0].User != "tester" {
		t.Error(list, err)
	}
	wantKind(t, w.g.Snapshots.CreateAll(w.Ctx("tester3"), "test", "x"), errs.Forbidden, "")
	wantKind(t, w.g.Snapshots.CreateAll(w.ctx, "test", "all"), errs.Exists, "")
}

// TestSnapshotsFollowAModel runs random changes with snapshots coming and
// going against maps.
func TestSnapshotsFollowAModel(t *testing.T) {
	chance.Check(t, func(rt *rapid.T) {
		s := &scope{TB: t}
		defer s.end()
		w := newWorldIn(t, s)
		live, shots := map[string]string{}, map[string]map[string]string{}
		name := rapid.SampledFrom([]string{"a", "b", "d/x", "d/y", "e/x"})
		taken := 0
		rt.Repeat(map[string]func(*rapid.T){
			"put": func(rt *rapid.T) {
				n := name.Draw(rt, "name")
				body := fmt.Sprint(rapid.SampledFrom([]string{"s", long}).Draw(rt, "body"), len(live), taken)
				w.put(n, body)
				live[n] = body
			},
			"delete": func(rt *rapid.T) {
				n := name.Draw(rt, "name")
				err := w.g.Objects.Delete(w.ctx, ref("c", n), nil)
				if _, there := live[n]; there != (err == nil) {
					rt.Fatalf("delete %q: %v", n, err)
				}
				delete(live, n)
			},
			"post": func(rt *rapid.T) {
				n := name.Draw(rt, "name")
				_, err := w.g.Objects.SetMeta(w.ctx, ref("c", n), gateway.MetaChange{Properties: gateway.Properties{"n": n}})
				if _, there := live[n]; there != (err == nil) {
					rt.Fatalf("post %q: %v", n, err)
				}
			},
			"copy": func(rt *rapid.T) {
				from, to := name.Draw(rt, "from"), name.Draw(rt, "to")
				_, _, err := w.g.Objects.Copy(w.ctx, ref("c", from), ref("c", to), gateway.CopyOptions{})
				if body, there := live[from]; there != (err == nil) {
					rt.Fatalf("copy %q: %v", from, err)
				} else if there {
					live[to] = body
				}
			},
			"move": func(rt *rapid.T) {
				_, err := w.g.Trees.Move(w.ctx, ref("c", "d"), ref("c", "e"), gateway.TreeOptions{Overwrite: true})
				moved := false
				next := map[string]string{}
				for n, body := range live {
					if rest, ok := strings.CutPrefix(n, "d/"); ok {
						next["e/"+rest], moved = body, true
					} else if !strings.HasPrefix(n, "e/") {
						next[n] = body
					}
				}
				if moved != (err == nil) {
					rt.Fatalf("move: %v", err)
				}
				if moved {
					live = next
				}
			},
			"snapshot": func(rt *rapid.T) {
				taken++
				n := fmt.Sprint("s", taken)
				w.must(w.g.Snapshots.Create(w.ctx, ref("c", ""), n))
				shots[n] = maps.Clone(live)
			},
			"destroy": func(rt *rapid.T) {
				if len(shots) == 0 {
					rt.Skip()
				}
				n := rapid.SampledFrom(slices.Sorted(maps.Keys(shots))).Draw(rt, "snapshot")
				w.must(w.g.Snapshots.Destroy(w.ctx, ref("c", ""), n))
				delete(shots, n)
			},
			"rollback": func(rt *rapid.T) {
				if len(shots) == 0 {
					rt.Skip()
				}
				n := rapid.SampledFrom(slices.Sorted(maps.Keys(shots))).Draw(rt, "snapshot")
				w.must(w.g.Snapshots.Rollback(w.ctx, ref("c", ""), n))
				live = maps.Clone(shots[n])
			},
			"": func(rt *rapid.T) {
				w.Store.Drain(t.Context())
				if got := w.state("c"); !maps.Equal(got, live) {
					rt.Fatalf("live: %v, want %v", got, live)
				}
				for n, want := range shots {
					if got := w.past("c", n); !maps.Equal(got, want) {
						rt.Fatalf("%s: %v, want %v", n, got, want)
					}
				}
				w.counts("c")
			},
		})
		for n := range shots {
			w.must(w.g.Snapshots.Destroy(w.ctx, ref("c", ""), n))
		}
		w.must(w.g.Trees.Delete(w.ctx, ref("c", ""), gateway.Conditions{}))
		w.Store.Drain(t.Context())
		if left := w.leftovers(); left != "" {
			rt.Fatal(left)
		}
		if a, err := w.g.Accounts.Get(w.ctx, "test"); err != nil || a.Bytes != 0 || a.Objects != 0 || a.Containers != 0 {
			rt.Fatalf("%+v %v", a, err)
		}
	})
}

func TestRollbackNeedsOnlyTheRoomThatItAdds(t *testing.T) {
	w := newWorld(t)
	w.put("a", strings.Repeat("x", 60))
	w.must(w.g.Snapshots.Create(w.ctx, ref("c", ""), "s"))
	w.must(w.g.Snapshots.Rollback(w.ctx, ref("c", ""), "s"))
	w.put("a", strings.Repeat("y", 70)) // 60 of history, 70 live
	admin := w.Ctx("admin")
	w.must(w.g.Accounts.SetProperties(admin, "test", gateway.Properties{"quota-bytes": "130"}))
	w.must(w.g.Snapshots.Rollback(w.ctx, ref("c", ""), "s"))
	if got := w.get("a"); got != strings.Repeat("x", 60) {
		t.Error(got)
	}
	w.put("b", "")
	w.must(w.g.Accounts.SetProperties(admin, "test", gateway.Properties{"quota-bytes": "121"}))
	w.must(w.g.Objects.Delete(w.ctx, ref("c", "a"), nil))
	w.must(w.g.Accounts.SetProperties(admin, "test", gateway.Properties{"quota-bytes": "100"}))
	wantKind(t, w.g.Snapshots.Rollback(w.ctx, ref("c", ""), "s"), errs.OverQuota, "")
	if got := w.names("c"); len(got) != 1 || got[0] != "b" {
		t.Errorf("a refused rollback left %q", got)
	}
	w.counts("c")
}

// A change of properties behind a snapshot keeps the row as it was, and counts
// its content for the account once more, as for any replaced row, although the
// bytes are shared: who deletes the object then still holds them by the
// snapshot. Destroying the snapshot takes the count back.
func TestPropertiesBehindASnapshotCountTheContentUntilItGoes(t *testing.T) {
	w := newWorld(t)
	bytes := func() int64 {
		t.Helper()
		a, err := w.g.Accounts.Get(w.ctx, "test")
		w.must(err)
		return a.Bytes
	}
	w.put("o", strings.Repeat("x", 100))
	w.must(w.g.Snapshots.Create(w.ctx, ref("c", ""), "s"))
	for i, want := range []int64{200, 200} { // once for all changes since
		_, err := w.g.Objects.SetMeta(w.ctx, ref("c", "o"), gateway.MetaChange{Properties: gateway.Properties{"n": fmt.Sprint(i)}})
		w.must(err)
		if got := bytes(); got != want {
			t.Errorf("after change %d: %d bytes, want %d", i+1, got, want)
		}
	}
	w.sound()
	w.must(w.g.Objects.Delete(w.ctx, ref("c", "o"), nil))
	if got := bytes(); got != 100 {
		t.Errorf("deleted, but kept by the snapshot: %d bytes", got)
	}
	w.must(w.g.Snapshots.Destroy(w.ctx, ref("c", ""), "s"))
	w.Store.Drain(t.Context())
	if got := bytes(); got != 0 {
		t.Errorf("without the snapshot: %d bytes", got)
	}
	w.sound()
}
