package duracloud_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"entrepot/gateway"
	"entrepot/gateway/gatewaytest"
	"entrepot/protocols/duracloud"
	"entrepot/store"
	"entrepot/store/kv/boltkv"
)

// The benchmarks read a space of a million items from the embedded engine on
// disk, through the whole door; only net/http is left out.

const million = 1_000_000

// big is a door with the space "big" that holds n items, and a journal of
// their puts.
func big(b *testing.B, n int) (*gatewaytest.Fixture, http.Handler) {
	b.Helper()
	engine, err := boltkv.Open(filepath.Join(b.TempDir(), "bench.db"), boltkv.Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = engine.Close() })
	f := fixture(b, gatewaytest.Options{Engine: engine, InlineLimit: store.DefaultInlineLimit})
	ref := gateway.Ref{Account: "acme", Container: "big"}
	if _, err := f.Gateway.Spaces.Create(f.Ctx("admin"), ref); err != nil {
		b.Fatal(err)
	}
	const batch = 10_000
	for first := 0; first < n; first += batch {
		now := f.Store.Now()
		err := f.Store.Update(b.Context(), nil, func(tx *store.Tx) error {
			k, _, err := tx.ContainerNamed("acme", "big")
			for i := first; i < first+batch && err == nil; i++ {
				name := fmt.Sprintf("collection/%04d/item %07d.tif", i/1000, i)
				o := &store.Object{
					Name: name, Created: now, Written: now, Timestamp: now, ContentType: "image/tiff",
					Properties: map[string]string{"creator": "admin", "content-file-modified": "2014-09-10T15:54:42.042"},
				}
				o.Content.MD5[0], o.Content.MD5[1] = byte(i), byte(i>>8)
				tx.PutObject(&k, nil, o, now)
				tx.AddJournal(&store.Journal{
					Container: k.ID, Time: now + store.Stamp(i), Name: name, Action: "put", User: "admin", MD5: o.Content.MD5[:],
					ContentType: o.ContentType, Properties: o.Properties,
				})
			}
			return err
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	return f, handler(b, f, duracloud.Config{})
}

// A counter counts lines and notes how large the heap became.
type counter struct {
	header       http.Header
	status       int
	lines, bytes int
	peak         uint64
	writes       int
}

func (c *counter) Header() http.Header    { return c.header }
func (c *counter) WriteHeader(status int) { c.status = status }

func (c *counter) Write(p []byte) (int, error) {
	for _, x := range p {
		if x == '\n' {
			c.lines++
		}
	}
	c.bytes += len(p)
	if c.writes++; c.writes%20 == 0 {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		c.peak = max(c.peak, m.HeapInuse)
	}
	return len(p), nil
}

// stream measures an answer of many lines.
func stream(b *testing.B, h http.Handler, path string, least int) {
	r := httptest.NewRequest(http.MethodGet, duracloud.DefaultPrefix+path, nil)
	r.SetBasicAuth("admin", "admin")
	var last counter
	lines, begun := 0, time.Now()
	for b.Loop() {
		last = counter{header: http.Header{}}
		h.ServeHTTP(&last, r)
		if last.status != http.StatusOK || last.lines < least {
			b.Fatalf("status %d, %d lines", last.status, last.lines)
		}
		lines += last.lines
	}
	b.ReportMetric(float64(lines)/time.Since(begun).Seconds(), "lines/s")
	b.ReportMetric(float64(last.peak)/(1<<20), "MiB-heap")
}

func BenchmarkMillion(b *testing.B) {
	_, h := big(b, million)
	for _, form := range []string{"TSV", "EXTENDED_TSV", "BAGIT"} {
		b.Run("manifest "+form, func(b *testing.B) { stream(b, h, "/manifest/big?format="+form, million) })
	}
	b.Run("audit", func(b *testing.B) { stream(b, h, "/audit/big", million) })
	for _, marker := range []string{"", "collection/0500/", "collection/0998/"} {
		b.Run("listing behind "+marker, func(b *testing.B) {
			r := httptest.NewRequest(http.MethodGet, duracloud.DefaultPrefix+"/big?maxResults=10000&marker="+marker, nil)
			r.SetBasicAuth("admin", "admin")
			for b.Loop() {
				w := httptest.NewRecorder()
				h.ServeHTTP(w, r)
				if w.Code != http.StatusOK || w.Body.Len() < 10_000 {
					b.Fatalf("%d, %d bytes", w.Code, w.Body.Len())
				}
			}
		})
	}
}

func BenchmarkReportOf365Days(b *testing.B) {
	f, h := big(b, 10_000)
	for range 365 {
		if err := f.Store.SampleUsage(b.Context()); err != nil {
			b.Fatal(err)
		}
		f.Clock.Advance(24 * time.Hour)
	}
	for _, path := range []string{"/report/space/big", "/report/store?groupBy=week"} {
		b.Run(path, func(b *testing.B) {
			for b.Loop() {
				if status, body := get(b, h, "admin", path); status != http.StatusOK || len(body) < 4000 {
					b.Fatalf("%d, %d bytes", status, len(body))
				}
			}
		})
	}
}
