package dav

import (
	"net/http"
	"strings"

	"entrepot/gateway"
	"entrepot/gateway/errs"
)

// recalculate serves Nextcloud's PATCH with an X-Recalculate-Hash header: the
// answer has the digest of the file's bytes, SHA-1 or MD5, in OC-Checksum. Its
// clients send it behind changes of a file's times.
func (f *Face) recalculate(q *request) error {
	if q.slash || q.ref.Object == "" {
		return errs.New("dav.recalculate", errs.Exists, errs.IsFolder, "a folder has no checksum")
	}
	cond, err := f.conditions(q)
	if err != nil {
		return err
	}
	ref := f.resolve(q.ctx(), q.ref)
	var o gateway.Object
	switch strings.ToLower(q.r.Header.Get("X-Recalculate-Hash")) {
	case "sha1":
		o, err = f.objects.AddSHA1(q.ctx(), ref, cond.Tokens)
	case "md5":
		o, err = f.objects.Head(q.ctx(), ref, gateway.Conditions{})
		o.SHA1 = ""
	default:
		return badHeader("the X-Recalculate-Hash header names sha1 or md5")
	}
	if err != nil {
		return err
	}
	setChecksum(q.w.Header(), o)
	q.w.WriteHeader(http.StatusNoContent)
	return nil
}
