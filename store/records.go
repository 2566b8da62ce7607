package store

import (
	"bytes"
	"entrepot/store/internal/record"
)

// An Account is a tenant's record.
type Account struct {
	Name         string // from the key
	Created      Stamp
	Properties   map[string]string
	Quota        int64  // bytes; 0: none; negative: nothing may be stored
	DefaultDepot uint64 // 0: none
	State        AccountState
	Deleted      Stamp  // when it was marked as deleted
	DeletedBy    string // who did
	TicketKey    string // signs what the gateway itself gives out; never shown
	// Admins, Writers and Readers are the account's access list.
	Admins, Writers, Readers []string
	// ListsSet is when that list was last written, Freed when an earlier account
	// gave up the name; 0: before that was noted, and never.
	ListsSet, Freed Stamp
	unknown         []byte
}

// An AccountState says whether an account may be used.
type AccountState uint64

// The states. A deleted account waits for the removal of what it holds; its
// name is free when its record goes.
const (
	AccountActive    AccountState = 0
	AccountSuspended AccountState = 1
	AccountDeleted   AccountState = 2
)

func (a *Account) encode() []byte {
	w := record.NewWriter(64)
	w.Int(1, int64(a.Created))
	w.Map(2, a.Properties)
	w.Int(3, a.Quota)
	w.Uint(4, a.DefaultDepot)
	w.Uint(40, uint64(a.State))
	w.Int(41, int64(a.Deleted))
	w.String(42, a.DeletedBy)
	w.String(43, a.TicketKey)
	w.Strings(33, a.Admins)
	w.Strings(34, a.Writers)
	w.Strings(35, a.Readers)
	w.Int(45, int64(a.ListsSet))
	w.Int(46, int64(a.Freed))
	w.Raw(a.unknown)
	return w.Finish()
}

func decodeAccount(name string, b []byte) (a Account, err error) {
	a.Name = name
	a.unknown, err = record.Decode(b, func(f record.Field) bool {
		switch f.Tag {
		case 1:
			a.Created = Stamp(f.Int())
		case 2:
			f.AddTo(&a.Properties)
		case 3:
			a.Quota = f.Int()
		case 4:
			a.DefaultDepot = f.Num
		case 40:
			a.State = AccountState(f.Num)
		case 41:
			a.Deleted = Stamp(f.Int())
		case 42:
			a.DeletedBy = f.String()
		case 43:
			a.TicketKey = f.String()
		case 33:
			a.Admins = append(a.Admins, f.String())
		case 34:
			a.Writers = append(a.Writers, f.String())
		case 35:
			a.Readers = append(a.Readers, f.String())
		case 45:
			a.ListsSet = Stamp(f.Int())
		case 46:
			a.Freed = Stamp(f.Int())
		default:
			return false
		}
		return true
	})
	return a, err
}

// A User is a login's record.
type User struct {
	Name            string // as first written; the key holds it case-folded
	Account         string
	Role            string
	Groups          []string
	PasswordHash    string
	PasswordVersion uint64
	Disabled        bool
	Networks        []string
	Created         Stamp
	LastIssue       uint64 // highest token issue number given out
	Email           string
	Freed           Stamp // when an earlier user gave up the name; 0: never
	unknown         []byte
}

func (u *User) encode() []byte {
	w := record.NewWriter(256)
	w.String(1, u.Name)
	w.String(2, u.Account)
	w.String(3, u.Role)
	w.Strings(4, u.Groups)
	w.String(5, u.PasswordHash)
	w.Uint(6, u.PasswordVersion)
	w.Bool(7, u.Disabled)
	w.Strings(8, u.Networks)
	w.Int(9, int64(u.Created))
	w.Uint(10, u.LastIssue)
	w.String(40, u.Email)
	w.Int(45, int64(u.Freed))
	w.Raw(u.unknown)
	return w.Finish()
}

func decodeUser(b []byte) (u User, err error) {
	u.unknown, err = record.Decode(b, func(f record.Field) bool {
		switch f.Tag {
		case 1:
			u.Name = f.String()
		case 2:
			u.Account = f.String()
		case 3:
			u.Role = f.String()
		case 4:
			u.Groups = append(u.Groups, f.String())
		case 5:
			u.PasswordHash = f.String()
		case 6:
			u.PasswordVersion = f.Num
		case 7:
			u.Disabled = f.Bool()
		case 8:
			u.Networks = append(u.Networks, f.String())
		case 9:
			u.Created = Stamp(f.Int())
		case 10:
			u.LastIssue = f.Num
		case 40:
			u.Email = f.String()
		case 45:
			u.Freed = Stamp(f.Int())
		default:
			return false
		}
		return true
	})
	return u, err
}

// A Token is what is kept of an issued token.
type Token struct {
	Digest          [32]byte // from the key
	User            string
	PasswordVersion uint64
	Issue           uint64
	Expires         Stamp
	// Credential is the digest of the application password that the token was
	// given for, nil for the user's own. Such a token lives as long as that
	// password, whatever the version of the user's.
	Credential []byte
	Keystone   bool // of the Identity API
	unknown    []byte
}

func (t *Token) encode() []byte {
	w := record.NewWriter(48)
	w.String(1, t.User)
	w.Uint(2, t.PasswordVersion)
	w.Uint(3, t.Issue)
	w.Int(4, int64(t.Expires))
	w.Bytes(5, t.Credential)
	w.Bool(6, t.Keystone)
	w.Raw(t.unknown)
	return w.Finish()
}

func decodeToken(digest [32]byte, b []byte) (t Token, err error) {
	t.Digest = digest
	t.unknown, err = record.Decode(b, func(f record.Field) bool {
		switch f.Tag {
		case 1:
			t.User = f.String()
		case 2:
			t.PasswordVersion = f.Num
		case 3:
			t.Issue = f.Num
		case 4:
			t.Expires = Stamp(f.Int())
		case 5:
			t.Credential = bytes.Clone(f.Bytes)
		case 6:
			t.Keystone = f.Bool()
		default:
			return false
		}
		return true
	})
	return t, err
}

// A Key is what is kept of an API key.
type Key struct {
	Digest      [32]byte // from the key
	Application string
	Created     Stamp
	Networks    []string
	Last4       string // the end of the key, for people
	Revoked     bool
	unknown     []byte
}

func (k *Key) encode() []byte {
	w := record.NewWriter(48)
	w.String(1, k.Application)
	w.Int(2, int64(k.Created))
	w.Strings(3, k.Networks)
	w.String(4, k.Last4)
	w.Bool(5, k.Revoked)
	w.Raw(k.unknown)
	return w.Finish()
}

func decodeKey(digest [32]byte, b []byte) (k Key, err error) {
	k.Digest = digest
	k.unknown, err = record.Decode(b, func(f record.Field) bool {
		switch f.Tag {
		case 1:
			k.Application = f.String()
		case 2:
			k.Created = Stamp(f.Int())
		case 3:
			k.Networks = append(k.Networks, f.String())
		case 4:
			k.Last4 = f.String()
		case 5:
			k.Revoked = f.Bool()
		default:
			return false
		}
		return true
	})
	return k, err
}

// A Container is a container's record.
type Container struct {
	ID                uint64 // from the key; 1 to 2⁶³-1
	Account, Name     string
	Depot             uint64
	Creator           string
	Created, Modified Stamp
	Properties        map[string]string
	Headers           map[string]string
	ReadACL, WriteACL string
	// ReadSet and WriteSet are when the lists were last written; 0: before
	// that was noted.
	ReadSet, WriteSet Stamp
	// Epoch is raised by every snapshot; Snapshot is the epoch of the newest
	// snapshot plus one, 0 when there is none. A row born before it is kept
	// when it is replaced.
	Epoch, Snapshot uint64
	// Versioning is whether the container keeps the versions of its objects.
	Versioning Versioning
	// Archive is the container that gets them instead, nil: none. It is not
	// part of the record: whoever changes objects looks it up by the name
	// that the settings hold.
	Archive *Container
	// MarkDeletions tells that deletions leave a marker in the archive; like
	// Archive it is no part of the record.
	MarkDeletions bool
	// Replicas are the numbers of the stores into which the container is
	// replicated, ascending; ReplicasSet says that they were chosen for this
	// container, not by default. ReplicaOf is the container of which this one
	// is a replica, 0: none.
	Replicas    []uint8
	ReplicasSet bool
	ReplicaOf   uint64
	TicketKey   string // signs what the gateway itself gives out; never shown
	unknown     []byte
}

func (c *Container) encode() []byte {
	w := record.NewWriter(128)
	w.String(1, c.Account)
	w.String(2, c.Name)
	w.Uint(3, c.Depot)
	w.String(4, c.Creator)
	w.Int(5, int64(c.Created))
	w.Int(6, int64(c.Modified))
	w.Map(7, c.Properties)
	w.Map(8, c.Headers)
	w.String(9, c.ReadACL)
	w.String(10, c.WriteACL)
	w.Int(45, int64(c.ReadSet))
	w.Int(46, int64(c.WriteSet))
	w.Uint(11, c.Epoch)
	w.Uint(12, c.Snapshot)
	w.Uint(13, uint64(c.Versioning))
	c.encodeReplicas(w)
	w.String(40, c.TicketKey)
	w.Raw(c.unknown)
	return w.Finish()
}

func decodeContainer(id uint64, b []byte) (c Container, err error) {
	c.ID = id
	c.unknown, err = record.Decode(b, func(f record.Field) bool {
		switch f.Tag {
		case 1:
			c.Account = f.String()
		case 2:
			c.Name = f.String()
		case 3:
			c.Depot = f.Num
		case 4:
			c.Creator = f.String()
		case 5:
			c.Created = Stamp(f.Int())
		case 6:
			c.Modified = Stamp(f.Int())
		case 7:
			f.AddTo(&c.Properties)
		case 8:
			f.AddTo(&c.Headers)
		case 9:
			c.ReadACL = f.String()
		case 10:
			c.WriteACL = f.String()
		case 45:
			c.ReadSet = Stamp(f.Int())
		case 46:
			c.WriteSet = Stamp(f.Int())
		case 11:
			c.Epoch = f.Num
		case 12:
			c.Snapshot = f.Num
		case 13:
			c.Versioning = Versioning(f.Num)
		case 40:
			c.TicketKey = f.String()
		default:
			return c.decodeReplicas(&f)
		}
		return true
	})
	return c, err
}

// Expired tells whether the object's time to live is over: it is gone for
// every reader, although its row may still be there.
func (o *Object) Expired(now Stamp) bool {
	return o.DeleteAt != 0 && int64(now) >= o.DeleteAt*100_000
}

// An Object is an object's record.
type Object struct {
	Name        string // from the key
	Born        uint64 // container epoch of the write that made the row
	Created     Stamp  // first write of the name
	Written     Stamp  // last write of the content
	Timestamp   Stamp  // last write of content or properties
	Modified    Stamp  // user-visible modification time; 0: Written
	DeleteAt    int64  // Unix seconds; 0: never
	ContentType string
	Headers     map[string]string
	Properties  map[string]string
	Content     Content
	Item        bool     // put as an item of a space: listed there even where it looks like a folder's marker
	Chunked     *Chunked // the content is a manifest of chunks
	ReadersOf   uint64   // not 0: who may list this container may read the object, wherever it lies
	Version     Stamp    // ID of the version that the row is; 0: written while none were kept
	Deleted     bool     // the marker of a deletion among versions
	// Large and Link are set where the object stands for other objects;
	// Refers is the account that these, or those of a dynamic large object,
	// are in. "": the object's own.
	Large  *Large
	Link   *Link
	Refers string
	// Progress is, in the marker of an upload in pieces, how far the digests
	// of the pieces have come; nil: nothing was computed.
	Progress *Progress
	Joined   *Joined // of a large object, where it was learned
	Origin   Origin  // of the row of a replica; zero for others
	unknown  []byte
}

func (o *Object) encode() []byte {
	w := record.NewWriter(192)
	w.Uint(1, o.Born)
	w.Int(2, int64(o.Created))
	w.Int(3, int64(o.Written))
	if o.Timestamp != o.Written {
		w.Int(4, int64(o.Timestamp))
	}
	w.Int(5, int64(o.Modified))
	w.Int(6, o.DeleteAt)
	w.String(7, o.ContentType)
	w.Map(8, o.Headers)
	w.Map(9, o.Properties)
	o.Content.fields(w)
	o.encodeSpecial(w)
	o.encodeJoined(w)
	w.Int(25, int64(o.Version))
	w.Bool(26, o.Deleted)
	w.Bool(30, o.Item)
	w.Uint(31, o.ReadersOf)
	o.encodeChunked(w)
	if o.Progress != nil {
		w.Bytes(tagProgress, o.Progress.encode())
	}
	w.Uint(tagOrigin, o.Origin.Container)
	w.Int(tagOriginAt, int64(o.Origin.Timestamp))
	w.Raw(o.unknown)
	return w.Finish()
}

// An interner keeps one copy of texts that repeat along a listing.
type interner struct {
	last string
	all  map[string]string
}

func (i *interner) text(b []byte) string {
	if i.last == string(b) {
		return i.last
	}
	s, ok := i.all[string(b)]
	if !ok {
		s = string(b)
		if i.all == nil {
			i.all = make(map[string]string)
		}
		if len(i.all) < 1000 {
			i.all[s] = s
		}
	}
	i.last = s
	return s
}

// decodeListed decodes what listings show into o: properties only when asked
// for, and nothing that could be written back.
func (o *Object) decodeListed(name string, b []byte, types *interner, properties bool) error {
	*o = Object{Name: name}
	fields, err := record.Fields(b)
	if err != nil {
		return err
	}
	for f := &fields; f.Next(); {
		switch f.Tag {
		case 2:
			o.Created = Stamp(f.Int())
		case 3:
			o.Written = Stamp(f.Int())
		case 4:
			o.Timestamp = Stamp(f.Int())
		case 5:
			o.Modified = Stamp(f.Int())
		case 6:
			o.DeleteAt = f.Int()
		case 7:
			o.ContentType = types.text(f.Bytes)
		case 8:
			f.AddTo(&o.Headers)
		case 9:
			if properties {
				f.AddTo(&o.Properties)
			}
		case 10:
			o.Content.Size = int64(f.Num)
		case 14:
			copy(o.Content.MD5[:], f.Bytes)
		case 15:
			copy(o.Content.SHA256[:], f.Bytes)
		case 16:
			o.Content.SHA1 = f.Clone()
		case 30:
			o.Item = f.Bool()
		default:
			if !o.decodeChunked(&f.Field) && !o.decodeSpecial(&f.Field) {
				o.decodeJoined(&f.Field)
			}
		}
	}
	if o.Timestamp == 0 {
		o.Timestamp = o.Written
	}
	return fields.Err()
}

func decodeObject(name string, b []byte) (o Object, err error) {
	o.Name = name
	o.unknown, err = record.Decode(b, func(f record.Field) bool {
		switch f.Tag {
		case 1:
			o.Born = f.Num
		case 2:
			o.Created = Stamp(f.Int())
		case 3:
			o.Written = Stamp(f.Int())
		case 4:
			o.Timestamp = Stamp(f.Int())
		case 5:
			o.Modified = Stamp(f.Int())
		case 6:
			o.DeleteAt = f.Int()
		case 7:
			o.ContentType = f.String()
		case 8:
			f.AddTo(&o.Headers)
		case 9:
			f.AddTo(&o.Properties)
		case 25:
			o.Version = Stamp(f.Int())
		case 26:
			o.Deleted = f.Bool()
		case 30:
			o.Item = f.Bool()
		case 31:
			o.ReadersOf = f.Num
		case tagOrigin:
			o.Origin.Container = f.Num
		case tagOriginAt:
			o.Origin.Timestamp = Stamp(f.Int())
		default:
			return o.Content.field(&f) || o.decodeChunked(&f) || o.decodeSpecial(&f) || o.decodeJoined(&f) || o.decodeProgress(&f)
		}
		return true
	})
	if o.Timestamp == 0 {
		o.Timestamp = o.Written
	}
	return o, err
}
