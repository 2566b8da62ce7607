package gateway_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"entrepot/gateway"
	"entrepot/gateway/gatewaytest"
	"entrepot/store/kv"
)

// between is an engine before one of whose transactions something else is done.
// Those with fewer than two locks do not count: they remove content in the
// background.
type between struct {
	kv.Engine
	left atomic.Int64 // so many such transactions come before
	do   func()
}

func (b *between) Update(ctx context.Context, locks []kv.Lock, fn func(kv.Tx) error) error {
	if len(locks) > 1 && b.left.Add(-1) == -1 {
		b.do()
	}
	return b.Engine.Update(ctx, locks, fn)
}

// A file that is gone is made again, carried over by another gateway and removed
// again, between any two steps of one that found it gone: the replica loses it,
// too.
func TestFileThatComesAndGoesBetweenTwoStepsGoesFromTheReplica(t *testing.T) {
	for n, more := int64(0), true; more && n < 50; n++ {
		t.Run(fmt.Sprint("transaction ", n), func(t *testing.T) {
			engine := &between{Engine: gatewaytest.Adversary(t)}
			engine.left.Store(1 << 40)
			r := newReplicatedOn(t, engine, nil, nil)
			other, err := gateway.New(t.Context(), r.Store, gateway.Config{
				Stores: []gateway.StoreInfo{{ID: 1}, {ID: 2}, {ID: 3}}, Replication: gateway.ReplicationConfig{Pause: -1},
			})
			r.must(err)
			defer other.Close()
			comeAndGo := func(carried func()) {
				r.put("a", long, gateway.PutOptions{})
				carried()
				r.must(r.Gateway.Objects.Delete(r.Ctx("tester"), r.at("a"), nil))
			}
			r.set(2)
			r.drain()
			comeAndGo(func() {})
			engine.do = func() {
				r.Clock.Advance(2 * time.Minute) // the first has been slow
				comeAndGo(func() { r.must(other.Replication.Drain(t.Context())) })
			}
			engine.left.Store(n)
			r.drain()
			more = engine.left.Load() < 0
			engine.left.Store(1 << 40)
			r.later()
			r.wantInStep()
			r.wantSound()
		})
	}
}
