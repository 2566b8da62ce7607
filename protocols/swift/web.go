package swift

import (
	"net/http"
	"strconv"
	"strings"

	"entrepot/auth"
	"entrepot/gateway"
	"entrepot/gateway/errs"
	"entrepot/protocols/internal/httpkit"
)

// Web sites (OpenStack Object Storage API v1, "Static web middleware"): a
// visitor without a token gets index objects for folders, or listings, and the
// container's own pages for failures.

const (
	// siteSandbox keeps pages of a site away from the gateway's own origin.
	siteSandbox = "sandbox allow-scripts allow-forms"
	// listingPolicy lets a listing load its style sheet and nothing else.
	listingPolicy = "default-src 'none'; style-src * 'unsafe-inline'; form-action 'none'; frame-ancestors 'none'"
)

// A visit is one request to a site.
type visit struct {
	face *Face
	w    http.ResponseWriter
	r    *http.Request
	call
	site gateway.Site
}

// serveWeb answers a visitor; false: the request is not one of a site.
func (f *Face) serveWeb(w http.ResponseWriter, r *http.Request, c *call) (bool, error) {
	if c.Container == "" || !asksWeb(r) {
		return false, nil
	}
	site, err := f.containers.Site(r.Context(), c.Ref)
	if err != nil {
		return false, err
	}
	if !site.Web() || c.Object == "" && site.Index == "" && !site.Listings {
		if isTrue(r.Header.Get("X-Web-Mode")) && c.Object == "" {
			return true, errs.New("swift.web", errs.NotFound, "", "")
		}
		return false, nil
	}
	httpkit.EventOf(r.Context()).Op = "web"
	v := &visit{face: f, w: w, r: r, call: *c, site: site}
	if c.Object == "" {
		return true, v.container()
	}
	return true, v.object()
}

// container answers for the site's root.
func (v *visit) container() error {
	if !strings.HasSuffix(v.r.URL.Path, "/") {
		return v.addSlash()
	}
	if v.site.Index != "" {
		switch err := v.send(v.site.Index); {
		case err == nil:
			return nil
		case statusOf(err) != http.StatusNotFound:
			return v.failed(err)
		}
	}
	return v.listing("")
}

// object answers for a page, or for a folder of the site.
func (v *visit) object() error {
	obj, err := v.face.objects.Head(v.r.Context(), v.Ref, gateway.Conditions{})
	if err == nil && (obj.ContentType != v.site.DirectoryType || obj.Size > 1) {
		return v.page(v.Object)
	}
	if err == nil {
		err = errs.New("swift.web", errs.NotFound, errs.NoObject, "")
	}
	if statusOf(err) != http.StatusNotFound || v.site.Index == "" && !v.site.Listings {
		return v.failed(err)
	}
	slash := strings.HasSuffix(v.Object, "/")
	folder := strings.TrimSuffix(v.Object, "/") + "/"
	if v.site.Index != "" {
		index := v.Ref
		index.Object = folder + v.site.Index
		if slash {
			if sent := v.send(index.Object); sent == nil || statusOf(sent) != http.StatusNotFound {
				return v.failed(sent)
			}
		} else if _, found := v.face.objects.Head(v.r.Context(), index, gateway.Conditions{}); found == nil {
			return v.addSlash()
		}
	}
	if slash {
		return v.listing(folder)
	}
	_, below, listed := v.face.objects.List(v.r.Context(), v.Ref, gateway.ListOptions{Prefix: folder, Limit: 1})
	if listed == nil && len(below) > 0 {
		return v.addSlash()
	}
	return v.failed(err)
}

// page sends an object of the site, or the failure page.
func (v *visit) page(name string) error {
	if err := v.send(name); err != nil {
		return v.failed(err)
	}
	return nil
}

// send sends an object as a page. Nothing was sent when it fails.
func (v *visit) send(name string) error {
	return v.sendAs(v.w, v.r, name)
}

func (v *visit) sendAs(w http.ResponseWriter, r *http.Request, name string) error {
	c := v.call
	c.Object = name
	w = httpkit.OnHeader(w, func(h http.Header, _ int) {
		if h.Get("Content-Security-Policy") != "" {
			h["Content-Security-Policy"] = []string{siteSandbox}
		}
	})
	if r.Method == http.MethodHead {
		return v.face.headObject(w, r, &c)
	}
	return v.face.getObject(w, r, &c)
}

// failed answers a failure with the site's own page for it, if it has one that
// the visitor may read.
func (v *visit) failed(err error) error {
	if err == nil {
		return nil
	}
	status := statusOf(err)
	if v.site.Error == "" || status != http.StatusNotFound && status != http.StatusUnauthorized {
		return err
	}
	r := v.r.Clone(v.r.Context())
	for _, name := range []string{"Range", "If-Range", "If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since"} {
		delete(r.Header, name)
	}
	if v.sendAs(&restatus{ResponseWriter: v.w, status: status}, r, strconv.Itoa(status)+v.site.Error) != nil {
		return err
	}
	httpkit.EventOf(v.r.Context()).Err = err
	return nil
}

// restatus sends another status than the one that it is told.
type restatus struct {
	http.ResponseWriter
	status int
	sent   bool
}

// WriteHeader sends the header with the status.
func (w *restatus) WriteHeader(int) {
	w.sent = true
	w.ResponseWriter.WriteHeader(w.status)
}

// Write sends part of the body.
func (w *restatus) Write(p []byte) (int, error) {
	if !w.sent {
		w.WriteHeader(w.status)
	}
	return w.ResponseWriter.Write(p)
}

// Unwrap is for http.ResponseController.
func (w *restatus) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// addSlash sends the visitor to the folder, whose relative links would lead
// astray without the slash.
func (v *visit) addSlash() error {
	base := httpkit.BaseURL(v.r, v.face.cfg.StorageURL, auth.Networks{})
	v.w.Header().Set("Location", base+httpkit.EscapePath(v.r.URL.Path+"/"))
	writeBody(v.w, v.r, http.StatusMovedPermanently, htmlType, page(http.StatusMovedPermanently))
	return nil
}

// listing shows what is in a folder, where the site lists folders.
func (v *visit) listing(prefix string) error {
	missing := errs.New("swift.web", errs.NotFound, "", "")
	if !v.site.Listings {
		return v.failed(missing)
	}
	_, entries, err := v.face.objects.List(v.r.Context(), v.Ref, gateway.ListOptions{Prefix: prefix, Delimiter: "/", Limit: maxListing})
	if err != nil {
		return v.failed(err)
	}
	if prefix != "" && len(entries) == 0 {
		return v.failed(missing)
	}
	h := v.w.Header()
	h["Content-Security-Policy"] = []string{listingPolicy}
	d := v.document(prefix, entries)
	b := d.head(nil)
	for i := range d.rows {
		b = d.row(b, i)
	}
	b = append(b, d.tail...)
	if v.r.Method == http.MethodHead {
		h["Content-Type"] = []string{htmlType}
		h["X-Content-Type-Options"] = []string{"nosniff"}
		h["Content-Length"] = []string{strconv.Itoa(len(b))}
		v.w.WriteHeader(http.StatusOK)
		return nil
	}
	writeBody(v.w, v.r, http.StatusOK, htmlType, string(b))
	return nil
}
