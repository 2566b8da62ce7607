package store_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"entrepot/store"
	"entrepot/store/blob"
	"entrepot/store/blob/memblob"
	"entrepot/store/kv/boltkv"
)

// benchObjects is how many objects the store of a benchmark has.
const benchObjects = 100_000

// large returns a store on disk with benchObjects objects, whose content is
// missing, and its database.
func large(b *testing.B) (*store.Store, *boltkv.Engine) {
	b.Helper()
	engine, err := boltkv.Open(filepath.Join(b.TempDir(), "entrepot.db"), boltkv.Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = engine.Close() })
	s, err := store.Open(b.Context(), engine, memblob.New(memblob.Options{}), store.Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = s.Close() })
	c := store.Container{ID: 1, Account: "a", Name: "c", Depot: 1}
	locks := []store.Guard{store.LockContainer(1, false), store.LockName("a", "c"), store.LockAccount("a", false), store.LockDepot(1, false)}
	for from := 0; from < benchObjects; from += 10_000 {
		err := s.Update(b.Context(), locks, func(tx *store.Tx) error {
			if from == 0 {
				tx.PutAccount(&store.Account{Name: "a"})
				tx.PutDepot(nil, &store.Depot{ID: 1, Account: "a"})
				tx.CreateContainer(&c)
			}
			for i := from; i < from+10_000; i++ {
				id := blob.ID{15: byte(i), 14: byte(i >> 8), 13: byte(i >> 16), 12: 1}
				o := store.Object{Name: fmt.Sprintf("folder-%03d/object-%07d", i%500, i), ContentType: "image/jpeg",
					Content: store.Content{Size: 1 << 20, Blob: id, MD5: [16]byte{byte(i), 1}, SHA256: [32]byte{byte(i), 1}}}
				tx.PutObject(&c, nil, &o, s.Now())
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	return s, engine
}

func rate(b *testing.B) {
	b.ReportMetric(benchObjects*float64(b.N)/b.Elapsed().Seconds(), "objects/s")
}

// BenchmarkCheckRecords checks records, references and counters; the content
// is missing, so that what is measured is the records.
func BenchmarkCheckRecords(b *testing.B) {
	s, _ := large(b)
	for b.Loop() {
		if r, err := s.Check(b.Context(), store.CheckOptions{}); err != nil || r.Rows < benchObjects {
			b.Fatal(r, err)
		}
	}
	rate(b)
}

// BenchmarkSweepRecords looks for what records refer to: an orphan makes it
// walk twice.
func BenchmarkSweepRecords(b *testing.B) {
	s, _ := large(b)
	up := s.NewUpload(b.Context())
	if err := up.Receive(bytes.NewReader(make([]byte, 100_000)), 1<<20); err != nil {
		b.Fatal(err)
	}
	if _, err := up.Finish(); err != nil {
		b.Fatal(err)
	}
	up.Close()
	for b.Loop() {
		if _, err := s.Sweep(b.Context(), store.SweepOptions{DryRun: true}); err != nil {
			b.Fatal(err)
		}
	}
	rate(b)
}

// BenchmarkOpenAfterCrash opens a database without a list of free pages.
func BenchmarkOpenAfterCrash(b *testing.B) {
	_, engine := large(b)
	files := map[string][]byte{"": nil, ".log": nil} // by what follows the database's name
	for suffix := range files {
		data, err := os.ReadFile(engine.Path() + suffix)
		if err != nil {
			b.Fatal(err)
		}
		files[suffix] = data
	}
	path := filepath.Join(b.TempDir(), "copy.db")
	for b.Loop() {
		b.StopTimer()
		for suffix, data := range files {
			if err := os.WriteFile(path+suffix, data, 0o600); err != nil {
				b.Fatal(err)
			}
		}
		b.StartTimer()
		begin := time.Now()
		e, err := boltkv.Open(path, boltkv.Options{})
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(time.Since(begin).Seconds()*1000, "ms/open")
		b.StopTimer()
		if err := e.Close(); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
}
