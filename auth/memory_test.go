package auth_test

import (
	"context"
	"math/rand/v2"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"entrepot/auth"
	"entrepot/gateway/errs"
)

// directory is an auth.Directory in memory.
type directory struct {
	mu     sync.Mutex
	users  map[string]auth.User
	tokens map[[32]byte]auth.TokenRecord
	keys   map[[32]byte]auth.KeyRecord
	issues map[string]uint64

	credentials map[[32]byte]auth.CredentialRecord
	used        [][32]byte
	uses        []string // user and application
	refused     error    // what UseApplication answers

	broken error
	reads  int // of tokens
}

var errAbsent = errs.New("directory", errs.NotFound, "", "absent")

func (d *directory) User(_ context.Context, name string) (auth.User, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.broken != nil {
		return auth.User{}, d.broken
	}
	u, ok := d.users[strings.ToLower(name)]
	if !ok {
		return auth.User{}, errAbsent
	}
	return u, nil
}

func (d *directory) Token(_ context.Context, digest [32]byte) (auth.TokenRecord, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.reads++
	rec, ok := d.tokens[digest]
	if !ok {
		return auth.TokenRecord{}, errAbsent
	}
	return rec, nil
}

func (d *directory) CurrentToken(_ context.Context, like auth.TokenRecord, notBefore time.Time) (auth.TokenRecord, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	var newest auth.TokenRecord
	for _, rec := range d.tokens {
		if rec.User == like.User && rec.PasswordVersion == like.PasswordVersion && rec.Credential == like.Credential && rec.Keystone == like.Keystone && !rec.Expires.Before(notBefore) && rec.Issue >= newest.Issue {
			newest = rec
		}
	}
	if newest.User == "" {
		return auth.TokenRecord{}, errAbsent
	}
	return newest, nil
}

func (d *directory) AddToken(_ context.Context, t auth.TokenRecord) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.tokens[t.Digest] = t
	return nil
}

func (d *directory) NextIssue(_ context.Context, user string) (uint64, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.issues[user]++
	return d.issues[user], nil
}

func (d *directory) RemoveToken(_ context.Context, digest [32]byte) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.tokens, digest)
	return nil
}

func (d *directory) Key(_ context.Context, digest [32]byte) (auth.KeyRecord, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	rec, ok := d.keys[digest]
	if !ok {
		return auth.KeyRecord{}, errAbsent
	}
	return rec, nil
}

func (d *directory) Credential(_ context.Context, digest [32]byte) (auth.CredentialRecord, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	rec, ok := d.credentials[digest]
	if !ok {
		return auth.CredentialRecord{}, errAbsent
	}
	return rec, nil
}

func (d *directory) UseApplication(_ context.Context, p auth.Principal, application string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.uses = append(d.uses, p.User+" "+application)
	return d.refused
}

func (d *directory) CredentialUsed(digest [32]byte) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.used = append(d.used, digest)
}

// change edits a user's record.
func (d *directory) change(name string, edit func(*auth.User)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	u := d.users[name]
	edit(&u)
	d.users[name] = u
}

// cheap is a hash cost for tests.
var cheap = auth.HashParams{Memory: 8, Passes: 1, Lanes: 1}

func hashed(t testing.TB, password string) string {
	t.Helper()
	h, err := cheap.Hash(rand.NewChaCha8([32]byte{1}), password)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

var (
	home  = netip.MustParseAddr("192.0.2.1")
	other = netip.MustParseAddr("198.51.100.7")
)

// fixture is a service over a directory with the user Tester, password
// testing, in the account test.
type fixture struct {
	*auth.Service
	dir *directory

	mu  sync.Mutex
	now time.Time
}

func (f *fixture) clock() time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.now
}

func (f *fixture) advance(d time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.now = f.now.Add(d)
}

func newFixture(t testing.TB, edit func(*auth.Config)) *fixture {
	t.Helper()
	f := &fixture{now: time.Unix(1_700_000_000, 0), dir: &directory{
		users: map[string]auth.User{"tester": {
			Name: "Tester", Account: "test", Role: auth.RoleOwner, Groups: []string{"staff"},
			PasswordHash: hashed(t, "testing"), PasswordVersion: 3,
		}},
		tokens: map[[32]byte]auth.TokenRecord{}, keys: map[[32]byte]auth.KeyRecord{}, issues: map[string]uint64{},
		credentials: map[[32]byte]auth.CredentialRecord{},
	}}
	cfg := auth.Config{
		ServerKey: auth.NewSecret(strings.Repeat("k", 32)), Hash: cheap, Now: f.clock,
		Random: rand.NewChaCha8([32]byte{2}),
	}
	if edit != nil {
		edit(&cfg)
	}
	s, err := auth.New(f.dir, cfg)
	if err != nil {
		t.Fatal(err)
	}
	f.Service = s
	return f
}

// wantKind checks the kind and reason of an error.
func wantKind(t testing.TB, err error, kind errs.Kind, reason errs.Reason) {
	t.Helper()
	if err == nil || errs.Of(err) != kind || errs.ReasonOf(err) != reason {
		t.Errorf("error %v, want %v %q", err, kind, reason)
	}
}

// login is a Password call that must end as given.
func (f *fixture) login(t testing.TB, user, password string, from netip.Addr, kind errs.Kind, reason errs.Reason) {
	t.Helper()
	_, err := f.Password(t.Context(), user, password, from)
	wantKind(t, err, kind, reason)
}

// loginOK is a Password call that must succeed.
func (f *fixture) loginOK(t testing.TB, user, password string, from netip.Addr) auth.Principal {
	t.Helper()
	p, err := f.Password(t.Context(), user, password, from)
	if err != nil {
		t.Errorf("login of %s: %v", user, err)
	}
	return p
}
