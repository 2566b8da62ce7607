package gateway

import (
	"context"
	"errors"
	"io"
	"maps"
	"time"

	"entrepot/auth"
	"entrepot/gateway/errs"
	"entrepot/store"
)

// Copy makes dst an object with the content of src. Content is shared: none is
// read or written, but where a large object becomes a plain one, or a part is
// wanted. It returns the source as it was read, too (also with
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
	c.put.source = src.String()
	if err := c.checkArguments(ctx); err != nil {
		return Object{}, PutResult{}, err
	}
	if err := o.roomOnDisk(); err != nil {
		return Object{}, PutResult{}, err
	}
	if opt.Item && src == dst {
		result, err = c.stay(ctx)
	} else {
		result, err = c.run(ctx)
	}
	if c.from == nil {
		return Object{}, result, err
	}
	return c.from.object(), result, err
}

// stay is the copy of an item onto itself: it changes nothing.
func (c *copying) stay(ctx context.Context) (PutResult, error) {
	err := c.store.View(ctx, func(v *store.View) error {
		if err := c.readSource(v); err != nil && !errors.Is(err, errByBytes) {
			return err
		}
		return c.examine(v, c.from.obj.Content.Size, true)
	})
	if err != nil {
		return PutResult{}, err
	}
	return PutResult{Object: c.from.object()}, nil
}

// copying is one Copy on its way: a put whose content is another object's.
type copying struct {
	put
	src  Ref
	with *CopyOptions

	from *place // the source as it was read; nil before
	data []byte // its content, where that lies in the engine and is to be read
}

// errByBytes tells that the source's content has to be read.
var errByBytes = errors.New("gateway: the copy has content of its own")

func (c *copying) run(ctx context.Context) (result PutResult, err error) {
	err = c.store.View(ctx, func(v *store.View) error {
		if err := c.readSource(v); err != nil {
			return err
		}
		return c.examine(v, c.from.obj.Content.Size, true)
	})
	if errors.Is(err, errByBytes) {
		return c.copyBytes(ctx)
	}
	if err != nil {
		return PutResult{}, err
	}
	from, to := c.from, c.scope
	archive, planned := c.archivePlan(&to)
	err = c.retryStronger(ctx, func(strong bool) []store.Guard {
		guards := append(from.scope.guards(true), store.LockObject(from.scope.container.ID, from.ref.Object))
		guards = append(guards, store.LocksOfWrite(to.container.ID, c.ref.Object, false)...)
		return append(append(guards, to.quotaGuards(strong)...), archive(strong)...)
	}, func(tx *store.Tx, strong bool) error {
		if err := c.readSource(&tx.View); err != nil && !errors.Is(err, errByBytes) {
			return err
		} else if err != nil || !c.from.scope.same(&from.scope) || c.from.ref != from.ref {
			return errs.New("objects.Copy", errs.Conflict, "", "The source was replaced meanwhile.")
		}
		if err := c.examine(&tx.View, c.from.obj.Content.Size, strong); err != nil {
			return err
		}
		if !c.scope.same(&to) {
			return errs.New("objects.Copy", errs.Conflict, "", "A container was replaced meanwhile.")
		}
		if err := c.archives(planned, strong); err != nil {
			return err
		}
		o := c.object(c.from.obj.Content)
		if o.Name == c.from.obj.Name { // a manifest of chunks names its file
			o.Chunked = c.from.obj.Chunked
		}
		if !c.ontoItself() {
			source := c.from.obj
			if err := shareSource(tx, c.from, &source, &o.Content); err != nil {
				return err
			}
		}
		tx.PutObject(&c.scope.container, c.row, o, o.Timestamp)
		if c.from.scope.container.ID == c.scope.container.ID && !c.ontoItself() && c.from.ref.Version == "" {
			tx.NoteCopy(&c.scope.container, c.from.obj.Name, o.Name)
		}
		if err := c.afterPut(tx, o); err != nil {
			return err
		}
		result = PutResult{Object: c.scope.show(o), Created: c.old == nil}
		return nil
	})
	return result, err
}

// readSource reads the source for a caller who may read it, and works out what
// the copy carries over. errByBytes: all is well, and its content is needed.
func (c *copying) readSource(v *store.View) error {
	c.from = nil
	at, err := c.findAt(v, c.p, c.src, nil, c.now)
	if err != nil {
		return err
	}
	if err := c.resolve(v, c.p, at, &ReadOptions{Manifest: c.with.Manifest, Link: c.with.Link}, c.now); err != nil {
		return err
	}
	c.from = at
	if err := c.with.Source.readAllowed(at); err != nil {
		return err
	}
	if limit := c.with.MaxSize; limit > 0 && at.size() > limit {
		return errs.New("objects.Copy", errs.TooLarge, "", "Your request is too large.")
	}
	joined := at.dyn != nil || at.obj.Large != nil && !at.raw
	c.settle(joined)
	across := volumeOf(at.ref.Account) != volumeOf(c.ref.Account) && !at.obj.Content.Blob.IsZero()
	if !joined && c.with.Part == nil && !across {
		return nil
	}
	if c.data, err = at.inline(v); err != nil {
		return err
	}
	return errByBytes
}

// copyBytes reads the source, or a part of it, and stores what it reads: as a
// plain object, or as the manifest that it is, in another store.
func (c *copying) copyBytes(ctx context.Context) (PutResult, error) {
	content, err := c.contentOf(ctx, c.from, c.data)
	if err != nil {
		return PutResult{}, err
	}
	defer content.Close() //nolint:errcheck // it was only read
	off, n := int64(0), content.Size()
	opt := *c.opt
	if c.with.Part != nil {
		if off, n, err = c.with.Part(n); err != nil {
			return PutResult{}, err
		}
	} else if sum := c.from.object().MD5; sum != "" {
		opt.Digests = []Digest{{Algorithm: "md5", Sum: sum}}
	}
	opt.Size = n
	return (&Objects{c.core}).put(ctx, c.ref, io.NewSectionReader(content, off, n), opt, c.as)
}

// settle works out what the copy carries over; joined says that it will not
// stand for others as its source does.
func (c *copying) settle(joined bool) {
	source := &c.from.obj
	opt := PutOptions{
		Size: -1, ContentType: c.with.ContentType, Conditions: c.with.Target, DeleteAt: c.with.DeleteAt,
		Item: c.with.Item, copied: true, source: c.put.source,
	}
	opt.Headers, opt.Properties = c.with.Headers, c.with.Properties
	if opt.ContentType == "" {
		opt.ContentType = source.ContentType
	}
	if !c.with.Fresh {
		opt.Headers = over(source.Headers, c.with.Headers)
		opt.Properties = over(source.Properties, c.with.Properties)
		if opt.DeleteAt.IsZero() && source.DeleteAt != 0 && !c.with.NoExpiry {
			opt.DeleteAt = time.Unix(source.DeleteAt, 0)
		}
	}
	c.opt, c.as = &opt, special{}
	if joined || c.with.Part != nil {
		if c.with.Headers[store.HeaderManifest] == "" {
			delete(opt.Headers, store.HeaderManifest)
		}
		return
	}
	if source.Dynamic() && opt.Headers[store.HeaderManifest] == "" {
		opt.Headers = over(opt.Headers, Properties{store.HeaderManifest: source.Headers[store.HeaderManifest]})
	}
	copied := *source
	carried(&copied, c.from.ref.Account, c.ref.Account)
	c.as = special{copied.Large, copied.Link, copied.Refers}
}

// over lays properties over others.
func over(base, top Properties) Properties {
	out := make(Properties, len(base)+len(top))
	maps.Copy(out, base)
	maps.Copy(out, top)
	return out
}

// ontoItself tells that the copy replaces its source.
func (c *copying) ontoItself() bool {
	if c.from.scope.container.ID != c.scope.container.ID || c.from.ref.Object != c.ref.Object {
		return false
	}
	return c.from.ref.Version == "" || c.row != nil && c.row.Version == c.from.obj.Version
}

// shareSource makes the content of a copy that of its source.
func shareSource(tx *store.Tx, from *place, source *store.Object, content *store.Content) error {
	if from.ref.Version != "" {
		return tx.ShareVersion(&from.scope.container, source, content)
	}
	tx.ShareContent(&from.scope.container, source, content)
	return nil
}
