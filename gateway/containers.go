package gateway

import (
	"context"

	"entrepot/auth"
	"entrepot/gateway/errs"
	"entrepot/gateway/names"
	"entrepot/store"
)

// Containers manages the containers of an account.
type Containers struct {
	*core
	logged bool // what is made and deleted is a line of the administrators' log
}

// Logged returns the same containers for calls of administration: what they
// make and delete is written to the administrators' log as well, in the same
// transaction. Calls of other doors are not: the audit of each container tells
// of them.
func (c *Containers) Logged() *Containers { return &Containers{core: c.core, logged: true} }

// note adds the line of a change to the administrators' log, where these
// containers are logged.
func (c *Containers) note(tx *store.Tx, p auth.Principal, now store.Stamp, method string, ref Ref) {
	if c.logged {
		tx.AddAdminEntry(done(p, now, method, ref.Account+"/"+ref.Container))
	}
}

// ContainerChange is merged into a container: an empty value removes.
type ContainerChange struct {
	Properties        Properties
	Headers           Properties
	ReadACL, WriteACL *string // nil: unchanged
	// Versioned switches on and off whether the container keeps the versions
	// of its objects; nil: unchanged. The headers "versions-location" and
	// "history-location" name another container for them.
	Versioned *bool
}

// apply merges the change into a record. Limits of properties, quota values
// and access lists are judged.
func (ch *ContainerChange) apply(c *store.Container, now store.Stamp) error {
	for _, name := range []string{propQuotaBytes, propQuotaCount} {
		if text := ch.Properties[name]; text != "" {
			if _, ok := propLimit(text); !ok {
				what := map[string]string{propQuotaBytes: "bytes", propQuotaCount: "count"}[name]
				return errs.New("containers", errs.Invalid, errs.BadMetadata, "Invalid "+what+" quota.")
			}
		}
	}
	merged, err := mergeMeta(c.Properties, ch.Properties, "container")
	if err != nil {
		return err
	}
	if err := checkHeaders("", ch.Headers); err != nil {
		return err
	}
	for _, list := range []struct {
		text  *string
		to    *string
		set   *store.Stamp
		write bool
	}{{ch.ReadACL, &c.ReadACL, &c.ReadSet, false}, {ch.WriteACL, &c.WriteACL, &c.WriteSet, true}} {
		if list.text != nil {
			if *list.to, err = cleanACL(*list.text, list.write); err != nil {
				return err
			}
			*list.set = list.set.After(now)
		}
	}
	c.Properties, c.Headers = merged, merge(c.Headers, ch.Headers)
	if err := ch.applyVersioning(c); err != nil {
		return err
	}
	c.Modified = c.Modified.After(now)
	return nil
}

// Create makes a container, or merges change into an existing one; created
// tells which. A container needs a depot to lie in: one of the account's that
// takes it, else Forbidden with NoDepot. Owners may create, and users whom a
// depot of the account authorises.
func (c *Containers) Create(ctx context.Context, ref Ref, change ContainerChange) (created bool, err error) {
	if err := names.Container(ref.Container); err != nil {
		return false, err
	}
	if err := c.roomOnDisk(); err != nil {
		return false, err
	}
	p, now := auth.PrincipalOf(ctx), c.now()
	id, err := c.store.NewID()
	if err != nil {
		return false, err
	}
	for {
		existing, err := c.find(ctx, ref)
		if err != nil {
			return false, err
		}
		if existing.container.ID != 0 {
			err := c.update(ctx, ref, existing, change)
			if errs.ReasonOf(err) == errs.NoContainer {
				continue // deleted meanwhile
			}
			return false, err
		}
		depot, err := c.depotFor(ctx, p, ref.Account)
		if err == nil {
			err = c.ensureStore(ctx, ref.Account)
		}
		if err != nil {
			return false, err
		}
		err = c.store.Update(ctx, createGuards(ref, id, depot, false), func(tx *store.Tx) error {
			c.note(tx, p, now, "container.create", ref)
			return c.create(tx, p, ref, id, depot, change, now)
		})
		if errs.Of(err) == errs.Exists {
			continue // made meanwhile
		}
		return err == nil, err
	}
}

// createGuards are the locks of whoever makes a container in a depot. strong is
// asked for by who fills it in the same transaction and found
// the room of depot or account small.
func createGuards(ref Ref, id, depot uint64, strong bool) []store.Guard {
	return []store.Guard{
		store.LockName(ref.Account, ref.Container), store.LockContainer(id, false),
		store.LockAccount(ref.Account, !strong), store.LockDepot(depot, !strong),
	}
}

// find reads which container has a name, and nothing else of the scope; its
// ID is 0 when none has. It judges nothing.
func (c *core) find(ctx context.Context, ref Ref) (at scope, err error) {
	err = c.store.View(ctx, func(v *store.View) error {
		if at.account, _, err = v.Account(ref.Account); err != nil {
			return err
		}
		at.account.Name = ref.Account
		if at.container, _, err = v.ContainerNamed(ref.Account, ref.Container); err != nil {
			return err
		}
		return c.loadArchive(v, &at)
	})
	return at, err
}

// create writes a new container in the given depot, which the caller chose for
// p; both are looked at again.
func (c *core) create(tx *store.Tx, p auth.Principal, ref Ref, id, depot uint64, change ContainerChange, now store.Stamp) error {
	var taken uint64
	var d store.Depot
	var hasDepot, hasAccount bool
	var a store.Account
	b := tx.Batch()
	b.Account(ref.Account, &a, &hasAccount)
	b.ContainerID(ref.Account, ref.Container, &taken)
	b.Depot(depot, &d, &hasDepot)
	if err := b.Do(); err != nil {
		return err
	}
	switch {
	case !hasAccount:
		return missingAccount(p, ref.Account)
	case usable(p, &a) != nil:
		return usable(p, &a)
	case taken != 0:
		return errs.New("containers", errs.Exists, "", "")
	case !hasDepot || !takes(&d, p, ref.Account, accessTo(p, &a)):
		return errNoDepot
	case !accessTo(p, &a).Owner && accessTo(p, &a).Make:
		change = change.plain()
	}
	record := &store.Container{
		ID: id, Account: ref.Account, Name: ref.Container, Depot: depot, Creator: p.User, Created: now,
		Replicas: c.defaultReplicas(ref.Account, ref.Container),
	}
	if err := change.apply(record, now); err != nil {
		return err
	}
	record.Modified = now
	tx.CreateContainer(record)
	tx.AddJournal(c.journal("create", p, id, &store.Object{Timestamp: now}))
	if record.ReadACL != "" || record.WriteACL != "" {
		tx.AddJournal(c.aclJournal(p, record, now))
	}
	return nil
}

// Get returns a container for a caller who may list it.
func (c *Containers) Get(ctx context.Context, ref Ref) (Container, error) {
	if err := names.Container(ref.Container); err != nil {
		return Container{}, err
	}
	p := auth.PrincipalOf(ctx)
	var out Container
	err := c.store.View(ctx, func(v *store.View) error {
		var objects, bytes int64
		s, err := c.load(v, p, ref, func(b *store.Batch, id uint64) {
			b.Count(store.CountContainerObjects, id, &objects)
			b.Count(store.CountContainerBytes, id, &bytes)
		})
		if err != nil {
			return err
		}
		if s.wayOpen { // what else lies there is not the caller's affair
			out = fromContainer(&s, 0, 0)
			return nil
		}
		out = fromContainer(&s, objects, bytes)
		return s.mayList(p)
	})
	return out, err
}

// Update merges change into an existing container. Owners only.
func (c *Containers) Update(ctx context.Context, ref Ref, change ContainerChange) error {
	if err := names.Container(ref.Container); err != nil {
		return err
	}
	p := auth.PrincipalOf(ctx)
	at, err := c.find(ctx, ref)
	if err != nil {
		return err
	}
	if at.container.ID == 0 {
		return noContainer(p, &at.account)
	}
	return c.update(ctx, ref, at, change)
}

func (c *core) update(ctx context.Context, ref Ref, at scope, change ContainerChange) error {
	p, now := auth.PrincipalOf(ctx), c.now()
	return c.store.Update(ctx, at.guards(false), func(tx *store.Tx) error {
		s, err := c.load(&tx.View, p, ref, nil)
		if err != nil {
			return err
		}
		if err := s.mayMake(p); err != nil {
			return err
		}
		if !s.same(&at) {
			return errs.New("containers", errs.NotFound, errs.NoContainer, "")
		}
		change := change
		if !s.access.Owner {
			change = change.plain()
		}
		if err := change.apply(&s.container, now); err != nil {
			return err
		}
		tx.PutContainer(&s.container)
		if change.ReadACL != nil || change.WriteACL != nil {
			tx.AddJournal(c.aclJournal(p, &s.container, s.container.Modified))
			return nil
		}
		tx.AddJournal(c.journal("settings", p, s.container.ID, &store.Object{Timestamp: s.container.Modified}))
		return nil
	})
}

// Delete removes an empty container; Conflict with NotEmpty otherwise. Owners
// only.
func (c *Containers) Delete(ctx context.Context, ref Ref) error {
	if err := names.Container(ref.Container); err != nil {
		return err
	}
	p := auth.PrincipalOf(ctx)
	return c.detach(ctx, p, ref, func(tx *store.Tx, s *scope, now store.Stamp) error {
		c.note(tx, p, now, "container.delete", ref)
		if s.container.HasSnapshots() {
			return errs.New("containers", errs.Conflict, errs.NotEmpty, "Destroy the snapshots before the container.")
		}
		left, err := tx.HasPrefix(s.container.ID, "", "", now)
		versions := left && s.container.Versioning != store.NeverVersioned // the current ones are versions, too
		if err == nil && !versions {
			versions, err = tx.HasVersions(s.container.ID)
		}
		switch {
		case err != nil:
		case versions:
			err = errs.New("containers", errs.Conflict, errs.HasVersions, "Delete all versions before deleting container.")
		case left:
			err = errs.New("containers", errs.Conflict, errs.NotEmpty, "")
		}
		return err
	})
}

// detach removes a container that judge lets go.
func (c *core) detach(ctx context.Context, p auth.Principal, ref Ref, judge func(*store.Tx, *scope, store.Stamp) error) error {
	defer c.users.purgeCredentials()
	now := c.now()
	at, err := c.find(ctx, ref)
	if err != nil {
		return err
	}
	if at.container.ID == 0 {
		return noContainer(p, &at.account)
	}
	guards := append(at.guards(false), store.LockName(ref.Account, ref.Container))
	return c.store.Update(ctx, guards, func(tx *store.Tx) error {
		s, err := c.load(&tx.View, p, ref, nil)
		if err != nil {
			return err
		}
		if err := s.mayMake(p); err != nil {
			return err
		}
		if !s.same(&at) {
			return errs.New("containers", errs.NotFound, errs.NoContainer, "")
		}
		if err := judge(tx, &s, now); err != nil {
			return err
		}
		tx.AddJournal(c.journal("remove", p, s.container.ID, &store.Object{Timestamp: s.container.Modified.After(now)}))
		return tx.DetachContainer(&s.container, now)
	})
}

// List returns the account together with a page of its containers.
func (c *Containers) List(ctx context.Context, account string, opt ListOptions) (Account, []ContainerEntry, error) {
	p, now := auth.PrincipalOf(ctx), c.now()
	var out Account
	var entries []ContainerEntry
	err := c.store.View(ctx, func(v *store.View) error {
		var err error
		if out, err = c.account(v, p, account); err != nil {
			return err
		}
		list, err := containersOf(v, p, account, query(opt, now))
		if err != nil {
			return err
		}
		entries = make([]ContainerEntry, len(list))
		for i := range list {
			l := &list[i]
			entries[i] = ContainerEntry{
				Name: l.Container.Name, Subdir: l.Subdir, Objects: l.Objects, Bytes: l.Bytes,
				Modified: l.Container.Modified.Time(),
			}
		}
		return nil
	})
	return out, entries, err
}

// account reads an account with its counts for a caller who may list it.
func (c *core) account(v *store.View, p auth.Principal, name string) (Account, error) {
	a, access, err := c.loadAccount(v, p, name)
	if err != nil {
		return Account{}, err
	}
	if p.Scope != nil {
		return limitedAccount(p, &a)
	}
	if !access.List {
		return Account{}, refuse(p)
	}
	out := fromAccount(&a, access)
	b := v.Batch()
	out.count(b)
	return out, b.Do()
}
