package gateway_test

import (
	"testing"
	"time"

	"entrepot/store"
)

func TestUsageIsSampledOnceADay(t *testing.T) {
	w := newWorld(t)
	w.put("a", long)
	ctx := t.Context()
	w.must(w.Store.SampleUsage(ctx)) // the start took today's already, or takes it now
	for range 3 {
		w.Clock.Advance(24 * time.Hour)
		w.must(w.Store.SampleUsage(ctx))
		w.put("b", "x") // later on the same day: not in its sample
		w.must(w.Store.SampleUsage(ctx))
	}
	c, err := w.g.Containers.Get(w.ctx, ref("c", ""))
	w.must(err)
	var mine, all []store.Sample
	from, to := w.Clock.Now().Add(-2*24*time.Hour), w.Clock.Now()
	w.must(w.Store.View(ctx, func(v *store.View) error {
		if mine, err = v.ContainerSamples(c.ID, from, to); err != nil {
			return err
		}
		_, err = v.Usage("test", from, to, nil, func(m *store.MonthUsage) {
			if m.Container == c.ID && m.Name == "c" {
				all = append(all, m.Days...)
			}
		})
		return err
	}))
	all = all[max(len(all)-3, 0):] // the first is the start's, if any
	if len(mine) != 3 || len(all) != 3 {
		t.Fatalf("%d and %d samples", len(mine), len(all))
	}
	for i, want := range []int64{1, 2, 2} {
		if mine[i].Objects != want || all[i].Objects != want || mine[i].Bytes != int64(len(long))+want-1 {
			t.Errorf("day %d: %+v, %+v", i, mine[i], all[i])
		}
		if mine[i].Day.Hour() != 0 || i > 0 && mine[i].Day.Sub(mine[i-1].Day) != 24*time.Hour {
			t.Errorf("day %v", mine[i].Day)
		}
	}
}
