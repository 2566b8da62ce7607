package pgkv

import (
	"encoding/binary"

	"github.com/jackc/pgx/v5/pgtype"
)

// An array is a PostgreSQL array in its binary form under construction: one
// dimension, no nulls. The zero array is not usable; see newArray.
type array struct {
	buf []byte
	n   uint32
}

// arrayHeader is the length in bytes of what stands before the elements: the
// number of dimensions, a flag for nulls, the type of the elements, the
// length and the first index.
const arrayHeader = 20

// newArray returns an empty array of elements of the type oid.
func newArray(oid uint32, room int) array {
	buf := make([]byte, arrayHeader, arrayHeader+room) // room for the elements
	binary.BigEndian.PutUint32(buf, 1)
	binary.BigEndian.PutUint32(buf[8:], oid)
	binary.BigEndian.PutUint32(buf[16:], 1)
	return array{buf: buf}
}

func newBytesArray(room int) array { return newArray(pgtype.ByteaOID, room) }
func newInt8Array(n int) array     { return newArray(pgtype.Int8OID, 12*n) }
func newBoolArray(n int) array     { return newArray(pgtype.BoolOID, 5*n) }

// addKey appends a key: the byte of its table followed by its row.
func (a *array) addKey(table byte, row []byte) {
	a.length(1 + len(row))
	a.buf = append(append(a.buf, table), row...)
}

// addBytes appends an element of raw bytes.
func (a *array) addBytes(b []byte) {
	a.length(len(b))
	a.buf = append(a.buf, b...)
}

func (a *array) addInt8(n int64) {
	a.length(8)
	a.buf = binary.BigEndian.AppendUint64(a.buf, uint64(n))
}

func (a *array) addBool(b bool) {
	a.length(1)
	a.buf = append(a.buf, boolean(b)...)
}

func (a *array) length(n int) {
	a.buf = binary.BigEndian.AppendUint32(a.buf, uint32(n))
	a.n++
}

// bytes returns the array's binary form.
func (a *array) bytes() []byte {
	binary.BigEndian.PutUint32(a.buf[12:], a.n)
	return a.buf
}

func boolean(b bool) []byte {
	if b {
		return []byte{1}
	}
	return []byte{0}
}

func int2(n int16) []byte { return binary.BigEndian.AppendUint16(nil, uint16(n)) }
func int4(n int32) []byte { return binary.BigEndian.AppendUint32(nil, uint32(n)) }
func int8(n int64) []byte { return binary.BigEndian.AppendUint64(nil, uint64(n)) }

// parseInt decodes a binary integer of 4 or 8 bytes; anything else is 0.
func parseInt(b []byte) int64 {
	switch len(b) {
	case 4:
		return int64(int32(binary.BigEndian.Uint32(b)))
	case 8:
		return int64(binary.BigEndian.Uint64(b))
	}
	return 0
}

// parseBool decodes a binary boolean.
func parseBool(b []byte) bool { return len(b) == 1 && b[0] != 0 }

// Sizes in bytes of the blocks of a slab, each of which is twice as large as
// the one before.
const (
	firstSlab = 1 << 10
	lastSlab  = 64 << 10
)

// A slab holds copies of what a transaction read. The zero slab is ready.
type slab struct{ block []byte }

// copy returns a copy of b, nil only for nil.
func (s *slab) copy(b []byte) []byte {
	if b == nil {
		return nil
	}
	if len(b) > lastSlab/4 {
		return append(make([]byte, 0, len(b)), b...)
	}
	if cap(s.block)-len(s.block) < len(b) || s.block == nil {
		s.block = make([]byte, 0, max(min(2*cap(s.block), lastSlab), firstSlab, len(b)))
	}
	at := len(s.block)
	s.block = append(s.block, b...)
	return s.block[at:len(s.block):len(s.block)]
}
