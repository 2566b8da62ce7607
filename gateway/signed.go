package gateway

import (
	"cmp"
	"context"

	"entrepot/auth"
	"entrepot/gateway/errs"
	"entrepot/store"
)

// The properties of accounts and containers that hold the keys of temporary
// URLs and upload forms: X-Account-Meta-Temp-URL-Key and so on.
var signingKeys = [...]string{"temp-url-key", "temp-url-key-2"}

// SignedBy finds the key with which a request for ref was signed: signs is
// asked with each key of the account, then of the container. wide tells that
// it is one of the account. errs.Unauthenticated when no key signs, and where
// account or container are missing and so have none.
func (a *Accounts) SignedBy(ctx context.Context, ref Ref, signs func(auth.Secret) bool) (wide bool, err error) {
	var account store.Account
	var container store.Container
	err = a.store.View(ctx, func(v *store.View) (err error) {
		if account, _, err = v.Account(ref.Account); err != nil {
			return err
		}
		container, _, err = v.ContainerNamed(ref.Account, ref.Container)
		return err
	})
	if err != nil {
		return false, err
	}
	for _, level := range []struct {
		keys   Properties
		ticket string
		wide   bool
	}{{account.Properties, account.TicketKey, true}, {container.Properties, container.TicketKey, false}} {
		for _, name := range signingKeys {
			if key := level.keys[name]; key != "" && signs(auth.NewSecret(key)) {
				return level.wide, nil
			}
		}
		if level.ticket != "" && signs(auth.NewSecret(level.ticket)) {
			return level.wide, nil
		}
	}
	return false, errs.New("accounts.SignedBy", errs.Unauthenticated, "", "")
}

// Sign signs text, which names ref and says what its bearer may do, for a
// caller who may do it: with write change all objects whose names begin with
// ref.Object, else read ref. The text is what auth.TemporaryURL and auth.UploadForm return; the
// signature is hexadecimal, with SHA-256. The key never leaves the gateway: a
// key of the account for its owners, of the container for others, and one that
// nobody is shown where there is none.
func (a *Accounts) Sign(ctx context.Context, ref Ref, write bool, text string) (string, error) {
	p := auth.PrincipalOf(ctx)
	key, s, err := a.keyFor(ctx, p, ref, write)
	if err != nil {
		return "", err
	}
	if key == "" {
		if key, err = a.makeTicketKey(ctx, p, ref, s); err != nil {
			return "", err
		}
	}
	return auth.Sign(auth.SHA256, auth.NewSecret(key), text)
}

// keyFor finds the key with which a caller's text is signed, "" where there is
// none, once it is known that the caller may do what the text says.
func (a *Accounts) keyFor(ctx context.Context, p auth.Principal, ref Ref, write bool) (key string, s scope, err error) {
	if write {
		ref.Object += "x" // some name of those that begin so: a caller limited to a folder may not all
	}
	err = a.store.View(ctx, func(v *store.View) error {
		if s, err = a.load(v, p, ref, nil); err != nil {
			return err
		}
		judge := s.mayRead
		if write {
			judge = s.mayWrite
		}
		keys, ticket := s.container.Properties, s.container.TicketKey
		if accountAccess(p, ref.Account).Owner {
			keys, ticket = s.account.Properties, s.account.TicketKey
		}
		for _, name := range signingKeys {
			if key == "" {
				key = keys[name]
			}
		}
		key = cmp.Or(key, ticket)
		return judge(p)
	})
	return key, s, err
}

// ticketKeyBytes is how many random bytes a key of the gateway's own has.
const ticketKeyBytes = 32

// makeTicketKey gives the account, or for callers who do not own it the
// container, a key of the gateway's own, unless it got one meanwhile.
func (a *Accounts) makeTicketKey(ctx context.Context, p auth.Principal, ref Ref, at scope) (key string, err error) {
	fresh, err := a.store.NewSecret(ticketKeyBytes)
	if err != nil {
		return "", err
	}
	ofAccount := accountAccess(p, ref.Account).Owner
	guards := []store.Guard{store.LockAccount(ref.Account, false)}
	if !ofAccount {
		guards = at.guards(false)
	}
	now := a.now()
	err = a.store.Update(ctx, guards, func(tx *store.Tx) error {
		s, err := a.load(&tx.View, p, Ref{Account: ref.Account, Container: ref.Container}, nil)
		if err != nil {
			return err
		}
		if !s.same(&at) {
			return errs.New("accounts.Sign", errs.Conflict, "", "The container was changed meanwhile.")
		}
		if ofAccount {
			key = cmp.Or(s.account.TicketKey, fresh)
			s.account.TicketKey = key
			tx.PutAccount(&s.account)
			tx.AddAdminEntry(done(p, now, "account.ticket_key", ref.Account))
			return nil
		}
		key = cmp.Or(s.container.TicketKey, fresh)
		s.container.TicketKey = key
		tx.PutContainer(&s.container)
		tx.AddJournal(a.journal("settings", p, s.container.ID, &store.Object{Timestamp: s.container.Modified.After(now)}))
		return nil
	})
	return key, err
}

// grantAccess is what a signed request may do with the object that it names.
func grantAccess(g *auth.Grant, ref Ref) Access {
	if !g.Covers(ref.Account, ref.Container, ref.Object) {
		return Access{}
	}
	return Access{Read: g.Read, Write: g.Write}
}
