package depot

import (
	"errors"
	"net/http"

	"entrepot/gateway/errs"
	"entrepot/protocols/depot/wire"
)

// An outcome is how a failure looks to the caller: a fault of the API in an
// HTTP 200, or an HTTP status where the API has no code.
type outcome struct {
	fault  wire.Fault
	status int // not 0: the answer is HTTP's
}

type cause struct {
	kind   errs.Kind
	reason errs.Reason
}

func api(primary, secondary int) outcome {
	return outcome{fault: wire.Fault{Primary: primary, Secondary: secondary}}
}

// outcomes is the face's table of failures. A reason without a row takes the
// row of its kind.
var outcomes = map[cause]outcome{
	{errs.Other, ""}:                     api(wire.InternalError, 0),
	{errs.Invalid, ""}:                   api(wire.InvalidRequest, wire.ParameterInvalid),
	{errs.Invalid, errs.NameTooLong}:     api(wire.InvalidRequest, wire.ParameterTooLong),
	{errs.Invalid, errs.BadLimit}:        api(wire.IncreasingFailed, 0), // a command may have its own
	{errs.Unauthenticated, ""}:           api(wire.InvalidRequest, wire.ChecksumWrong),
	{errs.Forbidden, ""}:                 api(wire.AccessDenied, 0),
	{errs.Forbidden, errs.BadName}:       api(wire.InvalidRequest, wire.ParameterInvalid), // a reserved name
	{errs.Forbidden, errs.NoDepot}:       api(wire.DepotMismatch, 0),
	{errs.Forbidden, errs.Inactive}:      api(wire.DepotMismatch, 0),
	{errs.Forbidden, errs.TooMany}:       api(wire.InternalError, 0),
	{errs.Forbidden, errs.NotActivated}:  api(wire.NotActivated, 0),
	{errs.NotFound, ""}:                  api(wire.DepotMismatch, 0),
	{errs.NotFound, errs.NoDepotForUser}: api(wire.NoDepotForUser, 0),
	{errs.NotFound, errs.NoUser}:         api(wire.UnknownUser, 0),
	{errs.NotFound, errs.NoAccount}:      api(wire.NoDepotForUser, 0),
	{errs.NotFound, errs.NoContainer}:    api(wire.SpaceMismatch, 0),
	{errs.NotFound, unknownProvider}:     api(wire.ProviderNotFound, 0),
	{errs.Exists, ""}:                    api(wire.SpaceMismatch, 0), // only a space's name can be taken
	{errs.Conflict, ""}:                  api(wire.DepotMismatch, 0),
	{errs.Conflict, errs.NotEmpty}:       api(wire.SpaceMismatch, 0),
	{errs.Conflict, errs.Replayed}:       api(wire.InvalidRequest, wire.Replayed),
	{errs.Precondition, ""}:              api(wire.InternalError, 0),
	{errs.NotModified, ""}:               api(wire.InternalError, 0),
	{errs.Mismatch, ""}:                  api(wire.InternalError, 0),
	{errs.TooLarge, ""}:                  {status: http.StatusRequestEntityTooLarge},
	{errs.Locked, ""}:                    api(wire.InternalError, 0),
	{errs.OverQuota, ""}:                 api(wire.InternalError, 0),
	{errs.RateLimited, ""}:               {status: http.StatusTooManyRequests},
	{errs.Unavailable, ""}:               {status: http.StatusServiceUnavailable},
	{errs.Canceled, ""}:                  {status: http.StatusServiceUnavailable},
	{errs.Incomplete, ""}:                {status: http.StatusBadRequest},
}

// unknownProvider is a reason that only this face gives.
const unknownProvider errs.Reason = "unknown provider" // NotFound: a distributor that is not ours

// outcomeOf finds how err is answered. badLimit is the code that the command
// has for a limit that cannot be, 0 for the table's.
func outcomeOf(err error, badLimit int) outcome {
	var fault wire.Fault
	if errors.As(err, &fault) {
		return outcome{fault: fault}
	}
	kind, reason := errs.Of(err), errs.ReasonOf(err)
	if kind == errs.Invalid && reason == errs.BadLimit && badLimit != 0 {
		return api(badLimit, 0)
	}
	if o, ok := outcomes[cause{kind, reason}]; ok {
		return o
	}
	return outcomes[cause{kind, ""}]
}

// asError gives a fault, which the face found itself, its kind for the log.
func asError(err error) error {
	var fault wire.Fault
	if !errors.As(err, &fault) {
		return err
	}
	kind := errs.Invalid
	switch {
	case fault.Primary == wire.AccessDenied:
		kind = errs.Forbidden
	case fault.Primary == wire.InvalidRequest && fault.Secondary <= wire.ChecksumWrong:
		kind = errs.Unauthenticated
	}
	return errs.Wrap("depot.decode", kind, "", fault)
}
