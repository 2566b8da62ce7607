package auth

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"entrepot/gateway/errs"
)

// A Token is a credential that stands for a login until it expires, its user
// changes the password, or it is revoked. Its text is AUTH_tk and 32
// lower-case hex digits, as Swift clients know it.
type Token struct {
	Value   string
	Expires time.Time
}

const (
	tokenPrefix = "AUTH_tk"
	tokenDigits = 32
	// tokenWarm is how long a token is not looked up again; it bounds how
	// long one that another gateway revoked lives on here.
	tokenWarm = 10 * time.Second
)

// Issue logs a user in and returns a token: the one that already lives, or a
// new one. The user is given as "user" or "account:user"; a wrong account is
// a wrong password. It fails as Password does.
func (s *Service) Issue(ctx context.Context, user, password string, from netip.Addr) (Token, Principal, error) {
	account, name, found := strings.Cut(user, ":")
	if !found {
		account, name = "", user
	} else if account == "" {
		name = user // no such user: names hold no colon
	}
	u, err := s.login(ctx, account, name, password, from)
	if err != nil {
		return Token{}, Principal{}, err
	}
	lasting := context.WithoutCancel(ctx)
	key := strconv.FormatUint(u.PasswordVersion, 10) + " " + u.Name
	v, err, _ := s.issues.Do(key, func() (any, error) { return s.issue(lasting, u) })
	if err != nil {
		return Token{}, Principal{}, err
	}
	return v.(Token), principal(u, from), nil
}

// issue returns the user's living token or makes one. Tokens are derived, not
// drawn, so that only their digest needs to be stored to give the same one
// again.
func (s *Service) issue(ctx context.Context, u User) (Token, error) {
	now := s.cfg.Now()
	rec, err := s.dir.CurrentToken(ctx, u.Name, u.PasswordVersion, now.Add(time.Second))
	if err == nil {
		value := s.derive(u.Name, rec.PasswordVersion, rec.Issue)
		if sha256.Sum256([]byte(value)) == rec.Digest && rec.PasswordVersion == u.PasswordVersion {
			return Token{Value: value, Expires: rec.Expires}, nil
		} // else the server key was changed: the old token is useless
	} else if errs.Of(err) != errs.NotFound {
		return Token{}, err
	}
	issue, err := s.dir.NextIssue(ctx, u.Name)
	if err != nil {
		return Token{}, err
	}
	value := s.derive(u.Name, u.PasswordVersion, issue)
	rec = TokenRecord{
		Digest: sha256.Sum256([]byte(value)), User: u.Name, PasswordVersion: u.PasswordVersion,
		Issue: issue, Expires: now.Add(s.cfg.TokenLife),
	}
	if err := s.dir.AddToken(ctx, rec); err != nil {
		return Token{}, err
	}
	return Token{Value: value, Expires: rec.Expires}, nil
}

func (s *Service) derive(user string, version, issue uint64) string {
	mac := hmac.New(sha256.New, []byte(s.cfg.ServerKey.Reveal()))
	mac.Write([]byte("entrepot token 1\x00"))
	var n [16]byte
	binary.BigEndian.PutUint64(n[:8], version)
	binary.BigEndian.PutUint64(n[8:], issue)
	mac.Write(n[:])
	mac.Write([]byte(user))
	return tokenPrefix + hex.EncodeToString(mac.Sum(nil)[:tokenDigits/2])
}

// Token returns the principal of whoever a token was issued to. A malformed,
// unknown, expired or revoked token, one of an older password and one of a
// disabled user are errs.Unauthenticated; one used from an address that its
// user may not come from is errs.Forbidden with errs.BadAddress.
func (s *Service) Token(ctx context.Context, token string, from netip.Addr) (Principal, error) {
	const op = "auth.Token"
	if err := ctx.Err(); err != nil {
		return Principal{}, errs.Wrap(op, errs.Canceled, "", err)
	}
	if !isToken(token) {
		return Principal{}, errBadToken(op)
	}
	rec, err := s.tokenRecord(ctx, sha256.Sum256([]byte(token)))
	switch {
	case err != nil && errs.Of(err) == errs.NotFound:
		return Principal{}, errBadToken(op)
	case err != nil:
		return Principal{}, err
	case !rec.Expires.After(s.cfg.Now()):
		return Principal{}, errBadToken(op)
	}
	u, err := s.dir.User(ctx, rec.User)
	switch {
	case err != nil && errs.Of(err) == errs.NotFound:
		return Principal{}, errBadToken(op)
	case err != nil:
		return Principal{}, err
	case u.Disabled || u.PasswordVersion != rec.PasswordVersion:
		return Principal{}, errBadToken(op)
	case !allowed(u.Networks, from):
		return Principal{}, errBadAddress(op)
	}
	return principal(u, from), nil
}

func (s *Service) tokenRecord(ctx context.Context, digest [32]byte) (TokenRecord, error) {
	now := s.cfg.Now()
	rec, gen, ok := s.tokens.lookup(digest, now)
	if ok {
		return rec, nil
	}
	rec, err := s.dir.Token(ctx, digest)
	if err == nil {
		s.tokens.remember(digest, rec, gen, now)
	}
	return rec, err
}

// Revoke ends a token. Revoking an unknown, malformed or expired one is not
// an error.
func (s *Service) Revoke(ctx context.Context, token string) error {
	if !isToken(token) {
		return nil
	}
	digest := sha256.Sum256([]byte(token))
	s.tokens.drop(digest)
	defer s.tokens.drop(digest) // also what a lookup under way has put back
	return s.dir.RemoveToken(ctx, digest)
}

func isToken(s string) bool {
	digits, ok := strings.CutPrefix(s, tokenPrefix)
	if !ok || len(digits) != tokenDigits {
		return false
	}
	for i := range len(digits) {
		if c := digits[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

func errBadToken(op string) error {
	return errs.New(op, errs.Unauthenticated, "", "the token is unknown or has expired")
}

type warmToken struct {
	rec   TokenRecord
	until time.Time
}

// tokenCache remembers token records for a moment.
type tokenCache struct {
	mu  sync.Mutex
	lru *simplelru.LRU[[32]byte, warmToken]
	gen uint64 // raised by every drop, so that a record read before it is not remembered after it
}

func newTokenCache(size int) (*tokenCache, error) {
	lru, err := simplelru.NewLRU[[32]byte, warmToken](size, nil)
	if err != nil {
		return nil, err
	}
	return &tokenCache{lru: lru}, nil
}

func (c *tokenCache) lookup(digest [32]byte, now time.Time) (rec TokenRecord, gen uint64, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	t, found := c.lru.Get(digest)
	left := t.until.Sub(now)
	return t.rec, c.gen, found && left > 0 && left <= tokenWarm
}

func (c *tokenCache) remember(digest [32]byte, rec TokenRecord, gen uint64, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if gen == c.gen {
		c.lru.Add(digest, warmToken{rec: rec, until: now.Add(tokenWarm)})
	}
}

func (c *tokenCache) drop(digest [32]byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.gen++
	c.lru.Remove(digest)
}

func (c *tokenCache) forget(user string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.gen++
	user = fold(user)
	for _, digest := range c.lru.Keys() {
		if t, ok := c.lru.Peek(digest); ok && fold(t.rec.User) == user {
			c.lru.Remove(digest)
		}
	}
}
