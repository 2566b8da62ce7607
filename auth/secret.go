package auth

import (
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"io"
	"log/slog"
)

const hidden = "[secret]"

// A Secret holds a key, salt or password and does not show it: fmt, encoding/
// json, encoding.TextMarshaler users and log/slog all print the same
// placeholder, also for a Secret inside another structure. Only Reveal gives
// the text away. The zero Secret is empty.
type Secret struct {
	// A pointer, because fmt prints unexported fields of an enclosing struct
	// without asking Format, and prints nested pointers as addresses.
	text *string
}

// NewSecret returns a Secret that holds text.
func NewSecret(text string) Secret {
	if text == "" {
		return Secret{}
	}
	return Secret{text: &text}
}

// Reveal returns the text.
func (s Secret) Reveal() string {
	if s.text == nil {
		return ""
	}
	return *s.text
}

// Empty tells whether nothing is held.
func (s Secret) Empty() bool { return s.Reveal() == "" }

// Equal compares two secrets in a time that does not depend on where they
// differ.
func (s Secret) Equal(other Secret) bool { return equalText(s.Reveal(), other.Reveal()) }

// Format hides the text from every verb of package fmt.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, hidden) }

// String hides the text.
func (s Secret) String() string { return hidden }

// LogValue hides the text from package slog.
func (s Secret) LogValue() slog.Value { return slog.StringValue(hidden) }

// MarshalText hides the text from JSON, TOML and every other encoder that
// asks for text.
func (s Secret) MarshalText() ([]byte, error) { return []byte(hidden), nil }

// equalText compares two texts through digests of equal length, so that
// neither content nor length shows in the time taken.
func equalText(a, b string) bool {
	x, y := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b))
	return subtle.ConstantTimeCompare(x[:], y[:]) == 1
}
