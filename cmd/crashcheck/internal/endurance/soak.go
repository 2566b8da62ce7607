package endurance

import (
	"context"
	"fmt"
	"io"
	"math"
	"sync"
	"time"

	"entrepot/cmd/crashcheck/internal/process"
	"entrepot/cmd/crashcheck/internal/wire"
)

// Bounds of growth between the first samples and the last ones of a soak.
const (
	// moreMemory is what may come on top of a quarter: the collector's pace
	// alone makes the heap breathe.
	moreMemory      = 16 << 20
	moreGoroutines  = 20
	moreDescriptors = 20

	// settled is how long a soak must take for its memory to be judged: in the
	// first moments caches fill, and passwords are being hashed.
	settled = time.Minute
	// fewest samples can be compared; a soak goes on until it has them.
	fewest = 4
)

// A Soak loads one gateway for long.
type Soak struct {
	Gateway *process.Gateway
	Client  *wire.Client
	For     time.Duration
	Every   time.Duration // between samples
	// Work drives the gateway until its context ends. It is called anew for
	// each sample, so that the sample is taken while nobody asks for anything.
	Work func(ctx context.Context)
	Out  io.Writer
}

// Run loads the gateway and returns what grew though it should not.
func (s Soak) Run(ctx context.Context) (wrong []string, err error) {
	fmt.Fprintln(s.Out, heading)
	begun := time.Now()
	var samples []Sample
	for (time.Since(begun) < s.For || len(samples) < fewest) && ctx.Err() == nil {
		spell, end := context.WithTimeout(ctx, s.Every)
		s.Work(spell)
		end()
		s.Client.Close()
		time.Sleep(500 * time.Millisecond) // what requests left behind ends
		sample, err := Take(ctx, s.Gateway, s.Client, begun)
		if err != nil {
			return nil, err
		}
		fmt.Fprintln(s.Out, sample)
		samples = append(samples, sample)
	}
	return Grown(samples), ctx.Err()
}

// Grown compares the second quarter of the samples with the last: at first
// everything grows. Memory is compared where it was least, just after the
// collector had been there, and only in soaks that took a minute.
func Grown(samples []Sample) (wrong []string) {
	n := len(samples) / fewest
	if n == 0 {
		return []string{fmt.Sprintf("%d samples are too few", len(samples))}
	}
	early, late := least(samples[n:2*n]), least(samples[len(samples)-n:])
	memory := int64(moreMemory)
	if samples[len(samples)-1].After < settled {
		memory = math.MaxInt64 / 2
	}
	for _, c := range []struct {
		what              string
		early, late, more int64
	}{
		{"resident memory", early.Anon, late.Anon, early.Anon/4 + memory},
		{"the heap", early.Heap, late.Heap, early.Heap/4 + memory},
		{"goroutines", early.Goroutines, late.Goroutines, moreGoroutines},
		{"open descriptors", early.Descriptors, late.Descriptors, moreDescriptors},
	} {
		if c.late > c.early+c.more {
			wrong = append(wrong, fmt.Sprintf("%s grew from %d to %d", c.what, c.early, c.late))
		}
	}
	return wrong
}

// least returns the least of each figure.
func least(samples []Sample) Sample {
	m := samples[0]
	for _, s := range samples[1:] {
		m.Anon, m.Heap = min(m.Anon, s.Anon), min(m.Heap, s.Heap)
		m.Goroutines, m.Descriptors = min(m.Goroutines, s.Goroutines), min(m.Descriptors, s.Descriptors)
	}
	return m
}

// each runs fn for every number below n, in so many goroutines, until one
// fails.
func each(ctx context.Context, n, workers int, fn func(ctx context.Context, i int) error) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	next := make(chan int)
	var all sync.WaitGroup
	for range workers {
		all.Go(func() {
			for i := range next {
				if err := fn(ctx, i); err != nil {
					stop(err)
				}
			}
		})
	}
	for i := range n {
		select {
		case next <- i:
			continue
		case <-ctx.Done():
		}
		break
	}
	close(next)
	all.Wait()
	return context.Cause(ctx)
}
