package gateway

import (
	"context"
	"time"

	"entrepot/auth"
	"entrepot/gateway/errs"
	"entrepot/store"
)

// User finds a login by name, case-folded; those of a deleted account are
// gone. A change by this process is seen at
// once, by another within a second.
func (a *Accounts) User(ctx context.Context, name string) (auth.User, error) {
	folded, now := store.Fold(name), a.cfg.Now()
	cached, ok, changes := a.users.get(folded, now)
	if ok {
		return cached, nil
	}
	u, err := a.readUser(ctx, name)
	if err == nil {
		a.users.put(folded, u, now, changes)
	}
	return u, err
}

func (a *Accounts) readUser(ctx context.Context, name string) (auth.User, error) {
	var u store.User
	var of store.Account
	err := a.store.View(ctx, func(v *store.View) error {
		var found bool
		var err error
		if u, found, err = v.User(name); err == nil && !found {
			err = errNoUser
		}
		if err != nil {
			return err
		}
		if of, _, err = v.Account(u.Account); err == nil && of.State == store.AccountDeleted {
			err = errNoUser
		}
		return err
	})
	if err != nil {
		return auth.User{}, err
	}
	return auth.User{
		Name: u.Name, Account: u.Account, Role: auth.Role(u.Role), Groups: u.Groups,
		PasswordHash: u.PasswordHash, PasswordVersion: u.PasswordVersion, Disabled: u.Disabled, Networks: u.Networks,
		Suspended: of.State == store.AccountSuspended,
		NameSince: since(u.Freed), AccountSince: since(of.Freed),
	}, nil
}

// since is the time from which a name is its holder's; zero where nobody had it
// before.
func since(freed store.Stamp) time.Time {
	if freed == 0 {
		return time.Time{}
	}
	return freed.Time()
}

var errNoToken = errs.New("accounts", errs.NotFound, "", "")

// Token finds a live token by its digest.
func (a *Accounts) Token(ctx context.Context, digest [32]byte) (auth.TokenRecord, error) {
	var t store.Token
	now := a.now()
	err := a.store.View(ctx, func(v *store.View) error {
		var found bool
		var err error
		if t, found, err = v.Token(digest); err == nil && (!found || t.Expires <= now) {
			err = errNoToken
		}
		return err
	})
	return fromToken(t), err
}

func fromToken(t store.Token) auth.TokenRecord {
	out := auth.TokenRecord{
		Digest: t.Digest, User: t.User, PasswordVersion: t.PasswordVersion, Issue: t.Issue, Expires: t.Expires.Time(),
		Keystone: t.Keystone,
	}
	copy(out.Credential[:], t.Credential)
	return out
}

// CurrentToken returns the newest token record that lives at least until
// notBefore and has the user, password version, application password and
// dialect of like, else errs.NotFound.
func (a *Accounts) CurrentToken(ctx context.Context, like auth.TokenRecord, notBefore time.Time) (auth.TokenRecord, error) {
	var out auth.TokenRecord
	err := a.store.View(ctx, func(v *store.View) error {
		list, err := v.TokensOf(like.User)
		if err != nil {
			return err
		}
		for _, t := range list {
			rec := fromToken(t)
			if rec.PasswordVersion == like.PasswordVersion && rec.Credential == like.Credential && rec.Keystone == like.Keystone &&
				t.Expires >= store.StampOf(notBefore) {
				out = rec
				return nil
			}
		}
		return errNoToken
	})
	return out, err
}

// AddToken stores a token record durably and removes expired and outdated ones
// of the same user. Issue is given by the caller and must be new for the user.
func (a *Accounts) AddToken(ctx context.Context, t auth.TokenRecord) error {
	now := a.now()
	defer a.users.drop(store.Fold(t.User))
	return a.store.Update(ctx, []store.Guard{store.LockUser(t.User)}, func(tx *store.Tx) error {
		u, found, err := tx.User(t.User)
		if err != nil {
			return err
		}
		if !found {
			return errNoUser
		}
		if u.LastIssue < t.Issue {
			u.LastIssue = t.Issue
			tx.PutUser(&u)
		}
		record := &store.Token{
			Digest: t.Digest, User: t.User, PasswordVersion: t.PasswordVersion, Issue: t.Issue,
			Expires: store.StampOf(t.Expires), Keystone: t.Keystone,
		}
		if t.Credential != ([32]byte{}) {
			record.Credential = t.Credential[:]
		}
		return tx.PutToken(record, func(old store.Token) bool {
			return old.Expires <= now || old.Credential == nil && old.PasswordVersion != u.PasswordVersion
		})
	})
}

// NextIssue returns a number that was not used for the user's tokens yet. It
// is used up at once: a second call gives another.
func (a *Accounts) NextIssue(ctx context.Context, user string) (uint64, error) {
	var issue uint64
	defer a.users.drop(store.Fold(user))
	err := a.store.Update(ctx, []store.Guard{store.LockUser(user)}, func(tx *store.Tx) error {
		u, found, err := tx.User(user)
		if err == nil && !found {
			err = errNoUser
		}
		if err != nil {
			return err
		}
		u.LastIssue++
		issue = u.LastIssue
		tx.PutUser(&u)
		return nil
	})
	return issue, err
}

// RemoveToken forgets a token; removing an absent one is not an error.
func (a *Accounts) RemoveToken(ctx context.Context, digest [32]byte) error {
	var owner string
	err := a.store.View(ctx, func(v *store.View) error {
		t, _, err := v.Token(digest)
		owner = t.User
		return err
	})
	if err != nil || owner == "" {
		return err
	}
	return a.store.Update(ctx, []store.Guard{store.LockUser(owner)}, func(tx *store.Tx) error {
		t, found, err := tx.Token(digest)
		if found {
			tx.DeleteToken(&t)
		}
		return err
	})
}

// Key finds an API key by its digest.
func (a *Accounts) Key(ctx context.Context, digest [32]byte) (auth.KeyRecord, error) {
	var out auth.KeyRecord
	err := a.store.View(ctx, func(v *store.View) error {
		k, found, err := v.Key(digest)
		if err == nil && !found {
			err = errs.New("accounts", errs.NotFound, "", "")
		}
		out = auth.KeyRecord{Digest: digest, Application: k.Application, Created: k.Created.Time(), Networks: k.Networks, Revoked: k.Revoked}
		return err
	})
	return out, err
}
