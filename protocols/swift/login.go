package swift

import (
	"net/http"
	"net/netip"
	"strings"

	"entrepot/auth"
	"entrepot/auth/httpauth"
	"entrepot/gateway/errs"
	"entrepot/protocols/internal/httpkit"
)

// login answers the v1 token exchange: GET /auth/v1.0, and the older spelling
// GET /auth/v1/{account}/auth. The same token comes again while it lives.
func (f *Face) login(w http.ResponseWriter, r *http.Request) {
	begin(w, r)
	httpkit.EventOf(r.Context()).Op = "auth.Issue"
	if err := f.answerLogin(w, r); err != nil {
		f.fail(w, r, err)
	}
}

func (f *Face) answerLogin(w http.ResponseWriter, r *http.Request) error {
	path := strings.TrimSuffix(strings.TrimPrefix(r.URL.Path, "/auth"), "/")
	account, old := oldLoginPath(path)
	switch {
	case path != "/v1.0" && path != "/auth" && !old:
		return refuse(http.StatusBadRequest, "")
	case r.Method != http.MethodGet:
		return notAllowed(http.MethodGet, "")
	}
	user, key, ok := credentials(r.Header, account, old)
	if !ok {
		if old {
			w.Header().Set("Www-Authenticate", `Swift realm="`+httpkit.EscapePath(account)+`"`)
		}
		return errs.New("swift.login", errs.Unauthenticated, "", "")
	}
	token, principal, err := f.logins.Issue(r.Context(), user, key, callerAddr(r))
	if err != nil {
		return err
	}
	httpkit.EventOf(r.Context()).User = principal.User
	a := newAnswer(w, 6)
	a.set("X-Auth-Token", token.Value)
	a.set("X-Storage-Token", token.Value)
	a.setInt("X-Auth-Token-Expires", max(int64(token.Expires.Sub(f.now()).Seconds()), 0))
	a.set("X-Storage-Url", f.storageURL(r, principal))
	a.set("Content-Type", htmlType)
	a.set("Content-Length", "0")
	w.WriteHeader(http.StatusOK)
	return nil
}

// oldLoginPath takes the account out of "/v1/{account}/auth".
func oldLoginPath(path string) (account string, ok bool) {
	rest, ok := strings.CutPrefix(path, "/v1/")
	if !ok {
		return "", false
	}
	account, ok = strings.CutSuffix(rest, "/auth")
	return account, ok && account != "" && !strings.Contains(account, "/")
}

// credentials finds user ("account:user", or "user" alone) and key of a login.
// The older path names the account itself: then X-Storage-User is a user of
// it, and X-Auth-User must name the same account.
func credentials(h http.Header, account string, old bool) (user, key string, ok bool) {
	if !old {
		return first(h, "X-Auth-User", "X-Storage-User"), first(h, "X-Auth-Key", "X-Storage-Pass"), has(h, "X-Auth-User", "X-Storage-User")
	}
	key = first(h, "X-Storage-Pass", "X-Auth-Key")
	if user = h.Get("X-Storage-User"); user != "" {
		return account + ":" + user, key, true
	}
	user = h.Get("X-Auth-User")
	named, _, ok := strings.Cut(user, ":")
	return user, key, ok && named == account
}

// first returns the first of two headers that has a value.
func first(h http.Header, a, b string) string {
	if v := h.Get(a); v != "" {
		return v
	}
	return h.Get(b)
}

func has(h http.Header, a, b string) bool { return first(h, a, b) != "" }

// callerAddr is the client's address, as the front found it.
func callerAddr(r *http.Request) netip.Addr {
	if addr := httpauth.AddrOf(r.Context()); addr.IsValid() {
		return addr
	}
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return peer.Addr()
}

// storageURL is where the account of a login lies.
func (f *Face) storageURL(r *http.Request, p auth.Principal) string {
	return httpkit.BaseURL(r, f.cfg.StorageURL, auth.Networks{}) + "/v1/" + httpkit.EscapePath(accountPrefix+p.Account)
}
