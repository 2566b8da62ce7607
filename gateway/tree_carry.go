package gateway

import (
	"maps"
	"strings"

	"entrepot/gateway/errs"
	"entrepot/gateway/names"
	"entrepot/store"
)

// moveObjects moves the source's rows. Inside one container without snapshots and replicas a
// folder's rows are renamed by the engine; else each is written again.
func (w *transfer) moveObjects(tx *store.Tx, s *scope, n *node, d *scope, target string, objects []store.Object) error {
	if err := checkLengths(objects, len(target)-len(n.path)); err != nil {
		return err
	}
	if err := w.moveTwin(tx, s, n, d, target); err != nil {
		return err
	}
	whole, err := renamesAll(tx, s, n, d, target)
	if err != nil {
		return err
	}
	if whole {
		_, err := tx.MoveTree(s.container.ID, n.path, target, w.cfg.MaxTree)
		return err
	}
	for i := range objects {
		o := w.carriedRow(s, n, d, &objects[i], target+objects[i].Name[len(n.path):])
		w.setTimes(n, &o)
		tx.MoveRow(&s.container, &d.container, &objects[i], &o, w.now)
	}
	return tx.MoveProps(&s.container, n.path, &d.container, target, n.kind == NodeFile)
}

// renamesAll tells whether the engine may rename the rows of a folder: nobody
// has to know of each of them, and none keeps its past.
func renamesAll(tx *store.Tx, s *scope, n *node, d *scope, target string) (bool, error) {
	k := &s.container
	if k.ID != d.container.ID || n.kind == NodeFile || k.HasSnapshots() || s.keepsVersions() || len(k.Replicas) > 0 {
		return false, nil
	}
	past, err := tx.HasPast(k.ID, target)
	return !past, err
}

// joins tells whether the chunks of a file are carried with their manifest.
func (w *transfer) joins(n *node) bool { return n.kind != NodeFile || n.chunks != nil }

// carriedRow is what a row of the source, which stays as it is, becomes under
// another name. The manifest of a file in chunks that is carried alone is a
// plain file there.
func (w *transfer) carriedRow(s *scope, n *node, d *scope, src *store.Object, name string) store.Object {
	o := *src
	carried(&o, s.container.Account, d.container.Account)
	if o.Name = name; name != src.Name && !w.joins(n) {
		o.Chunked = nil
	}
	return o
}

// leaveMarker takes the marker of a folder that becomes a container out of its
// rows: the container needs none. A move removes it, in either form, and is
// refused where the marker has content, which would be lost.
func (w *transfer) leaveMarker(tx *store.Tx, s *scope, n *node, objects []store.Object) ([]store.Object, error) {
	if n.twin != nil && w.move {
		if !isMarker(n.twin) {
			return nil, errs.New("trees.Move", errs.Conflict, "",
				"A file shares the folder's name, and a file cannot live beside containers.")
		}
		tx.DeleteObject(&s.container, n.twin, w.now)
	}
	if n.path == "" || len(objects) == 0 || objects[0].Name != n.path {
		return objects, nil
	}
	if w.move {
		if objects[0].Content.Size != 0 {
			return nil, errs.New("trees.Move", errs.Conflict, "",
				"The folder is an object with content of its own, which a container cannot hold.")
		}
		tx.DeleteObject(&s.container, &objects[0], w.now)
	}
	return objects[1:], nil
}

// markEmpty marks the folder that a container without objects became.
func (w *transfer) markEmpty(tx *store.Tx, n *node, d *scope, target string) error {
	if n.kind != NodeContainer || target == "" || w.opt.Shallow {
		return nil
	}
	exists, err := tx.HasPrefix(d.container.ID, target, "", w.now)
	if err == nil && !exists {
		tx.PutObject(&d.container, nil, newMarker(d, target, w.now), w.now)
	}
	return err
}

// moveTwin takes along the object that shares the moved folder's name.
func (w *transfer) moveTwin(tx *store.Tx, s *scope, n *node, d *scope, target string) error {
	if n.twin == nil || target == "" {
		return nil
	}
	name := strings.TrimSuffix(target, "/")
	tx.MarkClash(d.container.ID)
	o := w.carriedRow(s, n, d, n.twin, name)
	tx.MoveRow(&s.container, &d.container, n.twin, &o, w.now)
	return tx.MoveProps(&s.container, n.twin.Name, &d.container, name, true)
}

// checkLengths makes sure that no name grows beyond the limit.
func checkLengths(objects []store.Object, growth int) error {
	for i := range objects {
		if len(objects[i].Name)+growth > names.MaxObject {
			return errs.New("trees", errs.Invalid, errs.NameTooLong, "A name below the folder would be too long.")
		}
	}
	return nil
}

// copyObjects writes new rows that share the content of the source's.
func (w *transfer) copyObjects(tx *store.Tx, s *scope, n *node, d *scope, target string, objects []store.Object) error {
	if w.opt.Shallow && n.kind != NodeFile {
		return w.copyFolder(tx, s, n, d, target)
	}
	if err := checkLengths(objects, len(target)-len(n.path)); err != nil {
		return err
	}
	if n.twin != nil && target != "" {
		objects = append(objects, *n.twin)
		tx.MarkClash(d.container.ID)
	}
	for i := range objects {
		src := &objects[i]
		if src.Expired(w.now) && w.past == nil {
			continue
		}
		name := strings.TrimSuffix(target, "/")
		if strings.HasPrefix(src.Name, n.path) {
			name = target + src.Name[len(n.path):]
		}
		if err := w.copyObject(tx, s, n, d, src, name); err != nil {
			return err
		}
	}
	return w.copyProps(tx, s, n, d, target)
}

// copyObject writes one new row under name.
func (w *transfer) copyObject(tx *store.Tx, s *scope, n *node, d *scope, src *store.Object, name string) error {
	o := w.carriedRow(s, n, d, src, name)
	o.Born = d.container.Epoch
	o.Created, o.Timestamp = w.now, w.now
	o.Modified, o.Written = modified(src), w.now
	o.Headers, o.Properties = maps.Clone(src.Headers), maps.Clone(src.Properties)
	if err := w.share(tx, s, src, &o); err != nil {
		return err
	}
	w.setTimes(n, &o)
	tx.PutObject(&d.container, nil, &o, w.now)
	if s.container.ID == d.container.ID && w.past == nil {
		tx.NoteCopy(&d.container, src.Name, name)
	}
	return nil
}

// setTimes gives the row of a single file the times that the caller chose.
func (w *transfer) setTimes(n *node, o *store.Object) {
	if n.kind != NodeFile {
		return
	}
	if !w.opt.Modified.IsZero() {
		o.Properties = maps.Clone(o.Properties)
		setModified(o, w.opt.Modified)
	}
	if !w.opt.Created.IsZero() {
		o.Created = store.StampOf(w.opt.Created)
	}
}

// copyFolder makes the folder alone, with its properties.
func (w *transfer) copyFolder(tx *store.Tx, s *scope, n *node, d *scope, target string) error {
	if target != "" {
		marker := newMarker(d, target, w.now)
		if n.marker != nil {
			marker.Properties, marker.Headers = maps.Clone(n.marker.Properties), maps.Clone(n.marker.Headers)
		}
		tx.PutObject(&d.container, nil, marker, w.now)
	}
	return w.copyProps(tx, s, &node{kind: NodeFile, path: n.path}, d, target)
}

// copyProps copies the dead properties of the source and of all below it.
func (w *transfer) copyProps(tx *store.Tx, s *scope, n *node, d *scope, target string) error {
	if n.kind == NodeFile {
		props, err := w.propsOf(tx, s, n.path)
		if err != nil {
			return err
		}
		return putProps(tx, &d.container, target, props)
	}
	list, err := w.propsBelow(tx, s, n.path)
	if err != nil {
		return err
	}
	for _, p := range list {
		if w.gone[p.Path] {
			continue
		}
		if err := putProps(tx, &d.container, target+p.Path[len(n.path):], p.Props); err != nil {
			return err
		}
	}
	return nil
}

func putProps(tx *store.Tx, in *store.Container, path string, props []store.DeadProp) error {
	for _, p := range props {
		if err := tx.PutProp(in, path, p); err != nil {
			return err
		}
	}
	return nil
}

// finish ends what the source leaves behind and writes the audit record.
func (w *transfer) finish(tx *store.Tx, s *scope, n *node, d *scope, target string, objects []store.Object) error {
	if err := w.markEmpty(tx, n, d, target); err != nil {
		return err
	}
	if w.move {
		if err := w.endSource(tx, s, n); err != nil {
			return err
		}
	}
	if s.container.ID != d.container.ID {
		var clashes int64
		b := tx.Batch()
		b.Count(store.CountContainerClashes, s.container.ID, &clashes)
		if err := b.Do(); err != nil {
			return err
		}
		if clashes != 0 {
			tx.MarkClash(d.container.ID)
		}
	}
	return nil
}

// endSource drops the locks of what was moved away, keeps its parent visible,
// and detaches a container that was moved into another.
func (w *transfer) endSource(tx *store.Tx, s *scope, n *node) error {
	if n.kind == NodeContainer {
		return tx.DetachContainer(&s.container, w.now)
	}
	locks, err := tx.LocksAt(s.container.ID, strings.TrimSuffix(n.path, "/"))
	if err != nil {
		return err
	}
	for i := range locks {
		tx.DeleteLock(&locks[i])
	}
	if n.kind != NodeFile {
		if err := w.dropLocks(tx, s.container.ID, n.path); err != nil {
			return err
		}
	}
	return w.markParent(tx, s, n.path, w.now)
}
