package dav

import (
	"errors"
	"io"
	"net/http"
	"slices"

	"entrepot/gateway/errs"
)

// Limits of what a body may ask for.
const (
	maxPropNames  = 1_000     // properties named in one PROPFIND or PROPPATCH
	maxOwnerBytes = 16 * 1024 // owner element of a lock
)

// A propName is the expanded name of a property.
type propName struct{ space, local string }

// A findMode is which properties a PROPFIND asks for.
type findMode uint8

const (
	findAll   findMode = iota // allprop, and what include names
	findNames                 // propname
	findProp                  // prop
)

// A findBody is the decoded body of PROPFIND.
type findBody struct {
	mode  findMode
	names []propName // each once, in the order asked
}

// A patchItem is one property of one instruction of a PROPPATCH.
type patchItem struct {
	name   propName
	remove bool
	elem   *element
	known  bool // it sets what the resource has: nothing changes
}

// A lockBody is the decoded body of LOCK.
type lockBody struct {
	exclusive bool
	owner     []byte // owner element, self-contained; nil when absent
}

// readXML reads and parses the request's body within limit bytes; nil for an
// empty one.
func readXML(r *http.Request, limit int64) (*element, error) {
	if r.Body == nil || r.ContentLength == 0 {
		return nil, nil
	}
	if r.ContentLength > limit {
		return nil, errs.New("dav.xml", errs.TooLarge, "", "the XML body is too large")
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, limit+1))
	if err != nil {
		return nil, readFailure(err)
	}
	if int64(len(body)) > limit {
		return nil, errs.New("dav.xml", errs.TooLarge, "", "the XML body is too large")
	}
	return parseXML(body)
}

// readFailure classifies a failed read of a request body.
func readFailure(err error) error {
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return errs.Wrap("dav.body", errs.TooLarge, "", err)
	case errs.Of(err) != errs.Other && errs.Of(err) != errs.Canceled:
		return err
	}
	return &errs.Error{Op: "dav.body", Kind: errs.Incomplete, Text: "the body ended early", Err: err}
}

// decodePropfind reads RFC 4918 section 14.20's element. No body means
// allprop; elements that are not known are ignored (section 17).
func decodePropfind(root *element) (findBody, error) {
	if root == nil {
		return findBody{mode: findAll}, nil
	}
	if !root.is("propfind") {
		return findBody{}, badXML("the body is not a propfind element", nil)
	}
	prop, all, names := root.child("prop"), root.child("allprop"), root.child("propname")
	switch {
	case prop != nil && all == nil && names == nil:
		list, err := propNames(prop)
		return findBody{mode: findProp, names: list}, err
	case prop == nil && all != nil && names == nil:
		b := findBody{mode: findAll}
		var err error
		if include := root.child("include"); include != nil {
			b.names, err = propNames(include)
		}
		return b, err
	case prop == nil && all == nil && names != nil:
		return findBody{mode: findNames}, nil
	}
	return findBody{}, badXML("a propfind element holds exactly one of prop, allprop and propname", nil)
}

// propNames returns the names of e's children, each once. What the children
// contain is ignored.
func propNames(e *element) ([]propName, error) {
	var list []propName
	for c := range e.elements {
		name := propName{c.space, c.local}
		if slices.Contains(list, name) {
			continue
		}
		if len(list) == maxPropNames {
			return nil, badXML("too many properties are named", nil)
		}
		list = append(list, name)
	}
	return list, nil
}

// decodeProppatch reads RFC 4918 section 14.19's element into its
// instructions, in document order.
func decodeProppatch(root *element) ([]patchItem, error) {
	if root == nil || !root.is("propertyupdate") {
		return nil, badXML("the body is not a propertyupdate element", nil)
	}
	var items []patchItem
	for instr := range root.elements {
		if !instr.is("set") && !instr.is("remove") {
			continue
		}
		for prop := range instr.elements {
			if !prop.is("prop") {
				continue
			}
			for e := range prop.elements {
				items = append(items, patchItem{name: propName{e.space, e.local}, remove: instr.is("remove"), elem: e})
			}
		}
	}
	switch {
	case len(items) == 0:
		return nil, badXML("the propertyupdate element changes nothing", nil)
	case len(items) > maxPropNames:
		return nil, badXML("too many properties are named", nil)
	}
	return items, nil
}

// decodeLock reads RFC 4918 section 14.11's element.
func decodeLock(root *element) (lockBody, error) {
	if !root.is("lockinfo") {
		return lockBody{}, badXML("the body is not a lockinfo element", nil)
	}
	scope, kind := root.child("lockscope"), root.child("locktype")
	if scope == nil || kind == nil || kind.child("write") == nil {
		return lockBody{}, badXML("a lockinfo element needs a lockscope and the locktype write", nil)
	}
	exclusive := scope.child("exclusive") != nil
	if exclusive == (scope.child("shared") != nil) {
		return lockBody{}, badXML("a lockscope is either exclusive or shared", nil)
	}
	body := lockBody{exclusive: exclusive}
	if owner := root.child("owner"); owner != nil {
		body.owner = append(body.owner, `<D:owner xmlns:D="DAV:">`...)
		body.owner = append(body.owner, owner.inner()...)
		body.owner = append(body.owner, "</D:owner>"...)
		if len(body.owner) > maxOwnerBytes {
			return lockBody{}, errs.New("dav.xml", errs.TooLarge, "", "the owner element is too large")
		}
	}
	return body, nil
}
