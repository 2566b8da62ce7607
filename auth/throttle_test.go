package auth_test

import (
	"errors"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"entrepot/auth"
	"entrepot/gateway/errs"
)

func guesses(t testing.TB, f *fixture, user string, from netip.Addr, n int) (let int) {
	t.Helper()
	for i := range n {
		_, err := f.Password(t.Context(), user, fmt.Sprintf("guess %d at %v", i, f.clock()), from)
		switch errs.Of(err) {
		case errs.Unauthenticated:
			let++
		case errs.RateLimited:
		default:
			t.Fatalf("guess %d: %v", i, err)
		}
	}
	return let
}

func TestGuessingIsSlow(t *testing.T) {
	for _, user := range []string{"tester", "nobody"} {
		t.Run(user, func(t *testing.T) {
			f := newFixture(t, nil)
			if let := guesses(t, f, user, home, 100); let != 10 {
				t.Errorf("%d guesses were let through, want 10", let)
			}
			_, err := f.Password(t.Context(), user, "testing", home)
			wantKind(t, err, errs.RateLimited, errs.Throttled)
			var wait *auth.ThrottleError
			if !errors.As(err, &wait) || wait.RetryAfter <= 0 || wait.RetryAfter > time.Minute {
				t.Fatalf("wait %v", wait)
			}
			if d, ok := auth.RetryAfter(err); !ok || d != wait.RetryAfter {
				t.Errorf("RetryAfter = %v, %v", d, ok)
			}
			f.advance(wait.RetryAfter)
			if let := guesses(t, f, user, home, 5); let != 1 {
				t.Errorf("%d guesses after the wait, want 1", let)
			}
			f.advance(24 * time.Hour)
			if let := guesses(t, f, user, home, 100); let != 10 {
				t.Errorf("%d guesses a day later, want 10", let)
			}
		})
	}
}

func TestSpellingsOfANameAreCountedTogether(t *testing.T) {
	f := newFixture(t, nil)
	let := 0
	for _, user := range []string{"tester", "TESTER", "Tester", "tEſter"} {
		let += guesses(t, f, user, home, 10)
	}
	if let != 10 {
		t.Errorf("%d guesses, want 10", let)
	}
}

func TestTheRightPasswordEndsTheCounting(t *testing.T) {
	f := newFixture(t, nil)
	for range 5 {
		if let := guesses(t, f, "tester", home, 9); let != 9 {
			t.Fatalf("%d guesses, want 9", let)
		}
		f.loginOK(t, "tester", "testing", home)
		f.Forget("tester")
		f.advance(time.Second)
	}
}

func TestTheOwnerIsNotLockedOutByAnAttackFromElsewhere(t *testing.T) {
	f := newFixture(t, nil)
	f.loginOK(t, "tester", "testing", home)
	let := 0
	for i := range 50 {
		let += guesses(t, f, "tester", netip.AddrFrom4([4]byte{203, 0, 113, byte(i)}), 20)
	}
	if let != 100 {
		t.Errorf("%d guesses from 50 addresses, want 100", let)
	}
	f.login(t, "tester", "testing", other, errs.RateLimited, errs.Throttled)
	f.Forget("tester")
	f.loginOK(t, "tester", "testing", home)
}

func TestOneAddressCannotTryManyUsers(t *testing.T) {
	f := newFixture(t, nil)
	f.loginOK(t, "tester", "testing", home)
	let := 0
	for i := range 100 {
		let += guesses(t, f, fmt.Sprint("user", i), home, 2)
	}
	if let != 50 {
		t.Errorf("%d guesses, want 50", let)
	}
	f.Forget("tester")
	f.loginOK(t, "tester", "testing", home) // who shares the address with the attacker
}

func TestANetworkOfIPv6IsOneAddress(t *testing.T) {
	f := newFixture(t, nil)
	let := 0
	for i := range 100 {
		from := netip.MustParseAddr(fmt.Sprintf("2001:db8::%x", i+1))
		let += guesses(t, f, fmt.Sprint("user", i), from, 2)
	}
	if let != 50 {
		t.Errorf("%d guesses, want 50", let)
	}
}

// TestAForgottenClientDoesNotLockItsOwnerOut: a program that sends an old
// password for ever leaves room for the right one.
func TestAForgottenClientDoesNotLockItsOwnerOut(t *testing.T) {
	f := newFixture(t, nil)
	wrong := 0
	for range 1000 {
		_, err := f.Password(t.Context(), "tester", "last year's", home)
		if errs.Of(err) == errs.Unauthenticated {
			wrong++
		} else {
			wantKind(t, err, errs.RateLimited, errs.Throttled)
		}
		f.advance(time.Second / 10)
	}
	if wrong < 5 || wrong > 8 {
		t.Errorf("%d of 1000 repetitions were answered", wrong)
	}
	f.loginOK(t, "tester", "testing", home)
}

// TestAThrottledGuesserLearnsNothingFromWhatIsRemembered: the fast check of a
// password that was right a moment ago is no way around the throttle.
func TestAThrottledGuesserLearnsNothingFromWhatIsRemembered(t *testing.T) {
	f := newFixture(t, nil)
	f.loginOK(t, "tester", "testing", home)
	guesses(t, f, "tester", other, 20)
	f.login(t, "tester", "testing", other, errs.RateLimited, errs.Throttled)
	f.loginOK(t, "tester", "testing", home)
}

func TestAClockSetBackLocksNobodyOutForLong(t *testing.T) {
	f := newFixture(t, nil)
	guesses(t, f, "tester", home, 20)
	f.advance(-24 * time.Hour)
	_, err := f.Password(t.Context(), "tester", "testing", home)
	if wait, ok := auth.RetryAfter(err); !ok || wait > time.Minute {
		t.Errorf("wait of %v", wait)
	}
}

func TestCountersAreBounded(t *testing.T) {
	f := newFixture(t, func(c *auth.Config) { c.Throttle.Entries = 50 })
	for i := range 300 {
		guesses(t, f, fmt.Sprint("user", i), netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}), 1)
	}
	if let := guesses(t, f, "user299", netip.AddrFrom4([4]byte{10, 0, 1, 43}), 20); let != 9 {
		t.Errorf("the newest counters were forgotten: %d guesses", let)
	}
}
