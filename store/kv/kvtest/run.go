// Package kvtest is the suite that every engine of package kv passes, and the
// benchmarks that every engine answers. An engine calls it in a few lines:
//
//	func TestEngine(t *testing.T) { kvtest.Run(t, open, reopen) }
//
// The suite keeps to the contract: functions of Update are pure but for what
// a test measures, declare the locks that they need, and never fail the test
// from inside, since they may run on another goroutine.
package kvtest

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"entrepot/store/kv"
)

// Open returns an empty engine. The suite closes it.
type Open func(t testing.TB) kv.Engine

// Reopen closes an engine and opens the same store again.
type Reopen func(t testing.TB, e kv.Engine) kv.Engine

// Tables of the suite: ordinary rows lie in the first, a middle and the last
// table that there is, counters in one of their own.
const (
	tableFirst   kv.Table = 0
	tableRows    kv.Table = 7
	tableCounter kv.Table = 8
	tableLast    kv.Table = 255
)

// Run runs the suite. reopen is nil for an engine that forgets when it is
// closed; the rules of durability are then not part of the suite.
func Run(t *testing.T, open Open, reopen Reopen) {
	if reopen != nil {
		durability(t, open, reopen)
	}
	for name, test := range map[string]func(*testing.T, kv.Engine){
		"RowsOrderByBytes":                        rowsOrderByBytes,
		"GetAnswersInOrderOverTables":             getAnswersInOrder,
		"AbsentIsNilAndEmptyIsNot":                absentAndEmpty,
		"PutCopiesItsArguments":                   putCopies,
		"FailedUpdateChangesNothing":              failedUpdate,
		"ViewSeesOneSnapshot":                     viewSnapshot,
		"CanceledContextRunsNothing":              canceledContext,
		"ContextIsNotLookedAtOnceFnRuns":          canceledInside,
		"CanceledWhileWaitingDoesNotRun":          canceledWaiting,
		"ClosedEngineRefuses":                     closedEngine,
		"LimitsAreEnforced":                       limits,
		"CountersSumUp":                           counters,
		"DeleteRangeGoesInBatches":                deleteRange,
		"MovePrefixMovesAllOrNone":                movePrefix,
		"MovePrefixBetweenNestedPrefixes":         movePrefixNested,
		"MovePrefixLeavesOccupiedRowsAlone":       movePrefixOccupied,
		"DelimiterRollsUp":                        delimiter,
		"DelimiterIsSoughtBehindSkip":             delimiterSkip,
		"PagesMakeTheWholeScan":                   pages,
		"ExclusiveLocksExclude":                   exclusiveLocks,
		"SharedLocksExcludeExclusiveOnes":         sharedLocks,
		"TransfersKeepTheSum":                     bankTransfer,
		"LocksPreventWriteSkew":                   writeSkew,
		"LockedEmptyRangeStaysEmpty":              emptyRange,
		"AddsCommute":                             addsCommute,
		"PanicReachesItsCallerOnly":               panics,
		"GoexitEndsItsCallerOnly":                 goexit,
		"LargeTransactionIsAtomicAmongSmall":      largeTransactions,
		"RandomTransactionsEqualAModel":           randomTransactions,
		"ManyRowsOfOneTransactionReadBackAtOnce":  manyRows,
		"UpdateWithoutWritesAnswersWhatFnAnswers": updateWithoutWrites,
		"SlicesLiveUntilTheFunctionReturns":       slicesLive,
		"ValuesOfEverySizeComeBack":               valuesOfEverySize,
		"LastKeysAreRowsLikeOthers":               lastKeys,
	} {
		t.Run(name, func(t *testing.T) { test(t, opened(t, open)) })
	}
}

// opened returns an engine that is closed at the end of the test.
func opened(t testing.TB, open Open) kv.Engine {
	t.Helper()
	e := open(t)
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return e
}

// key returns the key of a row in the middle table.
func key(row string) kv.Key { return kv.Key{Table: tableRows, Row: []byte(row)} }

// counter returns the key of a counter.
func counter(row string) kv.Key { return kv.Key{Table: tableCounter, Row: []byte(row)} }

// lock returns an exclusive lock on key(row).
func lock(row string) kv.Lock { return kv.Lock{Key: key(row)} }

// all is the lock list of tests with one writer.
func all() []kv.Lock { return []kv.Lock{lock("")} }

// update runs fn and fails the test when Update does.
func update(t testing.TB, e kv.Engine, fn func(tx kv.Tx) error) {
	t.Helper()
	if err := e.Update(t.Context(), all(), fn); err != nil {
		t.Fatalf("Update: %v", err)
	}
}

// view runs fn and fails the test when View does.
func view(t testing.TB, e kv.Engine, fn func(r kv.Reader) error) {
	t.Helper()
	if err := e.View(t.Context(), fn); err != nil {
		t.Fatalf("View: %v", err)
	}
}

// fill puts rows, each with its own name as the value.
func fill(t testing.TB, e kv.Engine, rows ...string) {
	t.Helper()
	update(t, e, func(tx kv.Tx) error {
		for _, row := range rows {
			tx.Put(key(row), []byte(row))
		}
		return nil
	})
}

// names returns a copy of the rows of items, rolled-up ones in brackets.
func names(items []kv.Item) []string {
	list := make([]string, 0, len(items))
	for _, it := range items {
		if it.Rolled {
			list = append(list, fmt.Sprintf("[%s]", it.Row))
		} else {
			list = append(list, string(it.Row))
		}
	}
	return list
}

// scanAll returns the names of all items of a range, read in pages of limit.
func scanAll(rd kv.Reader, r kv.Range, limit int) ([]string, error) {
	var list []string
	for {
		page, err := rd.Scan(r, limit)
		if err != nil {
			return nil, err
		}
		if len(page.Items) > limit || (page.Next != nil && len(page.Items) != limit) {
			return nil, fmt.Errorf("page of %d items, limit %d, next %q", len(page.Items), limit, page.Next)
		}
		list = append(list, names(page.Items)...)
		if page.Next == nil {
			return list, nil
		}
		if r.Reverse {
			r.To = page.Next
		} else {
			r.From = page.Next
		}
	}
}

// rows returns the names of all rows of the middle table.
func rows(t testing.TB, e kv.Engine) []string {
	t.Helper()
	var list []string
	view(t, e, func(r kv.Reader) (err error) {
		list, err = scanAll(r, kv.Range{Table: tableRows}, 1000)
		return err
	})
	return list
}

// value returns a copy of a row's value, nil when it is absent.
func value(t testing.TB, e kv.Engine, k kv.Key) []byte {
	t.Helper()
	var v []byte
	view(t, e, func(r kv.Reader) error {
		values, err := r.Get(k)
		if err == nil && values[0] != nil {
			v = append([]byte{}, values[0]...)
		}
		return err
	})
	return v
}

// errWanted is the error of functions that are to fail.
var errWanted = errors.New("kvtest: wanted")

// background returns a context for goroutines that may outlive their test's.
func background(t testing.TB) context.Context { return context.WithoutCancel(t.Context()) }
