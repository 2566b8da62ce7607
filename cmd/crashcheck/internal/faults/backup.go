package faults

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"entrepot/cmd/crashcheck/internal/inspect"
	"entrepot/cmd/crashcheck/internal/model"
	"entrepot/cmd/crashcheck/internal/process"
	"entrepot/cmd/crashcheck/internal/wire"
)

// backUp is C14: backups are made beside a gateway under load, the second into
// the directory of the first, and the last is restored elsewhere. The copy
// must be sound in itself, and show every object that no request touched while
// the backup ran as it was before.
func (b *bench) backUp(ctx context.Context) error {
	if err := b.prepare(ctx); err != nil {
		return err
	}
	g, err := b.start(ctx)
	if err != nil {
		return err
	}
	defer g.Kill()
	backups := 1 + int(b.seed%2)
	b.result.Variant = fmt.Sprintf("%d backups into one directory", backups)
	dir := filepath.Join(b.dir, "backup")
	var before map[string]model.Set
	var facts map[string][]string
	for range backups {
		b.work(ctx, 15) // every request gets its answer
		before, facts = b.mark(), b.crew.Mark()
		if err := b.backUpUnderLoad(ctx, g, dir); err != nil {
			return err
		}
		b.result.Points++
	}
	g.Kill()
	return b.restore(ctx, dir, before, facts)
}

// mark begins to note which names are touched, and returns what is known of
// all names now.
func (b *bench) mark() map[string]model.Set {
	known := map[string]model.Set{}
	for _, m := range b.fleet.Models() {
		m.Mark()
		for _, name := range m.Names() {
			known[name] = m.Of(name)
		}
	}
	return known
}

// backUpUnderLoad makes a backup while the clients work. A backup that fails
// is a violation.
func (b *bench) backUpUnderLoad(ctx context.Context, g *process.Gateway, dir string) error {
	done := make(chan bool)
	go func() {
		defer close(done)
		b.loadUntil(ctx, g, 500*time.Millisecond)
	}()
	time.Sleep(time.Duration(random(b.seed, "C14").IntN(200)) * time.Millisecond)
	out, err := process.Command(ctx, b.options(), "backup", dir)
	if err != nil && ctx.Err() == nil {
		b.report.Add("entrepot backup: %v: %.1000s", err, out)
	}
	<-done
	return ctx.Err()
}

// restore brings the backup back into an empty directory and inspects it.
func (b *bench) restore(ctx context.Context, dir string, before map[string]model.Set, facts map[string][]string) error {
	b.data = filepath.Join(b.dir, "restored")
	if out, err := process.Command(ctx, b.options(), "restore", dir); err != nil {
		b.report.Add("entrepot restore: %v: %.1000s", err, out)
		return ctx.Err()
	}
	g, err := b.start(ctx)
	if err != nil {
		b.report.Add("the restored gateway does not start: %v", err)
		return ctx.Err()
	}
	defer g.Kill()
	for _, w := range []*wire.Client{b.client, b.keeper} {
		if err := w.Login(ctx); err != nil { // secrets are not part of a backup
			b.report.Add("the restored gateway: %v", err)
		}
	}
	s := inspect.Look(ctx, b.client, b.fleet.Models(), b.report)
	inspect.Depot(ctx, b.client, b.data, s, b.report)
	b.result.Checks++
	compared := 0
	for _, m := range b.fleet.Models() {
		for _, name := range m.Names() {
			set, known := before[name]
			if !known || m.Touched(name) {
				continue
			}
			compared++
			if len(set.Fitting(s.Names[name])) == 0 {
				b.report.Add("the restored gateway shows %s as %s; expected %s", name, s.Names[name], set)
			}
		}
	}
	compared += b.crew.Untouched(ctx, b.eyes(), facts, b.report.Add)
	if compared == 0 {
		return fmt.Errorf("every one of %d names was touched during the backup: nothing was compared", len(before))
	}
	g.Kill()
	inspect.Log(b.logPath(), b.report)
	if out, err := process.Command(ctx, b.options(), "check", "--content"); err != nil && ctx.Err() == nil {
		b.report.Add("entrepot check of the restored directory: %v: %.1000s", err, out)
	}
	return ctx.Err()
}
