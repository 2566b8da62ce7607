package gateway

import (
	"errors"
	"strings"

	"entrepot/auth"
	"entrepot/gateway/names"
	"entrepot/store"
)

// walk lists a folder for a drive: it turns names into nodes, rolls up or
// enters sub-folders, and leaves out what a drive cannot show.
type walk struct {
	*core
	v      *store.View
	p      auth.Principal
	s      *scope
	rows   rows
	past   bool   // rows are those of a snapshot
	in     *past  // the snapshot; nil: live
	base   string // path of the snapshot, "" for the container as it is
	prefix string // of the folder, with its slash; "" for the container
	opt    ListTree
	now    store.Stamp

	clashes, locks int64
	nodes          []Node
	first          string // name at which the page begins
	next           string // where the next page begins, "" at the end
	open           string // recursive: the deepest folder shown so far
	digests        digestTexts
	cost           int // objects looked at for those that stand for others
	group          chunkGroup
}

// maxRevealed is how many objects that others stand for a page may look at: a
// page that has looked at more ends early.
const maxRevealed = 20_000

// maxPageProps is how many bytes of dead properties a page holds, and how many
// of locks: one with more has fewer nodes. A single node may have more.
const maxPageProps = 4 << 20

// lockCost is what a lock takes beside what its owner said of himself.
const lockCost = 512

// errManyLocks tells that a page has more locks than it may.
var errManyLocks = errors.New("gateway: too many locks for a page")

func propBytes(list []DeadProp) (n int) {
	for _, p := range list {
		n += len(p.Space) + len(p.Name) + len(p.Lang) + len(p.Value)
	}
	return n
}

// rows is where a walk finds objects: the container as it is, or as one of its
// snapshots shows it.
type rows interface {
	// each calls take for the rows of a listing and returns their number. A row
	// dies with the call. An error of take ends the listing.
	each(q store.Query, take func(row *store.Listed) error) (int, error)
	// below tells whether a name begins with prefix.
	below(prefix string) (bool, error)
	object(name string) (o store.Object, found bool, err error)
	// props reads the dead properties of paths from one to another: of the
	// members of a folder, or with deep of all below it; store.ErrManyProps
	// when they take more than most bytes (0: any number).
	props(folder, from, to string, deep bool, most int) ([]store.PathProps, error)
}

// liveRows are the objects of a container.
type liveRows struct {
	v   *store.View
	id  uint64
	now store.Stamp
}

func (r liveRows) each(q store.Query, take func(row *store.Listed) error) (n int, err error) {
	err = r.v.EachObject(r.id, q, func(row *store.Listed, _ int) error {
		n++
		return take(row)
	})
	return n, err
}

func (r liveRows) below(prefix string) (bool, error) { return r.v.HasPrefix(r.id, prefix, "", r.now) }

func (r liveRows) object(name string) (store.Object, bool, error) {
	o, found, err := r.v.Object(r.id, name)
	return o, found && !o.Expired(r.now), err
}

func (r liveRows) props(folder, from, to string, deep bool, most int) ([]store.PathProps, error) {
	if deep {
		return r.v.PropsBetween(r.id, from, to, most)
	}
	return r.v.MemberProps(r.id, folder, from, to, most)
}

// memory is where the nodes of a page are put.
func (l *ListTree) memory() []Node {
	if cap(l.Into) >= l.Limit {
		return l.Into[:0]
	}
	return make([]Node, 0, l.Limit)
}

// counts reads whether the container has clashes and locks to look for.
func (w *walk) counts() error {
	b := w.v.Batch()
	b.Count(store.CountContainerClashes, w.s.container.ID, &w.clashes)
	b.Count(store.CountContainerLocks, w.s.container.ID, &w.locks)
	return b.Do()
}

// page lists one page: a shorter one where that has too many properties or
// locks.
func (w *walk) page() (TreePage, error) {
	if err := w.counts(); err != nil {
		return TreePage{}, err
	}
	for {
		if err := w.run(); err != nil && !errors.Is(err, errEnough) {
			return TreePage{}, err
		}
		err := w.addParts()
		if err == nil {
			break
		}
		if !errors.Is(err, store.ErrManyProps) && !errors.Is(err, errManyLocks) {
			return TreePage{}, err
		}
		w.opt.Limit = max(min(w.opt.Limit, len(w.nodes))/4, 1)
		w.nodes, w.next, w.open, w.cost = w.nodes[:0], "", "", 0
	}
	page := TreePage{Nodes: w.nodes}
	if w.next != "" {
		page.Next = Ref{Account: w.s.container.Account, Container: w.s.container.Name, Object: w.base + w.next}
	}
	return page, nil
}

// run fills the page. A row may yield no node, or with Recursive several, so
// it reads until the page is full or the folder ends.
func (w *walk) run() error {
	marker := w.opt.After.Object
	w.first = max(w.prefix, marker)
	if w.opt.Recursive {
		// Folders above the last name of the page before were shown there.
		w.open = names.Parent(strings.TrimSuffix(marker, "/"))
		if strings.HasSuffix(marker, "/") {
			w.open = marker
		}
	}
	for {
		q := store.Query{Prefix: w.prefix, Marker: marker, Limit: w.opt.Limit - len(w.nodes), Now: w.now, Properties: w.opt.Parts.User}
		if !w.opt.Recursive {
			q.Delimiter = "/"
		}
		n, err := w.rows.each(q, func(row *store.Listed) error {
			name := row.Subdir
			if name == "" {
				name = row.Object.Name
			}
			if err := w.row(name, row); err != nil {
				return err
			}
			marker = name
			if w.cost > maxRevealed {
				w.next = marker
				return errEnough
			}
			return nil
		})
		switch {
		case err != nil:
			return err
		case n < q.Limit:
			return nil
		case len(w.nodes) >= w.opt.Limit:
			w.next = marker
			return nil
		}
	}
}

// row turns one row of the listing into nodes.
func (w *walk) row(name string, r *store.Listed) error {
	if name == w.prefix {
		return nil // the listed folder's own marker
	}
	if !names.OnDrive(name) {
		if w.opt.Recursive {
			return w.openFolders(name)
		}
		return nil
	}
	if r.Subdir != "" {
		return w.subfolder(name, r.Marker)
	}
	if w.opt.Recursive {
		if err := w.openFolders(name); err != nil {
			return err
		}
		if strings.HasSuffix(name, "/") {
			w.open = name
			return w.addFolder(name, &r.Object)
		}
	}
	alias := isMarker(&r.Object)
	if alias || w.clashes != 0 {
		below, err := w.rows.below(name + "/")
		if err != nil || below {
			return err // its folder stands for it
		}
	}
	if alias {
		return w.addFolder(name+"/", &r.Object)
	}
	if hidden, err := w.chunkHidden(name); err != nil || hidden {
		return err
	}
	if n, err := w.chunkedFile(&r.Object); err != nil || n != nil {
		if err != nil {
			return err
		}
		return w.add(n)
	}
	return w.add(&node{kind: NodeFile, path: name, file: &r.Object})
}

// subfolder shows a rolled-up folder. Where a marker in its other form may
// exist, it is looked up.
func (w *walk) subfolder(name string, marker *store.Object) error {
	if marker == nil && w.clashes != 0 {
		o, found, err := w.rows.object(strings.TrimSuffix(name, "/"))
		if err != nil {
			return err
		}
		if found && isMarker(&o) {
			marker = &o
		}
	}
	return w.addFolder(name, marker)
}

// openFolders shows the folders above a name that a recursive walk has not
// shown yet.
func (w *walk) openFolders(name string) error {
	for _, a := range names.Ancestors(name) {
		folder := a + "/"
		if len(folder) <= len(w.prefix) || strings.HasPrefix(w.open, folder) {
			continue
		}
		if !names.OnDrive(folder) {
			return nil
		}
		if err := w.addFolder(folder, nil); err != nil {
			return err
		}
		w.open = folder
	}
	if parent := names.Parent(name); !strings.HasPrefix(w.open, parent) || parent == "" {
		w.open = parent
	}
	return nil
}

func (w *walk) addFolder(path string, marker *store.Object) error {
	return w.add(&node{kind: NodeFolder, path: path, marker: marker})
}

func (w *walk) add(n *node) error {
	w.nodes = append(w.nodes, Node{})
	out := &w.nodes[len(w.nodes)-1]
	w.describe(out, w.s, n, &w.digests)
	now := w.now
	if w.past {
		now = w.core.now() // for what lies outside the snapshot
	}
	cost, err := w.reveal(w.v, w.p, w.s, w.in, n, out, now)
	if err != nil {
		return err
	}
	w.cost += cost
	if w.past {
		out.inSnapshot(w.base)
	}
	return nil
}

// addParts adds dead properties and locks to the page's nodes, from one scan
// of each along the page's range of names. The past has no locks.
func (w *walk) addParts() error {
	if len(w.nodes) == 0 {
		return nil
	}
	if w.opt.Parts.Props {
		if err := w.addProps(); err != nil {
			return err
		}
	}
	if w.opt.Parts.Locks && w.locks != 0 && !w.past {
		return w.addLocks()
	}
	return nil
}

// span is where the paths of the page's nodes lie: from one (inclusive) to
// another (exclusive; "" for the folder's end). A node may have another path
// than the name that it was found by: a folder's marker without its slash, a
// file in chunks.
func (w *walk) span() (from, to string) {
	from, to = w.first, w.next
	for i := range w.nodes {
		path := w.path(i)
		from, to = min(from, path), max(to, path)
	}
	if w.next == "" {
		return from, ""
	}
	return from, to + "\x01"
}

// path is the path of a node of the page inside what is listed.
func (w *walk) path(i int) string { return strings.TrimPrefix(w.nodes[i].Ref.Object, w.base) }

func (w *walk) addProps() error {
	from, to := w.span()
	if to == "" && w.opt.Recursive {
		to = behind(w.prefix)
	}
	most := maxPageProps
	if w.opt.Limit == 1 {
		most = 0 // a page has one node at least
	}
	list, err := w.rows.props(w.prefix, from, to, w.opt.Recursive, most)
	if err != nil {
		return err
	}
	byPath := make(map[string][]store.DeadProp, len(list))
	for _, p := range list {
		byPath[p.Path] = append(byPath[p.Path], p.Props...)
	}
	for i := range w.nodes {
		if props := byPath[w.path(i)]; props != nil {
			w.nodes[i].Props = fromProps(props)
		}
	}
	return nil
}

func (w *walk) addLocks() error {
	id := w.s.container.ID
	inherited, err := w.covering(w.v, id, w.prefix, w.now)
	if err != nil {
		return err
	}
	below, err := w.v.LocksBelow(id, w.prefix, maxLocks)
	if err != nil {
		return err
	}
	below = live(below, w.now)
	size := 0
	for i := range w.nodes {
		n := &w.nodes[i]
		for _, l := range inherited {
			if l.Infinite {
				n.Locks = append(n.Locks, fromLock(n.Ref.Account, n.Ref.Container, &l))
			}
		}
		for _, l := range below {
			direct := l.Path == n.Ref.Object || l.Path+"/" == n.Ref.Object
			if l.Path != w.prefix && (direct || l.Infinite && isBelow(n.Ref.Object, l.Path) && strings.HasSuffix(l.Path, "/")) {
				n.Locks = append(n.Locks, fromLock(n.Ref.Account, n.Ref.Container, &l))
			}
		}
		for k := range n.Locks {
			size += lockCost + len(n.Locks[k].Owner)
		}
		if size > maxPageProps && w.opt.Limit > 1 {
			return errManyLocks // locks of the folder are those of all its members
		}
	}
	return nil
}
