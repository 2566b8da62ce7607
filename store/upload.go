package store

import (
	"context"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"hash"
	"hash/adler32"
	"io"

	"entrepot/gateway/errs"
	"entrepot/store/blob"
	"entrepot/store/blob/volumes"
	"entrepot/store/internal/record"
)

// An Upload is content on its way in. Digests are computed while it streams.
// Content up to the inline limit stays in a pooled buffer; only what overflows
// opens a blob. Call Receive once, then Finish; call Close in any case. Not
// safe for concurrent use.
type Upload struct {
	s      *Store
	ctx    context.Context
	extra  map[string]hash.Hash
	buf    *[]byte
	file   blob.Upload
	id     blob.ID
	size   int64
	md5    hash.Hash
	sha256 hash.Hash
	sealed []byte
	also   *Digest // gets the bytes too; nil: none
	done   bool
	volume uint8 // where the content goes; beyond the first one nothing is inline
}

// NewUpload begins an upload. digests names algorithms to compute besides MD5
// and SHA-256: "sha1", "sha512", "adler32"; others are ignored.
func (s *Store) NewUpload(ctx context.Context, digests ...string) *Upload {
	u := &Upload{s: s, ctx: ctx, md5: md5.New(), sha256: sha256.New(), buf: s.pool.Get().(*[]byte)}
	for _, name := range digests {
		h := NewHash(name)
		if h == nil {
			continue
		}
		if u.extra == nil {
			u.extra = make(map[string]hash.Hash)
		}
		u.extra[name] = h
	}
	return u
}

// NewHash returns the hash of an algorithm that an upload computes when it is
// asked for; nil for any other, MD5 and SHA-256 among them.
func NewHash(algorithm string) hash.Hash {
	switch algorithm {
	case "sha1":
		return sha1.New()
	case "sha512":
		return sha512.New()
	case "adler32":
		return adler32.New()
	}
	return nil
}

// NewUploadIn begins an upload into a further volume of content, see package
// volumes; 0 is NewUpload.
func (s *Store) NewUploadIn(ctx context.Context, volume uint8, digests ...string) *Upload {
	u := s.NewUpload(ctx, digests...)
	u.volume = volume
	return u
}

// Also has the bytes of the upload written to d as well, which then computes
// the digests of more than this upload. Call it before Receive; d is the
// upload's until Receive returns.
func (u *Upload) Also(d *Digest) { u.also = d }

// inline is up to how many bytes stay in the engine.
func (u *Upload) inline() int {
	if u.volume != 0 {
		return 0
	}
	return u.s.InlineLimit()
}

// Receive takes the whole body, at most limit bytes: errs.TooLarge when there
// are more. An error of body is errs.Incomplete; what the store cannot
// do has another kind.
func (u *Upload) Receive(body io.Reader, limit int64) error {
	body = io.LimitReader(body, limit+1)
	small := (*u.buf)[:u.inline()+1]
	n, err := fill(body, small)
	u.size = int64(n)
	*u.buf = small[:n]
	switch err {
	case io.EOF:
		u.hash(small[:n])
	case nil:
		if err := u.overflow(small, body); err != nil {
			return err
		}
	default:
		return bodyFailed(err)
	}
	if u.size > limit {
		return errs.New("store.Upload", errs.TooLarge, "", "")
	}
	return nil
}

func (u *Upload) hash(p []byte) {
	u.md5.Write(p)
	u.sha256.Write(p)
	for _, h := range u.extra {
		h.Write(p)
	}
	if u.also != nil {
		_, _ = u.also.Write(p)
	}
}

// overflow streams head and the rest of body to a blob. Reading, MD5, and
// SHA-256 with writing run side by side, because MD5 alone is as slow as a
// disk.
func (u *Upload) overflow(head []byte, body io.Reader) error {
	id, err := u.s.newBlobID()
	if err != nil {
		return err
	}
	volumes.Mark(&id, u.volume)
	u.id = id
	u.s.inFlight.add(id)
	if u.file, err = u.s.blobs.Create(u.ctx, id); err != nil {
		return u.failed(err)
	}
	p := startPipeline(u)
	if err = p.feed(head, body); err != nil {
		err = bodyFailed(err)
	}
	if stop := p.finish(); stop != nil {
		err = u.failed(stop)
	}
	return err
}

// bodyFailed tells that the body broke off, apart from failures of the store:
// errs.Incomplete, unless the body's reader has a kind of its own.
func bodyFailed(err error) error {
	if kind := errs.Of(err); kind != errs.Other && kind != errs.Canceled {
		return err
	}
	return errs.Wrap("store.Upload", errs.Incomplete, "", err)
}

// Size returns the number of bytes read so far.
func (u *Upload) Size() int64 { return u.size }

// Sum returns the lower-case hex digest of an algorithm, "" for one that was
// not computed. Call it after Receive.
func (u *Upload) Sum(algorithm string) string {
	switch algorithm {
	case "md5":
		return hex.EncodeToString(u.md5.Sum(nil))
	case "sha256":
		return hex.EncodeToString(u.sha256.Sum(nil))
	}
	if h := u.extra[algorithm]; h != nil {
		return hex.EncodeToString(h.Sum(nil))
	}
	return ""
}

// Finish makes the content durable (a blob) or ready to be written with the
// record that names it (inline, see Attach). A blob that no record will name
// is removed by Discard.
func (u *Upload) Finish() (Content, error) {
	c := Content{Size: u.size}
	u.md5.Sum(c.MD5[:0])
	u.sha256.Sum(c.SHA256[:0])
	if h := u.extra["sha1"]; h != nil {
		c.SHA1 = h.Sum(nil)
	}
	switch {
	case u.file != nil:
		if err := u.file.Commit(); err != nil {
			return Content{}, u.failed(err)
		}
		u.done = true
		c.Blob = u.id
	case u.size > 0:
		id, err := u.s.newBlobID()
		if err != nil {
			return Content{}, err
		}
		c.Blob, c.Inline = id, true
		u.sealed = record.Seal(*u.buf)
	}
	return c, nil
}

// Attach writes inline content in the transaction of the record that names it;
// it does nothing for content in a blob.
func (u *Upload) Attach(tx *Tx, c Content) {
	if c.Inline {
		tx.PutInline(c, u.sealed)
	}
}

// Discard removes finished content that no record names, because the
// transaction that should have named it was refused. After an unknown outcome
// it must not be called: the record may exist.
func (u *Upload) Discard(ctx context.Context) {
	if u.file != nil && u.done {
		if err := u.s.blobs.Remove(ctx, u.id); err != nil {
			u.s.opt.Logger.Warn("removing refused content", "blob", u.id.String(), "err", err)
		}
	}
}

// Close ends the upload: what was not finished disappears. Until then the
// collector leaves its content alone, so call it after the transaction of the
// record that names the content.
func (u *Upload) Close() {
	if !u.id.IsZero() {
		u.s.inFlight.remove(u.id)
	}
	if u.file != nil {
		u.file.Abort()
	}
	if u.buf != nil {
		*u.buf = (*u.buf)[:0]
		u.s.pool.Put(u.buf)
		u.buf = nil
	}
}
