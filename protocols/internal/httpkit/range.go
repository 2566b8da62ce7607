package httpkit

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Limits of the ranges that one request may ask for (RFC 9110 section 14.2
// leaves them to the server; these are Swift's). Beyond them the request is
// answered as unsatisfiable.
const (
	maxRanges         = 50 // satisfiable ranges
	maxRangeOverlaps  = 2  // overlapping pairs
	maxUnorderedSpans = 7  // ranges that are not in ascending order
	maxRangeSpecs     = 4096
)

// A Span is a run of bytes of some content.
type Span struct {
	Off, Len int64
}

// contentRange is the value of Content-Range for the span.
func (s Span) contentRange(size int64) string {
	return fmt.Sprintf("bytes %d-%d/%d", s.Off, s.Off+s.Len-1, size)
}

// A RangeSet is a parsed Range header: what was asked for, before the size of
// the content is known.
type RangeSet []rangeSpec

// rangeSpec is one element of a set; first or last is -1 when absent.
type rangeSpec struct{ first, last int64 }

// A RangeError tells that no byte of a content answers the request.
type RangeError struct {
	Size int64 // of the content
}

// Error says what the size is.
func (e *RangeError) Error() string {
	return fmt.Sprintf("range not satisfiable: the content has %d bytes", e.Size)
}

// ContentRange is the value of the Content-Range header of a 416 answer.
func (e *RangeError) ContentRange() string { return fmt.Sprintf("bytes */%d", e.Size) }

// ParseRange reads a Range header (RFC 9110 section 14.1.1). It returns false
// for whatever must be ignored: an absent or malformed header, an unknown
// unit, a range that ends before it begins. Numbers beyond 63 bits count as
// the largest.
func ParseRange(header string) (RangeSet, bool) {
	const unit = "bytes="
	if len(header) < len(unit) || !strings.EqualFold(header[:len(unit)], unit) {
		return nil, false
	}
	rest := header[len(unit):]
	set := make(RangeSet, 0, 1)
	for more := true; more; {
		var item string
		item, rest, more = strings.Cut(rest, ",")
		spec, ok := parseSpec(strings.Trim(item, " \t"))
		if !ok || len(set) == maxRangeSpecs {
			return nil, false
		}
		set = append(set, spec)
	}
	return set, true
}

// parseSpec reads "a-b", "a-" or "-n".
func parseSpec(item string) (rangeSpec, bool) {
	first, last, ok := strings.Cut(item, "-")
	if !ok || first == "" && last == "" {
		return rangeSpec{}, false
	}
	spec := rangeSpec{-1, -1}
	if first != "" {
		if spec.first, ok = parsePosition(first); !ok {
			return rangeSpec{}, false
		}
	}
	if last != "" {
		if spec.last, ok = parsePosition(last); !ok {
			return rangeSpec{}, false
		}
	}
	if first != "" && last != "" && spec.last < spec.first {
		return rangeSpec{}, false
	}
	return spec, true
}

// parsePosition reads decimal digits, saturating at the largest int64.
func parsePosition(s string) (int64, bool) {
	n, err := strconv.ParseUint(s, 10, 63)
	if errors.Is(err, strconv.ErrRange) {
		return math.MaxInt64, true
	}
	return int64(n), err == nil
}

// For returns the spans of a content of the given size that the set asks for,
// clipped and in the order asked. A set without a satisfiable range, or beyond
// the limits, is a *RangeError. A nil result without an error means the whole
// content: only a suffix of an empty content has it.
func (s RangeSet) For(size int64) ([]Span, error) {
	spans := make([]Span, 0, min(len(s), maxRanges))
	suffix := false
	for _, r := range s {
		span, ok := r.span(size)
		if !ok {
			suffix = suffix || size == 0 && r.first < 0 && r.last > 0
			continue
		}
		if len(spans) == maxRanges {
			return nil, &RangeError{size}
		}
		spans = append(spans, span)
	}
	if len(spans) == 0 && suffix {
		return nil, nil
	}
	if len(spans) == 0 || overlaps(spans) > maxRangeOverlaps || len(spans) > maxUnorderedSpans && !ascending(spans) {
		return nil, &RangeError{size}
	}
	return spans, nil
}

// span clips one spec to the content; false when nothing of it lies inside.
func (r rangeSpec) span(size int64) (Span, bool) {
	switch {
	case r.first < 0: // the last bytes
		n := min(r.last, size)
		return Span{size - n, n}, n > 0
	case r.first >= size:
		return Span{}, false
	case r.last < 0:
		return Span{r.first, size - r.first}, true
	}
	return Span{r.first, min(r.last, size-1) - r.first + 1}, true
}

// overlaps counts the pairs of spans that share a byte.
func overlaps(spans []Span) int {
	n := 0
	for i, a := range spans {
		for _, b := range spans[i+1:] {
			if a.Off < b.Off+b.Len && b.Off < a.Off+a.Len {
				n++
			}
		}
	}
	return n
}

// ascending tells whether no span begins before the one in front of it.
func ascending(spans []Span) bool {
	for i := 1; i < len(spans); i++ {
		if spans[i].Off < spans[i-1].Off {
			return false
		}
	}
	return true
}
