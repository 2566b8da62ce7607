package gateway

import (
	"cmp"
	"context"
	"slices"

	"entrepot/auth"
	"entrepot/gateway/errs"
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
	errNoDepot        = errs.New("depots", errs.Forbidden, errs.NoDepot, "No depot of this account takes new containers.")
	errNoDepotForUser = errs.New("depots", errs.NotFound, errs.NoDepotForUser, "")
	errDepotNotFound  = errs.New("depots", errs.NotFound, errs.NoDepot, "")
)

// operator refuses everybody but operators and administrators.
func operator(p auth.Principal) error {
	if p.Operator || isAdmin(p) {
		return nil
	}
	return refuse(p)
}

// takes tells whether a caller may make containers of an account in a depot.
func takes(d *store.Depot, p auth.Principal, account string, access Access) bool {
	if d.Account != homeAccount(account) || d.Owner == "" && !d.Default || d.Inactive || p.User == "" || p.Scope != nil {
		return false
	}
	me := store.Fold(p.User)
	return access.Owner || access.Make || d.Owner != "" && store.Fold(d.Owner) == me || authorised(d, me)
}

// depotFor chooses the depot for a container that the caller makes in an
// account: the caller's own target, else the account's default depot, else the
// lowest that takes it.
func (c *core) depotFor(ctx context.Context, p auth.Principal, account string) (uint64, error) {
	var chosen uint64
	err := c.store.View(ctx, func(v *store.View) error {
		a, access, err := c.loadAccount(v, p, homeAccount(account))
		if err != nil {
			return err
		}
		if c.readOnly(p, account) {
			return refuse(p)
		}
		candidates, err := depotsOfAccount(v, p, &a)
		if err != nil {
			return err
		}
		if p.User != "" {
			target, err := v.TargetOf(p.User)
			if err != nil {
				return err
			}
			candidates = append([]uint64{target}, candidates...)
		}
		for _, id := range candidates {
			d, found, err := v.Depot(id)
			if err != nil {
				return err
			}
			if found && takes(&d, p, account, access) {
				chosen = id
				return nil
			}
		}
		if !access.Owner && !access.Make {
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

// Owned returns the depots of a user in ascending order of id, with shared
// also those the user is authorised for. NotFound with NoDepotForUser when
// there are none; with id not 0 only that one, NotFound with NoDepot when it
// is not among them.
func (d *Depots) Owned(ctx context.Context, user string, id uint64, shared bool) ([]Depot, error) {
	if err := operator(auth.PrincipalOf(ctx)); err != nil {
		return nil, err
	}
	now := d.now()
	var out []Depot
	err := d.store.View(ctx, func(v *store.View) error {
		ids, err := depotsOf(v, user, shared)
		if err != nil {
			return err
		}
		if ids, err = only(ids, id); err != nil {
			return err
		}
		out, err = readDepots(v, ids, now)
		return err
	})
	return out, err
}

// readDepots reads depots with what they use; those that are gone are left
// out.
func readDepots(v *store.View, ids []uint64, now store.Stamp) ([]Depot, error) {
	month := trafficMonth(now.Time())
	records, found := make([]store.Depot, len(ids)), make([]bool, len(ids))
	used, traffic := make([]int64, len(ids)), make([]int64, len(ids))
	b := v.Batch()
	for i, id := range ids {
		b.Depot(id, &records[i], &found[i])
		b.Count(store.CountDepotBytes, id, &used[i])
		b.Traffic(store.CountDepotTraffic, id, month, &traffic[i])
	}
	if err := b.Do(); err != nil {
		return nil, err
	}
	out := make([]Depot, 0, len(ids))
	for i := range records {
		if found[i] {
			out = append(out, fromDepot(&records[i], used[i], traffic[i]))
		}
	}
	return out, nil
}

// depotsOf lists a user's depots; none is errNoDepotForUser.
func depotsOf(v *store.View, user string, shared bool) ([]uint64, error) {
	if gone, err := userGone(v, user); err != nil || gone {
		return nil, cmp.Or(err, error(errNoDepotForUser))
	}
	ids, err := everyID(v.DepotsOf, user)
	if err == nil && shared {
		var member []uint64
		member, err = everyID(v.MemberOf, user)
		ids = append(ids, member...)
		slices.Sort(ids)
		ids = slices.Compact(ids)
	}
	if err == nil && len(ids) == 0 {
		err = errNoDepotForUser
	}
	return ids, err
}

// userGone tells whether a user belongs to a deleted account.
func userGone(v *store.View, name string) (bool, error) {
	u, found, err := v.User(name)
	if err != nil || !found {
		return false, err
	}
	of, _, err := v.Account(u.Account)
	return of.State == store.AccountDeleted, err
}

// everyID reads all pages of a list of ids.
func everyID(page func(user string, after uint64, limit int) ([]uint64, error), user string) ([]uint64, error) {
	var ids []uint64
	for after := uint64(0); ; after = ids[len(ids)-1] {
		more, err := page(user, after, pageOfIDs)
		if ids = append(ids, more...); err != nil || len(more) < pageOfIDs {
			return ids, err
		}
	}
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

// change runs fn on a depot that the user owns, with replay protection.
func (d *Depots) change(ctx context.Context, user string, id uint64, call DepotCall, more []store.Guard,
	fn func(tx *store.Tx, record *store.Depot, now store.Stamp) error) error {
	if err := operator(auth.PrincipalOf(ctx)); err != nil {
		return err
	}
	if err := d.prepare(&call); err != nil {
		return err
	}
	now := d.now()
	guards := append(replayGuards(call), store.LockDepot(id, false))
	return d.store.Update(ctx, append(guards, more...), func(tx *store.Tx) error {
		if err := once(tx, call, now); err != nil {
			return err
		}
		if err := ownsAny(&tx.View, user); err != nil {
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

// ownsAny refuses a user who owns no depot.
func ownsAny(v *store.View, user string) error {
	if gone, err := userGone(v, user); err != nil || gone {
		return cmp.Or(err, error(errNoDepotForUser))
	}
	ids, err := v.DepotsOf(user, 0, 1)
	if err == nil && len(ids) == 0 {
		err = errNoDepotForUser
	}
	return err
}

func replayGuards(call DepotCall) []store.Guard {
	if call.Replay == nil {
		return nil
	}
	return []store.Guard{store.LockReplay(call.Replay.Digest)}
}

// once refuses a signed request that was carried out before and remembers this
// one, in the transaction of its change; so is the line of the log.
func once(tx *store.Tx, call DepotCall, now store.Stamp) error {
	if call.line != nil {
		tx.AddDepotCall(call.line)
	}
	if call.Replay == nil {
		return nil
	}
	if err := fresh(&tx.View, call, now); err != nil {
		return err
	}
	return tx.Remember(call.Replay.Digest, store.StampOf(call.Replay.Until), now)
}

// fresh refuses a signed request that was carried out before.
func fresh(v *store.View, call DepotCall, now store.Stamp) error {
	if call.Replay == nil {
		return nil
	}
	until, err := v.Replayed(call.Replay.Digest)
	if err == nil && until > now {
		err = errs.New("depots", errs.Conflict, errs.Replayed, "")
	}
	return err
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
		StorageUsed: used, TrafficUsed: traffic, Default: d.Default, Users: slices.Clone(d.Users), Epoch: d.Epoch,
	}
}
