package gateway_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"entrepot/gateway"
	"entrepot/gateway/errs"
	"entrepot/gateway/gatewaytest"
	"entrepot/store/kv/memkv"
)

// roundTrips counts what fn costs at the engine.
func roundTrips(e *memkv.Engine, fn func()) int64 {
	before := e.RoundTrips()
	fn()
	return e.RoundTrips() - before
}

func TestSegmentsOfAManifestAreLookedUpTogether(t *testing.T) {
	engine := memkv.New(memkv.Options{})
	f := gatewaytest.NewWith(t, gatewaytest.Options{Engine: engine})
	w := &world{Fixture: f, t: t, g: f.Gateway, ctx: f.Ctx("tester")}
	w.container("c")
	w.container("seg")
	w.container("more")
	var list []gateway.Segment
	for i := range 200 {
		name := fmt.Sprintf("s/%03d", i)
		s := gateway.Segment{Container: "seg", Object: name, Size: -1}
		if i%2 == 1 {
			s.Container = "more"
		}
		w.in(s.Container, name, "x", nil)
		list = append(list, s)
	}
	w.static("warm", list[0], list[1])
	one := roundTrips(engine, func() { w.static("few", list[:2]...) })
	all := roundTrips(engine, func() { w.static("many", list...) })
	if all > one+2 {
		t.Errorf("200 segments cost %d round trips, two segments %d", all, one)
	}
}

// What is wrong with each entry is told as if it had been looked up alone.
func TestSegmentsLookedUpTogetherFailOneByOne(t *testing.T) {
	w, _ := largeWorld(t)
	w.container("other")
	w.in("seg", "empty", "", nil)
	kinds := map[string]gateway.Segment{
		"fine":      of("s/0"),
		"missing":   of("none"),
		"container": {Container: "nowhere", Object: "o", Size: -1},
		"size":      {Container: "seg", Object: "s/0", Size: 4},
		"tag":       {Container: "seg", Object: "s/2", Size: -1, ETag: "00"},
		"empty":     of("empty"),
		"bad name":  {Container: "seg", Object: "a\x00b", Size: -1},
	}
	names := []string{"fine", "missing", "container", "size", "tag", "empty", "bad name"}
	problem := func(list ...gateway.Segment) []gateway.SegmentProblem {
		_, err := w.g.Objects.PutManifest(w.ctx, ref("c", "m"), list, gateway.PutOptions{})
		var m *gateway.ManifestError
		if errs.Of(err) != errs.Invalid || !errors.As(err, &m) {
			t.Fatalf("%v: %v", list, err)
		}
		return m.Problems
	}
	alone := map[string]gateway.SegmentProblem{}
	for _, name := range names[1:] {
		list := problem(kinds[name], of("s/0"))
		if len(list) != 1 {
			t.Fatalf("%s: %v", name, list)
		}
		alone[name] = list[0]
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range 20 {
		var list []gateway.Segment
		var picked []string
		for range 450 { // more than two pages
			name := names[random.IntN(len(names))]
			list, picked = append(list, kinds[name]), append(picked, name)
		}
		list = append(list, of("s/0"))
		got := problem(list...)
		var want []string
		for i, name := range picked {
			if name != "fine" {
				want = append(want, fmt.Sprint(i, name))
			}
		}
		var found []string
		for _, p := range got {
			name := picked[p.Index]
			if a := alone[name]; errs.Of(a.Err) != errs.Of(p.Err) || errs.ReasonOf(a.Err) != errs.ReasonOf(p.Err) || a.Fault != p.Fault {
				t.Errorf("%s: %v %v, alone %v %v", name, p.Err, p.Fault, a.Err, a.Fault)
			}
			found = append(found, fmt.Sprint(p.Index, name))
		}
		if !slices.Equal(found, want) {
			t.Fatalf("told of %v, want %v", found, want)
		}
	}
}
