package keystone

import (
	"net/http"
	"strconv"
	"time"

	"entrepot/auth"
	"entrepot/gateway/errs"
	"entrepot/protocols/internal/httpkit"
)

// An answer is how a failure is told: a status, and a text where the failure's
// own is not shown.
type answer struct {
	status int
	text   string // "": the failure's own, else the status in words
}

type cause struct {
	kind   errs.Kind
	reason errs.Reason
}

const (
	needsLogin = "The request you have made requires authentication."
	// retryDelay is how long a client should wait when nothing better is known.
	retryDelay = 5 * time.Second
)

// answers is the table of failures. A reason without a row takes the row of
// its kind; each kind has one.
var answers = map[cause]answer{
	{errs.Other, ""}:           {http.StatusInternalServerError, "An unexpected error prevented the server from fulfilling your request."},
	{errs.Invalid, ""}:         {http.StatusBadRequest, ""},
	{errs.Unauthenticated, ""}: {http.StatusUnauthorized, needsLogin},
	{errs.Forbidden, ""}:       {http.StatusForbidden, "You are not authorized to perform the requested action."},
	{errs.NotFound, ""}:        {http.StatusNotFound, "The resource could not be found."},
	{errs.Exists, ""}:          {http.StatusConflict, ""},
	{errs.Conflict, ""}:        {http.StatusConflict, ""},
	{errs.Precondition, ""}:    {http.StatusPreconditionFailed, ""},
	{errs.NotModified, ""}:     {http.StatusNotModified, ""},
	{errs.Mismatch, ""}:        {http.StatusBadRequest, ""},
	{errs.TooLarge, ""}:        {http.StatusRequestEntityTooLarge, "Request is too large."},
	{errs.Locked, ""}:          {http.StatusConflict, ""},
	{errs.OverQuota, ""}:       {http.StatusRequestEntityTooLarge, ""},
	{errs.RateLimited, ""}:     {http.StatusTooManyRequests, ""},
	{errs.Unavailable, ""}:     {http.StatusServiceUnavailable, "The service is not available now."},
	{errs.Canceled, ""}:        {http.StatusServiceUnavailable, "The service is not available now."},
	{errs.Incomplete, ""}:      {http.StatusBadRequest, ""},
	{errs.Forbidden, errs.BadAddress}: {http.StatusForbidden,
		"You are not authorized to perform the requested action from this address."},
}

func answerTo(err error) answer {
	a, ok := answers[cause{errs.Of(err), errs.ReasonOf(err)}]
	if !ok {
		a = answers[cause{errs.Of(err), ""}]
	}
	if a.text == "" {
		if a.text = errs.TextOf(err); a.text == "" {
			a.text = http.StatusText(a.status)
		}
	}
	return a
}

// fail writes the answer to a failed request. Nothing else writes errors.
func (f *Face) fail(w http.ResponseWriter, r *http.Request, err error) {
	httpkit.EventOf(r.Context()).Err = err
	a := answerTo(err)
	switch a.status {
	case http.StatusUnauthorized:
		w.Header().Set("WWW-Authenticate", `Keystone uri="`+f.base(r)+`/v3"`)
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		wait, ok := auth.RetryAfter(err)
		if !ok {
			wait = retryDelay
		}
		w.Header().Set("Retry-After", strconv.Itoa(int((wait+time.Second-1)/time.Second)))
	}
	f.answerError(w, r, a.status, a.text)
}

// answerError writes an error document.
func (f *Face) answerError(w http.ResponseWriter, r *http.Request, status int, text string) {
	type problem struct {
		Code    int    `json:"code"`
		Message string `json:"message"`
		Title   string `json:"title"`
	}
	writeJSON(w, r, status, map[string]problem{"error": {status, text, http.StatusText(status)}})
}
