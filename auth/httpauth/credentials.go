package httpauth

import (
	"encoding/base64"
	"net/http"
	"strings"
	"unicode"
	"unicode/utf8"

	"entrepot/auth"
	"entrepot/gateway/errs"
)

// maxCredentials bounds the text behind an authentication scheme: the longest
// user name and password, in base64, with room to spare.
const maxCredentials = 4 * (auth.MaxUserName + auth.MaxPassword)

// authorization returns what follows the scheme in the Authorization header;
// ok is false when the header is absent or of another scheme. Two headers are
// refused: nobody could say which one was checked.
func authorization(r *http.Request, scheme string) (value string, ok bool, err error) {
	header, err := single(r, "Authorization")
	if err != nil {
		return "", false, err
	}
	name, rest, _ := strings.Cut(header, " ")
	if !strings.EqualFold(name, scheme) {
		return "", false, nil
	}
	value = strings.Trim(rest, " ")
	if value == "" {
		return "", false, malformed("credentials are empty")
	}
	return value, true, nil
}

// single returns the only value of a header, "" when it is absent.
func single(r *http.Request, name string) (string, error) {
	values := r.Header.Values(name)
	switch {
	case len(values) == 0:
		return "", nil
	case len(values) > 1:
		return "", malformed(name + " is given twice")
	case len(values[0]) > maxCredentials:
		return "", malformed(name + " is too long")
	}
	return values[0], nil
}

// ParseBasic reads the credentials of the Basic scheme (RFC 7617): padded
// base64 of user, a colon and password. The user is not empty and holds no
// colon; both are UTF-8 without control characters. Everything else is
// errs.Unauthenticated.
func ParseBasic(value string) (user, password string, err error) {
	if len(value) > maxCredentials {
		return "", "", malformed("credentials are too long")
	}
	// The decoder skips line ends; credentials have none.
	if strings.ContainsAny(value, "\r\n") {
		return "", "", malformed("credentials are not base64")
	}
	raw, err := base64.StdEncoding.Strict().DecodeString(value)
	if err != nil {
		return "", "", malformed("credentials are not base64")
	}
	text := string(raw)
	if !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl) {
		return "", "", malformed("credentials are not plain UTF-8 text")
	}
	user, password, ok := strings.Cut(text, ":")
	if !ok || user == "" {
		return "", "", malformed("credentials are not user:password")
	}
	return user, password, nil
}

func malformed(text string) error { return errs.New("httpauth", errs.Unauthenticated, "", text) }
