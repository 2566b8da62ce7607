package swift

import (
	"context"
	"net/http"
	"strings"

	"entrepot/auth"
	"entrepot/auth/httpauth"
	"entrepot/gateway"
	"entrepot/gateway/errs"
	"entrepot/protocols/internal/httpkit"
)

const (
	// accountPrefix stands in front of an account's name in paths.
	accountPrefix = "AUTH_"
	// maxHeaderLine is the longest header line in bytes, name and value.
	maxHeaderLine = 8192
	// accountAllow are the methods of an account.
	accountAllow = "GET, OPTIONS, HEAD, POST"
)

// A call is one storage request after its path was understood.
type call struct {
	gateway.Ref        // Account without its prefix
	shown       string // the account as it stands in the path
}

// A handler answers one method of one level, or returns why not.
type handler func(f *Face, w http.ResponseWriter, r *http.Request, c *call) error

// A route is a handler and the words of the core for what it does.
type route struct {
	op     string
	handle handler
}

// level finds the routes of a resource level, and what it answers to Allow.
func level(ref gateway.Ref) (routes func(method string) route, allow string) {
	switch {
	case ref.Object != "":
		return objectRoute, "GET, DELETE, PUT, OPTIONS, HEAD, POST, COPY"
	case ref.Container != "":
		return containerRoute, "GET, DELETE, PUT, OPTIONS, HEAD, POST"
	}
	return accountRoute, accountAllow
}

// queryRoute finds the route of a request whose query gives it another meaning
// than its method and path have.
func queryRoute(r *http.Request, ref gateway.Ref) (route, bool) {
	for key := range params(r.URL.RawQuery) {
		switch {
		case key == "bulk-delete" && ref.Container == "" && (r.Method == http.MethodPost || r.Method == http.MethodDelete):
			return route{"objects.DeleteMany", (*Face).bulkDelete}, true
		case key == "extract-archive" && r.Method == http.MethodPut:
			return route{"objects.Extract", (*Face).extractArchive}, true
		case key == "versions" && ref.Container != "" && ref.Object == "" && r.Method == http.MethodGet:
			return route{"objects.ListVersions", (*Face).getVersions}, true
		case key == "version-id" && ref.Object != "" && versionOf(r, ref) != "":
			return versionRoute(r)
		}
	}
	return route{}, false
}

// versionRoute finds the routes of one version of an object that are not those
// of the object.
func versionRoute(r *http.Request) (route, bool) {
	switch r.Method {
	case http.MethodPut:
		if joined(r.Header["X-Copy-From"]) != "" { // it is the source's version
			return route{}, false
		}
		return route{"objects.RestoreVersion", (*Face).restoreVersion}, true
	case http.MethodDelete:
		return route{"objects.DeleteVersion", (*Face).deleteVersion}, true
	case http.MethodPost:
		return route{"objects.SetMeta", (*Face).postVersion}, true
	}
	return route{}, false
}

func objectRoute(method string) route {
	switch method {
	case http.MethodGet:
		return route{"objects.Open", (*Face).getObject}
	case http.MethodHead:
		return route{"objects.Head", (*Face).headObject}
	case http.MethodPut:
		return route{"objects.Put", (*Face).putObject}
	case http.MethodPost:
		return route{"objects.SetMeta", (*Face).postObject}
	case http.MethodDelete:
		return route{"objects.Delete", (*Face).deleteObject}
	case "COPY":
		return route{"objects.Copy", (*Face).copyObject}
	}
	return route{}
}

func containerRoute(method string) route {
	switch method {
	case http.MethodGet:
		return route{"objects.List", (*Face).getContainer}
	case http.MethodHead:
		return route{"containers.Get", (*Face).headContainer}
	case http.MethodPut:
		return route{"containers.Create", (*Face).putContainer}
	case http.MethodPost:
		return route{"containers.Update", (*Face).postContainer}
	case http.MethodDelete:
		return route{"containers.Delete", (*Face).deleteContainer}
	}
	return route{}
}

func accountRoute(method string) route {
	switch method {
	case http.MethodGet:
		return route{"containers.List", (*Face).getAccount}
	case http.MethodHead:
		return route{"accounts.Get", (*Face).headAccount}
	case http.MethodPost:
		return route{"accounts.SetProperties", (*Face).postAccount}
	case http.MethodPut:
		return route{"accounts.Create", (*Face).putAccount}
	case http.MethodDelete:
		return route{"accounts.Delete", (*Face).deleteAccount}
	}
	return route{}
}

// storage answers what needs no credentials and hands the rest on.
func (f *Face) storage(w http.ResponseWriter, r *http.Request) {
	begin(w, r)
	ref, err := httpkit.SplitSwift(r.URL.Path)
	if err != nil {
		f.fail(w, r, err)
		return
	}
	if longHeader(r.Header) {
		f.fail(w, r, refuse(http.StatusBadRequest, "Header line too long; max 8192"))
		return
	}
	if r.Method == http.MethodOptions {
		f.options(w, r, ref)
		return
	}
	w = f.crossOrigin(w, r, ref)
	if q, ok := signedQueryOf(r.URL.RawQuery, ref.Object != ""); ok {
		f.serveSigned(w, r, ref, &q)
		return
	}
	if isForm(r) {
		f.postForm(w, r, ref)
		return
	}
	f.guarded.ServeHTTP(w, r)
}

// begin sets the headers that every answer has (request IDs) and names the
// door in the request's event.
func begin(w http.ResponseWriter, r *http.Request) {
	event := httpkit.EventOf(r.Context())
	event.Face = "swift"
	if event.ReqID != "" {
		id := []string{event.ReqID}
		h := w.Header()
		h["X-Trans-Id"], h["X-Openstack-Request-Id"] = id, id
	}
}

// longHeader tells whether a header line is longer than Swift takes.
func longHeader(h http.Header) bool {
	for name, values := range h {
		for _, v := range values {
			if len(name)+len(v) > maxHeaderLine {
				return true
			}
		}
	}
	return false
}

// strangers lets a caller with an unknown or expired token in as anonymous:
// what everybody may read is readable with it.
type strangers struct{ httpauth.Authenticator }

// Authenticate asks the embedded authenticator.
func (s strangers) Authenticate(r *http.Request) (auth.Principal, error) {
	p, err := s.Authenticator.Authenticate(r)
	if err != nil && errs.Of(err) == errs.Unauthenticated {
		return auth.Principal{}, nil
	}
	return p, err
}

// serve answers a storage request whose caller is known.
func (f *Face) serve(w http.ResponseWriter, r *http.Request) {
	err := f.dispatch(w, r)
	if errs.ReasonOf(err) == errs.NameTooLong && r.Method != http.MethodPut && r.Method != "COPY" {
		err = errs.Wrap("swift.serve", errs.NotFound, "", err) // nothing has such a name
	}
	if err != nil {
		f.fail(w, r, err)
	}
}

// dispatch finds the handler of a request and runs it.
func (f *Face) dispatch(w http.ResponseWriter, r *http.Request) error {
	ref, err := httpkit.SplitSwift(r.URL.Path)
	if err != nil {
		return err
	}
	routes, allow := level(ref)
	rt := routes(r.Method)
	if r.URL.RawQuery != "" {
		if special, ok := queryRoute(r, ref); ok {
			rt = special
		}
	}
	if rt.handle == nil {
		return notAllowed(allow, "")
	}
	c := call{Ref: ref, shown: ref.Account}
	c.Version = versionOf(r, ref)
	event := httpkit.EventOf(r.Context())
	event.Op, event.User = rt.op, auth.PrincipalOf(r.Context()).User
	if c.Account, err = accountName(r.Context(), ref.Account); err != nil {
		return err
	}
	event.Account, event.Container = c.Account, c.Container
	if done, err := f.serveWeb(w, r, &c); done || err != nil {
		return err
	}
	return rt.handle(f, w, r, &c)
}

// accountName takes the prefix off an account as it stands in a path. No
// account is without it: that is told to those who may know of all accounts.
func accountName(ctx context.Context, shown string) (string, error) {
	const op = "swift.account"
	name, ok := strings.CutPrefix(shown, accountPrefix)
	if ok && name != "" {
		return name, nil
	}
	switch p := auth.PrincipalOf(ctx); {
	case p.Anonymous():
		return "", errs.New(op, errs.Unauthenticated, "", "")
	case p.Role == auth.RoleAdmin, p.Role == auth.RoleAuditor:
		return "", errs.New(op, errs.NotFound, errs.NoAccount, "")
	}
	return "", errs.New(op, errs.Forbidden, "", "")
}
