package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"entrepot/gateway/errs"
	"entrepot/store/blob"
	"entrepot/store/internal/record"
)

// Content says where an object's bytes lie and what they hash to.
type Content struct {
	Size   int64
	Blob   blob.ID // zero for no bytes
	Inline bool    // in the engine, else in a file
	Owner  uint64  // not 0: shared; this object's number among the blob's owner rows
	MD5    [16]byte
	SHA256 [32]byte
	SHA1   []byte // 20 bytes when it was asked for, else nil
	// Parts is of how many parts the bytes are put together, 0 where they are
	// one run. Blob then names the list of the parts, see parts.go.
	Parts int64
}

// fields writes what a record says of content.
func (c *Content) fields(w *record.Writer) {
	w.Uint(10, uint64(c.Size))
	if !c.Blob.IsZero() {
		w.Bytes(11, c.Blob[:])
	}
	w.Bool(12, c.Inline)
	w.Uint(13, c.Owner)
	w.Bytes(14, c.MD5[:])
	w.Bytes(15, c.SHA256[:])
	w.Bytes(16, c.SHA1)
	w.Int(tagParts, c.Parts)
}

// field takes one of the fields that tell of content; false for any other.
func (c *Content) field(f *record.Field) bool {
	switch f.Tag {
	case 10:
		c.Size = int64(f.Num)
	case 11:
		copy(c.Blob[:], f.Bytes)
	case 12:
		c.Inline = f.Bool()
	case 13:
		c.Owner = f.Num
	case 14:
		copy(c.MD5[:], f.Bytes)
	case 15:
		copy(c.SHA256[:], f.Bytes)
	case 16:
		c.SHA1 = f.Clone()
	case tagParts:
		c.Parts = f.Int()
	default:
		return false
	}
	return true
}

// Kinds of content, by where it lies.
const (
	kindFile   byte = 0
	kindInline byte = 1 // a row of the engine
	kindParts  byte = 2 // a list of parts
)

func (c *Content) kind() byte {
	switch {
	case c.Inline:
		return kindInline
	case c.Parts != 0:
		return kindParts
	}
	return kindFile
}

// A ContentReader reads the content of one object; it stays valid when the
// object is replaced or removed meanwhile. See blob.Reader.
type ContentReader = blob.Reader

// inlineReader serves content that lay in the engine and was checked when it
// was read.
type inlineReader struct{ data []byte }

// NewInlineReader returns a reader of bytes that View.Inline returned.
func NewInlineReader(data []byte) ContentReader { return inlineReader{data} }

func (r inlineReader) Size() int64  { return int64(len(r.data)) }
func (r inlineReader) Close() error { return nil }

func (r inlineReader) ReadAt(p []byte, off int64) (int, error) {
	return bytes.NewReader(r.data).ReadAt(p, off)
}

func (r inlineReader) WriteRange(w io.Writer, off, n int64) (int64, error) {
	if off < 0 || n < 0 || off > int64(len(r.data)) || n > int64(len(r.data))-off {
		return 0, fmt.Errorf("store: range %d+%d of %d bytes", off, n, len(r.data))
	}
	m, err := w.Write(r.data[off : off+n])
	return int64(m), err
}

// errQuarantined is the cause where damage was found earlier.
var errQuarantined = errors.New("the content is in quarantine")

// A damage is the error of content that is not what was written: its bytes
// are gone or changed.
type damage struct {
	content Content
	cause   error
}

func newDamage(c Content, cause error) error {
	return &errs.Error{
		Op: "store.content", Kind: errs.Other, Text: "The stored content is damaged.",
		Err: &damage{c, cause},
	}
}

// Error says which content is damaged, and how.
func (d *damage) Error() string { return fmt.Sprintf("content %s: %v", d.content.Blob, d.cause) }

// damagedOf is the content that an error tells to be damaged, or other.
func damagedOf(err error, other Content) Content {
	var d *damage
	if errors.As(err, &d) {
		return d.content
	}
	return other
}

// Unwrap makes every damage a blob.ErrCorrupt.
func (d *damage) Unwrap() []error { return []error{blob.ErrCorrupt, d.cause} }

// OpenObject opens the content of an object of a container, where that lies in
// a blob or consists of parts. errs.NotFound when the object was replaced or removed since its
// record was read. Content that is damaged or missing is an error, is put into
// quarantine and raises an event; so it is, later, when the reader finds damage.
func (s *Store) OpenObject(ctx context.Context, container uint64, o *Object) (ContentReader, error) {
	where := func() string { return fmt.Sprintf("container %d, object %q", container, o.Name) }
	r, err := s.openBlob(ctx, o.Content, where)
	if errs.Of(err) != errs.NotFound {
		return r, err
	}
	var now Object
	var found bool
	err2 := s.View(ctx, func(v *View) (err error) {
		now, found, err = v.Object(container, o.Name)
		return err
	})
	if err2 != nil {
		return nil, err2
	}
	if found && now.Content.Blob == o.Content.Blob {
		err = newDamage(o.Content, errors.New("the content is missing"))
		s.quarantine(ctx, o.Content, where(), err)
	}
	return nil, err
}

// OpenBlob opens content that lies in a blob or consists of parts, see
// OpenObject. errs.NotFound when there is no such content.
func (s *Store) OpenBlob(ctx context.Context, c Content) (ContentReader, error) {
	return s.openBlob(ctx, c, func() string { return "" })
}

// openBlob is OpenBlob for content of which where says what refers to it.
func (s *Store) openBlob(ctx context.Context, c Content, where func() string) (ContentReader, error) {
	if s.bad.has(c.Blob) {
		return nil, newDamage(c, errQuarantined)
	}
	if c.Parts != 0 {
		return s.openParts(ctx, c, where)
	}
	r, err := s.openChecked(ctx, c)
	if errors.Is(err, blob.ErrCorrupt) {
		s.quarantine(ctx, c, where(), err)
	}
	if err != nil {
		return nil, err
	}
	ctx = context.WithoutCancel(ctx)
	return &watched{r, func(err error) { s.quarantine(ctx, c, where(), err) }}, nil
}

// openChecked opens a blob that must have the size that its object says.
func (s *Store) openChecked(ctx context.Context, c Content) (blob.Reader, error) {
	r, err := s.blobs.Open(ctx, c.Blob)
	switch {
	case errors.Is(err, blob.ErrNotFound):
		return nil, errs.Wrap("store.OpenBlob", errs.NotFound, errs.NoObject, err)
	case errors.Is(err, blob.ErrCorrupt):
		return nil, newDamage(c, err)
	case err != nil:
		return nil, errs.Wrap("store.OpenBlob", errs.Other, "", err)
	case r.Size() != c.Size:
		return nil, errors.Join(newDamage(c, fmt.Errorf("%d bytes, its object has %d", r.Size(), c.Size)), r.Close())
	}
	return r, nil
}

// watched tells the store when reading finds damage.
type watched struct {
	blob.Reader
	found func(error)
}

// ReadAt implements io.ReaderAt.
func (w *watched) ReadAt(p []byte, off int64) (int, error) {
	n, err := w.Reader.ReadAt(p, off)
	return n, w.see(err)
}

// WriteRange implements blob.Reader.
func (w *watched) WriteRange(to io.Writer, off, n int64) (int64, error) {
	m, err := w.Reader.WriteRange(to, off, n)
	return m, w.see(err)
}

func (w *watched) see(err error) error {
	if errors.Is(err, blob.ErrCorrupt) {
		w.found(err)
	}
	return err
}

// openInline checks a row of inline content and copies it. The row was read on
// the same snapshot as the object, so a missing one is damage.
func openInline(c Content, row []byte) ([]byte, error) {
	if row == nil {
		return nil, newDamage(c, errors.New("the content row is missing"))
	}
	data, err := record.Open(row)
	if err == nil && int64(len(data)) != c.Size {
		err = fmt.Errorf("%w: %d bytes where the object has %d", record.ErrCorrupt, len(data), c.Size)
	}
	if err != nil {
		return nil, newDamage(c, err)
	}
	return bytes.Clone(data), nil
}
