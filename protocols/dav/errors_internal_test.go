package dav

import (
	"errors"
	"net/http/httptest"
	"strings"
	"testing"

	"entrepot/gateway"
	"entrepot/gateway/errs"
)

func TestEveryKindHasARow(t *testing.T) {
	for _, k := range errs.Kinds() {
		if _, ok := outcomes[cause{k, ""}]; !ok {
			t.Errorf("no row for %v", k)
		}
	}
}

func TestOutcomes(t *testing.T) {
	tests := []struct {
		kind    errs.Kind
		reason  errs.Reason
		status  int
		element string
	}{
		{errs.Other, "", 500, ""},
		{errs.Invalid, "", 400, ""},
		{errs.Invalid, errs.BadName, 400, ""},
		{errs.Invalid, errs.NameTooLong, 414, ""},
		{errs.Invalid, foreignURL, 502, ""},
		{errs.Invalid, bodyRefused, 415, ""},
		{errs.Invalid, methodUnknown, 501, ""},
		{errs.Invalid, errs.BadRange, 416, ""},
		{errs.Unauthenticated, "", 401, ""},
		{errs.Forbidden, "", 403, ""},
		{errs.Forbidden, errs.Nested, 403, ""},
		{errs.Forbidden, infiniteDepth, 403, "propfind-finite-depth"},
		{errs.NotFound, errs.NoObject, 404, ""},
		{errs.Exists, "", 405, ""},
		{errs.Exists, methodNotBuilt, 405, ""},
		{errs.Conflict, errs.NoParent, 409, ""},
		{errs.Conflict, errs.BadSegment, 502, ""},
		{errs.Conflict, errs.NoLock, 409, "lock-token-matches-request-uri"},
		{errs.Precondition, "", 412, ""},
		{errs.Precondition, errs.NoLock, 412, "lock-token-matches-request-uri"},
		{errs.NotModified, "", 304, ""},
		{errs.Mismatch, "", 400, ""},
		{errs.TooLarge, "", 413, ""},
		{errs.Locked, "", 423, "lock-token-submitted"},
		{errs.Locked, lockConflict, 423, "no-conflicting-lock"},
		{errs.OverQuota, "", 507, "quota-not-exceeded"},
		{errs.OverQuota, errs.DiskFull, 507, "sufficient-disk-space"},
		{errs.OverQuota, errs.MetadataFull, 507, ""},
		{errs.RateLimited, "", 429, ""},
		{errs.Unavailable, errs.SyncFailed, 503, ""},
		{errs.Canceled, "", 499, ""},
		{errs.Incomplete, "", 400, ""},
	}
	for _, tt := range tests {
		o := outcomeOf(errs.New("test", tt.kind, tt.reason, ""))
		if o.status != tt.status || o.element != tt.element {
			t.Errorf("%v (%v) = %+v, want %d %s", tt.kind, tt.reason, o, tt.status, tt.element)
		}
	}
	if o := outcomeOf(errors.New("bug")); o.status != 500 {
		t.Errorf("an unclassified failure is %d", o.status)
	}
}

func failing(t *testing.T, method string, err error) *httptest.ResponseRecorder {
	t.Helper()
	f := bareFace(Config{})
	w := httptest.NewRecorder()
	r := httptest.NewRequest(method, "/dav/c/x", nil)
	f.fail(w, r, f.of(r), err)
	return w
}

func TestFailNamesTheLockInTheWay(t *testing.T) {
	w := failing(t, "PUT", &errs.Error{Kind: errs.Locked, Err: &gateway.LockError{Root: gateway.Ref{Account: "t", Container: "c", Object: "d e/"}}})
	const want = `<?xml version="1.0" encoding="utf-8"?><D:error xmlns:D="DAV:" xmlns:E="urn:entrepot:dav">` +
		`<D:lock-token-submitted><D:href>/dav/c/d%20e/</D:href></D:lock-token-submitted><E:message>Locked</E:message></D:error>`
	if w.Code != 423 || w.Body.String() != want {
		t.Errorf("%d\n got %s\nwant %s", w.Code, w.Body, want)
	}
}

func TestFailShowsNothingOfACause(t *testing.T) {
	w := failing(t, "GET", errs.Wrap("secret", errs.Other, "", errors.New("secret")))
	if w.Code != 500 || strings.Contains(w.Body.String(), "secret") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestFailChallengesWithBothSchemes(t *testing.T) {
	w := failing(t, "GET", errs.Unauthenticated)
	//lint:ignore SA1008 the name is sent as clients spell it
	if got := w.Header()["WWW-Authenticate"]; len(got) != 2 || !strings.Contains(got[0], `charset="UTF-8"`) || !strings.HasPrefix(got[1], "Bearer") {
		t.Errorf("challenges %q", got)
	}
}

func TestFailOfHeadHasNoBody(t *testing.T) {
	w := failing(t, "HEAD", errs.NotFound)
	if w.Code != 404 || w.Body.Len() != 0 || w.Header().Get("Content-Length") == "0" {
		t.Errorf("%d %v %s", w.Code, w.Header(), w.Body)
	}
}

func TestFailTellsWhenToComeBack(t *testing.T) {
	if got := failing(t, "GET", errs.Unavailable).Header().Get("Retry-After"); got != "5" {
		t.Errorf("Retry-After %q", got)
	}
}
