package gateway_test

import (
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"entrepot/gateway"
	"entrepot/gateway/errs"
	"entrepot/gateway/gatewaytest"
)

// note gives paths of container c a property that says value.
func (w *world) note(value string, paths ...string) {
	w.t.Helper()
	for _, p := range paths {
		w.must(w.setProp("c", p, "urn:x", "p", []byte(value)))
	}
}

// notes reads what note wrote below a path, without what says nothing.
func (w *world) notes(container, base string) map[string]string {
	w.t.Helper()
	out := w.noted(w.t, container, base, 3)
	maps.DeleteFunc(out, func(_, text string) bool { return text == "" })
	for path, text := range out {
		text = strings.TrimPrefix(text, "{urn:x}p=")
		out[path] = text[:strings.IndexByte(text, '(')]
	}
	return out
}

func (w *world) wantNotes(container, base string, pairs ...string) {
	w.t.Helper()
	want := map[string]string{}
	for i := 0; i < len(pairs); i += 2 {
		want[pairs[i]] = pairs[i+1]
	}
	if diff := cmp.Diff(want, w.notes(container, base)); diff != "" {
		w.t.Errorf("%s/%s (want -, got +):\n%s", container, base, diff)
	}
}

// noteworthy is a world of a file in folders, all with properties, and a
// snapshot s1 of it.
func noteworthy(t *testing.T) *world {
	w := newWorld(t)
	w.put("d/s/f", long)
	w.put("g", "x")
	w.note("then", "", "d", "d/s", "d/s/f", "g")
	w.must(w.g.Snapshots.Create(w.ctx, ref("c", ""), "s1"))
	w.then("c", ".zfs/snapshot/s1")
	return w
}

// then fails unless everything below base has the properties of the snapshot.
func (w *world) then(container, base string) {
	w.t.Helper()
	w.wantNotes(container, base, "", "then", "d/", "then", "d/s/", "then", "d/s/f", "then", "g", "then")
}

const s1 = ".zfs/snapshot/s1"

func TestSnapshotShowsDeadPropertiesAsTheyWere(t *testing.T) {
	drive := gateway.PutOptions{Size: -1, Drive: true}
	for name, change := range map[string]func(w *world) error{
		"set again": func(w *world) error { w.note("now", "", "d", "d/s", "d/s/f", "g"); return nil },
		"removed": func(w *world) error {
			for _, p := range []string{"", "d/", "d/s/f"} {
				w.must(w.setProp("c", p, "urn:x", "p", nil))
			}
			return nil
		},
		"more": func(w *world) error { return w.setProp("c", "g", "urn:y", "other", []byte("x")) },
		"a PUT": func(w *world) error {
			_, err := w.g.Objects.Put(w.ctx, ref("c", "g"), strings.NewReader("y"), drive)
			return err
		},
		"a plain PUT":    func(w *world) error { w.put("g", "y"); w.wantNotes("c", "g"); return nil },
		"a new file":     func(w *world) error { w.put("new", "y"); w.note("now", "new"); return nil },
		"DELETE":         func(w *world) error { return w.g.Objects.Delete(w.ctx, ref("c", "g"), nil) },
		"DELETE of many": func(w *world) error { return w.g.Objects.DeleteMany(w.ctx, ref("c", ""), []string{"g", "d/s/f"})[0] },
		"of a tree":      func(w *world) error { return w.g.Trees.Delete(w.ctx, ref("c", "d"), gateway.Conditions{}) },
		"deleted and made again": func(w *world) error {
			w.must(w.g.Trees.Delete(w.ctx, ref("c", "d"), gateway.Conditions{}))
			w.put("d/s/f", "again")
			w.wantNotes("c", "d")
			return nil
		},
		"MOVE": func(w *world) error { return w.move(ref("c", "g"), ref("c", "h")) },
		"MOVE over another": func(w *world) error {
			w.must(w.move(ref("c", "g"), ref("c", "d/s/f")))
			w.wantNotes("c", "", "", "then", "d/", "then", "d/s/", "then", "d/s/f", "then")
			return nil
		},
		"MOVE of a tree": func(w *world) error {
			w.must(w.move(ref("c", "d"), ref("c", "e")))
			w.wantNotes("c", "e", "", "then", "s/", "then", "s/f", "then")
			return nil
		},
		"MOVE away": func(w *world) error {
			w.container("k")
			w.must(w.move(ref("c", "d"), ref("k", "d")))
			w.wantNotes("k", "d", "", "then", "s/", "then", "s/f", "then")
			return nil
		},
		"COPY": func(w *world) error {
			_, err := w.g.Trees.Copy(w.ctx, ref("c", "d"), ref("c", "g"), gateway.TreeOptions{Overwrite: true})
			return err
		},
		"another snapshot": func(w *world) error {
			w.note("now", "g")
			w.must(w.g.Snapshots.Create(w.ctx, ref("c", ""), "s2"))
			w.must(w.setProp("c", "g", "urn:x", "p", nil))
			w.wantNotes("c", ".zfs/snapshot/s2/g", "", "now")
			w.must(w.g.Snapshots.Destroy(w.ctx, ref("c", ""), "s2"))
			w.Store.Drain(w.ctx)
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := noteworthy(t)
			w.must(change(w))
			w.then("c", s1)
			w.then("c", s1+"/")
			w.must(w.g.Snapshots.Clone(w.ctx, ref("c", ""), "s1", ref("clone", "")))
			w.then("clone", "")
			_, err := w.g.Trees.Copy(w.ctx, ref("c", s1), ref("whole", ""), gateway.TreeOptions{})
			w.must(err)
			w.then("whole", "")
			w.must(w.g.Snapshots.Rollback(w.ctx, ref("c", ""), "s1"))
			w.then("c", "")
			w.then("c", s1)
			w.must(w.g.Snapshots.Destroy(w.ctx, ref("c", ""), "s1"))
			w.then("c", "")
			w.sound()
		})
	}
}

// A copy of a part of a snapshot takes the properties of that part.
func TestCopyOutOfSnapshotTakesItsDeadProperties(t *testing.T) {
	w := noteworthy(t)
	w.note("now", "d", "d/s", "d/s/f", "g")
	copyTo := func(from, to string, opt gateway.TreeOptions) {
		t.Helper()
		opt.Overwrite = true
		_, err := w.g.Trees.Copy(w.ctx, ref("c", s1+from), ref("c", to), opt)
		w.must(err)
	}
	copyTo("/g", "g", gateway.TreeOptions{})
	w.wantNotes("c", "g", "", "then")
	copyTo("/d/s", "part", gateway.TreeOptions{})
	w.wantNotes("c", "part", "", "then", "f", "then")
	copyTo("/d/s/", "alone", gateway.TreeOptions{Shallow: true})
	w.wantNotes("c", "alone", "", "then")
	copyTo("", "all", gateway.TreeOptions{})
	w.then("c", "all")
	w.wantNotes("c", "d", "", "now", "s/", "now", "s/f", "now")
	wantKind(t, w.setProp("c", s1+"/g", "urn:x", "p", []byte("never")), errs.Forbidden, errs.BadName)
	w.then("c", s1)
}

// What had expired when the snapshot was taken is in it no more, although its
// row may be; what expired since is.
func TestSnapshotLeavesOutPropertiesOfWhatHadExpired(t *testing.T) {
	w := newWorld(t)
	w.putWith("early", "x", "", time.Minute)
	w.putWith("late", "x", "", time.Hour)
	w.putWith("d/", "", "application/directory", time.Minute) // lives on by its member
	w.put("d/x", "x")
	w.putWith("e/", "", "application/directory", time.Minute)
	w.note("then", "early", "late", "d", "e")
	w.Clock.Advance(10 * time.Minute)
	w.must(w.g.Snapshots.Create(w.ctx, ref("c", ""), "s1"))
	w.Clock.Advance(2 * time.Hour)
	for _, swept := range []bool{false, true} {
		if swept {
			_, err := w.Store.Expire(t.Context())
			w.must(err)
		}
		w.wantNotes("c", s1, "late", "then", "d/", "then")
		to := fmt.Sprint("copy", swept)
		_, err := w.g.Trees.Copy(w.ctx, ref("c", s1), ref(to, ""), gateway.TreeOptions{})
		w.must(err)
		clone := fmt.Sprint("clone", swept)
		w.must(w.g.Snapshots.Clone(w.ctx, ref("c", ""), "s1", ref(clone, "")))
		for _, c := range []string{to, clone} {
			w.wantNotes(c, "", "late", "then", "d/", "then")
			for _, name := range []string{"early", "e/x"} {
				_, err := w.g.Objects.Put(w.ctx, ref(c, name), strings.NewReader("x"), gateway.PutOptions{Size: 1})
				w.must(err)
			}
			w.wantNotes(c, "", "late", "then", "d/", "then") // nothing waited for them
		}
	}
	w.must(w.g.Snapshots.Rollback(w.ctx, ref("c", ""), "s1"))
	w.put("early", "again")
	w.put("e/x", "again")
	w.wantNotes("c", "", "late", "then", "d/", "then")
	w.sound()
}

// A copy of a folder leaves out files that have expired; a file that is put in
// the place of one in the copy has none of its properties.
func TestCopyLeavesOutPropertiesOfExpiredFiles(t *testing.T) {
	w := newWorld(t)
	w.putWith("d/brief", "x", "", time.Minute)
	w.put("d/s/x", "x")
	w.note("now", "d/brief", "d/s", "d/s/x")
	w.Clock.Advance(time.Hour)
	_, err := w.g.Trees.Copy(w.ctx, ref("c", "d"), ref("c", "e"), gateway.TreeOptions{})
	w.must(err)
	w.must(w.drivePut("e/brief", "another"))
	w.wantNotes("c", "e", "s/", "now", "s/x", "now")
}

// Properties belong to a path, not to a version of what is there: a restored
// version has none, in the container and in the snapshots of before those of
// then.
func TestRestoredVersionHasNoDeadProperties(t *testing.T) {
	w := newWorld(t)
	w.setVersioned(true)
	first := w.store("a", "1")
	w.note("first", "a")
	w.Clock.Advance(time.Second)
	w.must(w.drivePut("a", "2"))
	w.wantNotes("c", "a", "", "first")
	w.must(w.g.Snapshots.Create(w.ctx, ref("c", ""), "s1"))
	_, err := w.g.Objects.RestoreVersion(w.ctx, version("a", first))
	w.must(err)
	w.wantNotes("c", "a")
	w.wantNotes("c", s1+"/a", "", "first")
	w.must(w.g.Snapshots.Rollback(w.ctx, ref("c", ""), "s1"))
	w.wantNotes("c", "a", "", "first")
	if got := w.get("a"); got != "2" {
		t.Errorf("rolled back to %q", got)
	}
	w.sound()
}

// A restoration in the background takes properties along page by page, those
// of folders that no object marks as well.
func TestRestorationInTheBackgroundTakesDeadProperties(t *testing.T) {
	cfg := gateway.Config{MaxTree: 3}
	w := newWorldWith(t, cfg)
	want := []string{"", "then"}
	for i := range 5 {
		folder, file := fmt.Sprintf("d%d/", i), fmt.Sprintf("d%d/f", i)
		w.put(file, "x")
		w.note("then", folder, file)
		w.must(w.g.Objects.Delete(w.ctx, ref("c", folder), nil)) // its marker
		want = append(want, file, "then")
	}
	w.put("d9/f", "x")
	w.note("then", "", "d9")
	want = append(want, "d9/", "then")
	before := w.notes("c", "")
	s, err := w.g.Spaces.CreateSnapshot(w.ctx, ref("c", ""), "")
	w.must(err)
	w.note("now", "", "d0", "d1/f")
	_, err = w.g.Spaces.RestoreSnapshot(w.Ctx("admin"), "test", s.ID)
	w.must(err)
	r := w.restart(cfg, s.ID)
	if diff := cmp.Diff(before, w.notes(r.ID, "")); diff != "" {
		t.Errorf("restored (want -, got +):\n%s", diff)
	}
	w.wantNotes("c", ".zfs/snapshot/"+s.ID, want...)
	w.sound()
}

// The nodes of a page may have other paths than the names that led to them: a
// folder that is marked without its slash, a file in chunks.
func TestPagesShowPropertiesOfNodesThatOtherNamesLeadTo(t *testing.T) {
	f := gatewaytest.NewWith(t, gatewaytest.Options{Config: gateway.Config{Chunks: jsonChunks{}}})
	w := &world{Fixture: f, t: t, g: f.Gateway, ctx: f.Ctx("tester")}
	w.container("c")
	w.putWith("b", "", "application/directory", 0)
	w.put("b/x", "x")
	w.putWith("m", "", "application/directory", 0)
	w.putChunked("f")
	w.note("now", "b", "m", "f")
	w.must(w.g.Snapshots.Create(w.ctx, ref("c", ""), "s1"))
	for _, base := range []string{"", s1} {
		for limit := 1; limit < 8; limit++ {
			got := w.noted(t, "c", base, limit)
			for _, path := range []string{"b/", "m/", "f"} {
				if got[path] != "{urn:x}p=now(3) " {
					t.Errorf("%q in pages of %d below %q: %q", path, limit, base, got[path])
				}
			}
		}
	}
}

// A rollback that would touch too many properties is refused whole.
func TestRollbackOfTooManyDeadPropertiesIsRefused(t *testing.T) {
	w := newWorldWith(t, gateway.Config{MaxTree: 2})
	w.put("a", "x")
	w.must(w.g.Snapshots.Create(w.ctx, ref("c", ""), "s1"))
	for i := range 9 {
		w.must(w.setProp("c", "a", "urn:x", fmt.Sprint("p", i), []byte("now")))
	}
	before := w.noted(t, "c", "", 10)
	wantKind(t, w.g.Snapshots.Rollback(w.ctx, ref("c", ""), "s1"), errs.Forbidden, errs.TooMany)
	if diff := cmp.Diff(before, w.noted(t, "c", "", 10)); diff != "" {
		t.Errorf("a refused rollback changed:\n%s", diff)
	}
	w.must(w.setProp("c", "a", "urn:x", "p0", nil))
	w.must(w.g.Snapshots.Rollback(w.ctx, ref("c", ""), "s1"))
	if got := w.noted(t, "c", "", 10); got["a"] != "" {
		t.Errorf("after the rollback: %q", got)
	}
}
