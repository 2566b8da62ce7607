package auth_test

import (
	"bytes"
	"regexp"
	"strings"
	"testing"
	"time"

	"entrepot/auth"
	"entrepot/gateway/errs"
)

// phone gives the user of the fixture an application password.
func (f *fixture) phone(t *testing.T, edit func(*auth.CredentialRecord)) string {
	t.Helper()
	password, err := auth.NewApplicationPassword(bytes.NewReader([]byte("twenty random bytes!")))
	if err != nil {
		t.Fatal(err)
	}
	rec := auth.CredentialRecord{
		Digest: auth.CredentialDigest(password.Reveal()), User: "Tester", Application: "phone",
		Scope: auth.Scope{Credential: "c1", Container: 7, Prefix: "photos/"},
	}
	if edit != nil {
		edit(&rec)
	}
	f.dir.credentials[rec.Digest] = rec
	return password.Reveal()
}

func TestApplicationPasswordsHaveTheirForm(t *testing.T) {
	password := newFixture(t, nil).phone(t, nil)
	if !regexp.MustCompile(`^ap-[a-z2-7]{32}$`).MatchString(password) || !auth.IsApplicationPassword(password) {
		t.Errorf("password %q", password)
	}
	for _, bad := range []string{"", "ap-", password[1:], password + "a", strings.ToUpper(password), "ap-" + strings.Repeat("1", 32)} {
		if auth.IsApplicationPassword(bad) {
			t.Errorf("%q has the form", bad)
		}
	}
}

func TestAnApplicationPasswordStandsForItsUserWithinItsFolder(t *testing.T) {
	f := newFixture(t, nil)
	password := f.phone(t, nil)
	byName := f.loginOK(t, "tester", password, home)
	bearer, err := f.ApplicationPassword(t.Context(), password, home)
	if err != nil {
		t.Fatal(err)
	}
	token, fromLogin, err := f.Issue(t.Context(), "test:tester", password, home)
	if err != nil {
		t.Fatal(err)
	}
	fromToken, err := f.Token(t.Context(), token.Value, home)
	if err != nil {
		t.Fatal(err)
	}
	for name, p := range map[string]auth.Principal{"password": byName, "bearer": bearer, "login": fromLogin, "token": fromToken} {
		if p.User != "Tester" || p.Account != "test" || p.Application != "phone" || p.Scope == nil || *p.Scope != (auth.Scope{Credential: "c1", Container: 7, Prefix: "photos/"}) {
			t.Errorf("%s: %+v", name, p)
		}
	}
	if own := f.loginOK(t, "tester", "testing", home); own.Scope != nil || own.Application != "" {
		t.Errorf("the user's own password: %+v", own)
	}
	if len(f.dir.used) < 4 {
		t.Errorf("used %d times", len(f.dir.used))
	}
}

func TestAnApplicationPasswordIsNeverAnAdministrators(t *testing.T) {
	for role, want := range map[auth.Role]auth.Role{
		auth.RoleAdmin: auth.RoleOwner, auth.RoleAuditor: auth.RoleViewer, auth.RoleOwner: auth.RoleOwner,
		auth.RoleUser: auth.RoleUser, auth.RoleViewer: auth.RoleViewer,
	} {
		f := newFixture(t, nil)
		f.dir.change("tester", func(u *auth.User) { u.Role = role })
		if p := f.loginOK(t, "tester", f.phone(t, nil), home); p.Role != want {
			t.Errorf("%s becomes %s, want %s", role, p.Role, want)
		}
	}
}

func TestAnApplicationPasswordOutlivesTheUsersPassword(t *testing.T) {
	f := newFixture(t, nil)
	password := f.phone(t, nil)
	token, _, err := f.Issue(t.Context(), "tester", password, home)
	if err != nil {
		t.Fatal(err)
	}
	own, _, err := f.Issue(t.Context(), "tester", "testing", home)
	if err != nil || own.Value == token.Value {
		t.Fatalf("the user's own token: %v, %v", own, err)
	}
	f.dir.change("tester", func(u *auth.User) { u.PasswordVersion++; u.PasswordHash = hashed(t, "other") })
	f.loginOK(t, "tester", password, home)
	if _, err := f.Token(t.Context(), token.Value, home); err != nil {
		t.Errorf("its token: %v", err)
	}
	if again, _, err := f.Issue(t.Context(), "tester", password, home); err != nil || again != token {
		t.Errorf("asking again: %v, %v, want %v", again, err, token)
	}
	_, err = f.Token(t.Context(), own.Value, home)
	wantKind(t, err, errs.Unauthenticated, "")
}

func TestAnApplicationPasswordEnds(t *testing.T) {
	for name, c := range map[string]struct {
		record func(*auth.CredentialRecord)
		user   func(*auth.User)
		kind   errs.Kind
		reason errs.Reason
	}{
		"expired":       {record: func(r *auth.CredentialRecord) { r.Expires = time.Unix(1_700_000_000, 0) }, kind: errs.Unauthenticated, reason: errs.CredentialEnded},
		"folder gone":   {record: func(r *auth.CredentialRecord) { r.Ended = true }, kind: errs.Unauthenticated, reason: errs.CredentialEnded},
		"stopped":       {record: func(r *auth.CredentialRecord) { r.Stopped = true }, kind: errs.Forbidden, reason: errs.ApplicationStopped},
		"user disabled": {user: func(u *auth.User) { u.Disabled = true }, kind: errs.Unauthenticated, reason: errs.CredentialEnded},
		"user gone":     {record: func(r *auth.CredentialRecord) { r.User = "nobody" }, kind: errs.Unauthenticated, reason: errs.CredentialEnded},
		"wrong address": {user: func(u *auth.User) { u.Networks = []string{"203.0.113.0/24"} }, kind: errs.Forbidden, reason: errs.BadAddress},
	} {
		f := newFixture(t, nil)
		token, _, err := f.Issue(t.Context(), "tester", f.phone(t, nil), home)
		if err != nil {
			t.Fatal(err)
		}
		password := f.phone(t, c.record)
		if c.user != nil {
			f.dir.change("tester", c.user)
		}
		_, err = f.ApplicationPassword(t.Context(), password, home)
		wantKind(t, err, c.kind, c.reason)
		_, err = f.Password(t.Context(), "tester", password, home)
		wantKind(t, err, c.kind, c.reason)
		if _, err = f.Token(t.Context(), token.Value, home); errs.Of(err) != c.kind {
			t.Errorf("%s: its token: %v", name, err)
		}
	}
}

func TestAWrongApplicationPasswordIsAGuessLikeAnyOther(t *testing.T) {
	f := newFixture(t, func(c *auth.Config) { c.Throttle.Pair = auth.Limit{Burst: 2, Every: time.Minute} })
	password := f.phone(t, nil)
	f.login(t, "other", password, home, errs.Unauthenticated, "")
	f.login(t, "elsewhere:tester", password, home, errs.Unauthenticated, "")
	for i := range 2 {
		f.login(t, "tester", "ap-"+strings.Repeat(string(rune('a'+i)), 32), home, errs.Unauthenticated, "")
	}
	f.login(t, "tester", "ap-"+strings.Repeat("z", 32), home, errs.RateLimited, errs.Throttled)
	f.loginOK(t, "tester", password, home)
	_, err := f.ApplicationPassword(t.Context(), "ap-"+strings.Repeat("z", 32), home)
	wantKind(t, err, errs.Unauthenticated, "")
	_, err = f.ApplicationPassword(t.Context(), "testing", home)
	wantKind(t, err, errs.Unauthenticated, "")
}

func TestTokensEndWithTheServerKeyButOneChange(t *testing.T) {
	f := newFixture(t, nil)
	token, _, err := f.Issue(t.Context(), "tester", "testing", home)
	if err != nil {
		t.Fatal(err)
	}
	first, second, third := auth.NewSecret(strings.Repeat("k", 32)), auth.NewSecret(strings.Repeat("l", 32)), auth.NewSecret(strings.Repeat("m", 32))
	restart := func(key, previous auth.Secret) *auth.Service {
		s, err := auth.New(f.dir, auth.Config{ServerKey: key, PreviousKey: previous, Hash: cheap, Now: f.clock})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	changed := restart(second, first)
	if _, err := changed.Token(t.Context(), token.Value, home); err != nil {
		t.Errorf("after one change: %v", err)
	}
	if again, _, err := changed.Issue(t.Context(), "tester", "testing", home); err != nil || again != token {
		t.Errorf("a login after one change: %v, %v, want the living token", again, err)
	}
	later := restart(third, second)
	_, err = later.Token(t.Context(), token.Value, home)
	wantKind(t, err, errs.Unauthenticated, "")
	if again, _, err := later.Issue(t.Context(), "tester", "testing", home); err != nil || again.Value == token.Value {
		t.Errorf("a login after two changes: %v, %v, want a new token", again, err)
	}
}
