package dav

import (
	"context"
	"io/fs"
	"os"
	"strings"
	"time"

	"golang.org/x/net/webdav"

	"entrepot/gateway"
	"entrepot/gateway/errs"
)

// A drive is the storage adapter: it shows one account of the gateway through
// the interfaces of golang.org/x/net/webdav. A value serves one request. Its
// paths are "/container/a/b", decoded.
type drive struct {
	trees      *gateway.Trees
	objects    *gateway.Objects
	account    string
	conditions gateway.Conditions // of the request, passed on with each change
	patch      gateway.PropPatch  // of the folder that Mkdir makes
	// report hears of each failure in full, which the interface flattens to
	// "absent", "exists" and "denied". It may be nil.
	report func(error)
}

var _ webdav.FileSystem = drive{}

// ref turns a path of the interface into a name; path undoes it.
func (d drive) ref(name string) gateway.Ref {
	container, object, _ := strings.Cut(strings.Trim(name, "/"), "/")
	return gateway.Ref{Account: d.account, Container: container, Object: object}
}

func (d drive) path(ref gateway.Ref) string {
	if ref.Object == "" {
		return "/" + ref.Container
	}
	return "/" + ref.Container + "/" + strings.TrimSuffix(ref.Object, "/")
}

// failed translates an error of the gateway at the border: x/net recognises
// bare fs errors only.
func (d drive) failed(op, name string, err error) error {
	if err == nil {
		return nil
	}
	if d.report != nil {
		d.report(err)
	}
	cause := err
	switch errs.Of(err) {
	case errs.NotFound:
		cause = fs.ErrNotExist
	case errs.Conflict:
		if r := errs.ReasonOf(err); r == errs.NoParent || r == errs.ParentIsFile {
			cause = fs.ErrNotExist
		}
	case errs.Exists:
		cause = fs.ErrExist
	case errs.Forbidden, errs.Unauthenticated, errs.Locked:
		cause = fs.ErrPermission
	}
	return &fs.PathError{Op: op, Path: name, Err: cause}
}

// Mkdir implements webdav.FileSystem.
func (d drive) Mkdir(ctx context.Context, name string, _ os.FileMode) error {
	patch := d.patch
	patch.Conditions = d.conditions
	return d.failed("mkdir", name, d.trees.MakeFolderWith(ctx, d.ref(name), patch))
}

// RemoveAll implements webdav.FileSystem; an absent name is not an error.
func (d drive) RemoveAll(ctx context.Context, name string) error {
	err := d.trees.Delete(ctx, d.ref(name), d.conditions)
	if errs.Of(err) == errs.NotFound {
		return nil
	}
	return d.failed("removeall", name, err)
}

// Rename implements webdav.FileSystem; the new name must be free.
func (d drive) Rename(ctx context.Context, oldName, newName string) error {
	_, err := d.trees.Move(ctx, d.ref(oldName), d.ref(newName), gateway.TreeOptions{Conditions: d.conditions})
	return d.failed("rename", oldName, err)
}

// Stat implements webdav.FileSystem.
func (d drive) Stat(ctx context.Context, name string) (os.FileInfo, error) {
	node, err := d.trees.Stat(ctx, d.ref(name), gateway.NodeParts{})
	if err != nil {
		return nil, d.failed("stat", name, err)
	}
	return fileInfo{node}, nil
}

// OpenFile implements webdav.FileSystem. A file opened to be created or
// truncated is new content from its first byte on, and takes the place of the
// old on Close; any other way of opening reads content and changes properties
// only, which is what x/net's PROPPATCH opens resources for.
func (d drive) OpenFile(ctx context.Context, name string, flag int, _ os.FileMode) (webdav.File, error) {
	if flag&(os.O_CREATE|os.O_TRUNC) != 0 {
		return d.create(ctx, name)
	}
	node, err := d.trees.Stat(ctx, d.ref(name), gateway.NodeParts{Props: true})
	if err != nil {
		return nil, d.failed("open", name, err)
	}
	return &handle{drive: d, ctx: ctx, name: name, node: node}, nil
}

// fileInfo shows a node as the interface wants it; it answers type and tag
// from the record, so that nothing is opened for them.
type fileInfo struct{ node gateway.Node }

var (
	_ os.FileInfo         = fileInfo{}
	_ webdav.ETager       = fileInfo{}
	_ webdav.ContentTyper = fileInfo{}
)

// Name implements os.FileInfo.
func (i fileInfo) Name() string { return i.node.Name() }

// Size implements os.FileInfo.
func (i fileInfo) Size() int64 { return i.node.Object.Size }

// ModTime implements os.FileInfo.
func (i fileInfo) ModTime() time.Time { return i.node.Modified }

// IsDir implements os.FileInfo.
func (i fileInfo) IsDir() bool { return i.node.Folder() }

// Sys implements os.FileInfo: there is nothing below.
func (i fileInfo) Sys() any { return nil }

// Mode implements os.FileInfo.
func (i fileInfo) Mode() os.FileMode {
	mode := os.FileMode(0o400)
	if i.node.Access.Write {
		mode |= 0o200
	}
	if i.node.Folder() {
		mode |= os.ModeDir | 0o100
	}
	return mode
}

// ETag implements webdav.ETager with the tag that GET sends.
func (i fileInfo) ETag(context.Context) (string, error) {
	if i.node.Object.ETag() == "" {
		return "", webdav.ErrNotImplemented
	}
	return `"` + i.node.Object.ETag() + `"`, nil
}

// ContentType implements webdav.ContentTyper with the stored type.
func (i fileInfo) ContentType(context.Context) (string, error) {
	return i.node.Object.ContentType, nil
}

// locks returns the lock system of one request on ref: the interface carries
// neither context nor resource, so both are bound here.
func (d drive) locks(ctx context.Context, ref gateway.Ref) lockSystem {
	return lockSystem{unlock: func(token string) error {
		err := d.trees.Unlock(ctx, ref, token)
		if err != nil && d.report != nil {
			d.report(err)
		}
		return lockFailure(err)
	}}
}

// lockFailure translates an error of the gateway into the package's.
func lockFailure(err error) error {
	switch errs.Of(err) {
	case errs.Forbidden:
		return webdav.ErrForbidden
	case errs.Locked:
		return webdav.ErrLocked
	case errs.Conflict, errs.Precondition, errs.NotFound:
		return webdav.ErrNoSuchLock
	}
	return err
}

// A lockSystem is what x/net's handler sees of locks when the gateway decides
// about them: every confirmation succeeds, and the locks that the handler
// takes for the length of a request are not real.
type lockSystem struct {
	unlock func(token string) error
}

var _ webdav.LockSystem = lockSystem{}

// passing is the token of locks that are not real.
const passing = "urn:entrepot:passing"

// Confirm implements webdav.LockSystem; the gateway confirms at commit.
func (l lockSystem) Confirm(time.Time, string, string, ...webdav.Condition) (func(), error) {
	return func() {}, nil
}

// Create implements webdav.LockSystem for the handler's own short locks.
func (l lockSystem) Create(time.Time, webdav.LockDetails) (string, error) { return passing, nil }

// Refresh implements webdav.LockSystem; LOCK is never handed over.
func (l lockSystem) Refresh(time.Time, string, time.Duration) (webdav.LockDetails, error) {
	return webdav.LockDetails{}, webdav.ErrNoSuchLock
}

// Unlock implements webdav.LockSystem.
func (l lockSystem) Unlock(_ time.Time, token string) error {
	if token == passing {
		return nil
	}
	return l.unlock(token)
}
