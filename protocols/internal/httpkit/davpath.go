package httpkit

import (
	"net/url"
	"strings"
	"unicode/utf8"

	"entrepot/gateway"
	"entrepot/gateway/errs"
)

// Limits of decoded WebDAV names in bytes; they are Swift's, so that whatever
// a drive writes can be named through the other doors.
const (
	davMaxObject    = 1024
	davMaxContainer = 256
)

// A DavPath is what a WebDAV URL path names.
type DavPath struct {
	// Ref has an empty Account where the path means the caller's own, and
	// never a slash at the end of Object.
	Ref gateway.Ref
	// Named tells that the path named its account: "/@account/…".
	Named bool
	// Slash tells that the path ended in a slash.
	Slash bool
}

// SplitDavPath splits the escaped path of a WebDAV request below prefix
// ("/dav"; "" for none) and decodes each segment exactly once:
//
//	/dav/                    the caller's account
//	/dav/c/                  a container
//	/dav/c/a/b               the object or folder a/b
//	/dav/@account/c/a/b      the same in another account
//
// Runs of slashes count as one. A container whose name begins with "@" is
// written %40. errs.NotFound is a path outside prefix; errs.Invalid with
// errs.BadName a name that no drive can hold: an encoded slash, a segment "."
// or ".." in any spelling, a control character, bytes that are not UTF-8; with
// errs.NameTooLong one beyond Swift's limits (256 bytes for a container, 1,024
// for an object).
func SplitDavPath(prefix, escaped string) (DavPath, error) {
	rest, ok := strings.CutPrefix(escaped, prefix)
	if !ok || (rest != "" && rest[0] != '/') {
		return DavPath{}, errs.New("dav.path", errs.NotFound, "", "the path lies outside this tree")
	}
	p := DavPath{Slash: strings.HasSuffix(rest, "/")}
	segments := make([]string, 0, 8)
	for raw := range strings.SplitSeq(rest, "/") {
		if raw == "" {
			continue
		}
		if len(segments) == 0 && !p.Named && raw[0] == '@' {
			p.Named = true
			account, err := decodeSegment(raw[1:])
			if err != nil {
				return DavPath{}, err
			}
			p.Ref.Account = account
			continue
		}
		name, err := decodeSegment(raw)
		if err != nil {
			return DavPath{}, err
		}
		segments = append(segments, name)
	}
	if len(segments) > 0 {
		p.Ref.Container = segments[0]
		p.Ref.Object = strings.Join(segments[1:], "/")
	}
	if len(p.Ref.Container) > davMaxContainer || len(p.Ref.Object) > davMaxObject {
		return DavPath{}, errs.New("dav.path", errs.Invalid, errs.NameTooLong,
			"a container's name has at most 256 bytes, a path below it at most 1,024")
	}
	return p, nil
}

// decodeSegment undoes the percent encoding of one path segment and refuses
// what no resource can be called.
func decodeSegment(raw string) (string, error) {
	name := raw
	if strings.IndexByte(raw, '%') >= 0 {
		var err error
		if name, err = url.PathUnescape(raw); err != nil {
			return "", badSegment("a percent sign in the path is not followed by two hex digits")
		}
	}
	switch {
	case name == "":
		return "", badSegment("the path names an account without a name")
	case name == "." || name == "..":
		return "", badSegment(`the path holds a segment "." or ".."`)
	case !utf8.ValidString(name):
		return "", badSegment("the path is not UTF-8")
	}
	for i := range len(name) {
		switch c := name[i]; {
		case c == '/':
			return "", badSegment("an encoded slash cannot be part of a name")
		case c < 0x20 || c == 0x7f:
			return "", badSegment("the path holds a control character")
		}
	}
	if strings.Contains(name, "\ufffe") || strings.Contains(name, "\uffff") {
		return "", badSegment("the path holds a character that XML cannot carry")
	}
	return name, nil
}

func badSegment(text string) error {
	return errs.New("dav.path", errs.Invalid, errs.BadName, text)
}

// AppendDavHref appends the absolute path under which a drive finds ref: the
// inverse of SplitDavPath. Only RFC 3986's unreserved characters and slashes
// stay literal, so that clients which compare bytes agree with each other. A
// ref of a folder that ends in a slash keeps it; account and container always
// get one. With named the account is part of the path.
func AppendDavHref(dst []byte, prefix string, named bool, ref gateway.Ref) []byte {
	dst = append(dst, prefix...)
	dst = append(dst, '/')
	if named {
		dst = append(dst, '@')
		dst = appendEscaped(dst, ref.Account)
		dst = append(dst, '/')
	}
	if ref.Container == "" {
		return dst
	}
	dst = appendEscaped(dst, ref.Container)
	dst = append(dst, '/')
	return appendEscaped(dst, ref.Object)
}

// AppendDavSegment appends one path segment, percent-encoded as AppendDavHref
// does it: a relative reference to a member of a folder.
func AppendDavSegment(dst []byte, name string) []byte { return appendEscaped(dst, name) }

const upperHex = "0123456789ABCDEF"

// appendEscaped percent-encodes everything but unreserved characters and "/".
func appendEscaped(dst []byte, s string) []byte {
	for {
		n := plain(s, plainPath)
		dst = append(dst, s[:n]...)
		if n == len(s) {
			return dst
		}
		dst = append(dst, '%', upperHex[s[n]>>4], upperHex[s[n]&15])
		s = s[n+1:]
	}
}
