package gateway_test

import (
	"context"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"entrepot/gateway"
	"entrepot/gateway/gatewaytest"
	"entrepot/gateway/gatewaytest/model"
	"entrepot/store"
	"entrepot/store/blob/dirblob"
	"entrepot/store/kv/boltkv"
	"entrepot/store/kv/kvtest/chance"
)

// door is the gateway itself, called by the owner of account test.
type door struct {
	f        *gatewaytest.Fixture
	g        *gateway.Gateway
	ctx      context.Context
	operator context.Context
	depot    uint64
}

func newDoor(t testing.TB, f *gatewaytest.Fixture) *door {
	t.Helper()
	d := &door{f: f, g: f.Gateway, ctx: f.Ctx("tester"), operator: f.Operator()}
	depots, err := d.g.Depots.Owned(d.operator, "tester", 0, false)
	if err != nil || len(depots) != 1 {
		t.Fatalf("%d depots: %v", len(depots), err)
	}
	d.depot = depots[0].ID
	return d
}

func (d *door) Create(container string) error {
	_, err := d.g.Containers.Create(d.ctx, ref(container, ""), gateway.ContainerChange{})
	return err
}

func (d *door) Remove(container string) error {
	return d.g.Containers.Delete(d.ctx, ref(container, ""))
}

func (d *door) SetQuota(container string, bytes, objects int64) error {
	text := func(n int64) string {
		if n < 0 {
			return ""
		}
		return strconv.FormatInt(n, 10)
	}
	return d.g.Containers.Update(d.ctx, ref(container, ""), gateway.ContainerChange{
		Properties: gateway.Properties{"quota-bytes": text(bytes), "quota-count": text(objects)},
	})
}

func (d *door) SetLimit(bytes int64) error {
	return d.g.Depots.SetLimits(d.operator, "tester", d.depot, gateway.DepotLimits{Storage: bytes}, gateway.DepotCall{Command: "limit"})
}

func conditions(create, existing bool, tokens []string) gateway.Conditions {
	c := gateway.Conditions{Tokens: tokens}
	if create {
		c.IfNoneMatch = []string{"*"}
	}
	if existing {
		c.IfMatch = []string{"*"}
	}
	return c
}

func (d *door) Put(call model.PutCall) error {
	opt := gateway.PutOptions{
		Size: -1, ContentType: call.Object.Type, Properties: call.Object.Properties, DeleteAt: call.Object.DeleteAt,
		Conditions: conditions(call.New, call.Existing, call.Tokens), Drive: call.Drive,
	}
	if call.Drive && len(call.Tokens) == 0 && len(call.Object.Body) >= 30 {
		return d.putInPieces(call, opt)
	}
	_, err := d.g.Objects.Put(d.ctx, ref(call.Container, call.Name), strings.NewReader(call.Object.Body), opt)
	return err
}

// putInPieces puts in two pieces, which lie in the administrator's account and
// so take no room in the one that the model knows.
func (d *door) putInPieces(call model.PutCall, opt gateway.PutOptions) error {
	ctx, half := d.f.Ctx("admin"), len(call.Object.Body)/2
	if err := d.g.Objects.BeginUpload(ctx, "m"); err != nil {
		return err
	}
	for name, body := range map[string]string{"1": call.Object.Body[:half], "2": call.Object.Body[half:]} {
		if _, err := d.g.Objects.PutPiece(ctx, "m", name, strings.NewReader(body), gateway.PutOptions{Size: -1}); err != nil {
			return err
		}
	}
	_, err := d.g.Objects.Assemble(ctx, "m", ref(call.Container, call.Name), -1, opt)
	if err != nil {
		upload := gateway.Ref{Account: "admin", Container: gateway.UploadsContainer, Object: "admin/m/"}
		if err := d.g.Trees.Delete(ctx, upload, gateway.Conditions{}); err != nil {
			return err
		}
	}
	return err
}

func (d *door) Delete(container, name string, tokens []string) error {
	return d.g.Objects.Delete(d.ctx, ref(container, name), tokens)
}

func (d *door) SetMeta(container, name string, properties map[string]string, deleteAt time.Time, tokens []string) error {
	_, err := d.g.Objects.SetMeta(d.ctx, ref(container, name), gateway.MetaChange{
		Properties: properties, DeleteAt: deleteAt, Tokens: tokens,
	})
	return err
}

func (d *door) Copy(call model.CopyCall) error {
	_, _, err := d.g.Objects.Copy(d.ctx, ref(call.Container, call.Name), ref(call.ToContainer, call.ToName), gateway.CopyOptions{
		Properties: call.Properties, Target: gateway.Conditions{Tokens: call.Tokens},
	})
	return err
}

func (d *door) MakeFolder(container, path string, tokens []string) error {
	return d.g.Trees.MakeFolder(d.ctx, ref(container, path), gateway.Conditions{Tokens: tokens})
}

func (d *door) RemoveTree(container, path string, tokens []string) error {
	return d.g.Trees.Delete(d.ctx, ref(container, path), gateway.Conditions{Tokens: tokens})
}

func (d *door) Transfer(call model.TreeCall) (bool, error) {
	opt := gateway.TreeOptions{Overwrite: call.Overwrite, Shallow: call.Shallow, Conditions: gateway.Conditions{Tokens: call.Tokens}}
	do := d.g.Trees.Copy
	if call.Move {
		do = d.g.Trees.Move
	}
	return do(d.ctx, ref(call.Container, call.Path), ref(call.ToContainer, call.ToPath), opt)
}

func (d *door) Lock(call model.LockCall) (string, error) {
	lock, _, err := d.g.Trees.Lock(d.ctx, ref(call.Container, call.Path), gateway.LockRequest{
		Infinite: call.Infinite, Exclusive: call.Exclusive, Timeout: call.Timeout, Conditions: gateway.Conditions{Tokens: call.Tokens},
	})
	return lock.Token, err
}

func (d *door) Unlock(container, path, token string) error {
	return d.g.Trees.Unlock(d.ctx, ref(container, path), token)
}

func (d *door) Get(container, name string) (model.Object, error) {
	o, content, err := d.g.Objects.Open(d.ctx, ref(container, name), gateway.Conditions{})
	if err != nil {
		return model.Object{}, err
	}
	defer content.Close()
	var b strings.Builder
	_, err = content.WriteRange(&b, 0, content.Size())
	return model.Object{Body: b.String(), Type: o.ContentType, Properties: o.Properties, DeleteAt: o.DeleteAt}, err
}

func (d *door) List(container string, opt gateway.ListOptions) ([]string, error) {
	_, list, err := d.g.Objects.List(d.ctx, ref(container, ""), opt)
	var names []string
	for _, e := range list {
		names = append(names, e.Object.Name+e.Subdir)
	}
	return names, err
}

func (d *door) Tree(container, path string, recursive bool, limit int) (all []string, err error) {
	opt := gateway.ListTree{Limit: limit, Recursive: recursive}
	for {
		page, err := d.g.Trees.List(d.ctx, ref(container, path), opt)
		if err != nil {
			return nil, err
		}
		for _, n := range page.Nodes {
			all = append(all, n.Ref.Object)
		}
		if opt.After = page.Next; page.Next == (gateway.Ref{}) {
			return all, nil
		}
	}
}

func (d *door) Usage(container string) (objects, bytes int64, err error) {
	if container != "" {
		c, err := d.g.Containers.Get(d.ctx, ref(container, ""))
		return c.Objects, c.Bytes, err
	}
	a, err := d.g.Accounts.Get(d.ctx, "test")
	if err != nil {
		return 0, 0, err
	}
	depots, err := d.g.Depots.Owned(d.operator, "tester", d.depot, false)
	if err == nil && depots[0].StorageUsed != a.Bytes {
		return a.Objects, depots[0].StorageUsed, nil // the model will not agree
	}
	return a.Objects, a.Bytes, err
}

func (d *door) Names() (names []string, err error) {
	_, list, err := d.g.Containers.List(d.ctx, "test", gateway.ListOptions{Limit: 10_000})
	for _, c := range list {
		names = append(names, c.Name)
	}
	return names, err
}

// scope ends what a fixture began at the end of one of many runs instead of
// at that of the test.
type scope struct {
	testing.TB
	ends []func()
}

func (s *scope) Cleanup(end func()) { s.ends = append(s.ends, end) }

func (s *scope) end() {
	for i := len(s.ends) - 1; i >= 0; i-- {
		s.ends[i]()
	}
}

// random plays one random sequence against a new gateway and looks at what is
// left of it.
func random(t *rapid.T, tb testing.TB, opt gatewaytest.Options) {
	s := &scope{TB: tb}
	defer s.end()
	f := gatewaytest.NewWith(s, opt)
	m := &model.Machine{
		Account: model.New(f.Clock.Now), Door: newDoor(tb, f), Direct: true, Advance: f.Clock.Advance,
		Reap: func() error { _, err := f.Store.Expire(tb.Context()); return err },
	}
	t.Repeat(m.Actions())
	m.Compare(t)
	sound(t, tb, f.Store)
	m.Empty(t)
	sound(t, tb, f.Store)
	if n, err := f.Store.ContentCount(tb.Context()); err != nil || n != 0 {
		t.Fatalf("%d contents are left of nothing (%v)", n, err)
	}
}

// sound lets the removals end and checks every record and counter.
func sound(t *rapid.T, tb testing.TB, s *store.Store) {
	s.Drain(tb.Context())
	report, err := s.Check(tb.Context(), store.CheckOptions{
		Content: true, Found: func(f store.Finding) { t.Errorf("check: %+v", f) },
	})
	if err != nil || report.Orphans != 0 {
		t.Fatalf("check: %d orphans, %v", report.Orphans, err)
	}
}

// Random calls of objects, folders, locks, limits and time do what the model
// says. More runs and longer ones: -rapid.checks=20000 -rapid.steps=200.
func TestRandomCallsDoWhatTheModelSays(t *testing.T) {
	t.Run("memory", func(t *testing.T) {
		chance.Check(t, func(r *rapid.T) { random(r, t, gatewaytest.Options{}) })
	})
	t.Run("disk", func(t *testing.T) {
		runs := 0
		chance.Check(t, func(r *rapid.T) {
			if runs++; runs > 3 && !r.Failed() {
				return
			}
			random(r, t, onDisk(t))
		})
	})
}

// onDisk is the engine and the content that the program uses.
func onDisk(t *testing.T) gatewaytest.Options {
	t.Helper()
	dir := t.TempDir()
	engine, err := boltkv.Open(filepath.Join(dir, "meta.db"), boltkv.Options{})
	if err != nil {
		t.Fatal(err)
	}
	blobs, err := dirblob.Open(filepath.Join(dir, "blobs"), dirblob.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return gatewaytest.Options{Engine: engine, Blobs: blobs}
}
