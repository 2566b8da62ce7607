package boltkv_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"entrepot/store/kv"
	"entrepot/store/kv/boltkv"
)

// crashedAfter returns what a crash leaves of a database into which n rows
// were written, one by one, with a checkpoint after so many of them.
func crashedAfter(t *testing.T, n, checkpoint int) image {
	t.Helper()
	path := filepath.Join(t.TempDir(), "store.db")
	e, err := boltkv.Open(path, boltkv.Options{}.WithBounds(checkpoint, 0, 0, 0))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	}()
	for i := range n {
		if err := e.Update(t.Context(), nil, put(fmt.Sprintf("row%05d", i), 1)); err != nil {
			t.Fatal(err)
		}
	}
	i, err := readImage(path)
	if err != nil {
		t.Fatal(err)
	}
	return i
}

// records returns the offsets of the records of a log in their order, one
// block each.
func records(log []byte) (at []int) {
	for i := boltkv.RecordStart; i < len(log) && !bytes.Equal(log[i:i+8], make([]byte, 8)); i += boltkv.BlockSize {
		at = append(at, i)
	}
	return at
}

func TestCrashedDatabaseHoldsWhatItsLogHolds(t *testing.T) {
	for _, checkpoint := range []int{1, 7, 1000} {
		e, _, err := openImage(t, crashedAfter(t, 50, checkpoint))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := countRows(t, e); err != nil || got != 50 {
			t.Errorf("a checkpoint every %d: %d of 50 rows, %v", checkpoint, got, err)
		}
		if err := e.Update(t.Context(), nil, put("rowlater", 5)); err != nil {
			t.Error(err)
		}
	}
}

// within returns what a crash leaves while the last of n rows is written: the
// log has its record, which may be torn, the database has it not yet.
func within(t *testing.T, n int) image {
	t.Helper()
	path := filepath.Join(t.TempDir(), "store.db")
	e, err := boltkv.Open(path, boltkv.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	}()
	var i image
	for row := range n {
		i.db = mustRead(t, path)
		if err := e.Update(t.Context(), nil, put(fmt.Sprintf("row%05d", row), 1)); err != nil {
			t.Fatal(err)
		}
	}
	i.log = mustRead(t, boltkv.LogPath(path))
	return i
}

func TestTornLastRecordIsPassedOver(t *testing.T) {
	i := within(t, 50)
	at := records(i.log)
	if len(at) != 50 { // the first row is not logged, but a mark is
		t.Fatalf("%d records", len(at))
	}
	i.log[at[49]+45] ^= 1
	e, _, err := openImage(t, i)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := countRows(t, e); err != nil || got != 49 {
		t.Errorf("%d rows, %v", got, err)
	}
}

// olderLog returns a log as it was before its last records.
func olderLog(log []byte, kept int) []byte {
	old := bytes.Clone(log)
	clear(old[records(log)[kept]:])
	return old
}

func TestDamagedLogIsRefusedWithItsName(t *testing.T) {
	for name, damage := range map[string]func(i *image){
		"a record before others":   func(i *image) { i.log[records(i.log)[20]+45] ^= 1 },
		"the first record":         func(i *image) { clear(i.log[boltkv.RecordStart:][:boltkv.BlockSize]) },
		"the newest header":        func(i *image) { i.log[boltkv.BlockSize+100] ^= 1 },
		"both headers":             func(i *image) { clear(i.log[:boltkv.RecordStart]) },
		"nothing is left of it":    func(i *image) { i.log = []byte{} },
		"the last record":          func(i *image) { i.log[records(i.log)[49]+45] ^= 1 }, // the database has its commit
		"cut off behind a record":  func(i *image) { i.log = i.log[:records(i.log)[30]] },
		"an older log":             func(i *image) { i.log = olderLog(i.log, 40) },
		"cut off behind a header":  func(i *image) { i.log = i.log[:boltkv.BlockSize] },
		"of a newer version":       func(i *image) { i.log[12], i.log[boltkv.BlockSize+12] = 2, 2 },
		"its database is another":  func(i *image) { i.db = crashedAfter(t, 50, 1000).db },
		"its database is new":      func(i *image) { i.db = crashedAfter(t, 0, 1000).db },
		"its database is cut":      func(i *image) { i.db = i.db[:3*os.Getpagesize()] },
		"its database is unlogged": func(i *image) { _, clean := twoStates(t, 50); i.db = clean.db },
	} {
		t.Run(name, func(t *testing.T) {
			i := crashedAfter(t, 50, 1000)
			damage(&i)
			path := lay(t, t.TempDir(), i.db, i.log)
			e, err := boltkv.Open(path, boltkv.Options{})
			if err == nil {
				_ = e.Close()
				t.Fatal("Open succeeded")
			}
			if !strings.Contains(err.Error(), path) {
				t.Errorf("the error names no file: %v", err)
			}
			if !bytes.Equal(mustRead(t, path), i.db) || !bytes.Equal(mustRead(t, boltkv.LogPath(path)), i.log) {
				t.Error("the files were changed")
			}
		})
	}
}

func TestOlderCopyOfTheDatabaseIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	e, err := boltkv.Open(path, boltkv.Options{}.WithBounds(1, 0, 0, 0))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = e.Close() }()
	var old bytes.Buffer
	for i := range 20 {
		if err := e.Update(t.Context(), nil, put(fmt.Sprint("row", i), 1)); err != nil {
			t.Fatal(err)
		}
		if i == 5 {
			if err := e.Backup(t.Context(), &old, func(kv.Reader) error { return nil }); err != nil {
				t.Fatal(err)
			}
		}
	}
	now, err := readImage(path)
	if err != nil {
		t.Fatal(err)
	}
	_, copied, err := openImage(t, image{db: old.Bytes(), log: now.log})
	if err == nil || !strings.Contains(err.Error(), copied) || !strings.Contains(err.Error(), "older") {
		t.Errorf("Open = %v", err)
	}
}

func TestDatabaseWithoutItsLogIsRefusedAndABackupIsNot(t *testing.T) {
	i := crashedAfter(t, 10, 1000)
	_, path, err := openImage(t, image{db: i.db})
	if err == nil || !strings.Contains(err.Error(), boltkv.LogPath(path)) {
		t.Errorf("Open = %v", err)
	}
	e, path, err := openImage(t, i)
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Update(t.Context(), nil, put("rowlater", 1)); err != nil {
		t.Fatal(err)
	}
	var copied bytes.Buffer
	if err := e.Backup(t.Context(), &copied, func(kv.Reader) error { return nil }); err != nil {
		t.Fatal(err)
	}
	for range 2 { // it needs no log when it was opened and closed, either
		b, at, err := openImage(t, image{db: copied.Bytes()})
		if err != nil {
			t.Fatal(err)
		}
		if got, err := countRows(t, b); err != nil || got != 11 {
			t.Errorf("%d rows, %v", got, err)
		}
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
		again, err := readImage(at)
		if err != nil {
			t.Fatal(err)
		}
		copied.Reset()
		copied.Write(again.db)
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(boltkv.LogPath(path), i.log, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := boltkv.Open(path, boltkv.Options{}); err == nil || !strings.Contains(err.Error(), boltkv.LogPath(path)) {
		t.Errorf("a log without its database: %v", err)
	}
}

func TestOpenAndCloseWithoutWritingMakeNoLog(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	e := openAt(t, path)
	if err := e.Update(t.Context(), nil, func(kv.Tx) error { return nil }); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(boltkv.LogPath(path)); err == nil {
		t.Error("there is a log before the first write")
	}
	if err := e.Update(t.Context(), nil, put("a", 1)); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(boltkv.LogPath(path)); err != nil {
		t.Error("there is no log after the first write")
	}
	if err := e.Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(boltkv.LogPath(path)); err == nil {
		t.Error("there is a log after a clean stop")
	}
}

// TestFailedSyncStopsWritingForGood (R4): whichever sync fails, of a record,
// of a checkpoint's pages or of its header, nothing is acknowledged after it,
// even where the next sync would succeed, and what was acknowledged stays.
func TestFailedSyncStopsWritingForGood(t *testing.T) {
	for fail := 2; fail < 40; fail++ {
		path := filepath.Join(t.TempDir(), "store.db")
		syncs := make(chan int, 1)
		syncs <- 0
		opt := boltkv.Options{}.WithBounds(3, 0, 0, 0).WithSyncs(func(f *os.File) error {
			n := <-syncs + 1
			syncs <- n
			if n == fail {
				return syscall.EIO
			}
			return boltkv.Fdatasync(f)
		}, boltkv.SyncDir)
		e, err := boltkv.Open(path, opt)
		if err != nil {
			t.Fatal(err)
		}
		acked, failed := 0, false
		for i := range 60 {
			err := e.Update(t.Context(), nil, put(fmt.Sprintf("row%05d", i), 1))
			switch {
			case err == nil && failed:
				t.Fatalf("sync %d failed; a later update was acknowledged", fail)
			case err == nil:
				acked++
			case !failed && !errors.Is(err, syscall.EIO):
				t.Errorf("sync %d: %v", fail, err)
			case failed && !errors.Is(err, kv.ErrStopped):
				t.Errorf("sync %d, later: %v", fail, err)
			}
			failed = failed || err != nil
		}
		if !failed {
			t.Errorf("sync %d failed and nobody noticed", fail)
		}
		_ = e.Close() // it may report the failure again
		e = openAt(t, path)
		if got, err := countRows(t, e); err != nil || got < acked {
			t.Errorf("sync %d: %d rows, %d acknowledged, %v", fail, got, acked, err)
		}
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestCheckpointsGoOnBesideManyWriters drives the log round its end many
// times, with transactions beyond its records and a map that is outgrown.
func TestCheckpointsGoOnBesideManyWriters(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	opt := boltkv.Options{MapSize: 8 << 20}.WithBounds(20, 64<<10, 300<<10, 64<<10)
	e, err := boltkv.Open(path, opt)
	if err != nil {
		t.Fatal(err)
	}
	const writers, each = 8, 120
	errs := make(chan error, writers)
	ctx := context.WithoutCancel(t.Context())
	for w := range writers {
		go func() {
			for i := range each {
				err := e.Update(ctx, nil, func(tx kv.Tx) error {
					size := 100 + i*37%9000
					if i%40 == 39 {
						size = 50_000
					}
					for n := range 3 {
						tx.Put(kv.Key{Table: 1, Row: fmt.Appendf(nil, "row/%d/%05d/%d", w, i, n)}, make([]byte, size))
					}
					tx.Add(kv.Key{Table: 2}, 3)
					return nil
				})
				if err != nil {
					errs <- err
					return
				}
			}
			errs <- nil
		}()
	}
	for range writers {
		if err := <-errs; err != nil {
			t.Fatal(err)
		}
	}
	i, err := readImage(path)
	if err != nil {
		t.Fatal(err)
	}
	if len(i.log) > 400<<10 {
		t.Errorf("the log has %d bytes", len(i.log))
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	for name, reopened := range map[string]image{"killed": i, "closed": {db: mustRead(t, path)}} {
		e, _, err := openImage(t, reopened)
		if err != nil {
			t.Fatal(name, err)
		}
		if got, err := countRows(t, e); err != nil || got != writers*each*3 {
			t.Errorf("%s: %d rows, %v", name, got, err)
		}
		if list := damageIn(t, e); len(list) > 0 {
			t.Errorf("%s: %q", name, list)
		}
	}
}

func mustRead(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}
