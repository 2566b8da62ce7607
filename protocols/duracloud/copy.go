package duracloud

import (
	"context"
	"io"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"

	"entrepot/gateway"
	"entrepot/gateway/errs"
	"entrepot/gateway/names"
	"entrepot/protocols/internal/httpkit"
)

// copyItem makes an item of another one. source is "space/id", with the ID
// form-encoded or as it is.
func (f *Face) copyItem(w http.ResponseWriter, r *http.Request, c *call, source string) error {
	job, fault := f.copyOf(r, c, source)
	if fault != nil {
		ref := gateway.Ref{Account: c.account, Container: c.space, Object: names.Collapse(c.item)}
		if dst, err := f.in(c); err == nil {
			ref.Account = dst.Account
		}
		return f.refuseProperties(r.Context(), ref, c, fault)
	}
	result, err := job.run(r.Context())
	if err != nil {
		return job.failed(r.Context(), err)
	}
	f.stored(w, r, &result.Object)
	return nil
}

// noBody refuses a copy that comes with content. How much, is not known of a
// body that is sent in chunks.
func noBody(r *http.Request, source string) error {
	n := r.ContentLength
	if n < 0 {
		if read, _ := io.ReadFull(r.Body, make([]byte, 1)); read == 0 {
			n = 0
		}
	}
	if n == 0 {
		return nil
	}
	return refuse(http.StatusBadRequest, "Body should not be present in copy-content request: from %s, with body size: %d", source, n)
}

// copying is one copy of an item on its way.
type copying struct {
	f     *Face
	c     *call
	space string   // of the source
	ids   []string // of the source's item, as it may be meant

	src, dst         gateway.Ref
	srcType, dstType string // kinds of the two stores, which texts name where they differ
	elsewhere        bool   // the source may be in the primary store, too
}

// copyOf reads what a request asks to be copied.
func (f *Face) copyOf(r *http.Request, c *call, source string) (*copying, error) {
	if source == "" {
		return nil, refuse(http.StatusBadRequest, "Missing header: "+metaPrefix+"copy-source")
	}
	if err := noBody(r, source); err != nil {
		return nil, err
	}
	space, raw, _ := strings.Cut(strings.TrimLeft(source, "/"), "/")
	if space == "" || raw == "" {
		return nil, refuse(http.StatusBadRequest, "Malformed "+metaPrefix+"copy-source header: %s", source)
	}
	job := &copying{f: f, c: c, space: space, ids: meanings(raw)}
	if err := job.stores(r.Header.Get(metaPrefix + "copy-source-store")); err != nil {
		return nil, refuse(http.StatusNotFound, "%s", errs.TextOf(err))
	}
	return job, nil
}

// meanings are the IDs that the second part of a copy's source may stand for,
// in the order in which they are looked for: decoded as a form's value, as it
// is, and both with slashes collapsed as PUT stores them. Those that nobody can
// have are left out, unless there is no other.
func meanings(raw string) []string {
	ids := []string{raw}
	if id, ok := httpkit.Unescape(raw, true); ok && utf8.ValidString(id) && id != raw {
		ids = []string{id, raw}
	}
	for _, id := range ids {
		if short := names.Collapse(id); short != "" && !slices.Contains(ids, short) {
			ids = append(ids, short)
		}
	}
	impossible := func(id string) bool { return errs.Of(names.Object(id)) == errs.Invalid }
	if possible := slices.DeleteFunc(slices.Clone(ids), impossible); len(possible) > 0 {
		return possible
	}
	return ids
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

// run copies the first item that there is of those that may be meant.
func (j *copying) run(ctx context.Context) (result gateway.PutResult, err error) {
	for _, id := range j.ids {
		if result, err = j.runOne(ctx, id); errs.ReasonOf(err) != errs.NoObject && !j.missing(err) {
			return result, err
		}
	}
	return result, err
}

// runOne copies the item with the given ID.
func (j *copying) runOne(ctx context.Context, id string) (gateway.PutResult, error) {
	j.src.Object = id
	opt := gateway.CopyOptions{Item: true, NoExpiry: true}
	_, result, err := j.f.objects.Copy(ctx, j.src, j.dst, opt)
	if j.missing(err) {
		src := j.src
		src.Account, _, _ = j.f.spaces.Store(j.c.account, "")
		if _, second, e := j.f.objects.Copy(ctx, src, j.dst, opt); e == nil {
			return second, nil
		}
	}
	return result, err
}

// missing tells that the source may be in the primary store, since the store of
// the request has it not, or not for the caller: whoever may not list a store is
// refused what it has not.
func (j *copying) missing(err error) bool {
	reason := errs.ReasonOf(err)
	return j.elsewhere && (reason == errs.NoObject || reason == errs.NoContainer || errs.Of(err) == errs.Forbidden)
}

// failed says what was attempted: the two ends, with their stores where they
// differ.
func (j *copying) failed(ctx context.Context, err error) error {
	id := j.ids[0]
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
