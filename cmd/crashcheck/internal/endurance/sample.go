// Package endurance measures what a gateway needs while it works for long or
// holds much: memory, descriptors, goroutines, starts.
package endurance

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"entrepot/cmd/crashcheck/internal/process"
	"entrepot/cmd/crashcheck/internal/wire"
)

// A Sample is what a gateway needs at one moment.
type Sample struct {
	After       time.Duration // since the first sample
	Anon        int64         // resident memory that is no file's, bytes: all but the page cache
	Heap        int64         // in use, bytes
	Goroutines  int64
	Descriptors int64
}

// String shows the sample as a line of a table.
func (s Sample) String() string {
	return fmt.Sprintf("%7s  %6.1f MiB  %6.1f MiB  %4d  %4d", s.After.Round(time.Second), mib(s.Anon), mib(s.Heap), s.Goroutines, s.Descriptors)
}

// heading is the head of the table.
const heading = "  after    resident       heap  goroutines  descriptors"

func mib(n int64) float64 { return float64(n) / (1 << 20) }

// Take samples a gateway, by /proc and by its own metrics.
func Take(ctx context.Context, g *process.Gateway, w *wire.Client, begun time.Time) (Sample, error) {
	s := Sample{After: time.Since(begun)}
	var err error
	if s.Anon, err = anon(g.Pid()); err != nil {
		return s, err
	}
	open, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", g.Pid()))
	if err != nil {
		return s, err
	}
	s.Descriptors = int64(len(open))
	a := w.Do(ctx, wire.Request{Door: wire.RPC, Method: http.MethodGet, Path: "/metrics"})
	if a.Status != http.StatusOK || a.Err != nil {
		return s, fmt.Errorf("/metrics: status %d, %w", a.Status, a.Err)
	}
	for metric, to := range map[string]*int64{"go_memstats_heap_inuse_bytes": &s.Heap, "go_goroutines": &s.Goroutines} {
		if *to, err = value(strings.NewReader(string(a.Body)), metric); err != nil {
			return s, err
		}
	}
	return s, nil
}

// anon returns the resident memory of a process that belongs to no file.
func anon(pid int) (int64, error) {
	f, err := os.Open(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	defer f.Close()
	kib, err := value(f, "RssAnon:")
	return kib << 10, err
}

// value finds the line that begins with a name, and returns the number that
// follows.
func value(r io.Reader, name string) (int64, error) {
	for lines := bufio.NewScanner(r); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if len(fields) > 1 && fields[0] == name {
			v, err := strconv.ParseFloat(fields[1], 64)
			return int64(v), err
		}
	}
	return 0, errors.New(name + " is not told")
}
