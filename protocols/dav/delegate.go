package dav

import (
	"context"
	"net/http"
	"net/url"

	"golang.org/x/net/webdav"

	"entrepot/gateway"
	"entrepot/gateway/errs"
)

// This file hands MKCOL and UNLOCK to the handler of golang.org/x/net/webdav.
// The front has decided by then about credentials, path, body and headers; the
// gateway decides about conditions, locks and rights when the adapter calls
// it. The handler sees a request without any header that it would judge by
// itself, and what it writes is replaced by our answer when the adapter
// failed.

// delegateMkcol makes the folder at ref with the properties of patch.
func (f *Face) delegateMkcol(q *request, ref gateway.Ref, patch gateway.PropPatch) error {
	d := drive{trees: f.trees, objects: f.objects, account: ref.Account, conditions: patch.Conditions, patch: patch}
	return delegate(q, d, ref, nil)
}

// delegateUnlock ends the lock at ref.
func (f *Face) delegateUnlock(q *request, ref gateway.Ref, token string) error {
	d := drive{trees: f.trees, objects: f.objects, account: ref.Account}
	return delegate(q, d, ref, http.Header{"Lock-Token": {"<" + token + ">"}})
}

// delegate lets x/net's handler serve the request's method on ref.
func delegate(q *request, d drive, ref gateway.Ref, header http.Header) error {
	var cause error
	d.report = func(err error) {
		if cause == nil {
			cause = err
		}
	}
	r := bareRequest(q.ctx(), q.r.Method, d.path(ref), header)
	status := discard{header: http.Header{}}
	handler := webdav.Handler{FileSystem: d, LockSystem: d.locks(q.ctx(), ref)}
	handler.ServeHTTP(&status, r)
	switch {
	case cause != nil:
		return cause
	case status.code >= http.StatusBadRequest:
		return errs.New("dav.delegate", errs.Other, "", "")
	}
	if status.code != http.StatusNoContent {
		q.w.Header().Set("Content-Length", "0")
	}
	q.w.WriteHeader(status.code)
	return nil
}

// bareRequest makes a request with no headers but those given.
func bareRequest(ctx context.Context, method, path string, header http.Header) *http.Request {
	if header == nil {
		header = http.Header{}
	}
	r := &http.Request{Method: method, URL: &url.URL{Path: path}, Header: header, Body: http.NoBody, ProtoMajor: 1, ProtoMinor: 1}
	return r.WithContext(ctx)
}

// discard keeps the status of an answer and nothing else.
type discard struct {
	header http.Header
	code   int
}

// Header implements http.ResponseWriter.
func (d *discard) Header() http.Header { return d.header }

// WriteHeader implements http.ResponseWriter.
func (d *discard) WriteHeader(code int) {
	if d.code == 0 {
		d.code = code
	}
}

// Write implements http.ResponseWriter.
func (d *discard) Write(p []byte) (int, error) {
	d.WriteHeader(http.StatusOK)
	return len(p), nil
}
