package gateway

import (
	"context"
	"errors"
	"strings"

	"entrepot/auth"
	"entrepot/gateway/errs"
	"entrepot/gateway/names"
	"entrepot/store"
)

// Trees is the view that a mounted drive has of accounts and containers:
// folders, whole prefixes, dead properties and locks. Names that a drive
// cannot show are left out of listings, count for quotas and go with their
// folder when it is copied, moved or deleted.
type Trees struct{ *core }

// checkDriveRef judges a path of a drive.
func checkDriveRef(ref Ref) error {
	if err := names.Text(ref.Account); err != nil {
		return err
	}
	if ref.Container == "" {
		return nil
	}
	if err := names.Container(ref.Container); err != nil {
		return err
	}
	if !names.DriveName(ref.Container) {
		return errs.New("trees", errs.Invalid, errs.BadName, "The name cannot stand on a drive.")
	}
	if ref.Object == "" {
		return nil
	}
	if err := names.Object(ref.Object); err != nil {
		return err
	}
	if !names.OnDrive(ref.Object) {
		return errs.New("trees", errs.Invalid, errs.BadName, "The name cannot stand on a drive.")
	}
	return nil
}

// notOnDrive is the answer for a path that nothing has.
var notOnDrive = errs.New("trees", errs.NotFound, errs.NoObject, "")

// Stat finds the node at ref. A folder is found with and without its slash; a
// file only without. NotFound otherwise. Where a file and a folder share a
// name, the folder is found.
func (t *Trees) Stat(ctx context.Context, ref Ref, parts NodeParts) (Node, error) {
	if at, ok := names.InSnapshots(ref.Object); ok {
		return t.statPast(ctx, ref, at, parts)
	}
	if err := checkDriveRef(ref); err != nil {
		return Node{}, err
	}
	p, now := auth.PrincipalOf(ctx), t.now()
	var out Node
	err := t.store.View(ctx, func(v *store.View) (err error) {
		if ref.Container == "" {
			out, err = t.statRoot(v, p, ref)
			return err
		}
		s, n, err := t.at(v, p, ref, now)
		if err != nil {
			return err
		}
		out, err = t.node(v, p, &s, &n, parts, now)
		return err
	})
	return out, err
}

// statRoot describes the account's root, which every user of the account may
// see; what it lists depends on the rights.
func (t *Trees) statRoot(v *store.View, p auth.Principal, ref Ref) (Node, error) {
	a, access, err := t.loadAccount(v, p, ref.Account)
	if err != nil {
		return Node{}, err
	}
	if !access.List && (p.User == "" || p.Account != ref.Account) {
		return Node{}, refuse(p)
	}
	return Node{
		Ref: Ref{Account: ref.Account}, Kind: NodeRoot, Access: access,
		Created: a.Created.Time(), Modified: a.Created.Time(),
	}, nil
}

// at finds a node below a container for a caller who may see it. Seeing a
// file needs the right to read or to list.
func (c *core) at(v *store.View, p auth.Principal, ref Ref, now store.Stamp) (scope, node, error) {
	s, err := c.load(v, p, ref, nil)
	if err != nil {
		return s, node{}, err
	}
	if !s.sees() {
		return s, node{}, refuse(p)
	}
	n, ok, err := c.lookup(v, s.container.ID, ref.Object, now)
	if err == nil && !ok {
		err = notOnDrive
	}
	return s, n, err
}

// node describes what was found, with the parts that are asked for.
func (c *core) node(v *store.View, p auth.Principal, s *scope, n *node, parts NodeParts, now store.Stamp) (Node, error) {
	var out Node
	c.describe(&out, s, n, nil)
	if _, err := c.reveal(v, p, s, nil, n, &out, now); err != nil {
		return Node{}, err
	}
	id := s.container.ID
	if parts.Props {
		props, err := v.Props(id, n.path)
		if err != nil {
			return Node{}, err
		}
		out.Props = fromProps(props)
	}
	if parts.Locks {
		locks, err := c.covering(v, id, n.path, now)
		if err != nil {
			return Node{}, err
		}
		for i := range locks {
			out.Locks = append(out.Locks, fromLock(s.container.Account, s.container.Name, &locks[i]))
		}
	}
	return out, nil
}

// describe shows a node without what it must be asked for in out, which is
// zero. Digests lie in t.
func (c *core) describe(out *Node, s *scope, n *node, t *digestTexts) {
	out.Ref = Ref{Account: s.container.Account, Container: s.container.Name, Object: n.path}
	out.Kind, out.Access = n.kind, s.access
	o := n.file
	if o == nil {
		o = n.marker
	}
	if o == nil {
		out.Created, out.Modified = s.container.Created.Time(), s.container.Modified.Time()
		return
	}
	fillObject(&out.Object, o, t)
	out.Created, out.Modified = out.Object.Created, out.Object.Modified
}

// reveal makes the node of a dynamic large object or of a link show what a
// reader gets, for a caller who may read it. cost is the number of objects that
// were looked at for it.
func (c *core) reveal(v *store.View, p auth.Principal, s *scope, in *past, n *node, out *Node, now store.Stamp) (cost int, err error) {
	if n.file == nil || n.file.Link == nil && !n.file.Dynamic() || !s.access.Read {
		return 0, nil
	}
	at := &place{ref: out.Ref, scope: *s, obj: *n.file, past: in}
	if out.Object, cost, err = c.shown(v, p, at, now); err == nil {
		out.Created, out.Modified = out.Object.Created, out.Object.Modified
	}
	return cost, err
}

// Check evaluates conditions on ref (existing or not) without changing
// anything: errs.Precondition when they are false.
func (t *Trees) Check(ctx context.Context, ref Ref, cond Conditions) error {
	if _, ok := names.InSnapshots(ref.Object); ok {
		return t.checkAtPast(ctx, ref, &cond)
	}
	if err := checkDriveRef(ref); err != nil {
		return err
	}
	p, now := auth.PrincipalOf(ctx), t.now()
	return t.store.View(ctx, func(v *store.View) error {
		if ref.Container == "" {
			if len(cond.Lists) == 0 {
				return nil
			}
			return t.evalLists(v, p, nil, ref, &cond, now)
		}
		s, err := t.load(v, p, ref, nil)
		if err != nil && errs.ReasonOf(err) != errs.NoContainer {
			return err
		}
		if err != nil {
			return t.judge(v, p, nil, ref, nil, &cond, now)
		}
		n, ok, err := t.lookup(v, s.container.ID, ref.Object, now)
		if err != nil {
			return err
		}
		if !ok {
			return t.judge(v, p, &s, ref, nil, &cond, now)
		}
		return t.judge(v, p, &s, ref, &n, &cond, now)
	})
}

// judge evaluates the conditions of a request on the node that it names; n is
// nil when there is none.
func (c *core) judge(v *store.View, p auth.Principal, s *scope, ref Ref, n *node, cond *Conditions, now store.Stamp) error {
	if len(cond.Lists) > 0 {
		if err := c.evalLists(v, p, s, ref, cond, now); err != nil {
			return err
		}
	}
	if n != nil && n.file == nil {
		// A folder has no entity tag: only "*" matches it.
		if cond.IfNoneMatch != nil && matchesAny(cond.IfNoneMatch, "", true) {
			return errPrecondition
		}
		if cond.IfMatch != nil && !matchesAny(cond.IfMatch, "", true) {
			return errPrecondition
		}
		return nil
	}
	var o *store.Object
	if n != nil {
		o = n.file
	}
	etag := ""
	if o != nil && cond.namesTags() {
		var err error
		if etag, err = c.tagShown(v, p, ref.Account, o, now); err != nil {
			return err
		}
	}
	return cond.writeAllowed(o, etag)
}

// errEnough ends a walk that has seen what it wanted.
var errEnough = errors.New("enough")

// Count counts the nodes of the subtree at ref, itself included, and stops
// above limit.
func (t *Trees) Count(ctx context.Context, ref Ref, limit int) (int, error) {
	if _, err := t.Stat(ctx, ref, NodeParts{}); err != nil {
		return 0, err
	}
	count := 1
	var next Ref
	for count <= limit {
		page, err := t.List(ctx, ref, ListTree{After: next, Limit: min(limit-count+1, treePage), Recursive: true})
		if err != nil {
			return 0, err
		}
		count += len(page.Nodes)
		if page.Next == (Ref{}) {
			break
		}
		next = page.Next
	}
	return count, nil
}

// treePage is the largest page of a tree's listing.
const treePage = 1000

// Quota returns the room of the container or account at ref.
func (t *Trees) Quota(ctx context.Context, ref Ref) (Quota, error) {
	if err := checkDriveRef(ref); err != nil {
		return Quota{}, err
	}
	free, err := t.store.Free()
	if err != nil {
		return Quota{}, errs.Wrap("trees.Quota", errs.Other, "", err)
	}
	p := auth.PrincipalOf(ctx)
	var q Quota
	err = t.store.View(ctx, func(v *store.View) error {
		if ref.Container == "" {
			if _, err := t.statRoot(v, p, ref); err != nil {
				return err
			}
			q, err = t.accountQuota(v, p, ref.Account, free)
			return err
		}
		s, err := t.load(v, p, ref, nil)
		if err != nil {
			return err
		}
		if !s.sees() {
			return refuse(p)
		}
		var u usage
		b := v.Batch()
		u.add(b, s.container.Account, s.container.ID, s.container.Depot)
		if err := b.Do(); err != nil {
			return err
		}
		q = Quota{Used: u.accountBytes, Available: s.available(u, free)}
		if _, own := propLimit(s.container.Properties[propQuotaBytes]); own {
			q.Used = u.containerBytes
		}
		return nil
	})
	return q, err
}

// accountQuota is the room of an account's root: what its quota and its
// default depot leave.
func (t *Trees) accountQuota(v *store.View, p auth.Principal, account string, free int64) (Quota, error) {
	var s scope
	var err error
	if s.account, _, err = t.loadAccount(v, p, account); err != nil {
		return Quota{}, err
	}
	var u usage
	b := v.Batch()
	b.Depot(s.account.DefaultDepot, &s.depot, &s.hasDepot)
	u.add(b, account, 0, s.account.DefaultDepot)
	if err := b.Do(); err != nil {
		return Quota{}, err
	}
	return Quota{Used: u.accountBytes, Available: s.available(u, free)}, nil
}

// List returns a page of the members of the folder at ref.
func (t *Trees) List(ctx context.Context, ref Ref, opt ListTree) (TreePage, error) {
	if opt.Limit <= 0 || opt.Limit > treePage {
		opt.Limit = treePage
	}
	if at, ok := names.InSnapshots(ref.Object); ok {
		return t.listPast(ctx, ref, at, opt)
	}
	if err := checkDriveRef(ref); err != nil {
		return TreePage{}, err
	}
	p, now := auth.PrincipalOf(ctx), t.now()
	var page TreePage
	err := t.store.View(ctx, func(v *store.View) (err error) {
		if ref.Container == "" {
			page, err = t.listRoot(v, p, ref, opt, now)
			return err
		}
		page, err = t.listFolder(v, p, ref, opt, now)
		return err
	})
	return page, err
}

// listRoot lists the containers that the caller may list; a recursive walk
// continues in each.
func (t *Trees) listRoot(v *store.View, p auth.Principal, ref Ref, opt ListTree, now store.Stamp) (TreePage, error) {
	if _, err := t.statRoot(v, p, ref); err != nil {
		return TreePage{}, err
	}
	if opt.Recursive && opt.After.Object != "" {
		return t.resumeContainer(v, p, opt, now)
	}
	list, err := v.Containers(ref.Account, store.Query{Marker: opt.After.Container, Limit: opt.Limit})
	if err != nil {
		return TreePage{}, err
	}
	var page TreePage
	props := 0
	for i := range list {
		name := list[i].Container.Name
		at := Ref{Account: ref.Account, Container: name}
		s, err := t.load(v, p, at, nil)
		if errs.ReasonOf(err) == errs.OutOfScope {
			continue
		}
		if err != nil {
			return TreePage{}, err
		}
		if (s.access.List || s.wayOpen) && names.DriveName(name) {
			n, err := t.node(v, p, &s, &node{kind: NodeContainer}, opt.Parts, now)
			if err != nil {
				return TreePage{}, err
			}
			page.Nodes = append(page.Nodes, n)
			if opt.Recursive {
				return t.descend(v, p, page, at, opt, now)
			}
			if props += propBytes(n.Props); props > maxPageProps {
				page.Next = at
				return page, nil
			}
		}
	}
	if len(list) == opt.Limit {
		page.Next = Ref{Account: ref.Account, Container: list[len(list)-1].Container.Name}
	}
	return page, nil
}

// descend fills a page of a recursive walk from the root with members of the
// container that it just showed.
func (t *Trees) descend(v *store.View, p auth.Principal, page TreePage, at Ref, opt ListTree, now store.Stamp) (TreePage, error) {
	if opt.Limit -= len(page.Nodes); opt.Limit <= 0 {
		page.Next = Ref{Account: at.Account, Container: at.Container, Object: beforeMembers}
		return page, nil
	}
	opt.After = Ref{}
	members, err := t.listFolder(v, p, at, opt, now)
	page.Nodes = append(page.Nodes, members.Nodes...)
	page.Next = members.Next
	if page.Next == (Ref{}) {
		page.Next = at
	}
	return page, err
}

// beforeMembers sorts before every name: a walk of an account that goes on
// behind it goes on with the members of the container. Without it a container
// is done with.
const beforeMembers = "\x00"

// resumeContainer continues a recursive walk from the root inside a container.
func (t *Trees) resumeContainer(v *store.View, p auth.Principal, opt ListTree, now store.Stamp) (TreePage, error) {
	at := Ref{Account: opt.After.Account, Container: opt.After.Container}
	page, err := t.listFolder(v, p, at, opt, now)
	if errs.Of(err) == errs.NotFound {
		err = nil // deleted meanwhile: go on with the next container
	}
	if page.Next == (Ref{}) {
		page.Next = at
	}
	return page, err
}

// listFolder lists the members of a folder or container.
func (t *Trees) listFolder(v *store.View, p auth.Principal, ref Ref, opt ListTree, now store.Stamp) (TreePage, error) {
	s, n, err := t.at(v, p, ref, now)
	if err != nil {
		return TreePage{}, err
	}
	if s.wayOpen && n.kind != NodeFile {
		return t.listWay(v, p, &s, n.path, opt, now)
	}
	if !s.access.List {
		return TreePage{}, refuse(p)
	}
	if n.kind == NodeFile {
		return TreePage{}, nil
	}
	w := &walk{
		core: t.core, v: v, p: p, s: &s, rows: liveRows{v, s.container.ID, now}, prefix: n.path, opt: opt, now: now,
		nodes: opt.memory(),
	}
	return w.page()
}

// listWay lists a folder that leads a limited caller to its own: the next
// step, if it is there, and in a recursive walk what lies behind it.
func (t *Trees) listWay(v *store.View, p auth.Principal, s *scope, path string, opt ListTree, now store.Stamp) (TreePage, error) {
	step := Ref{Account: s.container.Account, Container: s.container.Name, Object: s.nextStep(path)}
	to, n, err := t.at(v, p, step, now)
	if errs.Of(err) == errs.NotFound {
		return TreePage{}, nil
	}
	if err != nil {
		return TreePage{}, err
	}
	var page TreePage
	if opt.After.Object < step.Object {
		node, err := t.node(v, p, &to, &n, opt.Parts, now)
		if err != nil {
			return TreePage{}, err
		}
		page.Nodes = append(page.Nodes, node)
	}
	if !opt.Recursive {
		return page, nil
	}
	if opt.Limit -= len(page.Nodes); opt.Limit <= 0 {
		page.Next = page.Nodes[0].Ref
		return page, nil
	}
	below, err := t.listFolder(v, p, step, opt, now)
	page.Nodes, page.Next = append(page.Nodes, below.Nodes...), below.Next
	return page, err
}

// isBelow tells whether a name lies in the folder with the given slashed path.
func isBelow(name, folder string) bool { return strings.HasPrefix(name, folder) && name != folder }
