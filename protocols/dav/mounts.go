package dav

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/gorilla/mux"

	"entrepot/auth"
	"entrepot/gateway"
	"entrepot/gateway/errs"
	"entrepot/protocols/internal/httpkit"
)

// A mount is one place at which the tree, or a part of it, hangs.
type mount struct {
	// path is where it hangs, without a slash at its end.
	path string
	// part is the container whose tree hangs here, and path is its name with a
	// slash before; "": the accounts' trees.
	part string
	// bearer accepts tokens only.
	bearer bool
	// login is set where the first segment below path is the caller's login.
	login bool
	// uploads is where the pieces of uploads are put, instead of a tree.
	uploads bool
}

// mountsOf lists the places at which the tree hangs. The first is the one that
// hrefs name where the request's own does not reach.
func mountsOf(cfg Config) []mount {
	list := []mount{{path: cfg.Prefix}}
	if cfg.Alone {
		return list
	}
	list = append(list, mount{path: "/v2/dav", bearer: true}, mount{path: "/backup", part: "backup"})
	if cfg.Chunking {
		list = append(list, mount{path: cloudFiles, login: true}, mount{path: cloudUploads, login: true, uploads: true})
	}
	return list
}

// covers tells whether an escaped path lies at or below the mount.
func (m *mount) covers(escaped string) bool {
	rest, ok := strings.CutPrefix(escaped, m.path)
	return ok && (rest == "" || rest[0] == '/')
}

// mountOf finds the mount of an escaped path; the first one where none covers
// it.
func (f *Face) mountOf(escaped string) *mount {
	for i := range f.mounts {
		if f.mounts[i].covers(escaped) {
			return &f.mounts[i]
		}
	}
	return &f.mounts[0]
}

// routes registers every mount, by whole segments.
func (f *Face) routes(r *mux.Router) {
	for i := range f.mounts {
		var further []string
		if f.cfg.Partial || f.mounts[i].path == cloudFiles {
			further = []string{"PATCH"}
		}
		tree := httpkit.WithRules(f, f.mounts[i].rules(further...)...)
		r.Path(f.mounts[i].path).Handler(tree)
		r.PathPrefix(f.mounts[i].path + "/").Handler(tree)
	}
}

// split splits an escaped path at its mount. prefix is what hrefs of this tree
// begin with.
func (f *Face) split(who auth.Principal, escaped string) (p httpkit.DavPath, prefix string, err error) {
	m := f.mountOf(escaped)
	if m.part != "" && m.covers(escaped) {
		p, err = httpkit.SplitDavPath("", escaped)
		return p, "", err
	}
	prefix = m.path
	if m.uploads {
		return p, prefix, errs.New("dav.path", errs.NotFound, "", "uploads are no tree")
	}
	if m.login {
		if prefix, err = loginPrefix(m, who, escaped); err != nil {
			return p, prefix, err
		}
	}
	p, err = httpkit.SplitDavPath(prefix, escaped)
	return p, prefix, err
}

// loginPrefix is the prefix of a tree that hangs below its caller's login.
func loginPrefix(m *mount, who auth.Principal, escaped string) (string, error) {
	segment, _, _ := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(escaped, m.path), "/"), "/")
	name, err := url.PathUnescape(segment)
	switch {
	case err != nil:
		return "", errs.New("dav.path", errs.Invalid, errs.BadName, "a percent sign in the path is not followed by two hex digits")
	case name == "" || !strings.EqualFold(name, who.User):
		return "", errs.New("dav.path", errs.NotFound, "", "this is not your tree")
	}
	return m.path + "/" + segment, nil
}

// challenges are the schemes that a mount's 401 names, one header each.
func (m *mount) challenges() []string {
	if m.bearer {
		return []string{`Bearer realm="Entrepot"`}
	}
	return []string{`Basic realm="Entrepot", charset="UTF-8"`, `Bearer realm="Entrepot"`}
}

// appendHref appends the path of ref in the spelling of the request: with its
// account where the request named one, or where it is not the caller's own; at
// the request's mount where that reaches it.
func (f *Face) appendHref(out []byte, q *request, ref gateway.Ref) []byte {
	named := ref.Account != q.who.Account || (q.named && ref.Account == q.ref.Account)
	prefix := q.prefix
	if q.mount.uploads && ref.Container == gateway.UploadsContainer {
		return httpkit.AppendDavHref(out, prefix, false, uploadRef(ref))
	}
	if part := q.mount.part; part != "" && (named || ref.Container != part) {
		prefix = f.cfg.Prefix
	}
	return httpkit.AppendDavHref(out, prefix, named, ref)
}

// request begins the decoding of a request.
func (f *Face) request(w http.ResponseWriter, r *http.Request) *request {
	return &request{w: w, r: r, who: auth.PrincipalOf(r.Context()), mount: f.mountOf(r.URL.EscapedPath()), prefix: f.cfg.Prefix}
}
