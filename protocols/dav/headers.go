package dav

import (
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"entrepot/gateway/errs"
)

// badHeader is a failure of a header's syntax.
func badHeader(text string) error { return errs.New("dav.header", errs.Invalid, "", text) }

// A depth is the value of a Depth header (RFC 4918 section 10.2).
type depth uint8

const (
	depthInfinity depth = iota // also when the header is absent
	depthZero
	depthOne
)

// parseDepth reads a Depth header in any letter case. "1,noroot" and
// "infinity,noroot" are Microsoft's: noroot leaves the requested folder out of
// a listing.
func parseDepth(value string) (d depth, noroot bool, err error) {
	value, rest, found := strings.Cut(strings.ToLower(strings.TrimSpace(value)), ",")
	if found {
		if strings.TrimSpace(rest) != "noroot" {
			return 0, false, badHeader("the Depth header is none of 0, 1 and infinity")
		}
		noroot = true
	}
	switch strings.TrimSpace(value) {
	case "infinity":
		return depthInfinity, noroot, nil
	case "":
		if !found {
			return depthInfinity, false, nil
		}
	case "1":
		return depthOne, noroot, nil
	case "0":
		if !noroot {
			return depthZero, false, nil
		}
	}
	return 0, false, badHeader("the Depth header is none of 0, 1 and infinity")
}

// parseOverwrite reads an Overwrite header (RFC 4918 section 10.6); absent
// means T.
func parseOverwrite(value string) (bool, error) {
	switch strings.TrimSpace(value) {
	case "", "T", "t":
		return true, nil
	case "F", "f":
		return false, nil
	}
	return false, badHeader("the Overwrite header is neither T nor F")
}

// longestTimeout is what an infinite or absent Timeout asks for: more than any
// cap, so that the gateway grants its cap.
const longestTimeout = time.Duration(math.MaxInt64)

// parseTimeout reads a Timeout header (RFC 4918 section 10.7): the first value
// that can be understood counts, and a header that cannot never fails. Zero
// leaves the choice to the gateway.
func parseTimeout(values []string) time.Duration {
	for value := range strings.SplitSeq(strings.Join(values, ","), ",") {
		value = strings.ToLower(strings.TrimSpace(value))
		if value == "infinite" || value == "infinity" {
			return longestTimeout
		}
		digits, ok := strings.CutPrefix(value, "second-")
		if !ok || digits == "" || strings.TrimLeft(digits, "0123456789") != "" {
			continue
		}
		seconds, err := strconv.ParseInt(digits, 10, 64)
		if err != nil || seconds > int64(longestTimeout/time.Second) {
			return longestTimeout
		}
		return max(time.Duration(seconds)*time.Second, time.Second)
	}
	return 0
}

// parseLockToken reads a Lock-Token header: one coded URL (RFC 4918 section
// 10.5). The brackets may be missing: the npm package webdav sends the token as
// it stands in the body of the LOCK's answer.
func parseLockToken(value string) (string, error) {
	token, opened := strings.CutPrefix(strings.TrimSpace(value), "<")
	token, closed := strings.CutSuffix(token, ">")
	if opened != closed || !opened && !strings.Contains(token, ":") || token == "" || strings.ContainsAny(token, "<> \t") {
		return "", badHeader("the Lock-Token header is not a URL in angle brackets")
	}
	return token, nil
}

// parseEpoch reads decimal seconds since 1970 within the years that file
// systems know (1 to 9999).
func parseEpoch(value string) (time.Time, bool) {
	if value = strings.TrimSpace(value); value == "" {
		return time.Time{}, false
	}
	whole, frac, _ := strings.Cut(value, ".")
	seconds, err := strconv.ParseInt(whole, 10, 64)
	if err != nil || strings.HasPrefix(whole, "+") || seconds < -62135596800 || seconds > 253402300799 {
		return time.Time{}, false
	}
	if len(frac) > 9 {
		frac = frac[:9]
	}
	nanos := int64(0)
	if frac != "" {
		n, err := strconv.ParseUint(frac+"000000000"[:9-len(frac)], 10, 32)
		if err != nil {
			return time.Time{}, false
		}
		nanos = int64(n)
		if strings.HasPrefix(whole, "-") {
			nanos = -nanos
		}
	}
	return time.Unix(seconds, nanos).UTC(), true
}

// wantsMinimal tells whether the client wants no properties that are absent:
// "Prefer: return=minimal" (RFC 8144 section 2) or Microsoft's "Brief: t".
func wantsMinimal(h http.Header) bool {
	return strings.EqualFold(strings.TrimSpace(h.Get("Brief")), "t") || prefers(h, "return=minimal")
}

// preferred tells a client that named the preference that the answer follows it
// (RFC 7240 section 3).
func preferred(answer, asked http.Header, preference string) {
	if prefers(asked, preference) {
		answer.Add("Preference-Applied", preference)
	}
}

// prefers tells whether a Prefer header (RFC 7240) names the preference.
func prefers(h http.Header, preference string) bool {
	for _, line := range h.Values("Prefer") {
		for p := range strings.SplitSeq(line, ",") {
			p, _, _ = strings.Cut(p, ";")
			if strings.EqualFold(strings.ReplaceAll(strings.TrimSpace(p), `"`, ""), preference) {
				return true
			}
		}
	}
	return false
}
