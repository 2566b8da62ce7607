package dirblob_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"entrepot/store/blob"
	"entrepot/store/blob/dirblob"
)

func TestForeignFilesAreListedAndLeftAlone(t *testing.T) {
	dir := t.TempDir()
	s, err := dirblob.Open(dir, dirblob.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	up, err := s.Create(t.Context(), blob.ID{15: 0xab})
	if err != nil {
		t.Fatal(err)
	}
	if err := up.Commit(); err != nil {
		t.Fatal(err)
	}
	if list, err := s.Foreign(t.Context(), 10); err != nil || len(list) > 0 {
		t.Error(list, err)
	}
	err = errors.Join(
		os.WriteFile(filepath.Join(dir, "notes.txt"), nil, 0o600),
		os.WriteFile(filepath.Join(dir, "ab", "x.bak"), nil, 0o600),
		os.Mkdir(filepath.Join(dir, "lost+found"), 0o700),
		os.Symlink("/etc/passwd", filepath.Join(dir, "ab", blob.ID{14: 1, 15: 0xab}.String())),
	)
	if err != nil {
		t.Fatal(err)
	}
	list, err := s.Foreign(t.Context(), 10)
	slices.Sort(list)
	want := []string{"ab/" + blob.ID{14: 1, 15: 0xab}.String(), "ab/x.bak", "lost+found", "notes.txt"}
	if err != nil || !slices.Equal(list, want) {
		t.Error(list, err)
	}
	if list, err := s.Foreign(t.Context(), 2); err != nil || len(list) != 2 {
		t.Error(list, err)
	}
	for _, name := range want {
		if _, err := os.Lstat(filepath.Join(dir, name)); err != nil {
			t.Error(err)
		}
	}
}
