package dav

import (
	"context"
	"encoding/xml"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"os"
	"sync"

	"golang.org/x/net/webdav"

	"entrepot/gateway"
	"entrepot/gateway/errs"
)

// A handle is an open resource of a drive, for reading. It holds the context
// of the request that opened it, since the methods of webdav.File take none,
// and lives no longer than that request.
type handle struct {
	drive   drive
	ctx     context.Context //nolint:containedctx // see above
	name    string
	node    gateway.Node
	content gateway.Content // opened by the first Read
	offset  int64
	after   gateway.Ref // where Readdir continues
	listed  bool
}

var (
	_ webdav.File            = (*handle)(nil)
	_ webdav.DeadPropsHolder = (*handle)(nil)
)

// Stat implements http.File.
func (h *handle) Stat() (os.FileInfo, error) { return fileInfo{h.node}, nil }

// Write implements io.Writer: the handle is for reading.
func (h *handle) Write([]byte) (int, error) {
	return 0, &fs.PathError{Op: "write", Path: h.name, Err: fs.ErrPermission}
}

// Close implements io.Closer.
func (h *handle) Close() error {
	if h.content == nil {
		return nil
	}
	return h.content.Close()
}

// Read implements io.Reader.
func (h *handle) Read(p []byte) (int, error) {
	if h.node.Folder() {
		return 0, &fs.PathError{Op: "read", Path: h.name, Err: errors.New("is a folder")}
	}
	if h.content == nil {
		_, content, err := h.drive.objects.Open(h.ctx, h.node.Ref, gateway.Conditions{})
		if err != nil {
			return 0, h.drive.failed("read", h.name, err)
		}
		h.content = content
	}
	if h.offset >= h.content.Size() {
		return 0, io.EOF
	}
	n, err := h.content.ReadAt(p[:min(int64(len(p)), h.content.Size()-h.offset)], h.offset)
	h.offset += int64(n)
	if n > 0 && errors.Is(err, io.EOF) {
		err = nil
	}
	return n, err
}

// Seek implements io.Seeker.
func (h *handle) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += h.offset
	case io.SeekEnd:
		offset += h.node.Object.Size
	}
	if offset < 0 {
		return 0, &fs.PathError{Op: "seek", Path: h.name, Err: fs.ErrInvalid}
	}
	h.offset = offset
	return offset, nil
}

// Readdir implements http.File: with count above 0 at most count members a
// call and io.EOF after the last, else all.
func (h *handle) Readdir(count int) ([]os.FileInfo, error) {
	if !h.node.Folder() {
		return nil, &fs.PathError{Op: "readdir", Path: h.name, Err: errors.New("is not a folder")}
	}
	var infos []os.FileInfo
	for !h.listed && (count <= 0 || len(infos) < count) {
		limit := pageNodes
		if count > 0 {
			limit = min(count-len(infos), pageNodes)
		}
		page, err := h.drive.trees.List(h.ctx, h.node.Ref, gateway.ListTree{After: h.after, Limit: limit})
		if err != nil {
			return infos, h.drive.failed("readdir", h.name, err)
		}
		for _, n := range page.Nodes {
			infos = append(infos, fileInfo{n})
		}
		h.after, h.listed = page.Next, page.Next == (gateway.Ref{})
	}
	if count > 0 && len(infos) == 0 {
		return nil, io.EOF
	}
	return infos, nil
}

// DeadProps implements webdav.DeadPropsHolder.
func (h *handle) DeadProps() (map[xml.Name]webdav.Property, error) {
	props := make(map[xml.Name]webdav.Property, len(h.node.Props))
	for _, p := range h.node.Props {
		name := xml.Name{Space: p.Space, Local: p.Name}
		props[name] = webdav.Property{XMLName: name, Lang: p.Lang, InnerXML: p.Value}
	}
	return props, nil
}

// Patch implements webdav.DeadPropsHolder in one transaction of the gateway.
func (h *handle) Patch(patches []webdav.Proppatch) ([]webdav.Propstat, error) {
	patch := gateway.PropPatch{Conditions: h.drive.conditions}
	stat := webdav.Propstat{Status: http.StatusOK}
	for _, p := range patches {
		for _, prop := range p.Props {
			stat.Props = append(stat.Props, webdav.Property{XMLName: prop.XMLName})
			patch.Changes = append(patch.Changes, gateway.PropChange{Remove: p.Remove, Prop: gateway.DeadProp{
				Space: prop.XMLName.Space, Name: prop.XMLName.Local, Lang: prop.Lang, Value: prop.InnerXML,
			}})
		}
	}
	err := h.drive.trees.PatchProps(h.ctx, h.node.Ref, patch)
	switch {
	case errs.Of(err) == errs.OverQuota:
		stat.Status = http.StatusInsufficientStorage
	case err != nil:
		return nil, h.drive.failed("patch", h.name, err)
	}
	return []webdav.Propstat{stat}, nil
}

// An upload is a file of a drive that is being written: a pipe into
// Objects.Put, which makes it visible as a whole on Close.
type upload struct {
	drive drive
	name  string
	pipe  *io.PipeWriter
	size  int64
	done  chan struct{} // closed when Put returned
	put   gateway.PutResult
	err   error
}

var _ webdav.File = (*upload)(nil)

// create begins an upload. It waits until Put asks for the first byte, by when
// everything that can refuse the file has been looked at.
func (d drive) create(ctx context.Context, name string) (webdav.File, error) {
	opt := gateway.PutOptions{Size: -1, Drive: true, Conditions: d.conditions}
	r, w := io.Pipe()
	u := &upload{drive: d, name: name, pipe: w, done: make(chan struct{})}
	asked := make(chan struct{})
	body := &firstRead{Reader: r, asked: sync.OnceFunc(func() { close(asked) })}
	go func() {
		defer close(u.done)
		u.put, u.err = d.objects.Put(ctx, d.ref(name), body, opt)
		r.CloseWithError(u.err) //nolint:errcheck // always nil
	}()
	select {
	case <-asked:
		return u, nil
	case <-u.done:
		return nil, d.failed("create", name, u.err)
	}
}

// firstRead tells when it is read.
type firstRead struct {
	io.Reader
	asked func()
}

// Read implements io.Reader.
func (f *firstRead) Read(p []byte) (int, error) {
	f.asked()
	return f.Reader.Read(p)
}

// Write implements io.Writer.
func (u *upload) Write(p []byte) (int, error) {
	n, err := u.pipe.Write(p)
	u.size += int64(n)
	return n, err
}

// Close implements io.Closer; a second call returns the same.
func (u *upload) Close() error {
	u.pipe.Close() //nolint:errcheck // always nil
	<-u.done
	return u.drive.failed("close", u.name, u.err)
}

// Stat implements http.File with what was written so far.
func (u *upload) Stat() (os.FileInfo, error) {
	ref := u.drive.ref(u.name)
	return fileInfo{gateway.Node{Ref: ref, Kind: gateway.NodeFile, Object: gateway.Object{Name: ref.Object, Size: u.size}}}, nil
}

// Read implements io.Reader: the file is for writing.
func (u *upload) Read([]byte) (int, error) { return 0, u.denied("read") }

// Seek implements io.Seeker: content has one direction.
func (u *upload) Seek(int64, int) (int64, error) { return 0, u.denied("seek") }

// Readdir implements http.File: a file has no members.
func (u *upload) Readdir(int) ([]os.FileInfo, error) { return nil, u.denied("readdir") }

func (u *upload) denied(op string) error {
	return &fs.PathError{Op: op, Path: u.name, Err: fs.ErrPermission}
}
