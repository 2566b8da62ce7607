package httpkit

import (
	"net/http"
	"strings"
)

// An Access says what a route asks of its callers before it does anything.
// What a caller who was let in may do is the gateway's decision.
type Access string

// The kinds of access.
const (
	// Public asks for nothing: the answer tells nothing that is anybody's.
	Public Access = "public"
	// Address serves the addresses of a list; it asks for no credentials.
	Address Access = "address"
	// Login takes a name and a password, and gives a token for them.
	Login Access = "login"
	// Caller takes a token or a password, and nobody's rights without: what
	// access lists give everybody.
	Caller Access = "caller"
	// Admin is Caller, and only administrators are served.
	Admin Access = "admin"
	// Signature takes a signed address or form, which decides alone.
	Signature Access = "signature"
	// Entries takes what Caller takes and judges every entry of a list by
	// itself: the answer is a report, which holds the refusals.
	Entries Access = "entries"
	// Proof takes a signed body from listed addresses.
	Proof Access = "proof"
)

// valid tells whether a is one of the kinds.
func (a Access) valid() bool {
	switch a {
	case Public, Address, Login, Caller, Admin, Signature, Entries, Proof:
		return true
	}
	return false
}

// AnyMethod in Rule.Methods stands for every method that no other rule of the
// same path names.
const AnyMethod = "*"

// A Rule is the access rule of some methods of one path.
type Rule struct {
	// Path is the pattern of the path as people write it, with the variable
	// parts in braces: "/v1/AUTH_{account}/{container}". A query that changes
	// what the request does stands behind it: "/v1/AUTH_{account}?bulk-delete".
	Path string
	// Methods are separated by blanks.
	Methods string
	Access  Access
}

// Valid tells whether the rule says everything that it has to.
func (r Rule) Valid() bool {
	return strings.HasPrefix(r.Path, "/") && r.Access.valid() && len(strings.Fields(r.Methods)) > 0
}

// A Ruled handler is one whose routes declare what they ask of callers. The
// front takes no other.
type Ruled struct {
	http.Handler
	Rules []Rule
}

// WithRules declares the rules of all paths and methods that h serves.
func WithRules(h http.Handler, rules ...Rule) *Ruled { return &Ruled{h, rules} }
