package store_test

import (
	"fmt"
	"path/filepath"
	"testing"

	"entrepot/store"
	"entrepot/store/blob/memblob"
	"entrepot/store/kv"
	"entrepot/store/kv/boltkv"
)

// BenchmarkUpgradeFromFormat1 opens a store of a million objects, every
// hundredth a folder's marker, that has the first format.
func BenchmarkUpgradeFromFormat1(b *testing.B) {
	const objects = 1_000_000
	engine, err := boltkv.Open(filepath.Join(b.TempDir(), "entrepot.db"), boltkv.Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = engine.Close() })
	open := func() *store.Store {
		s, err := store.Open(b.Context(), engine, memblob.New(memblob.Options{}), store.Options{ScrubRate: -1})
		if err != nil {
			b.Fatal(err)
		}
		return s
	}
	s := open()
	c := store.Container{ID: 1, Account: "a", Name: "c", Depot: 1}
	locks := []store.Guard{store.LockContainer(1, false), store.LockName("a", "c"), store.LockAccount("a", false), store.LockDepot(1, false)}
	for from := 0; from < objects; from += 20_000 {
		err := s.Update(b.Context(), locks, func(tx *store.Tx) error {
			if from == 0 {
				tx.PutAccount(&store.Account{Name: "a"})
				tx.CreateContainer(&c)
			}
			for i := from; i < from+20_000; i++ {
				o := store.Object{Name: fmt.Sprintf("folder-%03d/object-%07d", i%500, i), ContentType: "image/jpeg"}
				if i%100 == 0 {
					o.Name += "/"
				}
				tx.PutObject(&c, nil, &o, s.Now())
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
	format := kv.Key{Table: 1, Row: []byte("format")}
	for b.Loop() {
		b.StopTimer()
		err := engine.Update(b.Context(), []kv.Lock{{Key: format}}, func(tx kv.Tx) error {
			tx.Put(format, []byte("1"))
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
		if err := open().Close(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(objects*float64(b.N)/b.Elapsed().Seconds(), "objects/s")
}
