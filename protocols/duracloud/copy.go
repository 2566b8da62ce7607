package duracloud

import (
	"context"

	"entrepot/gateway"
	"entrepot/gateway/errs"
	"entrepot/gateway/names"
)

// copying is one copy of an item on its way.
type copying struct {
	f     *Face
	c     *call
	space string // of the source

	src, dst         gateway.Ref
	srcType, dstType string // kinds of the two stores, which texts name where they differ
	elsewhere        bool   // the source may be in the primary store, too
}

// stores finds the stores of both ends. A source store that is not named is
// the one of the request, and where that has no such item the primary one.
func (j *copying) stores(source string) error {
	to, info, err := j.f.spaces.Store(j.c.account, j.c.storeID())
	if err != nil {
		return err
	}
	j.dst = gateway.Ref{Account: to, Container: j.c.space, Object: names.Collapse(j.c.item)}
	j.dstType = info.Type
	if source == "" {
		source, j.elsewhere = j.c.storeID(), j.c.storeID() != ""
	}
	from, info, err := j.f.spaces.Store(j.c.account, source)
	if err != nil {
		return err
	}
	j.src = gateway.Ref{Account: from, Container: j.space}
	j.srcType = info.Type
	return nil
}

// run copies the item with the given ID.
func (j *copying) run(ctx context.Context, id string) (gateway.PutResult, error) {
	j.src.Object = id
	_, result, err := j.f.objects.Copy(ctx, j.src, j.dst, gateway.CopyOptions{Item: true, NoExpiry: true})
	if reason := errs.ReasonOf(err); j.elsewhere && (reason == errs.NoObject || reason == errs.NoContainer) {
		primary, _, _ := j.f.spaces.Store(j.c.account, "")
		src := j.src
		src.Account = primary
		if _, second, e := j.f.objects.Copy(ctx, src, j.dst, gateway.CopyOptions{Item: true, NoExpiry: true}); e == nil {
			return second, nil
		}
	}
	return result, err
}

// failed says what was attempted: the two ends, with their stores where they
// differ.
func (j *copying) failed(ctx context.Context, id string, err error) error {
	from, to := j.space+" / "+id, j.c.space+" / "+j.c.item
	if j.src.Account != j.dst.Account {
		from, to = j.srcType+" / "+from, j.dstType+" / "+to
	}
	out := &failure{attempt: "Error attempting to copy content '" + from + "' to '" + to + "'", space: j.space, item: id, err: err}
	if errs.ReasonOf(err) == errs.NoContainer && j.dst.Account != "" {
		if _, e := j.f.spaces.Get(ctx, j.dst); errs.ReasonOf(e) == errs.NoContainer {
			out.space = j.c.space
		}
	}
	return out
}
