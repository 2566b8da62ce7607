package pgkv_test

import (
	"fmt"
	"testing"

	"entrepot/store/kv"
	"entrepot/store/kv/kvtest"
	"entrepot/store/kv/pgkv"
)

func TestEnginePassesTheSuite(t *testing.T) { kvtest.Run(t, open, reopen) }

func FuzzEngineEqualsAModel(f *testing.F) { kvtest.Fuzz(f, open) }

func BenchmarkEngine(b *testing.B) { kvtest.Bench(b, openBench) }

// openBench returns an engine as the store opens it: it knows which tables
// hold counters, here those of kvtest's benchmarks.
func openBench(t testing.TB) kv.Engine {
	return openWith(t, pgkv.Options{Counters: []kv.Table{9}})
}

// BenchmarkAnyTableMayCount is the measure for BenchmarkEngine: every read
// looks for counters too.
func BenchmarkAnyTableMayCount(b *testing.B) {
	for _, writers := range []int{1, 32} {
		b.Run(fmt.Sprintf("Put/%d", writers), func(b *testing.B) {
			e := open(b)
			defer func() { _ = e.Close() }()
			kvtest.BenchPut(b, e, writers)
		})
	}
}
