package gateway

import (
	"context"
	"io"

	"entrepot/store"
)

// rewrite is Assemble by reading the pieces into one put.
func (o *Objects) rewrite(ctx context.Context, a *assembly) (PutResult, error) {
	body := &pieceReader{ctx: ctx, objects: o, folder: a.folder, pieces: a.pieces}
	defer body.close()
	result, err := o.Put(ctx, a.ref, body, *a.opt)
	if err != nil {
		return result, err
	}
	// The file is there: pieces that cannot be removed now expire.
	if err := (&Trees{o.core}).Delete(ctx, a.folder, Conditions{}); err != nil {
		o.cfg.Logger.WarnContext(ctx, "pieces of a finished upload stay until they expire", "err", err)
	}
	return result, nil
}

// pieceReader reads pieces one behind the other. It lives as long as the call
// whose context it holds.
type pieceReader struct {
	ctx     context.Context //nolint:containedctx // see above
	objects *Objects
	folder  Ref
	pieces  []store.Object
	open    Content
	at      int64
}

// Read implements io.Reader.
func (r *pieceReader) Read(p []byte) (int, error) {
	for {
		if r.open == nil {
			if len(r.pieces) == 0 {
				return 0, io.EOF
			}
			if err := r.next(); err != nil {
				return 0, err
			}
		}
		if r.at < r.open.Size() {
			n, err := r.open.ReadAt(p[:min(int64(len(p)), r.open.Size()-r.at)], r.at)
			r.at += int64(n)
			if n > 0 {
				err = nil // the next call meets it again
			}
			return n, err
		}
		r.close()
	}
}

// next opens the next piece, which must be the one that was counted.
func (r *pieceReader) next() error {
	piece := &r.pieces[0]
	ref := r.folder
	ref.Object = piece.Name
	found, content, err := r.objects.Open(r.ctx, ref, Conditions{})
	if err != nil {
		return err
	}
	if found.ETag() != etagOf(piece) || content.Size() != sizeOf(piece) {
		err = errReplaced
	}
	r.pieces, r.open, r.at = r.pieces[1:], content, 0
	return err
}

func (r *pieceReader) close() {
	if r.open != nil {
		r.open.Close() //nolint:errcheck // it was only read
		r.open = nil
	}
}
