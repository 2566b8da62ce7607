package dav

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"entrepot/gateway/errs"
)

func TestParseDepth(t *testing.T) {
	tests := []struct {
		value  string
		want   depth
		noroot bool
	}{
		{"", depthInfinity, false}, {"0", depthZero, false}, {"1", depthOne, false}, {" 1 ", depthOne, false},
		{"infinity", depthInfinity, false}, {"Infinity", depthInfinity, false}, {"1,noroot", depthOne, true},
		{"1, NoRoot", depthOne, true}, {"infinity,noroot", depthInfinity, true},
	}
	for _, tt := range tests {
		if got, noroot, err := parseDepth(tt.value); err != nil || got != tt.want || noroot != tt.noroot {
			t.Errorf("parseDepth(%q) = %v, %v, %v", tt.value, got, noroot, err)
		}
	}
	for _, value := range []string{"2", "-1", "all", "0,noroot", "1,root", ",noroot", "1,"} {
		if _, _, err := parseDepth(value); errs.Of(err) != errs.Invalid {
			t.Errorf("parseDepth(%q): %v", value, err)
		}
	}
}

func TestParseTimeoutTakesTheFirstThatIsUnderstood(t *testing.T) {
	tests := []struct {
		values []string
		want   time.Duration
	}{
		{nil, 0}, {[]string{""}, 0}, {[]string{"Extended-9"}, 0}, {[]string{"Second-"}, 0}, {[]string{"Second--5"}, 0},
		{[]string{"Second-600"}, 10 * time.Minute}, {[]string{"second-1"}, time.Second}, {[]string{"Second-0"}, time.Second},
		{[]string{"Infinite, Second-4100000000"}, longestTimeout}, {[]string{"Infinity"}, longestTimeout},
		{[]string{"Extended-9, Second-5"}, 5 * time.Second}, {[]string{"x", "Second-7"}, 7 * time.Second},
		{[]string{"Second-99999999999999999999"}, longestTimeout}, {[]string{"Second-9223372036854775807"}, longestTimeout},
	}
	for _, tt := range tests {
		if got := parseTimeout(tt.values); got != tt.want {
			t.Errorf("parseTimeout(%q) = %v, want %v", tt.values, got, tt.want)
		}
	}
}

func TestParseOverwrite(t *testing.T) {
	for value, want := range map[string]bool{"": true, "T": true, "t": true, "F": false, " f ": false} {
		if got, err := parseOverwrite(value); err != nil || got != want {
			t.Errorf("parseOverwrite(%q) = %v, %v", value, got, err)
		}
	}
	if _, err := parseOverwrite("yes"); errs.Of(err) != errs.Invalid {
		t.Errorf("yes: %v", err)
	}
}

func TestParseLockToken(t *testing.T) {
	for _, value := range []string{" <opaquelocktoken:1> ", "opaquelocktoken:1"} {
		if got, err := parseLockToken(value); err != nil || got != "opaquelocktoken:1" {
			t.Errorf("parseLockToken(%q): %q, %v", value, got, err)
		}
	}
	for _, value := range []string{"", "token", "<>", "<a", "<a:b", "a:b>", "a>", "<a><b>", "<a b>", "a:b c:d", "a:b,<c:d>"} {
		if _, err := parseLockToken(value); errs.Of(err) != errs.Invalid {
			t.Errorf("parseLockToken(%q): %v", value, err)
		}
	}
}

func TestParseEpoch(t *testing.T) {
	for value, want := range map[string]time.Time{
		"1420070400":    time.Date(2015, 1, 1, 0, 0, 0, 0, time.UTC),
		" 1420070400 ":  time.Date(2015, 1, 1, 0, 0, 0, 0, time.UTC),
		"1.5":           time.Unix(1, 5e8).UTC(),
		"1.1234567891":  time.Unix(1, 123456789).UTC(),
		"-1":            time.Unix(-1, 0).UTC(),
		"-1.5":          time.Unix(-1, -5e8).UTC(),
		"-62135596800":  time.Unix(-62135596800, 0).UTC(),
		"253402300799.": time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC),
	} {
		if got, ok := parseEpoch(value); !ok || !got.Equal(want) {
			t.Errorf("parseEpoch(%q) = %v, %v", value, got, ok)
		}
	}
	for _, value := range []string{"", "x", "1e9", "+1", "1.-5", "1.x", "253402300800", "-62135596801", "0x10", "1 2"} {
		if got, ok := parseEpoch(value); ok {
			t.Errorf("parseEpoch(%q) = %v", value, got)
		}
	}
}

func TestParseModified(t *testing.T) {
	want := time.Date(2015, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, value := range []string{"Thu, 01 Jan 2015 00:00:00 GMT", "1420070400", "2015-01-01T00:00:00Z", " 2015-01-01T01:00:00+01:00\n"} {
		if got, err := parseModified(value); err != nil || !got.Equal(want) {
			t.Errorf("parseModified(%q) = %v, %v", value, got, err)
		}
	}
	if _, err := parseModified("yesterday"); errs.Of(err) != errs.Conflict {
		t.Errorf("yesterday: %v", err)
	}
}

func TestWantsMinimal(t *testing.T) {
	for _, h := range []http.Header{
		{"Brief": {"t"}}, {"Brief": {"T"}}, {"Prefer": {"return=minimal"}}, {"Prefer": {"depth-noroot, Return=\"minimal\"; x"}},
		{"Prefer": {"wait=1", "return=minimal"}},
	} {
		if !wantsMinimal(h) {
			t.Errorf("%v is minimal", h)
		}
	}
	for _, h := range []http.Header{{}, {"Brief": {"f"}}, {"Prefer": {"return=representation"}}} {
		if wantsMinimal(h) {
			t.Errorf("%v is not minimal", h)
		}
	}
}

// FuzzHeaders feeds the small header parsers; a Timeout never fails and is
// never negative.
func FuzzHeaders(f *testing.F) {
	for _, seed := range []string{"Second-5, Infinite", "1,noroot", "T", "<opaquelocktoken:x>", "1420070400.5", "Thu, 01 Jan 2015 00:00:00 GMT"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		if d := parseTimeout([]string{value}); d < 0 {
			t.Fatalf("timeout %v", d)
		}
		if d, noroot, err := parseDepth(value); err == nil && (d > depthOne || (noroot && d == depthZero)) {
			t.Fatalf("depth %v", d)
		}
		if token, err := parseLockToken(value); err == nil && strings.ContainsAny(token, "<> ") {
			t.Fatalf("token %q", token)
		}
		if at, ok := parseEpoch(value); ok && (at.Year() < 0 || at.Year() > 9999) {
			t.Fatalf("time %v", at)
		}
		for _, tag := range parseETags([]string{value}, true) {
			if tag == "" || strings.Contains(tag, `"`) {
				t.Fatalf("tag %q", tag)
			}
		}
		if _, err := parseOverwrite(value); err != nil && errs.Of(err) != errs.Invalid {
			t.Fatal(err)
		}
	})
}
