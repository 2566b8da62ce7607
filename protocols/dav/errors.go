package dav

import (
	"errors"
	"net/http"
	"strconv"
	"time"

	"entrepot/auth"
	"entrepot/gateway"
	"entrepot/gateway/errs"
	"entrepot/protocols/internal/httpkit"
)

// Reasons that only this face gives.
const (
	foreignURL      errs.Reason = "foreign url"      // Invalid: Destination or tag on another server
	bodyRefused     errs.Reason = "body refused"     // Invalid: a body on a method that has none
	methodUnknown   errs.Reason = "unknown method"   // Invalid: not a word of HTTP or WebDAV
	methodNotBuilt  errs.Reason = "method not built" // Exists: known, not offered
	infiniteDepth   errs.Reason = "infinite depth"   // Forbidden: a tree too large to list at once
	protectedProps  errs.Reason = "protected"        // Forbidden: properties of what never changes
	lockConflict    errs.Reason = "lock conflict"    // Locked: a LOCK meets another lock
	retryAfterDelay             = 5 * time.Second    // when nothing better is known
	errorNamespace              = "urn:entrepot:dav" // of the text in error bodies
	statusClosed                = 499                // the client went away; only the log sees it
)

// An outcome is how a failure looks on the wire: a status and the
// precondition element of RFC 4918 section 16 or RFC 4331, if there is one.
type outcome struct {
	status  int
	element string // local name in DAV:
	href    bool   // the element holds the href of the lock in the way
}

type cause struct {
	kind   errs.Kind
	reason errs.Reason
}

// outcomes is the face's table of failures. A reason without a row takes the
// row of its kind.
var outcomes = map[cause]outcome{
	{errs.Other, ""}:                    {status: http.StatusInternalServerError},
	{errs.Invalid, ""}:                  {status: http.StatusBadRequest},
	{errs.Invalid, errs.NameTooLong}:    {status: http.StatusRequestURITooLong},
	{errs.Invalid, foreignURL}:          {status: http.StatusBadGateway},
	{errs.Invalid, bodyRefused}:         {status: http.StatusUnsupportedMediaType},
	{errs.Invalid, methodUnknown}:       {status: http.StatusNotImplemented},
	{errs.Invalid, errs.BadRange}:       {status: http.StatusRequestedRangeNotSatisfiable},
	{errs.Unauthenticated, ""}:          {status: http.StatusUnauthorized},
	{errs.Forbidden, ""}:                {status: http.StatusForbidden},
	{errs.Forbidden, errs.OutOfScope}:   {status: http.StatusNotFound}, // nothing tells what lies there
	{errs.Forbidden, infiniteDepth}:     {status: http.StatusForbidden, element: "propfind-finite-depth"},
	{errs.Forbidden, protectedProps}:    {status: http.StatusForbidden, element: "cannot-modify-protected-property"},
	{errs.NotFound, ""}:                 {status: http.StatusNotFound},
	{errs.Exists, ""}:                   {status: http.StatusMethodNotAllowed},
	{errs.Exists, methodNotBuilt}:       {status: http.StatusMethodNotAllowed},
	{errs.Conflict, ""}:                 {status: http.StatusConflict},
	{errs.Conflict, errs.BadSegment}:    {status: http.StatusBadGateway}, // the store has no whole file; nobody can resolve that by another request
	{errs.Conflict, errs.NoLock}:        {status: http.StatusConflict, element: "lock-token-matches-request-uri"},
	{errs.Precondition, ""}:             {status: http.StatusPreconditionFailed},
	{errs.Precondition, errs.NoLock}:    {status: http.StatusPreconditionFailed, element: "lock-token-matches-request-uri"},
	{errs.NotModified, ""}:              {status: http.StatusNotModified},
	{errs.Mismatch, ""}:                 {status: http.StatusBadRequest},
	{errs.TooLarge, ""}:                 {status: http.StatusRequestEntityTooLarge},
	{errs.Locked, ""}:                   {status: http.StatusLocked, element: "lock-token-submitted", href: true},
	{errs.Locked, lockConflict}:         {status: http.StatusLocked, element: "no-conflicting-lock", href: true},
	{errs.OverQuota, ""}:                {status: http.StatusInsufficientStorage, element: "quota-not-exceeded"},
	{errs.OverQuota, errs.DiskFull}:     {status: http.StatusInsufficientStorage, element: "sufficient-disk-space"},
	{errs.OverQuota, errs.MetadataFull}: {status: http.StatusInsufficientStorage},
	{errs.RateLimited, ""}:              {status: http.StatusTooManyRequests},
	{errs.Unavailable, ""}:              {status: http.StatusServiceUnavailable},
	{errs.Canceled, ""}:                 {status: statusClosed},
	{errs.Incomplete, ""}:               {status: http.StatusBadRequest},
}

// outcomeOf finds the row of err.
func outcomeOf(err error) outcome {
	kind := errs.Of(err)
	if o, ok := outcomes[cause{kind, errs.ReasonOf(err)}]; ok {
		return o
	}
	if o, ok := outcomes[cause{kind, ""}]; ok {
		return o
	}
	return outcomes[cause{errs.Other, ""}]
}

// deny answers a request whose credentials failed.
func (f *Face) deny(w http.ResponseWriter, r *http.Request, err error) {
	httpkit.EventOf(r.Context()).Face = "dav"
	f.fail(w, r, nil, err)
}

// fail is the one place that shows a failure. q is nil while nothing of the
// request is known.
func (f *Face) fail(w http.ResponseWriter, r *http.Request, q *request, err error) {
	httpkit.EventOf(r.Context()).Err = err
	o := outcomeOf(err)
	h := w.Header()
	switch o.status {
	case http.StatusUnauthorized:
		h["WWW-Authenticate"] = f.mountOf(r.URL.EscapedPath()).challenges()
	case http.StatusMethodNotAllowed:
		h.Set("Allow", f.allowedBut(q, r))
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		h.Set("Retry-After", strconv.Itoa(retryAfter(err)))
	case http.StatusNotModified:
		w.WriteHeader(o.status)
		return
	}
	if o.status == http.StatusUnauthorized && lingers(r) && http.NewResponseController(w).EnableFullDuplex() == nil {
		defer linger(w, r)
	}
	body := f.errorBody(q, o, err)
	for _, name := range []string{"ETag", "Last-Modified", "OC-Checksum", "Content-Encoding", "Content-Disposition",
		"Content-Language", "Cache-Control", "Expires", "Content-Security-Policy", "Preference-Applied"} {
		delete(h, name)
	}
	h.Set("Content-Type", xmlType)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(o.status)
	if r.Method != http.MethodHead {
		w.Write(body) //nolint:errcheck // nobody is left to tell
	}
}

// retryAfter returns whole seconds, at least one.
func retryAfter(err error) int {
	wait, ok := auth.RetryAfter(err)
	if !ok {
		wait = retryAfterDelay
	}
	return max(int((wait+time.Second-1)/time.Second), 1)
}

// errorBody is RFC 4918 section 16's error element with a text of our own.
// Unclassified failures show nothing of themselves.
func (f *Face) errorBody(q *request, o outcome, err error) []byte {
	out := append([]byte(nil), xmlHeader...)
	out = append(out, `<D:error xmlns:D="DAV:" xmlns:E="`+errorNamespace+`">`...)
	if o.element != "" {
		out = append(append(append(out, "<D:"...), o.element...), '>')
		var locked *gateway.LockError
		if o.href && q != nil && errors.As(err, &locked) {
			out = append(out, "<D:href>"...)
			out = f.appendHref(out, q, locked.Root)
			out = append(out, "</D:href>"...)
		}
		out = append(append(append(out, "</D:"...), o.element...), '>')
	}
	text := errs.TextOf(err)
	if text == "" {
		text = http.StatusText(o.status)
	}
	out = append(out, "<E:message>"...)
	out = appendText(out, text)
	return append(out, "</E:message></D:error>"...)
}
