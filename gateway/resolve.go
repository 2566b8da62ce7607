package gateway

import (
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/fnv"

	"entrepot/auth"
	"entrepot/gateway/errs"
	"entrepot/store"
)

// A place is an object with where a read found it.
type place struct {
	ref   Ref
	scope scope
	obj   store.Object
	past  *past // the snapshot through which it is seen; nil: live
	// dyn is what a dynamic large object joins; nil where it was not asked for.
	dyn    *dynamic
	raw    bool // what the object itself stores was asked for
	linked bool // a link led here
}

// past is one snapshot of one container: what a reader of it finds there. All
// other containers are seen as they are.
type past struct {
	id   uint64
	snap store.Snapshot
}

// etag is the entity tag of what the place shows.
func (at *place) etag() string {
	switch {
	case at.raw:
		return hex.EncodeToString(at.obj.Content.MD5[:])
	case at.dyn != nil:
		return hex.EncodeToString(at.dyn.etag[:])
	}
	return etagOf(&at.obj)
}

// size is the number of bytes that the place shows.
func (at *place) size() int64 {
	switch {
	case at.raw:
		return at.obj.Content.Size
	case at.dyn != nil:
		return at.dyn.size
	}
	return sizeOf(&at.obj)
}

// object describes the place.
func (at *place) object() Object {
	out := at.scope.show(&at.obj)
	switch {
	case at.raw && out.Large != Plain:
		setStored(&out, &at.obj, nil)
		out.Manifest, out.JoinedMD5 = true, ""
	case at.dyn != nil:
		out.Size, out.Composite = at.dyn.size, at.etag()
		out.JoinedMD5 = joinedText(&at.obj, at.dyn.etag, at.dyn.size, nil)
	}
	if at.linked {
		out.Target = at.ref
	}
	if out.Link != nil {
		out.Link.Account = refersTo(at.ref.Account, &at.obj)
	}
	return out
}

// findAt reads the object of ref for a caller who may read it, in the past
// where that is the container's.
func (c *core) findAt(v *store.View, p auth.Principal, ref Ref, in *past, now store.Stamp) (*place, error) {
	at := &place{ref: ref, past: in}
	var found bool
	var err error
	at.scope, err = c.load(v, p, ref, func(b *store.Batch, id uint64) { b.Object(id, ref.Object, &at.obj, &found) })
	if err != nil {
		return nil, err
	}
	if err := at.scope.mayRead(p); err != nil {
		return nil, err
	}
	if in != nil && in.id == at.scope.container.ID {
		now = in.snap.Created
		if at.obj, found, err = v.ObjectAt(in.id, ref.Object, in.snap.Epoch); err != nil {
			return nil, err
		}
	}
	if ref.Version != "" && in == nil {
		if at.obj, found, err = at.scope.atVersion(v, ref, &at.obj, found); err != nil {
			return nil, err
		}
	}
	if !found || at.obj.Expired(now) || at.obj.Deleted {
		return nil, errs.New("objects", errs.NotFound, errs.NoObject, "")
	}
	return at, nil
}

// resolve goes on from what has the asked name to what the reader is to get:
// it follows links and evaluates a dynamic large object.
func (c *core) resolve(v *store.View, p auth.Principal, at *place, opt *ReadOptions, now store.Stamp) error {
	if at.obj.Link != nil && !opt.Link {
		if err := c.follow(v, p, at, now); err != nil {
			return err
		}
	}
	at.raw = opt.Manifest
	if at.raw || !at.obj.Dynamic() {
		return nil
	}
	var err error
	at.dyn, err = c.evaluate(v, p, at, now)
	return err
}

// follow replaces a link by what it leads to. Every step needs the right to
// read the target.
func (c *core) follow(v *store.View, p auth.Principal, at *place, now store.Stamp) error {
	p = p.Referred()
	for hops := 0; at.obj.Link != nil; hops++ {
		if hops == maxHops {
			return errs.New("objects.follow", errs.Conflict, errs.BadLink,
				fmt.Sprintf("Too many levels of symbolic links, maximum allowed is %d", maxHops))
		}
		link := at.obj.Link
		target := Ref{Account: refersTo(at.ref.Account, &at.obj), Container: link.Container, Object: link.Object}
		next, err := c.findAt(v, p, target, at.past, now)
		if err != nil {
			return err
		}
		if want := hex.EncodeToString(link.MD5[:]); link.Static && etagOf(&next.obj) != want {
			return errs.New("objects.follow", errs.Conflict, errs.BadLink,
				fmt.Sprintf("Object Etag '%s' does not match X-Symlink-Target-Etag header '%s'", etagOf(&next.obj), want))
		}
		next.linked = true
		*at = *next
	}
	return nil
}

// dynamicPage is how many names one step of an evaluation reads.
const dynamicPage = 1000

// A dynamic is a dynamic large object as it was evaluated: what it joins, and
// enough to find every part again without keeping all of them.
type dynamic struct {
	id    uint64 // of the parts' container
	ref   Ref    // the parts' container, with the prefix as Object
	size  int64
	parts int
	etag  [16]byte
	pages []dynamicStep
	first []part // of the first page
}

// A dynamicStep is one page of parts: names greater than after, whose first
// byte is at off, and what they sum up to.
type dynamicStep struct {
	after string
	off   int64
	sum   uint64
}

// evaluate lists what a dynamic large object joins. The caller must be allowed
// to list and to read the container of the parts.
func (c *core) evaluate(v *store.View, p auth.Principal, at *place, now store.Stamp) (*dynamic, error) {
	container, prefix, ok := splitManifest(at.obj.Headers[store.HeaderManifest])
	if !ok {
		return nil, badSegment(errors.New("the header of the manifest is malformed"))
	}
	p = p.Referred()
	d := &dynamic{ref: Ref{Account: refersTo(at.ref.Account, &at.obj), Container: container, Object: prefix}}
	s, err := c.load(v, p, d.ref, nil)
	if err != nil {
		return nil, err
	}
	if err := s.mayReadAll(p); err != nil {
		return nil, err
	}
	if err := within(p, prefix); err != nil {
		return nil, err
	}
	d.id = s.container.ID
	sum := md5.New()
	for after, more := "", true; more; {
		step := dynamicStep{after: after, off: d.size}
		list, err := c.dynamicParts(v, p, d, after, at.past, now)
		if err != nil {
			return nil, err
		}
		if d.parts += len(list); d.parts > maxDynamic {
			return nil, badSegment(fmt.Errorf("more than %d objects begin with the prefix", maxDynamic))
		}
		for i := range list {
			d.size += list[i].n
			sum.Write([]byte(list[i].etag))
		}
		if after == "" {
			d.first = list
		}
		step.sum = sumOf(list)
		d.pages = append(d.pages, step)
		if more = len(list) == dynamicPage; more {
			after = list[len(list)-1].ref.Object
		}
	}
	sum.Sum(d.etag[:0])
	return d, nil
}

// mayReadAll refuses callers who may not read whatever is in the container, or
// may not know its names. What a signed URL permits has no lists.
func (s *scope) mayReadAll(p auth.Principal) error {
	if p.Grant == nil {
		if err := s.mayList(p); err != nil {
			return err
		}
	}
	return s.mayRead(p)
}

// dynamicParts reads one page of a dynamic large object's parts.
func (c *core) dynamicParts(v *store.View, p auth.Principal, d *dynamic, after string, in *past, now store.Stamp) ([]part, error) {
	q := store.Query{Prefix: d.ref.Object, Marker: after, Limit: dynamicPage, Now: now}
	var from rows = liveRows{v, d.id, now}
	if in != nil && in.id == d.id {
		from = pastRows{v, in.id, in.snap}
	}
	var list []part
	_, err := from.each(q, func(row *store.Listed) error {
		at := place{ref: Ref{Account: d.ref.Account, Container: d.ref.Container, Object: row.Object.Name}, obj: row.Object, past: in}
		if at.obj.Link != nil {
			name := at.ref
			if err := c.follow(v, p, &at, now); err != nil {
				return badSegment(err)
			}
			at.ref = name
		}
		list = append(list, part{ref: at.ref, n: sizeOf(&at.obj), size: sizeOf(&at.obj), etag: etagOf(&at.obj)})
		return nil
	})
	return list, err
}

// sumOf sums up a page of parts, to notice that it changed.
func sumOf(list []part) uint64 {
	h := fnv.New64a()
	for i := range list {
		fmt.Fprintf(h, "%s\x00%s%d\x00", list[i].ref.Object, list[i].etag, list[i].n)
	}
	return h.Sum64()
}

// shown describes an object as a reader sees it who may not even be able to
// read it: where it stands for others that cannot be reached, it shows what is
// stored. cost is the number of other objects that were looked at.
func (c *core) shown(v *store.View, p auth.Principal, at *place, now store.Stamp) (out Object, cost int, err error) {
	if at.obj.Link == nil && !at.obj.Dynamic() {
		return at.object(), 0, nil
	}
	own := *at
	err = c.resolve(v, p, at, &ReadOptions{}, now)
	switch {
	case err == nil && at.dyn != nil:
		out, cost = at.object(), at.dyn.parts
	case err == nil:
		out, cost = at.object(), 1
	case unreachable(err):
		out, cost, err = own.object(), 1, nil
	}
	out.Name = own.obj.Name
	return out, cost, err
}

// unreachable tells that what an object stands for is not there, or not for
// this caller, apart from failures of the store.
func unreachable(err error) bool {
	switch errs.Of(err) {
	case errs.NotFound, errs.Forbidden, errs.Unauthenticated, errs.Conflict:
		return true
	}
	return false
}

// tagShown is the entity tag that a reader sees of an object of an account.
func (c *core) tagShown(v *store.View, p auth.Principal, account string, o *store.Object, now store.Stamp) (string, error) {
	if o.Link == nil && !o.Dynamic() {
		return etagOf(o), nil
	}
	out, _, err := c.shown(v, p, &place{ref: Ref{Account: account, Object: o.Name}, obj: *o}, now)
	return out.ETag(), err
}
