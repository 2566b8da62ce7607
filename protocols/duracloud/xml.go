package duracloud

import (
	"strconv"
	"unicode/utf8"

	"entrepot/gateway"
	"entrepot/protocols/internal/httpkit"
)

// xmlType is the type of listings.
const xmlType = "application/xml"

// xmlHead begins every document, as JDOM 1.1 writes it.
const xmlHead = `<?xml version="1.0" encoding="UTF-8"?>` + "\r\n"

// storesXML is the list of stores: JDOM's pretty style.
func storesXML(list []gateway.StoreInfo) []byte {
	b := []byte(xmlHead + "<storageProviderAccounts>\r\n")
	for _, s := range list {
		primary := "0"
		if s.ID == gateway.PrimaryStore {
			primary = "1"
		}
		b = append(b, `  <storageAcct ownerId="0" isPrimary="`+primary+"\">\r\n    <id>"...)
		b = strconv.AppendInt(b, int64(s.ID), 10)
		b = append(b, "</id>\r\n    <storageProviderType>"...)
		b = appendText(b, s.Type)
		b = append(b, "</storageProviderType>\r\n    <storageProviderOptions>\r\n      <option name=\"WRITABLE\" value=\""...)
		b = strconv.AppendBool(b, !s.ReadOnly)
		b = append(b, "\" />\r\n    </storageProviderOptions>\r\n  </storageAcct>\r\n"...)
	}
	return append(b, "</storageProviderAccounts>\r\n\r\n"...)
}

// spacesXML is a list of spaces: JDOM's raw style. Reserved words and names
// that XML cannot carry are left out.
func spacesXML(list []string) []byte {
	b := []byte(xmlHead)
	empty := true
	for _, name := range list {
		if _, taken := fixed(&call{}, name, ""); taken || !inXML(name) {
			continue
		}
		if empty {
			b, empty = append(b, "<spaces>"...), false
		}
		b = append(appendAttribute(append(b, `<space id="`...), name), `" />`...)
	}
	if empty {
		return append(b, "<spaces />\r\n"...)
	}
	return append(b, "</spaces>\r\n"...)
}

// spaceXML is a page of a space's items, whose names XML can carry: JDOM's raw
// style.
func spaceXML(space string, items []string) []byte {
	b := append(appendAttribute([]byte(xmlHead+`<space id="`), space), '"')
	empty := true
	for _, name := range items {
		if empty {
			b, empty = append(b, '>'), false
		}
		b = append(appendText(append(b, "<item>"...), name), "</item>"...)
	}
	if empty {
		return append(b, " />\r\n"...)
	}
	return append(b, "</space>\r\n"...)
}

// inXML tells whether XML 1.0 can carry a name (section 2.2).
func inXML(s string) bool {
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		if r < ' ' && r != '\t' && r != '\n' && r != '\r' || r == utf8.RuneError && size == 1 || r == 0xfffe || r == 0xffff {
			return false
		}
		i += size
	}
	return true
}

// appendText appends character data as JDOM does.
func appendText(b []byte, s string) []byte {
	n := httpkit.PlainXML(s, true)
	b, s = append(b, s[:n]...), s[n:]
	for i := range len(s) {
		switch c := s[i]; c {
		case '&':
			b = append(b, "&amp;"...)
		case '<':
			b = append(b, "&lt;"...)
		case '>':
			b = append(b, "&gt;"...)
		case '\r':
			b = append(b, "&#xD;"...)
		case '\n':
			b = append(b, "\r\n"...)
		default:
			b = append(b, c)
		}
	}
	return b
}

// appendAttribute appends an attribute's value as JDOM does.
func appendAttribute(b []byte, s string) []byte {
	for i := range len(s) {
		switch c := s[i]; c {
		case '"':
			b = append(b, "&quot;"...)
		case '\t':
			b = append(b, "&#x9;"...)
		case '\n':
			b = append(b, "&#xA;"...)
		default:
			b = appendText(b, s[i:i+1])
		}
	}
	return b
}
