package dirblob_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"entrepot/store/blob"
	"entrepot/store/blob/blobtest"
	"entrepot/store/blob/dirblob"
)

// The child is this test binary, told by the environment to write blobs until
// it is killed.
const (
	childDir  = "DIRBLOB_CHILD_DIR"
	childStep = "DIRBLOB_CHILD_STEP" // the number of the step before which it kills itself; -1: never
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		if err := child(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// child writes blobs side by side and prints the number of each that is
// committed.
func child(dir string) error {
	die, err := strconv.Atoi(os.Getenv(childStep))
	if err != nil {
		return err
	}
	var mu sync.Mutex
	steps := 0
	opened := false
	s, err := dirblob.Open(dir, dirblob.Options{Faults: func(dirblob.Step, string) error {
		mu.Lock()
		defer mu.Unlock()
		if opened {
			if steps == die {
				return syscall.Kill(os.Getpid(), syscall.SIGKILL)
			}
			steps++
		}
		return nil
	}})
	if err != nil {
		return err
	}
	mu.Lock()
	opened = true
	mu.Unlock()
	writers := 4
	if die >= 0 {
		writers = 1 // so that the steps are the same each time
	}
	errs := make(chan error, writers)
	for w := range writers {
		go func() { errs <- writeForever(s, uint64(w), uint64(writers)) }()
	}
	return <-errs
}

func writeForever(s *dirblob.Store, n, step uint64) error {
	for ; ; n += step {
		u, err := s.Create(context.Background(), blobtest.ID(n))
		if err != nil {
			return err
		}
		if _, err := io.Copy(u, bytes.NewReader(childContent(n))); err != nil {
			return err
		}
		if err := u.Commit(); err != nil {
			return err
		}
		if _, err := os.Stdout.WriteString(strconv.FormatUint(n, 10) + "\n"); err != nil {
			return err
		}
	}
}

func childContent(n uint64) []byte { return blobtest.Content(n, int64(n*99991%700001)) }

// runChild runs a child in dir until it dies, kills it after a while, and
// returns what it said to be committed.
func runChild(t *testing.T, dir string, step int, after time.Duration) []uint64 {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), childDir+"="+dir, childStep+"="+strconv.Itoa(step))
	var errText strings.Builder
	cmd.Stderr = &errText
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	timer := time.AfterFunc(after, func() { _ = cmd.Process.Kill() })
	defer timer.Stop()
	var committed []uint64
	for lines := bufio.NewScanner(out); lines.Scan(); {
		n, err := strconv.ParseUint(lines.Text(), 10, 64)
		if err != nil {
			break // a line cut by the kill
		}
		committed = append(committed, n)
	}
	_ = cmd.Wait() // killed, always
	if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || status.Signal() != syscall.SIGKILL {
		t.Fatalf("the child ended with %v: %s", cmd.ProcessState, errText.String())
	}
	return committed
}

// wantAllWhole opens the directory as the next process would.
func wantAllWhole(t *testing.T, dir string, committed []uint64) {
	t.Helper()
	s, err := dirblob.Open(dir, dirblob.Options{})
	if err != nil {
		t.Fatalf("the next start: %v", err)
	}
	defer func() { _ = s.Close() }()
	wantNoTmp(t, dir)
	number := map[blob.ID]uint64{}
	for n := range uint64(len(committed) + 64) {
		number[blobtest.ID(n)] = n
	}
	visible := map[uint64]bool{}
	for _, id := range ids(t, s) {
		n, ok := number[id]
		if !ok {
			t.Errorf("blob %s was never written", id)
			continue
		}
		visible[n] = true
		if !bytes.Equal(blobtest.Get(t, s, id), childContent(n)) {
			t.Errorf("blob %d is not what was written", n)
		}
	}
	for _, n := range committed {
		if !visible[n] {
			t.Errorf("blob %d was committed and is gone", n)
		}
	}
}

func TestAKilledProcessLeavesWholeBlobsOnly(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	total := 0
	for range 8 {
		dir := t.TempDir()
		committed := runChild(t, dir, -1, 20*time.Millisecond+time.Duration(random.Int64N(int64(250*time.Millisecond))))
		wantAllWhole(t, dir, committed)
		total += len(committed)
	}
	if total == 0 {
		t.Error("no child committed anything")
	}
}

func TestAProcessKilledBeforeAnyStepLeavesWholeBlobsOnly(t *testing.T) {
	for step := range 2 * 10 { // two blobs, each in a new directory
		dir := t.TempDir()
		wantAllWhole(t, dir, runChild(t, dir, step, time.Minute))
	}
}
