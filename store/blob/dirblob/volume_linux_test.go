package dirblob_test

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"entrepot/store/blob/dirblob"
)

func TestASecondProcessIsKeptOut(t *testing.T) {
	dir := t.TempDir()
	first := open(t, dir, dirblob.Options{})
	if _, err := dirblob.Open(dir, dirblob.Options{}); err == nil || !strings.Contains(err.Error(), "in use") {
		t.Errorf("a second Open: %v", err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	open(t, dir, dirblob.Options{})
}

func TestAnUnsafeFileSystemIsWarnedOf(t *testing.T) {
	const memory = "/dev/shm"
	var st unix.Statfs_t
	if err := unix.Statfs(memory, &st); err != nil || st.Type != unix.TMPFS_MAGIC {
		t.Skipf("%s is no tmpfs here", memory)
	}
	dir, err := os.MkdirTemp(memory, "dirblob")
	if err != nil {
		t.Skipf("cannot write there: %v", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	var log bytes.Buffer
	open(t, dir, dirblob.Options{Logger: logTo(&log)})
	if !strings.Contains(log.String(), "loses everything") {
		t.Errorf("log: %s", log.String())
	}
}
