package gateway

import (
	"bytes"
	"context"
	"io"
	"strings"

	"entrepot/gateway/errs"
	"entrepot/store"
)

// A manifest of chunks names its file and its chunks, so it is written again
// when a drive gives the file another name. A small one is rewritten in the
// transaction of the copy or move. For the others that transaction is tried
// until it is known which are needed, they are written outside of it, and it is
// run again: it takes a text that was prepared only for the very content that
// it finds, so nothing can have changed in between.

const (
	// maxRewrites is how many manifests one copy or move prepares.
	maxRewrites = 1000
	// rewriteAttempts is how often manifests may change while others are written.
	rewriteAttempts = 5
)

// errManyChunks refuses to rename what cannot be renamed in one step.
var errManyChunks = errs.New("trees", errs.Forbidden, errs.TooMany,
	"There are too many large manifests of chunks for one step: split the work.")

// errRewrite tells that manifests must be prepared; it is returned where they
// change all the time.
var errRewrite = errs.New("trees", errs.Conflict, "", "The manifests of chunks change while they are copied.")

// A rewriteKey says which content becomes the manifest of which file.
type rewriteKey struct {
	content [16]byte // ID of the blob
	base    string
}

// A rewrite is the manifest of chunks of a file under its new name.
type rewrite struct {
	was     store.Content
	text    []byte // of was, where that lies in the engine
	up      *store.Upload
	content store.Content
	chunked *store.Chunked
	used    bool // by the last run of the transaction
}

// rewrites are the manifests of one transfer.
type rewrites map[rewriteKey]*rewrite

// prepare writes what the last run of the transaction found missing.
func (w *transfer) prepare(ctx context.Context) error {
	for key, r := range w.rewrites {
		if r.up != nil {
			continue
		}
		text, err := w.renamedText(ctx, key, r)
		if errs.Of(err) == errs.NotFound {
			delete(w.rewrites, key) // replaced since it was found
			continue
		}
		if err != nil {
			return err
		}
		if len(text) > maxChunkManifest {
			return errManyChunks
		}
		up := w.store.NewUploadIn(ctx, volumeOf(w.dst.Account))
		r.up = up
		if err := up.Receive(bytes.NewReader(text), maxChunkManifest); err != nil {
			return err
		}
		if r.content, err = up.Finish(); err != nil {
			return err
		}
		r.text, r.chunked = nil, w.chunkedOf(key.base+chunkManifestSuffix, text)
	}
	return nil
}

// renamedText is the text that a manifest gets.
func (w *transfer) renamedText(ctx context.Context, key rewriteKey, r *rewrite) ([]byte, error) {
	text := r.text
	if text == nil {
		in, err := w.store.OpenBlob(ctx, r.was)
		if err != nil {
			return nil, err
		}
		text = make([]byte, in.Size())
		_, err = io.ReadFull(io.NewSectionReader(in, 0, in.Size()), text)
		in.Close() //nolint:errcheck // it was only read
		if err != nil {
			return nil, err
		}
	}
	return w.renameChunks(text, key.base)
}

// renameChunks gives the text of a manifest the names of another file.
func (c *core) renameChunks(text []byte, base string) ([]byte, error) {
	m, err := c.cfg.Chunks.Read(text)
	if err != nil {
		return nil, badSegment(err)
	}
	m.ContentID = base
	for i := range m.Chunks {
		m.Chunks[i].ID = chunkName(base, i)
	}
	return c.cfg.Chunks.Write(&m), nil
}

// endRewrites lets go of what was prepared. What no record names is removed, unless it
// is unknown whether one does.
func (w *transfer) endRewrites(ctx context.Context, err error) {
	for _, r := range w.rewrites {
		if r.up == nil {
			continue
		}
		if err == nil && !r.used || err != nil && errs.ReasonOf(err) != errs.Unknown {
			r.up.Discard(context.WithoutCancel(ctx))
		}
		r.up.Close()
	}
}

// rewriteChunked gives the manifests among copied or moved rows the names that
// their files now have; errRewrite where some must be prepared first.
func (w *transfer) rewriteChunked(tx *store.Tx, d *scope, was, is []string) error {
	missing := false
	for i := range was {
		if was[i] == is[i] {
			continue
		}
		row, found, err := tx.Object(d.container.ID, is[i])
		if err != nil || !found {
			return err
		}
		next, err := w.renamedRow(tx, &row, strings.TrimSuffix(is[i], chunkManifestSuffix))
		if err != nil {
			return err
		}
		if next == nil {
			missing = true
			continue
		}
		tx.PutObject(&d.container, &row, next, w.now)
	}
	if missing {
		return errRewrite
	}
	return nil
}

// renamedRow is the row of a manifest with the text for another file; nil where
// that is to be prepared, which it notes.
func (w *transfer) renamedRow(tx *store.Tx, row *store.Object, base string) (*store.Object, error) {
	next := *row
	key := rewriteKey{row.Content.Blob, base}
	if r := w.rewrites[key]; r != nil && r.up != nil {
		r.used = true
		r.up.Attach(tx, r.content)
		next.Content, next.Chunked = r.content, r.chunked
		return &next, nil
	}
	need := &rewrite{was: row.Content}
	if row.Content.Inline {
		text, err := tx.Inline(row.Content)
		if err != nil {
			return nil, err
		}
		renamed, err := w.renameChunks(text, base)
		if err != nil {
			return nil, err
		}
		if len(renamed) <= w.store.InlineLimit() && volumeOf(w.dst.Account) == 0 {
			next.Content = tx.PutSmall(renamed, w.now)
			next.Chunked = w.chunkedOf(row.Name, renamed)
			return &next, nil
		}
		need.text = bytes.Clone(text)
	}
	if w.rewrites == nil {
		w.rewrites = make(rewrites)
	}
	if len(w.rewrites) >= maxRewrites {
		return nil, errManyChunks
	}
	w.rewrites[key] = need
	return nil, nil
}

// unused forgets what an earlier run of the transaction used.
func (w *transfer) unused() {
	for _, r := range w.rewrites {
		r.used = false
	}
}

// manifestsAmong lists the manifests of chunks among rows below a path, by the
// names that they have and those that they get below target.
func manifestsAmong(rows []store.Object, path, target string) (was, is []string) {
	for i := range rows {
		if name := rows[i].Name; rows[i].Chunked != nil && len(name) >= len(path) {
			was, is = append(was, name), append(is, target+name[len(path):])
		}
	}
	return was, is
}

// chunksOf lists the rows of the source that is a chunked file.
func (w *transfer) chunksOf(tx *store.Tx, s *scope, n *node) ([]store.Object, error) {
	if w.past == nil {
		return w.chunkRows(&tx.View, s.container.ID, n)
	}
	list, _, err := w.pastRecords(tx, s, n.path+chunkSuffix, maxChunks+2)
	return n.parts(list), err
}

// clearChunks removes what has the names that the rows of a chunked file are
// carried to: files of their own, where no manifest joins them.
func (w *transfer) clearChunks(tx *store.Tx, n *node, d *scope, target string, rows []store.Object) error {
	there, found := make([]store.Object, len(rows)), make([]bool, len(rows))
	b := tx.Batch()
	for i := range rows {
		b.Object(d.container.ID, target+rows[i].Name[len(n.path):], &there[i], &found[i])
	}
	if err := b.Do(); err != nil {
		return err
	}
	for i := range there {
		if !found[i] {
			continue
		}
		if !there[i].Expired(w.now) {
			if !w.opt.Overwrite {
				return errs.New("trees", errs.Precondition, "", "Chunks of the destination exist.")
			}
			if err := w.holdsLocks(&tx.View, w.p, d, there[i].Name, true, w.opt.Conditions.Tokens, w.now); err != nil {
				return err
			}
		}
		tx.DeleteObject(&d.container, &there[i], w.now)
		if err := w.forgetPath(tx, &d.container, there[i].Name); err != nil {
			return err
		}
	}
	return nil
}
