package gateway

import (
	"slices"

	"entrepot/auth"
	"entrepot/gateway/errs"
	"entrepot/store"
)

// accountAccess is what a caller may do in an account whatever its containers
// say. A caller who is limited to a folder may do nothing with an account.
func accountAccess(p auth.Principal, account string) Access {
	if p.Scope != nil {
		return Access{}
	}
	return roleAccess(p, account)
}

// roleAccess is accountAccess before the limits of a credential.
func roleAccess(p auth.Principal, account string) Access {
	switch {
	case p.Suspended:
		return Access{}
	case isAdmin(p):
		return Access{Read: true, List: true, Write: true, Owner: true}
	case p.Role == auth.RoleAuditor && p.User != "":
		return Access{Read: true, List: true}
	case p.User == "" || p.Account != homeAccount(account):
		return Access{}
	case p.Role == auth.RoleOwner:
		return Access{Read: true, List: true, Write: true, Owner: true}
	case p.Role == auth.RoleViewer:
		return Access{Read: true, List: true}
	}
	return Access{}
}

// isAdmin tells whether a caller administers the gateway.
func isAdmin(p auth.Principal) bool {
	return p.Role == auth.RoleAdmin && p.User != "" && !p.Suspended
}

// knowsAccounts tells whether a caller may know which accounts there are.
func knowsAccounts(p auth.Principal) bool {
	return isAdmin(p) || p.Role == auth.RoleAuditor && p.User != "" && !p.Suspended
}

// Powers say what a caller may administer, as far as a face must know it to
// choose what it shows. Whether a call is allowed is decided by the call.
type Powers struct {
	Admin bool // every account
	Reads bool // sees every account
	Owner bool // its own account and the users of it
	Known bool // somebody whose account may be used
}

// PowersOf returns what a caller may administer.
func PowersOf(p auth.Principal) Powers {
	return Powers{
		Admin: isAdmin(p), Reads: knowsAccounts(p),
		Owner: p.Account != "" && accountAccess(p, p.Account).Owner, Known: p.User != "" && !p.Suspended,
	}
}

// usable refuses the use of an account that is deleted, or suspended, or by a
// caller whose own is. Administrators reach suspended accounts.
func usable(p auth.Principal, a *store.Account) error {
	switch {
	case a.State == store.AccountDeleted && (knowsAccounts(p) || p.User != "" && p.Account == a.Name):
		return errs.New("gateway", errs.NotFound, errs.AccountDeleted, "The account was deleted.")
	case a.State == store.AccountDeleted:
		return refuse(p)
	case p.Suspended:
		return errSuspended
	case a.State == store.AccountSuspended && !knowsAccounts(p):
		if p.Anonymous() {
			return refuse(p)
		}
		return errSuspended
	}
	return nil
}

var errSuspended = errs.New("gateway", errs.Forbidden, errs.Suspended, "The account is suspended.")

// grant works out the caller's access to what ref names in the container of
// the scope.
func (s *scope) grant(p auth.Principal, ref Ref) error {
	if err := usable(p, &s.account); err != nil {
		return err
	}
	if p.Grant != nil {
		s.access = grantAccess(p.Grant, ref)
	} else {
		s.access = containerAccess(p, &s.container, &s.depot, s.hasDepot).or(listedAccess(p, &s.account))
	}
	if s.readOnly {
		s.access.Write, s.access.Make, s.access.Owner = false, false, false
	}
	if s.container.ReplicaOf != 0 && p.User != replicatorUser {
		s.replica = s.access.Write || s.access.Make || s.access.Owner
		s.access.Write, s.access.Make = false, false
	}
	return s.narrow(p, ref.Object)
}

func containerAccess(p auth.Principal, c *store.Container, d *store.Depot, hasDepot bool) Access {
	a := roleAccess(p, c.Account)
	if a.Owner {
		return a
	}
	if p.User != "" && hasDepot {
		me := store.Fold(p.User)
		if d.Owner != "" && store.Fold(d.Owner) == me {
			return Access{Read: true, List: true, Write: true, Owner: true}
		}
		if c.Creator != "" && store.Fold(c.Creator) == me && authorised(d, me) && c.Created > store.StampOf(p.NameSince) {
			a.Read, a.List, a.Write = true, true, true
		}
	}
	read, list := parseACL(c.ReadACL).writtenAt(c.ReadSet).reads(p)
	a.Read = a.Read || read
	a.List = a.List || list
	a.Write = a.Write || p.User != "" && parseACL(c.WriteACL).writtenAt(c.WriteSet).names(p)
	return a
}

// authorised tells whether a depot's list holds a folded login name.
func authorised(d *store.Depot, folded string) bool {
	return slices.ContainsFunc(d.Users, func(u string) bool { return store.Fold(u) == folded })
}

// mayRead, mayList, mayWrite and mayOwn refuse callers without the right.
func (s *scope) mayRead(p auth.Principal) error { return s.need(p, s.access.Read, true) }
func (s *scope) mayList(p auth.Principal) error { return s.need(p, s.access.List, false) }

// mayStudy is mayList for manifests and reports, which are for callers with
// credentials, also where everybody may list.
func (s *scope) mayStudy(p auth.Principal) error {
	if p.Anonymous() {
		return refuse(p)
	}
	return s.mayList(p)
}
func (s *scope) mayWrite(p auth.Principal) error {
	if p.Scope != nil && p.Scope.ReadOnly {
		return errReadOnly
	}
	if err := s.notReplica(); err != nil {
		return err
	}
	return s.need(p, s.access.Write, true)
}
func (s *scope) mayOwn(p auth.Principal) error { return s.need(p, s.access.Owner, false) }

func (s *scope) need(p auth.Principal, right, content bool) error {
	if !right {
		return refuse(p)
	}
	if content && s.hasDepot && s.depot.Inactive {
		return errs.New("gateway", errs.Forbidden, errs.Inactive, "The depot of this container is deactivated.")
	}
	return nil
}
