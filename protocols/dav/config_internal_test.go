package dav

import (
	"testing"

	"entrepot/gateway/errs"
)

// A drive that no request could reach, or that would take the requests of
// another place, is refused when it is made.
func TestSettingsThatCannotBeAreRefused(t *testing.T) {
	tests := []struct {
		cfg  Config
		good bool
	}{
		{Config{}, true},
		{Config{Prefix: "/drive"}, true},
		{Config{Prefix: "/files/of/all"}, true},
		{Config{Prefix: "/v2"}, false},
		{Config{Prefix: "/v2/dav"}, false},
		{Config{Prefix: "/v2/dav/x"}, false},
		{Config{Prefix: "/v2/dav", Alone: true}, true},
		{Config{Prefix: "/v2/davs"}, true},
		{Config{Prefix: "/backup/x"}, false},
		{Config{Prefix: "/remote.php"}, true},
		{Config{Prefix: "/remote.php", Chunking: true}, false},
		{Config{Prefix: "dav"}, false},
		{Config{Prefix: "/"}, false},
		{Config{Prefix: "/dav/"}, false},
		{Config{Prefix: "/a//b"}, false},
		{Config{Prefix: "/a/../b"}, false},
		{Config{Prefix: "/a b"}, false},
		{Config{Prefix: "/a%20b"}, false},
		{Config{Prefix: "/{a}"}, false},
		{Config{Prefix: "/dáv"}, false},
		{Config{PublicHosts: []string{"files.example.org", "files.example.org:8443", "[::1]:80", "192.0.2.1"}}, true},
		{Config{PublicHosts: []string{"https://files.example.org"}}, false},
		{Config{PublicHosts: []string{"files.example.org/dav"}}, false},
		{Config{PublicHosts: []string{"a b"}}, false},
		{Config{PublicHosts: []string{"user@files.example.org"}}, false},
		{Config{PublicHosts: []string{""}}, false},
		{Config{MaxXMLBytes: -1}, false},
	}
	for _, tt := range tests {
		err := tt.cfg.withDefaults().check()
		if tt.good && err != nil || !tt.good && errs.Of(err) != errs.Invalid {
			t.Errorf("%+v: %v", tt.cfg, err)
		}
	}
}
