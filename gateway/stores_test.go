package gateway_test

import (
	"strings"
	"testing"
	"time"

	"entrepot/auth"
	"entrepot/gateway"
	"entrepot/gateway/errs"
	"entrepot/gateway/gatewaytest"
	"entrepot/store"
	"entrepot/store/blob"
	"entrepot/store/blob/memblob"
	"entrepot/store/blob/volumes"
)

// blobCount counts the blobs of an engine.
func blobCount(t *testing.T, b blob.Blobs) (n int) {
	t.Helper()
	for _, err := range b.All(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	return n
}

func TestContentOfAStoreLiesInItsOwnEngine(t *testing.T) {
	first, second := memblob.New(memblob.Options{}), memblob.New(memblob.Options{})
	f := gatewaytest.NewWith(t, gatewaytest.Options{
		Blobs:  volumes.New(first, map[uint8]blob.Blobs{2: second}),
		Config: gateway.Config{Stores: []gateway.StoreInfo{{ID: 1}, {ID: 2}, {ID: 3, ReadOnly: true}}},
	})
	ctx := f.Ctx("tester")
	g := f.Gateway
	there := gateway.Ref{Account: "test.2", Container: "space"}
	if created, err := g.Spaces.Create(ctx, there); err != nil || !created {
		t.Fatalf("Create: %v, %v", created, err)
	}
	here := gateway.Ref{Account: "test", Container: "space", Object: "a"}
	if _, err := g.Spaces.Create(ctx, here); err != nil {
		t.Fatal(err)
	}
	body := strings.Repeat("0123456789", 50)
	item := gateway.PutOptions{Item: true, Size: -1, Properties: gateway.Properties{"k": "v"}, ContentType: "text/x-a"}
	if _, err := g.Objects.Put(ctx, here, strings.NewReader(body), item); err != nil {
		t.Fatal(err)
	}
	if n, m := blobCount(t, first), blobCount(t, second); n != 1 || m != 0 {
		t.Fatalf("after a PUT into the first store: %d and %d blobs", n, m)
	}
	there.Object = "b"
	old := gateway.PutOptions{Item: true, Size: 1, Properties: gateway.Properties{"old": "1"}}
	if _, err := g.Objects.Put(ctx, there, strings.NewReader("x"), old); err != nil {
		t.Fatal(err)
	}
	_, result, err := g.Objects.Copy(ctx, here, there, gateway.CopyOptions{Item: true})
	if err != nil {
		t.Fatal(err)
	}
	o := result.Object
	if o.MD5 == "" || o.Size != 500 || o.ContentType != "text/x-a" || len(o.Properties) != 1 || o.Properties["k"] != "v" {
		t.Errorf("copied %+v", o)
	}
	f.Store.Drain(t.Context())
	if n, m := blobCount(t, first), blobCount(t, second); n != 1 || m != 1 {
		t.Errorf("after a copy into the second store: %d and %d blobs", n, m)
	}
	_, err = g.Trees.Copy(ctx, here, gateway.Ref{Account: "test.2", Container: "space", Object: "c"}, gateway.TreeOptions{})
	wantKind(t, err, errs.Forbidden, errs.AcrossStores)
	wantKind(t, g.Snapshots.Clone(ctx, here, "s", gateway.Ref{Account: "test.2", Container: "d"}), errs.Forbidden, errs.AcrossStores)
	report, err := f.Store.Scrub(t.Context(), 0)
	if err != nil || report.Damaged != 0 || report.Failed != 0 {
		t.Errorf("scrub: %+v, %v", report, err)
	}
	if err := g.Spaces.Delete(ctx, there); err != nil {
		t.Fatal(err)
	}
	f.Store.Drain(t.Context())
	if m := blobCount(t, second); m != 0 {
		t.Errorf("%d blobs are left in the second store", m)
	}
}

func TestReadOnlyStoreTakesChangesOfAdministratorsOnly(t *testing.T) {
	f := gatewaytest.NewWith(t, gatewaytest.Options{
		Config: gateway.Config{Stores: []gateway.StoreInfo{{ID: 1}, {ID: 2, ReadOnly: true}}},
	})
	ref := gateway.Ref{Account: "test.2", Container: "space"}
	_, err := f.Gateway.Spaces.Create(f.Ctx("tester"), ref)
	wantKind(t, err, errs.Forbidden, "")
	if _, err := f.Gateway.Spaces.Create(f.Ctx("admin"), ref); err != nil {
		t.Fatal(err)
	}
	ref.Object = "a"
	put := func(user string) error {
		_, err := f.Gateway.Objects.Put(f.Ctx(user), ref, strings.NewReader("x"), gateway.PutOptions{Item: true, Size: 1})
		return err
	}
	wantKind(t, put("tester"), errs.Forbidden, "")
	if err := put("admin"); err != nil {
		t.Error(err)
	}
	if _, err := f.Gateway.Objects.Head(f.Ctx("tester"), ref, gateway.Conditions{}); err != nil {
		t.Errorf("reading: %v", err)
	}
	wantKind(t, f.Gateway.Spaces.Delete(f.Ctx("tester"), ref), errs.Forbidden, "")
}

func TestStoreThatIsNotConfiguredIsAbsent(t *testing.T) {
	f := gatewaytest.New(t)
	_, err := f.Gateway.Spaces.Create(f.Ctx("tester"), gateway.Ref{Account: "test.2", Container: "space"})
	wantKind(t, err, errs.NotFound, errs.NoStore)
	for _, id := range []string{"2", "x", " ", "0", "-1", "99999999999999999999"} {
		if _, _, err := f.Gateway.Spaces.Store("test", id); errs.ReasonOf(err) != errs.NoStore {
			t.Errorf("store %q: %v", id, err)
		}
	}
}

func TestGrantsAreAViewOfTheAccessLists(t *testing.T) {
	f := gatewaytest.New(t)
	ctx := f.Ctx("tester")
	ref := gateway.Ref{Account: "test", Container: "space"}
	read, write := ".r:*,.rlistings,test:tester3,test2,.r:-bad.example", "test:tester3,test2:tester2"
	change := gateway.ContainerChange{ReadACL: &read, WriteACL: &write}
	if _, err := f.Gateway.Containers.Create(ctx, ref, change); err != nil {
		t.Fatal(err)
	}
	got, err := f.Gateway.Spaces.Grants(ctx, ref)
	if err != nil || len(got) != 2 || got["tester3"] != gateway.RightWrite || got[gateway.PublicGroup] != gateway.RightRead {
		t.Fatalf("grants %v, %v", got, err)
	}
	if err := f.Gateway.Spaces.SetGrants(ctx, ref, gateway.Grants{"Group-Staff": gateway.RightWrite, "bob": gateway.RightRead}); err != nil {
		t.Fatal(err)
	}
	c, err := f.Gateway.Containers.Get(ctx, ref)
	if err != nil {
		t.Fatal(err)
	}
	if want := "test2,.r:-bad.example,test:group-staff,test:bob"; c.ReadACL != want {
		t.Errorf("read list %q, want %q", c.ReadACL, want)
	}
	if want := "test2:tester2,test:group-staff"; c.WriteACL != want {
		t.Errorf("write list %q, want %q", c.WriteACL, want)
	}
	f.AddUser("staffer", "test", "x", auth.RoleUser, "Staff")
	ref.Object = "o"
	if _, err := f.Gateway.Objects.Put(f.Ctx("staffer"), ref, strings.NewReader("x"), gateway.PutOptions{Item: true, Size: 1}); err != nil {
		t.Errorf("a member of the group: %v", err)
	}
	for name, right := range map[string]gateway.Right{"a": "read", "b": "", "c,d": "READ", "e:f": "READ", "": "READ"} {
		wantKind(t, f.Gateway.Spaces.SetGrants(ctx, ref, gateway.Grants{name: right}), errs.Invalid, errs.BadACL)
	}
}

func TestStoresGoWithTheirAccount(t *testing.T) {
	f := gatewaytest.NewWith(t, gatewaytest.Options{Config: gateway.Config{Stores: []gateway.StoreInfo{{ID: 1}, {ID: 2}}}})
	ref := gateway.Ref{Account: "test.2", Container: "space", Object: "a"}
	if _, err := f.Gateway.Spaces.Create(f.Ctx("tester"), ref); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Gateway.Objects.Put(f.Ctx("tester"), ref, strings.NewReader("x"), gateway.PutOptions{Item: true, Size: 1}); err != nil {
		t.Fatal(err)
	}
	admin := f.Ctx("admin")
	f.Clock.Advance(24 * time.Hour)
	if err := f.Store.SampleUsage(t.Context()); err != nil {
		t.Fatal(err)
	}
	snapshot, err := f.Gateway.Spaces.CreateSnapshot(f.Ctx("tester"), gateway.Ref{Account: "test.2", Container: "space"}, "")
	if err == nil {
		_, err = f.Gateway.Spaces.RestoreSnapshot(admin, "test.2", snapshot.ID)
	}
	if err != nil {
		t.Fatal(err)
	}
	noted := 0
	err = f.Store.View(t.Context(), func(v *store.View) error {
		noted = 0
		_, err := v.Usage("test.2", f.Clock.Now(), f.Clock.Now(), nil, func(*store.MonthUsage) { noted++ })
		return err
	})
	if err != nil || noted == 0 {
		t.Fatalf("%d rows of usage, %v", noted, err)
	}
	if err := f.Gateway.Accounts.Delete(admin, "test"); err != nil {
		t.Fatal(err)
	}
	f.Clock.Advance(365 * 24 * time.Hour)
	if _, err := f.Store.ReapAccounts(t.Context()); err != nil {
		t.Fatal(err)
	}
	f.Store.Drain(t.Context())
	err = f.Store.View(t.Context(), func(v *store.View) error {
		for _, name := range []string{"test", "test.2"} {
			if _, found, err := v.Account(name); found || err != nil {
				t.Errorf("account %s is left, %v", name, err)
			}
			from := f.Clock.Now().Add(-2 * 365 * 24 * time.Hour)
			_, err := v.Usage(name, from, f.Clock.Now(), nil, func(m *store.MonthUsage) { t.Errorf("usage of %s in %s is left: %+v", m.Name, name, m) })
			if err != nil {
				return err
			}
			if list, err := v.Restorations(name, "", 10); err != nil || len(list) > 0 {
				t.Errorf("restorations of %s are left: %+v, %v", name, list, err)
			}
		}
		return nil
	})
	if n, countErr := f.Store.ContentCount(t.Context()); err != nil || countErr != nil || n != 0 {
		t.Errorf("%d contents are left, %v, %v", n, err, countErr)
	}
	if r, err := f.Store.Check(t.Context(), store.CheckOptions{}); err != nil || r.Findings != 0 {
		t.Errorf("check: %+v, %v", r, err)
	}
}

// What closes an account closes its stores: the public spaces in them, and
// what its own users see there. Opened again, all is as before; a store that
// is begun while the account is closed is closed as well.
func TestSuspendedAccountClosesItsStores(t *testing.T) {
	f := gatewaytest.NewWith(t, gatewaytest.Options{Config: gateway.Config{Stores: []gateway.StoreInfo{{ID: 1}, {ID: 2}, {ID: 3}}}})
	g, admin := f.Gateway, f.Ctx("admin")
	public := ".r:*,.rlistings"
	at := func(account string) gateway.Ref {
		return gateway.Ref{Account: account, Container: "space", Object: "a"}
	}
	fill := func(user, account string) {
		ref := at(account)
		if _, err := g.Containers.Create(f.Ctx(user), ref, gateway.ContainerChange{ReadACL: &public}); err != nil {
			t.Fatal(err)
		}
		if _, err := g.Objects.Put(f.Ctx(user), ref, strings.NewReader("x"), gateway.PutOptions{Item: true, Size: 1}); err != nil {
			t.Fatal(err)
		}
	}
	head := func(user, account string) error {
		_, err := g.Objects.Head(f.Ctx(user), at(account), gateway.Conditions{})
		return err
	}
	fill("tester", "test")
	fill("tester", "test.2")
	if err := head("", "test.2"); err != nil {
		t.Fatalf("public before: %v", err)
	}
	if err := g.Accounts.Update(admin, "test", gateway.AccountChange{State: gateway.AccountSuspended}); err != nil {
		t.Fatal(err)
	}
	fill("admin", "test.3")
	for _, account := range []string{"test", "test.2", "test.3"} {
		wantKind(t, head("", account), errs.Unauthenticated, "")
		wantKind(t, head("tester", account), errs.Forbidden, errs.Suspended)
		if err := head("admin", account); err != nil {
			t.Errorf("an administrator in %s: %v", account, err)
		}
		if _, err := g.Spaces.List(f.Ctx(""), account); errs.Of(err) != errs.Unauthenticated {
			t.Errorf("spaces of %s for everybody: %v", account, err)
		}
	}
	// Making an account that is there changes it, its state as well.
	if _, err := g.Accounts.Create(admin, "test", gateway.AccountChange{State: gateway.AccountActive}); err != nil {
		t.Fatal(err)
	}
	for _, account := range []string{"test", "test.2", "test.3"} {
		if err := head("", account); err != nil {
			t.Errorf("public in %s afterwards: %v", account, err)
		}
	}
	if err := g.Accounts.Delete(admin, "test"); err != nil {
		t.Fatal(err)
	}
	for _, account := range []string{"test", "test.2", "test.3"} {
		wantKind(t, head("", account), errs.Unauthenticated, "")
	}
}
