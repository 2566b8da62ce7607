package gateway

import (
	"context"
	"strconv"
	"strings"
	"time"

	"entrepot/auth"
	"entrepot/gateway/errs"
	"entrepot/gateway/names"
	"entrepot/store"
)

// propFileModified is the property in which DuraCloud's tools keep the
// modification time of the file that an item was made from.
const propFileModified = "content-file-modified"

// checkItemName judges the name of an item, after the caller's right to write
// one: strangers learn nothing of the rules.
func (w *put) checkItemName(ctx context.Context) error {
	err := names.Item(w.ref.Object)
	if err == nil {
		return nil
	}
	if names.Text(w.ref.Container) == nil {
		_, refused := w.locate(ctx, w.p, w.ref)
		if k := errs.Of(refused); k == errs.Forbidden || k == errs.Unauthenticated {
			return refused
		}
	}
	return err
}

// itemProperties judges the size of the properties that an item is going to
// have.
func (w *put) itemProperties(size int64) error {
	o := &store.Object{ContentType: w.opt.ContentType, Properties: over(w.opt.Properties, nil)}
	o.Content.Size = max(size, 0)
	w.keepInSpace(o)
	return itemFits(o)
}

// keepInSpace carries over what a new item keeps of the one that it replaces:
// what was not sent but for the modification time, which is of the content.
func (w *put) keepInSpace(o *store.Object) {
	if o.ContentType == "" {
		o.ContentType = defaultType
		if w.old != nil {
			o.ContentType = w.old.ContentType
		}
	}
	if w.old == nil || w.opt.copied { // a copy is as its source is
		return
	}
	for k, v := range w.old.Properties {
		if _, sent := o.Properties[k]; !sent && k != propMtime {
			if o.Properties == nil {
				o.Properties = make(map[string]string)
			}
			o.Properties[k] = v
		}
	}
}

// shownProperties are the bytes of what a space shows of every item as
// properties of its own, without the values of type and size.
const shownProperties = len("content-mimetype") + len("content-size") + len("content-checksum") + 32 +
	len("content-modified") + len("2006-01-02T15:04:05")

// itemFits judges the size of an item's properties.
func itemFits(o *store.Object) error {
	n := shownProperties + len(o.ContentType) + len(strconv.FormatInt(o.Content.Size, 10))
	for k, v := range o.Properties {
		n += len(k) + len(v)
		if !validText(k) || !validText(v) {
			return badMeta("Metadata must be valid UTF-8 without line breaks")
		}
	}
	if n > MaxItemProperties {
		return badMeta("The total size of the properties exceeds %d bytes", MaxItemProperties)
	}
	return nil
}

func validText(s string) bool { return names.Text(s) == nil && !strings.ContainsAny(s, "\r\n") }

// parseLongTime reads a time as DuraCloud's tools write it, in UTC:
// "2006-01-02T15:04:05.005", where the last group is the seconds again; 0 for
// anything else.
func parseLongTime(text string) store.Stamp {
	const form = "2006-01-02T15:04:05"
	if len(text) != len(form)+4 || text[len(form)] != '.' {
		return 0
	}
	t, err := time.Parse(form, text[:len(form)])
	if _, bad := strconv.ParseUint(text[len(form)+1:], 10, 16); err != nil || bad != nil {
		return 0
	}
	return store.StampOf(t)
}

// contentEncoding is the one entity header that spaces know.
const contentEncoding = "content-encoding"

// keepHeaders are an item's entity headers after a change of its properties:
// the old ones but for the encoding, which is the new one or none.
func keepHeaders(old, sent Properties) Properties {
	out := over(old, nil)
	delete(out, contentEncoding)
	return over(out, sent)
}

// MayPut judges, without putting anything, whether the caller may write into
// the space and whether the item's name is one that can be put.
func (s *Spaces) MayPut(ctx context.Context, ref Ref) error {
	w := &put{core: s.core, ref: ref, p: auth.PrincipalOf(ctx)}
	if names.Text(ref.Container) == nil {
		if _, err := w.locate(ctx, w.p, ref); err != nil && errs.Of(err) != errs.NotFound {
			return err
		}
	}
	return names.Item(ref.Object)
}
