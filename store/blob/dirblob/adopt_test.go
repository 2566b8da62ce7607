package dirblob_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"entrepot/store/blob"
	"entrepot/store/blob/dirblob"
)

func TestAdoptedBlobsOutliveTheirFirstStore(t *testing.T) {
	dir := t.TempDir()
	open := func(name string) *dirblob.Store {
		s, err := dirblob.Open(filepath.Join(dir, name), dirblob.Options{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Close() })
		return s
	}
	from, to := open("from"), open("to")
	id := blob.ID{1, 2, 3}
	up, err := from.Create(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	content := bytes.Repeat([]byte("content "), 1000)
	if _, err := up.Write(content); err != nil {
		t.Fatal(err)
	}
	if err := up.Commit(); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if linked, err := to.Adopt(t.Context(), from, id); err != nil || !linked {
			t.Fatal(linked, err)
		}
	}
	if err := errors.Join(to.SyncNames(), from.Remove(t.Context(), id)); err != nil {
		t.Fatal(err)
	}
	r, err := to.Open(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	got, err := io.ReadAll(io.NewSectionReader(r, 0, r.Size()))
	if err != nil || !bytes.Equal(got, content) {
		t.Error(len(got), err)
	}
	root, err := os.OpenRoot(filepath.Join(dir, "to"))
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	f, err := dirblob.OpenFile(root, id)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if got, err := io.ReadAll(io.LimitReader(f, int64(len(content)))); err != nil || !bytes.Equal(got, content) {
		t.Error("the content does not stand first", err)
	}
	if _, err := to.Adopt(t.Context(), from, blob.ID{9}); !errors.Is(err, blob.ErrNotFound) {
		t.Error(err)
	}
	if _, err := dirblob.OpenFile(root, blob.ID{9}); !errors.Is(err, blob.ErrNotFound) {
		t.Error(err)
	}
}
