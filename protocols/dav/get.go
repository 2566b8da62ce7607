package dav

import (
	"errors"
	"net/http"

	"entrepot/gateway"
	"entrepot/gateway/errs"
	"entrepot/protocols/internal/httpkit"
)

// get serves GET and HEAD: a file's content, or an index of a folder.
func (f *Face) get(q *request) error {
	cond, err := f.conditions(q)
	if err != nil {
		return err
	}
	if cond.IfNoneMatch == nil {
		if v := q.r.Header.Get("If-Modified-Since"); v != "" {
			cond.IfModifiedSince, _ = http.ParseTime(v)
		}
	}
	if !q.slash && q.ref.Object != "" {
		if err := f.getFile(q, q.ref, cond); errs.Of(err) != errs.NotFound {
			return err
		}
	}
	node, ref, err := f.stat(q.ctx(), q.asSent(), gateway.NodeParts{})
	if err != nil {
		return err
	}
	if !node.Folder() {
		return f.getFile(q, ref, cond)
	}
	if err := f.trees.Check(q.ctx(), ref, gateway.Conditions{Drive: true, IfMatch: cond.IfMatch, Lists: cond.Lists, Tokens: cond.Tokens}); err != nil {
		return err
	}
	if !q.slash {
		q.w.Header().Set("Location", string(f.appendHref(nil, q, node.Ref)))
		q.w.WriteHeader(http.StatusMovedPermanently)
		return nil
	}
	return f.index(q, node)
}

// getFile answers with the content of the object at ref; errs.NotFound when
// there is none, or only the marker of a folder.
func (f *Face) getFile(q *request, ref gateway.Ref, cond gateway.Conditions) error {
	object, content, err := f.trees.Open(q.ctx(), ref, cond)
	if content != nil {
		defer content.Close() //nolint:errcheck // it was only read
	}
	if object.IsMarker() && (err == nil || errs.Of(err) == errs.NotModified || errs.Of(err) == errs.Precondition) {
		return errs.New("dav.get", errs.NotFound, errs.NoObject, "there is no such file")
	}
	h := q.w.Header()
	if err == nil || errs.Of(err) == errs.NotModified {
		setValidators(h, object)
	}
	if err != nil {
		return err
	}
	for name, value := range object.Headers {
		if header, ok := sentHeaders[name]; ok {
			h.Set(header, value)
		}
	}
	setChecksum(h, object)
	err = httpkit.ServeContent(q.w, q.r, content, object.ContentType, httpkit.ContentOptions{IfRange: true})
	var outside *httpkit.RangeError
	if errors.As(err, &outside) {
		return &errs.Error{Op: "dav.get", Kind: errs.Invalid, Reason: errs.BadRange, Text: "the range lies outside the file", Err: err}
	}
	return err
}

// sentHeaders are the entity headers that an object keeps and a drive sends.
var sentHeaders = map[string]string{
	"content-encoding":    "Content-Encoding",
	"content-disposition": "Content-Disposition",
	"content-language":    "Content-Language",
	"cache-control":       "Cache-Control",
	"expires":             "Expires",
}

// setValidators sets ETag and Last-Modified as PROPFIND shows them. It returns
// the value of ETag.
func setValidators(h http.Header, o gateway.Object) (etag []string) {
	values := []string{`"` + o.ETag() + `"`, httpkit.HTTPDate(o.Modified)}
	h["ETag"], h["Last-Modified"] = values[:1:1], values[1:2:2]
	return values[:1:1]
}

// setChecksum sends the best digest that is known, in ownCloud's header.
func setChecksum(h http.Header, o gateway.Object) {
	switch {
	case o.SHA1 != "":
		h["OC-Checksum"] = []string{"SHA1:" + o.SHA1}
	case o.MD5 != "":
		h["OC-Checksum"] = []string{"MD5:" + o.MD5}
	}
}
