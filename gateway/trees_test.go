package gateway_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"entrepot/gateway"
	"entrepot/gateway/errs"
)

// tree lists everything below a folder as a drive shows it.
func (w *world) tree(container, folder string, recursive bool) []string {
	w.t.Helper()
	var out []string
	var after gateway.Ref
	for {
		page, err := w.g.Trees.List(w.ctx, ref(container, folder), gateway.ListTree{After: after, Limit: 2, Recursive: recursive})
		if err != nil {
			w.t.Fatal(err)
		}
		for _, n := range page.Nodes {
			out = append(out, n.Ref.Object)
			if n.Folder() != strings.HasSuffix(n.Ref.Object, "/") {
				w.t.Errorf("%q: folder is %v", n.Ref.Object, n.Folder())
			}
		}
		if page.Next == (gateway.Ref{}) {
			return out
		}
		after = page.Next
	}
}

func (w *world) wantTree(folder string, want ...string) {
	w.t.Helper()
	if got := w.tree("c", folder, true); !slices.Equal(got, want) {
		w.t.Errorf("below %q: %q, want %q", folder, got, want)
	}
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func TestDriveShowsImpliedAndMarkedFolders(t *testing.T) {
	w := newWorld(t)
	for _, n := range []string{"a/b/x", "a/b!", "z", "m/", "./x", "a//b", "q\x01"} {
		w.put(n, "1")
	}
	_, err := w.g.Objects.Put(w.ctx, ref("c", "dir"), strings.NewReader(""), gateway.PutOptions{ContentType: "application/directory; x"})
	w.must(err)
	_, err = w.g.Objects.Put(w.ctx, ref("c", "a"), strings.NewReader(""), gateway.PutOptions{ContentType: "application/directory"})
	w.must(err)
	if got, want := w.tree("c", "", false), []string{"a/", "dir/", "m/", "z"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if got, want := w.tree("c", "a", false), []string{"a/b!", "a/b/"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	w.wantTree("", "a/", "a/b!", "a/b/", "a/b/x", "dir/", "m/", "z")
	if n, err := w.g.Trees.Count(w.ctx, ref("c", ""), 100); err != nil || n != 8 {
		t.Error(n, err)
	}
	for _, path := range []string{"a", "a/", "a/b", "dir", "m/", ""} {
		n, err := w.g.Trees.Stat(w.ctx, ref("c", path), gateway.NodeParts{})
		if err != nil || !n.Folder() {
			t.Errorf("%q: %+v %v", path, n, err)
		}
	}
	_, err = w.g.Trees.Stat(w.ctx, ref("c", "z/"), gateway.NodeParts{})
	wantKind(t, err, errs.NotFound, errs.NoObject)
	_, err = w.g.Trees.Stat(w.ctx, ref("c", "./x"), gateway.NodeParts{})
	wantKind(t, err, errs.Invalid, errs.BadName)
}

func TestFileBesideItsFolderShowsAsFolder(t *testing.T) {
	w := newWorld(t)
	w.put("a/x", "1")
	w.put("a", "file")
	w.put("b", "file")
	w.put("b/y/z", "1")
	w.wantTree("", "a/", "a/x", "b/", "b/y/", "b/y/z")
	if got := w.get("a"); got != "file" {
		t.Errorf("bytes %q", got)
	}
	wantKind(t, w.drivePut("a", "new"), errs.Exists, errs.IsFolder)
	w.must(w.g.Trees.Delete(w.ctx, ref("c", "a"), gateway.Conditions{}))
	if got := w.names("c"); !slices.Equal(got, []string{"b", "b/y/z"}) {
		t.Errorf("left: %q", got)
	}
	_, err := w.g.Trees.Move(w.ctx, ref("c", "b"), ref("c", "n"), gateway.TreeOptions{})
	w.must(err)
	if got := w.names("c"); !slices.Equal(got, []string{"n", "n/y/z"}) {
		t.Errorf("moved: %q", got)
	}
	w.counts("c")
}

func TestDriveRulesOfNewNames(t *testing.T) {
	w := newWorld(t)
	w.put("file", "x")
	mk := func(path string) error { return w.g.Trees.MakeFolder(w.ctx, ref("c", path), gateway.Conditions{}) }
	w.must(mk("d/"))
	wantKind(t, mk("d"), errs.Exists, errs.IsFolder)
	wantKind(t, mk("file"), errs.Exists, errs.IsFolder)
	wantKind(t, mk("file/"), errs.Exists, errs.IsFolder)
	wantKind(t, mk("no/d"), errs.Conflict, errs.NoParent)
	wantKind(t, mk("file/d"), errs.Conflict, errs.ParentIsFile)
	wantKind(t, w.drivePut("d", "x"), errs.Exists, errs.IsFolder)
	wantKind(t, w.drivePut("d/", "x"), errs.Exists, errs.IsFolder)
	wantKind(t, w.drivePut("no/x", "x"), errs.Conflict, errs.NoParent)
	wantKind(t, w.drivePut("file/x", "x"), errs.Conflict, errs.ParentIsFile)
	w.must(w.drivePut("d/x", "x"))
	_, err := w.g.Objects.Put(w.ctx, gateway.Ref{Account: "test", Container: "f"}, strings.NewReader("x"), gateway.PutOptions{Drive: true})
	wantKind(t, err, errs.Forbidden, errs.BesideSpaces)
	wantKind(t, w.g.Trees.MakeFolder(w.ctx, ref("nosuch", "d"), gateway.Conditions{}), errs.Conflict, errs.NoParent)
	w.must(w.g.Trees.MakeFolder(w.ctx, ref("new folder", ""), gateway.Conditions{}))
	wantKind(t, w.g.Trees.MakeFolder(w.ctx, ref("new folder", ""), gateway.Conditions{}), errs.Exists, errs.IsFolder)
}

func TestFolderStaysWhenADriveTakesItsLastMember(t *testing.T) {
	w := newWorld(t)
	w.put("d/f", "x")
	w.must(w.g.Trees.Delete(w.ctx, ref("c", "d/f"), gateway.Conditions{}))
	w.wantTree("", "d/")
	w.put("e/f", "x")
	_, err := w.g.Trees.Move(w.ctx, ref("c", "e/f"), ref("c", "f"), gateway.TreeOptions{})
	w.must(err)
	w.wantTree("", "d/", "e/", "f")
	w.put("s/f", "x")
	w.must(w.g.Objects.Delete(w.ctx, ref("c", "s/f"), nil))
	w.wantTree("", "d/", "e/", "f")
}

func TestCopyAndMoveOfTrees(t *testing.T) {
	w := newWorld(t)
	w.put("d/f", long)
	w.put("d/sub/g", "g")
	w.must(w.g.Trees.MakeFolder(w.ctx, ref("c", "d/empty"), gateway.Conditions{}))
	prop := gateway.DeadProp{Space: "http://x/y", Name: "p", Value: []byte("<v/>")}
	for _, path := range []string{"d", "d/f", "d/sub"} {
		w.must(w.g.Trees.PatchProps(w.ctx, ref("c", path), gateway.PropPatch{Changes: []gateway.PropChange{{Prop: prop}}}))
	}
	hasProps := func(container string, paths ...string) {
		t.Helper()
		for _, path := range paths {
			n, err := w.g.Trees.Stat(w.ctx, ref(container, path), gateway.NodeParts{Props: true})
			if err != nil || len(n.Props) != 1 || n.Props[0].Space != prop.Space || string(n.Props[0].Value) != "<v/>" {
				t.Errorf("%s/%s: %+v, %v", container, path, n.Props, err)
			}
		}
	}
	copyTo := func(src, dst gateway.Ref, opt gateway.TreeOptions) (bool, error) {
		return w.g.Trees.Copy(w.ctx, src, dst, opt)
	}

	created, err := copyTo(ref("c", "d"), ref("c", "e/"), gateway.TreeOptions{})
	if err != nil || !created {
		t.Fatal(created, err)
	}
	w.wantTree("e", "e/empty/", "e/f", "e/sub/", "e/sub/g")
	hasProps("c", "e", "e/f", "e/sub", "d", "d/f")
	if w.get("e/f") != long {
		t.Error("copied content differs")
	}
	_, err = copyTo(ref("c", "d"), ref("c", "e"), gateway.TreeOptions{})
	wantKind(t, err, errs.Precondition, "")
	w.put("e/old", "x")
	if created, err = copyTo(ref("c", "d"), ref("c", "e"), gateway.TreeOptions{Overwrite: true}); err != nil || created {
		t.Error(created, err)
	}
	w.wantTree("e", "e/empty/", "e/f", "e/sub/", "e/sub/g")
	if _, err = copyTo(ref("c", "d"), ref("c", "shallow"), gateway.TreeOptions{Shallow: true}); err != nil {
		t.Error(err)
	}
	w.wantTree("shallow")
	hasProps("c", "shallow")

	// Across containers, both ways, and a container as source and destination.
	_, err = w.g.Trees.Move(w.ctx, ref("c", "e"), ref("new", ""), gateway.TreeOptions{})
	w.must(err)
	if got := w.tree("new", "", true); !slices.Equal(got, []string{"empty/", "f", "sub/", "sub/g"}) {
		t.Errorf("moved to a container: %q", got)
	}
	hasProps("new", "f", "sub")
	_, err = w.g.Trees.Move(w.ctx, ref("new", ""), ref("named", ""), gateway.TreeOptions{})
	w.must(err)
	hasProps("named", "f", "sub")
	_, err = w.g.Trees.Copy(w.ctx, ref("named", ""), ref("copied", ""), gateway.TreeOptions{})
	w.must(err)
	hasProps("copied", "f", "sub")
	_, err = w.g.Trees.Move(w.ctx, ref("named", ""), ref("c", "back"), gateway.TreeOptions{})
	w.must(err)
	w.wantTree("back", "back/empty/", "back/f", "back/sub/", "back/sub/g")
	hasProps("c", "back/f", "back/sub")
	_, err = w.g.Trees.Stat(w.ctx, ref("named", ""), gateway.NodeParts{})
	wantKind(t, err, errs.NotFound, errs.NoContainer)
	w.counts("c")
	w.counts("copied")

	a, err := w.g.Accounts.Get(w.ctx, "test")
	w.must(err)
	if a.Containers != 2 {
		t.Errorf("account counts %d containers", a.Containers)
	}
	for _, c := range []string{"c", "copied"} {
		w.must(w.g.Trees.Delete(w.ctx, ref(c, ""), gateway.Conditions{}))
	}
	w.Store.Drain(t.Context())
	if a, err = w.g.Accounts.Get(w.ctx, "test"); err != nil || a.Containers != 0 || a.Objects != 0 || a.Bytes != 0 {
		t.Errorf("%+v %v", a, err)
	}
	if left := w.leftovers(); left != "" {
		t.Error(left)
	}
}

func TestNestedAndMissingTransfersLeaveAllIntact(t *testing.T) {
	w := newWorld(t)
	w.put("d/f", "f")
	w.put("b", "b")
	before := w.names("c")
	for _, c := range []struct {
		src, dst string
		kind     errs.Kind
		reason   errs.Reason
	}{
		{"d", "d/sub", errs.Forbidden, errs.Nested}, {"d/f", "d", errs.Forbidden, errs.Nested},
		{"d/", "d", errs.Forbidden, errs.SameResource}, {"b", "b", errs.Forbidden, errs.SameResource},
		{"", "x", errs.Forbidden, errs.Nested}, {"d", "", errs.Forbidden, errs.Nested},
		{"none", "b", errs.NotFound, errs.NoObject}, {"b", "no/x", errs.Conflict, errs.NoParent},
		{"b", "d/f/x", errs.Conflict, errs.ParentIsFile},
	} {
		for _, move := range []bool{false, true} {
			do := w.g.Trees.Copy
			if move {
				do = w.g.Trees.Move
			}
			_, err := do(w.ctx, ref("c", c.src), ref("c", c.dst), gateway.TreeOptions{Overwrite: true})
			if errs.Of(err) != c.kind || errs.ReasonOf(err) != c.reason {
				t.Errorf("%q to %q (move %v): %v", c.src, c.dst, move, err)
			}
			if got := w.names("c"); !slices.Equal(got, before) {
				t.Fatalf("%q to %q: now %q", c.src, c.dst, got)
			}
		}
	}
}

func TestLocksBindEveryWriter(t *testing.T) {
	w := newWorld(t)
	w.AddUser("other", "test", "secret", "owner")
	other := w.Ctx("other")
	w.put("d/f", "x")
	lock, created, err := w.g.Trees.Lock(w.ctx, ref("c", "d/f"), gateway.LockRequest{Exclusive: true, Timeout: time.Minute})
	if err != nil || created {
		t.Fatal(lock, created, err)
	}
	tokens := []string{lock.Token}
	swift := func(ctx2 string, tokens []string) error {
		_, err := w.g.Objects.Put(w.Ctx(ctx2), ref("c", "d/f"), strings.NewReader("y"), gateway.PutOptions{
			Size: 1, Conditions: gateway.Conditions{Tokens: tokens},
		})
		return err
	}
	wantKind(t, swift("tester", nil), errs.Locked, "")
	wantKind(t, swift("other", tokens), errs.Locked, "")
	wantKind(t, w.g.Objects.Delete(w.ctx, ref("c", "d/f"), nil), errs.Locked, "")
	_, err = w.g.Objects.SetMeta(w.ctx, ref("c", "d/f"), gateway.MetaChange{})
	wantKind(t, err, errs.Locked, "")
	wantKind(t, w.g.Trees.Delete(other, ref("c", "d"), gateway.Conditions{Tokens: tokens}), errs.Locked, "")
	_, err = w.g.Trees.Move(w.ctx, ref("c", "d"), ref("c", "e"), gateway.TreeOptions{})
	wantKind(t, err, errs.Locked, "")
	var le *gateway.LockError
	if !errors.As(err, &le) || le.Root != ref("c", "d/f") {
		t.Errorf("lock root %+v", le)
	}
	_, _, err = w.g.Trees.Lock(w.ctx, ref("c", "d"), gateway.LockRequest{Exclusive: true, Infinite: true})
	wantKind(t, err, errs.Locked, "")
	w.must(swift("tester", tokens))
	wantKind(t, w.g.Trees.Unlock(other, ref("c", "d/f"), lock.Token), errs.Forbidden, "")
	wantKind(t, w.g.Trees.Unlock(w.ctx, ref("c", "d"), lock.Token), errs.Conflict, errs.NoLock)

	w.Clock.Advance(50 * time.Second)
	if _, err := w.g.Trees.Refresh(w.ctx, ref("c", "d/f"), gateway.Conditions{Tokens: tokens}, time.Minute); err != nil {
		t.Error(err)
	}
	w.Clock.Advance(59 * time.Second)
	wantKind(t, swift("tester", nil), errs.Locked, "")
	w.Clock.Advance(time.Second)
	w.must(swift("other", nil))
	_, err = w.g.Trees.Refresh(w.ctx, ref("c", "d/f"), gateway.Conditions{Tokens: tokens}, time.Minute)
	wantKind(t, err, errs.Precondition, errs.NoLock)
}

func TestLockOfFolderProtectsItsMembers(t *testing.T) {
	w := newWorld(t)
	w.put("d/f", "x")
	flat, _, err := w.g.Trees.Lock(w.ctx, ref("c", "d"), gateway.LockRequest{Exclusive: true})
	w.must(err)
	cond := gateway.Conditions{Tokens: []string{flat.Token}}
	put := func(name string, c gateway.Conditions) error {
		_, err := w.g.Objects.Put(w.ctx, ref("c", name), strings.NewReader("y"), gateway.PutOptions{Size: 1, Drive: true, Conditions: c})
		return err
	}
	wantKind(t, put("d/new", gateway.Conditions{}), errs.Locked, "")
	w.must(put("d/f", gateway.Conditions{})) // depth 0 does not protect members' content
	w.must(put("d/new", cond))
	w.must(w.g.Trees.Unlock(w.ctx, ref("c", "d/"), flat.Token))
	deep, _, err := w.g.Trees.Lock(w.ctx, ref("c", "d"), gateway.LockRequest{Infinite: true, Exclusive: true})
	w.must(err)
	wantKind(t, put("d/f", gateway.Conditions{}), errs.Locked, "")
	if _, err := w.g.Trees.Refresh(w.ctx, ref("c", "d/f"), gateway.Conditions{Tokens: []string{deep.Token}}, 0); err != nil {
		t.Error(err)
	}
	n, err := w.g.Trees.Stat(w.ctx, ref("c", "d/f"), gateway.NodeParts{Locks: true})
	if err != nil || len(n.Locks) != 1 || n.Locks[0].Root != ref("c", "d/") {
		t.Errorf("%+v %v", n.Locks, err)
	}
	page, err := w.g.Trees.List(w.ctx, ref("c", "d"), gateway.ListTree{Parts: gateway.NodeParts{Locks: true}})
	if err != nil || len(page.Nodes) != 2 || len(page.Nodes[0].Locks) != 1 {
		t.Errorf("%+v %v", page, err)
	}
	w.must(w.g.Trees.Delete(w.ctx, ref("c", "d"), gateway.Conditions{Tokens: []string{deep.Token}}))
	w.must(w.g.Trees.MakeFolder(w.ctx, ref("c", "d"), gateway.Conditions{}))
	w.must(put("d/f", gateway.Conditions{}))
}

func TestSharedLocksExcludeOnlyExclusiveOnes(t *testing.T) {
	w := newWorld(t)
	w.put("a", "x")
	for range 2 {
		_, _, err := w.g.Trees.Lock(w.ctx, ref("c", "a"), gateway.LockRequest{})
		w.must(err)
	}
	_, _, err := w.g.Trees.Lock(w.ctx, ref("c", "a"), gateway.LockRequest{Exclusive: true})
	wantKind(t, err, errs.Locked, "")
	l, created, err := w.g.Trees.Lock(w.ctx, ref("c", "new"), gateway.LockRequest{Exclusive: true})
	if err != nil || !created || w.get("new") != "" || !strings.HasPrefix(l.Token, "opaquelocktoken:") {
		t.Error(l, created, err)
	}
	_, _, err = w.g.Trees.Lock(w.ctx, ref("c", "no/new"), gateway.LockRequest{})
	wantKind(t, err, errs.Conflict, errs.NoParent)
}

func TestIfHeaderLists(t *testing.T) {
	w := newWorld(t)
	o := w.put("a", "x")
	l, _, err := w.g.Trees.Lock(w.ctx, ref("c", "a"), gateway.LockRequest{Exclusive: true})
	w.must(err)
	tok := gateway.Condition{Token: l.Token}
	noLock := gateway.Condition{Token: "DAV:no-lock", Not: true}
	check := func(lists ...gateway.ConditionList) error {
		return w.g.Trees.Check(w.ctx, ref("c", "a"), gateway.Conditions{Lists: lists})
	}
	list := func(c ...gateway.Condition) gateway.ConditionList { return gateway.ConditionList{Conditions: c} }
	w.must(check(list(tok)))
	w.must(check(list(tok, gateway.Condition{ETag: o.MD5})))
	w.must(check(list(gateway.Condition{Token: "other"}), list(noLock)))
	wantKind(t, check(list(tok, gateway.Condition{ETag: "wrong"})), errs.Precondition, "")
	wantKind(t, check(list(gateway.Condition{Token: "DAV:no-lock"})), errs.Precondition, "")
	wantKind(t, check(list(gateway.Condition{ETag: o.MD5, Weak: true})), errs.Precondition, "")
	tagged := list(tok)
	b := ref("c", "b")
	tagged.Ref = &b
	wantKind(t, check(tagged), errs.Precondition, "")
	tagged.Ref, tagged.Foreign = nil, true
	wantKind(t, check(tagged), errs.Precondition, "")
}

func TestPropertiesSurviveListingAndLimits(t *testing.T) {
	w := newWorld(t)
	for _, n := range []string{"d/a", "d/s/x", "d/z"} {
		w.put(n, "x")
	}
	set := func(path, space, name string, value []byte) error {
		return w.g.Trees.PatchProps(w.ctx, ref("c", path), gateway.PropPatch{
			Changes: []gateway.PropChange{{Prop: gateway.DeadProp{Space: space, Name: name, Lang: "de", Value: value}}},
		})
	}
	big := []byte(strings.Repeat("x", 60_000))
	w.must(set("d/a", "http://one/two/", "big", big))
	w.must(set("d/a", "", "none", []byte("1")))
	w.must(set("d/s", "urn:x", "p", []byte("folder")))
	w.must(set("d/s/x", "urn:x", "p", []byte("deep")))
	page, err := w.g.Trees.List(w.ctx, ref("c", "d"), gateway.ListTree{Parts: gateway.NodeParts{Props: true}})
	w.must(err)
	got := map[string]int{}
	for _, n := range page.Nodes {
		for _, p := range n.Props {
			got[n.Ref.Object+" "+p.Space+p.Name] = len(p.Value)
		}
	}
	want := map[string]int{"d/a http://one/two/big": 60_000, "d/a none": 1, "d/s/ urn:xp": 6}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%v, want %v", got, want)
	}
	wantKind(t, set("d/z", "u", "p", make([]byte, 70_000)), errs.OverQuota, errs.MetadataFull)
	for i := range 4 {
		w.must(set("d/z", "u", fmt.Sprint("p", i), big))
	}
	wantKind(t, set("d/z", "u", "more", big), errs.OverQuota, errs.MetadataFull)
	// A PUT over the drive keeps them, one over Swift drops them.
	w.must(w.drivePut("d/a", "y"))
	n, err := w.g.Trees.Stat(w.ctx, ref("c", "d/a"), gateway.NodeParts{Props: true})
	if err != nil || len(n.Props) != 2 || n.Props[1].Lang != "de" {
		t.Error(n.Props, err)
	}
	w.put("d/a", "z")
	if n, err = w.g.Trees.Stat(w.ctx, ref("c", "d/a"), gateway.NodeParts{Props: true}); err != nil || len(n.Props) != 0 {
		t.Error(n.Props, err)
	}
}

func TestExpiredObjectLeavesNoDeadPropertiesBehind(t *testing.T) {
	prop := gateway.DeadProp{Space: "http://x/y", Name: "p", Value: []byte("<v/>")}
	for how, again := range map[string]func(w *world, at gateway.Ref) error{
		"put": func(w *world, at gateway.Ref) error { return w.drivePut(at.Object, "new") },
		"locked": func(w *world, at gateway.Ref) error {
			_, _, err := w.g.Trees.Lock(w.ctx, at, gateway.LockRequest{Exclusive: true})
			return err
		},
		"copied": func(w *world, at gateway.Ref) error {
			_, err := w.g.Trees.Copy(w.ctx, ref("c", "source"), at, gateway.TreeOptions{})
			return err
		},
		"moved": func(w *world, at gateway.Ref) error {
			_, err := w.g.Trees.Move(w.ctx, ref("c", "source"), at, gateway.TreeOptions{})
			return err
		},
		"folder/": func(w *world, at gateway.Ref) error {
			return w.g.Trees.MakeFolder(w.ctx, at, gateway.Conditions{})
		},
	} {
		w := newWorld(t)
		w.put("source", "s")
		at := ref("c", how)
		_, err := w.g.Objects.Put(w.ctx, at, strings.NewReader(""), gateway.PutOptions{Size: 0, DeleteAt: w.Clock.Now().Add(time.Second)})
		w.must(err)
		w.must(w.g.Trees.PatchProps(w.ctx, at, gateway.PropPatch{Changes: []gateway.PropChange{{Prop: prop}}}))
		w.Clock.Advance(time.Second)
		w.must(again(w, at))
		n, err := w.g.Trees.Stat(w.ctx, at, gateway.NodeParts{Props: true})
		if err != nil || len(n.Props) != 0 {
			t.Errorf("%s: %v, %v", how, n.Props, err)
		}
	}
}

func TestFolderWithContentOfItsOwnBecomesNoContainer(t *testing.T) {
	w := newWorld(t)
	w.put("d/", "content")
	w.put("d/f", "f")
	_, err := w.g.Trees.Move(w.ctx, ref("c", "d"), ref("new", ""), gateway.TreeOptions{})
	wantKind(t, err, errs.Conflict, "")
	if w.get("d/") != "content" || w.get("d/f") != "f" {
		t.Error("something is lost")
	}
	_, err = w.g.Trees.Copy(w.ctx, ref("c", "d"), ref("new", ""), gateway.TreeOptions{})
	w.must(err)
	w.counts("c")
}

func TestFolderWithATwinDoesNotBecomeAContainer(t *testing.T) {
	w := newWorld(t)
	w.put("f", "file")
	w.put("f/x", "1")
	_, err := w.g.Trees.Move(w.ctx, ref("c", "f"), ref("new", ""), gateway.TreeOptions{})
	wantKind(t, err, errs.Conflict, "")
	if got := w.names("c"); len(got) != 2 || w.get("f") != "file" {
		t.Errorf("left: %q", got)
	}
}
