package store

import (
	"errors"

	"entrepot/store/internal/record"
)

// Tags of an object's record for what stands for other content: 17 to 24.
const (
	tagStatic    = 17
	tagJoined    = 18
	tagComposite = 19
	tagRefers    = 20
	tagLinkTo    = 21
	tagLinkName  = 22
	tagLinkMD5   = 23
	tagLinkSize  = 24
)

// Large says that the content of an object is the manifest of a static large
// object: the list of the objects whose bytes, joined, a reader gets.
type Large struct {
	Size int64    // of what is joined
	MD5  [16]byte // entity tag of what is joined; not a digest of its bytes
}

// A Link says that an object without content stands for another one.
type Link struct {
	Container, Object string
	// Static links have the digest that their target must have, with the size
	// that it had when the link was made.
	Static bool
	MD5    [16]byte
	Size   int64
}

// HeaderManifest is the kept header that makes an object a dynamic large one.
const HeaderManifest = "x-object-manifest"

// Dynamic tells whether the object is a dynamic large object: what it joins is
// found by the header when it is read.
func (o *Object) Dynamic() bool {
	return o.Large == nil && o.Link == nil && o.Headers[HeaderManifest] != ""
}

// Special tells whether the object stands for others.
func (o *Object) Special() bool { return o.Large != nil || o.Link != nil || o.Dynamic() }

// encodeSpecial writes what an object that stands for others has besides.
func (o *Object) encodeSpecial(w *record.Writer) {
	if o.Large != nil {
		w.Bool(tagStatic, true)
		w.Int(tagJoined, o.Large.Size)
		w.Bytes(tagComposite, o.Large.MD5[:])
	}
	w.String(tagRefers, o.Refers)
	if o.Link != nil {
		w.String(tagLinkTo, o.Link.Container)
		w.String(tagLinkName, o.Link.Object)
		if o.Link.Static {
			w.Bytes(tagLinkMD5, o.Link.MD5[:])
			w.Int(tagLinkSize, o.Link.Size)
		}
	}
}

// decodeSpecial takes one field of those; false for any other.
func (o *Object) decodeSpecial(f *record.Field) bool {
	if f.Tag < tagStatic || f.Tag > tagLinkSize {
		return false
	}
	if f.Tag <= tagComposite && o.Large == nil {
		o.Large = &Large{}
	}
	if f.Tag >= tagLinkTo && o.Link == nil {
		o.Link = &Link{}
	}
	switch f.Tag {
	case tagJoined:
		o.Large.Size = f.Int()
	case tagComposite:
		copy(o.Large.MD5[:], f.Bytes)
	case tagRefers:
		o.Refers = f.String()
	case tagLinkTo:
		o.Link.Container = f.String()
	case tagLinkName:
		o.Link.Object = f.String()
	case tagLinkMD5:
		o.Link.Static = true
		copy(o.Link.MD5[:], f.Bytes)
	case tagLinkSize:
		o.Link.Size = f.Int()
	}
	return true
}

// checkSpecial finds what cannot be: a manifest without bytes, a link with
// bytes or without a target, an object that is both.
func (o *Object) checkSpecial() error {
	switch {
	case o.Large != nil && o.Link != nil:
		return errors.New("it is a large object and a link at once")
	case o.Large != nil && (o.Content.Blob.IsZero() || o.Large.Size < 0):
		return errors.New("it is a large object without a manifest")
	case o.Link != nil && !o.Content.Blob.IsZero():
		return errors.New("it is a link with content of its own")
	case o.Link != nil && (o.Link.Container == "" || o.Link.Object == ""):
		return errors.New("it is a link without a target")
	}
	return nil
}
