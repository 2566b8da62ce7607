package duracloud

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"entrepot/auth"
	"entrepot/gateway/errs"
	"entrepot/protocols/internal/httpkit"
)

// A refusal is a failure of the protocol itself, which no kind of the core
// stands for.
type refusal struct {
	status int
	text   string
	allow  string // of a 405
}

// Error says what was refused.
func (e *refusal) Error() string { return "duracloud: " + strconv.Itoa(e.status) + ": " + e.text }

func refuse(status int, format string, args ...any) error {
	return &refusal{status: status, text: fmt.Sprintf(format, args...)}
}

// notAllowed refuses a method of a resource that has the others.
func notAllowed(others string) error {
	return &refusal{status: http.StatusMethodNotAllowed, text: "Method Not Allowed", allow: others}
}

// A failure is an error of the core together with what was attempted, in the
// words of DuraStore ("Error attempting to …").
type failure struct {
	attempt     string // "Error attempting to delete content 'a' in 'b'"
	space, item string // what NotFound is about
	err         error
}

// Error says what was attempted and why it failed.
func (e *failure) Error() string { return e.attempt + ": " + e.err.Error() }

// Unwrap returns the cause.
func (e *failure) Unwrap() error { return e.err }

// onSpace says what was attempted with the call's space; nil for no error.
func onSpace(task string, c *call, err error) error {
	if err == nil {
		return nil
	}
	return &failure{attempt: "Error attempting to " + task + " '" + c.space + "'", space: c.space, err: err}
}

// onItem says what was attempted with the call's item; nil for no error.
func onItem(task string, c *call, err error) error {
	if err == nil {
		return nil
	}
	return &failure{
		attempt: "Error attempting to " + task + " '" + c.item + "' in '" + c.space + "'",
		space:   c.space, item: c.item, err: err,
	}
}

// A row is how a failure of the core is answered.
type row struct {
	status int
	cause  func(*failure) string // text; nil: the failure's own, or fixed
	fixed  string                // text where the failure has none
	bare   bool                  // without what was attempted
}

// cause selects a row: a kind, and the reason where it makes a difference.
type cause struct {
	kind   errs.Kind
	reason errs.Reason
}

func noSpace(f *failure) string { return "Space does not exist: " + f.space }

func noItem(f *failure) string {
	return "Could not find content item with ID " + f.item + " in space " + f.space
}

func mismatch(f *failure) string {
	return "Checksum mismatch detected attempting to add content " + f.item + " to space " + f.space + ". Content was not added."
}

func answers() map[cause]row { return table }

// table is the one table from failures to statuses and texts (DuraCloud REST
// API; 423, 429, 503 and 507 are of our own). Each kind has a row without a
// reason.
var table = map[cause]row{
	{errs.Other, ""}:                  {status: http.StatusInternalServerError, fixed: "Internal Server Error"},
	{errs.Invalid, ""}:                {status: http.StatusBadRequest, fixed: "Bad Request", bare: true},
	{errs.Unauthenticated, ""}:        {status: http.StatusUnauthorized, cause: says("Unauthorized"), bare: true},
	{errs.Forbidden, ""}:              {status: http.StatusForbidden, fixed: "Forbidden", bare: true},
	{errs.Forbidden, errs.Suspended}:  {status: http.StatusUnauthorized, cause: says("Unauthorized"), bare: true}, // as for accounts that are gone
	{errs.NotFound, ""}:               {status: http.StatusNotFound, fixed: "Not Found", bare: true},
	{errs.NotFound, errs.NoContainer}: {status: http.StatusNotFound, cause: noSpace},
	{errs.NotFound, errs.NoObject}:    {status: http.StatusNotFound, cause: noItem},
	{errs.NotFound, errs.NoAccount}:   {status: http.StatusNotFound, cause: noSpace},
	{errs.NotFound, errs.NoStore}:     {status: http.StatusNotFound, fixed: "No such store exists"},
	{errs.NotFound, errs.NoSnapshot}:  {status: http.StatusNotFound, fixed: "There is no such snapshot."},
	{errs.Exists, ""}:                 {status: http.StatusConflict, fixed: "It exists already"},
	{errs.Conflict, ""}:               {status: http.StatusConflict, fixed: "It was changed meanwhile"},
	{errs.Precondition, ""}:           {status: http.StatusPreconditionFailed, fixed: "Precondition Failed"},
	{errs.NotModified, ""}:            {status: http.StatusNotModified},
	{errs.Mismatch, ""}:               {status: http.StatusConflict, cause: mismatch},
	{errs.TooLarge, ""}:               {status: http.StatusRequestEntityTooLarge, fixed: "It is too large"},
	{errs.Locked, ""}:                 {status: http.StatusLocked, cause: says("It is locked by another client")},
	{errs.OverQuota, ""}:              {status: http.StatusInsufficientStorage, cause: says("The storage limit is exceeded"), bare: true},
	{errs.RateLimited, ""}:            {status: http.StatusTooManyRequests, fixed: "Too Many Requests", bare: true},
	{errs.Unavailable, ""}:            {status: http.StatusServiceUnavailable, cause: says("Service Unavailable"), bare: true},
	{errs.Canceled, ""}:               {status: http.StatusServiceUnavailable, cause: says("The request was given up")},
	{errs.Incomplete, ""}:             {status: http.StatusBadRequest, cause: says("The body ended before its declared length")},
}

func says(text string) func(*failure) string { return func(*failure) string { return text } }

// answerTo decides how a failure is answered.
func answerTo(err error) (status int, text string) {
	var wire *refusal
	if errors.As(err, &wire) {
		return wire.status, wire.text
	}
	var unsatisfiable *httpkit.RangeError
	if errors.As(err, &unsatisfiable) {
		return http.StatusRequestedRangeNotSatisfiable, "The range lies outside the content."
	}
	answer, ok := answers()[cause{errs.Of(err), errs.ReasonOf(err)}]
	if !ok {
		answer = answers()[cause{errs.Of(err), ""}]
	}
	var f *failure
	if !errors.As(err, &f) {
		f = &failure{}
	}
	text = answer.fixed
	if told := errs.TextOf(err); told != "" {
		text = told
	}
	if answer.cause != nil {
		text = answer.cause(f)
	}
	if f.attempt != "" && !answer.bare {
		text = f.attempt + " due to: " + text
	}
	return answer.status, text
}

// realm is what clients are asked for credentials with.
const realm = `Basic realm="DuraCloud:DuraStore"`

// retrySeconds is how long a client should wait when the gateway cannot say
// better.
const retrySeconds = "5"

// fail writes the answer to a failed request. Nothing else writes errors.
func (f *Face) fail(w http.ResponseWriter, r *http.Request, err error) {
	httpkit.EventOf(r.Context()).Err = err
	status, text := answerTo(err)
	h := w.Header()
	clearItem(h)
	switch status {
	case http.StatusUnauthorized:
		h["WWW-Authenticate"] = []string{realm}
	case http.StatusMethodNotAllowed:
		var wire *refusal
		if errors.As(err, &wire) {
			h["Allow"] = []string{wire.allow}
		}
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		if h.Get("Retry-After") == "" {
			h["Retry-After"] = []string{retryAfter(err)}
		}
	}
	writeText(w, r, status, text)
}

// retryAfter says when to come again, in seconds.
func retryAfter(err error) string {
	if wait, ok := auth.RetryAfter(err); ok {
		return strconv.FormatInt(int64(wait.Seconds()+0.999), 10)
	}
	return retrySeconds
}

// clearItem removes the headers that described what would have been sent.
func clearItem(h http.Header) {
	for name := range h {
		if name == "Content-Range" || name == "X-Content-Type-Options" {
			continue
		}
		if isItemHeader(name) {
			delete(h, name)
		}
	}
}

// writeText answers with a text; to HEAD with its headers alone.
func writeText(w http.ResponseWriter, r *http.Request, status int, text string) {
	writeBody(w, r, status, "text/plain", []byte(text))
}

// writeBody answers with a short body; to HEAD with its headers alone.
func writeBody(w http.ResponseWriter, r *http.Request, status int, contentType string, body []byte) {
	h := w.Header()
	h["Content-Type"] = []string{contentType}
	h["Content-Length"] = []string{strconv.Itoa(len(body))}
	h["X-Content-Type-Options"] = []string{"nosniff"}
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(body) // a client that left has no use for the error
	}
}
