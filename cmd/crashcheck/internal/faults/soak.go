package faults

import (
	"context"
	"io"
	"time"

	"entrepot/cmd/crashcheck/internal/endurance"
)

// Soak loads one gateway through all doors for a time, with a sample each
// interval, and inspects it at the end as after a fault. What grew is a
// violation. Progress goes to out.
func Soak(ctx context.Context, cfg Config, seed uint64, most, every time.Duration, out io.Writer) (Result, error) {
	soak := Fault{Name: "soak", run: func(b *bench, ctx context.Context) error { return b.soak(ctx, most, every, out) }}
	return soak.Run(ctx, cfg, seed)
}

func (b *bench) soak(ctx context.Context, most, every time.Duration, out io.Writer) error {
	if err := b.prepare(ctx); err != nil {
		return err
	}
	g, err := b.start(ctx)
	if err != nil {
		return err
	}
	defer g.Kill()
	b.result.Variant = most.String()
	wrong, err := endurance.Soak{
		Gateway: g, Client: b.client, For: most, Every: every, Out: out,
		Work: func(ctx context.Context) {
			b.work(ctx, 0)
			b.keeper.Close()
		},
	}.Run(ctx)
	if err != nil {
		return err
	}
	for _, w := range wrong {
		b.report.Add("%s", w)
	}
	if err := g.Stop(time.Minute); err != nil {
		b.report.Add("%v", err)
	}
	return b.verify(ctx)
}
