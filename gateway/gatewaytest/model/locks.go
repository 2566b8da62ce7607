package model

import (
	"slices"
	"strings"
	"time"

	"entrepot/gateway/errs"
	"entrepot/gateway/names"
)

// covering lists the live locks that protect the node at path.
func (a *Account) covering(c *Container, path string) []*Lock {
	bare := strings.TrimSuffix(path, "/")
	var list []*Lock
	for _, l := range c.Locks {
		above := l.Infinite && (l.Root == "" || strings.HasSuffix(l.Root, "/") && strings.HasPrefix(path, l.Root))
		if a.Now().Before(l.Expires) && (strings.TrimSuffix(l.Root, "/") == bare || above) {
			list = append(list, l)
		}
	}
	return list
}

// unheld tells whether a node is locked and none of its locks was submitted.
func unheld(locks []*Lock, tokens []string) bool {
	return len(locks) > 0 && !slices.ContainsFunc(locks, func(l *Lock) bool { return slices.Contains(tokens, l.Token) })
}

// parentLocked tells whether the list of members that path is in is locked.
func (a *Account) parentLocked(c *Container, path string, tokens []string) bool {
	var list []*Lock
	for _, l := range c.Locks {
		if path != "" && l.Root == names.Parent(path) && a.Now().Before(l.Expires) {
			list = append(list, l)
		}
	}
	return unheld(list, tokens)
}

// locked tells whether a write at path meets a lock; member says that it adds
// or removes the name.
func (a *Account) locked(c *Container, path string, member bool, tokens []string) bool {
	return unheld(a.covering(c, path), tokens) || member && a.parentLocked(c, path, tokens)
}

// treeLocked tells whether something at or below a folder is locked.
func (a *Account) treeLocked(c *Container, path string, tokens []string) bool {
	roots := make(map[string][]*Lock)
	for _, l := range c.Locks {
		if strings.HasPrefix(l.Root, path) && a.Now().Before(l.Expires) {
			roots[l.Root] = append(roots[l.Root], l)
		}
	}
	for _, group := range roots {
		if unheld(group, tokens) {
			return true
		}
	}
	return false
}

// dropLocks ends the locks that are rooted where gone says.
func (c *Container) dropLocks(gone func(root string) bool) {
	c.Locks = slices.DeleteFunc(c.Locks, func(l *Lock) bool { return gone(l.Root) })
}

// LockCall is a request for a lock.
type LockCall struct {
	Container, Path     string
	Infinite, Exclusive bool
	Timeout             time.Duration
	Tokens              []string
}

// Lock judges a request for a lock; granted is called with the lock's token
// once it is there.
func (a *Account) Lock(call LockCall) (v Verdict, granted func(token string)) {
	c := a.Containers[call.Container]
	if c == nil {
		v.must(call.Path == "", errs.Forbidden) // a file beside containers
		v.must(call.Path != "", errs.Conflict)  // the parent is missing
		return v, nil
	}
	path := call.Path
	k := a.look(c, path)
	switch k {
	case folder:
		path = slashed(path)
	case nothing:
		if strings.HasSuffix(path, "/") {
			v.must(true, errs.NotFound)
		}
		v.must(a.noParent(c, path), errs.Conflict)
		v.must(a.locked(c, path, true, call.Tokens), errs.Locked)
		v.must(a.noRoom(c, added(c, path), 0), errs.OverQuota)
		if c.Rows[path] != nil && a.noRoom(c, 1, 0) {
			v.may(errs.OverQuota) // an expired row is there
		}
	}
	for _, l := range c.Locks {
		above := slices.Contains(a.covering(c, path), l)
		inside := call.Infinite && k == folder && strings.HasPrefix(l.Root, path) && a.Now().Before(l.Expires)
		v.must((above || inside) && (call.Exclusive || l.Exclusive), errs.Locked)
	}
	return v, func(token string) {
		if k == nothing {
			c.Rows[path] = &Object{Type: "?"}
		}
		c.Locks = append(c.Locks, &Lock{
			Root: path, Infinite: call.Infinite, Exclusive: call.Exclusive, Token: token, Expires: a.Now().Add(call.Timeout),
		})
	}
}

// Unlock judges the end of a lock and does it.
func (a *Account) Unlock(container, path, token string) (v Verdict) {
	c := a.Containers[container]
	if c == nil {
		v.must(true, errs.NotFound)
		return v
	}
	i := slices.IndexFunc(a.covering(c, path), func(l *Lock) bool { return l.Token == token })
	there := a.look(c, path) != nothing
	v.must(i < 0 && there, errs.Conflict)
	v.must(i < 0 && !there, errs.NotFound)
	if v.OK() {
		c.Locks = slices.DeleteFunc(c.Locks, func(l *Lock) bool { return l.Token == token })
	}
	return v
}

// slashed is a path with the slash of a folder; the container has none.
func slashed(path string) string {
	if path == "" || strings.HasSuffix(path, "/") {
		return path
	}
	return path + "/"
}

// added is how many rows a write of a name adds.
func added(c *Container, name string) int64 {
	if c.Rows[name] != nil {
		return 0
	}
	return 1
}
