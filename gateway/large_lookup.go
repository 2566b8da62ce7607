package gateway

import (
	"context"

	"entrepot/auth"
	"entrepot/gateway/errs"
	"entrepot/store"
)

// lookUpPage is how many entries of a manifest one view looks up: enough that
// round trips do not count, and few enough that the view is short.
const lookUpPage = 200

// lookUp completes the entries with what is known of their objects.
func (o *Objects) lookUp(ctx context.Context, ref Ref, list []Segment) ([]Segment, error) {
	p, now := auth.PrincipalOf(ctx).Referred(), o.now()
	out := make([]Segment, len(list))
	copy(out, list)
	var problems []SegmentProblem
	for from := 0; from < len(list); from += lookUpPage {
		to := min(from+lookUpPage, len(list))
		var found []SegmentProblem
		err := o.store.View(ctx, func(v *store.View) (err error) {
			copy(out[from:to], list[from:to]) // the view may run again
			found, err = o.completePage(v, p, ref.Account, out, from, to, now)
			return err
		})
		if err != nil {
			return nil, err
		}
		problems = append(problems, found...)
	}
	if problems != nil {
		return nil, errs.Wrap("objects.PutManifest", errs.Invalid, errs.BadSegment, &ManifestError{problems})
	}
	return out, nil
}

// completePage completes the entries from…to of a list and tells what is wrong
// with them, in their order.
func (o *Objects) completePage(v *store.View, p auth.Principal, account string, list []Segment, from, to int, now store.Stamp) ([]SegmentProblem, error) {
	rows := segmentRows{at: make(map[Ref]*place)}
	for i := from; i < to; i++ {
		if s := &list[i]; s.Data == nil {
			rows.want(Ref{Account: account, Container: s.Container, Object: s.Object})
		}
	}
	if err := rows.read(o, v, p, now); err != nil {
		return nil, err
	}
	var problems []SegmentProblem
	for i := from; i < to; i++ {
		s := &list[i]
		if s.Data != nil {
			continue
		}
		at := Ref{Account: account, Container: s.Container, Object: s.Object}
		var fault SegmentFault
		err := checkObjectRef(at)
		if err == nil {
			fault, err = o.complete(v, p, at, rows.at[at], s, i == len(list)-1, now)
		}
		switch {
		case unreachable(err) || errs.Of(err) == errs.Invalid:
			problems = append(problems, SegmentProblem{Index: i, Path: s.Path(), Err: err})
		case err != nil:
			return nil, err
		case fault != 0:
			problems = append(problems, SegmentProblem{Index: i, Path: s.Path(), Fault: fault})
		}
	}
	return problems, nil
}

// segmentRows are the objects of a page of segments, as they were read
// together: one read for each container. What is not among them is looked up
// by itself, so that each failure is that of its own object.
type segmentRows struct {
	containers []Ref // in the order of their first segments
	names      map[Ref][]Ref
	at         map[Ref]*place
}

// want notes an object; one that cannot exist is left to its own look-up.
func (r *segmentRows) want(ref Ref) {
	if checkObjectRef(ref) != nil {
		return
	}
	if _, known := r.at[ref]; known {
		return
	}
	r.at[ref] = nil
	in := Ref{Account: ref.Account, Container: ref.Container}
	if r.names == nil {
		r.names = make(map[Ref][]Ref)
	}
	if len(r.names[in]) == 0 {
		r.containers = append(r.containers, in)
	}
	r.names[in] = append(r.names[in], ref)
}

// read reads the objects that are there for a caller who may read them.
func (r *segmentRows) read(o *Objects, v *store.View, p auth.Principal, now store.Stamp) error {
	for _, in := range r.containers {
		refs := r.names[in]
		objects, found := make([]store.Object, len(refs)), make([]bool, len(refs))
		s, err := o.load(v, p, refs[0], func(b *store.Batch, id uint64) {
			for i := range refs {
				b.Object(id, refs[i].Object, &objects[i], &found[i])
			}
		})
		switch {
		case unreachable(err):
			continue
		case err != nil:
			return err
		}
		for i := range refs {
			at := &place{ref: refs[i], scope: s, obj: objects[i]}
			if !found[i] || at.obj.Expired(now) || at.obj.Deleted ||
				at.scope.grant(p, refs[i]) != nil || at.scope.mayRead(p) != nil {
				continue
			}
			r.at[refs[i]] = at
		}
	}
	return nil
}

// complete compares one segment's object, which at holds where it was read
// already, with the entry, and completes that.
func (o *Objects) complete(v *store.View, p auth.Principal, ref Ref, known *place, s *Segment, last bool, now store.Stamp) (SegmentFault, error) {
	var at *place
	var err error
	if known != nil {
		own := *known // the same object may be joined again
		at = &own
	} else if at, err = o.findAt(v, p, ref, nil, now); err != nil {
		return 0, err
	}
	if err := o.follow(v, p, at, now); err != nil {
		return 0, err
	}
	at.raw = at.obj.Dynamic() // as a part it is what it stores
	size, etag := at.size(), at.etag()
	if s.Range != nil {
		clipped, ok := s.Range.within(size)
		if !ok {
			return RangeOutside, nil
		}
		s.Range = &clipped
		if clipped.First == 0 && clipped.Last == size-1 {
			s.Range = nil
		}
	}
	switch {
	case size == 0 && !last:
		return TooSmall, nil
	case s.Size >= 0 && s.Size != size:
		return SizeDiffers, nil
	case s.ETag != "" && s.ETag != etag:
		return TagDiffers, nil
	}
	s.Size, s.ETag, s.Nested = size, etag, at.obj.Large != nil
	s.ContentType, s.Modified = at.obj.ContentType, at.obj.Timestamp.Time()
	return 0, nil
}
