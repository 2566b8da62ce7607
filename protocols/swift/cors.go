package swift

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"entrepot/auth"
	"entrepot/gateway"
	"entrepot/gateway/errs"
	"entrepot/protocols/internal/httpkit"
)

// Cross-origin requests (the Fetch standard, "CORS protocol"): a container
// names the origins whose pages may use it. No answer permits credentials that
// a browser adds by itself, so that a token is always needed where one is.

// maxCORSHeaders bounds the header names of one preflight.
const maxCORSHeaders = 100

// exposed are the headers that pages may always read.
const exposed = "cache-control, content-language, content-type, expires, last-modified, pragma, etag, x-timestamp, x-trans-id, x-openstack-request-id"

// options tells the methods of a resource, to a page of another origin only
// where the container lets it in.
func (f *Face) options(w http.ResponseWriter, r *http.Request, ref gateway.Ref) {
	httpkit.EventOf(r.Context()).Op = "options"
	_, allow := level(ref)
	h := w.Header()
	if origin := r.Header.Get("Origin"); origin != "" {
		if err := f.preflight(h, r, ref, origin, allow); err != nil {
			f.fail(w, r, err)
			return
		}
	}
	h["Allow"] = []string{allow}
	h["Content-Length"] = []string{"0"}
	h["Content-Type"] = []string{htmlType}
	w.WriteHeader(http.StatusOK)
}

// preflight answers the question that a browser asks before a request.
func (f *Face) preflight(h http.Header, r *http.Request, ref gateway.Ref, origin, allow string) error {
	refused := errs.New("swift.options", errs.Unauthenticated, errs.CrossSite, "")
	site, err := f.siteOf(r, ref)
	if err != nil {
		return err
	}
	method := r.Header.Get("Access-Control-Request-Method")
	ok, all := site.Allows(origin)
	if !ok || !slices.Contains(strings.Split(allow, ", "), method) {
		return refused
	}
	setOrigin(h, origin, all)
	h["Access-Control-Allow-Methods"] = []string{allow}
	if seconds, err := strconv.ParseUint(site.MaxAge, 10, 32); err == nil {
		h["Access-Control-Max-Age"] = []string{strconv.FormatUint(seconds, 10)}
	}
	if names := headerNames(r.Header["Access-Control-Request-Headers"]); len(names) > 0 {
		h["Access-Control-Allow-Headers"] = []string{strings.Join(names, ", ")}
		h.Add("Vary", "Access-Control-Request-Headers")
	}
	return nil
}

// siteOf reads what the container of a request says about browsers.
func (f *Face) siteOf(r *http.Request, ref gateway.Ref) (gateway.Site, error) {
	account, ok := strings.CutPrefix(ref.Account, accountPrefix)
	if !ok || ref.Container == "" {
		return gateway.Site{}, nil
	}
	return f.containers.Site(r.Context(), gateway.Ref{Account: account, Container: ref.Container})
}

// setOrigin says for whom an answer is.
func setOrigin(h http.Header, origin string, all bool) {
	if all {
		origin = "*"
	} else {
		h.Add("Vary", "Origin")
	}
	h["Access-Control-Allow-Origin"] = []string{origin}
}

// headerNames splits lists of header names; what is no name is left out.
func headerNames(values []string) []string {
	var names []string
	for _, value := range values {
		for name := range strings.SplitSeq(value, ",") {
			name = strings.Trim(name, " \t")
			if len(names) == maxCORSHeaders {
				return names
			}
			if isToken(name) {
				names = append(names, name)
			}
		}
	}
	return names
}

// isToken tells whether s is a token (RFC 9110 section 5.6.2), as names of
// headers are.
func isToken(s string) bool {
	for i := range len(s) {
		c := s[i]
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !letter && strings.IndexByte("!#$%&'*+-.^_`|~", c) < 0 {
			return false
		}
	}
	return s != ""
}

// crossOrigin prepares the answer to a request that a page of another origin
// makes: where the container lets it in, the page may read what comes.
func (f *Face) crossOrigin(w http.ResponseWriter, r *http.Request, ref gateway.Ref) http.ResponseWriter {
	origin := r.Header.Get("Origin")
	if origin == "" {
		return w
	}
	site, err := f.siteOf(r, ref)
	if err != nil {
		return w // the request itself meets the failure again
	}
	ok, all := site.Allows(origin)
	if !ok {
		return w
	}
	return httpkit.OnHeader(w, func(h http.Header, _ int) {
		setOrigin(h, origin, all)
		names := append([]string{exposed}, headerNames([]string{strings.Join(strings.Fields(site.Expose), ",")})...)
		var meta []string
		for name := range h {
			if strings.HasPrefix(name, objectMeta) || strings.HasPrefix(name, containerMeta) {
				meta = append(meta, strings.ToLower(name))
			}
		}
		slices.Sort(meta)
		h["Access-Control-Expose-Headers"] = []string{strings.Join(append(names, meta...), ", ")}
	})
}

// asksWeb tells whether a request is that of a visitor of a web site: somebody
// without a name, or who asks to be taken for one.
func asksWeb(r *http.Request) bool {
	if !readsOnly(r.Method) {
		return false
	}
	p := auth.PrincipalOf(r.Context())
	return p.Grant == nil && (p.Anonymous() || isTrue(r.Header.Get("X-Web-Mode")))
}
