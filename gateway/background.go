package gateway

import (
	"context"
	"sync"
	"time"
)

// background is work that is done now and then until it is closed, and once
// more then.
type background struct {
	stop context.CancelFunc
	done sync.WaitGroup
	wake chan struct{} // does the work at once
}

// startBackground begins to do work at intervals.
func startBackground(ctx context.Context, every time.Duration, work func(context.Context)) *background {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	b := &background{stop: cancel, wake: make(chan struct{}, 1)}
	b.done.Go(func() {
		ticker := time.NewTicker(every)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				work(context.WithoutCancel(ctx))
				return
			case <-ticker.C:
			case <-b.wake:
			}
			work(ctx)
		}
	})
	return b
}

// hurry has the work done soon.
func (b *background) hurry() {
	select {
	case b.wake <- struct{}{}:
	default: // it is going to be
	}
}

// close does the work for the last time.
func (b *background) close() {
	b.stop()
	b.done.Wait()
}
