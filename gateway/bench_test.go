package gateway_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"entrepot/auth"
	"entrepot/gateway"
	"entrepot/store"
	"entrepot/store/blob/dirblob"
	"entrepot/store/kv/boltkv"
)

// disk is a gateway over the engines of the product, on disk.
type disk struct {
	b      *testing.B
	dir    string
	inline int // limit in bytes; 0: the product's
	g      *gateway.Gateway
	ctx    context.Context
	close  func()
}

func newDisk(b *testing.B) *disk { return newDiskInline(b, 0) }

func newDiskInline(b *testing.B, inline int) *disk {
	b.Helper()
	d := &disk{b: b, dir: b.TempDir(), inline: inline}
	d.open()
	b.Cleanup(func() { d.close() })
	err := d.g.Accounts.AddUser(auth.WithPrincipal(b.Context(), auth.Local()), gateway.NewUser{Name: "u", Account: "test", Role: auth.RoleOwner})
	if err != nil {
		b.Fatal(err)
	}
	d.ctx = auth.WithPrincipal(context.WithoutCancel(b.Context()), auth.Principal{User: "u", Account: "test", Role: auth.RoleOwner})
	if _, err := d.g.Containers.Create(d.ctx, ref("c", ""), gateway.ContainerChange{}); err != nil {
		b.Fatal(err)
	}
	return d
}

func (d *disk) open() {
	d.b.Helper()
	ctx := context.WithoutCancel(d.b.Context())
	engine, err := boltkv.Open(filepath.Join(d.dir, "db"), boltkv.Options{})
	if err != nil {
		d.b.Fatal(err)
	}
	blobs, err := dirblob.Open(filepath.Join(d.dir, "blobs"), dirblob.Options{})
	if err != nil {
		d.b.Fatal(err)
	}
	s, err := store.Open(ctx, engine, blobs, store.Options{InlineLimit: d.inline})
	if err != nil {
		d.b.Fatal(err)
	}
	if d.g, err = gateway.New(ctx, s, gateway.Config{}); err != nil {
		d.b.Fatal(err)
	}
	d.close = func() {
		if err := errors.Join(d.g.Close(), s.Close(), engine.Close(), blobs.Close()); err != nil {
			d.b.Error(err)
		}
	}
}

// each runs op for 0 to n-1 from as many goroutines as workers.
func each(workers, n int, op func(i int)) {
	var next atomic.Int64
	done := make(chan bool)
	for range workers {
		go func() {
			for i := next.Add(1) - 1; i < int64(n); i = next.Add(1) - 1 {
				op(int(i))
			}
			done <- true
		}()
	}
	for range workers {
		<-done
	}
}

func (d *disk) put(name string, body []byte) {
	_, err := d.g.Objects.Put(d.ctx, ref("c", name), bytes.NewReader(body), gateway.PutOptions{Size: int64(len(body))})
	if err != nil {
		d.b.Error(err)
	}
}

func benchPut(b *testing.B, workers int) {
	d := newDisk(b)
	body := bytes.Repeat([]byte("x"), 4<<10)
	b.ResetTimer()
	each(workers, b.N, func(i int) { d.put(fmt.Sprintf("o%09d", i), body) })
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "puts/s")
}

func BenchmarkDurablePut4K(b *testing.B)           { benchPut(b, 1) }
func BenchmarkDurablePut4KParallel32(b *testing.B) { benchPut(b, 32) }

// zeros is a body without end.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// BenchmarkStream1G streams a GiB in and reports how much memory the heap grew
// by meanwhile.
func BenchmarkStream1G(b *testing.B) {
	d := newDisk(b)
	b.SetBytes(1 << 30)
	var before, m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	var peak uint64
	for i := range b.N {
		body := &watched{Reader: io.LimitReader(zeros{}, 1<<30), look: func() {
			runtime.ReadMemStats(&m)
			peak = max(peak, m.HeapInuse)
		}}
		_, err := d.g.Objects.Put(d.ctx, ref("c", strconv.Itoa(i%2)), body, gateway.PutOptions{Size: 1 << 30})
		if err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(peak-min(peak, before.HeapInuse))/(1<<20), "heapMiB")
}

// watched looks now and then while it is read.
type watched struct {
	io.Reader
	n    int
	look func()
}

func (w *watched) Read(p []byte) (int, error) {
	if w.n++; w.n%512 == 0 {
		w.look()
	}
	return w.Reader.Read(p)
}

// million fills the container with empty objects: as many as
// ENTREPOT_BENCH_OBJECTS says, a million by default.
func (d *disk) million() int {
	n := 1_000_000
	if text := os.Getenv("ENTREPOT_BENCH_OBJECTS"); text != "" {
		var err error
		if n, err = strconv.Atoi(text); err != nil {
			d.b.Fatal(err)
		}
	}
	start := time.Now()
	each(256, n, func(i int) { d.put(fmt.Sprintf("dir%05d/file%09d", i/1000, i), nil) })
	d.b.Logf("%d objects in %v", n, time.Since(start))
	return n
}

// BenchmarkMillion measures what must not depend on how much there is: pages
// of a listing at the start, in the middle and near the end, a folder's
// rename, a PUT, and opening after a clean stop and after none.
func BenchmarkMillion(b *testing.B) {
	if testing.Short() {
		b.Skip("fills a store with a million objects")
	}
	d := newDisk(b)
	n := d.million()
	for _, at := range []int{0, 50, 99} {
		marker := fmt.Sprintf("dir%05d/", n/1000*at/100)
		b.Run("List10K/at"+strconv.Itoa(at), func(b *testing.B) {
			for b.Loop() {
				_, list, err := d.g.Objects.List(d.ctx, ref("c", ""), gateway.ListOptions{Marker: marker, Limit: 10_000})
				if err != nil || len(list) != 10_000 && at < 99 {
					b.Fatal(len(list), err)
				}
			}
		})
	}
	b.Run("ListFolders", func(b *testing.B) {
		for b.Loop() {
			_, list, err := d.g.Objects.List(d.ctx, ref("c", ""), gateway.ListOptions{Delimiter: "/", Limit: 1000})
			if err != nil || len(list) == 0 {
				b.Fatal(len(list), err)
			}
		}
	})
	d.big()
	b.Run("Rename10K", func(b *testing.B) {
		names := []string{"big", "gib"}
		for i := range b.N {
			_, err := d.g.Trees.Move(d.ctx, ref("c", names[i%2]), ref("c", names[(i+1)%2]), gateway.TreeOptions{})
			if err != nil {
				b.Fatal(err)
			}
		}
		if b.N%2 == 1 {
			if _, err := d.g.Trees.Move(d.ctx, ref("c", "gib"), ref("c", "big"), gateway.TreeOptions{}); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("Put", func(b *testing.B) {
		each(32, b.N, func(i int) { d.put(fmt.Sprintf("new/%09d", i), []byte(strings.Repeat("x", 1024))) })
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "puts/s")
	})
	b.Run("OpenAfterCleanStop", func(b *testing.B) {
		for b.Loop() {
			d.close()
			start := time.Now()
			d.open()
			b.ReportMetric(time.Since(start).Seconds(), "s/open")
		}
	})
	b.Run("OpenAfterCrash", func(b *testing.B) {
		for b.Loop() {
			b.ReportMetric(d.crash().Seconds(), "s/open")
		}
	})
}

// big makes a folder of 10,000 files.
func (d *disk) big() {
	each(256, 10_000, func(i int) { d.put(fmt.Sprintf("big/%09d", i), nil) })
}

// crash opens a copy of the store as a process that was killed leaves it, and
// returns how long that took.
func (d *disk) crash() time.Duration {
	dir := d.b.TempDir()
	// Between two commits the files are what a kill would leave.
	read := func(name string) []byte {
		raw, err := os.ReadFile(filepath.Join(d.dir, name))
		if err != nil {
			d.b.Fatal(err)
		}
		return raw
	}
	log, db := read("db.log"), read("db")
	for again := read("db.log"); !bytes.Equal(log, again); again = read("db.log") {
		log, db = again, read("db")
	}
	for name, raw := range map[string][]byte{"db": db, "db.log": log} {
		if err := os.WriteFile(filepath.Join(dir, name), raw, 0o600); err != nil {
			d.b.Fatal(err)
		}
	}
	start := time.Now()
	engine, err := boltkv.Open(filepath.Join(dir, "db"), boltkv.Options{})
	if err != nil {
		d.b.Fatal(err)
	}
	took := time.Since(start)
	if err := engine.Close(); err != nil {
		d.b.Error(err)
	}
	return took
}

// BenchmarkInline compares content in the database with content in files, by
// size: where the lines cross is where the limit belongs. It reports what
// reaches the disk for each byte of content.
func BenchmarkInline(b *testing.B) {
	for _, kib := range []int{1, 4, 8, 16, 32, 48} {
		for _, workers := range []int{1, 32} {
			for how, limit := range map[string]int{"database": store.MaxInlineLimit, "file": -1} {
				b.Run(fmt.Sprintf("%dKiB/%dwriters/%s", kib, workers, how), func(b *testing.B) {
					d := newDiskInline(b, limit)
					body := bytes.Repeat([]byte("x"), kib<<10)
					before := written(b)
					b.ResetTimer()
					each(workers, b.N, func(i int) { d.put(fmt.Sprintf("o%09d", i), body) })
					b.StopTimer()
					b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "puts/s")
					b.ReportMetric(float64(written(b)-before)/float64(b.N*len(body)), "written/byte")
				})
			}
		}
	}
}

// written returns how many bytes this process has caused to be written to
// disk, where the system tells.
func written(b *testing.B) int64 {
	b.Helper()
	text, err := os.ReadFile("/proc/self/io")
	if err != nil {
		return 0
	}
	for line := range strings.SplitSeq(string(text), "\n") {
		if v, ok := strings.CutPrefix(line, "write_bytes: "); ok {
			n, err := strconv.ParseInt(v, 10, 64)
			if err != nil {
				b.Fatal(err)
			}
			return n
		}
	}
	return 0
}

// BenchmarkGrowth overwrites and deletes for a while and reports how large the
// database is for each byte that it holds.
func BenchmarkGrowth(b *testing.B) {
	d := newDisk(b)
	body := bytes.Repeat([]byte("x"), 2<<10)
	b.ResetTimer()
	each(32, b.N, func(i int) {
		name := fmt.Sprintf("o%04d", i%5000)
		d.put(name, body)
		if i%7 == 0 {
			// Somebody else may have been faster.
			_ = d.g.Objects.Delete(d.ctx, ref("c", name), nil)
		}
	})
	b.StopTimer()
	c, err := d.g.Containers.Get(d.ctx, ref("c", ""))
	if err != nil {
		b.Fatal(err)
	}
	info, err := os.Stat(filepath.Join(d.dir, "db"))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(info.Size())/float64(max(c.Bytes, 1)), "file/content")
	b.ReportMetric(float64(info.Size())/(1<<20), "MiB")
}
