package admin

import (
	"context"
	"mime"
	"net/http"
	"strings"

	"github.com/gorilla/mux"

	"entrepot/auth"
	"entrepot/auth/httpauth"
	"entrepot/gateway/errs"
	"entrepot/protocols/internal/httpkit"
)

// Path is where the door answers.
const Path = "/rpc"

// A Door is a Face for callers who prove who they are: by X-Auth-Token, or by
// Basic credentials (RFC 7617).
type Door struct {
	face    *Face
	guarded http.Handler
}

// NewDoor returns a door to a face; logins answers who asks.
func NewDoor(face *Face, logins *auth.Service) *Door {
	d := &Door{face: face}
	ask := httpauth.Labelled(logins, httpauth.First(httpauth.SwiftToken(logins), httpauth.Basic(logins)))
	d.guarded = httpauth.Middleware(ask, face.fail)(http.HandlerFunc(d.serve))
	return d
}

// Routes registers the door's path.
func (d *Door) Routes(r *mux.Router) {
	r.Path(Path).Handler(httpkit.WithRules(d, httpkit.Rule{Path: Path, Methods: http.MethodPost, Access: httpkit.Caller}))
}

// ServeHTTP answers a request. What cannot be a call, and what a page of
// another site sends, is refused before anybody is asked for credentials.
func (d *Door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	httpkit.EventOf(r.Context()).Face = "rpc"
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		httpkit.WriteText(w, http.StatusMethodNotAllowed, "POST only")
		return
	}
	if !isJSON(r.Header.Get("Content-Type")) {
		d.face.fail(w, r, &Failure{
			Code: codeInvalid, Message: "the content type is application/json", Data: &FailureData{http.StatusUnsupportedMediaType},
		})
		return
	}
	// Whatever the credentials are, no page of another site has business here.
	if err := httpauth.RefuseCrossSite(r, auth.Principal{Ambient: true}, nil); err != nil {
		d.face.fail(w, r, err)
		return
	}
	d.guarded.ServeHTTP(w, r)
}

// isJSON tells the media types of a call.
func isJSON(contentType string) bool {
	t, _, err := mime.ParseMediaType(contentType)
	switch strings.ToLower(t) {
	case "application/json", "application/json-rpc", "application/jsonrequest":
		return err == nil
	}
	return false
}

// serve answers a request whose caller is known, if there is one.
func (d *Door) serve(w http.ResponseWriter, r *http.Request) {
	p := auth.PrincipalOf(r.Context())
	if p.Anonymous() {
		d.face.fail(w, r, errs.New("admin.door", errs.Unauthenticated, "", "log in first"))
		return
	}
	event := httpkit.EventOf(r.Context())
	event.User, event.Account = p.User, p.Account
	d.face.answer(w, r, false)
}

type baseKey struct{}

// withBase returns the request's context with the scheme, host and port that
// the client used, for tickets.
func withBase(r *http.Request) context.Context {
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	return context.WithValue(r.Context(), baseKey{}, scheme+"://"+r.Host)
}

// base is the scheme, host and port of the Swift door.
func (f *Face) base(ctx context.Context) string {
	if f.deps.StorageURL != "" {
		return strings.TrimRight(f.deps.StorageURL, "/")
	}
	base, _ := ctx.Value(baseKey{}).(string)
	return base
}
