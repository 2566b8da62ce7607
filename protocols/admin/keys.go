package admin

import (
	"context"
	"time"

	"entrepot/gateway"
	"entrepot/gateway/errs"
)

// Names of the methods of applications and their keys.
const (
	MethodAppCreate = "application.create"
	MethodAppList   = "application.list"
	MethodAppDelete = "application.delete"
	MethodKeyIssue  = "application.issue_key"
	MethodKeyRevoke = "application.revoke_key"
	MethodKeyAdd    = "key.add"
)

// addApplications adds the methods of applications.
func addApplications(t map[string]method) {
	t[MethodAppCreate] = method{run: with((*Face).createApplication), may: managers, changes: true}
	t[MethodAppList] = method{run: with((*Face).listApplications), may: managers}
	t[MethodAppDelete] = method{run: with((*Face).deleteApplication), may: managers, changes: true}
	t[MethodKeyIssue] = method{run: with((*Face).issueKey), may: managers, changes: true}
	t[MethodKeyRevoke] = method{run: with((*Face).revokeKey), may: managers, changes: true}
	t[MethodKeyAdd] = method{run: with((*Face).addKey), may: managers, changes: true, local: true}
	addCredentials(t)
}

// NewApplication is what application.create takes.
type NewApplication struct {
	ID         string `json:"id"`
	Name       string `json:"name,omitempty"` // default: the ID
	Vendor     string `json:"vendor,omitempty"`
	Note       string `json:"note,omitempty"`
	Bonus      *Bonus `json:"bonus,omitempty"`
	FirstParty bool   `json:"first_party,omitempty"`
}

// Bonus is room that an application brings along. Nobody gives any here:
// anything but nothing is refused.
type Bonus struct {
	GB   int64 `json:"gb"`
	Days int64 `json:"days"`
}

func (n NewApplication) target() string { return n.ID }

// Key is the answer of methods that make a key: the only time that it is seen.
type Key struct {
	ID  string `json:"id,omitempty"` // of the application
	Key string `json:"key"`
}

func (f *Face) createApplication(ctx context.Context, n NewApplication) (Key, error) {
	if n.Bonus != nil && *n.Bonus != (Bonus{}) {
		return Key{}, badCall(codeParams, "there is no bonus here")
	}
	_, err := f.deps.Applications.Create(ctx, gateway.NewApplication{
		ID: n.ID, Name: n.Name, Vendor: n.Vendor, Note: n.Note, FirstParty: n.FirstParty,
	})
	if err != nil {
		return Key{}, err
	}
	key, _, err := f.deps.Applications.IssueKey(ctx, n.ID, nil)
	return Key{ID: n.ID, Key: key.Reveal()}, err
}

// NewKey is what application.issue_key takes.
type NewKey struct {
	ID       string   `json:"id"`
	Networks []string `json:"networks,omitempty"` // addresses that may use the key; none: any
}

func (k NewKey) target() string { return k.ID }

func (f *Face) issueKey(ctx context.Context, k NewKey) (Key, error) {
	key, _, err := f.deps.Applications.IssueKey(ctx, k.ID, k.Networks)
	return Key{Key: key.Reveal()}, err
}

// addKey makes a key of an application, which is made when it does not exist.
func (f *Face) addKey(ctx context.Context, k NewKey) (Key, error) {
	_, err := f.deps.Applications.Create(ctx, gateway.NewApplication{ID: k.ID})
	if err != nil && errs.Of(err) != errs.Exists {
		return Key{}, err
	}
	return f.issueKey(ctx, k)
}

// OldKey is what application.revoke_key takes.
type OldKey struct {
	ID    string `json:"id"`
	Last4 string `json:"last4"` // or the key's own ID
}

func (k OldKey) target() string { return k.ID + " " + k.Last4 }

// Revoked is the answer of application.revoke_key.
type Revoked struct {
	Revoked bool `json:"revoked"`
}

func (f *Face) revokeKey(ctx context.Context, k OldKey) (Revoked, error) {
	key, err := f.deps.Applications.RevokeKey(ctx, k.ID, k.Last4)
	return Revoked{key.Revoked}, err
}

// AppName is what application.delete takes.
type AppName struct {
	ID string `json:"id"`
}

func (n AppName) target() string { return n.ID }

func (f *Face) deleteApplication(ctx context.Context, n AppName) (Deleted, error) {
	return Deleted{true}, f.deps.Applications.Delete(ctx, n.ID)
}

// AppPage is what application.list takes.
type AppPage struct {
	Marker string `json:"marker,omitempty"`
	Limit  int    `json:"limit,omitempty"` // 1 to 1,000; default 1,000
}

// KeyRow is a key in the answer of application.list.
type KeyRow struct {
	ID       string    `json:"id"`
	Last4    string    `json:"last4"`
	State    string    `json:"state"` // active, revoked
	Created  time.Time `json:"created"`
	Networks []string  `json:"networks"` // addresses that may use it; none: any
}

// AppRow is an application in the answer of application.list.
type AppRow struct {
	ID         string    `json:"id"`
	Name       string    `json:"name"`
	Vendor     string    `json:"vendor"`
	Note       string    `json:"note"`
	FirstParty bool      `json:"first_party"`
	Created    time.Time `json:"created"`
	Keys       []KeyRow  `json:"keys"`
	Users      int       `json:"users"` // accounts that use or allow it
}

// Apps is the answer of application.list. Marker is there when more follow.
type Apps struct {
	Applications []AppRow `json:"applications"`
	Marker       string   `json:"marker,omitempty"`
}

func (f *Face) listApplications(ctx context.Context, p AppPage) (Apps, error) {
	limit, err := page(p.Limit)
	if err != nil {
		return Apps{}, err
	}
	found, err := f.deps.Applications.List(ctx, p.Marker, limit)
	if err != nil {
		return Apps{}, err
	}
	users, err := f.deps.Applications.Users(ctx)
	out := Apps{Applications: make([]AppRow, len(found))}
	for i, a := range found {
		row := AppRow{
			ID: a.ID, Name: a.Name, Vendor: a.Vendor, Note: a.Note, FirstParty: a.FirstParty, Created: a.Created,
			Keys: make([]KeyRow, len(a.Keys)), Users: users[a.ID],
		}
		for j, k := range a.Keys {
			row.Keys[j] = KeyRow{ID: k.ID, Last4: k.Last4, State: "active", Created: k.Created, Networks: list(k.Networks)}
			if k.Revoked {
				row.Keys[j].State = "revoked"
			}
		}
		out.Applications[i] = row
	}
	if len(found) == limit {
		out.Marker = found[limit-1].ID
	}
	return out, err
}
