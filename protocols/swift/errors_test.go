package swift_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"entrepot/gateway/errs"
	"entrepot/protocols/internal/httpkit"
	"entrepot/protocols/swift"
)

func TestEveryKindHasAnAnswer(t *testing.T) {
	rows := map[string]bool{}
	for c, row := range swift.Answers {
		kind, reason := c.Cause()
		if reason == "" {
			rows[kind] = true
		}
		if _, ok := swift.Sentences[row.Status()]; !ok && row.Status() != 304 {
			t.Errorf("%s, %s: status %d has no page", kind, reason, row.Status())
		}
	}
	for _, k := range errs.Kinds() {
		if !rows[k.String()] {
			t.Errorf("kind %q has no row", k)
		}
		if status, _ := swift.AnswerTo(k); status < 300 {
			t.Errorf("kind %q is answered %d", k, status)
		}
	}
}

func TestAnswers(t *testing.T) {
	fail := func(kind errs.Kind, reason errs.Reason, text string) error {
		return fmt.Errorf("outside: %w", errs.New("op", kind, reason, text))
	}
	tests := []struct {
		err    error
		status int
		text   string
	}{
		{fail(errs.Invalid, errs.BadACL, "Referrers not allowed"), 400, "Referrers not allowed"},
		{fail(errs.Invalid, errs.NameTooLong, "too long"), 400, "too long"},
		{fail(errs.Invalid, "", ""), 400, ""},
		{fail(errs.Unauthenticated, "", "wrong password"), 401, ""},
		{fail(errs.Forbidden, "", "secret"), 403, ""},
		{fail(errs.Forbidden, errs.BadAddress, "not from there"), 403, "not from there"},
		{fail(errs.NotFound, errs.NoObject, "hidden"), 404, ""},
		{fail(errs.Conflict, errs.NotEmpty, "hidden"), 409, ""},
		{fail(errs.Precondition, "", ""), 412, ""},
		{fail(errs.NotModified, "", ""), 304, ""},
		{fail(errs.Mismatch, "", ""), 422, ""},
		{fail(errs.TooLarge, "", ""), 413, "Your request is too large."},
		{fail(errs.Locked, "", ""), 423, ""},
		{fail(errs.OverQuota, "", "depot"), 413, "Upload exceeds quota."},
		{fail(errs.OverQuota, errs.DiskFull, ""), 413, "No space left."},
		{fail(errs.RateLimited, errs.Throttled, "slow down"), 429, "slow down"},
		{fail(errs.Unavailable, errs.SyncFailed, "disk"), 503, ""},
		{fail(errs.Incomplete, "", ""), 499, ""},
		{errors.New("a bug"), 500, ""},
		{httpkit.ErrBadURL, 412, "Bad URL"},
		{httpkit.ErrBadText, 412, "Invalid UTF8 or contains NULL"},
		{httpkit.ErrBadVersion, 400, ""},
		{&httpkit.RangeError{Size: 1}, 416, ""},
		{swift.Refuse(411, "Missing Content-Length header."), 411, "Missing Content-Length header."},
	}
	for _, tt := range tests {
		if status, text := swift.AnswerTo(tt.err); status != tt.status || text != tt.text {
			t.Errorf("%v: %d %q, want %d %q", tt.err, status, text, tt.status, tt.text)
		}
	}
}

func TestPagesHaveTheLengthsOfSwift(t *testing.T) {
	for status, length := range map[int]int{
		202: 76, 400: 137, 401: 131, 403: 73, 404: 70, 405: 91, 406: 112, 409: 95, 411: 75, 412: 92, 416: 97, 422: 93,
	} {
		page := swift.Page(status)
		if len(page) != length || !strings.HasPrefix(page, "<html><h1>") || !strings.HasSuffix(page, "</p></html>") {
			t.Errorf("%d: %d bytes, want %d: %s", status, len(page), length, page)
		}
	}
}
