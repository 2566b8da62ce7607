package dav

import (
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/mux"

	"entrepot/auth"
	"entrepot/auth/httpauth"
	"entrepot/gateway"
	"entrepot/protocols/internal/httpkit"
)

// Config says how the face behaves. The zero value serves /dav with every
// feature that is on by default.
type Config struct {
	// Prefix is the URL path below which the tree hangs, without a slash at
	// its end; "": /dav.
	Prefix string
	// Alone serves the prefix only. Else the tree hangs at /v2/dav as well, for
	// tokens, and the container "backup" at /backup, as older applications
	// expect it.
	Alone bool
	// PublicHosts are further authorities ("files.example.org",
	// "files.example.org:8443") that Destination and If may name besides the
	// request's own Host.
	PublicHosts []string
	// TrustedProxies are the peers whose X-Forwarded-Host counts.
	TrustedProxies auth.Networks
	// InfinityLimit is the largest tree in resources that PROPFIND with Depth
	// infinity lists; 0: 10,000, negative: none.
	InfinityLimit int
	// MaxXMLBytes limits the XML of a request; 0: 1 MiB.
	MaxXMLBytes int64
	// ProtectModified refuses PROPPATCH of DAV:getlastmodified, which RFC 4918
	// allows a server to protect and which file synchronisers want to set.
	ProtectModified bool
	// FixedContainers refuses MKCOL, MOVE, COPY and DELETE of first-level
	// folders.
	FixedContainers bool
	// Partial serves PATCH with an X-Update-Range: a part of a file is
	// replaced. It is for the few clients that ask for it.
	Partial bool
	// Chunking serves Nextcloud's chunked upload at /remote.php/dav/uploads,
	// and the tree at /remote.php/dav/files, each below the caller's login. It
	// needs Alone to be off.
	Chunking bool
	// ReadOnly refuses every change, and announces compliance class 1 only.
	ReadOnly bool
}

// Defaults of Config.
const (
	defaultPrefix        = "/dav"
	defaultInfinityLimit = 10_000
	defaultMaxXMLBytes   = 1 << 20
)

func (c Config) withDefaults() Config {
	if c.Prefix == "" {
		c.Prefix = defaultPrefix
	}
	if c.InfinityLimit == 0 {
		c.InfinityLimit = defaultInfinityLimit
	}
	if c.MaxXMLBytes == 0 {
		c.MaxXMLBytes = defaultMaxXMLBytes
	}
	return c
}

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
// system's. It fails when the prefix is not an absolute path without a slash
// at its end.
func New(cfg Config, g *gateway.Gateway, a *auth.Service, log *slog.Logger, now func() time.Time) (*Face, error) {
	cfg = cfg.withDefaults()
	if !strings.HasPrefix(cfg.Prefix, "/") || strings.HasSuffix(cfg.Prefix, "/") || strings.ContainsAny(cfg.Prefix, "%?#{}") {
		return nil, errors.New("dav: the prefix must begin with a slash, not end in one, and need no escapes")
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
