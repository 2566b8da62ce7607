package protocols

import (
	"fmt"
	"net/http"
	"time"

	"github.com/gorilla/mux"

	"entrepot/auth/httpauth"
	"entrepot/gateway/errs"
	"entrepot/protocols/internal/httpkit"
)

// A Front serves the faces. It is safe for concurrent use.
type Front struct {
	cfg     Config
	deps    Deps
	handler http.Handler
	served  http.Handler // handler, for servers that can watch their connections
	servers servers
	conns   connCounter
	rules   []DoorRule
}

// New makes a front with the faces of mounts, which are asked for a route in
// this order. Two mounts of one name are errs.Invalid, and so are a route that
// declares no access rule (httpkit.WithRules), so that nothing is open by
// accident, and two mounts with routes below one first segment of a path, since
// one would take requests that are meant for the other.
func New(cfg Config, deps Deps, mounts ...Mount) (*Front, error) {
	f := &Front{cfg: cfg.withDefaults(), deps: deps.withDefaults()}
	f.conns = connCounter{limit: f.cfg.MaxConnections, exempt: f.cfg.Proxies, open: map[string]int{}}
	router := mux.NewRouter().SkipClean(true).UseEncodedPath()
	own := router.NewRoute().Subrouter()
	f.ownRoutes(own)
	if err := f.addRules("front", own); err != nil {
		return nil, err
	}
	seen := map[string]bool{"front": true}
	for _, m := range mounts {
		if m.Name == "" || m.Face == nil || seen[m.Name] {
			return nil, errs.New("protocols.New", errs.Invalid, "",
				fmt.Sprintf("the mount %q has no name, no face, or came before", m.Name))
		}
		seen[m.Name] = true
		door := router.NewRoute().Subrouter()
		door.Use(f.door(m))
		m.Face.Routes(door)
		if err := f.addRules(m.Name, door); err != nil {
			return nil, err
		}
	}
	if err := f.apart(); err != nil {
		return nil, err
	}
	router.NotFoundHandler = http.HandlerFunc(notFound)
	admitted := f.admit(router)
	f.handler = f.observe(httpkit.Recover(admitted, f.deps.Log))
	f.served = f.observe(httpkit.Recover(f.framed(admitted), f.deps.Log))
	return f, nil
}

// Handler returns the front as a handler, for servers that are made elsewhere
// and for tests.
func (f *Front) Handler() http.Handler { return f.handler }

// observe gives the request its ID, event and deadlines, and writes the access
// line and the metrics when all is done.
func (f *Front) observe(next http.Handler) http.Handler {
	limits := f.cfg.deadlines()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := f.deps.Now()
		event := &httpkit.Event{
			ReqID: httpkit.NewRequestID(start, f.deps.Random, r.Header.Get("X-Trans-Id-Extra")),
		}
		id := []string{event.ReqID}
		h := w.Header()
		h["X-Trans-Id"], h["X-Openstack-Request-Id"] = id, id

		event.Ignored = dropReserved(r.Header)
		out := httpkit.NewResponse(w, limits)
		ctx := httpkit.WithEvent(r.Context(), event)
		addr, err := httpauth.ClientAddr(r, f.cfg.Proxies)
		if err == nil {
			ctx = httpauth.WithAddr(ctx, addr)
		}
		r = r.WithContext(ctx)
		body := limits.Body(r.Body, out.Control())
		r.Body = body

		f.deps.Metrics.inFlight.Inc()
		finished := false
		defer func() {
			f.deps.Metrics.inFlight.Dec()
			f.record(r, out, event, f.deps.Now().Sub(start), finished)
		}()
		if err != nil {
			f.refuse(out, r, http.StatusForbidden, err)
		} else {
			next.ServeHTTP(out, r)
		}
		out.Finish()
		httpkit.Answered(r, body)
		finished = true
	})
}

// admit refuses what no face needs to see.
func (f *Front) admit(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		const op = "protocols.admit"
		addr := httpauth.AddrOf(r.Context())
		switch {
		case !f.cfg.Allow.Empty() && !f.cfg.Allow.Contains(addr):
			f.refuse(w, r, http.StatusForbidden,
				errs.New(op, errs.Forbidden, errs.BadAddress, "This address is not served here."))
		case len(r.RequestURI) > f.cfg.MaxTarget:
			f.refuse(w, r, http.StatusRequestURITooLong, errs.New(op, errs.TooLarge, "",
				fmt.Sprintf("The request target is longer than %d bytes.", f.cfg.MaxTarget)))
		case headerLines(r.Header) > f.cfg.MaxHeaders:
			f.refuse(w, r, http.StatusRequestHeaderFieldsTooLarge, errs.New(op, errs.TooLarge, "",
				fmt.Sprintf("The request has more than %d headers.", f.cfg.MaxHeaders)))
		default:
			next.ServeHTTP(w, r)
		}
	})
}

func headerLines(h http.Header) int {
	n := 0
	for _, values := range h {
		n += len(values)
	}
	return n
}

// door stands before the handlers of one face.
func (f *Front) door(m Mount) mux.MiddlewareFunc {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			const op = "protocols.door"
			httpkit.EventOf(r.Context()).Face = m.Name
			addr := httpauth.AddrOf(r.Context())
			switch {
			case !m.Allow.Empty() && !m.Allow.Contains(addr):
				f.refuse(w, r, http.StatusForbidden,
					errs.New(op, errs.Forbidden, errs.BadAddress, "This address is not served here."))
			case !f.plainAllowed(r) && !m.PlainFrom.Contains(addr):
				f.refuse(w, r, http.StatusForbidden,
					errs.New(op, errs.Forbidden, errs.PlainHTTP, "Plain HTTP is not served here; use HTTPS."))
			default:
				next.ServeHTTP(w, r)
			}
		})
	}
}

// refuse answers in plain text and notes why.
func (f *Front) refuse(w http.ResponseWriter, r *http.Request, status int, err error) {
	httpkit.EventOf(r.Context()).Err = err
	httpkit.WriteText(w, status, errs.TextOf(err))
}

// notFound answers paths that no face has.
func notFound(w http.ResponseWriter, r *http.Request) {
	e := httpkit.EventOf(r.Context())
	e.Err = errs.New("protocols.route", errs.NotFound, "", "There is nothing here.")
	httpkit.WriteText(w, http.StatusNotFound, errs.TextOf(e.Err))
}

// record writes the access line and the metrics of one request. A handler that
// did not finish gave the connection up.
func (f *Front) record(r *http.Request, w *httpkit.Response, e *httpkit.Event, took time.Duration, finished bool) {
	sent := w.Bytes()
	if r.Method == http.MethodHead {
		sent = 0
	}
	f.deps.Metrics.observe(e, w.Status(), sent, took, finished)
	logRequest(r, f.deps.Log, e, w.Status(), sent, took, finished)
}
