package gateway_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"entrepot/gateway"
	"entrepot/gateway/errs"
	"entrepot/gateway/gatewaytest"
	"entrepot/store/kv/kvtest/chance"
)

// set sets a dead property of a path of a container, or removes it where value
// is nil.
func (w *world) setProp(container, path, space, name string, value []byte) error {
	change := gateway.PropChange{Prop: gateway.DeadProp{Space: space, Name: name, Value: value}, Remove: value == nil}
	return w.g.Trees.PatchProps(w.ctx, ref(container, path), gateway.PropPatch{Changes: []gateway.PropChange{change}})
}

// propsText writes properties in the order in which they are shown.
func propsText(list []gateway.DeadProp) string {
	var b strings.Builder
	for _, p := range list {
		fmt.Fprintf(&b, "{%s}%s=%.8s(%d) ", p.Space, p.Name, p.Value, len(p.Value))
	}
	return b.String()
}

// noted reads the dead properties of everything below a path of a container:
// under "" those of the path itself. Every way to read them must agree.
func (w *world) noted(t errorer, container, base string, limit int) map[string]string {
	w.t.Helper()
	parts := gateway.NodeParts{Props: true}
	root, err := w.g.Trees.Stat(w.ctx, ref(container, base), parts)
	w.must(err)
	out := map[string]string{"": propsText(root.Props)}
	if root.Kind == gateway.NodeFile {
		return out
	}
	if base != "" {
		base = strings.TrimSuffix(base, "/") + "/"
	}
	for _, recursive := range []bool{true, false} {
		opt := gateway.ListTree{Limit: limit, Recursive: recursive, Parts: parts}
		for {
			page, err := w.g.Trees.List(w.ctx, ref(container, base), opt)
			w.must(err)
			for _, n := range page.Nodes {
				path, text := strings.TrimPrefix(n.Ref.Object, base), propsText(n.Props)
				if recursive {
					out[path] = text
				} else if out[path] != text {
					t.Fatalf("%s of %s: %q in the folder, %q in the tree", path, container, text, out[path])
				}
				one, err := w.g.Trees.Stat(w.ctx, n.Ref, parts)
				w.must(err)
				if got := propsText(one.Props); got != text {
					t.Fatalf("%s of %s: %q alone, %q among others", path, container, got, text)
				}
			}
			if opt.After = page.Next; page.Next == (gateway.Ref{}) {
				break
			}
		}
	}
	return out
}

type errorer interface {
	Fatalf(format string, args ...any)
}

// A noteModel knows what dead properties the paths of containers have: nodes of
// a container by path ("" for itself, folders with a slash), of each the text of
// its properties by their names.
type noteModel map[string]nodes

type nodes map[string]map[string]string

func (n nodes) clone() nodes {
	out := nodes{}
	for path, props := range n {
		out[path] = maps.Clone(props)
	}
	return out
}

// texts is what noted returns for these nodes.
func (n nodes) texts() map[string]string {
	out := map[string]string{}
	for path, props := range n {
		var b strings.Builder
		for _, k := range slices.Sorted(maps.Keys(props)) {
			b.WriteString(props[k])
		}
		out[path] = b.String()
	}
	return out
}

// below lists the paths of a node and of all below it.
func (n nodes) below(path string) (list []string) {
	for p := range n {
		if p == path || (strings.HasSuffix(path, "/") || path == "") && strings.HasPrefix(p, path) {
			list = append(list, p)
		}
	}
	return list
}

// has tells whether the folder that a path lies in is there.
func (n nodes) hasParent(path string) bool {
	i := strings.LastIndexByte(strings.TrimSuffix(path, "/"), '/')
	_, ok := n[path[:i+1]]
	return ok
}

// carry puts a node of from with all below it in the place of another.
func (n nodes) carry(from nodes, src, dst string, move bool) {
	taken := nodes{}
	for _, p := range from.below(src) {
		taken[dst+p[len(src):]] = maps.Clone(from[p])
		if move {
			defer delete(from, p)
		}
	}
	for _, p := range n.below(dst) {
		delete(n, p)
	}
	maps.Copy(n, taken)
}

var errModel = errors.New("the model refuses")

func (m noteModel) transfer(from, src, to, dst string, move bool, shot nodes) error {
	source := shot
	if source == nil {
		source = m[from]
		if same := from == to; same && (src == dst || strings.HasPrefix(dst, src) && strings.HasSuffix(src, "/") || strings.HasPrefix(src, dst) && strings.HasSuffix(dst, "/")) {
			return errModel
		}
	}
	if _, ok := source[src]; !ok || !m[to].hasParent(dst) {
		return errModel
	}
	m[to].carry(source, src, dst, move)
	return nil
}

// A noteWorld plays calls against the model.
type noteWorld struct {
	*world
	model noteModel
	shots map[string]nodes // by container and name of a snapshot
	taken int
}

func (w *noteWorld) agree(t *rapid.T, what string, err, want error) {
	t.Helper()
	if (err == nil) != (want == nil) || errs.Of(err) == errs.Other && err != nil {
		t.Fatalf("%s: %v, the model says %v", what, err, want)
	}
}

var (
	noteFiles   = []string{"a", "d/x", "d/s/x", "e"}
	noteFolders = []string{"d/", "d/s/", "f/"}
	noteNames   = [][2]string{{"", "p"}, {"http://one/two/", "p"}}
)

func noteContainer(t *rapid.T) string {
	return rapid.SampledFrom([]string{"c", "c", "k"}).Draw(t, "container")
}

func (w *noteWorld) put(t *rapid.T) {
	c, n, drive := noteContainer(t), rapid.SampledFrom(noteFiles).Draw(t, "file"), rapid.Bool().Draw(t, "drive")
	if !drive && !w.model[c].hasParent(n) {
		t.Skip("it would make folders")
	}
	_, err := w.g.Objects.Put(w.ctx, ref(c, n), strings.NewReader("x"), gateway.PutOptions{Size: 1, Drive: drive})
	var want error
	if !w.model[c].hasParent(n) {
		want = errModel
	} else if _, there := w.model[c][n]; !there || !drive {
		w.model[c][n] = map[string]string{}
	}
	w.agree(t, "put "+n, err, want)
}

func (w *noteWorld) makeFolder(t *rapid.T) {
	c, n := noteContainer(t), rapid.SampledFrom(noteFolders).Draw(t, "folder")
	err := w.g.Trees.MakeFolder(w.ctx, ref(c, n), gateway.Conditions{})
	var want error
	if _, there := w.model[c][n]; there || !w.model[c].hasParent(n) {
		want = errModel
	} else {
		w.model[c][n] = map[string]string{}
	}
	w.agree(t, "mkcol "+n, err, want)
}

// node draws a path of the pool, be it there or not.
func node(t *rapid.T, label string, more ...string) string {
	return rapid.SampledFrom(slices.Concat(noteFiles, noteFolders, more)).Draw(t, label)
}

func (w *noteWorld) patch(t *rapid.T) {
	c, n, p := noteContainer(t), node(t, "node", ""), rapid.SampledFrom(noteNames).Draw(t, "property")
	var value []byte
	text := ""
	if rapid.IntRange(0, 3).Draw(t, "set") > 0 {
		size := rapid.SampledFrom([]int{0, 1, 5, 40_000}).Draw(t, "size")
		value = []byte(strings.Repeat(fmt.Sprint(w.taken%10), size))
		text = propsText([]gateway.DeadProp{{Space: p[0], Name: p[1], Value: value}})
	}
	err := w.setProp(c, n, p[0], p[1], value)
	var want error
	if props, there := w.model[c][n]; !there {
		want = errModel
	} else {
		key := strings.ReplaceAll(p[0], "/", "\x01") + "\x00" + p[1]
		delete(props, key)
		if value != nil {
			props[key] = text
		}
	}
	w.agree(t, "proppatch "+n, err, want)
}

func (w *noteWorld) delete(t *rapid.T) {
	c, n := noteContainer(t), node(t, "node")
	err := w.g.Trees.Delete(w.ctx, ref(c, n), gateway.Conditions{})
	var want error
	if _, there := w.model[c][n]; !there {
		want = errModel
	}
	for _, p := range w.model[c].below(n) {
		delete(w.model[c], p)
	}
	w.agree(t, "delete "+n, err, want)
}

func (w *noteWorld) transfer(t *rapid.T) {
	from, to := noteContainer(t), noteContainer(t)
	pool := noteFiles
	if rapid.Bool().Draw(t, "folder") {
		pool = noteFolders
	}
	src, dst := rapid.SampledFrom(pool).Draw(t, "from"), rapid.SampledFrom(pool).Draw(t, "to")
	at, move := ref(from, src), rapid.Bool().Draw(t, "move")
	var shot nodes
	if name := w.shot(t, from); name != "" && rapid.Bool().Draw(t, "past") {
		move, shot, at.Object = false, w.shots[from+"/"+name], ".zfs/snapshot/"+name+"/"+src
	}
	do := w.g.Trees.Copy
	if move {
		do = w.g.Trees.Move
	}
	_, err := do(w.ctx, at, ref(to, dst), gateway.TreeOptions{Overwrite: true})
	w.agree(t, fmt.Sprint("move ", move, at, ref(to, dst)), err, w.model.transfer(from, src, to, dst, move, shot))
}

// shot draws one of the snapshots of a container, "" where there is none.
func (w *noteWorld) shot(t *rapid.T, c string) string {
	names := []string{}
	for key := range w.shots {
		if at, name, _ := strings.Cut(key, "/"); at == c {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return ""
	}
	slices.Sort(names)
	return rapid.SampledFrom(names).Draw(t, "snapshot")
}

func (w *noteWorld) take(t *rapid.T) {
	c := noteContainer(t)
	w.taken++
	name := fmt.Sprint("s", w.taken)
	w.must(w.g.Snapshots.Create(w.ctx, ref(c, ""), name))
	w.shots[c+"/"+name] = w.model[c].clone()
}

func (w *noteWorld) useSnapshot(t *rapid.T) {
	c := noteContainer(t)
	name := w.shot(t, c)
	if name == "" {
		t.Skip("no snapshots")
	}
	key := c + "/" + name
	switch rapid.IntRange(0, 3).Draw(t, "use") {
	case 0:
		w.must(w.g.Snapshots.Destroy(w.ctx, ref(c, ""), name))
		delete(w.shots, key)
	case 1, 2:
		w.must(w.g.Snapshots.Rollback(w.ctx, ref(c, ""), name))
		w.model[c] = w.shots[key].clone()
	case 3:
		w.must(w.g.Snapshots.Clone(w.ctx, ref(c, ""), name, ref("clone", "")))
		w.compare(t, "the clone", "clone", "", w.shots[key])
		w.must(w.g.Trees.Delete(w.ctx, ref("clone", ""), gateway.Conditions{}))
	}
}

func (w *noteWorld) compare(t *rapid.T, what, container, base string, want nodes) {
	t.Helper()
	limit := 1 + w.taken%4
	if diff := cmp.Diff(want.texts(), w.noted(t, container, base, limit)); diff != "" {
		t.Fatalf("%s of %s (want -, got +):\n%s", what, container, diff)
	}
}

func (w *noteWorld) look(t *rapid.T) {
	w.Store.Drain(w.t.Context())
	for c, want := range w.model {
		w.compare(t, "live", c, "", want)
	}
	for key, want := range w.shots {
		c, name, _ := strings.Cut(key, "/")
		w.compare(t, name, c, ".zfs/snapshot/"+name, want)
	}
}

// Random changes of files, folders and their dead properties with snapshots
// coming, going and coming back, against maps. More runs:
// -rapid.checks=20000 -rapid.steps=100.
func TestPropertiesInSnapshotsFollowAModel(t *testing.T) {
	chance.Check(t, func(rt *rapid.T) {
		s := &scope{TB: t}
		defer s.end()
		f := gatewaytest.NewWith(s, gatewaytest.Options{})
		w := &noteWorld{
			world: &world{Fixture: f, t: t, g: f.Gateway, ctx: f.Ctx("tester")},
			model: noteModel{"c": {"": {}}, "k": {"": {}}}, shots: map[string]nodes{},
		}
		for c, nodes := range w.model {
			w.container(c)
			for _, n := range []string{"d/", "d/s/", "d/s/x"} {
				if strings.HasSuffix(n, "/") {
					w.must(w.g.Trees.MakeFolder(w.ctx, ref(c, n), gateway.Conditions{}))
				} else {
					_, err := w.g.Objects.Put(w.ctx, ref(c, n), strings.NewReader(""), gateway.PutOptions{})
					w.must(err)
				}
				w.must(w.setProp(c, n, "urn:x", "first", []byte(n)))
				nodes[n] = map[string]string{"urn:x\x00first": propsText([]gateway.DeadProp{{Space: "urn:x", Name: "first", Value: []byte(n)}})}
			}
		}
		rt.Repeat(map[string]func(*rapid.T){
			"put": w.put, "make a folder": w.makeFolder, "patch": w.patch, "patch again": w.patch, "delete": w.delete,
			"transfer": w.transfer, "transfer again": w.transfer, "snapshot": w.take, "take another snapshot": w.take, "use a snapshot": w.useSnapshot, "": w.look,
		})
		sound(rt, t, w.Store)
		for key := range w.shots {
			c, name, _ := strings.Cut(key, "/")
			w.must(w.g.Snapshots.Destroy(w.ctx, ref(c, ""), name))
		}
		sound(rt, t, w.Store)
	})
}
