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

// Accounts manages tenants and their users, and answers what authentication
// asks: it is the auth.Directory of the gateway.
type Accounts struct{ *core }

var _ auth.Directory = (*Accounts)(nil)

// Get returns an account with its counts. NotFound (NoAccount) for those who
// may know, Forbidden or Unauthenticated for others.
func (a *Accounts) Get(ctx context.Context, name string) (Account, error) {
	p := auth.PrincipalOf(ctx)
	var out Account
	err := a.store.View(ctx, func(v *store.View) (err error) {
		out, err = a.core.account(v, p, name)
		return err
	})
	return out, err
}

// SetProperties merges changes into the account's properties: an empty value
// removes. Owners only; the quota ("quota-bytes") belongs to administrators.
func (a *Accounts) SetProperties(ctx context.Context, name string, changes Properties) error {
	p := auth.PrincipalOf(ctx)
	return a.store.Update(ctx, []store.Guard{store.LockAccount(name, false)}, func(tx *store.Tx) error {
		record, access, err := a.loadAccount(&tx.View, p, name)
		if err != nil {
			return err
		}
		if !access.Owner {
			return refuse(p)
		}
		rest := changes
		if text, ok := changes[propQuotaBytes]; ok {
			if p.Role != auth.RoleAdmin {
				return errs.New("accounts", errs.Forbidden, errs.NotAdmin, "")
			}
			limit, valid := propLimit(text)
			if !valid && text != "" {
				return errs.New("accounts", errs.Invalid, errs.BadMetadata, "Invalid bytes quota.")
			}
			record.Quota = limit
			rest = merge(changes, nil)
			for k, v := range changes {
				rest[k] = v
			}
			delete(rest, propQuotaBytes)
		}
		if record.Properties, err = mergeMeta(record.Properties, rest, "account"); err != nil {
			return err
		}
		tx.PutAccount(&record)
		return nil
	})
}

// Ensure makes an account without users when it does not exist. Its default
// depot is made with its first owner.
func (a *Accounts) Ensure(ctx context.Context, name string) (created bool, err error) {
	if err := names.Account(name); err != nil {
		return false, err
	}
	now := a.now()
	err = a.store.Update(ctx, []store.Guard{store.LockAccount(name, false)}, func(tx *store.Tx) error {
		_, found, err := tx.Account(name)
		if created = err == nil && !found; created {
			tx.PutAccount(&store.Account{Name: name, Created: now})
		}
		return err
	})
	return created, err
}

// NewUser describes a login to be made.
type NewUser struct {
	Name         string
	Account      string // made when it does not exist
	Role         auth.Role
	Groups       []string
	PasswordHash string // as auth.HashPassword returns it; "": cannot log in
	// Networks limits the addresses that the user may come from (addresses
	// and prefixes); none: any.
	Networks []string
}

// AddUser makes a login, unique over the gateway: Exists when the name is
// taken in any spelling. The first owner (or administrator) of an account gets
// its default depot, without limits.
func (a *Accounts) AddUser(ctx context.Context, u NewUser) error {
	if err := names.User(u.Name); err != nil {
		return err
	}
	if !u.Role.Valid() {
		return errs.New("accounts.AddUser", errs.Invalid, "", "There is no role "+strconv.Quote(string(u.Role))+".")
	}
	networks, err := cleanNetworks(u.Networks)
	if err != nil {
		return err
	}
	u.Networks = networks
	if _, err := a.Ensure(ctx, u.Account); err != nil {
		return err
	}
	now := a.now()
	defer a.users.drop(store.Fold(u.Name))
	guards := []store.Guard{
		store.LockUser(u.Name), store.LockAccount(u.Account, false), store.LockSequence(store.SequenceDepot),
	}
	return a.withNewDepot(ctx, guards, 0, func(tx *store.Tx, depot uint64) error {
		return a.addUser(tx, u, depot, now)
	})
}

func (c *core) addUser(tx *store.Tx, u NewUser, depot uint64, now store.Stamp) error {
	account, found, err := tx.Account(u.Account)
	if err != nil {
		return err
	}
	if !found {
		account = store.Account{Name: u.Account, Created: now}
	}
	_, taken, err := tx.User(u.Name)
	if err != nil {
		return err
	}
	if taken {
		return errs.New("accounts.AddUser", errs.Exists, "", "The user exists already.")
	}
	record := &store.User{
		Name: u.Name, Account: u.Account, Role: string(u.Role), Groups: u.Groups,
		PasswordHash: u.PasswordHash, PasswordVersion: 1, Created: now,
		Networks: u.Networks,
	}
	tx.PutUser(record)
	if depot != 0 && account.DefaultDepot == 0 && (u.Role == auth.RoleOwner || u.Role == auth.RoleAdmin) {
		if _, err := tx.NextInSequence(store.SequenceDepot, depot); err != nil {
			return err
		}
		account.DefaultDepot = depot
		tx.PutDepot(nil, &store.Depot{
			ID: depot, Owner: u.Name, Account: u.Account, Created: now, Default: true, Epoch: 1,
		})
	}
	tx.PutAccount(&account)
	return nil
}

// withNewDepot runs fn with the number of a depot to be made, at least atLeast,
// whose lock it holds. The number is read ahead, because a transaction names
// its locks before it reads; when somebody else took it, it starts over.
func (c *core) withNewDepot(ctx context.Context, guards []store.Guard, atLeast uint64, fn func(tx *store.Tx, depot uint64) error) error {
	for {
		var last uint64
		err := c.store.View(ctx, func(v *store.View) (err error) {
			last, err = v.Sequence(store.SequenceDepot)
			return err
		})
		if err != nil {
			return err
		}
		depot := max(last+1, atLeast)
		moved := false
		err = c.store.Update(ctx, append(slices.Clone(guards), store.LockDepot(depot, false)), func(tx *store.Tx) error {
			now, err := tx.Sequence(store.SequenceDepot)
			if err != nil {
				return err
			}
			if moved = now != last; moved {
				return errs.New("depots", errs.Conflict, "", "")
			}
			return fn(tx, depot)
		})
		if !moved {
			return err
		}
	}
}

// SetPassword gives a user another password; tokens made before are dead.
// An empty hash leaves the user without one.
func (a *Accounts) SetPassword(ctx context.Context, user, hash string) error {
	return a.changeUser(ctx, user, func(u *store.User) {
		u.PasswordHash = hash
		u.PasswordVersion++
	})
}

// SetNetworks limits the addresses that a user may come from; an empty list
// lifts the limit. A malformed entry is errs.Invalid.
func (a *Accounts) SetNetworks(ctx context.Context, user string, list []string) error {
	clean, err := cleanNetworks(list)
	if err != nil {
		return err
	}
	return a.changeUser(ctx, user, func(u *store.User) { u.Networks = clean })
}

// cleanNetworks checks an allow-list and returns it as it is stored.
func cleanNetworks(list []string) ([]string, error) {
	n, err := auth.ParseNetworks(list)
	if err != nil {
		return nil, &errs.Error{Op: "accounts.networks", Kind: errs.Invalid, Text: "an address of the list is malformed", Err: err}
	}
	return n.Strings(), nil
}

func (a *Accounts) changeUser(ctx context.Context, user string, change func(*store.User)) error {
	defer a.users.drop(store.Fold(user)) // whatever the outcome: it may be unknown
	return a.store.Update(ctx, []store.Guard{store.LockUser(user)}, func(tx *store.Tx) error {
		u, found, err := tx.User(user)
		if err != nil {
			return err
		}
		if !found {
			return errNoUser
		}
		change(&u)
		tx.PutUser(&u)
		return nil
	})
}

var errNoUser = errs.New("accounts", errs.NotFound, errs.NoUser, "There is no such user.")

// UserInfo is one login as operators see it.
type UserInfo struct {
	Name, Account string
	Role          auth.Role
	Created       time.Time
	HasPassword   bool
	Disabled      bool
}

// Users returns the logins of an account (of all when account is empty) behind
// a name, at most limit, in order of their folded names.
func (a *Accounts) Users(ctx context.Context, account, after string, limit int) ([]UserInfo, error) {
	var list []store.User
	err := a.store.View(ctx, func(v *store.View) (err error) {
		list, err = v.Users(account, store.Fold(after), limit)
		return err
	})
	out := make([]UserInfo, len(list))
	for i, u := range list {
		out[i] = UserInfo{
			Name: u.Name, Account: u.Account, Role: auth.Role(u.Role), Created: u.Created.Time(),
			HasPassword: u.PasswordHash != "", Disabled: u.Disabled,
		}
	}
	return out, err
}
