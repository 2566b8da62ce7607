package store_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"entrepot/store"
	"entrepot/store/blob/dirblob"
	"entrepot/store/kv/boltkv"
)

// sizes of the objects of a store that is to be damaged.
const (
	manySmall = 300 // of 10 to 60 bytes
	manyBig   = 3   // of 20 to 300 kB, the largest of two checksums
)

func nameOf(i int) (name string, size int) {
	if i < manySmall {
		return fmt.Sprintf("small/%03d", i), 10 + i%50
	}
	return fmt.Sprintf("big/%d", i), 20_000 + 140_000*(i-manySmall)
}

// contents returns the bytes of all objects.
func contents() (all [][]byte) {
	for i := range manySmall + manyBig {
		all = append(all, bytesOf(nameOf(i)))
	}
	return all
}

// original makes a store on disk and returns its database and its files: as a
// crash leaves them, and as a clean stop does.
func original(t *testing.T) (crashed, clean []byte, files map[string][]byte) {
	t.Helper()
	dir := t.TempDir()
	w, engine, blobs := onDisk(t, dir)
	for i := range manySmall + manyBig {
		name, size := nameOf(i)
		w.put(name, size, time.Time{})
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	crashed = readFile(t, engine.Path())
	if err := errors.Join(engine.Close(), blobs.Close()); err != nil {
		t.Fatal(err)
	}
	clean = readFile(t, engine.Path())
	files = map[string][]byte{}
	list, err := filepath.Glob(filepath.Join(dir, "blobs", "??", "*"))
	if err != nil || len(list) != manyBig {
		t.Fatal(list, err)
	}
	for _, path := range list {
		name, err := filepath.Rel(dir, path)
		if err != nil {
			t.Fatal(err)
		}
		files[name] = readFile(t, path)
	}
	return inUse(crashed), inUse(clean), files
}

// inUse cuts off the room that the database file has to grow into.
func inUse(data []byte) []byte {
	pages := max(binary.NativeEndian.Uint64(data[16+40:]), binary.NativeEndian.Uint64(data[os.Getpagesize()+16+40:]))
	return data[:pages*uint64(os.Getpagesize())]
}

func readFile(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// A survey says what a damaged store did.
type survey struct {
	refused error // to open
	right   int
	wrong   []string // objects served with other bytes
	failed  int      // objects that cannot be read, or are not there
	found   bool     // a check finds damage
}

// survive writes a store to a directory, opens it and reads everything.
func survive(t *testing.T, db []byte, files map[string][]byte, want [][]byte) (s survey) {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, "entrepot.db")
	if err := os.WriteFile(path, db, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, content := range files {
		if err := errors.Join(os.MkdirAll(filepath.Join(dir, filepath.Dir(name)), 0o700), os.WriteFile(filepath.Join(dir, name), content, 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	engine, err := boltkv.Open(path, boltkv.Options{})
	if err != nil {
		return survey{refused: err}
	}
	defer func() { _ = engine.Close() }()
	blobs, err := dirblob.Open(filepath.Join(dir, "blobs"), dirblob.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer blobs.Close()
	st, err := store.Open(t.Context(), engine, blobs, store.Options{InlineLimit: 64})
	if err != nil {
		return survey{refused: err}
	}
	defer st.Close()
	for i := range want {
		name, _ := nameOf(i)
		switch data, err := readObject(t.Context(), st, 77, name); {
		case err != nil:
			s.failed++
			if bytes.HasPrefix(want[i], data) { // what was sent before the damage
				continue
			}
			fallthrough
		case !bytes.Equal(data, want[i]):
			s.wrong = append(s.wrong, name)
		default:
			s.right++
		}
	}
	found := func(uint64, string) { s.found = true }
	if err := engine.CheckPages(t.Context(), found); err != nil {
		s.found = true
	}
	r, err := st.Check(t.Context(), store.CheckOptions{Content: true})
	s.found = s.found || err != nil || !r.Sound()
	return s
}

func TestStoresWithATornDatabaseNeverServeWrongBytes(t *testing.T) { // C8
	t.Parallel()
	crashed, clean, files := original(t)
	want := contents()
	rng := rand.New(rand.NewPCG(4, 2))
	refused, found := 0, 0
	for i := range 50 {
		db := bytes.Clone(crashed)
		if i%2 == 1 {
			db = bytes.Clone(clean)
		}
		page := db[rng.IntN(len(db)/os.Getpagesize())*os.Getpagesize():][:os.Getpagesize()]
		at := rng.IntN(len(page) / 2)
		for j := range page[at : at+len(page)/2] {
			switch i % 3 {
			case 0:
				page[at+j] = byte(rng.Uint32())
			case 1:
				page[at+j] = 0
			default:
				page[at+j] ^= 0xA5
			}
		}
		s := survive(t, db, files, want)
		switch {
		case s.refused != nil:
			refused++
		case len(s.wrong) > 0:
			t.Errorf("%d: wrong bytes of %v", i, s.wrong)
		case s.failed > 0 && !s.found:
			t.Errorf("%d: %d objects cannot be read and a check finds nothing", i, s.failed)
		case s.found:
			found++
		}
	}
	t.Logf("%d refused, %d found", refused, found)
	if refused+found < 12 {
		t.Error("the test does not reach what it tests")
	}
}

func TestDamagedFilesAreFoundByReadersAndChecks(t *testing.T) { // C9, C10
	t.Parallel()
	_, clean, files := original(t)
	want := contents()
	rng := rand.New(rand.NewPCG(9, 10))
	var names []string
	for name := range files {
		names = append(names, name)
	}
	for i := range 48 {
		spoilt := map[string][]byte{}
		for name, content := range files {
			spoilt[name] = content
		}
		name := names[rng.IntN(len(names))]
		content := bytes.Clone(files[name])
		at := rng.IntN(len(content))
		what := ""
		switch i % 6 {
		case 0:
			what, content[at] = "a flipped bit", content[at]^1<<rng.IntN(8)
		case 1:
			what, content = "cut off", content[:at]
		case 2:
			what, content = "extended", append(content, make([]byte, 1+rng.IntN(5000))...)
		case 3:
			what = "a hole"
			clear(content[at:min(len(content), at+4096)])
		case 4:
			what, content = "another's content", files[names[(i+1)%len(names)]]
		}
		spoilt[name] = content
		if i%6 == 5 {
			what = "missing"
			delete(spoilt, name)
		}
		if bytes.Equal(content, files[name]) && i%6 != 5 {
			continue
		}
		s := survive(t, clean, spoilt, want)
		if s.refused != nil || len(s.wrong) > 0 || s.failed != 1 || s.right != manySmall+manyBig-1 || !s.found {
			t.Errorf("%d, %s at %d of %s: %+v", i, what, at, name, s)
		}
	}
}

func TestForeignFilesAreNoObjects(t *testing.T) { // C10
	t.Parallel()
	_, clean, files := original(t)
	want := contents()
	for i, name := range []string{"blobs/notes.txt", "blobs/aa/notes.txt", "blobs/aa/" + fmt.Sprintf("%032x", 1), "README", "blobs/tmp/x"} {
		files[name] = []byte("not yours")
		if s := survive(t, clean, files, want); s.refused != nil || s.failed > 0 || len(s.wrong) > 0 || s.found {
			t.Errorf("%d, %s: %+v", i, name, s)
		}
	}
}
