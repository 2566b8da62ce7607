package depotlist

import (
	"net/http"

	"entrepot/gateway/errs"
)

// failure is the body of a refusal.
type failure struct {
	Error string `json:"error"`
}

// statuses is the face's table of failures.
var statuses = map[errs.Kind]int{
	errs.Other:           http.StatusInternalServerError,
	errs.Invalid:         http.StatusBadRequest,
	errs.Unauthenticated: http.StatusUnauthorized,
	errs.Forbidden:       http.StatusForbidden,
	errs.NotFound:        http.StatusNotFound,
	errs.Exists:          http.StatusConflict,
	errs.Conflict:        http.StatusConflict,
	errs.Precondition:    http.StatusPreconditionFailed,
	errs.NotModified:     http.StatusNotModified,
	errs.Mismatch:        http.StatusBadRequest,
	errs.TooLarge:        http.StatusRequestEntityTooLarge,
	errs.Locked:          http.StatusLocked,
	errs.OverQuota:       http.StatusInsufficientStorage,
	errs.RateLimited:     http.StatusTooManyRequests,
	errs.Unavailable:     http.StatusServiceUnavailable,
	errs.Canceled:        http.StatusServiceUnavailable,
	errs.Incomplete:      http.StatusBadRequest,
}
