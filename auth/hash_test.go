package auth_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"strings"
	"testing"
	"testing/iotest"

	"golang.org/x/crypto/bcrypt"

	"entrepot/auth"
	"entrepot/gateway/errs"
)

func TestHashesDescribeThemselves(t *testing.T) {
	h, err := auth.HashPassword("pässword")
	if err != nil || !strings.HasPrefix(h, "$argon2id$v=19$m=19456,t=3,p=1$") {
		t.Errorf("hash %q, %v", h, err)
	}
	again, err := auth.HashPassword("pässword")
	if err != nil || h == again {
		t.Errorf("the salt is not random: %q, %v", again, err)
	}
}

// loginWith logs in against a stored hash text.
func loginWith(t *testing.T, hash, password string) error {
	t.Helper()
	f := newFixture(t, nil)
	f.dir.change("tester", func(u *auth.User) { u.PasswordHash = hash })
	_, err := f.Password(t.Context(), "tester", password, home)
	return err
}

func TestHashesOfEveryCostAndBcryptAreUnderstood(t *testing.T) {
	old, err := bcrypt.GenerateFromPassword([]byte("testing"), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	lanes, err := auth.HashParams{Memory: 64, Passes: 3, Lanes: 4}.Hash(rand.Reader, "testing")
	if err != nil {
		t.Fatal(err)
	}
	for _, hash := range []string{
		string(old), lanes, hashed(t, "testing"),
	} {
		if err := loginWith(t, hash, "testing"); err != nil {
			t.Errorf("%s: %v", hash, err)
		}
		if err := loginWith(t, hash, "Testing"); errs.Of(err) != errs.Unauthenticated {
			t.Errorf("%s takes a wrong password: %v", hash, err)
		}
	}
}

// TestTheReferenceImplementationAgrees takes a vector of the tests of
// phc-winner-argon2.
func TestTheReferenceImplementationAgrees(t *testing.T) {
	const hash = "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4"
	if err := loginWith(t, hash, "password"); err != nil {
		t.Error(err)
	}
}

func TestHashesThatAskForTooMuchAreRefused(t *testing.T) {
	tail := "$c2FsdHNhbHRzYWx0$" + strings.Repeat("A", 43)
	for _, hash := range []string{
		"", "testing", "$argon2id$", "$argon2i$v=19$m=64,t=1,p=1" + tail, "$argon2id$v=16$m=64,t=1,p=1" + tail,
		"$argon2id$v=19$m=4294967295,t=1,p=1" + tail, "$argon2id$v=19$m=64,t=4294967295,p=1" + tail,
		"$argon2id$v=19$m=64,t=1,p=257" + tail, "$argon2id$v=19$m=64,t=0,p=1" + tail, "$argon2id$v=19$t=1,m=64,p=1" + tail,
		"$argon2id$v=19$m=64,t=1,p=1$c2FsdA$" + strings.Repeat("A", 43), "$argon2id$v=19$m=64,t=1,p=1$c2FsdHNhbHRzYWx0$",
		"$2a$31$" + strings.Repeat("a", 53), "$2a$", "$2a$10$",
	} {
		if err := loginWith(t, hash, "testing"); errs.Of(err) != errs.Unauthenticated || err == nil {
			t.Errorf("%q: %v", hash, err)
		}
	}
}

func TestPasswordsThatNoDoorCouldTakeAreRefused(t *testing.T) {
	for _, bad := range []string{"", strings.Repeat("x", auth.MaxPassword+1), "\xff", "new\nline", "nul\x00", "del\x7f"} {
		if _, err := auth.HashPassword(bad); errs.Of(err) != errs.Invalid || err == nil {
			t.Errorf("%q: %v", bad, err)
		}
	}
	for _, good := range []string{" ", "a:b", strings.Repeat("x", auth.MaxPassword), "日本語"} {
		if _, err := cheap.Hash(rand.Reader, good); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
}

func TestWithoutRandomnessNothingIsMade(t *testing.T) {
	broken := iotest.ErrReader(errors.New("no randomness"))
	_, hash := cheap.Hash(broken, "x")
	_, key := auth.NewAPIKey(broken)
	_, password := auth.NewPassword(broken)
	_, service := auth.New(&directory{}, auth.Config{ServerKey: auth.NewSecret(strings.Repeat("k", 32)), Random: broken})
	for what, err := range map[string]error{"hash": hash, "key": key, "password": password, "service": service} {
		if err == nil {
			t.Errorf("%s without randomness", what)
		}
	}
}

func BenchmarkHashPassword(b *testing.B) {
	for b.Loop() {
		if _, err := auth.HashPassword("correct horse battery staple"); err != nil {
			b.Fatal(err)
		}
	}
}

func TestNewPasswordCanBeReadOut(t *testing.T) {
	p, err := auth.NewPassword(bytes.NewReader([]byte("\x00\x01\x1f\x20\xffabcdefghijklmno")))
	if err != nil || p.Reveal() != "01z0-z123-4567-89ab-cdef" {
		t.Errorf("%q, %v", p.Reveal(), err)
	}
	seen := map[string]bool{}
	for range 100 {
		p, err := auth.NewPassword(rand.Reader)
		if err != nil || len(p.Reveal()) != 24 || strings.ContainsAny(p.Reveal(), "ilou \n") || seen[p.Reveal()] {
			t.Fatalf("%q, %v", p.Reveal(), err)
		}
		seen[p.Reveal()] = true
	}
}
