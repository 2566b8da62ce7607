package keystone

import (
	"cmp"
	"net/http"
	"strings"
	"time"

	"github.com/gorilla/mux"

	"entrepot/auth"
	"entrepot/gateway"
	"entrepot/protocols/internal/httpkit"
)

// Config holds the settings of the door. The zero value works.
type Config struct {
	// PublicURL is the scheme, host and port that clients are sent to; "":
	// those of the request.
	PublicURL string
	// Proxies are the peers whose X-Forwarded-Proto counts.
	Proxies auth.Networks
	// Region is what the catalog calls the place; default RegionOne.
	Region string
}

// maxBody is the longest body of a request, in bytes.
const maxBody = 64 << 10

// A Face is the door. It is safe for concurrent use.
type Face struct {
	cfg      Config
	logins   *auth.Service
	accounts *gateway.Accounts
	now      func() time.Time
}

// New returns the door; logins answers who asks, accounts which projects an
// administrator may choose, now tells the time.
func New(cfg Config, gw *gateway.Gateway, logins *auth.Service, now func() time.Time) *Face {
	cfg.Region = cmp.Or(cfg.Region, "RegionOne")
	cfg.PublicURL = strings.TrimRight(cfg.PublicURL, "/")
	return &Face{cfg: cfg, logins: logins, accounts: gw.Accounts, now: now}
}

// handler answers one method of one path.
type handler func(f *Face, w http.ResponseWriter, r *http.Request) error

// resource is one path with its methods.
type resource struct {
	path    string
	access  map[string]httpkit.Access // by method
	methods map[string]handler
}

func resources() []resource {
	return []resource{
		{"/v3", reads(httpkit.Public), map[string]handler{"GET": (*Face).version3}},
		{"/v2.0", reads(httpkit.Public), map[string]handler{"GET": (*Face).version2}},
		{
			"/v3/auth/tokens",
			map[string]httpkit.Access{"POST": httpkit.Login, "GET": httpkit.Caller, "HEAD": httpkit.Caller, "DELETE": httpkit.Caller},
			map[string]handler{"POST": (*Face).issue, "GET": (*Face).show, "DELETE": (*Face).revoke},
		},
		{"/v3/auth/catalog", reads(httpkit.Caller), map[string]handler{"GET": (*Face).showCatalog}},
		{"/v3/auth/projects", reads(httpkit.Caller), map[string]handler{"GET": (*Face).showProjects}},
		{"/v2.0/tokens", map[string]httpkit.Access{"POST": httpkit.Login}, map[string]handler{"POST": (*Face).issueV2}},
	}
}

func reads(access httpkit.Access) map[string]httpkit.Access {
	return map[string]httpkit.Access{"GET": access, "HEAD": access}
}

// Routes registers the door's paths, each with and without a slash at its end.
func (f *Face) Routes(r *mux.Router) {
	for _, res := range resources() {
		serve := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { f.serve(w, r, &res) })
		ruled := httpkit.WithRules(serve, res.rules()...)
		r.Path(res.path).Handler(ruled)
		r.Path(res.path + "/").Handler(ruled)
	}
}

// rules are the access rules of a path, in the order of methodOrder.
func (res *resource) rules() (rules []httpkit.Rule) {
	for _, access := range []httpkit.Access{httpkit.Public, httpkit.Login, httpkit.Caller} {
		var methods []string
		for _, m := range methodOrder() {
			if res.access[m] == access {
				methods = append(methods, m)
			}
		}
		if len(methods) > 0 {
			rules = append(rules, httpkit.Rule{Path: res.path, Methods: strings.Join(methods, " "), Access: access})
		}
	}
	return rules
}

func methodOrder() []string { return []string{"GET", "HEAD", "POST", "DELETE"} }

// serve finds the handler of a request and runs it. HEAD is GET whose body the
// server leaves out.
func (f *Face) serve(w http.ResponseWriter, r *http.Request, res *resource) {
	event := httpkit.EventOf(r.Context())
	event.Face, event.Op = "keystone", "auth "+r.Method+" "+res.path
	h := w.Header()
	h.Set("Vary", "X-Auth-Token")
	h.Set("X-Openstack-Request-Id", "req-"+event.ReqID)
	method := r.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	handle := res.methods[method]
	if handle == nil {
		var allow []string
		for _, m := range methodOrder() {
			if res.access[m] != "" {
				allow = append(allow, m)
			}
		}
		h.Set("Allow", strings.Join(allow, ", "))
		f.answerError(w, r, http.StatusMethodNotAllowed, "The method is not allowed for the requested URL.")
		return
	}
	if err := handle(f, w, r); err != nil {
		f.fail(w, r, err)
	}
}
