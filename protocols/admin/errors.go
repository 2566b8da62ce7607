package admin

import (
	"errors"
	"net/http"

	"entrepot/gateway/errs"
)

// Codes of JSON-RPC 2.0, section 5.1.
const (
	codeParse    = -32700
	codeInvalid  = -32600
	codeMethod   = -32601
	codeParams   = -32602
	codeInternal = -32603
)

// Codes of this face, from the range that JSON-RPC leaves to servers.
const (
	codeUnauthenticated = -32001
	codeForbidden       = -32003
	codeNotFound        = -32004
	codeConflict        = -32009
	codeGone            = -32010
	codeOverQuota       = -32013
	codeTooMany         = -32029
)

// A Failure is the error of a call as it goes over the wire.
type Failure struct {
	Code    int          `json:"code"`
	Message string       `json:"message"`
	Data    *FailureData `json:"data,omitempty"`
}

// FailureData accompanies a Failure.
type FailureData struct {
	// Status is what the Swift door would answer.
	Status int `json:"status"`
}

// Error returns the message.
func (f *Failure) Error() string { return f.Message }

// Status is the HTTP status of the failure, 500 where it has none.
func (f *Failure) Status() int {
	if f.Data == nil {
		return http.StatusInternalServerError
	}
	return f.Data.Status
}

func badCall(code int, message string) error {
	status := http.StatusBadRequest
	if code == codeMethod {
		status = http.StatusNotFound
	}
	return &Failure{Code: code, Message: message, Data: &FailureData{Status: status}}
}

func invalidCall(message string) *Failure {
	return &Failure{Code: codeInvalid, Message: message, Data: &FailureData{Status: http.StatusBadRequest}}
}

// A row is how a failure of the core is told: code, HTTP status, and the words
// for one that brings none.
type row struct {
	code, status int
	text         string
}

// cause selects a row: a kind, and the reason where it makes a difference.
type cause struct {
	kind   errs.Kind
	reason errs.Reason
}

// rows is the one table from failures to codes. Each kind has a row without a
// reason.
var rows = map[cause]row{
	{errs.Other, ""}:                     {codeInternal, 500, "internal error"},
	{errs.Invalid, ""}:                   {codeParams, 400, "the request cannot be right"},
	{errs.Unauthenticated, ""}:           {codeUnauthenticated, 401, "not authenticated"},
	{errs.Forbidden, ""}:                 {codeForbidden, 403, "not permitted"},
	{errs.Forbidden, errs.NameReserved}:  {codeGone, 410, "recently deleted"},
	{errs.NotFound, ""}:                  {codeNotFound, 404, "not found"},
	{errs.NotFound, errs.NoAccount}:      {codeNotFound, 404, "there is no such account"},
	{errs.NotFound, errs.NoContainer}:    {codeNotFound, 404, "there is no such container"},
	{errs.NotFound, errs.AccountDeleted}: {codeGone, 410, "the account was deleted"},
	{errs.Exists, ""}:                    {codeConflict, 409, "exists already"},
	{errs.Conflict, ""}:                  {codeConflict, 409, "the state forbids it"},
	{errs.Conflict, errs.NotEmpty}:       {codeConflict, 409, "not empty"},
	{errs.Precondition, ""}:              {codeConflict, 412, "a condition is false"},
	{errs.NotModified, ""}:               {codeConflict, 304, "not modified"},
	{errs.Mismatch, ""}:                  {codeParams, 422, "digests differ"},
	{errs.TooLarge, ""}:                  {codeParams, 413, "too large"},
	{errs.Locked, ""}:                    {codeConflict, 423, "locked"},
	{errs.OverQuota, ""}:                 {codeOverQuota, 507, "no room"},
	{errs.RateLimited, ""}:               {codeTooMany, 429, "too many requests"},
	{errs.Unavailable, ""}:               {codeInternal, 503, "not available"},
	{errs.Canceled, ""}:                  {codeInternal, 499, "canceled"},
	{errs.Incomplete, ""}:                {codeParams, 400, "incomplete"},
}

// failure returns what the caller is told of err.
func failure(err error) *Failure {
	var f *Failure
	if errors.As(err, &f) {
		return f
	}
	kind, reason := errs.Of(err), errs.ReasonOf(err)
	r, ok := rows[cause{kind, reason}]
	if !ok {
		r = rows[cause{kind, ""}]
	}
	if text := errs.TextOf(err); text != "" {
		r.text = text
	}
	return &Failure{Code: r.code, Message: r.text, Data: &FailureData{Status: r.status}}
}
