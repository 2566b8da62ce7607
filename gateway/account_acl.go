package gateway

import (
	"strings"

	"entrepot/auth"
	"entrepot/gateway/errs"
	"entrepot/store"
)

// An AccountACL is the access list of a whole account, in three grades. Its
// elements are those of a container's list: "account" and "account:user".
type AccountACL struct {
	Admin     []string // as an owner, but for its users
	ReadWrite []string // makes, changes and deletes containers and objects, not their access lists
	ReadOnly  []string // reads and lists everything
}

// Limits of an account's access list.
const (
	maxAccountACL     = 200  // elements
	maxAccountACLText = 8192 // bytes
)

// Empty tells whether nobody is named.
func (l AccountACL) Empty() bool { return len(l.Admin)+len(l.ReadWrite)+len(l.ReadOnly) == 0 }

func (l AccountACL) check() error {
	size, n := 0, 0
	for _, list := range [][]string{l.Admin, l.ReadWrite, l.ReadOnly} {
		for _, element := range list {
			size, n = size+len(element), n+1
			if element == "" || strings.ContainsAny(element, ",\r\n\x00") {
				return errs.New("accounts", errs.Invalid, errs.BadACL, "An element of the access list cannot be a name.")
			}
		}
	}
	if n > maxAccountACL || size > maxAccountACLText {
		return errs.New("accounts", errs.Invalid, errs.BadACL, "The access list is too long.")
	}
	return nil
}

func (l *AccountACL) apply(a *store.Account, now store.Stamp) error {
	if l == nil {
		return nil
	}
	if err := l.check(); err != nil {
		return err
	}
	a.Admins, a.Writers, a.Readers = l.Admin, l.ReadWrite, l.ReadOnly
	a.ListsSet = a.ListsSet.After(now)
	return nil
}

// accessTo is accountAccess with what the account's own list gives.
func accessTo(p auth.Principal, a *store.Account) Access {
	return accountAccess(p, a.Name).or(listedAccess(p, a))
}

// listedAccess is what the access list of an account gives. A caller who is
// limited to a folder has what the user has by role, and nothing by lists of
// accounts.
func listedAccess(p auth.Principal, a *store.Account) Access {
	named := func(list []string) bool { return len(list) > 0 && acl{groups: list, set: a.ListsSet}.names(p) }
	switch {
	case p.Scope != nil || p.Suspended || len(a.Admins)+len(a.Writers)+len(a.Readers) == 0:
		return Access{}
	case named(a.Admins):
		return Access{Read: true, List: true, Write: true, Make: true, Owner: true}
	case named(a.Writers):
		return Access{Read: true, List: true, Write: true, Make: true}
	case named(a.Readers):
		return Access{Read: true, List: true}
	}
	return Access{}
}

// or joins two accesses.
func (a Access) or(b Access) Access {
	return Access{
		Read: a.Read || b.Read, List: a.List || b.List, Write: a.Write || b.Write, Make: a.Make || b.Make, Owner: a.Owner || b.Owner,
	}
}

// mayMake refuses callers who neither own the container nor may make
// containers of its account.
func (s *scope) mayMake(p auth.Principal) error {
	if err := s.notReplica(); err != nil {
		return err
	}
	return s.need(p, s.access.Owner || s.access.Make, false)
}

// plain leaves out of a change what belongs to owners only: access lists and
// the keys of temporary URLs.
func (ch ContainerChange) plain() ContainerChange {
	ch.ReadACL, ch.WriteACL = nil, nil
	rest := make(Properties, len(ch.Properties))
	for name, value := range ch.Properties {
		if !isSigningKey(name) {
			rest[name] = value
		}
	}
	ch.Properties = rest
	return ch
}

func isSigningKey(name string) bool {
	for _, key := range signingKeys {
		if name == key {
			return true
		}
	}
	return false
}
