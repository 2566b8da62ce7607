package dav

import (
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"entrepot/gateway"
	"entrepot/gateway/errs"
)

// davSchemes are the schemes under which clients name this server: TLS ends
// in a proxy as often as here, and some clients send a scheme of their own.
const davSchemes = " http https dav davs webdav webdavs "

// localPath returns the escaped path of an absolute URI or absolute path that
// names this server. errs.Invalid: no such URL; with foreignURL as the reason:
// another server's.
func (f *Face) localPath(r *http.Request, raw string) (string, error) {
	raw = strings.TrimSpace(raw)
	if strings.ContainsAny(raw, "?#") {
		return "", badHeader("a URL in the header has a query or a fragment")
	}
	u, err := url.Parse(raw)
	if err != nil || u.Opaque != "" || !strings.HasPrefix(u.Path, "/") {
		return "", badHeader("a URL in the header is neither absolute nor an absolute path")
	}
	if u.Scheme == "" && u.Host == "" {
		return u.EscapedPath(), nil
	}
	if !strings.Contains(davSchemes, " "+u.Scheme+" ") || !f.ourHost(r, u.Host) {
		return "", errs.New("dav.authority", errs.Invalid, foreignURL, "a URL in the header names another server")
	}
	return u.EscapedPath(), nil
}

// ourHost tells whether an authority is one of this server's names: the
// request's, a configured one, or the one that a trusted proxy was asked for.
func (f *Face) ourHost(r *http.Request, host string) bool {
	host = plainHost(host)
	if host == "" {
		return false
	}
	if host == plainHost(r.Host) {
		return true
	}
	for _, public := range f.cfg.PublicHosts {
		if host == plainHost(public) {
			return true
		}
	}
	forwarded := r.Header.Get("X-Forwarded-Host")
	if forwarded == "" {
		return false
	}
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil || !f.cfg.TrustedProxies.Contains(peer.Addr()) {
		return false
	}
	first, _, _ := strings.Cut(forwarded, ",")
	return host == plainHost(first)
}

// ownOrigin tells whether the Origin of a browser's request is one of this
// server's names.
func (f *Face) ownOrigin(r *http.Request, origin string) bool {
	_, err := f.localPath(r, origin+"/")
	return err == nil && strings.Contains(origin, "://")
}

// plainHost makes authorities comparable: letter case and default ports are
// taken off.
func plainHost(host string) string {
	host = strings.ToLower(strings.TrimSpace(host))
	host = strings.TrimSuffix(host, ":80")
	return strings.TrimSuffix(strings.TrimSuffix(host, ":443"), ":")
}

// destination decodes the Destination header of COPY and MOVE (RFC 4918
// section 10.3). errs.Invalid: 400, with the reason foreignURL 502. A slash at
// its end is dropped.
func (f *Face) destination(q *request) (gateway.Ref, error) {
	values := q.r.Header.Values("Destination")
	if len(values) != 1 {
		return gateway.Ref{}, badHeader("the request needs one Destination header")
	}
	return f.resolveURL(q, values[0])
}

// resolveURL turns a URL of a header into the ref it names.
func (f *Face) resolveURL(q *request, raw string) (gateway.Ref, error) {
	path, err := f.localPath(q.r, raw)
	if err != nil {
		return gateway.Ref{}, err
	}
	p, _, err := f.split(q.who, path)
	switch {
	case errs.Of(err) == errs.NotFound:
		return gateway.Ref{}, errs.New("dav.authority", errs.Invalid, foreignURL, "a URL in the header lies outside this tree")
	case err != nil:
		return gateway.Ref{}, badHeader(errs.TextOf(err))
	}
	return q.own(p)
}

// conditions decodes the headers that make the request depend on what it
// finds: If, If-Match, If-None-Match and If-Unmodified-Since (RFC 4918 section
// 10.4, RFC 9110 section 13.1). Dates that cannot be read are ignored.
func (f *Face) conditions(q *request) (gateway.Conditions, error) {
	h := q.r.Header
	c := gateway.Conditions{
		Drive:       true,
		IfMatch:     parseETags(h["If-Match"], false),
		IfNoneMatch: parseETags(h["If-None-Match"], true),
	}
	if c.IfMatch == nil {
		if v := h.Get("If-Unmodified-Since"); v != "" {
			c.IfUnmodifiedSince, _ = http.ParseTime(v)
		}
	}
	values := h["If"]
	if len(values) == 0 {
		return c, nil
	}
	lists, err := parseIf(values)
	if err != nil {
		return c, err
	}
	c.Tokens = submitted(lists)
	for _, l := range lists {
		c.Lists = append(c.Lists, f.conditionList(q, l))
	}
	return c, nil
}

// conditionList resolves the tag of a list. A tag that names nothing here
// makes the list false, and never fails the request.
func (f *Face) conditionList(q *request, l ifList) gateway.ConditionList {
	out := gateway.ConditionList{Conditions: l.conditions}
	if !l.tagged {
		return out
	}
	ref, err := f.resolveURL(q, l.tag)
	if err != nil {
		out.Foreign = true
		return out
	}
	ref = f.resolve(q.ctx(), ref)
	out.Ref = &ref
	return out
}
