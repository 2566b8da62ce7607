package swift

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"entrepot/gateway"
)

const (
	// maxManifestSize is the longest manifest that a client may send, in bytes.
	maxManifestSize = 8 << 20
	// maxManifestFaults is how many faults of a manifest are told.
	maxManifestFaults = 1000
)

// Keys of a manifest's entries (OpenStack Object Storage API v1, "Static large
// objects").
const (
	keyPath  = "path"
	keyETag  = "etag"
	keySize  = "size_bytes"
	keyRange = "range"
	keyData  = "data"
)

// A manifestParser reads the body of a PUT with multipart-manifest=put.
type manifestParser struct {
	self     string // path of the manifest itself, as entries name objects
	dec      *json.Decoder
	segments []gateway.Segment
	objects  int  // entries that name an object
	holds    bool // an entry holds bytes
	faults   []string
}

// parseManifest reads a manifest for the object of ref. What is wrong with
// entries is told of all of them together. More entries than the core takes
// are not kept, only enough of them to be refused.
func parseManifest(text []byte, ref gateway.Ref) ([]gateway.Segment, error) {
	if !utf8.Valid(text) || !json.Valid(text) {
		return nil, refuse(http.StatusBadRequest, "Manifest must be valid JSON.\n")
	}
	p := &manifestParser{self: ref.Container + "/" + ref.Object, dec: json.NewDecoder(bytes.NewReader(text))}
	if token, err := p.dec.Token(); err != nil || token != json.Delim('[') {
		return nil, refuse(http.StatusBadRequest, "Manifest must be a list.\n")
	}
	for i := 0; p.dec.More() && len(p.faults) < maxManifestFaults; i++ {
		segment, size, fault, err := p.entry()
		if err != nil {
			return nil, refuse(http.StatusBadRequest, "Manifest must be valid JSON.\n")
		}
		p.add(i, segment, size, fault)
	}
	if (len(p.faults) > 0 || len(p.segments) > 0) && p.objects == 0 && p.holds {
		p.faults = append(p.faults, "Inline data segments require at least one object-backed segment.")
	}
	if len(p.faults) > 0 {
		return nil, refuse(http.StatusBadRequest, strings.Join(p.faults, "\n")+"\n")
	}
	return p.segments, nil
}

const (
	// noSize stands for an entry that does not say its object's size.
	noSize   = math.MinInt64
	tooSmall = "too small; each segment must be at least 1 byte."
)

// add keeps one entry.
func (p *manifestParser) add(index int, s gateway.Segment, size int64, fault string) {
	if fault == "" && size != noSize && (size < 0 || size == 0 && p.dec.More()) {
		fault = tooSmall // only the last one may be empty
	}
	if fault != "" {
		p.faults = append(p.faults, fmt.Sprintf("Index %d: %s", index, fault))
	}
	if s.Data == nil {
		p.objects++
	}
	if len(p.segments) <= gateway.MaxEntries && p.objects <= gateway.MaxSegments+1 {
		p.segments = append(p.segments, s)
	}
}

// entry reads the next entry. fault says what is wrong with it; err that the
// text is no JSON.
func (p *manifestParser) entry() (s gateway.Segment, size int64, fault string, err error) {
	size = noSize
	token, err := p.dec.Token()
	if err != nil || token != json.Delim('{') {
		if token == json.Delim('[') {
			err = p.skip()
		}
		return s, size, "not a JSON object", err
	}
	values := make(map[string]json.RawMessage, 4)
	var twice, unknown []string
	for p.dec.More() {
		token, err := p.dec.Token()
		if err != nil {
			return s, size, "", err
		}
		key, _ := token.(string)
		var value json.RawMessage
		if err := p.dec.Decode(&value); err != nil {
			return s, size, "", err
		}
		switch _, seen := values[key]; {
		case seen && (len(twice) == 0 || twice[len(twice)-1] != key) && len(twice) < 16:
			twice = append(twice, key)
		case seen:
		case len(values) < 16:
			values[key] = value
		default:
			unknown = append(unknown[:0], key) // far more than there are keys
		}
	}
	if _, err := p.dec.Token(); err != nil {
		return s, size, "", err
	}
	if len(twice) > 0 {
		return s, size, "duplicate keys " + quoted(twice), nil
	}
	s, size, fault = p.segment(values, unknown)
	return s, size, fault, nil
}

// skip reads to the end of a list whose beginning was read.
func (p *manifestParser) skip() error {
	for p.dec.More() {
		var value json.RawMessage
		if err := p.dec.Decode(&value); err != nil {
			return err
		}
	}
	_, err := p.dec.Token()
	return err
}

// segment understands one entry.
func (p *manifestParser) segment(values map[string]json.RawMessage, unknown []string) (s gateway.Segment, size int64, fault string) {
	_, names := values[keyPath]
	_, holds := values[keyData]
	allowed := []string{keyPath, keyETag, keySize, keyRange}
	switch {
	case !names && !holds:
		return s, noSize, "expected keys to include one of 'data' or 'path'"
	case !names:
		allowed = []string{keyData}
	}
	for key := range values {
		if !slices.Contains(allowed, key) {
			unknown = append(unknown, key)
		}
	}
	if len(unknown) > 0 {
		return s, noSize, "extraneous keys " + quoted(unknown)
	}
	if !names {
		p.holds = true
		s.Data, fault = manifestData(values[keyData])
		return s, noSize, fault
	}
	return p.object(values)
}

// quoted lists keys in order, as JSON strings.
func quoted(keys []string) string {
	slices.Sort(keys)
	var b []byte
	for i, key := range keys {
		b = appendJSON(comma(b, i), key)
	}
	return string(b)
}

// object understands an entry that names an object.
func (p *manifestParser) object(values map[string]json.RawMessage) (s gateway.Segment, size int64, fault string) {
	size = noSize
	path, ok := jsonString(values[keyPath])
	if !ok {
		return s, size, `"path" must be a string`
	}
	if s.ETag, ok = jsonString(values[keyETag]); !ok && !isNull(values[keyETag]) {
		return s, size, `"etag" must be a string or null (if provided)`
	}
	if !strings.Contains(strings.Trim(path, "/"), "/") {
		return s, size, "path does not refer to an object. Path must be of the form /container/object."
	}
	s.Container, s.Object, _ = strings.Cut(strings.TrimLeft(path, "/"), "/")
	s.Size = -1
	if value := values[keySize]; !isNull(value) {
		if s.Size, ok = jsonSize(value); !ok {
			return s, size, "invalid size_bytes"
		}
		size = s.Size
	}
	if strings.TrimLeft(path, "/") == p.self {
		return s, noSize, "manifest must not include itself as a segment"
	}
	if value := values[keyRange]; !isNull(value) && string(value) != `""` {
		text, isText := jsonString(value)
		s.Range, fault = manifestRange(text)
		if !isText {
			fault = "invalid range"
		}
		if fault == "" && size >= 0 && !satisfiable(s.Range, size) {
			fault = "unsatisfiable range"
		}
	}
	return s, size, fault
}

func isNull(value json.RawMessage) bool { return value == nil || string(value) == "null" }

// jsonString reads a JSON string; false for every other value.
func jsonString(value json.RawMessage) (string, bool) {
	var s string
	if len(value) == 0 || value[0] != '"' || json.Unmarshal(value, &s) != nil {
		return "", false
	}
	return s, true
}

// jsonSize reads a whole number, or a string that holds one.
func jsonSize(value json.RawMessage) (int64, bool) {
	text := string(value)
	if s, ok := jsonString(value); ok {
		text = strings.Trim(s, " \t\r\n")
	}
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return n, n != noSize
	}
	f, err := strconv.ParseFloat(text, 64)
	if value[0] == '"' || err != nil || f != math.Trunc(f) || math.Abs(f) > 1<<53 {
		return 0, false
	}
	return int64(f), true
}

// manifestData reads the base64 of an entry's own bytes.
func manifestData(value json.RawMessage) (data []byte, fault string) {
	text, ok := jsonString(value)
	if !ok {
		return []byte{}, `"data" must be a string`
	}
	data, err := base64.StdEncoding.Strict().DecodeString(text)
	switch {
	case err != nil || strings.ContainsAny(text, "\r\n"):
		return []byte{}, "data must be valid base64"
	case len(data) == 0:
		return []byte{}, tooSmall
	}
	return data, ""
}

// manifestRange reads "a-b", "a-" or "-n".
func manifestRange(text string) (*gateway.SegmentRange, string) {
	if first, rest, more := strings.Cut(text, ","); more {
		if _, fault := manifestRange(first); fault == "" && rest != "" {
			return nil, "multiple ranges (only one allowed)"
		}
		return nil, "invalid range"
	}
	first, last, ok := strings.Cut(strings.Trim(text, " "), "-")
	r := &gateway.SegmentRange{First: -1, Last: -1}
	ok = ok && first+last != "" && position(first, &r.First) && position(last, &r.Last)
	if !ok || first != "" && last != "" && r.Last < r.First {
		return nil, "invalid range"
	}
	return r, ""
}

// position reads digits into n, which stays as it is without any. Numbers that
// no object's size reaches are the largest.
func position(digits string, n *int64) bool {
	if digits == "" {
		return true
	}
	if strings.Trim(digits, "0123456789") != "" {
		return false
	}
	v, err := strconv.ParseInt(digits, 10, 64)
	if err != nil {
		v = math.MaxInt64
	}
	*n = v
	return true
}

// satisfiable tells whether a byte of the range exists in so many.
func satisfiable(r *gateway.SegmentRange, size int64) bool {
	if r.First < 0 {
		return r.Last > 0 && size > 0
	}
	return r.First < size
}

// rawManifest writes entries in the form in which they are put (format=raw).
func rawManifest(list []gateway.Segment) []byte {
	b := []byte{'['}
	for i := range list {
		s := &list[i]
		b = comma(b, i)
		if s.Data != nil {
			b = base64.StdEncoding.AppendEncode(append(b, `{"data": "`...), s.Data)
			b = append(b, `"}`...)
			continue
		}
		b = appendJSON(append(b, `{"etag": `...), s.ETag)
		b = appendJSON(append(b, `, "path": `...), s.Path())
		if s.Range != nil {
			b = appendJSON(append(b, `, "range": `...), s.Range.String())
		}
		b = strconv.AppendInt(append(b, `, "size_bytes": `...), s.Size, 10)
		b = append(b, '}')
	}
	return append(b, ']')
}
