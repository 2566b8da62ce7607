package store

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"entrepot/gateway/errs"
	"entrepot/store/blob"
	"entrepot/store/internal/record"
	"entrepot/store/kv"
)

// Content in parts
//
// Content is one run of bytes, inline or in a blob, or a list of such runs, its
// parts, whose bytes stand one behind the other. A list has an ID like a blob's,
// which Content.Blob names where Content.Parts is not 0, and is never changed.
// So whatever refers to content refers to a list alike: a copy, a version or a
// row of the history gets an owner row of the list's ID, and when the last
// reference goes, so does the list. Only what deals with the bytes themselves
// looks into it: reading (openParts), removal (dropParts), and those that walk
// over all content.
//
// A list lies in the table of parts, in rows of at most partsPage parts, each
// under the offset of its first byte: a reader finds the row that it needs with
// one lookup. A part is a Content of its own, with digests and, where something
// else refers to it too, an owner row. Parts have bytes and no parts.

// MaxParts is of how many parts content may consist.
const MaxParts = 10_000

// partsPage is how many parts one row lists: of at most 140 bytes each, far
// below the limit of a value; inline ones of one row have 4 MiB by default.
const partsPage = 256

// Tags of an object's record, 35 to 38.
const (
	tagParts    = 35
	tagProgress = 36
)

func partsKey(id blob.ID, off int64) kv.Key {
	return key(tableParts, binary.BigEndian.AppendUint64(bytes.Clone(id[:]), uint64(off)))
}

func encodeParts(parts []Content) []byte {
	w := record.NewWriter(128 * len(parts))
	for i := range parts {
		p := record.NewWriter(96)
		parts[i].fields(p)
		w.Bytes(1, p.Finish())
	}
	return w.Finish()
}

// decodeParts decodes a row of a list: where its first byte is and its parts.
func decodeParts(row, value []byte) (id blob.ID, off int64, parts []Content, err error) {
	if len(row) != 24 {
		return id, 0, nil, errRow
	}
	id, off = blob.ID(row[:16]), int64(beID(row[16:]))
	_, err = record.Decode(value, func(f record.Field) bool {
		if f.Tag != 1 || err != nil {
			return true
		}
		var p Content
		if _, err = record.Decode(f.Bytes, func(f record.Field) bool { return p.field(&f) }); err == nil {
			err = p.partial()
		}
		parts = append(parts, p)
		return true
	})
	if err == nil && (off < 0 || len(parts) == 0) {
		err = errValue
	}
	return id, off, parts, err
}

// partial finds what cannot be a part.
func (c *Content) partial() error {
	if c.Size <= 0 || c.Blob.IsZero() || c.Parts != 0 {
		return fmt.Errorf("a part of %d bytes in content %s", c.Size, c.Blob)
	}
	return nil
}

// PutParts writes content that consists of parts, for a record that the same
// transaction writes; digests are those of all its bytes. The transaction must
// hold a reference to each part for it: what was alone with its content and
// gave it up (see TakeContent), or a shared one. Parts without bytes are left
// out; of one that is left nothing is written, it is the content itself.
func (tx *Tx) PutParts(parts []Content, digests Digests, now Stamp) (Content, error) {
	var list []Content
	var size int64
	for _, p := range parts {
		if p.Size == 0 {
			continue
		}
		if err := p.partial(); err != nil {
			return Content{}, fmt.Errorf("store.PutParts: %w", err)
		}
		list = append(list, p)
		size += p.Size
	}
	c := Content{Size: size, MD5: digests.MD5, SHA256: digests.SHA256, SHA1: digests.SHA1}
	switch {
	case size != digests.Size:
		return Content{}, fmt.Errorf("store.PutParts: %d bytes, the digests are of %d", size, digests.Size)
	case len(list) > MaxParts:
		return Content{}, errs.New("store.PutParts", errs.Invalid, errs.TooMany, "The content has too many parts.")
	case len(list) == 1:
		c.Blob, c.Inline, c.Owner = list[0].Blob, list[0].Inline, list[0].Owner
	case len(list) > 1:
		c.Blob, c.Parts = tx.newID(now), int64(len(list))
		off := int64(0)
		for len(list) > 0 {
			page := list[:min(partsPage, len(list))]
			tx.tx.Put(partsKey(c.Blob, off), encodeParts(page))
			off += sizeOf(page)
			list = list[len(page):]
		}
	}
	return c, nil
}

func sizeOf(parts []Content) (n int64) {
	for i := range parts {
		n += parts[i].Size
	}
	return n
}

// TakeContent removes an object of container c as DeleteObject does, and gives
// its content to the caller, who makes it part of other content in the same
// transaction. Where versions, the archive or snapshots keep the row, its
// content is shared with them.
func (tx *Tx) TakeContent(c *Container, old *Object, now Stamp) Content {
	taken := old.Content
	tx.retire(c, old, &taken, true, now)
	tx.take(c, old)
	tx.leaveMarker(c, old.Name, old.Timestamp.After(now))
	return taken
}

// A partsRow is one row of a list, with its inline parts.
type partsRow struct {
	off   int64
	parts []Content
	rows  [][]byte // of inline parts as they are kept, if they were read
}

// readParts reads the row of a list that holds the byte at off; with small also
// its inline parts. What is not there, or not what the content says, is damage.
func (s *Store) readParts(ctx context.Context, c Content, off int64, small bool) (row partsRow, err error) {
	err = s.engine.View(ctx, func(v kv.Reader) error {
		if row, err = partsAt(v, c, off); err == nil && small {
			row.rows, err = inlineRows(v, row.parts)
		}
		return err
	})
	return row, fail("store.parts", err)
}

func partsAt(v kv.Reader, c Content, off int64) (row partsRow, err error) {
	page, err := v.Scan(kv.Range{Table: tableParts, From: partsKey(c.Blob, 0).Row, To: partsKey(c.Blob, off+1).Row, Reverse: true}, 1)
	if err != nil {
		return row, err
	}
	if len(page.Items) == 0 {
		return row, errNoParts
	}
	if _, row.off, row.parts, err = decodeParts(page.Items[0].Row, page.Items[0].Value); err != nil {
		return row, newDamage(c, err)
	}
	if end := row.off + sizeOf(row.parts); off >= end || end > c.Size {
		return row, newDamage(c, fmt.Errorf("its list of parts at byte %d ends at byte %d of %d", row.off, end, c.Size))
	}
	return row, nil
}

// errNoParts tells that a list is not there: its content was removed.
var errNoParts = errs.New("store.parts", errs.NotFound, errs.NoObject, "")

// inlineRows reads the rows of inline parts; nil for the others.
func inlineRows(v kv.Reader, parts []Content) ([][]byte, error) {
	rows := make([][]byte, len(parts))
	var keys []kv.Key
	var at []int
	for i := range parts {
		if parts[i].Inline {
			keys, at = append(keys, contentKey(parts[i].Blob)), append(at, i)
		}
	}
	if len(keys) == 0 {
		return rows, nil
	}
	values, err := v.Get(keys...)
	for i := range values {
		rows[at[i]] = bytes.Clone(values[i])
	}
	return rows, err
}

// eachPart calls fn for the parts of content in order, on views that end before
// it is called; row is that of an inline part. Parts that do not make up the
// content are damage.
func (s *Store) eachPart(ctx context.Context, c Content, small bool, fn func(part Content, row []byte) error) error {
	var off, n int64
	for off < c.Size {
		page, err := s.readParts(ctx, c, off, small)
		if err != nil {
			return err
		}
		if page.off != off {
			return newDamage(c, fmt.Errorf("no list of parts begins at byte %d", off))
		}
		for i := range page.parts {
			var row []byte
			if small {
				row = page.rows[i]
			}
			if err := fn(page.parts[i], row); err != nil {
				return err
			}
		}
		off, n = off+sizeOf(page.parts), n+int64(len(page.parts))
	}
	if n != c.Parts {
		return newDamage(c, fmt.Errorf("%d parts, its object has %d", n, c.Parts))
	}
	return nil
}

// openParts opens content that consists of parts: while it is open, nothing of
// it is removed by this process.
func (s *Store) openParts(ctx context.Context, c Content, where func() string) (ContentReader, error) {
	if !s.pins.take(c.Blob) {
		return nil, errNoParts
	}
	ctx = context.WithoutCancel(ctx)
	var page partsRow
	find := func(off int64) (Run, error) {
		if page.parts == nil || off < page.off || off >= page.off+sizeOf(page.parts) {
			next, err := s.readParts(ctx, c, off, false)
			if errors.Is(err, blob.ErrCorrupt) {
				s.quarantine(ctx, c, where(), err)
			}
			if err != nil {
				return Run{}, err
			}
			page = next
		}
		start := page.off
		for _, p := range page.parts {
			if off < start+p.Size {
				return Run{Start: start, N: p.Size, Open: func() (ContentReader, error) { return s.openPart(ctx, p, where) }}, nil
			}
			start += p.Size
		}
		return Run{}, fmt.Errorf("store: byte %d is behind the parts", off)
	}
	r := s.pins.hold(c.Blob, Join(c.Size, find))
	if err := s.partsSound(ctx, c, find); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

// partsSound finds out before anything is sent whether the list is there, and,
// where there is damaged content at all, whether a part is.
func (s *Store) partsSound(ctx context.Context, c Content, find func(int64) (Run, error)) error {
	if s.bad.n.Load() == 0 {
		_, err := find(0)
		return err
	}
	return s.eachPart(ctx, c, false, func(part Content, _ []byte) error {
		if s.bad.has(part.Blob) {
			return newDamage(part, errQuarantined)
		}
		return nil
	})
}

// openPart opens one part. One that is missing is damage: its list is there.
func (s *Store) openPart(ctx context.Context, part Content, where func() string) (r ContentReader, err error) {
	if part.Inline {
		var data []byte
		err := s.View(ctx, func(v *View) (err error) {
			data, err = v.Inline(part)
			return err
		})
		if errors.Is(err, blob.ErrCorrupt) {
			s.quarantine(ctx, part, where(), err)
		}
		return NewInlineReader(data), err
	}
	r, err = s.openBlob(ctx, part, where)
	if errs.Of(err) == errs.NotFound {
		err = newDamage(part, errors.New("the content is missing"))
		s.quarantine(ctx, part, where(), err)
	}
	return r, err
}

// dropParts removes a list that nothing refers to and releases its parts, a row
// in each transaction. done is false while somebody reads it.
func (s *Store) dropParts(ctx context.Context, id blob.ID) (done bool, err error) {
	if s.bad.has(id) {
		return true, nil
	}
	if !s.pins.claim(id) {
		return false, nil
	}
	defer s.pins.forgo(id)
	for more := true; more; {
		now := s.Now()
		err := s.Update(ctx, []Guard{{Key: contentKey(id)}}, func(tx *Tx) error {
			page, err := tx.tx.Scan(kv.Prefix(tableParts, id[:]), 1)
			if err != nil {
				return err
			}
			more = page.Next != nil
			for _, item := range page.Items {
				_, off, parts, err := decodeParts(item.Row, item.Value)
				if err != nil {
					return err
				}
				tx.tx.Delete(partsKey(id, off))
				for _, p := range parts {
					tx.releaseContent(p, now)
				}
			}
			return nil
		})
		if err != nil {
			return false, err
		}
	}
	return true, nil
}

// compareParts reads the parts of content, each of which must be what its
// list says, and all together what the content's record says. open opens one.
func (s *Store) compareParts(ctx context.Context, c Content, open func(part Content, row []byte) (io.ReadCloser, error)) error {
	whole := NewDigest()
	err := s.eachPart(ctx, c, true, func(part Content, row []byte) error {
		r, err := open(part, row)
		if err != nil {
			return err
		}
		err = errors.Join(compare(part, io.TeeReader(r, whole)), r.Close())
		if errors.Is(err, blob.ErrCorrupt) {
			err = newDamage(part, err)
		}
		return err
	})
	if err != nil {
		return err
	}
	return whole.Digests().match(c)
}

// contentsOf returns what content a row names: that of an object, which may
// consist of parts, or the parts that a list names. Whoever walks over all
// content walks over the rows of contentRanges with it.
func contentsOf(t kv.Table, row, value []byte) ([]Content, error) {
	if t == tableParts {
		_, _, parts, err := decodeParts(row, value)
		return parts, err
	}
	o, err := decodeReference(t, row, value)
	if err != nil || o.Content.Blob.IsZero() {
		return nil, err
	}
	return []Content{o.Content}, nil
}

// contentRanges are the tables whose rows name content: those of objects, and
// the lists of parts.
func contentRanges() []kv.Range { return append(referenceRanges(), kv.Range{Table: tableParts}) }

// needsOfParts checks a row of a list.
func needsOfParts(row, value []byte) (needs []need, err error) {
	_, _, parts, err := decodeParts(row, value)
	for i := range parts {
		if err == nil && parts[i].Owner != 0 {
			needs = append(needs, ownerOf(&parts[i]))
		}
	}
	return needs, err
}
