package keystone

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/netip"

	"entrepot/auth"
	"entrepot/auth/httpauth"
	"entrepot/gateway/errs"
	"entrepot/protocols/internal/httpkit"
)

// A grant is a token with whom it stands for and the project that an answer
// about it names ("": none).
type grant struct {
	token   auth.Token
	who     auth.Principal
	method  string
	project string
}

// issue answers POST /v3/auth/tokens.
func (f *Face) issue(w http.ResponseWriter, r *http.Request) error {
	g, err := f.login(w, r, parseV3)
	if err != nil {
		return err
	}
	_, bare := r.URL.Query()["nocatalog"]
	w.Header().Set("X-Subject-Token", g.token.Value)
	writeJSON(w, r, http.StatusCreated, f.tokenDocument(r, g, !bare))
	return nil
}

// issueV2 answers POST /v2.0/tokens.
func (f *Face) issueV2(w http.ResponseWriter, r *http.Request) error {
	g, err := f.login(w, r, parseV2)
	if err != nil {
		return err
	}
	writeJSON(w, r, http.StatusOK, f.accessDocument(r, g))
	return nil
}

// login decodes a request for a token and answers it.
func (f *Face) login(w http.ResponseWriter, r *http.Request, parse func([]byte) (request, error)) (grant, error) {
	body, err := readBody(w, r)
	if err != nil {
		return grant{}, err
	}
	q, err := parse(body)
	if err != nil {
		return grant{}, err
	}
	g := grant{method: q.method}
	if g.token, g.who, err = f.tokenFor(r.Context(), &q, httpauth.AddrOf(r.Context())); err != nil {
		return grant{}, err
	}
	httpkit.EventOf(r.Context()).User = g.who.User
	g.project, err = f.project(r.Context(), &q, g.who)
	return g, err
}

// tokenFor returns the token of who gives these credentials.
func (f *Face) tokenFor(ctx context.Context, q *request, from netip.Addr) (auth.Token, auth.Principal, error) {
	wrong := errs.New("keystone.login", errs.Unauthenticated, "", "")
	if q.foreign {
		return auth.Token{}, auth.Principal{}, wrong
	}
	switch q.method {
	case "token":
		return f.logins.Inspect(ctx, q.token, from)
	case "application_credential":
		p, err := f.logins.ApplicationPassword(ctx, q.password.Reveal(), from)
		if err != nil {
			return auth.Token{}, auth.Principal{}, err
		}
		if q.credential != "" && (p.Scope == nil || q.credential != p.Scope.Credential) {
			return auth.Token{}, auth.Principal{}, wrong
		}
		if q.user == "" {
			q.user = p.User
		}
	}
	return f.logins.IssueKeystone(ctx, q.user, q.password.Reveal(), from)
}

// project decides which project a token is for. Users have their own; callers
// who reach every account may name any that exists.
func (f *Face) project(ctx context.Context, q *request, who auth.Principal) (string, error) {
	switch {
	case q.scope == noProject:
		return "", nil
	case q.scope == ownProject || q.project == who.Account:
		return who.Account, nil
	}
	if who.Role != auth.RoleAdmin && who.Role != auth.RoleAuditor {
		return "", errs.New("keystone.project", errs.Unauthenticated, "", "")
	}
	_, err := f.accounts.Get(auth.WithPrincipal(ctx, who), q.project)
	if errs.Of(err) == errs.NotFound {
		return "", errs.New("keystone.project", errs.Unauthenticated, "", "")
	}
	return q.project, err
}

// caller returns who sends X-Auth-Token.
func (f *Face) caller(r *http.Request) (auth.Token, auth.Principal, error) {
	token, who, err := f.logins.Inspect(r.Context(), r.Header.Get("X-Auth-Token"), httpauth.AddrOf(r.Context()))
	if err == nil {
		httpkit.EventOf(r.Context()).User = who.User
	}
	return token, who, err
}

// subject returns the token that a caller asks about: an own one, or for
// administrators any. An unknown one is errs.NotFound.
func (f *Face) subject(r *http.Request) (grant, error) {
	_, who, err := f.caller(r)
	if err != nil {
		return grant{}, err
	}
	token, of, err := f.logins.Inspect(r.Context(), r.Header.Get("X-Subject-Token"), httpauth.AddrOf(r.Context()))
	switch {
	case err != nil && errs.Of(err) == errs.Unauthenticated:
		return grant{}, errs.Wrap("keystone.subject", errs.NotFound, "", err)
	case err != nil:
		return grant{}, err
	case of.User != who.User && who.Role != auth.RoleAdmin:
		return grant{}, errs.New("keystone.subject", errs.Forbidden, "", "")
	}
	return grant{token: token, who: of, method: "password", project: of.Account}, nil
}

// show answers GET and HEAD /v3/auth/tokens.
func (f *Face) show(w http.ResponseWriter, r *http.Request) error {
	g, err := f.subject(r)
	if err != nil {
		return err
	}
	_, bare := r.URL.Query()["nocatalog"]
	w.Header().Set("X-Subject-Token", g.token.Value)
	writeJSON(w, r, http.StatusOK, f.tokenDocument(r, g, !bare))
	return nil
}

// revoke answers DELETE /v3/auth/tokens.
func (f *Face) revoke(w http.ResponseWriter, r *http.Request) error {
	g, err := f.subject(r)
	if err != nil {
		return err
	}
	if err := f.logins.Revoke(r.Context(), g.token.Value); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// writeJSON writes a document; to HEAD only its headers.
func writeJSON(w http.ResponseWriter, r *http.Request, status int, doc any) {
	body, err := json.Marshal(doc)
	if err != nil {
		panic("keystone: " + err.Error()) // documents hold text and lists only
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	httpkit.SetLength(h, len(body))
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(body) // a client that left has no use for the error
	}
}

func asMaxBytes(err error, to **http.MaxBytesError) bool { return errors.As(err, to) }
