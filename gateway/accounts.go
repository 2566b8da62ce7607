package gateway

import (
	"context"

	"entrepot/auth"
	"entrepot/gateway/errs"
	"entrepot/gateway/names"
	"entrepot/store"
)

// Accounts manages tenants and their users, and answers what authentication
// asks: it is the auth.Directory of the gateway.
type Accounts struct {
	*core
	noted *notes
}

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

// AccountState says whether an account may be used.
type AccountState string

// The states of an account. Who belongs to a suspended one can log in and do
// nothing; a deleted one waits for the removal of what it holds.
const (
	AccountActive    AccountState = "active"
	AccountSuspended AccountState = "suspended"
	AccountDeleted   AccountState = "deleted"
)

func fromState(s store.AccountState) AccountState {
	switch s {
	case store.AccountSuspended:
		return AccountSuspended
	case store.AccountDeleted:
		return AccountDeleted
	}
	return AccountActive
}

// AccountChange is merged into an account.
type AccountChange struct {
	// Properties: an empty value removes. "quota-bytes" is the quota by
	// Swift's name, for administrators only; empty means none.
	Properties Properties
	// Quota is the limit of bytes, negative for none; nil: unchanged.
	Quota *int64
	// State is AccountActive or AccountSuspended; "": unchanged.
	State AccountState
	// ACL replaces the account's access list; nil: unchanged.
	ACL *AccountACL
}

// settle moves a quota among the properties to its place and refuses what only
// administrators change.
func (ch AccountChange) settle(p auth.Principal) (AccountChange, error) {
	if text, ok := ch.Properties[propQuotaBytes]; ok {
		limit, valid := propLimit(text)
		if text == "" {
			limit, valid = -1, true
		}
		rest := make(Properties, len(ch.Properties))
		for name, value := range ch.Properties {
			if name != propQuotaBytes {
				rest[name] = value
			}
		}
		ch.Properties = rest
		if ch.Quota == nil {
			ch.Quota = &limit
		}
		if !valid && isAdmin(p) {
			return ch, errs.New("accounts", errs.Invalid, errs.BadMetadata, "Invalid bytes quota.")
		}
	}
	if (ch.Quota != nil || ch.State != "") && !isAdmin(p) {
		return ch, needAdmin(p)
	}
	return ch, nil
}

// apply merges a settled change into a record; the limits of properties bind.
func (ch *AccountChange) apply(a *store.Account, now store.Stamp) error {
	merged, err := mergeMeta(a.Properties, ch.Properties, "account")
	if err != nil {
		return err
	}
	a.Properties = merged
	if err := ch.ACL.apply(a, now); err != nil {
		return err
	}
	if ch.Quota != nil {
		a.Quota = storedQuota(*ch.Quota)
	}
	switch ch.State {
	case "":
	case AccountActive:
		a.State = store.AccountActive
	case AccountSuspended:
		a.State = store.AccountSuspended
	default:
		return errs.New("accounts", errs.Invalid, "", "An account is active or suspended.")
	}
	return nil
}

// storedQuota is a limit as records keep it, where 0 stands for none and a
// negative number for a limit of nothing.
func storedQuota(limit int64) int64 {
	switch {
	case limit < 0:
		return 0
	case limit == 0:
		return -1
	}
	return limit
}

// needAdmin refuses everybody but administrators.
func needAdmin(p auth.Principal) error {
	switch {
	case isAdmin(p):
		return nil
	case p.Anonymous():
		return refuse(p)
	case p.Suspended:
		return errSuspended
	}
	return errs.New("accounts", errs.Forbidden, errs.NotAdmin, "The administrator role is needed.")
}

var errReserved = errs.New("accounts", errs.Forbidden, errs.NameReserved, "Recently deleted")

// SetProperties merges changes into the account's properties: an empty value
// removes. Owners only; the quota ("quota-bytes") belongs to administrators.
func (a *Accounts) SetProperties(ctx context.Context, name string, changes Properties) error {
	return a.Update(ctx, name, AccountChange{Properties: changes})
}

// Update merges change into an existing account. Its properties belong to
// owners, quota and state to administrators. Suspending the account of the last
// administrator is errs.Conflict with errs.LastAdmin.
func (a *Accounts) Update(ctx context.Context, name string, change AccountChange) error {
	p, now := auth.PrincipalOf(ctx), a.now()
	defer a.users.purge() // whatever the outcome: it may be unknown
	guards := append(change.stateGuards(name), store.LockAccount(name, false))
	return a.store.Update(ctx, guards, func(tx *store.Tx) error {
		record, access, err := a.loadAccount(&tx.View, p, name)
		if err != nil {
			return err
		}
		if !access.Owner {
			return refuse(p)
		}
		settled, err := change.settle(p)
		if err != nil {
			return err
		}
		if err := settled.apply(&record, now); err != nil {
			return err
		}
		tx.PutAccount(&record)
		tx.AddAdminEntry(done(p, now, "account.update", name))
		return settled.spread(tx, &record)
	})
}

// stateGuards are the locks of a change of state besides that of the account.
func (ch *AccountChange) stateGuards(name string) []store.Guard {
	if ch.State == "" {
		return nil
	}
	return append(lockStores(name), store.LockAdministrators())
}

// spread carries a change of state to the further stores of the account, and
// refuses to close the account that is needed to administer.
func (ch *AccountChange) spread(tx *store.Tx, record *store.Account) error {
	if ch.State == AccountSuspended {
		if err := accountNotNeeded(&tx.View, record.Name); err != nil {
			return err
		}
	}
	if ch.State == "" {
		return nil
	}
	return eachStore(tx, record.Name, func(s *store.Account) {
		s.State = record.State
		tx.PutAccount(s)
	})
}

// Create makes an account without users, whose default depot belongs to nobody
// until there is an owner, or merges change into the one that is there; created
// tells which. Administrators only. While an account of that
// name is being removed: errs.Forbidden with errs.NameReserved.
func (a *Accounts) Create(ctx context.Context, name string, change AccountChange) (created bool, err error) {
	p, now := auth.PrincipalOf(ctx), a.now()
	if err := needAdmin(p); err != nil {
		return false, err
	}
	if err := names.Account(name); err != nil {
		return false, err
	}
	if change, err = change.settle(p); err != nil {
		return false, err
	}
	defer a.users.purge()
	guards := append(change.stateGuards(name), store.LockAccount(name, false), store.LockSequence(store.SequenceDepot))
	err = a.withNewDepot(ctx, guards, 0, func(tx *store.Tx, depot uint64) error {
		record, found, err := tx.Account(name)
		if err != nil {
			return err
		}
		method := "account.update"
		if created = !found; created {
			method = "account.create"
			if record, err = tx.NewAccount(name, now); err != nil {
				return err
			}
		}
		if record.State == store.AccountDeleted {
			return errReserved
		}
		if err := change.apply(&record, now); err != nil {
			return err
		}
		if created {
			if err := addDefaultDepot(tx, &record, "", depot, now); err != nil {
				return err
			}
		}
		tx.PutAccount(&record)
		tx.AddAdminEntry(done(p, now, method, name))
		return change.spread(tx, &record)
	})
	return created && err == nil, err
}

// CreateTenant makes an account with its first user, who owns it and its
// default depot. Administrators only. errs.Exists when account or user are
// there.
func (a *Accounts) CreateTenant(ctx context.Context, name string, change AccountChange, owner NewUser) error {
	p := auth.PrincipalOf(ctx)
	if err := needAdmin(p); err != nil {
		return err
	}
	if err := names.Account(name); err != nil {
		return err
	}
	change, err := change.settle(p)
	if err != nil {
		return err
	}
	owner.Account = name
	return a.addUserWith(ctx, p, owner, func(tx *store.Tx, record *store.Account, found bool, now store.Stamp) error {
		if found {
			return errs.New("accounts.CreateTenant", errs.Exists, "", "The account exists already.")
		}
		tx.AddAdminEntry(done(p, now, "account.create", name))
		return change.apply(record, now)
	})
}

// Ensure makes an account without users when it does not exist. It asks nobody
// whether that is allowed: it is for the program's own start.
func (a *Accounts) Ensure(ctx context.Context, name string) (created bool, err error) {
	return a.Create(auth.WithPrincipal(ctx, auth.Local()), name, AccountChange{})
}

// Delete marks an account as deleted, whatever it holds: from then on every
// door refuses it, and the tokens and passwords of its users are dead. What it
// held is removed in the background after the configured delay; then its name
// is free. Administrators only. errs.Conflict with errs.LastAdmin where nobody
// would be left who may administer; a second Delete is errs.NotFound with
// errs.AccountDeleted until the account is gone.
func (a *Accounts) Delete(ctx context.Context, name string) error {
	p, now := auth.PrincipalOf(ctx), a.now()
	if err := needAdmin(p); err != nil {
		return err
	}
	due := store.StampOf(now.Time().Add(a.cfg.RemovalDelay))
	defer a.users.purge()
	guards := append(lockStores(name), store.LockAccount(name, false), store.LockAdministrators())
	return a.store.Update(ctx, guards, func(tx *store.Tx) error {
		record, _, err := a.loadAccount(&tx.View, p, name)
		if err != nil {
			return err
		}
		if err := accountNotNeeded(&tx.View, name); err != nil {
			return err
		}
		tx.DeleteAccount(&record, p.User, now, due)
		tx.AddAdminEntry(done(p, now, "account.delete", name))
		return eachStore(tx, name, func(s *store.Account) { tx.DeleteAccount(s, p.User, now, due) })
	})
}

// AccountList selects a page of accounts in byte order of their names.
type AccountList struct {
	Prefix, Marker string
	Limit          int // 1 to 10,000
}

// MayManage tells whether the caller may make and delete accounts.
func (a *Accounts) MayManage(ctx context.Context) error { return needAdmin(auth.PrincipalOf(ctx)) }

// List returns a page of accounts with their counts, those being removed too.
// Administrators and auditors only.
func (a *Accounts) List(ctx context.Context, opt AccountList) ([]Account, error) {
	p := auth.PrincipalOf(ctx)
	if !knowsAccounts(p) {
		return nil, needAdmin(p)
	}
	var out []Account
	err := a.store.View(ctx, func(v *store.View) error {
		list, err := v.AccountsPage(store.AccountQuery{Prefix: opt.Prefix, After: opt.Marker, Limit: opt.Limit})
		if err != nil {
			return err
		}
		out = make([]Account, len(list))
		b := v.Batch()
		for i := range list {
			out[i] = fromAccount(&list[i], accountAccess(p, list[i].Name))
			out[i].count(b)
		}
		return b.Do()
	})
	return out, err
}
