package volumes_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"

	"entrepot/store/blob"
	"entrepot/store/blob/blobtest"
	"entrepot/store/blob/memblob"
	"entrepot/store/blob/volumes"
)

func put(t *testing.T, b blob.Blobs, id blob.ID, text string) {
	t.Helper()
	u, err := b.Create(t.Context(), id)
	if err == nil {
		_, err = u.Write([]byte(text))
	}
	if err == nil {
		err = u.Commit()
	}
	if err != nil {
		t.Fatal(err)
	}
}

func has(b blob.Blobs, id blob.ID) bool {
	r, err := b.Open(context.Background(), id)
	if err == nil {
		err = r.Close()
	}
	return err == nil
}

func TestContentLiesInItsVolume(t *testing.T) {
	first, second := memblob.New(memblob.Options{}), memblob.New(memblob.Options{})
	joined := volumes.New(first, map[uint8]blob.Blobs{2: second})
	a, b := blob.ID{1: 7}, blob.ID{1: 8}
	volumes.Mark(&b, 2)
	if volumes.Of(a) != 0 || volumes.Of(b) != 2 {
		t.Fatalf("volumes %d, %d", volumes.Of(a), volumes.Of(b))
	}
	put(t, joined, a, "a")
	put(t, joined, b, "b")
	if !has(first, a) || has(first, b) || !has(second, b) || has(second, a) || !has(joined, a) || !has(joined, b) {
		t.Error("content lies in another volume than its own")
	}
	var all []blob.ID
	for id, err := range joined.All(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, id)
	}
	if len(all) != 2 || !slices.Contains(all, a) || !slices.Contains(all, b) {
		t.Errorf("all: %v", all)
	}
	if err := joined.Remove(t.Context(), b); err != nil || has(second, b) {
		t.Errorf("after Remove: %v", err)
	}
}

func TestFirstVolumeStandsInForOneThatWasNotThere(t *testing.T) {
	first := memblob.New(memblob.Options{})
	id := blob.ID{1: 9}
	volumes.Mark(&id, 3)
	put(t, volumes.New(first, nil), id, "restored")
	if !has(volumes.New(first, map[uint8]blob.Blobs{3: memblob.New(memblob.Options{})}), id) {
		t.Error("content that the first volume kept is lost when its own comes")
	}
}

func TestVolumeThatIsAwayFailsAlone(t *testing.T) {
	broken := errors.New("not mounted")
	joined := volumes.New(memblob.New(memblob.Options{}), map[uint8]blob.Blobs{2: volumes.Away{Err: broken}})
	a, b := blob.ID{1: 1}, blob.ID{1: 2}
	volumes.Mark(&b, 2)
	put(t, joined, a, "a")
	if _, err := joined.Create(t.Context(), b); !errors.Is(err, broken) {
		t.Errorf("Create: %v", err)
	}
	if _, err := joined.Open(t.Context(), b); !errors.Is(err, broken) {
		t.Errorf("Open: %v", err)
	}
	if err := joined.Remove(t.Context(), b); !errors.Is(err, broken) {
		t.Errorf("Remove: %v", err)
	}
	failed := false
	for _, err := range joined.All(t.Context()) {
		failed = failed || errors.Is(err, broken)
	}
	if !failed || !has(joined, a) {
		t.Error("All hides the failure, or the other volume is gone")
	}
}

func TestSuite(t *testing.T) {
	var firsts sync.Map // of *memblob.Store by blob.Blobs
	blobtest.Run(t, blobtest.Engine{
		Open: func(testing.TB) blob.Blobs {
			first := memblob.New(memblob.Options{})
			joined := volumes.New(first, map[uint8]blob.Blobs{5: memblob.New(memblob.Options{})})
			firsts.Store(blob.Blobs(joined), first)
			return joined
		},
		Damage: func(t testing.TB, b blob.Blobs, id blob.ID, spoil func([]byte) []byte) {
			first, _ := firsts.Load(b)
			if !first.(*memblob.Store).Damage(id, spoil) {
				t.Fatalf("no blob %s in the first volume", id)
			}
		},
	})
}
