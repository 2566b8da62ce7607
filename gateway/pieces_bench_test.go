package gateway_test

import (
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"entrepot/gateway"
)

// BenchmarkAssemble1G puts a GiB together that came in 100 pieces, and reports
// how many bytes the process reads and writes for it (Linux).
func BenchmarkAssemble1G(b *testing.B) {
	const pieces, size = 100, 1 << 30 / 100
	for name, order := range map[string]func(i int) int{
		"in order": func(i int) int { return i + 1 }, "from the end": func(i int) int { return pieces - i },
	} {
		b.Run(name, func(b *testing.B) {
			d := newDisk(b)
			var read, written int64
			for range b.N {
				b.StopTimer()
				if err := d.g.Objects.BeginUpload(d.ctx, "u"); err != nil {
					b.Fatal(err)
				}
				for i := range pieces {
					_, err := d.g.Objects.PutPiece(d.ctx, "u", fmt.Sprint(order(i)), io.LimitReader(zeros{}, size), gateway.PutOptions{Size: size})
					if err != nil {
						b.Fatal(err)
					}
				}
				r, w := transferred(b)
				b.StartTimer()
				if _, err := d.g.Objects.Assemble(d.ctx, "u", ref("c", "whole"), pieces*size, gateway.PutOptions{}); err != nil {
					b.Fatal(err)
				}
				b.StopTimer()
				r2, w2 := transferred(b)
				read, written = read+r2-r, written+w2-w
				b.StartTimer()
			}
			b.ReportMetric(float64(read)/float64(b.N), "readB/op")
			b.ReportMetric(float64(written)/float64(b.N), "writtenB/op")
		})
	}
}

// transferred is how many bytes the process has read and written in all.
func transferred(b *testing.B) (read, written int64) {
	text, err := os.ReadFile("/proc/self/io")
	if err != nil {
		b.Skip(err)
	}
	for line := range strings.Lines(string(text)) {
		_, _ = fmt.Sscanf(line, "rchar: %d", &read)
		_, _ = fmt.Sscanf(line, "wchar: %d", &written)
	}
	return read, written
}
