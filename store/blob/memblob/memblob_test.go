package memblob_test

import (
	"errors"
	"testing"

	"entrepot/store/blob"
	"entrepot/store/blob/blobtest"
	"entrepot/store/blob/memblob"
)

func TestContract(t *testing.T) {
	blobtest.Run(t, blobtest.Engine{
		Open: func(testing.TB) blob.Blobs { return memblob.New(memblob.Options{}) },
		Damage: func(t testing.TB, b blob.Blobs, id blob.ID, spoil func([]byte) []byte) {
			if !b.(*memblob.Store).Damage(id, spoil) {
				t.Fatalf("no blob %s", id)
			}
		},
	})
}

func TestCapacityCountsWhatIsWritten(t *testing.T) {
	s := memblob.New(memblob.Options{Capacity: 100})
	blobtest.Put(t, s, blobtest.ID(1), make([]byte, 60))
	u, err := s.Create(t.Context(), blobtest.ID(2))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := u.Write(make([]byte, 41)); !errors.Is(err, blob.ErrNoSpace) {
		t.Errorf("Write beyond the capacity: %v", err)
	}
	if err := u.Commit(); !errors.Is(err, blob.ErrNoSpace) {
		t.Errorf("Commit after a failed Write: %v", err)
	}
	blobtest.Put(t, s, blobtest.ID(3), make([]byte, 40))
	if _, err := s.Create(t.Context(), blobtest.ID(4)); !errors.Is(err, blob.ErrNoSpace) {
		t.Errorf("Create in a full store: %v", err)
	}
	if err := s.Remove(t.Context(), blobtest.ID(1)); err != nil {
		t.Fatal(err)
	}
	if free, err := s.Free(); free != 60 || err != nil {
		t.Errorf("Free = %d, %v", free, err)
	}
	if s.Len() != 1 {
		t.Errorf("Len = %d", s.Len())
	}
}

func TestAFailedCommitStopsWriting(t *testing.T) {
	broken := errors.New("broken")
	failing := memblob.OpCommit
	s := memblob.New(memblob.Options{Faults: func(op memblob.Op, _ blob.ID) error {
		if op == failing {
			return broken
		}
		return nil
	}})
	u, err := s.Create(t.Context(), blobtest.ID(1))
	if err != nil {
		t.Fatal(err)
	}
	if err := u.Commit(); !errors.Is(err, blob.ErrStopped) || !errors.Is(err, broken) {
		t.Errorf("Commit: %v", err)
	}
	failing = ""
	if _, err := s.Create(t.Context(), blobtest.ID(2)); !errors.Is(err, blob.ErrStopped) {
		t.Errorf("Create: %v", err)
	}
	if _, err := s.Open(t.Context(), blobtest.ID(1)); !errors.Is(err, blob.ErrNotFound) {
		t.Errorf("Open: %v", err)
	}
}

func TestFaultsReachEveryOperation(t *testing.T) {
	broken := errors.New("broken")
	var failing memblob.Op
	s := memblob.New(memblob.Options{Faults: func(op memblob.Op, _ blob.ID) error {
		if op == failing {
			return broken
		}
		return nil
	}})
	blobtest.Put(t, s, blobtest.ID(1), []byte("x"))
	r, err := s.Open(t.Context(), blobtest.ID(1))
	if err != nil {
		t.Fatal(err)
	}
	u, err := s.Create(t.Context(), blobtest.ID(2))
	if err != nil {
		t.Fatal(err)
	}
	for op, do := range map[memblob.Op]func() error{
		memblob.OpCreate: func() error { _, err := s.Create(t.Context(), blobtest.ID(3)); return err },
		memblob.OpWrite:  func() error { _, err := u.Write([]byte("x")); return err },
		memblob.OpOpen:   func() error { _, err := s.Open(t.Context(), blobtest.ID(1)); return err },
		memblob.OpRead:   func() error { _, err := r.ReadAt(make([]byte, 1), 0); return err },
		memblob.OpRemove: func() error { return s.Remove(t.Context(), blobtest.ID(1)) },
	} {
		failing = op
		if err := do(); !errors.Is(err, broken) {
			t.Errorf("%s: %v", op, err)
		}
	}
}

func BenchmarkBlobs(b *testing.B) {
	blobtest.Bench(b, func(testing.TB) blob.Blobs { return memblob.New(memblob.Options{}) })
}
