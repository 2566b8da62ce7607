package model

import (
	"maps"
	"strings"

	"entrepot/gateway/errs"
	"entrepot/gateway/names"
)

// MakeFolder judges a new folder, or with no path a new container, and makes
// it.
func (a *Account) MakeFolder(container, path string, tokens []string) (v Verdict) {
	c := a.Containers[container]
	if path == "" {
		v.must(c != nil, errs.Exists)
		if v.OK() {
			a.Create(container)
		}
		return v
	}
	if c == nil {
		v.must(true, errs.Conflict)
		return v
	}
	bare, marked := strings.TrimSuffix(path, "/"), slashed(path)
	v.must(a.look(c, bare) != nothing, errs.Exists)
	v.must(a.noParent(c, path), errs.Conflict)
	v.must(a.locked(c, marked, true, tokens), errs.Locked)
	v.must(a.noRoom(c, added(c, marked), 0), errs.OverQuota)
	if c.Rows[marked] != nil && a.noRoom(c, 1, 0) {
		v.may(errs.OverQuota) // an expired row is there
	}
	if v.OK() {
		c.Rows[marked] = marker()
	}
	return v
}

func marker() *Object { return &Object{Type: "application/directory"} }

// RemoveTree judges the removal of a file, or of a folder or container with
// all that is below it, and does it.
func (a *Account) RemoveTree(container, path string, tokens []string) (v Verdict) {
	c := a.Containers[container]
	if c == nil || a.look(c, path) == nothing {
		v.must(true, errs.NotFound)
		return v
	}
	a.removable(&v, c, path, tokens)
	if !v.OK() {
		return v
	}
	if path == "" {
		delete(a.Containers, container)
		return v
	}
	a.clear(c, path)
	a.keepParent(c, path)
	return v
}

// removable judges the locks of what is to be removed.
func (a *Account) removable(v *Verdict, c *Container, path string, tokens []string) {
	v.must(a.locked(c, path, true, tokens), errs.Locked)
	if a.look(c, path) == folder {
		v.must(a.treeLocked(c, slashed(path), tokens), errs.Locked)
	}
}

// clear removes what is at a path, with its locks.
func (a *Account) clear(c *Container, path string) {
	bare := strings.TrimSuffix(path, "/")
	if a.look(c, path) == folder {
		for name := range c.Rows {
			if strings.HasPrefix(name, bare+"/") {
				delete(c.Rows, name)
			}
		}
		c.dropLocks(func(root string) bool { return strings.HasPrefix(root, bare+"/") })
	}
	if a.live(c, bare) != nil {
		delete(c.Rows, bare)
		c.dropLocks(func(root string) bool { return root == bare })
	}
}

// makeWay is clear for what is to be replaced: expired rows go as well.
func (a *Account) makeWay(c *Container, bare string) {
	a.clear(c, bare)
	for name, o := range c.Rows {
		if a.expired(o) && (name == bare || strings.HasPrefix(name, bare+"/")) {
			delete(c.Rows, name)
		}
	}
}

// keepParent marks the folder that lost its last member to a drive.
func (a *Account) keepParent(c *Container, path string) {
	if parent := names.Parent(path); parent != "" && a.look(c, parent) != folder {
		c.Rows[parent] = marker()
	}
}

// A TreeCall copies or moves a file, folder or container.
type TreeCall struct {
	Container, Path     string
	ToContainer, ToPath string
	Move                bool
	Overwrite, Shallow  bool
	Tokens              []string
}

// Transfer judges a copy or move and does it; created tells that it replaced
// nothing.
func (a *Account) Transfer(call TreeCall) (v Verdict, created bool) {
	s, d := a.Containers[call.Container], a.Containers[call.ToContainer]
	if call.Container == call.ToContainer && nested(call.Path, call.ToPath) {
		v.must(true, errs.Forbidden)
	}
	if s == nil || a.look(s, call.Path) == nothing {
		v.must(true, errs.NotFound)
		return v, false
	}
	if call.ToPath == "" {
		v.must(a.look(s, call.Path) == file, errs.Forbidden)
		a.holdsContent(&v, &call, s)
	} else if d == nil {
		v.must(true, errs.Conflict)
		return v, false
	}
	bare := strings.TrimSuffix(call.ToPath, "/")
	replaces := d != nil && a.look(d, bare) != nothing
	v.must(replaces && !call.Overwrite, errs.Precondition)
	if call.Move {
		a.removable(&v, s, call.Path, call.Tokens)
	}
	if d != nil {
		v.must(bare != "" && a.noParent(d, bare), errs.Conflict)
		v.must(a.locked(d, bare, !replaces, call.Tokens), errs.Locked)
		if replaces && a.look(d, bare) == folder {
			v.must(a.treeLocked(d, slashed(bare), call.Tokens), errs.Locked)
		}
	}
	a.room(&v, &call, s, d)
	if v.OK() {
		a.carry(&call, s, d)
	}
	return v, !replaces
}

// holdsContent refuses that a folder whose marker has content moves to where
// it would be a container, which has none. One that has expired may be refused.
func (a *Account) holdsContent(v *Verdict, call *TreeCall, s *Container) {
	if m := s.Rows[slashed(call.Path)]; call.Move && m != nil && m.Body != "" {
		v.must(!a.expired(m), errs.Conflict)
		v.may(errs.Conflict)
	}
}

// nested tells whether one path is the other or contains it.
func nested(a, b string) bool {
	a, b = slashed(a), slashed(b)
	return strings.HasPrefix(a, b) || strings.HasPrefix(b, a)
}

// members lists what a transfer takes along: rows of the source by the end of
// their names behind the target, "" for a file or a folder's twin.
func (a *Account) members(call *TreeCall, s *Container) map[string]*Object {
	list := make(map[string]*Object)
	bare := strings.TrimSuffix(call.Path, "/")
	if o := a.live(s, bare); o != nil {
		list[""] = o
	}
	if a.look(s, call.Path) == file {
		return list
	}
	prefix := slashed(bare)
	for name, o := range s.Rows {
		if strings.HasPrefix(name, prefix) && (call.Move || !a.expired(o)) {
			list["/"+name[len(prefix):]] = o
		}
	}
	if call.Shallow {
		list = map[string]*Object{"/": a.alone(s, prefix)}
	}
	if call.ToPath == "" { // a container needs no marker
		delete(list, "")
		delete(list, "/")
	} else if len(list) == 0 { // an empty container becomes a folder
		list["/"] = marker()
	}
	return list
}

// alone is the marker of a folder that is copied without its members: it has
// the properties of the source's, whichever form that has.
func (a *Account) alone(c *Container, prefix string) *Object {
	m := marker()
	if o := a.live(c, prefix); o != nil {
		m.Properties = maps.Clone(o.Properties)
	} else if o := a.live(c, strings.TrimSuffix(prefix, "/")); o != nil && o.marker(prefix[:len(prefix)-1]) {
		m.Properties = maps.Clone(o.Properties)
	}
	return m
}

// room judges the limits of the destination, where what is replaced no longer
// counts.
func (a *Account) room(v *Verdict, call *TreeCall, s, d *Container) {
	if s == d && call.Move || call.Move && call.Path == "" && call.ToPath == "" {
		return
	}
	var objects, bytes int64
	for _, o := range a.members(call, s) {
		objects++
		bytes += int64(len(o.Body))
	}
	after := New(a.Now)
	after.Limit = a.Limit
	for name, c := range a.Containers {
		after.Containers[name] = c.clone()
	}
	to := after.Containers[call.ToContainer]
	if to != nil && call.ToPath != "" {
		after.makeWay(to, strings.TrimSuffix(call.ToPath, "/"))
	} else {
		to = newContainer()
		after.Containers[call.ToContainer] = to
	}
	if call.Move {
		over := after.Limit
		after.Limit = 0
		v.must(after.noRoom(to, objects, bytes), errs.OverQuota)
		after.Limit = over
		return
	}
	v.must(after.noRoom(to, objects, bytes), errs.OverQuota)
}

func (c *Container) clone() *Container {
	n := *c
	n.Rows = make(map[string]*Object, len(c.Rows))
	for name, o := range c.Rows {
		n.Rows[name] = o
	}
	n.Locks = append([]*Lock(nil), c.Locks...)
	return &n
}

// carry does a transfer that was judged.
func (a *Account) carry(call *TreeCall, s, d *Container) {
	if call.Move && call.Path == "" && call.ToPath == "" { // a rename keeps all but the locks
		delete(a.Containers, call.Container)
		a.Containers[call.ToContainer] = s
		s.Locks = nil
		return
	}
	list, from := a.members(call, s), a.look(s, call.Path)
	bare := strings.TrimSuffix(call.ToPath, "/")
	if call.ToPath == "" {
		d = newContainer()
		a.Containers[call.ToContainer] = d
	} else {
		a.makeWay(d, bare)
	}
	if call.Move {
		a.leave(call, s)
	}
	for end, o := range list {
		name := bare + end
		if call.ToPath == "" {
			name = strings.TrimPrefix(end, "/")
		}
		if call.Move {
			d.Rows[name] = o
		} else {
			d.Rows[name] = o.copyOf()
		}
	}
	if from == folder && bare != "" && a.look(d, bare) != folder {
		d.Rows[bare+"/"] = marker() // of a container where all has expired
	}
	if call.Move && call.Path != "" {
		a.keepParent(s, call.Path)
	}
}

// leave removes the source of a move, with its locks.
func (a *Account) leave(call *TreeCall, s *Container) {
	bare := strings.TrimSuffix(call.Path, "/")
	if bare == "" {
		delete(a.Containers, call.Container)
		return
	}
	if a.look(s, call.Path) == file {
		delete(s.Rows, bare)
		s.dropLocks(func(root string) bool { return root == bare })
		return
	}
	for name := range s.Rows {
		if strings.HasPrefix(name, bare+"/") {
			delete(s.Rows, name)
		}
	}
	if a.live(s, bare) != nil {
		delete(s.Rows, bare)
	}
	s.dropLocks(func(root string) bool { return root == bare || strings.HasPrefix(root, bare+"/") })
}
