package gateway

import (
	"slices"
	"strings"

	"entrepot/store"
)

// What a copy out of a container or out of a snapshot takes along, and what a
// clone and a rollback take out of a snapshot: objects and dead properties.

// alive takes the objects that had expired at a moment out of a list that is in
// order of names. gone are the paths whose dead properties end with them: a
// folder lives on while anything is below it. With more the list is a page, and
// what follows it is not known.
func alive(list []store.Object, at store.Stamp, more bool) (left []store.Object, gone map[string]bool) {
	expired := func(o store.Object) bool { return o.Expired(at) }
	if !slices.ContainsFunc(list, expired) {
		return list, nil
	}
	gone = make(map[string]bool)
	for i := range list {
		if !expired(list[i]) {
			left = append(left, list[i])
			continue
		}
		name := list[i].Name
		gone[name] = true
		if !strings.HasSuffix(name, "/") {
			continue
		}
		next := slices.IndexFunc(list[i:], func(o store.Object) bool { return !expired(o) || !strings.HasPrefix(o.Name, name) })
		if next < 0 && more || next >= 0 && strings.HasPrefix(list[i+next].Name, name) {
			delete(gone, name)
		}
	}
	return left, gone
}

// below lists the objects of a source folder. A copy leaves out what had
// expired.
func (w *transfer) below(tx *store.Tx, s *scope, path string) ([]store.Object, error) {
	w.gone = nil
	asOf, most := w.now, w.cfg.MaxTree
	var list []store.Object
	var err error
	if w.past == nil {
		list, err = tx.Records(s.container.ID, store.Query{Prefix: path, Limit: most + 1})
	} else {
		list, asOf, err = w.pastRecords(tx, s, path, most+1)
	}
	switch {
	case err != nil:
		return nil, err
	case len(list) > most:
		return nil, tooMany()
	case !w.move:
		list, w.gone = alive(list, asOf, false)
	}
	return list, nil
}

// pastRecords lists what the snapshot of the source shows below a prefix, and
// tells when that was.
func (w *transfer) pastRecords(tx *store.Tx, s *scope, prefix string, limit int) ([]store.Object, store.Stamp, error) {
	snap, err := w.sourceSnapshot(tx, s)
	if err != nil {
		return nil, 0, err
	}
	list, err := tx.RecordsAt(s.container.ID, snap.Epoch, prefix, "", limit)
	return list, snap.Created, err
}

// sourceSnapshot reads the snapshot out of which is copied.
func (w *transfer) sourceSnapshot(tx *store.Tx, s *scope) (store.Snapshot, error) {
	snap, found, err := tx.Snapshot(s.container.ID, w.past.Name)
	if err == nil && !found {
		err = errNoSnapshot
	}
	return snap, err
}

// propsOf reads the dead properties of a path of the source.
func (w *transfer) propsOf(tx *store.Tx, s *scope, path string) ([]store.DeadProp, error) {
	if w.past == nil {
		return tx.Props(s.container.ID, path)
	}
	snap, err := w.sourceSnapshot(tx, s)
	if err != nil {
		return nil, err
	}
	return tx.PropsAt(s.container.ID, snap.Epoch, path)
}

// propsBelow reads the dead properties of a folder of the source, "" for the
// container, and of all below it.
func (w *transfer) propsBelow(tx *store.Tx, s *scope, folder string) ([]store.PathProps, error) {
	to := behind(folder)
	if w.past == nil {
		return tx.PropsBetween(s.container.ID, folder, to, 0)
	}
	snap, err := w.sourceSnapshot(tx, s)
	if err != nil {
		return nil, err
	}
	return tx.PropsBetweenAt(s.container.ID, snap.Epoch, folder, to, 0)
}

// behind is the first name behind all that are below a folder, "" for the end
// of the container.
func behind(folder string) string {
	if folder == "" {
		return ""
	}
	return folder[:len(folder)-1] + "0" // the byte behind the slash
}

// A shown is what a snapshot shows, or a page of it.
type shown struct {
	epoch   uint64
	objects []store.Object
	gone    map[string]bool // paths whose properties nobody saw then, see alive
}

// cloneProps writes the dead properties that a snapshot of s shows at paths
// from one (inclusive) to another (exclusive; "" for the end) into the
// container of d.
func (n *Snapshots) cloneProps(tx *store.Tx, s, d *scope, past *shown, from, to string) error {
	list, err := tx.PropsBetweenAt(s.container.ID, past.epoch, from, to, 0)
	for i := range list {
		if past.gone[list[i].Path] {
			continue
		}
		if err := putProps(tx, &d.container, list[i].Path, list[i].Props); err != nil {
			return err
		}
	}
	return err
}

// restoreProps makes the dead properties of a container those that a snapshot
// of it shows.
func (n *Snapshots) restoreProps(tx *store.Tx, s *scope, past *shown) error {
	if err := tx.RestoreProps(&s.container, past.epoch, 4*n.cfg.MaxTree); err != nil {
		return err
	}
	for path := range past.gone {
		if err := tx.DeleteProps(&s.container, path); err != nil {
			return err
		}
	}
	return nil
}
