package gateway

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"entrepot/auth"
	"entrepot/store"
)

// The digests of a file are over all its bytes, in their order. So that the
// pieces of an upload need not be read when they are put together, the folder
// of the upload keeps the state of the digests behind the pieces that came so
// far without a gap (store.Progress). The bytes of the next one go to its own
// digests and to these; the state behind it is written in its transaction.
// Pieces that come before their turn are read later: when another piece comes,
// or at the end.

// sumAhead is up to how many bytes of waiting pieces are read before a piece is
// taken, or twice its own size where that is more: the client waits meanwhile.
const sumAhead = 64 << 20

// A pieceSum is the digest of the pieces of an upload up to one that is being
// received.
type pieceSum struct {
	folder string // the upload's, in its container
	before store.Progress
	digest *store.Digest
	state  []byte // of digest, behind the piece
}

// received notes the state behind the piece; nil does nothing.
func (s *pieceSum) received() (err error) {
	if s != nil {
		s.state, err = s.digest.State()
	}
	return err
}

// note writes the state behind the piece o, in its transaction; nil does
// nothing. The caller holds the lock of the folder. State of more pieces stays.
func (s *pieceSum) note(tx *store.Tx, at *scope, o *store.Object, now store.Stamp) error {
	if s == nil {
		return nil
	}
	next := store.Progress{Pieces: s.before.Pieces + 1, Chain: s.before.Follow(&o.Content), State: s.state}
	return noteProgress(tx, at, s.folder, &next, now)
}

func noteProgress(tx *store.Tx, at *scope, folder string, p *store.Progress, now store.Stamp) error {
	marker, found, err := tx.Object(at.container.ID, folder)
	if err != nil || !found || marker.Expired(now) || marker.Progress != nil && marker.Progress.Pieces > p.Pieces {
		return err
	}
	next := marker
	next.Progress = p
	next.Born = at.container.Epoch
	tx.PutObject(&at.container, &marker, &next, now)
	return nil
}

// sumPiece returns the digest that goes on over a piece, nil where others have
// to come before it. It reads what waits before it, up to a bound. The digest
// is a help: a piece whose upload cannot be looked at is judged by Put.
func (o *Objects) sumPiece(ctx context.Context, ref Ref, size int64) *pieceSum {
	i := strings.LastIndexByte(ref.Object, '/') + 1
	s := &pieceSum{folder: ref.Object[:i]}
	piece := ref.Object[i:]
	if _, err := o.progress(ctx, ref, s); err != nil {
		return nil
	}
	if !s.next(piece) && s.aheadOf(piece) {
		upload := Ref{Account: ref.Account, Container: ref.Container, Object: s.folder}
		if _, busy := o.summing.LoadOrStore(upload, true); busy {
			return nil
		}
		defer o.summing.Delete(upload)
		at, err := o.progress(ctx, ref, s) // others may have done it meanwhile
		if err == nil {
			err = o.sumWaiting(ctx, ref, at, s, piece, max(sumAhead, 2*size))
		}
		if err != nil {
			o.cfg.Logger.WarnContext(ctx, "reading the pieces of an upload", "err", err)
			return nil
		}
	}
	if !s.next(piece) {
		return nil
	}
	return s
}

// progress reads how far the digests of an upload have come.
func (o *Objects) progress(ctx context.Context, ref Ref, s *pieceSum) (at scope, err error) {
	p, now := auth.PrincipalOf(ctx), o.now()
	var marker store.Object
	err = o.store.View(ctx, func(v *store.View) error {
		var found bool
		at, err = o.load(v, p, ref, func(b *store.Batch, id uint64) { b.Object(id, s.folder, &marker, &found) })
		if err == nil {
			err = at.mayWrite(p)
		}
		if err == nil && (!found || marker.Expired(now)) {
			err = errNoUpload
		}
		return err
	})
	if err != nil {
		return at, err
	}
	s.before, s.digest = store.Progress{}, store.NewDigest()
	if marker.Progress != nil {
		d, err := store.ResumeDigest(marker.Progress.State)
		if err != nil {
			return at, nil //nolint:nilerr // what cannot be gone on with is computed anew
		}
		s.before, s.digest = *marker.Progress, d
	}
	return at, nil
}

// sumWaiting goes on over pieces that are there already, up to about so many
// bytes, and writes down how far it came.
func (o *Objects) sumWaiting(ctx context.Context, ref Ref, at scope, s *pieceSum, piece string, bytes int64) error {
	begun := s.before.Pieces
	for bytes > 0 && !s.next(piece) {
		var row store.Object
		var found bool
		err := o.store.View(ctx, func(v *store.View) (err error) {
			row, found, err = s.find(v, at.container.ID, piece)
			return err
		})
		if err != nil {
			return err
		}
		if !found || row.Expired(o.now()) || !plainPiece(&row) {
			break
		}
		if err := o.readPiece(ctx, at, &row, s.digest); err != nil {
			return err
		}
		s.before.Chain = s.before.Follow(&row.Content)
		s.before.Pieces++
		bytes -= max(row.Content.Size, 1)
	}
	if s.before.Pieces == begun {
		return nil
	}
	var err error
	if s.before.State, err = s.digest.State(); err != nil {
		return err
	}
	now, p := o.now(), auth.PrincipalOf(ctx)
	guards := append(store.LocksOfWrite(at.container.ID, s.folder, false), at.quotaGuards(false)...)
	return o.store.Update(ctx, guards, func(tx *store.Tx) error {
		same, err := o.loadSame(tx, p, ref, &at)
		if err != nil {
			return err
		}
		progress := s.before
		return noteProgress(tx, &same, s.folder, &progress, now)
	})
}

// readPiece reads the content of a piece, which is not counted as traffic.
func (c *core) readPiece(ctx context.Context, at scope, row *store.Object, to io.Writer) error {
	found := &place{ref: Ref{Account: at.container.Account, Container: at.container.Name, Object: row.Name}, scope: at, obj: *row}
	var data []byte
	err := c.store.View(ctx, func(v *store.View) (err error) {
		data, err = found.inline(v)
		return err
	})
	if err != nil {
		return err
	}
	content, err := c.stored(ctx, found, data)
	if err != nil {
		return err
	}
	_, err = io.CopyBuffer(to, io.NewSectionReader(content, 0, content.Size()), make([]byte, 256<<10))
	return errors.Join(err, content.Close())
}

// plainPiece tells whether a piece is bytes and nothing else: what it joins or
// stands for otherwise has to be read as every reader gets it.
func plainPiece(o *store.Object) bool { return !o.Special() && o.Content.Parts == 0 }

// The names of pieces tell their order: numbers from 1 on, or where the piece
// begins in the file, alone or with its last byte behind a dash.

// next tells whether a piece is the one behind those of the digest.
func (s *pieceSum) next(piece string) bool {
	if first, _, ok := offsets(piece); ok {
		return int64(first) == s.digest.Size()
	}
	n := number(piece)
	return n == int(s.before.Pieces)+1 || n >= 0 && int64(n) == s.digest.Size()
}

// aheadOf tells whether a piece belongs behind those of the digest.
func (s *pieceSum) aheadOf(piece string) bool {
	if first, _, ok := offsets(piece); ok {
		return int64(first) > s.digest.Size()
	}
	return number(piece) > int(s.before.Pieces)
}

// find reads the piece that comes next, by the names that it may have where
// another one is called like piece.
func (s *pieceSum) find(v *store.View, id uint64, piece string) (o store.Object, found bool, err error) {
	if _, width, ok := offsets(piece); ok {
		prefix := fmt.Sprintf("%s%0*d-", s.folder, width, s.digest.Size())
		list, err := v.Records(id, store.Query{Prefix: prefix, Limit: 1})
		if err != nil || len(list) == 0 {
			return o, false, err
		}
		return list[0], true, nil
	}
	for _, n := range []int64{s.before.Pieces + 1, s.digest.Size()} {
		for _, width := range []int{0, len(piece)} {
			if o, found, err = v.Object(id, fmt.Sprintf("%s%0*d", s.folder, width, n)); err != nil || found {
				return o, found, err
			}
		}
	}
	return o, false, nil
}

// offsets reads a name of two numbers with a dash between: the first number,
// and with how many digits it is written.
func offsets(piece string) (first, width int, ok bool) {
	a, b, dash := strings.Cut(piece, "-")
	if !dash || number(a) < 0 || number(b) < 0 {
		return 0, 0, false
	}
	return number(a), len(a), true
}
