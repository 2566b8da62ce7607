package store

import (
	"testing"

	"entrepot/store/kv"
)

func TestWritersOfAnObjectLockItsAncestorsShared(t *testing.T) {
	locks := LocksOfWrite(7, "a/b/c", true)
	want := map[string]bool{"": true, "a/b/c": false, "a": true, "a/b": false} // name → shared
	if len(locks) != len(want) {
		t.Fatalf("%d locks", len(locks))
	}
	for _, l := range locks {
		name := ""
		if l.Key.Table == tableObjects {
			name = string(l.Key.Row[8:])
		}
		if shared, ok := want[name]; !ok || shared != l.Shared {
			t.Errorf("%q shared %v", name, l.Shared)
		}
	}
}

func TestDeepNamesLockTheContainer(t *testing.T) {
	name := ""
	for range 40 {
		name += "x/"
	}
	locks := LocksOfWrite(7, name+"f", false)
	if len(locks) != 1 || locks[0].Shared || locks[0].Key.Table != tableContainers {
		t.Errorf("%+v", locks)
	}
}

func TestCoversFollowsTheTableOfLocks(t *testing.T) {
	held := func(l ...Guard) []kv.Lock { return l }
	object := held(LockContainer(1, true), LockObject(1, "d"))
	for _, c := range []struct {
		held []kv.Lock
		row  kv.Key
		want bool
	}{
		{object, objectKey(1, "d"), true}, {object, objectKey(1, "d/"), true}, {object, objectKey(1, "d/x"), false},
		{object, objectKey(2, "d"), false}, {object, containerKey(1), false},
		{object, key(tablePastProps, pastPropRow(propKey(1, "d", "ns", "p", 0).Row, 3)), true},
		{object, key(tablePastProps, pastPropRow(propKey(1, "e", "ns", "p", 0).Row, 3)), false},
		{object, propKey(1, "d", "ns", "p", 0), true}, {object, propKey(1, "e", "ns", "p", 0), false},
		{held(LockContainer(1, false)), objectKey(1, "any"), true}, {held(LockContainer(1, false)), objectKey(2, "any"), false},
		{held(LockDepot(5, false)), depotKey(5), true}, {held(LockDepot(5, true)), depotKey(5), false},
		{held(LockName("a", "c")), nameKey("a", "c"), true}, {held(LockName("a", "c")), nameKey("a", "d"), false},
		{held(Guard{Key: metaKey(metaFormat)}), propKey(1, "d", "ns", "p", 0), true},
		{held(Guard{Key: metaKey(metaFormat), Shared: true}), propKey(1, "d", "ns", "p", 0), false},
		{nil, accountKey("a"), false}, {nil, contentKey([16]byte{1}), true},
	} {
		if got := Covers(c.held, c.row); got != c.want {
			t.Errorf("%+v covers %+v: %v", c.held, c.row, got)
		}
	}
}

func TestMergedGuardsKeepTheStrongest(t *testing.T) {
	got := mergeGuards([]Guard{LockContainer(1, true), LockObject(1, "x"), LockContainer(1, false), LockDepot(1, true), LockDepot(1, true)})
	if len(got) != 3 || got[0].Shared || got[1].Shared || !got[2].Shared {
		t.Errorf("%+v", got)
	}
}
