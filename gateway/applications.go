package gateway

import (
	"context"
	"encoding/hex"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"entrepot/auth"
	"entrepot/gateway/errs"
	"entrepot/store"
)

// Applications manages the programs that call on behalf of users: their
// records and keys, which belong to administrators, and what each account lets
// them do, which belongs to its owners.
//
// An API key says which application is calling and is no secret that stands
// alone. Two kill switches rest on it: the operator revokes a key, and an
// account stops an application.
type Applications struct{ *core }

// Limits of applications.
const (
	maxApplicationID = 128 // bytes
	maxApplications  = 10_000
	maxApplicationUI = 256 // bytes of name, vendor and note
	activeKeys       = 2   // of one application, for rotation
	keptKeys         = 16  // revoked ones included
	maxGrants        = 100 // of one account
)

// An Application is a program that calls on behalf of users.
type Application struct {
	ID                 string
	Name, Vendor, Note string
	// FirstParty marks the gateway's own; accounts cannot stop those.
	FirstParty bool
	Created    time.Time
	Keys       []APIKey // the oldest first
}

// An APIKey is what can be shown of a key after it was issued.
type APIKey struct {
	ID       string // 8 hex digits of the digest
	Last4    string // the end of the key
	Created  time.Time
	Revoked  bool
	Networks []string // addresses that may use it; none: any
}

// NewApplication describes an application to be made.
type NewApplication struct {
	ID                 string // 1 to 128 bytes of text without "/", ";" and ","
	Name, Vendor, Note string // up to 256 bytes each; Name "": the ID
	FirstParty         bool
}

var (
	errNoApplication = errs.New("applications", errs.NotFound, errs.NoApplication, "There is no such application.")
	errNoKey         = errs.New("applications", errs.NotFound, errs.NoApplication, "The application has no such key.")
)

func (n *NewApplication) check() error {
	text := func(s string, most int) bool {
		return len(s) <= most && utf8.ValidString(s) && !strings.ContainsFunc(s, unicode.IsControl)
	}
	if n.ID == "" || !text(n.ID, maxApplicationID) || strings.ContainsAny(n.ID, "/;,") {
		return errs.New("applications", errs.Invalid, errs.BadName, "An application's name has 1 to 128 bytes and no / ; or comma.")
	}
	if !text(n.Name, maxApplicationUI) || !text(n.Vendor, maxApplicationUI) || !text(n.Note, maxApplicationUI) {
		return errs.New("applications", errs.Invalid, errs.NameTooLong, "What is said about an application has up to 256 bytes.")
	}
	return nil
}

// Create makes an application without keys. Exists when the ID is taken.
// Administrators only.
func (a *Applications) Create(ctx context.Context, n NewApplication) (Application, error) {
	defer a.users.purgeCredentials() // whatever the outcome: it may be unknown
	if err := needAdmin(auth.PrincipalOf(ctx)); err != nil {
		return Application{}, err
	}
	if err := n.check(); err != nil {
		return Application{}, err
	}
	serial, err := a.store.NewID()
	if err != nil {
		return Application{}, err
	}
	if n.Name == "" {
		n.Name = n.ID
	}
	record := store.Application{
		ID: n.ID, Serial: serial, Name: n.Name, Vendor: n.Vendor, Note: n.Note, FirstParty: n.FirstParty, Created: a.now(),
	}
	err = a.store.Update(ctx, []store.Guard{store.LockApplication(n.ID, false)}, func(tx *store.Tx) error {
		_, found, err := tx.Application(n.ID)
		if err == nil && found {
			err = errs.New("applications", errs.Exists, "", "The application exists already.")
		}
		if err == nil {
			tx.PutApplication(&record)
			tx.AddAdminEntry(done(auth.PrincipalOf(ctx), record.Created, "application.create", n.ID))
		}
		return err
	})
	return fromApplication(&record, nil), err
}

// List returns applications behind an ID, at most limit (0: 1,000), with their
// keys. Administrators only.
func (a *Applications) List(ctx context.Context, after string, limit int) ([]Application, error) {
	if err := needAdmin(auth.PrincipalOf(ctx)); err != nil {
		return nil, err
	}
	if limit <= 0 || limit > maxApplications {
		limit = pageOfIDs
	}
	var out []Application
	err := a.store.View(ctx, func(v *store.View) error {
		out = nil
		list, err := v.Applications(after, limit)
		for i := range list {
			keys, kerr := keysOf(v, &list[i])
			if kerr != nil {
				return kerr
			}
			out = append(out, fromApplication(&list[i], keys))
		}
		return err
	})
	return out, err
}

// Get returns one application with its keys. Administrators only.
func (a *Applications) Get(ctx context.Context, id string) (out Application, err error) {
	if err := needAdmin(auth.PrincipalOf(ctx)); err != nil {
		return Application{}, err
	}
	err = a.store.View(ctx, func(v *store.View) error {
		record, keys, err := applicationWithKeys(v, id)
		out = fromApplication(&record, keys)
		return err
	})
	return out, err
}

// Delete removes an application: its keys end at once, and so does everything
// that accounts and users allowed it. Administrators only.
func (a *Applications) Delete(ctx context.Context, id string) error {
	defer a.users.purgeCredentials() // whatever the outcome: it may be unknown
	if err := needAdmin(auth.PrincipalOf(ctx)); err != nil {
		return err
	}
	now := a.now()
	return a.store.Update(ctx, []store.Guard{store.LockApplication(id, false)}, func(tx *store.Tx) error {
		record, found, err := tx.Application(id)
		if err == nil && !found {
			err = errNoApplication
		}
		if err == nil {
			tx.DeleteApplication(&record, now)
			tx.AddAdminEntry(done(auth.PrincipalOf(ctx), now, "application.delete", id))
		}
		return err
	})
}

// IssueKey gives an application another key, limited to the given networks
// (none: any address). The key is returned once: only its digest is kept. Two
// keys may be active at a time, so that one can take the place of the other;
// a third is Conflict. Administrators only.
func (a *Applications) IssueKey(ctx context.Context, id string, networks []string) (auth.Secret, APIKey, error) {
	defer a.users.purgeCredentials() // whatever the outcome: it may be unknown
	if err := needAdmin(auth.PrincipalOf(ctx)); err != nil {
		return auth.Secret{}, APIKey{}, err
	}
	clean, err := cleanNetworks(networks)
	if err != nil {
		return auth.Secret{}, APIKey{}, err
	}
	key, err := auth.NewAPIKey(a.cfg.Random)
	if err != nil {
		return auth.Secret{}, APIKey{}, err
	}
	text := key.Reveal()
	record := store.Key{
		Digest: auth.KeyDigest(text), Application: id, Created: a.now(), Networks: clean, Last4: text[len(text)-4:],
	}
	err = a.store.Update(ctx, []store.Guard{store.LockApplication(id, false)}, func(tx *store.Tx) error {
		app, keys, err := applicationWithKeys(&tx.View, id)
		if err != nil {
			return err
		}
		if countActive(keys) >= activeKeys {
			return errs.New("applications", errs.Conflict, errs.TooMany, "Two keys are active: revoke one of them first.")
		}
		for i := range keys { // the oldest revoked ones need not be told from unknown ones for ever
			if len(app.Keys) >= keptKeys && keys[i].Revoked {
				tx.DeleteKey(keys[i].Digest)
				app.Keys = slices.DeleteFunc(slices.Clone(app.Keys), func(d [32]byte) bool { return d == keys[i].Digest })
			}
		}
		app.Keys = append(slices.Clone(app.Keys), record.Digest)
		tx.PutApplication(&app)
		tx.PutKey(&record)
		tx.AddAdminEntry(done(auth.PrincipalOf(ctx), record.Created, "application.issue_key", id+" "+keyID(record.Digest)))
		return nil
	})
	return key, fromKey(&record), err
}

// RevokeKey ends a key of an application at once. It is named by its ID, or by
// its last four digits where no other active key ends so. Revoking it again is
// not an error. Administrators only.
func (a *Applications) RevokeKey(ctx context.Context, id, key string) (APIKey, error) {
	defer a.users.purgeCredentials() // whatever the outcome: it may be unknown
	if err := needAdmin(auth.PrincipalOf(ctx)); err != nil {
		return APIKey{}, err
	}
	var out APIKey
	now := a.now()
	err := a.store.Update(ctx, []store.Guard{store.LockApplication(id, false)}, func(tx *store.Tx) error {
		_, keys, err := applicationWithKeys(&tx.View, id)
		if err != nil {
			return err
		}
		found, err := pickKey(keys, key)
		if err != nil {
			return err
		}
		found.Revoked = true
		tx.PutKey(&found)
		tx.AddAdminEntry(done(auth.PrincipalOf(ctx), now, "application.revoke_key", id+" "+keyID(found.Digest)))
		out = fromKey(&found)
		return nil
	})
	return out, err
}

// pickKey finds a key by its ID or its end.
func pickKey(keys []store.Key, name string) (store.Key, error) {
	var ends []store.Key
	for _, k := range keys {
		if strings.EqualFold(keyID(k.Digest), name) {
			return k, nil
		}
		if strings.EqualFold(k.Last4, name) && !k.Revoked {
			ends = append(ends, k)
		}
	}
	switch len(ends) {
	case 0:
		return store.Key{}, errNoKey
	case 1:
		return ends[0], nil
	}
	return store.Key{}, errs.New("applications", errs.Conflict, "", "Two keys end so: name one by its ID.")
}

// applicationWithKeys reads an application and its keys.
func applicationWithKeys(v *store.View, id string) (store.Application, []store.Key, error) {
	app, found, err := v.Application(id)
	if err == nil && !found {
		err = errNoApplication
	}
	if err != nil {
		return store.Application{}, nil, err
	}
	keys, err := keysOf(v, &app)
	return app, keys, err
}

func keysOf(v *store.View, app *store.Application) ([]store.Key, error) {
	var keys []store.Key
	for _, digest := range app.Keys {
		k, found, err := v.Key(digest)
		if err != nil {
			return nil, err
		}
		if found {
			keys = append(keys, k)
		}
	}
	return keys, nil
}

func countActive(keys []store.Key) (n int) {
	for i := range keys {
		if !keys[i].Revoked {
			n++
		}
	}
	return n
}

func keyID(digest [32]byte) string { return hex.EncodeToString(digest[:4]) }

func fromKey(k *store.Key) APIKey {
	return APIKey{ID: keyID(k.Digest), Last4: k.Last4, Created: k.Created.Time(), Revoked: k.Revoked, Networks: k.Networks}
}

func fromApplication(a *store.Application, keys []store.Key) Application {
	out := Application{
		ID: a.ID, Name: a.Name, Vendor: a.Vendor, Note: a.Note, FirstParty: a.FirstParty, Created: a.Created.Time(),
	}
	for i := range keys {
		out.Keys = append(out.Keys, fromKey(&keys[i]))
	}
	return out
}
