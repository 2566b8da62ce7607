package gateway

import (
	"context"
	"math"
	"slices"
	"strings"
	"unicode/utf8"

	"entrepot/auth"
	"entrepot/gateway/errs"
	"entrepot/gateway/names"
	"entrepot/store"
)

// Create makes a depot for a user. Operators and administrators only, as for
// every call of Depots that says nothing else. A user that does not exist is
// made, without a password and with an account of its own name; where that is
// forbidden, NotFound with NoUser. Invalid with BadLimit, Conflict with
// BadDepotID.
func (d *Depots) Create(ctx context.Context, opt DepotOptions, call DepotCall) (Depot, error) {
	if err := names.User(opt.User); err != nil {
		return Depot{}, err
	}
	return d.newDepot(ctx, opt, call, store.LockUser(opt.User), store.LockAccount(opt.User, false))
}

// CreateWithoutOwner makes a depot that nobody owns, for Assign to give away.
// It takes no containers, and no user's list shows it.
func (d *Depots) CreateWithoutOwner(ctx context.Context, opt DepotOptions, call DepotCall) (Depot, error) {
	opt.User, opt.Users = "", nil
	return d.newDepot(ctx, opt, call)
}

func (d *Depots) newDepot(ctx context.Context, opt DepotOptions, call DepotCall, guards ...store.Guard) (Depot, error) {
	if err := d.checkCreate(ctx, &opt, &call); err != nil {
		return Depot{}, err
	}
	if err := d.prepare(&call); err != nil {
		return Depot{}, err
	}
	version, err := d.store.NewID()
	if err != nil {
		return Depot{}, err
	}
	now := d.now()
	guards = append(append(guards, replayGuards(call)...), store.LockSequence(store.SequenceDepot))
	var out Depot
	err = d.withNewDepot(ctx, guards, opt.ID, func(tx *store.Tx, id uint64) error {
		if call.line != nil {
			line := *call.line
			line.Depot, call.line = id, &line
		}
		if err := once(tx, call, now); err != nil {
			return err
		}
		if opt.ID != 0 && id != opt.ID {
			return errs.New("depots.Create", errs.Conflict, errs.BadDepotID, "")
		}
		if _, err := tx.NextInSequence(store.SequenceDepot, id); err != nil {
			return err
		}
		var owner store.User
		if opt.User != "" {
			var err error
			if owner, err = d.ownerOf(tx, opt.User, version, now); err != nil {
				return err
			}
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
	if err := checkCall(call); err != nil {
		return err
	}
	if err := checkContract(opt.Contract); err != nil {
		return err
	}
	if err := checkUsers(opt.Users); err != nil {
		return err
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

func checkContract(number string) error {
	if utf8.RuneCountInString(number) > maxContract {
		return errs.New("depots", errs.Invalid, errs.NameTooLong, "The contract number is too long.")
	}
	return nil
}

// checkUsers judges a list of names to be authorised; they need not be users
// yet.
func checkUsers(list []string) error {
	if len(list) > maxDepotUsers {
		return errs.New("depots", errs.Invalid, errs.NameTooLong, "The list of users is too long.")
	}
	for _, u := range list {
		if err := names.User(u); err != nil {
			return err
		}
	}
	return nil
}

func checkCall(call *DepotCall) error {
	if utf8.RuneCountInString(call.Note) > maxNote {
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
		return u, errNoUser
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
	made, err := tx.NewAccount(name, now)
	if err != nil {
		return u, err
	}
	tx.PutAccount(&made)
	return u, tx.NewUser(&u)
}

// cleanUsers sorts a list of authorised users, drops the owner and merges
// spellings of one name.
func cleanUsers(list []string, owner string) []string {
	out := slices.Clone(list)
	slices.SortStableFunc(out, func(a, b string) int { return strings.Compare(store.Fold(a), store.Fold(b)) })
	out = slices.CompactFunc(out, func(a, b string) bool { return store.Fold(a) == store.Fold(b) })
	return slices.DeleteFunc(out, func(u string) bool { return store.Fold(u) == store.Fold(owner) })
}
