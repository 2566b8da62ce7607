// Package model says, in plain maps, what an account of a gateway does: which
// objects, folders, containers and locks there are after each call, and which
// refusals a call must or may meet. It is slow, has no transactions and shares
// no code with the gateway but the rules of names, so that the two can be
// compared (Machine).
//
// It is the rules' second telling: where it and the gateway differ, one of them
// is wrong.
package model

import (
	"maps"
	"slices"
	"strings"
	"time"

	"entrepot/gateway/errs"
	"entrepot/gateway/names"
)

// An Object is what one name holds.
type Object struct {
	Body       string
	Type       string
	Properties map[string]string
	DeleteAt   time.Time // zero: never
}

// marker tells whether the object under name marks a folder.
func (o *Object) marker(name string) bool {
	return o.Body == "" && (strings.HasSuffix(name, "/") || directoryType(o.Type))
}

func directoryType(t string) bool {
	return t == "application/directory" || t == "application/x-directory" || t == "application/pseudo-folder"
}

// A Lock is a write lock. Root is the path of a file, or of a folder with its
// slash; "" is the container.
type Lock struct {
	Root                string
	Infinite, Exclusive bool
	Token               string
	Expires             time.Time
}

// A Container holds objects by name, expired ones among them until they are
// reaped.
type Container struct {
	Rows                  map[string]*Object
	Locks                 []*Lock
	QuotaBytes, QuotaSize int64 // bytes and objects; -1: none
}

// An Account is the whole model. The zero Limit is none.
type Account struct {
	Containers map[string]*Container
	Limit      int64 // of the bytes in its depot
	Now        func() time.Time
}

// New returns an account without containers.
func New(now func() time.Time) *Account {
	return &Account{Containers: make(map[string]*Container), Now: now}
}

func newContainer() *Container {
	return &Container{Rows: make(map[string]*Object), QuotaBytes: -1, QuotaSize: -1}
}

// A Verdict says how a call may end: with one of Must when there are any, else
// with success or one of May. Where several rules are broken, which one is
// told is left open.
type Verdict struct{ Must, May []errs.Kind }

func (v *Verdict) must(broken bool, k errs.Kind) {
	if broken {
		v.Must = append(v.Must, k)
	}
}

func (v *Verdict) may(k errs.Kind) { v.May = append(v.May, k) }

// OK tells whether the call has to succeed or to be refused by a rule that
// the model leaves open.
func (v *Verdict) OK() bool { return len(v.Must) == 0 }

// Allows judges the answer to a call.
func (v *Verdict) Allows(err error) bool {
	if err == nil {
		return v.OK()
	}
	k := errs.Of(err)
	return slices.Contains(v.Must, k) || slices.Contains(v.May, k)
}

// expired tells whether a row is past its time: it is seen by nobody and
// counted until it is reaped.
func (a *Account) expired(o *Object) bool {
	return !o.DeleteAt.IsZero() && !a.Now().Before(o.DeleteAt)
}

// live returns the object under a name, nil when there is none.
func (a *Account) live(c *Container, name string) *Object {
	if o := c.Rows[name]; o != nil && !a.expired(o) {
		return o
	}
	return nil
}

// Live lists the names that are seen, in byte order.
func (a *Account) Live(c *Container) []string {
	var list []string
	for name, o := range c.Rows {
		if !a.expired(o) {
			list = append(list, name)
		}
	}
	slices.Sort(list)
	return list
}

// below tells whether a live name begins with prefix.
func (a *Account) below(c *Container, prefix string) bool {
	for name, o := range c.Rows {
		if strings.HasPrefix(name, prefix) && !a.expired(o) {
			return true
		}
	}
	return false
}

// kind is what a path is for a drive.
type kind uint8

const (
	nothing kind = iota
	file
	folder
)

// look says what a path is: a folder wins over a file of the same name, and a
// path with a slash names a folder only.
func (a *Account) look(c *Container, path string) kind {
	bare := strings.TrimSuffix(path, "/")
	o := a.live(c, bare)
	switch {
	case path == "", a.below(c, bare+"/"), o != nil && o.marker(bare):
		return folder
	case o != nil && bare == path:
		return file
	}
	return nothing
}

// noParent tells whether a new member at path would have no folder to lie in.
func (a *Account) noParent(c *Container, path string) bool {
	for _, above := range names.Ancestors(path) {
		if a.look(c, above) == file {
			return true
		}
	}
	parent := names.Parent(path)
	return parent != "" && a.look(c, parent) != folder
}

// Usage counts a container's rows and their bytes.
func (c *Container) Usage() (objects, bytes int64) {
	for _, o := range c.Rows {
		objects++
		bytes += int64(len(o.Body))
	}
	return objects, bytes
}

// Usage counts the account's rows and their bytes.
func (a *Account) Usage() (objects, bytes int64) {
	for _, c := range a.Containers {
		n, b := c.Usage()
		objects, bytes = objects+n, bytes+b
	}
	return objects, bytes
}

// noRoom tells whether a container may not grow so.
func (a *Account) noRoom(c *Container, objects, bytes int64) bool {
	n, b := c.Usage()
	return c.QuotaBytes >= 0 && bytes > 0 && b+bytes > c.QuotaBytes ||
		c.QuotaSize >= 0 && objects > 0 && n+objects > c.QuotaSize ||
		a.noDepotRoom(bytes)
}

func (a *Account) noDepotRoom(bytes int64) bool {
	_, used := a.Usage()
	return a.Limit != 0 && bytes > 0 && used+bytes > a.Limit
}

// copyOf is the object as a copy has it.
func (o *Object) copyOf() *Object {
	c := *o
	c.Properties = maps.Clone(o.Properties)
	return &c
}
