package duracloud

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"entrepot/gateway"
	"entrepot/gateway/errs"
	"entrepot/gateway/names"
	"entrepot/protocols/internal/httpkit"
)

// defaultType is the type of content of which none is known.
const defaultType = "application/octet-stream"

// found runs do with the ID as it was sent and, where nothing has it, with
// slashes collapsed as PUT stores it.
func found(ref gateway.Ref, do func(gateway.Ref) error) error {
	err := absent(do(ref))
	if errs.Of(err) != errs.NotFound || errs.ReasonOf(err) != errs.NoObject {
		return err
	}
	short := names.Collapse(ref.Object)
	if short == ref.Object {
		return err
	}
	ref.Object = short
	return absent(do(ref))
}

// getItem answers with an item's content, or the part that a Range asks for.
func (f *Face) getItem(w http.ResponseWriter, r *http.Request, c *call) error {
	const task = "get content"
	ref, err := f.in(c)
	if err != nil {
		return onItem(task, c, err)
	}
	var obj gateway.Object
	var content gateway.Content
	err = found(ref, func(ref gateway.Ref) (err error) {
		if obj, content, err = f.objects.Open(r.Context(), ref, gateway.Conditions{}); err == nil {
			f.spaces.LearnDigest(ref, &obj)
		}
		return err
	})
	if err != nil {
		return onItem(task, c, err)
	}
	defer content.Close()
	if err := oneRange(r.Header); err != nil {
		return err
	}
	h := w.Header()
	f.setItem(h, &obj)
	if strings.EqualFold(c.query.Get("attachment"), "true") {
		h["Content-Disposition"] = []string{disposition(obj.Name)}
	}
	err = httpkit.ServeContent(w, r, content, shownType(&obj), httpkit.ContentOptions{})
	return onItem(task, c, err)
}

// headItem answers with what GET has in its headers; a Range is ignored.
func (f *Face) headItem(w http.ResponseWriter, r *http.Request, c *call) error {
	const task = "get properties for content"
	ref, err := f.in(c)
	if err != nil {
		return onItem(task, c, err)
	}
	var obj gateway.Object
	err = found(ref, func(ref gateway.Ref) (err error) {
		if obj, err = f.objects.Head(r.Context(), ref, gateway.Conditions{}); err == nil {
			f.spaces.LearnDigest(ref, &obj)
		}
		return err
	})
	if err != nil {
		return onItem(task, c, err)
	}
	h := w.Header()
	f.setItem(h, &obj)
	h["Accept-Ranges"] = []string{"bytes"}
	h["Content-Type"] = []string{shownType(&obj)}
	h["Content-Length"] = []string{strconv.FormatInt(obj.Size, 10)}
	httpkit.GuardContent(h, obj.ContentType, false)
	w.WriteHeader(http.StatusOK)
	return nil
}

// shownType is an item's type as the Content-Type of an answer.
func shownType(obj *gateway.Object) string {
	if _, ok := mediaType(obj.ContentType); !ok {
		return defaultType
	}
	return obj.ContentType
}

// disposition offers an item as a file with its whole ID as the name.
func disposition(id string) string {
	plain := strings.Map(func(r rune) rune {
		if r == '"' || r == '\\' || r < ' ' || r == 0x7f {
			return '_'
		}
		return r
	}, id)
	value := `attachment;filename="` + plain + `"`
	if strings.ContainsFunc(id, notASCII) {
		value += "; filename*=UTF-8''" + url.PathEscape(id)
	}
	return value
}

// oneRange reads the Range header as DuraStore does and leaves what it asks
// for in a form that has one meaning: one range, from a first byte on. Where
// several are asked for, the first counts.
func oneRange(h http.Header) error {
	value := h.Get("Range")
	if value == "" {
		delete(h, "Range")
		return nil
	}
	first, last, ok := readRange(value)
	if !ok {
		return refuse(http.StatusBadRequest, "The Range header value, when utilized, must be in the format 'bytes=X-Y', "+
			"where X and Y are numerical values. The value provided (%s) is not valid.", value)
	}
	h["Range"] = []string{"bytes=" + first + "-" + last}
	return nil
}

// readRange reads "bytes=X-Y" or "bytes=X-"; what follows a comma is ignored.
func readRange(value string) (first, last string, ok bool) {
	rest, ok := strings.CutPrefix(value, "bytes=")
	if !ok {
		return "", "", false
	}
	rest, _, _ = strings.Cut(rest, ",")
	first, last, ok = strings.Cut(strings.TrimSpace(rest), "-")
	if !ok || !digits(first) || last != "" && !digits(last) {
		return "", "", false
	}
	a, aErr := strconv.ParseUint(first, 10, 63)
	b, bErr := strconv.ParseUint(last, 10, 63)
	if last != "" && aErr == nil && bErr == nil && b < a {
		return "", "", false
	}
	return first, last, true
}

// digits tells whether s is a decimal number, whatever its length.
func digits(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }

// putItem stores the body as an item, or copies the item that the request
// names.
func (f *Face) putItem(w http.ResponseWriter, r *http.Request, c *call) error {
	const task = "add content"
	if values, ok := r.Header[http.CanonicalHeaderKey(metaPrefix+"copy-source")]; ok {
		return f.copyItem(w, r, c, values[0])
	}
	ref, err := f.in(c)
	if err != nil {
		return onItem(task, c, err)
	}
	ref.Object = names.Collapse(ref.Object)
	opt := gateway.PutOptions{
		Item: true, Size: r.ContentLength, Waiting: r.Header.Get("Expect") != "", Digests: promised(r.Header),
	}
	var faults string
	if opt.Properties, faults = properties(r.Header); faults != "" {
		return f.refuseProperties(r.Context(), ref, c, refuse(http.StatusBadRequest, "adding content(%s, %s, %s)", c.space, c.item, orNull(c.storeID())))
	}
	if value := r.Header.Get("Content-Type"); value != "" {
		var ok bool
		if opt.ContentType, ok = mediaType(value); !ok {
			return f.refuseProperties(r.Context(), ref, c, refuse(http.StatusBadRequest, "Invalid Mimetype"))
		}
	}
	if value := r.Header.Get("Content-Encoding"); value != "" {
		opt.Headers = gateway.Properties{"content-encoding": value}
	}
	result, err := f.objects.Put(r.Context(), ref, r.Body, opt)
	if err != nil {
		return onItem(task, c, bodyFailure(err))
	}
	f.stored(w, r, &result.Object)
	return nil
}

// refuseProperties refuses what a request says of an item with fault, unless
// the caller may not write there at all or the ID is wrong: those go first.
func (f *Face) refuseProperties(ctx context.Context, ref gateway.Ref, c *call, fault error) error {
	if err := f.spaces.MayPut(ctx, ref); err != nil && errs.Of(err) != errs.NotFound {
		return onItem("add content", c, err)
	}
	return fault
}

func orNull(id string) string {
	if id == "" {
		return "null"
	}
	return id
}

// bodyFailure sharpens the failure of a Put whose body was cut off for its
// size.
func bodyFailure(err error) error {
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return errs.Wrap("duracloud.body", errs.TooLarge, "", err)
	}
	return err
}

// stored answers 201 with the item that was made.
func (f *Face) stored(w http.ResponseWriter, r *http.Request, obj *gateway.Object) {
	h := w.Header()
	setDigest(h, obj)
	h["Location"] = []string{f.location(r)}
	h["Accept-Ranges"] = []string{"bytes"}
	h["Content-Type"] = []string{defaultType}
	h["Content-Length"] = []string{"0"}
	w.WriteHeader(http.StatusCreated)
}

// postItem replaces an item's properties.
func (f *Face) postItem(w http.ResponseWriter, r *http.Request, c *call) error {
	const task = "update properties for content"
	ref, err := f.in(c)
	if err != nil {
		return onItem(task, c, err)
	}
	change := gateway.MetaChange{Item: true}
	var faults string
	if change.Properties, faults = properties(r.Header); faults != "" {
		return f.refuseProperties(r.Context(), ref, c, refuse(http.StatusBadRequest,
			"Error attempting to %s '%s' in '%s' due to: %s", task, c.item, c.space, faults))
	}
	for _, name := range []string{metaPrefix + "content-mimetype", "Content-Type"} {
		if value := r.Header.Get(name); value != "" && change.ContentType == "" {
			var ok bool
			if change.ContentType, ok = mediaType(value); !ok {
				return f.refuseProperties(r.Context(), ref, c, refuse(http.StatusBadRequest, "Invalid Mimetype"))
			}
		}
	}
	if value := r.Header.Get("Content-Encoding"); value != "" {
		change.Headers = gateway.Properties{"content-encoding": value}
	}
	err = found(ref, func(ref gateway.Ref) error {
		_, err := f.objects.SetMeta(r.Context(), ref, change)
		if errs.ReasonOf(err) == errs.BadMetadata {
			return &refusal{status: http.StatusBadRequest, text: errs.TextOf(err)}
		}
		return err
	})
	if err != nil {
		return onItem(task, c, err)
	}
	writeText(w, r, http.StatusOK, "Content "+c.item+" updated successfully")
	return nil
}

// deleteItem removes an item.
func (f *Face) deleteItem(w http.ResponseWriter, r *http.Request, c *call) error {
	ref, err := f.in(c)
	if err == nil {
		err = found(ref, func(ref gateway.Ref) error { return f.spaces.DeleteItem(r.Context(), ref, nil) })
	}
	if err != nil {
		return onItem("delete content", c, err)
	}
	writeText(w, r, http.StatusOK, "Content "+c.item+" deleted successfully")
	return nil
}
