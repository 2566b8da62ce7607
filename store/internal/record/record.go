// Package record encodes the values of the store's rows.
//
// A record is a version byte, a run of fields and a CRC32C (Castagnoli,
// little-endian) of everything before it. A field is a tag with a wire type
// (as in protocol buffers: a varint, or a length and bytes). Absent fields
// have the zero value, so a record written by an older program decodes with
// today's defaults; fields with tags that a decoder does not know are handed
// back as they stand, so that a program that rewrites a record made by a newer
// one keeps what it does not understand.
package record

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"maps"
	"slices"
)

// ErrCorrupt reports a value whose checksum or structure is wrong: bytes on
// the disk have changed, and nothing of the value may be believed.
var ErrCorrupt = errors.New("record: value is damaged")

// Version is the version byte that this program writes. A decoder accepts
// versions up to it.
const Version = 1

const (
	wireUint  = 0
	wireBytes = 1
)

var table = crc32.MakeTable(crc32.Castagnoli)

// A Writer builds one record. Fields with zero values are left out.
type Writer struct{ b []byte }

// NewWriter returns a writer with room for about size bytes.
func NewWriter(size int) *Writer {
	return &Writer{b: append(make([]byte, 0, size+8), Version)}
}

// Uint writes a field holding a number.
func (w *Writer) Uint(tag uint32, v uint64) {
	if v != 0 {
		w.b = binary.AppendUvarint(w.b, uint64(tag)<<1|wireUint)
		w.b = binary.AppendUvarint(w.b, v)
	}
}

// Int writes a field holding a signed number.
func (w *Writer) Int(tag uint32, v int64) { w.Uint(tag, uint64(v)<<1^uint64(v>>63)) }

// Bool writes a field holding a truth value.
func (w *Writer) Bool(tag uint32, v bool) {
	if v {
		w.Uint(tag, 1)
	}
}

// Bytes writes a field holding bytes.
func (w *Writer) Bytes(tag uint32, v []byte) {
	if len(v) != 0 {
		w.b = binary.AppendUvarint(w.b, uint64(tag)<<1|wireBytes)
		w.b = binary.AppendUvarint(w.b, uint64(len(v)))
		w.b = append(w.b, v...)
	}
}

// String writes a field holding text.
func (w *Writer) String(tag uint32, v string) {
	if len(v) != 0 {
		w.b = binary.AppendUvarint(w.b, uint64(tag)<<1|wireBytes)
		w.b = binary.AppendUvarint(w.b, uint64(len(v)))
		w.b = append(w.b, v...)
	}
}

// Strings writes one field for each element, in order. Empty elements stay.
func (w *Writer) Strings(tag uint32, list []string) {
	for _, s := range list {
		w.b = binary.AppendUvarint(w.b, uint64(tag)<<1|wireBytes)
		w.b = binary.AppendUvarint(w.b, uint64(len(s)))
		w.b = append(w.b, s...)
	}
}

// Map writes one field for each entry, in order of the names.
func (w *Writer) Map(tag uint32, m map[string]string) {
	if len(m) == 0 {
		return
	}
	for _, k := range slices.Sorted(maps.Keys(m)) {
		v := m[k]
		var n [binary.MaxVarintLen64]byte
		prefix := binary.AppendUvarint(n[:0], uint64(len(k)))
		w.b = binary.AppendUvarint(w.b, uint64(tag)<<1|wireBytes)
		w.b = binary.AppendUvarint(w.b, uint64(len(prefix)+len(k)+len(v)))
		w.b = append(w.b, prefix...)
		w.b = append(w.b, k...)
		w.b = append(w.b, v...)
	}
}

// Raw appends fields that a decoder handed back as unknown.
func (w *Writer) Raw(fields []byte) { w.b = append(w.b, fields...) }

// Finish seals the record and returns it. The writer must not be used again.
func (w *Writer) Finish() []byte { return Seal(w.b) }

// Seal appends the checksum of b to b.
func Seal(b []byte) []byte {
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, table))
}

// Open checks a sealed value and returns it without its checksum.
func Open(b []byte) ([]byte, error) {
	if len(b) < 4 {
		return nil, fmt.Errorf("%w: %d bytes", ErrCorrupt, len(b))
	}
	body, sum := b[:len(b)-4], binary.LittleEndian.Uint32(b[len(b)-4:])
	if crc32.Checksum(body, table) != sum {
		return nil, fmt.Errorf("%w: checksum", ErrCorrupt)
	}
	return body, nil
}

// A Field is one decoded field. Bytes lie in the record's own memory.
type Field struct {
	Tag   uint32
	Num   uint64
	Bytes []byte
}

// Int returns a signed number.
func (f Field) Int() int64 { return int64(f.Num>>1) ^ -int64(f.Num&1) }

// Bool returns a truth value.
func (f Field) Bool() bool { return f.Num != 0 }

// String returns text.
func (f Field) String() string { return string(f.Bytes) }

// Clone returns the bytes in memory of their own.
func (f Field) Clone() []byte { return slices.Clone(f.Bytes) }

// AddTo adds a Map entry to *m, which is made when needed. A damaged entry is
// left out.
func (f Field) AddTo(m *map[string]string) {
	n, c := binary.Uvarint(f.Bytes)
	if c <= 0 || n > uint64(len(f.Bytes)-c) {
		return
	}
	if *m == nil {
		*m = make(map[string]string)
	}
	(*m)[string(f.Bytes[c:c+int(n)])] = string(f.Bytes[c+int(n):])
}

// Decode checks a record and calls known for each field. Fields for which it
// returns false come back as unknown, in memory of their own, fit for Raw.
func Decode(b []byte, known func(Field) bool) (unknown []byte, err error) {
	fields, err := Fields(b)
	if err != nil {
		return nil, err
	}
	for rest := fields.rest; fields.Next(); rest = fields.rest {
		if !known(fields.Field) {
			unknown = append(unknown, rest[:len(rest)-len(fields.rest)]...)
		}
	}
	if err := fields.Err(); err != nil {
		return nil, err
	}
	return unknown, nil
}

// A Cursor walks over a record's fields: each call of Next sets Field.
type Cursor struct {
	Field
	rest []byte
	err  error
}

// Fields checks a record and returns a cursor before its first field.
func Fields(b []byte) (Cursor, error) {
	body, err := Open(b)
	if err != nil {
		return Cursor{}, err
	}
	if len(body) == 0 || body[0] == 0 {
		return Cursor{}, fmt.Errorf("%w: no version", ErrCorrupt)
	}
	if body[0] > Version {
		return Cursor{}, fmt.Errorf("record: version %d was written by a newer program", body[0])
	}
	return Cursor{rest: body[1:]}, nil
}

// Next decodes the next field; false at the end, or when the rest cannot be
// decoded.
func (c *Cursor) Next() bool {
	if len(c.rest) == 0 || c.err != nil {
		return false
	}
	head, rest, ok := number(c.rest)
	if !ok || head>>1 > 1<<31 {
		return c.fail("tag")
	}
	v, rest, ok := number(rest)
	if !ok {
		return c.fail("number")
	}
	c.Tag = uint32(head >> 1)
	if head&1 != wireBytes {
		c.Num, c.Bytes, c.rest = v, nil, rest
		return true
	}
	if v > uint64(len(rest)) {
		return c.fail("length")
	}
	c.Num, c.Bytes, c.rest = 0, rest[:v:v], rest[v:]
	return true
}

// number takes a varint off b. Those of one byte are the most by far.
func number(b []byte) (v uint64, rest []byte, ok bool) {
	if len(b) > 0 && b[0] < 0x80 {
		return uint64(b[0]), b[1:], true
	}
	v, n := binary.Uvarint(b)
	if n <= 0 {
		return 0, nil, false
	}
	return v, b[n:], true
}

func (c *Cursor) fail(what string) bool {
	c.err = fmt.Errorf("%w: %s", ErrCorrupt, what)
	return false
}

// Err tells why Next stopped before the record's end; nil at the end.
func (c *Cursor) Err() error { return c.err }
