package gateway

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"entrepot/auth"
	"entrepot/store"
)

// Preservation tools cut large files into chunks, "a.dura-chunk-0000" and so
// on, and put a manifest of them beside, "a.dura-manifest". Spaces show these
// as the items that they are; on a drive they are one file "a". A manifest is
// recognised when it is put, by its name and then by its text, and its record
// notes what it joins, so that listings read nothing else.

const (
	chunkManifestSuffix = ".dura-manifest"
	chunkSuffix         = ".dura-chunk-"
	// maxChunks is how many chunks a file has at most: DuraCloud's number.
	maxChunks = 9999
	// maxChunkManifest is the largest text that is looked at, in bytes.
	maxChunkManifest = 8 << 20
)

// A ChunkManifest says which items, joined, are a file.
type ChunkManifest struct {
	ContentID   string // name of the file
	ContentType string
	Size        int64
	MD5         string // lower-case hex
	Chunks      []Chunk
}

// A Chunk is one of those items.
type Chunk struct {
	ID   string
	Size int64
	MD5  string
}

// A ChunkCodec reads and writes the text of manifests. It is given to the
// gateway, which knows no wire formats.
type ChunkCodec interface {
	// Read reads a manifest; chunks come in the order of their numbers.
	Read(text []byte) (ChunkManifest, error)
	// Write is the inverse of Read.
	Write(m *ChunkManifest) []byte
}

// chunkName is the name of a chunk of a file.
func chunkName(base string, i int) string { return fmt.Sprintf("%s%s%04d", base, chunkSuffix, i) }

// splitChunk takes the number off a chunk's name.
func splitChunk(name string) (base string, i int, ok bool) {
	at := strings.LastIndex(name, chunkSuffix)
	if at <= 0 {
		return "", 0, false
	}
	number := name[at+len(chunkSuffix):]
	n, err := strconv.ParseUint(number, 10, 16)
	if err != nil || len(number) < 4 || n > maxChunks {
		return "", 0, false
	}
	return name[:at], int(n), true
}

// check tells whether the manifest, stored as name, joins the chunks beside it
// in order and nothing else.
func (m *ChunkManifest) check(name string) error {
	base, ok := strings.CutSuffix(name, chunkManifestSuffix)
	var total int64
	switch {
	case !ok || m.ContentID != base:
		return errors.New("it is the manifest of another file")
	case len(m.Chunks) == 0 || len(m.Chunks) > maxChunks+1:
		return errors.New("it has no chunks, or too many")
	case len(m.MD5) != 32:
		return errors.New("it has no digest")
	}
	for i, c := range m.Chunks {
		if c.ID != chunkName(base, i) || c.Size <= 0 || c.Size > m.Size-total || len(c.MD5) != 32 {
			return fmt.Errorf("chunk %d is not one of the file", i)
		}
		total += c.Size
	}
	if total != m.Size {
		return errors.New("the chunks are not as long as the file")
	}
	return nil
}

// capture keeps the text of what may be a manifest while it is uploaded.
type capture struct{ bytes.Buffer }

// Write keeps what fits.
func (c *capture) Write(b []byte) (int, error) {
	if room := maxChunkManifest + 1 - c.Len(); room > 0 {
		c.Buffer.Write(b[:min(len(b), room)])
	}
	return len(b), nil
}

// watchManifest returns a reader of the body that notes, when it was read, what
// a manifest of chunks joins; done is called then.
func (w *put) watchManifest(body io.Reader) (_ io.Reader, done func()) {
	if w.cfg.Chunks == nil || !strings.HasSuffix(w.ref.Object, chunkManifestSuffix) {
		return body, func() {}
	}
	var text capture
	return io.TeeReader(body, &text), func() { w.chunked = w.chunkedOf(w.ref.Object, text.Bytes()) }
}

// chunkedOf is the note that a manifest's record has; nil for text that is none.
func (c *core) chunkedOf(name string, text []byte) *store.Chunked {
	if len(text) > maxChunkManifest {
		return nil
	}
	m, err := c.cfg.Chunks.Read(text)
	if err != nil || m.check(name) != nil {
		return nil
	}
	sum, err := hex.DecodeString(m.MD5)
	if err != nil {
		return nil
	}
	return &store.Chunked{Size: m.Size, MD5: [16]byte(sum), Count: int64(len(m.Chunks))}
}

// joinedFile is the file that a drive shows for a manifest of chunks.
func joinedFile(manifest *store.Object) *store.Object {
	o := *manifest
	o.Name = strings.TrimSuffix(o.Name, chunkManifestSuffix)
	o.Content = store.Content{Size: o.Chunked.Size, MD5: o.Chunked.MD5}
	o.ContentType, o.Headers, o.Chunked = TypeOf(o.Name), nil, nil
	return &o
}

// lookupChunked finds the chunked file at a path that nothing else has.
func (c *core) lookupChunked(v *store.View, id uint64, path string, now store.Stamp) (node, bool, error) {
	return c.chunkedAt(liveRows{v, id, now}, path)
}

// chunkedAt is lookupChunked among rows, live or of a snapshot.
func (c *core) chunkedAt(r rows, path string) (node, bool, error) {
	if c.cfg.Chunks == nil || path == "" || strings.HasSuffix(path, "/") {
		return node{}, false, nil
	}
	m, found, err := r.object(path + chunkManifestSuffix)
	if err != nil || !found || m.Chunked == nil {
		return node{}, false, err
	}
	return chunkedNode(path, &m), true, nil
}

// chunkedNode is the file at a path whose chunks a manifest lists.
func chunkedNode(path string, manifest *store.Object) node {
	return node{kind: NodeFile, path: path, file: joinedFile(manifest), chunks: manifest}
}

// consistsOf tells whether the node is a chunked file of which the object of a
// name is a part, be it that a folder shares that name.
func (n *node) consistsOf(name string) bool {
	if n.chunks == nil {
		return false
	}
	name = strings.TrimSuffix(name, "/")
	base, i, ok := splitChunk(name)
	return name == n.chunks.Name || ok && base == n.path && int64(i) < n.chunks.Chunked.Count
}

// openChunked opens the chunked file at ref, as the snapshot of that name shows
// it or, "", live. All chunks must be there and be what the manifest says before
// the first byte is served; errs.Conflict with BadSegment otherwise.
func (c *core) openChunked(ctx context.Context, ref Ref, snapshot string, cond *Conditions) (Object, Content, error) {
	p, now := auth.PrincipalOf(ctx), c.now()
	var file node
	var text []byte
	at := &place{}
	err := c.store.View(ctx, func(v *store.View) error {
		s, rows, in, err := c.rowsOf(v, p, ref, snapshot, now)
		if err != nil {
			return err
		}
		if err := s.mayRead(p); err != nil {
			return err
		}
		n, ok, err := c.chunkedAt(rows, ref.Object)
		if err == nil && !ok {
			err = notOnDrive
		}
		if err != nil {
			return err
		}
		if len(cond.Lists) > 0 {
			if err := c.evalLists(v, p, &s, ref, cond, now); err != nil {
				return err
			}
		}
		if err := c.trafficLeft(v, &s, now); err != nil {
			return err
		}
		file = n
		*at = place{ref: Ref{Account: ref.Account, Container: ref.Container, Object: n.chunks.Name}, scope: s, obj: *n.chunks, past: in}
		text, err = at.inline(v)
		return err
	})
	if err != nil {
		return Object{}, nil, err
	}
	shown := at.scope.show(file.file)
	if err := cond.readAllowed(&place{ref: ref, scope: at.scope, obj: *file.file}); err != nil {
		return shown, nil, err
	}
	parts, err := c.chunkParts(ctx, at, ref, text)
	if err != nil {
		return Object{}, nil, err
	}
	return shown, newRun(parts, 0).join(file.file.Content.Size, func(p *part) (Content, error) { return c.openPart(ctx, p, at.past, 0) }), nil
}

// rowsOf are the objects of a container, as one of its snapshots shows them or,
// "", live.
func (c *core) rowsOf(v *store.View, p auth.Principal, ref Ref, snapshot string, now store.Stamp) (scope, rows, *past, error) {
	if snapshot == "" {
		s, err := c.load(v, p, ref, nil)
		return s, liveRows{v, s.container.ID, now}, nil, err
	}
	s, snap, err := c.snapshot(v, p, ref, snapshot)
	return s, pastRows{v, s.container.ID, snap}, &past{s.container.ID, snap}, err
}

// chunkParts reads the manifest of a place and finds its chunks.
func (c *core) chunkParts(ctx context.Context, at *place, ref Ref, text []byte) ([]part, error) {
	m, err := c.readChunkManifest(ctx, at, text)
	if err != nil {
		return nil, err
	}
	parts := make([]part, len(m.Chunks))
	objects, found := make([]store.Object, len(parts)), make([]bool, len(parts))
	err = c.store.View(ctx, func(v *store.View) error {
		id, b := at.scope.container.ID, v.Batch()
		for i := range m.Chunks {
			if at.past == nil {
				b.Object(id, chunkName(ref.Object, i), &objects[i], &found[i])
				continue
			}
			var err error
			if objects[i], found[i], err = v.ObjectAt(id, chunkName(ref.Object, i), at.past.snap.Epoch); err != nil {
				return err
			}
		}
		return b.Do()
	})
	if err != nil {
		return nil, err
	}
	for i, chunk := range m.Chunks {
		if !found[i] || sizeOf(&objects[i]) != chunk.Size || etagOf(&objects[i]) != chunk.MD5 {
			return nil, badSegment(fmt.Errorf("chunk %d of %s is gone or changed", i, ref))
		}
		parts[i] = part{
			ref: Ref{Account: ref.Account, Container: ref.Container, Object: chunkName(ref.Object, i)},
			n:   chunk.Size, size: chunk.Size, etag: chunk.MD5,
		}
	}
	return parts, nil
}

// readChunkManifest reads the manifest of a place, which was found to be one
// when it was put; text is its content where that lies in the engine.
func (c *core) readChunkManifest(ctx context.Context, at *place, text []byte) (ChunkManifest, error) {
	r, err := c.stored(ctx, at, text)
	if err != nil {
		return ChunkManifest{}, err
	}
	defer r.Close() //nolint:errcheck // it was only read
	text = make([]byte, r.Size())
	if _, err := io.ReadFull(io.NewSectionReader(r, 0, r.Size()), text); err != nil {
		return ChunkManifest{}, err
	}
	m, err := c.cfg.Chunks.Read(text)
	if err != nil {
		return m, badSegment(err)
	}
	return m, nil
}

// chunkRows lists the rows of a chunked file: its chunks and its manifest.
func (c *core) chunkRows(v *store.View, id uint64, n *node) ([]store.Object, error) {
	list, err := v.Records(id, store.Query{Prefix: n.path + chunkSuffix, Limit: maxChunks + 2})
	return n.parts(list), err
}

// parts are the rows of a list that are chunks of the node, and its manifest.
func (n *node) parts(list []store.Object) []store.Object {
	rows := list[:0]
	for _, o := range list {
		if base, i, ok := splitChunk(o.Name); ok && base == n.path && int64(i) < n.chunks.Chunked.Count {
			rows = append(rows, o)
		}
	}
	return append(rows, *n.chunks)
}

// removeChunked removes a chunked file, its chunks first.
func (c *core) removeChunked(tx *store.Tx, p auth.Principal, s *scope, n *node, now store.Stamp) error {
	rows, err := c.chunkRows(&tx.View, s.container.ID, n)
	if err != nil {
		return err
	}
	c.auditDeleted(tx, p, s.container.ID, rows, now)
	for i := range rows {
		tx.DeleteObject(&s.container, &rows[i], now)
		if err := tx.DeleteProps(&s.container, rows[i].Name); err != nil {
			return err
		}
	}
	return c.forgetPath(tx, &s.container, n.path)
}

// forgetJoined drops the dead properties and locks of the file in chunks that
// was there while old was, its manifest. A file of that name has them itself.
// It needs the container's exclusive lock.
func (c *core) forgetJoined(tx *store.Tx, s *scope, old *store.Object) error {
	if old.Chunked == nil || c.cfg.Chunks == nil {
		return nil
	}
	base := strings.TrimSuffix(old.Name, chunkManifestSuffix)
	if _, plain, err := tx.Object(s.container.ID, base); err != nil || plain {
		return err
	}
	return c.forgetPath(tx, &s.container, base)
}

// replaceChunked makes place for a plain file that a drive puts where a
// chunked one is. It needs the container's exclusive lock.
func (w *put) replaceChunked(tx *store.Tx, strong bool) error {
	if w.joins == nil {
		return nil
	}
	w.overChunks = true
	if !strong {
		return errStronger
	}
	return w.removeChunked(tx, w.p, &w.scope, w.joins, w.now)
}

// askChunked asks for the manifest of a chunked file that a plain one, which a
// drive puts, may replace.
func (w *put) askChunked(b *store.Batch, id uint64) {
	w.manifest = nil
	if w.opt.Drive && w.cfg.Chunks != nil {
		w.manifest = new(store.Object)
		b.Object(id, w.ref.Object+chunkManifestSuffix, w.manifest, &w.hasManifest)
	}
}

// findChunked tells whether a plain file that a drive puts replaces a chunked
// one.
func (w *put) findChunked() {
	w.joins = nil
	if w.manifest != nil && w.hasManifest && w.old == nil && w.manifest.Chunked != nil && !w.manifest.Expired(w.now) {
		n := chunkedNode(w.ref.Object, w.manifest)
		w.joins = &n
	}
}

// shown is the file that the client sees at the name of the write; nil where
// there is none.
func (w *put) shown() *store.Object {
	if w.joins != nil {
		return w.joins.file
	}
	return w.old
}

// chunkGroup remembers, along a listing, of which file chunks were met last.
type chunkGroup struct {
	base   string
	hidden int64 // how many chunks the drive does not show
}

// chunkHidden tells whether a row of a listing is a chunk that the drive shows
// joined.
func (w *walk) chunkHidden(name string) (bool, error) {
	base, i, ok := splitChunk(name)
	if !ok || w.cfg.Chunks == nil {
		return false, nil
	}
	if w.group.base != base {
		w.group = chunkGroup{base: base}
		m, found, err := w.rows.object(base + chunkManifestSuffix)
		if err != nil {
			return false, err
		}
		if found && m.Chunked != nil {
			plain, err := w.taken(base)
			if err != nil {
				return false, err
			}
			if !plain {
				w.group.hidden = m.Chunked.Count
			}
		}
	}
	return int64(i) < w.group.hidden, nil
}

// taken tells whether an object or a folder has a name.
func (w *walk) taken(name string) (bool, error) {
	_, found, err := w.rows.object(name)
	if err != nil || found {
		return found, err
	}
	return w.rows.below(name + "/")
}

// chunkedFile is the node that a drive shows for a manifest of chunks; nil
// where it shows the manifest itself.
func (w *walk) chunkedFile(o *store.Object) (*node, error) {
	if o.Chunked == nil || w.cfg.Chunks == nil {
		return nil, nil
	}
	base := strings.TrimSuffix(o.Name, chunkManifestSuffix)
	if plain, err := w.taken(base); err != nil || plain {
		return nil, err
	}
	return &node{kind: NodeFile, path: base, file: joinedFile(o), chunks: o}, nil
}
