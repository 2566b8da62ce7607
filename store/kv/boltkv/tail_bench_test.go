package boltkv_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"entrepot/store/kv"
	"entrepot/store/kv/kvtest"
)

// BenchmarkTail tells how long single updates take, the slow ones above all:
// run it with -benchtime 10000x or more, so that many checkpoints fall into it.
// The bytes written for each are seen on a disk of its own only (the numbers
// that the kernel keeps for a process count whole folios).
func BenchmarkTail(b *testing.B) {
	for _, writers := range []int{1, 16} {
		b.Run(fmt.Sprint(writers), func(b *testing.B) {
			e := openAt(b, filepath.Join(b.TempDir(), "store.db"))
			defer func() { _ = e.Close() }() // what was acknowledged is durable
			took := make([]time.Duration, b.N)
			var next atomic.Int64
			done := make(chan error, writers)
			b.ResetTimer()
			for range writers {
				go func() { done <- putTimed(b, e, &next, took) }()
			}
			for range writers {
				if err := <-done; err != nil {
					b.Fatal(err)
				}
			}
			b.StopTimer()
			slices.Sort(took)
			at := func(share float64) float64 {
				return float64(took[int(float64(len(took)-1)*share)].Microseconds()) / 1000
			}
			b.ReportMetric(at(0.5), "p50-ms")
			b.ReportMetric(at(0.99), "p99-ms")
			b.ReportMetric(at(0.999), "p99.9-ms")
			b.ReportMetric(at(1), "max-ms")
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "puts/s")
		})
	}
}

// putTimed writes the rows of PUTs and notes how long each took.
func putTimed(b *testing.B, e kv.Engine, next *atomic.Int64, took []time.Duration) error {
	for i := next.Add(1); i <= int64(len(took)); i = next.Add(1) {
		p, began := kvtest.NewPut(uint64(i)), time.Now()
		err := e.Update(b.Context(), nil, func(tx kv.Tx) error {
			if _, err := tx.Get(p.Keys...); err != nil {
				return err
			}
			for n, v := range p.Values {
				tx.Put(p.Keys[n], v)
			}
			return nil
		})
		if err != nil {
			return err
		}
		took[i-1] = time.Since(began)
	}
	return nil
}
