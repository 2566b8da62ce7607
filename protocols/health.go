package protocols

import (
	"net/http"

	"github.com/gorilla/mux"

	"entrepot/auth/httpauth"
	"entrepot/gateway/errs"
	"entrepot/protocols/internal/httpkit"
)

// ownRoutes registers what the front answers itself. Health needs no
// credentials, and plain HTTP will do: its answers say nothing.
func (f *Front) ownRoutes(r *mux.Router) {
	const reads = "GET HEAD"
	add := func(path string, access httpkit.Access, h http.Handler) {
		r.Handle(path, httpkit.WithRules(h, httpkit.Rule{Path: path, Methods: reads, Access: access}))
	}
	add("/healthz", httpkit.Public, f.named("front.health", healthy))
	add("/readyz", httpkit.Public, f.named("front.ready", f.ready))
	metrics := f.deps.Metrics.handler()
	add("/metrics", httpkit.Address, f.named("front.metrics", func(w http.ResponseWriter, r *http.Request) {
		if addr := httpauth.AddrOf(r.Context()); !addr.IsLoopback() && !f.cfg.MetricsFrom.Contains(addr) {
			f.refuse(w, r, http.StatusForbidden, errs.New("protocols.metrics", errs.Forbidden, errs.BadAddress,
				"Metrics are not shown to this address."))
			return
		}
		metrics.ServeHTTP(w, r)
	}))
}

// named notes the operation and refuses everything but reading.
func (f *Front) named(op string, next http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		httpkit.EventOf(r.Context()).Op = op
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			f.refuse(w, r, http.StatusMethodNotAllowed,
				errs.New(op, errs.Invalid, "", "Only GET and HEAD are understood here."))
			return
		}
		w.Header().Set("Cache-Control", "no-store")
		next(w, r)
	})
}

// healthy answers as long as the process does.
func healthy(w http.ResponseWriter, _ *http.Request) { httpkit.WriteText(w, http.StatusOK, "ok") }

// ready tells load balancers whether to send requests here: not before the
// store answers, and not when stopping began.
func (f *Front) ready(w http.ResponseWriter, r *http.Request) {
	err := f.deps.Ready(r.Context())
	if f.servers.isStopping() {
		err = errs.New("protocols.ready", errs.Unavailable, "", "stopping")
	}
	if err != nil {
		httpkit.EventOf(r.Context()).Err = err
		w.Header().Set("Retry-After", "1")
		httpkit.WriteText(w, http.StatusServiceUnavailable, "not ready")
		return
	}
	text := "ready"
	for _, what := range f.deps.Limited() {
		text += "\nlimited: " + what
	}
	httpkit.WriteText(w, http.StatusOK, text)
}
