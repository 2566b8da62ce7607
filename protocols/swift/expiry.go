package swift

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// maxDeleteAt is the latest expiry that is kept, in Unix seconds: 20 November
// 2286. Later ones mean it.
const maxDeleteAt = 9999999999

// deleteAt reads X-Delete-At and X-Delete-After, of which the latter wins;
// zero: the object does not expire. Failures are Swift's, with status 400.
func deleteAt(h http.Header, now time.Time) (time.Time, error) {
	if h.Get("X-Remove-Delete-At") != "" {
		return time.Time{}, nil
	}
	if values, ok := h["X-Delete-After"]; ok {
		seconds, ok := wholeNumber(values[0])
		if !ok {
			return time.Time{}, refuse(http.StatusBadRequest, "Non-integer X-Delete-After")
		}
		if seconds <= 0 {
			return time.Time{}, refuse(http.StatusBadRequest, "X-Delete-After in past")
		}
		return time.Unix(min(now.Unix()+min(seconds, maxDeleteAt), maxDeleteAt), 0), nil
	}
	values, ok := h["X-Delete-At"]
	if !ok {
		return time.Time{}, nil
	}
	seconds, ok := wholeNumber(values[0])
	if !ok {
		return time.Time{}, refuse(http.StatusBadRequest, "Non-integer X-Delete-At")
	}
	at := time.Unix(min(seconds, maxDeleteAt), 0)
	if at.Before(now) {
		return time.Time{}, refuse(http.StatusBadRequest, "X-Delete-At in past")
	}
	return at, nil
}

// ifDeleteAt reads X-If-Delete-At of a DELETE: the time of expiry that the
// object must have. Zero: the header is absent.
func ifDeleteAt(h http.Header) (time.Time, error) {
	values, ok := h["X-If-Delete-At"]
	if !ok {
		return time.Time{}, nil
	}
	seconds, ok := wholeNumber(values[0])
	if !ok {
		return time.Time{}, refuse(http.StatusBadRequest, "Bad X-If-Delete-At header value")
	}
	return time.Unix(seconds, 0), nil
}

// wholeNumber reads a decimal integer; one beyond 64 bits is the largest or
// smallest there is.
func wholeNumber(s string) (int64, bool) {
	s = strings.Trim(s, " \t")
	n, err := strconv.ParseInt(s, 10, 64)
	if err == nil {
		return n, true
	}
	digits := strings.TrimLeft(s, "+-")
	return n, len(s)-len(digits) <= 1 && digits != "" && strings.Trim(digits, "0123456789") == ""
}
