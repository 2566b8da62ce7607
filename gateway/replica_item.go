package gateway

import (
	"context"
	"errors"
	"io"
	"maps"
	"reflect"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"entrepot/auth"
	"entrepot/gateway/errs"
	"entrepot/store"
)

// carryAll brings in step what changes have noted for a replication, once
// through all names; did tells that there were some.
func (r *replicator) carryAll(ctx context.Context, l *link) (did bool, err error) {
	for from, more := "\x01", true; more; { // no name is less, but "" for the settings
		var list []store.Pending
		var next string
		err := r.core.store.View(ctx, func(v *store.View) (err error) {
			list, next, err = v.Pendings(l.pair.source, l.pair.store, from, replicaPage)
			return err
		})
		if err != nil {
			return did, err
		}
		now := r.now()
		due := list[:0]
		for _, p := range list {
			if p.Next <= now && p.Name != "" {
				due = append(due, p)
			}
		}
		names := make([]string, len(due))
		for i := range due {
			names[i] = due[i].Name
		}
		n, err := r.carrySome(ctx, l, names)
		if did = did || n > 0; err != nil {
			return did, err
		}
		if err := r.renew(ctx, l); err != nil {
			return did, err
		}
		from, more = next, next != ""
	}
	return did, nil
}

// carrySome brings names in step, some at once, and returns of how many that
// is done. What fails is noted with the name; only where nothing works any more
// is that an error.
func (r *replicator) carrySome(ctx context.Context, l *link, names []string) (carried int64, err error) {
	var did, inARow atomic.Int64
	group, inner := errgroup.WithContext(ctx)
	group.SetLimit(r.opt.Items)
	for _, name := range names {
		if inner.Err() != nil {
			break
		}
		group.Go(func() error {
			err := r.carry(inner, l, name)
			if err == nil {
				inARow.Store(0)
				did.Add(1)
				return nil
			}
			if inner.Err() != nil || r.core.store.Stopped() != nil || errors.Is(err, errOnceMore) {
				return inner.Err()
			}
			if noted := r.itemFailed(inner, l, name, err); noted != nil {
				return noted
			}
			if inARow.Add(1) >= replicaHeld {
				return errs.Wrap("replication", errs.Unavailable, "", err)
			}
			return nil
		})
	}
	err = group.Wait()
	if err == nil {
		err = ctx.Err()
	}
	return did.Load(), err
}

// itemFailed notes that an item could not be brought in step.
func (r *replicator) itemFailed(ctx context.Context, l *link, name string, cause error) error {
	r.stats.failures.Add(1)
	r.cfg.Logger.WarnContext(ctx, "replication of an item failed", "container", l.source.Name, "account", l.source.Account,
		"store", l.pair.store, "object", name, "err", cause)
	now := r.now()
	var p store.Pending
	err := r.core.store.Update(ctx, l.itemGuards(name), func(tx *store.Tx) error {
		_, found, err := tx.Container(l.pair.source)
		if p = (store.Pending{}); err != nil || !found {
			return err
		}
		if p, found, err = tx.PendingFor(l.pair.source, l.pair.store, name); err != nil {
			return err
		}
		if !found {
			p = store.Pending{Source: l.pair.source, Store: l.pair.store, Name: name, At: now}
		}
		p.Attempts++
		p.Next = store.StampOf(now.Time().Add(backOff(p.Attempts)))
		p.Reason = reasonText(cause)
		tx.PutPending(&p)
		return nil
	})
	if err != nil || p.Attempts != replicaTries {
		return err
	}
	r.core.store.Notify(ctx, store.EventReplica, l.ref()+": "+name, "an item cannot be replicated: "+p.Reason)
	return r.addVerify(ctx, &l.replica, replicatorUser, "") // for the report of that store
}

// itemGuards are the locks under which what is noted for a name of the source
// changes.
func (l *link) itemGuards(name string) []store.Guard {
	return []store.Guard{store.LockContainer(l.pair.source, true), store.LockObject(l.pair.source, name)}
}

// carryTries is how often an item that keeps changing is read again in one go.
const carryTries = 4

// carry brings one name in step. errOnceMore: it keeps changing and is still
// noted.
func (r *replicator) carry(ctx context.Context, l *link, name string) error {
	return r.carryFrom(asReplicator(ctx, l.account), l, name, "", maxRenames)
}

// carryFrom is carry of a name whose content the replica may have under the
// name from; hops is how many names further it may be looked for.
func (r *replicator) carryFrom(ctx context.Context, l *link, name, from string, hops int) error {
	for range carryTries {
		c := &carrying{
			put: put{
				core: r.core, ref: Ref{Account: l.account, Container: l.replica.Name, Object: name}, p: auth.PrincipalOf(ctx),
				now: r.now(), opt: &PutOptions{Size: -1, copied: true},
			},
			r: r, link: l, hint: from, hops: hops,
		}
		if err := c.run(ctx); !errors.Is(err, errOnceMore) {
			return err
		}
	}
	return errOnceMore
}

// carrying is one name on its way to the replica: a put whose content and
// properties are those of the source.
type carrying struct {
	put
	r    *replicator
	link *link

	from   store.Object // the source's row
	live   bool         // there is one that is not expired
	source scope        // its container
	data   []byte       // its content, where that lies in the engine
	noted  bool         // the name is among those to be brought in step
	note   store.Pending
	hint   string // a name under which the replica may have the content
	hops   int    // see carryFrom
	bad    bool   // what the replica has is damaged

	// seen is the source's row that the work began with, if any: transactions
	// read it again into from, and may run again.
	seen *store.Object
}

// run reads both sides and does what is missing.
func (c *carrying) run(ctx context.Context) error {
	if err := c.store.View(ctx, c.read); err != nil {
		return err
	}
	if c.live {
		seen := c.from
		c.seen = &seen
	}
	if !c.live {
		if err := c.passOn(ctx); err != nil {
			return err
		}
	}
	switch {
	case !c.live && c.row == nil:
		return c.settled(ctx)
	case !c.live:
		return c.remove(ctx)
	case c.row != nil && !c.bad && c.inStep():
		return c.settled(ctx)
	case c.row != nil && !c.bad && sameContent(&c.row.Content, &c.from.Content):
		return c.commit(ctx, c.row.Content, nil)
	}
	if done, err := c.refer(ctx); done || err != nil {
		return err
	}
	return c.copyContent(ctx)
}

// read reads what the work depends on, and judges it.
func (c *carrying) read(v *store.View) error {
	if err := c.readSource(v); err != nil {
		return err
	}
	if err := c.readReplica(v); err != nil {
		return err
	}
	if !c.live || c.row != nil && !c.bad && sameContent(&c.row.Content, &c.from.Content) {
		return nil
	}
	if err := c.examine(v, c.from.Content.Size, true); err != nil {
		return err
	}
	if !c.from.Content.Inline {
		return nil
	}
	var err error
	c.data, err = v.Inline(c.from.Content)
	return err
}

// readSource reads the source's row.
func (c *carrying) readSource(v *store.View) error {
	var found bool
	b := v.Batch()
	b.Container(c.link.pair.source, &c.source.container, &found)
	b.Object(c.link.pair.source, c.ref.Object, &c.from, &c.live)
	if err := b.Do(); err != nil {
		return err
	}
	if !found || !contains(c.source.container.Replicas, c.link.pair.store) {
		return errOnceMore
	}
	if c.live && c.from.Expired(c.now) {
		c.live = false
	}
	var err error
	c.note, c.noted, err = v.PendingFor(c.link.pair.source, c.link.pair.store, c.ref.Object)
	return err
}

// readReplica reads the replica's row.
func (c *carrying) readReplica(v *store.View) error {
	var row store.Object
	var found bool
	s, err := c.load(v, c.p, c.ref, func(b *store.Batch, id uint64) { b.Object(id, c.ref.Object, &row, &found) })
	if err != nil {
		return err
	}
	if s.container.ID != c.link.replica.ID || s.container.ReplicaOf != c.link.pair.source {
		return errOnceMore
	}
	c.scope, c.row, c.bad = s, nil, false
	if found {
		c.row = &row
		c.bad, err = v.Quarantined(row.Content)
	}
	return err
}

// sourceAgain makes sure that the source's row is the one that was read. The
// caller holds its lock.
func (c *carrying) sourceAgain(tx *store.Tx) error {
	if err := c.readSource(&tx.View); err != nil {
		return err
	}
	if c.live != (c.seen != nil) || c.live && !reflect.DeepEqual(*c.seen, c.from) {
		return errOnceMore
	}
	return nil
}

// settled takes the name from those that are to be brought in step, if it is so
// still: the source's row may have come and gone meanwhile, and somebody may have
// carried it over.
func (c *carrying) settled(ctx context.Context) error {
	if !c.noted {
		return nil
	}
	return c.store.Update(ctx, c.link.itemGuards(c.ref.Object), func(tx *store.Tx) error {
		if err := c.sourceAgain(tx); err != nil {
			return err
		}
		if err := c.readReplica(&tx.View); err != nil {
			return err
		}
		if c.live != (c.row != nil) || c.live && (c.bad || !c.inStep()) {
			return errOnceMore
		}
		c.forgetNote(tx)
		return nil
	})
}

func (c *carrying) forgetNote(tx *store.Tx) {
	if c.noted {
		tx.DeletePending(c.link.pair.source, c.link.pair.store, c.ref.Object)
	}
}

// guards are the locks of the name on both sides.
func (c *carrying) guards(at *scope, strong bool) []store.Guard {
	guards := store.LocksOfWrite(at.container.ID, c.ref.Object, false)
	guards = append(append(guards, at.quotaGuards(strong)...), at.archiveGuards(nil)...)
	return append(guards, c.link.itemGuards(c.ref.Object)...)
}

// remove deletes what the source does not have any more.
func (c *carrying) remove(ctx context.Context) error {
	at := c.scope
	err := c.store.Update(ctx, c.guards(&at, false), func(tx *store.Tx) error {
		if err := c.sourceAgain(tx); err != nil {
			return err
		}
		if err := c.readReplica(&tx.View); err != nil {
			return err
		}
		if !c.scope.same(&at) {
			return errOnceMore
		}
		c.forgetNote(tx)
		if c.row == nil {
			return nil
		}
		gone := *c.row
		gone.Timestamp = c.row.Timestamp.After(c.now)
		bare := c.scope.container
		if c.scope.stacks() { // no version comes back
			bare.Archive = nil
		}
		tx.DeleteObject(&bare, c.row, gone.Timestamp)
		tx.AddJournal(c.journal("delete", c.p, bare.ID, &gone))
		return c.forgetPath(tx, &bare, c.ref.Object)
	})
	if err == nil {
		c.r.stats.removed.Add(1)
	}
	return err
}

// copyContent reads the source's content, verified, and stores it.
func (c *carrying) copyContent(ctx context.Context) error {
	size := c.from.Content.Size
	release, err := c.reserve(size)
	if err != nil {
		return err
	}
	defer release()
	content, err := c.stored(ctx, &place{ref: c.ref, scope: c.source, obj: c.from, raw: true}, c.data)
	if errors.Is(err, errGone) {
		return errOnceMore
	}
	if err != nil {
		return err
	}
	defer content.Close() //nolint:errcheck // it was only read
	up := c.store.NewUploadIn(ctx, volumeOf(c.ref.Account))
	defer up.Close()
	body := &throttled{ctx: ctx, r: io.NewSectionReader(content, 0, size), limit: c.r.limit, count: &c.r.stats.bytes}
	if err := up.Receive(body, size); err != nil {
		return err
	}
	if c.from.Content.SHA256 != [32]byte{} && up.Sum("sha256") != hexOf(c.from.Content.SHA256[:]) || up.Size() != size {
		return errs.New("replication", errs.Mismatch, "", "The content of the source is not what its record says.")
	}
	made, err := up.Finish()
	if err != nil {
		return err
	}
	made.SHA1 = c.from.Content.SHA1
	err = c.commit(context.WithoutCancel(ctx), made, func(tx *store.Tx, _ *store.Content) error {
		up.Attach(tx, made)
		return nil
	})
	if err != nil && errs.ReasonOf(err) != errs.Unknown {
		up.Discard(context.WithoutCancel(ctx))
	}
	return err
}

// commit writes the replica's row with new content, or with attach nil with that
// which it has, if both sides are what was read. attach runs in the transaction
// and may change the content; more are locks that it needs.
func (c *carrying) commit(ctx context.Context, content store.Content, attach func(*store.Tx, *store.Content) error, more ...store.Guard) error {
	at := c.scope
	c.othersDepot, c.othersAccount = 0, 0
	locks := func(strong bool) []store.Guard { return append(c.guards(&at, strong), more...) }
	err := c.retryStronger(ctx, locks, func(tx *store.Tx, strong bool) error {
		if err := c.sourceAgain(tx); err != nil {
			return err
		}
		if err := c.readReplica(&tx.View); err != nil {
			return err
		}
		if attach == nil && (c.row == nil || c.row.Content.Blob != content.Blob) {
			return errOnceMore
		}
		if err := c.examine(&tx.View, content.Size, strong); err != nil {
			return err
		}
		if !c.scope.same(&at) || (c.scope.account.Quota != 0) != (at.account.Quota != 0) {
			return errOnceMore
		}
		o := c.object(content)
		if attach == nil {
			o.Content, o.Written = c.row.Content, c.row.Written
		} else if err := attach(tx, &o.Content); err != nil {
			return err
		}
		c.dress(o)
		tx.PutObject(&c.scope.container, c.row, o, o.Timestamp)
		c.forgetNote(tx)
		return c.afterPut(tx, o)
	})
	if err == nil {
		c.r.stats.items.Add(1)
	}
	return err
}

// dress gives a row of the replica what the source's has.
func (c *carrying) dress(o *store.Object) {
	f := &c.from
	o.Created, o.Modified, o.DeleteAt = f.Created, modified(f), f.DeleteAt
	o.ContentType, o.Headers, o.Properties = f.ContentType, maps.Clone(f.Headers), maps.Clone(f.Properties)
	o.Item, o.Chunked, o.Large, o.Link, o.Refers = f.Item, f.Chunked, f.Large, f.Link, f.Refers
	o.Origin = store.Origin{Container: c.link.pair.source, Timestamp: f.Timestamp}
}

// inStep tells that the replica's row is what dress would make of it, with the
// same content.
func (c *carrying) inStep() bool {
	want := *c.row
	c.dress(&want)
	return sameContent(&c.row.Content, &c.from.Content) && sameRow(&want, c.row)
}

// sameRow compares two rows of a name; empty maps are as good as none.
func sameRow(a, b *store.Object) bool {
	x, y := *a, *b
	if !maps.Equal(x.Headers, y.Headers) || !maps.Equal(x.Properties, y.Properties) {
		return false
	}
	x.Headers, y.Headers, x.Properties, y.Properties = nil, nil, nil, nil
	return reflect.DeepEqual(x, y)
}

// sameContent tells whether two contents have the same bytes, by their digests.
func sameContent(a, b *store.Content) bool {
	return a.Size == b.Size && a.MD5 == b.MD5 && a.SHA256 == b.SHA256
}
