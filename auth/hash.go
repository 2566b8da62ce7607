package auth

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/bcrypt"

	"entrepot/gateway/errs"
)

// MaxPassword is the longest password in bytes, and MaxUserName the longest
// login name; longer ones are wrong without being looked at.
const (
	MaxPassword = 1024
	MaxUserName = 256
)

// HashParams says how costly a password hash is (Argon2id, RFC 9106).
type HashParams struct {
	Memory uint32 // KiB
	Passes uint32
	Lanes  uint8 // computed one after the other by verifiers with one core
}

// DefaultHash is the cost of new password hashes: 19 MiB of memory and some
// 40 ms of one core.
func DefaultHash() HashParams { return HashParams{Memory: 19 << 10, Passes: 3, Lanes: 1} }

// Bounds of what a stored hash may ask for, so that a planted one cannot
// exhaust memory.
const (
	maxHashMemory = 256 << 10 // KiB
	maxHashPasses = 16
	maxHashLanes  = 16
	maxBcryptCost = 14
	saltSize      = 16
	keySize       = 32
)

// HashPassword returns the hash text to be stored for password, made with
// DefaultHash and a random salt. The text describes itself (algorithm, cost,
// salt), so that costs can change while old hashes stay valid. A password
// that could not be sent through every door is refused with errs.Invalid:
// empty, over MaxPassword bytes, not UTF-8, or with control characters.
func HashPassword(password string) (string, error) {
	return DefaultHash().Hash(rand.Reader, password)
}

// Hash is HashPassword with another cost and source of randomness.
func (p HashParams) Hash(random io.Reader, password string) (string, error) {
	const op = "auth.Hash"
	if err := checkPassword(password); err != nil {
		return "", errs.New(op, errs.Invalid, "", err.Error())
	}
	if err := p.check(); err != nil {
		return "", errs.Wrap(op, errs.Invalid, "", err)
	}
	salt := make([]byte, saltSize)
	if _, err := io.ReadFull(random, salt); err != nil {
		return "", errs.Wrap(op, errs.Other, "", err)
	}
	return p.text(salt, argon2.IDKey([]byte(password), salt, p.Passes, p.Memory, p.Lanes, keySize)), nil
}

// dummy returns a hash text that no password has and that costs as much to
// check as a real one: what unknown users are measured against.
func (p HashParams) dummy(random io.Reader) (string, error) {
	b := make([]byte, saltSize+keySize)
	if _, err := io.ReadFull(random, b); err != nil {
		return "", err
	}
	return p.text(b[:saltSize], b[saltSize:]), nil
}

func (p HashParams) text(salt, key []byte) string {
	b64 := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, p.Memory, p.Passes, p.Lanes,
		b64.EncodeToString(salt), b64.EncodeToString(key))
}

func (p HashParams) check() error {
	switch {
	case p.Lanes < 1 || p.Lanes > maxHashLanes:
		return errors.New("lanes of a password hash are 1 to 16")
	case p.Passes < 1 || p.Passes > maxHashPasses:
		return errors.New("passes of a password hash are 1 to 16")
	case p.Memory < 8*uint32(p.Lanes) || p.Memory > maxHashMemory:
		return errors.New("memory of a password hash is 8 KiB a lane to 256 MiB")
	}
	return nil
}

func checkPassword(password string) error {
	switch {
	case password == "":
		return errors.New("the password is empty")
	case len(password) > MaxPassword:
		return fmt.Errorf("the password is longer than %d bytes", MaxPassword)
	case !utf8.ValidString(password):
		return errors.New("the password is not UTF-8")
	case strings.ContainsFunc(password, unicode.IsControl):
		return errors.New("the password has control characters")
	}
	return nil
}

// verifyHash tells whether password is the one of the hash text: Argon2id or
// bcrypt. An unreadable text is an error, and the password wrong.
func verifyHash(text, password string) (bool, error) {
	if strings.HasPrefix(text, "$2") {
		return verifyBcrypt(text, password)
	}
	p, salt, key, err := parseHash(text)
	if err != nil {
		return false, err
	}
	got := argon2.IDKey([]byte(password), salt, p.Passes, p.Memory, p.Lanes, uint32(len(key)))
	return subtle.ConstantTimeCompare(got, key) == 1, nil
}

func verifyBcrypt(text, password string) (bool, error) {
	cost, err := bcrypt.Cost([]byte(text))
	if err != nil {
		return false, err
	}
	if cost > maxBcryptCost {
		return false, fmt.Errorf("bcrypt cost %d is above %d", cost, maxBcryptCost)
	}
	err = bcrypt.CompareHashAndPassword([]byte(text), []byte(password))
	if errors.Is(err, bcrypt.ErrMismatchedHashAndPassword) {
		return false, nil
	}
	return err == nil, err
}

// parseHash reads the text form $argon2id$v=19$m=…,t=…,p=…$salt$key, spelled
// exactly as text writes it.
func parseHash(s string) (p HashParams, salt, key []byte, err error) {
	part := strings.Split(s, "$")
	if len(part) != 6 || part[0] != "" || part[1] != "argon2id" || part[2] != "v="+strconv.Itoa(argon2.Version) {
		return p, nil, nil, errors.New("not an argon2id hash of a known version")
	}
	cost := strings.Split(part[3], ",")
	if len(cost) != 3 {
		return p, nil, nil, errors.New("hash without m, t and p")
	}
	var n [3]uint64
	for i, name := range []string{"m=", "t=", "p="} {
		digits, ok := strings.CutPrefix(cost[i], name)
		if n[i], err = strconv.ParseUint(digits, 10, 32); !ok || err != nil {
			return p, nil, nil, fmt.Errorf("hash parameter %q", cost[i])
		}
	}
	if n[2] > maxHashLanes {
		return p, nil, nil, errors.New("hash with too many lanes")
	}
	p = HashParams{Memory: uint32(n[0]), Passes: uint32(n[1]), Lanes: uint8(n[2])}
	if err := p.check(); err != nil {
		return p, nil, nil, err
	}
	b64 := base64.RawStdEncoding.Strict()
	if salt, err = b64.DecodeString(part[4]); err != nil || len(salt) < 8 || len(salt) > 64 {
		return p, nil, nil, errors.New("hash with a bad salt")
	}
	if key, err = b64.DecodeString(part[5]); err != nil || len(key) < 16 || len(key) > 64 {
		return p, nil, nil, errors.New("hash with a bad key")
	}
	return p, salt, key, nil
}
