package httpkit_test

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"entrepot/protocols/internal/httpkit"
)

func TestRangeOfTenBytes(t *testing.T) {
	type spans = []httpkit.Span
	ten := make([]string, 0, 60)
	for i := range 60 {
		ten = append(ten, fmt.Sprintf("%d-%d", i%10, i%10))
	}
	tests := []struct {
		header string
		want   spans // nil: the header is ignored
		none   bool  // nothing satisfiable
	}{
		{"bytes=0-3", spans{{0, 4}}, false},
		{"BYTES=0-3", spans{{0, 4}}, false},
		{"bytes=3-", spans{{3, 7}}, false},
		{"bytes=-3", spans{{7, 3}}, false},
		{"bytes=0-100", spans{{0, 10}}, false},
		{"bytes=-100", spans{{0, 10}}, false},
		{"bytes=0-99999999999999999999999", spans{{0, 10}}, false},
		{"bytes=10-", nil, true},
		{"bytes=100-200", nil, true},
		{"bytes=99999999999999999999999-", nil, true},
		{"bytes=-0", nil, true},
		{"bytes=5-2", nil, false},
		{"bytes=", nil, false},
		{"bytes=-", nil, false},
		{"bytes=a-b", nil, false},
		{"bytes=0x1-5", nil, false},
		{"bytes=--5", nil, false},
		{"bytes=+1-5", nil, false},
		{"bytes=0-1,", nil, false},
		{"chars=0-1", nil, false},
		{"", nil, false},
		{"bytes=0-1,4-5", spans{{0, 2}, {4, 2}}, false},
		{"bytes=4-5, 0-1", spans{{4, 2}, {0, 2}}, false},
		{"bytes=0-1,100-", spans{{0, 2}}, false},
		{"bytes=100-,200-", nil, true},
		{"bytes=0-5,1-6", spans{{0, 6}, {1, 6}}, false},
		{"bytes=0-5,1-6,2-7", nil, true},
		{"bytes=0-1,0-1,0-1", nil, true},
		{"bytes=1-1,0-0,2-2,3-3,4-4,5-5,6-6,7-7", nil, true},
		{"bytes=" + strings.Join(ten, ","), nil, true},
	}
	for _, tt := range tests {
		set, ok := httpkit.ParseRange(tt.header)
		if want := tt.want != nil || tt.none; ok != want {
			t.Errorf("ParseRange(%q): taken %v, want %v", tt.header, ok, want)
			continue
		}
		if !ok {
			continue
		}
		got, err := set.For(10)
		var unsatisfiable *httpkit.RangeError
		if errors.As(err, &unsatisfiable) != tt.none {
			t.Errorf("%q: error %v, want unsatisfiable %v", tt.header, err, tt.none)
		}
		if tt.none && unsatisfiable.ContentRange() != "bytes */10" {
			t.Errorf("%q: Content-Range %q", tt.header, unsatisfiable.ContentRange())
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%q: %s", tt.header, diff)
		}
	}
}

func TestRangeOfNothing(t *testing.T) {
	for header, satisfiable := range map[string]bool{"bytes=0-": false, "bytes=5-": false, "bytes=-0": false, "bytes=-5": true} {
		set, ok := httpkit.ParseRange(header)
		if !ok {
			t.Fatalf("%q was ignored", header)
		}
		spans, err := set.For(0)
		if (err == nil) != satisfiable || len(spans) != 0 {
			t.Errorf("%q on an empty content: %v, %v", header, spans, err)
		}
	}
}

func FuzzParseRange(f *testing.F) {
	for _, s := range []string{"bytes=0-3", "bytes=-3", "bytes=5-2", "bytes=0-1,4-5", "bytes=9-,-0", "bytes=1-99999999999999999999", "bytes=0-0, 2-2 ,\t4-"} {
		f.Add(s, int64(10))
	}
	f.Add("bytes=-1", int64(math.MaxInt64))
	f.Fuzz(func(t *testing.T, header string, size int64) {
		set, ok := httpkit.ParseRange(header)
		if size = max(size, 0); !ok {
			return
		}
		spans, err := set.For(size)
		if err != nil && spans != nil {
			t.Fatalf("%v beside %v", spans, err)
		}
		if len(spans) > 50 {
			t.Fatalf("%d spans", len(spans))
		}
		for _, s := range spans {
			if s.Off < 0 || s.Len <= 0 || s.Off > size-s.Len {
				t.Fatalf("span %+v lies outside %d bytes", s, size)
			}
		}
	})
}
