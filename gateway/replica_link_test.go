package gateway_test

import (
	"strings"
	"testing"
	"time"

	"entrepot/gateway"
	"entrepot/gateway/errs"
	"entrepot/store"
	"entrepot/store/blob"
	"entrepot/store/blob/memblob"
)

// spaces lists the containers of an account.
func (r *replicated) spaces(account string) []string {
	r.t.Helper()
	_, list, err := r.Gateway.Containers.List(r.Ctx("admin"), account, gateway.ListOptions{Limit: 100})
	if err != nil {
		r.t.Fatal(err)
	}
	var names []string
	for _, e := range list {
		names = append(names, e.Name)
	}
	return names
}

func (r *replicated) readACL(ref gateway.Ref) string {
	r.t.Helper()
	c, err := r.Gateway.Containers.Get(r.Ctx("admin"), ref)
	if err != nil {
		r.t.Fatal(err)
	}
	return c.ReadACL + " " + c.WriteACL
}

func TestReplicaHasTheAccessListOfItsSource(t *testing.T) {
	r := newReplicated(t, nil)
	grant := func(g gateway.Grants) {
		if err := r.Gateway.Spaces.SetGrants(r.Ctx("tester"), r.ref, g); err != nil {
			t.Fatal(err)
		}
		r.drain()
	}
	r.put("a", "x", gateway.PutOptions{})
	r.set(2)
	grant(gateway.Grants{"tester3": gateway.RightWrite})
	if got := r.readACL(r.copy); got != "test:tester3 test:tester3" {
		t.Errorf("access list %q", got)
	}
	at := r.copy
	at.Object = "a"
	if _, err := r.Gateway.Objects.Head(r.Ctx("tester3"), at, gateway.Conditions{}); err != nil {
		t.Errorf("reading: %v", err)
	}
	_, err := r.Gateway.Objects.Put(r.Ctx("tester3"), at, strings.NewReader(""), gateway.PutOptions{})
	wantKind(t, err, errs.Forbidden, errs.IsReplica)
	grant(gateway.Grants{})
	if got := r.readACL(r.copy); got != " " {
		t.Errorf("access list %q", got)
	}
	_, err = r.Gateway.Objects.Head(r.Ctx("tester3"), at, gateway.Conditions{})
	wantKind(t, err, errs.Forbidden, "")
}

func TestReplicaFollowsTheNameOfItsSource(t *testing.T) {
	r := newReplicated(t, nil)
	r.put("a", "x", gateway.PutOptions{})
	r.set(2)
	r.drain()
	to := gateway.Ref{Account: "test", Container: "renamed"}
	if _, err := r.Gateway.Trees.Move(r.Ctx("tester"), r.ref, to, gateway.TreeOptions{}); err != nil {
		t.Fatal(err)
	}
	// Another one takes the name at once.
	if _, err := r.Gateway.Containers.Create(r.Ctx("tester"), r.ref, gateway.ContainerChange{}); err != nil {
		t.Fatal(err)
	}
	r.put("b", "y", gateway.PutOptions{})
	r.set(2)
	r.later()
	r.wantInStep()
	r.ref, r.copy = to, gateway.Ref{Account: "test.2", Container: "renamed"}
	r.wantInStep()
	if len(r.contents(r.copy)) != 1 {
		t.Error("the renamed replica is empty")
	}
	r.wantSound()
}

func TestReplicaOfADeletedSpaceIsKeptForAWhile(t *testing.T) {
	r := newReplicated(t, func(c *gateway.Config) { c.Replication.Keep = 48 * time.Hour })
	ctx := r.Ctx("tester")
	r.put("a", "x", gateway.PutOptions{})
	r.set(2)
	r.drain()
	want := r.contents(r.ref)["a"]
	if err := r.Gateway.Spaces.Delete(ctx, r.ref); err != nil {
		t.Fatal(err)
	}
	r.Store.Drain(t.Context())
	r.Clock.Advance(time.Minute)
	r.drain()
	if got := r.contents(r.copy)["a"]; got != want {
		t.Errorf("kept: %q", got)
	}
	at := r.copy
	at.Object = "a"
	wantKind(t, r.Gateway.Objects.Delete(ctx, at, nil), errs.Forbidden, errs.IsReplica)
	list, _, err := r.Gateway.Replication.StatusOfAll(r.Ctx("admin"), gateway.ReplicaMarker{}, 10)
	if err != nil || len(list) != 1 || list[0].State != gateway.ReplicaKept || list[0].Until.Sub(r.Clock.Now()) != 48*time.Hour {
		t.Errorf("%+v, %v", list, err)
	}
	_, _, err = r.Gateway.Replication.StatusOfAll(ctx, gateway.ReplicaMarker{}, 10)
	wantKind(t, err, errs.Forbidden, errs.NotAdmin)
	r.Clock.Advance(49 * time.Hour)
	r.drain()
	r.Store.Drain(t.Context())
	if got := r.spaces("test.2"); len(got) != 0 {
		t.Errorf("left: %v", got)
	}
	if n, err := r.Store.ContentCount(t.Context()); err != nil || n != 0 {
		t.Errorf("%d contents are left, %v", n, err)
	}
	list, _, err = r.Gateway.Replication.StatusOfAll(r.Ctx("admin"), gateway.ReplicaMarker{}, 10)
	if err != nil || len(list) != 0 {
		t.Errorf("%+v, %v", list, err)
	}
	r.wantSound()
}

func TestKeptReplicaMakesRoomForThatOfANewSpace(t *testing.T) {
	r := newReplicated(t, nil)
	ctx := r.Ctx("tester")
	r.put("old", "x", gateway.PutOptions{})
	r.set(2)
	r.drain()
	if err := r.Gateway.Spaces.Delete(ctx, r.ref); err != nil {
		t.Fatal(err)
	}
	r.Clock.Advance(time.Minute)
	r.drain()
	if _, err := r.Gateway.Containers.Create(ctx, r.ref, gateway.ContainerChange{}); err != nil {
		t.Fatal(err)
	}
	r.put("new", "y", gateway.PutOptions{})
	r.set(2)
	r.drain()
	r.wantInStep()
	names := r.spaces("test.2")
	if len(names) != 2 || names[0] != "space" || !strings.HasPrefix(names[1], "space-before-20261122t0801") {
		t.Fatalf("spaces %v", names)
	}
	aside := gateway.Ref{Account: "test.2", Container: names[1]}
	if got := r.contents(aside); got["old"] == "" {
		t.Errorf("aside: %v", got)
	}
	wantKind(t, r.Gateway.Replication.Release(ctx, r.copy), errs.Conflict, "")
	wantKind(t, r.Gateway.Replication.Release(ctx, r.ref), errs.Conflict, "")
	if err := r.Gateway.Replication.Release(ctx, aside); err != nil {
		t.Fatal(err)
	}
	aside.Object = "old"
	if err := r.Gateway.Objects.Delete(ctx, aside, nil); err != nil {
		t.Errorf("a released replica: %v", err)
	}
	r.Clock.Advance(365 * 24 * time.Hour)
	r.drain()
	if got := r.spaces("test.2"); len(got) != 2 {
		t.Errorf("spaces %v", got)
	}
	r.wantSound()
}

// A space that somebody made under the name in the meantime is not overwritten.
func TestSpaceOfSomebodyIsNotTakenOver(t *testing.T) {
	r := newReplicated(t, func(c *gateway.Config) { c.Replication.Stores = []int{2} })
	ctx := r.Ctx("tester")
	if _, err := r.Gateway.Containers.Create(ctx, r.copy, gateway.ContainerChange{}); err != nil {
		t.Fatal(err)
	}
	at := r.copy
	at.Object = "mine"
	if _, err := r.Gateway.Objects.Put(ctx, at, strings.NewReader("x"), gateway.PutOptions{Size: 1}); err != nil {
		t.Fatal(err)
	}
	r.put("a", "x", gateway.PutOptions{})
	r.later()
	list, err := r.Gateway.Replication.Status(ctx, r.ref)
	if err != nil || len(list) != 1 || list[0].State != gateway.ReplicaHeld || !strings.Contains(list[0].Reason, "not empty") {
		t.Errorf("%+v, %v", list, err)
	}
	if got := r.contents(r.copy); len(got) != 1 || got["mine"] == "" {
		t.Errorf("the space has %v", got)
	}
	if err := r.Gateway.Objects.Delete(ctx, at, nil); err != nil {
		t.Fatal(err)
	}
	r.later()
	r.wantInStep()
}

func TestReplicationGoesWithTheAccount(t *testing.T) {
	r := newReplicated(t, nil)
	r.put("a", strings.Repeat("x", 1000), gateway.PutOptions{})
	r.set(2)
	r.drain()
	r.put("b", "y", gateway.PutOptions{})
	if err := r.Gateway.Accounts.Delete(r.Ctx("admin"), "test"); err != nil {
		t.Fatal(err)
	}
	r.Clock.Advance(365 * 24 * time.Hour)
	if _, err := r.Store.ReapAccounts(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.Store.Drain(t.Context())
	r.later()
	if n, err := r.Store.ContentCount(t.Context()); err != nil || n != 0 {
		t.Errorf("%d contents are left, %v", n, err)
	}
	err := r.Store.View(t.Context(), func(v *store.View) error {
		list, err := v.Replicas(0, 0, 10)
		_, _, pending, pendingErr := v.NextPending(0, 0)
		if len(list) != 0 || pending || pendingErr != nil {
			t.Errorf("left: %+v, %v, %v", list, pending, pendingErr)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	r.wantSound()
}

// A comparison finds what nobody noted, and goes on where it was cut off.
func TestComparisonFindsEveryDifference(t *testing.T) {
	r := newReplicated(t, nil)
	for i := range 1200 {
		r.put(strings.Repeat("n", 1+i%3)+string(rune('a'+i%26))+time.Duration(i).String(), "x", gateway.PutOptions{})
	}
	r.set(2)
	r.drain()
	r.wantInStep()
	list, err := r.Gateway.Replication.Status(r.Ctx("tester"), r.ref)
	if err != nil || list[0].Compared.IsZero() || list[0].State != gateway.ReplicaCurrent {
		t.Errorf("%+v, %v", list, err)
	}
	r.wantSound()
}

// What changes while a space is not replicated is noted nowhere: the replica has
// it all the same when the setting comes back before it was let go.
func TestReplicationThatIsSetAgainMissesNothing(t *testing.T) {
	r := newReplicated(t, nil)
	r.put("a", "x", gateway.PutOptions{})
	r.put("b", "x", gateway.PutOptions{})
	r.set(2)
	r.drain()
	r.set()
	r.put("a", "y", gateway.PutOptions{})
	r.put("c", "x", gateway.PutOptions{})
	r.must(r.Gateway.Objects.Delete(r.Ctx("tester"), r.at("b"), nil))
	r.set(2)
	r.drain()
	r.wantInStep()
	r.wantSound()
}

// The same where both sides are just being compared: that begins anew.
func TestReplicationThatIsSetAgainDuringAComparisonMissesNothing(t *testing.T) {
	var second func()
	puts := 0
	blobs := memblob.New(memblob.Options{Faults: func(op memblob.Op, _ blob.ID) error {
		if op == memblob.OpCreate {
			if puts++; puts == 2 {
				second()
			}
		}
		return nil
	}})
	r := newReplicatedOn(t, nil, blobs, func(c *gateway.Config) { c.Replication.Items = 1 })
	for _, name := range []string{"a", "b", "c"} {
		r.put(name, long, gateway.PutOptions{})
	}
	second = func() { // "a" has arrived
		r.set()
		r.must(r.Gateway.Objects.Delete(r.Ctx("tester"), r.at("a"), nil))
		r.set(2)
	}
	r.set(2)
	r.drain()
	r.wantInStep()
	r.wantSound()
	if puts < 3 {
		t.Errorf("only %d items were carried", puts)
	}
}
