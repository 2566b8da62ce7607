package dav

import (
	"net/http"
	"time"

	"entrepot/gateway"
	"entrepot/gateway/errs"
)

// delete serves DELETE (RFC 4918 section 9.6).
func (f *Face) delete(q *request) error {
	cond, err := f.conditions(q)
	if err != nil {
		return err
	}
	if err := f.mayNameContainers(q.ref); err != nil {
		return err
	}
	ref := f.resolve(q.ctx(), q.ref)
	if _, err := f.treeDepth(q, ref, false); err != nil {
		return err
	}
	if err := f.trees.Delete(q.ctx(), ref, cond); err != nil {
		return err
	}
	q.w.WriteHeader(http.StatusNoContent)
	return nil
}

// copyMove serves COPY and MOVE (RFC 4918 sections 9.8 and 9.9).
func (f *Face) copyMove(q *request) error {
	isCopy := q.r.Method == "COPY"
	dst, err := f.destination(q)
	if err != nil {
		return err
	}
	opt := gateway.TreeOptions{}
	if opt.Overwrite, err = parseOverwrite(q.r.Header.Get("Overwrite")); err != nil {
		return err
	}
	if opt.Conditions, err = f.conditions(q); err != nil {
		return err
	}
	if err := f.mayNameContainers(dst); err != nil {
		return err
	}
	src := f.resolve(q.ctx(), q.ref)
	if stored := f.resolve(q.ctx(), dst); stored != src {
		dst = stored
	} else { // the names may differ in Unicode form only
		parent, leaf := splitLeaf(dst)
		dst = joinLeaf(f.resolve(q.ctx(), parent), leaf)
	}
	if opt.Shallow, err = f.treeDepth(q, src, isCopy); err != nil {
		return err
	}
	if err := f.times(q, src, &opt); err != nil {
		return err
	}
	run := f.trees.Copy
	if !isCopy {
		if err := f.mayNameContainers(src); err != nil {
			return err
		}
		run = f.trees.Move
	}
	created, err := run(q.ctx(), src, dst, opt)
	if err != nil {
		return overwriteRefused(err, opt)
	}
	timesAccepted(q.w.Header(), opt.Modified, opt.Created)
	if created {
		q.w.Header().Set("Content-Length", "0")
		q.w.WriteHeader(http.StatusCreated)
	} else {
		q.w.WriteHeader(http.StatusNoContent)
	}
	return nil
}

// times reads the times that a file is to have; those of folders are not set.
func (f *Face) times(q *request, src gateway.Ref, opt *gateway.TreeOptions) error {
	var modified, created bool
	opt.Modified, modified = parseEpoch(q.r.Header.Get("X-Oc-Mtime"))
	opt.Created, created = parseEpoch(q.r.Header.Get("X-Oc-Ctime"))
	if !modified && !created {
		return nil
	}
	node, err := f.trees.Stat(q.ctx(), src, gateway.NodeParts{})
	if err == nil && node.Folder() {
		opt.Modified, opt.Created = time.Time{}, time.Time{}
	}
	return err
}

// timesAccepted tells which of the times that a client sent were set.
func timesAccepted(h http.Header, modified, created time.Time) {
	if !modified.IsZero() {
		h["X-OC-Mtime"] = []string{"accepted"}
	}
	if !created.IsZero() {
		h["X-OC-CTime"] = []string{"accepted"}
	}
}

// overwriteRefused says of an existing destination that "Overwrite: F" does
// not hold, where other methods say that a resource is in the way.
func overwriteRefused(err error, opt gateway.TreeOptions) error {
	if opt.Overwrite || errs.Of(err) != errs.Exists {
		return err
	}
	return &errs.Error{Op: "dav.copymove", Kind: errs.Precondition, Text: "the destination exists", Err: err}
}

// treeDepth reads the Depth of a method that takes whole trees. On a folder it
// must be infinity, for COPY also 0, which it returns as shallow; files have
// no depth. Only an unusual header costs a look at the resource.
func (f *Face) treeDepth(q *request, ref gateway.Ref, mayBeShallow bool) (shallow bool, err error) {
	reach, noroot, err := parseDepth(q.r.Header.Get("Depth"))
	if err != nil || noroot {
		return false, badHeader("the Depth header does not fit the method")
	}
	if reach == depthInfinity {
		return false, nil
	}
	if mayBeShallow && reach == depthZero {
		return true, nil
	}
	node, err := f.trees.Stat(q.ctx(), ref, gateway.NodeParts{})
	if err != nil {
		return false, err
	}
	if node.Folder() {
		return false, badHeader("the Depth header does not fit the method")
	}
	return false, nil
}

// mayNameContainers refuses changes of first-level folders where the
// configuration fixes them.
func (f *Face) mayNameContainers(ref gateway.Ref) error {
	if f.cfg.FixedContainers && ref.Object == "" {
		return errs.New("dav.container", errs.Forbidden, "", "first-level folders are fixed here")
	}
	return nil
}
