package auth_test

import (
	"testing"

	"entrepot/auth"
)

func TestS9WeakPasswordsAreRecognised(t *testing.T) {
	for _, weak := range []string{
		"", "short", "seven77", "password", "Password1", "PASSWORD2026!", "12345678", "123456789", "changeme", "admin123", "adminadmin", "Admin2026!",
		"aaaaaaaa", "abababababab", "12341234", "minioadmin", "qwertyuiop", "admin admin", "ßßßßßßß",
	} {
		if auth.WeakPassword("admin", weak) == "" {
			t.Errorf("%q is not called weak", weak)
		}
	}
	for _, fair := range []string{"correct horse battery staple", "7kq2-m0xd-v4tz-93hn-be8r", "my admin password is long", "Tr0ub4dor&3"} {
		if reason := auth.WeakPassword("admin", fair); reason != "" {
			t.Errorf("%q: %s", fair, reason)
		}
	}
}
