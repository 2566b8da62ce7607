package admin

import (
	"context"
	"time"

	"entrepot/auth"
	"entrepot/gateway"
)

// Names of the methods of application passwords, and of what accounts allow
// applications.
const (
	MethodPasswordCreate = "app_password.create"
	MethodPasswordList   = "app_password.list"
	MethodPasswordDelete = "app_password.delete"
	MethodGrantList      = "grant.list"
	MethodGrantAllow     = "grant.allow"
	MethodGrantStop      = "grant.stop"
)

func addCredentials(t map[string]method) {
	t[MethodPasswordCreate] = method{run: with((*Face).createPassword), may: anyone, changes: true}
	t[MethodPasswordList] = method{run: with((*Face).listPasswords), may: anyone}
	t[MethodPasswordDelete] = method{run: with((*Face).deletePassword), may: anyone, changes: true}
	t[MethodGrantList] = method{run: with((*Face).listGrants), may: owners}
	t[MethodGrantAllow] = method{run: with((*Face).allow), may: owners, changes: true}
	t[MethodGrantStop] = method{run: with((*Face).stop), may: owners, changes: true}
}

// NewAppPassword is what app_password.create takes.
type NewAppPassword struct {
	User        string    `json:"user,omitempty"` // default: the caller
	Application string    `json:"application"`
	Container   string    `json:"container"`        // of the user's account
	Prefix      string    `json:"prefix,omitempty"` // folder in it; default: all of it
	ReadOnly    bool      `json:"read_only,omitempty"`
	Label       string    `json:"label,omitempty"`
	Expires     time.Time `json:"expires,omitzero"` // default: never
}

func (n NewAppPassword) target() string { return n.User + " " + n.Application }

// AppPassword is an application password in answers. Password is there once,
// when it was made.
type AppPassword struct {
	ID          string    `json:"id"`
	User        string    `json:"user"`
	Application string    `json:"application"`
	Container   string    `json:"container"`
	Prefix      string    `json:"prefix,omitempty"`
	ReadOnly    bool      `json:"read_only"`
	Label       string    `json:"label,omitempty"`
	Created     time.Time `json:"created"`
	LastUsed    time.Time `json:"last_used,omitzero"`
	Expires     time.Time `json:"expires,omitzero"`
	State       string    `json:"state"` // active, ended, stopped
	Password    string    `json:"password,omitempty"`
}

func shownPassword(c *gateway.Credential) AppPassword {
	out := AppPassword{
		ID: c.ID, User: c.User, Application: c.Application, Container: c.Container, Prefix: c.Prefix, ReadOnly: c.ReadOnly,
		Label: c.Label, Created: c.Created, LastUsed: c.LastUsed, Expires: c.Expires, State: "active",
	}
	switch {
	case c.Ended:
		out.State = "ended"
	case c.Stopped:
		out.State = "stopped"
	}
	return out
}

// self is the user that a call is about; "" is the caller.
func self(ctx context.Context, user string) string {
	if user == "" {
		return auth.PrincipalOf(ctx).User
	}
	return user
}

func (f *Face) createPassword(ctx context.Context, n NewAppPassword) (AppPassword, error) {
	made, password, err := f.deps.Credentials.Create(ctx, gateway.NewCredential{
		User: self(ctx, n.User), Application: n.Application, Container: n.Container, Prefix: n.Prefix,
		ReadOnly: n.ReadOnly, Label: n.Label, Expires: n.Expires,
	})
	if err != nil {
		return AppPassword{}, err
	}
	out := shownPassword(&made)
	out.Password = password.Reveal()
	return out, nil
}

// AppPasswords is the answer of app_password.list.
type AppPasswords struct {
	Passwords []AppPassword `json:"passwords"`
}

func (f *Face) listPasswords(ctx context.Context, n UserName) (AppPasswords, error) {
	found, err := f.deps.Credentials.List(ctx, self(ctx, n.User))
	out := AppPasswords{Passwords: make([]AppPassword, len(found))}
	for i := range found {
		out.Passwords[i] = shownPassword(&found[i])
	}
	return out, err
}

// OldAppPassword is what app_password.delete takes.
type OldAppPassword struct {
	User string `json:"user,omitempty"` // default: the caller
	ID   string `json:"id"`
}

func (o OldAppPassword) target() string { return o.User + " " + o.ID }

func (f *Face) deletePassword(ctx context.Context, o OldAppPassword) (Deleted, error) {
	user := self(ctx, o.User)
	err := f.deps.Credentials.Delete(ctx, user, o.ID)
	f.deps.Changed(user)
	return Deleted{true}, err
}

// Allowed is what grant.allow and grant.stop take.
type Allowed struct {
	Account     string `json:"account,omitempty"` // default: the caller's own
	Application string `json:"application"`
}

func (a Allowed) target() string { return a.Account + " " + a.Application }

// Grant is what an account lets an application do, in the answer of
// grant.list.
type Grant struct {
	Application string    `json:"application"`
	Name        string    `json:"name"`
	Vendor      string    `json:"vendor"`
	Note        string    `json:"note"`
	FirstParty  bool      `json:"first_party"`
	State       string    `json:"state"` // allowed, stopped
	Activated   time.Time `json:"activated"`
	LastUsed    time.Time `json:"last_used,omitzero"`
	Passwords   int       `json:"passwords"` // application passwords of the account's users
}

// Grants is the answer of grant.list.
type Grants struct {
	Grants []Grant `json:"grants"`
}

func (f *Face) listGrants(ctx context.Context, n AccountName) (Grants, error) {
	found, err := f.deps.Applications.Grants(ctx, accountName(ctx, n.Account))
	out := Grants{Grants: make([]Grant, len(found))}
	for i, g := range found {
		out.Grants[i] = Grant{
			Application: g.Application, Name: g.Name, Vendor: g.Vendor, Note: g.Note, FirstParty: g.FirstParty,
			State: "allowed", Activated: g.Activated, LastUsed: g.LastUsed, Passwords: g.Credentials,
		}
		if g.Stopped {
			out.Grants[i].State = "stopped"
		}
	}
	return out, err
}

func (f *Face) allow(ctx context.Context, a Allowed) (Nothing, error) {
	return Nothing{}, f.deps.Applications.Allow(ctx, accountName(ctx, a.Account), a.Application)
}

func (f *Face) stop(ctx context.Context, a Allowed) (Nothing, error) {
	return Nothing{}, f.deps.Applications.Stop(ctx, accountName(ctx, a.Account), a.Application)
}
