package store

import (
	"bytes"
	"encoding/binary"
	"strings"
	"sync"

	"entrepot/store/kv"
)

// A Query selects a page of names in byte order.
type Query struct {
	Prefix    string
	Delimiter string // rolls up names that contain it after Prefix
	Marker    string // only names greater (smaller when Reverse)
	EndMarker string // only names smaller (greater when Reverse)
	Limit     int
	Reverse   bool
	Direct    bool // leave out Prefix itself and what lies in folders below it; markers of these stay
	Items     bool // leave out objects that only mark folders, see Object.Marks
	Now       Stamp
	// Properties decodes those of objects, which most listings do without.
	Properties bool
}

// A Listed name is an object, or a rolled-up prefix in Subdir. Of an object
// only what listings show is decoded; it must not be written back.
type Listed struct {
	Object Object
	Subdir string
	// Marker is the object named Subdir itself, when it exists and the scan
	// ran forwards.
	Marker *Object
}

// scanner walks rows base+name of a table as a Query says.
type scanner struct {
	r     kv.Range
	base  []byte
	query Query
	rows  int // of the page that is being taken, so that lists grow once
	names strings.Builder
}

// page makes room for the names of a page in one piece of memory.
func (s *scanner) page(items []kv.Item) {
	size := 0
	for i := range items {
		size += len(items[i].Row) - len(s.base)
	}
	s.rows = len(items)
	s.names = strings.Builder{}
	s.names.Grow(size)
}

// name returns the text of a row of the page.
func (s *scanner) name(row []byte) string {
	at := s.names.Len()
	s.names.Write(row[len(s.base):])
	return s.names.String()[at:]
}

func newScanner(t kv.Table, base []byte, q Query) scanner {
	row := func(name string) []byte { return append(bytes.Clone(base), name...) }
	after := func(name string) []byte { return append(row(name), 0) }
	s := scanner{base: base, query: q, r: kv.Prefix(t, row(q.Prefix))}
	s.r.Reverse = q.Reverse
	if q.Delimiter != "" {
		s.r.Delimiter, s.r.Skip = []byte(q.Delimiter), len(base)+len(q.Prefix)
	}
	low, high := q.Marker, q.EndMarker
	if q.Reverse {
		low, high = high, low
	}
	if low != "" {
		from := after(low)
		// A marker that is a rolled-up row skips all that it stands for.
		if rest, ok := strings.CutPrefix(low, q.Prefix); ok && q.Delimiter != "" && !q.Reverse {
			if i := strings.Index(rest, q.Delimiter); i >= 0 && i+len(q.Delimiter) == len(rest) {
				from = kv.PrefixEnd(row(low))
			}
		}
		if bytes.Compare(from, s.r.From) > 0 {
			s.r.From = from
		}
	}
	if high != "" {
		if to := row(high); s.r.To == nil || bytes.Compare(to, s.r.To) < 0 {
			s.r.To = to
		}
	}
	return s
}

// each calls take for the rows of the range until the query's limit of taken
// rows is reached.
func (s *scanner) each(v *View, take func(name string, item *kv.Item) (taken bool, err error)) error {
	left := s.query.Limit
	memory := v.memory.get()
	defer v.memory.put(memory)
	for left > 0 {
		if s.r.To != nil && bytes.Compare(s.r.From, s.r.To) >= 0 {
			return nil
		}
		s.r.Into = *memory
		page, err := v.r.Scan(s.r, min(left, v.maxScan()))
		if err != nil {
			return err
		}
		*memory = page.Items
		s.page(page.Items)
		for i := range page.Items {
			item := &page.Items[i]
			taken, err := take(s.name(item.Row), item)
			if err != nil {
				return err
			}
			if taken {
				left--
			}
		}
		if page.Next == nil {
			return nil
		}
		if next := bytes.Clone(page.Next); s.r.Reverse {
			s.r.To = next
		} else {
			s.r.From = next
		}
	}
	return nil
}

func (v *View) maxScan() int { return 10_000 }

// itemMemory is memory that pages of rows are read into, one after another. The
// nil one keeps none.
type itemMemory struct{ pool sync.Pool }

// get returns memory that nobody else uses until put.
func (m *itemMemory) get() *[]kv.Item {
	if m != nil {
		if items, ok := m.pool.Get().(*[]kv.Item); ok {
			return items
		}
	}
	return new([]kv.Item)
}

// put gives memory back that nothing refers to any more.
func (m *itemMemory) put(items *[]kv.Item) {
	if m == nil {
		return
	}
	*items = (*items)[:cap(*items)]
	clear(*items)
	*items = (*items)[:0]
	m.pool.Put(items)
}

// Objects lists a container's names. Expired objects are left out.
func (v *View) Objects(id uint64, q Query) ([]Listed, error) {
	var list []Listed
	err := v.EachObject(id, q, func(l *Listed, rows int) error {
		if list == nil {
			list = make([]Listed, 0, rows)
		}
		list = append(list, *l)
		return nil
	})
	return list, err
}

// EachObject calls take for a container's names, of which the first come in a
// page of so many rows. Expired objects are left out. The row dies with the
// call, what it refers to does not. An error of take ends the listing.
func (v *View) EachObject(id uint64, q Query, take func(l *Listed, rows int) error) error {
	s := newScanner(tableObjects, u64(id), q)
	var types interner
	var row Listed
	return s.each(v, func(name string, item *kv.Item) (bool, error) {
		if item.Rolled {
			row = Listed{Subdir: name}
			if q.Direct {
				return v.directMarker(id, name, q, func(o Object) error {
					row = Listed{Object: o}
					return take(&row, s.rows)
				})
			}
			var first Object
			if err := first.decodeListed(string(item.First[len(s.base):]), item.Value, &types, q.Properties); err != nil {
				return false, err
			}
			if first.Expired(q.Now) {
				live, err := v.liveBelow(id, name, q)
				if err != nil || !live {
					return false, err
				}
			} else if !q.Reverse && first.Name == name {
				row.Marker = &first
			}
			return true, take(&row, s.rows)
		}
		if q.Direct && name == q.Prefix {
			return false, nil
		}
		row.Subdir, row.Marker = "", nil
		o := &row.Object
		if err := o.decodeListed(name, item.Value, &types, q.Properties); err != nil || o.Expired(q.Now) || q.Items && o.Marks() {
			return false, err
		}
		return true, take(&row, s.rows)
	})
}

// directMarker takes the marker of the folder name, where there is one within
// the query's bounds: of what lies below a folder, Direct shows that alone.
func (v *View) directMarker(id uint64, name string, q Query, take func(Object) error) (taken bool, err error) {
	past := q.Marker != "" && name <= q.Marker || q.EndMarker != "" && name >= q.EndMarker
	if q.Reverse {
		past = q.Marker != "" && name >= q.Marker || q.EndMarker != "" && name <= q.EndMarker
	}
	if past {
		return false, nil
	}
	o, found, err := v.Object(id, name)
	if err != nil || !found || o.Expired(q.Now) || q.Items && o.Marks() {
		return false, err
	}
	return true, take(o)
}

// liveBelow tells whether a rolled-up prefix stands for an object that is not
// expired and lies in the query's bounds.
func (v *View) liveBelow(id uint64, prefix string, q Query) (bool, error) {
	list, err := v.Objects(id, Query{
		Prefix: prefix, Marker: q.Marker, EndMarker: q.EndMarker, Reverse: q.Reverse, Now: q.Now, Limit: 1,
	})
	return len(list) > 0, err
}

// Records lists a container's objects whole, fit to be written back. Expired
// objects are among them; nothing is rolled up.
func (v *View) Records(id uint64, q Query) ([]Object, error) {
	q.Delimiter = ""
	var list []Object
	s := newScanner(tableObjects, u64(id), q)
	err := s.each(v, func(name string, item *kv.Item) (bool, error) {
		o, err := decodeObject(name, item.Value)
		list = append(list, o)
		return true, err
	})
	return list, err
}

// HasPrefix tells whether a live object's name begins with prefix, leaving out
// the object named except.
func (v *View) HasPrefix(id uint64, prefix, except string, now Stamp) (bool, error) {
	// Most often nothing is there, or the first row answers: no list is needed.
	page, err := v.r.Scan(kv.Prefix(tableObjects, in(id, prefix)), 1)
	if err != nil || len(page.Items) == 0 {
		return false, err
	}
	var first Object
	var types interner
	name := string(page.Items[0].Row[8:]) // behind the container's ID
	if err := first.decodeListed(name, page.Items[0].Value, &types, false); err != nil {
		return false, err
	}
	if name != except && !first.Expired(now) {
		return true, nil
	}
	q := Query{Prefix: prefix, Limit: 2, Now: now}
	list, err := v.Objects(id, q)
	for _, l := range list {
		if l.Object.Name != except {
			return true, err
		}
	}
	return false, err
}

// A NamedContainer is a row of an account's listing.
type NamedContainer struct {
	Container      Container
	Objects, Bytes int64
	Markers        int64  // of Objects: those that only mark folders
	Subdir         string // not empty for a rolled-up row
}

// Containers lists an account's containers with their counts.
func (v *View) Containers(account string, q Query) ([]NamedContainer, error) {
	var list []NamedContainer
	s := newScanner(tableNames, join(account, ""), q)
	err := s.each(v, func(name string, item *kv.Item) (bool, error) {
		if item.Rolled {
			if !q.Direct {
				list = append(list, NamedContainer{Subdir: name})
			}
			return !q.Direct, nil
		}
		id, err := openID(item.Value)
		list = append(list, NamedContainer{Container: Container{ID: id, Name: name}})
		return true, err
	})
	if err != nil {
		return nil, err
	}
	b, found := v.Batch(), make([]bool, len(list))
	for i := range list {
		if c := &list[i]; c.Subdir == "" {
			id := c.Container.ID
			b.Container(id, &c.Container, &found[i])
			b.Count(CountContainerObjects, id, &c.Objects)
			b.Count(CountContainerBytes, id, &c.Bytes)
			b.Count(CountContainerMarkers, id, &c.Markers)
		}
	}
	return list, b.Do()
}

// ids lists the numbers at the end of the rows that begin with base, after
// the given one, at most limit.
func (v *View) ids(t kv.Table, base []byte, after uint64, limit int) ([]uint64, error) {
	r := kv.Prefix(t, base)
	r.KeysOnly = true
	r.From = append(bytes.Clone(base), u64(after+1)...)
	page, err := v.r.Scan(r, limit)
	list := make([]uint64, 0, len(page.Items))
	for _, item := range page.Items {
		if n := len(item.Row); n >= 8 {
			list = append(list, binary.BigEndian.Uint64(item.Row[n-8:]))
		}
	}
	return list, err
}

// DepotsOf lists the depots that a user owns, above the given number.
func (v *View) DepotsOf(user string, after uint64, limit int) ([]uint64, error) {
	return v.ids(tableDepotOf, join(Fold(user), ""), after, limit)
}

// MemberOf lists the depots that authorise a user, above the given number.
func (v *View) MemberOf(user string, after uint64, limit int) ([]uint64, error) {
	return v.ids(tableMemberOf, join(Fold(user), ""), after, limit)
}

// SpacesOf lists the containers of a depot, above the given ID.
func (v *View) SpacesOf(depot, after uint64, limit int) ([]uint64, error) {
	return v.ids(tableDepotSpaces, u64(depot), after, limit)
}

// Users lists the logins of an account, or of all accounts when account is
// empty, behind the given folded name, at most limit.
func (v *View) Users(account, after string, limit int) ([]User, error) {
	table, base := tableUsers, ""
	if account != "" {
		table, base = tableUserOf, string(join(account, ""))
	}
	r := kv.Prefix(table, []byte(base))
	r.KeysOnly = true
	if after != "" {
		r.From = append([]byte(base+after), 0)
	}
	page, err := v.r.Scan(r, limit)
	if err != nil {
		return nil, err
	}
	users, found := make([]User, len(page.Items)), make([]bool, len(page.Items))
	b := v.Batch()
	for i, item := range page.Items {
		b.User(string(item.Row[len(base):]), &users[i], &found[i])
	}
	return users, b.Do()
}

// Accounts lists accounts behind the given name, at most limit.
func (v *View) Accounts(after string, limit int) ([]Account, error) {
	return v.AccountsPage(AccountQuery{After: after, Limit: limit})
}

// Journal lists the records of a container from a moment on, at most limit.
func (v *View) Journal(id uint64, from Stamp, limit int) ([]Journal, error) {
	r := kv.Prefix(tableJournal, u64(id))
	r.From = append(u64(id), u64(uint64(from))...)
	page, err := v.r.Scan(r, limit)
	if err != nil {
		return nil, err
	}
	list := make([]Journal, len(page.Items))
	for i, item := range page.Items {
		at := Stamp(binary.BigEndian.Uint64(item.Row[8:]))
		if list[i], err = decodeJournal(id, at, item.Value); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// DepotLog lists a depot's log, newest first, at most limit.
func (v *View) DepotLog(depot uint64, limit int) ([]DepotEntry, error) {
	r := kv.Prefix(tableDepotLog, u64(depot))
	r.Reverse = true
	page, err := v.r.Scan(r, limit)
	if err != nil {
		return nil, err
	}
	list := make([]DepotEntry, len(page.Items))
	for i, item := range page.Items {
		seq := binary.BigEndian.Uint64(item.Row[8:])
		if list[i], err = decodeDepotEntry(depot, seq, item.Value); err != nil {
			return nil, err
		}
	}
	return list, nil
}
