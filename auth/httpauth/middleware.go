package httpauth

import (
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"entrepot/auth"
	"entrepot/gateway/errs"
)

// An Option changes what Middleware refuses.
type Option func(*middleware)

// AllowOrigins names the foreign origins (scheme, host and port as browsers
// send them in Origin) whose pages may change things with credentials that a
// browser added by itself. Without it none may.
func AllowOrigins(allow func(r *http.Request, origin string) bool) Option {
	return func(m *middleware) { m.allow = allow }
}

type middleware struct {
	ask   Authenticator
	deny  func(http.ResponseWriter, *http.Request, error)
	allow func(*http.Request, string) bool
}

// Middleware puts the Principal found by a into the request's context, with
// the client's address (AddrOf, else the peer's) and the Referer's host. It
// refuses cross-site changes (RefuseCrossSite). deny writes a refusal in the
// words of the protocol; Retry-After is set by then where a login was
// throttled.
func Middleware(a Authenticator, deny func(http.ResponseWriter, *http.Request, error), opts ...Option) func(http.Handler) http.Handler {
	m := middleware{ask: a, deny: deny}
	for _, o := range opts {
		o(&m)
	}
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			p, err := m.principal(r)
			if err != nil {
				if wait, ok := auth.RetryAfter(err); ok {
					w.Header().Set("Retry-After", seconds(wait))
				}
				deny(w, r, err)
				return
			}
			next.ServeHTTP(w, r.WithContext(auth.WithPrincipal(r.Context(), p)))
		})
	}
}

func (m *middleware) principal(r *http.Request) (auth.Principal, error) {
	p, err := m.ask.Authenticate(r)
	if err != nil {
		return auth.Principal{}, err
	}
	p.Address = clientAddr(r)
	p.Referer = refererHost(r)
	var allow func(string) bool
	if m.allow != nil {
		allow = func(origin string) bool { return m.allow(r, origin) }
	}
	return p, RefuseCrossSite(r, p, allow)
}

// RefuseCrossSite refuses with errs.Forbidden and errs.CrossSite a request
// that changes something, rests on credentials that a browser may have added
// by itself (p.Ambient), and was made by a page of another origin: its Origin
// is another host than the request's, or Sec-Fetch-Site says cross-site. Clients that are no
// browsers send neither header and pass; so do origins that allow, which may
// be nil, accepts.
func RefuseCrossSite(r *http.Request, p auth.Principal, allow func(origin string) bool) error {
	if !p.Ambient || !changes(r.Method) {
		return nil
	}
	origins := r.Header.Values("Origin")
	foreign := len(origins) > 1
	if len(origins) == 1 {
		if allow != nil && allow(origins[0]) {
			return nil
		}
		foreign = !sameOrigin(origins[0], r.Host)
	}
	if strings.EqualFold(r.Header.Get("Sec-Fetch-Site"), "cross-site") {
		foreign = true
	}
	if foreign {
		return errs.New("httpauth.RefuseCrossSite", errs.Forbidden, errs.CrossSite,
			"a page of another site may not do this with saved credentials")
	}
	return nil
}

// changes tells whether a method may change something; unknown ones do.
func changes(method string) bool {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace, "PROPFIND", "REPORT", "SEARCH":
		return false
	}
	return true
}

// sameOrigin compares the host and port of an Origin with those of the Host
// header. The scheme is not compared: behind a proxy that ends TLS nobody here
// knows it.
func sameOrigin(origin, host string) bool {
	u, err := url.Parse(origin)
	if err != nil || u.Host == "" || u.User != nil || u.Opaque != "" {
		return false // "null" too
	}
	port := map[string]string{"http": ":80", "https": ":443"}[u.Scheme]
	plain := func(h string) string { return strings.ToLower(strings.TrimSuffix(h, port)) }
	return port != "" && plain(u.Host) == plain(host)
}

// refererHost returns the host name of the Referer header in lower case,
// without port; "" when there is none.
func refererHost(r *http.Request) string {
	u, err := url.Parse(r.Header.Get("Referer"))
	if err != nil {
		return ""
	}
	return strings.ToLower(u.Hostname())
}

// seconds writes a wait for Retry-After, rounded up so that nobody who obeys
// it is refused again.
func seconds(wait time.Duration) string {
	return strconv.FormatInt(int64(math.Ceil(wait.Seconds())), 10)
}
