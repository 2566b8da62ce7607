package gateway

// This file holds signatures that are being filled in. It disappears.

import (
	"context"
	"io"
	"time"

	"entrepot/gateway/errs"
)

// Gateway is the core. A face is given the parts it needs, not the whole.
type Gateway struct {
	Accounts   *Accounts
	Containers *Containers
	Objects    *Objects
	Trees      *Trees // the drive's view: folders; copy, move, delete of whole prefixes; properties; locks
	Depots     *Depots
}

type core struct{}

// Accounts manages tenants and their users.
type Accounts struct{ *core }

// Containers manages the containers of an account.
type Containers struct{ *core }

// Objects reads and writes objects by name.
type Objects struct{ *core }

// Trees is the view that a mounted drive has of accounts and containers.
type Trees struct{ *core }

// Depots manages quotas over containers.
type Depots struct{ *core }

var errStub = errs.New("stub", errs.Unavailable, "", "not built yet")

// Get returns an account with its counts. NotFound (NoAccount) for those who
// may know, Forbidden or Unauthenticated for others.
func (a *Accounts) Get(ctx context.Context, name string) (Account, error) { return Account{}, errStub }

// SetProperties merges changes into the account's properties: an empty value
// removes. Owners only.
func (a *Accounts) SetProperties(ctx context.Context, name string, changes Properties) error {
	return errStub
}

// List returns the account together with a page of its containers.
func (c *Containers) List(ctx context.Context, account string, opt ListOptions) (Account, []ContainerEntry, error) {
	return Account{}, nil, errStub
}

// ContainerChange is merged into a container: an empty value removes.
type ContainerChange struct {
	Properties        Properties
	Headers           Properties
	ReadACL, WriteACL *string // nil: unchanged
}

// Create makes a container, or merges change into an existing one; created
// tells which.
func (c *Containers) Create(ctx context.Context, ref Ref, change ContainerChange) (created bool, err error) {
	return false, errStub
}

// Get returns a container for a caller who may list it.
func (c *Containers) Get(ctx context.Context, ref Ref) (Container, error) {
	return Container{}, errStub
}

// Update merges change into an existing container. Owners only.
func (c *Containers) Update(ctx context.Context, ref Ref, change ContainerChange) error {
	return errStub
}

// Delete removes an empty container; Conflict with NotEmpty otherwise.
func (c *Containers) Delete(ctx context.Context, ref Ref) error { return errStub }

// CheckPut tells early whether Put would be refused: rights, names, container,
// conditions, locks and the declared size against limits and quota. Faces call
// it before the first byte of a body is read, so that "100 Continue" is not
// sent in vain; Put does not need it.
func (o *Objects) CheckPut(ctx context.Context, ref Ref, opt PutOptions) error { return errStub }

// Put stores body under ref and makes it visible in one step: readers see the
// old object until Put returns and never a part of the new one. Conditions,
// locks and quota are checked before body is read and again at commit.
func (o *Objects) Put(ctx context.Context, ref Ref, body io.Reader, opt PutOptions) (PutResult, error) {
	return PutResult{}, errStub
}

// Head returns an object's properties. On errs.Precondition and
// errs.NotModified the object is returned too.
func (o *Objects) Head(ctx context.Context, ref Ref, cond Conditions) (Object, error) {
	return Object{}, errStub
}

// Open returns an object with its content. On errs.Precondition and
// errs.NotModified the object is returned too, without content. The caller
// closes the content.
func (o *Objects) Open(ctx context.Context, ref Ref, cond Conditions) (Object, Content, error) {
	return Object{}, nil, errStub
}

// SetMeta replaces an object's properties; content, digest and size stay.
func (o *Objects) SetMeta(ctx context.Context, ref Ref, change MetaChange) (Object, error) {
	return Object{}, errStub
}

// Delete removes an object.
func (o *Objects) Delete(ctx context.Context, ref Ref, tokens []string) error { return errStub }

// Copy makes dst an object with the content of src, by reference. It returns
// the source as it was read, too.
func (o *Objects) Copy(ctx context.Context, src, dst Ref, opt CopyOptions) (source Object, result PutResult, err error) {
	return Object{}, PutResult{}, errStub
}

// List returns a container together with a page of its names.
func (o *Objects) List(ctx context.Context, ref Ref, opt ListOptions) (Container, []Entry, error) {
	return Container{}, nil, errStub
}

// Stat finds the node at ref. A folder is found with and without its slash;
// a file only without. NotFound otherwise. Where a file and a folder share a
// name, the ref without slash finds the folder.
func (t *Trees) Stat(ctx context.Context, ref Ref, parts NodeParts) (Node, error) {
	return Node{}, errStub
}

// Check evaluates conditions on ref (existing or not) without changing
// anything: errs.Precondition, or errs.NotModified never.
func (t *Trees) Check(ctx context.Context, ref Ref, cond Conditions) error { return errStub }

// Count counts the nodes of the subtree at ref, itself included, and stops
// above limit.
func (t *Trees) Count(ctx context.Context, ref Ref, limit int) (int, error) { return 0, errStub }

// List returns a page of the members of the folder at ref.
func (t *Trees) List(ctx context.Context, ref Ref, opt ListTree) (TreePage, error) {
	return TreePage{}, errStub
}

// MakeFolder makes a folder, or a container directly below the root. Exists
// when anything is there; Conflict (NoParent, ParentIsFile) without a parent.
func (t *Trees) MakeFolder(ctx context.Context, ref Ref, cond Conditions) error { return errStub }

// Delete removes a file, or a folder or container with all that is below it,
// at once.
func (t *Trees) Delete(ctx context.Context, ref Ref, cond Conditions) error { return errStub }

// Copy copies a file or a tree by reference; nothing is read or written but
// records. An existing destination is replaced whole, in the same step.
func (t *Trees) Copy(ctx context.Context, src, dst Ref, opt TreeOptions) (created bool, err error) {
	return false, errStub
}

// Move renames a file, folder or container in one step.
func (t *Trees) Move(ctx context.Context, src, dst Ref, opt TreeOptions) (created bool, err error) {
	return false, errStub
}

// PatchProps changes dead properties and the modification time of a node, all
// or nothing. OverQuota with MetadataFull above the limits.
func (t *Trees) PatchProps(ctx context.Context, ref Ref, patch PropPatch) error { return errStub }

// Quota returns the room of the container or account at ref.
func (t *Trees) Quota(ctx context.Context, ref Ref) (Quota, error) { return Quota{}, errStub }

// Lock takes a lock; created tells that it made an empty file at an unmapped
// ref. Locked with a *LockError when another lock is in the way.
func (t *Trees) Lock(ctx context.Context, ref Ref, req LockRequest) (lock Lock, created bool, err error) {
	return Lock{}, false, errStub
}

// Refresh gives a lock that covers ref and whose token is among tokens a new
// timeout; Precondition with NoLock otherwise.
func (t *Trees) Refresh(ctx context.Context, ref Ref, tokens []string, timeout time.Duration) (Lock, error) {
	return Lock{}, errStub
}

// Unlock ends a lock that covers ref: Conflict with NoLock when the token does
// not, Forbidden when it is another user's (administrators may).
func (t *Trees) Unlock(ctx context.Context, ref Ref, token string) error { return errStub }

// Create makes a depot for a user. Operators and administrators only, as for
// every call of Depots. Invalid with BadLimit, Conflict with BadDepotID.
func (d *Depots) Create(ctx context.Context, opt DepotOptions, call DepotCall) (Depot, error) {
	return Depot{}, errStub
}

// Owned returns the depots of a user in ascending order of id, with shared
// also those the user is authorised for. NotFound with NoDepotForUser when
// there are none; with id not 0 only that one, NotFound with NoDepot when it
// is not among them.
func (d *Depots) Owned(ctx context.Context, user string, id uint64, shared bool) ([]Depot, error) {
	return nil, errStub
}

// Spaces returns the containers of the user's depots (of one depot when id is
// not 0) in ascending order of id.
func (d *Depots) Spaces(ctx context.Context, user string, id uint64) ([]Space, error) {
	return nil, errStub
}

// SetLimits gives a depot new limits; they may lie below what is stored. The
// limits are judged after user and depot were found: Invalid with BadLimit.
func (d *Depots) SetLimits(ctx context.Context, user string, id uint64, limits DepotLimits, call DepotCall) error {
	return errStub
}

// Delete removes a depot and all its containers with their objects.
func (d *Depots) Delete(ctx context.Context, user string, id uint64, call DepotCall) error {
	return errStub
}
