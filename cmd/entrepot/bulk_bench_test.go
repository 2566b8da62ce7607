package main

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// Swift's operations on many objects, on disk and over loopback.

const bulkFiles = 10_000

// tarOf streams an archive of files of one size.
func tarOf(prefix string, files, size int) io.ReadCloser {
	r, w := io.Pipe()
	go func() {
		archive := tar.NewWriter(w)
		content := bytes.Repeat([]byte("x"), size)
		for i := range files {
			if archive.WriteHeader(&tar.Header{Name: fmt.Sprintf("%s%06d", prefix, i), Size: int64(size), Mode: 0o644, Typeflag: tar.TypeReg}) != nil {
				return // the reader left
			}
			if _, err := archive.Write(content); err != nil {
				return
			}
		}
		_ = archive.Close()
		_ = w.Close()
	}()
	return r
}

// bulk sends a bulk operation and fails unless the report says want.
func (w *bench) bulk(method, path string, body io.ReadCloser, want string) {
	w.b.Helper()
	req, err := http.NewRequestWithContext(w.b.Context(), method, w.url+path, body)
	if err != nil {
		w.b.Fatal(err)
	}
	req.Header.Set("X-Auth-Token", w.token)
	resp, err := w.client.Do(req)
	if err != nil {
		w.b.Fatal(err)
	}
	defer resp.Body.Close()
	report, err := io.ReadAll(resp.Body)
	if err != nil || !strings.Contains(string(report), want) {
		w.b.Fatalf("%s %s: %.500s %v", method, path, report, err)
	}
}

func (w *bench) extract(prefix string, files, size int) {
	w.b.Helper()
	w.bulk(http.MethodPut, "/v1/AUTH_a/c?extract-archive=tar", tarOf(prefix, files, size), fmt.Sprintf("Number Files Created: %d\n", files))
}

// BenchmarkExtract10000 is the extraction of an archive with 10,000 files; the
// heap is that of client and server together, over what it was before.
func BenchmarkExtract10000(b *testing.B) {
	for _, size := range []int{1 << 10, 32 << 10} {
		b.Run(strconv.Itoa(size>>10)+"KiB", func(b *testing.B) {
			w := newBench(b)
			w.extract("warm/", 100, size)
			peak := watchHeap()
			n := 0
			for b.Loop() {
				w.extract(fmt.Sprintf("run%d/", n), bulkFiles, size)
				n++
			}
			b.ReportMetric(float64(bulkFiles*b.N)/b.Elapsed().Seconds(), "files/s")
			b.ReportMetric(float64(peak())/(1<<20), "MiB-heap")
		})
	}
}

// watchHeap samples the heap until the returned function is called, which
// returns by how many bytes it grew at most.
func watchHeap() (peak func() int64) {
	heap := func() int64 {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	runtime.GC()
	before := heap()
	var most atomic.Int64
	stop, stopped := make(chan bool), make(chan bool)
	go func() {
		defer close(stopped)
		every := time.NewTicker(20 * time.Millisecond)
		defer every.Stop()
		for {
			select {
			case <-stop:
				return
			case <-every.C:
				most.Store(max(most.Load(), heap()-before))
			}
		}
	}()
	return func() int64 {
		close(stop)
		<-stopped
		return most.Load()
	}
}

// BenchmarkBulkDelete10000 is one request that deletes 10,000 objects.
func BenchmarkBulkDelete10000(b *testing.B) {
	w := newBench(b)
	var lines strings.Builder
	for i := range bulkFiles {
		fmt.Fprintf(&lines, "c/o/%06d\n", i)
	}
	for b.Loop() {
		b.StopTimer()
		w.extract("o/", bulkFiles, 1<<10)
		b.StartTimer()
		w.bulk(http.MethodPost, "/v1/AUTH_a?bulk-delete", io.NopCloser(strings.NewReader(lines.String())), fmt.Sprintf("Number Deleted: %d\n", bulkFiles))
	}
}

// BenchmarkSwiftListing lists pages of 10,000 of ENTREPOT_BENCH_OBJECTS names
// (default 100,000) as JSON, and folders by delimiter.
func BenchmarkSwiftListing(b *testing.B) {
	total := 100_000
	if n, err := strconv.Atoi(os.Getenv("ENTREPOT_BENCH_OBJECTS")); err == nil && n > 0 {
		total = n
	}
	w := newBench(b)
	for i := range total / bulkFiles {
		w.extract(fmt.Sprintf("dir%04d/", i), bulkFiles, 16)
	}
	last := total/bulkFiles - 1
	for _, page := range []struct{ name, query string }{
		{"start", "limit=10000"},
		{"middle", fmt.Sprintf("limit=10000&marker=dir%04d/", last/2)},
		{"end", fmt.Sprintf("limit=10000&marker=dir%04d/", last)},
		{"folders", "delimiter=/"},
	} {
		b.Run(page.name, func(b *testing.B) {
			for b.Loop() {
				w.do(http.MethodGet, "/v1/AUTH_a/c?format=json&"+page.query, nil)
			}
		})
	}
}
