package store

import (
	"bytes"
	"context"
	"crypto/md5"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"

	"entrepot/gateway/errs"
	"entrepot/store/blob"
	"entrepot/store/internal/record"
	"entrepot/store/kv"
)

// DefaultScrubRate is how many bytes of content the scrubber reads in a second.
const DefaultScrubRate = 10 << 20

const (
	metaScrub = "scrub"
	// scrubPage is how many objects are taken up at once, and after how many
	// the position is written down.
	scrubPage = 64
	// scrubFloor is what reading a small object counts for, so that a million
	// of them is no burst.
	scrubFloor = 4 << 10
	// scrubSave is after how many bytes within a page what was found sound is
	// written down, so that large objects are not read again after a stop.
	scrubSave = 256 << 20
	// scrubChunk is how many bytes are read between two looks at the rate.
	scrubChunk = 1 << 20
)

// A ScrubReport says how far a pass of the scrubber came, or how the last one
// ended.
type ScrubReport struct {
	Begun   time.Time // of the pass
	Ended   time.Time // zero: under way
	Content int64     // pieces of content read
	Bytes   int64
	Damaged int64 // among them, and what was in quarantine already
	Failed  int64 // could not be read this time
}

// scrubState is where the scrubber stands.
type scrubState struct {
	ScrubReport
	table kv.Table // of the next row to look at
	row   []byte
}

func (st *scrubState) encode() []byte {
	w := record.NewWriter(64 + len(st.row))
	w.Int(1, int64(StampOf(st.Begun)))
	w.Int(2, int64(StampOf(st.Ended)))
	w.Int(3, st.Content)
	w.Int(4, st.Bytes)
	w.Int(5, st.Damaged)
	w.Int(6, st.Failed)
	w.Uint(7, uint64(st.table))
	w.Bytes(8, st.row)
	return w.Finish()
}

func decodeScrub(b []byte) (st scrubState, err error) {
	_, err = record.Decode(b, func(f record.Field) bool {
		switch f.Tag {
		case 1:
			st.Begun = Stamp(f.Int()).Time()
		case 2:
			st.Ended = Stamp(f.Int()).Time()
		case 3:
			st.Content = f.Int()
		case 4:
			st.Bytes = f.Int()
		case 5:
			st.Damaged = f.Int()
		case 6:
			st.Failed = f.Int()
		case 7:
			st.table = kv.Table(f.Num)
		case 8:
			st.row = f.Clone()
		}
		return true
	})
	return st, err
}

func (s *Store) scrubState(ctx context.Context) (st scrubState, err error) {
	err = s.engine.View(ctx, func(r kv.Reader) error {
		rows, err := r.Get(metaKey(metaScrub))
		if err != nil || rows[0] == nil {
			st = scrubState{}
			return err
		}
		st, err = decodeScrub(rows[0])
		return err
	})
	return st, fail("store.Scrub", err)
}

// Scrubbed returns the state of the pass under way, or of the last one; zero
// when there was none.
func (s *Store) Scrubbed(ctx context.Context) (ScrubReport, error) {
	st, err := s.scrubState(ctx)
	return st.ScrubReport, err
}

// Verified returns when the scrubber last found content sound; zero: never.
func (s *Store) Verified(ctx context.Context, id blob.ID) (at time.Time, err error) {
	err = s.engine.View(ctx, func(r kv.Reader) error {
		rows, err := r.Get(verifiedKey(id))
		if err != nil || rows[0] == nil {
			at = time.Time{}
			return err
		}
		n, err := decodeID(rows[0])
		at = Stamp(n).Time()
		return err
	})
	return at, fail("store.Verified", err)
}

func verifiedKey(id blob.ID) kv.Key { return key(tableVerified, id[:]) }

// Scrub reads all content that objects refer to, each piece once, and compares
// size, MD5 and SHA-256 with the records: what differs goes into quarantine.
// It goes on where the last call stopped and returns at the end of the pass,
// or when ctx ends. rate bounds the bytes read in a second; 0: no bound.
func (s *Store) Scrub(ctx context.Context, rate int64) (ScrubReport, error) {
	s.scrubbing.Lock()
	defer s.scrubbing.Unlock()
	st, err := s.scrubState(ctx)
	if err != nil {
		return ScrubReport{}, err
	}
	if st.Begun.IsZero() || !st.Ended.IsZero() {
		st = scrubState{ScrubReport: ScrubReport{Begun: s.Now().Time()}, table: tableObjects}
	}
	p := &pace{rate: rate}
	for st.Ended.IsZero() {
		if err := s.scrubStep(ctx, &st, p); err != nil {
			return st.ScrubReport, err
		}
	}
	return st.ScrubReport, nil
}

// nextReferring returns the next table whose rows refer to content, 0 behind
// the last.
func nextReferring(t kv.Table) kv.Table {
	ranges := referenceRanges()
	for i := range ranges[1:] {
		if ranges[i].Table == t {
			return ranges[i+1].Table
		}
	}
	return 0
}

// A claim is what a record says of content.
type claim struct {
	container uint64
	object    Object
	row       []byte // inline content as it is kept
	outcome   error  // of a check made while the row was at hand
}

// scrubStep does the next page of a pass.
func (s *Store) scrubStep(ctx context.Context, st *scrubState, p *pace) error {
	list, next, err := s.claims(ctx, kv.Range{Table: st.table, From: st.row}, StampOf(st.Begun))
	if err != nil {
		return err
	}
	var sound []blob.ID
	done := make(map[blob.ID]bool, len(list))
	saved := st.Bytes
	for i := range list {
		c := &list[i].object.Content
		if done[c.Blob] {
			continue
		}
		done[c.Blob] = true
		if s.bad.has(c.Blob) {
			st.Damaged++
			continue
		}
		switch err := s.verify(ctx, &list[i], p); {
		case err == nil:
			sound = append(sound, c.Blob)
		case ctx.Err() != nil:
			return ctx.Err()
		case errs.Of(err) == errs.NotFound:
			continue // replaced meanwhile
		case errors.Is(err, blob.ErrCorrupt):
			st.Damaged++
		default:
			st.Failed++
			s.raise(ctx, EventDamage, "reading "+c.Blob.String(), "content cannot be read: "+err.Error())
		}
		st.Content++
		st.Bytes += c.Size
		if st.Bytes-saved >= scrubSave {
			if err := s.saveScrub(ctx, st, sound); err != nil {
				return err
			}
			saved, sound = st.Bytes, nil
		}
	}
	st.row = next
	if next == nil {
		if st.table = nextReferring(st.table); st.table == 0 {
			st.Ended = s.Now().Time()
		}
	}
	return s.saveScrub(ctx, st, sound)
}

// claims reads a page of records whose content was not verified since the pass
// began.
func (s *Store) claims(ctx context.Context, r kv.Range, begun Stamp) (list []claim, next []byte, err error) {
	err = s.engine.View(ctx, func(v kv.Reader) error {
		list = list[:0]
		page, err := v.Scan(r, scrubPage)
		if err != nil {
			return err
		}
		next = bytes.Clone(page.Next)
		keys := make([]kv.Key, 0, 2*len(page.Items))
		for _, item := range page.Items {
			o, err := decodeReference(r.Table, item.Row, item.Value)
			if err != nil { // a damaged record is the check's matter
				s.opt.Logger.Error("scrub: damaged record", "table", r.Table, "row", fmt.Sprintf("%x", item.Row), "err", err)
				continue
			}
			if o.Content.Blob.IsZero() {
				continue
			}
			list = append(list, claim{container: binary.BigEndian.Uint64(item.Row), object: o})
			keys = append(keys, verifiedKey(o.Content.Blob), contentKey(o.Content.Blob))
		}
		rows, err := v.Get(keys...)
		if err != nil {
			return err
		}
		kept := list[:0]
		for i, c := range list {
			if at, err := decodeID(rows[2*i]); err == nil && Stamp(at) >= begun {
				continue
			}
			c.row = bytes.Clone(rows[2*i+1])
			kept = append(kept, c)
		}
		list = kept
		return nil
	})
	return list, next, fail("store.Scrub", err)
}

// saveScrub writes down where a pass stands and what it found sound. At the
// end of the pass it forgets what the pass did not meet.
func (s *Store) saveScrub(ctx context.Context, st *scrubState, sound []blob.ID) error {
	now, state := u64(uint64(s.Now())), st.encode()
	err := s.engine.Update(ctx, []kv.Lock{{Key: metaKey(metaScrub)}}, func(tx kv.Tx) error {
		tx.Put(metaKey(metaScrub), state)
		for _, id := range sound {
			tx.Put(verifiedKey(id), now)
		}
		return nil
	})
	if err != nil || st.Ended.IsZero() {
		return fail("store.Scrub", err)
	}
	s.opt.Logger.InfoContext(ctx, "scrub: pass ended", "content", st.Content, "bytes", st.Bytes, "damaged", st.Damaged, "failed", st.Failed)
	return s.forgetVerified(ctx, StampOf(st.Begun))
}

func (s *Store) forgetVerified(ctx context.Context, before Stamp) error {
	err := s.dropRows(ctx, kv.Range{Table: tableVerified}, func(_ *View, item kv.Item) (bool, error) {
		at, err := decodeID(item.Value)
		return err != nil || Stamp(at) < before, nil
	})
	return fail("store.Scrub", err)
}

// verify reads content and compares it with what its record says. Damage goes
// into quarantine.
func (s *Store) verify(ctx context.Context, c *claim, p *pace) error {
	content := c.object.Content
	if content.Inline {
		data, err := openInline(content, c.row)
		if err == nil {
			err = p.wait(ctx, max(content.Size, scrubFloor))
		}
		if err == nil {
			err = compare(content, bytes.NewReader(data))
		}
		return s.judge(ctx, c, err)
	}
	if content.Parts != 0 {
		return s.judge(ctx, c, s.verifyParts(ctx, c, p))
	}
	r, err := s.OpenObject(ctx, c.container, &c.object)
	if err != nil {
		return err
	}
	if err = p.wait(ctx, scrubFloor); err == nil {
		err = compare(content, &pacedReader{ctx: ctx, r: r, p: p})
	}
	return s.judge(ctx, c, errors.Join(err, r.Close()))
}

// verifyParts is verify for content that consists of parts. What is damaged is
// the part, where it is one of them.
func (s *Store) verifyParts(ctx context.Context, c *claim, p *pace) error {
	whole, err := s.OpenObject(ctx, c.container, &c.object) // keeps the parts meanwhile
	if err != nil {
		return err
	}
	where := func() string { return fmt.Sprintf("container %d, object %q", c.container, c.object.Name) }
	err = s.compareParts(ctx, c.object.Content, func(part Content, row []byte) (io.ReadCloser, error) {
		if err := p.wait(ctx, scrubFloor); err != nil {
			return nil, err
		}
		var r ContentReader
		var err error
		if part.Inline {
			var data []byte
			data, err = openInline(part, row)
			r = NewInlineReader(data)
		} else {
			r, err = s.openPart(ctx, part, where)
		}
		return &pacedReader{ctx: ctx, r: r, p: p}, err
	})
	return errors.Join(err, whole.Close())
}

// judge puts content whose check failed into quarantine.
func (s *Store) judge(ctx context.Context, c *claim, err error) error {
	if errors.Is(err, blob.ErrCorrupt) {
		s.quarantine(ctx, damagedOf(err, c.object.Content), fmt.Sprintf("container %d, object %q", c.container, c.object.Name), err)
	}
	return err
}

// compare hashes a stream; damage when it is not what the record says.
func compare(c Content, r io.Reader) error {
	m, h := md5.New(), sha256.New()
	n, err := io.CopyBuffer(io.MultiWriter(m, h), r, make([]byte, 256<<10))
	switch {
	case err != nil:
		return err
	case n != c.Size:
		return newDamage(c, fmt.Errorf("%d bytes where its object has %d", n, c.Size))
	case [16]byte(m.Sum(nil)) != c.MD5:
		return newDamage(c, fmt.Errorf("MD5 is %x, its object says %x", m.Sum(nil), c.MD5))
	case [32]byte(h.Sum(nil)) != c.SHA256:
		return newDamage(c, fmt.Errorf("SHA-256 is %x, its object says %x", h.Sum(nil), c.SHA256))
	}
	return nil
}

// pacedReader reads a blob in order, no faster than a pace.
type pacedReader struct {
	ctx context.Context // of the one call that reads it
	r   blob.Reader
	p   *pace
	off int64
}

// Read implements io.Reader.
func (r *pacedReader) Read(b []byte) (int, error) {
	b = b[:min(len(b), scrubChunk)]
	if err := r.p.wait(r.ctx, int64(len(b))); err != nil {
		return 0, err
	}
	n, err := r.r.ReadAt(b, r.off)
	r.off += int64(n)
	return n, err
}

// Close implements io.Closer.
func (r *pacedReader) Close() error { return r.r.Close() }

// pace keeps reading at a rate: after each piece it waits as long as the piece
// may take.
type pace struct {
	rate int64 // bytes in a second; 0: no bound
	owed time.Duration
}

// wait accounts for n bytes. Short waits are saved up.
func (p *pace) wait(ctx context.Context, n int64) error {
	if p.rate <= 0 {
		return ctx.Err()
	}
	p.owed += time.Duration(float64(n) / float64(p.rate) * float64(time.Second))
	if p.owed < 10*time.Millisecond {
		return ctx.Err()
	}
	t := time.NewTimer(p.owed)
	defer t.Stop()
	p.owed = 0
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
