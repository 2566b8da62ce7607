// Package load drives a gateway with clients that know what they may expect.
//
// Each client owns its names and sends one request at a time, through either
// door; all of them share containers, database and disk. What a client asks
// for follows from the seed alone, so a run with one seed sends the same
// requests as far as the answers are the same. Every answer is judged at once
// against the client's model, and what cannot be is kept as a violation.
//
// What names and bodies cannot say is the subject of the package facts.
package load

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"entrepot/cmd/crashcheck/internal/model"
	"entrepot/cmd/crashcheck/internal/wire"
)

// A Mix says what the clients do.
type Mix string

// The mixes.
const (
	// Everything is the mix of all operations and sizes.
	Everything Mix = "everything"
	// Files only puts new objects beyond the inline limit, so that nearly
	// every request makes a file.
	Files Mix = "files"
)

// Config says how to load a gateway.
type Config struct {
	Seed    uint64
	Clients int
	Mix     Mix
	Largest int64 // bytes of the largest object, which is rare; 0: 20 MiB
	Journal *Journal
}

// Containers returns the containers that all clients use.
func Containers() []string { return []string{"k0", "k1"} }

// foldersOfClient is how many folders a client begins with in each container.
const foldersOfClient = 3

// A Fleet is the clients of one run. It lives through several starts of the
// gateway; its methods are called one at a time.
type Fleet struct {
	clients []*client

	unreadable atomic.Bool // reads may fail for now

	mu         sync.Mutex
	stats      map[string]map[wire.Outcome]int
	violations []string
}

// New returns clients that have sent nothing yet.
func New(cfg Config) *Fleet {
	f := &Fleet{stats: map[string]map[wire.Outcome]int{}}
	for i := range cfg.Clients {
		f.clients = append(f.clients, newClient(i, cfg, f))
	}
	return f
}

// Setup makes the containers and the clients' folders in a gateway that works.
func (f *Fleet) Setup(ctx context.Context, w *wire.Client) error {
	for _, k := range Containers() {
		if a := w.Do(ctx, wire.Request{Door: wire.Swift, Method: http.MethodPut, Container: k}); a.Outcome() != wire.OK {
			return fmt.Errorf("making %s: status %d, %v", k, a.Status, a.Err)
		}
	}
	for _, c := range f.clients {
		for _, folder := range c.tops() {
			if a := w.Do(ctx, mkcol(folder)); a.Outcome() != wire.OK {
				return fmt.Errorf("making %s: status %d, %v", folder, a.Status, a.Err)
			}
		}
		for _, folder := range c.folders {
			if a := w.Do(ctx, mkcol(folder)); a.Outcome() != wire.OK {
				return fmt.Errorf("making %s: status %d, %v", folder, a.Status, a.Err)
			}
		}
	}
	return nil
}

func mkcol(folder string) wire.Request {
	container, object := cut(folder)
	return wire.Request{Door: wire.DAV, Method: "MKCOL", Container: container, Object: object + "/"}
}

// Run lets all clients send until ctx ends or each has sent most requests
// (0: no bound), and returns when all have their last answer. The end of ctx
// breaks off no request: a gateway that lives on might carry it out later, when
// its client has already asked for something else.
func (f *Fleet) Run(ctx context.Context, w *wire.Client, most int) {
	whole := context.WithoutCancel(ctx)
	var done sync.WaitGroup
	for _, c := range f.clients {
		done.Go(func() {
			for n := 0; ctx.Err() == nil && (most == 0 || n < most); n++ {
				if !c.step(whole, w) {
					pause(ctx, 20*time.Millisecond) // the gateway is gone, or on its way
				}
			}
		})
	}
	done.Wait()
}

func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// Unreadable tells the clients whether reads may fail with a 5xx, because the
// disk below cannot be read either. Wrong answers are never forgiven.
func (f *Fleet) Unreadable(is bool) { f.unreadable.Store(is) }

// Models returns what the clients expect, one model each.
func (f *Fleet) Models() []*model.Model {
	out := make([]*model.Model, len(f.clients))
	for i, c := range f.clients {
		out[i] = c.model
	}
	return out
}

// Locks returns the locks that clients were given and have not ended, and
// takes them off the clients.
func (f *Fleet) Locks() []Lock {
	var out []Lock
	for _, c := range f.clients {
		out = append(out, c.locks...)
		c.locks = nil
	}
	return out
}

// Settle tells the clients which folders exist, after a verification showed
// what became of their renames.
func (f *Fleet) Settle(exists func(folder string) bool) {
	for _, c := range f.clients {
		kept := c.folders[:0]
		for _, folder := range c.folders {
			if exists(folder) {
				kept = append(kept, folder)
			}
		}
		c.folders = kept
	}
}

// Put has the first client put one object at a name of its own that no step
// uses, and returns the answer. large asks for one beyond the inline limit.
func (f *Fleet) Put(ctx context.Context, w *wire.Client, name string, large bool) wire.Answer {
	c := f.clients[0]
	size := int64(100)
	if large {
		size = 60_000
	}
	return c.put(ctx, w, c.own(Containers()[0], name), wire.Swift, size, 0)
}

// Delete has one client delete one of its objects; tried tells that there was
// one.
func (f *Fleet) Delete(ctx context.Context, w *wire.Client) (a wire.Answer, tried bool) {
	for _, c := range f.clients {
		if name, ok := c.present(true); ok {
			return c.delete(ctx, w, name, wire.Swift), true
		}
	}
	return a, false
}

// Drop has the client that owns a name delete it.
func (f *Fleet) Drop(ctx context.Context, w *wire.Client, name string) {
	for _, c := range f.clients {
		if c.model.Has(name) {
			c.delete(ctx, w, name, wire.Swift)
		}
	}
}

// Read has every client read one of its objects, and reports how many were
// there to be read and were served whole.
func (f *Fleet) Read(ctx context.Context, w *wire.Client) (served, tried int) {
	for _, c := range f.clients {
		name, ok := c.present(true)
		if !ok {
			continue
		}
		tried++
		if a := c.get(ctx, w, name, wire.Swift); a.Status == http.StatusOK && a.Err == nil {
			served++
		}
	}
	return served, tried
}

// Stats counts the outcomes of each operation so far.
func (f *Fleet) Stats() map[string]map[wire.Outcome]int {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := map[string]map[wire.Outcome]int{}
	for op, counts := range f.stats {
		out[op] = map[wire.Outcome]int{}
		for o, n := range counts {
			out[op][o] = n
		}
	}
	return out
}

// Violations returns what clients were shown that cannot be.
func (f *Fleet) Violations() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]string(nil), f.violations...)
}

func (f *Fleet) count(op string, o wire.Outcome) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.stats[op] == nil {
		f.stats[op] = map[wire.Outcome]int{}
	}
	f.stats[op][o]++
}

func (f *Fleet) violation(format string, args ...any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.violations = append(f.violations, fmt.Sprintf(format, args...))
}

// source returns the random numbers of one client.
func source(seed uint64, client int) *rand.Rand {
	return rand.New(rand.NewPCG(seed, uint64(client)*0x9e3779b97f4a7c15+1))
}
