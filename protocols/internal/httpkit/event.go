package httpkit

import "context"

// An Event is what the log will say about one request. The front makes it,
// the layers inside fill it on the way, and the front writes it once, when
// everything else is done.
//
// It belongs to the goroutine that serves the request: a goroutine started by
// a handler must not touch it.
type Event struct {
	ReqID     string // the request's ID, in Swift's X-Trans-Id form
	Face      string // which door: "swift", "dav", "depot", …; set when the face was chosen
	Op        string // what was asked, in the core's words: "objects.Put"
	Account   string // account that the request is about
	Container string // container that the request is about
	User      string // login name of who asks; "" while unknown or anonymous
	// Ignored are the names of headers that no client may send and that were
	// taken away before the face saw them; nil for nearly every request.
	Ignored []string
	// Err is why the request failed, cause included; nil when it did not. The
	// face's fail method sets it. It is logged and never shown.
	Err error
}

type eventKey struct{}

// WithEvent returns a context that carries e.
func WithEvent(ctx context.Context, e *Event) context.Context {
	return context.WithValue(ctx, eventKey{}, e)
}

// EventOf returns the event of the request that ctx belongs to. It is never
// nil: without one, as in a test that calls a handler directly, it is a fresh
// event that nobody reads.
func EventOf(ctx context.Context) *Event {
	if e, ok := ctx.Value(eventKey{}).(*Event); ok {
		return e
	}
	return new(Event)
}

// RequestID returns the ID of the request that ctx belongs to, or "".
func RequestID(ctx context.Context) string { return EventOf(ctx).ReqID }
