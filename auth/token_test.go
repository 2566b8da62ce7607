package auth_test

import (
	"crypto/sha256"
	"net/netip"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"entrepot/auth"
	"entrepot/gateway/errs"
)

func issue(t testing.TB, f *fixture) auth.Token {
	t.Helper()
	tok, p, err := f.Issue(t.Context(), "tester", "testing", home)
	if err != nil || p.User != "Tester" {
		t.Fatalf("Issue: %+v, %v", p, err)
	}
	return tok
}

func tokenOK(t testing.TB, f *fixture, tok auth.Token) {
	t.Helper()
	if p, err := f.Token(t.Context(), tok.Value, home); err != nil || p.User != "Tester" || p.Account != "test" || p.Address != home {
		t.Errorf("Token: %+v, %v", p, err)
	}
}

func tokenBad(t testing.TB, f *fixture, token string) {
	t.Helper()
	_, err := f.Token(t.Context(), token, home)
	wantKind(t, err, errs.Unauthenticated, "")
}

func TestATokenStandsForItsLogin(t *testing.T) {
	f := newFixture(t, nil)
	tok := issue(t, f)
	if !regexp.MustCompile(`^AUTH_tk[0-9a-f]{32}$`).MatchString(tok.Value) {
		t.Errorf("token %q", tok.Value)
	}
	if want := f.clock().Add(24 * time.Hour); !tok.Expires.Equal(want) {
		t.Errorf("expires %v, want %v", tok.Expires, want)
	}
	for range 2 {
		tokenOK(t, f, tok)
	}
}

func TestTheLivingTokenIsGivenAgain(t *testing.T) {
	f := newFixture(t, nil)
	first := issue(t, f)
	f.advance(23 * time.Hour)
	if again := issue(t, f); again != first {
		t.Errorf("%v, then %v", first, again)
	}
	f.advance(time.Hour)
	tokenBad(t, f, first.Value)
	if next := issue(t, f); next.Value == first.Value {
		t.Error("an expired token was given again")
	}
}

func TestLoginsAtOnceGetOneToken(t *testing.T) {
	f := newFixture(t, nil)
	var wg sync.WaitGroup
	values := make([]string, 16)
	for i := range values {
		wg.Go(func() { values[i] = issue(t, f).Value })
	}
	wg.Wait()
	for _, v := range values {
		if v != values[0] {
			t.Fatalf("tokens differ: %v", values)
		}
	}
}

func TestTheAccountOfALoginMustBeTheUsers(t *testing.T) {
	f := newFixture(t, nil)
	for _, login := range []string{"test:tester", "TEST:Tester", "tester"} {
		if _, p, err := f.Issue(t.Context(), login, "testing", home); err != nil || p.Account != "test" {
			t.Errorf("%s: %+v, %v", login, p, err)
		}
	}
	for _, login := range []string{"test2:tester", ":tester", "test:", "tester:test", "test:test:tester", ""} {
		_, _, err := f.Issue(t.Context(), login, "testing", home)
		wantKind(t, err, errs.Unauthenticated, "")
	}
}

func TestOnlyTheDigestIsStored(t *testing.T) {
	f := newFixture(t, nil)
	tok := issue(t, f)
	rec, ok := f.dir.tokens[sha256.Sum256([]byte(tok.Value))]
	if !ok || rec.User != "Tester" || rec.PasswordVersion != 3 {
		t.Errorf("record %+v", rec)
	}
}

func TestATokenDiesWithThePassword(t *testing.T) {
	f := newFixture(t, nil)
	tok := issue(t, f)
	tokenOK(t, f, tok)
	f.dir.change("tester", func(u *auth.User) { u.PasswordVersion = 4 })
	tokenBad(t, f, tok.Value)
	if next := issue(t, f); next.Value == tok.Value {
		t.Error("the dead token was given again")
	}
}

func TestATokenDiesWithItsUser(t *testing.T) {
	f := newFixture(t, nil)
	tok := issue(t, f)
	f.dir.change("tester", func(u *auth.User) { u.Disabled = true })
	tokenBad(t, f, tok.Value)
	delete(f.dir.users, "tester")
	tokenBad(t, f, tok.Value)
}

func TestARevokedTokenIsDeadAtOnce(t *testing.T) {
	f := newFixture(t, nil)
	tok := issue(t, f)
	tokenOK(t, f, tok)
	for range 2 {
		if err := f.Revoke(t.Context(), tok.Value); err != nil {
			t.Fatal(err)
		}
		tokenBad(t, f, tok.Value)
	}
	if err := f.Revoke(t.Context(), "no token"); err != nil {
		t.Error(err)
	}
	if next := issue(t, f); next.Value == tok.Value {
		t.Error("the revoked token was given again")
	}
}

func TestATokenRevokedElsewhereDiesSoon(t *testing.T) {
	f := newFixture(t, nil)
	tok := issue(t, f)
	tokenOK(t, f, tok)
	f.dir.tokens = map[[32]byte]auth.TokenRecord{}
	f.advance(10 * time.Second)
	tokenBad(t, f, tok.Value)
}

func TestTokensAreNotLookedUpEachTime(t *testing.T) {
	f := newFixture(t, nil)
	tok := issue(t, f)
	for range 10 {
		tokenOK(t, f, tok)
	}
	if f.dir.reads != 1 {
		t.Errorf("%d reads", f.dir.reads)
	}
}

func TestTokensSurviveARestartButNotANewServerKey(t *testing.T) {
	f := newFixture(t, nil)
	tok := issue(t, f)
	restart := func(key string) *fixture {
		s, err := auth.New(f.dir, auth.Config{ServerKey: auth.NewSecret(key), Hash: cheap, Now: f.clock})
		if err != nil {
			t.Fatal(err)
		}
		return &fixture{Service: s, dir: f.dir, now: f.clock()}
	}
	same := restart(strings.Repeat("k", 32))
	tokenOK(t, same, tok)
	if again := issue(t, same); again != tok {
		t.Errorf("%v, then %v", tok, again)
	}
	if next := issue(t, restart(strings.Repeat("n", 32))); next.Value == tok.Value {
		t.Error("the token does not depend on the server key")
	}
}

func TestMalformedTokensAreRefused(t *testing.T) {
	f := newFixture(t, nil)
	good := issue(t, f).Value
	for _, bad := range []string{
		"", "AUTH_tk", good[:len(good)-1], good + "0", strings.ToUpper(good), " " + good, "auth_tk" + good[7:], "testing",
		"AUTH_tk" + strings.Repeat("g", 32), "AUTH_tk" + strings.Repeat("0", 32),
	} {
		tokenBad(t, f, bad)
	}
	// A token is no password, and a password no token.
	f.login(t, "tester", good, home, errs.Unauthenticated, "")
}

func TestTokensKeepToTheNetworksOfTheirUser(t *testing.T) {
	f := newFixture(t, nil)
	tok := issue(t, f)
	f.dir.change("tester", func(u *auth.User) { u.Networks = []string{"192.0.2.1"} })
	tokenOK(t, f, tok)
	_, err := f.Token(t.Context(), tok.Value, netip.MustParseAddr("192.0.2.2"))
	wantKind(t, err, errs.Forbidden, errs.BadAddress)
}

func TestARevocationIsNotUndoneByALookupUnderWay(t *testing.T) {
	f := newFixture(t, nil)
	for range 200 {
		tok := issue(t, f)
		var wg sync.WaitGroup
		wg.Go(func() { _, _ = f.Token(t.Context(), tok.Value, home) })
		if err := f.Revoke(t.Context(), tok.Value); err != nil {
			t.Fatal(err)
		}
		wg.Wait()
		tokenBad(t, f, tok.Value)
	}
}
