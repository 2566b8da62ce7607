package gateway

import (
	"slices"
	"time"

	"entrepot/gateway/errs"
	"entrepot/store"
)

var errPrecondition = errs.New("conditions", errs.Precondition, "", "")

// writeAllowed evaluates the entity conditions of a change against the current
// object, nil when there is none, and the entity tag that it shows.
func (c *Conditions) writeAllowed(o *store.Object, etag string) error {
	exists := o != nil
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

// readAllowed evaluates the conditions of a read against what it found.
func (c *Conditions) readAllowed(at *place) error {
	if c.IfMatch == nil && c.IfNoneMatch == nil && c.IfModifiedSince.IsZero() && c.IfUnmodifiedSince.IsZero() {
		return nil
	}
	etag := at.etag()
	last := c.lastModified(&at.obj)
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

// namesTags tells whether the conditions look at an entity tag's value.
func (c *Conditions) namesTags() bool {
	named := func(tag string) bool { return tag != "*" }
	return slices.ContainsFunc(c.IfMatch, named) || slices.ContainsFunc(c.IfNoneMatch, named)
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

// etagOf is the entity tag of an object: of a static large one that of what it
// joins, of a dynamic one and of a link that of what they store.
func etagOf(o *store.Object) string {
	const digits = "0123456789abcdef"
	sum := &o.Content.MD5
	if o.Large != nil {
		sum = &o.Large.MD5
	}
	var b [32]byte
	for i, c := range *sum {
		b[2*i], b[2*i+1] = digits[c>>4], digits[c&15]
	}
	return string(b[:])
}
