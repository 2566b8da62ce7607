package httpkit_test

import (
	"errors"
	"slices"
	"testing"

	"entrepot/protocols/internal/httpkit"
)

var offers = []string{"text/plain", "application/json", "application/xml", "text/xml"}

func TestNegotiate(t *testing.T) {
	tests := []struct {
		accept, want string
		err          error
	}{
		{"", "text/plain", nil},
		{"*/*", "text/plain", nil},
		{"application/*", "application/json", nil},
		{"application/json", "application/json", nil},
		{"Application/JSON; charset=utf-8", "application/json", nil},
		{"text/xml", "text/xml", nil},
		{"*/*, application/json", "application/json", nil},
		{"application/json;q=0.1, text/xml;q=0.9", "text/xml", nil},
		{"text/html, */*;q=0.1", "text/plain", nil},
		{"text/xml, application/json", "text/xml", nil},
		{"*/*, text/plain;q=0", "application/json", nil},
		{"application/json;q=0", "", httpkit.ErrNotAcceptable},
		{"image/png", "", httpkit.ErrNotAcceptable},
		{"json", "", httpkit.ErrBadAccept},
		{"*/json", "", httpkit.ErrBadAccept},
		{"text/plain;q=2", "", httpkit.ErrBadAccept},
		{"text/plain;q=x", "", httpkit.ErrBadAccept},
		{"text/plain;q=", "", httpkit.ErrBadAccept},
		{"/", "", httpkit.ErrBadAccept},
		{",", "", httpkit.ErrBadAccept},
	}
	for _, tt := range tests {
		got, err := httpkit.Negotiate(tt.accept, offers...)
		if got != tt.want || !errors.Is(err, tt.err) {
			t.Errorf("Negotiate(%q) = %q, %v; want %q, %v", tt.accept, got, err, tt.want, tt.err)
		}
	}
}

func FuzzNegotiate(f *testing.F) {
	for _, s := range []string{"", "*/*", "text/xml;q=0.5, */*;q=0.1", "a/b;q", "text/html;level=1;q=1.0", ",,", "application/*"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, accept string) {
		got, err := httpkit.Negotiate(accept, offers...)
		if (err == nil) != slices.Contains(offers, got) {
			t.Fatalf("%q: chose %q, %v", accept, got, err)
		}
	})
}
