package boltkv_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"entrepot/store/kv"
	"entrepot/store/kv/boltkv"
)

// A disk stands between an engine and its two files and knows which of their
// bytes were synced. At any sync the power may fail: an image is made of each
// block's synced bytes or of those written since, at random.
type disk struct {
	t      *testing.T
	rng    *rand.Rand // guarded by mu
	path   string
	often  float64                         // chance of an image at a sync
	inside func(db, log []byte, at string) // what to do with one; log is nil for none
	lies   string                          // kind of the file whose syncs do nothing
	mu     sync.Mutex
	synced map[string][]byte // by suffix of the name: ".db" and ".log"
	named  string            // "no", "yes", "maybe": the log has its name
}

// newDisk returns the disk of the database at path, whose files are durable as
// they are.
func newDisk(t *testing.T, seed uint64, path string, often float64, inside func(db, log []byte, at string)) *disk {
	d := &disk{t: t, rng: rand.New(rand.NewPCG(seed, 1)), path: path, often: often, inside: inside, synced: map[string][]byte{}, named: "no"}
	if data, err := os.ReadFile(path); err == nil {
		d.synced[".db"] = data
	}
	if data, err := os.ReadFile(boltkv.LogPath(path)); err == nil {
		d.synced[".log"], d.named = data, "yes"
	}
	return d
}

// options returns opt with the syncs on this disk.
func (d *disk) options(opt boltkv.Options) boltkv.Options {
	return opt.WithSyncs(d.syncFile, d.syncDir).WithObserver(d.observe)
}

// kind tells the two files apart.
func kind(f *os.File) string {
	if strings.Contains(f.Name(), ".log") {
		return ".log"
	}
	return ".db"
}

// content reads a file through its descriptor.
func (d *disk) content(f *os.File) []byte {
	info, err := f.Stat()
	if err != nil {
		d.t.Error(err)
		return nil
	}
	data := make([]byte, info.Size())
	n, err := f.ReadAt(data, 0)
	if n < len(data) { // it cannot shrink
		d.t.Error(err)
	}
	return data
}

func (d *disk) syncFile(f *os.File) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := d.content(f)
	d.fail("before the sync of " + kind(f))
	if _, ok := d.synced[kind(f)]; kind(f) != d.lies || !ok {
		d.synced[kind(f)] = now
	}
	d.fail("after the sync of " + kind(f))
	return nil
}

func (d *disk) syncDir(string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.fail("before the sync of the directory")
	d.named = "no"
	if _, err := os.Stat(boltkv.LogPath(d.path)); err == nil {
		d.named = "yes"
	}
	d.fail("after the sync of the directory")
	return nil
}

func (d *disk) observe(event string, f *os.File) {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch event {
	case "committed and synced":
		d.synced[".db"] = d.content(f)
	case "log named", "log removed":
		d.named = "maybe"
	}
	d.fail(event)
}

// fail makes an image now and then. d.mu is held.
func (d *disk) fail(at string) {
	if d.rng.Float64() >= d.often {
		return
	}
	db, err := os.ReadFile(d.path)
	if err != nil {
		d.t.Error(err)
		return
	}
	keep := []float64{0, 0.1, 0.5, 0.9, 1}[d.rng.IntN(5)]
	db = d.mix(d.synced[".db"], db, keep)
	var log []byte
	if d.named == "yes" || d.named == "maybe" && d.rng.IntN(2) == 0 {
		log = d.synced[".log"]
		if now, err := os.ReadFile(boltkv.LogPath(d.path)); err == nil {
			log = d.mix(log, now, keep)
		}
	}
	d.inside(db, log, fmt.Sprintf("%s, keep %v", at, keep))
}

// mix takes each block that was written since the last sync with chance keep.
// A file that grew has its new size or its old one.
func (d *disk) mix(synced, now []byte, keep float64) []byte {
	size := len(now)
	if len(now) > len(synced) && d.rng.Float64() >= keep {
		size = len(synced)
	}
	out := make([]byte, size)
	copy(out, synced)
	for at := 0; at < size; at += boltkv.BlockSize {
		end := min(at+boltkv.BlockSize, size)
		if d.rng.Float64() < keep {
			copy(out[at:end], now[at:end])
		}
	}
	return out
}

// A history is a series of transactions that follows from a seed: the Nth
// sets row "last" to N and changes others at random.
type history struct {
	seed           uint64
	large          bool // some are large
	acked, started atomic.Int64
}

const (
	historyRows  kv.Table = 3
	historyCount kv.Table = 4
)

// step runs the Nth transaction on a kv.Tx or on a model.
func (h *history) step(n int64, put func(k kv.Key, v []byte), drop func(k kv.Key), add func(k kv.Key, d int64)) {
	rng := rand.New(rand.NewPCG(h.seed, uint64(n)))
	put(kv.Key{Table: historyRows, Row: []byte("last")}, fmt.Append(nil, n))
	rows := 1 + rng.IntN(8)
	if h.large && rng.IntN(12) == 0 {
		rows = 60
	}
	for range rows {
		k := kv.Key{Table: historyRows, Row: fmt.Appendf(nil, "row/%03d", rng.IntN(200))}
		switch rng.IntN(5) {
		case 0:
			drop(k)
		case 1:
			add(kv.Key{Table: historyCount, Row: fmt.Append(nil, rng.IntN(5))}, rng.Int64N(100)-30)
		default:
			put(k, bytes.Repeat([]byte{byte(n)}, rng.IntN(900)))
		}
	}
}

// run carries out transactions up to the last, until one fails.
func (h *history) run(ctx context.Context, e *boltkv.Engine, first, last int64) error {
	for n := first; n <= last; n++ {
		h.started.Store(n)
		err := e.Update(ctx, nil, func(tx kv.Tx) error {
			h.step(n, tx.Put, tx.Delete, tx.Add)
			return nil
		})
		if err != nil {
			return err
		}
		h.acked.Store(n)
	}
	return nil
}

// state returns the rows after the Nth transaction, as table and row to value.
func (h *history) state(n int64) map[string]string {
	m := map[string]string{}
	name := func(k kv.Key) string { return string(byte(k.Table)) + string(k.Row) }
	for i := int64(1); i <= n; i++ {
		h.step(i,
			func(k kv.Key, v []byte) { m[name(k)] = string(v) },
			func(k kv.Key) { delete(m, name(k)) },
			func(k kv.Key, d int64) {
				m[name(k)] = string(kv.AppendCounter(nil, kv.Counter([]byte(m[name(k)]))+d))
			})
	}
	return m
}

// check compares an engine with the history: it holds the state after some
// transaction from the acknowledged one on, whole. It returns which.
func (h *history) check(ctx context.Context, e *boltkv.Engine, acked int64) (n int64, err error) {
	got := map[string]string{}
	err = e.View(ctx, func(r kv.Reader) error {
		for _, table := range []kv.Table{historyRows, historyCount} {
			page, err := r.Scan(kv.Range{Table: table}, 100_000)
			if err != nil {
				return err
			}
			for _, it := range page.Items {
				got[string(byte(table))+string(it.Row)] = string(it.Value)
			}
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	if last := got[string(byte(historyRows))+"last"]; last != "" {
		if _, err := fmt.Sscan(last, &n); err != nil {
			return 0, err
		}
	}
	if n < acked || n > h.started.Load() {
		return n, fmt.Errorf("it holds transaction %d; %d was acknowledged, %d started", n, acked, h.started.Load())
	}
	want := h.state(n)
	for k, v := range want {
		if g, ok := got[k]; !ok || g != v {
			return n, fmt.Errorf("after %d: row %q is %q, want %q", n, k, g, v)
		}
	}
	if len(got) != len(want) {
		return n, fmt.Errorf("after %d: %d rows, want %d", n, len(got), len(want))
	}
	var damage error
	err = e.CheckPages(ctx, func(page uint64, reason string) {
		damage = errors.Join(damage, fmt.Errorf("page %d: %s", page, reason))
	})
	return n, errors.Join(err, damage)
}

// memory returns a directory on a file system in memory where there is one.
func memory(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "boltkv")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// lay writes an image into a fresh directory.
func lay(t *testing.T, dir string, db, log []byte) (path string) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Error(err)
	}
	path = filepath.Join(dir, "store.db")
	if err := os.WriteFile(path, db, 0o600); err != nil {
		t.Error(err)
	}
	if log == nil {
		return path
	}
	if err := os.WriteFile(boltkv.LogPath(path), log, 0o600); err != nil {
		t.Error(err)
	}
	return path
}

// outage is one seed of the test of power failures.
type outage struct {
	t      *testing.T
	ctx    context.Context
	seed   uint64
	dir    string
	h      *history
	opt    boltkv.Options
	images int
	depth  int          // how many recoveries deep power fails
	lies   string       // kind of the file whose syncs do nothing
	found  func(string) // is told of what is wrong
}

// survive opens an image, checks it, writes on, closes it and checks again.
// Power fails in the recovery too.
func (o *outage) survive(db, log []byte, at string, depth int) {
	if o.t.Failed() {
		return
	}
	o.images++
	acked := o.h.acked.Load()
	dir := filepath.Join(o.dir, fmt.Sprintf("image%d-%d", depth, o.images))
	path := lay(o.t, dir, db, log)
	defer func() {
		if !o.t.Failed() {
			_ = os.RemoveAll(dir)
		}
	}()
	opt := o.opt
	often := 0.0
	if depth > 0 {
		often = 0.05
	}
	d := newDisk(o.t, o.seed+uint64(o.images), path, often, func(db, log []byte, where string) {
		o.survive(db, log, at+"; then "+where, depth-1)
	})
	opt = d.options(opt)
	fail := func(what string, err error) {
		o.found(fmt.Sprintf("seed %d, image %d in %s (%s): %s: %v", o.seed, o.images, dir, at, what, err))
	}
	var n int64
	for round := range 2 {
		e, err := boltkv.Open(path, opt)
		if err != nil {
			fail("Open", err)
			return
		}
		m, err := o.h.check(o.ctx, e, acked)
		if err != nil || round == 1 && m != n {
			fail("check", fmt.Errorf("round %d: %d and %d: %w", round, n, m, err))
			_ = e.Close() // it is bad enough
			return
		}
		n = m
		if err := e.Close(); err != nil {
			fail("Close", err)
			return
		}
	}
}

// run drives an engine over one history while power fails.
func (o *outage) run(often float64, last int64) {
	path := filepath.Join(o.dir, "store.db")
	if e, err := boltkv.Open(path, o.opt); err != nil || e.Close() != nil {
		o.t.Fatal(err)
	}
	d := newDisk(o.t, o.seed, path, often, func(db, log []byte, at string) { o.survive(db, log, at, o.depth) })
	d.lies = o.lies
	first := int64(1)
	for first <= last { // clean stops between
		e, err := boltkv.Open(path, d.options(o.opt))
		if err != nil {
			o.t.Fatal(err)
		}
		if err := o.h.run(o.ctx, e, first, first+last/3); err != nil {
			o.t.Fatal(err)
		}
		first += last/3 + 1
		if err := e.Close(); err != nil {
			o.t.Fatal(err)
		}
		if _, err := os.Stat(boltkv.LogPath(path)); err == nil {
			o.t.Error("after a clean stop there is a log")
		}
	}
}

// newOutage returns the outage of a seed, with bounds of the log and of the
// map that are soon met.
func newOutage(t *testing.T, seed uint64) *outage {
	t.Helper()
	rng := rand.New(rand.NewPCG(seed, 3))
	opt := boltkv.Options{MapSize: []int{1 << 15, 10 << 20, 64 << 20}[rng.IntN(3)]}
	opt = opt.WithBounds(1+rng.IntN(12), []int{1 << 20, 8 << 10}[rng.IntN(2)], []int64{80 << 10, 1 << 20}[rng.IntN(2)], 16<<10)
	return &outage{t: t, ctx: context.WithoutCancel(t.Context()), seed: seed, dir: memory(t), opt: opt, depth: 2,
		h: &history{seed: seed, large: rng.IntN(2) == 0}, found: func(s string) { t.Error(s) }}
}

// TestPowerFailureLosesNothingAcknowledged (R1, R2): whatever part of what was
// not synced is lost, and in recovery again, the state is that after the last
// acknowledged transaction or a later one. POWERTEST sets the number of seeds.
func TestPowerFailureLosesNothingAcknowledged(t *testing.T) {
	seeds := uint64(6)
	if s := os.Getenv("POWERTEST"); s != "" {
		if _, err := fmt.Sscan(s, &seeds); err != nil {
			t.Fatal(err)
		}
	}
	images := 0
	for seed := range seeds {
		o := newOutage(t, seed)
		o.run(0.1, 120)
		images += o.images
		if t.Failed() {
			return
		}
	}
	t.Logf("%d images", images)
	if images < 100 {
		t.Errorf("only %d images", images)
	}
}

// TestPowerFailureFindsSyncsThatDoNothing is the control (C7): without the
// syncs of the log, or of the database at checkpoints, something is lost.
func TestPowerFailureFindsSyncsThatDoNothing(t *testing.T) {
	for _, lies := range []string{".log", ".db"} {
		found := 0
		for seed := uint64(0); seed < 20 && found == 0; seed++ {
			o := newOutage(t, seed)
			o.opt = boltkv.Options{MapSize: 64 << 20}.WithBounds(3, 1<<20, 80<<10, 16<<10)
			o.lies, o.depth, o.found = lies, 0, func(string) { found++ }
			o.run(0.2, 60)
		}
		if found == 0 {
			t.Errorf("syncs of %s do nothing, and nothing is lost", lies)
		}
	}
}
