package dav

import (
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/gorilla/mux"

	"entrepot/auth"
	"entrepot/auth/httpauth"
	"entrepot/gateway"
	"entrepot/protocols/internal/httpkit"
)

// A Face serves the tree of accounts over WebDAV. It is safe for concurrent
// use and keeps no state of requests: locks and properties are the gateway's.
type Face struct {
	cfg     Config
	objects *gateway.Objects
	trees   *gateway.Trees
	mounts  []mount
	who     httpauth.Authenticator
	log     *slog.Logger
	now     func() time.Time
	served  http.Handler // with authentication
	bearing http.Handler // with tokens only
	methods map[string]method
	buffers sync.Pool // of *[]byte
	nodes   sync.Pool // of *[]gateway.Node
	// compressors are gzip writers that are not in use.
	compressors sync.Pool
}

// New returns the face over g. A nil logger discards, a nil clock is the
// system's. errs.Invalid for settings that cannot be.
func New(cfg Config, g *gateway.Gateway, a *auth.Service, log *slog.Logger, now func() time.Time) (*Face, error) {
	cfg = cfg.withDefaults()
	if err := cfg.check(); err != nil {
		return nil, err
	}
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	if now == nil {
		now = time.Now
	}
	f := &Face{
		cfg: cfg, objects: g.Objects, trees: g.Trees, log: log, now: now,
		who:     httpauth.Labelled(a, httpauth.First(httpauth.Basic(a), httpauth.Bearer(a))),
		buffers: sync.Pool{New: func() any { return new([]byte) }},
	}
	f.cfg.PublicHosts = slices.Clone(cfg.PublicHosts)
	f.mounts = mountsOf(cfg)
	f.methods = f.methodTable()
	f.served = httpauth.Middleware(f.who, f.deny, httpauth.AllowOrigins(f.ownOrigin))(http.HandlerFunc(f.serve))
	f.bearing = httpauth.Middleware(httpauth.Labelled(a, httpauth.Bearer(a)), f.deny, httpauth.AllowOrigins(f.ownOrigin))(http.HandlerFunc(f.serve))
	return f, nil
}

// Routes registers the face's tree at its prefix and its other places, by
// whole segments, so that /davx stays free for others. Of the server's
// root it takes OPTIONS and PROPFIND (see Root) and leaves the rest. The
// router must have been made with SkipClean(true) and UseEncodedPath().
func (f *Face) Routes(r *mux.Router) {
	r.Path("/").MatcherFunc(asksDAV).Handler(httpkit.WithRules(f.Root(), httpkit.Rule{Path: "/", Methods: "OPTIONS PROPFIND", Access: httpkit.Public}))
	f.routes(r)
}

// asksDAV matches what clients ask of collections above the prefix.
func asksDAV(r *http.Request, _ *mux.RouteMatch) bool {
	return r.Method == http.MethodOptions || r.Method == "PROPFIND"
}

// ServeHTTP answers one request below the prefix. OPTIONS needs no
// credentials, since some versions of Windows and Office give up when it is
// refused.
func (f *Face) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodOptions {
		f.options(w, r)
		return
	}
	if f.mountOf(r.URL.EscapedPath()).bearer {
		f.bearing.ServeHTTP(w, r)
		return
	}
	f.served.ServeHTTP(w, r)
}
