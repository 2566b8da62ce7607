package swift

import (
	"errors"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"

	"entrepot/auth"
	"entrepot/gateway/errs"
	"entrepot/protocols/internal/httpkit"
)

const (
	htmlType = "text/html; charset=UTF-8"
	textType = "text/plain; charset=UTF-8"

	// statusDisconnect is what Swift logs, and sends to who still reads, when
	// a body ends early.
	statusDisconnect = 499
	// retrySeconds is how long a client should wait when the server cannot
	// say better.
	retrySeconds = "5"
)

// A refusal is a failure of the protocol itself, which no kind of the core
// stands for.
type refusal struct {
	status int
	text   string // "": the page of the status
	allow  string // of a 405
	err    error  // cause, for the log
}

// Error says what was refused.
func (e *refusal) Error() string {
	text := "swift: " + strconv.Itoa(e.status)
	if e.text != "" {
		text += ": " + e.text
	}
	if e.err != nil {
		text += ": " + e.err.Error()
	}
	return text
}

// Unwrap returns the cause.
func (e *refusal) Unwrap() error { return e.err }

func refuse(status int, text string) error { return &refusal{status: status, text: text} }

func notAllowed(allow, text string) error {
	return &refusal{status: http.StatusMethodNotAllowed, text: text, allow: allow}
}

// A row is how a failure of the core is answered.
type row struct {
	status int
	text   string // fixed text; "": the page of the status
	told   bool   // the failure's own text, when it has one, goes first
}

// cause selects a row: a kind, and the reason where it makes a difference.
type cause struct {
	kind   errs.Kind
	reason errs.Reason
}

// answers is the one table from failures to statuses and texts. Each kind has
// a row without a reason.
var answers = map[cause]row{
	{errs.Other, ""}:                     {status: http.StatusInternalServerError},
	{errs.Invalid, ""}:                   {status: http.StatusBadRequest, told: true},
	{errs.Unauthenticated, ""}:           {status: http.StatusUnauthorized},
	{errs.Forbidden, ""}:                 {status: http.StatusForbidden},
	{errs.Forbidden, errs.BadAddress}:    {status: http.StatusForbidden, told: true},
	{errs.Forbidden, errs.PlainHTTP}:     {status: http.StatusForbidden, told: true},
	{errs.Forbidden, errs.TooMany}:       {status: http.StatusForbidden, told: true},
	{errs.Forbidden, errs.NoDepot}:       {status: http.StatusForbidden, told: true},
	{errs.Forbidden, errs.Inactive}:      {status: http.StatusForbidden, told: true},
	{errs.Forbidden, errs.BadName}:       {status: http.StatusForbidden, told: true},
	{errs.Forbidden, errs.Suspended}:     {status: http.StatusForbidden, told: true},
	{errs.NotFound, ""}:                  {status: http.StatusNotFound},
	{errs.NotFound, errs.AccountDeleted}: {status: http.StatusGone},
	{errs.Forbidden, errs.NameReserved}:  {status: http.StatusForbidden, told: true},
	{errs.Conflict, errs.LastAdmin}:      {status: http.StatusConflict, told: true},
	{errs.Exists, ""}:                    {status: http.StatusConflict, told: true},
	{errs.Conflict, errs.BadLink}:        {status: http.StatusConflict, told: true},
	{errs.TooLarge, errs.TooMany}:        {status: http.StatusRequestEntityTooLarge, told: true},
	{errs.Conflict, ""}:                  {status: http.StatusConflict},
	{errs.Precondition, ""}:              {status: http.StatusPreconditionFailed, told: true},
	{errs.Precondition, errs.BadName}:    {status: http.StatusPreconditionFailed, told: true},
	{errs.Conflict, errs.HasVersions}:    {status: http.StatusConflict, told: true},
	{errs.NotModified, ""}:               {status: http.StatusNotModified},
	{errs.Mismatch, ""}:                  {status: http.StatusUnprocessableEntity},
	{errs.TooLarge, ""}:                  {status: http.StatusRequestEntityTooLarge, text: "Your request is too large."},
	{errs.Locked, ""}:                    {status: http.StatusLocked},
	{errs.OverQuota, ""}:                 {status: http.StatusRequestEntityTooLarge, text: "Upload exceeds quota."},
	{errs.OverQuota, errs.DiskFull}:      {status: http.StatusRequestEntityTooLarge, text: "No space left."},
	{errs.RateLimited, ""}:               {status: http.StatusTooManyRequests, told: true},
	{errs.Unavailable, ""}:               {status: http.StatusServiceUnavailable},
	{errs.Canceled, ""}:                  {status: statusDisconnect},
	{errs.Incomplete, ""}:                {status: statusDisconnect},
}

// sentences are the pages of statuses: title and sentence, as Swift has them.
var sentences = map[int][2]string{
	http.StatusAccepted:                     {"Accepted", "The request is accepted for processing."},
	http.StatusMovedPermanently:             {"Moved Permanently", "The resource has moved permanently."},
	http.StatusBadRequest:                   {"Bad Request", "The server could not comply with the request since it is either malformed or otherwise incorrect."},
	http.StatusUnauthorized:                 {"Unauthorized", "This server could not verify that you are authorized to access the document you requested."},
	http.StatusForbidden:                    {"Forbidden", "Access was denied to this resource."},
	http.StatusNotFound:                     {"Not Found", "The resource could not be found."},
	http.StatusMethodNotAllowed:             {"Method Not Allowed", "The method is not allowed for this resource."},
	http.StatusNotAcceptable:                {"Not Acceptable", "The resource is not available in a format acceptable to your browser."},
	http.StatusRequestTimeout:               {"Request Timeout", "The server has waited too long for the request to be sent by the client."},
	http.StatusConflict:                     {"Conflict", "There was a conflict when trying to complete your request."},
	http.StatusGone:                         {"Gone", "This resource is no longer available."},
	http.StatusLengthRequired:               {"Length Required", "Content-Length header required."},
	http.StatusPreconditionFailed:           {"Precondition Failed", "A precondition for this request was not met."},
	http.StatusRequestEntityTooLarge:        {"Request Entity Too Large", "The body of your request was too large for this server."},
	http.StatusRequestedRangeNotSatisfiable: {"Requested Range Not Satisfiable", "The Range requested is not available."},
	http.StatusUnprocessableEntity:          {"Unprocessable Entity", "Unable to process the contained instructions"},
	http.StatusLocked:                       {"Locked", "The resource is locked by another client."},
	http.StatusTooManyRequests:              {"Too Many Requests", "Too many requests were made in a short time. Please try again later."},
	statusDisconnect:                        {"Client Disconnect", "The client was disconnected during request."},
	http.StatusInternalServerError:          {"Internal Error", "The server has either erred or is incapable of performing the requested operation."},
	http.StatusNotImplemented:               {"Not Implemented", "The requested method is not implemented by this server."},
	http.StatusServiceUnavailable:           {"Service Unavailable", "The server is currently unavailable. Please try again at a later time."},
}

// page is the HTML body of a status.
func page(status int) string {
	s := sentences[status]
	return "<html><h1>" + s[0] + "</h1><p>" + s[1] + "</p></html>"
}

// answerTo decides how a failure is answered.
func answerTo(err error) (status int, text string) {
	var wire *refusal
	var unsatisfiable *httpkit.RangeError
	switch {
	case errors.As(err, &wire):
		return wire.status, wire.text
	case errors.As(err, &unsatisfiable):
		return http.StatusRequestedRangeNotSatisfiable, ""
	case errors.Is(err, httpkit.ErrBadURL):
		return http.StatusPreconditionFailed, "Bad URL"
	case errors.Is(err, httpkit.ErrBadText):
		return http.StatusPreconditionFailed, "Invalid UTF8 or contains NULL"
	case errors.Is(err, httpkit.ErrBadVersion):
		return http.StatusBadRequest, ""
	}
	answer, ok := answers[cause{errs.Of(err), errs.ReasonOf(err)}]
	if !ok {
		answer = answers[cause{errs.Of(err), ""}]
	}
	if told := errs.TextOf(err); answer.told && told != "" {
		return answer.status, told
	}
	return answer.status, answer.text
}

// fail writes the answer to a failed request. Nothing else writes errors.
func (f *Face) fail(w http.ResponseWriter, r *http.Request, err error) {
	httpkit.EventOf(r.Context()).Err = err
	status, text := answerTo(err)
	h := w.Header()
	clearEntity(h, status)
	switch status {
	case http.StatusUnauthorized:
		if h.Get("Www-Authenticate") == "" {
			h.Set("Www-Authenticate", `Swift realm="`+realm(r)+`"`)
		}
	case http.StatusMethodNotAllowed:
		var wire *refusal
		if errors.As(err, &wire) {
			h.Set("Allow", wire.allow)
		}
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		if h.Get("Retry-After") == "" {
			h.Set("Retry-After", retryAfter(err))
		}
	}
	if reason := errs.ReasonOf(err); reason == errs.AccountDeleted || reason == errs.NameReserved {
		h.Set("X-Account-Status", "Deleted")
	}
	if text != "" {
		writeBody(w, r, status, textType, text)
		return
	}
	contentType := htmlType
	if own := h.Get("Content-Type"); own != "" && status == http.StatusRequestedRangeNotSatisfiable {
		contentType = own
	}
	writeBody(w, r, status, contentType, page(status))
}

// writeBody writes a short answer; to HEAD, and with 304, only its headers.
func writeBody(w http.ResponseWriter, r *http.Request, status int, contentType, body string) {
	h := w.Header()
	h["Content-Type"] = []string{contentType}
	h["X-Content-Type-Options"] = []string{"nosniff"}
	if r.Method == http.MethodHead || status == http.StatusNotModified {
		h["Content-Length"] = []string{"0"}
		w.WriteHeader(status)
		return
	}
	h["Content-Length"] = []string{strconv.Itoa(len(body))}
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body) // a client that left has no use for the error
}

// clearEntity removes the headers that described what would have been sent.
// An unsatisfiable range keeps those of the object, but for the ones that
// would misread the page as a coded or downloadable body.
func clearEntity(h http.Header, status int) {
	for _, name := range []string{"Content-Encoding", "Content-Disposition", "Content-Length"} {
		delete(h, name)
	}
	if status == http.StatusRequestedRangeNotSatisfiable {
		return
	}
	for name := range h {
		switch name {
		case "Etag", "Last-Modified", "X-Timestamp", "Content-Type", "Content-Range", "Content-Language",
			"Cache-Control", "Expires", "X-Robots-Tag", "X-Delete-At", "Accept-Ranges", "Content-Security-Policy",
			"X-Object-Manifest", "X-Static-Large-Object", "X-Manifest-Etag", "Content-Location",
			"X-Symlink-Target", "X-Symlink-Target-Etag", "X-Symlink-Target-Bytes":
			delete(h, name)
		default:
			if strings.HasPrefix(name, objectMeta) {
				delete(h, name)
			}
		}
	}
}

// realm names the account that a 401 is about.
func realm(r *http.Request) string {
	if ref, err := httpkit.SplitSwift(r.URL.Path); err == nil {
		return httpkit.EscapePath(ref.Account)
	}
	return "unknown"
}

// retryAfter says when to come again, in seconds.
func retryAfter(err error) string {
	if wait, ok := auth.RetryAfter(err); ok {
		return strconv.FormatInt(int64(wait.Seconds()+0.999), 10)
	}
	return retrySeconds
}

// bodyFailure sharpens the failure of a Put whose body could not be read: the
// body knows better than the core what happened to it.
func bodyFailure(err error, b *body) error {
	var tooLarge *http.MaxBytesError
	switch {
	case err == nil || b.err == nil:
		return err
	case errors.Is(b.err, errBodyTooLarge), errors.As(b.err, &tooLarge):
		return errs.Wrap("swift.body", errs.TooLarge, "", b.err)
	case errors.Is(b.err, os.ErrDeadlineExceeded):
		return &refusal{status: http.StatusRequestTimeout, err: b.err}
	case errors.Is(b.err, io.ErrUnexpectedEOF):
		return errs.Wrap("swift.body", errs.Incomplete, "", b.err)
	}
	return err
}
