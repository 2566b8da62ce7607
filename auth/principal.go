package auth

import (
	"context"
	"net/netip"
	"time"
)

// A Role is what a user is in its account, or over all of them.
type Role string

// The roles. A user has exactly one.
const (
	RoleAdmin   Role = "admin"   // everything, in every account
	RoleAuditor Role = "auditor" // reads every account
	RoleOwner   Role = "owner"   // everything in its own account but making and deleting it
	RoleUser    Role = "user"    // what access lists give
	RoleViewer  Role = "viewer"  // reads its own account
)

// Valid tells whether r is one of the roles.
func (r Role) Valid() bool {
	switch r {
	case RoleAdmin, RoleAuditor, RoleOwner, RoleUser, RoleViewer:
		return true
	}
	return false
}

// limited is the role that a credential for one folder carries: its reach ends
// with the user's own account.
func (r Role) limited() Role {
	switch r {
	case RoleAdmin:
		return RoleOwner
	case RoleAuditor:
		return RoleViewer
	}
	return r
}

// A Scope is what an application password is limited to. The gateway holds
// every call to it.
type Scope struct {
	Credential string // the password's ID, for logs
	Container  uint64 // internal number of the container
	Prefix     string // "": all of it; else only names that begin so; ends in a slash
	ReadOnly   bool
}

// A Principal is who asks: the result of authentication, carried by the
// context to the gateway, which alone decides what it may do. The zero value
// is the anonymous principal.
type Principal struct {
	User    string // login name as stored; "" is anonymous
	Account string // account the user belongs to
	Role    Role
	Groups  []string
	// NameSince and AccountSince are when earlier holders gave up the user's
	// name and the account's: access lists that were written until then do not
	// mean this user. Zero: there was none.
	NameSince, AccountSince time.Time

	// Operator marks the caller of the depot API, who proved the shared salt:
	// it administers depots and nothing else.
	Operator bool

	// Suspended tells that the user's account is suspended: it may do nothing
	// until an administrator lets it again.
	Suspended bool

	// Application is the application that an application password belongs
	// to, or whose API key came beside the user's own credentials; "": none.
	Application string
	// Scope limits an application password; nil: the user's own rights.
	Scope *Scope

	// Keystone tells that the caller logged in through the Identity API, where
	// a star in an access list stands for every project or user.
	Keystone bool

	// Ambient tells that a browser may have added the credentials by itself
	// (Basic, cookies); the faces refuse cross-site changes for these.
	Ambient bool

	// Grant is what a signed URL or form permits; nil: the request carries
	// none. A principal with a grant is anonymous beside it.
	Grant *Grant

	// Address is the client's address after trusted proxies were taken off.
	Address netip.Addr
	// Referer is the host of the request's Referer header, for referrer
	// rules of access lists; "" when absent.
	Referer string
}

// Anonymous tells that nobody was authenticated.
func (p Principal) Anonymous() bool { return p.User == "" && !p.Operator }

type principalKey struct{}

// WithPrincipal returns a context that carries p.
func WithPrincipal(ctx context.Context, p Principal) context.Context {
	return context.WithValue(ctx, principalKey{}, p)
}

// PrincipalOf returns the principal of ctx; the anonymous one when there is
// none, so that forgetting to authenticate denies.
func PrincipalOf(ctx context.Context) Principal {
	p, _ := ctx.Value(principalKey{}).(Principal)
	return p
}
