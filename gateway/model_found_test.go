package gateway_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"entrepot/gateway"
	"entrepot/gateway/errs"
)

// These are the reductions of what random calls against the model found.

func (w *world) move(src, dst gateway.Ref) error {
	_, err := w.g.Trees.Move(w.ctx, src, dst, gateway.TreeOptions{Overwrite: true})
	return err
}

// members lists what a drive shows directly in a folder.
func (w *world) members(container, folder string) []string {
	w.t.Helper()
	page, err := w.g.Trees.List(w.ctx, ref(container, folder), gateway.ListTree{})
	if err != nil {
		w.t.Fatal(err)
	}
	names := []string{}
	for _, n := range page.Nodes {
		names = append(names, n.Ref.Object)
	}
	return names
}

func (w *world) wantNames(container string, want ...string) {
	w.t.Helper()
	if got := w.names(container); !slices.Equal(got, want) {
		w.t.Errorf("%s holds %q, want %q", container, got, want)
	}
	w.counts(container)
}

// putWith puts an object of a type that may expire after a time.
func (w *world) putWith(name, body, contentType string, life time.Duration) {
	w.t.Helper()
	opt := gateway.PutOptions{Size: -1, ContentType: contentType}
	if life != 0 {
		opt.DeleteAt = w.Clock.Now().Add(life)
	}
	if _, err := w.g.Objects.Put(w.ctx, ref("c", name), strings.NewReader(body), opt); err != nil {
		w.t.Fatal(err)
	}
}

func TestEmptyContainerBecomesFolderAndBack(t *testing.T) {
	w := newWorld(t)
	w.container("d")
	if err := w.move(ref("d", ""), ref("c", "was")); err != nil {
		t.Fatal(err)
	}
	w.wantNames("c", "was/")
	if err := w.move(ref("c", "was"), ref("d", "")); err != nil {
		t.Fatal(err)
	}
	w.wantNames("c")
	w.wantNames("d")
}

func TestMoveInsideAnOverfullDepotNeedsNoRoom(t *testing.T) {
	w := newWorld(t)
	w.container("d")
	w.put("a", long)
	d := newDoor(t, w.Fixture)
	if err := d.SetLimit(10); err != nil {
		t.Fatal(err)
	}
	if err := w.move(ref("c", "a"), ref("d", "a")); err != nil {
		t.Error(err)
	}
	w.wantNames("d", "a")
}

func TestRemovingNeedsTheLockOfTheListOfMembers(t *testing.T) {
	w := newWorld(t)
	w.put("f/a", "x")
	lock, _, err := w.g.Trees.Lock(w.ctx, ref("c", "f/"), gateway.LockRequest{Exclusive: true})
	if err != nil {
		t.Fatal(err)
	}
	wantKind(t, w.g.Objects.Delete(w.ctx, ref("c", "f/a"), nil), errs.Locked, "")
	if err := w.g.Objects.Delete(w.ctx, ref("c", "f/a"), []string{lock.Token}); err != nil {
		t.Error(err)
	}
}

func TestDelimiterListingLeavesOutExpiredPrefixes(t *testing.T) {
	w := newWorld(t)
	w.putWith("f/a", "x", "", time.Minute)
	w.putWith("g/a", "x", "", time.Minute)
	w.put("g/b", "x")
	w.Clock.Advance(time.Hour)
	for _, reverse := range []bool{false, true} {
		_, list, err := w.g.Objects.List(w.ctx, ref("c", ""), gateway.ListOptions{Delimiter: "/", Limit: 10, Reverse: reverse})
		if err != nil || len(list) != 1 || list[0].Subdir != "g/" {
			t.Errorf("reverse %t: %+v, %v", reverse, list, err)
		}
	}
}

func TestParentStaysUnderAnExpiredMarker(t *testing.T) {
	w := newWorld(t)
	w.putWith("f", "", "application/directory", time.Minute)
	w.put("f/a", "x")
	w.Clock.Advance(time.Hour)
	if err := w.g.Trees.Delete(w.ctx, ref("c", "f/a"), gateway.Conditions{}); err != nil {
		t.Fatal(err)
	}
	if got := w.members("c", ""); !slices.Equal(got, []string{"f/"}) {
		t.Errorf("the drive shows %q", got)
	}
}

func TestNameWithLeadingSlashShowsOnNoDrive(t *testing.T) {
	w := newWorld(t)
	w.put("/a", "x")
	w.put("b", "x")
	if got := w.members("c", ""); !slices.Equal(got, []string{"b"}) {
		t.Errorf("the drive shows %q", got)
	}
}

// A marker that gets content, by a PUT or by another type, stands beside its
// folder from then on; so does a name that replaces an expired one.
func TestOverwritesMayMakeAClash(t *testing.T) {
	for name, overwrite := range map[string]func(w *world){
		"content in a marker": func(w *world) {
			w.putWith("f", "", "application/directory", 0)
			if err := w.drivePut("f/a", "x"); err != nil {
				w.t.Fatal(err)
			}
			w.putWith("f", "content", "text/plain", 0)
		},
		"another type of a marker": func(w *world) {
			w.putWith("f", "", "application/directory", 0)
			if err := w.drivePut("f/a", "x"); err != nil {
				w.t.Fatal(err)
			}
			if _, err := w.g.Objects.SetMeta(w.ctx, ref("c", "f"), gateway.MetaChange{ContentType: "text/plain"}); err != nil {
				w.t.Fatal(err)
			}
		},
		"a member in place of an expired one": func(w *world) {
			w.putWith("f/a", "x", "", time.Minute)
			w.Clock.Advance(time.Hour)
			if err := w.drivePut("f", "content"); err != nil {
				w.t.Fatal(err)
			}
			w.put("f/a", "x")
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			overwrite(w)
			if got := w.members("c", ""); !slices.Equal(got, []string{"f/"}) {
				t.Errorf("the drive shows %q", got)
			}
		})
	}
}
