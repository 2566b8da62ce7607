package dav_test

import (
	"compress/gzip"
	"fmt"
	"io"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"

	"entrepot/protocols/dav"
)

// Compressed listings say the same, page after page, and short ones stay as
// they are.
func TestListingsAreCompressedForWhoTakesIt(t *testing.T) {
	f := newFixture(t, dav.Config{})
	for i := range 2_100 {
		f.swiftPut(t, fmt.Sprintf("d/file-%05d", i), "")
	}
	for _, c := range []struct{ method, status string }{{"PROPFIND", "207"}, {"GET", "200"}} {
		plain := f.do(c.method, "/dav/c/d/", "", "Depth", "1")
		packed := f.do(c.method, "/dav/c/d/", "", "Depth", "1", "Accept-Encoding", "gzip")
		if plain.Header().Get("Content-Encoding") != "" || packed.Header().Get("Content-Encoding") != "gzip" ||
			packed.Header().Get("Vary") != "Accept-Encoding" || fmt.Sprint(packed.Code) != c.status {
			t.Fatalf("%s: %d %v, %v", c.method, packed.Code, plain.Header(), packed.Header())
		}
		size := packed.Body.Len()
		r, err := gzip.NewReader(packed.Body)
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(r)
		if err != nil || string(b) != plain.Body.String() {
			t.Errorf("%s: unpacked %d bytes, %v; plain %d", c.method, len(b), err, plain.Body.Len())
		}
		if size*8 > len(b) {
			t.Errorf("%s: %d bytes compressed to %d only", c.method, len(b), size)
		}
	}
	short := f.do("PROPFIND", "/dav/c/d/", "", "Depth", "0", "Accept-Encoding", "gzip")
	if short.Header().Get("Content-Encoding") != "" || short.Header().Get("Content-Length") == "" {
		t.Errorf("a short answer: %v", short.Header())
	}
}

// counter is a response writer that keeps nothing and looks at the heap now
// and then.
type counter struct {
	*httptest.ResponseRecorder
	bytes, responses int
	peak             uint64
	pages            int
}

func (c *counter) Write(p []byte) (int, error) {
	c.bytes += len(p)
	c.responses += strings.Count(string(p), "<D:response>")
	if c.pages++; c.pages%9 == 0 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		c.peak = max(c.peak, m.HeapAlloc)
	}
	return len(p), nil
}

// Vector 56: the memory that a listing needs does not grow with the folder.
func TestListingOfManyFilesNeedsNoMoreMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("makes 110,000 files")
	}
	f := newPlainFixture(t, dav.Config{})
	grown := map[int]int64{}
	for _, files := range []int{10_000, 100_000} {
		folder := fmt.Sprintf("d%d", files)
		for i := range files {
			f.swiftPut(t, fmt.Sprintf("%s/file-%06d.txt", folder, i), "")
		}
		w := &counter{ResponseRecorder: httptest.NewRecorder()}
		var before runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		r := httptest.NewRequest("PROPFIND", "/dav/c/"+folder+"/", nil)
		r.SetBasicAuth("tester", "testing")
		r.Header.Set("Depth", "1")
		f.handler.ServeHTTP(w, r)
		if w.Code != 207 || w.responses != files+1 {
			t.Errorf("%d, %d responses in %d bytes", w.Code, w.responses, w.bytes)
		}
		grown[files] = int64(w.peak) - int64(before.HeapAlloc)
	}
	t.Logf("bytes held beyond those before: %v", grown)
	if small, large := grown[10_000], grown[100_000]; large > 8<<20 || large-small > 1<<20 {
		t.Errorf("listings held %d and %d KiB more than before", small>>10, large>>10)
	}
}
