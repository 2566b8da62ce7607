package gateway_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"entrepot/gateway"
	"entrepot/gateway/gatewaytest"
	"entrepot/store"
	"entrepot/store/blob/memblob"
)

// Gateways that share an engine remove the same things side by side and hold no
// lease: every step of a removal looks again, under the lock of what it
// removes, so that what two do is done once.
func TestGatewaysOnOneEngineRemoveSideBySide(t *testing.T) {
	engine, blobs := gatewaytest.Adversary(t), memblob.New(memblob.Options{})
	f := gatewaytest.NewWith(t, gatewaytest.Options{Engine: engine, Blobs: blobs})
	second, err := store.Open(t.Context(), engine, blobs, store.Options{Now: f.Clock.Now, InlineLimit: 64})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := second.Close(); err != nil {
			t.Error(err)
		}
	})
	w := &world{Fixture: f, t: t, g: f.Gateway, ctx: f.Ctx("tester")}
	for round := range 4 {
		w.clutter(round)
		f.Clock.Advance(time.Hour)
		var all sync.WaitGroup
		for _, s := range []*store.Store{f.Store, second} {
			all.Go(func() { s.Drain(t.Context()) })
			all.Go(func() {
				if _, err := s.Expire(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		f.Store.Drain(t.Context())
		second.Drain(t.Context())
		r, err := f.Store.Check(t.Context(), store.CheckOptions{Content: true, Found: func(f store.Finding) { t.Errorf("%+v", f) }})
		if err != nil || r.Findings > 0 {
			t.Errorf("%+v, %v", r, err)
		}
		if n, err := f.Store.ContentCount(t.Context()); err != nil || n != 0 {
			t.Errorf("round %d: %d contents are left of nothing (%v)", round, n, err)
		}
	}
	a, err := w.g.Accounts.Get(w.ctx, "test")
	if err != nil || a.Containers != 1 || a.Objects != 0 || a.Bytes != 0 {
		t.Errorf("an empty account counts %d containers, %d objects, %d bytes (%v)", a.Containers, a.Objects, a.Bytes, err)
	}
}

// clutter makes two containers whose objects, copies, versions and snapshots
// share content, removes them, and leaves a third with objects that expire.
func (w *world) clutter(round int) {
	w.t.Helper()
	old, new, brief := fmt.Sprint("old-", round), fmt.Sprint("new-", round), "brief"
	on := true
	w.container(old)
	w.must(w.g.Containers.Update(w.ctx, ref(old, ""), gateway.ContainerChange{Versioned: &on}))
	if round == 0 {
		w.container(brief)
	}
	for n := range 12 {
		name, size := fmt.Sprint("o", n%5), 20+n*20 // inline, and in blobs of their own
		body := strings.Repeat(fmt.Sprint(n%10), size)
		_, err := w.g.Objects.Put(w.ctx, ref(old, name), strings.NewReader(body), gateway.PutOptions{Size: int64(size)})
		w.must(err)
		_, err = w.g.Objects.Put(w.ctx, ref(brief, name), strings.NewReader(body), gateway.PutOptions{
			Size: int64(size), DeleteAt: w.Clock.Now().Add(time.Minute),
		})
		w.must(err)
		if n == 6 {
			w.must(w.g.Snapshots.Create(w.ctx, ref(old, ""), "s"))
		}
	}
	w.must(w.g.Snapshots.Clone(w.ctx, ref(old, ""), "s", ref(new, "")))
	spaces, err := w.g.Depots.Spaces(w.Operator(), "tester", 0)
	w.must(err)
	for _, name := range []string{old, new} {
		for _, s := range spaces {
			if s.Name == name {
				w.must(w.g.Depots.DeleteSpaces(w.Operator(), "tester", s.Depot, []uint64{s.ID}, gateway.DepotCall{Command: "delete"}))
			}
		}
	}
}
