package dav

import (
	"net/http"
	"strconv"
	"strings"

	"entrepot/gateway"
	"entrepot/gateway/errs"
	"entrepot/protocols/internal/httpkit"
)

// Where Nextcloud's clients look for their files and put pieces of large ones.
// Below both stands the caller's login.
const (
	cloudFiles   = "/remote.php/dav/files"
	cloudUploads = "/remote.php/dav/uploads"
)

// assembled is the name that an upload is moved from to become a file.
const assembled = ".file"

// chunkMethods are what an upload in pieces is made of: Nextcloud's chunked
// upload, version 2.
const chunkMethods = "MKCOL PUT MOVE DELETE PROPFIND"

// A chunkPath is a path of the uploads: an upload, or a piece of it.
type chunkPath struct{ upload, piece string }

// chunks serves one request on the pieces of an upload.
func (f *Face) chunks(q *request, escaped string) error {
	prefix, err := loginPrefix(q.mount, q.who, escaped)
	if err != nil {
		return err
	}
	p, err := httpkit.SplitDavPath(prefix, escaped)
	if err != nil {
		return err
	}
	at := chunkPath{p.Ref.Container, p.Ref.Object}
	if p.Named || at.upload == "" {
		return errs.New("dav.chunks", errs.NotFound, "", "this is no upload")
	}
	switch q.r.Method {
	case "MKCOL":
		return f.beginChunks(q, at)
	case "PUT":
		return f.putChunk(q, at)
	case "MOVE":
		return f.assembleChunks(q, at)
	case "DELETE":
		err := f.trees.Delete(q.ctx(), q.chunk(at), gateway.Conditions{})
		if err == nil {
			q.w.WriteHeader(http.StatusNoContent)
		}
		return err
	case "PROPFIND":
		q.prefix, q.ref = prefix, q.chunk(at)
		return f.propfind(q)
	}
	return errs.New("dav.chunks", errs.Exists, methodNotBuilt, "uploads know "+strings.ReplaceAll(chunkMethods, " ", ", "))
}

// chunk is what the gateway calls the thing at a path.
func (q *request) chunk(at chunkPath) gateway.Ref {
	return gateway.UploadRef(q.who, at.upload, at.piece)
}

// uploadRef is the name in hrefs of what the gateway calls ref: without the
// user, whom the path names already.
func uploadRef(ref gateway.Ref) gateway.Ref {
	_, rest, _ := strings.Cut(ref.Object, "/")
	upload, piece, _ := strings.Cut(rest, "/")
	return gateway.Ref{Container: upload, Object: piece}
}

func (f *Face) beginChunks(q *request, at chunkPath) error {
	if at.piece != "" {
		return errs.New("dav.chunks", errs.Conflict, errs.NoParent, "an upload has no folders")
	}
	if hasBody(q.r) {
		return errs.New("dav.chunks", errs.Invalid, bodyRefused, "this method takes no body")
	}
	if err := f.objects.BeginUpload(q.ctx(), at.upload); err != nil {
		return err
	}
	q.w.Header().Set("Content-Length", "0")
	q.w.WriteHeader(http.StatusCreated)
	return nil
}

func (f *Face) putChunk(q *request, at chunkPath) error {
	opt, err := putOptions(q.r.Header)
	if err != nil {
		return err
	}
	opt.Headers, opt.ContentType = nil, "application/octet-stream"
	opt.Size, opt.Expected, opt.Waiting = q.r.ContentLength, expectedSize(q.r), q.r.Header.Get("Expect") != ""
	result, err := f.objects.PutPiece(q.ctx(), at.upload, at.piece, bodyReader{q.r.Body}, opt)
	if err != nil {
		return err
	}
	sendPut(q.w, opt, result)
	return nil
}

// assembleChunks makes the file of its pieces: MOVE of the upload's ".file".
func (f *Face) assembleChunks(q *request, at chunkPath) error {
	if at.piece != assembled {
		return errs.New("dav.chunks", errs.Forbidden, "", "of an upload only "+assembled+" is moved")
	}
	dst, err := f.destination(q)
	if err != nil {
		return err
	}
	h := q.r.Header
	opt, err := putOptions(h)
	if err != nil {
		return err
	}
	opt.Headers, opt.ContentType = nil, ""
	if opt.Conditions, err = f.conditions(q); err != nil {
		return err
	}
	overwrite, err := parseOverwrite(h.Get("Overwrite"))
	if err != nil {
		return err
	}
	if !overwrite {
		opt.Conditions.IfNoneMatch = []string{"*"}
	}
	total := int64(-1)
	if text := h.Get("Oc-Total-Length"); text != "" {
		if total, err = strconv.ParseInt(strings.TrimSpace(text), 10, 64); err != nil || total < 0 {
			return badHeader("the OC-Total-Length header is not a number of bytes")
		}
	}
	result, err := f.objects.Assemble(q.ctx(), at.upload, f.resolve(q.ctx(), dst), total, opt)
	if err != nil {
		return err
	}
	sendPut(q.w, opt, result)
	return nil
}
