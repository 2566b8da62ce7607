package auth_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"entrepot/auth"
	"entrepot/gateway/errs"
)

// strikes is an auth.StrikeStore in memory.
type strikes struct {
	mu     sync.Mutex
	rows   map[[16]byte]time.Time
	reads  int
	writes int
	broken error
}

func newStrikes() *strikes { return &strikes{rows: map[[16]byte]time.Time{}} }

func (s *strikes) Strikes(_ context.Context, counters [][16]byte) (list []auth.Strike, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reads++
	for _, c := range counters {
		if until, ok := s.rows[c]; ok {
			list = append(list, auth.Strike{Counter: c, Until: until})
		}
	}
	return list, s.broken
}

func (s *strikes) PutStrikes(_ context.Context, list []auth.Strike) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.writes++
	if s.broken != nil {
		return s.broken
	}
	for _, st := range list {
		s.rows[st.Counter] = st.Until
	}
	return nil
}

func (s *strikes) TrimStrikes(_ context.Context, now time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	maps.DeleteFunc(s.rows, func(_ [16]byte, until time.Time) bool { return !until.After(now) })
	return nil
}

// keeping is a fixture whose counters are kept.
func keeping(t *testing.T, kept *strikes) *fixture {
	return newFixture(t, func(c *auth.Config) {
		c.Strikes = kept
		c.Throttle.Pair = auth.Limit{Burst: 4, Every: time.Minute}
	})
}

// guesses gives n different wrong passwords.
func (f *fixture) guesses(t *testing.T, n int) (refused int) {
	t.Helper()
	for i := range n {
		_, err := f.Password(t.Context(), "tester", fmt.Sprint("wrong ", i, t.Name(), len(f.dir.used)), other)
		if errs.Of(err) == errs.RateLimited {
			refused++
		} else {
			wantKind(t, err, errs.Unauthenticated, "")
		}
	}
	return refused
}

func flush(t *testing.T, f *fixture) {
	t.Helper()
	if err := f.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestS3WrongPasswordsCountOverARestart(t *testing.T) {
	kept := newStrikes()
	first := keeping(t, kept)
	if n := first.guesses(t, 4); n != 0 {
		t.Fatalf("%d of 4 were refused", n)
	}
	flush(t, first)
	second := keeping(t, kept)
	if n := second.guesses(t, 3); n != 3 {
		t.Errorf("after a restart %d of 3 were refused", n)
	}
	second.login(t, "tester", "testing", other, errs.RateLimited, errs.Throttled)
	second.advance(time.Minute)
	if n := second.guesses(t, 1); n != 0 {
		t.Error("the counter does not drain")
	}
	second.loginOK(t, "tester", "testing", home)
}

func TestS3GatewaysOfOneStoreCountTogether(t *testing.T) {
	kept := newStrikes()
	a, b := keeping(t, kept), keeping(t, kept)
	for i, f := range []*fixture{a, b, a, b} {
		if _, err := f.Password(t.Context(), "tester", fmt.Sprint("wrong", i), other); errs.Of(err) != errs.Unauthenticated {
			t.Fatal(err)
		}
		flush(t, f)
	}
	for name, f := range map[string]*fixture{"a": a, "b": b} {
		if n := f.guesses(t, 1); n != 1 {
			t.Errorf("gateway %s counts alone", name)
		}
	}
}

func TestS3AnOwnersAddressStaysKnownOverARestart(t *testing.T) {
	kept := newStrikes()
	limits := func(c *auth.Config) {
		c.Strikes = kept
		c.Throttle.User = auth.Limit{Burst: 2, Every: time.Hour}
	}
	first := newFixture(t, limits)
	first.loginOK(t, "tester", "testing", home)
	flush(t, first)
	second := newFixture(t, limits)
	if n := second.guesses(t, 3); n != 1 {
		t.Fatalf("%d of 3 were refused", n)
	}
	second.login(t, "tester", "testing", other, errs.RateLimited, errs.Throttled)
	second.loginOK(t, "tester", "testing", home)
}

func TestStrikesAreWrittenInBatchesAndOnlyWhereTheyLast(t *testing.T) {
	kept := newStrikes()
	f := newFixture(t, func(c *auth.Config) { c.Strikes = kept })
	f.loginOK(t, "tester", "testing", home)
	flush(t, f)
	if len(kept.rows) != 1 { // that the address is known
		t.Errorf("a login left %d counters", len(kept.rows))
	}
	flush(t, f)
	f.guesses(t, 5)
	flush(t, f)
	if kept.writes != 2 || len(kept.rows) != 4 {
		t.Errorf("%d writes, %d counters", kept.writes, len(kept.rows))
	}
	for key := range kept.rows {
		if strings.Contains(string(key[:]), "tester") {
			t.Errorf("the name can be read in %q", key)
		}
	}
	f.Forget("tester")
	f.loginOK(t, "tester", "testing", other) // empties the pair's counter
	flush(t, f)
	now := f.clock()
	if empty := slices.Collect(maps.Values(kept.rows)); !slices.ContainsFunc(empty, func(u time.Time) bool { return !u.After(now) }) {
		t.Errorf("the pair's counter is still full: %v", empty)
	}
}

func TestAStoreThatCannotBeReadLocksNobodyOut(t *testing.T) {
	kept := newStrikes()
	kept.broken = errors.New("the engine is away")
	f := keeping(t, kept)
	f.loginOK(t, "tester", "testing", home)
	if n := f.guesses(t, 5); n != 1 {
		t.Errorf("in memory %d of 5 were refused", n)
	}
	if err := f.Flush(t.Context()); err == nil {
		t.Error("a failed write was not told")
	}
	kept.broken = nil
	flush(t, f)
	if len(kept.rows) == 0 {
		t.Error("what could not be written was forgotten")
	}
}

func TestWhoMustWaitCostsNoLookIntoTheStore(t *testing.T) {
	kept := newStrikes()
	f := keeping(t, kept)
	f.guesses(t, 4)
	reads := kept.reads
	if f.guesses(t, 100) != 100 || kept.reads != reads {
		t.Errorf("%d reads for refused guesses", kept.reads-reads)
	}
}

func TestRunWritesDownWhatIsLeftAtItsEnd(t *testing.T) {
	kept := newStrikes()
	f := keeping(t, kept)
	f.guesses(t, 1)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	f.Run(ctx)
	if len(kept.rows) != 3 {
		t.Errorf("%d counters", len(kept.rows))
	}
	newFixture(t, nil).Run(ctx) // without a store there is nothing to do
}
