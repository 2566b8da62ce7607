package store

import "entrepot/store/internal/record"

// A Lock is a WebDAV write lock's record.
type Lock struct {
	Container uint64 // from the key
	Path      string // from the key: a folder's with a slash, "" for the container
	Token     string // from the key
	Infinite  bool
	Exclusive bool
	Owner     []byte
	User      string
	Created   Stamp
	Expires   Stamp
	Replaced  bool // the holder wrote another file over what it locked: it binds nobody
	unknown   []byte
}

func (l *Lock) encode() []byte {
	w := record.NewWriter(96)
	w.Bool(1, l.Infinite)
	w.Bool(2, l.Exclusive)
	w.Bytes(3, l.Owner)
	w.String(4, l.User)
	w.Int(5, int64(l.Created))
	w.Int(6, int64(l.Expires))
	w.Bool(7, l.Replaced)
	w.Raw(l.unknown)
	return w.Finish()
}

func decodeLock(id uint64, path, token string, b []byte) (l Lock, err error) {
	l.Container, l.Path, l.Token = id, path, token
	l.unknown, err = record.Decode(b, func(f record.Field) bool {
		switch f.Tag {
		case 1:
			l.Infinite = f.Bool()
		case 2:
			l.Exclusive = f.Bool()
		case 3:
			l.Owner = f.Clone()
		case 4:
			l.User = f.String()
		case 5:
			l.Created = Stamp(f.Int())
		case 6:
			l.Expires = Stamp(f.Int())
		case 7:
			l.Replaced = f.Bool()
		default:
			return false
		}
		return true
	})
	return l, err
}

// A Depot is a depot's record.
type Depot struct {
	ID           uint64 // from the key
	Owner        string
	Account      string
	Inactive     bool
	Created      Stamp
	Contract     string
	StorageLimit int64 // bytes; 0: none
	TrafficLimit int64
	Default      bool
	Users        []string // authorised, ascending by folded name
	Epoch        uint64   // raised when earlier documents must die
	LastEntry    uint64   // highest sequence number of its log
	Targets      []string // folded names of users whose new containers go here
	Claims       []string // folded names of users who took it into their lists
	unknown      []byte
}

func (d *Depot) encode() []byte {
	w := record.NewWriter(128)
	w.String(1, d.Owner)
	w.String(2, d.Account)
	w.Bool(3, d.Inactive)
	w.Int(4, int64(d.Created))
	w.String(5, d.Contract)
	w.Int(6, d.StorageLimit)
	w.Int(7, d.TrafficLimit)
	w.Bool(8, d.Default)
	w.Strings(9, d.Users)
	w.Uint(10, d.Epoch)
	w.Uint(11, d.LastEntry)
	w.Strings(20, d.Targets)
	w.Strings(21, d.Claims)
	w.Raw(d.unknown)
	return w.Finish()
}

func decodeDepot(id uint64, b []byte) (d Depot, err error) {
	d.ID = id
	d.unknown, err = record.Decode(b, func(f record.Field) bool {
		switch f.Tag {
		case 1:
			d.Owner = f.String()
		case 2:
			d.Account = f.String()
		case 3:
			d.Inactive = f.Bool()
		case 4:
			d.Created = Stamp(f.Int())
		case 5:
			d.Contract = f.String()
		case 6:
			d.StorageLimit = f.Int()
		case 7:
			d.TrafficLimit = f.Int()
		case 8:
			d.Default = f.Bool()
		case 9:
			d.Users = append(d.Users, f.String())
		case 10:
			d.Epoch = f.Num
		case 11:
			d.LastEntry = f.Num
		case 20:
			d.Targets = append(d.Targets, f.String())
		case 21:
			d.Claims = append(d.Claims, f.String())
		default:
			return false
		}
		return true
	})
	return d, err
}

// A DepotEntry is one line of a depot's log. Entries are never changed.
type DepotEntry struct {
	Depot, Seq             uint64 // from the key
	Time                   Stamp
	Command                string
	Address                string
	Note                   string
	OldStorage, NewStorage int64
	OldTraffic, NewTraffic int64
	unknown                []byte
}

func (e *DepotEntry) encode() []byte {
	w := record.NewWriter(96)
	w.Int(1, int64(e.Time))
	w.String(2, e.Command)
	w.String(3, e.Address)
	w.String(4, e.Note)
	w.Int(5, e.OldStorage)
	w.Int(6, e.NewStorage)
	w.Int(7, e.OldTraffic)
	w.Int(8, e.NewTraffic)
	w.Raw(e.unknown)
	return w.Finish()
}

func decodeDepotEntry(depot, seq uint64, b []byte) (e DepotEntry, err error) {
	e.Depot, e.Seq = depot, seq
	e.unknown, err = record.Decode(b, func(f record.Field) bool {
		switch f.Tag {
		case 1:
			e.Time = Stamp(f.Int())
		case 2:
			e.Command = f.String()
		case 3:
			e.Address = f.String()
		case 4:
			e.Note = f.String()
		case 5:
			e.OldStorage = f.Int()
		case 6:
			e.NewStorage = f.Int()
		case 7:
			e.OldTraffic = f.Int()
		case 8:
			e.NewTraffic = f.Int()
		default:
			return false
		}
		return true
	})
	return e, err
}

// A Journal record says what one change did: the audit trail.
type Journal struct {
	Container uint64 // from the key
	Time      Stamp  // from the key
	Name      string // object, or "" for the container itself
	Action    string // put, post, delete, copy, move, create, ...
	User      string
	Address   string
	Size      int64
	MD5       []byte
	Source    string // copy and move: where it came from
	Entries   int64  // tree operations: how many rows
	// What an audit shows of an object that was put, copied or changed, and
	// of a container's access list.
	ContentType string
	Properties  map[string]string
	ACL         string // the container's access list, see gateway.Grants
	Marker      bool   // the object only marks a folder
	unknown     []byte
}

func (j *Journal) encode() []byte {
	w := record.NewWriter(96)
	w.String(1, j.Name)
	w.String(2, j.Action)
	w.String(3, j.User)
	w.String(4, j.Address)
	w.Int(5, j.Size)
	w.Bytes(6, j.MD5)
	w.String(7, j.Source)
	w.Int(8, j.Entries)
	w.String(30, j.ContentType)
	w.Map(31, j.Properties)
	w.String(32, j.ACL)
	w.Bool(33, j.Marker)
	w.Raw(j.unknown)
	return w.Finish()
}

func decodeJournal(id uint64, at Stamp, b []byte) (j Journal, err error) {
	j.Container, j.Time = id, at
	j.unknown, err = record.Decode(b, func(f record.Field) bool {
		switch f.Tag {
		case 1:
			j.Name = f.String()
		case 2:
			j.Action = f.String()
		case 3:
			j.User = f.String()
		case 4:
			j.Address = f.String()
		case 5:
			j.Size = f.Int()
		case 6:
			j.MD5 = f.Clone()
		case 7:
			j.Source = f.String()
		case 8:
			j.Entries = f.Int()
		case 30:
			j.ContentType = f.String()
		case 31:
			f.AddTo(&j.Properties)
		case 32:
			j.ACL = f.String()
		case 33:
			j.Marker = f.Bool()
		default:
			return false
		}
		return true
	})
	return j, err
}

// A DeadProp is one WebDAV property of a path in a container.
type DeadProp struct {
	Space, Name string // from the key
	Lang        string
	Value       []byte
}

// PropChunk is how many bytes of a property's value one row holds.
const PropChunk = 32 << 10
