package dirblob_test

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"entrepot/store/blob"
	"entrepot/store/blob/blobtest"
	"entrepot/store/blob/dirblob"
)

// script records the steps of a store and breaks those that it is told to.
type script struct {
	mu    sync.Mutex
	steps []string
	fail  func(n int, step dirblob.Step, name string) error // n counts from 0 since reset
}

func (s *script) at(step dirblob.Step, name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := len(s.steps)
	s.steps = append(s.steps, string(step)+" "+name)
	if s.fail == nil {
		return nil
	}
	return s.fail(n, step, name)
}

func (s *script) reset(fail func(int, dirblob.Step, string) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.steps, s.fail = nil, fail
}

func failAt(at dirblob.Step, err error) func(int, dirblob.Step, string) error {
	return func(_ int, step dirblob.Step, _ string) error {
		if step == at {
			return err
		}
		return nil
	}
}

func scripted(t *testing.T, opt dirblob.Options) (*dirblob.Store, *script, string) {
	t.Helper()
	dir, sc := t.TempDir(), &script{}
	opt.Faults = sc.at
	s := open(t, dir, opt)
	sc.reset(nil)
	return s, sc, dir
}

// put is blobtest.Put that returns its error.
func put(t testing.TB, s blob.Blobs, id blob.ID, content []byte) error {
	u, err := s.Create(t.Context(), id)
	if err != nil {
		return err
	}
	defer u.Abort()
	if _, err := u.Write(content); err != nil {
		return err
	}
	return u.Commit()
}

func TestCommitKeepsTheOrderThatMakesItDurable(t *testing.T) {
	s, sc, _ := scripted(t, dirblob.Options{})
	id := blobtest.ID(1)
	if err := put(t, s, id, []byte("x")); err != nil {
		t.Fatal(err)
	}
	tmp, dir := "tmp/"+id.String(), id.String()[30:]
	want := []string{
		"space .", "create " + tmp, "write " + tmp, "write " + tmp, "sync " + tmp, "close " + tmp,
		"makedir " + dir, "syncdir .",
		"rename " + dir + "/" + id.String(), "syncdir " + dir,
	}
	if !slices.Equal(sc.steps, want) {
		t.Errorf("steps:\n%s\nwant:\n%s", strings.Join(sc.steps, "\n"), strings.Join(want, "\n"))
	}
	sc.reset(nil)
	neighbour := blob.ID{15: id[15]}
	if err := put(t, s, neighbour, []byte("x")); err != nil {
		t.Fatal(err)
	}
	if slices.Contains(sc.steps, "syncdir .") || !slices.Contains(sc.steps, "syncdir "+dir) {
		t.Errorf("steps in a directory that exists: %v", sc.steps)
	}
}

func TestOpenSyncsTheDirectoriesThatItMade(t *testing.T) {
	sc := &script{}
	dir := t.TempDir()
	for range 2 { // the second time too: the first process may have died before its sync
		sc.reset(nil)
		if err := open(t, dir, dirblob.Options{Faults: sc.at}).Close(); err != nil {
			t.Fatal(err)
		}
		if !slices.Contains(sc.steps, "syncdir .") {
			t.Errorf("steps: %v", sc.steps)
		}
	}
	broken := errors.New("broken")
	if _, err := dirblob.Open(t.TempDir(), dirblob.Options{
		Faults: func(dirblob.Step, string) error { return broken },
	}); !errors.Is(err, broken) {
		t.Errorf("Open on a broken disk: %v", err)
	}
}

func TestAFailedSyncStopsWritingForGood(t *testing.T) {
	for _, step := range []dirblob.Step{dirblob.StepSync, dirblob.StepClose, dirblob.StepMakeDir, dirblob.StepRename, dirblob.StepSyncDir} {
		t.Run(string(step), func(t *testing.T) {
			var log bytes.Buffer
			s, sc, dir := scripted(t, dirblob.Options{Logger: logTo(&log)})
			blobtest.Put(t, s, blobtest.ID(1), []byte("old"))
			under, err := s.Create(t.Context(), blobtest.ID(2))
			if err != nil {
				t.Fatal(err)
			}
			sc.reset(failAt(step, syscall.EIO))
			if err := put(t, s, blobtest.ID(3), []byte("new")); !errors.Is(err, blob.ErrStopped) || !errors.Is(err, syscall.EIO) {
				t.Errorf("Commit: %v", err)
			}
			sc.reset(nil)
			if _, err := s.Create(t.Context(), blobtest.ID(4)); !errors.Is(err, blob.ErrStopped) {
				t.Errorf("Create after it: %v", err)
			}
			if err := under.Commit(); !errors.Is(err, blob.ErrStopped) {
				t.Errorf("Commit of an upload under way: %v", err)
			}
			if got := blobtest.Get(t, s, blobtest.ID(1)); string(got) != "old" {
				t.Errorf("reading stopped too: %q", got)
			}
			if got := ids(t, s); len(got) != 1 {
				t.Errorf("%d blobs are visible", len(got))
			}
			wantNoTmp(t, dir)
			if strings.Count(log.String(), "level=ERROR") != 1 {
				t.Errorf("log: %s", log.String())
			}
		})
	}
}

func wantNoTmp(t *testing.T, dir string) {
	t.Helper()
	left, err := filepath.Glob(filepath.Join(dir, "tmp", "*"))
	if err != nil || len(left) > 0 {
		t.Errorf("temporary files: %v, %v", left, err)
	}
}

func TestAFullDiskStopsNothing(t *testing.T) {
	for _, step := range []dirblob.Step{dirblob.StepCreate, dirblob.StepWrite, dirblob.StepMakeDir, dirblob.StepRename} {
		for _, cause := range []error{syscall.ENOSPC, syscall.EDQUOT} {
			t.Run(fmt.Sprint(step, cause), func(t *testing.T) {
				s, sc, dir := scripted(t, dirblob.Options{})
				sc.reset(failAt(step, cause))
				if err := put(t, s, blobtest.ID(1), []byte("new")); !errors.Is(err, blob.ErrNoSpace) {
					t.Errorf("put: %v", err)
				}
				wantNoTmp(t, dir)
				sc.reset(nil)
				blobtest.Put(t, s, blobtest.ID(1), []byte("fits again"))
			})
		}
	}
}

func TestADiskThatCannotBeWrittenStopsWriting(t *testing.T) {
	for _, step := range []dirblob.Step{dirblob.StepCreate, dirblob.StepWrite} {
		for _, cause := range []error{syscall.EIO, syscall.EROFS} {
			t.Run(fmt.Sprint(step, cause), func(t *testing.T) {
				s, sc, dir := scripted(t, dirblob.Options{})
				blobtest.Put(t, s, blobtest.ID(1), []byte("old"))
				sc.reset(failAt(step, cause))
				if err := put(t, s, blobtest.ID(2), []byte("new")); !errors.Is(err, blob.ErrStopped) || !errors.Is(err, cause) {
					t.Errorf("put: %v", err)
				}
				sc.reset(nil)
				if err := put(t, s, blobtest.ID(3), []byte("new")); !errors.Is(err, blob.ErrStopped) {
					t.Errorf("put after the disk failed: %v", err)
				}
				blobtest.Get(t, s, blobtest.ID(1))
				wantNoTmp(t, dir)
			})
		}
	}
}

// TestAFailureAtAnyStepLeavesAllOrNothing breaks the N-th call, then the N-th
// and every later one, for every N that there is.
func TestAFailureAtAnyStepLeavesAllOrNothing(t *testing.T) {
	for _, forever := range []bool{false, true} {
		for n := 0; ; n++ {
			dir, sc := t.TempDir(), &script{}
			s, err := dirblob.Open(dir, dirblob.Options{Faults: sc.at})
			if err != nil {
				t.Fatal(err)
			}
			blobtest.Put(t, s, blobtest.ID(1), []byte("old"))
			sc.reset(func(i int, _ dirblob.Step, _ string) error {
				if i == n || forever && i > n {
					return syscall.EIO
				}
				return nil
			})
			err = put(t, s, blobtest.ID(2), []byte("new"))
			steps := len(sc.steps)
			sc.reset(nil)
			wantWhole(t, s, err == nil)
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			// What a broken disk kept from being removed is an orphan, never half a blob.
			again := open(t, dir, dirblob.Options{})
			for _, id := range ids(t, again) {
				blobtest.Get(t, again, id)
			}
			wantNoTmp(t, dir)
			if steps <= n {
				if err != nil {
					t.Errorf("no step failed, but: %v", err)
				}
				break
			}
			if err == nil {
				t.Errorf("step %d failed, but Commit did not", n)
			}
		}
	}
}

func wantWhole(t *testing.T, s blob.Blobs, committed bool) {
	t.Helper()
	if got := blobtest.Get(t, s, blobtest.ID(1)); string(got) != "old" {
		t.Errorf("old blob: %q", got)
	}
	if committed {
		if got := blobtest.Get(t, s, blobtest.ID(2)); string(got) != "new" {
			t.Errorf("new blob: %q", got)
		}
	}
}

func TestBelowTheFloorNothingIsWritten(t *testing.T) {
	dir := t.TempDir()
	full := open(t, dir, dirblob.Options{Floor: 1 << 60})
	if free, err := full.Free(); free != 0 || err != nil {
		t.Errorf("Free = %d, %v", free, err)
	}
	if err := put(t, full, blobtest.ID(1), []byte("x")); !errors.Is(err, blob.ErrNoSpace) {
		t.Errorf("put: %v", err)
	}
	if err := full.Remove(t.Context(), blobtest.ID(1)); err != nil {
		t.Errorf("Remove: %v", err)
	}
}

func TestAStreamThatMeetsTheFloorIsRefused(t *testing.T) {
	s, sc, dir := scripted(t, dirblob.Options{Floor: -1})
	u, err := s.Create(t.Context(), blobtest.ID(1))
	if err != nil {
		t.Fatal(err)
	}
	defer u.Abort()
	sc.reset(failAt(dirblob.StepSpace, blob.ErrNoSpace))
	chunk := make([]byte, 1<<20)
	written := 0
	for err == nil && written < 64<<20 {
		_, err = u.Write(chunk)
		written += len(chunk)
	}
	if !errors.Is(err, blob.ErrNoSpace) || written > blob.WindowSize {
		t.Errorf("after %d bytes: %v", written, err)
	}
	if err := u.Commit(); !errors.Is(err, blob.ErrNoSpace) {
		t.Errorf("Commit: %v", err)
	}
	wantNoTmp(t, dir)
}

func TestHotWindowsAreNotReadAgain(t *testing.T) {
	now := time.Unix(1e9, 0)
	s, sc, dir := scripted(t, dirblob.Options{Now: func() time.Time { return now }, CheckedLife: time.Hour})
	blobtest.Put(t, s, blobtest.ID(1), blobtest.Content(1, blob.WindowSize+5*blob.BlockSize))
	reads := func() int {
		sc.reset(nil)
		blobtest.Get(t, s, blobtest.ID(1))
		n := 0
		for _, step := range sc.steps {
			if strings.HasPrefix(step, "read ") {
				n++
			}
		}
		return n - 1 // the trailer
	}
	if got := reads(); got != 32+5 {
		t.Errorf("first: %d blocks read", got)
	}
	if got := reads(); got != 0 {
		t.Errorf("again: %d blocks read", got)
	}
	now = now.Add(time.Hour)
	if got := reads(); got != 32+5 {
		t.Errorf("an hour later: %d blocks read", got)
	}
	now = now.Add(-24 * time.Hour)
	if got := reads(); got != 32+5 {
		t.Errorf("after the clock was set back: %d blocks read", got)
	}
	spoilFile(t, fileOf(t, dir, blobtest.ID(1)), func(p []byte) []byte { return p })
	if got := reads(); got != 32+5 {
		t.Errorf("rewritten file: %d blocks read", got)
	}
}

func TestOnlyTouchedBlocksAreRead(t *testing.T) {
	s, sc, _ := scripted(t, dirblob.Options{})
	blobtest.Put(t, s, blobtest.ID(1), blobtest.Content(1, blob.WindowSize))
	r, err := s.Open(t.Context(), blobtest.ID(1))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	sc.reset(nil)
	var w bytes.Buffer
	if _, err := r.WriteRange(&w, 3*blob.BlockSize-1, 2); err != nil {
		t.Fatal(err)
	}
	if len(sc.steps) != 2 {
		t.Errorf("steps: %v", sc.steps)
	}
}

func TestAReadErrorIsNotDamage(t *testing.T) {
	s, sc, _ := scripted(t, dirblob.Options{})
	blobtest.Put(t, s, blobtest.ID(1), []byte("x"))
	sc.reset(failAt(dirblob.StepRead, syscall.EIO))
	if _, err := s.Open(t.Context(), blobtest.ID(1)); !errors.Is(err, syscall.EIO) || errors.Is(err, blob.ErrCorrupt) {
		t.Errorf("Open: %v", err)
	}
}
