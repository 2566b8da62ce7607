package swift

import "testing"

func FuzzAccountAccessLists(f *testing.F) {
	for _, text := range []string{`{"admin":["a","b:c"],"read-only":[]}`, `{}`, `[`, `{"admin":{}}`, `{"x":1}`, `{"read-write":["\u00fc"]} `} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		list, reason := parseAccountACL(text)
		if (list == nil) == (reason == "") {
			t.Fatalf("%q: %v, %q", text, list, reason)
		}
		if list == nil || list.Empty() {
			return
		}
		shown := formatAccountACL(*list)
		again, reason := parseAccountACL(shown)
		if reason != "" || formatAccountACL(*again) != shown {
			t.Fatalf("%q is shown as %q, which is read as %v (%s)", text, shown, again, reason)
		}
	})
}
