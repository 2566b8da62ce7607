package httpauth

import (
	"net/http"
	"net/netip"
	"strings"
)

// Limits of the forwarded headers: no honest chain is longer.
const (
	maxForwardedBytes = 4096
	maxForwardedHops  = 64
)

// forwarded returns the chains of addresses that the headers name, the
// farthest first. A hop that hides itself ("unknown" or _name, RFC 7239
// section 6) is the zero Addr. Absent headers give no chain.
func forwarded(h http.Header) ([][]netip.Addr, error) {
	var chains [][]netip.Addr
	for _, source := range []struct {
		name  string
		parse func(string) ([]netip.Addr, bool)
	}{
		{"X-Forwarded-For", parseForwardedFor}, {"Forwarded", parseForwarded}, {"X-Real-Ip", parseRealIP},
	} {
		values := h.Values(source.name)
		if len(values) == 0 {
			continue
		}
		joined := strings.Join(values, ",")
		if len(joined) > maxForwardedBytes {
			return nil, badAddress(source.name + " is too long")
		}
		chain, ok := source.parse(joined)
		if !ok || len(chain) > maxForwardedHops {
			return nil, badAddress(source.name + " is malformed")
		}
		chains = append(chains, chain)
	}
	return chains, nil
}

// parseForwardedFor reads "client, proxy, proxy".
func parseForwardedFor(s string) ([]netip.Addr, bool) {
	var chain []netip.Addr
	for hop := range strings.SplitSeq(s, ",") {
		addr, ok := parseNode(strings.Trim(hop, " \t"))
		if !ok {
			return nil, false
		}
		chain = append(chain, addr)
	}
	return chain, true
}

// parseRealIP reads a single address.
func parseRealIP(s string) ([]netip.Addr, bool) {
	addr, ok := parseHost(strings.Trim(s, " \t"))
	return []netip.Addr{addr}, ok
}

// parseForwarded reads RFC 7239: elements separated by commas, each of
// name=value pairs separated by semicolons, values as tokens or quoted
// strings. Each element must have one "for".
func parseForwarded(s string) ([]netip.Addr, bool) {
	var chain []netip.Addr
	for {
		addr, rest, ok := parseElement(s)
		if !ok {
			return nil, false
		}
		chain = append(chain, addr)
		if rest == "" {
			return chain, true
		}
		s = rest[1:] // the comma
	}
}

// parseElement reads up to the end or the next comma, which rest begins with.
func parseElement(s string) (addr netip.Addr, rest string, ok bool) {
	seen := false
	for {
		s = strings.TrimLeft(s, " \t")
		name, tail, found := strings.Cut(s, "=")
		if !found || !isToken(name) {
			return netip.Addr{}, "", false
		}
		value, tail, found := parseValue(tail)
		if !found {
			return netip.Addr{}, "", false
		}
		if strings.EqualFold(name, "for") {
			node, valid := parseNode(value)
			if seen || !valid {
				return netip.Addr{}, "", false
			}
			addr, seen = node, true
		}
		tail = strings.TrimLeft(tail, " \t")
		if tail == "" || tail[0] == ',' {
			return addr, tail, seen
		}
		if tail[0] != ';' {
			return netip.Addr{}, "", false
		}
		s = tail[1:]
	}
}

// parseValue reads a token or a quoted string from the head of s.
func parseValue(s string) (value, rest string, ok bool) {
	if !strings.HasPrefix(s, `"`) {
		end := strings.IndexFunc(s, func(r rune) bool { return !isTokenRune(r) })
		if end < 0 {
			end = len(s)
		}
		return s[:end], s[end:], end > 0
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"':
			return b.String(), s[i+1:], true
		case c == '\\':
			if i++; i == len(s) {
				return "", "", false
			}
			b.WriteByte(s[i])
		default:
			b.WriteByte(c)
		}
	}
	return "", "", false
}

// parseNode reads one hop: an address, or an identifier that hides it, which
// gives the zero Addr.
func parseNode(s string) (netip.Addr, bool) {
	if strings.EqualFold(s, "unknown") || strings.HasPrefix(s, "_") && isToken(s) {
		return netip.Addr{}, true
	}
	return parseHost(s)
}

func isToken(s string) bool {
	return s != "" && strings.IndexFunc(s, func(r rune) bool { return !isTokenRune(r) }) < 0
}

// isTokenRune tells the characters of a token (RFC 9110 section 5.6.2).
func isTokenRune(r rune) bool {
	switch {
	case r >= '0' && r <= '9', r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z':
		return true
	}
	return r < 0x80 && strings.ContainsRune("!#$%&'*+-.^_`|~", r)
}
