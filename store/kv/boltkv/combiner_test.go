package boltkv_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"entrepot/store/kv"
	"entrepot/store/kv/boltkv"
)

// put returns a transaction that puts n rows under a name.
func put(name string, n int) func(kv.Tx) error {
	return func(tx kv.Tx) error {
		for i := range n {
			tx.Put(kv.Key{Table: 1, Row: fmt.Appendf(nil, "%s/%05d", name, i)}, nil)
		}
		return nil
	}
}

// occupied runs inside while a transaction keeps the combiner busy, and waits
// for that transaction.
func occupied(t *testing.T, e *boltkv.Engine, inside func()) {
	t.Helper()
	started, release, done := make(chan struct{}), make(chan struct{}), make(chan error)
	ctx := context.WithoutCancel(t.Context())
	go func() {
		done <- e.Update(ctx, nil, func(tx kv.Tx) error {
			close(started)
			<-release
			return put("blocker", 1)(tx)
		})
	}()
	<-started
	inside()
	close(release)
	if err := <-done; err != nil && !errors.Is(err, kv.ErrUnknown) {
		t.Errorf("the transaction that kept the combiner busy: %v", err)
	}
}

// queue starts transactions in this order while the combiner is busy, and
// returns their results in the same order.
func queue(t *testing.T, e *boltkv.Engine, before func(), fns ...func(kv.Tx) error) []error {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	results := make([]chan error, len(fns))
	occupied(t, e, func() {
		for i, fn := range fns {
			results[i] = make(chan error, 1)
			go func() { results[i] <- e.Update(ctx, nil, fn) }()
			for e.Queued() <= i {
				runtime.Gosched()
			}
		}
		before()
	})
	errs := make([]error, len(fns))
	for i, r := range results {
		errs[i] = <-r
	}
	return errs
}

// count returns how many rows table 1 has.
func count(t *testing.T, e kv.Engine) int {
	t.Helper()
	n := 0
	err := e.View(t.Context(), func(r kv.Reader) error {
		page, err := r.Scan(kv.Range{Table: 1, KeysOnly: true}, kv.DefaultLimits.MaxScan)
		n = len(page.Items)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestWritersThatQueuedShareACommit(t *testing.T) {
	e := open(t).(*boltkv.Engine)
	defer func() { _ = e.Close() }()
	var fns []func(kv.Tx) error
	for i := range 20 {
		fns = append(fns, put(fmt.Sprint("w", i), 2))
	}
	fns[7] = func(tx kv.Tx) error { _ = put("fails", 5)(tx); return errors.New("no") }
	fns[8] = func(kv.Tx) error { return nil } // writes nothing
	errs := queue(t, e, func() {}, fns...)
	for i, err := range errs {
		if (err != nil) != (i == 7) {
			t.Errorf("writer %d: %v", i, err)
		}
	}
	if s := e.Stats(); s.Commits != 2 || s.Updates != 19 {
		t.Errorf("%+v, want one commit for the first and one for 18 others", s)
	}
	if n := count(t, e); n != 1+18*2 {
		t.Errorf("%d rows", n)
	}
}

func TestLaterMembersOfACommitSeeEarlierOnes(t *testing.T) {
	e := open(t).(*boltkv.Engine)
	defer func() { _ = e.Close() }()
	var fns []func(kv.Tx) error
	for i := range 10 {
		fns = append(fns, func(tx kv.Tx) error {
			page, err := tx.Scan(kv.Prefix(1, []byte("w")), 100)
			if err != nil || len(page.Items) != i {
				return fmt.Errorf("member %d sees %d rows, %v", i, len(page.Items), err)
			}
			return put(fmt.Sprint("w", i), 1)(tx)
		})
	}
	if err := errors.Join(queue(t, e, func() {}, fns...)...); err != nil {
		t.Error(err)
	}
	if s := e.Stats(); s.Commits != 2 {
		t.Errorf("%+v, want two commits", s)
	}
}

func TestLargeTransactionIsCommittedAlone(t *testing.T) {
	e := open(t).(*boltkv.Engine)
	defer func() { _ = e.Close() }()
	large := boltkv.LargeRows + 1
	errs := queue(t, e, func() {}, put("a", 1), put("b", 1), put("c", large), put("d", 1), put("e", large), put("f", large), put("g", 1))
	if err := errors.Join(errs...); err != nil {
		t.Error(err)
	}
	// blocker; a b; c; d; e; f; g
	if s := e.Stats(); s.Commits != 7 || s.Updates != 8 {
		t.Errorf("%+v, want 7 commits of 8 updates", s)
	}
	if n := count(t, e); n != 5+3*large {
		t.Errorf("%d rows", n)
	}
}

func TestBatchOfManyRowsIsCut(t *testing.T) {
	e := open(t).(*boltkv.Engine)
	defer func() { _ = e.Close() }()
	var fns []func(kv.Tx) error
	n := boltkv.BatchRows/boltkv.LargeRows + 1
	for i := range n {
		fns = append(fns, put(fmt.Sprint("w", i), boltkv.LargeRows))
	}
	if err := errors.Join(queue(t, e, func() {}, fns...)...); err != nil {
		t.Error(err)
	}
	if s := e.Stats(); s.Commits != 3 {
		t.Errorf("%+v, want the first alone and the others in two commits", s)
	}
}

func TestUpdateThatWritesNothingCommitsNothing(t *testing.T) {
	e := open(t).(*boltkv.Engine)
	defer func() { _ = e.Close() }()
	for range 3 {
		if err := e.Update(t.Context(), nil, func(kv.Tx) error { return nil }); err != nil {
			t.Fatal(err)
		}
	}
	if s := e.Stats(); s != (boltkv.Stats{}) {
		t.Errorf("%+v", s)
	}
}

func TestAbandonedWriterIsPassedOver(t *testing.T) {
	e := open(t).(*boltkv.Engine)
	defer func() { _ = e.Close() }()
	ctx, cancel := context.WithCancel(t.Context())
	var ran atomic.Bool
	occupied(t, e, func() {
		done := make(chan error)
		go func() {
			done <- e.Update(ctx, nil, func(kv.Tx) error { ran.Store(true); return nil })
		}()
		for e.Queued() == 0 {
			runtime.Gosched()
		}
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("Update = %v", err)
		}
	})
	if err := e.Update(t.Context(), nil, put("after", 1)); err != nil || ran.Load() {
		t.Errorf("next Update: %v; abandoned function ran: %v", err, ran.Load())
	}
}

// breakable opens an engine whose file a test can close under it, which makes
// every later write and sync fail while reads go on from the mapped file.
func breakable(t *testing.T, opt boltkv.Options) (e *boltkv.Engine, breakFile func()) {
	t.Helper()
	var file *os.File
	opt = opt.WithOpenFile(func(name string, flag int, mode os.FileMode) (*os.File, error) {
		f, err := os.OpenFile(name, flag, mode)
		file = f
		return f, err
	})
	e, err := boltkv.Open(filepath.Join(t.TempDir(), "store.db"), opt)
	if err != nil {
		t.Fatal(err)
	}
	return e, func() {
		if err := file.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestFailedCommitStopsWritingForGood(t *testing.T) {
	var log bytes.Buffer
	var stops []error
	e, breakFile := breakable(t, boltkv.Options{
		Logger: slog.New(slog.NewTextHandler(&log, nil)),
		OnStop: func(err error) { stops = append(stops, err) },
	})
	if err := e.Update(t.Context(), nil, put("before", 3)); err != nil {
		t.Fatal(err)
	}
	refused := errors.New("refused")
	errs := queue(t, e, breakFile, put("a", 1), func(kv.Tx) error { return refused }, put("b", 1))
	// The transaction that kept the combiner busy fails to commit; those behind
	// it are not run at all.
	for i, err := range errs {
		if !errors.Is(err, kv.ErrStopped) || !errors.Is(err, os.ErrClosed) {
			t.Errorf("writer %d behind the failure: %v", i, err)
		}
	}
	for range 2 {
		if err := e.Update(t.Context(), nil, put("later", 1)); !errors.Is(err, kv.ErrStopped) {
			t.Errorf("later Update = %v", err)
		}
	}
	if n := count(t, e); n != 3 {
		t.Errorf("%d rows, want those from before", n)
	}
	if len(stops) != 1 || !bytes.Contains(log.Bytes(), []byte("writing has stopped")) {
		t.Errorf("told %d times; log %q", len(stops), log.String())
	}
	if err := e.Close(); err == nil {
		t.Error("Close of a broken file reports nothing")
	}
	if err := e.View(t.Context(), func(kv.Reader) error { return nil }); !errors.Is(err, kv.ErrClosed) {
		t.Errorf("View after Close = %v", err)
	}
}

func TestMembersOfAFailedCommitLearnThatItsOutcomeIsUnknown(t *testing.T) {
	e, breakFile := breakable(t, boltkv.Options{})
	refused := errors.New("refused")
	large := boltkv.LargeRows + 1
	errs := queue(t, e, func() {},
		put("a", 1),
		func(tx kv.Tx) error { return refused },
		func(tx kv.Tx) error { breakFile(); return put("b", 1)(tx) },
		func(tx kv.Tx) error { return refused },
		put("large", large),
	)
	for i, want := range []error{kv.ErrUnknown, kv.ErrStopped, kv.ErrUnknown, kv.ErrStopped, kv.ErrStopped} {
		if !errors.Is(errs[i], want) || errors.Is(errs[i], refused) {
			t.Errorf("member %d: %v, want %v", i, errs[i], want)
		}
	}
	_ = e.Close() // the file is broken
}

func TestCloseWaitsForViews(t *testing.T) {
	e := open(t)
	started, release, closed := make(chan struct{}), make(chan struct{}), make(chan error)
	viewed := make(chan error)
	ctx := context.WithoutCancel(t.Context())
	go func() {
		viewed <- e.View(ctx, func(r kv.Reader) error {
			close(started)
			<-release
			_, err := r.Get(kv.Key{})
			return err
		})
	}()
	<-started
	go func() { closed <- e.Close() }()
	select {
	case <-closed:
		t.Error("Close did not wait")
	case <-time.After(20 * time.Millisecond):
	}
	close(release)
	if err := errors.Join(<-viewed, <-closed); err != nil {
		t.Error(err)
	}
}

func TestPanicOfATransactionIsLoggedWithItsStack(t *testing.T) {
	var log bytes.Buffer
	e, err := boltkv.Open(filepath.Join(t.TempDir(), "store.db"), boltkv.Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if v := recover(); v != "oh" {
			t.Errorf("recovered %v", v)
		}
		if err := e.Close(); err != nil {
			t.Error(err)
		}
		if !bytes.Contains(log.Bytes(), []byte("combiner_test.go")) {
			t.Errorf("log is %q", log.String())
		}
	}()
	_ = e.Update(t.Context(), nil, func(kv.Tx) error { panic("oh") })
}
