package httpkit_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"strings"
	"testing"

	"entrepot/protocols/internal/httpkit"
)

// What counts as plain is what the standard encoders leave alone, one ASCII
// byte after another.
func TestPlainIsWhatNeedsNoEscape(t *testing.T) {
	for c := range 256 {
		s := string([]byte{'a', byte(c), 'b'})
		want := func(plain bool) int {
			if plain && c < 0x80 {
				return 3
			}
			return 1
		}
		var x, j bytes.Buffer
		if err := xml.EscapeText(&x, []byte(s)); err != nil {
			t.Fatal(err)
		}
		e := json.NewEncoder(&j)
		e.SetEscapeHTML(false)
		if err := e.Encode(s); err != nil {
			t.Fatal(err)
		}
		// The standard encoder escapes for both places at once: text may hold
		// quotes, tabs and line feeds.
		text := x.String() == s || strings.ContainsRune("\"'\t\n", rune(c))
		value := x.String() == s || c == '\''
		if got := httpkit.PlainXML(s, false); got != want(text) {
			t.Errorf("%q in text: %d", s, got)
		}
		if got := httpkit.PlainXML(s, true); got != want(value) {
			t.Errorf("%q in a value: %d", s, got)
		}
		if got := httpkit.PlainJSON(s); got != want(j.String() == `"`+s+"\"\n") {
			t.Errorf("%q in JSON: %d", s, got)
		}
	}
	for s, want := range map[string]int{"": 0, "abc": 3, "é": 0, "ab\u2028": 2} {
		if got := httpkit.PlainXML(s, true); got != want {
			t.Errorf("%q: %d", s, got)
		}
	}
}
