package gateway

import (
	"errors"

	"entrepot/auth"
	"entrepot/gateway/errs"
	"entrepot/store"
)

// scope is what every decision about a container or its objects looks at.
type scope struct {
	account   store.Account
	container store.Container
	depot     store.Depot
	hasDepot  bool
	access    Access
	readOnly  bool // the store takes no changes from the caller
	replica   bool // of a container that the caller could change were it none

	// way is the folder of a caller who is limited to one, where the scope
	// was loaded for a name that leads there; wayOpen, that it may go on.
	way     string
	wayOpen bool
}

// load reads the account and container of ref with the caller's access, and in
// the same round trip whatever more adds, given the container's ID. It fails
// when the container is missing: NotFound for callers who may list the
// account, a refusal for others, so that foreign names cannot be probed.
func (c *core) load(v *store.View, p auth.Principal, ref Ref, more func(b *store.Batch, id uint64)) (scope, error) {
	name := [2]string{ref.Account, ref.Container}
	if h, ok := c.hints.Get(name); ok {
		s, id, err := c.loadHinted(v, ref, h, more)
		if err != nil {
			return scope{}, err
		}
		if id == h.id && s.container.ID == h.id && s.container.Depot == h.depot && h.quota == (s.account.Quota != 0) {
			s.readOnly = c.readOnly(p, ref.Account)
			if err := c.loadArchive(v, &s); err != nil {
				return scope{}, err
			}
			if s.archived() != h.archive {
				h.archive = s.archived()
				c.hints.Add(name, h)
			}
			return s, s.grant(p, ref)
		}
		c.hints.Remove(name)
	}
	var s scope
	var id uint64
	var found bool
	b := v.Batch()
	b.Account(ref.Account, &s.account, &found)
	b.ContainerID(ref.Account, ref.Container, &id)
	if err := b.Do(); err != nil {
		return scope{}, err
	}
	if !found {
		return scope{}, missingAccount(p, ref.Account)
	}
	if err := usable(p, &s.account); err != nil {
		return scope{}, err
	}
	if id == 0 {
		return s, noContainer(p, &s.account)
	}
	b.Container(id, &s.container, &found)
	if more != nil {
		more(b, id)
	}
	if err := b.Do(); err != nil {
		return scope{}, err
	}
	if !found {
		return scope{}, errs.Wrap("gateway", errs.Other, "", errors.New("container name without a container"))
	}
	b.Depot(s.container.Depot, &s.depot, &s.hasDepot)
	if err := b.Do(); err != nil {
		return scope{}, err
	}
	if err := c.loadArchive(v, &s); err != nil {
		return scope{}, err
	}
	c.hints.Add(name, hint{id: id, depot: s.container.Depot, quota: s.account.Quota != 0, archive: s.archived()})
	s.readOnly = c.readOnly(p, ref.Account)
	return s, s.grant(p, ref)
}

// loadHinted reads everything at once, guessing the container.
func (c *core) loadHinted(v *store.View, ref Ref, h hint, more func(*store.Batch, uint64)) (s scope, id uint64, err error) {
	var foundAccount, found bool
	b := v.Batch()
	b.Account(ref.Account, &s.account, &foundAccount)
	b.ContainerID(ref.Account, ref.Container, &id)
	b.Container(h.id, &s.container, &found)
	b.Depot(h.depot, &s.depot, &s.hasDepot)
	if more != nil {
		more(b, h.id)
	}
	err = b.Do()
	if !foundAccount || !found {
		id = 0
	}
	return s, id, err
}

// loadAccount reads an account and what the caller may do with it as a whole.
func (c *core) loadAccount(v *store.View, p auth.Principal, name string) (store.Account, Access, error) {
	a, found, err := v.Account(name)
	if err != nil {
		return a, Access{}, err
	}
	if !found {
		return a, Access{}, missingAccount(p, name)
	}
	return a, accessTo(p, &a), usable(p, &a)
}

func missingAccount(p auth.Principal, name string) error {
	if home, n := splitStore(name); n != 0 && accountAccess(p, home).List {
		return errs.New("gateway", errs.NotFound, errs.NoContainer, "") // a store in which nothing was made yet
	}
	if knowsAccounts(p) {
		return errs.New("gateway", errs.NotFound, errs.NoAccount, "")
	}
	return refuse(p)
}

// noContainer is the answer where an account has no such container: NotFound
// for callers who may list the account, a refusal for others.
func noContainer(p auth.Principal, a *store.Account) error {
	return absentContainer(p, a.Name, accessTo(p, a))
}

func absentContainer(p auth.Principal, account string, access Access) error {
	if access.List || p.Grant != nil && p.Grant.Account == account {
		return errs.New("gateway", errs.NotFound, errs.NoContainer, "")
	}
	return refuse(p)
}

// refuse is the answer to a caller without the right: who is not known may
// still prove who they are.
func refuse(p auth.Principal) error {
	if p.Anonymous() {
		return errs.New("gateway", errs.Unauthenticated, "", "")
	}
	if p.Scope != nil {
		return errOutOfScope
	}
	return errs.New("gateway", errs.Forbidden, "", "")
}
