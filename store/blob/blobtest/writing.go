package blobtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"entrepot/store/blob"
)

func writeTests() []namedTest {
	return []namedTest{
		{"ContentComesBackAtEverySize", contentComesBack},
		{"NobodySeesABlobBeforeItsCommit", invisibleBeforeCommit},
		{"AbortLeavesNothing", abortLeavesNothing},
		{"AnEndedUploadTakesNothing", endedUpload},
		{"AnIDIsUsedOnce", idUsedOnce},
		{"RemoveCanBeRepeated", removeRepeats},
		{"AllYieldsWhatIsCommitted", allYields},
		{"ACancelledContextStartsNothing", cancelled},
		{"FreeIsSomething", freeIsSomething},
	}
}

func contentComesBack(t *testing.T, e Engine) {
	b := e.Open(t)
	for i, size := range sizes() {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			want := Content(uint64(i), size)
			Put(t, b, ID(uint64(i)), want)
			if got := Get(t, b, ID(uint64(i))); !bytes.Equal(got, want) {
				t.Errorf("got %d other bytes", len(got))
			}
			if got := mustOpen(t, b, ID(uint64(i))).Size(); got != size {
				t.Errorf("Size = %d, want %d", got, size)
			}
		})
	}
}

func wantAbsent(t *testing.T, b blob.Blobs, id blob.ID) {
	t.Helper()
	if r, err := b.Open(t.Context(), id); !errors.Is(err, blob.ErrNotFound) {
		if err == nil {
			_ = r.Close()
		}
		t.Errorf("Open: %v, want %v", err, blob.ErrNotFound)
	}
	if slices.Contains(all(t, b), id) {
		t.Error("All yields the blob")
	}
}

func invisibleBeforeCommit(t *testing.T, e Engine) {
	b := e.Open(t)
	u, err := b.Create(t.Context(), ID(1))
	if err != nil {
		t.Fatal(err)
	}
	defer u.Abort()
	wantAbsent(t, b, ID(1))
	if _, err := u.Write(Content(1, blob.WindowSize+1)); err != nil {
		t.Fatal(err)
	}
	wantAbsent(t, b, ID(1))
	if err := u.Commit(); err != nil {
		t.Fatal(err)
	}
	if got := all(t, b); !slices.Equal(got, []blob.ID{ID(1)}) {
		t.Errorf("All after Commit: %v", got)
	}
}

func abortLeavesNothing(t *testing.T, e Engine) {
	b := e.Open(t)
	u, err := b.Create(t.Context(), ID(1))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := u.Write([]byte("half")); err != nil {
		t.Fatal(err)
	}
	u.Abort()
	u.Abort()
	wantAbsent(t, b, ID(1))
	Put(t, b, ID(1), []byte("whole")) // the ID was never used
	if got := Get(t, b, ID(1)); string(got) != "whole" {
		t.Errorf("got %q", got)
	}
}

func endedUpload(t *testing.T, e Engine) {
	b := e.Open(t)
	for _, end := range []struct {
		name string
		do   func(blob.Upload) error
	}{
		{"commit", blob.Upload.Commit},
		{"abort", func(u blob.Upload) error { u.Abort(); return nil }},
	} {
		u, err := b.Create(t.Context(), ID(uint64(len(end.name))))
		if err != nil {
			t.Fatal(err)
		}
		if err := end.do(u); err != nil {
			t.Fatal(err)
		}
		if _, err := u.Write([]byte("x")); err == nil {
			t.Errorf("Write after %s succeeds", end.name)
		}
		if err := u.Commit(); err == nil {
			t.Errorf("Commit after %s succeeds", end.name)
		}
		u.Abort()
	}
	if got := Get(t, b, ID(6)); len(got) != 0 {
		t.Errorf("Abort after Commit left %q", got)
	}
	wantAbsent(t, b, ID(5))
}

func idUsedOnce(t *testing.T, e Engine) {
	b := e.Open(t)
	u, err := b.Create(t.Context(), ID(1))
	if err != nil {
		t.Fatal(err)
	}
	defer u.Abort()
	if _, err := b.Create(t.Context(), ID(1)); err == nil {
		t.Error("Create of an ID being written succeeds")
	}
	if err := u.Commit(); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Create(t.Context(), ID(1)); err == nil {
		t.Error("Create of a committed ID succeeds")
	}
}

func removeRepeats(t *testing.T, e Engine) {
	b := e.Open(t)
	want := Content(1, blob.WindowSize+blob.BlockSize)
	Put(t, b, ID(1), want)
	Put(t, b, ID(2), want)
	r := mustOpen(t, b, ID(1))
	for range 2 {
		if err := b.Remove(t.Context(), ID(1)); err != nil {
			t.Errorf("Remove: %v", err)
		}
	}
	wantAbsent(t, b, ID(1))
	if got := Get(t, b, ID(2)); !bytes.Equal(got, want) {
		t.Error("the other blob has changed")
	}
	var got bytes.Buffer
	if _, err := r.WriteRange(&got, 0, r.Size()); err != nil || !bytes.Equal(got.Bytes(), want) {
		t.Errorf("an open reader lost its bytes: %v", err)
	}
}

func allYields(t *testing.T, e Engine) {
	b := e.Open(t)
	if got := all(t, b); len(got) != 0 {
		t.Fatalf("an empty store yields %v", got)
	}
	var want []blob.ID
	for n := range uint64(40) {
		Put(t, b, ID(n), []byte("x"))
		want = append(want, ID(n)) // IDs ascend
	}
	if got := all(t, b); !slices.Equal(got, want) {
		t.Errorf("All yields %d blobs, want %d", len(got), len(want))
	}
	seen := 0
	for range b.All(t.Context()) {
		if seen++; seen == 3 {
			break
		}
	}
	if seen != 3 {
		t.Errorf("All went on to %d after a break", seen)
	}
}

func cancelled(t *testing.T, e Engine) {
	b := e.Open(t)
	Put(t, b, ID(1), []byte("x"))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, create := b.Create(ctx, ID(2))
	_, open := b.Open(ctx, ID(1))
	for what, err := range map[string]error{"Create": create, "Open": open, "Remove": b.Remove(ctx, ID(1))} {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v, want %v", what, err, context.Canceled)
		}
	}
	var last error
	for _, last = range b.All(ctx) {
		if last == nil {
			t.Error("All yields a blob")
		}
	}
	if !errors.Is(last, context.Canceled) {
		t.Errorf("All: %v, want %v", last, context.Canceled)
	}
	if got := all(t, b); !slices.Equal(got, []blob.ID{ID(1)}) {
		t.Errorf("left: %v", got)
	}
}

func freeIsSomething(t *testing.T, e Engine) {
	if free, err := e.Open(t).Free(); err != nil || free <= 0 {
		t.Errorf("Free = %d, %v", free, err)
	}
}
