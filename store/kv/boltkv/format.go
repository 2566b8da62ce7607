package boltkv

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"slices"

	"entrepot/store/kv"
	"entrepot/store/kv/internal/overlay"
)

// The layout of a log file, all numbers little-endian:
//
// Blocks 0 and 1 hold headers, of which the one with the greater number counts:
//
//	magic 8, page size 4, version 4, session 16, number 8, sequence 8,
//	offset 8, meta record 64 (as it stands in the database), CRC32C 4
//
// Behind them lie records, each on whole blocks, so that no write touches a
// block that holds anything else:
//
//	CRC32C of all that follows 4, length of the payload 4, sequence 8,
//	number of the newest durable header 8, session 16, payload
//
// A record lies behind the one before it, or at recordStart.
const (
	blockSize     = 4096
	recordStart   = 2 * blockSize
	recordHead    = 40
	headerSize    = 56 + metaSize + 4
	headerVersion = 1

	// maxRecord is the most bytes of a payload. Larger transactions are not
	// logged but synced themselves.
	maxRecord = 4 << 20
)

// logMagic begins a header.
const logMagic = "entr\x0Alog"

// A sessionID names the time from the first write of an engine to its end. It
// stands in the database, in the headers and in each record of the log.
type sessionID [16]byte

// A header says where recovery begins: with the database as it was when its
// meta record was current, and the records from a sequence number on.
type header struct {
	pageSize uint32
	session  sessionID
	// number counts headers. The header 0 stands before the first commit of a
	// session: the database needs no log then and no meta record is given.
	number uint64
	seq    uint64         // of the first record that the database may lack
	at     int64          // where this record is, unless it is at recordStart
	meta   [metaSize]byte // where the tree of the database begins
}

// castagnoli returns the table of the checksums.
func castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }

// appendHeader appends the block of h to b.
func appendHeader(b []byte, h header) []byte {
	start, order := len(b), binary.LittleEndian
	b = append(b, logMagic...)
	b = order.AppendUint32(b, h.pageSize)
	b = order.AppendUint32(b, headerVersion)
	b = append(b, h.session[:]...)
	b = order.AppendUint64(b, h.number)
	b = order.AppendUint64(b, h.seq)
	b = order.AppendUint64(b, uint64(h.at))
	b = append(b, h.meta[:]...)
	b = order.AppendUint32(b, crc32.Checksum(b[start:], castagnoli()))
	return append(b, make([]byte, blockSize-headerSize)...)
}

// parseHeader reads a block with a header.
func parseHeader(b []byte) (h header, err error) {
	if len(b) < headerSize {
		return h, errors.New("it is cut off")
	}
	order := binary.LittleEndian
	if string(b[:8]) != logMagic {
		return h, errors.New("it has no mark of a log")
	}
	if order.Uint32(b[headerSize-4:]) != crc32.Checksum(b[:headerSize-4], castagnoli()) {
		return h, errors.New("it fails its checksum")
	}
	if v := order.Uint32(b[12:]); v != headerVersion {
		return h, fmt.Errorf("it has version %d", v)
	}
	h = header{pageSize: order.Uint32(b[8:]), session: sessionID(b[16:32]), number: order.Uint64(b[32:]),
		seq: order.Uint64(b[40:]), at: int64(order.Uint64(b[48:])), meta: [metaSize]byte(b[56 : 56+metaSize])}
	if h.at < recordStart || h.at%blockSize != 0 {
		return h, fmt.Errorf("its records begin at %d", h.at)
	}
	if h.number == 0 {
		return h, nil
	}
	m, err := parseMetaRecord(h.meta[:])
	switch {
	case err != nil:
		return h, fmt.Errorf("its meta record: %w", err)
	case m.pageSize != h.pageSize:
		return h, fmt.Errorf("its pages have %d bytes and %d", h.pageSize, m.pageSize)
	}
	return h, nil
}

// A record is one commit in the log.
type record struct {
	seq     uint64
	number  uint64 // of the newest durable header when it was written
	payload []byte
}

// blocks returns the bytes that a record of n bytes, head included, takes.
func blocks(n int) int64 { return (int64(n) + blockSize - 1) / blockSize * blockSize }

// sealRecord makes b, recordHead bytes of room followed by a payload, a record.
func sealRecord(b []byte, s sessionID, seq, number uint64) []byte {
	order := binary.LittleEndian
	n := len(b)
	order.PutUint32(b[4:], uint32(n-recordHead))
	order.PutUint64(b[8:], seq)
	order.PutUint64(b[16:], number)
	copy(b[24:recordHead], s[:])
	order.PutUint32(b, crc32.Checksum(b[4:], castagnoli()))
	end := int(blocks(n))
	b = slices.Grow(b, end-n)[:end]
	clear(b[n:])
	return b
}

// recordLength reads the head of a record of session s and returns how many
// bytes it has without what fills its last block. ok is false where b begins
// no record of s.
func recordLength(b []byte, s sessionID) (n int, ok bool) {
	if len(b) < recordHead || sessionID(b[24:recordHead]) != s {
		return 0, false
	}
	length := binary.LittleEndian.Uint32(b[4:])
	return recordHead + int(length), length <= maxRecord
}

// parseRecord reads a record of session s that has len(b) bytes.
func parseRecord(b []byte, s sessionID) (r record, ok bool) {
	n, ok := recordLength(b, s)
	order := binary.LittleEndian
	if !ok || n != len(b) || order.Uint32(b) != crc32.Checksum(b[4:], castagnoli()) {
		return r, false
	}
	return record{seq: order.Uint64(b[8:]), number: order.Uint64(b[16:]), payload: b[recordHead:]}, true
}

// readRecord reads the record at an offset of a file of size bytes. ok is
// false where none of session s is, or one that is not whole.
func readRecord(f io.ReaderAt, at, size int64, s sessionID) (r record, end int64, ok bool, err error) {
	if at+blockSize > size {
		return r, 0, false, nil
	}
	b := make([]byte, blockSize)
	if _, err := f.ReadAt(b, at); err != nil {
		return r, 0, false, err
	}
	n, ok := recordLength(b, s)
	if end = at + blocks(n); !ok || end > size {
		return r, 0, false, nil
	}
	if n > len(b) {
		b = make([]byte, n)
		if _, err := f.ReadAt(b, at); err != nil {
			return r, 0, false, err
		}
	}
	r, ok = parseRecord(b[:n], s)
	return r, end, ok, nil
}

// appendWrites appends the writes of o, in the order of the keys, to b: the
// operation 1, the length of the key, the key, and the length and the bytes of
// the value of a Put or the delta of an Add; lengths and deltas as varints.
func appendWrites(b []byte, o *overlay.Overlay) []byte {
	for w := range o.Writes {
		b = append(b, byte(w.Op))
		b = binary.AppendUvarint(b, uint64(len(w.Key)))
		b = append(b, w.Key...)
		switch w.Op {
		case overlay.Put:
			b = binary.AppendUvarint(b, uint64(len(w.Value)))
			b = append(b, w.Value...)
		case overlay.Add:
			b = binary.AppendVarint(b, w.Delta)
		}
	}
	return b
}

// errPayload is the error of a payload that appendWrites did not make.
var errPayload = errors.New("a record without sense")

// decodeWrites repeats the writes of a payload in o.
func decodeWrites(b []byte, o *overlay.Overlay) error {
	for len(b) > 0 {
		op := overlay.Op(b[0])
		row, rest, ok := cutBytes(b[1:])
		if !ok || len(row) == 0 {
			return errPayload
		}
		k := kv.Key{Table: kv.Table(row[0]), Row: row[1:]}
		switch op {
		case overlay.Put:
			var value []byte
			if value, rest, ok = cutBytes(rest); !ok {
				return errPayload
			}
			o.Put(k, value)
		case overlay.Delete:
			o.Delete(k)
		case overlay.Add:
			delta, n := binary.Varint(rest)
			if n <= 0 {
				return errPayload
			}
			rest = rest[n:]
			o.Add(k, delta)
		default:
			return errPayload
		}
		b = rest
	}
	return o.Err()
}

// cutBytes reads a length and as many bytes from b.
func cutBytes(b []byte) (value, rest []byte, ok bool) {
	n, used := binary.Uvarint(b)
	if used <= 0 || n > uint64(len(b)-used) {
		return nil, nil, false
	}
	return b[used : used+int(n)], b[used+int(n):], true
}
