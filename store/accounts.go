package store

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strconv"
	"time"

	"entrepot/store/blob/volumes"
	"entrepot/store/kv"
)

// AccountQuery selects a page of accounts in byte order of their names.
type AccountQuery struct {
	Prefix string
	After  string // only names greater
	Limit  int
}

// AccountsPage lists accounts as q says, deleted ones included.
func (v *View) AccountsPage(q AccountQuery) ([]Account, error) {
	r := kv.Prefix(tableAccounts, []byte(q.Prefix))
	if q.After != "" {
		if from := append([]byte(q.After), 0); bytes.Compare(from, r.From) > 0 {
			r.From = from
		}
		if r.To != nil && bytes.Compare(r.From, r.To) >= 0 {
			return nil, nil
		}
	}
	page, err := v.r.Scan(r, q.Limit)
	if err != nil {
		return nil, err
	}
	list := make([]Account, len(page.Items))
	for i, item := range page.Items {
		if list[i], err = decodeAccount(string(item.Row), item.Value); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// DeleteAccount marks an account as deleted: a small write, whatever the
// account holds. Its rows are removed in the background from due on; then the
// name is free. The caller holds the account's exclusive lock.
func (tx *Tx) DeleteAccount(a *Account, by string, now, due Stamp) {
	a.State, a.Deleted, a.DeletedBy = AccountDeleted, now, by
	a.DefaultDepot = 0
	tx.PutAccount(a)
	tx.tx.Put(queueKey(queueAccount, due, []byte(a.Name)), nil)
	tx.left = true
}

const (
	reapAccountsEvery = 15 * time.Second
	// reapAtOnce is how many containers one transaction detaches: each takes
	// three locks.
	reapAtOnce = 16
	reapPage   = 256
)

// runAccountReaper removes what deleted accounts hold, now and then and when
// one was deleted.
func (s *Store) runAccountReaper(ctx context.Context) {
	every := time.NewTicker(reapAccountsEvery)
	defer every.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-every.C:
		case <-s.leaving:
		}
		if _, err := s.ReapAccounts(ctx); err != nil && ctx.Err() == nil {
			s.opt.Logger.Warn("removing deleted accounts", "err", err)
		}
		if err := s.ForgetNames(ctx); err != nil && ctx.Err() == nil {
			s.opt.Logger.Warn("taking names that were given up out of access lists", "err", err)
		}
		if err := s.trimAdminLog(ctx); err != nil && ctx.Err() == nil {
			s.opt.Logger.Warn("trimming the administrators' log", "err", err)
		}
	}
}

// ReapAccounts removes the containers, depots, users and records of the
// deleted accounts whose time has come, and returns how many accounts are gone.
// It goes on where an earlier call was cut off; what the containers held is
// removed behind it. The background work calls it; a second call waits for the
// first.
func (s *Store) ReapAccounts(ctx context.Context) (gone int, err error) {
	s.reaping.Lock()
	defer s.reaping.Unlock()
	due, err := s.dueAccounts(ctx)
	slices.Reverse(due) // "a.2", which lies in the depots of "a", goes before it
	for _, row := range due {
		if ctx.Err() != nil {
			return gone, errors.Join(err, ctx.Err())
		}
		dropped, one := s.reapAccount(ctx, string(row[9:]), row)
		err = errors.Join(err, one)
		if dropped {
			gone++
		}
	}
	return gone, err
}

func (s *Store) dueAccounts(ctx context.Context) (due [][]byte, err error) {
	r := kv.Range{
		Table: tableQueue, From: []byte{queueAccount}, KeysOnly: true,
		To: append([]byte{queueAccount}, u64(uint64(s.Now()+1))...),
	}
	err = s.engine.View(ctx, func(v kv.Reader) error {
		due = nil
		return allPages(v, r, func(_ kv.Reader, items []kv.Item) error {
			for _, item := range items {
				if len(item.Row) > 9 { // others are for the check to report
					due = append(due, bytes.Clone(item.Row))
				}
			}
			return nil
		})
	})
	return due, fail("store.ReapAccounts", err)
}

// reapAccount removes one account. Its parts go in the order in which they
// need each other; each is found anew, so that it can be cut off anywhere.
// A row whose account is gone, or was made again, is dropped.
func (s *Store) reapAccount(ctx context.Context, name string, row []byte) (dropped bool, err error) {
	a, found, err := s.accountRecord(ctx, name)
	if err != nil {
		return false, err
	}
	if found && a.State == AccountDeleted {
		for _, part := range []func(context.Context, *Account) error{s.reapContainers, s.reapStores, s.reapDepots, s.reapUsers, s.reapUsage, s.reapRestores} {
			if err := part(ctx, &a); err != nil {
				return false, err
			}
		}
	}
	now := s.Now()
	err = s.Update(ctx, []Guard{LockAccount(name, false)}, func(tx *Tx) error {
		a, found, err := tx.Account(name)
		if err != nil {
			return err
		}
		tx.tx.Delete(key(tableQueue, row))
		if dropped = found && a.State == AccountDeleted; !dropped {
			return nil
		}
		return tx.dropAccount(name, now)
	})
	return dropped && err == nil, err
}

func (s *Store) accountRecord(ctx context.Context, name string) (a Account, found bool, err error) {
	err = s.View(ctx, func(v *View) (err error) {
		a, found, err = v.Account(name)
		return err
	})
	return a, found, err
}

var errAccountInUse = errors.New("store: a deleted account still has containers or users")

// dropAccount removes the record and counters of an account that holds nothing
// any more.
func (tx *Tx) dropAccount(name string, now Stamp) error {
	for _, t := range []kv.Table{tableNames, tableUserOf} {
		page, err := tx.tx.Scan(kv.Prefix(t, join(name, "")), 1)
		if err != nil {
			return err
		}
		if len(page.Items) > 0 {
			return errAccountInUse // made while the account was marked: next time
		}
	}
	for _, kind := range []CounterKind{CountAccountSpaces, CountAccountObjects, CountAccountBytes} {
		tx.tx.Delete(counterKey(kind, []byte(name)))
	}
	if _, err := tx.DeleteGrants(name, adminLogTrim); err != nil {
		return err
	}
	tx.tx.Delete(accountKey(name))
	if err := tx.giveUp(freedName{account: name}, now); err != nil {
		return err
	}
	return tx.forgetFormer(name)
}

// reapContainers detaches all containers of an account.
func (s *Store) reapContainers(ctx context.Context, a *Account) error {
	for {
		var list []Container
		err := s.View(ctx, func(v *View) (err error) {
			list, err = v.containersOf(a.Name, reapAtOnce)
			return err
		})
		if err != nil || len(list) == 0 {
			return err
		}
		var guards []Guard
		for _, c := range list {
			guards = append(guards, LockContainer(c.ID, false), LockName(a.Name, c.Name), LockDepot(c.Depot, true))
		}
		now := s.Now()
		err = s.Update(ctx, guards, func(tx *Tx) error {
			for _, before := range list {
				c, found, err := tx.Container(before.ID)
				if err != nil {
					return err
				}
				if !found || c.Name != before.Name || c.Depot != before.Depot {
					continue // renamed or moved meanwhile: next time
				}
				tx.AddJournal(&Journal{Container: c.ID, Time: c.Modified.After(now), Action: "remove", User: a.DeletedBy})
				if err := tx.DetachContainer(&c, now); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
}

// containersOf reads the first containers of an account, whole.
func (v *View) containersOf(account string, limit int) ([]Container, error) {
	page, err := v.r.Scan(kv.Prefix(tableNames, join(account, "")), limit)
	if err != nil {
		return nil, err
	}
	list := make([]Container, 0, len(page.Items))
	for _, item := range page.Items {
		id, err := openID(item.Value)
		if err != nil {
			return nil, err
		}
		c, found, err := v.Container(id)
		if err != nil {
			return nil, err
		}
		if !found {
			return nil, errors.New("store: container name without a container")
		}
		list = append(list, c)
	}
	return list, nil
}

// reapStores removes the further stores of an account, which are accounts with
// a dot and the number of a volume behind its name.
func (s *Store) reapStores(ctx context.Context, a *Account) error {
	for n := 1; n <= volumes.Max; n++ {
		name := a.Name + "." + strconv.Itoa(n)
		further, found, err := s.accountRecord(ctx, name)
		if err != nil {
			return err
		}
		if !found {
			continue
		}
		further.DeletedBy = a.DeletedBy
		now := s.Now()
		for _, part := range []func(context.Context, *Account) error{s.reapContainers, s.reapUsage, s.reapRestores} {
			if err := part(ctx, &further); err != nil {
				return err
			}
		}
		err = s.Update(ctx, []Guard{LockAccount(name, false)}, func(tx *Tx) error { return tx.dropAccount(name, now) })
		if err != nil {
			return err
		}
	}
	return nil
}

// reapDepots removes the depots of an account. Their logs stay, as they do
// when a depot is deleted by itself.
func (s *Store) reapDepots(ctx context.Context, a *Account) error {
	var ids []uint64
	err := s.engine.View(ctx, func(v kv.Reader) error {
		ids = nil
		return allPages(v, kv.Range{Table: tableDepots}, func(_ kv.Reader, items []kv.Item) error {
			for _, item := range items {
				id, err := decodeID(item.Row)
				if err != nil {
					continue // for the check to report
				}
				if d, err := decodeDepot(id, item.Value); err == nil && d.Account == a.Name {
					ids = append(ids, id)
				}
			}
			return nil
		})
	})
	if err != nil {
		return fail("store.ReapAccounts", err)
	}
	for _, id := range ids {
		now := s.Now()
		err := s.Update(ctx, []Guard{LockDepot(id, false)}, func(tx *Tx) error {
			d, found, err := tx.Depot(id)
			if err != nil || !found || d.Account != a.Name {
				return err
			}
			spaces, err := tx.SpacesOf(id, 0, 1)
			if err == nil && len(spaces) > 0 {
				err = errAccountInUse
			}
			if err != nil {
				return err
			}
			if err := tx.DeleteInvitationsTo(id); err != nil {
				return err
			}
			tx.AddDepotEntry(&d, &DepotEntry{
				Time: now, Command: "account deleted", OldStorage: d.StorageLimit, OldTraffic: d.TrafficLimit,
			})
			tx.DeleteDepot(&d)
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// reapUsers removes the logins of an account, and their names from the depots
// that authorise them.
func (s *Store) reapUsers(ctx context.Context, a *Account) error {
	for {
		var users []User
		err := s.View(ctx, func(v *View) (err error) {
			users, err = v.Users(a.Name, "", reapPage)
			return err
		})
		if err != nil || len(users) == 0 {
			return err
		}
		for _, u := range users {
			if err := s.ForgetMember(ctx, u.Name); err != nil {
				return err
			}
			if err := s.removeUser(ctx, a.Name, u.Name); err != nil {
				return err
			}
		}
	}
}

// removeUser removes a login of an account. One that owns a depot stays:
// errAccountInUse.
func (s *Store) removeUser(ctx context.Context, account, name string) error {
	now := s.Now()
	return s.Update(ctx, []Guard{LockUser(name)}, func(tx *Tx) error {
		u, found, err := tx.User(name)
		if err != nil || !found || u.Account != account {
			return err
		}
		owned, err := tx.DepotsOf(name, 0, 1)
		if err == nil && len(owned) > 0 {
			err = errAccountInUse
		}
		if err != nil {
			return err
		}
		return tx.DeleteUser(&u, now)
	})
}

// ForgetMember takes a user's name out of the depots of others: where it is
// authorised, invited or listed, and out of the containers that it made there,
// so that whoever gets the name next has none of these rights. A second call
// finds nothing.
func (s *Store) ForgetMember(ctx context.Context, user string) error {
	var owned []uint64
	for {
		var ids []uint64
		err := s.View(ctx, func(v *View) (err error) {
			ids, owned, err = v.depotsNaming(user)
			return err
		})
		if err != nil || len(ids) == 0 {
			return err
		}
		for _, id := range ids {
			err := s.Update(ctx, []Guard{LockDepot(id, false), LockUser(user)}, func(tx *Tx) error {
				return tx.forgetMember(id, user, slices.Contains(owned, id))
			})
			if err != nil {
				return err
			}
		}
	}
}

// depotsNaming lists depots of others that name a user, some of them, and the
// user's own.
func (v *View) depotsNaming(user string) (ids, owned []uint64, err error) {
	if owned, err = v.DepotsOf(user, 0, reapPage); err != nil {
		return nil, nil, err
	}
	members, err := v.MemberOf(user, 0, reapPage)
	if err != nil {
		return nil, nil, err
	}
	claims, err := v.ClaimsOf(user, 0, reapPage)
	if err != nil {
		return nil, nil, err
	}
	ids = append(members, claims...)
	target, err := v.TargetOf(user)
	if err != nil {
		return nil, nil, err
	}
	if target != 0 {
		ids = append(ids, target)
	}
	invitations, err := v.Invitations(user, 0, reapPage)
	for _, i := range invitations {
		ids = append(ids, i.Depot)
	}
	slices.Sort(ids)
	return slices.Compact(ids), owned, err
}

// NamedByDepots tells whether depots of others name a user in any way that
// ForgetMember ends.
func (v *View) NamedByDepots(user string) (bool, error) {
	ids, _, err := v.depotsNaming(user)
	return len(ids) > 0, err
}

// forgetMember takes a user out of one depot. The rows that find the depot by
// the user go even where the depot does not know of them, or is not there: a
// damaged index is no reason to look for ever.
func (tx *Tx) forgetMember(depot uint64, user string, own bool) error {
	tx.DeleteInvitation(user, depot)
	name := []string{Fold(user)}
	depotIndexes(&Depot{ID: depot, Users: name, Targets: name, Claims: name}, tx.tx.Delete)
	d, found, err := tx.Depot(depot)
	if err != nil || !found {
		return err
	}
	if !own {
		if err := tx.forgetCreator(depot, user); err != nil {
			return err
		}
	}
	old := d
	without := func(list []string) []string {
		return slices.DeleteFunc(slices.Clone(list), func(u string) bool { return Fold(u) == Fold(user) })
	}
	d.Users, d.Targets, d.Claims = without(old.Users), without(old.Targets), without(old.Claims)
	tx.PutDepot(&old, &d)
	return nil
}

// forgetCreator takes a user out of the containers of a depot that it made.
func (tx *Tx) forgetCreator(depot uint64, user string) error {
	for after := uint64(0); ; {
		ids, err := tx.SpacesOf(depot, after, reapPage)
		if err != nil || len(ids) == 0 {
			return err
		}
		for _, id := range ids {
			c, found, err := tx.Container(id)
			if err != nil {
				return err
			}
			if found && c.Creator != "" && Fold(c.Creator) == Fold(user) {
				c.Creator = ""
				tx.PutContainer(&c)
			}
		}
		after = ids[len(ids)-1]
	}
}
