package gateway_test

import (
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"

	"entrepot/gateway"
	"entrepot/gateway/errs"
	"entrepot/store"
)

// Copies and moves that make containers, and clones of snapshots, are made by
// reference and at once. Several of them must not find the same room.
func TestQuotaBindsCopiesThatAreMadeSideBySide(t *testing.T) {
	for name, limit := range map[string]func(w *world, depot uint64){
		"depot": func(w *world, depot uint64) { w.limited(depot, copiesLimit) },
		"account": func(w *world, _ uint64) {
			w.must(w.g.Accounts.SetProperties(w.Ctx("admin"), "test", gateway.Properties{"quota-bytes": strconv.Itoa(copiesLimit)}))
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			c, err := w.g.Containers.Get(w.ctx, ref("c", ""))
			w.must(err)
			for n := range 8 { // sources of their own: a copy locks its source
				from := ref(fmt.Sprint("from-", n), "a")
				w.container(from.Container)
				_, err := w.g.Objects.Put(w.ctx, from, strings.NewReader(strings.Repeat("x", 400)), gateway.PutOptions{Size: 400})
				w.must(err)
				w.must(w.g.Snapshots.Create(w.ctx, ref(from.Container, ""), "one"))
			}
			limit(w, c.Depot)
			for round := range 6 {
				w.besides(round)
			}
		})
	}
}

// copiesLimit is what eight files of 400 bytes take, and room for one more.
const copiesLimit = 8*400 + 600

// besides makes eight copies of 400 bytes at once where there is room for one,
// and removes them.
func (w *world) besides(round int) {
	w.t.Helper()
	var all sync.WaitGroup
	var mu sync.Mutex
	made := 0
	for n := range 8 {
		all.Go(func() {
			from, to := ref(fmt.Sprint("from-", n), ""), ref(fmt.Sprintf("to-%d-%d", round, n), "")
			var err error
			if n%2 == 0 {
				err = w.g.Snapshots.Clone(w.ctx, from, "one", to)
			} else {
				_, err = w.g.Trees.Copy(w.ctx, from, to, gateway.TreeOptions{})
			}
			switch errs.Of(err) {
			case errs.OverQuota:
			case 0:
				mu.Lock()
				defer mu.Unlock()
				made++
			default:
				w.t.Errorf("copy %d: %v", n, err)
			}
		})
	}
	all.Wait()
	if made != 1 {
		w.t.Errorf("%d copies of 400 bytes fit into 600", made)
	}
	for n := range 8 {
		_ = w.g.Trees.Delete(w.ctx, ref(fmt.Sprintf("to-%d-%d", round, n), ""), gateway.Conditions{}) // most were never made
	}
}

// A copy that is large goes alone, however much room there is.
func TestQuotaBindsLargeCopiesThatAreMadeSideBySide(t *testing.T) {
	const size = 65 << 20
	w := newWorld(t)
	c, err := w.g.Containers.Get(w.ctx, ref("c", ""))
	w.must(err)
	_, err = w.g.Objects.Put(w.ctx, ref("c", "a"), strings.NewReader(strings.Repeat("x", size)), gateway.PutOptions{Size: size})
	w.must(err)
	for n := range 8 { // sources of their own: a copy locks its source
		_, err := w.g.Trees.Copy(w.ctx, ref("c", "a"), ref("c", fmt.Sprint("source-", n)), gateway.TreeOptions{})
		w.must(err)
	}
	const limit = (1+8+2)*size + 64<<20 // room for two, and as much as makes a writer careful
	w.limited(c.Depot, limit)
	var all sync.WaitGroup
	for n := range 8 {
		all.Go(func() {
			_, err := w.g.Trees.Copy(w.ctx, ref("c", fmt.Sprint("source-", n)), ref("c", fmt.Sprint("copy-", n)), gateway.TreeOptions{})
			if err != nil && errs.Of(err) != errs.OverQuota {
				w.t.Errorf("copy %d: %v", n, err)
			}
		})
	}
	all.Wait()
	w.must(w.Store.View(w.ctx, func(v *store.View) error {
		var used int64
		b := v.Batch()
		b.Count(store.CountDepotBytes, c.Depot, &used)
		if err := b.Do(); err != nil || used > limit {
			t.Errorf("the depot holds %d MiB (%v) of %d", used>>20, err, limit>>20)
		}
		return nil
	}))
}
