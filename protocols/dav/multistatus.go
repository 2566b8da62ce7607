package dav

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"entrepot/gateway"
)

// How every answer in XML begins. Old Windows redirectors ignore elements in
// a default namespace, so the prefix D: is bound once and used throughout;
// and they refuse listings above a megabyte, so nothing is indented.
const (
	xmlType      = "application/xml; charset=utf-8"
	xmlHeader    = `<?xml version="1.0" encoding="utf-8"?>`
	multiOpen    = xmlHeader + `<D:multistatus xmlns:D="DAV:">`
	multiClose   = `</D:multistatus>`
	propstatOpen = `<D:propstat><D:prop>`
	status200    = `</D:prop><D:status>HTTP/1.1 200 OK</D:status></D:propstat>`
	status404    = `</D:prop><D:status>HTTP/1.1 404 Not Found</D:status></D:propstat>`
)

// A view is one PROPFIND being answered: what was asked, and what all its
// responses share.
type view struct {
	face    *Face
	req     *request
	now     time.Time
	mode    findMode
	wanted  []wanted // named properties; of allprop the included ones
	minimal bool     // no propstat for what is absent
	href    string   // of the one resource of an answer outside the tree

	quotas map[gateway.Ref]gateway.Quota // by container or account, for this answer
	err    error                         // first failure of a lookup that a property needed
}

// wanted is a property asked for by name, with its encoder when it is live.
type wanted struct {
	name propName
	live *liveProp
}

// newView prepares an answer to body.
func (f *Face) newView(q *request, body findBody) *view {
	v := &view{face: f, req: q, now: f.now(), mode: body.mode, minimal: wantsMinimal(q.r.Header)}
	for _, name := range body.names {
		live := findLive(name)
		if live != nil && live.all && body.mode == findAll {
			continue
		}
		v.wanted = append(v.wanted, wanted{name, live})
	}
	return v
}

// parts tells which costly parts of nodes the answer needs.
func (v *view) parts() gateway.NodeParts {
	p := gateway.NodeParts{Props: v.mode != findProp, User: v.mode != findProp, Locks: v.mode == findAll}
	for _, want := range v.wanted {
		p.Props = p.Props || want.live == nil
		p.User = p.User || want.name.space == nsUser
		p.Locks = p.Locks || (want.live != nil && want.live.locks)
	}
	return p
}

// quota returns the room that a collection shows (RFC 4331). All folders of a
// container share one lookup.
func (v *view) quota(n *gateway.Node) (gateway.Quota, bool) {
	if !n.Folder() || n.Ref.Account == "" || v.err != nil {
		return gateway.Quota{}, false
	}
	key := gateway.Ref{Account: n.Ref.Account, Container: n.Ref.Container}
	if q, ok := v.quotas[key]; ok {
		return q, true
	}
	q, err := v.face.trees.Quota(v.ctx(), key)
	if err != nil {
		v.err = err
		return q, false
	}
	if v.quotas == nil {
		v.quotas = map[gateway.Ref]gateway.Quota{}
	}
	v.quotas[key] = q
	return q, true
}

func (v *view) ctx() context.Context { return v.req.ctx() }

// appendResponse appends the response element of one node.
func (v *view) appendResponse(out []byte, n *gateway.Node) []byte {
	out = append(out, "<D:response><D:href>"...)
	if v.href != "" {
		out = appendText(out, v.href)
	} else {
		out = v.face.appendHref(out, v.req, n.Ref)
	}
	out = append(out, "</D:href>"...)
	switch v.mode {
	case findNames:
		out = v.appendNames(out, n)
	case findAll:
		out = v.appendAll(out, n)
	default:
		out = v.appendNamed(out, n)
	}
	return append(out, "</D:response>"...)
}

// appendNames lists the names of what a node has.
func (v *view) appendNames(out []byte, n *gateway.Node) []byte {
	out = append(out, propstatOpen...)
	for i := range liveProps {
		mark := len(out)
		var ok bool
		if out, ok = liveProps[i].value(out, v, n); !ok {
			out = out[:mark]
			continue
		}
		out = appendEmpty(out[:mark], liveProps[i].name)
	}
	for _, p := range userProps(n) {
		out = appendEmpty(out, propName{p.Space, p.Name})
	}
	for i := range n.Props {
		out = appendEmpty(out, propName{n.Props[i].Space, n.Props[i].Name})
	}
	return append(out, status200...)
}

// appendAll appends the properties of allprop and what include named.
func (v *view) appendAll(out []byte, n *gateway.Node) []byte {
	out = append(out, propstatOpen...)
	for i := range liveProps {
		if liveProps[i].all {
			out, _ = liveProps[i].value(out, v, n)
		}
	}
	for _, p := range userProps(n) {
		out = appendDead(out, &p)
	}
	for i := range n.Props {
		out = appendDead(out, &n.Props[i])
	}
	for _, want := range v.wanted {
		if want.live != nil {
			out, _ = want.live.value(out, v, n)
		}
	}
	return append(out, status200...)
}

// appendNamed appends the properties asked for by name: the found ones, then
// the absent ones.
func (v *view) appendNamed(out []byte, n *gateway.Node) []byte {
	mark := len(out)
	out = append(out, propstatOpen...)
	start := len(out)
	missing := 0
	for i := range v.wanted {
		var ok bool
		if out, ok = v.wanted[i].appendValue(out, v, n); !ok {
			missing++
		}
	}
	if len(out) == start && missing > 0 && !v.minimal {
		out = out[:mark] // nothing found: no empty propstat beside the 404
	} else {
		out = append(out, status200...)
	}
	if missing == 0 || v.minimal {
		return out
	}
	out = append(out, propstatOpen...)
	for i := range v.wanted {
		end := len(out)
		var found bool
		if out, found = v.wanted[i].appendValue(out, v, n); found {
			out = out[:end]
			continue
		}
		out = appendEmpty(out[:end], v.wanted[i].name)
	}
	return append(out, status404...)
}

// appendValue appends the property's element where the node has it.
func (w *wanted) appendValue(out []byte, v *view, n *gateway.Node) ([]byte, bool) {
	if w.live != nil {
		return w.live.value(out, v, n)
	}
	if w.name.space == nsUser {
		if p, ok := userProp(n, w.name.local); ok {
			return appendDead(out, &p), true
		}
	}
	for i := range n.Props {
		if n.Props[i].Name == w.name.local && n.Props[i].Space == w.name.space {
			return appendDead(out, &n.Props[i]), true
		}
	}
	return out, false
}

// appendEmpty appends an element without content.
func appendEmpty(out []byte, name propName) []byte {
	out = appendOpen(append(out, '<'), name)
	return append(out, "/>"...)
}

// appendOpen appends an element's name with the declaration that it needs.
func appendOpen(out []byte, name propName) []byte {
	out = appendName(out, namePrefix(name.space), name.local)
	if namePrefix(name.space) == "x" {
		out = append(out, ` xmlns:x="`...)
		out = appendAttrValue(out, name.space)
		out = append(out, '"')
	}
	return out
}

// namePrefix returns the prefix that an element of the answer has.
func namePrefix(space string) string {
	switch space {
	case "":
		return ""
	case nsDAV:
		return "D"
	case nsXML:
		return "xml"
	}
	return "x"
}

// appendDead appends a dead property as it was stored.
func appendDead(out []byte, p *gateway.DeadProp) []byte {
	name := propName{p.Space, p.Name}
	out = appendOpen(append(out, '<'), name)
	if p.Lang != "" {
		out = append(out, ` xml:lang="`...)
		out = appendAttrValue(out, p.Lang)
		out = append(out, '"')
	}
	if len(p.Value) == 0 {
		return append(out, "/>"...)
	}
	out = append(append(out, '>'), p.Value...)
	out = append(out, "</"...)
	out = appendName(out, namePrefix(p.Space), p.Name)
	return append(out, '>')
}

// sendXML writes a whole answer.
func sendXML(w http.ResponseWriter, status int, body []byte) {
	h := w.Header()
	h.Set("Content-Type", xmlType)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	w.Write(body) //nolint:errcheck // nobody is left to tell
}
