package gateway_test

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"entrepot/gateway"
	"entrepot/gateway/errs"
	"entrepot/gateway/gatewaytest"
	"entrepot/gateway/gatewaytest/history"
	"entrepot/store"
	"entrepot/store/blob/memblob"
	"entrepot/store/kv"
	"entrepot/store/kv/memkv"
)

// histories is how many histories of 5,000 calls are made.
var histories = flag.Int("histories", 1, "number of histories that the tests of linearizability make")

// lengths are those of the values' bodies: around the fixture's inline limit.
var lengths = []int{0, 63, 64, 65, 300}

// flaky is an engine whose commits sometimes break, before or after they took
// effect, once it is switched on.
func flaky(t *testing.T, seed uint64, on *atomic.Bool) kv.Engine {
	t.Helper()
	var mu sync.Mutex
	rng := rand.New(rand.NewPCG(seed, 7))
	cut := func() error {
		mu.Lock()
		defer mu.Unlock()
		if on.Load() && rng.IntN(150) == 0 {
			return kv.ErrUnknown
		}
		return nil
	}
	return memkv.New(memkv.Options{
		Adversarial: true, Seed: seed, Covers: store.Covers, BeforeCommit: cut, AfterCommit: cut,
		Fail: func(message string) { t.Errorf("engine: %s", message) },
	})
}

// subject is the gateway as a history sees it; odd clients are drives.
type subject struct {
	t   *testing.T
	g   *gateway.Gateway
	ctx context.Context
}

func (s *subject) do(client int, in history.Input) history.Output {
	drive := client%2 == 1
	at := ref("c", in.Name)
	switch in.Op {
	case history.Get:
		return s.get(at)
	case history.Delete:
		if drive {
			return s.judge(in, s.g.Trees.Delete(s.ctx, at, gateway.Conditions{}))
		}
		return s.judge(in, s.g.Objects.Delete(s.ctx, at, nil))
	case history.SetMeta:
		_, err := s.g.Objects.SetMeta(s.ctx, at, gateway.MetaChange{Properties: gateway.Properties{"note": in.Meta}})
		return s.judge(in, err)
	}
	opt := gateway.PutOptions{Size: -1, Drive: drive, Properties: gateway.Properties{"note": in.Meta}}
	switch in.Op {
	case history.PutNew:
		opt.Conditions.IfNoneMatch = []string{"*"}
	case history.PutMatch:
		sum := md5.Sum(history.Body(in.Match, lengths...))
		opt.Conditions.IfMatch = []string{hex.EncodeToString(sum[:])}
	}
	body := string(history.Body(in.Value, lengths...))
	r, err := s.g.Objects.Put(s.ctx, at, strings.NewReader(body), opt)
	out := s.judge(in, err)
	out.Created, out.HasCreated = r.Created, err == nil
	return out
}

func (s *subject) get(at gateway.Ref) history.Output {
	o, content, err := s.g.Objects.Open(s.ctx, at, gateway.Conditions{})
	if err != nil {
		return s.judge(history.Input{Name: at.Object, Op: history.Get}, err)
	}
	defer content.Close()
	var b strings.Builder
	if _, err := content.WriteRange(&b, 0, content.Size()); err != nil {
		s.t.Errorf("get %s: %v", at, err)
	}
	if sum := md5.Sum([]byte(b.String())); o.MD5 != hex.EncodeToString(sum[:]) {
		s.t.Errorf("get %s: the record has MD5 %s, its content %x", at, o.MD5, sum)
	}
	return history.Output{
		Result: history.Done, Value: history.ValueOf([]byte(b.String()), lengths...),
		Meta: o.Properties["note"], HasMeta: true,
	}
}

func (s *subject) judge(in history.Input, err error) history.Output {
	switch {
	case err == nil:
		return history.Output{Result: history.Done}
	case errs.ReasonOf(err) == errs.Unknown:
		return history.Output{Result: history.Unknown}
	case errs.Of(err) == errs.NotFound:
		return history.Output{Result: history.Absent}
	case errs.Of(err) == errs.Precondition:
		return history.Output{Result: history.Refused}
	}
	s.t.Errorf("%s %s: %v", in.Op, in.Name, err)
	return history.Output{Result: history.Failed}
}

// linear makes one history over an engine and judges it.
func linear(t *testing.T, seed uint64, engine kv.Engine, on *atomic.Bool) *history.Recorder {
	t.Helper()
	f := gatewaytest.NewWith(t, gatewaytest.Options{Engine: engine, Blobs: memblob.New(memblob.Options{})})
	s := &subject{t: t, g: f.Gateway, ctx: f.Ctx("tester")}
	if _, err := s.g.Containers.Create(s.ctx, ref("c", ""), gateway.ContainerChange{}); err != nil {
		t.Fatal(err)
	}
	on.Store(true)
	r := history.NewRecorder()
	r.Run(history.Plan{Seed: seed, Clients: 8, Names: []string{"a", "b", "c", "d"}, Calls: 5000}, s.do, nil)
	on.Store(false)
	if err := r.Linearizable(2 * time.Minute); err != nil {
		t.Error(err)
	}
	t.Logf("seed %d: %d calls, %d done, %d refused, %d absent, %d unknown", seed, r.Len(),
		r.Count(history.Done), r.Count(history.Refused), r.Count(history.Absent), r.Count(history.Unknown))
	w := &world{Fixture: f, t: t, g: f.Gateway, ctx: s.ctx}
	w.counts("c")
	return r
}

// Writes, conditional writes, POSTs and removals of one name happen as if one
// at a time, through a drive and through objects alike, when the answers of
// some commits are lost.
func TestCallsOnOneNameAreLinearizable(t *testing.T) {
	for i := range *histories {
		seed := uint64(i + 1)
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			var on atomic.Bool
			r := linear(t, seed, flaky(t, seed, &on), &on)
			if r.Count(history.Unknown) == 0 || r.Count(history.Refused) == 0 {
				t.Error("the history has no unknown or no refused call")
			}
		})
	}
}

// churn writes and deletes names around those of fixed until stop.
func churn(t *testing.T, g *gateway.Gateway, ctx context.Context, names []string, seed uint64, stop <-chan struct{}) {
	rng := rand.New(rand.NewPCG(seed, 3))
	for {
		select {
		case <-stop:
			return
		default:
		}
		at := ref("c", names[rng.IntN(len(names))])
		var err error
		if rng.IntN(2) == 0 {
			_, err = g.Objects.Put(ctx, at, strings.NewReader("x"), gateway.PutOptions{Size: 1})
		} else if err = g.Objects.Delete(ctx, at, nil); errs.Of(err) == errs.NotFound {
			err = nil
		}
		if err != nil {
			t.Errorf("%s: %v", at, err)
			return
		}
	}
}

// paged is what a whole paged listing showed, in the order of the pages.
type paged func(limit int) ([]string, error)

// pagesOf lists a container page by page.
func pagesOf(g *gateway.Gateway, ctx context.Context, opt gateway.ListOptions) paged {
	return func(limit int) (all []string, err error) {
		for {
			opt.Limit = limit
			_, list, err := g.Objects.List(ctx, ref("c", ""), opt)
			if err != nil {
				return nil, err
			}
			for _, e := range list {
				all = append(all, e.Object.Name+e.Subdir)
			}
			if len(list) < limit {
				opt.Marker = ""
				return all, nil
			}
			opt.Marker = all[len(all)-1]
		}
	}
}

// treeOf lists a container page by page as a drive does.
func treeOf(g *gateway.Gateway, ctx context.Context, recursive bool) paged {
	return func(limit int) (all []string, err error) {
		opt := gateway.ListTree{Limit: limit, Recursive: recursive}
		for {
			page, err := g.Trees.List(ctx, ref("c", ""), opt)
			if err != nil {
				return nil, err
			}
			for _, n := range page.Nodes {
				all = append(all, n.Ref.Object)
			}
			if page.Next == (gateway.Ref{}) {
				return all, nil
			}
			opt.After = page.Next
		}
	}
}

// checkPages judges one listing: every name of lasting exactly once, those of
// passing at most once, in order, and no other.
func checkPages(all, lasting, passing []string, reverse bool) error {
	if reverse {
		all = slices.Clone(all)
		slices.Reverse(all)
	}
	for i, name := range all {
		if i > 0 && all[i-1] >= name {
			return fmt.Errorf("%q stands before %q", all[i-1], name)
		}
		if !slices.Contains(lasting, name) && !slices.Contains(passing, name) {
			return fmt.Errorf("%q was never there", name)
		}
	}
	for _, name := range lasting {
		if _, found := slices.BinarySearch(all, name); !found {
			return fmt.Errorf("%q was left out", name)
		}
	}
	return nil
}

// pageFixture fills a container with names that last beside names that come
// and go.
func pageFixture(t *testing.T, w *world) (lasting, folders, passing []string) {
	t.Helper()
	for i := range 40 {
		folder := fmt.Sprintf("d%02d/", i/4)
		w.put(fmt.Sprintf("%sf%02d", folder, i), "x")
		lasting = append(lasting, fmt.Sprintf("%sf%02d", folder, i))
		if i%4 == 0 {
			folders = append(folders, folder)
		}
		passing = append(passing, fmt.Sprintf("%sf%02d+", folder, i), fmt.Sprintf("d%02d-%d", i/4, i), fmt.Sprintf("e%02d/x/y", i))
	}
	return lasting, folders, passing
}

// P8 of the reliability rules: a paged listing neither invents nor skips nor
// repeats, whatever is written beside it.
func TestPagedListingsNeverInventOrSkip(t *testing.T) {
	w := newWorld(t)
	lasting, folders, passing := pageFixture(t, w)
	var flat []string // top level: folders and files
	for _, p := range passing {
		if top, _, ok := strings.Cut(p, "/"); ok {
			flat = append(flat, top+"/")
		} else {
			flat = append(flat, p)
		}
	}
	whole := slices.Concat(folders, passing)
	for i := range 40 {
		whole = append(whole, fmt.Sprintf("e%02d/", i), fmt.Sprintf("e%02d/x/", i))
	}
	both := slices.Sorted(slices.Values(slices.Concat(lasting, folders)))
	stop := make(chan struct{})
	var writers, readers sync.WaitGroup
	for i := range 4 {
		writers.Go(func() { churn(t, w.g, w.ctx, passing, uint64(i), stop) })
	}
	for _, c := range []struct {
		name             string
		list             paged
		lasting, passing []string
		reverse          bool
	}{
		{"objects", pagesOf(w.g, w.ctx, gateway.ListOptions{}), lasting, passing, false},
		{"objects, reverse", pagesOf(w.g, w.ctx, gateway.ListOptions{Reverse: true}), lasting, passing, true},
		{"objects with a delimiter", pagesOf(w.g, w.ctx, gateway.ListOptions{Delimiter: "/"}), folders, flat, false},
		{"objects with a delimiter, reverse", pagesOf(w.g, w.ctx, gateway.ListOptions{Delimiter: "/", Reverse: true}), folders, flat, true},
		{"a folder of a drive", treeOf(w.g, w.ctx, false), folders, flat, false},
		{"a whole drive", treeOf(w.g, w.ctx, true), both, whole, false},
	} {
		readers.Go(func() {
			rng := rand.New(rand.NewPCG(9, uint64(len(c.name))))
			for range 30 {
				limit := 1 + rng.IntN(12)
				all, err := c.list(limit)
				if err == nil {
					err = checkPages(all, c.lasting, c.passing, c.reverse)
				}
				if err != nil {
					t.Errorf("%s, %d a page: %v", c.name, limit, err)
					return
				}
			}
		})
	}
	readers.Wait()
	close(stop)
	writers.Wait()
	w.counts("c")
}

// A reader that has opened an object reads it to its end, whoever replaces or
// removes the name meanwhile.
func TestAnOpenedObjectIsReadToItsEnd(t *testing.T) {
	w := newWorld(t)
	var all sync.WaitGroup
	stop := make(chan struct{})
	for i := range 3 {
		all.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				body := string(history.Body(fmt.Sprintf("%d-%d", i, n), 40, 4000))
				if _, err := w.g.Objects.Put(w.ctx, ref("c", "a"), strings.NewReader(body), gateway.PutOptions{Size: -1}); err != nil {
					t.Error(err)
				}
				if n%5 == 4 {
					if err := w.g.Objects.Delete(w.ctx, ref("c", "a"), nil); err != nil && errs.Of(err) != errs.NotFound {
						t.Error(err)
					}
				}
			}
		})
	}
	// On a busy machine nobody may have put it for a while.
	read := 0
	for begun := time.Now(); read < 300 && time.Since(begun) < time.Minute; {
		o, content, err := w.g.Objects.Open(w.ctx, ref("c", "a"), gateway.Conditions{})
		if errs.Of(err) == errs.NotFound {
			runtime.Gosched()
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		var b strings.Builder
		half := content.Size() / 2
		_, err = content.WriteRange(&b, 0, half)
		if err == nil {
			_, err = io.Copy(&b, io.NewSectionReader(content, half, content.Size()-half))
		}
		content.Close()
		if sum := md5.Sum([]byte(b.String())); err != nil || o.MD5 != hex.EncodeToString(sum[:]) {
			t.Fatalf("read %d of %d bytes, MD5 %x instead of %s: %v", b.Len(), o.Size, sum, o.MD5, err)
		}
		read++
	}
	close(stop)
	all.Wait()
	if read < 300 {
		t.Errorf("the object was there %d times only", read)
	}
}
