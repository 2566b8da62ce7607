package gateway_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"entrepot/gateway"
	"entrepot/gateway/errs"
	"entrepot/gateway/gatewaytest"
	"entrepot/store/kv"
	"entrepot/store/kv/kvtest/chance"
)

// others is an engine whose transactions with fewer than two locks are not the
// faulty one's: those that remove content in the background.
type others struct{ *faulty }

func (o others) Update(ctx context.Context, locks []kv.Lock, fn func(kv.Tx) error) error {
	if len(locks) < 2 {
		return o.Engine.Update(ctx, locks, fn)
	}
	return o.faulty.Update(ctx, locks, fn)
}

// wanderer changes a replicated space at random, and has what it did carried
// over now and then, of which a transaction may fail.
type wanderer struct {
	*replicated
	engine *faulty
	rng    *rand.Rand
	did    []string
}

// one of a list.
func (w *wanderer) pick(list ...string) string { return list[w.rng.IntN(len(list))] }

func (w *wanderer) file() string { return w.folder() + w.pick("/x", "/y", "/z") }

func (w *wanderer) folder() string { return w.pick("d", "d/e", "f", "g") }

// place is a file or, more often, a folder.
func (w *wanderer) place() string { return w.pick(w.file(), w.folder(), w.folder()) }

func (w *wanderer) body() string {
	return w.pick("", "short", "one "+long, "two "+long, "three "+long, "four "+long)
}

// tell notes what was done; refusals are as good.
func (w *wanderer) tell(what string, err error) {
	w.t.Helper()
	w.did = append(w.did, fmt.Sprintf("%s: %v", what, err))
	if k := errs.Of(err); err != nil && (k == errs.Other || k == errs.Canceled) {
		w.t.Errorf("%s: %v", what, err)
	}
}

// step does one thing.
func (w *wanderer) step() {
	ctx, g := w.Ctx("tester"), w.Gateway
	switch n := w.rng.IntN(100); {
	case n < 34:
		name, body := w.file(), w.body()
		opt := gateway.PutOptions{Size: int64(len(body)), Drive: w.rng.IntN(4) == 0}
		if w.rng.IntN(6) == 0 {
			opt.DeleteAt = w.Clock.Now().Add(3 * time.Second)
		}
		_, err := g.Objects.Put(ctx, w.at(name), strings.NewReader(body), opt)
		w.tell("put "+name, err)
	case n < 38:
		name := w.file()
		w.upload("up", "piece", "one "+long, w.body())
		_, err := g.Trees.Move(ctx, w.at("up"), w.at(name), gateway.TreeOptions{Overwrite: true})
		w.tell("put in pieces "+name, err)
	case n < 66:
		do, what := g.Trees.Move, "move "
		if w.rng.IntN(4) == 0 {
			do, what = g.Trees.Copy, "copy "
		}
		from, to := w.folder(), w.folder()
		if w.rng.IntN(3) == 0 {
			from, to = w.file(), w.file()
		}
		_, err := do(ctx, w.at(from), w.at(to), gateway.TreeOptions{Overwrite: w.rng.IntN(4) != 0})
		w.tell(what+from+" to "+to, err)
	case n < 72:
		from, to := w.file(), w.file()
		_, _, err := g.Objects.Copy(ctx, w.at(from), w.at(to), gateway.CopyOptions{})
		w.tell("copy object "+from+" to "+to, err)
	case n < 80:
		name := w.place()
		w.tell("delete "+name, g.Trees.Delete(ctx, w.at(name), gateway.Conditions{}))
	case n < 84:
		name := w.file()
		_, err := g.Objects.SetMeta(ctx, w.at(name), gateway.MetaChange{Properties: gateway.Properties{"n": fmt.Sprint(n)}})
		w.tell("meta "+name, err)
	case n < 87:
		w.settings()
	case n < 90:
		w.Clock.Advance(2 * time.Second)
		_, err := w.Store.Expire(w.t.Context())
		w.tell("expire", err)
	default:
		w.carry()
	}
	w.Clock.Advance(time.Millisecond)
}

// settings changes what is kept of replaced files, on both sides, and for a
// moment into which stores the space is replicated.
func (w *wanderer) settings() {
	ctx, g := w.Ctx("tester"), w.Gateway
	at, on := w.ref, w.rng.IntN(2) == 0
	switch w.rng.IntN(7) {
	case 0:
		w.tell("versions", g.Containers.Update(ctx, at, gateway.ContainerChange{Versioned: &on}))
	case 1:
		w.tell("snapshot", g.Snapshots.Create(ctx, at, "s"))
	case 2:
		w.tell("destroy", g.Snapshots.Destroy(ctx, at, "s"))
	case 3:
		w.tell("snapshot of the replica", g.Snapshots.Create(w.Ctx("admin"), w.copy, "s"))
	case 4:
		w.tell("unset", g.Replication.Set(ctx, at, gateway.ReplicationSetting{}))
		if w.rng.IntN(2) == 0 {
			w.carry()
		}
		w.tell("set", g.Replication.Set(ctx, at, gateway.ReplicationSetting{Stores: []int{2}, Adopt: true}))
	case 5:
		at.Container = w.pick("space", "other")
		_, err := g.Trees.Move(ctx, w.ref, at, gateway.TreeOptions{})
		if w.tell("rename to "+at.Container, err); err == nil {
			w.ref, w.copy.Container = at, at.Container
		}
	case 6:
		w.tell("destroy", g.Snapshots.Destroy(ctx, at, "s"))
		w.tell("remove the space", g.Spaces.Delete(ctx, at))
		_, err := g.Spaces.Create(ctx, at)
		w.tell("make it again", err)
		w.tell("set", g.Replication.Set(ctx, at, gateway.ReplicationSetting{Stores: []int{2}, Adopt: true}))
	}
}

// carry has changes carried over; sometimes a transaction of it fails.
func (w *wanderer) carry() {
	fails := int64(1 << 40)
	if w.rng.IntN(2) == 0 {
		fails = w.rng.Int64N(12)
		w.engine.after.Store(w.rng.IntN(2) == 0)
	}
	w.engine.left.Store(fails)
	err := w.Gateway.Replication.Drain(w.t.Context())
	w.engine.left.Store(1 << 40)
	w.did = append(w.did, fmt.Sprintf("carry, %d: %v", fails, err))
	if err != nil && !errors.Is(err, errPlanned) {
		w.t.Errorf("carrying: %v", err)
	}
}

// Whatever is renamed, copied, replaced and removed, and whenever that is carried
// over or cut off: in the end the replica is what its source is.
func TestRandomChangesArriveInTheReplica(t *testing.T) {
	for i := range wanderings {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			engine := &faulty{Engine: gatewaytest.Adversary(t)}
			engine.left.Store(1 << 40)
			w := &wanderer{replicated: newReplicatedOn(t, others{engine}, nil, nil), engine: engine, rng: chance.Rand(t, uint64(i))}
			w.set(2)
			for range 60 {
				w.step()
			}
			w.later()
			w.wantInStep()
			w.wantSound()
			if t.Failed() {
				t.Log(strings.Join(w.did, "\n"))
			}
		})
	}
}

// wanderings are how many sequences are tried.
const wanderings = 40
