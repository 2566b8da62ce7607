package dav

import (
	"mime"
	"net/http"
	"strings"

	"entrepot/gateway"
	"entrepot/gateway/errs"
)

// mkcol serves MKCOL (RFC 4918 section 9.3), with properties for the new
// folder where the body asks for them (RFC 5689).
func (f *Face) mkcol(q *request) error {
	items, err := f.mkcolItems(q)
	if err != nil {
		return err
	}
	cond, err := f.conditions(q)
	if err != nil {
		return err
	}
	if err := f.mayNameContainers(q.ref); err != nil {
		return err
	}
	patch, verdicts := f.judgeMkcol(items, q.ref.Object == "")
	patch.Conditions = cond
	if failed(verdicts) {
		f.refuseMkcol(q, verdicts)
		return nil
	}
	return f.delegateMkcol(q, f.resolve(q.ctx(), q.ref), patch)
}

// mkcolItems reads the body. One of another kind than RFC 5689's is refused as
// what RFC 4918 says of bodies that a server does not understand: 415.
func (f *Face) mkcolItems(q *request) ([]patchItem, error) {
	if !hasBody(q.r) {
		return nil, nil
	}
	refused := errs.New("dav.mkcol", errs.Invalid, bodyRefused, "the body is not a mkcol element")
	if kind, _, err := mime.ParseMediaType(q.r.Header.Get("Content-Type")); err != nil || kind != "application/xml" && kind != "text/xml" {
		return nil, refused
	}
	root, err := readXML(q.r, f.cfg.MaxXMLBytes)
	if err != nil {
		return nil, err
	}
	if root == nil || !root.is("mkcol") {
		return nil, refused
	}
	return decodeMkcol(root)
}

// judgeMkcol sorts the properties of a new folder as judge does; its
// resourcetype is that of a folder or refused.
func (f *Face) judgeMkcol(items []patchItem, container bool) (gateway.PropPatch, []verdict) {
	var rest []patchItem
	var kind []verdict
	for _, item := range items {
		if item.name != (propName{nsDAV, "resourcetype"}) {
			rest = append(rest, item)
			continue
		}
		v := verdict{name: item.name}
		for c := range item.elem.elements {
			if !c.is("collection") {
				v.status, v.element = http.StatusForbidden, "valid-resourcetype"
			}
		}
		if item.elem.child("collection") == nil {
			v.status, v.element = http.StatusForbidden, "valid-resourcetype"
		}
		kind = append(kind, v)
	}
	patch, verdicts := f.judge(rest, container)
	return patch, append(kind, verdicts...)
}

// refuseMkcol answers that the folder was not made because of its properties
// (RFC 5689 section 3.5).
func (f *Face) refuseMkcol(q *request, verdicts []verdict) {
	out := append([]byte(nil), xmlHeader...)
	out = append(out, `<D:mkcol-response xmlns:D="DAV:">`...)
	out = appendVerdicts(out, verdicts)
	sendXML(q.w, http.StatusForbidden, append(out, "</D:mkcol-response>"...))
}

// decodeMkcol reads RFC 5689 section 5.1's element into instructions.
func decodeMkcol(root *element) ([]patchItem, error) {
	var items []patchItem
	for instr := range root.elements {
		if !instr.is("set") {
			continue
		}
		for prop := range instr.elements {
			if !prop.is("prop") {
				continue
			}
			for e := range prop.elements {
				items = append(items, patchItem{name: propName{e.space, e.local}, elem: e})
			}
		}
	}
	if len(items) > maxPropNames {
		return nil, badXML("too many properties are named", nil)
	}
	return items, nil
}

// compliance is the value of the DAV header. Class 2 is announced only where
// locks can be taken: clients that see it lock before every write.
func (f *Face) compliance() string {
	if f.cfg.ReadOnly {
		return "1"
	}
	return strings.Join(append([]string{"1", "2", "3", "extended-mkcol"}, f.extensions()...), ", ")
}

// extensions are the tokens of what settings switch on.
func (f *Face) extensions() []string {
	if f.cfg.Partial {
		return []string{"sabredav-partialupdate"}
	}
	return nil
}
