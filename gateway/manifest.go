package gateway

import (
	"crypto/md5"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"entrepot/store"
)

// A Segment is one entry of a static large object's manifest: an object, or a
// run of an object's bytes, or bytes of the manifest's own.
type Segment struct {
	Container, Object string // in the account of the manifest
	// ETag and Size are those of the whole object. What is asked to be stored
	// may leave them open: "" and -1.
	ETag string
	Size int64
	// Range is the run that is joined; nil: all bytes.
	Range *SegmentRange
	// Data are the entry's own bytes; nothing else is set then.
	Data []byte

	// What follows is found by the gateway: the object's type and time, and
	// that it is a static large object itself.
	ContentType string
	Modified    time.Time
	Nested      bool
}

// A SegmentRange is a run of bytes from First to Last, both included. In what
// is asked to be stored, Last -1 means up to the end, and First -1 the last
// Last bytes.
type SegmentRange struct{ First, Last int64 }

// String returns the range as manifests have it.
func (r SegmentRange) String() string {
	var b []byte
	if r.First >= 0 {
		b = strconv.AppendInt(b, r.First, 10)
	}
	b = append(b, '-')
	if r.Last >= 0 {
		b = strconv.AppendInt(b, r.Last, 10)
	}
	return string(b)
}

// within clips the range to an object of the given size; false when no byte
// lies in it.
func (r SegmentRange) within(size int64) (SegmentRange, bool) {
	switch {
	case r.First < 0:
		n := min(r.Last, size)
		return SegmentRange{size - n, size - 1}, n > 0
	case r.Last < 0:
		r.Last = math.MaxInt64
	}
	r.Last = min(r.Last, size-1)
	return r, r.First <= r.Last
}

// Len is how many bytes the segment contributes.
func (s *Segment) Len() int64 {
	switch {
	case s.Data != nil:
		return int64(len(s.Data))
	case s.Range != nil:
		return s.Range.Last - s.Range.First + 1
	}
	return s.Size
}

// Path is the name of the segment's object as manifests have it.
func (s *Segment) Path() string { return "/" + s.Container + "/" + s.Object }

// composite is the entity tag of what a manifest joins: the MD5 of the tags of
// its parts, one behind the other.
func composite(list []Segment) (sum [16]byte) {
	h := md5.New()
	for i := range list {
		switch s := &list[i]; {
		case s.Data != nil:
			own := md5.Sum(s.Data)
			fmt.Fprintf(h, "%x", own)
		case s.Range != nil:
			fmt.Fprintf(h, "%s:%d-%d;", s.ETag, s.Range.First, s.Range.Last)
		default:
			fmt.Fprint(h, s.ETag)
		}
	}
	h.Sum(sum[:0])
	return sum
}

// maxManifest bounds the text of a stored manifest, in bytes.
const maxManifest = 32 << 20

// manifestTime is how manifests write times: UTC, no zone.
const manifestTime = "2006-01-02T15:04:05.000000"

// storedSegment is a segment in the text of a stored manifest, whose words are
// Swift's.
type storedSegment struct {
	Name        string `json:"name"`
	Bytes       int64  `json:"bytes"`
	Hash        string `json:"hash"`
	ContentType string `json:"content_type"`
	Modified    string `json:"last_modified"`
	Range       string `json:"range"`
	Nested      bool   `json:"sub_slo"`
	Data        []byte `json:"data"`
}

// encodeManifest writes the text that is stored.
func encodeManifest(list []Segment) []byte {
	b := make([]byte, 0, 200*len(list)+2)
	b = append(b, '[')
	for i := range list {
		if i > 0 {
			b = append(b, ", "...)
		}
		s := &list[i]
		if s.Data != nil {
			b = base64.StdEncoding.AppendEncode(append(b, `{"data": "`...), s.Data)
			b = append(b, `"}`...)
			continue
		}
		b = appendJSON(append(b, `{"name": `...), s.Path())
		b = strconv.AppendInt(append(b, `, "bytes": `...), s.Size, 10)
		b = appendJSON(append(b, `, "hash": `...), s.ETag)
		b = appendJSON(append(b, `, "content_type": `...), s.ContentType)
		b = appendJSON(append(b, `, "last_modified": `...), s.Modified.UTC().Format(manifestTime))
		if s.Range != nil {
			b = appendJSON(append(b, `, "range": `...), s.Range.String())
		}
		if s.Nested {
			b = append(b, `, "sub_slo": true`...)
		}
		b = append(b, '}')
	}
	return append(b, ']')
}

var errManifest = errors.New("the text is no manifest")

// decodeManifest reads what encodeManifest wrote.
func decodeManifest(text []byte) ([]Segment, error) {
	var stored []storedSegment
	if err := json.Unmarshal(text, &stored); err != nil {
		return nil, fmt.Errorf("%w: %w", errManifest, err)
	}
	list := make([]Segment, len(stored))
	for i := range stored {
		if err := list[i].decode(&stored[i]); err != nil {
			return nil, fmt.Errorf("entry %d: %w", i, err)
		}
	}
	return list, nil
}

func (s *Segment) decode(from *storedSegment) error {
	if from.Data != nil {
		s.Data = from.Data
		return nil
	}
	var ok bool
	s.Container, s.Object, ok = strings.Cut(strings.TrimPrefix(from.Name, "/"), "/")
	if !ok || s.Container == "" || s.Object == "" || from.Bytes < 0 {
		return errManifest
	}
	s.Size, s.ETag, s.ContentType, s.Nested = from.Bytes, from.Hash, from.ContentType, from.Nested
	var err error
	if s.Modified, err = time.Parse(manifestTime, from.Modified); err != nil {
		return fmt.Errorf("%w: %w", errManifest, err)
	}
	if from.Range == "" {
		return nil
	}
	s.Range = &SegmentRange{}
	first, last, _ := strings.Cut(from.Range, "-")
	var errs [2]error
	s.Range.First, errs[0] = strconv.ParseInt(first, 10, 64)
	s.Range.Last, errs[1] = strconv.ParseInt(last, 10, 64)
	if clipped, ok := s.Range.within(s.Size); errs[0] != nil || errs[1] != nil || !ok || clipped != *s.Range {
		return fmt.Errorf("%w: range %q", errManifest, from.Range)
	}
	return nil
}

// largeOf describes what a manifest joins; false when its size cannot be told
// in 63 bits.
func largeOf(list []Segment) (*store.Large, bool) {
	l := &store.Large{MD5: composite(list)}
	for i := range list {
		n := list[i].Len()
		if n > math.MaxInt64-l.Size {
			return nil, false
		}
		l.Size += n
	}
	return l, true
}

// partsOf are the parts that a manifest joins, of objects in an account.
func partsOf(account string, list []Segment) []part {
	parts := make([]part, len(list))
	for i := range list {
		s := &list[i]
		parts[i] = part{data: s.Data, n: s.Len()}
		if s.Data != nil {
			continue
		}
		parts[i].ref = Ref{Account: account, Container: s.Container, Object: s.Object}
		parts[i].size, parts[i].etag = s.Size, s.ETag
		if s.Range != nil {
			parts[i].off = s.Range.First
		}
	}
	return parts
}

// hexSum is a digest as text.
func hexSum(sum [16]byte) string { return hex.EncodeToString(sum[:]) }
