package dav

import (
	"context"
	"strings"

	"golang.org/x/text/unicode/norm"

	"entrepot/gateway"
	"entrepot/gateway/errs"
)

// One name may be spelled in several ways in Unicode: macOS sends decomposed
// names for what others stored composed. Names are stored as they are sent, and
// each segment of a path may have another form; what is looked for is found
// whatever its form. A path without such names costs nothing.

// stat finds the node of ref under any spelling of its segments, its own first.
// It returns the ref under which the node is stored; errs.NotFound when there
// is none.
func (f *Face) stat(ctx context.Context, ref gateway.Ref, parts gateway.NodeParts) (gateway.Node, gateway.Ref, error) {
	node, err := f.trees.Stat(ctx, ref, parts)
	if errs.Of(err) != errs.NotFound {
		return node, ref, err
	}
	for _, other := range f.otherSpellings(ctx, ref) {
		if node, oerr := f.trees.Stat(ctx, other, parts); oerr == nil {
			return node, other, nil
		}
	}
	return node, ref, err
}

// otherSpellings returns where else a node may be stored that is not at ref:
// with the whole path composed or decomposed, and in its parent as that is
// stored, which is looked for in the same way.
func (f *Face) otherSpellings(ctx context.Context, ref gateway.Ref) []gateway.Ref {
	spellings := otherForms(ref)
	if len(spellings) == 0 {
		return nil
	}
	object, slash := strings.CutSuffix(ref.Object, "/")
	parent, leaf := splitLeaf(gateway.Ref{Account: ref.Account, Container: ref.Container, Object: object})
	if len(otherForms(parent)) == 0 {
		return spellings // they differ in the last segment only
	}
	_, stored, err := f.stat(ctx, parent, gateway.NodeParts{})
	switch {
	case errs.Of(err) == errs.NotFound:
		return nil // nor is anything below it, in whatever spelling
	case err != nil:
		return spellings
	}
	for _, name := range []string{leaf, norm.NFC.String(leaf), norm.NFD.String(leaf)} {
		at := joinLeaf(stored, name)
		if slash {
			at.Object += "/"
		}
		spellings = append(spellings, at)
	}
	return spellings
}

// resolve replaces the request's ref by the spelling that is stored: its own,
// else that of its parent.
func (f *Face) resolve(ctx context.Context, ref gateway.Ref) gateway.Ref {
	if len(otherForms(ref)) == 0 {
		return ref
	}
	_, found, err := f.stat(ctx, ref, gateway.NodeParts{})
	if errs.Of(err) != errs.NotFound {
		return found
	}
	parent, leaf := splitLeaf(ref)
	if len(otherForms(parent)) == 0 {
		return ref
	}
	if _, found, err = f.stat(ctx, parent, gateway.NodeParts{}); err != nil {
		return ref
	}
	return joinLeaf(found, leaf)
}

// otherForms returns the composed and the decomposed spelling of a ref where
// they differ from it.
func otherForms(ref gateway.Ref) []gateway.Ref {
	if ascii(ref.Container) && ascii(ref.Object) {
		return nil
	}
	var forms []gateway.Ref
	for _, form := range []norm.Form{norm.NFC, norm.NFD} {
		other := gateway.Ref{Account: ref.Account, Container: form.String(ref.Container), Object: form.String(ref.Object)}
		if other != ref {
			forms = append(forms, other)
		}
	}
	return forms
}

func ascii(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

// splitLeaf cuts the last segment off a ref without a slash at its end.
func splitLeaf(ref gateway.Ref) (parent gateway.Ref, leaf string) {
	if ref.Object == "" {
		return gateway.Ref{Account: ref.Account}, ref.Container
	}
	i := strings.LastIndexByte(ref.Object, '/')
	parent = gateway.Ref{Account: ref.Account, Container: ref.Container, Object: ref.Object[:max(i, 0)]}
	return parent, ref.Object[i+1:]
}

// joinLeaf undoes splitLeaf.
func joinLeaf(parent gateway.Ref, leaf string) gateway.Ref {
	switch {
	case parent.Container == "":
		parent.Container = leaf
	case parent.Object == "":
		parent.Object = leaf
	default:
		parent.Object += "/" + leaf
	}
	return parent
}
