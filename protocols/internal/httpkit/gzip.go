package httpkit

import (
	"net/http"
	"strings"
)

// AcceptsGzip tells whether a client takes gzip by its Accept-Encoding (RFC
// 9110 section 12.5.3): named, or covered by "*", and not with weight 0.
func AcceptsGzip(h http.Header) bool {
	other := false
	for _, line := range h["Accept-Encoding"] {
		for item := range strings.SplitSeq(line, ",") {
			coding, params, _ := strings.Cut(item, ";")
			coding = strings.ToLower(strings.TrimSpace(coding))
			if coding != "gzip" && coding != "x-gzip" && coding != "*" {
				continue
			}
			wanted := true
			if name, value, ok := strings.Cut(params, "="); ok && strings.EqualFold(strings.TrimSpace(name), "q") {
				q, valid := parseWeight(strings.TrimSpace(value))
				wanted = valid && q > 0
			}
			if coding != "*" {
				return wanted
			}
			other = wanted
		}
	}
	return other
}
