package gateway

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/time/rate"

	"entrepot/gateway/errs"
	"entrepot/store"
)

const (
	// replicaPage is how many rows are taken up in one step.
	replicaPage = 500
	// replicaEvery is how often it is looked for what no change tells of: times
	// that have come, sources that are gone, content to be mended.
	replicaEvery = 30 * time.Second
	// replicaLease is how long others leave alone what a replicator works on.
	replicaLease = time.Minute
	// replicaTries is after how many failures of an item, or of a whole
	// replication, the operator is told.
	replicaTries = 3
	// replicaHeld is after how many failures in a row without a success a
	// replication pauses.
	replicaHeld = 8
	// Failures are tried again after replicaPause, doubled each time up to
	// replicaPauseMax.
	replicaPause    = 15 * time.Second
	replicaPauseMax = time.Hour
	// burst is how many bytes may be read ahead of the rate.
	burst = 1 << 20
)

// replicator carries changes into other stores. It works on several containers
// at once, on each in one place; what it has done is in the store alone.
type replicator struct {
	*core
	opt    ReplicationConfig
	id     uint64 // who holds leases; 0: not chosen yet
	limit  *rate.Limiter
	stop   context.CancelFunc
	wake   chan struct{}
	done   sync.WaitGroup
	busy   sync.Mutex  // held by who does a round
	looked store.Stamp // when all states were looked at last; under busy
	spread store.Stamp // when the default was last given to containers; under busy
	// unfinished are those that the last round did not do to the end; under busy.
	unfinished map[pair]bool
	stats      replicaStats
	summary    summary
}

// replicaStats count what was done since the start.
type replicaStats struct{ items, bytes, removed, failures, mended atomic.Int64 }

func startReplicator(ctx context.Context, c *core) *replicator {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	r := &replicator{core: c, opt: c.cfg.Replication, stop: cancel, wake: make(chan struct{}, 1), limit: rate.NewLimiter(rate.Inf, burst)}
	if r.opt.Rate > 0 {
		r.limit.SetLimit(rate.Limit(r.opt.Rate))
	}
	if r.opt.Pause > 0 {
		r.done.Go(func() { r.run(ctx) })
	}
	return r
}

// hurry has what is due looked for soon.
func (r *replicator) hurry() {
	select {
	case r.wake <- struct{}{}:
	default: // it is going to be
	}
}

// close ends the work; what is under way is taken up again at the next start.
func (r *replicator) close() {
	r.stop()
	r.done.Wait()
}

// run works until ctx ends.
func (r *replicator) run(ctx context.Context) {
	every := time.NewTicker(replicaEvery)
	defer every.Stop()
	for {
		gather := time.NewTimer(r.opt.Pause)
		select {
		case <-ctx.Done():
			gather.Stop()
			return
		case <-gather.C:
		}
		if err := r.drain(ctx); err != nil && ctx.Err() == nil {
			r.cfg.Logger.WarnContext(ctx, "replication", "err", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-every.C:
		case <-r.wake:
		case <-r.store.Changed():
		}
	}
}

// drain does rounds as long as they find something to do.
func (r *replicator) drain(ctx context.Context) error {
	r.busy.Lock()
	defer r.busy.Unlock()
	for {
		worked, err := r.round(ctx)
		if err != nil || !worked {
			return err
		}
	}
}

// A pair is a container with a store into which it is replicated.
type pair struct {
	source uint64
	store  uint8
}

// round works once on everything that may be due.
func (r *replicator) round(ctx context.Context) (worked bool, err error) {
	if err := r.chooseID(); err != nil {
		return false, err
	}
	if err := r.spreadDefault(ctx); err != nil {
		return false, err
	}
	due, err := r.due(ctx)
	if err != nil {
		return false, err
	}
	var more sync.Mutex
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(r.opt.Spaces)
	for p := range due {
		group.Go(func() error {
			did, err := r.work(ctx, p)
			if did {
				more.Lock()
				r.unfinished[p] = true
				more.Unlock()
			}
			return err
		})
	}
	err = group.Wait()
	return len(r.unfinished) > 0, err
}

// chooseID chooses a name for this replicator.
func (r *replicator) chooseID() (err error) {
	if r.id == 0 {
		r.id, err = r.store.NewID()
	}
	return err
}

// due finds what may have to be worked on: what changes have noted, and now and
// then everything.
func (r *replicator) due(ctx context.Context) (map[pair]bool, error) {
	list := r.unfinished
	r.unfinished = make(map[pair]bool)
	if list == nil {
		list = make(map[pair]bool)
	}
	for at, more := (pair{}), true; more; {
		var next pair
		err := r.store.View(ctx, func(v *store.View) (err error) {
			next.source, next.store, more, err = v.NextPending(at.source, at.store)
			return err
		})
		if err != nil {
			return nil, err
		}
		at = next
		if more {
			list[at] = true
		}
	}
	all := r.now().Time().Sub(r.looked.Time()) >= replicaEvery || r.looked == 0
	if !all {
		return list, nil
	}
	r.looked = r.now()
	err := r.eachState(ctx, func(rep *store.Replica) { list[pair{rep.Source, rep.Store}] = true })
	if err == nil {
		err = r.mendAll(ctx)
	}
	return list, err
}

// eachState calls fn for the state of every replication.
func (c *core) eachState(ctx context.Context, fn func(*store.Replica)) error {
	for after, more := (pair{}), true; more; {
		var list []store.Replica
		err := c.store.View(ctx, func(v *store.View) (err error) {
			list, err = v.Replicas(after.source, after.store, replicaPage)
			return err
		})
		if err != nil {
			return err
		}
		for i := range list {
			fn(&list[i])
		}
		if more = len(list) == replicaPage; more {
			after = pair{list[len(list)-1].Source, list[len(list)-1].Store}
		}
	}
	return nil
}

// A link is one replication that is worked on.
type link struct {
	pair
	source  store.Container // as it was when the work began
	found   bool            // the source is there
	state   store.Replica
	known   bool   // there is a state
	account string // that the replica is in
	replica store.Container
}

// work works once on one replication; did tells whether there may be more to do
// at once. Only failures of the store itself are errors.
func (r *replicator) work(ctx context.Context, p pair) (did bool, err error) {
	l := &link{pair: p}
	err = r.store.View(ctx, func(v *store.View) error {
		b := v.Batch()
		b.Container(p.source, &l.source, &l.found)
		b.Replica(p.source, p.store, &l.state, &l.known)
		return b.Do()
	})
	now := r.now()
	if err != nil || l.known && (l.state.Next > now || r.held(&l.state, now)) {
		return false, err
	}
	switch did, err = r.advance(ctx, l); {
	case err == nil:
		return did, r.succeeded(ctx, l)
	case errors.Is(err, errHeld):
		return false, nil
	}
	if ctx.Err() != nil || r.store.Stopped() != nil {
		return false, err
	}
	return false, r.failed(ctx, l, err)
}

// advance does the next part of the work on a replication.
func (r *replicator) advance(ctx context.Context, l *link) (did bool, err error) {
	switch {
	case !l.found && !l.known:
		return false, nil // the rest goes with the rows of the container
	case !l.found:
		return false, r.orphaned(ctx, l)
	case !contains(l.source.Replicas, l.store):
		return false, r.unlink(ctx, l)
	}
	if err := r.renew(ctx, l); err != nil {
		return false, err
	}
	if err := r.settle(ctx, l); err != nil {
		return false, err
	}
	did, err = r.carryAll(ctx, l)
	if err != nil || !l.state.Comparing {
		return did, err
	}
	return true, r.compare(ctx, l)
}

// held tells that another gateway works on a replication.
func (r *replicator) held(s *store.Replica, now store.Stamp) bool {
	return !r.opt.Alone && s.Holder != r.id && s.Lease > now
}

// errHeld tells that another gateway works on a replication.
var errHeld = errors.New("gateway: another gateway works on the replication")

// renew takes the replication for a while, where that is to be done again.
func (r *replicator) renew(ctx context.Context, l *link) error {
	now := r.now()
	if l.known && l.state.Holder == r.id && l.state.Lease.Time().Sub(now.Time()) > replicaLease/2 {
		return ctx.Err()
	}
	return r.changeState(ctx, l, func(s *store.Replica) error {
		if r.held(s, now) {
			return errHeld
		}
		s.Holder, s.Lease = r.id, store.StampOf(now.Time().Add(replicaLease))
		return nil
	})
}

// changeState changes the state of a replication, which is made where there is
// none, and reads it into l. Of a container that is gone none is made: somebody
// has forgotten it.
func (r *replicator) changeState(ctx context.Context, l *link, change func(*store.Replica) error) error {
	var next store.Replica
	var found bool
	guards := []store.Guard{store.LockContainer(l.pair.source, true), store.LockReplica(l.pair.source, l.pair.store)}
	err := r.core.store.Update(ctx, guards, func(tx *store.Tx) error {
		var err error
		if next, found, err = tx.Replica(l.pair.source, l.pair.store); err != nil {
			return err
		}
		if !found && !l.found {
			return nil
		}
		if !found {
			next = newReplica(&l.source, l.pair.store)
		}
		if err := change(&next); err != nil {
			return err
		}
		tx.PutReplica(&next)
		return nil
	})
	if err == nil {
		l.state, l.known = next, found || l.found
	}
	return err
}

// succeeded forgets failures of a replication that works again.
func (r *replicator) succeeded(ctx context.Context, l *link) error {
	if !l.known || l.state.Attempts == 0 {
		return nil
	}
	err := r.changeState(ctx, l, func(s *store.Replica) error {
		s.Attempts, s.Next, s.Reason = 0, 0, ""
		return nil
	})
	if err == nil && l.state.Gone == 0 {
		r.core.store.Notify(ctx, store.EventReplica, l.ref()+" works", "the replication works again")
	}
	return err
}

// failed notes that a replication as a whole failed, and when to try again.
func (r *replicator) failed(ctx context.Context, l *link, cause error) error {
	r.stats.failures.Add(1)
	r.cfg.Logger.WarnContext(ctx, "replication failed", "container", l.source.Name, "account", l.source.Account, "store", l.pair.store, "err", cause)
	if !l.found && !l.known {
		return nil
	}
	now := r.now()
	err := r.changeState(ctx, l, func(s *store.Replica) error {
		s.Attempts++
		s.Reason, s.Next = reasonText(cause), store.StampOf(now.Time().Add(backOff(s.Attempts)))
		return nil
	})
	if err == nil && l.state.Attempts == replicaTries {
		r.core.store.Notify(ctx, store.EventReplica, l.ref(), "the replication is held up: "+l.state.Reason)
	}
	return err
}

// ref names the replication for people.
func (l *link) ref() string {
	return fmt.Sprintf("%s/%s to store %d", l.state.Account, l.state.Name, l.pair.store)
}

// backOff is how long to wait after so many failures.
func backOff(attempts int64) time.Duration {
	if attempts > 10 {
		return replicaPauseMax
	}
	return min(replicaPause<<max(attempts-1, 0), replicaPauseMax)
}

// maxReason bounds the text of a failure that is kept, in bytes.
const maxReason = 500

// reasonText is a failure in words.
func reasonText(err error) string {
	text := errs.TextOf(err)
	if text == "" {
		text = err.Error()
	}
	return text[:min(len(text), maxReason)]
}

func contains(list []uint8, n uint8) bool {
	for _, m := range list {
		if m == n {
			return true
		}
	}
	return false
}

// throttled reads no faster than the configured rate.
type throttled struct {
	ctx   context.Context // of the one call that reads it
	r     io.Reader
	limit *rate.Limiter
	count *atomic.Int64
}

// Read implements io.Reader.
func (t *throttled) Read(p []byte) (int, error) {
	n, err := t.r.Read(p[:min(len(p), burst)])
	t.count.Add(int64(n))
	if wait := t.limit.WaitN(t.ctx, n); wait != nil {
		return n, errors.Join(wait, err)
	}
	return n, err
}

// spreadEvery is how often the default is given to containers of which nothing
// was set; new ones get it when they are made.
const spreadEvery = 24 * time.Hour

// spreadDefault gives every container of which nothing was set the default of
// the configuration: once after the start, which is when that may have changed.
func (r *replicator) spreadDefault(ctx context.Context) error {
	now := r.now()
	if r.spread != 0 && now.Time().Sub(r.spread.Time()) < spreadEvery {
		return nil
	}
	for after, more := uint64(0), true; more; {
		var list []store.Container
		err := r.store.View(ctx, func(v *store.View) (err error) {
			list, err = v.AllContainers(after, replicaPage)
			return err
		})
		if err != nil {
			return err
		}
		for i := range list {
			if err := r.giveDefault(ctx, &list[i]); err != nil {
				return err
			}
		}
		if more = len(list) == replicaPage; more {
			after = list[len(list)-1].ID
		}
	}
	r.spread = now
	return nil
}

// giveDefault gives one container the default, where it has another one.
func (r *replicator) giveDefault(ctx context.Context, seen *store.Container) error {
	if r.hasDefault(seen) {
		return nil
	}
	guards := []store.Guard{store.LockContainer(seen.ID, false), store.LockDepot(seen.Depot, true)}
	return r.store.Update(ctx, guards, func(tx *store.Tx) error {
		k, found, err := tx.Container(seen.ID)
		if err != nil || !found || k.Depot != seen.Depot || r.hasDefault(&k) {
			return err
		}
		return tx.SetReplicas(&k, r.defaultReplicas(k.Account, k.Name), false)
	})
}

// hasDefault tells that a container has the default, or something of its own.
func (r *replicator) hasDefault(k *store.Container) bool {
	return k.ReplicasSet || string(k.Replicas) == string(r.defaultReplicas(k.Account, k.Name))
}
