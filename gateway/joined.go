package gateway

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sort"

	"entrepot/auth"
	"entrepot/gateway/errs"
	"entrepot/store"
)

// A part is one run of the bytes of a large object.
type part struct {
	data []byte // the run itself, in a manifest; else it is another object's
	ref  Ref
	off  int64 // where the run begins in that object
	n    int64 // bytes of the run
	// size and etag are what the object must have.
	size int64
	etag string
}

// A run is consecutive parts with the places of their first bytes.
type run struct {
	parts  []part
	starts []int64
}

func newRun(parts []part, start int64) run {
	r := run{parts, make([]int64, len(parts))}
	for i := range parts {
		r.starts[i] = start
		start += parts[i].n
	}
	return r
}

// at finds the part that holds the byte at off, which is one of the run's.
func (r *run) at(off int64) (*part, int64) {
	i := sort.Search(len(r.starts), func(i int) bool { return r.starts[i] > off }) - 1
	return &r.parts[i], r.starts[i]
}

// join is the content of a large object. Its parts are opened one at a time,
// when their bytes are asked for; each is checked then to be what it was when
// the object was made, or listed. find returns the part that holds a byte, and
// the place of its first byte.
func join(size int64, find func(off int64) (*part, int64, error), open func(*part) (Content, error)) Content {
	return store.Join(size, func(off int64) (store.Run, error) {
		p, start, err := find(off)
		if err != nil {
			return store.Run{}, err
		}
		return store.Run{Start: start, From: p.off, N: p.n, Open: func() (store.ContentReader, error) { return open(p) }}, nil
	})
}

// join is the content of size bytes that all parts of a run make up.
func (r run) join(size int64, open func(*part) (Content, error)) Content {
	return join(size, func(off int64) (*part, int64, error) {
		p, start := r.at(off)
		return p, start, nil
	}, open)
}

// dataContent is a run of bytes of a manifest's own.
type dataContent struct{ store.ContentReader }

// joinStatic opens what the static large object of a place joins; data is the
// manifest where that lies in the engine. depth is how many large objects this
// one is a part of.
func (c *core) joinStatic(ctx context.Context, at *place, data []byte, depth int) (Content, error) {
	list, err := c.readManifest(ctx, at, data)
	if err != nil {
		return nil, err
	}
	all := newRun(partsOf(refersTo(at.ref.Account, &at.obj), list), 0)
	if err := c.reachable(ctx, all.parts); err != nil {
		return nil, err
	}
	return all.join(at.obj.Large.Size, func(p *part) (Content, error) { return c.openPart(ctx, p, at.past, depth) }), nil
}

// keptManifest is the longest text, in bytes, of which a decoded manifest is
// kept: that of 1,000 segments with ordinary names.
const keptManifest = 256 << 10

// readManifest reads the manifest of a static large object. The list is shared
// and must not be changed.
func (c *core) readManifest(ctx context.Context, at *place, data []byte) ([]Segment, error) {
	if list, ok := c.manifests.Get(at.obj.Content.Blob); ok {
		return list, nil
	}
	if size := at.obj.Content.Size; size > maxManifest {
		return nil, badSegment(fmt.Errorf("a manifest of %d bytes", size))
	}
	r, err := c.stored(ctx, at, data)
	if err != nil {
		return nil, err
	}
	defer r.Close() //nolint:errcheck // it was only read
	text := make([]byte, r.Size())
	if _, err := io.ReadFull(io.NewSectionReader(r, 0, r.Size()), text); err != nil {
		return nil, err
	}
	list, err := decodeManifest(text)
	if err == nil {
		if l, ok := largeOf(list); !ok || *l != *at.obj.Large {
			err = errors.New("the manifest does not join what its object says")
		}
	}
	if err != nil {
		return nil, &errs.Error{Op: "objects.manifest", Kind: errs.Other, Text: "The stored manifest is damaged.", Err: err}
	}
	if len(text) <= keptManifest {
		c.manifests.Add(at.obj.Content.Blob, list)
	}
	return list, nil
}

// reachable checks that the caller may read the containers of all parts, so
// that nothing is sent of what would break off for want of a right.
func (c *core) reachable(ctx context.Context, parts []part) error {
	p := auth.PrincipalOf(ctx).Referred()
	return c.store.View(ctx, func(v *store.View) error {
		seen := make(map[string]bool)
		for i := range parts {
			ref := parts[i].ref
			if parts[i].data != nil || seen[ref.Container] {
				continue
			}
			seen[ref.Container] = true
			s, err := c.load(v, p, ref, nil)
			if err == nil {
				err = s.mayRead(p)
			}
			if errs.ReasonOf(err) == errs.NoContainer {
				continue // like an object that is gone: noticed where its bytes are asked for
			}
			if unreachable(err) {
				return badSegment(err)
			}
			if err == nil {
				err = c.trafficLeft(v, &s, c.now())
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// joinDynamic opens what a dynamic large object was found to join. Of its
// parts one page is kept at a time; a page that has changed when it is read
// again is errs.Conflict.
func (c *core) joinDynamic(ctx context.Context, at *place) Content {
	d := at.dyn
	step, current := 0, newRun(d.first, 0)
	turn := func(off int64) error {
		i := sort.Search(len(d.pages), func(i int) bool { return d.pages[i].off > off }) - 1
		if i == step {
			return nil
		}
		p, now := auth.PrincipalOf(ctx).Referred(), c.now()
		return c.store.View(ctx, func(v *store.View) error {
			list, err := c.dynamicParts(v, p, d, d.pages[i].after, at.past, now)
			if err == nil && sumOf(list) != d.pages[i].sum {
				err = badSegment(errors.New("the parts have changed"))
			}
			if err == nil {
				step, current = i, newRun(list, d.pages[i].off)
			}
			return err
		})
	}
	return join(d.size, func(off int64) (*part, int64, error) {
		if err := turn(off); err != nil {
			return nil, 0, err
		}
		p, start := current.at(off)
		return p, start, nil
	}, func(p *part) (Content, error) { return c.openPart(ctx, p, at.past, 0) })
}

// errChanged is the cause where a part is not what it was.
var errChanged = errors.New("a part of the large object has changed")

// openPart opens the object of a part for the reader of the large object. It
// must have the size and entity tag that the part says: errs.Conflict
// otherwise, and where it is gone or the reader may not read it.
func (c *core) openPart(ctx context.Context, pt *part, in *past, depth int) (Content, error) {
	if pt.data != nil {
		return &dataContent{store.NewInlineReader(pt.data)}, nil
	}
	for attempt := 1; ; attempt++ {
		content, err := c.tryPart(ctx, pt, in, depth)
		if attempt < openAttempts && errors.Is(err, errGone) {
			continue
		}
		if unreachable(err) {
			err = badSegment(fmt.Errorf("%s: %w", pt.ref, err))
		}
		return content, err
	}
}

func (c *core) tryPart(ctx context.Context, pt *part, in *past, depth int) (Content, error) {
	p, now := auth.PrincipalOf(ctx).Referred(), c.now()
	var found *place
	var data []byte
	err := c.store.View(ctx, func(v *store.View) error {
		at, err := c.findAt(v, p, pt.ref, in, now)
		if err != nil {
			return err
		}
		if err := c.follow(v, p, at, now); err != nil {
			return err
		}
		at.raw = at.obj.Dynamic() // as a part it is what it stores
		if at.size() != pt.size || at.etag() != pt.etag {
			return errs.Wrap("objects.part", errs.Conflict, errs.BadSegment, errChanged)
		}
		found = at
		data, err = at.inline(v)
		return err
	})
	if err != nil {
		return nil, err
	}
	if found.obj.Large == nil {
		return c.contentOf(ctx, found, data)
	}
	if depth++; depth >= maxDepth {
		return nil, badSegment(fmt.Errorf("large objects are parts of each other %d deep", depth))
	}
	return c.joinStatic(ctx, found, data, depth)
}
