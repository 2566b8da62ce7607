package gateway

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"io"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"entrepot/gateway/errs"
	"entrepot/store"
)

// waitingDigests is how many large objects wait at most for being read whole;
// further ones are asked for again by their next reader.
const waitingDigests = 256

// digestPause is how long an object that could not be read whole is left
// alone.
const digestPause = time.Hour

// digests learns, one after the other and in the background, the digests of
// what large objects join, which costs reading them whole. Nothing waits for
// it, and nothing of it outlives a restart but what was learned.
type digests struct {
	core *core
	stop context.CancelFunc
	wake chan Ref
	done sync.WaitGroup

	mu      sync.Mutex
	waiting map[Ref]bool
	failed  *lru.Cache[Ref, time.Time]
}

func startDigests(ctx context.Context, c *core) (*digests, error) {
	failed, err := lru.New[Ref, time.Time](waitingDigests)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	d := &digests{core: c, stop: cancel, wake: make(chan Ref, waitingDigests), waiting: make(map[Ref]bool), failed: failed}
	d.done.Go(func() {
		for {
			select {
			case <-ctx.Done():
				return
			case ref := <-d.wake:
				d.do(ctx, ref)
			}
		}
	})
	return d, nil
}

// close ends the work; what waits is forgotten.
func (d *digests) close() {
	d.stop()
	d.done.Wait()
}

// ask has the digest of an object learned, unless that waits already, has
// failed a short while ago, or too many wait.
func (d *digests) ask(ref Ref) {
	now := d.core.now().Time()
	d.mu.Lock()
	defer d.mu.Unlock()
	if at, ok := d.failed.Get(ref); ok && now.Sub(at) < digestPause || d.waiting[ref] {
		return
	}
	select {
	case d.wake <- ref:
		d.waiting[ref] = true
	default:
	}
}

func (d *digests) do(ctx context.Context, ref Ref) {
	err := d.core.learnDigest(ctx, ref)
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.waiting, ref)
	if err != nil && ctx.Err() == nil {
		d.failed.Add(ref, d.core.now().Time())
		d.core.cfg.Logger.InfoContext(ctx, "reading a large object for its digest", "object", ref.String(), "err", err)
	}
}

// LearnDigest has the MD5 of what a large object joins learned in the
// background, where Object.JoinedMD5 does not tell it: later reads do. obj is
// what was read of ref. It returns at once; a second call while one waits does
// nothing.
func (s *Spaces) LearnDigest(ref Ref, obj *Object) {
	if obj.Large == Plain || obj.Manifest || obj.JoinedMD5 != "" || ref.Version != "" {
		return
	}
	if obj.Target != (Ref{}) {
		ref = obj.Target
	}
	s.digests.ask(ref)
}

// learnDigest reads a large object whole and writes its digest down.
func (c *core) learnDigest(ctx context.Context, ref Ref) error {
	ctx = asSystem(ctx, ref.Account, "")
	obj, content, err := (&Objects{c}).Open(ctx, ref, Conditions{})
	if err != nil {
		return err
	}
	defer content.Close() //nolint:errcheck // it was only read
	if obj.Large == Plain || obj.JoinedMD5 != "" || obj.Target != (Ref{}) {
		return nil
	}
	sum := md5.New()
	n, err := io.CopyBuffer(sum, &whileWanted{ctx, io.NewSectionReader(content, 0, content.Size())}, make([]byte, 256<<10))
	if err == nil && n != obj.Size {
		err = errors.New("it ended early")
	}
	if err != nil {
		return err
	}
	j := store.Joined{Size: n}
	sum.Sum(j.MD5[:0])
	if _, err := hex.Decode(j.Tag[:], []byte(obj.Composite)); err != nil {
		return errs.Wrap("spaces.LearnDigest", errs.Other, "", err)
	}
	return c.noteDigest(ctx, ref, j)
}

// whileWanted reads until its context ends.
type whileWanted struct {
	ctx context.Context // of the one call that reads it
	r   io.Reader
}

// Read implements io.Reader.
func (w *whileWanted) Read(p []byte) (int, error) {
	if err := w.ctx.Err(); err != nil {
		return 0, err
	}
	return w.r.Read(p)
}

// noteDigest writes down the digest of a large object. It may have been
// replaced meanwhile: the tag tells whether the digest is of what it shows.
func (c *core) noteDigest(ctx context.Context, ref Ref, j store.Joined) error {
	at, err := c.find(ctx, ref)
	if err != nil || at.container.ID == 0 {
		return err
	}
	id := at.container.ID
	guards := append(store.LocksOfWrite(id, ref.Object, false), store.LockDepot(at.container.Depot, true))
	return c.store.Update(ctx, guards, func(tx *store.Tx) error {
		k, there, err := tx.Container(id)
		if err != nil || !there || k.Depot != at.container.Depot {
			return err
		}
		o, found, err := tx.Object(id, ref.Object)
		if err != nil || !found || o.Large == nil && !o.Dynamic() {
			return err
		}
		tx.NoteJoined(&k, &o, j)
		return nil
	})
}

// joinedText is the digest of what an object joins where it shows an entity
// tag and a size; "" where it is not known.
func joinedText(o *store.Object, tag [16]byte, size int64, t *digestTexts) string {
	sum, known := o.JoinedMD5(tag, size)
	if !known {
		return ""
	}
	return t.text(&sum)
}
