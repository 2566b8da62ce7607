package boltkv_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"entrepot/store/kv"
	"entrepot/store/kv/boltkv"
)

// A stage is an engine whose timers are in the hands of the test, and
// transactions that each wait to be let go.
type stage struct {
	t      *testing.T
	e      *boltkv.Engine
	timers chan chan time.Time // of each wait for writers, when it begins
	acts   []act
}

type act struct {
	started, release chan struct{}
	done             chan error
}

func newStage(t *testing.T) *stage {
	t.Helper()
	s := &stage{t: t, timers: make(chan chan time.Time, 100)}
	e, err := boltkv.Open(filepath.Join(t.TempDir(), "store.db"), boltkv.Options{}.WithTimer(
		func(time.Duration) (<-chan time.Time, func()) {
			c := make(chan time.Time, 1)
			s.timers <- c
			return c, func() {}
		}))
	if err != nil {
		t.Fatal(err)
	}
	s.e = e
	t.Cleanup(func() { _ = e.Close() }) // a second Close does nothing
	return s
}

// enter starts one more transaction and waits until it is queued behind
// others, of which the combiner took all.
func (s *stage) enter(others int) {
	a := act{make(chan struct{}), make(chan struct{}), make(chan error, 1)}
	n := len(s.acts)
	s.acts = append(s.acts, a)
	ctx := context.WithoutCancel(s.t.Context())
	go func() {
		a.done <- s.e.Update(ctx, nil, func(tx kv.Tx) error {
			close(a.started)
			<-a.release
			return put(fmt.Sprint("act", n), 1)(tx)
		})
	}()
	for others >= 0 && s.e.Queued() <= others {
		runtime.Gosched()
	}
}

// alone enters a transaction which nobody is waited with, and lets it go.
func (s *stage) alone() {
	s.enter(-1)
	s.finish(len(s.acts) - 1)
}

// finish lets the nth transaction go and waits for its commit.
func (s *stage) finish(n int) {
	s.t.Helper()
	<-s.acts[n].started
	close(s.acts[n].release)
	if err := <-s.acts[n].done; err != nil {
		s.t.Error(err)
	}
}

// inCompany lets transactions follow each other, of which the next is always
// queued already, until the engine waits for company. It returns the timer of
// that wait; one transaction is queued.
func (s *stage) inCompany() (timer chan time.Time) {
	s.t.Helper()
	s.enter(-1)
	for range boltkv.Noticed {
		n := len(s.acts) - 1
		<-s.acts[n].started
		if len(s.timers) > 0 {
			s.t.Error("it waited before it knew of company")
		}
		s.enter(0)
		s.finish(n)
	}
	return <-s.timers
}

func TestWritersThatComeBackShareACommit(t *testing.T) {
	s := newStage(t)
	s.inCompany()
	before := s.e.Stats()
	n := len(s.acts)
	s.enter(-1)
	for _, a := range s.acts[n-1:] {
		close(a.release)
	}
	for _, a := range s.acts[n-1:] {
		if err := <-a.done; err != nil {
			t.Error(err)
		}
	}
	if after := s.e.Stats(); after.Commits != before.Commits+1 || after.Updates != before.Updates+2 {
		t.Errorf("%+v became %+v, want one commit of two more", before, after)
	}
}

func TestWriterIsNotWaitedForLong(t *testing.T) {
	s := newStage(t)
	timer := s.inCompany()
	timer <- time.Time{}
	s.finish(len(s.acts) - 1)
	for range 5 { // nor again
		s.alone()
	}
	if len(s.timers) > 0 {
		t.Error("it waited again")
	}
}

func TestLoneWriterWaitsForNobody(t *testing.T) {
	s := newStage(t)
	for range 30 {
		s.alone()
	}
	if len(s.timers) > 0 {
		t.Error("a lone writer waited")
	}
}

func TestCloseDoesNotWaitForCompany(t *testing.T) {
	s := newStage(t)
	s.inCompany()
	last := s.acts[len(s.acts)-1]
	close(last.release)
	if err := errors.Join(s.e.Close(), <-last.done); err != nil {
		t.Error(err)
	}
}

func TestCompanyIsBelievedAfterSomeCommitsAndDoubtedAfterWaitsInVain(t *testing.T) {
	var c boltkv.Company
	for i, n := range []int{9, 5, 7, 6} {
		if got := c.Expected(); got != 0 {
			t.Errorf("after %d commits it expects %d", i, got)
		}
		c.Note(n)
	}
	if got := c.Expected(); got != 5 {
		t.Errorf("it expects %d, want the least", got)
	}
	for want := boltkv.FirstPause; want <= 2*boltkv.LastPause; want *= 2 {
		c.Waited(true)
		pause := 0
		for c.Expected() == 0 {
			c.Note(5)
			pause++
		}
		if pause != min(want, boltkv.LastPause) {
			t.Errorf("a pause of %d commits, want %d", pause, want)
		}
	}
	for range 20 {
		c.Waited(false)
	}
	c.Waited(true)
	for range boltkv.FirstPause {
		c.Note(5)
	}
	if got := c.Expected(); got != 5 {
		t.Errorf("it expects %d, want that good waits are remembered too", got)
	}
}
