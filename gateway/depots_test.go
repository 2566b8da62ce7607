package gateway_test

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"entrepot/gateway"
	"entrepot/gateway/errs"
	"entrepot/gateway/gatewaytest"
	"entrepot/store"
)

var test = gateway.DepotCall{Command: "test"}

// makeDepot makes a depot of tester's that authorises users.
func makeDepot(t *testing.T, f *gatewaytest.Fixture, users ...string) gateway.Depot {
	t.Helper()
	d, err := f.Gateway.Depots.Create(f.Operator(), gateway.DepotOptions{User: "tester", StorageLimit: 5000, TrafficLimit: 1000, Users: users}, test)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func put(ctx context.Context, f *gatewaytest.Fixture, ref gateway.Ref, text string) error {
	_, err := f.Gateway.Objects.Put(ctx, ref, strings.NewReader(text), gateway.PutOptions{Size: int64(len(text))})
	return err
}

func read(ctx context.Context, f *gatewaytest.Fixture, ref gateway.Ref) error {
	_, content, err := f.Gateway.Objects.Open(ctx, ref, gateway.Conditions{})
	if err != nil {
		return err
	}
	defer content.Close()
	_, err = content.WriteRange(io.Discard, 0, content.Size())
	return err
}

func isSound(t *testing.T, f *gatewaytest.Fixture) {
	t.Helper()
	_, err := f.Store.Check(t.Context(), store.CheckOptions{Found: func(f store.Finding) { t.Errorf("%s: %s", f.Where, f.Reason) }})
	if err != nil {
		t.Error(err)
	}
}

func TestLimitsRaisedAtOnceAreAllCounted(t *testing.T) {
	f := gatewaytest.New(t)
	d := makeDepot(t, f)
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			if err := f.Gateway.Depots.Increase(f.Operator(), "tester", d.ID, 7, 0, test); err != nil {
				t.Error(err)
			}
		})
		all.Go(func() {
			if err := f.Gateway.Depots.Decrease(f.Operator(), "tester", d.ID, 2, 0, test); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	list, err := f.Gateway.Depots.Owned(f.Operator(), "tester", d.ID, false)
	if err != nil || list[0].StorageLimit != 5100 {
		t.Errorf("%+v, %v", list, err)
	}
	history, err := f.Gateway.Depots.History(f.Operator(), "tester", d.ID, 100)
	if err != nil || len(history) != 41 {
		t.Errorf("%d lines, %v", len(history), err)
	}
}

func TestOnlyOperatorsManageDepots(t *testing.T) {
	f := gatewaytest.New(t)
	d := makeDepot(t, f)
	g := f.Gateway.Depots
	for user, want := range map[string]errs.Kind{"": errs.Unauthenticated, "tester": errs.Forbidden, "tester6": errs.Forbidden, "admin": errs.Other} {
		ctx := f.Ctx(user)
		for what, err := range map[string]error{
			"increase": g.Increase(ctx, "tester", d.ID, 1, 0, test), "activate": g.SetActive(ctx, "tester", d.ID, true, test),
			"contract": g.SetContract(ctx, "", d.ID, "C", test), "users": second(g.AddUsers(ctx, "tester", d.ID, []string{"x"}, test)),
			"remove": g.RemoveUsers(ctx, "tester", d.ID, []string{"x"}, test), "assign": g.Assign(ctx, "tester", d.ID, test),
			"history": second(g.History(ctx, "tester", d.ID, 1)), "login": g.CheckLogin(ctx, "tester"),
			"target": g.SetTarget(ctx, "tester", d.ID, test), "log": second(g.CallLog(ctx, time.Time{}, 0, 1)),
			"create": second(g.CreateWithoutOwner(ctx, gateway.DepotOptions{StorageLimit: 5}, test)),
			"spaces": g.DeleteSpaces(ctx, "tester", d.ID, nil, test),
		} {
			if (err == nil) != (want == errs.Other) || err != nil && errs.Of(err) != want {
				t.Errorf("%s as %q: %v", what, user, err)
			}
		}
		if _, err := g.CreateSpace(ctx, "tester", d.ID, "c"+user, test); (err == nil) != (want == errs.Other) {
			t.Errorf("space as %q: %v", user, err)
		}
	}
}

func TestRemovedUserLosesWhatHeMade(t *testing.T) {
	f := gatewaytest.New(t)
	d := makeDepot(t, f, "tester2")
	id, err := f.Gateway.Depots.CreateSpace(f.Operator(), "tester2", d.ID, "shared", test)
	if err != nil || id == 0 {
		t.Fatal(id, err)
	}
	ref := gateway.Ref{Account: "test", Container: "shared", Object: "o"}
	if err := put(f.Ctx("tester2"), f, ref, "text"); err != nil {
		t.Fatalf("the creator writes: %v", err)
	}
	if err := f.Gateway.Depots.SetTarget(f.Operator(), "tester2", d.ID, test); err != nil {
		t.Fatal(err)
	}
	if err := f.Gateway.Depots.RemoveUsers(f.Operator(), "tester", d.ID, []string{"TESTER2"}, test); err != nil {
		t.Fatal(err)
	}
	if err := read(f.Ctx("tester2"), f, ref); errs.Of(err) != errs.Forbidden {
		t.Errorf("the creator, no longer authorised, reads: %v", err)
	}
	if err := read(f.Ctx("tester"), f, ref); err != nil {
		t.Errorf("the owner reads: %v", err)
	}
	if list, err := f.Gateway.Depots.Mine(f.Ctx("tester2")); err != nil || len(list) != 1 {
		t.Errorf("depots of tester2: %+v, %v", list, err)
	}
	isSound(t, f)
}

func TestDeactivatedDepotLetsNobodyReadOrWrite(t *testing.T) {
	f := gatewaytest.New(t)
	ref := gateway.Ref{Account: "test", Container: "c", Object: "o"}
	if _, err := f.Gateway.Containers.Create(f.Ctx("tester"), gateway.Ref{Account: "test", Container: "c"}, gateway.ContainerChange{}); err != nil {
		t.Fatal(err)
	}
	if err := put(f.Ctx("tester"), f, ref, "text"); err != nil {
		t.Fatal(err)
	}
	list, err := f.Gateway.Depots.Owned(f.Operator(), "tester", 0, false)
	if err != nil {
		t.Fatal(err)
	}
	set := func(active bool) {
		if err := f.Gateway.Depots.SetActive(f.Operator(), "tester", list[0].ID, active, test); err != nil {
			t.Fatal(err)
		}
	}
	set(false)
	for _, user := range []string{"tester", "admin"} {
		if err := read(f.Ctx(user), f, ref); errs.ReasonOf(err) != errs.Inactive {
			t.Errorf("%s reads: %v", user, err)
		}
		if err := put(f.Ctx(user), f, ref, "x"); errs.ReasonOf(err) != errs.Inactive {
			t.Errorf("%s writes: %v", user, err)
		}
	}
	set(true)
	if err := read(f.Ctx("tester"), f, ref); err != nil {
		t.Errorf("after activation: %v", err)
	}
}

func TestTrafficLimitStopsTransfersUntilNextMonth(t *testing.T) {
	f := gatewaytest.NewWith(t, gatewaytest.Options{Config: gateway.Config{EnforceTraffic: true, TrafficFlush: time.Hour}})
	d := makeDepot(t, f)
	if _, err := f.Gateway.Depots.CreateSpace(f.Operator(), "tester", d.ID, "c", test); err != nil {
		t.Fatal(err)
	}
	ctx := f.Ctx("tester")
	ref := gateway.Ref{Account: "test", Container: "c", Object: "o"}
	if err := put(ctx, f, ref, strings.Repeat("x", 400)); err != nil {
		t.Fatal(err)
	}
	if err := f.Gateway.Snapshots.Create(ctx, gateway.Ref{Account: "test", Container: "c"}, "s"); err != nil {
		t.Fatal(err)
	}
	for range 2 { // 1,200 bytes: the limit is 1,000
		if err := read(ctx, f, ref); err != nil {
			t.Fatal(err)
		}
	}
	refused := func(what string, err error) {
		t.Helper()
		if errs.Of(err) != errs.Forbidden || errs.ReasonOf(err) != errs.TrafficUsed {
			t.Errorf("%s: %v", what, err)
		}
	}
	refused("read", read(ctx, f, ref))
	if _, err := f.Gateway.Objects.Head(ctx, ref, gateway.Conditions{}); err != nil {
		t.Errorf("what is no transfer: %v", err)
	}
	refused("write", put(ctx, f, ref, "x"))
	_, _, err := f.Gateway.Snapshots.Open(ctx, ref, "s")
	refused("read of a snapshot", err)
	if _, _, err := f.Gateway.Objects.List(ctx, gateway.Ref{Account: "test", Container: "c"}, gateway.ListOptions{Limit: 10}); err != nil {
		t.Errorf("a listing: %v", err)
	}
	if err := f.Gateway.Depots.SetLimits(f.Operator(), "tester", d.ID, gateway.DepotLimits{Storage: 5000, Traffic: 5000}, test); err != nil {
		t.Errorf("administration: %v", err)
	}
	if err := read(ctx, f, ref); err != nil {
		t.Errorf("with a higher limit: %v", err)
	}
	if err := f.Gateway.Depots.SetLimits(f.Operator(), "tester", d.ID, gateway.DepotLimits{Storage: 5000, Traffic: 1000}, test); err != nil {
		t.Fatal(err)
	}
	refused("with the old limit", read(ctx, f, ref))
	f.Clock.Advance(31 * 24 * time.Hour)
	if err := read(ctx, f, ref); err != nil {
		t.Errorf("next month: %v", err)
	}
}

func TestDocumentIsClaimedByWhoIsOnTheList(t *testing.T) {
	f := gatewaytest.New(t)
	g := f.Gateway.Depots
	d := makeDepot(t, f, "tester2")
	claim := gateway.DocumentClaim{Depot: d.ID, Epoch: d.Epoch}
	mine := func(user string) (ids []uint64) {
		list, err := g.Mine(f.Ctx(user))
		if err != nil {
			t.Error(err)
		}
		for _, d := range list {
			ids = append(ids, d.ID)
		}
		return ids
	}
	if _, err := g.Claim(f.Ctx(""), claim); errs.Of(err) != errs.Unauthenticated {
		t.Errorf("anonymous: %v", err)
	}
	if _, err := g.Claim(f.Ctx("tester5"), claim); errs.Of(err) != errs.Forbidden {
		t.Errorf("a stranger: %v", err)
	}
	if slices.Contains(mine("tester2"), d.ID) {
		t.Error("shown before the claim")
	}
	for range 2 {
		if got, err := g.Claim(f.Ctx("tester2"), claim); err != nil || got.ID != d.ID {
			t.Errorf("claim: %+v, %v", got, err)
		}
	}
	if !slices.Contains(mine("tester2"), d.ID) {
		t.Error("not shown after the claim")
	}
	if err := g.Disclaim(f.Ctx("tester2"), d.ID); err != nil || slices.Contains(mine("tester2"), d.ID) {
		t.Errorf("shown after it was taken out, %v", err)
	}
	if err := g.SetActive(f.Operator(), "tester", d.ID, false, test); err != nil {
		t.Fatal(err)
	}
	if _, err := g.Claim(f.Ctx("tester2"), claim); errs.ReasonOf(err) != errs.NoDepot {
		t.Errorf("a document that has ended: %v", err)
	}
	if _, err := g.Claim(f.Ctx("tester2"), gateway.DocumentClaim{Depot: 99, Epoch: 1}); errs.ReasonOf(err) != errs.NoDepot {
		t.Errorf("no depot: %v", err)
	}
	isSound(t, f)
}

func TestInvitationIsAcceptedOrDeclined(t *testing.T) {
	f := gatewaytest.New(t)
	g := f.Gateway.Depots
	d := makeDepot(t, f, "tester2")
	claim := gateway.DocumentClaim{Depot: d.ID, Epoch: d.Epoch}
	waiting := func(user string) int {
		list, err := g.Invitations(f.Ctx(user))
		if err != nil {
			t.Error(err)
		}
		return len(list)
	}
	if err := g.Invite(f.Operator(), []string{"tester2", "Tester5", "tester6"}, claim, "welcome", test); err != nil {
		t.Fatal(err)
	}
	list, err := g.Invitations(f.Ctx("tester2"))
	if err != nil || len(list) != 1 || list[0].Message != "welcome" || list[0].Depot.Owner != "tester" || list[0].Depot.Epoch != d.Epoch {
		t.Errorf("%+v, %v", list, err)
	}
	if _, err := g.Accept(f.Ctx("tester5"), d.ID); errs.Of(err) != errs.Forbidden {
		t.Errorf("accepted by who is not on the list: %v", err)
	}
	if _, err := g.Accept(f.Ctx("tester3"), d.ID); errs.ReasonOf(err) != errs.NoDepot {
		t.Errorf("accepted without an invitation: %v", err)
	}
	if _, err := g.Accept(f.Ctx("tester2"), d.ID); err != nil || waiting("tester2") != 0 {
		t.Errorf("accept: %v, %d left", err, waiting("tester2"))
	}
	if err := g.Disclaim(f.Ctx("tester5"), d.ID); err != nil || waiting("tester5") != 0 {
		t.Errorf("decline: %v, %d left", err, waiting("tester5"))
	}
	if waiting("tester6") != 1 {
		t.Error("the invitation of another went")
	}
	if err := g.Delete(f.Operator(), "tester", d.ID, test); err != nil || waiting("tester6") != 0 {
		t.Errorf("%d invitations to a depot that was deleted, %v", waiting("tester6"), err)
	}
	isSound(t, f)
}

func TestCallLogIsKeptForItsTime(t *testing.T) {
	f := gatewaytest.NewWith(t, gatewaytest.Options{Config: gateway.Config{DepotLog: 24 * time.Hour, DepotLogFlush: time.Millisecond}})
	g := f.Gateway.Depots
	log := func(command string, denied bool) {
		g.LogCall(gateway.DepotAPICall{Time: f.Clock.Now(), Command: command, User: "u", Depot: 7, Primary: -30002, Secondary: 2,
			Address: "192.0.2.1", Dialect: "td", Took: 1500 * time.Microsecond, Denied: denied})
	}
	lines := func(want int) []gateway.DepotAPICall {
		t.Helper()
		var list []gateway.DepotAPICall
		for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(time.Millisecond) {
			var err error
			if list, err = g.CallLog(f.Operator(), time.Time{}, 0, 10_000); err != nil {
				t.Fatal(err)
			}
			if len(list) == want || time.Now().After(deadline) {
				return list
			}
		}
	}
	log("one", false)
	list := lines(1)
	if len(list) != 1 || list[0].Command != "one" || list[0].Took != 1500*time.Microsecond || list[0].Primary != -30002 || list[0].ID == 0 {
		t.Fatalf("%+v", list)
	}
	f.Clock.Advance(25 * time.Hour)
	log("two", false)
	for deadline := time.Now().Add(2 * time.Minute); lines(1)[0].Command != "two"; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("a day later: %+v", lines(1))
		}
	}
	f.Clock.Advance(time.Minute)
	for i := range 5000 {
		log(fmt.Sprint(i), false)
	}
	if list := lines(5001); len(list) != 5001 {
		t.Errorf("%d lines", len(list))
	}
	first := lines(5001)[0]
	behind, err := g.CallLog(f.Operator(), first.Time, first.ID, 3)
	if err != nil || len(behind) != 3 || behind[0].Command == "two" {
		t.Errorf("behind the first: %+v, %v", behind, err)
	}
}

func TestStrangersCannotFillTheCallLog(t *testing.T) {
	f := gatewaytest.NewWith(t, gatewaytest.Options{Config: gateway.Config{DepotLogFlush: time.Hour}})
	for range 1000 {
		f.Gateway.Depots.LogCall(gateway.DepotAPICall{Time: f.Clock.Now(), Denied: true})
	}
	if err := f.Gateway.Close(); err != nil {
		t.Fatal(err)
	}
	list, err := f.Gateway.Depots.CallLog(f.Operator(), time.Time{}, 0, 10_000)
	if err != nil || len(list) != 100 {
		t.Errorf("%d lines of strangers, %v", len(list), err)
	}
}

func TestDefaultDepotThatWaitsForAnOwnerIsNotGivenAway(t *testing.T) {
	f := gatewaytest.New(t)
	if _, err := f.Gateway.Accounts.Create(f.Ctx("admin"), "press", gateway.AccountChange{}); err != nil {
		t.Fatal(err)
	}
	for id := uint64(1); id < 20; id++ {
		if err := f.Gateway.Depots.Assign(f.Operator(), "stranger", id, test); err == nil {
			t.Errorf("depot %d was given to a stranger", id)
		}
	}
	isSound(t, f)
}

// The parts of a large object may lie in another depot than the object: it is
// that one's traffic.
func TestTrafficLimitOfTheDepotOfPartsStopsLargeObjects(t *testing.T) {
	f := gatewaytest.NewWith(t, gatewaytest.Options{Config: gateway.Config{EnforceTraffic: true, TrafficFlush: time.Hour}})
	d := makeDepot(t, f)
	if _, err := f.Gateway.Depots.CreateSpace(f.Operator(), "tester", d.ID, "parts", test); err != nil {
		t.Fatal(err)
	}
	ctx := f.Ctx("tester")
	in := func(container, object string) gateway.Ref {
		return gateway.Ref{Account: "test", Container: container, Object: object}
	}
	if _, err := f.Gateway.Containers.Create(ctx, in("whole", ""), gateway.ContainerChange{}); err != nil {
		t.Fatal(err)
	}
	if err := put(ctx, f, in("parts", "p"), strings.Repeat("x", 600)); err != nil {
		t.Fatal(err)
	}
	_, err := f.Gateway.Objects.Put(ctx, in("whole", "dynamic"), strings.NewReader(""),
		gateway.PutOptions{Headers: gateway.Properties{"x-object-manifest": "parts/p"}})
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.Gateway.Objects.PutManifest(ctx, in("whole", "static"), []gateway.Segment{{Container: "parts", Object: "p", Size: -1}}, gateway.PutOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := read(ctx, f, in("whole", "dynamic")); err != nil { // 1,200 bytes: the limit is 1,000
		t.Fatal(err)
	}
	for _, name := range []string{"dynamic", "static"} {
		if err := read(ctx, f, in("whole", name)); errs.ReasonOf(err) != errs.TrafficUsed {
			t.Errorf("%s: %v", name, err)
		}
	}
}
