package endurance

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"entrepot/cmd/crashcheck/internal/process"
	"entrepot/cmd/crashcheck/internal/wire"
)

// Many measures a gateway that holds many objects.
type Many struct {
	Options process.Options
	Client  *wire.Client // of the administrator
	Objects int
	Load    time.Duration // how long it is driven when it holds them
	Rest    time.Duration // without requests before memory at rest is taken
	Out     io.Writer
}

const manyWorkers = 32

// Run fills a new gateway by PUT, drives it, and starts it again: after a clean
// stop and after a kill under load.
func (m *Many) Run(ctx context.Context) error {
	g, err := m.start(ctx, "first start")
	if err != nil {
		return err
	}
	defer func() { g.Kill() }()
	if err := m.rest(ctx, "empty, at rest", g); err != nil {
		return err
	}
	begun := time.Now()
	if err := m.fill(ctx); err != nil {
		return err
	}
	took := time.Since(begun)
	fmt.Fprintf(m.Out, "%d objects of 100 bytes put in %.0f s, %.0f/s\n", m.Objects, took.Seconds(), float64(m.Objects)/took.Seconds())
	if err := m.drive(ctx, g); err != nil {
		return err
	}
	if err := m.rest(ctx, "full, at rest", g); err != nil {
		return err
	}
	begun = time.Now()
	if err := g.Stop(time.Minute); err != nil {
		return err
	}
	fmt.Fprintf(m.Out, "clean stop: %.2f s\n", time.Since(begun).Seconds())
	if g, err = m.start(ctx, "start after a clean stop"); err != nil {
		return err
	}
	if err := m.rest(ctx, "full, started anew, at rest", g); err != nil {
		return err
	}
	timer := time.AfterFunc(3*time.Second, g.Kill)
	_ = m.fill(ctx) // breaks off
	timer.Stop()
	g.Kill()
	g, err = m.start(ctx, "start after a kill under load")
	return err
}

func (m *Many) start(ctx context.Context, what string) (*process.Gateway, error) {
	g, err := process.Start(ctx, m.Options)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	fmt.Fprintf(m.Out, "%s: %.2f s\n", what, g.Took.Seconds())
	m.Client = m.Client.With(g.URL)
	return g, m.Client.Login(ctx)
}

func (m *Many) rest(ctx context.Context, what string, g *process.Gateway) error {
	m.Client.Close()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(m.Rest):
	}
	s, err := Take(ctx, g, m.Client, time.Now())
	fmt.Fprintf(m.Out, "%s: %.1f MiB resident besides the page cache, heap %.1f MiB\n", what, mib(s.Anon), mib(s.Heap))
	return err
}

// object is where the i-th object lies: in one of ten containers.
func object(i int) (container, name string) {
	return fmt.Sprint("many-", i%10), fmt.Sprintf("dir-%03d/object-%08d", i%997, i)
}

func (m *Many) fill(ctx context.Context) error {
	for i := range 10 {
		container, _ := object(i)
		if a := m.Client.Do(ctx, wire.Request{Door: wire.Swift, Method: http.MethodPut, Container: container}); a.Outcome() != wire.OK {
			return fmt.Errorf("making %s: status %d, %w", container, a.Status, a.Err)
		}
	}
	return each(ctx, m.Objects, manyWorkers, m.put)
}

func (m *Many) put(ctx context.Context, i int) error {
	container, name := object(i)
	a := m.Client.Do(ctx, wire.Request{
		Door: wire.Swift, Method: http.MethodPut, Container: container, Object: name, Body: strings.NewReader(strings.Repeat("x", 100)), Size: 100,
	})
	if a.Outcome() != wire.OK {
		return fmt.Errorf("putting %s: status %d, %w", name, a.Status, a.Err)
	}
	return nil
}

// drive reads, writes and lists for a while, by Swift and by the drive, and
// tells the most memory that was seen.
func (m *Many) drive(ctx context.Context, g *process.Gateway) error {
	loaded, end := context.WithTimeout(ctx, m.Load)
	defer end()
	var most, requests atomic.Int64
	var watch sync.WaitGroup
	watch.Go(func() {
		for loaded.Err() == nil {
			if n, err := anon(g.Pid()); err == nil {
				most.Store(max(most.Load(), n))
			}
			time.Sleep(50 * time.Millisecond)
		}
	})
	err := each(ctx, manyWorkers, manyWorkers, func(ctx context.Context, worker int) error {
		rng := rand.New(rand.NewPCG(1, uint64(worker)))
		for loaded.Err() == nil {
			requests.Add(1)
			if err := m.one(ctx, rng); err != nil {
				return err
			}
		}
		return nil
	})
	end()
	watch.Wait()
	fmt.Fprintf(m.Out, "full, under load of %d clients for %v, %d requests: at most %.1f MiB resident besides the page cache\n",
		manyWorkers, m.Load, requests.Load(), mib(most.Load()))
	return err
}

// one sends a request of the mix.
func (m *Many) one(ctx context.Context, rng *rand.Rand) error {
	i := rng.IntN(m.Objects)
	container, name := object(i)
	q := wire.Request{Door: wire.Swift, Method: http.MethodGet, Container: container, Object: name}
	switch n := rng.IntN(100); {
	case n < 60:
	case n < 90:
		return m.put(ctx, i)
	case n < 95:
		q.Object, q.Query = "", "format=json&limit=10000&marker="+name
	default:
		q.Door, q.Method, q.Object, q.Header = wire.DAV, "PROPFIND", name[:len("dir-000/")], map[string]string{"Depth": "1"}
	}
	a := m.Client.Do(ctx, q)
	if a.Outcome() != wire.OK {
		return fmt.Errorf("%s %s/%s: status %d, %w", q.Method, q.Container, q.Object, a.Status, a.Err)
	}
	return nil
}
