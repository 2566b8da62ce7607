package gateway_test

import (
	"testing"
	"time"

	"entrepot/auth"
	"entrepot/gateway"
	"entrepot/gateway/errs"
)

// canRead tells whether a user may look at an object of the container "c".
func (w *world) canRead(user, name string) bool {
	w.t.Helper()
	_, err := w.g.Objects.Head(w.Ctx(user), ref("c", name), gateway.Conditions{})
	if err != nil && errs.Of(err) != errs.Forbidden {
		w.t.Fatal(err)
	}
	return err == nil
}

func (w *world) canWrite(user, name string) bool {
	w.t.Helper()
	err := w.g.Objects.Delete(w.Ctx(user), ref("c", name), nil)
	if kind := errs.Of(err); err != nil && kind != errs.Forbidden && kind != errs.NotFound {
		w.t.Fatal(err)
	}
	return errs.Of(err) != errs.Forbidden
}

// lists returns the access lists of the container "c".
func (w *world) lists() (read, write string) {
	w.t.Helper()
	c, err := w.g.Containers.Get(w.ctx, ref("c", ""))
	w.must(err)
	return c.ReadACL, c.WriteACL
}

func (w *world) allow(read, write string) {
	w.t.Helper()
	w.must(w.g.Containers.Update(w.ctx, ref("c", ""), gateway.ContainerChange{ReadACL: &read, WriteACL: &write}))
}

// S19: the rights of a deleted user are not those of whoever gets the name.
func TestS19NameOfADeletedUserInheritsNoRights(t *testing.T) {
	w := newWorld(t)
	w.put("o", "x")
	w.AddUser("bob", "test2", "secret", auth.RoleUser)
	w.AddUser("carl", "test2", "secret", auth.RoleUser)
	w.allow("test2:bob,test2:carl,.r:host,.rlistings", "test2:Bob,test2:carl")
	if !w.canRead("bob", "o") || !w.canWrite("bob", "none") {
		t.Fatal("the list gives nothing")
	}
	w.Clock.Advance(time.Second)
	w.must(w.g.Accounts.DeleteUser(w.Local(), "bob"))
	w.AddUser("BOB", "test2", "secret", auth.RoleUser)
	if w.canRead("bob", "o") || w.canWrite("bob", "none") {
		t.Error("the new user has the rights of the old")
	}
	if !w.canRead("carl", "o") || !w.canWrite("carl", "none") {
		t.Error("another user lost rights")
	}
	w.must(w.Store.ForgetNames(t.Context()))
	if read, write := w.lists(); read != "test2:carl,.r:host,.rlistings" || write != "test2:carl" {
		t.Errorf("%q %q", read, write)
	}
	w.Clock.Advance(time.Second)
	w.allow("test2:bob", "")
	w.must(w.Store.ForgetNames(t.Context()))
	if !w.canRead("bob", "o") || w.canWrite("bob", "none") {
		t.Error("a list that was written after the deletion means the new user")
	}
	w.sound()
}

// A name may be given rights before there is anybody of that name.
func TestNameThatNobodyHadMayBeListedBeforeItsUser(t *testing.T) {
	w := newWorld(t)
	w.put("o", "x")
	w.allow("test2:dora,later", "")
	w.Clock.Advance(time.Second)
	w.AddUser("dora", "test2", "secret", auth.RoleUser)
	w.AddUser("max", "later", "secret", auth.RoleOwner)
	if !w.canRead("dora", "o") || !w.canRead("max", "o") {
		t.Error("not allowed")
	}
}

func TestS19NameOfADeletedAccountInheritsNoRights(t *testing.T) {
	w := newWorld(t)
	w.put("o", "x")
	w.AddUser("anna", "shop", "secret", auth.RoleOwner)
	w.allow("shop", "shop:anna,shop:group-staff")
	lists := gateway.AccountACL{ReadOnly: []string{"shop:anna", "test2"}}
	w.must(w.g.Accounts.Update(w.ctx, "test", gateway.AccountChange{ACL: &lists}))
	if !w.canRead("anna", "o") {
		t.Fatal("the list gives nothing")
	}
	w.Clock.Advance(time.Second)
	w.must(w.g.Accounts.Delete(w.Local(), "shop"))
	w.reap()
	w.AddUser("anna", "shop", "secret", auth.RoleOwner)
	w.AddUser("bert", "shop", "secret", auth.RoleUser, "staff")
	for _, name := range []string{"anna", "bert"} {
		if w.canRead(name, "o") || w.canWrite(name, "none") {
			t.Error(name, "has rights of the account before")
		}
	}
	w.must(w.Store.ForgetNames(t.Context()))
	if read, write := w.lists(); read != "" || write != "" {
		t.Errorf("%q %q", read, write)
	}
	a, err := w.g.Accounts.Get(w.ctx, "test")
	w.must(err)
	if len(a.ACL.ReadOnly) != 1 || a.ACL.ReadOnly[0] != "test2" {
		t.Errorf("%q", a.ACL)
	}
	if !w.canRead("tester2", "o") {
		t.Error("another account lost rights")
	}
	w.sound()
}

// Who was taken off a depot's list and deleted leaves containers behind that
// name him as their maker; a later user of the name is not their maker.
func TestS19MakerOfASpaceIsNotALaterUserOfTheName(t *testing.T) {
	w := newWorld(t)
	op := w.Operator()
	d, err := w.g.Depots.Create(op, gateway.DepotOptions{User: "tester", StorageLimit: 1000, Users: []string{"eva"}}, gateway.DepotCall{})
	w.must(err)
	w.AddUser("eva", "test2", "secret", auth.RoleUser)
	_, err = w.g.Depots.CreateSpace(op, "eva", d.ID, "hers", gateway.DepotCall{})
	w.must(err)
	box := gateway.Ref{Account: "test", Container: "hers"}
	_, err = w.g.Containers.Get(w.Ctx("eva"), box)
	w.must(err)
	w.must(w.g.Depots.RemoveUsers(op, "tester", d.ID, []string{"eva"}, gateway.DepotCall{}))
	w.Clock.Advance(time.Second)
	w.must(w.g.Accounts.DeleteUser(w.Local(), "eva"))
	w.AddUser("eva", "test2", "secret", auth.RoleUser)
	_, err = w.g.Depots.AddUsers(op, "tester", d.ID, []string{"eva"}, gateway.DepotCall{})
	w.must(err)
	_, err = w.g.Containers.Get(w.Ctx("eva"), box)
	wantKind(t, err, errs.Forbidden, "")
	w.sound()
}
