package model

import (
	"maps"
	"strings"
	"time"

	"entrepot/gateway/errs"
)

// Create makes a container or finds it there.
func (a *Account) Create(container string) (created bool) {
	if a.Containers[container] != nil {
		return false
	}
	a.Containers[container] = newContainer()
	return true
}

// Remove judges the removal of an empty container and does it.
func (a *Account) Remove(container string) (v Verdict) {
	c := a.Containers[container]
	if c == nil {
		v.must(true, errs.NotFound)
		return v
	}
	v.must(a.below(c, ""), errs.Conflict)
	if v.OK() {
		delete(a.Containers, container)
	}
	return v
}

// SetQuota limits a container; -1 is no limit.
func (a *Account) SetQuota(container string, bytes, objects int64) (v Verdict) {
	c := a.Containers[container]
	if c == nil {
		v.must(true, errs.NotFound)
		return v
	}
	c.QuotaBytes, c.QuotaSize = bytes, objects
	return v
}

// Reap removes the rows whose time is over.
func (a *Account) Reap() {
	for _, c := range a.Containers {
		for name, o := range c.Rows {
			if !a.expired(o) {
				continue
			}
			delete(c.Rows, name)
			if !strings.HasSuffix(name, "/") || !a.below(c, name) {
				c.dropLocks(func(root string) bool { return root == name })
			}
		}
	}
}

// A PutCall writes an object.
type PutCall struct {
	Container, Name string
	Object          Object
	Drive           bool // by the rules of a mounted drive
	New             bool // only where nothing is
	Existing        bool // only where something is
	Tokens          []string
}

// Put judges a write and does it.
func (a *Account) Put(call PutCall) (v Verdict) {
	c := a.Containers[call.Container]
	if c == nil {
		v.must(true, errs.NotFound)
		if call.Drive {
			v.may(errs.Conflict) // a missing parent
		}
		return v
	}
	old := a.live(c, call.Name)
	v.must(call.New && old != nil, errs.Precondition)
	v.must(call.Existing && old == nil, errs.Precondition)
	v.must(a.locked(c, call.Name, old == nil, call.Tokens), errs.Locked)
	if call.Drive {
		inTheWay := a.look(c, call.Name) == folder
		v.must(inTheWay && !call.New, errs.Exists)
		v.must(inTheWay && call.New, errs.Precondition)
		v.must(a.noParent(c, call.Name), errs.Conflict)
	}
	v.must(a.noRoom(c, added(c, call.Name), grows(c, call.Name, call.Object.Body)), errs.OverQuota)
	if !v.OK() {
		return v
	}
	o := call.Object.copyOf()
	if old != nil && call.Drive {
		kept := maps.Clone(old.Properties)
		maps.Copy(kept, o.Properties)
		o.Properties = kept
	}
	c.Rows[call.Name] = o
	return v
}

// grows is how many bytes a write of a body adds.
func grows(c *Container, name, body string) int64 {
	if row := c.Rows[name]; row != nil {
		return int64(len(body) - len(row.Body))
	}
	return int64(len(body))
}

// Delete judges the removal of an object and does it.
func (a *Account) Delete(container, name string, tokens []string) (v Verdict) {
	c := a.Containers[container]
	if c == nil || a.live(c, name) == nil {
		v.must(true, errs.NotFound)
		return v
	}
	v.must(a.locked(c, name, true, tokens), errs.Locked)
	if v.OK() {
		delete(c.Rows, name)
		c.dropLocks(func(root string) bool { return root == name })
	}
	return v
}

// SetMeta judges a change of properties and does it.
func (a *Account) SetMeta(container, name string, properties map[string]string, deleteAt time.Time, tokens []string) (v Verdict) {
	c := a.Containers[container]
	if c == nil || a.live(c, name) == nil {
		v.must(true, errs.NotFound)
		return v
	}
	v.must(a.locked(c, name, false, tokens), errs.Locked)
	if v.OK() {
		o := a.live(c, name).copyOf()
		o.Properties, o.DeleteAt = maps.Clone(properties), deleteAt
		c.Rows[name] = o
	}
	return v
}

// A CopyCall copies one object.
type CopyCall struct {
	Container, Name     string
	ToContainer, ToName string
	Properties          map[string]string // over the source's
	Tokens              []string
}

// Copy judges a copy of an object and makes it.
func (a *Account) Copy(call CopyCall) (v Verdict) {
	s, d := a.Containers[call.Container], a.Containers[call.ToContainer]
	if s == nil || d == nil || a.live(s, call.Name) == nil {
		v.must(true, errs.NotFound)
		return v
	}
	o := a.live(s, call.Name).copyOf()
	v.must(a.locked(d, call.ToName, a.live(d, call.ToName) == nil, call.Tokens), errs.Locked)
	v.must(a.noRoom(d, added(d, call.ToName), grows(d, call.ToName, o.Body)), errs.OverQuota)
	if v.OK() {
		if o.Properties == nil {
			o.Properties = make(map[string]string)
		}
		maps.Copy(o.Properties, call.Properties)
		d.Rows[call.ToName] = o
	}
	return v
}
