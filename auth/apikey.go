package auth

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/netip"
	"strings"

	"entrepot/gateway/errs"
)

// NewAPIKey returns a fresh API key: 128 random bits as 32 upper-case hex
// digits. Only its digest is stored (KeyDigest).
func NewAPIKey(random io.Reader) (Secret, error) {
	var b [16]byte
	if _, err := io.ReadFull(random, b[:]); err != nil {
		return Secret{}, errs.Wrap("auth.NewAPIKey", errs.Other, "", err)
	}
	return NewSecret(strings.ToUpper(hex.EncodeToString(b[:]))), nil
}

// KeyDigest returns the digest under which a Directory keeps an API key.
func KeyDigest(key string) [32]byte { return sha256.Sum256([]byte(key)) }

// APIKey returns the record of an API key as NewAPIKey made it. A key labels
// an application and stands for nobody: the user comes from elsewhere.
// Both cases of the digits are the same key. Unknown, malformed (errs.BadKey)
// and revoked (errs.KeyRevoked) keys are errs.Unauthenticated; a known one from
// an address outside its networks is errs.Forbidden with errs.BadAddress.
func (s *Service) APIKey(ctx context.Context, key string, from netip.Addr) (KeyRecord, error) {
	const op = "auth.APIKey"
	upper := strings.ToUpper(key)
	if !IsAPIKey(upper) {
		return KeyRecord{}, errs.New(op, errs.Unauthenticated, errs.BadKey, "an API key has 32 hexadecimal digits")
	}
	rec, err := s.dir.Key(ctx, KeyDigest(upper))
	switch {
	case errs.Of(err) == errs.NotFound && err != nil:
		return KeyRecord{}, errs.New(op, errs.Unauthenticated, "", "unknown API key")
	case err != nil:
		return KeyRecord{}, err
	case rec.Revoked:
		return KeyRecord{}, errs.New(op, errs.Unauthenticated, errs.KeyRevoked, "the API key was revoked")
	case !allowed(rec.Networks, from):
		return KeyRecord{}, errBadAddress(op)
	}
	return rec, nil
}

// Label adds to a user's principal the application whose API key a request
// shows, and has the directory note that the account uses it. What is wrong
// with the key, or with the application, is errs.Forbidden with the reason that
// APIKey or Directory.UseApplication gives: who is asking is known. A key beside
// no user's credentials says nothing, and p is returned as it is.
func (s *Service) Label(ctx context.Context, p Principal, key string, from netip.Addr) (Principal, error) {
	if p.User == "" {
		return p, nil
	}
	rec, err := s.APIKey(ctx, key, from)
	if err == nil {
		err = s.dir.UseApplication(ctx, p, rec.Application)
	}
	if err != nil {
		if kind := errs.Of(err); kind == errs.Unauthenticated || kind == errs.NotFound {
			err = &errs.Error{Op: "auth.Label", Kind: errs.Forbidden, Reason: errs.ReasonOf(err), Text: errs.TextOf(err), Err: err}
		}
		return Principal{}, err
	}
	p.Application = rec.Application
	return p, nil
}

// IsAPIKey tells whether a text has the form of an API key: 32 hexadecimal
// digits in either case.
func IsAPIKey(key string) bool {
	if len(key) != 32 {
		return false
	}
	for i := range len(key) {
		if c := key[i]; (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'f') {
			return false
		}
	}
	return true
}

// passwordLetters are 32 signs that are not mistaken for each other.
const passwordLetters = "0123456789abcdefghjkmnpqrstvwxyz"

// NewPassword returns a random password of 100 bits that can be read out and
// typed: five groups of four letters and digits, such as
// 7kq2-m0xd-v4tz-93hn-be8r.
func NewPassword(random io.Reader) (Secret, error) {
	const groups, size = 5, 4
	var b [groups * size]byte
	if _, err := io.ReadFull(random, b[:]); err != nil {
		return Secret{}, errs.Wrap("auth.NewPassword", errs.Other, "", err)
	}
	var text strings.Builder
	for i, v := range b {
		if i > 0 && i%size == 0 {
			text.WriteByte('-')
		}
		text.WriteByte(passwordLetters[v%32]) // 256 is a multiple of 32: no bias
	}
	return NewSecret(text.String()), nil
}
