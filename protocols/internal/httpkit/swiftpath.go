package httpkit

import (
	"errors"
	"strings"
	"unicode/utf8"

	"entrepot/gateway"
)

// Failures of SplitSwift.
var (
	// ErrBadURL: the path names no account.
	ErrBadURL = errors.New("path names no account")
	// ErrBadVersion: the first part is no version of the storage API.
	ErrBadVersion = errors.New("unknown version of the storage API")
	// ErrBadText: the decoded path is not UTF-8, or holds a NUL.
	ErrBadText = errors.New("path is not UTF-8 or contains NUL")
)

// SplitSwift splits the decoded path of a storage request of the Swift API,
// /v1/{account}[/{container}[/{object}]], into a Ref whose Account is as it
// stands in the path, prefix included. The path was percent-decoded whole
// before (http.Request.URL.Path is), so that an encoded slash separates like a
// plain one; nothing else is normalised. One slash behind an account or a
// container is dropped; behind an object it belongs to the name.
//
// ErrBadURL without an account, or with an object but no container;
// ErrBadVersion unless the first part is v1 or v1.0; ErrBadText as named.
func SplitSwift(path string) (gateway.Ref, error) {
	if strings.IndexByte(path, 0) >= 0 || !utf8.ValidString(path) {
		return gateway.Ref{}, ErrBadText
	}
	version, rest, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	account, rest, _ := strings.Cut(rest, "/")
	container, object, _ := strings.Cut(rest, "/")
	switch {
	case account == "", container == "" && object != "":
		return gateway.Ref{}, ErrBadURL
	case version != "v1" && version != "v1.0":
		return gateway.Ref{}, ErrBadVersion
	}
	return gateway.Ref{Account: account, Container: container, Object: object}, nil
}

// SplitSwiftCopy splits the value of a Destination or X-Copy-From header,
// [/]{container}/{object} percent-encoded, into its two names. It returns
// false unless both are there and the decoded text is UTF-8 without NUL.
func SplitSwiftCopy(value string) (container, object string, ok bool) {
	decoded, ok := Unescape(value, false)
	if !ok || strings.IndexByte(decoded, 0) >= 0 || !utf8.ValidString(decoded) {
		return "", "", false
	}
	container, object, _ = strings.Cut(strings.TrimPrefix(decoded, "/"), "/")
	return container, object, container != "" && object != ""
}

// Unescape decodes percent-encoding, with plus also "+" as a space. It returns
// false, and the text unchanged, when a percent sign is not followed by two
// hex digits.
func Unescape(s string, plus bool) (string, bool) {
	if strings.IndexByte(s, '%') < 0 && !(plus && strings.IndexByte(s, '+') >= 0) {
		return s, true
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '+' && plus:
			b = append(b, ' ')
		case c != '%':
			b = append(b, c)
		default:
			if i+2 >= len(s) {
				return s, false
			}
			hi, ok1 := fromHex(s[i+1])
			lo, ok2 := fromHex(s[i+2])
			if !ok1 || !ok2 {
				return s, false
			}
			b = append(b, hi<<4|lo)
			i += 2
		}
	}
	return string(b), true
}

func fromHex(c byte) (byte, bool) {
	switch {
	case c >= '0' && c <= '9':
		return c - '0', true
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10, true
	case c >= 'A' && c <= 'F':
		return c - 'A' + 10, true
	}
	return 0, false
}

// EscapePath percent-encodes a name, slashes kept, for use in a path or a
// header: every byte but the unreserved ones of RFC 3986 section 2.3.
func EscapePath(s string) string {
	const digits = "0123456789ABCDEF"
	n := 0
	for i := range len(s) {
		if !unreserved(s[i]) {
			n++
		}
	}
	if n == 0 {
		return s
	}
	b := make([]byte, 0, len(s)+2*n)
	for i := range len(s) {
		if c := s[i]; unreserved(c) {
			b = append(b, c)
		} else {
			b = append(b, '%', digits[c>>4], digits[c&15])
		}
	}
	return string(b)
}

func unreserved(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' ||
		c == '/' || c == '-' || c == '.' || c == '_' || c == '~'
}
