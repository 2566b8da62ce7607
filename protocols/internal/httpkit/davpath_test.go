package httpkit_test

import (
	"strings"
	"testing"

	"entrepot/gateway"
	"entrepot/gateway/errs"
	"entrepot/protocols/internal/httpkit"
)

func TestSplitDavPath(t *testing.T) {
	tests := []struct {
		path string
		want httpkit.DavPath
	}{
		{"/dav", httpkit.DavPath{}},
		{"/dav/", httpkit.DavPath{Slash: true}},
		{"/dav/c", httpkit.DavPath{Ref: gateway.Ref{Container: "c"}}},
		{"/dav/c/", httpkit.DavPath{Ref: gateway.Ref{Container: "c"}, Slash: true}},
		{"/dav//c///a//b", httpkit.DavPath{Ref: gateway.Ref{Container: "c", Object: "a/b"}}},
		{"/dav/c/a%20b%25", httpkit.DavPath{Ref: gateway.Ref{Container: "c", Object: "a b%"}}},
		{"/dav/c/a+b", httpkit.DavPath{Ref: gateway.Ref{Container: "c", Object: "a+b"}}},
		{"/dav/c/%2525", httpkit.DavPath{Ref: gateway.Ref{Container: "c", Object: "%25"}}},
		{"/dav/c/d/", httpkit.DavPath{Ref: gateway.Ref{Container: "c", Object: "d"}, Slash: true}},
		{"/dav/@other/c/x", httpkit.DavPath{Ref: gateway.Ref{Account: "other", Container: "c", Object: "x"}, Named: true}},
		{"/dav/@other", httpkit.DavPath{Ref: gateway.Ref{Account: "other"}, Named: true}},
		{"/dav/%40c/x", httpkit.DavPath{Ref: gateway.Ref{Container: "@c", Object: "x"}}},
		{"/dav/c/@x", httpkit.DavPath{Ref: gateway.Ref{Container: "c", Object: "@x"}}},
		{"/dav/@a/@b", httpkit.DavPath{Ref: gateway.Ref{Account: "a", Container: "@b"}, Named: true}},
		{"/dav/c/%C3%BC", httpkit.DavPath{Ref: gateway.Ref{Container: "c", Object: "ü"}}},
		{"/dav/c/...", httpkit.DavPath{Ref: gateway.Ref{Container: "c", Object: "..."}}},
	}
	for _, tt := range tests {
		got, err := httpkit.SplitDavPath("/dav", tt.path)
		if err != nil || got != tt.want {
			t.Errorf("SplitDavPath(%q) = %+v, %v; want %+v", tt.path, got, err, tt.want)
		}
	}
}

func TestSplitDavPathRefuses(t *testing.T) {
	tests := []struct {
		path   string
		kind   errs.Kind
		reason errs.Reason
	}{
		{"/davx/", errs.NotFound, ""},
		{"/", errs.NotFound, ""},
		{"/dav/c/../x", errs.Invalid, errs.BadName},
		{"/dav/c/%2e%2E/x", errs.Invalid, errs.BadName},
		{"/dav/./c", errs.Invalid, errs.BadName},
		{"/dav/c/x%2fy", errs.Invalid, errs.BadName},
		{"/dav/c/x%2Fy", errs.Invalid, errs.BadName},
		{"/dav/c/x%00y", errs.Invalid, errs.BadName},
		{"/dav/c/x%0ay", errs.Invalid, errs.BadName},
		{"/dav/c/x%7f", errs.Invalid, errs.BadName},
		{"/dav/c/%ff", errs.Invalid, errs.BadName},
		{"/dav/c/%zz", errs.Invalid, errs.BadName},
		{"/dav/c/%", errs.Invalid, errs.BadName},
		{"/dav/@/c", errs.Invalid, errs.BadName},
		{"/dav/c/%EF%BF%BF", errs.Invalid, errs.BadName},
		{"/dav/" + strings.Repeat("a", 257), errs.Invalid, errs.NameTooLong},
		{"/dav/c/" + strings.Repeat("a", 1025), errs.Invalid, errs.NameTooLong},
	}
	for _, tt := range tests {
		_, err := httpkit.SplitDavPath("/dav", tt.path)
		if errs.Of(err) != tt.kind || errs.ReasonOf(err) != tt.reason {
			t.Errorf("SplitDavPath(%q) = %v; want %v (%v)", tt.path, err, tt.kind, tt.reason)
		}
	}
}

func TestSplitDavPathAcceptsNamesAtTheLimit(t *testing.T) {
	path := "/dav/" + strings.Repeat("c", 256) + "/" + strings.Repeat("%41", 1024)
	p, err := httpkit.SplitDavPath("/dav", path)
	if err != nil || len(p.Ref.Object) != 1024 {
		t.Errorf("limit names: %v", err)
	}
}

func TestAppendDavHref(t *testing.T) {
	tests := []struct {
		ref   gateway.Ref
		named bool
		want  string
	}{
		{gateway.Ref{Account: "t"}, false, "/dav/"},
		{gateway.Ref{Account: "t"}, true, "/dav/@t/"},
		{gateway.Ref{Account: "t", Container: "@c"}, false, "/dav/%40c/"},
		{gateway.Ref{Account: "t", Container: "c", Object: "d/"}, false, "/dav/c/d/"},
		{gateway.Ref{Container: "c", Object: "sp ace#%ü&.txt"}, false, "/dav/c/sp%20ace%23%25%C3%BC%26.txt"},
		{gateway.Ref{Container: "c", Object: "a-b_c.d~e!(f)"}, false, "/dav/c/a-b_c.d~e%21%28f%29"},
	}
	for _, tt := range tests {
		if got := string(httpkit.AppendDavHref(nil, "/dav", tt.named, tt.ref)); got != tt.want {
			t.Errorf("AppendDavHref(%v) = %q, want %q", tt.ref, got, tt.want)
		}
	}
}

// FuzzSplitDavPath checks that the splitter never yields what it should
// refuse, and that its inverse leads back to the same resource.
func FuzzSplitDavPath(f *testing.F) {
	for _, seed := range []string{"/dav", "/dav/c/a%20b", "/dav/@x/c/", "/dav/%40c//y/", "/davx", "/dav/c/%2e%2e", "/dav/c/%C3%BC"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, path string) {
		p, err := httpkit.SplitDavPath("/dav", path)
		if err != nil {
			return
		}
		for seg := range strings.SplitSeq(p.Ref.Object, "/") {
			if seg == "." || seg == ".." || strings.ContainsAny(seg, "\x00\n\x7f") || (seg == "" && p.Ref.Object != "") {
				t.Fatalf("%q gave segment %q", path, seg)
			}
		}
		href := string(httpkit.AppendDavHref(nil, "/dav", p.Named, p.Ref))
		again, err := httpkit.SplitDavPath("/dav", href)
		if err != nil || again.Ref != p.Ref || again.Named != p.Named {
			t.Fatalf("%q → %+v → %q → %+v, %v", path, p, href, again, err)
		}
	})
}
