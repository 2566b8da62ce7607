package store

import (
	"crypto/md5"
	"crypto/sha256"
	"encoding/binary"

	"entrepot/store/blob"
	"entrepot/store/internal/record"
)

// Chunked says that the content of an object is a manifest of chunks which,
// joined, are a file.
type Chunked struct {
	Size  int64
	MD5   [16]byte
	Count int64 // of the chunks
}

// encodeChunked and decodeChunked are the fields of an object's record.
func (o *Object) encodeChunked(w *record.Writer) {
	if o.Chunked != nil {
		w.Int(32, o.Chunked.Size)
		w.Bytes(33, o.Chunked.MD5[:])
		w.Int(34, o.Chunked.Count)
	}
}

func (o *Object) decodeChunked(f *record.Field) bool {
	if f.Tag < 32 || f.Tag > 34 {
		return false
	}
	if o.Chunked == nil {
		o.Chunked = &Chunked{}
	}
	switch f.Tag {
	case 32:
		o.Chunked.Size = f.Int()
	case 33:
		copy(o.Chunked.MD5[:], f.Bytes)
	case 34:
		o.Chunked.Count = f.Int()
	}
	return true
}

// newID returns a fresh ID of content as newBlobID does, the same one when the
// function of an Update runs again.
func (tx *Tx) newID(now Stamp) (id blob.ID) {
	var ms [8]byte
	binary.BigEndian.PutUint64(ms[:], uint64(now.Time().UnixMilli()))
	copy(id[:6], ms[2:])
	binary.BigEndian.PutUint64(id[6:14], tx.number())
	binary.BigEndian.PutUint16(id[14:], uint16(tx.number()))
	return id
}

// PutSmall writes content of at most the inline limit inside a transaction,
// for a record that the same transaction writes.
func (tx *Tx) PutSmall(data []byte, now Stamp) Content {
	c := Content{Size: int64(len(data)), MD5: md5.Sum(data), SHA256: sha256.Sum256(data)}
	if len(data) == 0 {
		return c
	}
	c.Blob, c.Inline = tx.newID(now), true
	tx.PutInline(c, record.Seal(append([]byte(nil), data...)))
	return c
}
