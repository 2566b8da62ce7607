package boltkv_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"entrepot/store/kv"
	"entrepot/store/kv/boltkv"
)

// impatient waits hardly for other processes.
var impatient = boltkv.Options{LockTimeout: time.Millisecond}

func TestOpenFailsWhileAnotherHoldsTheFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	first := openAt(t, path)
	_, err := boltkv.Open(path, impatient)
	if !errors.Is(err, kv.ErrInUse) || !strings.Contains(err.Error(), path) {
		t.Errorf("second Open: %v", err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if err := openAt(t, path).Close(); err != nil {
		t.Error(err)
	}
}

func TestOpenRefusesWhatIsNoDatabaseAndLeavesItAlone(t *testing.T) {
	foreign := func(path string) error {
		db, err := bolt.Open(path, 0o600, nil)
		if err != nil {
			return err
		}
		return db.Close()
	}
	for name, prepare := range map[string]func(path string) error{
		"empty file":      func(path string) error { return os.WriteFile(path, nil, 0o600) },
		"text":            func(path string) error { return os.WriteFile(path, bytes.Repeat([]byte("text"), 5000), 0o600) },
		"short file":      func(path string) error { return os.WriteFile(path, []byte("x"), 0o600) },
		"directory":       func(path string) error { return os.Mkdir(path, 0o700) },
		"foreign bbolt":   foreign,
		"no such folder":  func(path string) error { return os.Remove(filepath.Dir(path)) },
		"dangling target": func(path string) error { return os.Symlink(filepath.Join(path, "x", "y"), path) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "data")
			if err := os.Mkdir(dir, 0o700); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(dir, "store.db")
			if err := prepare(path); err != nil {
				t.Fatal(err)
			}
			before, _ := os.ReadFile(path) // a directory has no contents to compare
			e, err := boltkv.Open(path, boltkv.Options{})
			if err == nil {
				_ = e.Close()
				t.Fatal("Open succeeded")
			}
			if !strings.Contains(err.Error(), "store.db") {
				t.Errorf("the error does not name the file: %v", err)
			}
			if after, _ := os.ReadFile(path); !bytes.Equal(before, after) {
				t.Error("the file was changed")
			}
		})
	}
}

func TestFirstOpenReplacesWhatACrashLeft(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "store.db")
	if err := os.WriteFile(path+".new", []byte("half a database"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := openAt(t, path).Close(); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 || entries[0].Name() != "store.db" {
		t.Errorf("the directory holds %v, %v", entries, err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode() != 0o600 {
		t.Errorf("mode is %v, %v", info.Mode(), err)
	}
}

func TestOneOfManyFirstOpensWins(t *testing.T) {
	for range 10 {
		path := filepath.Join(t.TempDir(), "store.db")
		var mu sync.Mutex
		var won []*boltkv.Engine
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				e, err := boltkv.Open(path, impatient)
				mu.Lock()
				defer mu.Unlock()
				switch {
				case err == nil:
					won = append(won, e)
				case !errors.Is(err, kv.ErrInUse):
					t.Errorf("a loser got %v", err)
				}
			})
		}
		wg.Wait()
		if len(won) != 1 {
			t.Fatalf("%d won", len(won))
		}
		if err := won[0].Close(); err != nil {
			t.Error(err)
		}
	}
}

// freelistPage returns the page of the free list that the newest meta page of
// a bbolt file names; all ones stand for none.
func freelistPage(t *testing.T, path string) uint64 {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	var newest, freelist uint64
	for page := range 2 {
		// Behind the page's head of 16 bytes: magic, version, page size, flags
		// (4 bytes each), root page, sequence, free list, high water, transaction.
		meta := make([]byte, 16+56)
		if _, err := f.ReadAt(meta, int64(page*os.Getpagesize())); err != nil {
			t.Fatal(err)
		}
		if tx := binary.NativeEndian.Uint64(meta[64:]); tx >= newest {
			newest, freelist = tx, binary.NativeEndian.Uint64(meta[48:])
		}
	}
	return freelist
}

func TestFreeListIsWrittenAtCleanStopOnly(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	for range 2 {
		e := openAt(t, path)
		err := e.Update(t.Context(), nil, func(tx kv.Tx) error { tx.Add(kv.Key{}, 1); return nil })
		if err != nil {
			t.Fatal(err)
		}
		if p := freelistPage(t, path); p != ^uint64(0) {
			t.Errorf("while running the free list is on page %d", p)
		}
		if err := e.Close(); err != nil {
			t.Fatal(err)
		}
		if p := freelistPage(t, path); p == ^uint64(0) {
			t.Error("after a clean stop there is no free list")
		}
	}
}
