package gateway

import (
	"crypto/md5"
	"crypto/sha256"
	"strings"

	"entrepot/gateway/errs"
	"entrepot/gateway/names"
	"entrepot/store"
)

// driveRules are the rules of a mounted drive for a new or replaced file: no
// folder has its name, the parent is a folder, no ancestor is a file.
func (c *core) driveRules(v *store.View, id uint64, name string, old *store.Object, now store.Stamp) error {
	if !names.OnDrive(name) {
		return errs.New("drive", errs.Invalid, errs.BadName, "The name cannot stand on a drive.")
	}
	if old != nil && IsDirectoryType(old.ContentType) && isMarker(old) {
		return errs.New("drive", errs.Exists, errs.IsFolder, "A folder is in the way.")
	}
	below, err := v.HasPrefix(id, name+"/", "", now)
	if err != nil {
		return err
	}
	if below {
		return errs.New("drive", errs.Exists, errs.IsFolder, "A folder is in the way.")
	}
	return c.parentIsFolder(v, id, name, now)
}

// parentIsFolder checks that a new member at path would lie in a folder.
func (c *core) parentIsFolder(v *store.View, id uint64, path string, now store.Stamp) error {
	above := names.Ancestors(path)
	if len(above) == 0 {
		return nil
	}
	b, objects, found := v.Batch(), make([]store.Object, len(above)), make([]bool, len(above))
	for i, name := range above {
		b.Object(id, name, &objects[i], &found[i])
	}
	if err := b.Do(); err != nil {
		return err
	}
	for i := range above {
		// A file above that has members of its own shows as their folder.
		if !found[i] || objects[i].Expired(now) || isMarker(&objects[i]) {
			continue
		}
		below, err := v.HasPrefix(id, above[i]+"/", "", now)
		if err != nil {
			return err
		}
		if !below {
			return errs.New("drive", errs.Conflict, errs.ParentIsFile, "The parent is a file.")
		}
	}
	last := len(above) - 1
	if found[last] && !objects[last].Expired(now) {
		return nil
	}
	exists, err := v.HasPrefix(id, above[last]+"/", "", now)
	if err == nil && !exists {
		err = errs.New("drive", errs.Conflict, errs.NoParent, "The parent folder does not exist.")
	}
	return err
}

func isMarker(o *store.Object) bool {
	return o.Content.Size == 0 && !o.Special() && (strings.HasSuffix(o.Name, "/") || store.IsDirectoryType(o.ContentType))
}

// node is what the tree finds at a path of a container.
type node struct {
	kind NodeKind
	// path is canonical: a folder's with its slash, "" for the container.
	path string
	// file is the object of a file; marker that of a marked folder, in
	// either of its forms; twin a file that shares its folder's name.
	file, marker, twin *store.Object
	// chunks is the manifest of a file that is stored in chunks; file is what
	// it joins, and no row has it.
	chunks *store.Object
}

// lookup finds the node at a path of a container. A folder wins over a file of the same
// name; with a slash only a folder is found. ok is false when nothing is there.
func (c *core) lookup(v *store.View, id uint64, path string, now store.Stamp) (n node, ok bool, err error) {
	if path == "" {
		return node{kind: NodeContainer}, true, nil
	}
	bare := strings.TrimSuffix(path, "/")
	var objects [2]store.Object
	var found [2]bool
	b := v.Batch()
	b.Object(id, bare, &objects[0], &found[0])
	b.Object(id, bare+"/", &objects[1], &found[1])
	if err := b.Do(); err != nil {
		return node{}, false, err
	}
	for i := range found {
		found[i] = found[i] && !objects[i].Expired(now)
	}
	below := found[1]
	if !below {
		if below, err = v.HasPrefix(id, bare+"/", "", now); err != nil {
			return node{}, false, err
		}
	}
	if n, ok = choose(path, &objects, found, below); !ok {
		return c.lookupChunked(v, id, path, now)
	}
	return n, ok, nil
}

// choose makes the node at a path out of what was found: the objects of its
// bare name and of the name with a slash, and whether anything lies below.
func choose(path string, objects *[2]store.Object, found [2]bool, below bool) (n node, ok bool) {
	bare := strings.TrimSuffix(path, "/")
	alias := found[0] && isMarker(&objects[0])
	switch {
	case below || alias:
		n = node{kind: NodeFolder, path: bare + "/"}
		if found[1] {
			n.marker = &objects[1]
		} else if alias {
			n.marker = &objects[0]
		}
		if found[0] {
			n.twin = &objects[0]
		}
		return n, true
	case found[0] && bare == path:
		return node{kind: NodeFile, path: bare, file: &objects[0]}, true
	}
	return node{}, false
}

// markParent writes a marker for the folder that a drive took the last member
// from: on a drive a folder does not vanish because it is empty. The parent of
// path is known to have been a folder.
func (c *core) markParent(tx *store.Tx, s *scope, path string, now store.Stamp) error {
	parent := names.Parent(path)
	if parent == "" {
		return nil
	}
	exists, err := tx.HasPrefix(s.container.ID, parent, "", now)
	if err != nil || exists {
		return err
	}
	alias, found, err := tx.Object(s.container.ID, strings.TrimSuffix(parent, "/"))
	if err != nil || found && isMarker(&alias) && !alias.Expired(now) {
		return err
	}
	row, hasRow, err := tx.Object(s.container.ID, parent)
	if err != nil {
		return err
	}
	var old *store.Object
	if hasRow {
		old = &row
	}
	tx.PutObject(&s.container, old, newMarker(s, parent, now), now)
	return nil
}

// newMarker builds the record of a folder's marker.
func newMarker(s *scope, path string, now store.Stamp) *store.Object {
	return &store.Object{
		Name: path, Born: s.container.Epoch, Created: now, Written: now, Timestamp: now,
		ContentType: "application/directory", Content: store.Content{MD5: emptyMD5, SHA256: emptySHA256},
	}
}

// Digests of no bytes.
var (
	emptyMD5    = md5.Sum(nil)
	emptySHA256 = sha256.Sum256(nil)
)
