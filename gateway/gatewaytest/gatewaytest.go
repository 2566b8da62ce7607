// Package gatewaytest makes a whole gateway in memory for tests: the real
// store over the adversarial memory engine, a clock that stands still until it
// is moved, and a handful of users.
//
//	account  user (password)          role
//	admin    admin (admin)            admin
//	test     tester (testing)         owner
//	test     tester3 (testing3)       user
//	test2    tester2 (testing2)       owner
//	test5    tester5 (testing5)       owner, group "service"
//	test6    tester6 (testing6)       auditor
package gatewaytest

import (
	"context"
	"crypto/rand"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"entrepot/auth"
	"entrepot/gateway"
	"entrepot/store"
	"entrepot/store/blob"
	"entrepot/store/blob/memblob"
	"entrepot/store/kv"
	"entrepot/store/kv/memkv"
)

// Start is the time at which a fixture's clock begins.
func Start() time.Time { return time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC) }

// A Clock stands still until it is moved. Safe for concurrent use.
type Clock struct {
	mu  sync.Mutex
	now time.Time
}

// NewClock returns a clock that shows Start.
func NewClock() *Clock { return &Clock{now: Start()} }

// Now returns the clock's time.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Advance moves the clock forward by d.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// A Fixture is a gateway for one test.
type Fixture struct {
	Gateway *gateway.Gateway
	Auth    *auth.Service
	Clock   *Clock
	Store   *store.Store

	tb     testing.TB
	engine kv.Engine
	seen   []string // rows of the last fingerprint
}

// Options change the fixture. The zero value is the usual one.
type Options struct {
	Engine      kv.Engine  // default: adversarial memory engine, see usual
	Blobs       blob.Blobs // default: in memory
	InlineLimit int        // default: 64 bytes, so that tests use blobs as well
	Config      gateway.Config
	Clock       *Clock
	NoUsers     bool // make none of the users; see Fixture.AddUser
}

// New returns a fixture that ends with the test.
func New(tb testing.TB) *Fixture { return NewWith(tb, Options{}) }

// Plain returns options with a fast engine and the product's inline limit, for
// benchmarks and large tests.
func Plain() Options {
	return Options{Engine: memkv.New(memkv.Options{}), InlineLimit: store.DefaultInlineLimit}
}

// Adversary returns the engine that New uses: it interleaves what declared
// locks do not exclude, runs functions twice and fails the test when a row is
// written that no lock covers.
func Adversary(tb testing.TB) kv.Engine {
	return memkv.New(memkv.Options{
		Adversarial: true, Seed: 1, Covers: store.Covers,
		Fail: func(message string) { tb.Errorf("engine: %s", message) },
	})
}

// NewWith returns a fixture with options.
func NewWith(tb testing.TB, opt Options) *Fixture {
	tb.Helper()
	ctx := tb.Context()
	if opt.Engine == nil {
		opt.Engine = usual(tb)
	}
	if opt.Blobs == nil {
		opt.Blobs = memblob.New(memblob.Options{})
	}
	if opt.InlineLimit == 0 {
		opt.InlineLimit = 64
	}
	if opt.Clock == nil {
		opt.Clock = NewClock()
	}
	if opt.Config.Now == nil {
		opt.Config.Now = opt.Clock.Now
	}
	f := &Fixture{Clock: opt.Clock, tb: tb, engine: opt.Engine}
	var err error
	f.Store, err = store.Open(ctx, opt.Engine, opt.Blobs, store.Options{Now: f.Clock.Now, InlineLimit: opt.InlineLimit})
	if err != nil {
		tb.Fatal(err)
	}
	if f.Gateway, err = gateway.New(ctx, f.Store, opt.Config); err != nil {
		tb.Fatal(err)
	}
	f.Auth, err = auth.New(f.Gateway.Accounts, auth.Config{
		ServerKey: auth.NewSecret(strings.Repeat("k", 32)), Hash: cheap(), Now: f.Clock.Now,
		Logger: opt.Config.Logger,
	})
	if err != nil {
		tb.Fatal(err)
	}
	if !opt.NoUsers {
		f.addUsers()
	}
	tb.Cleanup(func() {
		if err := f.Gateway.Close(); err != nil {
			tb.Error(err)
		}
		if err := f.Store.Close(); err != nil {
			tb.Error(err)
		}
	})
	return f
}

// cheap is the least costly password hash.
func cheap() auth.HashParams { return auth.HashParams{Memory: 64, Passes: 1, Lanes: 1} }

func (f *Fixture) addUsers() {
	for _, u := range []struct {
		name, account, password string
		role                    auth.Role
		groups                  []string
	}{
		{"admin", "admin", "admin", auth.RoleAdmin, nil},
		{"tester", "test", "testing", auth.RoleOwner, nil},
		{"tester2", "test2", "testing2", auth.RoleOwner, nil},
		{"tester3", "test", "testing3", auth.RoleUser, nil},
		{"tester5", "test5", "testing5", auth.RoleOwner, []string{"service"}},
		{"tester6", "test6", "testing6", auth.RoleAuditor, nil},
	} {
		f.AddUser(u.name, u.account, u.password, u.role, u.groups...)
	}
}

// AddUser makes a login.
func (f *Fixture) AddUser(name, account, password string, role auth.Role, groups ...string) {
	f.tb.Helper()
	hash, err := cheap().Hash(rand.Reader, password)
	if err != nil {
		f.tb.Fatal(err)
	}
	err = f.Gateway.Accounts.AddUser(f.Local(), gateway.NewUser{
		Name: name, Account: account, Role: role, Groups: groups, PasswordHash: hash,
	})
	if err != nil {
		f.tb.Fatal(err)
	}
}

// Hash makes the stored text of a password at the least cost.
func (f *Fixture) Hash(password string) (string, error) { return cheap().Hash(rand.Reader, password) }

// SetPassword changes a user's password.
func (f *Fixture) SetPassword(user, password string) {
	f.tb.Helper()
	hash, err := cheap().Hash(rand.Reader, password)
	if err == nil {
		err = f.Gateway.Accounts.SetPassword(f.Local(), user, hash)
	}
	if err != nil {
		f.tb.Fatal(err)
	}
}

// Ctx returns a context that carries a user's principal; "" is anonymous.
func (f *Fixture) Ctx(user string) context.Context {
	f.tb.Helper()
	p := auth.Principal{Address: netip.MustParseAddr("127.0.0.1")}
	if user != "" {
		u, err := f.Gateway.Accounts.User(f.tb.Context(), user)
		if err != nil {
			f.tb.Fatal(err)
		}
		p.NameSince, p.AccountSince = u.NameSince, u.AccountSince
		p.User, p.Account, p.Role, p.Groups, p.Suspended = u.Name, u.Account, u.Role, u.Groups, u.Suspended
	}
	return auth.WithPrincipal(f.tb.Context(), p)
}

// Local returns a context that carries whoever works at the gateway's own
// machine: an administrator.
func (f *Fixture) Local() context.Context { return auth.WithPrincipal(f.tb.Context(), auth.Local()) }

// Operator returns a context that carries the operator of the depot API.
func (f *Fixture) Operator() context.Context {
	return auth.WithPrincipal(f.tb.Context(), auth.Principal{Operator: true, Address: netip.MustParseAddr("127.0.0.1")})
}
