package httpkit

import (
	"strings"

	"entrepot/gateway/errs"
)

// SplitDura splits the escaped path of a DuraCloud request below prefix
// ("/durastore") at its first slash and decodes the two parts each by itself
// (DuraCloud REST API): the first names a space or a resource, the rest is a
// content ID in which an encoded slash is a slash, and a plus a plus. One
// slash behind the first part alone means nothing. errs.NotFound is a path
// outside prefix, errs.Invalid a percent sign without two hex digits.
func SplitDura(prefix, escaped string) (first, rest string, err error) {
	path, ok := strings.CutPrefix(escaped, prefix)
	if !ok || path != "" && path[0] != '/' {
		return "", "", errs.New("duracloud.path", errs.NotFound, "", "There is nothing here.")
	}
	first, rest, _ = strings.Cut(strings.TrimPrefix(path, "/"), "/")
	first, ok1 := Unescape(first, false)
	rest, ok2 := Unescape(rest, false)
	if !ok1 || !ok2 {
		return "", "", errs.New("duracloud.path", errs.Invalid, errs.BadName, "a percent sign in the path is not followed by two hex digits")
	}
	return first, rest, nil
}
