package auth_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"entrepot/auth"
	"entrepot/gateway/errs"
)

func TestPasswordGivesThePrincipalOfTheRecord(t *testing.T) {
	f := newFixture(t, nil)
	for range 2 { // slow, then warm
		p := f.loginOK(t, "tEsTeR", "testing", netip.MustParseAddr("::ffff:192.0.2.1"))
		if p.User != "Tester" || p.Account != "test" || p.Role != auth.RoleOwner || len(p.Groups) != 1 || p.Address != home {
			t.Errorf("principal %+v", p)
		}
		if p.Ambient || p.Operator || p.Anonymous() {
			t.Errorf("flags of %+v", p)
		}
	}
}

// TestEveryWrongLoginLooksTheSame: whoever guesses names learns nothing.
func TestEveryWrongLoginLooksTheSame(t *testing.T) {
	f := newFixture(t, nil)
	off := f.dir.users["tester"]
	off.Name, off.Disabled = "off", true
	f.dir.users["off"] = off
	none := f.dir.users["tester"]
	none.Name, none.PasswordHash = "none", ""
	f.dir.users["none"] = none
	var texts []string
	for _, try := range [][2]string{
		{"tester", "wrong"}, {"nobody", "testing"}, {"off", "testing"}, {"none", ""}, {"none", "x"}, {"", ""},
		{strings.Repeat("n", 10000), "x"}, {"tester", strings.Repeat("p", 10000)}, {"tester", "testing\x00"},
		{"test:tester", "testing"},
	} {
		_, err := f.Password(t.Context(), try[0], try[1], home)
		wantKind(t, err, errs.Unauthenticated, "")
		texts = append(texts, err.Error())
	}
	for _, text := range texts {
		if text != texts[0] {
			t.Errorf("%q differs from %q", text, texts[0])
		}
	}
}

// TestUnknownUsersCostAsMuchAsWrongPasswords compares the slow hashes done,
// by what the memory-hard function allocates.
func TestUnknownUsersCostAsMuchAsWrongPasswords(t *testing.T) {
	f := newFixture(t, func(c *auth.Config) {
		c.Hash = auth.HashParams{Memory: 4096, Passes: 1, Lanes: 1}
		c.Throttle.Pair.Burst, c.Throttle.Address.Burst, c.Throttle.User.Burst = 1<<20, 1<<20, 1<<20
	})
	h, err := auth.HashParams{Memory: 4096, Passes: 1, Lanes: 1}.Hash(bytes.NewReader(make([]byte, 16)), "testing")
	if err != nil {
		t.Fatal(err)
	}
	f.dir.change("tester", func(u *auth.User) { u.PasswordHash = h })
	cost := func(user string) uint64 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for i := range 5 {
			f.login(t, user, fmt.Sprint("wrong", i), home, errs.Unauthenticated, "")
		}
		runtime.ReadMemStats(&after)
		return (after.TotalAlloc - before.TotalAlloc) / 5
	}
	known, unknown := cost("tester"), cost("nobody")
	if known < 4<<20 || unknown < 4<<20 || max(known, unknown)-min(known, unknown) > 1<<20 {
		t.Errorf("a known user costs %d bytes, an unknown one %d", known, unknown)
	}
}

func TestAChangedPasswordCountsAtOnce(t *testing.T) {
	f := newFixture(t, nil)
	f.loginOK(t, "tester", "testing", home)
	f.dir.change("tester", func(u *auth.User) { u.PasswordHash, u.PasswordVersion = hashed(t, "new one"), 4 })
	f.login(t, "tester", "testing", home, errs.Unauthenticated, "")
	f.loginOK(t, "tester", "new one", home)
}

func TestADisabledUserIsOutAtOnce(t *testing.T) {
	f := newFixture(t, nil)
	f.loginOK(t, "tester", "testing", home)
	f.dir.change("tester", func(u *auth.User) { u.Disabled = true })
	f.login(t, "tester", "testing", home, errs.Unauthenticated, "")
}

func TestUsersMayBeBoundToNetworks(t *testing.T) {
	f := newFixture(t, nil)
	f.dir.change("tester", func(u *auth.User) { u.Networks = []string{"192.0.2.0/24"} })
	for range 2 {
		f.loginOK(t, "tester", "testing", home)
		f.login(t, "tester", "testing", other, errs.Forbidden, errs.BadAddress)
	}
	f.login(t, "tester", "wrong", other, errs.Unauthenticated, "")
	f.login(t, "tester", "testing", netip.Addr{}, errs.Forbidden, errs.BadAddress)
	f.dir.change("tester", func(u *auth.User) { u.Networks = []string{"oops"} })
	f.login(t, "tester", "testing", home, errs.Forbidden, errs.BadAddress)
}

func TestABrokenDirectoryIsNotAWrongPassword(t *testing.T) {
	f := newFixture(t, nil)
	f.dir.broken = errs.New("store", errs.Unavailable, errs.SyncFailed, "stopped")
	f.login(t, "tester", "testing", home, errs.Unavailable, errs.SyncFailed)
}

func TestAnUnreadableHashIsLoggedAndWrong(t *testing.T) {
	var log bytes.Buffer
	f := newFixture(t, func(c *auth.Config) { c.Logger = slog.New(slog.NewTextHandler(&log, nil)) })
	f.dir.change("tester", func(u *auth.User) { u.PasswordHash = "plain:testing" })
	f.login(t, "tester", "testing", home, errs.Unauthenticated, "")
	if !strings.Contains(log.String(), "unreadable") || strings.Contains(log.String(), "testing") {
		t.Errorf("log: %s", log.String())
	}
}

func TestTheSamePasswordSentManyTimesAtOnceIsOneTry(t *testing.T) {
	f := newFixture(t, func(c *auth.Config) { c.Throttle.Pair.Burst = 2 })
	h, err := auth.HashParams{Memory: 32 << 10, Passes: 1, Lanes: 1}.Hash(bytes.NewReader(make([]byte, 16)), "testing")
	if err != nil {
		t.Fatal(err)
	}
	f.dir.change("tester", func(u *auth.User) { u.PasswordHash = h })
	var wg sync.WaitGroup
	for range 32 { // as a client that opens many connections at its start
		wg.Go(func() { f.loginOK(t, "tester", "testing", home) })
	}
	wg.Wait()
}

func TestAWaitingLoginCanBeCancelled(t *testing.T) {
	f := newFixture(t, nil)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := f.Password(ctx, "tester", "testing", home); errs.Of(err) != errs.Canceled || !errors.Is(err, context.Canceled) {
		t.Errorf("Password: %v", err)
	}
	if _, err := f.Token(ctx, "AUTH_tk"+strings.Repeat("0", 32), home); errs.Of(err) != errs.Canceled {
		t.Errorf("Token: %v", err)
	}
}

func TestForgetMakesTheNextLoginSlow(t *testing.T) {
	f := newFixture(t, nil)
	f.loginOK(t, "tester", "testing", home)
	f.Forget("TESTER")
	f.loginOK(t, "tester", "testing", home)
}

func TestUnsafeConfigurationsAreRefused(t *testing.T) {
	good := auth.NewSecret(strings.Repeat("k", 32))
	for name, cfg := range map[string]auth.Config{
		"no key":         {},
		"short key":      {ServerKey: auth.NewSecret("short")},
		"no lanes":       {ServerKey: good, Hash: auth.HashParams{Memory: 64, Passes: 1}},
		"too much":       {ServerKey: good, Hash: auth.HashParams{Memory: 1 << 30, Passes: 1, Lanes: 1}},
		"negative life":  {ServerKey: good, TokenLife: -time.Second},
		"negative cache": {ServerKey: good, WarmUsers: -1},
	} {
		_, err := auth.New(&directory{}, cfg)
		if errs.Of(err) != errs.Invalid || err == nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func BenchmarkPasswordWarm(b *testing.B) {
	f := newFixture(b, nil)
	f.loginOK(b, "tester", "testing", home)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := f.Password(b.Context(), "tester", "testing", home); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkTokenWarm(b *testing.B) {
	f := newFixture(b, nil)
	tok, _, err := f.Issue(b.Context(), "tester", "testing", home)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := f.Token(b.Context(), tok.Value, home); err != nil {
			b.Fatal(err)
		}
	}
}
