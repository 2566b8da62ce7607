package gateway

import (
	"context"
	"slices"
	"strconv"
	"time"

	"entrepot/auth"
	"entrepot/gateway/errs"
	"entrepot/gateway/names"
	"entrepot/store"
)

// NewUser describes a login to be made.
type NewUser struct {
	Name         string
	Account      string // made when it does not exist, by an administrator
	Role         auth.Role
	Groups       []string
	PasswordHash string // as auth.HashPassword returns it; "": cannot log in
	// Networks limits the addresses that the user may come from (addresses
	// and prefixes); none: any.
	Networks []string
	Email    string // at most 254 bytes
}

const (
	maxEmail  = 254
	maxGroups = 100
)

func (u *NewUser) check() error {
	if err := names.User(u.Name); err != nil {
		return err
	}
	if err := names.Account(u.Account); err != nil {
		return err
	}
	if !u.Role.Valid() {
		return errs.New("users", errs.Invalid, "", "There is no role "+strconv.Quote(string(u.Role))+".")
	}
	if err := checkGroups(u.Groups); err != nil {
		return err
	}
	var err error
	if u.Networks, err = cleanNetworks(u.Networks); err != nil {
		return err
	}
	return checkEmail(u.Email)
}

func checkEmail(text string) error {
	if names.Text(text) != nil || len(text) > maxEmail {
		return errs.New("users", errs.Invalid, errs.NameTooLong, "The mail address is too long or no text.")
	}
	return nil
}

func checkGroups(list []string) error {
	if len(list) > maxGroups {
		return errs.New("users", errs.Invalid, errs.NameTooLong, "The user is in too many groups.")
	}
	for _, g := range list {
		if err := names.User(g); err != nil {
			return errs.New("users", errs.Invalid, errs.BadName, "A group's name is like a user's.")
		}
	}
	return nil
}

// AddUser makes a login, unique over the gateway: Exists when the name is
// taken in any spelling. The first owner (or administrator) of an account gets
// its default depot, without limits. Administrators make every user; the owner
// of an account makes users of it with the role auth.RoleUser.
func (a *Accounts) AddUser(ctx context.Context, u NewUser) error {
	p := auth.PrincipalOf(ctx)
	if err := mayAddUser(p, &u); err != nil {
		return err
	}
	return a.addUserWith(ctx, p, u, func(_ *store.Tx, record *store.Account, found bool, _ store.Stamp) error {
		if !found && !isAdmin(p) {
			return needAdmin(p) // the owner's account is gone: it is not made again
		}
		return usable(p, record)
	})
}

// MayAddUser tells whether the caller may make such a user, so that nobody
// makes the gateway hash for nothing.
func (a *Accounts) MayAddUser(ctx context.Context, u NewUser) error {
	if err := u.check(); err != nil {
		return err
	}
	return mayAddUser(auth.PrincipalOf(ctx), &u)
}

// mayAddUser refuses whoever may not make such a user.
func mayAddUser(p auth.Principal, u *NewUser) error {
	switch {
	case isAdmin(p):
		return nil
	case !accountAccess(p, u.Account).Owner:
		return needAdmin(p)
	case u.Role != auth.RoleUser || len(u.Groups) > 0:
		return errs.New("users", errs.Forbidden, errs.NotAdmin, "Roles and groups are given by administrators.")
	}
	return nil
}

// addUserWith writes a login; judge sees the account's record, which it may
// change and which is new where found is false.
func (a *Accounts) addUserWith(ctx context.Context, p auth.Principal, u NewUser,
	judge func(tx *store.Tx, record *store.Account, found bool, now store.Stamp) error) error {
	if err := u.check(); err != nil {
		return err
	}
	// Tokens are derived from name, version and number: a user who gets the
	// name of one that was deleted must not get its tokens.
	version, err := a.store.NewID()
	if err != nil {
		return err
	}
	now := a.now()
	defer a.users.drop(store.Fold(u.Name))
	for {
		home, err := a.homeOf(ctx, u.Account)
		if err != nil {
			return err
		}
		guards := []store.Guard{
			store.LockUser(u.Name), store.LockAccount(u.Account, false), store.LockSequence(store.SequenceDepot),
		}
		if home != 0 {
			guards = append(guards, store.LockDepot(home, false))
		}
		moved := false
		err = a.withNewDepot(ctx, guards, 0, func(tx *store.Tx, depot uint64) error {
			record, found, err := tx.Account(u.Account)
			if err != nil {
				return err
			}
			if moved = record.DefaultDepot != home; moved {
				return errs.New("users", errs.Conflict, "", "")
			}
			if !found {
				if record, err = tx.NewAccount(u.Account, now); err != nil {
					return err
				}
			}
			if record.State == store.AccountDeleted {
				return errReserved
			}
			if err := judge(tx, &record, found, now); err != nil {
				return err
			}
			tx.AddAdminEntry(done(p, now, "user.create", u.Name))
			return addUser(tx, u, &record, version, depot, now)
		})
		if !moved {
			return err
		}
	}
}

// homeOf reads the default depot of an account, 0 where there is none.
func (c *core) homeOf(ctx context.Context, account string) (depot uint64, err error) {
	err = c.store.View(ctx, func(v *store.View) error {
		record, _, err := v.Account(account)
		depot = record.DefaultDepot
		return err
	})
	return depot, err
}

func addUser(tx *store.Tx, u NewUser, account *store.Account, version, depot uint64, now store.Stamp) error {
	_, taken, err := tx.User(u.Name)
	if err != nil {
		return err
	}
	if taken {
		return errs.New("accounts.AddUser", errs.Exists, "", "The user exists already.")
	}
	err = tx.NewUser(&store.User{
		Name: u.Name, Account: u.Account, Role: string(u.Role), Groups: u.Groups,
		PasswordHash: u.PasswordHash, PasswordVersion: version, Created: now,
		Networks: u.Networks, Email: u.Email,
	})
	switch {
	case err != nil:
		return err
	case !mayOwnDepots(u.Role):
	case account.DefaultDepot != 0:
		err = adoptDefaultDepot(tx, account.DefaultDepot, u.Name)
	default:
		err = addDefaultDepot(tx, account, u.Name, depot, now)
	}
	tx.PutAccount(account)
	return err
}

// mayManage refuses whoever may not change or delete a user: administrators
// may everybody, an owner those of its account who are neither administrators
// nor auditors.
func mayManage(p auth.Principal, u *store.User) error {
	wider := u.Role == string(auth.RoleAdmin) || u.Role == string(auth.RoleAuditor)
	if isAdmin(p) || accountAccess(p, u.Account).Owner && !wider {
		return nil
	}
	return needAdmin(p)
}

// mayKnow tells a caller that a user does not exist, where it may know.
func mayKnow(p auth.Principal) error {
	if knowsAccounts(p) {
		return errNoUser
	}
	return needAdmin(p)
}

var errNoUser = errs.New("accounts", errs.NotFound, errs.NoUser, "There is no such user.")

// MaySetPassword tells whether the caller may give a user another password, so
// that nobody makes the gateway hash for nothing: administrators, the owner of
// the user's account, and the user.
func (a *Accounts) MaySetPassword(ctx context.Context, user string) error {
	p := auth.PrincipalOf(ctx)
	return a.store.View(ctx, func(v *store.View) error {
		_, err := userFor(v, p, user, true)
		return err
	})
}

// CheckMember fails with errs.NotFound and errs.NoUser when a user whom the
// caller may know does not belong to an account.
func (a *Accounts) CheckMember(ctx context.Context, account, user string) error {
	p := auth.PrincipalOf(ctx)
	return a.store.View(ctx, func(v *store.View) error {
		u, err := userFor(v, p, user, true)
		if err == nil && u.Account != account {
			err = errNoUser
		}
		return err
	})
}

// userFor reads a user whom the caller may change; with self also itself.
func userFor(v *store.View, p auth.Principal, name string, self bool) (store.User, error) {
	u, found, err := v.User(name)
	if err != nil {
		return u, err
	}
	if !found {
		return u, mayKnow(p)
	}
	if self && !p.Suspended && p.Scope == nil && p.User != "" && store.Fold(p.User) == store.Fold(u.Name) {
		return u, nil
	}
	return u, mayManage(p, &u)
}

// SetPassword gives a user another password; tokens made before are dead.
// An empty hash leaves the user without one. For whom, see MaySetPassword.
func (a *Accounts) SetPassword(ctx context.Context, user, hash string) error {
	p, now := auth.PrincipalOf(ctx), a.now()
	return a.changeUser(ctx, user, func(tx *store.Tx, u *store.User) error {
		if _, err := userFor(&tx.View, p, user, true); err != nil {
			return err
		}
		u.PasswordHash = hash
		u.PasswordVersion++
		tx.AddAdminEntry(done(p, now, "user.set_password", u.Name))
		return nil
	})
}

// SetNetworks limits the addresses that a user may come from; an empty list
// lifts the limit. A malformed entry is errs.Invalid.
func (a *Accounts) SetNetworks(ctx context.Context, user string, list []string) error {
	return a.UpdateUser(ctx, user, UserChange{Networks: &list})
}

// cleanNetworks checks an allow-list and returns it as it is stored.
func cleanNetworks(list []string) ([]string, error) {
	n, err := auth.ParseNetworks(list)
	if err != nil {
		return nil, &errs.Error{Op: "accounts.networks", Kind: errs.Invalid, Text: "an address of the list is malformed", Err: err}
	}
	return n.Strings(), nil
}

// changeUser runs change on a user's record and writes it back. Who asks is for
// change to judge.
func (a *Accounts) changeUser(ctx context.Context, user string, change func(*store.Tx, *store.User) error, more ...store.Guard) error {
	defer a.users.drop(store.Fold(user)) // whatever the outcome: it may be unknown
	return a.store.Update(ctx, append(more, store.LockUser(user)), func(tx *store.Tx) error {
		u, found, err := tx.User(user)
		if err != nil {
			return err
		}
		if !found {
			return mayKnow(auth.PrincipalOf(ctx))
		}
		if err := change(tx, &u); err != nil {
			return err
		}
		tx.PutUser(&u)
		return nil
	})
}

// UserChange is what UpdateUser changes; nil fields stay.
type UserChange struct {
	Role     *auth.Role // administrators only
	Groups   *[]string  // administrators only
	Disabled *bool
	Networks *[]string // addresses the user may come from; empty: any
	Email    *string
}

// UpdateUser changes a user. Disabling ends its tokens for good. Taking the
// right of the last administrator away is errs.Conflict with errs.LastAdmin.
func (a *Accounts) UpdateUser(ctx context.Context, user string, change UserChange) error {
	p, now := auth.PrincipalOf(ctx), a.now()
	return a.changeUser(ctx, user, func(tx *store.Tx, u *store.User) error {
		if err := mayManage(p, u); err != nil {
			return err
		}
		if (change.Role != nil || change.Groups != nil) && !isAdmin(p) {
			return errs.New("users", errs.Forbidden, errs.NotAdmin, "Roles and groups are given by administrators.")
		}
		before := *u
		if err := change.apply(u); err != nil {
			return err
		}
		if !administers(u) {
			if err := userNotNeeded(&tx.View, &before); err != nil {
				return err
			}
		}
		tx.AddAdminEntry(done(p, now, "user.update", u.Name))
		return nil
	}, store.LockAdministrators())
}

func (ch *UserChange) apply(u *store.User) error {
	if ch.Role != nil {
		if !ch.Role.Valid() {
			return errs.New("users", errs.Invalid, "", "There is no role "+strconv.Quote(string(*ch.Role))+".")
		}
		u.Role = string(*ch.Role)
	}
	if ch.Groups != nil {
		if err := checkGroups(*ch.Groups); err != nil {
			return err
		}
		u.Groups = slices.Clone(*ch.Groups)
	}
	if ch.Networks != nil {
		clean, err := cleanNetworks(*ch.Networks)
		if err != nil {
			return err
		}
		u.Networks = clean
	}
	if ch.Email != nil {
		if err := checkEmail(*ch.Email); err != nil {
			return err
		}
		u.Email = *ch.Email
	}
	if ch.Disabled != nil {
		if *ch.Disabled && !u.Disabled {
			u.PasswordVersion++
		}
		u.Disabled = *ch.Disabled
	}
	return nil
}

// UserInfo is one login as administrators see it.
type UserInfo struct {
	Name, Account string
	Role          auth.Role
	Groups        []string
	Networks      []string
	Email         string
	Created       time.Time
	HasPassword   bool
	Disabled      bool
}

// Users returns the logins of an account (of all when account is empty) behind
// a name, at most limit, in order of their folded names. Administrators,
// auditors, and owners for their own account.
func (a *Accounts) Users(ctx context.Context, account, after string, limit int) ([]UserInfo, error) {
	p := auth.PrincipalOf(ctx)
	if !knowsAccounts(p) && (account == "" || !accountAccess(p, account).Owner) {
		return nil, needAdmin(p)
	}
	var list []store.User
	err := a.store.View(ctx, func(v *store.View) (err error) {
		if account != "" {
			if _, _, err := a.loadAccount(v, p, account); err != nil {
				return err
			}
		}
		list, err = v.Users(account, store.Fold(after), limit)
		return err
	})
	out := make([]UserInfo, len(list))
	for i := range list {
		out[i] = fromUser(&list[i])
	}
	return out, err
}

func fromUser(u *store.User) UserInfo {
	return UserInfo{
		Name: u.Name, Account: u.Account, Role: auth.Role(u.Role), Groups: u.Groups, Networks: u.Networks,
		Email: u.Email, Created: u.Created.Time(), HasPassword: u.PasswordHash != "", Disabled: u.Disabled,
	}
}

// UserInfo returns one login, for administrators, auditors, the owner of its
// account, and itself.
func (a *Accounts) UserInfo(ctx context.Context, user string) (UserInfo, error) {
	p := auth.PrincipalOf(ctx)
	var out UserInfo
	err := a.store.View(ctx, func(v *store.View) error {
		u, err := userFor(v, p, user, true)
		out = fromUser(&u)
		if err != nil && u.Name != "" && knowsAccounts(p) {
			err = nil
		}
		if err != nil {
			out = UserInfo{}
		}
		return err
	})
	return out, err
}
