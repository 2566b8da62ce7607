package store

import (
	"encoding/binary"
	"fmt"

	"entrepot/store/internal/record"
	"entrepot/store/kv"
)

// A View reads typed records on one snapshot (in Store.View) or inside a
// transaction (in Store.Update). Absent records come back with false.
type View struct {
	r   kv.Reader
	bad *badSet // content that is not to be served

	memory *itemMemory
}

// A Batch reads several records in one round trip: call its methods, which
// remember where results go, then Do. Absent records leave their targets
// untouched, so targets are reset first by the methods.
type Batch struct {
	v     *View
	keys  []kv.Key
	sinks []sink
	room  []byte // for the rows of keys

	// Most batches need no more memory than this.
	keys0  [8]kv.Key
	sinks0 [8]sink
	room0  [256]byte
}

// A sink is where one row of a batch goes.
type sink struct {
	take  func(s *sink, row []byte) error
	to    any // pointer that take knows
	found *bool
	id    uint64
	name  string
}

// Batch returns an empty batch.
func (v *View) Batch() *Batch {
	b := &Batch{v: v}
	b.keys, b.sinks, b.room = b.keys0[:0], b.sinks0[:0], b.room0[:0]
	return b
}

// Do reads everything asked for so far and empties the batch.
func (b *Batch) Do() error {
	rows, err := b.v.r.Get(b.keys...)
	if err != nil {
		return err
	}
	for i := range b.sinks {
		if rows[i] == nil {
			continue
		}
		if s := &b.sinks[i]; s.found != nil {
			*s.found = true
		}
		if err := b.sinks[i].take(&b.sinks[i], rows[i]); err != nil {
			return fmt.Errorf("store: table %d, row %x: %w", b.keys[i].Table, b.keys[i].Row, err)
		}
	}
	b.keys, b.sinks, b.room = b.keys[:0], b.sinks[:0], b.room[:0]
	return nil
}

// add asks for a row whose key lies in memory of its own.
func (b *Batch) add(k kv.Key, take func(row []byte) error) {
	b.keys = append(b.keys, k)
	b.sinks = append(b.sinks, sink{to: take, take: func(s *sink, row []byte) error {
		return s.to.(func([]byte) error)(row)
	}})
}

// ask asks for the row that was appended to room behind at.
func (b *Batch) ask(t kv.Table, at int, s sink) {
	b.keys = append(b.keys, key(t, b.room[at:len(b.room):len(b.room)]))
	b.sinks = append(b.sinks, s)
}

// named asks for the row of parts with NUL bytes between them.
func (b *Batch) named(t kv.Table, s sink, parts ...string) {
	at := len(b.room)
	for i, p := range parts {
		if i > 0 {
			b.room = append(b.room, 0)
		}
		b.room = append(b.room, p...)
	}
	b.ask(t, at, s)
}

// inside asks for the row of a name in a container; "" is the number's own.
func (b *Batch) inside(t kv.Table, id uint64, name string, s sink) {
	at := len(b.room)
	b.room = append(binary.BigEndian.AppendUint64(b.room, id), name...)
	b.ask(t, at, s)
}

// Account reads an account; *found tells whether there is one.
func (b *Batch) Account(name string, to *Account, found *bool) {
	*to, *found = Account{}, false
	b.named(tableAccounts, sink{to: to, found: found, name: name, take: func(s *sink, row []byte) (err error) {
		*s.to.(*Account), err = decodeAccount(s.name, row)
		return err
	}}, name)
}

// User reads a user by login name.
func (b *Batch) User(name string, to *User, found *bool) {
	*to, *found = User{}, false
	b.named(tableUsers, sink{to: to, found: found, take: func(s *sink, row []byte) (err error) {
		*s.to.(*User), err = decodeUser(row)
		return err
	}}, Fold(name))
}

// ContainerID reads which container has a name; 0 when none has.
func (b *Batch) ContainerID(account, name string, to *uint64) {
	*to = 0
	b.named(tableNames, sink{to: to, take: func(s *sink, row []byte) (err error) {
		*s.to.(*uint64), err = openID(row)
		return err
	}}, account, name)
}

// Container reads a container by ID.
func (b *Batch) Container(id uint64, to *Container, found *bool) {
	*to, *found = Container{}, false
	b.inside(tableContainers, id, "", sink{to: to, found: found, id: id, take: func(s *sink, row []byte) (err error) {
		*s.to.(*Container), err = decodeContainer(s.id, row)
		return err
	}})
}

// Object reads an object.
func (b *Batch) Object(id uint64, name string, to *Object, found *bool) {
	*to, *found = Object{}, false
	b.inside(tableObjects, id, name, sink{to: to, found: found, name: name, take: func(s *sink, row []byte) (err error) {
		*s.to.(*Object), err = decodeObject(s.name, row)
		return err
	}})
}

// Depot reads a depot.
func (b *Batch) Depot(id uint64, to *Depot, found *bool) {
	*to, *found = Depot{}, false
	b.inside(tableDepots, id, "", sink{to: to, found: found, id: id, take: func(s *sink, row []byte) (err error) {
		*s.to.(*Depot), err = decodeDepot(s.id, row)
		return err
	}})
}

// Count reads a counter that is kept by number.
func (b *Batch) Count(kind CounterKind, of uint64, to *int64) {
	at := len(b.room)
	b.room = binary.BigEndian.AppendUint64(append(b.room, byte(kind)), of)
	b.count(at, to)
}

// CountOf reads a counter that is kept by account name.
func (b *Batch) CountOf(kind CounterKind, account string, to *int64) {
	at := len(b.room)
	b.room = append(append(b.room, byte(kind)), account...)
	b.count(at, to)
}

// Traffic reads a month's traffic counter.
func (b *Batch) Traffic(kind CounterKind, of uint64, month uint32, to *int64) {
	at := len(b.room)
	b.room = append(b.room, trafficKey(kind, of, month).Row...)
	b.count(at, to)
}

// count reads the counter whose row was appended to room behind at.
func (b *Batch) count(at int, to *int64) {
	*to = 0
	b.ask(tableCounters, at, sink{to: to, take: func(s *sink, row []byte) error {
		if len(row) != 8 {
			return fmt.Errorf("counter of %d bytes", len(row))
		}
		*s.to.(*int64) = int64(binary.BigEndian.Uint64(row))
		return nil
	}})
}

// Account reads one account.
func (v *View) Account(name string) (a Account, found bool, err error) {
	b := v.Batch()
	b.Account(name, &a, &found)
	return a, found, b.Do()
}

// User reads one user by login name.
func (v *View) User(name string) (u User, found bool, err error) {
	b := v.Batch()
	b.User(name, &u, &found)
	return u, found, b.Do()
}

// Container reads one container by ID.
func (v *View) Container(id uint64) (c Container, found bool, err error) {
	b := v.Batch()
	b.Container(id, &c, &found)
	return c, found, b.Do()
}

// ContainerNamed reads one container by name.
func (v *View) ContainerNamed(account, name string) (c Container, found bool, err error) {
	var id uint64
	b := v.Batch()
	b.ContainerID(account, name, &id)
	if err := b.Do(); err != nil || id == 0 {
		return Container{}, false, err
	}
	return v.Container(id)
}

// Object reads one object.
func (v *View) Object(id uint64, name string) (o Object, found bool, err error) {
	b := v.Batch()
	b.Object(id, name, &o, &found)
	return o, found, b.Do()
}

// Depot reads one depot.
func (v *View) Depot(id uint64) (d Depot, found bool, err error) {
	b := v.Batch()
	b.Depot(id, &d, &found)
	return d, found, b.Do()
}

// Token reads a token by its digest.
func (v *View) Token(digest [32]byte) (t Token, found bool, err error) {
	rows, err := v.r.Get(tokenKey(digest))
	if err != nil || rows[0] == nil {
		return Token{}, false, err
	}
	t, err = decodeToken(digest, rows[0])
	return t, true, err
}

// Key reads an API key by its digest.
func (v *View) Key(digest [32]byte) (k Key, found bool, err error) {
	rows, err := v.r.Get(apiKeyKey(digest))
	if err != nil || rows[0] == nil {
		return Key{}, false, err
	}
	k, err = decodeKey(digest, rows[0])
	return k, true, err
}

// LockByToken reads a lock by its token, expired or not.
func (v *View) LockByToken(token string) (l Lock, found bool, err error) {
	rows, err := v.r.Get(lockOfKey(token))
	if err != nil || rows[0] == nil {
		return Lock{}, false, err
	}
	place, err := openPlace(rows[0])
	if err != nil {
		return Lock{}, false, err
	}
	id, path := binary.BigEndian.Uint64(place), string(place[8:])
	rows, err = v.r.Get(lockKey(id, path, token))
	if err != nil || rows[0] == nil {
		return Lock{}, false, err
	}
	l, err = decodeLock(id, path, token, rows[0])
	return l, true, err
}

// Inline reads content that lives in the engine, checked, in memory of its
// own.
func (v *View) Inline(c Content) ([]byte, error) {
	if v.bad.has(c.Blob) {
		return nil, newDamage(c, errQuarantined)
	}
	rows, err := v.r.Get(contentKey(c.Blob))
	if err != nil {
		return nil, err
	}
	return openInline(c, rows[0])
}

// Sequence reads the last number that a sequence gave out.
func (v *View) Sequence(name string) (uint64, error) {
	rows, err := v.r.Get(metaKey(sequencePrefix + name))
	if err != nil || rows[0] == nil {
		return 0, err
	}
	return openID(rows[0])
}

// Replayed reads until when a signed request is remembered; 0 when it is not.
func (v *View) Replayed(digest [32]byte) (Stamp, error) {
	rows, err := v.r.Get(replayKey(digest))
	if err != nil || rows[0] == nil {
		return 0, err
	}
	n, err := decodeID(rows[0])
	return Stamp(n), err
}

func decodeID(row []byte) (uint64, error) {
	if len(row) != 8 {
		return 0, fmt.Errorf("store: number of %d bytes", len(row))
	}
	return binary.BigEndian.Uint64(row), nil
}

// sealed appends the checksum that rows without a record's have as well, where
// a wrong bit would lead somewhere else.
func sealed(value []byte) []byte { return record.Seal(value) }

// openID reads a sealed number.
func openID(row []byte) (uint64, error) {
	value, err := record.Open(row)
	if err != nil {
		return 0, err
	}
	return decodeID(value)
}

// openPlace reads a sealed container ID with a path behind it.
func openPlace(row []byte) ([]byte, error) {
	place, err := record.Open(row)
	if err == nil && len(place) < 8 {
		err = fmt.Errorf("%w: a place of %d bytes", record.ErrCorrupt, len(place))
	}
	return place, err
}
