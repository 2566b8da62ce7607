package gateway

import (
	"context"
	"time"

	"entrepot/auth"
	"entrepot/gateway/errs"
	"entrepot/gateway/names"
	"entrepot/store"
)

// Spaces is what preservation clients see: containers as spaces with one
// access list, their objects as items, of which folder markers are none unless
// they were put as items. The rules are DuraCloud's (DuraCloud REST API).
type Spaces struct{ *core }

// A SpaceStat is a container as such clients see it.
type SpaceStat struct {
	Name    string
	Created time.Time
	// Items counts what the space lists.
	Items int64
	// Access is the caller's.
	Access Access
}

// Create makes a space of which its maker may write to, where ref has none;
// else it changes nothing. Owners of the account, and users whom one of its
// depots authorises; only then is the name judged (names.Space).
func (s *Spaces) Create(ctx context.Context, ref Ref) (created bool, err error) {
	p := auth.PrincipalOf(ctx)
	if err := s.mayCreate(ctx, p, ref); err != nil {
		return false, err
	}
	if err := names.Space(ref.Container); err != nil {
		return false, err
	}
	at, err := s.find(ctx, ref)
	if err != nil || at.container.ID != 0 {
		return false, err
	}
	grants := Grants{store.Fold(p.User): RightWrite}
	if p.Account != homeAccount(ref.Account) {
		grants = Grants{} // an administrator from elsewhere needs none
	}
	change, err := grants.change(&store.Container{Account: ref.Account})
	if err != nil {
		return false, err
	}
	return (&Containers{core: s.core}).Create(ctx, ref, change)
}

// mayCreate refuses callers who may not make a container, or who may not own
// the one that is there.
func (s *Spaces) mayCreate(ctx context.Context, p auth.Principal, ref Ref) error {
	if names.Text(ref.Container) == nil {
		at, err := s.find(ctx, ref)
		if err != nil {
			return err
		}
		if at.container.ID != 0 {
			_, err := s.owned(ctx, p, ref)
			return err
		}
	}
	if _, err := s.depotFor(ctx, p, ref.Account); err != nil {
		return err
	}
	return s.ensureStore(ctx, ref.Account)
}

// spacesPage is how many containers are looked at in one step.
const spacesPage = 1000

// List returns the names of the spaces of an account that the caller may list,
// in byte order. Users of other accounts for whom there is none are refused.
func (s *Spaces) List(ctx context.Context, account string) ([]string, error) {
	p := auth.PrincipalOf(ctx)
	out := []string{}
	for marker := ""; ; {
		var n int
		var page []string
		err := s.store.View(ctx, func(v *store.View) error {
			page, n = nil, 0
			of, found, err := v.Account(account)
			if err != nil || !found {
				return err
			}
			if err := usable(p, &of); err != nil {
				return err
			}
			list, err := containersOf(v, p, account, store.Query{Marker: marker, Limit: spacesPage})
			if n = len(list); err != nil || n == 0 {
				return err
			}
			marker = list[n-1].Container.Name
			page, err = s.listable(v, p, &of, list)
			return err
		})
		out = append(out, page...)
		if err != nil {
			return nil, err
		}
		if n < spacesPage {
			if len(out) == 0 && !p.Anonymous() && !member(p, account) {
				return nil, refuse(p)
			}
			return out, nil
		}
	}
}

// containersOf lists the containers of an account, of which a caller with an
// application password sees only its own.
func containersOf(v *store.View, p auth.Principal, account string, q store.Query) ([]store.NamedContainer, error) {
	if p.Scope != nil {
		return limitedContainers(v, p, account, q)
	}
	return v.Containers(account, q)
}

// member tells whether the caller belongs to the account, or may look into
// every one.
func member(p auth.Principal, account string) bool {
	return p.User != "" && p.Account == homeAccount(account) || accountAccess(p, account).List
}

// listable returns the names of those containers of an account that the caller
// may list.
func (s *Spaces) listable(v *store.View, p auth.Principal, of *store.Account, list []store.NamedContainer) (names []string, err error) {
	depots, found := make([]store.Depot, len(list)), make([]bool, len(list))
	b := v.Batch()
	for i := range list {
		b.Depot(list[i].Container.Depot, &depots[i], &found[i])
	}
	if err := b.Do(); err != nil {
		return nil, err
	}
	for i := range list {
		at := scope{account: *of, container: list[i].Container, depot: depots[i], hasDepot: found[i]}
		switch err := at.grant(p, Ref{Account: at.container.Account, Container: at.container.Name}); {
		case errs.ReasonOf(err) == errs.OutOfScope:
		case err != nil:
			return nil, err
		case at.access.List || at.wayOpen:
			names = append(names, at.container.Name)
		}
	}
	return names, nil
}

// Get returns a space for a caller who may list it.
func (s *Spaces) Get(ctx context.Context, ref Ref) (SpaceStat, error) {
	space, _, err := s.Items(ctx, ref, "", "", 0)
	return space, err
}

// MaxItems is the longest page of Items.
const MaxItems = 1000

// Items returns a space with a page of its items' names: those that begin with
// prefix and are greater than marker, in byte order, at most limit (and
// MaxItems).
func (s *Spaces) Items(ctx context.Context, ref Ref, prefix, marker string, limit int) (SpaceStat, []string, error) {
	p, now := auth.PrincipalOf(ctx), s.now()
	if err := names.Text(ref.Container); err != nil {
		return SpaceStat{}, nil, errNoSpace
	}
	var out SpaceStat
	var items []string
	err := s.store.View(ctx, func(v *store.View) error {
		var objects, markers int64
		at, err := s.load(v, p, ref, func(b *store.Batch, id uint64) {
			b.Count(store.CountContainerObjects, id, &objects)
			b.Count(store.CountContainerMarkers, id, &markers)
		})
		if err != nil {
			return err
		}
		if err := at.mayList(p); err != nil && !at.wayOpen {
			return err
		}
		if p.Scope != nil && p.Scope.Prefix != "" {
			objects, markers = 0, 0
		}
		out = SpaceStat{Name: at.container.Name, Created: at.container.Created.Time(), Items: objects - markers, Access: at.access}
		q := store.Query{Prefix: prefix, Marker: marker, Limit: min(limit, MaxItems), Now: now, Items: true}
		items = []string{}
		return at.cut(v, q, func(l *store.Listed, _ int) error {
			items = append(items, l.Object.Name)
			return nil
		})
	})
	return out, items, err
}

var errNoSpace = errs.New("spaces", errs.NotFound, errs.NoContainer, "")

// Grants returns the access list of a space for a caller who may list it.
func (s *Spaces) Grants(ctx context.Context, ref Ref) (Grants, error) {
	p := auth.PrincipalOf(ctx)
	var out Grants
	err := s.store.View(ctx, func(v *store.View) error {
		at, err := s.load(v, p, ref, nil)
		if err != nil {
			return err
		}
		out = grantsOf(&at.container)
		return at.mayList(p)
	})
	return out, err
}

// SetGrants replaces the access list of a space. Owners only. Invalid with
// BadACL for a right that there is not, or a name that nobody can have.
func (s *Spaces) SetGrants(ctx context.Context, ref Ref, grants Grants) error {
	p := auth.PrincipalOf(ctx)
	at, err := s.owned(ctx, p, ref)
	if err != nil {
		return err
	}
	now := s.now()
	return s.store.Update(ctx, at.guards(false), func(tx *store.Tx) error {
		found, err := s.again(tx, p, ref, &at)
		if err == nil {
			err = found.notReplica()
		}
		if err != nil {
			return err
		}
		change, err := grants.change(&found.container)
		if err != nil {
			return err
		}
		if err := change.apply(&found.container, now); err != nil {
			return err
		}
		tx.PutContainer(&found.container)
		tx.AddJournal(s.aclJournal(p, &found.container, found.container.Modified))
		return nil
	})
}

// Delete removes a space with all that is in it, in one step. Owners only.
// Conflict while it has snapshots or keeps versions, Locked while a drive holds
// a lock in it.
func (s *Spaces) Delete(ctx context.Context, ref Ref) error {
	if names.Text(ref.Container) != nil {
		return errNoSpace
	}
	return s.remove(ctx, ref, 0)
}

// remove is Delete of the container with an ID, which may have lost its name
// meanwhile: Conflict. 0: of whichever has the name.
func (s *Spaces) remove(ctx context.Context, ref Ref, id uint64) error {
	p := auth.PrincipalOf(ctx)
	if err := mayRemove(p, ref.Container); err != nil {
		return err
	}
	return s.detach(ctx, p, ref, func(tx *store.Tx, at *scope, now store.Stamp) error {
		if id != 0 && at.container.ID != id {
			return errs.New("spaces", errs.Conflict, "", "Another space has the name now.")
		}
		if at.container.HasSnapshots() {
			return errs.New("spaces", errs.Conflict, errs.HasSnapshots, "Destroy the snapshots of the space before it.")
		}
		if left, err := tx.HasVersions(at.container.ID); err != nil {
			return err
		} else if left {
			return errs.New("spaces", errs.Conflict, errs.HasVersions, "Delete the versions in the space before it.")
		}
		return s.holdsTree(&tx.View, p, at, "", nil, now)
	})
}

// aclJournal is the audit record of a container's access list as it now is.
func (c *core) aclJournal(p auth.Principal, k *store.Container, at store.Stamp) *store.Journal {
	j := c.journal("acl", p, k.ID, &store.Object{Timestamp: at})
	j.ACL = grantsOf(k).Text()
	return j
}
