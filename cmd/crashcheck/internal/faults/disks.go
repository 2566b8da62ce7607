package faults

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"entrepot/cmd/crashcheck/internal/load"
	"entrepot/cmd/crashcheck/internal/process"
	"entrepot/cmd/crashcheck/internal/volatiledisk"
	"entrepot/cmd/crashcheck/internal/volume"
	"entrepot/cmd/crashcheck/internal/wire"
)

const (
	smallDisk = 64 << 20  // of C4 and C5, in bytes
	cutDisk   = 320 << 20 // of C6 and C7
	// largestOnDisk keeps the load of a small disk from filling it by itself.
	largestOnDisk = 1 << 20
)

func canVolume() error { return volume.Usable(volume.Ext4) }

func canCut() error {
	if err := canVolume(); err != nil {
		return err
	}
	if _, err := os.Stat("/dev/fuse"); err != nil {
		return fmt.Errorf("no FUSE: %w", err)
	}
	return nil
}

func canCutAndTrace() error { return errors.Join(canCut(), process.CanTrace()) }

// onVolume puts the data directory on a small file system.
func (b *bench) onVolume(ctx context.Context, kind volume.Kind) (*volume.Volume, error) {
	image, err := volume.Image(ctx, kind, b.dir, smallDisk)
	if err != nil {
		return nil, err
	}
	v, err := volume.Attach(ctx, kind, image, filepath.Join(b.dir, "mnt"), "")
	if err != nil {
		return nil, err
	}
	b.onClose(v.Close)
	b.data = filepath.Join(v.Dir, "data")
	b.recruit(load.Everything, largestOnDisk)
	return v, nil
}

// fillDisk is C4. One run in three fills the volume to below the floor of
// free space, one to the last block, one injects ENOSPC into a call.
func (b *bench) fillDisk(ctx context.Context) error {
	v, err := b.onVolume(ctx, volume.Ext4)
	if err != nil {
		return err
	}
	if err := b.prepare(ctx); err != nil {
		return err
	}
	if b.seed%3 == 2 && process.CanTrace() == nil {
		return b.injectNoSpace(ctx)
	}
	leave := int64(0)
	b.result.Variant = "to the last block"
	if b.seed%3 == 0 {
		leave = 700 << 10 // the floor is 2 % of the volume: some 1.2 MiB
		b.result.Variant = "below the floor"
	}
	g, err := b.start(ctx)
	if err != nil {
		return err
	}
	defer g.Kill()
	b.loadUntil(ctx, g, 200*time.Millisecond)
	filler := filepath.Join(v.Dir, "filler")
	if err := fill(filler, leave); err != nil {
		return err
	}
	b.result.Points++
	b.loadUntil(ctx, g, 400*time.Millisecond)
	if !g.Alive() {
		b.report.Add("the gateway ended on a full disk")
	}
	if err := fill(filler, leave); err != nil { // the load may have deleted
		return err
	}
	b.judgeFull(ctx, leave > 0)
	if err := os.Remove(filler); err != nil {
		return err
	}
	if a := b.fleet.Put(ctx, b.client, "probe-after", true); leave > 0 && a.Outcome() != wire.OK {
		b.report.Add("a PUT after space came back gives %d", a.Status)
	}
	b.loadUntil(ctx, g, 200*time.Millisecond)
	g.Kill()
	if err := b.verify(ctx); err != nil {
		return err
	}
	return b.writesAgain(ctx)
}

// judgeFull holds a gateway to its answers on a full disk: uploads are refused
// for lack of space, reads are served, and deleting works as long as there is
// any room for the database.
func (b *bench) judgeFull(ctx context.Context, room bool) {
	for _, large := range []bool{false, true} {
		a := b.fleet.Put(ctx, b.client, "probe", large)
		full := a.Status == http.StatusRequestEntityTooLarge || a.Status == http.StatusInsufficientStorage
		stopped := a.Status == http.StatusServiceUnavailable
		switch {
		case a.Outcome() == wire.OK && (large || room):
			b.report.Add("a PUT (large: %v) was accepted on a full disk (%s)", large, b.result.Variant)
		case a.Outcome() != wire.OK && !full && (room || !stopped):
			b.report.Add("a PUT (large: %v) on a full disk (%s) gives %d", large, b.result.Variant, a.Status)
		}
	}
	if served, tried := b.fleet.Read(ctx, b.client); served < tried {
		b.report.Add("on a full disk only %d of %d reads were served", served, tried)
	}
	if a, tried := b.fleet.Delete(ctx, b.client); room && tried && a.Outcome() != wire.OK {
		b.report.Add("a DELETE below the floor of free space gives %d", a.Status)
	}
}

// writesAgain starts the gateway a last time and stores something.
func (b *bench) writesAgain(ctx context.Context) error {
	g, err := b.start(ctx)
	if err != nil {
		b.report.Add("the gateway does not start: %v", err)
		return ctx.Err()
	}
	defer g.Kill()
	for _, large := range []bool{false, true} {
		if a := b.fleet.Put(ctx, b.client, "probe-last", large); a.Outcome() != wire.OK {
			b.report.Add("a PUT (large: %v) after the fault was over gives %d", large, a.Status)
		}
	}
	return nil
}

// fill writes path until the volume has at most leave bytes free.
func fill(path string, leave int64) (err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	chunk := make([]byte, 64<<10)
	for {
		var st syscall.Statfs_t
		if err := syscall.Statfs(filepath.Dir(path), &st); err != nil {
			return err
		}
		free := int64(st.Bavail) * st.Bsize
		if free <= leave {
			return nil
		}
		n := min(int64(len(chunk)), max(free-leave, 4096))
		if _, err := f.Write(chunk[:n]); errors.Is(err, syscall.ENOSPC) {
			return nil
		} else if err != nil {
			return err
		}
	}
}

// injectNoSpace has one kind of call fail for lack of space from the Nth time
// on.
func (b *bench) injectNoSpace(ctx context.Context) error {
	kinds := []string{"pwrite64", "mkdirat", "renameat", "fallocate"}
	name, n := kinds[int(b.seed/3)%len(kinds)], 1+int(b.seed/12)%40
	b.result.Variant = fmt.Sprintf("ENOSPC at %s %d", name, n)
	if err := b.meetError(ctx, fmt.Sprintf("%s:error=ENOSPC:when=%d+", name, n)); err != nil {
		return err
	}
	if err := b.verify(ctx); err != nil {
		return err
	}
	return b.writesAgain(ctx)
}

// turnReadOnly is C5: under load the kernel stops writing to the file system,
// because its journal was aborted or because the disk below fails all writes.
func (b *bench) turnReadOnly(ctx context.Context) error {
	if b.seed%2 == 1 && canCut() == nil {
		return b.breakDisk(ctx)
	}
	b.result.Variant = "journal aborted"
	v, err := b.onVolume(ctx, volume.Ext4)
	if err != nil {
		return err
	}
	return b.readOnly(ctx, true, v.Abort, func() error {
		return errors.Join(v.Unmount(ctx), v.Check(ctx), v.Mount(ctx, ""))
	})
}

// readOnly is the course of both variants; repair makes the volume writable.
// The gateway can serve reads as far as the file system does: readable tells
// that it serves all.
func (b *bench) readOnly(ctx context.Context, readable bool, spoil func(context.Context) error, repair func() error) error {
	if err := b.prepare(ctx); err != nil {
		return err
	}
	g, err := b.start(ctx)
	if err != nil {
		return err
	}
	defer g.Kill()
	b.unreadable(!readable)
	spoiled := make(chan error, 1)
	timer := time.AfterFunc(time.Duration(100+random(b.seed, "C5").IntN(400))*time.Millisecond, func() { spoiled <- spoil(ctx) })
	b.loadUntil(ctx, g, 900*time.Millisecond)
	if timer.Stop() {
		return errors.New("the gateway ended before the file system was spoiled")
	}
	if err := <-spoiled; err != nil {
		return err
	}
	b.result.Points++
	if !g.Alive() {
		b.report.Add("the gateway ended on a read-only file system")
	}
	for _, large := range []bool{false, true} {
		if a := b.fleet.Put(ctx, b.client, "probe", large); a.Outcome() != wire.Unknown {
			b.report.Add("a PUT (large: %v) on a read-only file system gives %d", large, a.Status)
		}
	}
	if served, tried := b.fleet.Read(ctx, b.client); served < tried && readable {
		b.report.Add("on a read-only file system only %d of %d reads were served", served, tried)
	}
	g.Kill()
	b.unreadable(false)
	if err := repair(); err != nil {
		return err
	}
	if err := b.verify(ctx); err != nil {
		return err
	}
	return b.writesAgain(ctx)
}

func (b *bench) breakDisk(ctx context.Context) error {
	b.result.Variant = "disk fails writes"
	p, err := b.onVolatile(ctx, "errors=remount-ro")
	if err != nil {
		return err
	}
	b.recruit(load.Everything, largestOnDisk)
	rng := random(b.seed, "break")
	return b.readOnly(ctx, false, // ext4 may forget blocks that it could not write, and refuse to read them
		func(context.Context) error { p.disk.Break(); return nil },
		func() error {
			p.disk.Cut(rng, 1)
			return p.powerOn(ctx)
		})
}

// A powered disk is a volatile disk with a file system and the data directory.
type powered struct {
	disk    *volatiledisk.Mounted
	vol     *volume.Volume
	kind    volume.Kind
	dir     string
	options string
}

// onVolatile puts the data directory on a disk that forgets.
func (b *bench) onVolatile(ctx context.Context, options string) (*powered, error) {
	disk, err := volatiledisk.New(cutDisk)
	if err != nil {
		return nil, err
	}
	at := filepath.Join(b.dir, "fuse")
	if err := os.Mkdir(at, 0o700); err != nil {
		return nil, err
	}
	p := &powered{kind: volume.Ext4, dir: filepath.Join(b.dir, "mnt"), options: options}
	if b.seed/8%3 == 2 && volume.Usable(volume.XFS) == nil {
		p.kind, p.options = volume.XFS, ""
	}
	if p.disk, err = disk.Mount(at); err != nil {
		return nil, err
	}
	b.onClose(func(context.Context) error { return p.disk.Unmount() })
	if err := volume.Format(ctx, p.kind, p.disk.Path()); err != nil {
		return nil, err
	}
	disk.Save()
	if p.vol, err = volume.Attach(ctx, p.kind, p.disk.Path(), p.dir, p.options); err != nil {
		return nil, err
	}
	b.onClose(func(ctx context.Context) error {
		if p.vol == nil {
			return nil
		}
		return p.vol.Close(ctx)
	})
	b.data = filepath.Join(p.dir, "data")
	return p, nil
}

// powerOn brings the file system back after the power was cut: what the kernel
// still holds in memory is thrown away, and the journal replayed.
func (p *powered) powerOn(ctx context.Context) error {
	if err := p.vol.Close(ctx); err != nil {
		return err
	}
	p.vol = nil
	v, err := volume.Attach(ctx, p.kind, p.disk.Path(), p.dir, p.options)
	if err == nil {
		p.vol = v
	}
	return err
}

// A cutting says how the power is cut in one run.
type cutting struct {
	keep   float64 // probability that a block which was not flushed survives
	commit int     // seconds between commits of the file system's journal
	idle   bool    // cut when the load has paused, not under it
	mix    load.Mix
	cuts   int
	first  bool     // cut in the first start, too
	inject []string // breaks the gateway's promises, for the controls
}

// cutPower is C6: the power goes at the Nth write to the disk, or in one run of
// eight when the load has just paused; three times on one disk. One run in
// eight begins with a cut in the first start of all.
func (b *bench) cutPower(ctx context.Context) error {
	c := cutting{
		keep: []float64{0, 0.5, 0.9, 1}[b.seed%4], commit: []int{1, 5, 1000}[b.seed/4%3],
		idle: b.seed/4%8 == 7, mix: load.Everything, cuts: 3, first: b.seed/4%8 == 3,
	}
	if c.idle {
		c.mix = load.Files
	}
	return b.cut(ctx, c)
}

// cut runs a load into cuts of the power.
func (b *bench) cut(ctx context.Context, c cutting) error {
	p, err := b.onVolatile(ctx, fmt.Sprintf("commit=%d", c.commit))
	if err != nil {
		return err
	}
	b.recruit(c.mix, 0)
	b.quiet = c.mix == load.Files // its syncs would make the files durable
	b.result.Variant = fmt.Sprintf("%s, keep %g, %s", p.kind, c.keep, p.options)
	if c.first {
		if err := b.cutFirstStart(ctx, c, p); err != nil {
			return err
		}
	}
	if err := b.prepare(ctx); err != nil {
		return err
	}
	if err := rewrite(filepath.Join(b.data, "entrepot.db"), b.seed%2 == 1 || len(c.inject) > 0); err != nil {
		return err
	}
	rng := random(b.seed, "C6")
	for range c.cuts {
		if err := b.cutOnce(ctx, c, p, rng); err != nil {
			return err
		}
	}
	return b.verify(ctx)
}

// cutFirstStart takes the power while the gateway makes its data directory.
// The next start has to make do with whatever is left.
func (b *bench) cutFirstStart(ctx context.Context, c cutting, p *powered) error {
	rng := random(b.seed, "C6 first")
	write := 1 + rng.Int64N(60)
	cut := p.disk.CutAtWrite(write, rng, c.keep)
	g, ended, err := b.startBroken(ctx)
	if err != nil {
		return err
	}
	if !ended {
		g.Kill()
	}
	select {
	case <-cut:
	default:
		p.disk.Cut(rng, c.keep)
	}
	b.result.Points++
	b.result.Variant += fmt.Sprintf(", first start cut at write %d", write)
	return p.powerOn(ctx)
}

// cutOnce starts the gateway, takes its power under load, and looks at what is
// left.
func (b *bench) cutOnce(ctx context.Context, c cutting, p *powered, rng *rand.Rand) error {
	g, ended, err := b.startBroken(ctx, c.inject...)
	if err != nil || ended {
		return errors.Join(err, errors.New("the gateway does not start on the volatile disk"))
	}
	defer g.Kill()
	if c.idle {
		b.work(ctx, 10+rng.IntN(30)) // every request gets its answer
		p.disk.Cut(rng, c.keep)
		b.result.Variant += ", cut at a pause"
	} else {
		write := 1 + rng.Int64N(1500)
		b.loadUntilCut(ctx, g, p.disk, p.disk.CutAtWrite(write, rng, c.keep))
		p.disk.Cut(rng, c.keep) // when the write was not reached
		b.result.Variant += fmt.Sprintf(", cut at write %d", write)
	}
	b.result.Points++
	g.Kill()
	if err := p.powerOn(ctx); err != nil {
		return err
	}
	_, err = b.look(ctx, true)
	return err
}

// rewrite writes a file over itself, so that all its blocks are allocated and
// later writes change no metadata of the file system: then a sync of the
// database no longer happens to make other files durable. It does so only when
// asked to.
func rewrite(path string, wanted bool) error {
	if !wanted {
		return nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	return errors.Join(err, f.Sync(), f.Close())
}

// loadUntilCut drives the gateway until the power is gone, or for a second and
// a half. A gateway without power has no use for more requests, so it is
// killed at once.
func (b *bench) loadUntilCut(ctx context.Context, g *process.Gateway, disk *volatiledisk.Mounted, cut <-chan volatiledisk.Loss) {
	running, stop := context.WithTimeout(ctx, 1500*time.Millisecond)
	defer stop()
	go func() {
		select {
		case <-cut:
			stop()
			g.Kill()
		case <-running.Done():
		}
	}()
	b.work(running, 0)
	disk.CutAtWrite(0, nil, 0)
}

// withoutFileSync is C7f: the control of C6 in which fdatasync, by which the
// gateway syncs content and database, does nothing.
func (b *bench) withoutFileSync(ctx context.Context) error {
	return b.cut(ctx, cutting{commit: 1000, idle: true, mix: load.Everything, cuts: 1, inject: []string{"fdatasync:retval=0"}})
}

// withoutDirectorySync is C7d: the control of C6 in which fsync, by which the
// gateway syncs directories, does nothing. The load makes files only, and the
// cut comes at a pause: a later sync of another file would make the names of
// the earlier ones durable too. So may the sync of a database that just grew,
// which is why there are three cuts.
func (b *bench) withoutDirectorySync(ctx context.Context) error {
	return b.cut(ctx, cutting{commit: 1000, idle: true, mix: load.Files, cuts: 3, inject: []string{"fsync:retval=0"}})
}
