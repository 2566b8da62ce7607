package kvtest

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"testing"

	"entrepot/store/kv"
)

// Bench runs the benchmarks that every engine answers: they show what an
// object PUT, a GET and a listing cost below the store.
func Bench(b *testing.B, open Open) {
	b.Run("Put/1", func(b *testing.B) { BenchPut(b, opened(b, open), 1) })
	b.Run("Put/32", func(b *testing.B) { BenchPut(b, opened(b, open), 32) })
	b.Run("ViewGet", func(b *testing.B) { benchView(b, opened(b, open)) })
	b.Run("Scan10kOf1M", func(b *testing.B) { benchScan(b, opened(b, open)) })
	b.Run("MovePrefix100k", func(b *testing.B) { benchMove(b, opened(b, open)) })
}

// BenchPut measures Updates of the shape of an object PUT (see Put) from
// several writers at once.
func BenchPut(b *testing.B, e kv.Engine, writers int) {
	var next atomic.Int64
	ctx := context.WithoutCancel(b.Context())
	done := make(chan error, writers)
	b.ReportAllocs()
	b.ResetTimer()
	for range writers {
		go func() {
			for i := next.Add(1); i <= int64(b.N); i = next.Add(1) {
				put := NewPut(uint64(i))
				if err := e.Update(ctx, put.Locks, put.Run); err != nil {
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

// Counters is how many counters a Put adds to.
const Counters = 8

// A Put is a transaction of the shape of an object PUT of 4 KiB: one Get of 8
// keys; 5 Puts, two of them under random names and three under ascending
// ones, the last with the content; 8 Adds.
type Put struct {
	Locks  []kv.Lock
	Keys   []kv.Key // rows that Run gets; the first five it puts
	Values [][]byte // of the rows that it puts
}

// NewPut returns the transaction of this number.
func NewPut(n uint64) *Put {
	name := fmt.Appendf(nil, "container/%016x", n*0x9E3779B97F4A7C15)
	ascending := fmt.Appendf(nil, "container/%016x", n)
	p := &Put{Values: make([][]byte, 5)}
	for t := range 8 {
		p.Keys = append(p.Keys, kv.Key{Table: kv.Table(t), Row: name})
	}
	for i := range p.Values {
		p.Values[i] = make([]byte, 300)
	}
	p.Keys[2].Row, p.Keys[3].Row, p.Keys[4].Row = ascending, ascending, ascending
	p.Values[4] = make([]byte, 4096)
	p.Locks = []kv.Lock{{Key: p.Keys[0]}, {Key: key("container/"), Shared: true}}
	return p
}

// Run is the function of the Update.
func (p *Put) Run(tx kv.Tx) error {
	if _, err := tx.Get(p.Keys...); err != nil {
		return err
	}
	for i, v := range p.Values {
		tx.Put(p.Keys[i], v)
	}
	for i := range Counters {
		tx.Add(kv.Key{Table: 9, Row: []byte{'c', byte(i)}}, 1)
	}
	return nil
}

// load fills an engine with n rows of 300 bytes in the middle table.
func load(b *testing.B, e kv.Engine, n int) {
	b.Helper()
	value := bytes.Repeat([]byte("v"), 300)
	for at := 0; at < n; {
		err := e.Update(b.Context(), nil, func(tx kv.Tx) error {
			for i := at; i < min(at+50_000, n); i++ {
				tx.Put(key(fmt.Sprintf("container/%09d", i)), value)
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
		at += 50_000
	}
}

func benchView(b *testing.B, e kv.Engine) {
	const n = 100_000
	load(b, e, n)
	rng := rand.New(rand.NewPCG(1, 1))
	b.ReportAllocs()
	for b.Loop() {
		k := key(fmt.Sprintf("container/%09d", rng.IntN(n)))
		err := e.View(b.Context(), func(r kv.Reader) error {
			values, err := r.Get(k)
			if err == nil && values[0] == nil {
				err = fmt.Errorf("row %q is absent", k.Row)
			}
			return err
		})
		if err != nil {
			b.Fatal(err)
		}
	}
}

func benchScan(b *testing.B, e kv.Engine) {
	const n, page = 1_000_000, 10_000
	load(b, e, n)
	rng := rand.New(rand.NewPCG(1, 1))
	b.ReportAllocs()
	for b.Loop() {
		from := fmt.Appendf(nil, "container/%09d", rng.IntN(n-page))
		err := e.View(b.Context(), func(r kv.Reader) error {
			p, err := r.Scan(kv.Range{Table: tableRows, From: from}, page)
			if err == nil && len(p.Items) != page {
				err = fmt.Errorf("%d items", len(p.Items))
			}
			return err
		})
		if err != nil {
			b.Fatal(err)
		}
	}
}

func benchMove(b *testing.B, e kv.Engine) {
	const n = 100_000
	load(b, e, n)
	names := [2][]byte{[]byte("container/"), []byte("renamed/")}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		err := e.Update(b.Context(), all(), func(tx kv.Tx) error {
			moved, err := tx.MovePrefix(tableRows, names[i%2], names[(i+1)%2], n)
			if err == nil && moved != n {
				err = fmt.Errorf("%d rows moved", moved)
			}
			return err
		})
		if err != nil {
			b.Fatal(err)
		}
	}
}
