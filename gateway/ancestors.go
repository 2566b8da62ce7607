package gateway

import (
	"slices"
	"strings"

	"entrepot/gateway/names"
	"entrepot/store"
)

// ancestors are the objects that have the names of the folders above a name,
// which a drive would show as folders.
type ancestors struct {
	objects []store.Object
	found   []bool
}

// add asks for the ancestors of a name; of a folder's marker also for the
// object of its name without the slash.
func (a *ancestors) add(b *store.Batch, id uint64, name string) {
	above := names.Ancestors(name)
	if trimmed := strings.TrimSuffix(name, "/"); trimmed != name && trimmed != "" {
		above = append(above, trimmed)
	}
	a.objects, a.found = make([]store.Object, len(above)), make([]bool, len(above))
	for i, name := range above {
		b.Object(id, name, &a.objects[i], &a.found[i])
	}
}

// clashes tells whether a new object and a folder share a name, in either
// direction: listings of a drive look for such pairs only where one was made.
func (w *put) clashes(v *store.View, id uint64, o *store.Object) (bool, error) {
	if slices.Contains(w.above.found, true) {
		return true, nil
	}
	if strings.HasSuffix(o.Name, "/") {
		return false, nil
	}
	return v.HasPrefix(id, o.Name+"/", "", w.now)
}
