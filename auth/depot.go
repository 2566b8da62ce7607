package auth

import (
	"crypto/hmac"
	"crypto/md5" //nolint:gosec // the depot API's wire format demands it
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"

	"entrepot/gateway/errs"
)

// DepotKeys are the secrets that the callers of the depot API share with the
// gateway, and what is asked of them.
type DepotKeys struct {
	Salt         Secret // at least 16 bytes; used as the text it is, never decoded
	PreviousSalt Secret // also accepted, while the salt is being changed; may be empty
	HMACKey      Secret // at least 32 bytes, or empty: HMAC is not offered

	// Optional accepts bodies without any proof; a wrong one is still refused.
	Optional bool
	// RefuseMD5 makes the HMAC mandatory: a right checksum is not enough.
	RefuseMD5 bool
}

const (
	minSalt    = 16
	minHMACKey = 32
)

// Enabled tells whether any caller could be accepted; without, the API is to
// be off.
func (k DepotKeys) Enabled() bool {
	return k.Optional || !k.HMACKey.Empty() || (!k.Salt.Empty() && !k.RefuseMD5)
}

// Check refuses with errs.Invalid secrets that could be guessed from one
// request that an eavesdropper sees.
func (k DepotKeys) Check() error {
	const op = "auth.DepotKeys"
	for _, salt := range []Secret{k.Salt, k.PreviousSalt} {
		if !salt.Empty() && len(salt.Reveal()) < minSalt {
			return errs.New(op, errs.Invalid, "", "a depot salt needs at least 16 characters")
		}
	}
	if !k.HMACKey.Empty() && len(k.HMACKey.Reveal()) < minHMACKey {
		return errs.New(op, errs.Invalid, "", "the depot HMAC key needs at least 32 characters")
	}
	return nil
}

// A DepotVerdict is what the proof of a depot request is worth.
type DepotVerdict uint8

// The verdicts. The two refusals have the values of the secondary codes that
// the depot API answers them with.
const (
	DepotProven  DepotVerdict = 0 // the caller knows the secret, or need not
	DepotMissing DepotVerdict = 1 // no proof that would be enough
	DepotWrong   DepotVerdict = 2 // a proof that is wrong, doubled or cannot be checked
)

// String names the verdict for the log.
func (v DepotVerdict) String() string {
	switch v {
	case DepotProven:
		return "proven"
	case DepotMissing:
		return "missing"
	}
	return "wrong"
}

// DepotChecksum returns the checksum of a depot request: the MD5 of the body's
// bytes and then the salt's, in lower-case hex (depot API, host server 3.0).
func DepotChecksum(body []byte, salt Secret) string {
	h := md5.New() //nolint:gosec // see the import
	h.Write(body)
	h.Write([]byte(salt.Reveal()))
	return hex.EncodeToString(h.Sum(nil))
}

// DepotHMAC returns the gateway's stronger proof of a depot request: the
// HMAC-SHA256 of the body under the key's text, in lower-case hex.
func DepotHMAC(body []byte, key Secret) string {
	h := hmac.New(sha256.New, []byte(key.Reveal()))
	h.Write(body)
	return hex.EncodeToString(h.Sum(nil))
}

// VerifyDepot judges the proof of a depot request: the parameters "checksum"
// and "hmac" of its query against the exact bytes of its body. Every proof
// that is present must be right, each at most once and in lower case; one of
// them must be enough for what keys demand. It must be asked before anything
// of the body is looked at.
func VerifyDepot(query map[string][]string, body []byte, keys DepotKeys) DepotVerdict {
	checksum, hmacs := query["checksum"], query["hmac"]
	if len(checksum) > 1 || len(hmacs) > 1 {
		return DepotWrong
	}
	if len(checksum) == 1 && !checksumFits(checksum[0], body, keys) {
		return DepotWrong
	}
	if len(hmacs) == 1 && (keys.HMACKey.Empty() || !sameHex(hmacs[0], DepotHMAC(body, keys.HMACKey))) {
		return DepotWrong
	}
	if len(hmacs) == 1 || len(checksum) == 1 && !keys.RefuseMD5 || keys.Optional {
		return DepotProven
	}
	return DepotMissing
}

// checksumFits tries both salts always, so that the time taken does not say
// which one fits.
func checksumFits(given string, body []byte, keys DepotKeys) bool {
	fits := false
	for _, salt := range []Secret{keys.Salt, keys.PreviousSalt} {
		if same := sameHex(given, DepotChecksum(body, salt)); same && !salt.Empty() {
			fits = true
		}
	}
	return fits
}

// sameHex compares in constant time. Lengths are no secret, and a given text
// with other signs than the lower-case digits of want is simply different.
func sameHex(given, want string) bool {
	return subtle.ConstantTimeCompare([]byte(given), []byte(want)) == 1
}
