package faults

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"entrepot/cmd/crashcheck/internal/facts"
	"entrepot/cmd/crashcheck/internal/inspect"
	"entrepot/cmd/crashcheck/internal/load"
	"entrepot/cmd/crashcheck/internal/process"
	"entrepot/cmd/crashcheck/internal/wire"
)

const (
	password = "crashcheck-password" // of a gateway that lives for seconds, on loopback
	user     = "admin"
	inline   = 16384
	// warmUp is how many requests each client sends before the fault is near.
	warmUp = 25
	// callPatience is how long a run waits for a system call to be reached.
	callPatience = 2000 * time.Millisecond
)

// bench is one run in the making.
type bench struct {
	cfg     Config
	seed    uint64
	dir     string // of this run; journal, log and traces lie in it
	data    string // data directory of the gateway; may lie on a volume
	fleet   *load.Fleet
	client  *wire.Client
	crew    *facts.Crew
	keeper  *wire.Client // of the crew
	quiet   bool         // the crew does not work
	report  *inspect.Report
	result  Result
	traces  int
	journal *os.File
	notes   *load.Journal
	closers []func(context.Context) error
}

func newBench(cfg Config, fault string, seed uint64) (*bench, error) {
	dir, err := scratchOf(cfg.Work, fault, seed)
	if err != nil {
		return nil, err
	}
	f, err := os.Create(filepath.Join(dir, "journal.jsonl"))
	if err != nil {
		return nil, err
	}
	b := &bench{
		cfg: cfg, seed: seed, dir: dir, data: filepath.Join(dir, "data"), report: &inspect.Report{},
		client: wire.New(user, password), keeper: wire.New(facts.User, facts.Password), journal: f, notes: load.NewJournal(f),
	}
	if err := os.WriteFile(b.configPath(), []byte(config), 0o600); err != nil {
		return nil, err
	}
	b.crew = facts.New(seed, b.notes)
	b.recruit(load.Everything, 0)
	return b, nil
}

// config switches on what the facts need and is off by itself.
const config = "[dav]\nchunking = true\npartial_update = true\n"

func (b *bench) configPath() string { return filepath.Join(b.dir, "entrepot.toml") }

// eyes are what the crew sees the gateway with.
func (b *bench) eyes() facts.Eyes {
	return facts.Eyes{Own: b.keeper, Admin: b.client, Salt: func() (string, error) { return inspect.Salt(b.data) }}
}

// recruit makes the clients of the run anew.
func (b *bench) recruit(mix load.Mix, largest int64) {
	b.fleet = load.New(load.Config{Seed: b.seed, Clients: b.cfg.Clients, Mix: mix, Largest: largest, Journal: b.notes})
}

// onClose remembers what has to be undone, the last first.
func (b *bench) onClose(fn func(context.Context) error) { b.closers = append(b.closers, fn) }

func (b *bench) close(ctx context.Context) error {
	var all []error
	for i := len(b.closers) - 1; i >= 0; i-- {
		all = append(all, b.closers[i](ctx))
	}
	return errors.Join(append(all, b.notes.Flush(), b.journal.Close())...)
}

func (b *bench) logPath() string { return filepath.Join(b.dir, "gateway.log") }

func (b *bench) options(inject ...string) process.Options {
	return process.Options{
		Binary: b.cfg.Binary, Data: b.data, Scratch: filepath.Join(b.dir, "scratch"), Log: b.logPath(),
		Password: password, Config: b.configPath(), Limit: b.cfg.StartLimit, Inject: inject, TraceLog: b.tracePath(),
	}
}

func (b *bench) tracePath() string { return filepath.Join(b.dir, fmt.Sprintf("trace-%d", b.traces)) }

// start starts the gateway without faults. That it does is part of the promise.
func (b *bench) start(ctx context.Context) (*process.Gateway, error) {
	g, err := process.Start(ctx, b.options())
	if err != nil {
		return nil, err
	}
	b.use(g)
	b.result.Slowest = max(b.result.Slowest, g.Took.Seconds())
	return g, nil
}

// use sends the requests to g from now on, with the token that there is.
func (b *bench) use(g *process.Gateway) {
	b.client.Close()
	b.keeper.Close()
	b.client, b.keeper = b.client.With(g.URL), b.keeper.With(g.URL)
}

// startBroken starts the gateway below strace, or without it when there is
// nothing to inject. ended tells that it did not
// outlive its start, which is no error.
func (b *bench) startBroken(ctx context.Context, inject ...string) (g *process.Gateway, ended bool, err error) {
	b.traces++
	g, err = process.Start(ctx, b.options(inject...))
	if errors.Is(err, process.ErrEnded) {
		return nil, true, nil
	}
	if err != nil {
		return nil, false, err
	}
	b.use(g)
	return g, false, nil
}

// prepare makes a data directory with containers and some objects, and ends
// the gateway: in order or by kill -9, as the seed says.
func (b *bench) prepare(ctx context.Context) error {
	g, err := b.start(ctx)
	if err != nil {
		return fmt.Errorf("first start: %w", err)
	}
	b.result.Slowest = 0 // a first start makes passwords and keys
	defer g.Kill()
	if err := b.client.Login(ctx); err != nil {
		return err
	}
	if err := b.fleet.Setup(ctx, b.client); err != nil {
		return err
	}
	if err := b.crew.Setup(ctx, b.eyes()); err != nil {
		return err
	}
	b.work(ctx, warmUp)
	if b.seed%2 == 0 {
		b.client.Close()
		b.keeper.Close() // a server waits 5 s for connections that were never used
		return g.Stop(2 * time.Minute)
	}
	return nil
}

// work has all clients send until ctx ends or each has sent most requests (0:
// no bound).
func (b *bench) work(ctx context.Context, most int) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		if !b.quiet {
			b.crew.Run(ctx, b.eyes(), most)
		}
	}()
	b.fleet.Run(ctx, b.client, most)
	<-done
}

// unreadable tells all clients whether reads may fail for now.
func (b *bench) unreadable(is bool) {
	b.fleet.Unreadable(is)
	b.crew.Blind(is)
}

// loadUntil drives the gateway until it is gone or the time is over, and tells
// whether it is gone.
func (b *bench) loadUntil(ctx context.Context, g *process.Gateway, most time.Duration) bool {
	running, stop := context.WithTimeout(ctx, most)
	defer stop()
	go func() {
		select {
		case <-g.Ended():
			stop()
		case <-running.Done():
		}
	}()
	b.work(running, 0)
	return !g.Alive()
}

// verify restarts the gateway twice and compares all that it shows with what
// the clients may expect. The gateway is killed at the end, and what is left is
// judged by the operator's commands.
func (b *bench) verify(ctx context.Context) error {
	first, err := b.look(ctx, true)
	if err != nil {
		return err
	}
	second, err := b.look(ctx, false)
	if err != nil {
		return err
	}
	inspect.Same(first, second, b.report)
	inspect.Log(b.logPath(), b.report)
	inspect.Scratch(filepath.Join(b.dir, "scratch"), b.report)
	b.sweep(ctx)
	return ctx.Err()
}

// sweep has the operator's commands judge the data directory: all records,
// references, counters and content are sound; sweeping without grace leaves
// exactly the files that objects refer to, and a second sweep finds nothing.
func (b *bench) sweep(ctx context.Context) {
	run := func(command ...string) string {
		out, err := process.Command(ctx, b.options(), command...)
		if err != nil && ctx.Err() == nil {
			b.report.Add("entrepot %s: %v: %.1000s", command[0], err, out)
		}
		return out
	}
	run("check", "--content")
	run("sweep", "--grace", "0s")
	if out := run("sweep", "--grace", "0s"); !strings.Contains(out, " 0 removed") && ctx.Err() == nil {
		b.report.Add("a second sweep still finds something: %.1000s", out)
	}
	if left := inspect.Content(ctx, b.data, b.fleet.Models(), inline, b.crew.Files(), 0, b.report); left > 0 && ctx.Err() == nil {
		b.report.Add("%d content files belong to no object after a sweep", left)
	}
}

// look starts the gateway and inspects it: the first time after a fault the
// models learn what became of requests without an answer; the second time the
// locks are tried. A gateway that does not start is a violation.
func (b *bench) look(ctx context.Context, first bool) (inspect.Snapshot, error) {
	g, err := b.start(ctx)
	if err != nil {
		b.report.Add("the gateway does not start after the fault: %v", err)
		return inspect.Snapshot{}, ctx.Err()
	}
	defer g.Kill()
	s := inspect.Look(ctx, b.client, b.fleet.Models(), b.report)
	inspect.Depot(ctx, b.client, b.data, s, b.report)
	s.Facts = b.crew.Look(ctx, b.eyes(), true, b.report.Add)
	b.result.Checks++
	if first {
		for _, m := range b.fleet.Models() {
			for _, err := range m.Resolve(s.Names) {
				b.report.Add("%v", err)
			}
		}
		b.fleet.Settle(s.Folder)
	}
	b.result.Orphans = max(b.result.Orphans, inspect.Content(ctx, b.data, b.fleet.Models(), inline, b.crew.Files(), time.Second, b.report))
	if !first {
		b.locks(ctx)
	}
	return s, ctx.Err()
}

// locks tries the locks that clients hold, after those that run out have done
// so.
func (b *bench) locks(ctx context.Context) {
	locks := b.fleet.Locks()
	for _, l := range locks {
		if wait := time.Until(l.Expires); !l.Expires.IsZero() && wait > 0 {
			time.Sleep(wait)
		}
	}
	inspect.Locks(ctx, b.client, locks, func(name string) { b.fleet.Drop(ctx, b.client, name) }, b.report)
}
