package auth

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"log/slog"
	"net/netip"
	"runtime"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/singleflight"

	"entrepot/gateway/errs"
)

// Config configures a Service. All fields but ServerKey may be left zero.
type Config struct {
	// ServerKey is what tokens are derived from: at least 32 bytes, random,
	// the same after a restart and on every gateway that shares a Directory.
	ServerKey Secret
	// PreviousKey is the server key before it was last changed, or empty:
	// tokens that were derived from it are still told again to who logs in.
	PreviousKey Secret

	TokenLife time.Duration // of new tokens; default 24 hours
	WarmLife  time.Duration // how long a checked password is remembered; default and most 5 minutes
	WarmUsers int           // how many checked passwords and tokens are remembered; default 4096 each

	// Hash is the cost that checking the password of an unknown user has; it
	// should be the cost of the stored hashes. Default DefaultHash.
	Hash     HashParams
	Throttle ThrottleConfig
	// Strikes keeps what is counted about wrong passwords, see Run; nil: it is
	// forgotten with the process.
	Strikes StrikeStore

	Now    func() time.Time // default time.Now
	Random io.Reader        // default crypto/rand
	Logger *slog.Logger     // default: none
}

const (
	minServerKey = 32
	maxWarmLife  = 5 * time.Minute
	// maxWaiting bounds how many password checks wait for a core at once.
	maxWaiting = 512
)

func (c Config) withDefaults() Config {
	c.TokenLife = cmp.Or(c.TokenLife, 24*time.Hour)
	c.WarmLife = min(cmp.Or(c.WarmLife, maxWarmLife), maxWarmLife)
	c.WarmUsers = cmp.Or(c.WarmUsers, 4096)
	c.Hash = cmp.Or(c.Hash, DefaultHash())
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Random == nil {
		c.Random = rand.Reader
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c
}

// A Service authenticates. It is safe for concurrent use; one is shared by
// all doors.
type Service struct {
	dir   Directory
	cfg   Config
	dummy User // stands in for users that do not exist

	throttle *throttle
	verdicts *verdicts
	tokens   *tokenCache

	cores   chan struct{} // one slot for each slow hash that may run: a core stays free for who is known
	waiting atomic.Int64
	checks  singleflight.Group // the same password sent many times at once is checked once
	issues  singleflight.Group
}

// New returns a Service over dir. It fails with errs.Invalid for a
// configuration that cannot be safe.
func New(dir Directory, cfg Config) (*Service, error) {
	const op = "auth.New"
	cfg = cfg.withDefaults()
	switch {
	case len(cfg.ServerKey.Reveal()) < minServerKey:
		return nil, errs.New(op, errs.Invalid, "", "the server key needs at least 32 bytes")
	case cfg.TokenLife < 0 || cfg.WarmLife < 0 || cfg.WarmUsers < 0:
		return nil, errs.New(op, errs.Invalid, "", "durations and sizes cannot be negative")
	}
	if err := cfg.Hash.check(); err != nil {
		return nil, errs.Wrap(op, errs.Invalid, "", err)
	}
	s := &Service{dir: dir, cfg: cfg, cores: make(chan struct{}, max(1, runtime.GOMAXPROCS(0)-1))}
	hash, err := cfg.Hash.dummy(cfg.Random)
	if err != nil {
		return nil, errs.Wrap(op, errs.Other, "", err)
	}
	s.dummy = User{PasswordHash: hash}
	if s.throttle, err = newThrottle(cfg.Throttle); err != nil {
		return nil, errs.Wrap(op, errs.Invalid, "", err)
	}
	secret := make([]byte, 32)
	if _, err := io.ReadFull(cfg.Random, secret); err != nil {
		return nil, errs.Wrap(op, errs.Other, "", err)
	}
	if s.verdicts, err = newVerdicts(secret, cfg.WarmLife, cfg.WarmUsers); err != nil {
		return nil, errs.Wrap(op, errs.Invalid, "", err)
	}
	if s.tokens, err = newTokenCache(cfg.WarmUsers); err != nil {
		return nil, errs.Wrap(op, errs.Invalid, "", err)
	}
	return s, nil
}

// Password returns the principal of a user who gives the password from an
// address. It fails with errs.Unauthenticated for every wrong combination (an
// unknown user costs the same time and gets the same answer as a wrong
// password), errs.RateLimited and errs.Throttled with a *ThrottleError after
// too many of them, errs.Forbidden and errs.BadAddress when the password is
// right but the user may not come from there, and errs.Unavailable when too
// many checks wait already. An application password (see ApplicationPassword)
// is as good as the user's own, within its limits. A password checked in the last minutes is not
// hashed again as long as the user's record stays as it was.
func (s *Service) Password(ctx context.Context, user, password string, from netip.Addr) (Principal, error) {
	who, err := s.login(ctx, "", user, password, from)
	if err != nil {
		return Principal{}, err
	}
	return who.principal(from), nil
}

// Forget drops what is remembered about a user's password and tokens. Changes
// of the password version are noticed without it.
func (s *Service) Forget(user string) {
	s.verdicts.forget(user)
	s.tokens.forget(user)
}

// An identity is a user, and the application password that was given instead
// of the user's own.
type identity struct {
	User
	credential *CredentialRecord
	keystone   bool // through the Identity API
}

// login checks a password; a non-empty account must be the user's.
func (s *Service) login(ctx context.Context, account, name, password string, from netip.Addr) (identity, error) {
	if err := ctx.Err(); err != nil {
		return identity{}, errs.Wrap("auth.Password", errs.Canceled, "", err)
	}
	if IsApplicationPassword(password) {
		who, err := s.credential(ctx, password, from)
		if err == nil && named(who.User, account, name) || err != nil && errs.Of(err) != errs.NotFound {
			return who, err
		} // else a guess like any other
	}
	u, err := s.ownPassword(ctx, account, name, password, from)
	return identity{User: u}, err
}

// named tells whether a user is the one that was asked for.
func named(u User, account, name string) bool {
	return fold(u.Name) == fold(name) && (account == "" || fold(account) == fold(u.Account))
}

// ownPassword checks the password that a user chose.
func (s *Service) ownPassword(ctx context.Context, account, name, password string, from netip.Addr) (User, error) {
	const op = "auth.Password"
	u, err := s.find(ctx, account, name)
	if err != nil {
		return User{}, err
	}
	g := newGuess(fold(u.Name), from)
	p := s.verdicts.proof(u.Name, password)
	right, known := s.verdicts.lookup(p, u, s.cfg.Now())
	switch {
	case !known:
		right, err = s.check(ctx, p, g, u, password)
	case right:
		err = throttled(op, s.throttle.wait(g, false, s.cfg.Now()))
	default: // the same wrong password again: counted, not hashed
		err = throttled(op, s.throttle.take(g, true, s.cfg.Now()))
	}
	switch {
	case err != nil:
		return User{}, err
	case !right:
		return User{}, errWrongPassword(op)
	case !allowed(u.Networks, from):
		return User{}, errBadAddress(op)
	}
	return u, nil
}

// find returns the user's record, or one that no password fits: then Name is
// the name as asked for, so that guesses at it are counted like all others.
func (s *Service) find(ctx context.Context, account, name string) (User, error) {
	nobody := s.dummy
	if len(name) > MaxUserName {
		nobody.Name = name[:MaxUserName]
		return nobody, nil
	}
	nobody.Name = name
	u, err := s.dir.User(ctx, name)
	switch {
	case err != nil && errs.Of(err) == errs.NotFound:
		return nobody, nil
	case err != nil:
		return User{}, err
	case u.Disabled, u.PasswordHash == "", account != "" && fold(account) != fold(u.Account):
		return nobody, nil
	}
	return u, nil
}

// check runs the slow hash, once for all who ask the same at the same time.
// It goes on when this caller leaves, since others may wait for it.
func (s *Service) check(ctx context.Context, p proof, g guess, u User, password string) (bool, error) {
	key := string(p[:]) + string(g.pair[:])
	lasting := context.WithoutCancel(ctx)
	done := s.checks.DoChan(key, func() (any, error) { return s.hash(lasting, p, g, u, password) })
	select {
	case <-ctx.Done():
		return false, errs.Wrap("auth.Password", errs.Canceled, "", ctx.Err())
	case r := <-done:
		right, _ := r.Val.(bool)
		return right, r.Err
	}
}

func (s *Service) hash(ctx context.Context, p proof, g guess, u User, password string) (bool, error) {
	const op = "auth.Password"
	// Who must wait by what is in memory costs no further look into the store.
	if err := throttled(op, s.throttle.wait(g, false, s.cfg.Now())); err != nil && s.throttle.recalled(g) {
		return false, err
	}
	s.recall(ctx, g)
	if err := throttled(op, s.throttle.take(g, false, s.cfg.Now())); err != nil {
		return false, err
	}
	defer s.waiting.Add(-1)
	if s.waiting.Add(1) > maxWaiting {
		s.throttle.refund(g, s.cfg.Now())
		return false, errs.New(op, errs.Unavailable, "", "too many logins at once")
	}
	gen := s.verdicts.generation()
	s.cores <- struct{}{}
	right, err := verifyHash(u.PasswordHash, password[:min(len(password), MaxPassword+1)])
	<-s.cores
	if err != nil {
		s.cfg.Logger.ErrorContext(ctx, "stored password hash is unreadable", "user", u.Name, "err", err)
	}
	right = right && err == nil && len(password) <= MaxPassword
	now := s.cfg.Now()
	s.verdicts.remember(p, u, right, gen, now)
	if right {
		s.throttle.succeed(g, now)
	}
	return right, nil
}

func (who identity) principal(from netip.Addr) Principal {
	u := &who.User
	p := Principal{
		User: u.Name, Account: u.Account, Role: u.Role, Groups: u.Groups, NameSince: u.NameSince, AccountSince: u.AccountSince,
		Suspended: u.Suspended, Keystone: who.keystone, Address: canonical(from),
	}
	if c := who.credential; c != nil {
		scope := c.Scope
		p.Role, p.Application, p.Scope = p.Role.limited(), c.Application, &scope
	}
	return p
}

// fold is the form in which names are compared: upper-casing first joins the
// letters that have several lower cases.
func fold(name string) string { return strings.ToLower(strings.ToUpper(name)) }

func errWrongPassword(op string) error {
	return errs.New(op, errs.Unauthenticated, "", "wrong user name or password")
}

func errBadAddress(op string) error {
	return errs.New(op, errs.Forbidden, errs.BadAddress, "not allowed from this address")
}

// throttled returns nil for no wait, else the refusal.
func throttled(op string, wait time.Duration) error {
	if wait <= 0 {
		return nil
	}
	return &errs.Error{
		Op: op, Kind: errs.RateLimited, Reason: errs.Throttled, Text: "too many wrong passwords, try again later",
		Err: &ThrottleError{RetryAfter: wait},
	}
}

// RetryAfter returns how long the client of a refused request should wait
// before it asks again, and whether err says so.
func RetryAfter(err error) (time.Duration, bool) {
	var t *ThrottleError
	if errors.As(err, &t) {
		return t.RetryAfter, true
	}
	return 0, false
}
