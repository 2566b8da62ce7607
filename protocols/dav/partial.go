package dav

import (
	"mime"
	"net/http"
	"strconv"
	"strings"

	"entrepot/gateway"
	"entrepot/gateway/errs"
)

// partialType is the media type of a part of a file in a PATCH, as the sabre
// server and the clients written for it use it.
const partialType = "application/x-sabredav-partialupdate"

// patch serves PATCH where partial updates are switched on: the body takes the
// place of the range of bytes that X-Update-Range names. Readers see the file
// of before or the whole new one.
func (f *Face) patch(q *request) error {
	h := q.r.Header
	if h.Get("X-Recalculate-Hash") != "" && q.mount.path == cloudFiles {
		return f.recalculate(q)
	}
	if !f.cfg.Partial {
		return errs.New("dav.patch", errs.Exists, methodNotBuilt, "this method is not offered here")
	}
	if kind, _, err := mime.ParseMediaType(h.Get("Content-Type")); err != nil || kind != partialType {
		return errs.New("dav.patch", errs.Invalid, bodyRefused, "a PATCH has the type "+partialType)
	}
	part, err := parseUpdateRange(h.Get("X-Update-Range"))
	if err != nil {
		return err
	}
	if q.slash || q.ref.Object == "" {
		return errs.New("dav.patch", errs.Exists, errs.IsFolder, "a folder has no parts")
	}
	cond, err := f.conditions(q)
	if err != nil {
		return err
	}
	opt := gateway.PutOptions{Drive: true, Size: q.r.ContentLength, Expected: expectedSize(q.r), Waiting: true, Conditions: cond}
	opt.Modified, _ = parseEpoch(h.Get("X-Oc-Mtime"))
	result, err := f.objects.PutPart(q.ctx(), f.resolve(q.ctx(), q.ref), bodyReader{q.r.Body}, part, opt)
	if err != nil {
		return err
	}
	sendPut(q.w, opt, result)
	return nil
}

// parseUpdateRange reads an X-Update-Range header: "append", "bytes=2-5",
// "bytes=2-" or "bytes=-5", which counts from the end.
func parseUpdateRange(value string) (gateway.Part, error) {
	bad := badHeader("the X-Update-Range header is neither append nor one range of bytes")
	value = strings.ToLower(strings.TrimSpace(value))
	if value == "append" {
		return gateway.Part{Append: true, Length: -1}, nil
	}
	text, ok := strings.CutPrefix(value, "bytes=")
	first, last, dash := strings.Cut(text, "-")
	if !ok || !dash {
		return gateway.Part{}, bad
	}
	if first == "" {
		n, err := parseOffset(last)
		if err != nil || n == 0 {
			return gateway.Part{}, bad
		}
		return gateway.Part{Offset: -n, Length: -1}, nil
	}
	from, err := parseOffset(first)
	if err != nil {
		return gateway.Part{}, bad
	}
	part := gateway.Part{Offset: from, Length: -1}
	if last != "" {
		to, err := parseOffset(last)
		if err != nil || to < from {
			return gateway.Part{}, bad
		}
		part.Length = to - from + 1
	}
	return part, nil
}

// parseOffset reads a number of bytes, digits only and far from overflow.
func parseOffset(s string) (int64, error) {
	if strings.TrimLeft(s, "0123456789") != "" {
		return 0, strconv.ErrSyntax
	}
	return strconv.ParseInt(s, 10, 62)
}

// announcePartial tells of partial updates in the answer of OPTIONS.
func (f *Face) announcePartial(h http.Header) {
	if f.cfg.Partial && !f.cfg.ReadOnly {
		h.Set("Accept-Patch", partialType)
	}
}
