package gateway

import (
	"context"
	"slices"
	"strconv"
	"time"

	"entrepot/auth"
	"entrepot/gateway/errs"
	"entrepot/gateway/names"
	"entrepot/store"
)

// Replication
//
// A container of an account may be replicated into further stores of it: the
// container of the same name in the account that the store is. Every change
// notes, in its own transaction, which name it touched (store, replicas.go). A
// replicator brings the noted names in step, in any order: it makes the row of
// the replica what the row of the source is, in a transaction that holds the
// lock of the name in the source and in which that row is still the one that
// was read. So an older state never follows a newer one, a crash at any moment
// leaves a name that is still noted, and doing the same again changes nothing.
//
// What was there before the setting, and what an operator doubts, is found by
// comparing both sides name by name. While the setting stands the replica is
// written by nobody else.

// ReplicationConfig holds the settings of replication. The zero value
// replicates the containers for which it was set.
type ReplicationConfig struct {
	// Stores are the numbers of the stores into which every container of every
	// account is replicated for which nothing else was set.
	Stores []int
	// Keep is how long the replica of a container that was deleted stays;
	// default 30 days, negative: until it is released or deleted.
	Keep time.Duration
	// Rate bounds the bytes of content that are copied in a second; 0: no bound.
	Rate int64
	// Spaces and Items are how many containers, and how many objects of each,
	// are worked on at once; defaults 2 and 4.
	Spaces, Items int
	// Alone tells that no other gateway can work on the same store: what one that
	// is gone had taken up is taken over at once.
	Alone bool
	// Pause is how long changes are gathered before they are carried; default
	// 200 ms. Negative: nothing is done but by Replication.Drain.
	Pause time.Duration
}

// DefaultReplicaKeep is how long the replica of a deleted container stays.
const DefaultReplicaKeep = 30 * 24 * time.Hour

func (c ReplicationConfig) withDefaults() ReplicationConfig {
	if c.Keep == 0 {
		c.Keep = DefaultReplicaKeep
	}
	if c.Spaces <= 0 {
		c.Spaces = 2
	}
	if c.Items <= 0 {
		c.Items = 4
	}
	if c.Pause == 0 {
		c.Pause = 200 * time.Millisecond
	}
	return c
}

// Replication says which containers are replicated, and how that stands.
type Replication struct {
	*core
	logged bool // changes are lines of the administrators' log
}

// Logged returns the same replication for calls of administration, whose
// changes are lines of the administrators' log.
func (r *Replication) Logged() *Replication { return &Replication{core: r.core, logged: true} }

// A ReplicationSetting says into which stores a container is replicated.
type ReplicationSetting struct {
	Stores []int // numbers of stores, ascending; none: it is not replicated
	// Default tells that nothing was set for the container: Stores are those of
	// the configuration.
	Default bool
	// Adopt lets a container of a store that has the name already and holds
	// something be taken over: what the source lacks is removed from it.
	Adopt bool
}

// errReplica refuses changes of a replica.
var errReplica = errs.New("gateway", errs.Forbidden, errs.IsReplica,
	"The space is a replica: it is written by replication only, as long as that is set for its source.")

// replicatorUser stands in audits for what replication does. No login can be
// called so.
const replicatorUser = "entrepot:replication"

// asReplicator is the context of what replication does in an account.
func asReplicator(ctx context.Context, account string) context.Context {
	return asSystem(ctx, account, replicatorUser)
}

// notReplica refuses changes of a container that is a replica to everybody but
// replication itself.
func (s *scope) notReplica() error {
	if s.replica {
		return errReplica
	}
	return nil
}

// defaultReplicas are the stores into which a container is replicated of which
// nothing was set.
func (c *core) defaultReplicas(account, container string) []uint8 {
	if _, n := splitStore(account); n != 0 || container == adminSpace || container == UploadsContainer {
		return nil
	}
	return c.storeNumbers(c.cfg.Replication.Stores)
}

// storeNumbers are the further stores among those given that are configured,
// ascending.
func (c *core) storeNumbers(list []int) []uint8 {
	var out []uint8
	for _, n := range list {
		if n > PrimaryStore && n <= MaxStore && slices.ContainsFunc(c.cfg.Stores, func(s StoreInfo) bool { return s.ID == n }) {
			out = append(out, uint8(n))
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// Set chooses into which stores a container is replicated: owners only.
// Invalid for a container that is not in a primary store; NotFound with NoStore
// for a store that there is not; Conflict with NotEmpty where a store has a
// container of the name that holds something, unless that is to be adopted;
// Forbidden where that container is not the caller's. What is not replicated any
// more stays as it is and can be written again.
func (r *Replication) Set(ctx context.Context, ref Ref, set ReplicationSetting) error {
	if names.Text(ref.Container) != nil {
		return errNoSpace
	}
	p, now := auth.PrincipalOf(ctx), r.now()
	at, err := r.owned(ctx, p, ref)
	if err != nil {
		return err
	}
	stores, adopted, err := r.judgeStores(ctx, p, &at, &set)
	if err != nil {
		return err
	}
	guards := at.guards(false)
	for _, n := range stores {
		guards = append(guards, store.LockReplica(at.container.ID, n))
	}
	err = r.store.Update(ctx, guards, func(tx *store.Tx) error {
		s, err := r.again(tx, p, ref, &at)
		if err != nil {
			return err
		}
		if err := r.adopt(tx, &s, stores, adopted); err != nil {
			return err
		}
		s.container.Modified = s.container.Modified.After(now)
		if err := tx.SetReplicas(&s.container, stores, !set.Default); err != nil {
			return err
		}
		tx.AddJournal(r.journal("settings", p, s.container.ID, &store.Object{Timestamp: s.container.Modified}))
		if r.logged {
			tx.AddAdminEntry(done(p, now, "replication.set", ref.Account+"/"+ref.Container))
		}
		return nil
	})
	if err == nil {
		r.replicator.hurry()
	}
	return err
}

// adopt notes in which stores the container of the name may be taken over.
func (r *Replication) adopt(tx *store.Tx, s *scope, stores, adopted []uint8) error {
	for _, n := range stores {
		rep, found, err := tx.Replica(s.container.ID, n)
		if err != nil {
			return err
		}
		if !found {
			rep = newReplica(&s.container, n)
		}
		rep.Adopt, rep.Attempts, rep.Next = contains(adopted, n), 0, 0
		tx.PutReplica(&rep)
	}
	return nil
}

// newReplica is the state of a replication that begins: all is to be compared.
func newReplica(c *store.Container, n uint8) store.Replica {
	return store.Replica{Source: c.ID, Store: n, Account: c.Account, Name: c.Name, Comparing: true}
}

// judgeStores finds the stores of a setting, those of them whose container of the
// name is to be taken over, and what forbids them.
func (r *Replication) judgeStores(ctx context.Context, p auth.Principal, at *scope, set *ReplicationSetting) (stores, adopted []uint8, err error) {
	if _, n := splitStore(at.container.Account); n != 0 {
		return nil, nil, errs.New("replication.Set", errs.Invalid, "", "Only spaces of the primary store are replicated.")
	}
	if set.Default {
		return r.defaultReplicas(at.container.Account, at.container.Name), nil, nil
	}
	for _, n := range set.Stores {
		if n == PrimaryStore {
			return nil, nil, errs.New("replication.Set", errs.Invalid, "", "The primary store is what is replicated.")
		}
		if len(r.storeNumbers([]int{n})) == 0 {
			return nil, nil, errs.New("replication.Set", errs.NotFound, errs.NoStore, "No store exists with ID "+strconv.Itoa(n))
		}
	}
	stores = r.storeNumbers(set.Stores)
	err = r.store.View(ctx, func(v *store.View) error {
		adopted = nil
		for _, n := range stores {
			taken, err := r.judgeTarget(v, p, at, n, set.Adopt)
			if err != nil {
				return err
			}
			if taken {
				adopted = append(adopted, n)
			}
		}
		return nil
	})
	return stores, adopted, err
}

// judgeTarget judges the container that has the name in a store, where that is no
// replica yet: it must be the caller's, since what its new source lacks is removed
// from it, and empty unless it is to be adopted.
func (r *Replication) judgeTarget(v *store.View, p auth.Principal, at *scope, n uint8, adopt bool) (taken bool, err error) {
	if !adopt && contains(at.container.Replicas, n) {
		return false, nil
	}
	ref := Ref{Account: storeAccount(at.container.Account, int(n)), Container: at.container.Name}
	k, found, err := v.ContainerNamed(ref.Account, ref.Container)
	if err != nil || !found || k.ReplicaOf != 0 {
		return false, err
	}
	there, err := r.load(v, p, ref, nil)
	if err == nil {
		err = there.mayOwn(p)
	}
	if err == nil && !adopt {
		err = r.mustBeEmpty(v, &k, int(n))
	}
	return adopt, err
}

// mustBeEmpty refuses to make a container that holds something a replica.
func (c *core) mustBeEmpty(v *store.View, k *store.Container, n int) error {
	used, err := v.HasPrefix(k.ID, "", "", c.now())
	if err == nil && used {
		err = errs.New("replication", errs.Conflict, errs.NotEmpty, "Store "+strconv.Itoa(n)+" has a space of that name which is not empty: "+
			"remove it, or have it adopted.")
	}
	return err
}

// Setting tells into which stores a container is replicated, to a caller who
// may list it.
func (r *Replication) Setting(ctx context.Context, ref Ref) (ReplicationSetting, error) {
	at, err := r.readable(ctx, ref)
	set := ReplicationSetting{Stores: []int{}, Default: !at.container.ReplicasSet}
	for _, n := range at.container.Replicas {
		set.Stores = append(set.Stores, int(n))
	}
	return set, err
}

// readable reads a container for a caller who may list it.
func (r *Replication) readable(ctx context.Context, ref Ref) (at scope, err error) {
	if names.Text(ref.Container) != nil {
		return at, errNoSpace
	}
	p := auth.PrincipalOf(ctx)
	err = r.store.View(ctx, func(v *store.View) error {
		if at, err = r.load(v, p, ref, nil); err != nil {
			return err
		}
		return at.mayList(p)
	})
	return at, err
}

// Compare has both sides of all replications of a container compared anew in the
// background, name by name. Owners only.
func (r *Replication) Compare(ctx context.Context, ref Ref) error {
	now := r.now()
	return r.eachReplica(ctx, ref, "replication.compare", func(tx *store.Tx, rep *store.Replica) error {
		rep.CompareAnew()
		rep.Attempts, rep.Next = 0, 0
		tx.PutPending(&store.Pending{Source: rep.Source, Store: rep.Store, At: now})
		return nil
	})
}

// Retry has everything that failed tried again now, instead of when its time has
// come. Owners only.
func (r *Replication) Retry(ctx context.Context, ref Ref) error {
	at, err := r.owned(ctx, auth.PrincipalOf(ctx), ref)
	if err != nil {
		return err
	}
	for _, n := range at.container.Replicas {
		for from, more := "", true; more; {
			var next string
			err := r.store.Update(ctx, at.guards(false), func(tx *store.Tx) (err error) {
				var list []store.Pending
				list, next, err = tx.Pendings(at.container.ID, n, from, replicaPage)
				for i := range list {
					if p := &list[i]; p.Attempts > 0 {
						p.Attempts, p.Next = 0, 0
						tx.PutPending(p)
					}
				}
				return err
			})
			if err != nil {
				return err
			}
			from, more = next, next != ""
		}
	}
	return r.eachReplica(ctx, ref, "replication.retry", func(_ *store.Tx, rep *store.Replica) error {
		rep.Attempts, rep.Next = 0, 0
		return nil
	})
}

// eachReplica changes the state of all replications of a container, for its
// owner.
func (r *Replication) eachReplica(ctx context.Context, ref Ref, method string, change func(*store.Tx, *store.Replica) error) error {
	if names.Text(ref.Container) != nil {
		return errNoSpace
	}
	p, now := auth.PrincipalOf(ctx), r.now()
	at, err := r.owned(ctx, p, ref)
	if err != nil {
		return err
	}
	err = r.store.Update(ctx, at.guards(false), func(tx *store.Tx) error {
		s, err := r.again(tx, p, ref, &at)
		if err != nil {
			return err
		}
		list, err := tx.ReplicasOf(s.container.ID)
		if err != nil {
			return err
		}
		for i := range list {
			if err := change(tx, &list[i]); err != nil {
				return err
			}
			tx.PutReplica(&list[i])
		}
		if r.logged {
			tx.AddAdminEntry(done(p, now, method, ref.Account+"/"+ref.Container))
		}
		return nil
	})
	if err == nil {
		r.replicator.hurry()
	}
	return err
}

// Release makes the replica of a container that is gone an ordinary container,
// which stays. Owners only; Conflict where ref is no replica, or its source is
// there: then the setting of that is what is to be changed.
func (r *Replication) Release(ctx context.Context, ref Ref) error {
	if names.Text(ref.Container) != nil {
		return errNoSpace
	}
	p, now := auth.PrincipalOf(ctx), r.now()
	at, err := r.owned(ctx, p, ref)
	if err != nil {
		return err
	}
	_, n := splitStore(ref.Account)
	source := at.container.ReplicaOf
	if source == 0 {
		return errs.New("replication.Release", errs.Conflict, "", "The space is no replica.")
	}
	guards := append(at.guards(false), store.LockContainer(source, false), store.LockReplica(source, uint8(n)))
	return r.store.Update(ctx, guards, func(tx *store.Tx) error {
		s, err := r.again(tx, p, ref, &at)
		if err != nil {
			return err
		}
		_, there, err := tx.Container(source)
		if err != nil {
			return err
		}
		if there || s.container.ReplicaOf != source {
			return errs.New("replication.Release", errs.Conflict, "", "The source of the replica is there: change its setting.")
		}
		r.free(tx, p, &s.container, now)
		if r.logged {
			tx.AddAdminEntry(done(p, now, "replication.release", ref.Account+"/"+ref.Container))
		}
		_, err = tx.DeleteReplica(source, uint8(n), replicaPage)
		return err
	})
}

// free makes a replica an ordinary container.
func (c *core) free(tx *store.Tx, p auth.Principal, k *store.Container, now store.Stamp) {
	k.ReplicaOf = 0
	k.Modified = k.Modified.After(now)
	tx.PutContainer(k)
	tx.AddJournal(c.journal("settings", p, k.ID, &store.Object{Timestamp: k.Modified}))
}

// Drain brings everything in step that is due, for tests and tools; the gateway
// does so by itself.
func (r *Replication) Drain(ctx context.Context) error { return r.replicator.drain(ctx) }
