package swift

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/gorilla/mux"

	"entrepot/auth"
	"entrepot/auth/httpauth"
	"entrepot/gateway"
	"entrepot/protocols/internal/httpkit"
)

// DefaultMaxObjectSize is Swift's own limit of one object in bytes: 5 GiB and 2.
const DefaultMaxObjectSize = 5<<30 + 2

// Config holds the settings of the door. The zero value works.
type Config struct {
	// StorageURL is the scheme, host and port that clients are sent to after
	// a login, such as "https://files.example.org"; "": those of the login
	// request.
	StorageURL string
	// MaxObjectSize limits the bytes of one PUT; 0: DefaultMaxObjectSize.
	MaxObjectSize int64
	// Policies are the storage policies that containers may name, the default
	// one first; none: "1replica" and "Policy-1". All share one storage: a
	// policy is a label that clients choose and find again.
	Policies []Policy
	// NoAccountManagement switches PUT and DELETE of accounts off, for
	// administrators too.
	NoAccountManagement bool
	// SignatureDigests are the digests that signatures of temporary URLs and
	// forms may be made with: auth.SHA1, auth.SHA256, auth.SHA512. None: all.
	SignatureDigests []string
}

// A Policy is a storage policy as clients see it.
type Policy struct {
	Name    string
	Aliases []string // further names that choose it
}

// withDefaults fills in what was not set.
func (c Config) withDefaults() Config {
	if c.MaxObjectSize == 0 {
		c.MaxObjectSize = DefaultMaxObjectSize
	}
	if len(c.Policies) == 0 {
		c.Policies = []Policy{{Name: "1replica"}, {Name: "Policy-1"}}
	}
	c.StorageURL = strings.TrimRight(c.StorageURL, "/")
	return c
}

// check finds settings that cannot be.
func (c Config) check() error {
	if c.MaxObjectSize < 0 {
		return errors.New("swift: the largest object cannot be negative")
	}
	seen := map[string]bool{}
	for _, p := range c.Policies {
		for _, name := range append([]string{p.Name}, p.Aliases...) {
			fold := strings.ToLower(name)
			if name == "" || seen[fold] || strings.ContainsAny(name, ",\r\n") {
				return errors.New("swift: storage policies need names of their own, without commas: " + name)
			}
			seen[fold] = true
		}
	}
	return nil
}

// A Face is the Swift door. It is safe for concurrent use.
type Face struct {
	cfg        Config
	accounts   *gateway.Accounts
	containers *gateway.Containers
	objects    *gateway.Objects
	logins     *auth.Service
	now        func() time.Time
	pages      pages
	info       []byte       // body of /info
	guarded    http.Handler // serve behind authentication
}

// New returns the door to gw; logins answers who asks, now tells the time.
func New(cfg Config, gw *gateway.Gateway, logins *auth.Service, now func() time.Time) (*Face, error) {
	cfg = cfg.withDefaults()
	if err := cfg.check(); err != nil {
		return nil, err
	}
	f := &Face{
		cfg: cfg, logins: logins, now: now, info: infoBody(cfg),
		accounts: gw.Accounts, containers: gw.Containers, objects: gw.Objects,
	}
	ask := strangers{httpauth.Labelled(logins, httpauth.First(httpauth.SwiftToken(logins), httpauth.ApplicationPassword(logins)))}
	f.guarded = httpauth.Middleware(ask, f.fail)(http.HandlerFunc(f.serve))
	return f, nil
}

// Routes registers the door's paths on r, which must neither clean paths nor
// decode them (SkipClean and UseEncodedPath): object names hold what they like.
func (f *Face) Routes(r *mux.Router) {
	for _, route := range f.routes() {
		r.MatcherFunc(route.match).Handler(httpkit.WithRules(route.serve, route.rules...))
	}
}

// below matches a path and everything under it, by whole segments. It is what
// mux's PathPrefix does, without a regular expression on every request.
func below(prefix string) mux.MatcherFunc {
	return func(r *http.Request, _ *mux.RouteMatch) bool {
		rest, ok := strings.CutPrefix(rawPath(r), prefix)
		return ok && (rest == "" || rest[0] == '/')
	}
}

// otherVersion matches storage paths of versions that do not exist; what other
// doors have under /v2 does not begin like an account.
func otherVersion(r *http.Request, _ *mux.RouteMatch) bool {
	rest, ok := strings.CutPrefix(rawPath(r), "/v")
	version, rest, _ := strings.Cut(rest, "/")
	return ok && version != "" && strings.Trim(version, "0123456789.") == "" && strings.HasPrefix(rest, accountPrefix)
}

// rawPath is the path as it came, undecoded where that makes a difference.
func rawPath(r *http.Request) string {
	if r.URL.RawPath != "" {
		return r.URL.RawPath
	}
	return r.URL.Path
}
