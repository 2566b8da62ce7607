package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"entrepot/auth"
)

// depotCaller calls the depot API of a bench over its own connections.
type depotCaller struct {
	*bench
	salt auth.Secret
}

func newDepotBench(b *testing.B) *depotCaller {
	w := newBench(b)
	salt, err := secret(w.data, depotSalt)
	if err != nil {
		b.Fatal(err)
	}
	return &depotCaller{w, salt}
}

// call sends a signed command and returns the reply.
func (w *depotCaller) call(command, elements string) string {
	w.b.Helper()
	body := fmt.Appendf(nil, "<teamdrive><command>%s</command><requesttime>%d</requesttime>%s</teamdrive>", command, time.Now().Unix(), elements)
	req, err := http.NewRequestWithContext(w.b.Context(), http.MethodPost, w.url+"/RPC2?checksum="+auth.DepotChecksum(body, w.salt), bytes.NewReader(body))
	if err != nil {
		w.b.Fatal(err)
	}
	resp, err := w.client.Do(req)
	if err != nil {
		w.b.Error(err)
		return ""
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK || bytes.Contains(text, []byte("<exception>")) {
		w.b.Errorf("%s: %s %s, %v", command, resp.Status, text, err)
	}
	return string(text)
}

// depotWith makes a depot with spaces for a user of its own.
func (w *depotCaller) depotWith(spaces int) {
	w.b.Helper()
	made := w.call("createdepot", "<username>owner</username><disclimit>5000000000</disclimit>")
	_, rest, _ := strings.Cut(made, "<depotid>")
	id, _, _ := strings.Cut(rest, "<")
	for i := range spaces {
		w.call("createspace", fmt.Sprintf("<username>owner</username><depotid>%s</depotid><spacename>space %d</spacename>", id, i))
	}
}

// BenchmarkDepotData is getdepotdata for an owner with 1,000 spaces.
func BenchmarkDepotData(b *testing.B) {
	w := newDepotBench(b)
	w.depotWith(1000)
	for b.Loop() {
		w.call("getdepotdata", "<username>owner</username>")
	}
}

// BenchmarkSpaceData is getspacedata of 1,000 spaces.
func BenchmarkSpaceData(b *testing.B) {
	w := newDepotBench(b)
	w.depotWith(1000)
	for b.Loop() {
		w.call("getspacedata", "<username>owner</username>")
	}
}

// BenchmarkDepotCalls are getdepotdata, and updatecontract, over 16 connections
// with a checksum; client and server share the machine. heap-MiB is what the
// heap grew by, garbage collected.
func BenchmarkDepotCalls(b *testing.B) {
	b.Run("read", func(b *testing.B) {
		w := newDepotBench(b)
		w.depotWith(10)
		before := heap()
		parallel(b, 16, func(int64) { w.call("getdepotdata", "<username>owner</username>") })
		b.ReportMetric(float64(heap()-before)/(1<<20), "heap-MiB")
	})
	b.Run("change", func(b *testing.B) {
		w := newDepotBench(b)
		w.depotWith(10)
		before := heap()
		parallel(b, 16, func(i int64) {
			w.call("updatecontract", fmt.Sprintf("<depotid>2</depotid><contractnumber>%d</contractnumber>", i))
		})
		b.ReportMetric(float64(heap()-before)/(1<<20), "heap-MiB")
	})
}

// heap returns the bytes of live objects.
func heap() int64 {
	runtime.GC()
	runtime.GC() // the first one empties pools half
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
