package gateway

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"entrepot/auth"
	"entrepot/gateway/errs"
	"entrepot/store"
)

// errOnceMore tells that something changed meanwhile: what was read is read
// again.
var errOnceMore = errors.New("gateway: changed meanwhile")

// settle makes sure that there is a replica with the name and the access list of
// the source, and leaves it in l.
func (r *replicator) settle(ctx context.Context, l *link) error {
	l.account = storeAccount(l.source.Account, int(l.pair.store))
	ctx = asReplicator(ctx, l.account)
	if r.core.storeOf(l.account) == nil {
		return errs.New("replication", errs.NotFound, errs.NoStore, "No store exists with ID "+strconv.Itoa(int(l.pair.store)))
	}
	for range maxSettle {
		err := r.settleOnce(ctx, l)
		if !errors.Is(err, errOnceMore) {
			return err
		}
	}
	return errs.New("replication", errs.Conflict, "", "The space is changing too fast.")
}

// maxSettle is how often the settings are looked at anew in one go.
const maxSettle = 10

// settleOnce is one step of settle; errOnceMore asks for another.
func (r *replicator) settleOnce(ctx context.Context, l *link) error {
	var asked bool
	var named store.Container
	var taken bool
	err := r.core.store.View(ctx, func(v *store.View) error {
		var err error
		if _, asked, err = v.PendingFor(l.pair.source, l.pair.store, ""); err != nil {
			return err
		}
		b := v.Batch()
		b.Container(l.pair.source, &l.source, &l.found)
		b.Container(l.state.Container, &l.replica, &taken)
		if err := b.Do(); err != nil {
			return err
		}
		if !taken || l.replica.ReplicaOf != l.pair.source || l.replica.Account != l.account {
			l.replica = store.Container{}
		}
		named, taken, err = v.ContainerNamed(l.account, l.source.Name)
		return err
	})
	switch {
	case err != nil:
		return err
	case !l.found || !contains(l.source.Replicas, l.pair.store):
		return errs.New("replication", errs.Conflict, "", "The setting has changed.")
	case l.replica.ID != 0 && !asked && l.replica.Name == l.source.Name:
		return nil
	case !taken && l.replica.ID == 0:
		ref := Ref{Account: l.account, Container: l.source.Name}
		if _, err := (&Containers{core: r.core}).Create(ctx, ref, ContainerChange{}); err != nil {
			return err
		}
		return errOnceMore
	case taken && named.ID != l.replica.ID && named.ReplicaOf != 0 && named.ReplicaOf != l.pair.source:
		return r.makeRoom(ctx, l, &named)
	case taken && named.ID != l.replica.ID && l.replica.ID != 0:
		return errs.New("replication", errs.Conflict, errs.NotEmpty, "The store has another space of that name.")
	case l.replica.ID == 0:
		l.replica = named
	}
	return r.attach(ctx, l)
}

// attach makes a container the replica of the source, with its name and access
// list, and notes that this is done.
func (r *replicator) attach(ctx context.Context, l *link) error {
	p, now := auth.PrincipalOf(ctx), r.now()
	seen, name := l.replica, l.source.Name
	guards := []store.Guard{
		store.LockContainer(l.pair.source, false), store.LockReplica(l.pair.source, l.pair.store),
		store.LockContainer(seen.ID, false), store.LockDepot(seen.Depot, true), store.LockDepot(l.source.Depot, true),
		store.LockName(l.account, name), store.LockName(l.account, seen.Name),
	}
	var state store.Replica
	var replica store.Container
	err := r.core.store.Update(ctx, guards, func(tx *store.Tx) error {
		var source store.Container
		var here, there, known bool
		b := tx.Batch()
		b.Container(l.pair.source, &source, &there)
		b.Container(seen.ID, &replica, &here)
		b.Replica(l.pair.source, l.pair.store, &state, &known)
		if err := b.Do(); err != nil {
			return err
		}
		if !there || !here || !known || source.Name != name || source.Depot != l.source.Depot ||
			replica.Name != seen.Name || replica.Depot != seen.Depot || replica.ReplicaOf != seen.ReplicaOf {
			return errOnceMore
		}
		if err := r.takeOver(tx, &replica, &state); err != nil {
			return err
		}
		if err := r.rename(tx, &replica, name); err != nil {
			return err
		}
		state.Account, state.Name = source.Account, source.Name
		tx.PutReplica(&state)
		tx.DeletePending(l.pair.source, l.pair.store, "")
		return r.copySettings(tx, p, &source, &replica, now)
	})
	if err == nil {
		l.state, l.replica = state, replica
	}
	return err
}

// takeOver makes a container a replica that is none yet.
func (r *replicator) takeOver(tx *store.Tx, replica *store.Container, state *store.Replica) error {
	if replica.ReplicaOf == state.Source && state.Container == replica.ID {
		return nil
	}
	if replica.ReplicaOf == 0 && !state.Adopt {
		if err := r.mustBeEmpty(&tx.View, replica, int(state.Store)); err != nil {
			return err
		}
	}
	replica.ReplicaOf = state.Source
	state.Container, state.Adopt, state.Gone = replica.ID, false, 0
	state.Comparing, state.Marker = true, ""
	tx.PutContainer(replica)
	return nil
}

// rename gives a replica the name of its source, which has changed.
func (r *replicator) rename(tx *store.Tx, replica *store.Container, name string) error {
	if replica.Name == name {
		return nil
	}
	_, taken, err := tx.ContainerNamed(replica.Account, name)
	if err == nil && taken {
		err = errOnceMore
	}
	if err == nil {
		tx.RenameContainer(replica, name)
	}
	return err
}

// copySettings brings the access list of a replica in step.
func (r *replicator) copySettings(tx *store.Tx, p auth.Principal, source, replica *store.Container, now store.Stamp) error {
	if replica.ReadACL == source.ReadACL && replica.WriteACL == source.WriteACL &&
		replica.ReadSet == source.ReadSet && replica.WriteSet == source.WriteSet {
		return nil
	}
	replica.ReadACL, replica.WriteACL = source.ReadACL, source.WriteACL
	replica.ReadSet, replica.WriteSet = source.ReadSet, source.WriteSet
	replica.Modified = replica.Modified.After(now)
	tx.PutContainer(replica)
	tx.AddJournal(r.aclJournal(p, replica, replica.Modified))
	return nil
}

// makeRoom renames the replica of a container that is gone, whose name another
// one has now. While its source is there it is for that to be renamed first;
// where that was waited for in vain, as where containers have exchanged their
// names, it is put aside until its turn comes.
func (r *replicator) makeRoom(ctx context.Context, l *link, old *store.Container) error {
	now := r.now()
	aside := asideName(old.Name, now.Time(), old.ID)
	guards := []store.Guard{
		store.LockContainer(old.ID, false), store.LockDepot(old.Depot, true), store.LockContainer(old.ReplicaOf, true),
		store.LockReplica(old.ReplicaOf, l.pair.store), store.LockName(old.Account, old.Name), store.LockName(old.Account, aside),
	}
	var there bool
	err := r.store.Update(ctx, guards, func(tx *store.Tx) error {
		var source store.Container
		var err error
		if source, there, err = tx.Container(old.ReplicaOf); err != nil {
			return err
		}
		if there && (l.state.Attempts == 0 || source.Name == old.Name || !contains(source.Replicas, l.pair.store)) {
			return errs.New("replication", errs.Conflict, "", "The store has the replica of another space under that name still.")
		}
		k, found, err := tx.Container(old.ID)
		if err != nil || !found || k.Name != old.Name || k.ReplicaOf != old.ReplicaOf || k.Depot != old.Depot {
			return err
		}
		if err := compareAgain(tx, old.ReplicaOf, l.pair.store); err != nil {
			return err
		}
		return r.rename(tx, &k, aside)
	})
	if err != nil {
		return err
	}
	if !there {
		r.store.Notify(ctx, store.EventReplica, old.Account+"/"+old.Name, "the kept replica of a deleted space is now called "+aside+", since the name is in use again")
	}
	return errOnceMore
}

// compareAgain has a comparison that is under way begin anew: who is at it does
// not find the replica under its name any more.
func compareAgain(tx *store.Tx, source uint64, n uint8) error {
	state, found, err := tx.Replica(source, n)
	if err == nil && found && state.Comparing {
		state.CompareAnew()
		tx.PutReplica(&state)
	}
	return err
}

// maxAside bounds the part of a name that asideName keeps, in bytes.
const maxAside = 200

// asideName is the name of a kept replica whose own is needed.
func asideName(name string, at time.Time, id uint64) string {
	return fmt.Sprintf("%s-before-%s-%04x", name[:min(len(name), maxAside)], at.UTC().Format("20060102t150405"), id&0xffff)
}

// unlink ends a replication that is not set any more: the replica becomes an
// ordinary container.
func (r *replicator) unlink(ctx context.Context, l *link) error {
	account := storeAccount(l.source.Account, int(l.pair.store))
	p, now := auth.PrincipalOf(asReplicator(ctx, account)), r.now()
	var seen store.Container
	var found bool
	err := r.core.store.View(ctx, func(v *store.View) (err error) {
		seen, found, err = v.Container(l.state.Container)
		return err
	})
	if err != nil {
		return err
	}
	guards := []store.Guard{store.LockContainer(l.pair.source, false), store.LockReplica(l.pair.source, l.pair.store)}
	if found {
		guards = append(guards, store.LockContainer(seen.ID, false), store.LockDepot(seen.Depot, true))
	}
	for more := true; more; {
		err := r.core.store.Update(ctx, guards, func(tx *store.Tx) error {
			source, there, err := tx.Container(l.pair.source)
			if more = false; err != nil || there && contains(source.Replicas, l.pair.store) {
				return err // set again meanwhile
			}
			replica, here, err := tx.Container(seen.ID)
			if err != nil {
				return err
			}
			if here && replica.Depot != seen.Depot {
				return errs.New("replication", errs.Conflict, "", "The replica was moved to another depot meanwhile.")
			}
			if here && replica.ReplicaOf == l.pair.source {
				r.free(tx, p, &replica, now)
			}
			more, err = tx.DeleteReplica(l.pair.source, l.pair.store, replicaPage)
			return err
		})
		if err != nil {
			return err
		}
	}
	l.known = false
	return nil
}

// orphaned looks after the replica of a container that is gone: it is kept for a
// while, and read-only, in case that was a mistake.
func (r *replicator) orphaned(ctx context.Context, l *link) error {
	l.source.Account, l.source.Name = l.state.Account, l.state.Name
	l.account = storeAccount(l.state.Account, int(l.pair.store))
	now := r.now()
	var there bool
	err := r.core.store.View(ctx, func(v *store.View) (err error) {
		l.replica, there, err = v.Container(l.state.Container)
		return err
	})
	switch {
	case err != nil:
		return err
	case !there || l.replica.ReplicaOf != l.pair.source:
		return r.forget(ctx, l)
	case l.state.Gone == 0:
		err := r.changeState(ctx, l, func(s *store.Replica) error {
			s.Gone = now
			return nil
		})
		if err == nil {
			r.core.store.Notify(ctx, store.EventReplica, l.ref()+" gone", "the space was deleted; its replica is kept"+r.until(now))
		}
		return err
	case r.opt.Keep < 0 || now.Time().Sub(l.state.Gone.Time()) < r.opt.Keep:
		return nil
	}
	ref := Ref{Account: l.account, Container: l.replica.Name}
	err = r.detach(asReplicator(ctx, l.account), auth.PrincipalOf(asReplicator(ctx, l.account)), ref, func(_ *store.Tx, s *scope, _ store.Stamp) error {
		if s.container.ReplicaOf != l.pair.source {
			return errs.New("replication", errs.Conflict, "", "The replica was released meanwhile.")
		}
		return nil
	})
	if err != nil {
		return err
	}
	r.core.store.Notify(ctx, store.EventReplica, l.ref()+" removed", "the kept replica of a deleted space was removed")
	return r.forget(ctx, l)
}

// until says how long a replica is kept that lost its source now.
func (r *replicator) until(now store.Stamp) string {
	if r.opt.Keep < 0 {
		return ""
	}
	return " until " + now.Time().Add(r.opt.Keep).Format(time.DateTime)
}

// forget removes the state of a replication of which neither side is there.
func (r *replicator) forget(ctx context.Context, l *link) error {
	guards := []store.Guard{store.LockContainer(l.pair.source, false), store.LockReplica(l.pair.source, l.pair.store)}
	for more := true; more; {
		err := r.core.store.Update(ctx, guards, func(tx *store.Tx) (err error) {
			more, err = tx.DeleteReplica(l.pair.source, l.pair.store, replicaPage)
			return err
		})
		if err != nil {
			return err
		}
	}
	l.known = false
	return nil
}
