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
	var obj store.Object
	err := o.findObject(ctx, ref, func(_ *store.View, _ *scope, found *store.Object) error {
		obj = *found
		return nil
	}, cond)
	if err != nil {
		return Object{}, err
	}
	return fromObject(&obj), cond.readAllowed(&obj)
}

// Open returns an object with its content. On errs.Precondition and
// errs.NotModified the object is returned too, without content. The caller
// closes the content.
func (o *Objects) Open(ctx context.Context, ref Ref, cond Conditions) (Object, Content, error) {
	for attempt := 1; ; attempt++ {
		obj, content, err := o.open(ctx, ref, cond)
		if attempt < openAttempts && errors.Is(err, errGone) {
			continue
		}
		return obj, content, err
	}
}

// errGone tells that an object's content went away after its record was read.
var errGone = errors.New("gateway: content replaced while it was opened")

func (o *Objects) open(ctx context.Context, ref Ref, cond Conditions) (Object, Content, error) {
	var obj store.Object
	var s scope
	var data []byte
	var refused error
	err := o.findObject(ctx, ref, func(v *store.View, found *scope, object *store.Object) (err error) {
		obj, s, data = *object, *found, nil
		if refused = cond.readAllowed(&obj); refused == nil && obj.Content.Inline {
			data, err = v.Inline(obj.Content)
		}
		return err
	}, cond)
	if err != nil {
		return Object{}, nil, err
	}
	if refused != nil {
		return fromObject(&obj), nil, refused
	}
	content, err := o.content(&s, &obj, data, func() (store.ContentReader, error) {
		return o.store.OpenObject(ctx, s.container.ID, &obj)
	})
	if errs.Of(err) == errs.NotFound {
		err = errs.Wrap("objects.Open", errs.Other, "", errors.Join(errGone, err))
	}
	if err != nil {
		return Object{}, nil, err
	}
	return fromObject(&obj), content, nil
}

// content returns a reader of an object's bytes that counts as traffic: of
// data, which View.Inline read, or of the blob that open opens.
func (c *core) content(s *scope, o *store.Object, data []byte, open func() (store.ContentReader, error)) (Content, error) {
	reader := store.NewInlineReader(data)
	if !o.Content.Inline && !o.Content.Blob.IsZero() {
		var err error
		if reader, err = open(); err != nil {
			return nil, err
		}
	}
	return &counted{reader, c.traffic, s.container}, nil
}

// findObject reads a live object for a caller who may read it and calls use with it.
func (o *Objects) findObject(ctx context.Context, ref Ref, use func(*store.View, *scope, *store.Object) error, cond Conditions) error {
	if err := checkObjectRef(ref); err != nil {
		return err
	}
	p, now := auth.PrincipalOf(ctx), o.now()
	return o.store.View(ctx, func(v *store.View) error {
		var obj store.Object
		var found bool
		s, err := o.load(v, p, ref, func(b *store.Batch, id uint64) { b.Object(id, ref.Object, &obj, &found) })
		if err != nil {
			return err
		}
		if err := s.mayRead(p); err != nil {
			return err
		}
		if len(cond.Lists) > 0 {
			if err := o.evalLists(v, p, &s, ref, &cond, now); err != nil {
				return err
			}
		}
		if err := o.trafficLeft(v, &s, now); err != nil {
			return err
		}
		if !found || obj.Expired(now) {
			if cond.IfMatch != nil {
				return errs.New("objects", errs.Precondition, errs.NoObject, "")
			}
			return errs.New("objects", errs.NotFound, errs.NoObject, "")
		}
		return use(v, &s, &obj)
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

// List returns a container together with a page of its names.
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
		if err := s.mayList(p); err != nil {
			return err
		}
		list, err := v.Objects(s.container.ID, query(opt, now))
		if err != nil {
			return err
		}
		out = fromContainer(&s, objects, bytes)
		entries = make([]Entry, len(list))
		for i := range list {
			if list[i].Subdir != "" {
				entries[i].Subdir = list[i].Subdir
			} else {
				entries[i].Object = fromObject(&list[i].Object)
			}
		}
		return nil
	})
	return out, entries, err
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
