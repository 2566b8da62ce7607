package faults

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"entrepot/cmd/crashcheck/internal/process"
	"entrepot/cmd/crashcheck/internal/wire"
)

// killAtRandom is C1: two to six times in one data directory the gateway is
// killed 50 to 3,000 ms into a load.
func (b *bench) killAtRandom(ctx context.Context) error {
	rng := random(b.seed, "C1")
	if err := b.prepare(ctx); err != nil {
		return err
	}
	laps := 2 + rng.IntN(5)
	b.result.Variant = fmt.Sprintf("%d kills", laps)
	for range laps {
		g, err := b.start(ctx)
		if err != nil {
			b.report.Add("the gateway does not start: %v", err)
			return ctx.Err()
		}
		after := time.Duration(50*math.Pow(60, rng.Float64())) * time.Millisecond
		timer := time.AfterFunc(after, g.Kill)
		b.loadUntil(ctx, g, time.Minute)
		timer.Stop()
		g.Kill()
		b.result.Points++
		if _, err := b.look(ctx, true); err != nil {
			return err
		}
	}
	return b.verify(ctx)
}

// A call is a system call by which the gateway writes, and how often one
// thread makes it within the patience of a run, roughly.
type call struct {
	name string
	most int
}

func calls() []call {
	return []call{
		{"write", 200}, {"pwrite64", 200}, {"fdatasync", 200}, {"fsync", 25},
		{"renameat", 25}, {"unlinkat", 15}, {"mkdirat", 12}, {"openat", 60},
	}
}

// failing are the calls that C3 makes fail. Not write: most of them go to
// sockets, the log, and the runtime's own descriptors; failing writes of
// content are C4, C5, and the tests of the content engine. Not openat: reading
// needs it.
func failing() []call {
	return slices.DeleteFunc(calls(), func(c call) bool { return c.name == "write" || c.name == "openat" })
}

// callOf takes the calls in turn, and for each the numbers from 1 to its most.
func callOf(all []call, seed uint64) (name string, n int) {
	c := all[seed%uint64(len(all))]
	return c.name, 1 + int(seed/uint64(len(all))%uint64(c.most))
}

// callsOfRun is how many calls one run of C2 dies at, one after the other in one
// data directory.
const callsOfRun = 4

// killAtCall is C2: the thread that makes a call for the Nth time takes the
// process with it. The first calls fall into the start, which is recovery
// from the kill before.
func (b *bench) killAtCall(ctx context.Context) error {
	if err := b.prepare(ctx); err != nil {
		return err
	}
	var tried []string
	for i := range uint64(callsOfRun) {
		name, n := callOf(calls(), b.seed*callsOfRun+i)
		tried = append(tried, fmt.Sprintf("%s %d", name, n))
		b.result.Variant = strings.Join(tried, ", ")
		g, ended, err := b.startBroken(ctx, fmt.Sprintf("%s:signal=KILL:when=%d", name, n))
		if err != nil {
			return err
		}
		if !ended {
			ended = b.loadUntil(ctx, g, callPatience)
			g.Kill()
		}
		if ended {
			b.result.Points++
		}
		if _, err := b.look(ctx, true); err != nil {
			return err
		}
	}
	return b.verify(ctx)
}

// killFirstStart is C17: the first start of all is killed, at a call or at a
// moment within a second, up to three times in a row.
func (b *bench) killFirstStart(ctx context.Context) error {
	rng := random(b.seed, "C17")
	var tried []string
	for range 1 + rng.IntN(3) {
		name, n := callOf(calls(), rng.Uint64())
		n = 1 + n%12
		inject := fmt.Sprintf("%s:signal=KILL:when=%d", name, n)
		g, ended, err := b.startBroken(ctx, inject)
		if err != nil {
			return err
		}
		tried = append(tried, fmt.Sprintf("%s %d", name, n))
		if !ended {
			ended = b.endWithin(ctx, g, time.Duration(rng.IntN(1000))*time.Millisecond)
		}
		if ended {
			b.result.Points++
		}
	}
	b.result.Variant = strings.Join(tried, ", ")
	if err := b.prepare(ctx); err != nil {
		b.report.Add("after a crash in the first start: %v", err)
		return ctx.Err()
	}
	return b.verify(ctx)
}

// endWithin lets a gateway that started run on for a while and kills it. It
// has met its fault either way.
func (b *bench) endWithin(ctx context.Context, g *process.Gateway, d time.Duration) bool {
	select {
	case <-g.Ended():
	case <-time.After(d):
	case <-ctx.Done():
	}
	g.Kill()
	return true
}

// failCall is C3: a call fails with EIO, first once, then from that call on.
// After a failed sync or commit the gateway accepts no more writes, and it
// reads on.
func (b *bench) failCall(ctx context.Context) error {
	name, n := callOf(failing(), b.seed)
	b.result.Variant = fmt.Sprintf("%s %d", name, n)
	if err := b.prepare(ctx); err != nil {
		return err
	}
	for _, on := range []string{"", "+"} {
		if err := b.meetError(ctx, fmt.Sprintf("%s:error=EIO:when=%d%s", name, n, on)); err != nil {
			return err
		}
		if _, err := b.look(ctx, true); err != nil {
			return err
		}
	}
	return b.verify(ctx)
}

// meetError runs a load into an injected error and judges the gateway that
// lives on.
func (b *bench) meetError(ctx context.Context, inject string) error {
	g, ended, err := b.startBroken(ctx, inject)
	hit, traceErr := process.Injections(b.tracePath())
	if err != nil && len(hit) > 0 && ctx.Err() == nil {
		b.result.Points++
		b.report.Add("a start that met %s hangs: %v", hit[0].Line, err)
		return nil
	}
	if err != nil || traceErr != nil {
		return fmt.Errorf("starting with a fault: %w, %w", err, traceErr)
	}
	if ended {
		b.result.Points++
		return nil
	}
	defer g.Kill()
	if b.loadUntilHit(ctx, g) {
		b.report.Add("the gateway ended by itself after an I/O error")
	}
	hit, err = process.Injections(b.tracePath())
	if err != nil || len(hit) == 0 || !g.Alive() {
		return err
	}
	b.result.Points++
	b.judgeAfterError(ctx, hit)
	return nil
}

// loadUntilHit drives the gateway until a while after the first injection.
func (b *bench) loadUntilHit(ctx context.Context, g *process.Gateway) (ended bool) {
	for deadline := time.Now().Add(callPatience); time.Now().Before(deadline); {
		if b.loadUntil(ctx, g, 150*time.Millisecond) {
			return true
		}
		if hit, err := process.Injections(b.tracePath()); err == nil && len(hit) > 0 {
			return b.loadUntil(ctx, g, 250*time.Millisecond)
		}
	}
	return false
}

// ofDatabase tells whether a path is the database or its log.
func ofDatabase(path string) bool {
	return strings.HasSuffix(path, "entrepot.db") || strings.HasSuffix(path, "entrepot.db.log")
}

// judgeAfterError holds a living gateway to the rules after a failed write:
// reads are served; after a failed sync, or a failed write of the database,
// nothing is written any more.
func (b *bench) judgeAfterError(ctx context.Context, hit []process.Injection) {
	if served, tried := b.fleet.Read(ctx, b.client); served < tried {
		b.report.Add("after %s only %d of %d reads were served", hit[0].Line, served, tried)
	}
	content, database := "", ""
	for _, i := range hit {
		sync := i.Call == "fsync" || i.Call == "fdatasync"
		switch {
		case ofDatabase(i.Path) && (sync || i.Call == "pwrite64"):
			database = i.Line
		case strings.Contains(i.Path, "/blobs") && sync:
			content = i.Line
		}
	}
	if content == "" && database == "" {
		return
	}
	if a := b.fleet.Put(ctx, b.client, "probe", true); a.Outcome() == wire.OK {
		b.report.Add("after %s%s a PUT of a file was accepted; writing has to stop", database, content)
	}
	switch a := b.fleet.Put(ctx, b.client, "probe", false); {
	case a.Outcome() != wire.OK:
	case database != "":
		b.report.Add("after %s a small PUT was accepted; writing has to stop", database)
	default:
		b.result.Remarks = append(b.result.Remarks, "after "+content+" a small PUT was accepted: R4 stops files alone")
	}
}
