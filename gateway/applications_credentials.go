package gateway

import (
	"context"
	"encoding/hex"
	"io"
	"strings"
	"time"

	"entrepot/auth"
	"entrepot/gateway/errs"
	"entrepot/gateway/names"
	"entrepot/store"
)

// Credentials manages application passwords: a user's credentials for one
// application, limited to one container or a folder in it. Such a password
// stands alone as a Basic password or bearer on every door. It outlives a
// change of the user's own password, and ends when it expires or is deleted,
// when its application is stopped or has no active key left, and when its
// container or its user is gone.
type Credentials struct{ *core }

const (
	maxCredentials = 100 // of one user
	maxLabel       = 128 // bytes
	credentialID   = 8   // random bytes
)

// A Credential is what can be shown of an application password.
type Credential struct {
	ID          string // 16 hex digits
	User        string
	Application string
	Container   string // its present name; "" when it is gone
	Prefix      string // "": the whole container; else it ends in a slash
	ReadOnly    bool
	Label       string
	Created     time.Time
	LastUsed    time.Time // to the minute; zero: never
	Expires     time.Time // zero: never
	// Ended tells that it is not accepted any more, Stopped that it would be
	// if its application were.
	Ended, Stopped bool
}

// NewCredential describes an application password to be made.
type NewCredential struct {
	User        string
	Application string
	Container   string // of the user's account
	Prefix      string // folder in it, with or without its slash; "": all of it
	ReadOnly    bool
	Label       string    // up to 128 bytes
	Expires     time.Time // zero: never
}

// Create makes an application password and returns it once: only its digest is
// kept. It allows the application where the account had not yet. Users for
// themselves, owners for the users of their account, administrators for all;
// never with an application password. NotFound for an unknown user,
// application or container; Forbidden (TooMany) beyond 100 of one user.
func (c *Credentials) Create(ctx context.Context, n NewCredential) (Credential, auth.Secret, error) {
	p, now := auth.PrincipalOf(ctx), c.now()
	if err := n.settle(now); err != nil {
		return Credential{}, auth.Secret{}, err
	}
	password, err := auth.NewApplicationPassword(c.cfg.Random)
	if err != nil {
		return Credential{}, auth.Secret{}, err
	}
	id := make([]byte, credentialID)
	if _, err := io.ReadFull(c.cfg.Random, id); err != nil {
		return Credential{}, auth.Secret{}, errs.Wrap("credentials", errs.Other, "", err)
	}
	user, err := c.managed(ctx, p, n.User)
	if err != nil {
		return Credential{}, auth.Secret{}, err
	}
	record := store.Credential{
		Digest: auth.CredentialDigest(password.Reveal()), ID: hex.EncodeToString(id), User: user.Name,
		Application: n.Application, Prefix: n.Prefix, ReadOnly: n.ReadOnly, Label: n.Label, Created: now,
	}
	if !n.Expires.IsZero() {
		record.Expires = store.StampOf(n.Expires)
	}
	err = c.store.Update(ctx, []store.Guard{
		store.LockUser(user.Name), store.LockAccount(user.Account, true), store.LockApplication(n.Application, true),
		store.LockGrant(user.Account, n.Application), store.LockCredential(record.Digest),
	}, func(tx *store.Tx) error { return c.addCredential(tx, p, &n, user.Name, &record, now) })
	if err != nil {
		return Credential{}, auth.Secret{}, err
	}
	return fromCredential(&record, n.Container), password, nil
}

func (n *NewCredential) settle(now store.Stamp) error {
	if n.Prefix = strings.TrimSuffix(n.Prefix, "/"); n.Prefix != "" {
		n.Prefix += "/"
	}
	if err := names.Container(n.Container); err != nil {
		return err
	}
	if n.Prefix != "" {
		if err := names.Object(n.Prefix); err != nil {
			return err
		}
	}
	switch {
	case len(n.Label) > maxLabel || names.Text(n.Label) != nil:
		return errs.New("credentials", errs.Invalid, errs.NameTooLong, "A label has up to 128 bytes.")
	case !n.Expires.IsZero() && store.StampOf(n.Expires) <= now:
		return errs.New("credentials", errs.Invalid, "", "The password would have expired already.")
	}
	return nil
}

// managed reads a user whose application passwords the caller may manage.
func (c *core) managed(ctx context.Context, p auth.Principal, name string) (u store.User, err error) {
	if p.User == "" || p.Scope != nil {
		return u, refuse(p)
	}
	err = c.store.View(ctx, func(v *store.View) error {
		u, err = managedUser(v, p, name)
		return err
	})
	return u, err
}

func managedUser(v *store.View, p auth.Principal, name string) (store.User, error) {
	u, found, err := v.User(name)
	switch {
	case err != nil:
		return u, err
	case found && (store.Fold(p.User) == store.Fold(u.Name) || accountAccess(p, u.Account).Owner):
		return u, nil
	case p.Role == auth.RoleAdmin:
		return u, errNoUser
	}
	return u, refuse(p)
}

func (c *core) addCredential(tx *store.Tx, p auth.Principal, n *NewCredential, user string, record *store.Credential, now store.Stamp) error {
	u, err := managedUser(&tx.View, p, user)
	if err != nil {
		return err
	}
	list, err := tx.CredentialsOf(u.Name, maxCredentials)
	if err != nil {
		return err
	}
	for i := range list { // what is over makes room
		if list[i].Expires != 0 && list[i].Expires <= now && len(list) == maxCredentials {
			tx.DeleteCredential(&list[i])
			list = list[:len(list)-1]
			break
		}
	}
	if len(list) >= maxCredentials {
		return errs.New("credentials", errs.Forbidden, errs.TooMany, "The user has too many application passwords.")
	}
	container, found, err := tx.ContainerNamed(u.Account, n.Container)
	if err == nil && !found {
		err = errs.New("credentials", errs.NotFound, errs.NoContainer, "There is no such container.")
	}
	if err != nil {
		return err
	}
	app, g, known, err := grantOf(&tx.View, u.Account, n.Application)
	switch {
	case err != nil:
		return err
	case known && g.Stopped:
		return errStopped
	case !known:
		if g, err = newGrant(tx, u.Account, &app, now); err != nil {
			return err
		}
		tx.PutGrant(&g)
	}
	record.Container, record.Serial = container.ID, app.Serial
	tx.PutCredential(record)
	tx.AddAdminEntry(done(p, now, "app_password.create", u.Name+" "+record.Application+" "+record.ID))
	return nil
}

// List returns a user's application passwords, by ID. The same callers as for
// Create.
func (c *Credentials) List(ctx context.Context, user string) ([]Credential, error) {
	p, now := auth.PrincipalOf(ctx), c.now()
	if p.User == "" || p.Scope != nil {
		return nil, refuse(p)
	}
	var out []Credential
	err := c.store.View(ctx, func(v *store.View) error {
		out = nil
		u, err := managedUser(v, p, user)
		if err != nil {
			return err
		}
		list, err := v.CredentialsOf(u.Name, maxCredentials)
		if err != nil {
			return err
		}
		for i := range list {
			state, err := credentialState(v, u.Account, &list[i], now)
			if err != nil {
				return err
			}
			shown := fromCredential(&list[i], state.container)
			shown.Ended, shown.Stopped = state.ended, state.stopped
			out = append(out, shown)
		}
		return nil
	})
	return out, err
}

// Delete ends an application password of a user at once, with the tokens that
// were issued for it. NotFound (NoCredential) when there is none of that ID.
// The same callers as for Create.
func (c *Credentials) Delete(ctx context.Context, user, id string) error {
	p := auth.PrincipalOf(ctx)
	u, err := c.managed(ctx, p, user)
	if err != nil {
		return err
	}
	now := c.now()
	defer c.users.purgeCredentials()
	return c.store.Update(ctx, []store.Guard{store.LockUser(u.Name)}, func(tx *store.Tx) error {
		list, err := tx.CredentialsOf(u.Name, maxCredentials)
		if err != nil {
			return err
		}
		for i := range list {
			if list[i].ID == id {
				tx.DeleteCredential(&list[i])
				tx.AddAdminEntry(done(p, now, "app_password.delete", u.Name+" "+list[i].Application+" "+id))
				return nil
			}
		}
		return errs.New("credentials", errs.NotFound, errs.NoCredential, "There is no such application password.")
	})
}

func fromCredential(c *store.Credential, container string) Credential {
	return Credential{
		ID: c.ID, User: c.User, Application: c.Application, Container: container, Prefix: c.Prefix, ReadOnly: c.ReadOnly,
		Label: c.Label, Created: c.Created.Time(), LastUsed: timeOf(c.LastUsed), Expires: timeOf(c.Expires),
	}
}

// lives tells what an application password is worth.
type lives struct {
	container      string // present name
	ended, stopped bool
}

// credentialState judges an application password of a user of an account.
func credentialState(v *store.View, account string, c *store.Credential, now store.Stamp) (lives, error) {
	var container store.Container
	var there bool
	b := v.Batch()
	b.Container(c.Container, &container, &there)
	if err := b.Do(); err != nil {
		return lives{}, err
	}
	s := lives{container: container.Name, ended: !there || container.Account != account || c.Expires != 0 && c.Expires <= now}
	app, found, err := v.Application(c.Application)
	if err != nil {
		return lives{}, err
	}
	if !found || app.Serial != c.Serial {
		s.stopped = true
		return s, nil
	}
	keys, err := keysOf(v, &app)
	if err != nil {
		return lives{}, err
	}
	grant, known, err := v.Grant(account, c.Application)
	// An application that never had a key is one for passwords only.
	s.stopped = len(app.Keys) > 0 && countActive(keys) == 0 || !known || grant.Stopped || grant.Serial != app.Serial
	return s, err
}

// Credential finds an application password for authentication. A change by this
// process is seen at once, by another within a second.
func (a *Accounts) Credential(ctx context.Context, digest [32]byte) (auth.CredentialRecord, error) {
	at := a.cfg.Now()
	cached, ok, changes := a.users.credential(digest, at)
	if ok {
		return cached, nil
	}
	rec, err := a.readCredential(ctx, digest)
	if err == nil {
		a.users.putCredential(digest, rec, at, changes)
	}
	return rec, err
}

func (a *Accounts) readCredential(ctx context.Context, digest [32]byte) (out auth.CredentialRecord, err error) {
	now := a.now()
	err = a.store.View(ctx, func(v *store.View) error {
		c, found, err := v.Credential(digest)
		if err == nil && !found {
			err = errs.New("accounts", errs.NotFound, errs.NoCredential, "")
		}
		if err != nil {
			return err
		}
		u, _, err := v.User(c.User)
		if err != nil {
			return err
		}
		state, err := credentialState(v, u.Account, &c, now)
		out = auth.CredentialRecord{
			Digest: digest, User: c.User, Application: c.Application, Expires: timeOf(c.Expires),
			Scope: auth.Scope{Credential: c.ID, Container: c.Container, Prefix: c.Prefix, ReadOnly: c.ReadOnly},
			Ended: state.ended, Stopped: state.stopped,
		}
		return err
	})
	return out, err
}

// CredentialUsed notes that an application password was right. It is written
// down at most once a minute, a few seconds later.
func (a *Accounts) CredentialUsed(digest [32]byte) { a.uses.credential(digest, a.now()) }
