package gateway

import (
	"context"
	"maps"
	"time"

	"entrepot/auth"
	"entrepot/gateway/errs"
	"entrepot/store"
)

// Copy makes dst an object with the content of src, by reference: no content
// is read or written. It returns the source as it was read, too (also with
// errs.Precondition and errs.NotModified of its conditions). The copy's
// properties are the source's with those of opt over them; Fresh carries
// nothing over but the content type. Copying onto itself changes properties.
func (o *Objects) Copy(ctx context.Context, src, dst Ref, opt CopyOptions) (source Object, result PutResult, err error) {
	if err := checkObjectRef(src); err != nil {
		return Object{}, PutResult{}, err
	}
	c := &copying{
		put: put{
			core: o.core, ref: dst, p: auth.PrincipalOf(ctx), now: o.now(),
			opt: &PutOptions{Size: -1, ContentType: opt.ContentType, Headers: opt.Headers, Properties: opt.Properties,
				DeleteAt: opt.DeleteAt, Conditions: opt.Target, Item: opt.Item, copied: true},
		},
		src: src, with: &opt,
	}
	if src.Account == dst.Account {
		c.put.source = src.Container + "/" + src.Object
	}
	if err := c.checkArguments(ctx); err != nil {
		return Object{}, PutResult{}, err
	}
	if err := o.roomOnDisk(); err != nil {
		return Object{}, PutResult{}, err
	}
	if volumeOf(src.Account) != volumeOf(dst.Account) {
		return o.copyAcross(ctx, src, dst, &opt)
	}
	if opt.Item && src == dst {
		return c.stay(ctx)
	}
	return c.run(ctx)
}

// stay is the copy of an item onto itself: it changes nothing.
func (c *copying) stay(ctx context.Context) (source Object, result PutResult, err error) {
	err = c.store.View(ctx, func(v *store.View) error {
		if err := c.readSource(v); err != nil {
			return err
		}
		c.settle()
		return c.examine(v, c.source.Content.Size, true)
	})
	return c.seen(), PutResult{Object: c.seen()}, err
}

// copying is one Copy on its way: a put whose content is another object's.
type copying struct {
	put
	src  Ref
	with *CopyOptions

	from   scope
	source store.Object
}

func (c *copying) run(ctx context.Context) (source Object, result PutResult, err error) {
	err = c.store.View(ctx, func(v *store.View) error {
		if err := c.readSource(v); err != nil {
			return err
		}
		c.settle()
		return c.examine(v, c.source.Content.Size, true)
	})
	if err != nil {
		return c.seen(), PutResult{}, err
	}
	from, to := c.from, c.scope
	err = c.retryStronger(ctx, func(strong bool) []store.Guard {
		guards := append(from.guards(true), store.LockObject(from.container.ID, c.src.Object))
		guards = append(guards, store.LocksOfWrite(to.container.ID, c.ref.Object, false)...)
		return append(guards, to.quotaGuards(strong)...)
	}, func(tx *store.Tx, strong bool) error {
		if err := c.readSource(&tx.View); err != nil {
			return err
		}
		c.settle()
		if err := c.examine(&tx.View, c.source.Content.Size, strong); err != nil {
			return err
		}
		if !c.from.same(&from) || !c.scope.same(&to) {
			return errs.New("objects.Copy", errs.Conflict, "", "A container was replaced meanwhile.")
		}
		o := c.object(c.source.Content)
		if c.from.container.ID != c.scope.container.ID || c.src.Object != c.ref.Object {
			source := c.source
			tx.ShareContent(&c.from.container, &source, &o.Content)
		}
		tx.PutObject(&c.scope.container, c.row, o, o.Timestamp)
		if err := c.afterPut(tx, o); err != nil {
			return err
		}
		result = PutResult{Object: fromObject(o), Created: c.old == nil}
		return nil
	})
	return c.seen(), result, err
}

// seen is the source as it was read, the zero Object when it was not.
func (c *copying) seen() Object {
	if c.source.Name == "" {
		return Object{}
	}
	return fromObject(&c.source)
}

// readSource reads the source for a caller who may read it.
func (c *copying) readSource(v *store.View) error {
	var o store.Object
	var found bool
	s, err := c.load(v, c.p, c.src, func(b *store.Batch, id uint64) { b.Object(id, c.src.Object, &o, &found) })
	if err != nil {
		return err
	}
	if err := s.mayRead(c.p); err != nil {
		return err
	}
	if !found || o.Expired(c.now) {
		return errs.New("objects.Copy", errs.NotFound, errs.NoObject, "")
	}
	c.from, c.source = s, o
	return c.with.Source.readAllowed(&o)
}

// settle works out what the copy carries over.
func (c *copying) settle() {
	opt := PutOptions{Size: -1, ContentType: c.with.ContentType, Conditions: c.with.Target, DeleteAt: c.with.DeleteAt, Item: c.with.Item, copied: true}
	opt.Headers, opt.Properties = c.with.Headers, c.with.Properties
	if opt.ContentType == "" {
		opt.ContentType = c.source.ContentType
	}
	if !c.with.Fresh {
		opt.Headers = over(c.source.Headers, c.with.Headers)
		opt.Properties = over(c.source.Properties, c.with.Properties)
		if opt.DeleteAt.IsZero() && c.source.DeleteAt != 0 && !c.with.NoExpiry {
			opt.DeleteAt = time.Unix(c.source.DeleteAt, 0)
		}
	}
	c.opt = &opt
}

// over lays properties over others.
func over(base, top Properties) Properties {
	out := make(Properties, len(base)+len(top))
	maps.Copy(out, base)
	maps.Copy(out, top)
	return out
}
