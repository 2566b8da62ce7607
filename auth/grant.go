package auth

import "strings"

// A Grant is what a signed URL or form permits whoever carries it, and all
// that it permits: a principal with a grant has no other rights.
type Grant struct {
	Account   string // without a prefix of its spelling
	Container string // "": any of the account
	// Object is the one name that the grant is for; with Prefix, all names
	// that begin with it.
	Object string
	Prefix bool
	// Read and Write are what may be done with the objects. Write without
	// Read also lets the caller learn that an object is there (HEAD).
	Read, Write bool
	// Wide tells that a key of the account made the signature: content that
	// the object refers to (segments, the target of a link) may be read
	// anywhere in the account, else only in the same container.
	Wide bool
}

// Covers tells whether the grant is for an object.
func (g *Grant) Covers(account, container, object string) bool {
	if g == nil || g.Account != account || g.Container != container && g.Container != "" || object == "" {
		return false
	}
	if g.Prefix {
		return strings.HasPrefix(object, g.Object)
	}
	return g.Object == object
}

// Referred returns the principal that reads what a granted object refers to:
// for a grant to read, one that may read everything the signing key could have
// granted. Principals without a grant are returned as they are.
func (p Principal) Referred() Principal {
	if p.Grant == nil {
		return p
	}
	g := *p.Grant
	g.Object, g.Prefix, g.Write = "", true, false
	if g.Wide {
		g.Container = ""
	}
	p.Grant = &g
	return p
}
