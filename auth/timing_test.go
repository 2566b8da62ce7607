package auth_test

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"

	"entrepot/auth"
	"entrepot/gateway/errs"
)

// memory is a hash whose cost shows in the bytes that it allocates.
var memory = auth.HashParams{Memory: 4 << 10, Passes: 1, Lanes: 1}

// TestS1UnknownUsersCostWhatWrongPasswordsCost compares the work that is done,
// which time on a busy machine does not show: the memory that hashing takes.
func TestS1UnknownUsersCostWhatWrongPasswordsCost(t *testing.T) {
	f := newFixture(t, func(c *auth.Config) {
		c.Hash = memory
		unlimited := auth.Limit{Burst: 1 << 20, Every: 1}
		c.Throttle = auth.ThrottleConfig{Pair: unlimited, User: unlimited, Address: unlimited}
	})
	hash, err := memory.Hash(strings.NewReader(strings.Repeat("s", 16)), "testing")
	if err != nil {
		t.Fatal(err)
	}
	f.dir.change("tester", func(u *auth.User) { u.PasswordHash = hash })
	disabled := f.dir.users["tester"]
	disabled.Name, disabled.Disabled = "gone", true
	f.dir.users["gone"] = disabled
	bare := disabled
	bare.Name, bare.Disabled, bare.PasswordHash = "bare", false, ""
	f.dir.users["bare"] = bare

	work := func(user string) (bytes uint64, text string) {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for i := range 10 {
			_, err := f.Password(t.Context(), user, fmt.Sprint("wrong", i), home)
			wantKind(t, err, errs.Unauthenticated, "")
			text = errs.TextOf(err)
		}
		runtime.ReadMemStats(&after)
		return after.TotalAlloc - before.TotalAlloc, text
	}
	wrong, told := work("tester")
	if wrong < 10*uint64(memory.Memory)<<10 {
		t.Fatalf("hashing ten passwords took %d bytes only", wrong)
	}
	for _, user := range []string{"nobody", "gone", "bare", strings.Repeat("x", 1000)} {
		got, text := work(user)
		if text != told {
			t.Errorf("%.10s is told %q, a wrong password %q", user, text, told)
		}
		if got < wrong*95/100 || got > wrong*105/100 {
			t.Errorf("%.10s costs %d bytes, a wrong password %d", user, got, wrong)
		}
	}
}

// TestS2SecretsAreComparedInConstantTime looks at the functions that compare a
// secret with what a client sent: each must use a comparison whose time does
// not tell where the two differ.
func TestS2SecretsAreComparedInConstantTime(t *testing.T) {
	for file, functions := range map[string][]string{
		"hash.go":   {"func verifyHash("},
		"secret.go": {"func equalText("},
		"depot.go":  {"func sameHex("},
	} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range functions {
			_, body, found := strings.Cut(string(text), name)
			body, _, _ = strings.Cut(body, "\n}\n")
			if !found || !strings.Contains(body, "subtle.ConstantTimeCompare") && !strings.Contains(body, "hmac.Equal") {
				t.Errorf("%s: %s compares in another way", file, name)
			}
		}
	}
	same := auth.NewSecret("a secret")
	for text, want := range map[string]bool{"a secret": true, "a secreT": false, "a secret ": false, "": false} {
		if same.Equal(auth.NewSecret(text)) != want {
			t.Errorf("%q equals %q: %v", "a secret", text, !want)
		}
	}
}

// TestS51SlowHashesAreBoundedByTheCores lets many log in at once.
func TestS51SlowHashesAreBoundedByTheCores(t *testing.T) {
	f := newFixture(t, func(c *auth.Config) {
		unlimited := auth.Limit{Burst: 1 << 20, Every: 1}
		c.Throttle = auth.ThrottleConfig{Pair: unlimited, User: unlimited, Address: unlimited}
	})
	const many = 600
	results := make(chan error, many)
	for i := range many {
		go func() {
			_, err := f.Password(t.Context(), fmt.Sprint("nobody", i), "wrong", home)
			results <- err
		}()
	}
	busy := 0
	for range many {
		switch err := <-results; errs.Of(err) {
		case errs.Unavailable:
			busy++
		case errs.Unauthenticated:
		default:
			t.Errorf("%v", err)
		}
	}
	if n := f.HashesAtOnce(); n < 1 || n > max(1, runtime.GOMAXPROCS(0)-1) {
		t.Errorf("%d hashes may run at once on %d cores", n, runtime.GOMAXPROCS(0))
	}
	if busy == many {
		t.Error("nobody was served")
	}
}
