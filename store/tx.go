package store

import (
	"encoding/binary"
	"hash/fnv"
	"math/rand/v2"

	"entrepot/store/kv"
)

// A Tx reads and writes typed records inside Store.Update. Its methods keep
// indexes, counters and the bookkeeping of blobs in step with the records;
// errors of writes surface when Update commits.
type Tx struct {
	View
	tx       kv.Tx
	released bool // a blob was queued for removal
	left     bool // an account was marked as deleted
	changed  bool // something is to be carried to another store
	at       Stamp
	numbers  *rand.PCG
	failed   error // of a read inside a method that writes
}

// PutAccount writes an account's record.
func (tx *Tx) PutAccount(a *Account) { tx.tx.Put(accountKey(a.Name), a.encode()) }

// PutUser writes a user's record and its place in its account.
func (tx *Tx) PutUser(u *User) {
	tx.tx.Put(userKey(Fold(u.Name)), u.encode())
	tx.tx.Put(userOfKey(u.Account, Fold(u.Name)), nil)
}

// DeleteUser removes a user's record, its tokens and its application
// passwords, and notes that the name is given up.
func (tx *Tx) DeleteUser(u *User, now Stamp) error {
	if err := tx.giveUp(freedName{user: Fold(u.Name), account: u.Account}, now); err != nil {
		return err
	}
	tx.tx.Delete(userKey(Fold(u.Name)))
	tx.tx.Delete(userOfKey(u.Account, Fold(u.Name)))
	if err := tx.DeleteCredentialsOf(u.Name); err != nil {
		return err
	}
	return tx.trimTokens(u.Name, func(Token) bool { return true })
}

// PutToken writes a token and removes those of the same user that dead reports
// as dead.
func (tx *Tx) PutToken(t *Token, dead func(Token) bool) error {
	if err := tx.trimTokens(t.User, dead); err != nil {
		return err
	}
	tx.tx.Put(tokenKey(t.Digest), t.encode())
	tx.tx.Put(tokenOfKey(Fold(t.User), t.Issue), t.Digest[:])
	return nil
}

// DeleteToken removes a token.
func (tx *Tx) DeleteToken(t *Token) {
	tx.tx.Delete(tokenKey(t.Digest))
	tx.tx.Delete(tokenOfKey(Fold(t.User), t.Issue))
}

// maxTokens bounds how many live tokens of a user are looked at.
const maxTokens = 1000

// TokensOf lists a user's tokens, newest first.
func (v *View) TokensOf(user string) ([]Token, error) {
	r := kv.Prefix(tableTokenOf, join(Fold(user), ""))
	r.Reverse = true
	page, err := v.r.Scan(r, maxTokens)
	if err != nil {
		return nil, err
	}
	list := make([]Token, 0, len(page.Items))
	for _, item := range page.Items {
		var digest [32]byte
		copy(digest[:], item.Value)
		t, found, err := v.Token(digest)
		if err != nil {
			return nil, err
		}
		if found {
			list = append(list, t)
		}
	}
	return list, nil
}

func (tx *Tx) trimTokens(user string, dead func(Token) bool) error {
	list, err := tx.TokensOf(user)
	for _, t := range list {
		if dead(t) {
			tx.DeleteToken(&t)
		}
	}
	return err
}

// PutKey writes an API key's record.
func (tx *Tx) PutKey(k *Key) { tx.tx.Put(apiKeyKey(k.Digest), k.encode()) }

// CreateContainer writes a new container and counts it.
func (tx *Tx) CreateContainer(c *Container) {
	tx.PutContainer(c)
	tx.tx.Put(nameKey(c.Account, c.Name), sealed(u64(c.ID)))
	tx.tx.Put(depotSpaceKey(c.Depot, c.ID), nil)
	tx.tx.Add(counterKey(CountAccountSpaces, []byte(c.Account)), 1)
}

// PutContainer writes a container's record.
func (tx *Tx) PutContainer(c *Container) {
	tx.tx.Put(containerKey(c.ID), c.encode())
	tx.pending(c, "")
}

// RenameContainer gives a container another name in its account. The caller
// made sure that the name is free.
func (tx *Tx) RenameContainer(c *Container, name string) {
	tx.tx.Delete(nameKey(c.Account, c.Name))
	c.Name = name
	tx.tx.Put(nameKey(c.Account, c.Name), sealed(u64(c.ID)))
	tx.PutContainer(c)
}

// DetachContainer makes a container unreachable at once, whatever it holds:
// its name and record go, its counts leave account and depot, and its rows are
// queued for removal in the background.
func (tx *Tx) DetachContainer(c *Container, now Stamp) error {
	var objects, bytes, history int64
	b := tx.Batch()
	b.Count(CountContainerObjects, c.ID, &objects)
	b.Count(CountContainerBytes, c.ID, &bytes)
	b.Count(CountContainerHistory, c.ID, &history)
	if err := b.Do(); err != nil {
		return err
	}
	bytes += history
	tx.tx.Delete(nameKey(c.Account, c.Name))
	tx.tx.Delete(containerKey(c.ID))
	tx.tx.Delete(depotSpaceKey(c.Depot, c.ID))
	tx.tx.Add(counterKey(CountAccountSpaces, []byte(c.Account)), -1)
	tx.tx.Add(counterKey(CountAccountObjects, []byte(c.Account)), -objects)
	tx.tx.Add(counterKey(CountAccountBytes, []byte(c.Account)), -bytes)
	tx.tx.Add(counterKey(CountDepotBytes, u64(c.Depot)), -bytes)
	tx.tx.Put(queueKey(queueReap, now, u64(c.ID)), nil)
	tx.tx.Put(formerKey(c.Account, c.Name, c.ID), u64(uint64(now)))
	tx.released = true
	tx.changed = tx.changed || len(c.Replicas) > 0
	return tx.dropReports(c, now)
}

// PutObject writes an object of container c in place of old (nil when the name
// is new): counters follow, and old content is released unless the new object
// has the same.
func (tx *Tx) PutObject(c *Container, old, o *Object, now Stamp) {
	objects, bytes := int64(1), o.Content.Size
	if old != nil {
		objects, bytes = 0, bytes-old.Content.Size
		tx.retire(c, old, &o.Content, written(old, o), now)
	}
	if c.Versioning != NeverVersioned || o.Version != 0 {
		tx.version(c, old, o)
	}
	if c.Archive != nil && c.Archive.ID != 0 && old == nil {
		at, err := tx.afterArchived(c.Archive, o.Name, o.Written)
		tx.note(err)
		o.writtenAt(at)
	}
	tx.tx.Put(objectKey(c.ID, o.Name), o.encode())
	tx.expiry(c.ID, old, o)
	tx.countMarkers(c.ID, o.marks()-old.marks())
	tx.count(c, objects, bytes)
	tx.pending(c, o.Name)
}

// PutInline writes content that lives in the engine. The row of a fresh blob
// needs no lock.
func (tx *Tx) PutInline(c Content, sealed []byte) { tx.tx.Put(contentKey(c.Blob), sealed) }

// DeleteObject removes an object of container c at a moment behind its
// timestamp; its content is released when nothing keeps it. The result is the
// ID of the marker that the deletion left in a container that keeps versions,
// else 0.
func (tx *Tx) DeleteObject(c *Container, o *Object, now Stamp) (marker Stamp) {
	tx.retire(c, o, nil, true, now)
	tx.take(c, o)
	return tx.leaveMarker(c, o.Name, now)
}

// take removes the row of an object, its place in queues and its counts.
func (tx *Tx) take(c *Container, o *Object) {
	tx.tx.Delete(objectKey(c.ID, o.Name))
	tx.expiry(c.ID, o, nil)
	tx.countMarkers(c.ID, -o.marks())
	tx.count(c, -1, -o.Content.Size)
	tx.pending(c, o.Name)
}

// MoveRow moves an object of container c to container d, the same or another:
// old is its row, which stays as it is where something keeps it, and o what it
// becomes, under its name there. Its content stays where it is. The caller made
// sure that nothing has the name.
func (tx *Tx) MoveRow(c, d *Container, old, o *Object, now Stamp) {
	tx.take(c, old)
	tx.retire(c, old, &o.Content, true, now)
	tx.leaveMarker(c, old.Name, old.Timestamp.After(now))
	o.Born = d.Epoch
	tx.PutObject(d, nil, o, now)
	if c.ID == d.ID && len(c.Replicas) > 0 && o.Content.Size > 0 {
		tx.noteMove(c, old.Name, o.Name)
	}
}

// ShareContent makes dst refer to the content of src, an object of container
// c, whose row is written back when it was not shared before.
func (tx *Tx) ShareContent(c *Container, src *Object, dst *Content) {
	alone := src.Content.Owner == 0
	tx.share(&src.Content, dst)
	if alone && src.Content.Owner != 0 {
		tx.tx.Put(objectKey(c.ID, src.Name), src.encode())
	}
}

// share makes b refer to what a refers to: both get owner rows of their own.
// Content without bytes has no owners.
func (tx *Tx) share(a, b *Content) {
	if !a.Blob.IsZero() && a.Owner == 0 {
		a.Owner = tx.number()
		tx.tx.Put(ownerKey(a.Blob, a.Owner), nil)
	}
	*b = *a
	if !a.Blob.IsZero() {
		b.Owner = tx.number()
		tx.tx.Put(ownerKey(b.Blob, b.Owner), nil)
	}
}

// number gives out numbers that are random, yet the same when the function of
// an Update runs again.
func (tx *Tx) number() uint64 {
	n := tx.numbers.Uint64()
	for n == 0 {
		n = tx.numbers.Uint64()
	}
	return n
}

// releaseContent drops one reference to content.
func (tx *Tx) releaseContent(c Content, now Stamp) {
	bad := tx.bad.has(c.Blob) // damaged content is kept for whoever looks into it
	switch {
	case c.Blob.IsZero():
	case c.Owner != 0:
		tx.tx.Delete(ownerKey(c.Blob, c.Owner))
		// A row of each owner: the work of one that went before must not be
		// taken for that of this one.
		tx.tx.Put(queueKey(queueShared, now, ownerKey(c.Blob, c.Owner).Row), []byte{c.kind()})
		tx.released = true
	case bad:
	case c.Inline:
		tx.tx.Delete(contentKey(c.Blob))
	case c.Parts != 0:
		tx.tx.Put(queueKey(queueParts, now, c.Blob[:]), nil)
		tx.released = true
	default:
		tx.tx.Put(queueKey(queueRelease, now, c.Blob[:]), nil)
		tx.released = true
	}
}

func (tx *Tx) count(c *Container, objects, bytes int64) {
	if objects != 0 {
		tx.tx.Add(counterKey(CountContainerObjects, u64(c.ID)), objects)
		tx.tx.Add(counterKey(CountAccountObjects, []byte(c.Account)), objects)
	}
	if bytes != 0 {
		tx.tx.Add(counterKey(CountContainerBytes, u64(c.ID)), bytes)
		tx.tx.Add(counterKey(CountAccountBytes, []byte(c.Account)), bytes)
		tx.tx.Add(counterKey(CountDepotBytes, u64(c.Depot)), bytes)
	}
}

// MarkClash notes that a file and a folder of the container may share a name.
func (tx *Tx) MarkClash(id uint64) { tx.tx.Add(counterKey(CountContainerClashes, u64(id)), 1) }

// MoveTree renames everything below one folder of a container to another:
// objects, dead properties; content is not touched. Both prefixes end in a
// slash; nothing may be below to, and no past either (HasPast): rows keep the
// epoch of their birth, and could end under the key of a past one. More than max
// objects: kv.ErrTooMany. What is replicated is not moved so: nobody would be
// told of the names. Nor is what snapshots show.
func (tx *Tx) MoveTree(id uint64, from, to string, max int) (moved int, err error) {
	moved, err = tx.tx.MovePrefix(tableObjects, in(id, from), in(id, to), max)
	if err != nil {
		return 0, err
	}
	if _, err = tx.tx.MovePrefix(tableProps, in(id, from), in(id, to), 4*max); err != nil {
		return 0, err
	}
	return moved, tx.moveExpiry(id, from, to)
}

// AddJournal writes an audit record of a change in a container.
func (tx *Tx) AddJournal(j *Journal) {
	h := fnv.New64a()
	h.Write([]byte(j.Action))
	h.Write([]byte(j.Name))
	row := append(u64(j.Container), u64(uint64(j.Time))...)
	unique := h.Sum64()>>8 | journalRank(j.Action)<<56
	tx.tx.Put(key(tableJournal, append(row, u64(unique)...)), j.encode())
}

// AddTraffic adds transferred bytes of a container in a depot for a month
// (year times twelve plus month).
func (tx *Tx) AddTraffic(container, depot uint64, month uint32, bytes int64) {
	tx.tx.Add(trafficKey(CountContainerTraffic, container, month), bytes)
	tx.tx.Add(trafficKey(CountDepotTraffic, depot, month), bytes)
}

// NextInSequence gives out the next number of a sequence: at least atLeast and
// greater than all before. The caller holds the sequence's lock.
func (tx *Tx) NextInSequence(name string, atLeast uint64) (uint64, error) {
	last, err := tx.Sequence(name)
	if err != nil {
		return 0, err
	}
	next := max(last+1, atLeast)
	tx.tx.Put(metaKey(sequencePrefix+name), sealed(u64(next)))
	return next, nil
}

// Remember notes that a signed request was carried out, until a moment, and
// forgets at most 1,000 whose moment has passed.
func (tx *Tx) Remember(digest [32]byte, until, now Stamp) error {
	page, err := tx.r.Scan(kv.Range{Table: tableReplayByTime, To: u64(uint64(now)), KeysOnly: true}, 1000)
	if err != nil {
		return err
	}
	for _, item := range page.Items {
		var old [32]byte
		copy(old[:], item.Row[8:])
		tx.tx.Delete(replayKey(old))
		tx.tx.Delete(replayTimeKey(int64(binary.BigEndian.Uint64(item.Row)), old))
	}
	tx.tx.Put(replayKey(digest), u64(uint64(until)))
	tx.tx.Put(replayTimeKey(int64(until), digest), nil)
	return nil
}
