package duracloud

import (
	"encoding/base64"
	"encoding/hex"
	"mime"
	"net/http"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/http/httpguts"

	"entrepot/gateway"
	"entrepot/gateway/errs"
	"entrepot/protocols/internal/httpkit"
)

// metaPrefix stands before the names of properties, on the wire in lower case:
// clients compare it so.
const metaPrefix = "x-dura-meta-"

// aclPrefix stands, behind metaPrefix, before the names of a space's access
// list.
const aclPrefix = "acl-"

// isoTime is how DuraCloud writes times: UTC, without saying so.
const isoTime = "2006-01-02T15:04:05"

// cutMeta takes the prefix of properties off a header's name, in any case.
func cutMeta(name string) (string, bool) {
	if len(name) <= len(metaPrefix) || !strings.EqualFold(name[:len(metaPrefix)], metaPrefix) {
		return "", false
	}
	return strings.ToLower(name[len(metaPrefix):]), true
}

// reserved are properties that requests cannot set: what the store knows by
// itself, and the words of other calls.
func reserved(name string) bool {
	switch name {
	case "content-mimetype", "content-size", "content-checksum", "content-md5", "content-modified",
		"copy-source", "copy-source-store", "space-count", "space-created":
		return true
	}
	return strings.HasPrefix(name, aclPrefix)
}

// properties reads the properties that a request sets, and returns what is
// wrong with each that is not US-ASCII, in DuraStore's words.
func properties(h http.Header) (props gateway.Properties, faults string) {
	props = gateway.Properties{}
	var bad []string
	for name, values := range h {
		name, ok := cutMeta(name)
		if !ok || reserved(name) {
			continue
		}
		if strings.ContainsFunc(values[0], notASCII) {
			bad = append(bad, "The property value '"+values[0]+"' is invalid. Only US-ASCII characters are allowed.  ")
		}
		props[name] = values[0]
	}
	slices.Sort(bad)
	return props, strings.Join(bad, "")
}

func notASCII(r rune) bool { return r >= 0x80 }

// setProperties writes properties to an answer.
func setProperties(h http.Header, props gateway.Properties) {
	for name, value := range props {
		if !httpguts.ValidHeaderFieldName(name) {
			name = escapeToken(name)
		}
		if strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r > '~' }) {
			value = "UTF-8''" + httpkit.EscapePath(value)
		}
		h[metaPrefix+name] = []string{value}
	}
}

// escapeToken percent-encodes what cannot be in the name of a header (RFC 9110
// section 5.6.2), and the percent sign.
func escapeToken(name string) string {
	var b strings.Builder
	for i := range len(name) {
		if c := name[i]; c != '%' && c < 0x80 && httpguts.IsTokenRune(rune(c)) {
			b.WriteByte(c)
		} else {
			b.WriteString("%" + strings.ToUpper(hex.EncodeToString([]byte{c})))
		}
	}
	return b.String()
}

// grants reads the access list that a request sends. Names may be
// percent-encoded; the last of several that differ in case wins.
func grants(h http.Header) (gateway.Grants, error) {
	out := gateway.Grants{}
	for name, values := range h {
		name, ok := cutMeta(name)
		if !ok {
			continue
		}
		name, ok = strings.CutPrefix(name, aclPrefix)
		if !ok {
			continue
		}
		name, ok = httpkit.Unescape(name, false)
		if !ok {
			return nil, errs.New("duracloud.grants", errs.Invalid, errs.BadACL, "A percent sign in the name of a user is not followed by two hex digits")
		}
		out[strings.ToLower(name)] = gateway.Right(values[len(values)-1])
	}
	return out, nil
}

// setGrants writes an access list to an answer.
func setGrants(h http.Header, list gateway.Grants) {
	for name, right := range list {
		h[metaPrefix+aclPrefix+escapeToken(name)] = []string{string(right)}
	}
}

// mediaType reads a content type and writes it as DuraStore keeps it,
// "type/subtype;name=value" without blanks. It returns false for what is none.
func mediaType(s string) (string, bool) {
	t, params, err := mime.ParseMediaType(s)
	main, sub, ok := strings.Cut(t, "/")
	if err != nil || !ok || main == "" || sub == "" || strings.Contains(sub, "/") {
		return "", false
	}
	if len(params) == 0 {
		return t, true
	}
	var b strings.Builder
	for i, part := range splitParams(s) {
		part = strings.TrimSpace(part)
		if part == "" {
			continue
		}
		if i > 0 {
			b.WriteByte(';')
			name, value, _ := strings.Cut(part, "=")
			part = strings.TrimSpace(name) + "=" + strings.TrimSpace(value)
		}
		b.WriteString(part)
	}
	return b.String(), true
}

// splitParams splits at semicolons outside of quotes.
func splitParams(s string) []string {
	var out []string
	quoted, start := false, 0
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '"':
			quoted = !quoted
		case s[i] == '\\' && quoted:
			i++
		case s[i] == ';' && !quoted:
			out, start = append(out, s[start:i]), i+1
		}
	}
	return append(out, s[start:])
}

// promised is the digest that a Content-MD5 header promises: hex, or the
// base64 of RFC 1864. What is neither matches nothing.
func promised(h http.Header) []gateway.Digest {
	value := strings.TrimSpace(h.Get("Content-MD5"))
	if value == "" {
		return nil
	}
	if raw, err := base64.StdEncoding.DecodeString(value); err == nil && len(raw) == 16 {
		value = hex.EncodeToString(raw)
	}
	return []gateway.Digest{{Algorithm: "md5", Sum: strings.ToLower(value)}}
}

// setItem writes what GET and HEAD say of an item besides its length.
func (f *Face) setItem(h http.Header, obj *gateway.Object) {
	setDigest(h, obj)
	h["Last-Modified"] = []string{f.date(obj.Timestamp)}
	if encoding := obj.Headers["content-encoding"]; encoding != "" {
		h["Content-Encoding"] = []string{encoding}
	}
	if obj.SHA256 != "" {
		h["x-gateway-sha256"] = []string{obj.SHA256}
	}
	setProperties(h, obj.Properties)
}

// setDigest writes a digest under both names that clients look for, spelled as
// they do.
// Where the digest of the joined content of a large object is not known yet,
// its tag stands in its place under the second.
func setDigest(h http.Header, obj *gateway.Object) {
	sum := digestOf(obj)
	if sum == "" {
		h["ETag"] = []string{obj.ETag()}
		return
	}
	h["Content-MD5"], h["ETag"] = []string{sum}, []string{sum}
}

// digestOf is the MD5 of what a reader of the item gets; "" where it is not
// known.
func digestOf(obj *gateway.Object) string {
	if obj.Large == gateway.Plain || obj.Manifest {
		return obj.MD5
	}
	return obj.JoinedMD5
}

// isItemHeader tells the headers that setItem and ServeContent write.
func isItemHeader(name string) bool {
	switch name {
	case "Content-MD5", "ETag", "Last-Modified", "Content-Encoding", "x-gateway-sha256", "Content-Type",
		"Content-Length", "Content-Disposition", "Accept-Ranges", "Content-Security-Policy":
		return true
	}
	return strings.HasPrefix(name, metaPrefix)
}

// date writes Last-Modified.
func (f *Face) date(t time.Time) string {
	if f.cfg.HTTPDates {
		return httpkit.HTTPTime(t)
	}
	return string(httpkit.AppendDateTime(nil, t))
}
