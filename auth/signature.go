package auth

import (
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"hash"
	"strconv"
	"strings"

	"entrepot/gateway/errs"
)

// The digests that signatures of temporary URLs and upload forms are made
// with. SHA-1 is deprecated; clients of the first days know no other.
const (
	SHA1   = "sha1"
	SHA256 = "sha256"
	SHA512 = "sha512"
)

// SignatureDigests lists the digests that ParseSignature knows, the weakest
// first.
func SignatureDigests() []string { return []string{SHA1, SHA256, SHA512} }

// maxSignature bounds the text of a signature: a name, a colon, 64 bytes in
// hex.
const maxSignature = 160

// A Signature is an HMAC (RFC 2104) as a URL or a form carries it. The zero
// value signs nothing.
type Signature struct {
	digest string
	mac    []byte
}

// ParseSignature reads a signature: hexadecimal digits, whose number tells the
// digest (40, 64, 128), or "sha1:", "sha256:" or "sha512:" and base64 in the
// standard or the URL alphabet, padded or not. A digest that is not among
// allowed (none: all are), and any other text, is errs.Unauthenticated.
func ParseSignature(text string, allowed ...string) (Signature, error) {
	s, ok := parseSignature(text)
	if !ok || !listed(allowed, s.digest) {
		return Signature{}, errs.New("auth.ParseSignature", errs.Unauthenticated, "", "")
	}
	return s, nil
}

func parseSignature(text string) (Signature, bool) {
	if len(text) > maxSignature {
		return Signature{}, false
	}
	if name, encoded, ok := strings.Cut(text, ":"); ok {
		encoded = strings.NewReplacer("-", "+", "_", "/").Replace(strings.TrimRight(encoded, "="))
		if strings.ContainsAny(encoded, "\r\n") { // the decoder would skip them
			return Signature{}, false
		}
		mac, err := base64.RawStdEncoding.Strict().DecodeString(encoded)
		make := digestOf(name)
		return Signature{name, mac}, err == nil && make != nil && len(mac) == make().Size()
	}
	mac, err := hex.DecodeString(text)
	if err != nil {
		return Signature{}, false
	}
	for _, name := range SignatureDigests() {
		if len(mac) == digestOf(name)().Size() {
			return Signature{name, mac}, true
		}
	}
	return Signature{}, false
}

// digestOf finds a digest by its name; nil: there is none.
func digestOf(name string) func() hash.Hash {
	switch name {
	case SHA1:
		return sha1.New
	case SHA256:
		return sha256.New
	case SHA512:
		return sha512.New
	}
	return nil
}

func listed(list []string, name string) bool {
	for _, l := range list {
		if l == name {
			return true
		}
	}
	return len(list) == 0
}

// Signs tells whether the signature was made of text with the key. The time
// taken does not depend on where they differ. An empty key signs nothing.
func (s Signature) Signs(text string, key Secret) bool {
	if s.digest == "" || key.Empty() {
		return false
	}
	return hmac.Equal(s.mac, mac(digestOf(s.digest), key, text))
}

// Sign returns the signature of text with a key, in hexadecimal digits. An
// unknown digest or an empty key is errs.Invalid.
func Sign(digest string, key Secret, text string) (string, error) {
	make := digestOf(digest)
	if make == nil || key.Empty() {
		return "", errs.New("auth.Sign", errs.Invalid, "", "A signature needs a key and a known digest.")
	}
	return hex.EncodeToString(mac(make, key, text)), nil
}

func mac(make func() hash.Hash, key Secret, text string) []byte {
	m := hmac.New(make, []byte(key.Reveal()))
	m.Write([]byte(text))
	return m.Sum(nil)
}

// A TemporaryURL is what the signature of a temporary URL covers (OpenStack
// Object Storage API v1, middleware tempurl).
type TemporaryURL struct {
	Method  string
	Expires int64  // Unix seconds
	Path    string // decoded, from /v1/ on; with Prefix it ends where the prefix does
	Prefix  bool   // the path stands for everything that begins with it
	IPRange string // address or prefix that may use it, as sent; "": any
}

// Text returns what is signed.
func (t TemporaryURL) Text() string {
	path := t.Path
	if t.Prefix {
		path = "prefix:" + path
	}
	text := t.Method + "\n" + strconv.FormatInt(t.Expires, 10) + "\n" + path
	if t.IPRange != "" {
		text = "ip=" + t.IPRange + "\n" + text
	}
	return text
}

// An UploadForm is what the signature of an upload form covers (OpenStack
// Object Storage API v1, middleware formpost). The fields are as the form has
// them; an empty number stands for "0".
type UploadForm struct {
	Path         string // decoded, from /v1/ on
	Redirect     string
	MaxFileSize  string // bytes
	MaxFileCount string
	Expires      string // Unix seconds
}

// Text returns what is signed.
func (f UploadForm) Text() string {
	number := func(s string) string {
		if s == "" {
			return "0"
		}
		return s
	}
	return strings.Join([]string{
		f.Path, f.Redirect, number(f.MaxFileSize), number(f.MaxFileCount), number(f.Expires),
	}, "\n")
}
