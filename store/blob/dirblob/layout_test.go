package dirblob_test

import (
	"bytes"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"entrepot/store/blob"
	"entrepot/store/blob/blobtest"
	"entrepot/store/blob/dirblob"
)

func logTo(b *bytes.Buffer) *slog.Logger { return slog.New(slog.NewTextHandler(b, nil)) }

func ids(t testing.TB, s blob.Blobs) []blob.ID {
	t.Helper()
	var list []blob.ID
	for id, err := range s.All(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, id)
	}
	return list
}

func TestContentLiesAtOffsetZero(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, dirblob.Options{})
	want := blobtest.Content(1, 3*blob.BlockSize)
	blobtest.Put(t, s, blobtest.ID(1), want)
	got, err := os.ReadFile(fileOf(t, dir, blobtest.ID(1)))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.HasPrefix(got, want) || len(got) != len(want)+3*4+40 {
		t.Errorf("file of %d bytes", len(got))
	}
}

func TestNobodyElseMayReadTheFiles(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "made", "by", "open")
	s := open(t, dir, dirblob.Options{})
	blobtest.Put(t, s, blobtest.ID(1), []byte("x"))
	err := filepath.WalkDir(dir, func(name string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v", name, info.Mode())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestBlobsSurviveReopening(t *testing.T) {
	dir := t.TempDir()
	want := blobtest.Content(1, 2*blob.BlockSize+1)
	first := open(t, dir, dirblob.Options{})
	blobtest.Put(t, first, blobtest.ID(1), want)
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if got := blobtest.Get(t, open(t, dir, dirblob.Options{}), blobtest.ID(1)); !bytes.Equal(got, want) {
		t.Error("other bytes")
	}
}

func TestOpenRemovesUnfinishedBlobsOnly(t *testing.T) {
	dir := t.TempDir()
	first := open(t, dir, dirblob.Options{})
	u, err := first.Create(t.Context(), blobtest.ID(1))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := u.Write([]byte("half")); err != nil {
		t.Fatal(err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if err := u.Commit(); err == nil {
		t.Error("Commit after Close succeeds")
	}
	if err := os.MkdirAll(filepath.Join(dir, "0a"), 0o700); err != nil {
		t.Fatal(err)
	}
	half := filepath.Join(dir, "tmp", blobtest.ID(2).String())
	foreign := []string{
		filepath.Join(dir, "notes.txt"), filepath.Join(dir, "tmp", "notes.txt"), filepath.Join(dir, "0a", "notes.txt"),
		filepath.Join(dir, "0a", blobtest.ID(1).String()+".bak"),
	}
	for _, name := range append(foreign, half) {
		if err := os.WriteFile(name, []byte("mine"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var log bytes.Buffer
	s := open(t, dir, dirblob.Options{Logger: logTo(&log)})
	if got := ids(t, s); len(got) != 0 {
		t.Errorf("All yields %v", got)
	}
	if _, err := os.Stat(half); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the unfinished blob is still there: %v", err)
	}
	for _, name := range foreign {
		if got, err := os.ReadFile(name); err != nil || string(got) != "mine" {
			t.Errorf("%s: %q, %v", name, got, err)
		}
		rel, _ := filepath.Rel(dir, name)
		if !strings.Contains(log.String(), "file="+rel) {
			t.Errorf("%s was not reported", rel)
		}
	}
}

func TestABlobInTheWrongDirectoryIsForeign(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, dirblob.Options{})
	blobtest.Put(t, s, blobtest.ID(1), []byte("x"))
	name := fileOf(t, dir, blobtest.ID(1))
	other := "00"
	if filepath.Base(filepath.Dir(name)) == other {
		other = "01"
	}
	if err := os.Mkdir(filepath.Join(dir, other), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(name, filepath.Join(dir, other, filepath.Base(name))); err != nil {
		t.Fatal(err)
	}
	if got := ids(t, s); len(got) != 0 {
		t.Errorf("All yields %v", got)
	}
}

func TestExchangedFilesAreDamaged(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, dirblob.Options{})
	blobtest.Put(t, s, blobtest.ID(1), []byte("mine"))
	blobtest.Put(t, s, blobtest.ID(2), []byte("hers"))
	if err := os.Rename(fileOf(t, dir, blobtest.ID(1)), fileOf(t, dir, blobtest.ID(2))); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Open(t.Context(), blobtest.ID(2)); !errors.Is(err, blob.ErrCorrupt) {
		t.Errorf("Open: %v", err)
	}
}

func TestS25LinksAndPipesAreNotFollowed(t *testing.T) {
	dir, outside := t.TempDir(), t.TempDir()
	s := open(t, dir, dirblob.Options{})
	blobtest.Put(t, s, blobtest.ID(1), []byte("secret"))
	target := fileOf(t, dir, blobtest.ID(1))
	elsewhere := filepath.Join(outside, "passwd")
	if err := os.WriteFile(elsewhere, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	place := func(id blob.ID) string {
		h := id.String()
		if err := os.MkdirAll(filepath.Join(dir, h[30:]), 0o700); err != nil {
			t.Fatal(err)
		}
		return filepath.Join(dir, h[30:], h)
	}
	if err := os.Symlink(elsewhere, place(blobtest.ID(2))); err != nil {
		t.Fatal(err)
	}
	inside, err := filepath.Rel(filepath.Dir(place(blobtest.ID(3))), target)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(inside, place(blobtest.ID(3))); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mkfifo(place(blobtest.ID(4)), 0o600); err != nil {
		t.Fatal(err)
	}
	for n := uint64(2); n <= 4; n++ {
		if _, err := s.Open(t.Context(), blobtest.ID(n)); !errors.Is(err, blob.ErrNotFound) {
			t.Errorf("blob %d: %v", n, err)
		}
		if _, err := s.Create(t.Context(), blobtest.ID(n)); err == nil {
			t.Errorf("blob %d: Create over a foreign file succeeds", n)
		}
	}
	if got := ids(t, s); len(got) != 1 || got[0] != blobtest.ID(1) {
		t.Errorf("All yields %v", got)
	}
}

func TestS25LinkInPlaceOfADirectoryIsRefused(t *testing.T) {
	dir, outside := t.TempDir(), t.TempDir()
	if err := os.Symlink(outside, filepath.Join(dir, "5c")); err != nil {
		t.Fatal(err)
	}
	if _, err := dirblob.Open(dir, dirblob.Options{}); err == nil || !strings.Contains(err.Error(), "5c is not a directory") {
		t.Errorf("Open: %v", err)
	}
}
