package store

import (
	"bytes"
	"context"
	crand "crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"entrepot/gateway/errs"
	"entrepot/store/blob"
	"entrepot/store/kv"
)

// Format is the number of the layout that this program reads and writes. 1: the
// first one; 2: every object that only marks a folder is counted; 3: samples of
// an account are those of its containers (MonthUsage); 4: content may be a list
// of parts, which older programs would take for lost; 5: snapshots show dead
// properties, of which older programs would keep none. Open upgrades older ones.
const Format = 5

// DefaultInlineLimit is the number of bytes up to which content lives in the
// engine, where a PUT is one transaction and nothing else.
const DefaultInlineLimit = 16 << 10

// MaxInlineLimit is the largest inline limit: a value of the engine less the
// checksum.
const MaxInlineLimit = 56 << 10

const (
	metaFormat     = "format"
	metaClock      = "clock"
	metaID         = "store-id"
	sequencePrefix = "sequence/"
)

// Sequences.
const SequenceDepot = "depot"

// Options configure a Store. The zero value works.
type Options struct {
	Now         func() time.Time // default time.Now
	Rand        io.Reader        // default crypto/rand
	Logger      *slog.Logger     // default: none
	InlineLimit int              // default DefaultInlineLimit, at most MaxInlineLimit; -1: everything in blobs

	Grace       time.Duration // of the collector; default DefaultGrace
	JournalKeep time.Duration // how long audit records stay; 0: for ever
	ScrubRate   int64         // bytes a second; default DefaultScrubRate; negative: no scrubber
}

// Store is the typed store over an engine and blobs. Safe for concurrent use.
type Store struct {
	engine kv.Engine
	blobs  blob.Blobs
	opt    Options
	clock  clock
	random struct {
		sync.Mutex
		io.Reader
	}
	pool   sync.Pool // *[]byte of InlineLimit+1 bytes
	chunks sync.Pool // *[]byte of chunkSize bytes

	stopped   atomic.Pointer[error] // why writing has ended
	volumes   stoppedVolumes        // why writing of further volumes has
	release   chan struct{}         // a blob was queued for removal
	releasing chan struct{}         // holds one while a batch of what is queued for removal is done
	leaving   chan struct{}         // an account was marked as deleted
	changed   chan struct{}         // something is to be carried to another store
	removal   sync.RWMutex          // held shared by whoever removes content, exclusively by a backup
	inFlight  inFlight              // uploads whose blobs no record names yet
	bad       badSet
	memory    itemMemory
	recent    recentEvents
	pins      pins // lists of parts that are being read

	sweeping, scrubbing, reaping, sampling sync.Mutex // one collector, scrubber, reaper of accounts, sampler at a time

	stop context.CancelFunc
	done sync.WaitGroup
	once sync.Once
}

// Open opens the store in an engine, which is initialised when it is empty,
// and begins its background work. Closing the Store does not close engine and
// blobs. A store of an older format is upgraded first; one of a newer format is
// refused.
func Open(ctx context.Context, engine kv.Engine, blobs blob.Blobs, opt Options) (*Store, error) {
	if opt.Now == nil {
		opt.Now = time.Now
	}
	if opt.Rand == nil {
		opt.Rand = crand.Reader
	}
	if opt.Logger == nil {
		opt.Logger = slog.New(slog.DiscardHandler)
	}
	if opt.InlineLimit == 0 {
		opt.InlineLimit = DefaultInlineLimit
	}
	if opt.Grace <= 0 {
		opt.Grace = DefaultGrace
	}
	if opt.ScrubRate == 0 {
		opt.ScrubRate = DefaultScrubRate
	}
	if opt.InlineLimit > MaxInlineLimit {
		return nil, fmt.Errorf("store: inline limit %d is above %d", opt.InlineLimit, MaxInlineLimit)
	}
	s := &Store{engine: engine, blobs: blobs, opt: opt, release: make(chan struct{}, 1), releasing: make(chan struct{}, 1), leaving: make(chan struct{}, 1), changed: make(chan struct{}, 1)}
	s.clock.wall = opt.Now
	s.inFlight.ids, s.recent.seen = make(map[blob.ID]int), make(map[string]Stamp)
	s.random.Reader = opt.Rand
	size := max(opt.InlineLimit, 0) + 1
	s.pool.New = func() any { b := make([]byte, 0, size); return &b }
	s.chunks.New = func() any { b := make([]byte, chunkSize); return &b }
	if err := s.initialise(ctx); err != nil {
		return nil, err
	}
	if err := s.loadQuarantine(ctx); err != nil {
		return nil, err
	}
	background, cancel := context.WithCancel(context.WithoutCancel(ctx))
	s.stop = cancel
	s.done.Go(func() { s.runReleaser(background) })
	s.done.Go(func() { s.runClock(background) })
	s.done.Go(func() { s.runExpiry(background) })
	s.done.Go(func() { s.runAccountReaper(background) })
	s.done.Go(func() { s.runUpkeep(background, s.sweepDue) })
	s.done.Go(func() { s.runUpkeep(background, s.scrubDue) })
	s.done.Go(func() { s.runSamples(background) })
	s.done.Go(func() { s.runUpkeep(background, s.journalDue) })
	return s, nil
}

// Close ends the background work and records the clock. A second Close does
// nothing.
func (s *Store) Close() error {
	s.once.Do(func() {
		s.stop()
		s.done.Wait()
	})
	return nil
}

// initialise reads or writes the format row and raises the clock.
func (s *Store) initialise(ctx context.Context) error {
	var id [16]byte
	if _, err := io.ReadFull(s.opt.Rand, id[:]); err != nil {
		return fmt.Errorf("store: random numbers: %w", err)
	}
	var format, mark string
	read := func(r kv.Reader) error {
		rows, err := r.Get(metaKey(metaFormat), metaKey(metaClock))
		if err == nil {
			format, mark = string(rows[0]), string(rows[1])
		}
		return err
	}
	if err := s.engine.View(ctx, read); err != nil {
		return fmt.Errorf("store: reading the format: %w", err)
	}
	if format == "" {
		locks := []kv.Lock{{Key: metaKey(metaFormat)}, {Key: metaKey(metaID)}}
		err := s.engine.Update(ctx, locks, func(tx kv.Tx) error {
			if err := read(tx); err != nil || format != "" {
				return err
			}
			tx.Put(metaKey(metaFormat), []byte(strconv.Itoa(Format)))
			tx.Put(metaKey(metaID), fmt.Appendf(nil, "%x", id))
			return nil
		})
		if err != nil {
			return fmt.Errorf("store: first initialisation: %w", err)
		}
		if format == "" {
			format = strconv.Itoa(Format)
		}
	}
	if err := s.upgrade(ctx, format); err != nil {
		return err
	}
	if at, err := strconv.ParseInt(strings.TrimSpace(mark), 10, 64); err == nil {
		s.clock.raise(Stamp(at).Time())
	}
	return nil
}

// Now returns the time; it never runs backwards.
func (s *Store) Now() Stamp { return StampOf(s.clock.now()) }

// InlineLimit returns up to how many bytes of content live in the engine.
func (s *Store) InlineLimit() int { return max(s.opt.InlineLimit, 0) }

// Free returns how many bytes of content may still be stored.
func (s *Store) Free() (int64, error) { return s.blobs.Free() }

// NewID returns a random container ID, 1 to 2⁶³-1.
func (s *Store) NewID() (uint64, error) {
	for {
		var b [8]byte
		if err := s.fill(b[:]); err != nil {
			return 0, err
		}
		if id := binary.BigEndian.Uint64(b[:]) >> 1; id != 0 {
			return id, nil
		}
	}
}

// NewSecret returns n random bytes as lower-case hex.
func (s *Store) NewSecret(n int) (string, error) {
	b := make([]byte, n)
	if err := s.fill(b); err != nil {
		return "", err
	}
	return hex.EncodeToString(b), nil
}

// newBlobID returns a fresh blob ID: 48 bits of milliseconds, 80 random bits.
func (s *Store) newBlobID() (id blob.ID, err error) {
	if err := s.fill(id[:]); err != nil {
		return id, err
	}
	var ms [8]byte
	binary.BigEndian.PutUint64(ms[:], uint64(s.clock.now().UnixMilli()))
	copy(id[:6], ms[2:])
	return id, nil
}

func (s *Store) fill(b []byte) error {
	s.random.Lock()
	defer s.random.Unlock()
	if _, err := io.ReadFull(s.random.Reader, b); err != nil {
		return fmt.Errorf("store: random numbers: %w", err)
	}
	return nil
}

// View runs fn on one consistent snapshot. What fn reads may be kept; fn must
// not call the Store.
func (s *Store) View(ctx context.Context, fn func(*View) error) error {
	err := s.engine.View(ctx, func(r kv.Reader) error {
		return fn(s.view(r))
	})
	s.notice(ctx, err)
	return fail("store.View", err)
}

// view returns the View of what r reads.
func (s *Store) view(r kv.Reader) *View { return &View{r: r, bad: &s.bad, memory: &s.memory} }

// Update runs fn in one durable transaction that is serial with every
// transaction holding a conflicting lock. fn may run several times: it sets
// its results from scratch and touches nothing else. It must not call the
// Store.
func (s *Store) Update(ctx context.Context, locks []Guard, fn func(*Tx) error) error {
	if err := s.Stopped(); err != nil {
		return err
	}
	var released, left, changed bool
	at := s.Now()
	var seed [16]byte
	if err := s.fill(seed[:]); err != nil {
		return err
	}
	err := s.engine.Update(ctx, mergeGuards(locks), func(t kv.Tx) error {
		numbers := rand.NewPCG(binary.BigEndian.Uint64(seed[:]), binary.BigEndian.Uint64(seed[8:]))
		tx := &Tx{View: *s.view(t), tx: t, numbers: numbers, at: at}
		err := fn(tx)
		if err == nil {
			err = tx.failed
		}
		released, left, changed = tx.released, tx.left, tx.changed
		return err
	})
	if err == nil && released {
		wake(s.release)
	}
	if err == nil && left {
		wake(s.leaving)
	}
	if err == nil && changed {
		wake(s.changed)
	}
	s.notice(ctx, err)
	return s.writeFailed(fail("store.Update", err))
}

// wake tells background work that there is something to do.
func wake(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// Stopped tells why writing has ended: a sync or commit failed, of records or
// of content of the first volume. nil while all is well. Reading goes on; only a restart ends it.
func (s *Store) Stopped() error {
	if err := s.stopped.Load(); err != nil {
		return *err
	}
	return nil
}

// writeFailed gives a failure of writing its kind and ends writing for good
// where a sync failed: what one half of the store cannot make durable, the
// other must not go on acknowledging.
func (s *Store) writeFailed(err error) error {
	err = fail("store.Write", err)
	if errs.ReasonOf(err) == errs.SyncFailed && s.stopped.CompareAndSwap(nil, &err) {
		s.opt.Logger.Error("writing has stopped", "err", err)
	}
	return err
}

// mergeGuards sorts locks and leaves one for each key, the exclusive one where
// both kinds were asked for.
func mergeGuards(locks []Guard) []Guard {
	if len(locks) < 2 {
		return locks
	}
	slices.SortFunc(locks, func(a, b Guard) int {
		if a.Key.Table != b.Key.Table {
			return int(a.Key.Table) - int(b.Key.Table)
		}
		return bytes.Compare(a.Key.Row, b.Key.Row)
	})
	out := locks[:1]
	for _, l := range locks[1:] {
		if last := &out[len(out)-1]; last.Key.Table == l.Key.Table && bytes.Equal(last.Key.Row, l.Key.Row) {
			last.Shared = last.Shared && l.Shared
		} else {
			out = append(out, l)
		}
	}
	return out
}

// fail gives the engine's failures their kinds; errors that have one pass.
func fail(op string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, kv.ErrStopped), errors.Is(err, blob.ErrStopped):
		return errs.Wrap(op, errs.Unavailable, errs.SyncFailed, err)
	case errors.Is(err, kv.ErrUnknown):
		return errs.Wrap(op, errs.Unavailable, errs.Unknown, err)
	case errors.Is(err, kv.ErrClosed), errors.Is(err, kv.ErrBusy):
		return errs.Wrap(op, errs.Unavailable, "", err)
	case errors.Is(err, kv.ErrTooMany):
		return errs.Wrap(op, errs.Forbidden, errs.TooMany, err)
	case errors.Is(err, kv.ErrLimit):
		return errs.Wrap(op, errs.Invalid, "", err)
	case errors.Is(err, kv.ErrNoSpace), errors.Is(err, blob.ErrNoSpace):
		return errs.Wrap(op, errs.OverQuota, errs.DiskFull, err)
	}
	return err
}
