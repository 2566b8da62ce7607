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
	"entrepot/store/blob"
	"entrepot/store/blob/memblob"
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
