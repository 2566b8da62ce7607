package auth

import (
	"bytes"
	"testing"
)

func FuzzParseHash(f *testing.F) {
	good, err := HashParams{Memory: 8, Passes: 1, Lanes: 1}.Hash(bytes.NewReader(make([]byte, saltSize)), "x")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add(good + "$")
	f.Add("$argon2id$v=19$m=8,t=1,p=1$$")
	f.Add("$argon2id$v=19$m=4294967295,t=4294967295,p=255$c2FsdHNhbHQ$c2FsdHNhbHRzYWx0c2FsdA")
	f.Fuzz(func(t *testing.T, s string) {
		p, salt, key, err := parseHash(s)
		if err != nil {
			return
		}
		if err := p.check(); err != nil {
			t.Fatalf("%q is accepted: %v", s, err)
		}
		again, salt2, key2, err := parseHash(p.text(salt, key))
		if err != nil || again != p || !bytes.Equal(salt, salt2) || !bytes.Equal(key, key2) {
			t.Fatalf("%q is printed as %q", s, p.text(salt, key))
		}
	})
}
