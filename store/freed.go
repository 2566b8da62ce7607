package store

import (
	"bytes"
	"context"
	"encoding/binary"
	"slices"
	"strings"

	"entrepot/store/kv"
)

// Names that were given up
//
// Access lists hold names, and whoever gets the name of a deleted user or
// account must not get what was meant for the one before. Every list carries
// the time when it was written; when a name is given up its time is noted, and
// whoever gets the name next carries that time along: lists written before it
// do not mean him. That holds from the moment of the deletion on, without
// looking at a single list. Behind it the names are taken out of the lists in
// the background, so that who reads a list, adds a name and writes it back
// does not give an old name new rights.

// A freedName is the name of a user who was of an account, or with an empty
// user that of an account.
type freedName struct{ user, account string }

func (n freedName) row() []byte {
	if n.user == "" {
		return append([]byte{'a'}, n.account...)
	}
	return append([]byte{'u'}, n.user...)
}

// unique is the end of the row in the queue.
func (n freedName) unique() []byte {
	if n.user == "" {
		return n.row()
	}
	return append(append(n.row(), 0), n.account...)
}

func decodeFreed(unique []byte) (n freedName, err error) {
	user, account, ok := bytes.Cut(unique[min(1, len(unique)):], []byte{0})
	switch {
	case len(unique) < 2:
	case unique[0] == 'a' && !ok:
		return freedName{account: string(user)}, nil
	case unique[0] == 'u' && ok && len(user) > 0:
		return freedName{user: string(user), account: string(account)}, nil
	}
	return n, errRow
}

func freedKey(n freedName) kv.Key { return key(tableFreed, n.row()) }

// giveUp notes that a name is free from now on.
func (tx *Tx) giveUp(n freedName, now Stamp) error {
	last, err := tx.freed(n)
	if err != nil {
		return err
	}
	now = last.After(now)
	tx.tx.Put(freedKey(n), sealed(u64(uint64(now))))
	tx.tx.Put(queueKey(queueFreed, now, n.unique()), nil)
	tx.left = true
	return nil
}

func (tx *Tx) freed(n freedName) (Stamp, error) {
	values, err := tx.tx.Get(freedKey(n))
	if err != nil || values[0] == nil {
		return 0, err
	}
	at, err := openID(values[0])
	return Stamp(at), err
}

// NewUser writes the record of a user who was not there, with the time when
// somebody else gave up the name.
func (tx *Tx) NewUser(u *User) (err error) {
	if u.Freed, err = tx.freed(freedName{user: Fold(u.Name), account: u.Account}); err != nil {
		return err
	}
	tx.PutUser(u)
	return nil
}

// NewAccount returns the record of an account that was not there, with the
// time when another one gave up the name. The caller writes it.
func (tx *Tx) NewAccount(name string, now Stamp) (a Account, err error) {
	a = Account{Name: name, Created: now}
	a.Freed, err = tx.freed(freedName{account: name})
	return a, err
}

// means tells whether an element of an access list names n: "account:user",
// "account:…" and "account", and "*:user".
func (n freedName) means(element string) bool {
	if strings.HasPrefix(element, ".") {
		return false // a rule about referrers or listings
	}
	account, user, ok := strings.Cut(element, ":")
	if n.user == "" {
		return account == n.account
	}
	return ok && (account == n.account || account == "*") && Fold(user) == n.user
}

// ForgetNames takes the names that were given up out of the access lists of
// containers and accounts that were written before. The background work calls
// it; a second call finds nothing.
func (s *Store) ForgetNames(ctx context.Context) (err error) {
	r := kv.Prefix(tableQueue, []byte{queueFreed})
	var rows [][]byte
	err = s.engine.View(ctx, func(v kv.Reader) error {
		page, err := v.Scan(r, releaseBatch)
		rows = nil
		for _, item := range page.Items {
			rows = append(rows, bytes.Clone(item.Row))
		}
		return err
	})
	gone := make(map[freedName]Stamp)
	for _, row := range rows {
		if len(row) < 9 {
			continue // for the check to report
		}
		if n, bad := decodeFreed(row[9:]); bad == nil {
			gone[n] = Stamp(binary.BigEndian.Uint64(row[1:]))
		}
	}
	if err != nil || len(gone) == 0 {
		return fail("store.ForgetNames", err)
	}
	for _, t := range []kv.Table{tableContainers, tableAccounts} {
		if err := s.forgetNamesIn(ctx, t, gone); err != nil {
			return err
		}
	}
	return s.engine.Update(ctx, nil, func(tx kv.Tx) error {
		for _, row := range rows {
			tx.Delete(key(tableQueue, row))
		}
		return nil
	})
}

// listed is a record whose lists name somebody; depot is that of a container.
type listed struct {
	key   kv.Key
	depot uint64
}

// forgetNamesIn cleans the lists of one table's records: it reads all of them
// and writes those that name one of the names.
func (s *Store) forgetNamesIn(ctx context.Context, t kv.Table, gone map[freedName]Stamp) error {
	for r := (kv.Range{Table: t}); ; {
		var found []listed
		var next []byte
		err := s.engine.View(ctx, func(v kv.Reader) error {
			page, err := v.Scan(r, reapPage)
			found, next = nil, bytes.Clone(page.Next)
			for _, item := range page.Items {
				if l := listsOf(t, item.Row, item.Value); l.without(gone) {
					found = append(found, listed{key(t, bytes.Clone(item.Row)), l.depot()})
				}
			}
			return err
		})
		if err != nil {
			return fail("store.ForgetNames", err)
		}
		for _, at := range found {
			if err := s.forgetNamesOf(ctx, at, gone); err != nil {
				return err
			}
		}
		if next == nil {
			return ctx.Err()
		}
		r.From = next
	}
}

// forgetNamesOf cleans the lists of one record. Who holds a container's depot
// writes the container's record, too: the depot is locked with it, and looked
// up anew where the container has moved to another one.
func (s *Store) forgetNamesOf(ctx context.Context, at listed, gone map[freedName]Stamp) error {
	for again := true; again; {
		locks := []Guard{{Key: at.key}}
		if at.depot != 0 {
			locks = append(locks, LockDepot(at.depot, true))
		}
		next := at.depot
		err := s.Update(ctx, locks, func(tx *Tx) error {
			values, err := tx.tx.Get(at.key)
			if again = false; err != nil || values[0] == nil {
				return err
			}
			l := listsOf(at.key.Table, at.key.Row, values[0])
			next = l.depot()
			switch {
			case next != at.depot:
				again = true
			case !l.without(gone):
			case l.account != nil:
				tx.PutAccount(l.account)
			case l.container != nil:
				tx.PutContainer(l.container)
			}
			return nil
		})
		if err != nil {
			return err
		}
		at.depot = next
	}
	return nil
}

// accessLists are the lists of one record. Damaged records have none and are
// for the check to find.
type accessLists struct {
	account   *Account
	container *Container
}

// depot is the depot of the container, 0 for an account.
func (l accessLists) depot() uint64 {
	if l.container == nil {
		return 0
	}
	return l.container.Depot
}

func listsOf(t kv.Table, row, value []byte) (l accessLists) {
	if t == tableAccounts {
		if a, err := decodeAccount(string(row), value); err == nil {
			l.account = &a
		}
		return l
	}
	id, err := decodeID(row)
	if err == nil {
		var c Container
		if c, err = decodeContainer(id, value); err == nil {
			l.container = &c
		}
	}
	return l
}

// without takes names out and tells whether there was one.
func (l accessLists) without(gone map[freedName]Stamp) (changed bool) {
	drop := func(list []string, set Stamp) []string {
		kept := slices.DeleteFunc(slices.Clone(list), func(element string) bool {
			for n, at := range gone {
				if set <= at && n.means(element) {
					return true
				}
			}
			return false
		})
		changed = changed || len(kept) < len(list)
		return kept
	}
	switch {
	case l.account != nil:
		a := l.account
		a.Admins, a.Writers, a.Readers = drop(a.Admins, a.ListsSet), drop(a.Writers, a.ListsSet), drop(a.Readers, a.ListsSet)
	case l.container != nil:
		c := l.container
		for _, list := range []struct {
			text *string
			set  Stamp
		}{{&c.ReadACL, c.ReadSet}, {&c.WriteACL, c.WriteSet}} {
			if *list.text != "" {
				*list.text = strings.Join(drop(strings.Split(*list.text, ","), list.set), ",")
			}
		}
	}
	return changed
}

// checkFreed judges a row that says when a name was given up.
func checkFreed(row, value []byte) error {
	if len(row) < 2 || row[0] != 'u' && row[0] != 'a' {
		return errRow
	}
	_, err := openID(value)
	return err
}
