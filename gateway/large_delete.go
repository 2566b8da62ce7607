package gateway

import (
	"context"
	"errors"
	"slices"
	"sync"

	"entrepot/gateway/errs"
)

// A Deletion is what became of the deletion of several objects.
type Deletion struct {
	Deleted, Missing int
	// Problems are the objects that are still there, at most MaxProblems; Cut
	// tells that it ended there with others not tried.
	Problems []DeletionProblem
	Cut      bool
}

// A DeletionProblem is an object that could not be deleted, and why.
type DeletionProblem struct {
	Ref Ref
	Err error
}

// MaxProblems is how many failures end a deletion of several objects.
const MaxProblems = 1000

// deleters is how many objects are deleted side by side: they share commits.
const deleters = 32

// DeleteManifest removes a static large object with all objects that it joins,
// also through other static large objects. Those that are gone already count
// as missing, those that the caller may not delete as problems; then the
// manifest goes all the same. An object of another kind is a problem with
// errs.Invalid and stays. A link is not followed.
func (o *Objects) DeleteManifest(ctx context.Context, ref Ref) (Deletion, error) {
	d := &deletion{objects: o, busy: make(chan struct{}, deleters)}
	d.manifest(ctx, ref, 0)
	if ctx.Err() != nil {
		return Deletion{}, ctx.Err()
	}
	slices.SortFunc(d.problems, func(a, b misplaced) int { return a.order - b.order })
	for _, p := range d.problems {
		d.out.Problems = append(d.out.Problems, p.DeletionProblem)
	}
	return d.out, nil
}

// deletion is one DeleteManifest on its way.
type deletion struct {
	objects *Objects
	busy    chan struct{} // holds one element for each object being deleted
	order   int

	mu  sync.Mutex
	out Deletion
	// problems are those of out with their places among all objects.
	problems []misplaced
}

type misplaced struct {
	order int
	DeletionProblem
}

// manifest removes the manifest at ref with what it joins.
func (d *deletion) manifest(ctx context.Context, ref Ref, depth int) {
	at, list, err := d.objects.manifest(ctx, ref, &ReadOptions{Manifest: true, Link: true})
	switch {
	case depth > 0 && (depth == maxDepth || errors.Is(err, errNoManifest)):
		d.note(d.next(), ref, d.objects.Delete(ctx, ref, nil)) // only an object, by now
		return
	case err != nil:
		d.note(d.next(), ref, err)
		return
	}
	account := refersTo(ref.Account, &at.obj)
	var all sync.WaitGroup
	for i := range list {
		s := &list[i]
		if s.Data != nil || !d.goOn(ctx) {
			continue
		}
		at := Ref{Account: account, Container: s.Container, Object: s.Object}
		if s.Nested {
			d.manifest(ctx, at, depth+1)
			continue
		}
		d.busy <- struct{}{}
		order := d.next()
		all.Go(func() {
			d.note(order, at, d.objects.Delete(ctx, at, nil))
			<-d.busy
		})
	}
	all.Wait()
	if d.goOn(ctx) {
		d.note(d.next(), ref, d.objects.Delete(ctx, ref, nil))
	}
}

// next numbers the objects in the order in which they are dealt with.
func (d *deletion) next() int {
	d.order++
	return d.order
}

// goOn tells whether more is to be deleted.
func (d *deletion) goOn(ctx context.Context) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return !d.out.Cut && ctx.Err() == nil
}

// note counts the outcome of one deletion.
func (d *deletion) note(order int, ref Ref, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case err == nil:
		d.out.Deleted++
	case errs.Of(err) == errs.NotFound:
		d.out.Missing++
	case len(d.problems) < MaxProblems:
		d.problems = append(d.problems, misplaced{order, DeletionProblem{ref, err}})
	default:
		d.out.Cut = true
	}
}
