package gateway

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"entrepot/auth"
	"entrepot/gateway/errs"
	"entrepot/store"
)

// administers tells whether a user may administer, as far as its own record
// says.
func administers(u *store.User) bool { return u.Role == string(auth.RoleAdmin) && !u.Disabled }

// userNotNeeded fails with errs.LastAdmin when nobody but a user may
// administer.
func userNotNeeded(v *store.View, u *store.User) error {
	if !administers(u) {
		return nil
	}
	name := store.Fold(u.Name)
	return otherAdmin(v, func(u *store.User) bool { return store.Fold(u.Name) != name })
}

// accountNotNeeded fails with errs.LastAdmin when nobody but users of an
// account may administer.
func accountNotNeeded(v *store.View, account string) error {
	matters := false
	err := eachUser(v, account, func(u *store.User) (bool, error) {
		matters = administers(u)
		return matters, nil
	})
	if err != nil || !matters {
		return err
	}
	return otherAdmin(v, func(u *store.User) bool { return u.Account != account })
}

// otherAdmin fails with errs.LastAdmin when no user whom fits selects may
// administer. It looks at all users in the worst case.
func otherAdmin(v *store.View, fits func(*store.User) bool) error {
	left := false
	err := eachUser(v, "", func(u *store.User) (bool, error) {
		if !administers(u) || !fits(u) {
			return false, nil
		}
		of, _, err := v.Account(u.Account)
		left = of.State == store.AccountActive
		return left, err
	})
	if err == nil && !left {
		err = errs.New("users", errs.Conflict, errs.LastAdmin, "Nobody would be left who may administer.")
	}
	return err
}

// eachUser calls fn for the users of an account, or of all when account is
// empty, until it is done.
func eachUser(v *store.View, account string, fn func(*store.User) (done bool, err error)) error {
	for after := ""; ; {
		users, err := v.Users(account, after, pageOfUsers)
		if err != nil || len(users) == 0 {
			return err
		}
		for i := range users {
			if done, err := fn(&users[i]); done || err != nil {
				return err
			}
		}
		after = store.Fold(users[len(users)-1].Name)
	}
}

const pageOfUsers = 1000

// DeleteUser removes a login, its tokens, and its rights in the depots of
// others. The default depot of its account goes to another owner of the
// account, or to nobody until there is one; with other depots the user stays:
// errs.Conflict with errs.OwnsDepots. The last administrator stays as well
// (errs.LastAdmin). What the user wrote stays where it is.
func (a *Accounts) DeleteUser(ctx context.Context, user string) error {
	for {
		err := a.deleteUser(ctx, user)
		if !errors.Is(err, errMovedOn) {
			return err
		}
	}
}

// deleteUser is one try of DeleteUser: errMovedOn when a depot named the user
// again meanwhile.
func (a *Accounts) deleteUser(ctx context.Context, user string) error {
	p, now := auth.PrincipalOf(ctx), a.now()
	plan, err := a.planRemoval(ctx, p, user)
	if err != nil {
		return err
	}
	if err := a.store.ForgetMember(ctx, user); err != nil {
		return err
	}
	defer a.users.purge() // application passwords too
	return a.store.Update(ctx, plan.guards(user), func(tx *store.Tx) error {
		u, err := userFor(&tx.View, p, user, false)
		if err != nil {
			return err
		}
		again, err := planOf(&tx.View, &u)
		if err != nil {
			return err
		}
		if again != plan {
			return errs.New("users", errs.Conflict, "", "The user's depots were changed meanwhile.")
		}
		if named, err := tx.NamedByDepots(user); err != nil || named {
			return cmp.Or(err, errMovedOn)
		}
		if err := plan.handOver(tx); err != nil {
			return err
		}
		tx.AddAdminEntry(done(p, now, "user.delete", u.Name))
		return tx.DeleteUser(&u, now)
	})
}

// removal says what becomes of a user's default depot.
type removal struct {
	account string
	depot   uint64 // 0: the user owns none
	heir    string // "": the depot is nobody's then
}

func (r removal) guards(user string) []store.Guard {
	guards := []store.Guard{store.LockUser(user), store.LockAccount(r.account, false), store.LockAdministrators()}
	if r.depot != 0 {
		guards = append(guards, store.LockDepot(r.depot, false))
	}
	if r.heir != "" {
		guards = append(guards, store.LockUser(r.heir))
	}
	return guards
}

func (a *Accounts) planRemoval(ctx context.Context, p auth.Principal, user string) (plan removal, err error) {
	err = a.store.View(ctx, func(v *store.View) error {
		u, err := userFor(v, p, user, false)
		if err == nil {
			plan, err = planOf(v, &u)
		}
		return err
	})
	return plan, err
}

// planOf finds what becomes of a user's depots, or refuses the removal.
func planOf(v *store.View, u *store.User) (removal, error) {
	plan := removal{account: u.Account}
	if err := userNotNeeded(v, u); err != nil {
		return plan, err
	}
	owned, err := v.DepotsOf(u.Name, 0, 2)
	if err != nil || len(owned) == 0 {
		return plan, err
	}
	plan.depot = owned[0]
	d, _, err := v.Depot(plan.depot)
	if err != nil {
		return plan, err
	}
	if len(owned) == 1 && d.Default {
		plan.heir, err = heirOf(v, u)
		return plan, err
	}
	return plan, errs.New("users", errs.Conflict, errs.OwnsDepots,
		fmt.Sprintf("The user owns depot %d. Delete the depot or the account first.", plan.depot))
}

// heirOf finds another owner of a user's account; "" where there is none.
func heirOf(v *store.View, u *store.User) (heir string, err error) {
	err = eachUser(v, u.Account, func(other *store.User) (bool, error) {
		if store.Fold(other.Name) != store.Fold(u.Name) && !other.Disabled && mayOwnDepots(auth.Role(other.Role)) {
			heir = other.Name
		}
		return heir != "", nil
	})
	return heir, err
}

// handOver gives the default depot to its heir.
func (r removal) handOver(tx *store.Tx) error {
	if r.depot == 0 {
		return nil
	}
	d, found, err := tx.Depot(r.depot)
	if err != nil || !found {
		return err
	}
	old := d
	d.Owner = r.heir
	d.Users = cleanUsers(d.Users, d.Owner)
	tx.PutDepot(&old, &d)
	return nil
}
