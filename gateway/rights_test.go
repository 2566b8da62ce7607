package gateway_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"entrepot/auth"
	"entrepot/gateway"
	"entrepot/gateway/errs"
)

// asks returns what a caller gets when it reads an object, lists, writes.
func (w *world) asks(ctx context.Context) string {
	var out []byte
	try := func(letter byte, err error) {
		switch errs.Of(err) {
		case errs.Forbidden, errs.Unauthenticated:
		default:
			if err == nil {
				out = append(out, letter)
			} else {
				w.t.Errorf("%c: %v", letter, err)
			}
		}
	}
	_, err := w.g.Objects.Head(ctx, ref("c", "o"), gateway.Conditions{})
	try('G', err)
	_, _, err = w.g.Objects.List(ctx, ref("c", ""), gateway.ListOptions{Limit: 1})
	try('L', err)
	_, err = w.g.Objects.Put(ctx, ref("c", "w"), strings.NewReader("x"), gateway.PutOptions{Size: 1})
	try('W', err)
	return string(out)
}

func TestAccessListMatrix(t *testing.T) {
	w := newWorld(t)
	w.put("o", "x")
	anon := w.Ctx("")
	fromExample := func(ctx context.Context) context.Context {
		p := auth.PrincipalOf(ctx)
		p.Referer = "www.example.com"
		return auth.WithPrincipal(ctx, p)
	}
	for _, c := range []struct{ read, write, anon, referer, tester2, tester3 string }{
		{"", "", "", "", "", ""},
		{".r:*", "", "G", "G", "G", "G"},
		{".r:*,.rlistings", "", "GL", "GL", "GL", "GL"},
		{".r:.example.com,.rlistings", "", "", "GL", "", ""},
		{".r:*,.r:-.example.com", "", "G", "", "G", "G"},
		{".r:www.example.com", "", "", "G", "", ""},
		{".rlistings", "", "", "", "", ""},
		{"test2:tester2", "", "", "", "GL", ""},
		{"test2", "", "", "", "GL", ""},
		{"test:tester3", "", "", "", "", "GL"},
		{"test", "", "", "", "", "GL"},
		{"*:*", "", "", "", "", ""}, {"*", "", "", "", "", ""}, {"test2:*", "", "", "", "", ""},
		{"", "test2:tester2", "", "", "W", ""},
	} {
		w.must(w.g.Containers.Update(w.ctx, ref("c", ""), gateway.ContainerChange{ReadACL: &c.read, WriteACL: &c.write}))
		for who, want := range map[string]string{"": c.anon, "tester2": c.tester2, "tester3": c.tester3, "tester": "GLW", "admin": "GLW", "tester6": "GL"} {
			if got := w.asks(w.Ctx(who)); got != want {
				t.Errorf("read %q write %q: %q may %q, want %q", c.read, c.write, who, got, want)
			}
		}
		if got := w.asks(fromExample(anon)); got != c.referer {
			t.Errorf("read %q: anonymous from example.com may %q, want %q", c.read, got, c.referer)
		}
	}
}

func TestAccessListsAreCleaned(t *testing.T) {
	w := newWorld(t)
	for in, want := range map[string]string{
		".r:*, .rlistings": ".r:*,.rlistings", " .referrer : *.example.com ,, a : b ": ".r:.example.com,a:b",
		".r:-host": ".r:-host", ".unknown": ".unknown",
	} {
		w.must(w.g.Containers.Update(w.ctx, ref("c", ""), gateway.ContainerChange{ReadACL: &in}))
		c, err := w.g.Containers.Get(w.ctx, ref("c", ""))
		if err != nil || c.ReadACL != want {
			t.Errorf("%q became %q, %v", in, c.ReadACL, err)
		}
	}
	for text, want := range map[string]string{
		".r:*": "Referrers not allowed in write ACL: '.r:*'",
	} {
		err := w.g.Containers.Update(w.ctx, ref("c", ""), gateway.ContainerChange{WriteACL: &text})
		wantKind(t, err, errs.Invalid, errs.BadACL)
		if errs.TextOf(err) != want {
			t.Errorf("%q", errs.TextOf(err))
		}
	}
	bad := ".r:"
	wantKind(t, w.g.Containers.Update(w.ctx, ref("c", ""), gateway.ContainerChange{ReadACL: &bad}), errs.Invalid, errs.BadACL)
}

func TestForeignNamesCannotBeProbed(t *testing.T) {
	w := newWorld(t)
	for _, who := range []string{"tester2", "tester3"} {
		for _, name := range []string{"c", "nosuch"} {
			_, err := w.g.Containers.Get(w.Ctx(who), ref(name, ""))
			wantKind(t, err, errs.Forbidden, "")
			_, err = w.g.Objects.Head(w.Ctx(who), ref(name, "x"), gateway.Conditions{})
			wantKind(t, err, errs.Forbidden, "")
		}
	}
	_, err := w.g.Containers.Get(w.Ctx(""), ref("nosuch", ""))
	wantKind(t, err, errs.Unauthenticated, "")
	_, err = w.g.Accounts.Get(w.Ctx("tester"), "nosuch")
	wantKind(t, err, errs.Forbidden, "")
	_, err = w.g.Accounts.Get(w.Ctx("admin"), "nosuch")
	wantKind(t, err, errs.NotFound, errs.NoAccount)
}

func TestDepotLimitBindsEveryWriter(t *testing.T) {
	w := newWorld(t)
	op := w.Operator()
	d, err := w.g.Depots.Create(op, gateway.DepotOptions{User: "shop", StorageLimit: 1000, Users: []string{"b", "A", "a", "shop"}}, gateway.DepotCall{Command: "createdepot"})
	w.must(err)
	if d.TrafficLimit != 10_000 || len(d.Users) != 2 || d.Account != "shop" || !d.Active {
		t.Errorf("%+v", d)
	}
	shop := w.Ctx("shop")
	at := gateway.Ref{Account: "shop", Container: "c"}
	_, err = w.g.Containers.Create(shop, at, gateway.ContainerChange{})
	w.must(err)
	put := func(name string, size int, drive bool) error {
		_, err := w.g.Objects.Put(shop, gateway.Ref{Account: "shop", Container: "c", Object: name},
			strings.NewReader(strings.Repeat("x", size)), gateway.PutOptions{Size: -1, Drive: drive})
		return err
	}
	w.must(put("a", 600, false))
	wantKind(t, put("b", 401, false), errs.OverQuota, "")
	wantKind(t, put("b", 401, true), errs.OverQuota, "")
	w.must(put("b", 400, true))
	_, err = w.g.Trees.Copy(shop, gateway.Ref{Account: "shop", Container: "c", Object: "a"}, gateway.Ref{Account: "shop", Container: "c", Object: "a2"}, gateway.TreeOptions{})
	wantKind(t, err, errs.OverQuota, "")
	_, _, err = w.g.Objects.Copy(shop, gateway.Ref{Account: "shop", Container: "c", Object: "a"}, gateway.Ref{Account: "shop", Container: "c", Object: "a2"}, gateway.CopyOptions{})
	wantKind(t, err, errs.OverQuota, "")

	// Below what is stored: reading and deleting work, writing does not.
	w.must(w.g.Depots.SetLimits(op, "SHOP", d.ID, gateway.DepotLimits{Storage: 500}, gateway.DepotCall{Command: "setdepot"}))
	wantKind(t, put("new", 1, false), errs.OverQuota, "")
	w.must(put("a", 10, false)) // shrinks
	w.must(w.g.Trees.Delete(shop, gateway.Ref{Account: "shop", Container: "c", Object: "b"}, gateway.Conditions{}))
	w.must(put("new", 490, false))
	list, err := w.g.Depots.Owned(op, "shop", 0, false)
	if err != nil || len(list) != 1 || list[0].StorageUsed != 500 || list[0].StorageLimit != 500 {
		t.Errorf("%+v %v", list, err)
	}
	spaces, err := w.g.Depots.Spaces(op, "shop", d.ID)
	if err != nil || len(spaces) != 1 || spaces[0].StorageUsed != 500 || spaces[0].Owner != "shop" {
		t.Errorf("%+v %v", spaces, err)
	}
	q, err := w.g.Trees.Quota(shop, at)
	if err != nil || q.Available != 0 || q.Used != 500 {
		t.Errorf("%+v %v", q, err)
	}

	w.must(w.g.Depots.Delete(op, "shop", d.ID, gateway.DepotCall{Command: "deletedepot"}))
	_, err = w.g.Containers.Get(shop, at)
	wantKind(t, err, errs.NotFound, errs.NoContainer)
	_, err = w.g.Containers.Create(shop, at, gateway.ContainerChange{})
	wantKind(t, err, errs.Forbidden, errs.NoDepot)
	_, err = w.g.Depots.Owned(op, "shop", 0, false)
	wantKind(t, err, errs.NotFound, errs.NoDepotForUser)
	if a, err := w.g.Accounts.Get(shop, "shop"); err != nil || a.Bytes != 0 || a.Containers != 0 || a.Objects != 0 {
		t.Errorf("%+v %v", a, err)
	}
}

func TestDepotCallsBelongToTheOperator(t *testing.T) {
	w := newWorld(t)
	for who, kind := range map[string]errs.Kind{"": errs.Unauthenticated, "tester": errs.Forbidden, "tester6": errs.Forbidden} {
		_, err := w.g.Depots.Create(w.Ctx(who), gateway.DepotOptions{User: "x", StorageLimit: 1}, gateway.DepotCall{})
		wantKind(t, err, kind, "")
		_, err = w.g.Depots.Owned(w.Ctx(who), "tester", 0, false)
		wantKind(t, err, kind, "")
	}
	op := w.Operator()
	_, err := w.g.Depots.Owned(op, "tester", 999, false)
	wantKind(t, err, errs.NotFound, errs.NoDepot)
	_, err = w.g.Depots.Create(op, gateway.DepotOptions{User: "x"}, gateway.DepotCall{})
	wantKind(t, err, errs.Invalid, errs.BadLimit)
	_, err = w.g.Depots.Create(op, gateway.DepotOptions{User: "x", StorageLimit: 1, ID: 1}, gateway.DepotCall{})
	wantKind(t, err, errs.Conflict, errs.BadDepotID)
	d, err := w.g.Depots.Create(op, gateway.DepotOptions{User: "x", StorageLimit: 1, ID: 1000}, gateway.DepotCall{})
	if err != nil || d.ID != 1000 {
		t.Error(d, err)
	}
	if d, err = w.g.Depots.Create(op, gateway.DepotOptions{User: "x", StorageLimit: 1}, gateway.DepotCall{}); err != nil || d.ID != 1001 {
		t.Error(d, err)
	}
}

func TestSignedRequestIsCarriedOutOnce(t *testing.T) {
	w := newWorld(t)
	op := w.Operator()
	call := gateway.DepotCall{Command: "createdepot", Replay: &gateway.Replay{Digest: [32]byte{1}, Until: w.Clock.Now().Add(time.Minute)}}
	bad := gateway.DepotOptions{User: "a/b", StorageLimit: 1}
	if _, err := w.g.Depots.Create(op, bad, call); err == nil {
		t.Fatal("accepted")
	}
	good := gateway.DepotOptions{User: "x", StorageLimit: 1}
	_, err := w.g.Depots.Create(op, good, call)
	w.must(err)
	_, err = w.g.Depots.Create(op, good, call)
	wantKind(t, err, errs.Conflict, errs.Replayed)
	w.Clock.Advance(time.Minute)
	call.Replay.Until = w.Clock.Now().Add(time.Minute)
	_, err = w.g.Depots.Create(op, good, call)
	w.must(err)
}

func TestAuthorisedUserMakesAndUsesSpacesOnlyOfItsOwn(t *testing.T) {
	w := newWorld(t)
	op := w.Operator()
	d, err := w.g.Depots.Create(op, gateway.DepotOptions{User: "tester", StorageLimit: 1 << 20, Users: []string{"tester3"}}, gateway.DepotCall{})
	w.must(err)
	guest := w.Ctx("tester3")
	_, err = w.g.Containers.Create(guest, ref("mine", ""), gateway.ContainerChange{})
	w.must(err)
	spaces, err := w.g.Depots.Spaces(op, "tester", d.ID)
	if err != nil || len(spaces) != 1 || spaces[0].Name != "mine" || spaces[0].Owner != "tester3" {
		t.Errorf("%+v %v", spaces, err)
	}
	_, err = w.g.Objects.Put(guest, ref("mine", "o"), strings.NewReader("x"), gateway.PutOptions{Size: 1})
	w.must(err)
	_, err = w.g.Objects.Put(guest, ref("c", "o"), strings.NewReader("x"), gateway.PutOptions{Size: 1})
	wantKind(t, err, errs.Forbidden, "")
	root, err := w.g.Trees.List(guest, gateway.Ref{Account: "test"}, gateway.ListTree{})
	if err != nil || len(root.Nodes) != 1 || root.Nodes[0].Ref.Container != "mine" {
		t.Errorf("%+v %v", root, err)
	}
	_, err = w.g.Containers.Create(w.Ctx("tester2"), ref("theirs", ""), gateway.ContainerChange{})
	wantKind(t, err, errs.Forbidden, "")
}

func TestContainerQuotaAndMetadataLimits(t *testing.T) {
	w := newWorld(t)
	change := func(p gateway.Properties) error {
		return w.g.Containers.Update(w.ctx, ref("c", ""), gateway.ContainerChange{Properties: p})
	}
	w.must(change(gateway.Properties{"quota-bytes": "4", "quota-count": "2"}))
	_, err := w.g.Objects.Put(w.ctx, ref("c", "o"), strings.NewReader("12345"), gateway.PutOptions{Size: -1})
	wantKind(t, err, errs.OverQuota, "")
	w.put("a", "")
	w.put("b", "")
	_, err = w.g.Objects.Put(w.ctx, ref("c", "o"), strings.NewReader(""), gateway.PutOptions{Size: 0})
	wantKind(t, err, errs.OverQuota, "")
	err = change(gateway.Properties{"quota-bytes": "x"})
	wantKind(t, err, errs.Invalid, errs.BadMetadata)
	if errs.TextOf(err) != "Invalid bytes quota." {
		t.Error(errs.TextOf(err))
	}
	full := gateway.Properties{}
	for i := range 89 {
		full[strings.Repeat("k", i+1)] = "v"
	}
	wantKind(t, change(full), errs.Invalid, errs.BadMetadata)
	wantKind(t, w.g.Accounts.SetProperties(w.ctx, "test", gateway.Properties{"quota-bytes": "1"}), errs.Forbidden, errs.NotAdmin)
	w.must(w.g.Accounts.SetProperties(w.Ctx("admin"), "test", gateway.Properties{"quota-bytes": "3"}))
	w.container("free")
	_, err = w.g.Objects.Put(w.ctx, ref("free", "o"), strings.NewReader("1234"), gateway.PutOptions{Size: -1})
	wantKind(t, err, errs.OverQuota, "")
}

func TestTrafficIsCountedPerMonth(t *testing.T) {
	w := newWorld(t)
	w.put("o", long)
	w.get("o")
	w.must(w.g.Close())
	list, err := w.g.Depots.Owned(w.Operator(), "tester", 0, false)
	if err != nil || list[0].TrafficUsed != int64(2*len(long)) {
		t.Errorf("%+v %v", list, err)
	}
	w.Clock.Advance(31 * 24 * time.Hour)
	if list, err = w.g.Depots.Owned(w.Operator(), "tester", 0, false); err != nil || list[0].TrafficUsed != 0 {
		t.Errorf("%+v %v", list, err)
	}
}

func TestDirectoryKeepsTokensUntilThePasswordChanges(t *testing.T) {
	w := newWorld(t)
	a := w.g.Accounts
	ctx := t.Context()
	issue, err := a.NextIssue(ctx, "Tester")
	w.must(err)
	u, err := a.User(ctx, "TESTER")
	w.must(err)
	tok := auth.TokenRecord{Digest: [32]byte{7}, User: u.Name, PasswordVersion: u.PasswordVersion, Issue: issue, Expires: w.Clock.Now().Add(time.Hour)}
	w.must(a.AddToken(ctx, tok))
	got, err := a.Token(ctx, tok.Digest)
	if err != nil || got.User != "tester" || !got.Expires.Equal(tok.Expires) {
		t.Error(got, err)
	}
	if cur, err := a.CurrentToken(ctx, auth.TokenRecord{User: "tester", PasswordVersion: u.PasswordVersion}, w.Clock.Now()); err != nil || cur.Digest != tok.Digest {
		t.Error(cur, err)
	}
	w.must(a.SetPassword(w.Local(), "tester", "hash"))
	u2, err := a.User(ctx, "tester")
	if err != nil || u2.PasswordVersion != u.PasswordVersion+1 {
		t.Error(u2, err)
	}
	if _, err := a.CurrentToken(ctx, auth.TokenRecord{User: "tester", PasswordVersion: u2.PasswordVersion}, w.Clock.Now()); !errors.Is(err, errs.NotFound) {
		t.Error(err)
	}
	w.must(a.RemoveToken(ctx, tok.Digest))
	w.must(a.RemoveToken(ctx, tok.Digest))
	if _, err := a.Token(ctx, tok.Digest); !errors.Is(err, errs.NotFound) {
		t.Error(err)
	}
	wantKind(t, a.AddUser(w.Local(), gateway.NewUser{Name: "TESTER", Account: "x", Role: auth.RoleOwner}), errs.Exists, "")
}

func TestCopyOfAFolderNeedsTheRightToList(t *testing.T) {
	w := newWorld(t)
	w.put("d/secret", "x")
	anyone, writers := ".r:*", "test:tester3"
	w.must(w.g.Containers.Update(w.ctx, ref("c", ""), gateway.ContainerChange{ReadACL: &anyone}))
	w.container("out")
	w.must(w.g.Containers.Update(w.ctx, ref("out", ""), gateway.ContainerChange{ReadACL: &writers, WriteACL: &writers}))
	guest := w.Ctx("tester3")
	for _, from := range []string{"d", "d/", ""} {
		_, err := w.g.Trees.Copy(guest, ref("c", from), ref("out", "copy"), gateway.TreeOptions{})
		wantKind(t, err, errs.Forbidden, "")
	}
	_, err := w.g.Trees.Copy(guest, ref("c", "d/secret"), ref("out", "known"), gateway.TreeOptions{})
	w.must(err)
	anyone = ".r:*,.rlistings"
	w.must(w.g.Containers.Update(w.ctx, ref("c", ""), gateway.ContainerChange{ReadACL: &anyone}))
	_, err = w.g.Trees.Copy(guest, ref("c", "d"), ref("out", "copy"), gateway.TreeOptions{})
	w.must(err)
}
