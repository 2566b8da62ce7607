package store

import (
	"encoding/binary"

	"entrepot/store/internal/record"
)

// tagJoinedSum is the tag of an object's record for a Joined: 42 to 44 are
// what was learned of an object by reading it.
const tagJoinedSum = 42

// A Joined is the digest of all bytes that a large object joins, learned by
// reading them. It holds for as long as the object shows the same entity tag
// and size: that of a dynamic large object changes with its parts.
type Joined struct {
	Tag  [16]byte // entity tag under which the bytes were read
	Size int64
	MD5  [16]byte
}

// sumBytes is the length of the field of a Joined.
const sumBytes = 16 + 16 + 8

func (o *Object) encodeJoined(w *record.Writer) {
	if o.Joined == nil {
		return
	}
	b := make([]byte, 0, sumBytes)
	b = append(append(b, o.Joined.Tag[:]...), o.Joined.MD5[:]...)
	w.Bytes(tagJoinedSum, binary.BigEndian.AppendUint64(b, uint64(o.Joined.Size)))
}

// decodeJoined takes the field of a Joined; false for any other.
func (o *Object) decodeJoined(f *record.Field) bool {
	if f.Tag != tagJoinedSum || len(f.Bytes) != sumBytes {
		return false
	}
	j := &Joined{Size: int64(binary.BigEndian.Uint64(f.Bytes[32:]))}
	copy(j.Tag[:], f.Bytes)
	copy(j.MD5[:], f.Bytes[16:])
	o.Joined = j
	return true
}

// JoinedMD5 is the digest of what the object joins where it shows an entity tag
// and a size; false where it was not learned yet.
func (o *Object) JoinedMD5(tag [16]byte, size int64) (sum [16]byte, known bool) {
	if o.Joined == nil || o.Joined.Tag != tag || o.Joined.Size != size {
		return sum, false
	}
	return o.Joined.MD5, true
}

// NoteJoined writes down what was learned of an object of a container, whose
// exclusive lock the caller holds. Nothing else of it changes, its times
// neither.
func (tx *Tx) NoteJoined(c *Container, o *Object, j Joined) {
	noted := *o
	noted.Joined = &j
	tx.tx.Put(objectKey(c.ID, o.Name), noted.encode())
}
