package protocols

import (
	"log/slog"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"entrepot/auth"
	"entrepot/auth/httpauth"
	"entrepot/gateway/errs"
	"entrepot/protocols/internal/httpkit"
)

const (
	// maxLoggedPath is how much of a path that no face knows is logged, and of
	// the names of ignored headers.
	maxLoggedPath = 200
	// maxEncodings is how often a path may be percent-encoded for its API key
	// to be recognised.
	maxEncodings = 4
	// maxLoggedHeaders is how many ignored headers are named.
	maxLoggedHeaders = 5
)

// logRequest writes the one line of a request. Its keys are fixed. Paths are
// logged only when no face took them and without their query, since the query
// of a face's path can hold signatures and passwords, and names of objects are
// the users' business.
func logRequest(r *http.Request, log *slog.Logger, e *httpkit.Event, status int, sent int64, took time.Duration, finished bool) {
	level := slog.LevelInfo
	if status >= 500 && !expected(e.Err) {
		level = slog.LevelError
	}
	ctx := r.Context()
	if !log.Enabled(ctx, level) {
		return
	}
	attrs := make([]slog.Attr, 0, 16)
	attrs = append(attrs,
		slog.String("req", e.ReqID),
		slog.String("method", r.Method),
		slog.Int("status", status),
		slog.Int64("bytes", sent),
		slog.Duration("dur", took),
		slog.String("addr", httpauth.AddrOf(ctx).String()))
	for _, a := range [...]slog.Attr{
		slog.String("face", e.Face), slog.String("op", e.Op), slog.String("user", e.User),
		slog.String("account", e.Account), slog.String("container", e.Container),
	} {
		if a.Value.String() != "" {
			attrs = append(attrs, a)
		}
	}
	if e.Face == "" {
		attrs = append(attrs, slog.String("path", loggedPath(r.URL.EscapedPath())))
	}
	if e.Err != nil {
		attrs = append(attrs, slog.String("kind", errs.Of(e.Err).String()), slog.String("err", e.Err.Error()))
	}
	if n := len(e.Ignored); n > 0 {
		names := strings.Join(e.Ignored[:min(n, maxLoggedHeaders)], ",")
		attrs = append(attrs, slog.String("ignored", names[:min(len(names), maxLoggedPath)]))
	}
	if !finished {
		attrs = append(attrs, slog.Bool("aborted", true))
	}
	log.LogAttrs(ctx, level, "request", attrs...)
}

// loggedPath is a path that no face took, as far as it is logged: without
// parameters of its segments, which can hold secrets, and not without end. Of
// an API key among the parameters the last four digits are told, so that an
// operator can find whose application it is.
func loggedPath(path string) string {
	at := parameterMark.FindStringIndex(path)
	if at == nil {
		return path[:min(len(path), maxLoggedPath)]
	}
	return path[:min(at[0], maxLoggedPath)] + loggedKey(path[at[0]:])
}

// parameterMark begins the parameters of a segment: a semicolon, encoded once,
// more often or not at all.
var parameterMark = regexp.MustCompile(`;|%(25)*3[Bb]`)

// loggedKey is what is logged of parameters: ";api_key=***" and the last four
// digits of the first API key among them; "" where there is none. Of what has
// not the form of a key nothing is told.
func loggedKey(parameters string) string {
	for range maxEncodings {
		plain, err := url.PathUnescape(parameters)
		if err != nil || plain == parameters {
			break
		}
		parameters = plain
	}
	for p := range strings.FieldsFuncSeq(parameters, func(r rune) bool { return r == ';' || r == '/' }) {
		name, value, _ := strings.Cut(p, "=")
		if !strings.EqualFold(name, "api_key") {
			continue
		}
		if !auth.IsAPIKey(value) {
			return ";api_key=***"
		}
		return ";api_key=***" + value[len(value)-4:]
	}
	return ""
}

// expected tells failures that are the caller's affair although some protocols
// give them a status of the 500s: a limit that is used up, a foreign host in a
// Destination. A full volume is the operator's.
func expected(err error) bool {
	switch errs.Of(err) {
	case errs.OverQuota:
		return errs.ReasonOf(err) != errs.DiskFull
	case errs.Other, errs.Unavailable:
		return false
	}
	return err != nil
}
