package store

import (
	"reflect"
	"slices"
	"testing"

	"entrepot/store/kv"
)

func TestRecordsOfReplicationComeBack(t *testing.T) {
	p := Pending{Source: 7, Store: 2, Name: "a/b", At: 5, Attempts: 3, Next: 9, Reason: "why", From: "c", To: "d"}
	if got, err := decodePending(pendingRow(7, 2, "a/b"), p.encode()); err != nil || !reflect.DeepEqual(got, p) {
		t.Errorf("%+v, %v", got, err)
	}
	r := Replica{
		Source: 7, Store: 15, Container: 9, Account: "a", Name: "n", Comparing: true, Marker: "m", Compared: 1, Adopt: true,
		Gone: 2, Attempts: 3, Next: 4, Reason: "why", Holder: 5, Lease: 6,
	}
	if got, err := decodeReplica(replicaKey(7, 15).Row, r.encode()); err != nil || !reflect.DeepEqual(got, r) {
		t.Errorf("%+v, %v", got, err)
	}
	for _, c := range []Container{
		{ID: 3}, {ID: 3, Replicas: []uint8{2, 3}}, {ID: 3, ReplicasSet: true}, {ID: 3, Replicas: []uint8{2}, ReplicasSet: true}, {ID: 3, ReplicaOf: 8},
	} {
		got, err := decodeContainer(3, c.encode())
		if err != nil || !slices.Equal(got.Replicas, c.Replicas) || got.ReplicasSet != c.ReplicasSet || got.ReplicaOf != c.ReplicaOf {
			t.Errorf("%+v came back as %+v, %v", c, got, err)
		}
	}
	o := Object{Name: "x", Written: 5, Timestamp: 5, Origin: Origin{Container: 4, Timestamp: 3}}
	if got, err := decodeObject("x", o.encode()); err != nil || got.Origin != o.Origin {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestLocksOfReplicationAreThoseOfTheSource(t *testing.T) {
	held := func(l ...Guard) []kv.Lock { return l }
	name := held(LockContainer(1, true), LockObject(1, "d"))
	for _, c := range []struct {
		held []kv.Lock
		row  kv.Key
		want bool
	}{
		{name, pendingKey(1, 2, "d"), true}, {name, pendingKey(1, 2, "d/"), true}, {name, pendingKey(1, 2, "e"), false},
		{name, pendingKey(2, 2, "d"), false}, {name, pendingKey(1, 2, ""), false}, {name, replicaKey(1, 2), false},
		{held(LockContainer(1, false)), pendingKey(1, 2, ""), true}, {held(LockContainer(1, false)), pendingKey(1, 2, "x"), true},
		{held(LockContainer(1, false)), replicaKey(1, 2), true}, {held(LockContainer(2, false)), replicaKey(1, 2), false},
		{held(LockContainer(1, true), LockReplica(1, 2)), replicaKey(1, 2), true},
		{held(LockContainer(1, true), LockReplica(1, 3)), replicaKey(1, 2), false},
		{held(LockDepot(5, false)), pendingKey(1, 2, ""), true}, {held(LockDepot(5, true)), pendingKey(1, 2, ""), false},
	} {
		if got := Covers(c.held, c.row); got != c.want {
			t.Errorf("%+v covers %+v: %v", c.held, c.row, got)
		}
	}
}

func FuzzDecodeReplication(f *testing.F) {
	f.Add(pendingRow(1, 2, "a"), (&Pending{At: 1, Reason: "r", From: "b", To: "c"}).encode())
	f.Add(replicaKey(1, 2).Row, (&Replica{Container: 3, Marker: "m"}).encode())
	f.Add([]byte{}, []byte{1})
	f.Fuzz(func(t *testing.T, row, value []byte) {
		if p, err := decodePending(row, value); err == nil {
			again, err := decodePending(pendingRow(p.Source, p.Store, p.Name), p.encode())
			if err != nil || !reflect.DeepEqual(again, p) {
				t.Errorf("%+v came back as %+v, %v", p, again, err)
			}
		}
		if r, err := decodeReplica(row, value); err == nil {
			again, err := decodeReplica(replicaKey(r.Source, r.Store).Row, r.encode())
			if err != nil || !reflect.DeepEqual(again, r) {
				t.Errorf("%+v came back as %+v, %v", r, again, err)
			}
		}
	})
}
