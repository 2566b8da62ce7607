package httpkit

import (
	"errors"
	"strconv"
	"strings"
)

// maxAccept bounds the media ranges that are read of one Accept header.
const maxAccept = 64

// Failures of Negotiate.
var (
	// ErrBadAccept: the Accept header is malformed.
	ErrBadAccept = errors.New("malformed Accept header")
	// ErrNotAcceptable: nothing that is offered is accepted.
	ErrNotAcceptable = errors.New("no acceptable media type")
)

// mediaRange is one element of an Accept header.
type mediaRange struct {
	kind, sub string
	q         float64
}

// Negotiate chooses among the offered media types by an Accept header (RFC
// 9110 section 12.5.1). The range with the highest weight wins, among equals
// the more specific one, then the earlier one; of several offers that it
// matches the first wins. An empty header accepts everything. A type that a
// range with weight 0 names exactly is never chosen.
func Negotiate(accept string, offers ...string) (string, error) {
	if strings.Trim(accept, " \t") == "" && len(offers) > 0 {
		return offers[0], nil
	}
	var ranges []mediaRange
	for more := true; more; {
		var item string
		item, accept, more = strings.Cut(accept, ",")
		if item = strings.Trim(item, " \t"); item == "" {
			continue
		}
		m, ok := parseMediaRange(item)
		if !ok || len(ranges) == maxAccept {
			return "", ErrBadAccept
		}
		ranges = append(ranges, m)
	}
	if len(ranges) == 0 {
		return "", ErrBadAccept
	}
	return choose(ranges, offers)
}

// choose finds the best range that an offer matches.
func choose(ranges []mediaRange, offers []string) (string, error) {
	best, found := "", mediaRange{}
	for _, m := range ranges {
		if m.q == 0 || best != "" && (m.q < found.q || m.q == found.q && m.specificity() <= found.specificity()) {
			continue
		}
		for _, offer := range offers {
			if m.matches(offer) && !refused(ranges, offer) {
				best, found = offer, m
				break
			}
		}
	}
	if best == "" {
		return "", ErrNotAcceptable
	}
	return best, nil
}

// refused tells whether a range of weight 0 names the offer exactly.
func refused(ranges []mediaRange, offer string) bool {
	for _, m := range ranges {
		if m.q == 0 && m.specificity() == 2 && m.matches(offer) {
			return true
		}
	}
	return false
}

// matches tells whether the range covers a media type without parameters.
func (m mediaRange) matches(offer string) bool {
	kind, sub, _ := strings.Cut(offer, "/")
	return (m.kind == "*" || strings.EqualFold(m.kind, kind)) && (m.sub == "*" || strings.EqualFold(m.sub, sub))
}

// specificity is 0 for */*, 1 for kind/*, 2 for a full type.
func (m mediaRange) specificity() int {
	switch {
	case m.kind == "*":
		return 0
	case m.sub == "*":
		return 1
	}
	return 2
}

// parseMediaRange reads type/subtype with parameters, of which only q counts.
func parseMediaRange(item string) (mediaRange, bool) {
	mediaType, params, _ := strings.Cut(item, ";")
	kind, sub, ok := strings.Cut(strings.Trim(mediaType, " \t"), "/")
	if !ok || !isToken(kind) || !isToken(sub) || kind == "*" && sub != "*" {
		return mediaRange{}, false
	}
	m := mediaRange{kind: kind, sub: sub, q: 1}
	for params != "" {
		var param string
		param, params, _ = strings.Cut(params, ";")
		name, value, _ := strings.Cut(strings.Trim(param, " \t"), "=")
		if name = strings.TrimRight(name, " \t"); !strings.EqualFold(name, "q") {
			continue
		}
		if m.q, ok = parseWeight(strings.Trim(value, " \t")); !ok {
			return mediaRange{}, false
		}
	}
	return m, true
}

// parseWeight reads a number from 0 to 1 in plain decimal.
func parseWeight(s string) (float64, bool) {
	if s == "" || strings.Trim(s, "0123456789.") != "" {
		return 0, false
	}
	q, err := strconv.ParseFloat(s, 64)
	return q, err == nil && q >= 0 && q <= 1
}

// isToken tells whether s is a token of RFC 9110 section 5.6.2.
func isToken(s string) bool {
	for i := range len(s) {
		c := s[i]
		if c <= ' ' || c >= 0x7f || strings.IndexByte(`"(),/:;<=>?@[\]{}`, c) >= 0 {
			return false
		}
	}
	return s != ""
}
