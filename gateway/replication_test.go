package gateway_test

import (
	"fmt"
	"io"
	"maps"
	"strings"
	"testing"
	"time"

	"entrepot/gateway"
	"entrepot/gateway/errs"
	"entrepot/gateway/gatewaytest"
	"entrepot/store"
	"entrepot/store/blob"
	"entrepot/store/blob/memblob"
	"entrepot/store/blob/volumes"
	"entrepot/store/kv"
)

// replicated is a gateway with three stores and a space in the primary one,
// which replicates nothing but in drain.
type replicated struct {
	*gatewaytest.Fixture
	t      *testing.T
	first  blob.Blobs
	second blob.Blobs
	ref    gateway.Ref // the space
	copy   gateway.Ref // where its replica is to be
}

func newReplicated(t *testing.T, change func(*gateway.Config)) *replicated {
	t.Helper()
	return newReplicatedOn(t, nil, nil, change)
}

// newReplicatedOn is newReplicated on an engine, with the content of the second
// store on another; nil: the usual ones.
func newReplicatedOn(t *testing.T, engine kv.Engine, second blob.Blobs, change func(*gateway.Config)) *replicated {
	t.Helper()
	if second == nil {
		second = memblob.New(memblob.Options{})
	}
	r := &replicated{t: t, first: memblob.New(memblob.Options{}), second: second}
	opt := gatewaytest.Options{
		Engine: engine,
		Blobs:  volumes.New(r.first, map[uint8]blob.Blobs{2: r.second, 3: memblob.New(memblob.Options{})}),
		Config: gateway.Config{
			Stores:      []gateway.StoreInfo{{ID: 1}, {ID: 2}, {ID: 3}},
			Replication: gateway.ReplicationConfig{Pause: -1},
		},
	}
	if change != nil {
		change(&opt.Config)
	}
	r.Fixture = gatewaytest.NewWith(t, opt)
	r.ref = gateway.Ref{Account: "test", Container: "space"}
	r.copy = gateway.Ref{Account: "test.2", Container: "space"}
	if _, err := r.Gateway.Containers.Create(r.Ctx("tester"), r.ref, gateway.ContainerChange{}); err != nil {
		t.Fatal(err)
	}
	return r
}

func (r *replicated) set(stores ...int) {
	r.t.Helper()
	if err := r.Gateway.Replication.Set(r.Ctx("tester"), r.ref, gateway.ReplicationSetting{Stores: stores}); err != nil {
		r.t.Fatal(err)
	}
}

func (r *replicated) drain() {
	r.t.Helper()
	if err := r.Gateway.Replication.Drain(r.t.Context()); err != nil {
		r.t.Fatal(err)
	}
}

func (r *replicated) put(name, body string, opt gateway.PutOptions) gateway.Object {
	r.t.Helper()
	ref := r.ref
	ref.Object, opt.Size = name, int64(len(body))
	result, err := r.Gateway.Objects.Put(r.Ctx("tester"), ref, strings.NewReader(body), opt)
	if err != nil {
		r.t.Fatal(err)
	}
	return result.Object
}

// contents shows all objects of a space, as far as a replica has to agree.
func (r *replicated) contents(ref gateway.Ref) map[string]string {
	r.t.Helper()
	ctx := r.Ctx("admin")
	_, list, err := r.Gateway.Objects.List(ctx, ref, gateway.ListOptions{Limit: 1000})
	if err != nil {
		r.t.Fatal(err)
	}
	out := map[string]string{}
	for _, e := range list {
		ref.Object = e.Object.Name
		o, content, err := r.Gateway.Objects.OpenWith(ctx, ref, gateway.ReadOptions{Manifest: true, Link: true})
		if err != nil {
			r.t.Fatalf("%s: %v", ref, err)
		}
		body, err := io.ReadAll(io.NewSectionReader(content, 0, content.Size()))
		if err != nil {
			r.t.Fatalf("%s: %v", ref, err)
		}
		if err := content.Close(); err != nil {
			r.t.Fatal(err)
		}
		out[o.Name] = fmt.Sprintf("%q %s %s %s %v %v %v %v %v %d %+v", body, o.MD5, o.SHA256, o.ContentType, o.Headers, o.Properties,
			o.Modified, o.Created, o.DeleteAt, o.Large, o.Link != nil)
	}
	return out
}

func (r *replicated) wantInStep() {
	r.t.Helper()
	want, got := r.contents(r.ref), r.contents(r.copy)
	for name := range want {
		if got[name] != want[name] {
			r.t.Errorf("replica of %q:\n have %s\n want %s", name, got[name], want[name])
		}
	}
	for name := range got {
		if _, there := want[name]; !there {
			r.t.Errorf("the replica has %q", name)
		}
	}
}

func (r *replicated) wantSound() {
	r.t.Helper()
	r.Store.Drain(r.t.Context())
	report, err := r.Store.Check(r.t.Context(), store.CheckOptions{Content: true, Found: func(f store.Finding) { r.t.Errorf("check: %+v", f) }})
	if err != nil || report.Orphans != 0 {
		r.t.Errorf("check: %+v, %v", report, err)
	}
}

// manyChanges makes objects of all sorts in the space.
func (r *replicated) manyChanges() {
	r.t.Helper()
	ctx := r.Ctx("tester")
	r.put("small", "x", gateway.PutOptions{})
	r.put("large", strings.Repeat("0123456789", 1000), gateway.PutOptions{
		ContentType: "text/x", Properties: gateway.Properties{"k": "v"}, Headers: gateway.Properties{"content-encoding": "gzip"},
		Modified: gatewaytest.Start().Add(-time.Hour), DeleteAt: gatewaytest.Start().Add(time.Hour),
	})
	r.put("empty", "", gateway.PutOptions{})
	r.put("folder/", "", gateway.PutOptions{ContentType: "application/directory"})
	r.put("folder/a", "inside", gateway.PutOptions{Item: true, Properties: gateway.Properties{"tags": "a|b"}})
	r.put("marked", "", gateway.PutOptions{ContentType: "application/directory", Item: true})
	r.put("dynamic", "", gateway.PutOptions{Headers: gateway.Properties{store.HeaderManifest: "space/folder/"}})
	at := r.ref
	at.Object = "static"
	list := []gateway.Segment{{Container: "space", Object: "large", Size: -1}, {Container: "space", Object: "small", Size: -1}}
	if _, err := r.Gateway.Objects.PutManifest(ctx, at, list, gateway.PutOptions{}); err != nil {
		r.t.Fatal(err)
	}
	at.Object = "link"
	if _, err := r.Gateway.Objects.PutLink(ctx, at, gateway.Link{Ref: gateway.Ref{Account: "test", Container: "space", Object: "small"}}, gateway.PutOptions{}); err != nil {
		r.t.Fatal(err)
	}
}

func TestReplicaHasWhatTheSpaceHad(t *testing.T) {
	r := newReplicated(t, nil)
	r.manyChanges()
	r.set(2)
	r.drain()
	r.wantInStep()
	if len(r.contents(r.copy)) != 9 {
		t.Errorf("%d objects", len(r.contents(r.copy)))
	}
	if n := blobCount(t, r.second); n == 0 {
		t.Error("the second store has no content of its own")
	}
	r.wantSound()
}

func TestReplicaFollowsEveryChange(t *testing.T) {
	r := newReplicated(t, nil)
	r.set(2)
	r.drain()
	r.manyChanges()
	r.drain()
	r.wantInStep()
	ctx := r.Ctx("tester")
	at := func(name string) gateway.Ref {
		ref := r.ref
		ref.Object = name
		return ref
	}
	r.put("small", "other", gateway.PutOptions{})
	if _, err := r.Gateway.Objects.SetMeta(ctx, at("large"), gateway.MetaChange{Properties: gateway.Properties{"new": "1"}}); err != nil {
		t.Fatal(err)
	}
	if err := r.Gateway.Objects.Delete(ctx, at("empty"), nil); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Gateway.Trees.Move(ctx, at("folder"), at("moved"), gateway.TreeOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Gateway.Trees.Copy(ctx, at("moved"), at("copied"), gateway.TreeOptions{}); err != nil {
		t.Fatal(err)
	}
	r.drain()
	r.wantInStep()
	if got := r.contents(r.copy); got["moved/a"] == "" || got["copied/a"] == "" || got["folder/a"] != "" || got["empty"] != "" {
		t.Errorf("the replica has %v", maps.Keys(got))
	}
	r.Clock.Advance(2 * time.Hour) // "large" expires
	if _, err := r.Store.Expire(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.drain()
	r.wantInStep()
	r.wantSound()
}

func TestReplicaIsWrittenByReplicationOnly(t *testing.T) {
	r := newReplicated(t, nil)
	r.put("a", "x", gateway.PutOptions{})
	r.set(2)
	r.drain()
	for _, user := range []string{"tester", "admin"} {
		ctx := r.Ctx(user)
		at := r.copy
		at.Object = "a"
		_, err := r.Gateway.Objects.Put(ctx, at, strings.NewReader("y"), gateway.PutOptions{Size: 1})
		wantKind(t, err, errs.Forbidden, errs.IsReplica)
		_, err = r.Gateway.Objects.SetMeta(ctx, at, gateway.MetaChange{})
		wantKind(t, err, errs.Forbidden, errs.IsReplica)
		wantKind(t, r.Gateway.Objects.Delete(ctx, at, nil), errs.Forbidden, errs.IsReplica)
		wantKind(t, r.Gateway.Trees.Delete(ctx, at, gateway.Conditions{}), errs.Forbidden, errs.IsReplica)
		wantKind(t, r.Gateway.Spaces.Delete(ctx, r.copy), errs.Forbidden, errs.IsReplica)
		wantKind(t, r.Gateway.Spaces.SetGrants(ctx, r.copy, gateway.Grants{}), errs.Forbidden, errs.IsReplica)
		wantKind(t, r.Gateway.Containers.Update(ctx, r.copy, gateway.ContainerChange{Properties: gateway.Properties{"k": "v"}}), errs.Forbidden, errs.IsReplica)
		to := gateway.Ref{Account: "test.2", Container: "other"}
		_, err = r.Gateway.Trees.Move(ctx, r.copy, to, gateway.TreeOptions{})
		wantKind(t, err, errs.Forbidden, errs.IsReplica)
		if _, err := r.Gateway.Objects.Head(ctx, at, gateway.Conditions{}); err != nil {
			t.Errorf("reading: %v", err)
		}
	}
	r.set()
	r.drain()
	at := r.copy
	at.Object = "b"
	if _, err := r.Gateway.Objects.Put(r.Ctx("tester"), at, strings.NewReader("y"), gateway.PutOptions{Size: 1}); err != nil {
		t.Errorf("after the setting was removed: %v", err)
	}
	wantKind(t, r.Gateway.Replication.Set(r.Ctx("tester"), r.ref, gateway.ReplicationSetting{Stores: []int{2}}), errs.Conflict, errs.NotEmpty)
	if err := r.Gateway.Replication.Set(r.Ctx("tester"), r.ref, gateway.ReplicationSetting{Stores: []int{2}, Adopt: true}); err != nil {
		t.Fatal(err)
	}
	r.drain()
	r.wantInStep()
	r.wantSound()
}

func TestReplicationIsSetByOwnersOnly(t *testing.T) {
	r := newReplicated(t, nil)
	for user, kind := range map[string]errs.Kind{"tester3": errs.Forbidden, "tester2": errs.Forbidden, "tester6": errs.Forbidden, "": errs.Unauthenticated} {
		ctx := r.Ctx(user)
		wantKind(t, r.Gateway.Replication.Set(ctx, r.ref, gateway.ReplicationSetting{Stores: []int{2}}), kind, "")
		wantKind(t, r.Gateway.Replication.Compare(ctx, r.ref), kind, "")
		wantKind(t, r.Gateway.Replication.Retry(ctx, r.ref), kind, "")
		wantKind(t, r.Gateway.Replication.Release(ctx, r.ref), kind, "")
		_, err := r.Gateway.Replication.Mend(ctx, r.ref)
		wantKind(t, err, kind, "")
	}
	ctx := r.Ctx("tester")
	wantKind(t, r.Gateway.Replication.Set(ctx, r.ref, gateway.ReplicationSetting{Stores: []int{4}}), errs.NotFound, errs.NoStore)
	wantKind(t, r.Gateway.Replication.Set(ctx, r.ref, gateway.ReplicationSetting{Stores: []int{1}}), errs.Invalid, "")
	if _, err := r.Gateway.Spaces.Create(ctx, gateway.Ref{Account: "test.3", Container: "other"}); err != nil {
		t.Fatal(err)
	}
	wantKind(t, r.Gateway.Replication.Set(ctx, gateway.Ref{Account: "test.3", Container: "other"}, gateway.ReplicationSetting{Stores: []int{2}}), errs.Invalid, "")
	if err := r.Gateway.Replication.Set(r.Ctx("admin"), r.ref, gateway.ReplicationSetting{Stores: []int{3, 2, 3}}); err != nil {
		t.Fatal(err)
	}
	set, err := r.Gateway.Replication.Setting(ctx, r.ref)
	if err != nil || fmt.Sprint(set) != "{[2 3] false false}" {
		t.Errorf("%+v, %v", set, err)
	}
}

func TestDefaultReplicatesSpacesOfWhichNothingElseIsSet(t *testing.T) {
	r := newReplicated(t, func(c *gateway.Config) { c.Replication.Stores = []int{2} })
	r.put("a", "x", gateway.PutOptions{})
	r.drain()
	r.wantInStep()
	r.set()
	r.drain()
	r.put("b", "x", gateway.PutOptions{})
	r.drain()
	if got := r.contents(r.copy); len(got) != 1 {
		t.Errorf("not replicated any more, but has %v", got)
	}
}
