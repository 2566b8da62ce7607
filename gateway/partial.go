package gateway

import (
	"context"
	"io"

	"entrepot/gateway/errs"
)

// A Part says which bytes of an object a body takes the place of.
type Part struct {
	// Append puts the body at the end; Offset and Length are not looked at.
	Append bool
	// Offset is the first byte, at most the object's size; negative: counted
	// from its end.
	Offset int64
	// Length is how many bytes the body must have; -1: any number.
	Length int64
}

// PutPart replaces a part of an existing object: a new object is written with
// the old bytes around those of body, and takes the old one's place as Put
// does it. What the object is besides its bytes stays. NotFound without an
// object; Invalid with BadRange for a part that begins behind its end;
// Conflict when it was changed meanwhile.
func (o *Objects) PutPart(ctx context.Context, ref Ref, body io.Reader, part Part, opt PutOptions) (PutResult, error) {
	old, content, err := o.Open(ctx, ref, Conditions{})
	if err != nil {
		return PutResult{}, err
	}
	defer content.Close() //nolint:errcheck // it was only read
	asked := opt.Conditions.IfMatch
	if asked != nil && !matchesAny(asked, old.ETag(), true) {
		return PutResult{}, errPrecondition
	}
	from, err := part.begin(content.Size())
	if err != nil {
		return PutResult{}, err
	}
	spliced := &splice{content: content, from: from, body: body, length: part.Length}
	if part.Append {
		spliced.length = -1
	}
	opt.Size = spliced.size(opt.Size)
	opt.ContentType, opt.Headers = old.ContentType, old.Headers
	if opt.DeleteAt.IsZero() {
		opt.DeleteAt = old.DeleteAt
	}
	// Only what was read may be replaced.
	opt.Conditions.IfMatch = []string{old.ETag()}
	result, err := o.Put(ctx, ref, spliced, opt)
	if asked == nil && errs.Of(err) == errs.Precondition {
		err = errs.Wrap("objects.PutPart", errs.Conflict, "", err)
	}
	return result, err
}

// begin is where the part begins in an object of the given size.
func (p Part) begin(size int64) (int64, error) {
	from := p.Offset
	switch {
	case p.Append:
		from = size
	case from < 0:
		from = max(size+from, 0)
	}
	if from > size {
		return 0, errs.New("objects.PutPart", errs.Invalid, errs.BadRange, "The part begins behind the end of the file.")
	}
	return from, nil
}

// splice reads the old bytes before a part, the new ones, and the old ones
// behind it.
type splice struct {
	content Content
	from    int64
	body    io.Reader
	length  int64 // that body must have; -1: any
	at      int64 // old bytes read before the part
	taken   int64 // bytes of body read
	ended   bool  // body has
}

// size is the size of the whole, -1 when that of the body is not known.
func (s *splice) size(body int64) int64 {
	if body < 0 {
		body = s.length
	}
	if body < 0 {
		return -1
	}
	return max(s.content.Size(), s.from+body)
}

// Read implements io.Reader.
func (s *splice) Read(p []byte) (int, error) {
	if s.at < s.from {
		return s.old(p, &s.at, s.from)
	}
	for !s.ended {
		n, err := s.body.Read(p)
		s.taken += int64(n)
		s.ended = err == io.EOF //nolint:errorlint // io.EOF comes bare from a body
		switch {
		case err != nil && !s.ended:
			return n, err
		case s.length >= 0 && (s.taken > s.length || s.ended && s.taken < s.length):
			return n, errs.New("objects.PutPart", errs.Invalid, "", "The body is not as long as its range.")
		case n > 0:
			return n, nil
		}
	}
	s.at = max(s.at, s.from+s.taken)
	return s.old(p, &s.at, s.content.Size())
}

// old reads old bytes from *at up to end.
func (s *splice) old(p []byte, at *int64, end int64) (int, error) {
	if *at >= end {
		return 0, io.EOF
	}
	n, err := s.content.ReadAt(p[:min(int64(len(p)), end-*at)], *at)
	*at += int64(n)
	if n > 0 && err == io.EOF { //nolint:errorlint // io.EOF comes bare from ReadAt
		err = nil
	}
	return n, err
}
