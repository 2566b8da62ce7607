package gateway

import (
	"context"
	"fmt"
	"math"
	"slices"

	"entrepot/auth"
	"entrepot/gateway/errs"
	"entrepot/gateway/names"
	"entrepot/store"
)

// Depots manages quotas over containers. Its calls belong to the operator of
// the depot API and to administrators.
type Depots struct{ *core }

// Limits of depots.
const (
	maxDepotUsers = 1000
	maxNote       = 1024 // characters
	maxContract   = 128  // characters
	trafficFactor = 10   // a traffic limit that is not given, in storage limits
	pageOfIDs     = 1000
)

var (
	errNoDepot        = errs.New("depots", errs.Forbidden, errs.NoDepot, "no depot")
	errNoDepotForUser = errs.New("depots", errs.NotFound, errs.NoDepotForUser, "")
	errDepotNotFound  = errs.New("depots", errs.NotFound, errs.NoDepot, "")
)

// operator refuses everybody but operators and administrators.
func operator(p auth.Principal) error {
	if p.Operator || p.User != "" && p.Role == auth.RoleAdmin {
		return nil
	}
	return refuse(p)
}

// takes tells whether a caller may make containers of an account in a depot.
func takes(d *store.Depot, p auth.Principal, account string) bool {
	if d.Account != account || d.Owner == "" || d.Inactive || p.User == "" {
		return false
	}
	me := store.Fold(p.User)
	return accountAccess(p, account).Owner || store.Fold(d.Owner) == me || authorised(d, me)
}

// depotFor chooses the depot for a container that the caller makes in an
// account: the account's default depot, else the lowest that takes it.
func (c *core) depotFor(ctx context.Context, p auth.Principal, account string) (uint64, error) {
	var chosen uint64
	err := c.store.View(ctx, func(v *store.View) error {
		a, access, err := c.loadAccount(v, p, account)
		if err != nil {
			return err
		}
		candidates, err := depotsOfAccount(v, p, &a)
		if err != nil {
			return err
		}
		for _, id := range candidates {
			d, found, err := v.Depot(id)
			if err != nil {
				return err
			}
			if found && takes(&d, p, account) {
				chosen = id
				return nil
			}
		}
		if !access.Owner {
			return refuse(p)
		}
		return errNoDepot
	})
	return chosen, err
}

// depotsOfAccount lists depots that may take a container of the account, the
// default one first, then in ascending order.
func depotsOfAccount(v *store.View, p auth.Principal, a *store.Account) ([]uint64, error) {
	var rest []uint64
	users, err := v.Users(a.Name, "", pageOfIDs)
	if err != nil {
		return nil, err
	}
	for _, u := range users {
		ids, err := v.DepotsOf(u.Name, 0, pageOfIDs)
		if err != nil {
			return nil, err
		}
		rest = append(rest, ids...)
	}
	slices.Sort(rest)
	if a.DefaultDepot == 0 {
		return rest, nil
	}
	return append([]uint64{a.DefaultDepot}, rest...), nil
}

// Create makes a depot for a user. Operators and administrators only, as for
// every call of Depots. A user that does not exist is made, without a password
// and with an account of its own name. Invalid with BadLimit, Conflict with
// BadDepotID.
func (d *Depots) Create(ctx context.Context, opt DepotOptions, call DepotCall) (Depot, error) {
	if err := d.checkCreate(ctx, &opt, &call); err != nil {
		return Depot{}, err
	}
	now := d.now()
	guards := append(replayGuards(call),
		store.LockUser(opt.User), store.LockAccount(opt.User, false), store.LockSequence(store.SequenceDepot))
	var out Depot
	err := d.withNewDepot(ctx, guards, opt.ID, func(tx *store.Tx, id uint64) error {
		if err := once(tx, call, now); err != nil {
			return err
		}
		if opt.ID != 0 && id != opt.ID {
			return errs.New("depots.Create", errs.Conflict, errs.BadDepotID, "")
		}
		if _, err := tx.NextInSequence(store.SequenceDepot, id); err != nil {
			return err
		}
		owner, err := d.ownerOf(tx, opt.User, now)
		if err != nil {
			return err
		}
		record := &store.Depot{
			ID: id, Owner: owner.Name, Account: owner.Account, Created: now, Contract: opt.Contract,
			StorageLimit: opt.StorageLimit, TrafficLimit: opt.TrafficLimit,
			Users: cleanUsers(opt.Users, owner.Name), Epoch: 1,
		}
		tx.PutDepot(nil, record)
		tx.AddDepotEntry(record, entry(ctx, call, now, &store.Depot{}, record))
		out = fromDepot(record, 0, 0)
		return nil
	})
	return out, err
}

// checkCreate judges the arguments of Create and fills in defaults.
func (d *Depots) checkCreate(ctx context.Context, opt *DepotOptions, call *DepotCall) error {
	if err := operator(auth.PrincipalOf(ctx)); err != nil {
		return err
	}
	if err := names.User(opt.User); err != nil {
		return err
	}
	if err := checkCall(call); err != nil {
		return err
	}
	if len([]rune(opt.Contract)) > maxContract {
		return errs.New("depots", errs.Invalid, errs.NameTooLong, "The contract number is too long.")
	}
	if len(opt.Users) > maxDepotUsers {
		return errs.New("depots", errs.Invalid, errs.NameTooLong, "The list of users is too long.")
	}
	for _, u := range opt.Users {
		if err := names.User(u); err != nil {
			return err
		}
	}
	if opt.ID > math.MaxInt64 {
		return errs.New("depots.Create", errs.Conflict, errs.BadDepotID, "")
	}
	limits := DepotLimits{opt.StorageLimit, opt.TrafficLimit}
	if err := limits.settle(); err != nil {
		return err
	}
	opt.StorageLimit, opt.TrafficLimit = limits.Storage, limits.Traffic
	return nil
}

// settle judges limits and fills in the default of traffic.
func (l *DepotLimits) settle() error {
	if l.Storage <= 0 || l.Traffic < 0 {
		return errs.New("depots", errs.Invalid, errs.BadLimit, "")
	}
	if l.Traffic == 0 {
		l.Traffic = math.MaxInt64
		if l.Storage <= math.MaxInt64/trafficFactor {
			l.Traffic = l.Storage * trafficFactor
		}
	}
	return nil
}

func checkCall(call *DepotCall) error {
	if len([]rune(call.Note)) > maxNote {
		return errs.New("depots", errs.Invalid, errs.NameTooLong, "The note is too long.")
	}
	return nil
}

// ownerOf finds the user who is to own a depot, or makes one: an account of
// the same name whose owner it is, without a password and a default depot.
func (d *Depots) ownerOf(tx *store.Tx, name string, now store.Stamp) (store.User, error) {
	u, found, err := tx.User(name)
	if err != nil || found {
		return u, err
	}
	if d.cfg.NoDepotUsers {
		return u, errNoDepotForUser
	}
	if err := names.Account(name); err != nil {
		return u, err
	}
	_, taken, err := tx.Account(name)
	if err != nil {
		return u, err
	}
	if taken {
		return u, errs.New("depots.Create", errs.Invalid, errs.BadName, "An account of that name exists.")
	}
	u = store.User{Name: name, Account: name, Role: string(auth.RoleOwner), PasswordVersion: 1, Created: now}
	tx.PutAccount(&store.Account{Name: name, Created: now})
	tx.PutUser(&u)
	return u, nil
}

// cleanUsers sorts a list of authorised users, drops the owner and merges
// spellings of one name.
func cleanUsers(list []string, owner string) []string {
	out := slices.Clone(list)
	slices.SortStableFunc(out, func(a, b string) int {
		if a, b := store.Fold(a), store.Fold(b); a != b {
			if a < b {
				return -1
			}
			return 1
		}
		return 0
	})
	out = slices.CompactFunc(out, func(a, b string) bool { return store.Fold(a) == store.Fold(b) })
	return slices.DeleteFunc(out, func(u string) bool { return store.Fold(u) == store.Fold(owner) })
}

// Owned returns the depots of a user in ascending order of id, with shared
// also those the user is authorised for. NotFound with NoDepotForUser when
// there are none; with id not 0 only that one, NotFound with NoDepot when it
// is not among them.
func (d *Depots) Owned(ctx context.Context, user string, id uint64, shared bool) ([]Depot, error) {
	if err := operator(auth.PrincipalOf(ctx)); err != nil {
		return nil, err
	}
	month := trafficMonth(d.now().Time())
	var out []Depot
	err := d.store.View(ctx, func(v *store.View) error {
		ids, err := depotsOf(v, user, shared)
		if err != nil {
			return err
		}
		if ids, err = only(ids, id); err != nil {
			return err
		}
		records, found := make([]store.Depot, len(ids)), make([]bool, len(ids))
		used, traffic := make([]int64, len(ids)), make([]int64, len(ids))
		b := v.Batch()
		for i, id := range ids {
			b.Depot(id, &records[i], &found[i])
			b.Count(store.CountDepotBytes, id, &used[i])
			b.Traffic(store.CountDepotTraffic, id, month, &traffic[i])
		}
		if err := b.Do(); err != nil {
			return err
		}
		out = make([]Depot, 0, len(ids))
		for i := range records {
			if found[i] {
				out = append(out, fromDepot(&records[i], used[i], traffic[i]))
			}
		}
		return nil
	})
	return out, err
}

// depotsOf lists a user's depots; none is errNoDepotForUser.
func depotsOf(v *store.View, user string, shared bool) ([]uint64, error) {
	ids, err := v.DepotsOf(user, 0, pageOfIDs)
	for err == nil && len(ids) > 0 && len(ids)%pageOfIDs == 0 {
		var more []uint64
		if more, err = v.DepotsOf(user, ids[len(ids)-1], pageOfIDs); len(more) == 0 {
			break
		}
		ids = append(ids, more...)
	}
	if err == nil && shared {
		var member []uint64
		member, err = v.MemberOf(user, 0, pageOfIDs)
		ids = append(ids, member...)
		slices.Sort(ids)
		ids = slices.Compact(ids)
	}
	if err == nil && len(ids) == 0 {
		err = errNoDepotForUser
	}
	return ids, err
}

// only keeps one of the ids when it is asked for.
func only(ids []uint64, id uint64) ([]uint64, error) {
	if id == 0 {
		return ids, nil
	}
	if !slices.Contains(ids, id) {
		return nil, errDepotNotFound
	}
	return []uint64{id}, nil
}

// Spaces returns the containers of the user's depots (of one depot when id is
// not 0) in ascending order of id.
func (d *Depots) Spaces(ctx context.Context, user string, id uint64) ([]Space, error) {
	if err := operator(auth.PrincipalOf(ctx)); err != nil {
		return nil, err
	}
	month := trafficMonth(d.now().Time())
	var out []Space
	err := d.store.View(ctx, func(v *store.View) error {
		out = nil
		ids, err := depotsOf(v, user, false)
		if err != nil {
			return err
		}
		if ids, err = only(ids, id); err != nil {
			return err
		}
		for _, id := range ids {
			spaces, err := spacesOf(v, id, month)
			if err != nil {
				return err
			}
			out = append(out, spaces...)
		}
		return nil
	})
	slices.SortFunc(out, func(a, b Space) int { return compare(a.ID, b.ID) })
	return out, err
}

func compare(a, b uint64) int {
	if a < b {
		return -1
	} else if a > b {
		return 1
	}
	return 0
}

func spacesOf(v *store.View, depot uint64, month uint32) ([]Space, error) {
	record, _, err := v.Depot(depot)
	if err != nil {
		return nil, err
	}
	var out []Space
	for after := uint64(0); ; {
		ids, err := v.SpacesOf(depot, after, pageOfIDs)
		if err != nil || len(ids) == 0 {
			return out, err
		}
		containers, found := make([]store.Container, len(ids)), make([]bool, len(ids))
		used, traffic := make([]int64, len(ids)), make([]int64, len(ids))
		b := v.Batch()
		for i, id := range ids {
			b.Container(id, &containers[i], &found[i])
			b.Count(store.CountContainerBytes, id, &used[i])
			b.Traffic(store.CountContainerTraffic, id, month, &traffic[i])
		}
		if err := b.Do(); err != nil {
			return nil, err
		}
		for i, c := range containers {
			if found[i] {
				out = append(out, Space{
					ID: c.ID, Depot: depot, Name: c.Name, Owner: c.Creator, Active: !record.Inactive,
					Created: c.Created.Time(), StorageUsed: used[i], TrafficUsed: traffic[i],
				})
			}
		}
		after = ids[len(ids)-1]
	}
}

// SetLimits gives a depot new limits; they may lie below what is stored. The
// limits are judged after user and depot were found: Invalid with BadLimit.
func (d *Depots) SetLimits(ctx context.Context, user string, id uint64, limits DepotLimits, call DepotCall) error {
	if err := checkCall(&call); err != nil {
		return err
	}
	return d.change(ctx, user, id, call, nil, func(tx *store.Tx, record *store.Depot, now store.Stamp) error {
		if err := limits.settle(); err != nil {
			return err
		}
		old := *record
		record.StorageLimit, record.TrafficLimit = limits.Storage, limits.Traffic
		tx.AddDepotEntry(record, entry(ctx, call, now, &old, record))
		return nil
	})
}

// change runs fn on a depot that the user owns, with replay protection.
func (d *Depots) change(ctx context.Context, user string, id uint64, call DepotCall, more []store.Guard,
	fn func(tx *store.Tx, record *store.Depot, now store.Stamp) error) error {
	if err := operator(auth.PrincipalOf(ctx)); err != nil {
		return err
	}
	now := d.now()
	guards := append(replayGuards(call), store.LockDepot(id, false))
	return d.store.Update(ctx, append(guards, more...), func(tx *store.Tx) error {
		if err := once(tx, call, now); err != nil {
			return err
		}
		if _, err := depotsOf(&tx.View, user, false); err != nil {
			return err
		}
		record, found, err := tx.Depot(id)
		if err != nil {
			return err
		}
		if !found || store.Fold(record.Owner) != store.Fold(user) {
			return errDepotNotFound
		}
		return fn(tx, &record, now)
	})
}

// maxSpaces is how many containers one depot may have to be deleted at once.
const maxSpaces = 10_000

// Delete removes a depot and all its containers with their objects, locked or
// not, in one step. The depot's history stays.
func (d *Depots) Delete(ctx context.Context, user string, id uint64, call DepotCall) error {
	if err := operator(auth.PrincipalOf(ctx)); err != nil {
		return err
	}
	account, err := d.accountOf(ctx, id)
	if err != nil {
		return err
	}
	more := []store.Guard{store.LockAccount(account, false)}
	return d.change(ctx, user, id, call, more, func(tx *store.Tx, record *store.Depot, now store.Stamp) error {
		if err := detachAll(tx, id, now); err != nil {
			return err
		}
		a, found, err := tx.Account(account)
		if err != nil {
			return err
		}
		if found && a.DefaultDepot == id {
			a.DefaultDepot = 0
			tx.PutAccount(&a)
		}
		tx.AddDepotEntry(record, entry(ctx, call, now, record, &store.Depot{}))
		tx.DeleteDepot(record)
		return nil
	})
}

// detachAll detaches every container of a depot, whose exclusive lock the
// caller holds.
func detachAll(tx *store.Tx, depot uint64, now store.Stamp) error {
	ids, err := tx.SpacesOf(depot, 0, maxSpaces+1)
	if err != nil {
		return err
	}
	if len(ids) > maxSpaces {
		return errs.New("depots.Delete", errs.Forbidden, errs.TooMany, "")
	}
	for _, id := range ids {
		c, found, err := tx.Container(id)
		if err != nil {
			return err
		}
		if found {
			if err := tx.DetachContainer(&c, now); err != nil {
				return err
			}
		}
	}
	return nil
}

func (d *Depots) accountOf(ctx context.Context, depot uint64) (account string, err error) {
	err = d.store.View(ctx, func(v *store.View) error {
		record, _, err := v.Depot(depot)
		account = record.Account
		return err
	})
	return account, err
}

func replayGuards(call DepotCall) []store.Guard {
	if call.Replay == nil {
		return nil
	}
	return []store.Guard{store.LockReplay(call.Replay.Digest)}
}

// once refuses a signed request that was carried out before and remembers this
// one, in the transaction of its change.
func once(tx *store.Tx, call DepotCall, now store.Stamp) error {
	if call.Replay == nil {
		return nil
	}
	until, err := tx.Replayed(call.Replay.Digest)
	if err != nil {
		return err
	}
	if until > now {
		return errs.New("depots", errs.Conflict, errs.Replayed, "")
	}
	return tx.Remember(call.Replay.Digest, store.StampOf(call.Replay.Until), now)
}

func entry(ctx context.Context, call DepotCall, now store.Stamp, old, changed *store.Depot) *store.DepotEntry {
	e := &store.DepotEntry{
		Time: now, Command: call.Command, Note: call.Note,
		OldStorage: old.StorageLimit, NewStorage: changed.StorageLimit,
		OldTraffic: old.TrafficLimit, NewTraffic: changed.TrafficLimit,
	}
	if a := auth.PrincipalOf(ctx).Address; a.IsValid() {
		e.Address = a.String()
	}
	return e
}

func fromDepot(d *store.Depot, used, traffic int64) Depot {
	return Depot{
		ID: d.ID, Owner: d.Owner, Account: d.Account, Active: !d.Inactive, Created: d.Created.Time(),
		Contract: d.Contract, StorageLimit: d.StorageLimit, TrafficLimit: d.TrafficLimit,
		StorageUsed: used, TrafficUsed: traffic, Default: d.Default, Users: slices.Clone(d.Users),
	}
}

// String names a depot in logs.
func (d Depot) String() string { return fmt.Sprintf("depot %d of %s", d.ID, d.Owner) }
