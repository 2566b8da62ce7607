package duracloud

import (
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"entrepot/auth"
	"entrepot/gateway"
	"entrepot/gateway/errs"
	"entrepot/protocols/internal/httpkit"
)

// A call is one request after its path was understood.
type call struct {
	account string // of the caller, or of the host
	space   string
	item    string // content ID as it was sent; "": the space itself
	query   url.Values
}

// storeID is the store that the request names; "": the primary one.
func (c *call) storeID() string { return c.query.Get("storeID") }

// in returns the ref of the call's space and item in a store.
func (f *Face) in(c *call) (gateway.Ref, error) {
	if c.storeID() == "" && c.query.Has("storeID") { // an empty number is no store's
		return gateway.Ref{}, errs.New("duracloud.in", errs.NotFound, errs.NoStore, "No store exists with ID ")
	}
	account, _, err := f.spaces.Store(c.account, c.storeID())
	return gateway.Ref{Account: account, Container: c.space, Object: c.item}, err
}

// rightsFirst is fault, what is wrong with a request, unless refused tells that
// its caller had no right to what it asks for: rights are judged before values.
func rightsFirst(refused, fault error) error {
	if k := errs.Of(refused); k == errs.Forbidden || k == errs.Unauthenticated {
		return refused
	}
	return fault
}

// readersFirst is rightsFirst for what callers get who may list the space of
// the request, in whichever store.
func (f *Face) readersFirst(r *http.Request, c *call, fault error) error {
	account, _, err := f.spaces.Store(c.account, strings.TrimSpace(c.storeID()))
	if err != nil {
		account = c.account
	}
	_, err = f.spaces.Get(r.Context(), gateway.Ref{Account: account, Container: c.space})
	return rightsFirst(err, fault)
}

// A handler answers one method of one resource, or returns why not.
type handler func(f *Face, w http.ResponseWriter, r *http.Request, c *call) error

// A resource is what a path names: its methods, and the words of the core for
// what they do.
type resource map[string]route

type route struct {
	op     string
	handle handler
}

// allow lists the methods of a resource.
func (res resource) allow() string {
	var list []string
	for _, m := range []string{http.MethodGet, http.MethodHead, http.MethodPut, http.MethodPost, http.MethodDelete} {
		if res[m].handle != nil {
			list = append(list, m)
		}
	}
	return strings.Join(list, ", ")
}

// reader is a resource whose HEAD is its GET without a body.
func reader(op string, get handler) resource {
	return resource{http.MethodGet: {op, get}, http.MethodHead: {op, get}}
}

// serve answers a request whose caller is known.
func (f *Face) serve(w http.ResponseWriter, r *http.Request) {
	if err := f.dispatch(w, r); err != nil {
		f.fail(w, r, err)
	}
}

// deny answers a request whose credentials were refused.
func (f *Face) deny(w http.ResponseWriter, r *http.Request, err error) {
	httpkit.EventOf(r.Context()).Face = "duracloud"
	f.fail(w, r, err)
}

// dispatch finds the handler of a request and runs it.
func (f *Face) dispatch(w http.ResponseWriter, r *http.Request) error {
	event := httpkit.EventOf(r.Context())
	p := auth.PrincipalOf(r.Context())
	event.Face, event.User = "duracloud", p.User
	first, rest, err := httpkit.SplitDura(f.cfg.Prefix, r.URL.EscapedPath())
	if err != nil {
		return err
	}
	query, err := url.ParseQuery(strings.ReplaceAll(r.URL.RawQuery, ";", "%3B")) // a semicolon separates nothing
	if err != nil {
		return errs.Wrap("duracloud.query", errs.Invalid, "", err)
	}
	c := &call{account: f.accountOf(r, p), query: query}
	res, known := f.resource(c, first, rest)
	rt := res[r.Method]
	event.Op, event.Account, event.Container = rt.op, c.account, c.space
	switch {
	case !known:
		return errs.New("duracloud.route", errs.NotFound, "", "There is nothing here.")
	case rt.handle == nil:
		return notAllowed(res.allow())
	}
	return rt.handle(f, w, r, c)
}

// accountOf is whose spaces a request is about: those of the host's account,
// else of the caller's.
func (f *Face) accountOf(r *http.Request, p auth.Principal) string {
	if len(f.cfg.Hosts) > 0 {
		host := r.Host
		if v := r.Header.Get("X-Forwarded-Host"); v != "" && f.believes(r) {
			host = v
		}
		if name, _, err := net.SplitHostPort(host); err == nil {
			host = name
		}
		if account := f.cfg.Hosts[strings.ToLower(host)]; account != "" {
			return account
		}
	}
	if p.Account != "" {
		return p.Account
	}
	return f.cfg.Account
}

// believes tells whether forwarded headers of the request count.
func (f *Face) believes(r *http.Request) bool {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	return err == nil && f.cfg.TrustedProxies.Contains(peer.Addr())
}

// resource finds what a path names and fills in the call.
func (f *Face) resource(c *call, first, rest string) (res resource, known bool) {
	if res, ok := fixed(c, first, rest); ok {
		return res, res != nil
	}
	c.space, c.item = first, rest
	switch {
	case first == "":
		return nil, false
	case rest == "":
		return spaceResource(), true
	}
	return itemResource(), true
}

// fixed finds the resources whose first word is reserved; ok tells that it is.
// A nil resource is none at all. Reserved words cannot be spaces, so methods
// that would make or remove one are not allowed on them.
func fixed(c *call, first, rest string) (res resource, ok bool) {
	one := func(res resource) resource { // "/{first}/{space}", a slash behind it means nothing
		name := strings.TrimSuffix(rest, "/")
		if name == "" {
			return resource{}
		}
		if strings.Contains(name, "/") {
			return nil
		}
		c.space = name
		return res
	}
	alone := func(res resource) resource {
		if rest != "" {
			return nil
		}
		return res
	}
	switch first {
	case "stores":
		return alone(reader("spaces.Stores", (*Face).getStores)), true
	case "spaces":
		return alone(reader("spaces.List", (*Face).getSpaces)), true
	case "acl":
		return one(resource{http.MethodHead: {"spaces.Grants", (*Face).headGrants}, http.MethodPost: {"spaces.SetGrants", (*Face).postGrants}}), true
	case "audit":
		return one(reader("spaces.Audit", (*Face).getAudit)), true
	case "manifest":
		res := reader("spaces.Manifest", (*Face).getManifest)
		res[http.MethodPost] = route{"spaces.RequestManifest", (*Face).postManifest}
		return one(res), true
	case "report":
		res, name := reportResource(rest)
		c.space = name
		return res, true
	case "bit-integrity":
		return one(reader("spaces.Integrity", (*Face).getIntegrity)), true
	case "task":
		c.item = strings.TrimSuffix(rest, "/")
		switch {
		case c.item == "":
			return reader("spaces.Tasks", (*Face).getTasks), true
		case strings.Contains(c.item, "/"):
			return nil, true
		}
		return resource{http.MethodPost: {"spaces.Task", (*Face).postTask}}, true
	case "aux":
		if rest == "" {
			return resource{}, true
		}
		return nil, true // see serveCookies
	case "init", "security":
		return resource{}, true
	}
	return nil, false
}

func spaceResource() resource {
	return resource{
		http.MethodGet:    {"spaces.Items", (*Face).getSpace},
		http.MethodHead:   {"spaces.Get", (*Face).headSpace},
		http.MethodPut:    {"spaces.Create", (*Face).putSpace},
		http.MethodDelete: {"spaces.Delete", (*Face).deleteSpace},
	}
}

func itemResource() resource {
	return resource{
		http.MethodGet:    {"objects.Open", (*Face).getItem},
		http.MethodHead:   {"objects.Head", (*Face).headItem},
		http.MethodPut:    {"objects.Put", (*Face).putItem},
		http.MethodPost:   {"objects.SetMeta", (*Face).postItem},
		http.MethodDelete: {"objects.Delete", (*Face).deleteItem},
	}
}
