package gateway

import (
	"cmp"
	"context"
	"time"

	"entrepot/auth"
	"entrepot/gateway/errs"
	"entrepot/store"
)

// A Grant is what an account lets an application do, as its owner sees it.
type Grant struct {
	Application        string
	Name, Vendor, Note string
	FirstParty         bool
	Activated          time.Time // of the first call, or of the consent
	LastUsed           time.Time // to the minute; zero: never
	Stopped            bool
	Credentials        int // application passwords of the account's users
}

// UseApplication notes that a user calls through an application, whose key it
// has shown, and refuses where it may not: NotFound (NoApplication) for a
// deleted application, Forbidden with ApplicationStopped when the account
// stopped it, with OutOfScope when the caller's application password is for
// another one, with ConsentNeeded when the gateway asks accounts first, and
// with Suspended. Without that setting the first call of an account activates
// the application. It implements auth.Directory.
func (a *Accounts) UseApplication(ctx context.Context, p auth.Principal, id string) error {
	now := a.now()
	switch {
	case p.User == "":
		return refuse(p)
	case p.Suspended:
		return errSuspended
	}
	if p.Scope != nil && p.Application != id {
		return errOutOfScope
	}
	var app store.Application
	var grant store.Grant
	var known bool
	err := a.store.View(ctx, func(v *store.View) (err error) {
		app, grant, known, err = grantOf(v, p.Account, id)
		return err
	})
	switch {
	case err != nil:
		return err
	case known && grant.Stopped:
		return errStopped
	case known:
		a.uses.grant(p.Account, id, grant.LastUsed, now)
		return nil
	case a.cfg.Consent && !app.FirstParty:
		return errs.New("applications", errs.Forbidden, errs.ConsentNeeded, "The account has not allowed this application.")
	}
	return a.changeGrant(ctx, p.Account, id, func(_ *store.Tx, g *store.Grant, _ *store.Application, known bool) error {
		if known && g.Stopped {
			return errStopped
		}
		g.LastUsed = now
		return nil
	})
}

var errStopped = errs.New("applications", errs.Forbidden, errs.ApplicationStopped, "The application was stopped.")

// Grants lists the applications that an account allows or has stopped. Owners
// of the account, with their own password.
func (a *Applications) Grants(ctx context.Context, account string) ([]Grant, error) {
	p := auth.PrincipalOf(ctx)
	var out []Grant
	err := a.store.View(ctx, func(v *store.View) error {
		out = nil
		if err := a.mayAllow(v, p, account); err != nil {
			return err
		}
		passwords, err := countCredentials(v, account)
		if err != nil {
			return err
		}
		list, err := v.Grants(account, maxGrants)
		if err != nil {
			return err
		}
		for i := range list {
			g := &list[i]
			app, found, err := v.Application(g.Application)
			if err != nil {
				return err
			}
			if !found || app.Serial != g.Serial {
				continue
			}
			out = append(out, Grant{
				Application: g.Application, Name: app.Name, Vendor: app.Vendor, Note: app.Note, FirstParty: app.FirstParty,
				Activated: g.Activated.Time(), LastUsed: timeOf(g.LastUsed), Stopped: g.Stopped, Credentials: passwords[g.Application],
			})
		}
		return nil
	})
	return out, err
}

// countCredentials counts the application passwords of an account's users.
func countCredentials(v *store.View, account string) (map[string]int, error) {
	users, err := v.Users(account, "", pageOfIDs)
	if err != nil {
		return nil, err
	}
	count := make(map[string]int)
	for i := range users {
		list, err := v.CredentialsOf(users[i].Name, maxCredentials)
		if err != nil {
			return nil, err
		}
		for j := range list {
			count[list[j].Application]++
		}
	}
	return count, nil
}

// Stop ends what an application may do for an account, its application
// passwords included, from the next request on. Stopping it again is not an
// error; one that was never used is NotFound, and Forbidden (FirstParty) one
// that the gateway needs. Owners of the account, with their own password.
func (a *Applications) Stop(ctx context.Context, account, id string) error {
	return a.setStopped(ctx, account, id, true)
}

// Allow lets an application work for an account again, or in advance.
// Allowing it again is not an error. Owners of the account, with their own
// password.
func (a *Applications) Allow(ctx context.Context, account, id string) error {
	return a.setStopped(ctx, account, id, false)
}

func (a *Applications) setStopped(ctx context.Context, account, id string, stopped bool) error {
	p := auth.PrincipalOf(ctx)
	if err := a.store.View(ctx, func(v *store.View) error { return a.mayAllow(v, p, account) }); err != nil {
		return err
	}
	defer a.users.purgeCredentials()
	now, method := a.now(), "grant.allow"
	if stopped {
		method = "grant.stop"
	}
	return a.changeGrant(ctx, account, id, func(tx *store.Tx, g *store.Grant, app *store.Application, known bool) error {
		switch {
		case stopped && app.FirstParty:
			return errs.New("applications", errs.Forbidden, errs.FirstParty, "This application cannot be stopped.")
		case stopped && !known:
			return errNoApplication
		}
		g.Stopped = stopped
		tx.AddAdminEntry(done(p, now, method, account+" "+id))
		return nil
	})
}

// mayAllow refuses whoever does not own the account, or asks with an
// application password.
func (c *core) mayAllow(v *store.View, p auth.Principal, account string) error {
	_, access, err := c.loadAccount(v, p, account)
	if err == nil && !access.Owner {
		err = refuse(p)
	}
	return err
}

// changeGrant writes what an account lets an application do; known tells that
// there was a grant, else a new one is written.
func (c *core) changeGrant(ctx context.Context, account, id string, change func(tx *store.Tx, g *store.Grant, app *store.Application, known bool) error) error {
	now := c.now()
	guards := []store.Guard{store.LockAccount(account, true), store.LockApplication(id, true), store.LockGrant(account, id)}
	return c.store.Update(ctx, guards, func(tx *store.Tx) error {
		app, g, known, err := grantOf(&tx.View, account, id)
		if err != nil {
			return err
		}
		if !known {
			// Nothing may be left for who gets the name of a deleted account.
			if of, found, err := tx.Account(account); err != nil || !found || of.State == store.AccountDeleted {
				return cmp.Or(err, error(errNoApplication))
			}
			if g, err = newGrant(tx, account, &app, now); err != nil {
				return err
			}
		}
		if err := change(tx, &g, &app, known); err != nil {
			return err
		}
		tx.PutGrant(&g)
		return nil
	})
}

// newGrant makes an account's first grant to an application.
func newGrant(tx *store.Tx, account string, app *store.Application, now store.Stamp) (store.Grant, error) {
	list, err := tx.Grants(account, maxGrants)
	if err == nil && len(list) >= maxGrants {
		err = errs.New("applications", errs.Forbidden, errs.TooMany, "The account has too many applications.")
	}
	return store.Grant{Account: account, Application: app.ID, Serial: app.Serial, Activated: now}, err
}

// grantOf reads an application and what an account lets it do.
func grantOf(v *store.View, account, id string) (app store.Application, g store.Grant, known bool, err error) {
	app, found, err := v.Application(id)
	if err == nil && !found {
		err = errNoApplication
	}
	if err != nil {
		return app, g, false, err
	}
	g, known, err = v.Grant(account, id)
	if g.Serial != app.Serial {
		g, known = store.Grant{}, false
	}
	return app, g, known, err
}

// timeOf is a stamp's time, zero for none.
func timeOf(s store.Stamp) time.Time {
	if s == 0 {
		return time.Time{}
	}
	return s.Time()
}
