package dav

import (
	"strings"
	"testing"

	"entrepot/gateway"
)

func TestParseUpdateRange(t *testing.T) {
	for value, want := range map[string]gateway.Part{
		"append": {Append: true, Length: -1}, " Append ": {Append: true, Length: -1}, "bytes=2-5": {Offset: 2, Length: 4},
		"bytes=0-0": {Length: 1}, "bytes=7-": {Offset: 7, Length: -1}, "bytes=-3": {Offset: -3, Length: -1}, "BYTES=2-": {Offset: 2, Length: -1},
	} {
		if got, err := parseUpdateRange(value); err != nil || got != want {
			t.Errorf("%q: %+v, %v", value, got, err)
		}
	}
	for _, value := range []string{
		"", "bytes", "bytes=", "bytes=-", "bytes=-0", "bytes=5-2", "bytes=1-2,4-5", "bytes=a-b", "bytes=+1-2", "bytes=1--2", "2-5",
		"bytes=99999999999999999999-", "appendx", "bytes=0-9223372036854775807",
	} {
		if got, err := parseUpdateRange(value); err == nil {
			t.Errorf("%q: %+v", value, got)
		}
	}
}

func FuzzParseUpdateRange(f *testing.F) {
	for _, seed := range []string{"append", "bytes=2-5", "bytes=-3", "bytes=7-"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		part, err := parseUpdateRange(value)
		if err == nil && !part.Append && part.Length == 0 || part.Length < -1 || part.Append && part.Offset != 0 {
			t.Fatalf("%q: %+v", value, part)
		}
	})
}

func FuzzDecodeMkcol(f *testing.F) {
	f.Add([]byte(`<D:mkcol xmlns:D="DAV:"><D:set><D:prop><D:resourcetype><D:collection/></D:resourcetype><x:p xmlns:x="urn:x"/></D:prop></D:set></D:mkcol>`))
	f.Add([]byte(`<D:mkcol xmlns:D="DAV:"><D:set><D:prop><u:colour xmlns:u="urn:duracloud:meta">blue</u:colour></D:prop></D:set></D:mkcol>`))
	face := bareFace(Config{})
	f.Fuzz(func(t *testing.T, body []byte) {
		root, err := parseXML(body)
		if err != nil || root == nil || !root.is("mkcol") {
			return
		}
		items, err := decodeMkcol(root)
		if err != nil {
			return
		}
		patch, verdicts := face.judgeMkcol(items, false)
		if len(verdicts) > len(items) || len(patch.Changes)+len(patch.User) > 2*len(items) {
			t.Fatalf("%q: %v, %v", body, patch, verdicts)
		}
		for _, item := range patch.User {
			if !isUserName(item.Name) || strings.ContainsFunc(item.Value, func(r rune) bool { return r < 0x20 || r > 0x7e }) {
				t.Fatalf("%q: %+v", body, item)
			}
		}
	})
}
