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
	"entrepot/gateway/gatewaytest"
	"entrepot/store"
)

// tenant makes an account "shop" with the owner "anna" and a public container
// that holds one object.
func (w *world) tenant() context.Context {
	w.t.Helper()
	hash, err := auth.HashPassword("secret-of-anna")
	w.must(err)
	w.must(w.g.Accounts.CreateTenant(w.Ctx("admin"), "shop", gateway.AccountChange{},
		gateway.NewUser{Name: "anna", Role: auth.RoleOwner, PasswordHash: hash}))
	anna, public := w.Ctx("anna"), ".r:*,.rlistings"
	_, err = w.g.Containers.Create(anna, inShop(""), gateway.ContainerChange{ReadACL: &public})
	w.must(err)
	_, err = w.g.Objects.Put(anna, inShop("o"), strings.NewReader("old"), gateway.PutOptions{Size: -1})
	w.must(err)
	return anna
}

func inShop(object string) gateway.Ref {
	return gateway.Ref{Account: "shop", Container: "box", Object: object}
}

// reap removes the deleted accounts whose time has come; the background work
// may have done it already.
func (w *world) reap() {
	w.t.Helper()
	if _, err := w.Store.ReapAccounts(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
}

// sound fails unless a check of the store finds nothing.
func (w *world) sound() {
	w.t.Helper()
	w.Store.Drain(w.t.Context())
	r, err := w.Store.Check(w.t.Context(), store.CheckOptions{Content: true, Found: func(f store.Finding) { w.t.Errorf("%+v", f) }})
	if err != nil || r.Findings != 0 {
		w.t.Error(r, err)
	}
}

func newWorldWith(t *testing.T, cfg gateway.Config) *world {
	t.Helper()
	f := gatewaytest.NewWith(t, gatewaytest.Options{Config: cfg})
	w := &world{Fixture: f, t: t, g: f.Gateway, ctx: f.Ctx("tester")}
	w.container("c")
	return w
}

func TestOnlyAdministratorsMakeListAndDeleteAccounts(t *testing.T) {
	w := newWorld(t)
	a := w.g.Accounts
	for who, kind := range map[string]errs.Kind{"": errs.Unauthenticated, "tester": errs.Forbidden, "tester3": errs.Forbidden, "tester6": errs.Forbidden} {
		ctx := w.Ctx(who)
		_, err := a.Create(ctx, "new", gateway.AccountChange{})
		wantKind(t, err, kind, errs.ReasonOf(err))
		_, err = a.Create(ctx, "test", gateway.AccountChange{Properties: gateway.Properties{"a": "1"}})
		wantKind(t, err, kind, errs.ReasonOf(err))
		err = a.CreateTenant(ctx, "new", gateway.AccountChange{}, gateway.NewUser{Name: "new", Role: auth.RoleOwner})
		wantKind(t, err, kind, errs.ReasonOf(err))
		err = a.Delete(ctx, "test")
		wantKind(t, err, kind, errs.ReasonOf(err))
		_, err = a.List(ctx, gateway.AccountList{Limit: 10})
		if who == "tester6" {
			kind = errs.Other
			w.must(err)
			_, _, err = a.Log(ctx, gateway.LogPage{Limit: 10})
			w.must(err)
			continue
		}
		wantKind(t, err, kind, errs.ReasonOf(err))
		_, _, err = a.Log(ctx, gateway.LogPage{Limit: 10})
		wantKind(t, err, kind, errs.ReasonOf(err))
	}
	if _, err := a.Get(w.Ctx("admin"), "new"); errs.Of(err) != errs.NotFound {
		t.Error("a refused call made an account", err)
	}
	got, err := a.Get(w.ctx, "test")
	if err != nil || len(got.Properties) != 0 {
		t.Error(got, err)
	}
}

func TestAccountIsMadeThenMerged(t *testing.T) {
	w := newWorld(t)
	a, admin := w.g.Accounts, w.Ctx("admin")
	quota := int64(10)
	created, err := a.Create(admin, "new", gateway.AccountChange{Properties: gateway.Properties{"subject": "Literature", "x": "1"}, Quota: &quota})
	if err != nil || !created {
		t.Fatal(created, err)
	}
	created, err = a.Create(admin, "new", gateway.AccountChange{Properties: gateway.Properties{"subject": "Art", "x": ""}})
	if err != nil || created {
		t.Fatal(created, err)
	}
	got, err := a.Get(admin, "new")
	if err != nil || got.Properties["subject"] != "Art" || got.Properties["x"] != "" || got.Quota != 10 || !got.Limited || got.State != gateway.AccountActive {
		t.Error(got, err)
	}
	for text, want := range map[string]gateway.Account{"": {}, "0": {Limited: true}, "7": {Limited: true, Quota: 7}} {
		w.must(a.SetProperties(admin, "new", gateway.Properties{"quota-bytes": text}))
		if got, err = a.Get(admin, "new"); err != nil || got.Limited != want.Limited || got.Quota != want.Quota || got.Properties["quota-bytes"] != text {
			t.Errorf("quota %q: %+v %v", text, got, err)
		}
	}
	for _, text := range []string{"-1", "x", "1.5", "99999999999999999999"} {
		wantKind(t, a.SetProperties(admin, "new", gateway.Properties{"quota-bytes": text}), errs.Invalid, errs.BadMetadata)
	}
	for _, name := range []string{"", "a:b", "a/b", "a.1", strings.Repeat("x", 257)} {
		_, err := a.Create(admin, name, gateway.AccountChange{})
		if errs.Of(err) != errs.Invalid {
			t.Errorf("%q: %v", name, err)
		}
	}
	list, err := a.List(admin, gateway.AccountList{Prefix: "t", Marker: "test", Limit: 2})
	if err != nil || len(list) != 2 || list[0].Name != "test2" || list[1].Name != "test5" {
		t.Error(list, err)
	}
	if list, err = a.List(admin, gateway.AccountList{Prefix: "a", Marker: "test", Limit: 2}); err != nil || len(list) != 0 {
		t.Error(list, err)
	}
}

func TestQuotaOfNothingStoresNothing(t *testing.T) {
	w := newWorld(t)
	w.must(w.g.Accounts.SetProperties(w.Ctx("admin"), "test", gateway.Properties{"quota-bytes": "0"}))
	_, err := w.g.Objects.Put(w.ctx, ref("c", "o"), strings.NewReader("x"), gateway.PutOptions{Size: 1})
	wantKind(t, err, errs.OverQuota, "")
	_, err = w.g.Objects.Put(w.ctx, ref("c", "o"), strings.NewReader(""), gateway.PutOptions{Size: 0})
	w.must(err)
}

func TestDeletedAccountIsRefusedAtOnce(t *testing.T) {
	w := newWorldWith(t, gateway.Config{RemovalDelay: time.Hour})
	anna, admin, nobody := w.tenant(), w.Ctx("admin"), w.Ctx("")
	token, _, err := w.Auth.Issue(t.Context(), "anna", "secret-of-anna", auth.PrincipalOf(anna).Address)
	w.must(err)
	w.must(w.g.Accounts.Delete(admin, "shop"))

	gone := func(ctx context.Context) (out []error) {
		_, err := w.g.Accounts.Get(ctx, "shop")
		out = append(out, err)
		_, _, err = w.g.Containers.List(ctx, "shop", gateway.ListOptions{Limit: 1})
		out = append(out, err)
		_, err = w.g.Objects.Head(ctx, inShop("o"), gateway.Conditions{})
		out = append(out, err)
		_, err = w.g.Objects.Put(ctx, inShop("new"), strings.NewReader("x"), gateway.PutOptions{Size: 1})
		out = append(out, err)
		_, err = w.g.Containers.Create(ctx, gateway.Ref{Account: "shop", Container: "new"}, gateway.ContainerChange{})
		return append(out, err, w.g.Accounts.SetProperties(ctx, "shop", gateway.Properties{"a": "1"}))
	}
	for _, err := range gone(admin) {
		wantKind(t, err, errs.NotFound, errs.AccountDeleted)
	}
	for _, err := range gone(anna) { // a request that was let in just before
		wantKind(t, err, errs.NotFound, errs.AccountDeleted)
	}
	for _, err := range gone(nobody) {
		wantKind(t, err, errs.Unauthenticated, "")
	}
	for _, err := range gone(w.ctx) {
		wantKind(t, err, errs.Forbidden, "")
	}
	_, err = w.Auth.Token(t.Context(), token.Value, auth.PrincipalOf(anna).Address)
	wantKind(t, err, errs.Unauthenticated, "")
	_, err = w.Auth.Password(t.Context(), "anna", "secret-of-anna", auth.PrincipalOf(anna).Address)
	wantKind(t, err, errs.Unauthenticated, "")
	_, err = w.g.Depots.Owned(w.Operator(), "anna", 0, false)
	wantKind(t, err, errs.NotFound, errs.NoDepotForUser)

	wantKind(t, w.g.Accounts.Delete(admin, "shop"), errs.NotFound, errs.AccountDeleted)
	_, err = w.g.Accounts.Create(admin, "shop", gateway.AccountChange{})
	wantKind(t, err, errs.Forbidden, errs.NameReserved)
	wantKind(t, w.g.Accounts.AddUser(admin, gateway.NewUser{Name: "ben", Account: "shop", Role: auth.RoleOwner}), errs.Forbidden, errs.NameReserved)
	w.reap()
	_, err = w.g.Accounts.Get(admin, "shop")
	wantKind(t, err, errs.NotFound, errs.AccountDeleted)
	w.Clock.Advance(time.Hour)
	w.reap()
	_, err = w.g.Accounts.Get(admin, "shop")
	wantKind(t, err, errs.NotFound, errs.NoAccount)
	w.sound()
}

func TestS19RecreatedAccountAndUserSeeNothingOld(t *testing.T) {
	w := newWorld(t)
	anna, admin := w.tenant(), w.Ctx("admin")
	from := auth.PrincipalOf(anna).Address
	token, _, err := w.Auth.Issue(t.Context(), "anna", "secret-of-anna", from)
	w.must(err)
	w.must(w.g.Accounts.SetProperties(anna, "shop", gateway.Properties{"old": "1"}))
	// anna made a container in a depot of somebody else, who authorised her.
	depot, err := w.g.Depots.Create(w.Operator(), gateway.DepotOptions{User: "boss", StorageLimit: 1 << 20, Users: []string{"anna", "zoe"}}, gateway.DepotCall{})
	w.must(err)
	theirs := gateway.Ref{Account: "boss", Container: "shared"}
	_, err = w.g.Containers.Create(anna, theirs, gateway.ContainerChange{})
	w.must(err)

	w.must(w.g.Accounts.Delete(admin, "shop"))
	w.reap()
	w.sound()
	w.tenantAgain()
	anna = w.Ctx("anna")
	got, err := w.g.Accounts.Get(anna, "shop")
	if err != nil || got.Containers != 0 || got.Objects != 0 || got.Bytes != 0 || len(got.Properties) != 0 {
		t.Error(got, err)
	}
	_, err = w.g.Objects.Head(anna, inShop("o"), gateway.Conditions{})
	wantKind(t, err, errs.NotFound, errs.NoContainer)
	_, err = w.g.Containers.Get(anna, theirs)
	wantKind(t, err, errs.Forbidden, "")
	_, err = w.g.Containers.Create(anna, gateway.Ref{Account: "boss", Container: "more"}, gateway.ContainerChange{})
	wantKind(t, err, errs.Forbidden, "")
	list, err := w.g.Depots.Owned(w.Operator(), "boss", depot.ID, false)
	if err != nil || len(list) != 1 || strings.Join(list[0].Users, " ") != "zoe" {
		t.Error(list, err)
	}
	again, _, err := w.Auth.Issue(t.Context(), "anna", "new-secret", from)
	if err != nil || again.Value == token.Value {
		t.Error("the new user has the old one's token", err)
	}
	_, err = w.Auth.Token(t.Context(), token.Value, from)
	wantKind(t, err, errs.Unauthenticated, "")
	_, err = w.Auth.Password(t.Context(), "anna", "secret-of-anna", from)
	wantKind(t, err, errs.Unauthenticated, "")
	w.sound()
}

// tenantAgain makes account and user of tenant anew, without a container.
func (w *world) tenantAgain() {
	w.t.Helper()
	hash, err := auth.HashPassword("new-secret")
	w.must(err)
	w.must(w.g.Accounts.CreateTenant(w.Ctx("admin"), "shop", gateway.AccountChange{},
		gateway.NewUser{Name: "anna", Role: auth.RoleOwner, PasswordHash: hash}))
}

func TestManyContainersOfADeletedAccountAreRemoved(t *testing.T) {
	w := newWorldWith(t, gateway.Config{RemovalDelay: time.Second})
	anna := w.tenant()
	for i := range 40 {
		name := gateway.Ref{Account: "shop", Container: strings.Repeat("x", i+1)}
		_, err := w.g.Containers.Create(anna, name, gateway.ContainerChange{})
		w.must(err)
		name.Object = "o"
		_, err = w.g.Objects.Put(anna, name, strings.NewReader(strings.Repeat("y", 100)), gateway.PutOptions{Size: -1})
		w.must(err)
	}
	w.must(w.g.Accounts.Delete(w.Ctx("admin"), "shop"))
	w.Clock.Advance(time.Second)
	cut, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := w.Store.ReapAccounts(cut); !errors.Is(err, context.Canceled) && err != nil {
		t.Error(err)
	}
	w.reap()
	_, err := w.g.Accounts.Get(w.Ctx("admin"), "shop")
	wantKind(t, err, errs.NotFound, errs.NoAccount)
	w.sound()
	if n, err := w.Store.ContentCount(t.Context()); err != nil || n != 0 {
		t.Errorf("%d pieces of content are left, %v", n, err)
	}
}

func TestTheLastAdministratorStays(t *testing.T) {
	w := newWorld(t)
	a, local := w.g.Accounts, w.Local()
	yes, owner := true, auth.RoleOwner
	refused := func(want errs.Reason) {
		t.Helper()
		for _, err := range []error{
			a.DeleteUser(local, "admin"), a.UpdateUser(local, "admin", gateway.UserChange{Disabled: &yes}),
			a.UpdateUser(local, "admin", gateway.UserChange{Role: &owner}), a.Delete(local, "admin"),
			a.Update(local, "admin", gateway.AccountChange{State: gateway.AccountSuspended}),
		} {
			wantKind(t, err, errs.Conflict, want)
		}
	}
	refused(errs.LastAdmin)
	w.AddUser("root", "admin", "secret", auth.RoleAdmin)
	wantKind(t, a.Delete(local, "admin"), errs.Conflict, errs.LastAdmin)
	w.must(a.DeleteUser(local, "root"))
	w.AddUser("other", "second", "secret", auth.RoleAdmin)
	w.must(a.UpdateUser(local, "other", gateway.UserChange{Disabled: &yes}))
	refused(errs.LastAdmin)
	no := false
	w.must(a.UpdateUser(local, "other", gateway.UserChange{Disabled: &no}))
	w.must(a.Update(local, "second", gateway.AccountChange{State: gateway.AccountSuspended}))
	refused(errs.LastAdmin)
	w.must(a.Update(local, "second", gateway.AccountChange{State: gateway.AccountActive}))
	w.must(a.Delete(local, "admin"))
}

func TestOwnersManageTheirUsersAndNobodyElse(t *testing.T) {
	w := newWorld(t)
	a := w.g.Accounts
	w.AddUser("boss", "test", "secret", auth.RoleAdmin)
	w.AddUser("reader", "test", "secret", auth.RoleAuditor)
	w.must(a.AddUser(w.ctx, gateway.NewUser{Name: "helper", Account: "test", Role: auth.RoleUser}))
	w.must(a.SetPassword(w.ctx, "helper", "hash"))
	no, admin := false, auth.RoleAdmin
	for name, err := range map[string]error{
		"a role":            a.AddUser(w.ctx, gateway.NewUser{Name: "x", Account: "test", Role: auth.RoleOwner}),
		"a group":           a.AddUser(w.ctx, gateway.NewUser{Name: "x", Account: "test", Role: auth.RoleUser, Groups: []string{"g"}}),
		"another account":   a.AddUser(w.ctx, gateway.NewUser{Name: "x", Account: "test2", Role: auth.RoleUser}),
		"a new account":     a.AddUser(w.ctx, gateway.NewUser{Name: "x", Account: "fresh", Role: auth.RoleUser}),
		"promotion":         a.UpdateUser(w.ctx, "helper", gateway.UserChange{Role: &admin}),
		"own promotion":     a.UpdateUser(w.ctx, "tester", gateway.UserChange{Role: &admin}),
		"administrator":     a.SetPassword(w.ctx, "boss", "hash"),
		"administrator's":   a.UpdateUser(w.ctx, "boss", gateway.UserChange{Disabled: &no}),
		"administrator too": a.DeleteUser(w.ctx, "boss"),
		"auditor":           a.SetPassword(w.ctx, "reader", "hash"),
		"foreign user":      a.SetPassword(w.ctx, "tester2", "hash"),
		"unknown user":      a.SetPassword(w.ctx, "nosuch", "hash"),
		"foreign list":      second(a.Users(w.ctx, "test2", "", 10)),
		"list of all":       second(a.Users(w.ctx, "", "", 10)),
		"by a plain user":   a.SetPassword(w.Ctx("tester3"), "helper", "hash"),
		"hash for nothing":  a.MaySetPassword(w.Ctx("tester3"), "helper"),
	} {
		if errs.Of(err) != errs.Forbidden {
			t.Errorf("%s: %v", name, err)
		}
	}
	w.must(a.SetPassword(w.Ctx("tester3"), "TESTER3", "hash"))
	list, err := a.Users(w.ctx, "test", "helper", 10)
	if err != nil || len(list) != 3 || list[0].Name != "reader" || list[1].Name != "tester" {
		t.Error(list, err)
	}
	w.must(a.DeleteUser(w.ctx, "helper"))
	wantKind(t, a.DeleteUser(w.Ctx("admin"), "helper"), errs.NotFound, errs.NoUser)
}

func second[T any](_ T, err error) error { return err }

func TestDefaultDepotOutlivesItsOwner(t *testing.T) {
	w := newWorld(t)
	a, admin := w.g.Accounts, w.Ctx("admin")
	w.AddUser("heir", "test", "secret", auth.RoleOwner)
	w.put("o", "x")
	w.must(a.DeleteUser(admin, "tester"))
	w.ctx = w.Ctx("heir")
	if got := w.get("o"); got != "x" {
		t.Errorf("%q", got)
	}
	list, err := w.g.Depots.Owned(w.Operator(), "heir", 0, false)
	if err != nil || len(list) != 1 || !list[0].Default {
		t.Error(list, err)
	}
	box := gateway.Ref{Account: "test2", Container: "c"}
	_, err = w.g.Containers.Create(w.Ctx("tester2"), box, gateway.ContainerChange{})
	w.must(err)
	w.must(a.DeleteUser(admin, "tester2")) // the depot waits for the next owner
	w.must(w.g.Containers.Update(admin, box, gateway.ContainerChange{Properties: gateway.Properties{"a": "1"}}))
	w.sound()
	w.AddUser("late", "test2", "secret", auth.RoleUser)
	w.AddUser("later", "test2", "secret", auth.RoleOwner)
	_, err = w.g.Containers.Get(w.Ctx("later"), box)
	w.must(err)
	if list, err = w.g.Depots.Owned(w.Operator(), "later", 0, false); err != nil || len(list) != 1 || !list[0].Default {
		t.Error(list, err)
	}
	w.sound()
}

func TestAccountWithoutUsersTakesContainersOfAdministrators(t *testing.T) {
	w := newWorld(t)
	admin, box := w.Ctx("admin"), gateway.Ref{Account: "new", Container: "c"}
	_, err := w.g.Accounts.Create(admin, "new", gateway.AccountChange{})
	w.must(err)
	_, err = w.g.Containers.Create(admin, box, gateway.ContainerChange{})
	w.must(err)
	w.AddUser("first", "new", "secret", auth.RoleOwner)
	list, err := w.g.Depots.Owned(w.Operator(), "first", 0, false)
	if err != nil || len(list) != 1 || !list[0].Default || list[0].Account != "new" {
		t.Error(list, err)
	}
	_, err = w.g.Containers.Get(w.Ctx("first"), box)
	w.must(err)
	w.sound()
}

func TestUserWhoOwnsDepotsStays(t *testing.T) {
	w := newWorld(t)
	d, err := w.g.Depots.Create(w.Operator(), gateway.DepotOptions{User: "tester", StorageLimit: 1000}, gateway.DepotCall{})
	w.must(err)
	err = w.g.Accounts.DeleteUser(w.Local(), "tester")
	wantKind(t, err, errs.Conflict, errs.OwnsDepots)
	if text := errs.TextOf(err); !strings.Contains(text, "owns depot") {
		t.Error(text)
	}
	w.must(w.g.Depots.Delete(w.Operator(), "tester", d.ID, gateway.DepotCall{}))
	w.must(w.g.Accounts.DeleteUser(w.Local(), "tester"))
	w.sound()
}

func TestSuspendedAccountIsClosedUntilItIsActiveAgain(t *testing.T) {
	w := newWorld(t)
	w.tenant()
	readers := "shop"
	w.must(w.g.Containers.Update(w.ctx, ref("c", ""), gateway.ContainerChange{ReadACL: &readers}))
	w.put("o", "x")
	_, err := w.g.Objects.Head(w.Ctx("anna"), ref("c", "o"), gateway.Conditions{})
	w.must(err)
	admin := w.Ctx("admin")
	w.must(w.g.Accounts.Update(admin, "shop", gateway.AccountChange{State: gateway.AccountSuspended}))
	anna := w.Ctx("anna")
	for _, c := range []struct {
		ctx    context.Context
		ref    gateway.Ref
		kind   errs.Kind
		reason errs.Reason
	}{
		{anna, inShop("o"), errs.Forbidden, errs.Suspended}, {anna, ref("c", "o"), errs.Forbidden, errs.Suspended},
		{w.ctx, inShop("o"), errs.Forbidden, errs.Suspended}, {w.Ctx(""), inShop("o"), errs.Unauthenticated, ""},
	} {
		_, err := w.g.Objects.Head(c.ctx, c.ref, gateway.Conditions{})
		wantKind(t, err, c.kind, c.reason)
	}
	_, err = w.g.Objects.Head(admin, inShop("o"), gateway.Conditions{})
	w.must(err)
	wantKind(t, w.g.Accounts.SetProperties(anna, "shop", gateway.Properties{"a": "1"}), errs.Forbidden, errs.Suspended)
	wantKind(t, w.g.Accounts.SetPassword(anna, "anna", "x"), errs.Forbidden, errs.Suspended)
	_, err = w.g.Depots.Mine(anna)
	wantKind(t, err, errs.Forbidden, errs.Suspended)
	wantKind(t, w.g.Depots.Disclaim(anna, 1), errs.Forbidden, errs.Suspended)
	_, err = w.g.Spaces.List(w.ctx, "shop")
	wantKind(t, err, errs.Forbidden, errs.Suspended)
	got, err := w.g.Accounts.Get(admin, "shop")
	if err != nil || got.State != gateway.AccountSuspended {
		t.Error(got, err)
	}
	w.must(w.g.Accounts.Update(admin, "shop", gateway.AccountChange{State: gateway.AccountActive}))
	_, err = w.g.Objects.Head(w.Ctx("anna"), inShop("o"), gateway.Conditions{})
	w.must(err)
}

func TestDisablingEndsTokensForGood(t *testing.T) {
	w := newWorld(t)
	from := auth.PrincipalOf(w.ctx).Address
	token, _, err := w.Auth.Issue(t.Context(), "tester", "testing", from)
	w.must(err)
	for _, disabled := range []bool{true, false} {
		w.must(w.g.Accounts.UpdateUser(w.Local(), "tester", gateway.UserChange{Disabled: &disabled}))
		_, err = w.Auth.Token(t.Context(), token.Value, from)
		wantKind(t, err, errs.Unauthenticated, "")
		_, err = w.Auth.Password(t.Context(), "tester", "testing", from)
		if disabled {
			wantKind(t, err, errs.Unauthenticated, "")
		} else {
			w.must(err)
		}
	}
}

func TestAdministrationIsWrittenDown(t *testing.T) {
	w := newWorld(t)
	w.tenant()
	w.Clock.Advance(time.Second)
	w.must(w.g.Accounts.Delete(w.Local(), "shop"))
	failed := w.g.Accounts.Delete(w.ctx, "test2")
	w.Clock.Advance(time.Second)
	w.must(w.g.Accounts.NoteFailed(w.ctx, "account.delete", "test2", failed))
	w.must(w.g.Accounts.NoteFailed(w.Ctx(""), "account.delete", "test2", failed))
	list, _, err := w.g.Accounts.Log(w.Ctx("tester6"), gateway.LogPage{Limit: 3})
	if err != nil || len(list) != 3 {
		t.Fatal(list, err)
	}
	if r := list[0]; r.Caller != "tester" || r.Address != "127.0.0.1" || r.Target != "test2" || !strings.HasPrefix(r.Result, "forbidden: ") {
		t.Errorf("%+v", r)
	}
	if r := list[1]; r.Caller != auth.LocalUser || r.Address != "" || r.Method != "account.delete" || r.Target != "shop" || r.Result != "done" {
		t.Errorf("%+v", r)
	}
	if list, _, err = w.g.Accounts.Log(w.Ctx("admin"), gateway.LogPage{Before: list[1].Time, Limit: 100}); err != nil || len(list) != 8 {
		t.Errorf("%+v %v", list, err)
	}
}

func TestFailuresOfOneCallerDoNotFillTheLog(t *testing.T) {
	w := newWorld(t)
	failed := w.g.Accounts.Delete(w.ctx, "test2")
	count := func() (n int) {
		list, _, err := w.g.Accounts.Log(w.Local(), gateway.LogPage{Limit: 1000})
		w.must(err)
		for _, l := range list {
			if l.Caller == "tester" {
				n++
			}
		}
		return n
	}
	for range 100 {
		w.must(w.g.Accounts.NoteFailed(w.ctx, "account.delete", "test2", failed))
	}
	if n := count(); n != 60 {
		t.Errorf("%d lines", n)
	}
	w.Clock.Advance(time.Minute)
	w.must(w.g.Accounts.NoteFailed(w.ctx, "account.delete", "test2", failed))
	if n := count(); n != 61 {
		t.Errorf("%d lines after a minute", n)
	}
}

func TestTicketsOfAnApplicationPasswordStayInItsFolder(t *testing.T) {
	w := newWorld(t)
	w.put("in/o", "x")
	w.put("out", "x")
	_, err := w.g.Applications.Create(w.Local(), gateway.NewApplication{ID: "app"})
	w.must(err)
	_, _, err = w.g.Applications.IssueKey(w.Local(), "app", nil)
	w.must(err)
	as := func(prefix string, readOnly bool) context.Context {
		t.Helper()
		_, secret, err := w.g.Credentials.Create(w.ctx, gateway.NewCredential{User: "tester", Application: "app", Container: "c", Prefix: prefix, ReadOnly: readOnly})
		w.must(err)
		p, err := w.Auth.Password(t.Context(), "tester", secret.Reveal(), auth.PrincipalOf(w.ctx).Address)
		w.must(err)
		return auth.WithPrincipal(t.Context(), p)
	}
	for _, c := range []struct {
		ctx    context.Context
		object string
		write  bool
		ok     bool
	}{
		{as("in", false), "in/", true, true}, {as("in", false), "in/deep/", true, true}, {as("in", false), "in", true, false},
		{as("in", false), "", true, false}, {as("in", false), "out", true, false}, {as("in", true), "in/", true, false},
		{as("in", true), "in/o", false, true}, {as("in", true), "out", false, false}, {as("", false), "", true, true},
	} {
		ticket, err := w.g.Accounts.Sign(c.ctx, ref("c", c.object), c.write, "text")
		if (err == nil) != c.ok || !c.ok && errs.Of(err) != errs.Forbidden {
			t.Errorf("prefix %q of %+v, write %v: %v", c.object, auth.PrincipalOf(c.ctx).Scope, c.write, err)
		}
		if err != nil {
			continue
		}
		parsed, err := auth.ParseSignature(ticket)
		w.must(err)
		if wide, err := w.g.Accounts.SignedBy(t.Context(), ref("c", "o"), func(k auth.Secret) bool { return parsed.Signs("text", k) }); err != nil || wide {
			t.Errorf("signed for the whole account: %v", err)
		}
	}
	limited := as("in", false)
	for what, err := range map[string]error{
		"own password": w.g.Accounts.SetPassword(limited, "tester", "hash"),
		"a user":       w.g.Accounts.AddUser(limited, gateway.NewUser{Name: "x", Account: "test", Role: auth.RoleUser}),
		"its users":    second(w.g.Accounts.Users(limited, "test", "", 10)),
	} {
		if errs.Of(err) != errs.Forbidden {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestTicketsAreSignedForWhoeverMay(t *testing.T) {
	w := newWorld(t)
	w.put("o", "x")
	writers, readers := "test:tester3", "test2"
	w.must(w.g.Containers.Update(w.ctx, ref("c", ""), gateway.ContainerChange{ReadACL: &readers, WriteACL: &writers}))
	sign := func(who string, write bool) (string, error) {
		return w.g.Accounts.Sign(w.Ctx(who), ref("c", "o"), write, "text")
	}
	// by tells whose key made a signature: of the account, or of the container.
	by := func(signature string) (wide bool) {
		t.Helper()
		parsed, err := auth.ParseSignature(signature)
		w.must(err)
		wide, err = w.g.Accounts.SignedBy(t.Context(), ref("c", "o"), func(key auth.Secret) bool { return parsed.Signs("text", key) })
		w.must(err)
		return wide
	}
	for _, c := range []struct {
		who   string
		write bool
		kind  errs.Kind
	}{{"tester3", false, errs.Forbidden}, {"tester2", true, errs.Forbidden}, {"tester6", true, errs.Forbidden}, {"", false, errs.Unauthenticated}} {
		_, err := sign(c.who, c.write)
		wantKind(t, err, c.kind, "")
	}
	owners, err := sign("tester", true)
	if err != nil || !by(owners) {
		t.Error("an owner's ticket is not signed for the account", err)
	}
	for who, write := range map[string]bool{"tester3": true, "tester2": false} {
		ticket, err := sign(who, write)
		if err != nil || by(ticket) {
			t.Errorf("%s got a signature for the whole account, %v", who, err)
		}
	}
	again, err := sign("tester", true)
	if err != nil || again != owners {
		t.Error("another key", err)
	}
	got, err := w.g.Accounts.Get(w.ctx, "test")
	if err != nil || len(got.Properties) != 0 {
		t.Errorf("the key is shown: %v %v", got.Properties, err)
	}
	w.must(w.g.Accounts.SetProperties(w.ctx, "test", gateway.Properties{"temp-url-key-2": "theirs"}))
	own, err := sign("tester", true)
	if want, _ := auth.Sign(auth.SHA256, auth.NewSecret("theirs"), "text"); err != nil || own != want {
		t.Error("the account's own key is not used", err)
	}
	_, err = w.g.Accounts.Sign(w.ctx, ref("nosuch", "o"), true, "text")
	wantKind(t, err, errs.NotFound, errs.NoContainer)
}

func TestS19RecreatedContainerSeesNothingOld(t *testing.T) {
	w := newWorld(t)
	public := ".r:*,.rlistings"
	w.must(w.g.Containers.Update(w.ctx, ref("c", ""), gateway.ContainerChange{ReadACL: &public, Properties: gateway.Properties{"temp-url-key": "k", "old": "1"}}))
	w.put("o", "old")
	was, err := w.g.Containers.Get(w.ctx, ref("c", ""))
	w.must(err)
	w.must(w.g.Objects.Delete(w.ctx, ref("c", "o"), nil))
	w.must(w.g.Containers.Delete(w.ctx, ref("c", "")))
	w.container("c")
	got, err := w.g.Containers.Get(w.ctx, ref("c", ""))
	if err != nil || got.ID == was.ID || len(got.Properties) != 0 || got.ReadACL != "" || got.Objects != 0 || got.Bytes != 0 {
		t.Error(got, err)
	}
	_, err = w.g.Objects.Head(w.Ctx(""), ref("c", "o"), gateway.Conditions{})
	wantKind(t, err, errs.Unauthenticated, "")
	_, err = w.g.Accounts.SignedBy(t.Context(), ref("c", "o"), func(auth.Secret) bool { return true })
	wantKind(t, err, errs.Unauthenticated, "")
}
