package store

import (
	"bytes"
	"fmt"
	"slices"

	"entrepot/gateway/errs"
	"entrepot/store/internal/record"
	"entrepot/store/kv"
)

// Replication
//
// A container may be kept in further stores as well: Container.Replicas names
// them. Whoever writes a row of such a container, or its record, leaves a row
// in tablePending for each of these stores, in the same transaction: the name
// of what is to be brought in step, and nothing of what happened to it. So
// changes of one name are one row however many there are, no order has to be
// kept, and nothing depends on how long the journal stays. The row goes in the
// transaction that brings the replica in step, which holds the lock of the
// name in the source: a change that comes between leaves it.
//
// tableReplicas has the state of each pair of a container and a store. Its rows
// are made and removed by who does the work; those of a container that is gone
// stay as long as its replica is kept.

// A Pending row says that an object of a container, or the container's own
// settings, are to be brought in step in another store.
type Pending struct {
	Source   uint64 // from the key: the container
	Store    uint8  // from the key: the number of the other store
	Name     string // from the key; "": the settings of the container
	At       Stamp  // when it was changed last
	Attempts int64  // that failed since then
	Next     Stamp  // not before; 0: at once
	Reason   string // of the last failure
	// From and To say where content may lie already that would have to be
	// copied: under the name From in the replica, and that To has there what
	// the name has that is gone. Both are hints: what is there is compared.
	From, To string
	unknown  []byte
}

// Tags of a pending row for where content lies already.
const (
	tagPendingFrom = 54
	tagPendingTo   = 55
)

func pendingRow(source uint64, store uint8, name string) []byte {
	row := append(make([]byte, 0, 9+len(name)), u64(source)...)
	return append(append(row, store), name...)
}

func pendingKey(source uint64, store uint8, name string) kv.Key {
	return key(tablePending, pendingRow(source, store, name))
}

func (p *Pending) encode() []byte {
	w := record.NewWriter(32 + len(p.Reason) + len(p.From) + len(p.To))
	w.Int(1, int64(p.At))
	w.Int(2, p.Attempts)
	w.Int(3, int64(p.Next))
	w.String(4, p.Reason)
	w.String(tagPendingFrom, p.From)
	w.String(tagPendingTo, p.To)
	w.Raw(p.unknown)
	return w.Finish()
}

func decodePending(row, value []byte) (p Pending, err error) {
	if len(row) < 9 {
		return p, errRow
	}
	p.Source, p.Store, p.Name = beID(row), row[8], string(row[9:])
	p.unknown, err = record.Decode(value, func(f record.Field) bool {
		switch f.Tag {
		case 1:
			p.At = Stamp(f.Int())
		case 2:
			p.Attempts = f.Int()
		case 3:
			p.Next = Stamp(f.Int())
		case 4:
			p.Reason = f.String()
		case tagPendingFrom:
			p.From = f.String()
		case tagPendingTo:
			p.To = f.String()
		default:
			return false
		}
		return true
	})
	return p, err
}

// A Replica is the state of the replication of a container into one store.
type Replica struct {
	Source    uint64 // from the key: the container that is replicated
	Store     uint8  // from the key: the number of the store
	Container uint64 // the replica; 0: not made yet
	// Account and Name are those of the source when it was last seen.
	Account, Name string
	// Comparing says that both sides are being compared, name by name: up to
	// Marker that is done. Compared is when that last ended.
	Comparing bool
	Marker    string
	Compared  Stamp
	// Adopt allows to take over a container that holds something of its own.
	Adopt bool
	// Gone is when the source was found to be gone; 0: it is there.
	Gone Stamp
	// Attempts failed in a row, the last one for Reason; Next is when to try
	// again, 0: at once.
	Attempts int64
	Next     Stamp
	Reason   string
	// Holder is who works on it, until Lease is over.
	Holder  uint64
	Lease   Stamp
	unknown []byte
}

func replicaKey(source uint64, store uint8) kv.Key {
	return key(tableReplicas, append(u64(source), store))
}

func (r *Replica) encode() []byte {
	w := record.NewWriter(96 + len(r.Marker) + len(r.Reason))
	w.Uint(1, r.Container)
	w.String(2, r.Account)
	w.String(3, r.Name)
	w.Bool(4, r.Comparing)
	w.String(5, r.Marker)
	w.Int(6, int64(r.Compared))
	w.Bool(7, r.Adopt)
	w.Int(8, int64(r.Gone))
	w.Int(9, r.Attempts)
	w.Int(10, int64(r.Next))
	w.String(11, r.Reason)
	w.Uint(12, r.Holder)
	w.Int(13, int64(r.Lease))
	w.Raw(r.unknown)
	return w.Finish()
}

func decodeReplica(row, value []byte) (r Replica, err error) {
	if len(row) != 9 {
		return r, errRow
	}
	r.Source, r.Store = beID(row), row[8]
	r.unknown, err = record.Decode(value, func(f record.Field) bool {
		switch f.Tag {
		case 1:
			r.Container = f.Num
		case 2:
			r.Account = f.String()
		case 3:
			r.Name = f.String()
		case 4:
			r.Comparing = f.Bool()
		case 5:
			r.Marker = f.String()
		case 6:
			r.Compared = Stamp(f.Int())
		case 7:
			r.Adopt = f.Bool()
		case 8:
			r.Gone = Stamp(f.Int())
		case 9:
			r.Attempts = f.Int()
		case 10:
			r.Next = Stamp(f.Int())
		case 11:
			r.Reason = f.String()
		case 12:
			r.Holder = f.Num
		case 13:
			r.Lease = Stamp(f.Int())
		default:
			return false
		}
		return true
	})
	return r, err
}

// Tags of a container's record for its replication.
const (
	tagReplicas  = 39 // a byte that is 1 where the stores were set, then the stores
	tagReplicaOf = 41
)

func (c *Container) encodeReplicas(w *record.Writer) {
	if len(c.Replicas) > 0 || c.ReplicasSet {
		set := byte(0)
		if c.ReplicasSet {
			set = 1
		}
		w.Bytes(tagReplicas, append([]byte{set}, c.Replicas...))
	}
	w.Uint(tagReplicaOf, c.ReplicaOf)
}

func (c *Container) decodeReplicas(f *record.Field) bool {
	switch {
	case f.Tag == tagReplicaOf:
		c.ReplicaOf = f.Num
	case f.Tag == tagReplicas && len(f.Bytes) > 0:
		c.ReplicasSet, c.Replicas = f.Bytes[0] != 0, bytes.Clone(f.Bytes[1:])
	default:
		return f.Tag == tagReplicas
	}
	return true
}

// Tags of an object's record for what it is a replica of.
const (
	tagOrigin   = 39
	tagOriginAt = 40
)

// An Origin is what the row of a replica was made from: a container, and the
// timestamp that the object of the same name had there.
type Origin struct {
	Container uint64
	Timestamp Stamp
}

// LockReplica returns the exclusive lock of the state of a replication. Who
// takes it holds the shared lock of the source, too.
func LockReplica(source uint64, store uint8) Guard { return Guard{Key: replicaKey(source, store)} }

// pending notes that a name of a container, or with "" its settings, are to be
// brought in step wherever the container is replicated.
func (tx *Tx) pending(c *Container, name string) {
	for _, store := range c.Replicas {
		tx.PutPending(&Pending{Source: c.ID, Store: store, Name: name, At: tx.at})
		tx.changed = true
	}
}

// NoteCopy notes that what container c has under the name to has the content of
// what it has under from, so that replicas can refer to theirs. The caller wrote
// to in the same transaction.
func (tx *Tx) NoteCopy(c *Container, from, to string) {
	for _, store := range c.Replicas {
		tx.PutPending(&Pending{Source: c.ID, Store: store, Name: to, At: tx.at, From: from})
	}
}

// noteMove notes that content has another name in container c.
func (tx *Tx) noteMove(c *Container, from, to string) {
	tx.NoteCopy(c, from, to)
	for _, store := range c.Replicas {
		tx.PutPending(&Pending{Source: c.ID, Store: store, Name: from, At: tx.at, To: to})
	}
}

// PutPending writes a row of what is to be brought in step. The caller holds
// the lock of the name in the source.
func (tx *Tx) PutPending(p *Pending) {
	tx.tx.Put(pendingKey(p.Source, p.Store, p.Name), p.encode())
}

// DeletePending removes such a row; an absent one is no error.
func (tx *Tx) DeletePending(source uint64, store uint8, name string) {
	tx.tx.Delete(pendingKey(source, store, name))
}

// SetReplicas changes into which stores a container is replicated and writes
// its record: those that were left out are told as well. Nothing is noted for a
// store that is left out: one that comes back before its replica was let go is
// compared. The caller holds the container's lock.
func (tx *Tx) SetReplicas(c *Container, stores []uint8, set bool) error {
	told := *c
	told.Replicas = slices.Clone(c.Replicas)
	for _, s := range stores {
		if slices.Contains(told.Replicas, s) {
			continue
		}
		told.Replicas = append(told.Replicas, s)
		r, found, err := tx.Replica(c.ID, s)
		if err != nil {
			return err
		}
		if found {
			r.CompareAnew()
			tx.PutReplica(&r)
		}
	}
	c.Replicas, c.ReplicasSet = stores, set
	tx.PutContainer(c)
	tx.pending(&told, "")
	return nil
}

// CompareAnew has both sides compared from the first name on. Whoever is in the
// middle of a comparison does not hold the replication any more.
func (r *Replica) CompareAnew() {
	r.Comparing, r.Marker = true, ""
	r.Holder, r.Lease = 0, 0
}

// PutReplica writes the state of a replication.
func (tx *Tx) PutReplica(r *Replica) { tx.tx.Put(replicaKey(r.Source, r.Store), r.encode()) }

// DeleteReplica removes the state of a replication with everything that is
// pending for it, at most max rows; more tells that there are further ones, and
// that the state is still there. The caller holds the container's lock.
func (tx *Tx) DeleteReplica(source uint64, store uint8, max int) (more bool, err error) {
	more, err = tx.tx.DeleteRange(kv.Prefix(tablePending, pendingRow(source, store, "")), max)
	if err == nil && !more {
		tx.tx.Delete(replicaKey(source, store))
	}
	return more, err
}

// MendObject makes content that was written anew that of an object of container
// c which it was made for: what is kept in quarantine of it stays there. Nothing
// else of the object changes, its timestamp included. Mismatch where the content
// is not what the record says.
func (tx *Tx) MendObject(c *Container, o *Object, content Content, now Stamp) error {
	old := o.Content
	if old.Size != content.Size || old.MD5 != content.MD5 || old.SHA256 != content.SHA256 {
		return errs.New("store.MendObject", errs.Mismatch, "", "The content is not what the record says.")
	}
	content.SHA1 = old.SHA1
	tx.releaseContent(old, now)
	o.Content = content
	tx.tx.Put(objectKey(c.ID, o.Name), o.encode())
	return nil
}

// Quarantined tells whether content, or a part of it, was found damaged.
func (v *View) Quarantined(c Content) (bad bool, err error) {
	if v.bad == nil || v.bad.n.Load() == 0 || v.bad.has(c.Blob) || c.Parts == 0 {
		return v.bad.has(c.Blob), nil
	}
	err = allPages(v.r, kv.Prefix(tableParts, c.Blob[:]), func(_ kv.Reader, items []kv.Item) error {
		for _, item := range items {
			_, _, parts, err := decodeParts(item.Row, item.Value)
			if err != nil {
				return err
			}
			bad = bad || slices.ContainsFunc(parts, func(p Content) bool { return v.bad.has(p.Blob) })
		}
		return nil
	})
	return bad, err
}

// Damaged tells whether any content was found damaged.
func (s *Store) Damaged() bool { return s.bad.n.Load() > 0 }

// Changed is signalled after changes that are to be carried to other stores.
func (s *Store) Changed() <-chan struct{} { return s.changed }

// Replica reads the state of a replication.
func (b *Batch) Replica(source uint64, store uint8, to *Replica, found *bool) {
	*to, *found = Replica{}, false
	k := replicaKey(source, store)
	b.add(k, func(row []byte) (err error) {
		*to, err = decodeReplica(k.Row, row)
		*found = true
		return err
	})
}

// Replica reads the state of a replication.
func (v *View) Replica(source uint64, store uint8) (r Replica, found bool, err error) {
	b := v.Batch()
	b.Replica(source, store, &r, &found)
	return r, found, b.Do()
}

// Replicas lists the states of replications behind that of a container and a
// store, in order of both, at most limit.
func (v *View) Replicas(after uint64, store uint8, limit int) ([]Replica, error) {
	from := append(replicaKey(after, store).Row, 0)
	page, err := v.r.Scan(kv.Range{Table: tableReplicas, From: from}, limit)
	if err != nil {
		return nil, err
	}
	list := make([]Replica, len(page.Items))
	for i, item := range page.Items {
		if list[i], err = decodeReplica(item.Row, item.Value); err != nil {
			return nil, fmt.Errorf("store: replica, row %x: %w", item.Row, err)
		}
	}
	return list, nil
}

// ReplicasOf lists the states of the replications of one container.
func (v *View) ReplicasOf(source uint64) ([]Replica, error) {
	list, err := v.Replicas(source, 0, 256)
	n := slices.IndexFunc(list, func(r Replica) bool { return r.Source != source })
	if n >= 0 {
		list = list[:n]
	}
	return list, err
}

// NextPending finds the first container and store behind the given ones for
// which something is to be brought in step; false at the end.
func (v *View) NextPending(after uint64, behind uint8) (source uint64, store uint8, found bool, err error) {
	r := kv.Range{Table: tablePending, KeysOnly: true}
	if after != 0 {
		r.From = kv.PrefixEnd(pendingRow(after, behind, ""))
	}
	page, err := v.r.Scan(r, 1)
	if err != nil || len(page.Items) == 0 || len(page.Items[0].Row) < 9 {
		return 0, 0, false, err
	}
	return beID(page.Items[0].Row), page.Items[0].Row[8], true, nil
}

// PendingFor reads whether something is to be brought in step.
func (v *View) PendingFor(source uint64, store uint8, name string) (p Pending, found bool, err error) {
	k := pendingKey(source, store, name)
	rows, err := v.r.Get(k)
	if err != nil || rows[0] == nil {
		return p, false, err
	}
	p, err = decodePending(k.Row, rows[0])
	return p, true, err
}

// Pendings lists what is to be brought in step for a container and a store, in
// order of the names: those at or behind from, at most limit. next is where the
// next page begins, "" at the end.
func (v *View) Pendings(source uint64, store uint8, from string, limit int) (list []Pending, next string, err error) {
	r := kv.Prefix(tablePending, pendingRow(source, store, ""))
	r.From = pendingRow(source, store, from)
	page, err := v.r.Scan(r, limit)
	if err != nil {
		return nil, "", err
	}
	list = make([]Pending, len(page.Items))
	for i, item := range page.Items {
		if list[i], err = decodePending(item.Row, item.Value); err != nil {
			return nil, "", fmt.Errorf("store: pending, row %x: %w", item.Row, err)
		}
	}
	if page.Next != nil {
		next = string(page.Next[9:])
	}
	return list, next, nil
}

// AllContainers lists the containers of all accounts behind an ID, in order of
// their IDs, at most limit.
func (v *View) AllContainers(after uint64, limit int) ([]Container, error) {
	page, err := v.r.Scan(kv.Range{Table: tableContainers, From: u64(after + 1)}, limit)
	if err != nil {
		return nil, err
	}
	list := make([]Container, len(page.Items))
	for i, item := range page.Items {
		if list[i], err = decodeContainer(beID(item.Row), item.Value); err != nil {
			return nil, fmt.Errorf("store: container, row %x: %w", item.Row, err)
		}
	}
	return list, nil
}

// A Backlog sums up what is pending for a replication.
type Backlog struct {
	Names  int64 // to be brought in step; at most the number that was asked for
	More   bool  // there are more
	Failed int64 // among them: at least one attempt failed
	Oldest Stamp // the first change among them; 0: none
}

// Backlog sums up what is pending for a container and a store, at most max
// names of it.
func (v *View) Backlog(source uint64, store uint8, max int) (b Backlog, err error) {
	for from, more := "", true; more && b.Names < int64(max); {
		list, next, err := v.Pendings(source, store, from, min(1000, max))
		if err != nil {
			return b, err
		}
		for i := range list {
			b.Names++
			if list[i].Attempts > 0 {
				b.Failed++
			}
			if b.Oldest == 0 || list[i].At < b.Oldest {
				b.Oldest = list[i].At
			}
		}
		from, more = next, next != ""
		b.More = more
	}
	return b, nil
}
