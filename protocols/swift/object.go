package swift

import (
	"net/http"

	"entrepot/gateway"
	"entrepot/gateway/errs"
	"entrepot/protocols/internal/httpkit"
)

// getObject answers with an object's content, or the parts a Range asks for.
func (f *Face) getObject(w http.ResponseWriter, r *http.Request, c *call) error {
	m := modeOf(r)
	if m.manifest == "get" && m.raw {
		if err := f.getRawManifest(w, r, c, m.read(r.Header)); errs.ReasonOf(err) != errs.BadSegment {
			return err
		}
	}
	obj, content, err := f.objects.OpenWith(r.Context(), c.Ref, m.read(r.Header))
	if err != nil {
		return f.unchanged(w, r, &obj, err)
	}
	defer content.Close()
	a := newAnswer(w, room(&obj)+2)
	a.setObject(&obj)
	a.setLinkAccount(c, &obj)
	a.setVersion(c, &obj)
	setDisposition(w.Header(), r.URL.RawQuery)
	return httpkit.ServeContent(w, r, content, shownType(&obj), httpkit.ContentOptions{
		IfRange: true, OneRange: obj.Large == gateway.Dynamic && !obj.Manifest,
	})
}

// headObject answers with what GET has in its headers; a Range is ignored.
func (f *Face) headObject(w http.ResponseWriter, r *http.Request, c *call) error {
	m := modeOf(r)
	if m.manifest == "get" && m.raw {
		if err := f.getRawManifest(w, r, c, m.read(r.Header)); errs.ReasonOf(err) != errs.BadSegment {
			return err
		}
	}
	obj, err := f.objects.HeadWith(r.Context(), c.Ref, m.read(r.Header))
	if err != nil {
		return f.unchanged(w, r, &obj, err)
	}
	a := newAnswer(w, room(&obj)+5)
	a.setObject(&obj)
	a.setLinkAccount(c, &obj)
	a.setVersion(c, &obj)
	setDisposition(w.Header(), r.URL.RawQuery)
	a.set("Accept-Ranges", "bytes")
	a.set("Content-Type", shownType(&obj))
	a.setInt("Content-Length", obj.Size)
	httpkit.GuardContent(w.Header(), shownType(&obj), false)
	w.WriteHeader(http.StatusOK)
	return nil
}

// unchanged answers a read whose condition was false of an object that is
// there: 304 with its headers, or 412 without a body. Other failures it
// returns.
func (f *Face) unchanged(w http.ResponseWriter, r *http.Request, obj *gateway.Object, err error) error {
	kind := errs.Of(err)
	if obj.Name == "" || kind != errs.NotModified && kind != errs.Precondition {
		return err
	}
	httpkit.EventOf(r.Context()).Err = err
	a := newAnswer(w, room(obj)+2)
	if kind == errs.NotModified {
		a.setObject(obj)
		a.set("Accept-Ranges", "bytes")
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	a.setStamp(obj)
	a.set("Content-Type", htmlType)
	a.set("Content-Length", "0")
	w.WriteHeader(http.StatusPreconditionFailed)
	return nil
}

// postObject replaces an object's properties and entity headers: what the
// request does not name is gone afterwards. The content type stays unless one
// is sent, or is to be found by the name's extension.
func (f *Face) postObject(w http.ResponseWriter, r *http.Request, c *call) error {
	if err := checkHeaders(r, c.Ref); err != nil {
		return err
	}
	if err := checkPostOfLink(r.Header); err != nil {
		return err
	}
	m, err := f.metaOf(r)
	if err != nil {
		return err
	}
	change := gateway.MetaChange{Headers: m.headers, Properties: m.properties, ContentType: m.contentType, DeleteAt: m.deleteAt}
	if m.detect {
		change.ContentType = gateway.TypeOf(c.Object)
	}
	obj, err := f.objects.SetMeta(r.Context(), c.Ref, change)
	if err != nil {
		return err
	}
	if obj.Link != nil {
		return postedLink(w, r, c, obj.Link)
	}
	return accepted(w, r)
}

// deleteObject removes an object. Conditional headers do not count here, but
// for X-If-Delete-At, which names the expiry that the object must have.
func (f *Face) deleteObject(w http.ResponseWriter, r *http.Request, c *call) error {
	if modeOf(r).manifest == "delete" {
		return f.deleteManifest(w, r, c)
	}
	at, err := ifDeleteAt(r.Header)
	if err != nil {
		return err
	}
	version, err := f.objects.DeleteMarked(r.Context(), c.Ref, gateway.DeleteOptions{DeleteAt: at})
	if version != "" {
		w.Header()[versionHeader] = []string{version}
	}
	if err != nil {
		return err
	}
	return noContent(w, htmlType)
}
