package swift

import (
	"net/http"
	"strings"

	"entrepot/gateway"
	"entrepot/gateway/errs"
	"entrepot/protocols/internal/httpkit"
)

// Headers of symbolic links (OpenStack Object Storage API v1, "Symlink").
const (
	linkTarget  = "X-Symlink-Target"
	linkAccount = "X-Symlink-Target-Account"
	linkETag    = "X-Symlink-Target-Etag"
)

// linkOf reads where a PUT with X-Symlink-Target wants a link to lead to.
func linkOf(r *http.Request, c *call) (gateway.Link, error) {
	container, object, ok := httpkit.SplitSwiftCopy(joined(r.Header[linkTarget]))
	if !ok {
		return gateway.Link{}, refuse(http.StatusPreconditionFailed,
			linkTarget+" header must be of the form <container name>/<object name>")
	}
	link := gateway.Link{Ref: gateway.Ref{Account: c.Account, Container: container, Object: object}}
	if values := r.Header[linkAccount]; joined(values) != "" {
		shown, ok := httpkit.Unescape(joined(values), false)
		name, prefixed := strings.CutPrefix(shown, accountPrefix)
		if !ok || !prefixed || name == "" || strings.ContainsAny(shown, "/\x00") {
			return gateway.Link{}, refuse(http.StatusPreconditionFailed, "Account name cannot contain slashes")
		}
		link.Account = name
	}
	link.ETag = unquote(joined(r.Header[linkETag]))
	if r.ContentLength != 0 {
		return gateway.Link{}, refuse(http.StatusBadRequest, "Symlink requests require a zero byte body")
	}
	return link, nil
}

// putLink stores a symbolic link.
func (f *Face) putLink(w http.ResponseWriter, r *http.Request, c *call) error {
	link, err := linkOf(r, c)
	if err != nil {
		return err
	}
	opt, err := f.putOptions(r)
	if err != nil {
		return err
	}
	result, err := f.objects.PutLink(r.Context(), c.Ref, link, opt)
	if err != nil {
		return err
	}
	return stored(w, &result.Object)
}

// postedLink answers a POST that was applied to a link: its metadata is
// changed, and the client is told where the target is.
func postedLink(w http.ResponseWriter, r *http.Request, c *call, link *gateway.Link) error {
	w.Header()["Location"] = []string{"/v1/" + accountPrefix + httpkit.EscapePath(linkPath(c.Account, link))}
	writeBody(w, r, http.StatusTemporaryRedirect, textType,
		"The requested POST was applied to a symlink. POST directly to the target to apply requested metadata.")
	return nil
}

// setLinkAccount names the account of a link's target, where that is not the
// link's own.
func (a *answer) setLinkAccount(c *call, o *gateway.Object) {
	if o.Link != nil && o.Link.Account != "" && o.Link.Account != c.Account {
		a.set(linkAccount, accountPrefix+httpkit.EscapePath(o.Link.Account))
	}
}

// linkPath is account, container and object of a link's target, for a link of
// an account.
func linkPath(account string, link *gateway.Link) string {
	if link.Account != "" {
		account = link.Account
	}
	return account + "/" + link.Container + "/" + link.Object
}

// checkPostOfLink refuses a POST that would make a link.
func checkPostOfLink(h http.Header) error {
	if h.Get(linkTarget) != "" {
		return errs.New("swift.post", errs.Invalid, "", "A PUT request is required to set a symlink target")
	}
	return nil
}
