package admin

import (
	"errors"

	"entrepot/gateway/errs"
)

// Codes of JSON-RPC 2.0, section 5.1.
const (
	codeParse   = -32700
	codeInvalid = -32600
	codeMethod  = -32601
	codeParams  = -32602
)

// A Failure is the error of a call as it goes over the wire.
type Failure struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
}

// Error returns the message.
func (f *Failure) Error() string { return f.Message }

func badCall(code int, message string) error { return &Failure{Code: code, Message: message} }

// codes maps the kinds of failure to codes of the range that JSON-RPC leaves
// to applications, with the words for those that bring none.
func codes() map[errs.Kind]Failure {
	return map[errs.Kind]Failure{
		errs.Other:           {-32000, "internal error"},
		errs.Invalid:         {-32001, "the request cannot be right"},
		errs.Unauthenticated: {-32002, "not authenticated"},
		errs.Forbidden:       {-32003, "not permitted"},
		errs.NotFound:        {-32004, "not found"},
		errs.Exists:          {-32005, "exists already"},
		errs.Conflict:        {-32006, "the state forbids it"},
		errs.Precondition:    {-32007, "a condition is false"},
		errs.NotModified:     {-32008, "not modified"},
		errs.Mismatch:        {-32009, "digests differ"},
		errs.TooLarge:        {-32010, "too large"},
		errs.Locked:          {-32011, "locked"},
		errs.OverQuota:       {-32012, "no room"},
		errs.RateLimited:     {-32013, "too fast"},
		errs.Unavailable:     {-32014, "not available"},
		errs.Canceled:        {-32015, "canceled"},
		errs.Incomplete:      {-32016, "incomplete"},
	}
}

// failure returns what the caller is told of err.
func failure(err error) *Failure {
	var f *Failure
	if errors.As(err, &f) {
		return f
	}
	out := codes()[errs.Of(err)]
	if text := errs.TextOf(err); text != "" {
		out.Message = text
	}
	return &out
}
