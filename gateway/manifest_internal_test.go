package gateway

import (
	"reflect"
	"strings"
	"testing"
	"time"
)

// FuzzManifest: what decodes can be stored and is the same when it is read
// again, and joins what it did.
func FuzzManifest(f *testing.F) {
	f.Add([]byte(`[]`))
	f.Add([]byte(`[{"name": "/c/o", "bytes": 5, "hash": "x", "content_type": "a/b", "last_modified": "2026-11-22T03:47:15.000000", "range": "1-3", "sub_slo": true}, {"data": "aGVsbG8="}]`))
	f.Add([]byte(`[{"name": "/c/☃/\u0000", "bytes": 9223372036854775807, "hash": "", "content_type": "", "last_modified": "0001-01-01T00:00:00.000000"}]`))
	f.Add([]byte(`[{"name": "c", "range": "-3"}]`))
	f.Add([]byte(`[{"name": "/c/o", "bytes": 5, "last_modified": "2026-11-22T03:47:15.000000", "range": "9-3"}]`))
	f.Fuzz(func(t *testing.T, text []byte) {
		list, err := decodeManifest(text)
		if err != nil {
			return
		}
		again, err := decodeManifest(encodeManifest(list))
		if err != nil {
			t.Fatalf("%q: %v", encodeManifest(list), err)
		}
		if len(list) != len(again) || len(list) > 0 && !reflect.DeepEqual(list, again) {
			t.Fatalf("%+v became %+v", list, again)
		}
		l, ok := largeOf(list)
		if !ok {
			return
		}
		var sum int64
		for _, p := range partsOf("a", list) {
			if p.n < 0 || p.off < 0 || p.data == nil && p.off+p.n > p.size {
				t.Fatalf("part %+v", p)
			}
			sum += p.n
		}
		if sum != l.Size {
			t.Fatalf("%d bytes of parts, %d of the whole", sum, l.Size)
		}
	})
}

// FuzzSplitManifest: a header that is taken names a container and a prefix.
func FuzzSplitManifest(f *testing.F) {
	for _, value := range []string{"c/p", "c/p/q", "/c/p", "c%2Fp", "c/%00", "c/p?x", "c", "c/", "%zz/p", "é/☃", ".zfs/x", strings.Repeat("c", 257) + "/p"} {
		f.Add(value)
	}
	f.Fuzz(func(t *testing.T, value string) {
		container, prefix, ok := splitManifest(value)
		if !ok {
			return
		}
		if container == "" || prefix == "" || strings.ContainsAny(container, "/\x00") || len(container) > 256 || len(prefix) > 1024 {
			t.Errorf("%q: %q, %q", value, container, prefix)
		}
	})
}

func TestRangesOfSegmentsAreClipped(t *testing.T) {
	for _, tt := range []struct {
		in   SegmentRange
		size int64
		want SegmentRange
		ok   bool
	}{
		{SegmentRange{0, 4}, 5, SegmentRange{0, 4}, true},
		{SegmentRange{2, 99}, 5, SegmentRange{2, 4}, true},
		{SegmentRange{2, -1}, 5, SegmentRange{2, 4}, true},
		{SegmentRange{-1, 2}, 5, SegmentRange{3, 4}, true},
		{SegmentRange{-1, 9}, 5, SegmentRange{0, 4}, true},
		{SegmentRange{5, -1}, 5, SegmentRange{5, 4}, false},
		{SegmentRange{-1, 0}, 5, SegmentRange{5, 4}, false},
		{SegmentRange{0, -1}, 0, SegmentRange{0, -1}, false},
	} {
		if got, ok := tt.in.within(tt.size); ok != tt.ok || ok && got != tt.want {
			t.Errorf("%+v of %d bytes: %+v, %v", tt.in, tt.size, got, ok)
		}
	}
}

func TestManifestTextIsSwifts(t *testing.T) {
	list := []Segment{
		{Container: "seg", Object: `s/"1"`, Size: 5, ETag: "594f", ContentType: "a/b", Modified: time.Unix(1795318940, 10_000), Range: &SegmentRange{1, 3}},
		{Data: []byte("hello")},
	}
	const want = `[{"name": "/seg/s/\"1\"", "bytes": 5, "hash": "594f", "content_type": "a/b", "last_modified": "2026-11-22T03:42:20.000010", "range": "1-3"}, {"data": "aGVsbG8="}]`
	if got := string(encodeManifest(list)); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
