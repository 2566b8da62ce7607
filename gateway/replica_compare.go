package gateway

import (
	"context"
	"slices"

	"entrepot/store"
)

// comparePages is how many pages of a comparison are done before what changes
// have noted meanwhile has its turn, and how far it came is written down.
const comparePages = 8

// compare goes on comparing both sides of a replication, name by name, and
// brings in step what differs.
func (r *replicator) compare(ctx context.Context, l *link) error {
	marker, ended := l.state.Marker, false
	for page := 0; page < comparePages && !ended; page++ {
		names, next, err := r.differing(ctx, l, marker)
		if err != nil {
			return err
		}
		if _, err := r.carrySome(ctx, l, names); err != nil {
			return err
		}
		marker, ended = next, next == ""
	}
	now := r.now()
	return r.changeState(ctx, l, func(s *store.Replica) error {
		if s.Container != l.replica.ID || s.Marker != l.state.Marker || s.Holder != r.id {
			return nil // it began anew meanwhile
		}
		s.Marker = marker
		if ended {
			s.Comparing, s.Compared = false, now
		}
		return nil
	})
}

// differing finds the names behind marker, a page of them, that are not in step;
// next is the marker of the next page, "" at the end.
func (r *replicator) differing(ctx context.Context, l *link, marker string) (names []string, next string, err error) {
	err = r.core.store.View(ctx, func(v *store.View) error {
		var here, there []store.Object
		var err error
		if here, there, next, err = bothSides(v, l.pair.source, l.replica.ID, marker); err != nil {
			return err
		}
		names = nil
		c := carrying{link: l}
		now := r.now()
		return eachName(here, there, func(name string, from, to *store.Object) error {
			live := from != nil && !from.Expired(now)
			c.row = to
			if live && to != nil {
				c.from = *from
			}
			bad := false
			if to != nil {
				var err error
				if bad, err = v.Quarantined(to.Content); err != nil {
					return err
				}
			}
			if live && (to == nil || bad || !c.inStep()) || !live && to != nil && !to.Expired(now) {
				names = append(names, name)
			}
			return nil
		})
	})
	return names, next, err
}

// bothSides lists the rows of two containers behind marker, up to the same name.
func bothSides(v *store.View, source, replica uint64, marker string) (here, there []store.Object, next string, err error) {
	q := store.Query{Marker: marker, Limit: replicaPage}
	if here, err = v.Records(source, q); err != nil {
		return nil, nil, "", err
	}
	if there, err = v.Records(replica, q); err != nil {
		return nil, nil, "", err
	}
	for _, list := range [][]store.Object{here, there} {
		if len(list) == replicaPage && (next == "" || list[replicaPage-1].Name < next) {
			next = list[replicaPage-1].Name
		}
	}
	if next != "" {
		beyond := func(o store.Object) bool { return o.Name > next }
		if i := slices.IndexFunc(here, beyond); i >= 0 {
			here = here[:i]
		}
		if i := slices.IndexFunc(there, beyond); i >= 0 {
			there = there[:i]
		}
	}
	return here, there, next, nil
}

// eachName calls fn for the names of two sorted lists, with the row that each
// has of it, nil for none, until it fails.
func eachName(here, there []store.Object, fn func(name string, from, to *store.Object) error) error {
	for len(here) > 0 || len(there) > 0 {
		var from, to *store.Object
		if len(there) == 0 || len(here) > 0 && here[0].Name <= there[0].Name {
			from = &here[0]
		}
		if len(here) == 0 || len(there) > 0 && there[0].Name <= here[0].Name {
			to = &there[0]
		}
		name := ""
		if from != nil {
			name, here = from.Name, here[1:]
		}
		if to != nil {
			name, there = to.Name, there[1:]
		}
		if err := fn(name, from, to); err != nil {
			return err
		}
	}
	return nil
}
