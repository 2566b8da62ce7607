package swift

import (
	"strconv"
	"unicode/utf8"

	"entrepot/gateway"
	"entrepot/protocols/internal/httpkit"
)

// The encoders below append one row of a listing, without reflection, in the
// spelling of Swift: JSON with a blank behind commas and colons.

func appendObjectJSON(b []byte, e *gateway.Entry) []byte {
	if e.Subdir != "" {
		return appendSubdirJSON(b, e.Subdir)
	}
	o := &e.Object
	b = appendJSON(append(b, `{"name": `...), o.Name)
	b = append(append(b, `, "hash": "`...), storedTag(o)...)
	b = strconv.AppendInt(append(b, `", "bytes": `...), o.Size, 10)
	b = appendJSON(append(b, `, "content_type": `...), o.ContentType)
	b = appendDate(append(b, `, "last_modified": "`...), o.Timestamp)
	b = append(b, '"')
	if o.Large == gateway.Static {
		b = append(append(append(b, `, "slo_etag": "\"`...), o.Composite...), `\""`...)
	}
	if o.Link != nil {
		b = appendLinkJSON(b, o.Link)
	}
	return append(b, '}')
}

// appendLinkJSON appends where a link leads to, as its row shows it.
func appendLinkJSON(b []byte, link *gateway.Link) []byte {
	path := "/v1/" + accountPrefix + httpkit.EscapePath(linkPath("", link))
	b = appendJSON(append(b, `, "symlink_path": `...), path)
	if link.ETag != "" {
		b = append(append(append(b, `, "symlink_etag": "`...), link.ETag...), '"')
		b = strconv.AppendInt(append(b, `, "symlink_bytes": `...), link.Size, 10)
	}
	return b
}

// storedTag is the digest of what an object itself stores.
func storedTag(o *gateway.Object) string {
	if o.Large != gateway.Plain {
		return o.ManifestMD5
	}
	return o.MD5
}

func appendContainerJSON(b []byte, e *gateway.ContainerEntry) []byte {
	if e.Subdir != "" {
		return appendSubdirJSON(b, e.Subdir)
	}
	b = appendJSON(append(b, `{"name": `...), e.Name)
	b = strconv.AppendInt(append(b, `, "count": `...), e.Objects, 10)
	b = strconv.AppendInt(append(b, `, "bytes": `...), e.Bytes, 10)
	b = appendDate(append(b, `, "last_modified": "`...), e.Modified)
	return append(b, `"}`...)
}

func appendSubdirJSON(b []byte, name string) []byte {
	return append(appendJSON(append(b, `{"subdir": `...), name), '}')
}

func appendObjectXML(b []byte, e *gateway.Entry) []byte {
	if e.Subdir != "" {
		b = appendXML(append(b, `<subdir name="`...), e.Subdir, true)
		b = appendXML(append(b, `"><name>`...), e.Subdir, false)
		return append(b, `</name></subdir>`...)
	}
	o := &e.Object
	b = appendXML(append(b, `<object><name>`...), o.Name, false)
	b = append(append(b, `</name><hash>`...), storedTag(o)...)
	b = strconv.AppendInt(append(b, `</hash><bytes>`...), o.Size, 10)
	b = appendXML(append(b, `</bytes><content_type>`...), o.ContentType, false)
	b = appendDate(append(b, `</content_type><last_modified>`...), o.Timestamp)
	return append(b, `</last_modified></object>`...)
}

func appendContainerXML(b []byte, e *gateway.ContainerEntry) []byte {
	if e.Subdir != "" {
		b = appendXML(append(b, `<subdir name="`...), e.Subdir, true)
		return append(b, `" />`...)
	}
	b = appendXML(append(b, `<container><name>`...), e.Name, false)
	b = strconv.AppendInt(append(b, `</name><count>`...), e.Objects, 10)
	b = strconv.AppendInt(append(b, `</count><bytes>`...), e.Bytes, 10)
	b = appendDate(append(b, `</bytes><last_modified>`...), e.Modified)
	return append(b, `</last_modified></container>`...)
}

// appendJSON appends a JSON string (RFC 8259 section 7). Bytes that are no
// UTF-8 become U+FFFD.
func appendJSON(b []byte, s string) []byte {
	const digits = "0123456789abcdef"
	b = append(b, '"')
	start := 0
	for i := httpkit.PlainJSON(s); i < len(s); {
		c := s[i]
		if c >= utf8.RuneSelf {
			r, size := utf8.DecodeRuneInString(s[i:])
			if r == utf8.RuneError && size == 1 {
				b = append(append(b, s[start:i]...), "\ufffd"...)
				start = i + 1
			}
			i += size
			continue
		}
		if c >= ' ' && c != '"' && c != '\\' {
			i++
			continue
		}
		b = append(b, s[start:i]...)
		switch c {
		case '"', '\\':
			b = append(b, '\\', c)
		case '\n':
			b = append(b, `\n`...)
		case '\r':
			b = append(b, `\r`...)
		case '\t':
			b = append(b, `\t`...)
		default:
			b = append(b, '\\', 'u', '0', '0', digits[c>>4], digits[c&15])
		}
		i++
		start = i
	}
	return append(append(b, s[start:]...), '"')
}

// appendXML appends character data of XML 1.0, or an attribute's value for
// double quotes. Characters that XML cannot hold in any spelling become U+FFFD.
func appendXML(b []byte, s string, attribute bool) []byte {
	start := 0
	for i := httpkit.PlainXML(s, attribute); i < len(s); {
		r, size := rune(s[i]), 1
		if r >= utf8.RuneSelf {
			r, size = utf8.DecodeRuneInString(s[i:])
		}
		if escape := xmlEscape(r, size, attribute); escape != "" {
			b = append(append(b, s[start:i]...), escape...)
			start = i + size
		}
		i += size
	}
	return append(b, s[start:]...)
}

// xmlEscape returns what stands for a character; "": itself.
func xmlEscape(r rune, size int, attribute bool) string {
	switch {
	case r == '&':
		return "&amp;"
	case r == '<':
		return "&lt;"
	case r == '>':
		return "&gt;"
	case r == '"' && attribute:
		return "&quot;"
	case r == '\r': // parsers read a plain one as a line feed
		return "&#13;"
	case r == '\n' && attribute: // and these as blanks
		return "&#10;"
	case r == '\t' && attribute:
		return "&#9;"
	case r < ' ' && r != '\n' && r != '\t', r == utf8.RuneError && size == 1, r == 0xfffe, r == 0xffff:
		return "\ufffd"
	}
	return ""
}
