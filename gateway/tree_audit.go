package gateway

import (
	"strings"

	"entrepot/auth"
	"entrepot/store"
)

// maxAuditedTree is up to how many objects of a tree operation have audit
// records of their own; beyond it one record stands for all.
const maxAuditedTree = 1000

// audit writes the records of a copy or move: of each object that comes to be,
// and of a move also of each that goes.
func (w *transfer) audit(tx *store.Tx, s *scope, n *node, d *scope, target string, objects []store.Object) {
	if len(objects) > maxAuditedTree {
		j := w.journal("copy", w.p, d.container.ID, &store.Object{Name: target, Timestamp: w.now + 1})
		j.Source, j.Entries = w.src.String(), int64(len(objects))
		tx.AddJournal(j)
		if w.move {
			j = w.journal("delete", w.p, s.container.ID, &store.Object{Name: n.path, Timestamp: w.now + 2})
			j.Entries = int64(len(objects))
			tx.AddJournal(j)
		}
		return
	}
	if n.twin != nil && target != "" && !w.opt.Shallow {
		w.auditOne(tx, s, d, n.twin, strings.TrimSuffix(target, "/"))
	}
	for i := range objects {
		o := &objects[i]
		if w.move || w.past != nil || !o.Expired(w.now) {
			w.auditOne(tx, s, d, o, target+o.Name[min(len(n.path), len(o.Name)):])
		}
	}
}

// auditOne writes the records of one object.
func (w *transfer) auditOne(tx *store.Tx, s, d *scope, o *store.Object, name string) {
	there := *o
	there.Name, there.Timestamp = name, w.now+1 // behind the removal of what it replaces
	j := w.journal("copy", w.p, d.container.ID, &there)
	j.Source = Ref{Account: s.container.Account, Container: s.container.Name, Object: o.Name}.String()
	tx.AddJournal(j)
	if w.move {
		gone := *o
		gone.Timestamp = w.now + 2
		tx.AddJournal(w.journal("delete", w.p, s.container.ID, &gone))
	}
}

// auditDeleted writes the records of objects that go with their folder.
func (c *core) auditDeleted(tx *store.Tx, p auth.Principal, id uint64, list []store.Object, now store.Stamp) {
	for i := range list {
		gone := list[i]
		gone.Timestamp = now
		tx.AddJournal(c.journal("delete", p, id, &gone))
	}
}
