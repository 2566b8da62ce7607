package blob_test

import (
	"strings"
	"testing"

	"entrepot/store/blob"
)

func TestAnIDHasOneSpelling(t *testing.T) {
	const text = "00112233445566778899aabbccddeeff"
	id, err := blob.ParseID(text)
	if err != nil || id.String() != text || id.IsZero() || id[15] != 0xff {
		t.Errorf("%v, %v", id, err)
	}
	for _, bad := range []string{"", text[1:], text + "0", strings.ToUpper(text), strings.Repeat("g", 32), "../" + text[3:]} {
		if id, err := blob.ParseID(bad); err == nil || !id.IsZero() {
			t.Errorf("%q: %v, %v", bad, id, err)
		}
	}
}

func FuzzParseID(f *testing.F) {
	f.Add("00112233445566778899aabbccddeeff")
	f.Add("00112233445566778899AABBCCDDEEFF")
	f.Add("")
	f.Fuzz(func(t *testing.T, s string) {
		if id, err := blob.ParseID(s); err == nil && id.String() != s {
			t.Fatalf("%q is printed as %s", s, id)
		}
	})
}
