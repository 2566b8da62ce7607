package gateway

import (
	"context"
	"errors"

	"entrepot/auth"
	"entrepot/gateway/errs"
	"entrepot/gateway/names"
	"entrepot/store"
)

// Objects reads and writes objects by name.
type Objects struct{ *core }

// openAttempts is how often a read looks again when the content that it found
// was removed before it could be opened.
const openAttempts = 3

// Head returns an object's properties. On errs.Precondition and
// errs.NotModified the object is returned too. A condition on a missing object
// is errs.Precondition when it demands that there is one.
func (o *Objects) Head(ctx context.Context, ref Ref, cond Conditions) (Object, error) {
	return o.HeadWith(ctx, ref, ReadOptions{Conditions: cond})
}

// HeadWith is Head with options.
func (o *Objects) HeadWith(ctx context.Context, ref Ref, opt ReadOptions) (Object, error) {
	var found *place
	err := o.find(ctx, ref, &opt, func(_ *store.View, at *place) error {
		found = at
		return nil
	})
	if err != nil {
		return Object{}, err
	}
	return found.object(), opt.Conditions.readAllowed(found)
}

// Open returns an object with its content. On errs.Precondition and
// errs.NotModified the object is returned too, without content. The caller
// closes the content.
func (o *Objects) Open(ctx context.Context, ref Ref, cond Conditions) (Object, Content, error) {
	return o.OpenWith(ctx, ref, ReadOptions{Conditions: cond})
}

// OpenWith is Open with options. A large object one of whose parts the caller
// may not read is errs.Conflict with BadSegment; a part that turns out to be
// gone or changed is the same error of the content's methods.
func (o *Objects) OpenWith(ctx context.Context, ref Ref, opt ReadOptions) (Object, Content, error) {
	for attempt := 1; ; attempt++ {
		obj, content, err := o.open(ctx, ref, &opt)
		if attempt < openAttempts && errors.Is(err, errGone) {
			continue
		}
		return obj, content, err
	}
}

// errGone tells that an object's content went away after its record was read.
var errGone = errors.New("gateway: content replaced while it was opened")

func (o *Objects) open(ctx context.Context, ref Ref, opt *ReadOptions) (Object, Content, error) {
	var found *place
	var data []byte
	var refused error
	err := o.find(ctx, ref, opt, func(v *store.View, at *place) (err error) {
		found, data = at, nil
		if refused = opt.Conditions.readAllowed(at); refused == nil {
			if err := o.transferable(v, auth.PrincipalOf(ctx), at, o.now()); err != nil {
				return err
			}
			data, err = at.inline(v)
		}
		return err
	})
	if err != nil {
		return Object{}, nil, err
	}
	if refused != nil {
		return found.object(), nil, refused
	}
	content, err := o.contentOf(ctx, found, data)
	if err != nil {
		return Object{}, nil, err
	}
	return found.object(), content, nil
}

// inline reads the content of a place that lies in the engine; nil otherwise.
func (at *place) inline(v *store.View) ([]byte, error) {
	if !at.obj.Content.Inline || at.dyn != nil {
		return nil, nil
	}
	return v.Inline(at.obj.Content)
}

// contentOf opens what a place shows; data is what inline has read.
func (c *core) contentOf(ctx context.Context, at *place, data []byte) (Content, error) {
	switch {
	case at.dyn != nil:
		return c.joinDynamic(ctx, at), nil
	case at.obj.Large != nil && !at.raw:
		return c.joinStatic(ctx, at, data, 0)
	}
	r, err := c.stored(ctx, at, data)
	if err != nil {
		return nil, err
	}
	if auth.PrincipalOf(ctx).User == systemUser {
		return r, nil // nobody asked for it
	}
	return &counted{r, c.traffic, at.scope.container}, nil
}

// stored opens what the object of a place itself stores. Content that went
// away since the record was read is errGone.
func (c *core) stored(ctx context.Context, at *place, data []byte) (store.ContentReader, error) {
	content := at.obj.Content
	if content.Inline || content.Blob.IsZero() {
		return store.NewInlineReader(data), nil
	}
	var r store.ContentReader
	var err error
	if id := at.scope.container.ID; at.past != nil && at.past.id == id || at.ref.Version != "" {
		r, err = c.store.OpenBlob(ctx, content)
	} else {
		r, err = c.store.OpenObject(ctx, id, &at.obj)
	}
	if errs.Of(err) == errs.NotFound {
		err = errs.Wrap("objects.Open", errs.Other, "", errors.Join(errGone, err))
	}
	return r, err
}

// find reads a live object for a caller who may read it, resolves it, and
// calls use with it.
func (o *Objects) find(ctx context.Context, ref Ref, opt *ReadOptions, use func(*store.View, *place) error) error {
	if err := checkObjectRef(ref); err != nil {
		return err
	}
	p, now, cond := auth.PrincipalOf(ctx), o.now(), &opt.Conditions
	return o.store.View(ctx, func(v *store.View) error {
		at := &place{ref: ref}
		var found bool
		s, err := o.load(v, p, ref, func(b *store.Batch, id uint64) { b.Object(id, ref.Object, &at.obj, &found) })
		if err != nil {
			return err
		}
		if err := o.mayReadObject(v, p, &s, ref.Object, &at.obj, found); err != nil {
			return err
		}
		if len(cond.Lists) > 0 {
			if err := o.evalLists(v, p, &s, ref, cond, now); err != nil {
				return err
			}
		}
		if ref.Version != "" {
			if at.obj, found, err = s.atVersion(v, ref, &at.obj, found); err != nil {
				return err
			}
		}
		if !found || at.obj.Expired(now) || at.obj.Deleted {
			if cond.IfMatch != nil {
				return errs.New("objects", errs.Precondition, errs.NoObject, "")
			}
			return errs.New("objects", errs.NotFound, errs.NoObject, "")
		}
		at.scope = s
		if err := o.resolve(v, p, at, opt, now); err != nil {
			return err
		}
		return use(v, at)
	})
}

func checkObjectRef(ref Ref) error {
	if err := names.Text(ref.Account); err != nil {
		return err
	}
	if err := names.Container(ref.Container); err != nil {
		return err
	}
	return names.Object(ref.Object)
}

// List returns a container together with a page of its names. Their objects
// show no SHA-256.
func (o *Objects) List(ctx context.Context, ref Ref, opt ListOptions) (Container, []Entry, error) {
	if err := names.Container(ref.Container); err != nil {
		return Container{}, nil, err
	}
	p, now := auth.PrincipalOf(ctx), o.now()
	var out Container
	var entries []Entry
	err := o.store.View(ctx, func(v *store.View) error {
		var objects, bytes int64
		s, err := o.load(v, p, ref, func(b *store.Batch, id uint64) {
			b.Count(store.CountContainerObjects, id, &objects)
			b.Count(store.CountContainerBytes, id, &bytes)
		})
		if err != nil {
			return err
		}
		if p.Scope != nil && p.Scope.Prefix != "" {
			objects, bytes = 0, 0
		}
		if err := s.mayList(p); err != nil && !s.wayOpen {
			return err
		}
		out = fromContainer(&s, objects, bytes)
		entries = opt.Into[:0]
		var texts digestTexts
		return s.cut(v, query(opt, now), func(l *store.Listed, rows int) error {
			if cap(entries) == 0 {
				entries = make([]Entry, 0, rows)
			}
			entries = append(entries, listedEntry(ref.Account, l, &texts))
			return nil
		})
	})
	return out, entries, err
}

// listedEntry is a row of a listing of an account's container.
func listedEntry(account string, l *store.Listed, t *digestTexts) Entry {
	if l.Subdir != "" {
		return Entry{Subdir: l.Subdir}
	}
	e := Entry{Object: fromListed(&l.Object, t)}
	if link := e.Object.Link; link != nil && link.Account == "" {
		link.Account = account
	}
	return e
}

// maxPage is the largest page of a listing.
const maxPage = 10_000

func query(opt ListOptions, now store.Stamp) store.Query {
	q := store.Query{
		Prefix: opt.Prefix, Delimiter: opt.Delimiter, Marker: opt.Marker, EndMarker: opt.EndMarker,
		Limit: min(opt.Limit, maxPage), Reverse: opt.Reverse, Direct: opt.Direct, Now: now,
	}
	if q.Direct {
		q.Delimiter = "/"
	}
	return q
}
