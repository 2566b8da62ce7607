package gateway_test

import (
	"errors"
	"io"
	"strings"
	"sync/atomic"
	"testing"

	"entrepot/gateway"
	"entrepot/gateway/errs"
	"entrepot/gateway/gatewaytest"
	"entrepot/store"
	"entrepot/store/blob"
	"entrepot/store/blob/memblob"
	"entrepot/store/blob/volumes"
)

// faultyWorld is a world whose blobs fail one operation when told to.
func faultyWorld(t *testing.T, op memblob.Op, with error) (*world, *atomic.Bool) {
	t.Helper()
	broken := &atomic.Bool{}
	blobs := memblob.New(memblob.Options{Faults: func(at memblob.Op, _ blob.ID) error {
		if at == op && broken.Load() {
			return with
		}
		return nil
	}})
	f := gatewaytest.NewWith(t, gatewaytest.Options{Blobs: blobs})
	w := &world{Fixture: f, t: t, g: f.Gateway, ctx: f.Ctx("tester")}
	w.container("c")
	return w, broken
}

func TestFailedSyncOfContentStopsAllWriting(t *testing.T) {
	w, broken := faultyWorld(t, memblob.OpCommit, errors.New("input/output error"))
	w.put("old", long)
	broken.Store(true)
	put := func(body string) error {
		_, err := w.g.Objects.Put(w.ctx, ref("c", "o"), strings.NewReader(body), gateway.PutOptions{Size: -1})
		return err
	}
	wantKind(t, put(long), errs.Unavailable, errs.SyncFailed)
	broken.Store(false)
	wantKind(t, put("small"), errs.Unavailable, errs.SyncFailed)
	wantKind(t, put(long), errs.Unavailable, errs.SyncFailed)
	wantKind(t, w.g.Objects.Delete(w.ctx, ref("c", "old"), nil), errs.Unavailable, errs.SyncFailed)
	wantKind(t, w.g.Trees.MakeFolder(w.ctx, ref("c", "d"), gateway.Conditions{}), errs.Unavailable, errs.SyncFailed)
	if w.get("old") != long {
		t.Error("reading stopped as well")
	}
	if err := w.Store.Stopped(); errs.ReasonOf(err) != errs.SyncFailed {
		t.Errorf("the store says %v", err)
	}
}

func TestFailureOfTheStoreIsNotBlamedOnTheBody(t *testing.T) {
	w, broken := faultyWorld(t, memblob.OpWrite, errors.New("too many open files"))
	broken.Store(true)
	_, err := w.g.Objects.Put(w.ctx, ref("c", "o"), strings.NewReader(long), gateway.PutOptions{Size: -1})
	if k := errs.Of(err); k != errs.Other && k != errs.Unavailable {
		t.Errorf("an engine's failure is %v: %v", k, err)
	}
	broken.Store(false)
	body := io.MultiReader(strings.NewReader(long), errReader{errors.New("connection reset")})
	_, err = w.g.Objects.Put(w.ctx, ref("c", "o"), body, gateway.PutOptions{Size: -1})
	wantKind(t, err, errs.Incomplete, "")
}

// A further store whose disk fails takes nothing more, until a restart; what
// has its content elsewhere goes on, and what it holds can be read and removed.
func TestFailedSyncOfAFurtherStoreStopsThatStoreOnly(t *testing.T) {
	var broken atomic.Bool
	second := memblob.New(memblob.Options{Faults: func(op memblob.Op, _ blob.ID) error {
		if op == memblob.OpCommit && broken.Load() {
			return errors.New("input/output error")
		}
		return nil
	}})
	f := gatewaytest.NewWith(t, gatewaytest.Options{
		Blobs: volumes.New(memblob.New(memblob.Options{}), map[uint8]blob.Blobs{
			2: second, 3: memblob.New(memblob.Options{}),
		}),
		Config: gateway.Config{Stores: []gateway.StoreInfo{{ID: 1}, {ID: 2}, {ID: 3}}},
	})
	ctx := f.Ctx("tester")
	at := func(account, name string) gateway.Ref {
		return gateway.Ref{Account: account, Container: "space", Object: name}
	}
	put := func(account, name string) error {
		_, err := f.Gateway.Objects.Put(ctx, at(account, name), strings.NewReader(long), gateway.PutOptions{Size: -1, Item: true})
		return err
	}
	for _, account := range []string{"test", "test.2", "test.3"} {
		if _, err := f.Gateway.Spaces.Create(ctx, at(account, "")); err != nil {
			t.Fatal(err)
		}
		if err := put(account, "old"); err != nil {
			t.Fatal(err)
		}
	}
	broken.Store(true)
	wantKind(t, put("test.2", "new"), errs.Unavailable, errs.SyncFailed)
	broken.Store(false) // a second sync would report success for lost data
	wantKind(t, put("test.2", "new"), errs.Unavailable, errs.SyncFailed)
	wantKind(t, put("test.2", "old"), errs.Unavailable, errs.SyncFailed)
	for _, account := range []string{"test", "test.3"} {
		if err := put(account, "new"); err != nil {
			t.Errorf("a PUT into %s: %v", account, err)
		}
	}
	if _, err := f.Gateway.Objects.Head(ctx, at("test.2", "new"), gateway.Conditions{}); errs.Of(err) != errs.NotFound {
		t.Errorf("what failed is there: %v", err)
	}
	_, content, err := f.Gateway.Objects.Open(ctx, at("test.2", "old"), gateway.Conditions{})
	if err != nil || content.Size() != int64(len(long)) {
		t.Fatalf("reading: %v", err)
	}
	content.Close()
	if err := f.Gateway.Objects.Delete(ctx, at("test.2", "old"), nil); err != nil {
		t.Errorf("deleting: %v", err)
	}
	if err := f.Store.Stopped(); err != nil {
		t.Errorf("all writing stopped: %v", err)
	}
	if got := f.Store.StoppedVolumes(); len(got) != 1 || got[2] == nil {
		t.Errorf("stopped volumes: %v", got)
	}
	events, err := f.Store.Events(t.Context(), 10)
	if err != nil || len(events) != 1 || events[0].Kind != store.EventStopped || events[0].Ref != "volume 2" {
		t.Errorf("events: %+v, %v", events, err)
	}
}
