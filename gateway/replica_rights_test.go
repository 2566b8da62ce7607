package gateway_test

import (
	"strings"
	"testing"
	"time"

	"entrepot/auth"
	"entrepot/gateway"
	"entrepot/gateway/errs"
)

// Who may set the replication of a space may not take over, with it, a space of
// another store that is not his: what his lacks would be removed from that.
func TestReplicationTakesOverOnlySpacesOfWhoSetsIt(t *testing.T) {
	r := newReplicated(t, nil)
	guest := "tester2" // of another account, and an administrator of the primary store of this one
	list := gateway.AccountACL{Admin: []string{"test2:" + guest}}
	if err := r.Gateway.Accounts.Update(r.Ctx("tester"), "test", gateway.AccountChange{ACL: &list}); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Gateway.Spaces.Create(r.Ctx("tester"), r.copy); err != nil {
		t.Fatal(err)
	}
	precious := r.copy
	precious.Object = "precious"
	if _, err := r.Gateway.Objects.Put(r.Ctx("tester"), precious, strings.NewReader("x"), gateway.PutOptions{Size: 1}); err != nil {
		t.Fatal(err)
	}
	set := gateway.ReplicationSetting{Stores: []int{2}, Adopt: true}
	wantKind(t, r.Gateway.Replication.Set(r.Ctx(guest), r.ref, set), errs.Forbidden, "")
	r.drain()
	if _, err := r.Gateway.Objects.Head(r.Ctx("tester"), precious, gateway.Conditions{}); err != nil {
		t.Errorf("what was in the other space: %v", err)
	}
	if err := r.Gateway.Replication.Set(r.Ctx("tester"), r.ref, set); err != nil {
		t.Error(err)
	}
}

// A replica's access list means the same people as its source's: those to whom a
// name belonged when the list of the source was written.
func TestReplicasListMeansThePeopleOfItsSource(t *testing.T) {
	r := newReplicated(t, nil)
	r.put("a", "x", gateway.PutOptions{})
	r.set(2)
	r.drain()
	at := r.copy
	at.Object = "a"
	r.AddUser("bob", "test2", "secret", auth.RoleUser)
	read := "test2:bob"
	for range 2 {
		r.Clock.Advance(time.Second)
		if err := r.Gateway.Accounts.DeleteUser(r.Local(), "bob"); err != nil {
			t.Fatal(err)
		}
		r.AddUser("bob", "test2", "secret", auth.RoleUser)
		r.Clock.Advance(time.Second)
		if err := r.Gateway.Containers.Update(r.Ctx("tester"), r.ref, gateway.ContainerChange{ReadACL: &read}); err != nil {
			t.Fatal(err)
		}
		r.drain()
		if _, err := r.Gateway.Objects.Head(r.Ctx("bob"), at, gateway.Conditions{}); err != nil {
			t.Errorf("the list names him: %v", err)
		}
	}
}

// The pieces of unfinished uploads are nothing to keep.
func TestPiecesOfUploadsAreNotReplicatedByDefault(t *testing.T) {
	r := newReplicated(t, func(c *gateway.Config) { c.Replication.Stores = []int{2} })
	ctx := r.Ctx("tester")
	if err := r.Gateway.Objects.BeginUpload(ctx, "up"); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Gateway.Objects.PutPiece(ctx, "up", "1", strings.NewReader("x"), gateway.PutOptions{Size: 1}); err != nil {
		t.Fatal(err)
	}
	r.drain()
	at := gateway.Ref{Account: "test.2", Container: gateway.UploadsContainer}
	if _, err := r.Gateway.Containers.Get(r.Ctx("admin"), at); errs.Of(err) != errs.NotFound {
		t.Errorf("Get = %v", err)
	}
}
