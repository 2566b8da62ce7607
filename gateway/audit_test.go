package gateway_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"entrepot/auth"
	"entrepot/gateway"
	"entrepot/gateway/errs"
	"entrepot/gateway/gatewaytest"
	"entrepot/store"
	"entrepot/store/blob/memblob"
	"entrepot/store/kv/memkv"
)

// trail reads an audit trail whole: "ACTION item" of each record.
func trail(t *testing.T, f *gatewaytest.Fixture, user string, ref gateway.Ref) (lines []string, all []gateway.AuditRecord) {
	t.Helper()
	err := f.Gateway.Spaces.Audit(f.Ctx(user), ref, func(page []gateway.AuditRecord) error {
		for _, r := range page {
			lines = append(lines, strings.TrimSpace(string(r.Action)+" "+r.Item))
		}
		all = append(all, slices.Clone(page)...)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return lines, all
}

func TestAuditTellsWhatEveryDoorDid(t *testing.T) {
	f := gatewaytest.New(t)
	ctx, g := f.Ctx("tester"), f.Gateway
	at := func(name string) gateway.Ref { return gateway.Ref{Account: "test", Container: "space", Object: name} }
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		f.Clock.Advance(time.Second)
	}
	put := func(name string) {
		t.Helper()
		_, err := g.Objects.Put(ctx, at(name), strings.NewReader("text"), gateway.PutOptions{Size: 4, ContentType: "text/plain"})
		must(err)
	}
	_, err := g.Containers.Create(ctx, at(""), gateway.ContainerChange{})
	must(err)
	must(g.Trees.MakeFolder(ctx, at("dir"), gateway.Conditions{})) // a marker: no item
	put("dir/a")
	put("dir/b")
	_, err = g.Trees.Move(ctx, at("dir"), at("new"), gateway.TreeOptions{})
	must(err)
	_, err = g.Objects.SetMeta(ctx, at("new/a"), gateway.MetaChange{Properties: gateway.Properties{"k": "v"}})
	must(err)
	must(g.Trees.Delete(ctx, at("new"), gateway.Conditions{}))
	must(g.Spaces.SetGrants(ctx, at(""), gateway.Grants{"tester3": gateway.RightRead}))
	lines, all := trail(t, f, "tester", at(""))
	want := []string{
		"CREATE_SPACE", "ADD_CONTENT dir/a", "ADD_CONTENT dir/b", "COPY_CONTENT new/a", "COPY_CONTENT new/b",
		"DELETE_CONTENT dir/a", "DELETE_CONTENT dir/b", "SET_CONTENT_PROPERTIES new/a", "DELETE_CONTENT new/a", "DELETE_CONTENT new/b", "SET_SPACE_ACLS",
	}
	got := slices.Clone(lines)
	slices.Sort(got[3:5]) // of one moment
	slices.Sort(got[5:7])
	slices.Sort(got[8:10])
	if !slices.Equal(got, want) {
		t.Fatalf("the trail is\n%s\nwant\n%s", strings.Join(lines, "\n"), strings.Join(want, "\n"))
	}
	first := all[1]
	if first.MD5 == "" || first.Size != 4 || first.Properties["content-mimetype"] != "text/plain" || first.User != "tester" {
		t.Errorf("a put is told as %+v", first)
	}
	if c := all[3]; c.SourceSpace != "space" || !strings.HasPrefix(c.SourceItem, "dir/") {
		t.Errorf("a copy is told as %+v", c)
	}
	if c := all[10]; c.Grants != "{acl-tester3=READ}" {
		t.Errorf("grants are told as %q", c.Grants)
	}
	for user, kind := range map[string]errs.Kind{"tester3": errs.Forbidden, "tester2": errs.Forbidden, "": errs.Unauthenticated} {
		wantKind(t, g.Spaces.Audit(f.Ctx(user), at(""), nil), kind, "")
	}
}

func TestAuditOutlivesItsSpace(t *testing.T) {
	f := gatewaytest.New(t)
	ctx, g := f.Ctx("tester"), f.Gateway
	ref := gateway.Ref{Account: "test", Container: "space"}
	wantKind(t, g.Spaces.Audit(ctx, ref, nil), errs.NotFound, errs.NoContainer)
	for range 2 {
		if _, err := g.Spaces.Create(ctx, ref); err != nil {
			t.Fatal(err)
		}
		f.Clock.Advance(time.Minute)
		if err := g.Spaces.Delete(ctx, ref); err != nil {
			t.Fatal(err)
		}
		f.Clock.Advance(time.Minute)
	}
	f.Store.Drain(t.Context())
	lines, _ := trail(t, f, "tester", ref)
	if want := "CREATE_SPACE SET_SPACE_ACLS DELETE_SPACE CREATE_SPACE SET_SPACE_ACLS DELETE_SPACE"; strings.Join(lines, " ") != want {
		t.Errorf("the trail is %v", lines)
	}
	f.AddUser("viewer", "test", "x", auth.RoleViewer)
	wantKind(t, g.Spaces.Audit(f.Ctx("viewer"), ref, nil), errs.Forbidden, "")
	if r, err := f.Store.Check(t.Context(), store.CheckOptions{}); err != nil || r.Findings > 0 {
		t.Errorf("check: %+v, %v", r, err)
	}
}

func TestOldRecordsAreArchivedAndReadTheSame(t *testing.T) {
	f := gatewaytest.NewWith(t, gatewaytest.Plain())
	ctx, g := f.Ctx("tester"), f.Gateway
	ref := gateway.Ref{Account: "test", Container: "space"}
	if _, err := g.Spaces.Create(ctx, ref); err != nil {
		t.Fatal(err)
	}
	for i := range 2500 {
		ref.Object = fmt.Sprintf("item %d", i)
		f.Clock.Advance(time.Second)
		if _, err := g.Objects.Put(ctx, ref, strings.NewReader("x"), gateway.PutOptions{Size: 1, Item: true}); err != nil {
			t.Fatal(err)
		}
	}
	before, _ := trail(t, f, "tester", ref)
	f.Clock.Advance(31 * 24 * time.Hour)
	ref.Object = "late"
	if _, err := g.Objects.Put(ctx, ref, strings.NewReader("x"), gateway.PutOptions{Size: 1, Item: true}); err != nil {
		t.Fatal(err)
	}
	if err := f.Store.TendJournal(t.Context()); err != nil {
		t.Fatal(err)
	}
	var live int
	err := f.Store.View(t.Context(), func(v *store.View) error {
		c, _, err := v.ContainerNamed("test", "space")
		if err != nil {
			return err
		}
		list, err := v.Journal(c.ID, 0, 10_000)
		live = len(list)
		return err
	})
	if err != nil || live != 1 {
		t.Fatalf("%d records are outside of the archive, %v", live, err)
	}
	after, _ := trail(t, f, "tester", ref)
	if !slices.Equal(after, append(before, "ADD_CONTENT late")) {
		t.Errorf("the archive changed the trail: %d records, then %d", len(before), len(after))
	}
	if r, err := f.Store.Check(t.Context(), store.CheckOptions{}); err != nil || r.Findings > 0 {
		t.Errorf("check: %+v, %v", r, err)
	}
}

// With a limit, records go when they are older: those in the archive and those
// of spaces that are gone, whose names are forgotten with the last of them.
func TestRecordsOlderThanTheirTimeAreRemoved(t *testing.T) {
	engine, blobs := memkv.New(memkv.Options{}), memblob.New(memblob.Options{})
	f := gatewaytest.NewWith(t, gatewaytest.Options{Engine: engine, Blobs: blobs})
	ctx := f.Ctx("tester")
	kept, gone := gateway.Ref{Account: "test", Container: "kept"}, gateway.Ref{Account: "test", Container: "gone"}
	put := func(ref gateway.Ref, name string) {
		t.Helper()
		ref.Object = name
		if _, err := f.Gateway.Objects.Put(ctx, ref, strings.NewReader("x"), gateway.PutOptions{Size: 1, Item: true}); err != nil {
			t.Fatal(err)
		}
	}
	for _, ref := range []gateway.Ref{kept, gone} {
		if _, err := f.Gateway.Spaces.Create(ctx, ref); err != nil {
			t.Fatal(err)
		}
		put(ref, "first")
	}
	if err := f.Gateway.Spaces.Delete(ctx, gone); err != nil {
		t.Fatal(err)
	}
	limited, err := store.Open(t.Context(), engine, blobs, store.Options{Now: f.Clock.Now, JournalKeep: 60 * 24 * time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	defer limited.Close()
	for _, step := range []struct {
		days       int
		kept, gone string
	}{
		{31, "CREATE_SPACE SET_SPACE_ACLS ADD_CONTENT first", "there"}, // archived
		{10, "CREATE_SPACE SET_SPACE_ACLS ADD_CONTENT first ADD_CONTENT day 31", "there"},
		{20, "ADD_CONTENT day 31 ADD_CONTENT day 41", ""},
		{100, "", ""},
	} {
		f.Clock.Advance(time.Duration(step.days) * 24 * time.Hour)
		if err := limited.TendJournal(t.Context()); err != nil {
			t.Fatal(err)
		}
		lines, _ := trail(t, f, "tester", kept)
		if got := strings.Join(lines, " "); got != step.kept {
			t.Errorf("after %d more days the trail is %q, not %q", step.days, got, step.kept)
		}
		if err := f.Gateway.Spaces.Audit(ctx, gone, func([]gateway.AuditRecord) error { return nil }); (step.gone == "") != (errs.ReasonOf(err) == errs.NoContainer) {
			t.Errorf("after %d more days the trail of what is gone: %v", step.days, err)
		}
		day := int(f.Clock.Now().Sub(gatewaytest.Start()).Hours() / 24)
		put(kept, fmt.Sprintf("day %d", day))
	}
	if r, err := limited.Check(t.Context(), store.CheckOptions{}); err != nil || r.Findings != 0 {
		t.Errorf("check: %+v, %v", r, err)
	}
}
