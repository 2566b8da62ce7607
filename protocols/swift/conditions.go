package swift

import (
	"net/http"
	"strings"
	"time"

	"entrepot/gateway"
)

// maxTags bounds the entity tags that are read of one header.
const maxTags = 1000

// conditionsOf reads the conditional headers of a read (RFC 9110 section 13),
// the way Swift does: entity tags with or without quotes, a weak tag as a text
// that no tag is equal to, unreadable dates as absent.
func conditionsOf(h http.Header) gateway.Conditions {
	return gateway.Conditions{
		IfMatch:           tags(h["If-Match"]),
		IfNoneMatch:       tags(h["If-None-Match"]),
		IfModifiedSince:   date(h["If-Modified-Since"]),
		IfUnmodifiedSince: date(h["If-Unmodified-Since"]),
	}
}

// tags splits the lists of entity tags in one or several headers.
func tags(values []string) []string {
	var list []string
	for _, value := range values {
		for more := true; more && len(list) < maxTags; {
			var tag string
			tag, value, more = strings.Cut(value, ",")
			if tag = unquote(strings.Trim(tag, " \t")); tag != "" {
				list = append(list, tag)
			}
		}
	}
	return list
}

// unquote takes one pair of double quotes off.
func unquote(s string) string {
	if len(s) >= 2 && s[0] == '"' && s[len(s)-1] == '"' {
		return s[1 : len(s)-1]
	}
	return s
}

// date reads an HTTP date; zero when it is absent or none.
func date(values []string) time.Time {
	if len(values) != 1 {
		return time.Time{}
	}
	t, err := http.ParseTime(values[0])
	if err != nil {
		return time.Time{}
	}
	return t
}
