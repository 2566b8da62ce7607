package dav

import (
	"html"
	"net/http"
	"strconv"

	"entrepot/gateway"
	"entrepot/protocols/internal/httpkit"
)

// index answers GET of a folder with a page of links, for browsers and for
// programs such as lftp that read them. It streams like a listing.
func (f *Face) index(q *request, node gateway.Node) error {
	h := q.w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'")
	h["Last-Modified"] = []string{httpkit.HTTPDate(node.Modified)}
	if q.r.Method == http.MethodHead {
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Vary", "Accept-Encoding")
		q.w.WriteHeader(http.StatusOK)
		return nil
	}
	answer := f.listing(q, http.StatusOK)
	defer answer.close()
	out := appendIndexHead(nil, &node)
	err := f.members(q.ctx(), node.Ref, gateway.ListTree{}, func(nodes []gateway.Node, last bool) error {
		for i := range nodes {
			out = appendIndexRow(out, &nodes[i])
		}
		if last {
			out = append(out, "</ul></body></html>\n"...)
		}
		if err := answer.page(out, last); err != nil {
			panic(http.ErrAbortHandler)
		}
		out = out[:0]
		return nil
	})
	if err != nil {
		return abortIf(answer.sent, err)
	}
	return nil
}

func appendIndexHead(out []byte, n *gateway.Node) []byte {
	title := html.EscapeString(n.Name())
	out = append(out, `<!DOCTYPE html><html><head><meta charset="utf-8"><title>`...)
	out = append(append(out, title...), "</title></head><body><h1>"...)
	out = append(append(out, title...), "</h1><ul>\n"...)
	if n.Kind != gateway.NodeRoot {
		out = append(out, "<li><a href=\"../\">../</a></li>\n"...)
	}
	return out
}

// appendIndexRow appends a relative link to one member.
func appendIndexRow(out []byte, n *gateway.Node) []byte {
	name := n.Name()
	out = append(out, `<li><a href="`...)
	out = httpkit.AppendDavSegment(out, name)
	slash := ""
	if n.Folder() {
		slash = "/"
	}
	out = append(append(out, slash...), `">`...)
	out = append(append(append(out, html.EscapeString(name)...), slash...), "</a>"...)
	if !n.Folder() {
		out = append(out, ' ')
		out = strconv.AppendInt(out, n.Object.Size, 10)
		out = append(out, ' ')
		out = n.Modified.UTC().AppendFormat(out, "2006-01-02 15:04")
	}
	return append(out, "</li>\n"...)
}
