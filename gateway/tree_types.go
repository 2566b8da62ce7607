package gateway

import (
	"strings"
	"time"

	"entrepot/gateway/errs"
)

// Kind of a Node.
type NodeKind uint8

// The kinds of node in the tree that a drive shows.
const (
	NodeRoot      NodeKind = iota + 1 // the account
	NodeContainer                     // a first-level folder
	NodeFolder                        // a prefix, marked or implied
	NodeFile
)

// A Node is one resource of the tree that a drive shows.
type Node struct {
	// Ref is canonical: Ref.Object of a folder ends in a slash.
	Ref  Ref
	Kind NodeKind
	// Object is the file, or the marker of a marked folder (zero otherwise).
	Object Object
	// Created and Modified are what a drive shows: a folder's come from its
	// marker, else from the container.
	Created, Modified time.Time
	Props             []DeadProp // when asked for
	Locks             []Lock     // when asked for: direct and inherited, live ones only
	Access            Access
	// Past marks what a snapshot shows, and the folders that lead there: it
	// can be read and copied, and nothing of it changes.
	Past bool
}

// Folder tells whether the node is a collection.
func (n Node) Folder() bool { return n.Kind != NodeFile }

// Name returns the last segment: the account's or container's name, or the
// last path element without a slash.
func (n Node) Name() string {
	switch n.Kind {
	case NodeRoot:
		return n.Ref.Account
	case NodeContainer:
		return n.Ref.Container
	}
	name := strings.TrimSuffix(n.Ref.Object, "/")
	return name[strings.LastIndexByte(name, '/')+1:]
}

// NodeParts choose the costlier parts of nodes: dead properties, locks, and the
// user properties of listed objects (a single node always has them).
type NodeParts struct{ Props, Locks, User bool }

// A DeadProp is a WebDAV property that the server keeps without understanding
// it. Value is the serialised content of the element with every namespace
// declaration that it needs; the gateway treats it as bytes.
type DeadProp struct {
	Space, Name string
	Lang        string
	Value       []byte
}

// A PropChange sets or removes one property of a node.
type PropChange struct {
	Remove bool
	Prop   DeadProp // Value and Lang are ignored when Remove
}

// A MetaItem sets or removes one user property: the map that every door
// shows, see Properties.
type MetaItem struct {
	Name, Value string
	Remove      bool
}

// PropPatch is one atomic change of a node's properties.
type PropPatch struct {
	Changes []PropChange
	// User changes user properties of files and folders; containers have
	// settings in their place, and take none.
	User []MetaItem
	// Modified sets the user-visible modification time of a file or a marked
	// folder; zero: unchanged.
	Modified   time.Time
	Conditions Conditions
}

// A Lock is a write lock on a node of the tree. It binds every face.
type Lock struct {
	Token     string // opaquelocktoken:UUID
	Root      Ref    // canonical, with a slash where it is a folder
	Infinite  bool   // depth infinity
	Exclusive bool
	Owner     []byte // owner element as the client sent it, self-contained
	User      string // login that made it
	Created   time.Time
	Expires   time.Time
}

// LockRequest asks for a new lock.
type LockRequest struct {
	Infinite   bool
	Exclusive  bool
	Owner      []byte
	Timeout    time.Duration // 0 or above the cap: the configured default or cap
	Conditions Conditions
}

// A LockError is the cause of an errs.Locked failure: the lock in the way.
type LockError struct {
	Root Ref // canonical root of the offending lock
}

// Error says what is locked.
func (e *LockError) Error() string { return "locked at " + e.Root.String() }

// Unwrap makes errors.Is(err, errs.Locked) true.
func (e *LockError) Unwrap() error { return errs.Locked }

// A PropError is the cause of an errs.OverQuota failure of a change of
// properties: the one that has no room.
type PropError struct {
	Space, Name string
	User        bool // a user property, which has no namespace
}

// Error names the property.
func (e *PropError) Error() string { return "no room for the property " + e.Space + " " + e.Name }

// Unwrap makes errors.Is(err, errs.OverQuota) true.
func (e *PropError) Unwrap() error { return errs.OverQuota }

// TreeOptions say how Trees.Copy and Trees.Move treat their destination.
type TreeOptions struct {
	Overwrite bool
	// Shallow copies a folder without its members (COPY with Depth 0).
	Shallow bool
	// Modified and Created are the times of a single file; zero: the source's
	// modification time, and for a copy the present as its creation.
	Modified, Created time.Time
	Conditions        Conditions
}

// ListTree selects a page of a folder's tree.
type ListTree struct {
	// After continues behind this canonical Ref; the zero Ref begins.
	After Ref
	Limit int
	// Recursive walks the whole subtree, parents before members; else only
	// direct members. The listed folder itself is not among the nodes.
	Recursive bool
	Parts     NodeParts
	// Into is memory that the page's nodes may lie in, such as those of the
	// page before when they are done with.
	Into []Node
}

// TreePage is one page of nodes in byte order, folders sorting with their
// slash. Next is the zero Ref when the listing is complete.
type TreePage struct {
	Nodes []Node
	Next  Ref
}

// Quota is what a folder shows of the room it has.
type Quota struct {
	Used      int64
	Available int64
}
