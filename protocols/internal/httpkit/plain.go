package httpkit

// Nearly all bytes of names stand for themselves in every format. What must be
// escaped, and how, is the affair of each; these tell how far nothing is.

// classes says what each byte can be part of without an escape.
var classes = func() (c [256]byte) {
	for b := range 256 {
		if b >= 0x20 && b < 0x80 || b == '\t' || b == '\n' {
			c[b] = plainXML | plainAttr
		}
		if b >= 0x20 && b < 0x80 {
			c[b] |= plainJSON
		}
		if unreservedOrSlash(byte(b)) {
			c[b] |= plainPath
		}
	}
	for _, b := range []byte("&<>") {
		c[b] &^= plainXML | plainAttr
	}
	for _, b := range []byte("\"\t\n") {
		c[b] &^= plainAttr
	}
	c['"'] &^= plainJSON
	c['\\'] &^= plainJSON
	return c
}()

const (
	plainXML  = 1 << iota // character data
	plainAttr             // value in double quotes
	plainJSON             // string
	plainPath             // unreserved in a URL, or a slash
)

// plain returns how many bytes at the beginning of s are of a class.
func plain(s string, class byte) int {
	for i := range len(s) {
		if classes[s[i]]&class == 0 {
			return i
		}
	}
	return len(s)
}

// PlainXML returns how many bytes at the beginning of s are ASCII that stands
// for itself in XML's character data, or with attr in a value in double quotes.
func PlainXML(s string, attr bool) int {
	if attr {
		return plain(s, plainAttr)
	}
	return plain(s, plainXML)
}

// PlainJSON returns how many bytes at the beginning of s are ASCII that stands
// for itself in a JSON string.
func PlainJSON(s string) int { return plain(s, plainJSON) }

// unreservedOrSlash are RFC 3986's unreserved characters and "/".
func unreservedOrSlash(c byte) bool {
	switch {
	case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		return true
	}
	return c == '-' || c == '.' || c == '_' || c == '~' || c == '/'
}
