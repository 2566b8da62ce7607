package boltkv_test

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"entrepot/store/kv/boltkv"
)

// A file that was grown by truncating has a hole at its end, as those of older
// versions do. It is filled before a commit relies on it: on a full volume a
// commit that is in the log already could not be written there.
func TestHoleBehindTheDatabaseIsFilledBeforeItIsUsed(t *testing.T) {
	const size = 8 << 20
	path := filepath.Join(t.TempDir(), "store.db")
	e, err := boltkv.Open(path, boltkv.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, size); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := unix.Fallocate(int(f.Fd()), unix.FALLOC_FL_KEEP_SIZE, 0, 4096); errors.Is(err, unix.EOPNOTSUPP) {
		t.Skip("the file system cannot allocate")
	}
	if e, err = boltkv.Open(path, boltkv.Options{}); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if err := e.Update(t.Context(), nil, put("row", 100)); err != nil {
			t.Error(err)
		}
	}
	var st syscall.Stat_t
	if err := syscall.Stat(path, &st); err != nil || st.Blocks*512 < 256<<10 {
		t.Errorf("%d bytes are allocated, %v", st.Blocks*512, err)
	}
	if err := e.Close(); err != nil {
		t.Error(err)
	}
}
