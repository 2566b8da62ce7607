package auth_test

import (
	"net/netip"
	"testing"
	"time"

	"entrepot/auth"
	"entrepot/gateway/errs"
)

func lockout(t *testing.T, s *auth.Service, wrong int) *auth.Lockout {
	t.Helper()
	l, err := s.Lockout("door", wrong)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestLockoutCountsTheWrongProofsOfAMinute(t *testing.T) {
	f := newFixture(t, nil)
	l, ctx, now := lockout(t, f.Service, 3), t.Context(), time.Unix(1_800_000_000, 0)
	at := func(seconds int) time.Time { return now.Add(time.Duration(seconds) * time.Second) }
	for _, s := range []int{0, 30, 60, 95} { // never three within a minute
		l.Failed(ctx, other, at(s))
		if l.Denied(ctx, other, at(s)) {
			t.Fatal("denied after", s)
		}
	}
	l.Failed(ctx, other, at(121))
	if l.Denied(ctx, other, at(121)) {
		t.Error("the proof of the second 60 no longer counts")
	}
	l.Failed(ctx, other, at(122))
	if !l.Denied(ctx, other, at(122)) || !l.Denied(ctx, other, at(181)) || l.Denied(ctx, other, at(182)) {
		t.Error("an address is denied for a minute")
	}
	if l.Denied(ctx, netip.MustParseAddr("198.51.100.77"), at(122)) {
		t.Error("another address is denied")
	}
	if l.Denied(ctx, other, at(-3600)) {
		t.Error("a clock that was set back denies")
	}
}

// S3: what was counted outlives a restart, and gateways of one store share it.
func TestS3LockoutIsKeptInTheStore(t *testing.T) {
	kept := newStrikes()
	first, now := keeping(t, kept), time.Unix(1_800_000_000, 0)
	l := lockout(t, first.Service, 2)
	l.Failed(t.Context(), other, now)
	if err := first.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	second := keeping(t, kept)
	m := lockout(t, second.Service, 2)
	if m.Denied(t.Context(), other, now) {
		t.Error("denied after one")
	}
	m.Failed(t.Context(), other, now)
	if !m.Denied(t.Context(), other, now) {
		t.Error("the wrong proof of the first process does not count")
	}
	if err := second.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if third := lockout(t, keeping(t, kept).Service, 2); !third.Denied(t.Context(), other, now) {
		t.Error("the lockout did not outlive the restart")
	}
	if l.Failed(t.Context(), other, now); !l.Denied(t.Context(), other, now) {
		t.Error("a wrong proof does not look at what others counted")
	}
	reads := kept.reads
	if l.Denied(t.Context(), other, now.Add(time.Second)); kept.reads != reads {
		t.Error("a request of a known address asks the store")
	}
}

func TestLockoutTakesSensibleNumbers(t *testing.T) {
	f := newFixture(t, nil)
	for _, n := range []int{-1, 1001} {
		if _, err := f.Service.Lockout("door", n); errs.Of(err) != errs.Invalid {
			t.Errorf("%d: %v", n, err)
		}
	}
	l := lockout(t, f.Service, 0)
	for range 50 {
		l.Failed(t.Context(), other, time.Unix(1, 0))
	}
	if l.Denied(t.Context(), other, time.Unix(1, 0)) {
		t.Error("denied without a lockout")
	}
}
