package boltkv_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	bolt "go.etcd.io/bbolt"

	"entrepot/store/kv"
	"entrepot/store/kv/boltkv"
)

// A backup that was made beside a log names its session. Restored to a volume
// without room for a log it is written without one, and needs none.
func TestRestoredBackupWithoutRoomForALogOpensAfterACrash(t *testing.T) {
	e := openAt(t, filepath.Join(t.TempDir(), "store.db"))
	defer e.Close()
	if err := e.Update(t.Context(), nil, put("row", 5)); err != nil {
		t.Fatal(err)
	}
	var copied bytes.Buffer
	if err := e.Backup(t.Context(), &copied, func(kv.Reader) error { return nil }); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "store.db")
	if err := os.WriteFile(path, copied.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	full, err := boltkv.Open(path, boltkv.Options{}.WithoutRoomForLogs())
	if err != nil {
		t.Fatal(err)
	}
	defer full.Close()
	for i := range 3 {
		if err := full.Update(t.Context(), nil, put(fmt.Sprint("row", i), 1)); err != nil {
			t.Fatal(err)
		}
	}
	left, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	crashed, _, err := openImage(t, image{db: left})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := countRows(t, crashed); err != nil || got != 8 {
		t.Errorf("%d rows, %v", got, err)
	}
}

// A program from before the log opens a database that was not closed as it is,
// and leaves the log. What it wrote must not be thrown away by the next start.
func TestWritesBesideTheLogAreRefusedRatherThanLost(t *testing.T) {
	for _, c := range []struct {
		name   string
		writes int
		closed bool
	}{{"written to and killed", 7, false}, {"written to and closed", 7, true}, {"opened and closed", 0, true}} {
		t.Run(c.name, func(t *testing.T) {
			i := crashedAfter(t, 5, 1000)
			i.db = besideLog(t, i.db, c.writes, c.closed)
			_, path, err := openImage(t, i)
			if err == nil || !strings.Contains(err.Error(), path) {
				t.Fatalf("Open = %v", err)
			}
			if after, err := readImage(path); err != nil || !bytes.Equal(after.db, used(i.db)) || !bytes.Equal(after.log, i.log) {
				t.Errorf("the refused files were changed, %v", err)
			}
		})
	}
}

// besideLog returns what a program without logs makes of a database.
func besideLog(t *testing.T, db []byte, writes int, closed bool) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "store.db")
	if err := os.WriteFile(path, db, 0o600); err != nil {
		t.Fatal(err)
	}
	old, err := bolt.Open(path, 0o600, &bolt.Options{NoFreelistSync: true, FreelistType: bolt.FreelistMapType})
	if err != nil {
		t.Fatal(err)
	}
	defer old.Close()
	for i := range writes {
		err := old.Update(func(tx *bolt.Tx) error { return tx.Bucket([]byte("rows.1")).Put(fmt.Appendf(nil, "\x01old%d", i), nil) })
		if err != nil {
			t.Fatal(err)
		}
	}
	if closed {
		old.NoFreelistSync = false
		if err := old.Update(func(*bolt.Tx) error { return nil }); err != nil {
			t.Fatal(err)
		}
	}
	left, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return left
}
