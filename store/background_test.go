package store_test

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"entrepot/store/blob"
	"entrepot/store/blob/memblob"
	"entrepot/store/kv/memkv"
)

// What waits for all removals waits for those, too, that the store itself is in
// the middle of: behind them work may come that nobody sees yet.
func TestDrainWaitsForTheRemovalsThatAreUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begun, goOn := make(chan struct{}), make(chan struct{})
		var removals atomic.Int32
		blobs := memblob.New(memblob.Options{Faults: func(op memblob.Op, _ blob.ID) error {
			if op == memblob.OpRemove && removals.Add(1) == 1 {
				close(begun)
				<-goOn
			}
			return nil
		}})
		w := newWorld(t, memkv.New(memkv.Options{}), blobs)
		w.put("large", 5000, time.Time{})
		w.delete("large")
		<-begun
		drained := make(chan struct{})
		go func() { defer close(drained); w.Drain(t.Context()) }()
		synctest.Wait()
		select {
		case <-drained:
			t.Error("Drain returned while a removal was under way")
		default:
		}
		close(goOn)
		<-drained
		if n, err := w.ContentCount(t.Context()); n != 0 || err != nil || removals.Load() != 1 {
			t.Errorf("%d contents left, %v, after %d removals", n, err, removals.Load())
		}
	})
}
