package swift

import (
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"entrepot/auth"
	"entrepot/auth/httpauth"
	"entrepot/gateway"
	"entrepot/gateway/errs"
	"entrepot/protocols/internal/httpkit"
)

// Temporary URLs: a signature in the query is the permission (OpenStack Object
// Storage API v1, "Temporary URL middleware"). Where its parameters are
// present they decide alone, even beside a valid token.

// A signedQuery holds the parameters of a temporary URL.
type signedQuery struct {
	signature, expires  string
	prefix, ipRange     string
	filename            string
	hasPrefix, hasRange bool
	inline              bool
	twice               bool // a parameter that the signature depends on stands there twice
}

// signedQueryOf reads the parameters of a temporary URL; false: there is no
// sign of one. On objects the spellings of older clients are understood as
// well when both are there.
func signedQueryOf(rawQuery string, object bool) (signedQuery, bool) {
	var q signedQuery
	if !strings.Contains(rawQuery, "temp_url_") && !strings.Contains(rawQuery, "ignature=") {
		return q, false
	}
	found := false
	var oldSignature, oldExpires string
	seen := map[string]bool{}
	for key, value := range params(rawQuery) {
		known := true
		switch key {
		case "temp_url_sig":
			q.signature, found = value, true
		case "temp_url_expires":
			q.expires, found = value, true
		case "temp_url_prefix":
			q.prefix, q.hasPrefix = value, true
		case "temp_url_ip_range":
			q.ipRange, q.hasRange = value, true
		case "filename":
			q.filename = value
		case "inline":
			q.inline = true
		case "signature", "Signature":
			oldSignature, key = value, "signature"
		case "expires", "Expires":
			oldExpires, key = value, "expires"
		default:
			known = false
		}
		q.twice = q.twice || known && seen[key] && key != "inline"
		seen[key] = true
	}
	if !found && object && oldSignature != "" && oldExpires != "" {
		q.signature, q.expires, found = oldSignature, oldExpires, true
	}
	return q, found
}

// errTempURL is the answer to whatever is wrong with a temporary URL.
var errTempURL = &refusal{status: http.StatusUnauthorized, text: "401 Unauthorized: Temp URL invalid\n"}

// signedMethods are the methods that a signature for another one serves too.
var signedMethods = map[string][]string{
	http.MethodGet:    {http.MethodGet},
	http.MethodHead:   {http.MethodHead, http.MethodGet, http.MethodPut, http.MethodPost},
	http.MethodPut:    {http.MethodPut},
	http.MethodPost:   {http.MethodPost},
	http.MethodDelete: {http.MethodDelete},
}

// serveSigned answers a request with a temporary URL.
func (f *Face) serveSigned(w http.ResponseWriter, r *http.Request, ref gateway.Ref, q *signedQuery) {
	httpkit.EventOf(r.Context()).Op = "tempurl"
	expires, grant, err := f.checkTempURL(r, ref, q)
	if err == nil {
		err = checkPlain(r)
	}
	if err != nil {
		w.Header().Set("Www-Authenticate", `Swift realm="unknown"`)
		f.fail(w, r, err)
		return
	}
	p := auth.Principal{Grant: grant, Address: addressOf(r)}
	r = r.WithContext(auth.WithPrincipal(r.Context(), p))
	delete(r.Header, "X-Timestamp")
	f.serve(httpkit.OnHeader(w, func(h http.Header, status int) {
		if status < 300 && readsOnly(r.Method) {
			q.present(h, ref.Object, expires)
		}
	}), r)
}

// checkTempURL verifies a temporary URL and returns what it permits.
func (f *Face) checkTempURL(r *http.Request, ref gateway.Ref, q *signedQuery) (time.Time, *auth.Grant, error) {
	at, ok := parseExpires(q.expires)
	account, known := strings.CutPrefix(ref.Account, accountPrefix)
	if !ok || !known || ref.Object == "" || q.twice || !f.now().Before(at) {
		return time.Time{}, nil, errTempURL
	}
	signature, err := auth.ParseSignature(q.signature, f.cfg.SignatureDigests...)
	if err != nil {
		return time.Time{}, nil, errTempURL
	}
	grant := &auth.Grant{Account: account, Container: ref.Container, Object: ref.Object, Read: readsOnly(r.Method), Write: !readsOnly(r.Method)}
	signed := auth.TemporaryURL{Expires: at.Unix(), Path: r.URL.Path, Prefix: q.hasPrefix, IPRange: q.ipRange}
	if q.hasPrefix {
		signed.Path = strings.TrimSuffix(r.URL.Path, ref.Object) + q.prefix
		grant.Object, grant.Prefix = q.prefix, true
	}
	if q.hasRange {
		networks, err := auth.ParseNetworks([]string{q.ipRange})
		if err != nil || !networks.Contains(addressOf(r)) {
			return time.Time{}, nil, errTempURL
		}
	}
	grant.Wide, err = f.accounts.SignedBy(r.Context(), gateway.Ref{Account: account, Container: ref.Container}, func(key auth.Secret) bool {
		ok := false
		for _, method := range signedMethods[r.Method] {
			signed.Method = method
			ok = signature.Signs(signed.Text(), key) || ok
		}
		return ok
	})
	switch {
	case errs.Of(err) == errs.Unauthenticated:
		return time.Time{}, nil, errTempURL
	case err != nil:
		return time.Time{}, nil, err
	case !grant.Covers(account, ref.Container, ref.Object):
		return time.Time{}, nil, errTempURL
	}
	return at, grant, nil
}

// unsignedHeaders and unsignedParams change what a request means or point to
// other data: no signature covers them, so a signed request must not have them.
var (
	unsignedHeaders = [...]string{
		"X-Object-Manifest", "X-Copy-From", "X-Copy-From-Account", "X-Symlink-Target", "X-Symlink-Target-Account",
		"X-Symlink-Target-Etag", "X-Static-Large-Object", "Destination", "Destination-Account",
	}
	unsignedParams = [...]string{
		"multipart-manifest", "symlink", "version-id", "versions", "bulk-delete", "extract-archive",
	}
)

// checkPlain refuses what a signature does not cover.
func checkPlain(r *http.Request) error {
	for _, name := range unsignedHeaders {
		if _, ok := r.Header[name]; ok && !readsOnly(r.Method) {
			return refuse(http.StatusBadRequest, "The header '"+name+"' is not allowed in this tempurl")
		}
	}
	for key := range params(r.URL.RawQuery) {
		for _, name := range unsignedParams {
			if key == name {
				return refuse(http.StatusBadRequest, "The parameter '"+name+"' is not allowed in this tempurl")
			}
		}
	}
	return nil
}

// present gives an answer the headers of a download: properties are hidden but
// for those that are meant for everybody.
func (q *signedQuery) present(h http.Header, object string, expires time.Time) {
	for name := range h {
		if strings.HasPrefix(name, objectMeta) && !strings.HasPrefix(name, objectMeta+"Public-") {
			delete(h, name)
		}
	}
	h["Expires"] = []string{httpkit.HTTPTime(expires)}
	if asked := dispositionOf(q.inline, q.filename); asked != "" {
		h["Content-Disposition"] = []string{asked}
	} else if h.Get("Content-Disposition") == "" {
		name := strings.TrimRight(object, "/")
		name = name[strings.LastIndexByte(name, '/')+1:]
		h["Content-Disposition"] = []string{disposition("attachment", name)}
	}
}

// disposition writes a Content-Disposition (RFC 6266). What is not plain is
// percent-encoded in both forms of the name, line breaks and quotes too.
func disposition(kind, filename string) string {
	extended := httpkit.EscapePath(filename)
	return kind + `; filename="` + strings.ReplaceAll(extended, "%20", " ") + `"; filename*=UTF-8''` + extended
}

// parseExpires reads the moment when a signature ends: Unix seconds, or a date
// and time in UTC.
func parseExpires(s string) (time.Time, bool) {
	if len(s) > 20 {
		return time.Time{}, false
	}
	if at, err := time.Parse("2006-01-02T15:04:05Z", s); err == nil {
		return at, true
	}
	if s == "" || strings.Trim(s, "0123456789") != "" {
		return time.Time{}, false
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n > maxExpires {
		return time.Time{}, false
	}
	return time.Unix(n, 0), true
}

// maxExpires is the end of the year 9999, behind which dates have no spelling.
const maxExpires = 253402300799

// addressOf is the client's address: the one that the front found, else the
// peer's; the zero address, which no list holds, when there is neither.
func addressOf(r *http.Request) netip.Addr {
	if addr := httpauth.AddrOf(r.Context()); addr.IsValid() {
		return addr
	}
	peer, _ := netip.ParseAddrPort(r.RemoteAddr)
	return peer.Addr()
}
