package httpkit_test

import (
	"errors"
	"net/url"
	"strings"
	"testing"

	"entrepot/gateway"
	"entrepot/protocols/internal/httpkit"
)

func TestSplitSwift(t *testing.T) {
	tests := []struct {
		path string
		want gateway.Ref
		err  error
	}{
		{"/v1/AUTH_a", gateway.Ref{Account: "AUTH_a"}, nil},
		{"/v1.0/AUTH_a/", gateway.Ref{Account: "AUTH_a"}, nil},
		{"/v1/AUTH_a/c", gateway.Ref{Account: "AUTH_a", Container: "c"}, nil},
		{"/v1/AUTH_a/c/", gateway.Ref{Account: "AUTH_a", Container: "c"}, nil},
		{"/v1/AUTH_a/c/o", gateway.Ref{Account: "AUTH_a", Container: "c", Object: "o"}, nil},
		{"/v1/AUTH_a/c//a/../b/", gateway.Ref{Account: "AUTH_a", Container: "c", Object: "/a/../b/"}, nil},
		{"/v1/AUTH_a/./..", gateway.Ref{Account: "AUTH_a", Container: ".", Object: ".."}, nil},
		{"/v1/AUTH_a/c/\x01 ☃", gateway.Ref{Account: "AUTH_a", Container: "c", Object: "\x01 ☃"}, nil},
		{"/v1", gateway.Ref{}, httpkit.ErrBadURL},
		{"/v1/", gateway.Ref{}, httpkit.ErrBadURL},
		{"/v1//c", gateway.Ref{}, httpkit.ErrBadURL},
		{"/v1/AUTH_a//o", gateway.Ref{}, httpkit.ErrBadURL},
		{"/bogus", gateway.Ref{}, httpkit.ErrBadURL},
		{"/v2/AUTH_a", gateway.Ref{}, httpkit.ErrBadVersion},
		{"/v1/AUTH_a/\xff", gateway.Ref{}, httpkit.ErrBadText},
		{"/v1/AUTH_a/c/a\x00b", gateway.Ref{}, httpkit.ErrBadText},
	}
	for _, tt := range tests {
		got, err := httpkit.SplitSwift(tt.path)
		if got != tt.want || !errors.Is(err, tt.err) {
			t.Errorf("SplitSwift(%q) = %+v, %v; want %+v, %v", tt.path, got, err, tt.want, tt.err)
		}
	}
}

func FuzzSplitSwift(f *testing.F) {
	for _, s := range []string{"/v1/A/c/o", "/v1/A//", "/v1/A/c//a/../b/", "/v1.0/A", "/v1/A/c/\x00", "/v1/\xff", "v1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, path string) {
		ref, err := httpkit.SplitSwift(path)
		if err != nil {
			if ref != (gateway.Ref{}) {
				t.Fatalf("%+v beside %v", ref, err)
			}
			return
		}
		if ref.Account == "" || strings.Contains(ref.Account+ref.Container, "/") || ref.Container == "" && ref.Object != "" {
			t.Fatalf("%q: impossible %+v", path, ref)
		}
		again, err := httpkit.SplitSwift("/v1/" + ref.Account + "/" + ref.Container + "/" + ref.Object)
		if ref.Container == "" {
			again, err = httpkit.SplitSwift("/v1/" + ref.Account)
		}
		if err != nil || again != ref {
			t.Fatalf("%+v does not survive the round trip: %+v, %v", ref, again, err)
		}
	})
}

func TestSplitSwiftCopy(t *testing.T) {
	tests := []struct {
		value, container, object string
		ok                       bool
	}{
		{"c/o", "c", "o", true},
		{"/c/o", "c", "o", true},
		{"c2/copy%20x", "c2", "copy x", true},
		{"c%2Fo", "c", "o", true},
		{"c/a/b/", "c", "a/b/", true},
		{"c/a+b", "c", "a+b", true},
		{"noslash", "", "", false},
		{"c/", "", "", false},
		{"//o", "", "", false},
		{"", "", "", false},
		{"c/%ff", "", "", false},
		{"c/%00", "", "", false},
		{"c/%zz", "", "", false},
	}
	for _, tt := range tests {
		c, o, ok := httpkit.SplitSwiftCopy(tt.value)
		if ok != tt.ok || ok && (c != tt.container || o != tt.object) {
			t.Errorf("SplitSwiftCopy(%q) = %q, %q, %v", tt.value, c, o, ok)
		}
	}
}

func FuzzSplitSwiftCopy(f *testing.F) {
	for _, s := range []string{"c/o", "/c/o%20x", "c%2Fo", "c/%ff", "noslash", "%", "c/%E2%98%83"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, value string) {
		c, o, ok := httpkit.SplitSwiftCopy(value)
		if !ok {
			return
		}
		c2, o2, ok := httpkit.SplitSwiftCopy(httpkit.EscapePath(c + "/" + o))
		if !ok || c2 != c || o2 != o {
			t.Fatalf("%q, %q became %q, %q, %v", c, o, c2, o2, ok)
		}
	})
}

func FuzzUnescape(f *testing.F) {
	for _, s := range []string{"a%20b", "a+b", "%", "%4", "%zz", "%E2%98%83"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, ok := httpkit.Unescape(s, false)
		want, err := url.PathUnescape(s)
		if ok != (err == nil) || ok && got != want {
			t.Fatalf("path: %q, %v; want %q, %v", got, ok, want, err)
		}
		got, ok = httpkit.Unescape(s, true)
		want, err = url.QueryUnescape(s)
		if ok != (err == nil) || ok && got != want {
			t.Fatalf("query: %q, %v; want %q, %v", got, ok, want, err)
		}
		if back, ok := httpkit.Unescape(httpkit.EscapePath(s), true); !ok || back != s {
			t.Fatalf("escaped %q came back as %q", s, back)
		}
	})
}
