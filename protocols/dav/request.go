package dav

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"strings"

	"entrepot/auth"
	"entrepot/gateway"
	"entrepot/gateway/errs"
	"entrepot/protocols/internal/httpkit"
)

// A request is one decoded request on its way through a method.
type request struct {
	w     http.ResponseWriter
	r     *http.Request
	who   auth.Principal
	ref   gateway.Ref // without a slash at its end
	slash bool        // the path had one
	named bool        // the path named its account

	mount  *mount // where the request came in
	prefix string // what hrefs of its tree begin with
}

func (q *request) ctx() context.Context { return q.r.Context() }

// A method serves one HTTP method.
type method struct {
	serve func(*request) error
	// write marks methods that change something.
	write bool
	// bodiless marks methods that refuse a body (RFC 4918: 415).
	bodiless bool
}

func (f *Face) methodTable() map[string]method {
	methods := map[string]method{
		"GET":       {serve: f.get},
		"HEAD":      {serve: f.get},
		"PROPFIND":  {serve: f.propfind},
		"PUT":       {serve: f.put, write: true},
		"PROPPATCH": {serve: f.proppatch, write: true},
		"LOCK":      {serve: f.lock, write: true},
		"MKCOL":     {serve: f.mkcol, write: true},
		"DELETE":    {serve: f.delete, write: true, bodiless: true},
		"COPY":      {serve: f.copyMove, write: true, bodiless: true},
		"MOVE":      {serve: f.copyMove, write: true, bodiless: true},
		"UNLOCK":    {serve: f.unlock, write: true, bodiless: true},
	}
	if f.cfg.Partial || f.cfg.Chunking {
		methods["PATCH"] = method{serve: f.patch, write: true}
	}
	return methods
}

// foreignMethods are known to HTTP and its WebDAV extensions but not built:
// 405, where an unknown word is 501.
const foreignMethods = " POST PATCH TRACE CONNECT REPORT SEARCH ACL MKCALENDAR MKREDIRECTREF UPDATEREDIRECTREF ORDERPATCH" +
	" VERSION-CONTROL CHECKOUT CHECKIN UNCHECKOUT MKWORKSPACE UPDATE LABEL MERGE BASELINE-CONTROL MKACTIVITY" +
	" BIND UNBIND REBIND LINK UNLINK SUBSCRIBE UNSUBSCRIBE NOTIFY POLL BCOPY BMOVE BDELETE BPROPFIND BPROPPATCH "

// serve runs the method of an authenticated request.
func (f *Face) serve(w http.ResponseWriter, r *http.Request) {
	q, err := f.handle(w, r)
	if err != nil {
		f.fail(w, r, q, err)
	}
}

func (f *Face) handle(w http.ResponseWriter, r *http.Request) (*request, error) {
	q := f.request(w, r)
	event := httpkit.EventOf(r.Context())
	event.Face, event.Op, event.User = "dav", r.Method, q.who.User
	m, ok := f.methods[r.Method]
	switch {
	case !ok && strings.Contains(foreignMethods, " "+r.Method+" "):
		return q, errs.New("dav.method", errs.Exists, methodNotBuilt, "this method is not offered here")
	case !ok:
		return q, errs.New("dav.method", errs.Invalid, methodUnknown, "this method is not known")
	}
	if q.mount.uploads {
		event.Account, event.Container = q.who.Account, gateway.UploadsContainer
		if m.write && f.cfg.ReadOnly {
			return q, errs.New("dav.write", errs.Forbidden, "", "this drive is read-only")
		}
		return q, f.chunks(q, r.URL.EscapedPath())
	}
	p, prefix, err := f.split(q.who, r.URL.EscapedPath())
	if err != nil {
		return q, err
	}
	q.prefix = prefix
	q.slash, q.named = p.Slash, p.Named
	if q.ref, err = q.own(p); err != nil {
		return q, err
	}
	event.Account, event.Container = q.ref.Account, q.ref.Container
	if m.write && f.cfg.ReadOnly {
		return q, errs.New("dav.write", errs.Forbidden, "", "this drive is read-only")
	}
	if m.bodiless && hasBody(r) {
		return q, errs.New("dav.body", errs.Invalid, bodyRefused, "this method takes no body")
	}
	return q, m.serve(q)
}

// own gives a path without an account the caller's.
func (q *request) own(p httpkit.DavPath) (gateway.Ref, error) {
	if !p.Named {
		if q.who.Account == "" {
			return p.Ref, errs.New("dav.path", errs.Unauthenticated, "", "this path needs a login")
		}
		p.Ref.Account = q.who.Account
	}
	return p.Ref, nil
}

// hasBody looks at the stream where the length is not declared.
func hasBody(r *http.Request) bool {
	if r.ContentLength != -1 {
		return r.ContentLength > 0
	}
	if peeked, ok := r.Body.(*peekedBody); ok {
		return !peeked.empty
	}
	body := &peekedBody{Reader: bufio.NewReaderSize(r.Body, 512), Closer: r.Body}
	_, err := body.Peek(1)
	body.empty = err != nil
	r.Body = body
	return !body.empty
}

// peekedBody is a body whose first byte was looked at.
type peekedBody struct {
	*bufio.Reader
	io.Closer
	empty bool
}

// asSent returns the request's ref in the spelling of a folder where the path
// had one.
func (q *request) asSent() gateway.Ref {
	ref := q.ref
	if q.slash && ref.Object != "" {
		ref.Object += "/"
	}
	return ref
}
