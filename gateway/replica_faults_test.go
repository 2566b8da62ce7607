package gateway_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"entrepot/gateway"
	"entrepot/gateway/errs"
	"entrepot/gateway/gatewaytest"
	"entrepot/store/blob"
	"entrepot/store/blob/memblob"
	"entrepot/store/kv"
)

// faulty is an engine of which one transaction fails, before it is carried out
// or after, when nobody learns that it was.
type faulty struct {
	kv.Engine
	left  atomic.Int64 // so many transactions succeed before
	after atomic.Bool  // and the next fails when it is carried out
}

var errPlanned = errors.New("planned fault")

func (f *faulty) Update(ctx context.Context, locks []kv.Lock, fn func(kv.Tx) error) error {
	if f.left.Add(-1) != -1 {
		return f.Engine.Update(ctx, locks, fn)
	}
	if !f.after.Load() {
		return errPlanned
	}
	if err := f.Engine.Update(ctx, locks, fn); err != nil {
		return err
	}
	return fmt.Errorf("%w: %w", kv.ErrUnknown, errPlanned)
}

// lost tells whether the fault has happened.
func (f *faulty) lost() bool { return f.left.Load() < 0 }

func (r *replicated) fill() {
	r.put("a", "x", gateway.PutOptions{})
	r.put("b", strings.Repeat("0123456789", 100), gateway.PutOptions{Properties: gateway.Properties{"k": "v"}})
	r.put("c/d", "", gateway.PutOptions{})
}

// later lets so much time pass that everything that failed is tried again.
func (r *replicated) later() {
	r.t.Helper()
	for range 4 {
		r.Clock.Advance(2 * time.Hour)
		r.drain()
	}
}

// Whichever transaction of replication is cut off, what follows brings both
// sides in step.
func TestReplicationGoesOnWhereItWasCutOff(t *testing.T) {
	for _, after := range []bool{false, true} {
		for n, more := int64(0), true; more && n < 200; n++ {
			t.Run(fmt.Sprintf("transaction %d, carried out %v", n, after), func(t *testing.T) {
				engine := &faulty{Engine: gatewaytest.Adversary(t)}
				engine.after.Store(after)
				engine.left.Store(1 << 40)
				r := newReplicatedOn(t, engine, nil, nil)
				r.fill()
				r.set(2)
				engine.left.Store(n)
				_ = r.Gateway.Replication.Drain(t.Context()) // it may fail
				more = engine.lost()
				engine.left.Store(1 << 40)
				r.later()
				r.put("a", "y", gateway.PutOptions{})
				at := r.ref
				at.Object = "b"
				if err := r.Gateway.Objects.Delete(r.Ctx("tester"), at, nil); err != nil {
					t.Fatal(err)
				}
				engine.left.Store(n)
				_ = r.Gateway.Replication.Drain(t.Context())
				more = more || engine.lost()
				engine.left.Store(1 << 40)
				r.later()
				r.wantInStep()
				r.wantSound()
			})
		}
	}
}

// A store whose content engine fails holds up its own replicas only, and catches
// up by itself.
func TestStoreThatFailsHoldsUpItsReplicasOnly(t *testing.T) {
	var down atomic.Bool
	second := memblob.New(memblob.Options{Faults: func(op memblob.Op, _ blob.ID) error {
		if down.Load() && op == memblob.OpCreate {
			return errPlanned
		}
		return nil
	}})
	r := newReplicatedOn(t, nil, second, nil)
	r.set(2, 3)
	r.drain()
	down.Store(true)
	for i := range 12 {
		r.put(fmt.Sprintf("n%02d", i), strings.Repeat("0123456789", 100), gateway.PutOptions{})
	}
	r.drain()
	third := r.copy
	third.Account = "test.3"
	if got := len(r.contents(third)); got != 12 {
		t.Errorf("the third store has %d objects", got)
	}
	if got := len(r.contents(r.copy)); got != 0 {
		t.Errorf("the store that is down has %d objects", got)
	}
	list, err := r.Gateway.Replication.Status(r.Ctx("tester"), r.ref)
	if err != nil || len(list) != 2 || list[0].State != gateway.ReplicaHeld || list[0].Reason == "" || list[0].Pending != 12 || list[1].State != gateway.ReplicaCurrent {
		t.Errorf("%+v, %v", list, err)
	}
	down.Store(false)
	if err := r.Gateway.Replication.Retry(r.Ctx("tester"), r.ref); err != nil {
		t.Fatal(err)
	}
	r.drain()
	r.wantInStep()
	r.wantSound()
}

func TestReplicaWithoutRoomCatchesUpWhenThereIsSome(t *testing.T) {
	r := newReplicated(t, nil)
	r.put("a", strings.Repeat("x", 1000), gateway.PutOptions{})
	r.set(2)
	r.drain()
	limit := int64(1500)
	if err := r.Gateway.Accounts.Update(r.Ctx("admin"), "test.2", gateway.AccountChange{Quota: &limit}); err != nil {
		t.Fatal(err)
	}
	r.put("b", strings.Repeat("y", 1000), gateway.PutOptions{})
	r.put("c", "fits", gateway.PutOptions{})
	r.drain()
	if got := r.contents(r.copy); got["b"] != "" || got["c"] == "" {
		t.Errorf("without room: %v", got)
	}
	limit = -1
	if err := r.Gateway.Accounts.Update(r.Ctx("admin"), "test.2", gateway.AccountChange{Quota: &limit}); err != nil {
		t.Fatal(err)
	}
	r.later()
	r.wantInStep()
}

// Two gateways on one store do not get into each other's way.
func TestTwoReplicatorsWorkOnOneStore(t *testing.T) {
	r := newReplicated(t, nil)
	other, err := gateway.New(t.Context(), r.Store, gateway.Config{
		Stores: []gateway.StoreInfo{{ID: 1}, {ID: 2}, {ID: 3}}, Replication: gateway.ReplicationConfig{Pause: -1},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	r.set(2)
	done := make(chan error, 2)
	for _, g := range []*gateway.Gateway{r.Gateway, other} {
		go func() {
			var err error
			for i := 0; i < 30 && err == nil; i++ {
				err = g.Replication.Drain(t.Context())
			}
			done <- err
		}()
	}
	for i := range 100 {
		r.put(fmt.Sprintf("n%d", i%17), strings.Repeat("z", i), gateway.PutOptions{})
	}
	for range 2 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	r.later()
	if err := other.Replication.Drain(t.Context()); err != nil {
		t.Error(err)
	}
	r.wantInStep()
	r.wantSound()
}

// Whatever is done in the space, by the rules of whichever door, both sides
// agree afterwards.
func TestReplicaAgreesAfterRandomChanges(t *testing.T) {
	for seed := range uint64(12) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			r := newReplicated(t, nil)
			rnd := rand.New(rand.NewPCG(seed, 1))
			r.set(2)
			for i := range 150 {
				r.randomChange(rnd, i)
				switch rnd.IntN(12) {
				case 0:
					r.drain()
				case 1:
					r.Clock.Advance(time.Duration(rnd.IntN(100)) * time.Second)
				case 2:
					if err := r.Gateway.Replication.Compare(r.Ctx("tester"), r.ref); err != nil {
						t.Fatal(err)
					}
				}
			}
			r.drain()
			r.wantInStep()
			if list, err := r.Gateway.Replication.Status(r.Ctx("tester"), r.ref); err != nil || list[0].State != gateway.ReplicaCurrent {
				t.Errorf("%+v, %v", list, err)
			}
			r.wantSound()
		})
	}
}

// randomChange does something in the space, which may be refused.
func (r *replicated) randomChange(rnd *rand.Rand, i int) {
	r.t.Helper()
	ctx, g := r.Ctx("tester"), r.Gateway
	names := []string{"a", "b", "f/a", "f/b", "f/g/c", "h/x", "h", "f", "k"}
	at := func() gateway.Ref {
		ref := r.ref
		ref.Object = names[rnd.IntN(len(names))]
		return ref
	}
	body := strings.Repeat(fmt.Sprint(i, "."), rnd.IntN(80))
	opt := gateway.PutOptions{Size: int64(len(body)), Drive: rnd.IntN(3) == 0, Item: rnd.IntN(3) == 1}
	if rnd.IntN(2) == 0 {
		opt.Properties = gateway.Properties{"n": fmt.Sprint(i)}
	}
	if rnd.IntN(6) == 0 {
		opt.DeleteAt = r.Clock.Now().Add(time.Duration(1+rnd.IntN(300)) * time.Second)
	}
	var err error
	switch rnd.IntN(11) {
	case 0, 1, 2, 3:
		_, err = g.Objects.Put(ctx, at(), strings.NewReader(body), opt)
	case 4:
		_, err = g.Objects.SetMeta(ctx, at(), gateway.MetaChange{Properties: opt.Properties, ContentType: "text/x", DeleteAt: opt.DeleteAt})
	case 5:
		err = g.Objects.Delete(ctx, at(), nil)
	case 6:
		_, err = g.Trees.Move(ctx, at(), at(), gateway.TreeOptions{Overwrite: true})
	case 7:
		_, err = g.Trees.Copy(ctx, at(), at(), gateway.TreeOptions{Overwrite: true})
	case 8:
		err = g.Trees.Delete(ctx, at(), gateway.Conditions{})
	case 9:
		_, _, err = g.Objects.Copy(ctx, at(), at(), gateway.CopyOptions{})
	case 10:
		_, err = r.Store.Expire(ctx)
	}
	switch kind := errs.Of(err); kind {
	case errs.Other, errs.Unavailable, errs.OverQuota:
		if err != nil {
			r.t.Fatalf("change %d: %v", i, err)
		}
	}
}
