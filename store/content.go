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

// OpenBlob opens content that lies in a blob. errs.NotFound when the blob is
// gone: the object was replaced since its record was read.
func (s *Store) OpenBlob(ctx context.Context, c Content) (ContentReader, error) {
	r, err := s.blobs.Open(ctx, c.Blob)
	switch {
	case errors.Is(err, blob.ErrNotFound):
		return nil, errs.Wrap("store.OpenBlob", errs.NotFound, errs.NoObject, err)
	case err != nil:
		return nil, errs.Wrap("store.OpenBlob", errs.Other, "", err)
	case r.Size() != c.Size:
		r.Close()
		return nil, errs.Wrap("store.OpenBlob", errs.Other, "",
			fmt.Errorf("%w: blob %s has %d bytes, its object %d", blob.ErrCorrupt, c.Blob, r.Size(), c.Size))
	}
	return r, nil
}

// openInline checks a row of inline content and copies it.
func openInline(c Content, row []byte) ([]byte, error) {
	if row == nil {
		return nil, errs.Wrap("store.Inline", errs.NotFound, errs.NoObject, fmt.Errorf("no content row %s", c.Blob))
	}
	data, err := record.Open(row)
	if err == nil && int64(len(data)) != c.Size {
		err = fmt.Errorf("%w: %d bytes where the object has %d", record.ErrCorrupt, len(data), c.Size)
	}
	if err != nil {
		return nil, errs.Wrap("store.Inline", errs.Other, "", fmt.Errorf("content %s: %w", c.Blob, err))
	}
	return bytes.Clone(data), nil
}
