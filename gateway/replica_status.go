package gateway

import (
	"context"
	"sync"
	"time"

	"entrepot/auth"
	"entrepot/gateway/errs"
	"entrepot/store"
)

// A ReplicaState says in one word how a replication stands.
type ReplicaState string

// The states, from the best to the worst.
const (
	ReplicaCurrent   ReplicaState = "current"   // nothing is to be done
	ReplicaPending   ReplicaState = "pending"   // changes are on their way
	ReplicaComparing ReplicaState = "comparing" // both sides are being compared
	ReplicaFailing   ReplicaState = "failing"   // some items fail, the others get there
	ReplicaHeld      ReplicaState = "held"      // nothing gets there; it is tried again
	ReplicaKept      ReplicaState = "kept"      // the source is gone
)

// A ReplicaStatus says how the replication of a container into one store
// stands.
type ReplicaStatus struct {
	Account, Space string // of the source
	Store          int
	State          ReplicaState
	// Pending counts the names to be brought in step, Failed those of them that
	// failed at least once; More tells that there are more than were counted.
	Pending, Failed int64
	More            bool
	// Since is the first change that has not arrived; zero: all have.
	Since time.Time
	// Compared is when both sides were last found in step name by name.
	Compared time.Time
	// Reason is why nothing gets there, Next when it is tried again.
	Reason string
	Next   time.Time
	// Until is how long the replica of a container that is gone stays; zero:
	// until somebody releases it.
	Until time.Time
	// Failures are the first items that fail, where they were asked for.
	Failures []ReplicaFailure
}

// A ReplicaFailure is an item that cannot be brought in step.
type ReplicaFailure struct {
	Item     string // "": the settings of the space
	Attempts int64
	Reason   string
	Next     time.Time // when it is tried again
}

const (
	// maxBacklog is up to how many names are counted.
	maxBacklog = 10_000
	// maxFailures is how many items that fail are listed.
	maxFailures = 100
)

// Status tells how the replications of a container stand, with the items that
// fail, to a caller who may list it.
func (r *Replication) Status(ctx context.Context, ref Ref) ([]ReplicaStatus, error) {
	at, err := r.readable(ctx, ref)
	if err != nil {
		return nil, err
	}
	out := []ReplicaStatus{}
	for _, n := range at.container.Replicas {
		var s ReplicaStatus
		err := r.store.View(ctx, func(v *store.View) error {
			rep, found, err := v.Replica(at.container.ID, n)
			if err != nil {
				return err
			}
			if !found {
				rep = newReplica(&at.container, n)
			}
			if s, err = r.statusOf(v, &rep); err == nil {
				s.Failures, err = failuresOf(v, &rep)
			}
			return err
		})
		if err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	return out, nil
}

// StatusOfAll tells how all replications stand, to administrators and auditors:
// those behind a marker, at most limit of them. next is the marker of the next
// page, zero at the end.
func (r *Replication) StatusOfAll(ctx context.Context, marker ReplicaMarker, limit int) (list []ReplicaStatus, next ReplicaMarker, err error) {
	if p := auth.PrincipalOf(ctx); !knowsAccounts(p) {
		return nil, next, errs.New("replication", errs.Forbidden, errs.NotAdmin, "")
	}
	list = []ReplicaStatus{}
	err = r.store.View(ctx, func(v *store.View) error {
		list, next = list[:0], ReplicaMarker{}
		reps, err := v.Replicas(marker.Source, marker.Store, min(limit, replicaPage))
		if err != nil {
			return err
		}
		for i := range reps {
			s, err := r.statusOf(v, &reps[i])
			if err != nil {
				return err
			}
			list = append(list, s)
		}
		if len(reps) == min(limit, replicaPage) {
			next = ReplicaMarker{reps[len(reps)-1].Source, reps[len(reps)-1].Store}
		}
		return nil
	})
	return list, next, err
}

// A ReplicaMarker says where a page of StatusOfAll ended.
type ReplicaMarker struct {
	Source uint64
	Store  uint8
}

// statusOf sums up the state of one replication.
func (r *Replication) statusOf(v *store.View, rep *store.Replica) (ReplicaStatus, error) {
	log, err := v.Backlog(rep.Source, rep.Store, maxBacklog)
	s := ReplicaStatus{
		Account: rep.Account, Space: rep.Name, Store: int(rep.Store), State: ReplicaCurrent,
		Pending: log.Names, Failed: log.Failed, More: log.More, Since: log.Oldest.Time(), Compared: rep.Compared.Time(),
	}
	switch {
	case rep.Gone != 0:
		s.State = ReplicaKept
		if keep := r.cfg.Replication.Keep; keep >= 0 {
			s.Until = rep.Gone.Time().Add(keep)
		}
	case rep.Attempts > 0:
		s.State, s.Reason, s.Next = ReplicaHeld, rep.Reason, rep.Next.Time()
	case log.Failed > 0:
		s.State = ReplicaFailing
	case rep.Comparing:
		s.State = ReplicaComparing
	case log.Names > 0:
		s.State = ReplicaPending
	}
	return s, err
}

// failuresOf lists the first items that fail.
func failuresOf(v *store.View, rep *store.Replica) ([]ReplicaFailure, error) {
	var out []ReplicaFailure
	for from, more, seen := "", true, 0; more && len(out) < maxFailures && seen < maxBacklog; {
		list, next, err := v.Pendings(rep.Source, rep.Store, from, replicaPage)
		if err != nil {
			return nil, err
		}
		for i := range list {
			if p := &list[i]; p.Attempts > 0 && len(out) < maxFailures {
				out = append(out, ReplicaFailure{Item: p.Name, Attempts: p.Attempts, Reason: p.Reason, Next: p.Next.Time()})
			}
		}
		from, more = next, next != ""
		seen += len(list)
	}
	return out, nil
}

// A ReplicaSummary sums up all replications, for those who watch the gateway.
type ReplicaSummary struct {
	// Items, Removed, Mended and Failures count since the start: objects that
	// were written to replicas, and removed there, content that was mended, and
	// attempts that failed. Bytes counts the content that was read for it.
	Items, Removed, Mended, Failures, Bytes int64
	// Replicas counts the replications, Held those where nothing gets there.
	Replicas, Held int64
	// Pending counts the names to be brought in step, Failed those of them that
	// failed; of each replication at most the first 10,000 by name. Lag is how
	// old the first of their changes is.
	Pending, Failed int64
	Lag             time.Duration
}

// summaryEvery is how long a sum over all replications is good for.
const summaryEvery = 15 * time.Second

// summary keeps the last sum over all replications.
type summary struct {
	mu   sync.Mutex
	at   store.Stamp
	last ReplicaSummary
}

// Summary sums up all replications. What needs a look at all of them is at most
// 15 seconds old.
func (r *Replication) Summary(ctx context.Context) (ReplicaSummary, error) {
	s := &r.replicator.summary
	s.mu.Lock()
	defer s.mu.Unlock()
	if now := r.now(); s.at == 0 || now.Time().Sub(s.at.Time()) >= summaryEvery {
		out, err := r.sum(ctx, now)
		if err != nil {
			return out, err
		}
		s.at, s.last = now, out
	}
	out, n := s.last, &r.replicator.stats
	out.Items, out.Removed, out.Mended = n.items.Load(), n.removed.Load(), n.mended.Load()
	out.Failures, out.Bytes = n.failures.Load(), n.bytes.Load()
	return out, nil
}

// sum looks at all replications.
func (r *Replication) sum(ctx context.Context, now store.Stamp) (out ReplicaSummary, err error) {
	var all []store.Replica
	if err := r.eachState(ctx, func(rep *store.Replica) { all = append(all, *rep) }); err != nil {
		return out, err
	}
	var oldest store.Stamp
	for i := range all {
		var log store.Backlog
		err := r.store.View(ctx, func(v *store.View) (err error) {
			log, err = v.Backlog(all[i].Source, all[i].Store, maxBacklog)
			return err
		})
		if err != nil {
			return out, err
		}
		out.Replicas++
		if all[i].Attempts > 0 {
			out.Held++
		}
		out.Pending += log.Names
		out.Failed += log.Failed
		if log.Oldest != 0 && (oldest == 0 || log.Oldest < oldest) {
			oldest = log.Oldest
		}
	}
	if oldest != 0 {
		out.Lag = now.Time().Sub(oldest.Time())
	}
	return out, nil
}
