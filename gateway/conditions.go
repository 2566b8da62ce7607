package gateway

import (
	"slices"
	"time"

	"entrepot/gateway/errs"
	"entrepot/store"
)

var errPrecondition = errs.New("conditions", errs.Precondition, "", "")

// writeAllowed evaluates the entity conditions of a change against the current
// object; nil when there is none.
func (c *Conditions) writeAllowed(o *store.Object) error {
	exists := o != nil
	etag := ""
	if exists {
		etag = etagOf(o)
	}
	if c.IfMatch != nil && !matchesAny(c.IfMatch, etag, exists) {
		return errPrecondition
	}
	if c.IfNoneMatch != nil && matchesAny(c.IfNoneMatch, etag, exists) {
		return errPrecondition
	}
	if t := c.IfUnmodifiedSince; !t.IsZero() && exists && c.lastModified(o).After(t) {
		return errPrecondition
	}
	return nil
}

// readAllowed evaluates the conditions of a read.
func (c *Conditions) readAllowed(o *store.Object) error {
	if c.IfMatch == nil && c.IfNoneMatch == nil && c.IfModifiedSince.IsZero() && c.IfUnmodifiedSince.IsZero() {
		return nil
	}
	etag := etagOf(o)
	last := c.lastModified(o)
	if c.IfMatch != nil && !matchesAny(c.IfMatch, etag, true) {
		return errPrecondition
	}
	if t := c.IfUnmodifiedSince; !t.IsZero() && last.After(t) {
		return errPrecondition
	}
	if c.IfNoneMatch != nil && matchesAny(c.IfNoneMatch, etag, true) {
		return errs.New("conditions", errs.NotModified, "", "")
	}
	if t := c.IfModifiedSince; !t.IsZero() && !last.After(t) {
		return errs.New("conditions", errs.NotModified, "", "")
	}
	return nil
}

// lastModified is the date that the conditions' face shows.
func (c *Conditions) lastModified(o *store.Object) time.Time {
	if c.Drive {
		return modified(o).Time().Truncate(time.Second)
	}
	return roundUp(o.Timestamp.Time())
}

func matchesAny(list []string, etag string, exists bool) bool {
	return exists && (slices.Contains(list, "*") || slices.Contains(list, etag))
}

// roundUp gives a time the resolution of HTTP dates, never earlier than it is.
func roundUp(t time.Time) time.Time {
	if r := t.Truncate(time.Second); r.Equal(t) {
		return r
	} else {
		return r.Add(time.Second)
	}
}

func etagOf(o *store.Object) string {
	const digits = "0123456789abcdef"
	var b [32]byte
	for i, c := range o.Content.MD5 {
		b[2*i], b[2*i+1] = digits[c>>4], digits[c&15]
	}
	return string(b[:])
}
