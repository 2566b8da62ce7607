package gateway_test

import (
	"strings"
	"testing"

	"entrepot/auth"
	"entrepot/gateway"
	"entrepot/gateway/errs"
	"entrepot/gateway/gatewaytest"
)

// An application password sees its own container among the spaces, and nothing
// of its user's depots.
func TestApplicationPasswordsListTheirSpaceAndNoDepots(t *testing.T) {
	f := gatewaytest.New(t)
	password := newPhone(t, f, gateway.NewCredential{})
	limited := as(t, f, password)
	list, err := f.Gateway.Spaces.List(limited, "test")
	if err != nil || len(list) != 1 || list[0] != "docs" {
		t.Errorf("the spaces are %q (%v)", list, err)
	}
	_, err = f.Gateway.Depots.Mine(limited)
	wantKind(t, err, errs.Forbidden, errs.OutOfScope)
	_, err = f.Gateway.Depots.Invitations(limited)
	wantKind(t, err, errs.Forbidden, errs.OutOfScope)
	depots, err := f.Gateway.Depots.Owned(f.Operator(), "tester", 0, false)
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.Gateway.Depots.Accept(limited, depots[0].ID)
	wantKind(t, err, errs.Forbidden, errs.OutOfScope)
	wantKind(t, f.Gateway.Depots.Disclaim(limited, depots[0].ID), errs.Forbidden, errs.OutOfScope)
}

// Suspended accounts show their spaces to nobody, and an account's access list
// shows them to those whom it names.
func TestSpacesAreListedByTheRightsOfTheirAccount(t *testing.T) {
	w := newWorld(t)
	friend := w.Ctx("tester2")
	if _, err := w.g.Spaces.List(friend, "test"); errs.Of(err) != errs.Forbidden {
		t.Errorf("a stranger lists: %v", err)
	}
	w.must(w.g.Accounts.Update(w.ctx, "test", gateway.AccountChange{ACL: &gateway.AccountACL{ReadOnly: []string{"test2:tester2"}}}))
	if list, err := w.g.Spaces.List(friend, "test"); err != nil || len(list) != 1 {
		t.Errorf("a reader lists %q (%v)", list, err)
	}
	w.must(w.g.Accounts.Update(w.Local(), "test", gateway.AccountChange{State: gateway.AccountSuspended}))
	_, err := w.g.Spaces.List(friend, "test")
	wantKind(t, err, errs.Forbidden, errs.Suspended)
}

// S21: bringing a version back takes it out of the archive, which needs the
// right to write there: by role, by the account's list, but not by an
// application password for the container alone.
func TestS21VersionsComeBackForWritersOfTheArchiveOnly(t *testing.T) {
	w := archiving(t, "versions-location")
	w.container("v")
	w.store("a", "one")
	w.store("a", "two")
	c, err := w.g.Containers.Get(w.ctx, ref("c", ""))
	w.must(err)
	p := auth.PrincipalOf(w.ctx)
	p.Scope = &auth.Scope{Container: c.ID}
	wantKind(t, w.g.Objects.Delete(auth.WithPrincipal(t.Context(), p), ref("c", "a"), nil), errs.Forbidden, errs.OutOfScope)
	if got := w.get("a"); got != "two" {
		t.Errorf("it holds %q", got)
	}
	w.must(w.g.Accounts.Update(w.ctx, "test", gateway.AccountChange{ACL: &gateway.AccountACL{ReadWrite: []string{"test2:tester2"}}}))
	w.must(w.g.Objects.Delete(w.Ctx("tester2"), ref("c", "a"), nil))
	if got := w.get("a"); got != "one" {
		t.Errorf("it holds %q", got)
	}
}

// Nobody makes the record of somebody else's further store.
func TestStrangersMakeNoRecordsOfStores(t *testing.T) {
	f := gatewaytest.NewWith(t, gatewaytest.Options{Config: gateway.Config{Stores: []gateway.StoreInfo{{ID: 1}, {ID: 2}}}})
	before := f.Fingerprint()
	at := gateway.Ref{Account: "test.2", Container: "c"}
	for _, user := range []string{"", "tester2", "tester3"} {
		if _, err := f.Gateway.Containers.Create(f.Ctx(user), at, gateway.ContainerChange{}); err == nil {
			t.Errorf("%q makes a container", user)
		}
		if _, err := f.Gateway.Spaces.Create(f.Ctx(user), at); err == nil {
			t.Errorf("%q makes a space", user)
		}
	}
	if f.Fingerprint() != before {
		t.Error("something was written")
	}
}

// S19: calls that were under way when their account was removed leave nothing
// for who gets its name.
func TestS19LateCallsDoNotMakeADeletedAccountAgain(t *testing.T) {
	w := newWorld(t)
	withApplication(t, w.Fixture)
	late := w.ctx
	w.must(w.g.Accounts.Delete(w.Local(), "test"))
	w.reap()
	before := w.Fingerprint()
	err := w.g.Accounts.AddUser(late, gateway.NewUser{Name: "late", Account: "test", Role: auth.RoleUser})
	wantKind(t, err, errs.Forbidden, errs.NotAdmin)
	if err := use(w.Fixture, late, "phone"); err == nil {
		t.Error("a grant is left for the account")
	}
	_, err = w.g.Objects.Put(late, ref("c", "a"), strings.NewReader("x"), gateway.PutOptions{Size: 1})
	if err == nil {
		t.Error("an object was written")
	}
	if w.Fingerprint() != before {
		t.Error("something was written")
	}
}
