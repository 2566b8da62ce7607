package gateway

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"strings"

	"entrepot/auth"
	"entrepot/gateway/errs"
	"entrepot/store"
)

// MaxSegments is how many objects one manifest may join, as in Swift; and
// MaxEntries how many entries it may have in all.
const (
	MaxSegments = 1000
	MaxEntries  = 10_000
)

// A SegmentProblem says why an entry of a manifest is refused.
type SegmentProblem struct {
	// Index is that of the entry.
	Index int
	Path  string // as in Segment.Path
	// Err is the failure of looking the object up, such as errs.NotFound;
	// nil where it was found and is not what the entry says.
	Err   error
	Fault SegmentFault // where Err is nil
}

// A SegmentFault is how a segment's object differs from what was asked for.
type SegmentFault uint8

// The faults.
const (
	TagDiffers   SegmentFault = iota + 1 // of the entity tag
	SizeDiffers                          // of the number of bytes
	RangeOutside                         // no byte of the range exists
	TooSmall                             // no byte, and not the last entry
)

// A ManifestError is the cause of an errs.Invalid failure of PutManifest: the
// entries that cannot be joined, in their order.
type ManifestError struct{ Problems []SegmentProblem }

// Error tells how many there are.
func (e *ManifestError) Error() string {
	return fmt.Sprintf("%d segments of the manifest cannot be joined", len(e.Problems))
}

// PutManifest stores a static large object: the entries of list, joined, are
// its content. Each object must exist with the size and entity tag that its
// entry says, and the caller must be allowed to read it; otherwise the failure
// is errs.Invalid with a *ManifestError. An "md5" digest of opt is compared
// with the entity tag of what is joined. More than MaxSegments objects, or
// MaxEntries entries, is errs.TooLarge. opt.Size and opt.Drive mean nothing.
func (o *Objects) PutManifest(ctx context.Context, ref Ref, list []Segment, opt PutOptions) (PutResult, error) {
	if err := checkObjectRef(ref); err != nil {
		return PutResult{}, err
	}
	if err := o.mayStoreManifest(ctx, ref, list, &opt); err != nil {
		return PutResult{}, err
	}
	list, err := o.lookUp(ctx, ref, list)
	if err != nil {
		return PutResult{}, err
	}
	large, ok := largeOf(list)
	if !ok {
		return PutResult{}, errs.New("objects.PutManifest", errs.TooLarge, "", "The segments are too large.")
	}
	for _, d := range opt.Digests {
		if d.Algorithm == "md5" && d.Sum != hexSum(large.MD5) {
			return PutResult{}, errs.New("objects.PutManifest", errs.Mismatch, "", "The entity tag of the segments differs.")
		}
	}
	text := encodeManifest(list)
	opt.Size, opt.Expected, opt.Drive, opt.Digests = int64(len(text)), 0, false, nil
	return o.put(ctx, ref, bytes.NewReader(text), opt, special{large: large})
}

// CheckPut judges whether an object could be stored, before its body is read:
// rights, conditions, locks and quotas as far as they are known.
func (o *Objects) CheckPut(ctx context.Context, ref Ref, opt PutOptions) error {
	if err := checkObjectRef(ref); err != nil {
		return err
	}
	return o.mayStoreManifest(ctx, ref, nil, &opt)
}

// mayStoreManifest judges the request before its segments are looked up.
func (o *Objects) mayStoreManifest(ctx context.Context, ref Ref, list []Segment, opt *PutOptions) error {
	if err := CheckManifest(list); err != nil {
		return err
	}
	if opt.Headers[store.HeaderManifest] != "" {
		return errs.New("objects.PutManifest", errs.Invalid, "", "An object is joined by a manifest or by a prefix, not by both.")
	}
	w := &put{core: o.core, ref: ref, opt: opt, p: auth.PrincipalOf(ctx), now: o.now()}
	if err := w.checkArguments(ctx); err != nil {
		return err
	}
	return o.store.View(ctx, func(v *store.View) error { return w.examine(v, 0, true) })
}

// CheckManifest refuses a list of more than MaxSegments objects or MaxEntries
// entries: errs.TooLarge with errs.TooMany, as PutManifest does.
func CheckManifest(list []Segment) error {
	objects := 0
	for i := range list {
		if list[i].Data == nil {
			objects++
		}
	}
	switch {
	case objects > MaxSegments:
		return errs.New("objects.PutManifest", errs.TooLarge, errs.TooMany, fmt.Sprintf("Number of object-backed segments must be <= %d", MaxSegments))
	case len(list) > MaxEntries:
		return errs.New("objects.PutManifest", errs.TooLarge, errs.TooMany, fmt.Sprintf("Number of segments must be <= %d", MaxEntries))
	}
	return nil
}

// Manifest returns a static large object with the entries that it joins.
// errs.Invalid with BadSegment when the object is of another kind. Conditions
// are compared with what the manifest stores.
func (o *Objects) Manifest(ctx context.Context, ref Ref, opt ReadOptions) (Object, []Segment, error) {
	opt.Manifest = true
	at, list, err := o.manifest(ctx, ref, &opt)
	if at == nil {
		return Object{}, nil, err
	}
	return at.object(), list, err
}

// manifest is Manifest with the place of the object.
func (o *Objects) manifest(ctx context.Context, ref Ref, opt *ReadOptions) (*place, []Segment, error) {
	var found *place
	var data []byte
	var refused error
	err := o.find(ctx, ref, opt, func(v *store.View, at *place) (err error) {
		if found, data = at, nil; at.obj.Large == nil {
			return errNoManifest
		}
		if refused = opt.Conditions.readAllowed(at); refused == nil {
			data, err = at.inline(v)
		}
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	if refused != nil {
		return found, nil, refused
	}
	list, err := o.readManifest(ctx, found, data)
	return found, list, err
}

var errNoManifest = errs.New("objects.Manifest", errs.Invalid, errs.BadSegment, "Not an SLO manifest")

// PutLink stores a link to another object. With an entity tag in to, the
// target must exist and have it (errs.Conflict, BadLink), now and whenever the
// link is followed. A link to itself is errs.Invalid. opt.Digests and
// opt.Drive mean nothing.
func (o *Objects) PutLink(ctx context.Context, ref Ref, to Link, opt PutOptions) (PutResult, error) {
	for _, r := range []Ref{ref, to.Ref} {
		if err := checkObjectRef(r); err != nil {
			return PutResult{}, err
		}
	}
	if ref == to.Ref {
		return PutResult{}, errs.New("objects.PutLink", errs.Invalid, errs.BadLink, "Symlink cannot target itself")
	}
	as := special{link: &store.Link{Container: to.Container, Object: to.Object}}
	if to.Account != ref.Account {
		as.refers = to.Account
	}
	if opt.ContentType == "" {
		opt.ContentType = "application/symlink"
	}
	if to.ETag != "" {
		if err := o.pin(ctx, to, as.link, &opt); err != nil {
			return PutResult{}, err
		}
	}
	opt.Size, opt.Expected, opt.Drive, opt.Digests = 0, 0, false, nil
	return o.put(ctx, ref, strings.NewReader(""), opt, as)
}

// pin makes a link one to the target as it is now.
func (o *Objects) pin(ctx context.Context, to Link, link *store.Link, opt *PutOptions) error {
	want, err := hex.DecodeString(to.ETag)
	if err != nil || len(want) != len(link.MD5) {
		return errs.New("objects.PutLink", errs.Conflict, errs.BadLink, "X-Symlink-Target-Etag is no entity tag")
	}
	p, now := auth.PrincipalOf(ctx).Referred(), o.now()
	err = o.store.View(ctx, func(v *store.View) error {
		at, err := o.findAt(v, p, to.Ref, nil, now)
		if err != nil {
			return err
		}
		if err := o.follow(v, p, at, now); err != nil {
			return err
		}
		if etag := etagOf(&at.obj); etag != to.ETag {
			return errs.New("objects.PutLink", errs.Conflict, errs.BadLink,
				fmt.Sprintf("Object Etag '%s' does not match X-Symlink-Target-Etag header '%s'", etag, to.ETag))
		}
		link.Static, link.Size = true, sizeOf(&at.obj)
		copy(link.MD5[:], want)
		if opt.ContentType == "application/symlink" {
			opt.ContentType = at.obj.ContentType
		}
		return nil
	})
	if errs.Of(err) == errs.NotFound {
		err = errs.New("objects.PutLink", errs.Conflict, errs.BadLink, "X-Symlink-Target does not exist")
	}
	return err
}
