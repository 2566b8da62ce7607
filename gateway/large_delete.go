package gateway

import (
	"context"
	"errors"

	"entrepot/auth"
	"entrepot/gateway/errs"
)

// A Deletion is what became of the deletion of several objects.
type Deletion struct {
	Deleted, Missing int
	// Problems are the objects that are still there, in the order in which
	// they were tried. Where there are MaxProblems, what followed was not.
	Problems []DeletionProblem
}

// A DeletionProblem is an object that could not be deleted, and why.
type DeletionProblem struct {
	Ref Ref
	Err error
}

// MaxProblems is how many failures end a deletion of several objects.
const MaxProblems = 1000

// DeleteManifest removes a static large object with all objects that it joins,
// also through other static large objects. Those that are gone already count
// as missing, those that the caller may not delete as problems; then the
// manifest goes all the same. An object of another kind is a problem with
// errs.Invalid and stays. A link is not followed. A caller who may not delete
// the manifest is refused as a whole.
func (o *Objects) DeleteManifest(ctx context.Context, ref Ref) (Deletion, error) {
	if _, err := o.locate(ctx, auth.PrincipalOf(ctx), ref); err != nil && errs.Of(err) != errs.NotFound {
		return Deletion{}, err
	}
	d := &deletion{objects: o}
	d.manifest(ctx, ref, 0)
	return d.out, ctx.Err()
}

// deletion is one DeleteManifest on its way. Neighbours in one container are
// deleted together.
type deletion struct {
	objects   *Objects
	out       Deletion
	container Ref
	names     []string // to be deleted next, in container
}

// manifest removes the manifest at ref with what it joins.
func (d *deletion) manifest(ctx context.Context, ref Ref, depth int) {
	at, list, err := d.objects.manifest(ctx, ref, &ReadOptions{Manifest: true, Link: true})
	switch {
	case depth > 0 && (depth == maxDepth || errors.Is(err, errNoManifest)):
		d.add(ctx, ref) // only an object, by now
		return
	case err != nil:
		d.note(ref, err)
		return
	}
	account := refersTo(ref.Account, &at.obj)
	for i := range list {
		s := &list[i]
		part := Ref{Account: account, Container: s.Container, Object: s.Object}
		switch {
		case s.Data != nil:
		case s.Nested:
			d.manifest(ctx, part, depth+1)
		default:
			d.add(ctx, part)
		}
		if len(d.out.Problems) >= MaxProblems || ctx.Err() != nil {
			return
		}
	}
	d.add(ctx, ref)
	d.flush(ctx)
}

// add deletes an object together with those that were added before it.
func (d *deletion) add(ctx context.Context, ref Ref) {
	container := Ref{Account: ref.Account, Container: ref.Container}
	if container != d.container {
		d.flush(ctx)
		d.container = container
	}
	d.names = append(d.names, ref.Object)
}

// flush deletes what was added.
func (d *deletion) flush(ctx context.Context) {
	for i, err := range d.objects.DeleteMany(ctx, d.container, d.names) {
		ref := d.container
		ref.Object = d.names[i]
		d.note(ref, err)
	}
	d.names = d.names[:0]
}

// note counts the outcome of one deletion.
func (d *deletion) note(ref Ref, err error) {
	switch {
	case err == nil:
		d.out.Deleted++
	case errs.Of(err) == errs.NotFound:
		d.out.Missing++
	case len(d.out.Problems) < MaxProblems:
		d.out.Problems = append(d.out.Problems, DeletionProblem{ref, err})
	}
}
