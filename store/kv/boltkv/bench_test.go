package boltkv_test

import (
	"fmt"
	"path/filepath"
	"sync/atomic"
	"testing"

	bolt "go.etcd.io/bbolt"

	"entrepot/store/kv"
	"entrepot/store/kv/kvtest"
)

func BenchmarkEngine(b *testing.B) {
	kvtest.Bench(b, open)
	b.Run("Shared/32", func(b *testing.B) {
		e := openAt(b, filepath.Join(b.TempDir(), "store.db"))
		defer func() { _ = e.Close() }()
		kvtest.BenchPut(b, e, 32)
		s := e.Stats()
		b.ReportMetric(float64(s.Updates)/float64(s.Commits), "updates/commit")
	})
}

// BenchmarkBareUpdate is the measure for BenchmarkEngine/Put: the same rows
// written by db.Update, a commit for each.
func BenchmarkBareUpdate(b *testing.B) {
	for _, writers := range []int{1, 32} {
		b.Run(fmt.Sprintf("Put/%d", writers), func(b *testing.B) {
			db, err := bolt.Open(filepath.Join(b.TempDir(), "bare.db"), 0o600, &bolt.Options{
				NoFreelistSync: true, FreelistType: bolt.FreelistMapType, InitialMmapSize: 1 << 30,
			})
			if err != nil {
				b.Fatal(err)
			}
			defer func() { _ = db.Close() }()
			benchBare(b, db, writers)
		})
	}
}

func benchBare(b *testing.B, db *bolt.DB, writers int) {
	bucket := []byte("rows")
	if err := db.Update(func(tx *bolt.Tx) error { _, err := tx.CreateBucket(bucket); return err }); err != nil {
		b.Fatal(err)
	}
	encode := func(k kv.Key) []byte { return append([]byte{byte(k.Table)}, k.Row...) }
	put := func(p *kvtest.Put) error {
		return db.Update(func(tx *bolt.Tx) error {
			rows := tx.Bucket(bucket)
			for _, k := range p.Keys {
				_ = rows.Get(encode(k))
			}
			for i, v := range p.Values {
				if err := rows.Put(encode(p.Keys[i]), v); err != nil {
					return err
				}
			}
			for c := range kvtest.Counters {
				k := []byte{9, 'c', byte(c)}
				if err := rows.Put(k, kv.AppendCounter(nil, kv.Counter(rows.Get(k))+1)); err != nil {
					return err
				}
			}
			return nil
		})
	}
	var next atomic.Int64
	done := make(chan error, writers)
	b.ReportAllocs()
	b.ResetTimer()
	for range writers {
		go func() {
			for i := next.Add(1); i <= int64(b.N); i = next.Add(1) {
				if err := put(kvtest.NewPut(uint64(i))); err != nil {
					done <- err
					return
				}
			}
			done <- nil
		}()
	}
	for range writers {
		if err := <-done; err != nil {
			b.Fatal(err)
		}
	}
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "puts/s")
}
