package dav

import (
	"errors"
	"net/http"
	"slices"
	"strings"

	"entrepot/auth"
	"entrepot/gateway"
	"entrepot/gateway/errs"
	"entrepot/gateway/names"
	"entrepot/protocols/internal/httpkit"
)

// Kinds of resource that Allow knows besides the gateway's: one that was not
// looked at, nothing there, and what a snapshot shows.
const (
	kindUnknown  gateway.NodeKind = 0
	kindUnmapped gateway.NodeKind = 0xff
	kindPast     gateway.NodeKind = 0xfe
)

// options serves OPTIONS (RFC 4918 section 10.1) with 200: some HTTP stacks
// read 204 as "no WebDAV here". Without valid credentials the answer does not
// depend on the path, so nothing is disclosed.
func (f *Face) options(w http.ResponseWriter, r *http.Request) {
	event := httpkit.EventOf(r.Context())
	event.Face, event.Op = "dav", r.Method
	kind := kindUnknown
	if who, err := f.who.Authenticate(r); err == nil && !who.Anonymous() {
		kind = f.kindOf(r, who)
	}
	f.sendOptions(w, kind)
}

// kindOf finds what lies at the request's path.
func (f *Face) kindOf(r *http.Request, who auth.Principal) gateway.NodeKind {
	q := f.request(nil, r.WithContext(auth.WithPrincipal(r.Context(), who)))
	p, _, err := f.split(who, r.URL.EscapedPath())
	if err != nil {
		return kindUnknown
	}
	ref, err := q.own(p)
	if err != nil {
		return kindUnknown
	}
	if _, past := names.InSnapshots(ref.Object); past {
		return kindPast // also where nothing is: nothing can be made
	}
	node, _, err := f.stat(q.ctx(), ref, gateway.NodeParts{})
	switch {
	case err == nil:
		return node.Kind
	case errs.Of(err) == errs.NotFound:
		return kindUnmapped
	}
	return kindUnknown
}

// sendOptions writes the answer of OPTIONS for a kind of resource.
func (f *Face) sendOptions(w http.ResponseWriter, kind gateway.NodeKind) {
	h := w.Header()
	h["DAV"] = []string{f.compliance()}
	if kind == kindPast {
		h["DAV"] = []string{"1"} // nothing there can be locked
	}
	h["MS-Author-Via"] = []string{"DAV"}
	h.Set("Allow", f.allow(kind))
	h.Set("Accept-Ranges", "bytes")
	f.announcePartial(h)
	h.Set("Content-Length", "0")
	w.WriteHeader(http.StatusOK)
}

// allow is the value of the Allow header for a kind of resource.
func (f *Face) allow(kind gateway.NodeKind) string {
	if f.cfg.ReadOnly {
		return "OPTIONS, GET, HEAD, PROPFIND"
	}
	patch := ""
	if f.cfg.Partial {
		patch = ", PATCH"
	}
	switch kind {
	case kindPast:
		return "OPTIONS, GET, HEAD, PROPFIND, COPY"
	case kindUnmapped:
		return "OPTIONS, PUT, MKCOL, LOCK"
	case gateway.NodeFile:
		return "OPTIONS, GET, HEAD, PUT, DELETE, COPY, MOVE, PROPFIND, PROPPATCH, LOCK, UNLOCK" + patch
	case gateway.NodeRoot, gateway.NodeContainer, gateway.NodeFolder:
		return "OPTIONS, GET, HEAD, DELETE, COPY, MOVE, PROPFIND, PROPPATCH, LOCK, UNLOCK"
	}
	return "OPTIONS, GET, HEAD, PUT, DELETE, MKCOL, COPY, MOVE, PROPFIND, PROPPATCH, LOCK, UNLOCK" + patch
}

// allowedBut is the value of the Allow header where a method is refused for the
// resource that the request names (RFC 9110 section 15.5.6).
func (f *Face) allowedBut(q *request, r *http.Request) string {
	kind := kindUnknown
	switch {
	case q == nil || q.who.Anonymous():
	case q.mount.uploads:
		return "OPTIONS, " + strings.ReplaceAll(chunkMethods, " ", ", ")
	default:
		kind = f.kindOf(r, q.who)
	}
	list := strings.Split(f.allow(kind), ", ")
	return strings.Join(slices.DeleteFunc(list, func(m string) bool { return m == r.Method }), ", ")
}

// Root answers OPTIONS and PROPFIND for the collections above the prefix, "/"
// first of all: Windows and GNOME walk up to it when they mount a sub-path,
// and must meet neither a failure nor a redirect. The answer is an empty
// collection, the same for everybody, and needs no credentials. Other methods
// are 405.
func (f *Face) Root() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		event := httpkit.EventOf(r.Context())
		event.Face, event.Op = "dav", r.Method
		switch r.Method {
		case http.MethodOptions:
			h := w.Header()
			h.Set("Allow", "OPTIONS, PROPFIND")
			h["DAV"] = []string{f.compliance()}
			h["MS-Author-Via"] = []string{"DAV"}
			h.Set("Content-Length", "0")
			w.WriteHeader(http.StatusOK)
		case "PROPFIND":
			if err := f.rootPropfind(w, r); err != nil {
				f.fail(w, r, nil, err)
			}
		default:
			f.fail(w, r, nil, errs.New("dav.root", errs.Exists, methodNotBuilt, "files live below "+f.cfg.Prefix))
		}
	})
}

func (f *Face) rootPropfind(w http.ResponseWriter, r *http.Request) error {
	root, err := readXML(r, f.cfg.MaxXMLBytes)
	if err != nil {
		return err
	}
	body, err := decodePropfind(root)
	if err != nil {
		return err
	}
	q := f.request(w, r)
	v := f.newView(q, body)
	v.href = strings.TrimSuffix(r.URL.EscapedPath(), "/") + "/"
	out := append([]byte(nil), multiOpen...)
	out = v.appendResponse(out, &gateway.Node{Kind: gateway.NodeRoot})
	sendXML(w, http.StatusMultiStatus, append(out, multiClose...))
	return nil
}

// isUnsupported tells that a response writer lacks an optional ability.
func isUnsupported(err error) bool { return errors.Is(err, http.ErrNotSupported) }
