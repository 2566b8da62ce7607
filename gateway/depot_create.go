package gateway

import (
	"context"
	"math"
	"slices"

	"entrepot/auth"
	"entrepot/gateway/errs"
	"entrepot/gateway/names"
	"entrepot/store"
)

// Create makes a depot for a user. Operators and administrators only, as for
// every call of Depots. A user that does not exist is made, without a password
// and with an account of its own name. Invalid with BadLimit, Conflict with
// BadDepotID.
func (d *Depots) Create(ctx context.Context, opt DepotOptions, call DepotCall) (Depot, error) {
	if err := d.checkCreate(ctx, &opt, &call); err != nil {
		return Depot{}, err
	}
	version, err := d.store.NewID()
	if err != nil {
		return Depot{}, err
	}
	now := d.now()
	guards := append(replayGuards(call),
		store.LockUser(opt.User), store.LockAccount(opt.User, false), store.LockSequence(store.SequenceDepot))
	var out Depot
	err = d.withNewDepot(ctx, guards, opt.ID, func(tx *store.Tx, id uint64) error {
		if err := once(tx, call, now); err != nil {
			return err
		}
		if opt.ID != 0 && id != opt.ID {
			return errs.New("depots.Create", errs.Conflict, errs.BadDepotID, "")
		}
		if _, err := tx.NextInSequence(store.SequenceDepot, id); err != nil {
			return err
		}
		owner, err := d.ownerOf(tx, opt.User, version, now)
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
func (d *Depots) ownerOf(tx *store.Tx, name string, version uint64, now store.Stamp) (store.User, error) {
	u, found, err := tx.User(name)
	if err != nil {
		return u, err
	}
	if found {
		of, _, err := tx.Account(u.Account)
		if err == nil && of.State == store.AccountDeleted {
			err = errNoDepotForUser
		}
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
	u = store.User{Name: name, Account: name, Role: string(auth.RoleOwner), PasswordVersion: version, Created: now}
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
