package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"entrepot/gateway/errs"
	"entrepot/store/blob"
	"entrepot/store/kv"
)

// references decodes which content the rows of a page refer to, with that of
// small ones. Shared content is followed once.
func (c *checker) references(v kv.Reader, t kv.Table, items []kv.Item) ([]claim, error) {
	var list []claim
	for _, item := range items {
		o, err := decodeReference(t, item.Row, item.Value)
		if err != nil || o.Content.Blob.IsZero() || c.shared[o.Content.Blob] {
			continue
		}
		if o.Content.Owner != 0 {
			c.shared[o.Content.Blob] = true
		}
		list = append(list, claim{container: beID(item.Row), object: o})
	}
	for part := range slices.Chunk(list, scrubPage) {
		keys := make([]kv.Key, len(part))
		for i := range part {
			keys[i] = contentKey(part[i].object.Content.Blob)
		}
		rows, err := v.Get(keys...)
		if err != nil {
			return nil, err
		}
		for i := range part {
			if err := c.small(&part[i], rows[i]); err != nil {
				return nil, err
			}
		}
	}
	return list, nil
}

// small checks inline content while its row is at hand, and keeps the outcome.
func (c *checker) small(ref *claim, row []byte) error {
	at := ref.object.Content
	if !at.Inline {
		return nil
	}
	data, err := openInline(at, row)
	if err == nil && c.opt.Content {
		err = compare(at, bytes.NewReader(data))
		c.report.Bytes += at.Size
	}
	ref.outcome = err
	return nil
}

// follow checks the content that a page refers to and reports what is wrong.
func (c *checker) follow(ctx context.Context, t kv.Table, refs []claim) error {
	for i := range refs {
		ref := &refs[i]
		at := ref.object.Content
		c.report.Content++
		err := ref.outcome
		switch at.kind() {
		case kindFile:
			err = c.file(ctx, t, ref)
		case kindParts:
			err = c.list(ctx, t, ref)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err := c.verdict(ctx, ref, err); err != nil {
			return err
		}
	}
	return nil
}

// file checks content in a blob: that it is there, its size and, where asked
// for, its digests.
func (c *checker) file(ctx context.Context, t kv.Table, ref *claim) error {
	at := ref.object.Content
	r, err := c.openChecked(ctx, at)
	if errs.Of(err) == errs.NotFound {
		return c.missing(ctx, t, ref)
	}
	if err != nil {
		return err
	}
	if c.opt.Content {
		err = compare(at, &pacedReader{ctx: ctx, r: r, p: c.pace})
		c.report.Bytes += at.Size
	}
	return errors.Join(err, r.Close())
}

// list checks content that consists of parts: that all parts are there, their
// sizes and, where asked for, their digests and those of the whole. What is
// wrong with a part is told of that part.
func (c *checker) list(ctx context.Context, t kv.Table, ref *claim) error {
	at := ref.object.Content
	if !c.pins.take(at.Blob) {
		return c.missing(ctx, t, ref)
	}
	defer c.pins.release(at.Blob)
	whole, damaged := NewDigest(), false
	err := c.eachPart(ctx, at, true, func(part Content, row []byte) error {
		err := c.part(ctx, part, row, whole)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		damaged = damaged || err != nil
		where := *ref
		where.object.Content = part
		return c.verdict(ctx, &where, err)
	})
	switch {
	case errs.Of(err) == errs.NotFound:
		return c.missing(ctx, t, ref)
	case err != nil || damaged || !c.opt.Content:
		return err
	}
	return whole.Digests().match(at)
}

// part checks one part, and hands its bytes to the digest of the whole where
// they are read.
func (c *checker) part(ctx context.Context, part Content, row []byte, whole *Digest) error {
	var r blob.Reader
	if part.Inline {
		data, err := openInline(part, row)
		if err != nil {
			return err
		}
		r = NewInlineReader(data)
	} else {
		var err error
		if r, err = c.openChecked(ctx, part); errs.Of(err) == errs.NotFound {
			return newDamage(part, errors.New("the content is missing"))
		} else if err != nil {
			return err
		}
	}
	var err error
	if c.opt.Content {
		err = compare(part, io.TeeReader(&pacedReader{ctx: ctx, r: r, p: c.pace}, whole))
		c.report.Bytes += part.Size
	}
	return errors.Join(err, r.Close())
}

// missing decides about content that was not found: its object may have been
// replaced since its record was read.
func (c *checker) missing(ctx context.Context, t kv.Table, ref *claim) error {
	k := objectKey(ref.container, ref.object.Name)
	switch t {
	case tableHistory:
		k = historyKey(ref.container, ref.object.Name, ref.object.Born)
	case tableVersions:
		k = versionKey(ref.container, ref.object.Name, ref.object.Version)
	}
	gone := false
	err := c.engine.View(ctx, func(v kv.Reader) error {
		rows, err := v.Get(k)
		if err != nil || rows[0] == nil {
			gone = true
			return err
		}
		o, err := decodeReference(t, k.Row, rows[0])
		gone = err == nil && o.Content.Blob != ref.object.Content.Blob
		return nil
	})
	if err != nil || gone {
		return err
	}
	return newDamage(ref.object.Content, errors.New("the content is missing"))
}

// verdict reports what the check of one piece of content came to, and keeps
// the quarantine in step where it may.
func (c *checker) verdict(ctx context.Context, ref *claim, err error) error {
	at := ref.object.Content
	where := fmt.Sprintf("content %s of container %d, object %q", at.Blob, ref.container, ref.object.Name)
	listed := c.bad.has(at.Blob)
	switch {
	case err == nil && !listed:
	case err == nil && c.opt.Content:
		f := Finding{Where: where, Reason: "it is in quarantine but reads well"}
		if c.opt.Repair {
			if err := c.acquit(ctx, at.Blob); err != nil {
				return err
			}
			f.Repaired = true
		}
		c.found(f)
	case err == nil:
		c.found(Finding{Where: where, Reason: "it is in quarantine"})
	default:
		if c.opt.Repair && errors.Is(err, blob.ErrCorrupt) {
			c.quarantine(ctx, at, fmt.Sprintf("container %d, object %q", ref.container, ref.object.Name), err)
		}
		c.found(Finding{Where: where, Reason: reasonOf(err)})
	}
	return nil
}

// ownerBatch is how many owner rows are looked up in one walk over the
// objects.
const ownerBatch = 1 << 19

// An owning is the key of an owner row.
type owning [24]byte

func compareOwnings(a, b owning) int { return bytes.Compare(a[:], b[:]) }

// owners looks for owner rows without an object: they would keep content for
// ever.
func (c *checker) owners(ctx context.Context) error {
	var batch []owning
	r := kv.Range{Table: tableOwners, KeysOnly: true}
	for more := true; more; {
		err := c.engine.View(ctx, func(v kv.Reader) (err error) {
			n := len(batch)
			r.From, more, err = step(v, r, func(_ kv.Reader, items []kv.Item) error {
				batch = batch[:n]
				for _, item := range items {
					if len(item.Row) == len(owning{}) {
						batch = append(batch, owning(item.Row))
					}
				}
				return nil
			})
			return err
		})
		if err != nil {
			return fail("store.Check", err)
		}
		if len(batch) > ownerBatch || !more {
			if err := c.ownerBatch(ctx, batch); err != nil {
				return err
			}
			batch = batch[:0]
		}
	}
	return nil
}

// ownerBatch checks owner rows, in order: page by page first, then on one
// snapshot for those that are left.
func (c *checker) ownerBatch(ctx context.Context, batch []owning) error {
	if len(batch) == 0 {
		return nil
	}
	seen := make([]bool, len(batch))
	for _, r := range contentRanges() {
		if err := c.pages(ctx, r, ownerMarker(r.Table, batch, seen)); err != nil {
			return fail("store.Check", err)
		}
	}
	left := unseen(batch, seen)
	if len(left) == 0 {
		return nil
	}
	seen = make([]bool, len(left))
	err := c.engine.View(ctx, func(v kv.Reader) error {
		for _, r := range contentRanges() {
			if err := allPages(v, r, ownerMarker(r.Table, left, seen)); err != nil {
				return err
			}
		}
		keys := make([]kv.Key, len(left))
		for i := range left {
			keys[i] = key(tableOwners, left[i][:])
		}
		rows, err := v.Get(keys...)
		for i := range rows {
			seen[i] = seen[i] || rows[i] == nil // released meanwhile
		}
		return err
	})
	if err != nil {
		return fail("store.Check", err)
	}
	for _, o := range unseen(left, seen) {
		if err := c.stray(ctx, o); err != nil {
			return err
		}
	}
	return nil
}

func unseen(all []owning, seen []bool) (left []owning) {
	for i, o := range all {
		if !seen[i] {
			left = append(left, o)
		}
	}
	return left
}

// ownerMarker marks the owner rows that a page of objects accounts for. A
// record that does not decode was reported already.
func ownerMarker(t kv.Table, batch []owning, seen []bool) func(kv.Reader, []kv.Item) error {
	return func(_ kv.Reader, items []kv.Item) error {
		for _, item := range items {
			all, err := contentsOf(t, item.Row, item.Value)
			if err != nil {
				continue
			}
			for _, c := range all {
				if i, found := slices.BinarySearchFunc(batch, owning(ownerKey(c.Blob, c.Owner).Row), compareOwnings); found {
					seen[i] = true
				}
			}
		}
		return nil
	}
}

// stray reports an owner row without an object. Repair removes it and lets the
// background work decide about the content. It is only mended where every
// record decodes: one that does not may be the owner.
func (c *checker) stray(ctx context.Context, o owning) error {
	f := Finding{Where: describe(tableOwners, o[:]), Reason: "no object owns the content under this number"}
	if c.opt.Repair && c.report.Findings == c.report.Repaired {
		id, now := blob.ID(o[:16]), c.Now()
		err := c.engine.Update(ctx, []kv.Lock{{Key: contentKey(id)}}, func(tx kv.Tx) error {
			rows, err := tx.Get(contentKey(id), partsKey(id, 0))
			if err != nil {
				return err
			}
			kind := kindFile
			switch {
			case rows[0] != nil:
				kind = kindInline
			case rows[1] != nil:
				kind = kindParts
			}
			tx.Delete(key(tableOwners, o[:]))
			tx.Put(queueKey(queueShared, now, o[:]), []byte{kind})
			return nil
		})
		if err != nil {
			return fail("store.Check", err)
		}
		f.Repaired = true
	}
	c.found(f)
	return nil
}
