package swift_test

import (
	"net/http"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"entrepot/gateway"
	"entrepot/gateway/errs"
	"entrepot/protocols/swift"
)

func headers(pairs ...string) http.Header {
	h := http.Header{}
	for i := 0; i < len(pairs); i += 2 {
		h.Add(pairs[i], pairs[i+1])
	}
	return h
}

func TestPropertiesTakeNamesInLowerCaseAndTrimValues(t *testing.T) {
	got, err := swift.Properties(headers("X-Object-Meta-UPPER_case", " v ", "X-Object-Meta-Empty", "",
		"X-Object-Meta-Two", "a", "X-Object-Meta-Two", "b", "X-Other", "x"), "X-Object-Meta-")
	want := gateway.Properties{"upper-case": "v", "empty": "", "two": "a,b"}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Error(err, diff)
	}
}

func TestPropertiesHaveLimits(t *testing.T) {
	many, large := http.Header{}, http.Header{}
	for i := range 91 {
		many.Set("X-Object-Meta-"+string(rune('a'+i%26))+strings.Repeat("x", i/26), "v")
	}
	for i := range 17 {
		large.Set("X-Object-Meta-"+string(rune('a'+i)), strings.Repeat("v", 250))
	}
	tests := []struct {
		h    http.Header
		text string
	}{
		{headers("X-Object-Meta-"+strings.Repeat("n", 128), strings.Repeat("v", 256)), ""},
		{headers("X-Object-Meta-"+strings.Repeat("n", 129), "v"), "Metadata name too long: x-object-meta-N" + strings.Repeat("n", 128)},
		{headers("X-Object-Meta-A", strings.Repeat("v", 257)), "Metadata value longer than 256: x-object-meta-A"},
		{headers("X-Object-Meta-", "v"), "Metadata name cannot be empty"},
		{headers("X-Object-Meta-A", "\xff"), "Metadata must be valid UTF-8"},
		{many, "Too many metadata items; max 90"},
		{large, "Total metadata too large; max 4096"},
	}
	for _, tt := range tests {
		_, err := swift.Properties(tt.h, "X-Object-Meta-")
		if got := errs.TextOf(err); got != tt.text || err != nil && errs.ReasonOf(err) != errs.BadMetadata {
			t.Errorf("got %v, want %q", err, tt.text)
		}
	}
}

func TestChangesLetTheSettingFormWin(t *testing.T) {
	got, err := swift.Changes(headers("X-Account-Meta-A", "1", "X-Remove-Account-Meta-A", "x",
		"X-Remove-Account-Meta-B_c", "x", "X-Account-Meta-D", ""), "X-Account-Meta-", "X-Remove-Account-Meta-")
	if diff := cmp.Diff(gateway.Properties{"a": "1", "b-c": "", "d": ""}, got); diff != "" || err != nil {
		t.Error(err, diff)
	}
	_, err = swift.Changes(headers("X-Remove-Account-Meta-"+strings.Repeat("n", 129), "x"), "X-Account-Meta-", "X-Remove-Account-Meta-")
	if errs.ReasonOf(err) != errs.BadMetadata {
		t.Errorf("a name that cannot be: %v", err)
	}
}

func FuzzProperties(f *testing.F) {
	f.Add("UPPER_case", "value", "b", "")
	f.Add("", "v", "-", "☃")
	f.Add(strings.Repeat("n", 129), "v", "x", strings.Repeat("v", 257))
	f.Fuzz(func(t *testing.T, k1, v1, k2, v2 string) {
		h := http.Header{"X-Object-Meta-" + k1: {v1}, "X-Object-Meta-" + k2: {v2}}
		props, err := swift.Properties(h, "X-Object-Meta-")
		if err != nil {
			if props != nil || errs.Of(err) != errs.Invalid {
				t.Fatalf("%v beside %v", props, err)
			}
			return
		}
		for k, v := range props {
			if k == "" || len(v) > 256 || !utf8.ValidString(v) || strings.Contains(k, "_") {
				t.Fatalf("%q: %q was let through", k, v)
			}
			again, err := swift.Properties(http.Header{swift.HeaderName("X-Object-Meta-", k): {v}}, "X-Object-Meta-")
			if err == nil && again[k] != v {
				t.Fatalf("%q: %q came back as %v", k, v, again)
			}
		}
	})
}

func TestHeaderNamesAreInTitleCase(t *testing.T) {
	for name, want := range map[string]string{
		"foo-bar": "X-Object-Meta-Foo-Bar", "temp-url-key-2": "X-Object-Meta-Temp-Url-Key-2", "a": "X-Object-Meta-A", "1a": "X-Object-Meta-1a",
	} {
		if got := swift.HeaderName("X-Object-Meta-", name); got != want || got != http.CanonicalHeaderKey(got) {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}

func TestExpiry(t *testing.T) {
	now := time.Unix(1_800_000_000, 500)
	tests := []struct {
		h    http.Header
		want int64
		text string
	}{
		{headers(), 0, ""},
		{headers("X-Delete-At", "1800000060"), 1800000060, ""},
		{headers("X-Delete-After", "60"), 1800000060, ""},
		{headers("X-Delete-After", "60", "X-Delete-At", "1"), 1800000060, ""},
		{headers("X-Delete-At", "99999999999"), 9999999999, ""},
		{headers("X-Delete-At", "99999999999999999999999"), 9999999999, ""},
		{headers("X-Delete-After", "99999999999999999999999"), 9999999999, ""},
		{headers("X-Delete-At", "1800000060", "X-Remove-Delete-At", "x"), 0, ""},
		{headers("X-Delete-At", "abc"), 0, "Non-integer X-Delete-At"},
		{headers("X-Delete-At", ""), 0, "Non-integer X-Delete-At"},
		{headers("X-Delete-At", "1.5"), 0, "Non-integer X-Delete-At"},
		{headers("X-Delete-At", "1"), 0, "X-Delete-At in past"},
		{headers("X-Delete-After", ""), 0, "Non-integer X-Delete-After"},
		{headers("X-Delete-After", "0"), 0, "X-Delete-After in past"},
		{headers("X-Delete-After", "-99999999999999999999999"), 0, "X-Delete-After in past"},
	}
	for _, tt := range tests {
		got, err := swift.DeleteAt(tt.h, now)
		if tt.text != "" {
			if status, text := swift.AnswerTo(err); err == nil || status != 400 || text != tt.text {
				t.Errorf("%v: %v, want %q", tt.h, err, tt.text)
			}
			continue
		}
		if err != nil || tt.want == 0 && !got.IsZero() || tt.want != 0 && got.Unix() != tt.want {
			t.Errorf("%v: %v, %v; want %d", tt.h, got, err, tt.want)
		}
	}
}

func FuzzExpiry(f *testing.F) {
	for _, s := range []string{"", "1", "-1", "+5", "1e9", "99999999999999999999", " 7 "} {
		f.Add(s, true)
		f.Add(s, false)
	}
	f.Fuzz(func(t *testing.T, value string, after bool) {
		name := map[bool]string{true: "X-Delete-After", false: "X-Delete-At"}[after]
		now := time.Unix(1_800_000_000, 0)
		at, err := swift.DeleteAt(http.Header{name: {value}}, now)
		if err == nil && (at.Before(now) || at.Unix() > 9999999999) {
			t.Fatalf("%q became %v", value, at)
		}
	})
}

func TestConditions(t *testing.T) {
	date := time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC)
	got := swift.ConditionsOf(headers("If-Match", `"a", b,W/"c"`, "If-Match", "*", "If-None-Match", "",
		"If-Modified-Since", "Sun, 22 Nov 2026 03:00:00 GMT", "If-Unmodified-Since", "yesterday"))
	want := gateway.Conditions{IfMatch: []string{"a", "b", `W/"c"`, "*"}, IfModifiedSince: date}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func FuzzConditions(f *testing.F) {
	f.Add(`"a", "b"`, "Sun, 22 Nov 2026 03:00:00 GMT")
	f.Add(`W/"a",,*`, "Sunday, 22-Nov-26 03:00:00 GMT")
	f.Add(`"`, "")
	f.Fuzz(func(t *testing.T, tags, date string) {
		c := swift.ConditionsOf(http.Header{"If-Match": {tags}, "If-None-Match": {tags, tags}, "If-Modified-Since": {date}})
		for _, tag := range c.IfMatch {
			if tag == "" || strings.Contains(tag, ",") {
				t.Fatalf("%q gave the tag %q", tags, tag)
			}
		}
		if len(c.IfMatch) > 1000 || len(c.IfNoneMatch) > 1000 {
			t.Fatalf("%d tags", len(c.IfMatch))
		}
	})
}

func TestContentTypesThatSwiftKeepsForItself(t *testing.T) {
	for value, text := range map[string]string{
		"": "", "text/plain": "", "a/b; charset=x; swifty=1": "",
		"a/b\xff":            "Invalid Content-Type",
		"a/b; swift_bytes=1": "Invalid Content-Type, swift_* is not a valid parameter name.",
		"a/b;x=1;SWIFT_x":    "Invalid Content-Type, swift_* is not a valid parameter name.",
	} {
		err := swift.CheckType(value)
		if text == "" && err != nil {
			t.Errorf("%q: %v", value, err)
		}
		if text != "" {
			if status, got := swift.AnswerTo(err); err == nil || status != 400 || got != text {
				t.Errorf("%q: %v", value, err)
			}
		}
	}
}
