package dav

import (
	"net/http"

	"entrepot/gateway"
	"entrepot/gateway/errs"
)

// propfind serves PROPFIND (RFC 4918 section 9.1).
func (f *Face) propfind(q *request) error {
	root, err := readXML(q.r, f.cfg.MaxXMLBytes)
	if err != nil {
		return err
	}
	body, err := decodePropfind(root)
	if err != nil {
		return err
	}
	reach, noroot, err := parseDepth(q.r.Header.Get("Depth"))
	if err != nil {
		return err
	}
	noroot = noroot || (reach != depthZero && prefers(q.r.Header, "depth-noroot"))
	cond, err := f.conditions(q)
	if err != nil {
		return err
	}
	v := f.newView(q, body)
	node, ref, err := f.stat(q.ctx(), q.ref, v.parts())
	if err != nil {
		return err
	}
	if cond.Lists != nil {
		if err := f.trees.Check(q.ctx(), ref, gateway.Conditions{Lists: cond.Lists, Tokens: cond.Tokens}); err != nil {
			return err
		}
	}
	if !node.Folder() {
		reach, noroot = depthZero, false
	}
	if reach == depthInfinity {
		if err := f.finite(q, node.Ref); err != nil {
			return err
		}
	}
	return f.list(v, &node, reach, noroot)
}

// finite refuses trees that are too large to list at once; clients fall back
// to walking them.
func (f *Face) finite(q *request, ref gateway.Ref) error {
	if f.cfg.InfinityLimit > 0 {
		n, err := f.trees.Count(q.ctx(), ref, f.cfg.InfinityLimit)
		if err != nil {
			return err
		}
		if n <= f.cfg.InfinityLimit {
			return nil
		}
	}
	return errs.New("dav.propfind", errs.Forbidden, infiniteDepth, "the tree is too large for Depth: infinity")
}

// list answers with the node and, but for depth 0, its members. What fails
// before the first byte is answered as a failure; what fails later cuts the
// connection, since a client must not take a shorter listing for the whole.
func (f *Face) list(v *view, node *gateway.Node, reach depth, noroot bool) error {
	buffer := f.buffers.Get().(*[]byte)
	out := append((*buffer)[:0], multiOpen...)
	defer func() {
		*buffer = out[:0]
		f.buffers.Put(buffer)
	}()
	if !noroot {
		out = v.appendResponse(out, node)
	}
	answer := f.listing(v.req, http.StatusMultiStatus)
	defer answer.close()
	h := v.req.w.Header()
	h.Set("Content-Type", xmlType)
	preferred(h, v.req.r.Header, "return=minimal")
	if noroot {
		preferred(h, v.req.r.Header, "depth-noroot")
	}
	opt := gateway.ListTree{Recursive: reach == depthInfinity, Parts: v.parts()}
	page := func(nodes []gateway.Node, last bool) error {
		for i := range nodes {
			out = v.appendResponse(out, &nodes[i])
		}
		if v.err != nil || last {
			return v.err
		}
		if err := answer.page(out, false); err != nil {
			panic(http.ErrAbortHandler)
		}
		out = out[:0]
		return nil
	}
	if reach != depthZero {
		if err := f.members(v.ctx(), node.Ref, opt, page); err != nil {
			return abortIf(answer.sent, err)
		}
	}
	if v.err != nil {
		return v.err
	}
	out = append(out, multiClose...)
	if err := answer.page(out, true); err != nil {
		panic(http.ErrAbortHandler)
	}
	return nil
}

// flush pushes out what was written; writers that cannot are left alone.
func flush(w http.ResponseWriter) error {
	if err := http.NewResponseController(w).Flush(); err != nil && !isUnsupported(err) {
		return err
	}
	return nil
}

// abortIf returns err while it can still be answered and cuts the connection
// afterwards.
func abortIf(sent bool, err error) error {
	if sent {
		panic(http.ErrAbortHandler)
	}
	return err
}
