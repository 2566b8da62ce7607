package duracloud

import (
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/gorilla/mux"

	"entrepot/auth"
	"entrepot/auth/httpauth"
	"entrepot/gateway"
	"entrepot/protocols/internal/httpkit"
)

// DefaultPrefix is the path under which DuraCloud's clients look for the API.
const DefaultPrefix = "/durastore"

// Config holds the settings of the door. The zero value works.
type Config struct {
	// Prefix is the path of the door; "": DefaultPrefix.
	Prefix string
	// Account is whose spaces a request without credentials sees where Hosts
	// does not say; "": nobody's. Who logs in sees those of the own account.
	Account string
	// Hosts gives host names, without port and in lower case, an account of
	// their own, for every caller.
	Hosts map[string]string
	// HTTPDates writes Last-Modified as an HTTP date (RFC 9110 section 5.6.7)
	// and not in ISO form, as DuraCloud does.
	HTTPDates bool
	// TrustedProxies are the peers whose X-Forwarded-Host and
	// X-Forwarded-Proto count.
	TrustedProxies auth.Networks
}

// A Face is the DuraCloud door. It is safe for concurrent use.
type Face struct {
	cfg     Config
	spaces  *gateway.Spaces
	objects *gateway.Objects

	replication *gateway.Replication
	log         *slog.Logger
	now         func() time.Time
	guarded     http.Handler // serve behind authentication
}

// New returns the door to gw; logins answers who asks, now tells the time. log
// may be nil.
func New(cfg Config, gw *gateway.Gateway, logins *auth.Service, log *slog.Logger, now func() time.Time) (*Face, error) {
	if cfg.Prefix == "" {
		cfg.Prefix = DefaultPrefix
	}
	if cfg.Prefix[0] != '/' || strings.HasSuffix(cfg.Prefix, "/") || strings.ContainsAny(cfg.Prefix, "%?#") {
		return nil, errors.New("duracloud: the prefix begins with a slash, does not end in one, and holds no special characters: " + cfg.Prefix)
	}
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	f := &Face{cfg: cfg, spaces: gw.Spaces, objects: gw.Objects, replication: gw.Replication, log: log, now: now}
	f.guarded = httpauth.Middleware(httpauth.Labelled(logins, httpauth.First(httpauth.Basic(logins), httpauth.Bearer(logins))), f.deny)(http.HandlerFunc(f.serve))
	return f, nil
}

// Routes registers the door's paths on r, which must neither clean paths nor
// decode them (SkipClean and UseEncodedPath): content IDs hold what they like.
func (f *Face) Routes(r *mux.Router) {
	cookies := f.cfg.Prefix + "/aux/cookies"
	r.Path(cookies).Handler(httpkit.WithRules(http.HandlerFunc(f.serveCookies),
		httpkit.Rule{Path: cookies, Methods: httpkit.AnyMethod, Access: httpkit.Public}))
	r.MatcherFunc(func(r *http.Request, _ *mux.RouteMatch) bool {
		rest, ok := strings.CutPrefix(r.URL.EscapedPath(), f.cfg.Prefix)
		return ok && (rest == "" || rest[0] == '/')
	}).Handler(httpkit.WithRules(f.guarded, f.rules()...))
}
