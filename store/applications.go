package store

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"strings"

	"entrepot/store/internal/record"
	"entrepot/store/kv"
)

// An Application is a program that calls on behalf of users.
type Application struct {
	ID string // from the key
	// Serial is random, so that nothing that was allowed to an application is
	// allowed to a later one of the same ID.
	Serial             uint64
	Name, Vendor, Note string
	FirstParty         bool
	Created            Stamp
	Keys               [][32]byte // digests of its keys, the oldest first
	unknown            []byte
}

func (a *Application) encode() []byte {
	w := record.NewWriter(128)
	w.Uint(1, a.Serial)
	w.String(2, a.Name)
	w.String(3, a.Vendor)
	w.String(4, a.Note)
	w.Bool(5, a.FirstParty)
	w.Int(6, int64(a.Created))
	for i := range a.Keys {
		w.Bytes(7, a.Keys[i][:])
	}
	w.Raw(a.unknown)
	return w.Finish()
}

func decodeApplication(id string, b []byte) (a Application, err error) {
	a.ID = id
	bad := false
	a.unknown, err = record.Decode(b, func(f record.Field) bool {
		switch f.Tag {
		case 1:
			a.Serial = f.Num
		case 2:
			a.Name = f.String()
		case 3:
			a.Vendor = f.String()
		case 4:
			a.Note = f.String()
		case 5:
			a.FirstParty = f.Bool()
		case 6:
			a.Created = Stamp(f.Int())
		case 7:
			if bad = bad || len(f.Bytes) != 32; !bad {
				a.Keys = append(a.Keys, [32]byte(f.Bytes))
			}
		default:
			return false
		}
		return true
	})
	if err == nil && bad {
		err = errValue
	}
	return a, err
}

// A Grant is what an account lets an application do.
type Grant struct {
	Account, Application string // from the key
	Serial               uint64 // of the application
	Activated, LastUsed  Stamp
	Stopped              bool
	unknown              []byte
}

func (g *Grant) encode() []byte {
	w := record.NewWriter(48)
	w.Uint(1, g.Serial)
	w.Int(2, int64(g.Activated))
	w.Int(3, int64(g.LastUsed))
	w.Bool(4, g.Stopped)
	w.Raw(g.unknown)
	return w.Finish()
}

func decodeGrant(row, b []byte) (g Grant, err error) {
	account, application, ok := strings.Cut(strings.TrimPrefix(string(row), "g"), "\x00")
	if !ok {
		return g, errRow
	}
	g.Account, g.Application = account, application
	g.unknown, err = record.Decode(b, func(f record.Field) bool {
		switch f.Tag {
		case 1:
			g.Serial = f.Num
		case 2:
			g.Activated = Stamp(f.Int())
		case 3:
			g.LastUsed = Stamp(f.Int())
		case 4:
			g.Stopped = f.Bool()
		default:
			return false
		}
		return true
	})
	return g, err
}

// A Credential is what is kept of an application password: one that stands for
// a user, in one application and below one folder.
type Credential struct {
	Digest      [32]byte // from the key
	ID          string
	User        string
	Application string
	Serial      uint64 // of the application
	Container   uint64
	Prefix      string // "": the whole container; else it ends in a slash
	ReadOnly    bool
	Label       string
	Created     Stamp
	LastUsed    Stamp
	Expires     Stamp // 0: never
	unknown     []byte
}

func (c *Credential) encode() []byte {
	w := record.NewWriter(128)
	w.String(1, c.ID)
	w.String(2, c.User)
	w.String(3, c.Application)
	w.Uint(4, c.Serial)
	w.Uint(5, c.Container)
	w.String(6, c.Prefix)
	w.Bool(7, c.ReadOnly)
	w.String(8, c.Label)
	w.Int(9, int64(c.Created))
	w.Int(10, int64(c.LastUsed))
	w.Int(11, int64(c.Expires))
	w.Raw(c.unknown)
	return w.Finish()
}

func decodeCredential(digest [32]byte, b []byte) (c Credential, err error) {
	c.Digest = digest
	c.unknown, err = record.Decode(b, func(f record.Field) bool {
		switch f.Tag {
		case 1:
			c.ID = f.String()
		case 2:
			c.User = f.String()
		case 3:
			c.Application = f.String()
		case 4:
			c.Serial = f.Num
		case 5:
			c.Container = f.Num
		case 6:
			c.Prefix = f.String()
		case 7:
			c.ReadOnly = f.Bool()
		case 8:
			c.Label = f.String()
		case 9:
			c.Created = Stamp(f.Int())
		case 10:
			c.LastUsed = Stamp(f.Int())
		case 11:
			c.Expires = Stamp(f.Int())
		default:
			return false
		}
		return true
	})
	return c, err
}

// credentialAt decodes a whole row.
func credentialAt(row, value []byte) (Credential, error) {
	if len(row) != 32 {
		return Credential{}, errRow
	}
	return decodeCredential([32]byte(row), value)
}

// Application reads an application.
func (v *View) Application(id string) (a Application, found bool, err error) {
	rows, err := v.r.Get(applicationKey(id))
	if err != nil || rows[0] == nil {
		return Application{}, false, err
	}
	a, err = decodeApplication(id, rows[0])
	return a, true, err
}

// Applications lists applications behind an ID, in order, at most limit.
func (v *View) Applications(after string, limit int) ([]Application, error) {
	r := kv.Range{Table: tableApplications}
	if after != "" {
		r.From = append([]byte(after), 0)
	}
	page, err := v.r.Scan(r, limit)
	list := make([]Application, len(page.Items))
	for i, item := range page.Items {
		if list[i], err = decodeApplication(string(item.Row), item.Value); err != nil {
			return nil, err
		}
	}
	return list, err
}

// PutApplication writes an application.
func (tx *Tx) PutApplication(a *Application) { tx.tx.Put(applicationKey(a.ID), a.encode()) }

// DeleteApplication removes an application and its keys; what accounts and
// users allowed it is removed in the background, and worth nothing by then.
func (tx *Tx) DeleteApplication(a *Application, now Stamp) {
	for _, digest := range a.Keys {
		tx.DeleteKey(digest)
	}
	tx.tx.Delete(applicationKey(a.ID))
	tx.tx.Put(queueKey(queueForget, now, append(u64(a.Serial), a.ID...)), nil)
	tx.released = true
}

// DeleteKey removes an API key.
func (tx *Tx) DeleteKey(digest [32]byte) { tx.tx.Delete(apiKeyKey(digest)) }

// Grant reads what an account lets an application do.
func (v *View) Grant(account, application string) (g Grant, found bool, err error) {
	k := grantKey(account, application)
	rows, err := v.r.Get(k)
	if err != nil || rows[0] == nil {
		return Grant{}, false, err
	}
	g, err = decodeGrant(k.Row, rows[0])
	return g, true, err
}

// Grants lists what an account allows, by application, at most limit.
func (v *View) Grants(account string, limit int) ([]Grant, error) {
	page, err := v.r.Scan(kv.Prefix(tableAllowed, join("g"+account, "")), limit)
	list := make([]Grant, len(page.Items))
	for i, item := range page.Items {
		if list[i], err = decodeGrant(item.Row, item.Value); err != nil {
			return nil, err
		}
	}
	return list, err
}

// PutGrant writes what an account lets an application do.
func (tx *Tx) PutGrant(g *Grant) { tx.tx.Put(grantKey(g.Account, g.Application), g.encode()) }

// DeleteGrants removes what an account allows, at most max rows; more tells
// that some are left.
func (tx *Tx) DeleteGrants(account string, max int) (more bool, err error) {
	return tx.tx.DeleteRange(kv.Prefix(tableAllowed, join("g"+account, "")), max)
}

// Credential reads an application password by its digest.
func (v *View) Credential(digest [32]byte) (c Credential, found bool, err error) {
	rows, err := v.r.Get(credentialKey(digest))
	if err != nil || rows[0] == nil {
		return Credential{}, false, err
	}
	c, err = decodeCredential(digest, rows[0])
	return c, true, err
}

// CredentialsOf lists a user's application passwords by ID, at most limit.
func (v *View) CredentialsOf(user string, limit int) ([]Credential, error) {
	page, err := v.r.Scan(kv.Prefix(tableAllowed, join("c"+Fold(user), "")), limit)
	if err != nil {
		return nil, err
	}
	list := make([]Credential, 0, len(page.Items))
	for _, item := range page.Items {
		if len(item.Value) != 32 {
			return nil, fmt.Errorf("%w: a digest of %d bytes", record.ErrCorrupt, len(item.Value))
		}
		c, found, err := v.Credential([32]byte(item.Value))
		if err != nil {
			return nil, err
		}
		if found {
			list = append(list, c)
		}
	}
	return list, nil
}

// PutCredential writes an application password.
func (tx *Tx) PutCredential(c *Credential) {
	tx.tx.Put(credentialKey(c.Digest), c.encode())
	tx.tx.Put(credentialOfKey(Fold(c.User), c.ID), c.Digest[:])
}

// TouchCredential writes an application password that is there.
func (tx *Tx) TouchCredential(c *Credential) { tx.tx.Put(credentialKey(c.Digest), c.encode()) }

// DeleteCredential removes an application password.
func (tx *Tx) DeleteCredential(c *Credential) {
	tx.tx.Delete(credentialKey(c.Digest))
	tx.tx.Delete(credentialOfKey(Fold(c.User), c.ID))
}

// maxCredentials bounds how many application passwords of a user are removed
// in one transaction; a user has far fewer.
const maxCredentials = 1000

// DeleteCredentialsOf removes all application passwords of a user.
func (tx *Tx) DeleteCredentialsOf(user string) error {
	list, err := tx.CredentialsOf(user, maxCredentials)
	for i := range list {
		tx.DeleteCredential(&list[i])
	}
	return err
}

// forgetApplication removes what was allowed to a deleted application, in
// batches: it reads everything that is allowed at all, which deleting an
// application may cost.
func (s *Store) forgetApplication(ctx context.Context, unique []byte) error {
	serial, id := binary.BigEndian.Uint64(unique), string(unique[8:])
	lock := []kv.Lock{{Key: applicationKey(id)}}
	for _, t := range []kv.Table{tableAllowed, tableCredentials} {
		r := kv.Range{Table: t}
		for more := true; more; {
			if err := ctx.Err(); err != nil {
				return err
			}
			var next []byte
			err := s.engine.Update(ctx, lock, func(tx kv.Tx) error {
				page, err := tx.Scan(r, reapBatch)
				if err != nil {
					return err
				}
				for _, item := range page.Items {
					if allowsApplication(t, item, id, serial) {
						for _, k := range rowsOfAllowed(t, item) {
							tx.Delete(k)
						}
					}
				}
				next = bytes.Clone(page.Next)
				return nil
			})
			if err != nil {
				return err
			}
			r.From, more = next, next != nil
		}
	}
	return nil
}

// allowsApplication tells whether a row is a grant of an application or a
// password for it. Damaged rows stay for the check to find.
func allowsApplication(t kv.Table, item kv.Item, id string, serial uint64) bool {
	if t == tableCredentials {
		c, err := credentialAt(item.Row, item.Value)
		return err == nil && c.Application == id && c.Serial == serial
	}
	if len(item.Row) == 0 || item.Row[0] != 'g' {
		return false
	}
	g, err := decodeGrant(item.Row, item.Value)
	return err == nil && g.Application == id && g.Serial == serial
}

// rowsOfAllowed are the rows that go with a grant or an application password.
func rowsOfAllowed(t kv.Table, item kv.Item) []kv.Key {
	rows := []kv.Key{key(t, bytes.Clone(item.Row))}
	if t == tableCredentials {
		if c, err := credentialAt(item.Row, item.Value); err == nil {
			rows = append(rows, credentialOfKey(Fold(c.User), c.ID))
		}
	}
	return rows
}

// needsOfApplications checks rows about applications and about wrong
// passwords.
func needsOfApplications(t kv.Table, row, value []byte) ([]need, error) {
	switch t {
	case tableThrottle:
		return nil, checkStrike(row, value)
	case tableApplications:
		return needsOfApplication(row, value)
	case tableCredentials:
		return needsOfCredential(row, value)
	}
	if len(row) == 0 {
		return nil, errRow
	}
	if row[0] == 'g' {
		_, err := decodeGrant(row, value)
		return nil, err
	}
	user, _, ok := bytes.Cut(row[1:], []byte{0})
	if row[0] != 'c' || !ok || len(value) != 32 {
		return nil, errRow
	}
	return []need{{
		key: credentialKey([32]byte(value)), reason: "the application password does not exist", drop: true,
		locks: []Guard{LockUser(string(user))},
	}}, nil
}

func needsOfApplication(row, value []byte) ([]need, error) {
	a, err := decodeApplication(string(row), value)
	if err != nil {
		return nil, err
	}
	var list []need
	for _, digest := range a.Keys {
		list = append(list, need{key: apiKeyKey(digest), reason: "one of its keys does not exist"})
	}
	return list, nil
}

func needsOfCredential(row, value []byte) ([]need, error) {
	c, err := credentialAt(row, value)
	if err != nil {
		return nil, err
	}
	return []need{{
		key: credentialOfKey(Fold(c.User), c.ID), reason: "it is not in the list of its user",
		ok: is(row), put: copyOf(row), locks: []Guard{LockUser(c.User)},
	}}, nil
}
