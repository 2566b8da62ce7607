package gateway_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"entrepot/gateway"
	"entrepot/gateway/errs"
	"entrepot/gateway/gatewaytest"
	"entrepot/store/kv/kvtest/chance"
)

// jsonChunks reads and writes manifests of chunks as JSON.
type jsonChunks struct{}

func (jsonChunks) Read(text []byte) (m gateway.ChunkManifest, err error) {
	err = json.Unmarshal(text, &m)
	return m, err
}

func (jsonChunks) Write(m *gateway.ChunkManifest) []byte {
	text, err := json.Marshal(m)
	if err != nil {
		panic(err) // it is text and numbers
	}
	return text
}

// mixture plays random calls of everything that keeps, shares and releases
// content: versions in every mode, snapshots, copies of every kind, large
// objects, links and files in chunks. It knows no right answer but that no
// call fails for want of sense, and that what is left behind is sound.
type mixture struct {
	*gatewaytest.Fixture
	g *gateway.Gateway
	w *world
	n int // bodies written

	shots map[string]map[string]string // by container and name of a snapshot: the dead properties that it shows
	goOn  func()                       // lets removals go on at the end that wait; nil where they do not
}

func (m *mixture) name(t *rapid.T) string {
	return rapid.SampledFrom([]string{"a", "a/", "a/b", "a/b/c", "d", "d/e", "f.dura-manifest", "f.dura-chunk-0000", "f", "g/f.dura-manifest", "g/f"}).Draw(t, "name")
}

func (m *mixture) container(t *rapid.T) string {
	return rapid.SampledFrom([]string{"c", "c", "k", "kept"}).Draw(t, "container")
}

func (m *mixture) ref(t *rapid.T) gateway.Ref { return ref(m.container(t), m.name(t)) }

func (m *mixture) body(t *rapid.T) string {
	m.n++
	n := rapid.SampledFrom([]int{0, 10, 63, 200}).Draw(t, "size")
	return strings.Repeat(fmt.Sprint(m.n, "."), n)[:n]
}

// tell fails where a call did not end as a caller's mistake may.
func (m *mixture) tell(t *rapid.T, what string, err error) {
	if err != nil && errs.Of(err) == errs.Other {
		t.Fatalf("%s: %v", what, err)
	}
	t.Logf("%s: %v", what, err)
}

// written is how an object is written: its time to live.
func (m *mixture) expires(t *rapid.T) time.Time {
	if rapid.IntRange(0, 4).Draw(t, "expires") > 0 {
		return time.Time{}
	}
	return m.Clock.Now().Add(2 * time.Second)
}

func (m *mixture) put(t *rapid.T) {
	at, body := m.ref(t), m.body(t)
	opt := gateway.PutOptions{Size: -1, Drive: rapid.Bool().Draw(t, "drive"), DeleteAt: m.expires(t)}
	if opt.Drive {
		at.Object = strings.TrimSuffix(at.Object, "/")
	}
	_, err := m.g.Objects.Put(m.w.ctx, at, strings.NewReader(body), opt)
	m.tell(t, "put "+at.String(), err)
}

func (m *mixture) putSpecial(t *rapid.T) {
	at, of := m.ref(t), m.ref(t)
	var err error
	switch rapid.IntRange(0, 2).Draw(t, "kind") {
	case 0:
		_, err = m.g.Objects.PutManifest(m.w.ctx, at, []gateway.Segment{{Container: of.Container, Object: of.Object, Size: -1}}, gateway.PutOptions{})
	case 1:
		_, err = m.g.Objects.PutLink(m.w.ctx, at, gateway.Link{Ref: of}, gateway.PutOptions{})
	case 2:
		_, err = m.g.Objects.Put(m.w.ctx, at, strings.NewReader("x"), gateway.PutOptions{
			Size: 1, Headers: gateway.Properties{"x-object-manifest": of.Container + "/" + of.Object},
		})
	}
	m.tell(t, "put special "+at.String(), err)
}

// putChunked puts a file in chunks.
func (m *mixture) putChunked(t *rapid.T) {
	c, base := m.container(t), rapid.SampledFrom([]string{"f", "g/f"}).Draw(t, "base")
	text := gateway.ChunkManifest{ContentID: base, MD5: strings.Repeat("0", 32)}
	for i := range 2 {
		chunk := gateway.Chunk{ID: fmt.Sprintf("%s.dura-chunk-%04d", base, i), Size: 70, MD5: strings.Repeat("0", 32)}
		text.Chunks, text.Size = append(text.Chunks, chunk), text.Size+chunk.Size
		_, err := m.g.Objects.Put(m.w.ctx, ref(c, chunk.ID), strings.NewReader(strings.Repeat("z", 70)), gateway.PutOptions{Size: 70, Item: true})
		m.tell(t, "put chunk "+chunk.ID, err)
	}
	body := string(jsonChunks{}.Write(&text))
	_, err := m.g.Objects.Put(m.w.ctx, ref(c, base+".dura-manifest"), strings.NewReader(body), gateway.PutOptions{Size: int64(len(body)), Item: true})
	m.tell(t, "put manifest "+base, err)
}

func (m *mixture) change(t *rapid.T) {
	at := m.ref(t)
	var err error
	switch rapid.IntRange(0, 4).Draw(t, "change") {
	case 0:
		_, err = m.g.Objects.SetMeta(m.w.ctx, at, gateway.MetaChange{Properties: gateway.Properties{"p": "1"}, DeleteAt: m.expires(t)})
	case 1:
		err = m.g.Objects.Delete(m.w.ctx, at, nil)
	case 2:
		for _, one := range m.g.Objects.DeleteMany(m.w.ctx, ref(at.Container, ""), []string{at.Object, m.name(t)}) {
			m.tell(t, "delete one of many", one)
		}
	case 3:
		err = m.g.Trees.Delete(m.w.ctx, at, gateway.Conditions{})
	case 4:
		err = m.g.Trees.MakeFolder(m.w.ctx, at, gateway.Conditions{})
	}
	m.tell(t, "change "+at.String(), err)
}

// patch sets or removes a dead property; what the snapshots of the container
// show stays as it was.
func (m *mixture) patch(t *rapid.T) {
	at := m.ref(t)
	if rapid.IntRange(0, 6).Draw(t, "of the container") == 0 {
		at.Object = ""
	}
	var value []byte
	if rapid.Bool().Draw(t, "set") {
		value = []byte(m.body(t))
	}
	m.tell(t, "patch "+at.String(), m.w.setProp(at.Container, at.Object, "urn:x/", "p", value))
}

// remember notes what a new snapshot shows, as nothing of it may change.
func (m *mixture) remember(t *rapid.T, c, name string) {
	m.shots[c+"/"+name] = m.w.noted(t, c, ".zfs/snapshot/"+name, 10)
}

// unchanged compares what every snapshot shows with what it showed at first.
func (m *mixture) unchanged(t *rapid.T) {
	for key, want := range m.shots {
		c, name, _ := strings.Cut(key, "/")
		if _, err := m.g.Trees.Stat(m.w.ctx, ref(c, ".zfs/snapshot/"+name), gateway.NodeParts{}); errs.Of(err) == errs.NotFound {
			delete(m.shots, key)
			continue
		}
		if diff := cmp.Diff(want, m.w.noted(t, c, ".zfs/snapshot/"+name, 3)); diff != "" {
			t.Fatalf("snapshot %s changed (was -, is +):\n%s", key, diff)
		}
	}
}

func (m *mixture) copy(t *rapid.T) {
	from, to := m.ref(t), m.ref(t)
	from.Version = m.version(t, from)
	_, _, err := m.g.Objects.Copy(m.w.ctx, from, to, gateway.CopyOptions{
		Manifest: rapid.Bool().Draw(t, "manifest"), Link: rapid.Bool().Draw(t, "link"),
	})
	m.tell(t, "copy "+from.String()+" to "+to.String(), err)
}

func (m *mixture) transfer(t *rapid.T) {
	from, to := m.ref(t), m.ref(t)
	if rapid.IntRange(0, 6).Draw(t, "whole") == 0 {
		from.Object = ""
	}
	do, what := m.g.Trees.Copy, "tree copy "
	if rapid.Bool().Draw(t, "move") {
		do, what = m.g.Trees.Move, "tree move "
	}
	if what == "tree copy " && rapid.IntRange(0, 3).Draw(t, "past") == 0 {
		from.Object = ".zfs/snapshot/s1/" + from.Object
	}
	_, err := do(m.w.ctx, from, to, gateway.TreeOptions{Overwrite: rapid.Bool().Draw(t, "overwrite")})
	m.tell(t, what+from.String()+" to "+to.String(), err)
	if what == "tree move " && err == nil && from.Object == "" {
		m.w.container(from.Container)
	}
}

// assemble makes a file of pieces that are put in any order, some of them by
// copies of what is there.
func (m *mixture) assemble(t *rapid.T) {
	at := m.ref(t)
	at.Object = strings.TrimSuffix(at.Object, "/")
	if rapid.IntRange(0, 9).Draw(t, "into the uploads") == 0 {
		at.Container = gateway.UploadsContainer
	}
	m.tell(t, "begin", m.g.Objects.BeginUpload(m.w.ctx, "u"))
	for _, n := range rapid.Permutation([]int{1, 2, 3}).Draw(t, "order") {
		name := fmt.Sprint(n)
		if rapid.IntRange(0, 5).Draw(t, "copied piece") == 0 {
			_, _, err := m.g.Objects.Copy(m.w.ctx, m.ref(t), ref(gateway.UploadsContainer, "tester/u/"+name), gateway.CopyOptions{Manifest: true, Link: true})
			m.tell(t, "copy a piece", err)
			continue
		}
		_, err := m.g.Objects.PutPiece(m.w.ctx, "u", name, strings.NewReader(m.body(t)), gateway.PutOptions{Size: -1})
		m.tell(t, "put a piece", err)
	}
	if rapid.IntRange(0, 3).Draw(t, "later") == 0 {
		return
	}
	_, err := m.g.Objects.Assemble(m.w.ctx, "u", at, -1, gateway.PutOptions{})
	m.tell(t, "assemble "+at.String(), err)
	if err == nil {
		_, err := m.w.read(at.Container, at.Object)
		m.tell(t, "read "+at.String(), err)
	}
}

// version is one of the versions of an object, or none.
func (m *mixture) version(t *rapid.T, of gateway.Ref) string {
	_, list, err := m.g.Objects.ListVersions(m.w.ctx, ref(of.Container, ""), gateway.VersionOptions{
		ListOptions: gateway.ListOptions{Prefix: of.Object, Limit: 100},
	})
	m.tell(t, "list versions", err)
	found := []string{""}
	for _, v := range list {
		if v.Object.Name == of.Object {
			found = append(found, v.Object.Version)
		}
	}
	return rapid.SampledFrom(found).Draw(t, "version")
}

func (m *mixture) past(t *rapid.T) {
	at := m.ref(t)
	if at.Version = m.version(t, at); at.Version == "" {
		t.Skip("no versions")
	}
	var err error
	if rapid.Bool().Draw(t, "restore") {
		_, err = m.g.Objects.RestoreVersion(m.w.ctx, at)
	} else {
		_, err = m.g.Objects.DeleteVersion(m.w.ctx, at)
	}
	m.tell(t, "version "+at.Version+" of "+at.String(), err)
}

func (m *mixture) snapshot(t *rapid.T) {
	c, name := m.container(t), rapid.SampledFrom([]string{"s1", "s2"}).Draw(t, "snapshot")
	if rapid.IntRange(0, 5).Draw(t, "of uploads") == 0 {
		c = gateway.UploadsContainer
	}
	var err error
	switch rapid.IntRange(0, 4).Draw(t, "do") {
	case 0, 1:
		if err = m.g.Snapshots.Create(m.w.ctx, ref(c, ""), name); err == nil {
			m.remember(t, c, name)
		}
	case 2:
		err = m.g.Snapshots.Destroy(m.w.ctx, ref(c, ""), name)
	case 3:
		err = m.g.Snapshots.Rollback(m.w.ctx, ref(c, ""), name)
	case 4:
		err = m.g.Snapshots.Clone(m.w.ctx, ref(c, ""), name, ref("clone", ""))
	}
	m.tell(t, "snapshot "+name+" of "+c, err)
}

// mode changes how a container keeps versions.
func (m *mixture) mode(t *rapid.T) {
	c, on := m.container(t), rapid.Bool().Draw(t, "versioned")
	if rapid.IntRange(0, 5).Draw(t, "of uploads") == 0 {
		c = gateway.UploadsContainer
	}
	change := gateway.ContainerChange{Versioned: &on}
	switch rapid.IntRange(0, 3).Draw(t, "archive") {
	case 0:
		change.Headers = gateway.Properties{"versions-location": "kept"}
	case 1:
		change.Headers = gateway.Properties{"history-location": "kept"}
	case 2:
		change.Headers = gateway.Properties{"versions-location": "", "history-location": ""}
	}
	m.tell(t, "mode of "+c, m.g.Containers.Update(m.w.ctx, ref(c, ""), change))
}

func (m *mixture) pass(t *rapid.T) {
	m.Clock.Advance(time.Duration(rapid.SampledFrom([]int64{1e4, 1e9, 3e9}).Draw(t, "time")))
	if rapid.Bool().Draw(t, "expire") {
		_, err := m.Store.Expire(t.Context())
		m.tell(t, "expire", err)
	}
}

// removeAll removes all containers with their snapshots and versions, as the
// operator of the depot API does.
func (m *mixture) removeAll(t *rapid.T) {
	ctx := m.Operator()
	spaces, err := m.g.Depots.Spaces(ctx, "tester", 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range spaces {
		if err := m.g.Depots.DeleteSpaces(ctx, "tester", s.Depot, []uint64{s.ID}, gateway.DepotCall{Command: "delete"}); err != nil {
			t.Fatal(err)
		}
	}
}

// all are all actions.
func (m *mixture) all() map[string]func(*rapid.T) {
	return map[string]func(*rapid.T){
		"put": m.put, "put again": m.put, "special": m.putSpecial, "chunked": m.putChunked, "change": m.change, "change more": m.change,
		"copy": m.copy, "transfer": m.transfer, "transfer more": m.transfer, "assemble": m.assemble, "past": m.past, "snapshot": m.snapshot, "mode": m.mode, "pass": m.pass,
		"patch": m.patch, "patch again": m.patch,
	}
}

// renames are few actions on few names, so that what was renamed meets what
// there was before.
func (m *mixture) renames() map[string]func(*rapid.T) {
	folder := func(t *rapid.T) gateway.Ref {
		return ref("c", rapid.SampledFrom([]string{"d", "e"}).Draw(t, "folder"))
	}
	put := func(t *rapid.T) {
		at := folder(t)
		at.Object += rapid.SampledFrom([]string{"/x", "/y", "/z"}).Draw(t, "file")
		opt := gateway.PutOptions{Size: -1}
		if rapid.Bool().Draw(t, "expires") {
			opt.DeleteAt = m.Clock.Now().Add(time.Second)
		}
		_, err := m.g.Objects.Put(m.w.ctx, at, strings.NewReader(m.body(t)), opt)
		m.tell(t, "put "+at.String(), err)
	}
	move := func(t *rapid.T) {
		do, from, to := m.g.Trees.Move, folder(t), folder(t)
		if rapid.IntRange(0, 3).Draw(t, "copy") == 0 {
			do = m.g.Trees.Copy
		}
		_, err := do(m.w.ctx, from, to, gateway.TreeOptions{Overwrite: true})
		m.tell(t, "carry "+from.String()+" to "+to.String(), err)
	}
	return map[string]func(*rapid.T){
		"put": put, "put again": put, "put more": put, "move": move, "pass": m.pass,
		"delete": func(t *rapid.T) { m.tell(t, "delete", m.g.Trees.Delete(m.w.ctx, folder(t), gateway.Conditions{})) },
		"snapshot": func(t *rapid.T) {
			if err := m.g.Snapshots.Create(m.w.ctx, ref("c", ""), "s"); err == nil {
				m.remember(t, "c", "s")
			}
		},
		"destroy": func(t *rapid.T) { m.tell(t, "destroy", m.g.Snapshots.Destroy(m.w.ctx, ref("c", ""), "s")) },
	}
}

// play plays one sequence and looks at what is left.
func (m *mixture) play(t *rapid.T, tb testing.TB, actions map[string]func(*rapid.T)) {
	t.Repeat(actions)
	if m.goOn != nil {
		m.goOn()
	}
	sound(t, tb, m.Store)
	m.unchanged(t)
	m.removeAll(t)
	sound(t, tb, m.Store)
	if n, err := m.Store.ContentCount(tb.Context()); err != nil || n != 0 {
		t.Fatalf("%d contents are left of nothing (%v)", n, err)
	}
	a, err := m.g.Accounts.Get(m.w.ctx, "test")
	if err != nil || a.Containers != 0 || a.Objects != 0 || a.Bytes != 0 {
		t.Fatalf("an empty account counts %d containers, %d objects, %d bytes (%v)", a.Containers, a.Objects, a.Bytes, err)
	}
}

// Whatever keeps, shares and releases content, in whatever order: all records
// and counters are right at the end, and nothing is left of what was removed.
// More runs: -rapid.checks=20000 -rapid.steps=100.
func TestRandomKeepingAndSharingLeavesASoundStore(t *testing.T) {
	chance.Check(t, func(r *rapid.T) {
		s := &scope{TB: t}
		defer s.end()
		m := newMixture(r, t, s, gatewaytest.Options{})
		m.play(r, t, m.all())
	})
}

// The same while nothing is removed in the background before the end, as while a
// backup is written: what no snapshot shows any more is still there.
func TestRandomKeepingAndSharingWhileRemovalsWait(t *testing.T) {
	chance.Check(t, func(r *rapid.T) {
		s := &scope{TB: t}
		defer s.end()
		held := holdRemovals()
		m := newMixture(r, t, s, gatewaytest.Options{Blobs: held.blobs})
		m.goOn = held.begin(t, m.w)
		defer m.goOn()
		m.play(r, t, m.all())
	})
}

// A folder that is renamed lands where others were, whose past is still there
// and whose expired files are.
func TestRandomRenamesWhileRemovalsWait(t *testing.T) {
	chance.Check(t, func(r *rapid.T) {
		s := &scope{TB: t}
		defer s.end()
		held := holdRemovals()
		m := newMixture(r, t, s, gatewaytest.Options{Blobs: held.blobs})
		m.goOn = held.begin(t, m.w)
		defer m.goOn()
		m.play(r, t, m.renames())
	})
}

// newMixture returns a mixture with three containers, of which one step may
// touch few objects or many.
func newMixture(r *rapid.T, t *testing.T, s *scope, opt gatewaytest.Options) *mixture {
	opt.Config = gateway.Config{Chunks: jsonChunks{}, MaxTree: rapid.SampledFrom([]int{0, 2}).Draw(r, "most of a tree")}
	opt.InlineLimit = rapid.SampledFrom([]int{64, 512}).Draw(r, "inline")
	f := gatewaytest.NewWith(s, opt)
	m := &mixture{Fixture: f, g: f.Gateway, w: &world{Fixture: f, t: t, g: f.Gateway, ctx: f.Ctx("tester")}, shots: map[string]map[string]string{}}
	for _, c := range []string{"c", "k", "kept"} {
		m.w.container(c)
	}
	return m
}
