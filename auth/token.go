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
	return s.issueTo(ctx, account, name, password, from, false)
}

// IssueKeystone is Issue for clients of the Identity API: their tokens are
// others, and their principals are marked.
func (s *Service) IssueKeystone(ctx context.Context, user, password string, from netip.Addr) (Token, Principal, error) {
	return s.issueTo(ctx, "", user, password, from, true)
}

func (s *Service) issueTo(ctx context.Context, account, name, password string, from netip.Addr, keystone bool) (Token, Principal, error) {
	who, err := s.login(ctx, account, name, password, from)
	if err != nil {
		return Token{}, Principal{}, err
	}
	who.keystone = keystone
	token, err := s.issueOnce(ctx, who)
	return token, who.principal(from), err
}

// issueOnce issues a token once for all who ask for the same at the same time.
func (s *Service) issueOnce(ctx context.Context, who identity) (Token, error) {
	lasting := context.WithoutCancel(ctx)
	like := who.tokenOf()
	key := strconv.FormatUint(like.PasswordVersion, 10) + strconv.FormatBool(like.Keystone) + string(like.Credential[:]) + who.Name
	v, err, _ := s.issues.Do(key, func() (any, error) { return s.issue(lasting, who) })
	if err != nil {
		return Token{}, err
	}
	return v.(Token), nil
}

// tokenOf returns a record with what a token of the identity depends on: the
// version of the user's password, or the digest of the application password.
func (who identity) tokenOf() TokenRecord {
	like := TokenRecord{User: who.Name, PasswordVersion: who.PasswordVersion, Keystone: who.keystone}
	if who.credential != nil {
		like.PasswordVersion, like.Credential = 0, who.credential.Digest
	}
	return like
}

// issue returns the living token or makes one. Tokens are derived, not drawn,
// so that only their digest needs to be stored to give the same one again.
func (s *Service) issue(ctx context.Context, who identity) (Token, error) {
	now := s.cfg.Now()
	like := who.tokenOf()
	rec, err := s.dir.CurrentToken(ctx, like, now.Add(time.Second))
	if err == nil {
		for _, key := range s.keys() {
			value := derive(key, who.Name, rec)
			if sha256.Sum256([]byte(value)) == rec.Digest && rec.PasswordVersion == like.PasswordVersion {
				return Token{Value: value, Expires: rec.Expires}, nil
			}
		} // else the server key was changed twice: the old token cannot be told again
	} else if errs.Of(err) != errs.NotFound {
		return Token{}, err
	}
	rec = like
	rec.Expires = now.Add(s.cfg.TokenLife)
	if who.credential != nil && !who.credential.Expires.IsZero() && who.credential.Expires.Before(rec.Expires) {
		rec.Expires = who.credential.Expires
	}
	if rec.Issue, err = s.dir.NextIssue(ctx, who.Name); err != nil {
		return Token{}, err
	}
	value := derive(s.cfg.ServerKey, who.Name, rec)
	rec.Digest = sha256.Sum256([]byte(value))
	if err := s.dir.AddToken(ctx, rec); err != nil {
		return Token{}, err
	}
	return Token{Value: value, Expires: rec.Expires}, nil
}

// keys are the server keys that living tokens may be of, the present one
// first.
func (s *Service) keys() []Secret {
	if s.cfg.PreviousKey.Empty() {
		return []Secret{s.cfg.ServerKey}
	}
	return []Secret{s.cfg.ServerKey, s.cfg.PreviousKey}
}

func derive(key Secret, user string, rec TokenRecord) string {
	mac := hmac.New(sha256.New, []byte(key.Reveal()))
	mac.Write([]byte("entrepot token 1\x00"))
	var n [16]byte
	binary.BigEndian.PutUint64(n[:8], rec.PasswordVersion)
	binary.BigEndian.PutUint64(n[8:], rec.Issue)
	mac.Write(n[:])
	if rec.Credential != ([32]byte{}) {
		mac.Write(rec.Credential[:])
	}
	if rec.Keystone {
		mac.Write([]byte("keystone\x00"))
	}
	mac.Write([]byte(user))
	return tokenPrefix + hex.EncodeToString(mac.Sum(nil)[:tokenDigits/2])
}

// Token returns the principal of whoever a token was issued to. A malformed,
// unknown, expired or revoked token, one of an older password and one of a
// disabled user are errs.Unauthenticated; one used from an address that its
// user may not come from is errs.Forbidden with errs.BadAddress.
func (s *Service) Token(ctx context.Context, token string, from netip.Addr) (Principal, error) {
	_, p, err := s.Inspect(ctx, token, from)
	return p, err
}

// TokenLife is how long new tokens live.
func (s *Service) TokenLife() time.Duration { return s.cfg.TokenLife }

// Inspect is Token that tells also when the token ends.
func (s *Service) Inspect(ctx context.Context, token string, from netip.Addr) (Token, Principal, error) {
	rec, p, err := s.resolve(ctx, token, from)
	if err != nil {
		return Token{}, Principal{}, err
	}
	return Token{Value: token, Expires: rec.Expires}, p, nil
}

func (s *Service) resolve(ctx context.Context, token string, from netip.Addr) (TokenRecord, Principal, error) {
	const op = "auth.Token"
	if err := ctx.Err(); err != nil {
		return TokenRecord{}, Principal{}, errs.Wrap(op, errs.Canceled, "", err)
	}
	if !isToken(token) {
		return TokenRecord{}, Principal{}, errBadToken(op)
	}
	rec, err := s.tokenRecord(ctx, token)
	switch {
	case err != nil && errs.Of(err) == errs.NotFound:
		return TokenRecord{}, Principal{}, errBadToken(op)
	case err != nil:
		return TokenRecord{}, Principal{}, err
	case !rec.Expires.After(s.cfg.Now()):
		return TokenRecord{}, Principal{}, errBadToken(op)
	}
	if rec.Credential != ([32]byte{}) {
		p, err := s.limitedToken(ctx, rec, from)
		return rec, p, err
	}
	u, err := s.dir.User(ctx, rec.User)
	switch {
	case err != nil && errs.Of(err) == errs.NotFound:
		return TokenRecord{}, Principal{}, errBadToken(op)
	case err != nil:
		return TokenRecord{}, Principal{}, err
	case u.Disabled || u.PasswordVersion != rec.PasswordVersion:
		return TokenRecord{}, Principal{}, errBadToken(op)
	case !allowed(u.Networks, from):
		return TokenRecord{}, Principal{}, errBadAddress(op)
	}
	return rec, identity{User: u, keystone: rec.Keystone}.principal(from), nil
}

// limitedToken is Token for one that was issued for an application password:
// it is worth what that is worth now.
func (s *Service) limitedToken(ctx context.Context, rec TokenRecord, from netip.Addr) (Principal, error) {
	who, err := s.credentialOf(ctx, rec.Credential, from)
	switch {
	case err != nil && errs.Of(err) == errs.NotFound, err == nil && fold(who.Name) != fold(rec.User):
		return Principal{}, errBadToken("auth.Token")
	case err != nil:
		return Principal{}, err
	}
	who.keystone = rec.Keystone
	return who.principal(from), nil
}

// tokenRecord finds the record of a token that was derived from a key that
// still counts.
func (s *Service) tokenRecord(ctx context.Context, token string) (TokenRecord, error) {
	digest, now := sha256.Sum256([]byte(token)), s.cfg.Now()
	rec, gen, ok := s.tokens.lookup(digest, now)
	if ok {
		return rec, nil
	}
	rec, err := s.dir.Token(ctx, digest)
	if err != nil {
		return TokenRecord{}, err
	}
	for _, key := range s.keys() {
		if equalText(derive(key, rec.User, rec), token) {
			s.tokens.remember(digest, rec, gen, now)
			return rec, nil
		}
	}
	return TokenRecord{}, errBadToken("auth.Token")
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
