package gateway_test

import (
	"testing"

	"entrepot/gateway"
)

// Spaces that exchange their names before that is carried over wait for each
// other: their replicas do so, too.
func TestReplicasOfSpacesThatExchangedTheirNamesDoSoToo(t *testing.T) {
	r := newReplicated(t, nil)
	ctx := r.Ctx("tester")
	at := func(name string) gateway.Ref { return gateway.Ref{Account: "test", Container: name} }
	rename := func(from, to string) {
		_, err := r.Gateway.Trees.Move(ctx, at(from), at(to), gateway.TreeOptions{})
		r.must(err)
	}
	names := []string{"one", "two", "three"}
	for _, name := range names {
		r.ref = at(name)
		_, err := r.Gateway.Containers.Create(ctx, r.ref, gateway.ContainerChange{})
		r.must(err)
		r.put("was "+name, long, gateway.PutOptions{})
		r.set(2)
	}
	r.drain()
	rename("one", "aside")
	rename("two", "one")
	rename("three", "two")
	rename("aside", "three")
	r.later()
	for _, name := range names {
		r.ref = at(name)
		r.copy = gateway.Ref{Account: "test.2", Container: name}
		r.wantInStep()
		if len(r.contents(r.copy)) != 1 {
			t.Errorf("the replica %q is empty", name)
		}
	}
	if got := r.spaces("test.2"); len(got) != len(names) {
		t.Errorf("the store has %v", got)
	}
	r.wantSound()
}
