package auth

import (
	"context"
	"crypto/sha256"
	"encoding/base32"
	"io"
	"net/netip"
	"strings"

	"entrepot/gateway/errs"
)

const (
	applicationPrefix = "ap-"
	applicationBytes  = 20 // of randomness; 32 signs of base32
)

var lowerBase32 = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// NewApplicationPassword returns a fresh application password: "ap-" and 160
// random bits as 32 letters and digits. Only its digest is stored
// (CredentialDigest): no slow hash is needed, since it cannot be guessed.
func NewApplicationPassword(random io.Reader) (Secret, error) {
	var b [applicationBytes]byte
	if _, err := io.ReadFull(random, b[:]); err != nil {
		return Secret{}, errs.Wrap("auth.NewApplicationPassword", errs.Other, "", err)
	}
	return NewSecret(applicationPrefix + lowerBase32.EncodeToString(b[:])), nil
}

// CredentialDigest returns the digest under which a Directory keeps an
// application password.
func CredentialDigest(password string) [32]byte { return sha256.Sum256([]byte(password)) }

// IsApplicationPassword tells whether a text has the form of an application
// password.
func IsApplicationPassword(s string) bool {
	letters, ok := strings.CutPrefix(s, applicationPrefix)
	if !ok || len(letters) != lowerBase32.EncodedLen(applicationBytes) {
		return false
	}
	for i := range len(letters) {
		if c := letters[i]; (c < 'a' || c > 'z') && (c < '2' || c > '7') {
			return false
		}
	}
	return true
}

// ApplicationPassword returns the principal that an application password
// stands for, when it is given without a user's name (as a bearer token): the
// user, limited to the password's application and folder, never an
// administrator. An unknown or malformed one is errs.Unauthenticated, one that
// has expired or whose folder or user is gone the same with
// errs.CredentialEnded; errs.Forbidden with errs.ApplicationStopped when the
// application was stopped or has no active key, and with errs.BadAddress from
// an address that the user may not come from.
func (s *Service) ApplicationPassword(ctx context.Context, password string, from netip.Addr) (Principal, error) {
	const op = "auth.ApplicationPassword"
	if err := ctx.Err(); err != nil {
		return Principal{}, errs.Wrap(op, errs.Canceled, "", err)
	}
	if !IsApplicationPassword(password) {
		return Principal{}, errs.New(op, errs.Unauthenticated, "", "unknown application password")
	}
	who, err := s.credential(ctx, password, from)
	switch {
	case err != nil && errs.Of(err) == errs.NotFound:
		return Principal{}, errs.New(op, errs.Unauthenticated, "", "unknown application password")
	case err != nil:
		return Principal{}, err
	}
	return who.principal(from), nil
}

// credential finds who an application password stands for; errs.NotFound when
// it is unknown.
func (s *Service) credential(ctx context.Context, password string, from netip.Addr) (identity, error) {
	return s.credentialOf(ctx, CredentialDigest(password), from)
}

func (s *Service) credentialOf(ctx context.Context, digest [32]byte, from netip.Addr) (identity, error) {
	const op = "auth.ApplicationPassword"
	rec, err := s.dir.Credential(ctx, digest)
	if err != nil {
		return identity{}, err
	}
	ended := errs.New(op, errs.Unauthenticated, errs.CredentialEnded, "the application password is no longer valid")
	if rec.Ended || !rec.Expires.IsZero() && !rec.Expires.After(s.cfg.Now()) {
		return identity{}, ended
	}
	u, err := s.dir.User(ctx, rec.User)
	switch {
	case err != nil && errs.Of(err) == errs.NotFound, err == nil && u.Disabled:
		return identity{}, ended
	case err != nil:
		return identity{}, err
	case rec.Stopped:
		return identity{}, errs.New(op, errs.Forbidden, errs.ApplicationStopped, "the application was stopped")
	case !allowed(u.Networks, from):
		return identity{}, errBadAddress(op)
	}
	s.dir.CredentialUsed(digest)
	return identity{User: u, credential: &rec}, nil
}
