package dav

import (
	"net/http"

	"golang.org/x/net/webdav"

	"entrepot/auth"
	"entrepot/gateway"
)

// Bare returns x/net's handler over the storage adapter, for the account of
// the principal in the request's context: a second opinion on the same tree.
func (f *Face) Bare() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		d := drive{trees: f.trees, objects: f.objects, account: auth.PrincipalOf(r.Context()).Account}
		h := webdav.Handler{Prefix: f.cfg.Prefix, FileSystem: d, LockSystem: d.locks(r.Context(), gateway.Ref{})}
		h.ServeHTTP(w, r)
	})
}
