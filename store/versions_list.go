package store

import (
	"bytes"

	"entrepot/store/kv"
)

// A VersionQuery selects a page of a container's versions.
type VersionQuery struct {
	Query
	// VersionMarker, with Marker, goes on behind one version of the name
	// Marker: 0 for behind all of them.
	VersionMarker Stamp
}

// A ListedVersion is a version in a listing; one whose Version is 0 was
// written while the container kept none.
type ListedVersion struct {
	Object Object
	Latest bool
	Subdir string // not empty for a rolled-up row
}

// Versions lists the versions of a container's objects: names in order, of
// each the newest first (the oldest first when Reverse). Markers of deletions
// are among them, expired rows are not.
func (v *View) Versions(id uint64, q VersionQuery) ([]ListedVersion, error) {
	l := &versionLister{v: v, id: id, q: q}
	l.live, l.past = l.cursor(tableObjects), l.cursor(tableVersions)
	if err := l.skipToMarker(); err != nil {
		return nil, err
	}
	var out []ListedVersion
	for len(out) < q.Limit {
		row, more, err := l.next()
		if err != nil || !more {
			return out, err
		}
		if row != nil {
			out = append(out, *row)
		}
	}
	return out, nil
}

// versionLister merges current rows and versions.
type versionLister struct {
	v          *View
	id         uint64
	q          VersionQuery
	live, past *cursor
	seen       string // name of which a row came already
	current    string // name whose current row came already
}

// cursor walks one table inside the bounds of the query.
func (l *versionLister) cursor(t kv.Table) *cursor {
	row := func(name string, behind ...byte) []byte { return append(in(l.id, name), behind...) }
	c := &cursor{v: l.v, r: kv.Prefix(t, row(l.q.Prefix)), name: func(row []byte) string { return string(row[8:]) }}
	c.r.Reverse = l.q.Reverse
	if t == tableVersions {
		c.name = func(row []byte) string { return string(row[8:max(8, len(row)-9)]) }
	}
	low, high := l.q.Marker, l.q.EndMarker
	if l.q.Reverse {
		low, high = high, low
	}
	inside := l.q.VersionMarker != 0 && l.q.Marker != ""
	if low != "" {
		from := row(low, 1) // behind all versions of the name
		if inside && !l.q.Reverse {
			from = row(low)
		}
		c.r.From = laterOf(c.r.From, from)
	}
	if high != "" {
		to := row(high)
		if inside && l.q.Reverse {
			to = row(high, 1)
		}
		if c.r.To == nil || bytes.Compare(to, c.r.To) < 0 {
			c.r.To = to
		}
	}
	return c
}

// skipToMarker moves the versions to the one that the listing goes on behind,
// without reading those before it: a name may have any number of them.
func (l *versionLister) skipToMarker() error {
	name, at := l.q.Marker, l.q.VersionMarker
	if at == 0 || name == "" {
		return nil
	}
	marker := versionKey(l.id, name, at).Row
	if l.q.Reverse {
		l.past.seekBack(marker)
		return nil
	}
	page, err := l.v.r.Scan(kv.Range{Table: tableVersions, From: append(in(l.id, name), 0), To: append(marker, 0), KeysOnly: true}, 1)
	if len(page.Items) > 0 {
		l.seen = name // what comes next is not the latest
	}
	l.past.seek(append(bytes.Clone(marker), 0))
	return err
}

// versionID is what tells versions of a name apart.
func (o *Object) versionID() Stamp {
	if o.Version != 0 {
		return o.Version
	}
	return o.Written
}

// next returns the next row, nil for one that is left out; more is false at
// the end.
func (l *versionLister) next() (row *ListedVersion, more bool, err error) {
	a, b, err := bothHeads(l.live, l.past)
	if err != nil || a == nil && b == nil {
		return nil, false, err
	}
	from, name, o, err := l.first(a, b)
	if err != nil {
		return nil, false, err
	}
	if subdir := rolled(name, l.q.Query); subdir != "" {
		l.skip(subdir)
		return &ListedVersion{Subdir: subdir}, true, nil
	}
	from.take()
	if l.before(name, &o) {
		l.seen = name
		if from == l.live {
			l.current = name
		}
		return nil, true, nil
	}
	row = &ListedVersion{Object: o, Latest: from == l.live}
	if from == l.live {
		l.current = name
	} else if row.Latest, err = l.latest(name); err != nil {
		return nil, false, err
	}
	l.seen = name
	if o.Expired(l.q.Now) {
		return nil, true, nil
	}
	return row, true, nil
}

// first chooses between the heads of the two tables.
func (l *versionLister) first(a, b *kv.Item) (from *cursor, name string, o Object, err error) {
	if a == nil {
		name = l.past.name(b.Row)
		o, err = decodeObject(name, b.Value)
		return l.past, name, o, err
	}
	name = l.live.name(a.Row)
	if o, err = decodeObject(name, a.Value); err != nil || b == nil {
		return l.live, name, o, err
	}
	other := l.past.name(b.Row)
	past, err := decodeObject(other, b.Value)
	if err != nil {
		return nil, "", Object{}, err
	}
	liveFirst := (name < other) != l.q.Reverse
	if name == other {
		liveFirst = (o.versionID() > past.versionID()) != l.q.Reverse
	}
	if liveFirst {
		return l.live, name, o, nil
	}
	return l.past, other, past, nil
}

func bothHeads(a, b *cursor) (x, y *kv.Item, err error) {
	if x, err = a.head(); err != nil {
		return nil, nil, err
	}
	y, err = b.head()
	return x, y, err
}

func laterOf(a, b []byte) []byte {
	if bytes.Compare(a, b) > 0 {
		return a
	}
	return b
}

// before tells whether a row comes before the version that the listing goes on
// behind.
func (l *versionLister) before(name string, o *Object) bool {
	if l.q.VersionMarker == 0 || name != l.q.Marker {
		return false
	}
	if l.q.Reverse {
		return o.versionID() <= l.q.VersionMarker
	}
	return o.versionID() >= l.q.VersionMarker
}

// latest tells whether a version that was just taken is the latest of its
// name: nothing is current, and no version is newer.
func (l *versionLister) latest(name string) (bool, error) {
	if l.current == name || !l.q.Reverse && l.seen == name {
		return false, nil
	}
	a, b, err := bothHeads(l.live, l.past)
	if err != nil || a != nil && l.live.name(a.Row) == name {
		return false, err
	}
	return !l.q.Reverse || b == nil || l.past.name(b.Row) != name, nil
}

// skip moves both cursors past what a rolled-up name stands for.
func (l *versionLister) skip(subdir string) {
	for _, c := range []*cursor{l.live, l.past} {
		if l.q.Reverse {
			c.seekBack(in(l.id, subdir))
		} else {
			c.seek(kv.PrefixEnd(in(l.id, subdir)))
		}
	}
}
