package gateway_test

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"math/big"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"entrepot/auth"
	"entrepot/gateway"
	"entrepot/gateway/gatewaytest"
	"entrepot/store"
	"entrepot/store/blob/memblob"
	"entrepot/store/kv/boltkv"
	"entrepot/store/kv/kvtest/chance"
)

// seen is what the naive model of reports notes of a space on one day.
type seen struct {
	day   time.Time
	space string
	items int64
	bytes int64
}

// naiveReport sums the averages of the spaces in each group, with fractions.
func naiveReport(all []seen, from, to time.Time, group func(time.Time) string) []gateway.Usage {
	type sums struct {
		items, bytes *big.Rat
		n            int64
	}
	groups, first := map[string]map[string]*sums{}, map[string]time.Time{}
	for _, s := range all {
		if s.day.Before(from) || s.day.After(to) {
			continue
		}
		g := group(s.day)
		if groups[g] == nil {
			groups[g], first[g] = map[string]*sums{}, s.day
		}
		if groups[g][s.space] == nil {
			groups[g][s.space] = &sums{items: new(big.Rat), bytes: new(big.Rat)}
		}
		x := groups[g][s.space]
		x.items.Add(x.items, big.NewRat(s.items, 1))
		x.bytes.Add(x.bytes, big.NewRat(s.bytes, 1))
		x.n++
	}
	var out []gateway.Usage
	for g, spaces := range groups {
		items, bytes := new(big.Rat), new(big.Rat)
		for _, x := range spaces {
			items.Add(items, x.items.Quo(x.items, big.NewRat(x.n, 1)))
			bytes.Add(bytes, x.bytes.Quo(x.bytes, big.NewRat(x.n, 1)))
		}
		cut := func(r *big.Rat) int64 { return new(big.Int).Quo(r.Num(), r.Denom()).Int64() }
		out = append(out, gateway.Usage{Day: first[g], Items: cut(items), Bytes: cut(bytes)})
	}
	slices.SortFunc(out, func(a, b gateway.Usage) int { return a.Day.Compare(b.Day) })
	return out
}

// groupings of days as a person would do them, day by day.
func naiveGroups() map[gateway.Grouping]func(time.Time) string {
	return map[gateway.Grouping]func(time.Time) string{
		gateway.ByDay:   func(d time.Time) string { return d.Format(time.DateOnly) },
		gateway.ByMonth: func(d time.Time) string { return d.Format("2006-01") },
		gateway.ByWeek: func(d time.Time) string {
			week := 0
			for at := time.Date(d.Year(), 1, 1, 0, 0, 0, 0, time.UTC); !at.After(d); at = at.AddDate(0, 0, 1) {
				if at.Weekday() == time.Monday {
					week++
				}
			}
			return fmt.Sprint(d.Year(), " ", week)
		},
	}
}

func TestReportsOfAStoreSumTheAveragesOfItsSpaces(t *testing.T) {
	chance.Check(t, func(rt *rapid.T) {
		f := gatewaytest.NewWith(t, gatewaytest.Plain())
		ctx := f.Ctx("tester")
		must := func(err error) {
			if err != nil {
				rt.Helper()
				rt.Fatal(err)
			}
		}
		must(f.Store.SampleUsage(ctx)) // of a day without spaces
		begin := f.Clock.Now()
		held := map[string]map[string]int64{} // space → item → bytes
		var all []seen
		for range rapid.IntRange(1, 75).Draw(rt, "days") {
			f.Clock.Advance(24 * time.Hour)
			must(f.Store.SampleUsage(ctx))
			day := f.Clock.Now().Truncate(24 * time.Hour)
			for space, items := range held {
				s := seen{day: day, space: space, items: int64(len(items))}
				for n := range maps.Values(items) {
					s.bytes += n
				}
				all = append(all, s)
			}
			for range rapid.IntRange(0, 2).Draw(rt, "changes") {
				space := rapid.SampledFrom([]string{"red", "green", "blue"}).Draw(rt, "space")
				ref := gateway.Ref{Account: "test", Container: space}
				switch {
				case held[space] == nil:
					_, err := f.Gateway.Spaces.Create(ctx, ref)
					must(err)
					held[space] = map[string]int64{}
				case rapid.IntRange(0, 3).Draw(rt, "what") == 0:
					must(f.Gateway.Spaces.Delete(ctx, ref))
					delete(held, space)
				default:
					ref.Object = rapid.SampledFrom([]string{"a", "b", "c"}).Draw(rt, "item")
					n := rapid.IntRange(0, 40).Draw(rt, "bytes")
					_, err := f.Gateway.Objects.Put(ctx, ref, strings.NewReader(strings.Repeat("x", n)), gateway.PutOptions{Item: true, Size: -1})
					must(err)
					held[space][ref.Object] = int64(n)
				}
			}
		}
		f.Store.Drain(ctx) // the rows of spaces that are gone
		from := begin.AddDate(0, 0, rapid.IntRange(-1, 80).Draw(rt, "from"))
		to := from.AddDate(0, 0, rapid.IntRange(0, 80).Draw(rt, "span"))
		for group, key := range naiveGroups() {
			got, err := f.Gateway.Spaces.ReportStore(ctx, "test", from, to, group)
			must(err)
			want := naiveReport(all, from.Truncate(24*time.Hour), to.Truncate(24*time.Hour), key)
			if !slices.Equal(got, want) {
				rt.Fatalf("by %s:\n%v, want\n%v", group, got, want)
			}
		}
		checkDay(rt, ctx, f, all, to.Truncate(24*time.Hour))
	})
}

// checkDay compares the report of one day, spaces that are gone included.
func checkDay(rt *rapid.T, ctx context.Context, f *gatewaytest.Fixture, all []seen, day time.Time) {
	var want []gateway.Usage
	for _, s := range all {
		if s.day.Equal(day) {
			want = append(want, gateway.Usage{Day: day, Space: s.space, Items: s.items, Bytes: s.bytes})
		}
	}
	slices.SortFunc(want, func(a, b gateway.Usage) int { return cmp.Compare(a.Space, b.Space) })
	got, err := f.Gateway.Spaces.ReportDay(ctx, "test", day.Add(13*time.Hour))
	if err != nil || !slices.Equal(got, want) {
		rt.Fatalf("on %v: %v, %v, want %v", day, got, err, want)
	}
}

func TestUsageGoesWithItsAccount(t *testing.T) {
	f := gatewaytest.NewWith(t, gatewaytest.Options{Config: gateway.Config{RemovalDelay: time.Hour}})
	ctx := f.Ctx("tester")
	if _, err := f.Gateway.Spaces.Create(ctx, gateway.Ref{Account: "test", Container: "cars"}); err != nil {
		t.Fatal(err)
	}
	f.Clock.Advance(24 * time.Hour)
	usage := func() (n int) {
		err := f.Store.View(ctx, func(v *store.View) error {
			_, err := v.Usage("test", gatewaytest.Start(), f.Clock.Now(), nil, func(*store.MonthUsage) { n++ })
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	if err := f.Store.SampleUsage(ctx); err != nil || usage() != 1 {
		t.Fatal(usage(), err)
	}
	if err := f.Gateway.Accounts.Delete(f.Ctx("admin"), "test"); err != nil {
		t.Fatal(err)
	}
	f.Clock.Advance(2 * time.Hour)
	if _, err := f.Store.ReapAccounts(ctx); err != nil {
		t.Fatal(err)
	}
	if n := usage(); n != 0 {
		t.Errorf("%d rows of usage outlived their account", n)
	}
}

// BenchmarkReportOfAYear makes reports on 1,000 spaces with a sample of each
// on each of 365 days, on the embedded engine.
func BenchmarkReportOfAYear(b *testing.B) {
	engine, err := boltkv.Open(filepath.Join(b.TempDir(), "db"), boltkv.Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := engine.Close(); err != nil {
			b.Error(err)
		}
	})
	opt := gatewaytest.Plain()
	opt.Engine, opt.Blobs = engine, memblob.New(memblob.Options{})
	f := gatewaytest.NewWith(b, opt)
	ctx := f.Ctx("tester")
	for i := range 1000 {
		if _, err := f.Gateway.Spaces.Create(ctx, gateway.Ref{Account: "test", Container: fmt.Sprintf("space-of-year-%04d", i)}); err != nil {
			b.Fatal(err)
		}
	}
	for range 365 {
		f.Clock.Advance(24 * time.Hour)
		if err := f.Store.SampleUsage(ctx); err != nil {
			b.Fatal(err)
		}
	}
	to := f.Clock.Now()
	from := to.AddDate(0, 0, -364)
	for _, group := range []gateway.Grouping{gateway.ByDay, gateway.ByWeek, gateway.ByMonth} {
		b.Run(string(group), func(b *testing.B) {
			b.ReportAllocs()
			for range b.N {
				list, err := f.Gateway.Spaces.ReportStore(auth.WithPrincipal(ctx, auth.PrincipalOf(ctx)), "test", from, to, group)
				if err != nil || len(list) < 12 {
					b.Fatal(len(list), err)
				}
			}
		})
	}
}
