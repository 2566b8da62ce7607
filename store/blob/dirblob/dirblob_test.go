package dirblob_test

import (
	"os"
	"path/filepath"
	"testing"

	"entrepot/store/blob"
	"entrepot/store/blob/blobtest"
	"entrepot/store/blob/dirblob"
)

func open(t testing.TB, dir string, opt dirblob.Options) *dirblob.Store {
	t.Helper()
	s, err := dirblob.Open(dir, opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// fileOf finds a committed blob's file.
func fileOf(t testing.TB, dir string, id blob.ID) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, "??", id.String()))
	if err != nil || len(found) != 1 {
		t.Fatalf("files of %s: %v, %v", id, found, err)
	}
	return found[0]
}

func spoilFile(t testing.TB, name string, spoil func([]byte) []byte) {
	t.Helper()
	p, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, spoil(p), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestContract(t *testing.T) {
	dirs := map[blob.Blobs]string{}
	blobtest.Run(t, blobtest.Engine{
		Open: func(t testing.TB) blob.Blobs {
			dir := t.TempDir()
			s := open(t, dir, dirblob.Options{})
			dirs[s] = dir
			return s
		},
		Damage: func(t testing.TB, b blob.Blobs, id blob.ID, spoil func([]byte) []byte) {
			spoilFile(t, fileOf(t, dirs[b], id), spoil)
		},
	})
}

func BenchmarkBlobs(b *testing.B) {
	blobtest.Bench(b, func(t testing.TB) blob.Blobs { return open(t, t.TempDir(), dirblob.Options{}) })
}
