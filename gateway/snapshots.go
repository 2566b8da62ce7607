package gateway

import (
	"context"
	"errors"
	"time"

	"entrepot/auth"
	"entrepot/gateway/errs"
	"entrepot/gateway/names"
	"entrepot/store"
)

// Snapshots manages read-only views of containers as they were. Taking one is
// a small write, whatever the container holds; what a snapshot shows costs
// room only once it is replaced or deleted in the container. Owners of the
// container only; who may read the container may read its snapshots.
type Snapshots struct {
	*core
	logged bool // what is taken and destroyed is a line of the administrators' log
}

// Logged returns the same snapshots, as the administrators' door uses them:
// what it takes and destroys is written to the administrators' log as well, in
// the same transaction.
func (n *Snapshots) Logged() *Snapshots { return &Snapshots{core: n.core, logged: true} }

// note adds the line of a change to the administrators' log, where these
// snapshots are logged.
func (n *Snapshots) note(tx *store.Tx, p auth.Principal, now store.Stamp, method string, ref Ref, name string) {
	if n.logged {
		tx.AddAdminEntry(done(p, now, method, ref.Account+"/"+ref.Container+"@"+name))
	}
}

// A Snapshot is one snapshot of a container.
type Snapshot struct {
	Name    string
	Created time.Time
	User    string
}

// maxSnapshotName is the longest name of a snapshot, in bytes.
const maxSnapshotName = 256

func checkSnapshotName(name string) error {
	if err := names.Text(name); err != nil {
		return err
	}
	if name == "" || len(name) > maxSnapshotName || !names.OnDrive(name) || names.Parent(name) != "" {
		return errs.New("snapshots", errs.Invalid, errs.BadName, "A snapshot's name is one path element.")
	}
	return nil
}

var errNoSnapshot = errs.New("snapshots", errs.NotFound, errs.NoSnapshot, "There is no such snapshot.")

// Create takes a snapshot of a container. Exists when the name is taken.
func (n *Snapshots) Create(ctx context.Context, ref Ref, name string) error {
	if err := checkSnapshotName(name); err != nil {
		return err
	}
	if err := n.roomOnDisk(); err != nil {
		return err
	}
	p, now := auth.PrincipalOf(ctx), n.now()
	at, err := n.owned(ctx, p, ref)
	if err != nil {
		return err
	}
	return n.store.Update(ctx, at.guards(false), func(tx *store.Tx) error {
		s, err := n.again(tx, p, ref, &at)
		if err != nil {
			return err
		}
		if err := n.create(tx, p, &s.container, name, now); err != nil {
			return err
		}
		n.note(tx, p, now, "snapshot.create", ref, name)
		return nil
	})
}

func (n *Snapshots) create(tx *store.Tx, p auth.Principal, c *store.Container, name string, now store.Stamp) error {
	_, taken, err := tx.Snapshot(c.ID, name)
	if err != nil {
		return err
	}
	if taken {
		return errs.New("snapshots.Create", errs.Exists, "", "The snapshot exists already.")
	}
	list, err := tx.Snapshots(c.ID)
	if err != nil {
		return err
	}
	if len(list) >= store.MaxSnapshots {
		return errs.New("snapshots.Create", errs.Forbidden, errs.TooMany, "The container has too many snapshots.")
	}
	tx.PutSnapshot(c, &store.Snapshot{Name: name, Created: now, User: p.User})
	tx.AddJournal(n.journal("snapshot", p, c.ID, &store.Object{Name: name, Timestamp: now}))
	return nil
}

// maxDepotLocks is how many depots one recursive snapshot may hold still.
const maxDepotLocks = 60

// CreateAll takes a snapshot of every container of an account at one moment.
// Exists when any of them has one of that name; then none is taken.
func (n *Snapshots) CreateAll(ctx context.Context, account, name string) error {
	if err := checkSnapshotName(name); err != nil {
		return err
	}
	p, now := auth.PrincipalOf(ctx), n.now()
	depots, err := n.depotsIn(ctx, p, account)
	if err != nil {
		return err
	}
	if len(depots) > maxDepotLocks {
		return errs.New("snapshots.CreateAll", errs.Forbidden, errs.TooMany, "The account has too many depots for one step.")
	}
	guards := []store.Guard{store.LockAccount(account, false)}
	for id := range depots {
		guards = append(guards, store.LockDepot(id, false))
	}
	return n.store.Update(ctx, guards, func(tx *store.Tx) error {
		list, err := tx.Containers(account, store.Query{Limit: maxSpaces})
		if err != nil {
			return err
		}
		for i := range list {
			c := &list[i].Container
			if !depots[c.Depot] {
				return errs.New("snapshots.CreateAll", errs.Conflict, "", "A container was made meanwhile.")
			}
			if err := n.create(tx, p, c, name, now); err != nil {
				return err
			}
		}
		return nil
	})
}

// depotsIn lists the depots of an account's containers, for its owner.
func (n *Snapshots) depotsIn(ctx context.Context, p auth.Principal, account string) (map[uint64]bool, error) {
	depots := make(map[uint64]bool)
	err := n.store.View(ctx, func(v *store.View) error {
		_, access, err := n.loadAccount(v, p, account)
		if err != nil {
			return err
		}
		if !access.Owner {
			return refuse(p)
		}
		list, err := v.Containers(account, store.Query{Limit: maxSpaces + 1})
		if len(list) > maxSpaces {
			err = errs.New("snapshots.CreateAll", errs.Forbidden, errs.TooMany, "The account has too many containers for one step.")
		}
		for i := range list {
			depots[list[i].Container.Depot] = true
		}
		return err
	})
	return depots, err
}

// owned reads a container ahead of a transaction, for its owner.
func (c *core) owned(ctx context.Context, p auth.Principal, ref Ref) (at scope, err error) {
	err = c.store.View(ctx, func(v *store.View) error {
		if at, err = c.load(v, p, ref, nil); err != nil {
			return err
		}
		return at.mayOwn(p)
	})
	return at, err
}

// again reads the container in the transaction, for its owner.
func (c *core) again(tx *store.Tx, p auth.Principal, ref Ref, at *scope) (scope, error) {
	s, err := c.load(&tx.View, p, ref, nil)
	if err == nil {
		err = s.mayOwn(p)
	}
	if err == nil && !s.same(at) {
		err = errs.New("snapshots", errs.Conflict, "", "The container was replaced meanwhile.")
	}
	return s, err
}

// List returns a container's snapshots, oldest first, for who may list it.
func (n *Snapshots) List(ctx context.Context, ref Ref) ([]Snapshot, error) {
	p := auth.PrincipalOf(ctx)
	var out []Snapshot
	err := n.store.View(ctx, func(v *store.View) error {
		s, err := n.load(v, p, ref, nil)
		if err != nil {
			return err
		}
		if err := s.mayList(p); err != nil {
			return err
		}
		list, err := v.Snapshots(s.container.ID)
		out = make([]Snapshot, len(list))
		for i, s := range list {
			out[i] = Snapshot{Name: s.Name, Created: s.Created.Time(), User: s.User}
		}
		return err
	})
	return out, err
}

// Destroy removes a snapshot; the room that only it held comes back in the
// background.
func (n *Snapshots) Destroy(ctx context.Context, ref Ref, name string) error {
	p, now := auth.PrincipalOf(ctx), n.now()
	at, err := n.owned(ctx, p, ref)
	if err != nil {
		return err
	}
	return n.store.Update(ctx, at.guards(false), func(tx *store.Tx) error {
		s, err := n.again(tx, p, ref, &at)
		if err != nil {
			return err
		}
		snap, found, err := tx.Snapshot(s.container.ID, name)
		if err != nil {
			return err
		}
		if !found {
			return errNoSnapshot
		}
		tx.AddJournal(n.journal("unsnapshot", p, s.container.ID, &store.Object{Name: name, Timestamp: now}))
		n.note(tx, p, now, "snapshot.destroy", ref, name)
		return tx.DeleteSnapshot(&s.container, &snap, now)
	})
}

// Open returns an object as a snapshot shows it, with its content.
func (n *Snapshots) Open(ctx context.Context, ref Ref, name string) (Object, Content, error) {
	return n.open(ctx, ref, name, Conditions{})
}

// open is Open under conditions; where they forbid to send the object, it is
// returned without content.
func (n *Snapshots) open(ctx context.Context, ref Ref, name string, cond Conditions) (Object, Content, error) {
	if err := checkObjectRef(ref); err != nil {
		return Object{}, nil, err
	}
	p, now := auth.PrincipalOf(ctx), n.now()
	opt := ReadOptions{Conditions: cond}
	var found *place
	var data []byte
	var refused error
	err := n.store.View(ctx, func(v *store.View) error {
		_, snap, err := n.snapshot(v, p, ref, name)
		if err != nil {
			return err
		}
		if found, err = n.findAt(v, p, ref, &past{snap.Container, snap}, now); err != nil {
			return err
		}
		if err := n.resolve(v, p, found, &opt, now); err != nil {
			return err
		}
		data = nil
		if refused = cond.readAllowed(found); refused == nil {
			if err := n.transferable(v, p, found, now); err != nil {
				return err
			}
			data, err = found.inline(v)
		}
		return err
	})
	if err != nil {
		return Object{}, nil, err
	}
	if refused != nil {
		return found.object(), nil, refused
	}
	content, err := n.contentOf(ctx, found, data)
	if errors.Is(err, errGone) {
		err = errs.Wrap("snapshots.Open", errs.NotFound, errs.NoObject, err)
	}
	if err != nil {
		return Object{}, nil, err
	}
	return found.object(), content, nil
}

// Objects returns a page of the names that a snapshot shows, in byte order:
// those that begin with prefix and are greater than marker.
func (n *Snapshots) Objects(ctx context.Context, ref Ref, name, prefix, marker string, limit int) ([]Object, error) {
	p := auth.PrincipalOf(ctx)
	var out []Object
	err := n.store.View(ctx, func(v *store.View) error {
		s, snap, err := n.snapshot(v, p, ref, name)
		if err != nil {
			return err
		}
		if err := s.mayList(p); err != nil {
			return err
		}
		list, err := v.RecordsAt(s.container.ID, snap.Epoch, prefix, marker, min(limit, maxPage))
		out = make([]Object, len(list))
		for i := range list {
			out[i] = fromObject(&list[i])
		}
		return err
	})
	return out, err
}

func (c *core) snapshot(v *store.View, p auth.Principal, ref Ref, name string) (scope, store.Snapshot, error) {
	s, err := c.load(v, p, ref, nil)
	if err != nil {
		return s, store.Snapshot{}, err
	}
	if !s.access.List && !s.access.Read {
		return s, store.Snapshot{}, refuse(p)
	}
	snap, found, err := v.Snapshot(s.container.ID, name)
	if err == nil && !found {
		err = errNoSnapshot
	}
	return s, snap, err
}

// Clone makes a new container with what a snapshot shows, by reference. It is
// one step: Forbidden with TooMany above Config.MaxTree objects.
func (n *Snapshots) Clone(ctx context.Context, ref Ref, name string, to Ref) error {
	return n.clone(ctx, ref, name, to, cloning{whole: true})
}

// A cloning says what belongs to the making of a container from a snapshot.
type cloning struct {
	whole  bool // restore everything in the same step
	guards []store.Guard
	// also runs in the transaction, with the ID of the new container and how
	// many objects were restored.
	also func(tx *store.Tx, from *scope, id uint64, n int, now store.Stamp) error
}

func (n *Snapshots) clone(ctx context.Context, ref Ref, name string, to Ref, c cloning) error {
	if err := names.Container(to.Container); err != nil {
		return err
	}
	if volumeOf(ref.Account) != volumeOf(to.Account) {
		return errAcross
	}
	if err := n.roomOnDisk(); err != nil {
		return err
	}
	p, now := auth.PrincipalOf(ctx), n.now()
	at, err := n.owned(ctx, p, ref)
	if err != nil {
		return err
	}
	id, err := n.store.NewID()
	if err != nil {
		return err
	}
	depot, err := n.depotFor(ctx, p, to.Account)
	if err != nil {
		return err
	}
	return n.retryStronger(ctx, func(strong bool) []store.Guard {
		guards := append(at.guards(false), createGuards(to, id, depot, strong)...)
		return append(guards, c.guards...)
	}, func(tx *store.Tx, strong bool) error {
		s, err := n.again(tx, p, ref, &at)
		if err != nil {
			return err
		}
		var past shown
		if c.whole {
			if past, err = n.shown(tx, &s, name); err != nil {
				return err
			}
		}
		if err := n.core.create(tx, p, to, id, depot, ContainerChange{}, now); err != nil {
			return err
		}
		d, err := n.load(&tx.View, p, to, nil)
		if err != nil {
			return err
		}
		if c.whole {
			if err := n.cloneProps(tx, &s, &d, &past, "", ""); err != nil {
				return err
			}
		}
		if c.also != nil {
			if err := c.also(tx, &s, id, len(past.objects), now); err != nil {
				return err
			}
		}
		return n.restore(tx, &s, &d, past.objects, strong, now)
	})
}

// shown lists everything that a snapshot shows.
func (n *Snapshots) shown(tx *store.Tx, s *scope, name string) (past shown, err error) {
	snap, found, err := tx.Snapshot(s.container.ID, name)
	if err != nil {
		return past, err
	}
	if !found {
		return past, errNoSnapshot
	}
	list, err := tx.RecordsAt(s.container.ID, snap.Epoch, "", "", n.cfg.MaxTree+1)
	if err == nil && len(list) > n.cfg.MaxTree {
		err = errs.New("snapshots", errs.Forbidden, errs.TooMany, "The snapshot has too many objects for one step.")
	}
	past.epoch = snap.Epoch
	past.objects, past.gone = alive(list, snap.Created, false)
	return past, err
}

// restore writes objects of a snapshot of s into the container of d.
func (n *Snapshots) restore(tx *store.Tx, s, d *scope, list []store.Object, strong bool, now store.Stamp) error {
	before, err := readUsage(&tx.View, d)
	if err != nil {
		return err
	}
	for i := range list {
		o := list[i]
		if err := tx.SharePast(&s.container, &list[i], &o.Content); err != nil {
			return err
		}
		carried(&o, s.container.Account, d.container.Account)
		o.Born = d.container.Epoch
		if o.Expired(now) {
			o.DeleteAt = 0 // what was alive in the snapshot is wanted back
		}
		old, found, err := tx.Object(d.container.ID, o.Name)
		if err != nil {
			return err
		}
		var replaced *store.Object
		if found {
			replaced = &old
			o.Timestamp = old.Timestamp.After(now)
		}
		tx.PutObject(&d.container, replaced, &o, now)
	}
	return d.grew(tx, before, strong)
}

// Rollback makes a container hold again what a snapshot shows: objects that
// differ are replaced, those made since are deleted, and dead properties are
// those of then. Other snapshots stay as they are. It is one step: Forbidden
// with TooMany above Config.MaxTree objects, or four times as many properties. WebDAV locks end with the objects that they protect.
func (n *Snapshots) Rollback(ctx context.Context, ref Ref, name string) error {
	p, now := auth.PrincipalOf(ctx), n.now()
	at, err := n.owned(ctx, p, ref)
	if err != nil {
		return err
	}
	return n.retryStronger(ctx, func(strong bool) []store.Guard {
		return append(at.guards(false), at.quotaGuards(strong)...)
	}, func(tx *store.Tx, strong bool) error {
		s, err := n.again(tx, p, ref, &at)
		if err != nil {
			return err
		}
		if err := s.notReplica(); err != nil {
			return err
		}
		past, err := n.shown(tx, &s, name)
		if err != nil {
			return err
		}
		differ, err := n.removeNewer(tx, &s, past.objects, now)
		if err != nil {
			return err
		}
		tx.AddJournal(n.journal("rollback", p, s.container.ID, &store.Object{Name: name, Timestamp: now}))
		if err := n.restoreProps(tx, &s, &past); err != nil {
			return err
		}
		return n.restore(tx, &s, &s, differ, strong, now)
	})
}

// removeNewer deletes the live objects that the list does not have and returns
// those of the list that differ from what is live.
func (n *Snapshots) removeNewer(tx *store.Tx, s *scope, list []store.Object, now store.Stamp) ([]store.Object, error) {
	live, err := tx.Records(s.container.ID, store.Query{Limit: n.cfg.MaxTree + 1})
	if err != nil {
		return nil, err
	}
	if len(live) > n.cfg.MaxTree {
		return nil, errs.New("snapshots", errs.Forbidden, errs.TooMany, "The container has too many objects for one step.")
	}
	current := make(map[string]*store.Object, len(live))
	for i := range live {
		current[live[i].Name] = &live[i]
	}
	var differ []store.Object
	for i := range list {
		o := current[list[i].Name]
		if o == nil || o.Born != list[i].Born || o.Timestamp != list[i].Timestamp {
			differ = append(differ, list[i])
		}
		delete(current, list[i].Name)
	}
	for _, o := range live {
		if current[o.Name] == nil {
			continue
		}
		tx.DeleteObject(&s.container, &o, now)
		if err := n.forgetPath(tx, &s.container, o.Name); err != nil {
			return nil, err
		}
	}
	return differ, nil
}
