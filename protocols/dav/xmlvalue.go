package dav

import (
	"bytes"
	"unicode/utf8"

	"entrepot/protocols/internal/httpkit"
)

// This file writes parsed XML back as self-contained text: every namespace
// that a fragment uses is declared inside it, so that it can be put into any
// answer later and means the same (RFC 4918 sections 4.3 and 14.17).

// inner returns the content of e, self-contained. Equal input gives equal
// bytes, and parsing the result and writing it again changes nothing.
func (e *element) inner() []byte {
	var out []byte
	for _, n := range e.children {
		out = n.append(out, nil)
	}
	return out
}

// innerText returns the character data of e without its elements, as it was
// meant and not as it is escaped.
func (e *element) innerText() string {
	var out []byte
	for _, n := range e.children {
		if n.text {
			out = appendUnescaped(out, n.raw)
		}
	}
	return string(out)
}

func (n node) append(out []byte, written *scope) []byte {
	if n.elem == nil {
		return append(out, n.raw...)
	}
	return n.elem.append(out, written)
}

// append writes e. written is what the output has declared around it.
func (e *element) append(out []byte, written *scope) []byte {
	decls := e.neededDecls(written)
	if len(decls) > 0 {
		written = &scope{outer: written, decls: decls}
	}
	out = append(out, '<')
	out = appendName(out, e.prefix, e.local)
	for _, d := range decls {
		out = append(out, " xmlns"...)
		if d.prefix != "" {
			out = append(append(out, ':'), d.prefix...)
		}
		out = append(out, `="`...)
		out = appendAttrValue(out, d.space)
		out = append(out, '"')
	}
	for _, a := range e.attrs {
		out = append(out, ' ')
		out = appendName(out, a.prefix, a.local)
		out = append(out, `="`...)
		out = appendAttrValue(out, a.value)
		out = append(out, '"')
	}
	if len(e.children) == 0 {
		return append(out, "/>"...)
	}
	out = append(out, '>')
	for _, n := range e.children {
		out = n.append(out, written)
	}
	out = append(out, "</"...)
	out = appendName(out, e.prefix, e.local)
	return append(out, '>')
}

// neededDecls are e's own declarations and those of its outer prefixes that
// the output lacks.
func (e *element) neededDecls(written *scope) []decl {
	decls := e.decls
	need := func(prefix, space string) {
		if prefix == "xml" {
			return
		}
		for _, d := range decls {
			if d.prefix == prefix {
				return
			}
		}
		if bound, ok := written.lookup(prefix); !ok || bound != space {
			decls = append(decls[:len(decls):len(decls)], decl{prefix, space})
		}
	}
	need(e.prefix, e.space)
	for _, a := range e.attrs {
		if a.prefix != "" {
			need(a.prefix, a.space)
		}
	}
	return decls
}

func appendName(out []byte, prefix, local string) []byte {
	if prefix != "" {
		out = append(append(out, prefix...), ':')
	}
	return append(out, local...)
}

// appendText escapes s as character data. Bytes that XML 1.0 cannot carry
// become U+FFFD.
func appendText(out []byte, s string) []byte { return appendXML(out, s, false) }

// appendAttrValue escapes s for a value in double quotes, white space kept
// against normalisation.
func appendAttrValue(out []byte, s string) []byte { return appendXML(out, s, true) }

func appendXML(out []byte, s string, attr bool) []byte {
	plain := 0 // start of the run not copied yet
	for i := httpkit.PlainXML(s, attr); i < len(s); {
		esc, width := xmlEscape(s, i, attr)
		if esc != "" {
			out = append(append(out, s[plain:i]...), esc...)
			plain = i + width
		}
		i += width
	}
	return append(out, s[plain:]...)
}

// xmlEscape returns what stands for the character at i, "" for itself, and
// the character's width in bytes.
func xmlEscape(s string, i int, attr bool) (string, int) {
	switch c := s[i]; {
	case c == '&':
		return "&amp;", 1
	case c == '<':
		return "&lt;", 1
	case c == '>':
		return "&gt;", 1
	case c == '\r':
		return "&#xD;", 1
	case c == '\n' && attr:
		return "&#xA;", 1
	case c == '\t' && attr:
		return "&#x9;", 1
	case c == '"' && attr:
		return "&#34;", 1
	case c == '\n' || c == '\t':
		return "", 1
	case c < 0x20:
		return replacement, 1
	case c < 0x80:
		return "", 1
	}
	return xmlEscapeRune(s[i:])
}

// replacement stands for what XML 1.0 cannot carry.
const replacement = "\uFFFD"

// xmlEscapeRune is xmlEscape beyond ASCII.
func xmlEscapeRune(s string) (string, int) {
	r, width := utf8.DecodeRuneInString(s)
	if (r == utf8.RuneError && width == 1) || r == 0xFFFE || r == 0xFFFF {
		return replacement, width
	}
	return "", width
}

// appendUnescaped undoes appendText.
func appendUnescaped(out, raw []byte) []byte {
	for len(raw) > 0 {
		i := bytes.IndexByte(raw, '&')
		if i < 0 {
			return append(out, raw...)
		}
		out = append(out, raw[:i]...)
		raw = raw[i:]
		end := bytes.IndexByte(raw, ';')
		if end < 0 {
			return append(out, raw...)
		}
		switch string(raw[:end+1]) {
		case "&amp;":
			out = append(out, '&')
		case "&lt;":
			out = append(out, '<')
		case "&gt;":
			out = append(out, '>')
		case "&#xD;":
			out = append(out, '\r')
		}
		raw = raw[end+1:]
	}
	return out
}
