package kvtest

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"entrepot/store/kv"
)

// workers is how many goroutines write at once.
const workers = 32

// together runs fn on many goroutines and fails the test with their errors.
func together(t *testing.T, n int, fn func(worker int) error) {
	t.Helper()
	var wg sync.WaitGroup
	for w := range n {
		wg.Go(func() {
			if err := fn(w); err != nil {
				t.Errorf("worker %d: %v", w, err)
			}
		})
	}
	wg.Wait()
}

// amount returns the row for a number.
func amount(n int) []byte { return kv.AppendCounter(nil, int64(n)) }

// pair reads two rows as numbers.
func pair(r kv.Reader, a, b kv.Key) (x, y int, err error) {
	values, err := r.Get(a, b)
	if err != nil {
		return 0, 0, err
	}
	return int(kv.Counter(values[0])), int(kv.Counter(values[1])), nil
}

func exclusiveLocks(t *testing.T, e kv.Engine) {
	var inside, most atomic.Int32
	together(t, 8, func(int) error {
		for range 50 {
			err := e.Update(t.Context(), []kv.Lock{lock("x"), lock("y"), lock("x")}, func(tx kv.Tx) error {
				values, err := tx.Get(key("x")) // by now the locks are held
				if err != nil {
					return err
				}
				if n := inside.Add(1); n > most.Load() {
					most.Store(n)
				}
				defer inside.Add(-1)
				runtime.Gosched()
				tx.Put(key("x"), amount(int(kv.Counter(values[0]))+1))
				return nil
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	if n := kv.Counter(value(t, e, key("x"))); n != 400 || most.Load() != 1 {
		t.Errorf("400 locked increments made %d; at most %d were inside", n, most.Load())
	}
}

func sharedLocks(t *testing.T, e kv.Engine) {
	// Members write under a shared lock while the flag allows it; the owner
	// sets the flag and clears the rows under the exclusive lock.
	shared := kv.Lock{Key: key("group"), Shared: true}
	together(t, 9, func(w int) error {
		for i := range 40 {
			err := e.Update(t.Context(), []kv.Lock{shared, lock(fmt.Sprint(w))}, func(tx kv.Tx) error {
				values, err := tx.Get(key("flag"))
				if err == nil && values[0] == nil {
					tx.Put(key(fmt.Sprintf("member/%d/%d", w, i)), nil)
				}
				return err
			})
			if err != nil {
				return err
			}
			if w > 0 || i%10 != 9 {
				continue
			}
			for _, open := range []bool{false, true} {
				err := e.Update(t.Context(), []kv.Lock{{Key: key("group")}}, func(tx kv.Tx) error {
					if open {
						page, err := tx.Scan(kv.Prefix(tableRows, []byte("member/")), 1)
						if err == nil && len(page.Items) > 0 {
							err = fmt.Errorf("%q was written while the flag forbade it", page.Items[0].Row)
						}
						tx.Delete(key("flag"))
						return err
					}
					tx.Put(key("flag"), nil)
					_, err := tx.DeleteRange(kv.Prefix(tableRows, []byte("member/")), 10_000)
					return err
				})
				if err != nil {
					return err
				}
			}
		}
		return nil
	})
}

func bankTransfer(t *testing.T, e kv.Engine) {
	const accounts, each, transfers = 12, 1000, 150
	account := func(i int) kv.Key { return key(fmt.Sprintf("account/%02d", i)) }
	update(t, e, func(tx kv.Tx) error {
		for i := range accounts {
			tx.Put(account(i), amount(each))
		}
		return nil
	})
	sum := func(r kv.Reader) error {
		page, err := r.Scan(kv.Prefix(tableRows, []byte("account/")), accounts+1)
		total := 0
		for _, it := range page.Items {
			total += int(kv.Counter(it.Value))
		}
		if err != nil || total != accounts*each {
			return fmt.Errorf("the sum is %d, %v", total, err)
		}
		return nil
	}
	together(t, workers, func(w int) error {
		rng := rand.New(rand.NewPCG(uint64(w), 1))
		for i := range transfers {
			from, by := rng.IntN(accounts), rng.IntN(50)
			to := (from + 1 + rng.IntN(accounts-1)) % accounts
			err := e.Update(t.Context(), []kv.Lock{{Key: account(from)}, {Key: account(to)}}, func(tx kv.Tx) error {
				x, y, err := pair(tx, account(from), account(to))
				if err != nil || x < by {
					return err
				}
				tx.Put(account(from), amount(x-by))
				tx.Put(account(to), amount(y+by))
				return nil
			})
			if err == nil && i%10 == 0 {
				err = e.View(t.Context(), sum)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	view(t, e, sum)
}

func writeSkew(t *testing.T, e kv.Engine) {
	// Two are on call; each may leave as long as the other stays.
	on := []kv.Key{key("on/0"), key("on/1")}
	for round := range 50 {
		update(t, e, func(tx kv.Tx) error {
			tx.Put(on[0], amount(1))
			tx.Put(on[1], amount(1))
			return nil
		})
		together(t, 2, func(w int) error {
			return e.Update(t.Context(), []kv.Lock{lock("on")}, func(tx kv.Tx) error {
				x, y, err := pair(tx, on[0], on[1])
				if err == nil && x+y == 2 {
					tx.Put(on[w], amount(0))
				}
				return err
			})
		})
		view(t, e, func(r kv.Reader) error {
			x, y, err := pair(r, on[0], on[1])
			if err != nil || x+y != 1 {
				return fmt.Errorf("round %d: %d are on call, %v", round, x+y, err)
			}
			return nil
		})
	}
}

func emptyRange(t *testing.T, e kv.Engine) {
	var first atomic.Int32
	together(t, workers, func(w int) error {
		won := false
		err := e.Update(t.Context(), []kv.Lock{lock("seat/")}, func(tx kv.Tx) error {
			page, err := tx.Scan(kv.Prefix(tableRows, []byte("seat/")), 1)
			if won = err == nil && len(page.Items) == 0; won {
				tx.Put(key(fmt.Sprintf("seat/%d", w)), nil)
			}
			return err
		})
		if won {
			first.Add(1)
		}
		return err
	})
	if list := rows(t, e); len(list) != 1 || first.Load() != 1 {
		t.Errorf("%d found the range empty; rows are %q", first.Load(), list)
	}
}

func addsCommute(t *testing.T, e kv.Engine) {
	const n = 100
	together(t, workers, func(w int) error {
		for i := range n {
			err := e.Update(t.Context(), []kv.Lock{lock(fmt.Sprint(w))}, func(tx kv.Tx) error {
				tx.Add(counter("up"), 3)
				tx.Add(counter("down"), -int64(w))
				tx.Add(counter(fmt.Sprint("own", w)), int64(i))
				return nil
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	for row, want := range map[string]int64{
		"up": 3 * workers * n, "down": -n * workers * (workers - 1) / 2, "own5": n * (n - 1) / 2,
	} {
		if got := kv.Counter(value(t, e, counter(row))); got != want {
			t.Errorf("counter %s is %d, want %d", row, got, want)
		}
	}
}

func panics(t *testing.T, e kv.Engine) {
	type reason struct{ worker int }
	together(t, 16, func(w int) (err error) {
		defer func() {
			if v := recover(); v != nil && v != (reason{w}) || (v != nil) != (w%4 == 0) {
				err = fmt.Errorf("recovered %v", v)
			}
		}()
		return e.Update(t.Context(), []kv.Lock{lock("x")}, func(tx kv.Tx) error {
			tx.Put(key(fmt.Sprintf("%02d", w)), nil)
			if w%4 == 0 {
				panic(reason{w})
			}
			return nil
		})
	})
	want := strings.Fields("01 02 03 05 06 07 09 10 11 13 14 15")
	if list := rows(t, e); !slices.Equal(list, want) {
		t.Errorf("rows are %q", list)
	}
	func() {
		defer func() {
			if v := recover(); v != "in view" {
				t.Errorf("recovered %v", v)
			}
		}()
		view(t, e, func(kv.Reader) error { panic("in view") })
	}()
	fill(t, e, "99")
}

func goexit(t *testing.T, e kv.Engine) {
	returned := false
	together(t, 4, func(w int) error {
		return e.Update(t.Context(), []kv.Lock{lock("x")}, func(tx kv.Tx) error {
			tx.Put(key(fmt.Sprint(w)), nil)
			if w == 1 {
				runtime.Goexit()
			}
			return nil
		})
	})
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = e.Update(background(t), []kv.Lock{lock("x")}, func(kv.Tx) error {
			runtime.Goexit()
			return nil
		})
		returned = true
	}()
	<-done
	if returned {
		t.Error("Update returned from a goroutine that was to end")
	}
	if list := rows(t, e); !slices.Equal(list, []string{"0", "2", "3"}) {
		t.Errorf("rows are %q", list)
	}
	fill(t, e, "9")
}

func largeTransactions(t *testing.T, e kv.Engine) {
	const large, small = 3000, 60
	// Each large transaction replaces all rows of a generation by the next.
	generation := func(w, i int) []byte { return fmt.Appendf(nil, "gen/%d/%03d/", w, i) }
	together(t, 6, func(w int) error {
		for i := range small {
			locks := []kv.Lock{lock(fmt.Sprint(w))}
			fn := func(tx kv.Tx) error {
				tx.Put(key(fmt.Sprintf("small/%d/%d", w, i)), nil)
				tx.Add(counter("n"), 1)
				return nil
			}
			if w < 2 && i < 3 {
				fn = func(tx kv.Tx) error {
					if i > 0 {
						n, err := tx.MovePrefix(tableRows, generation(w, i-1), generation(w, i), large)
						if err != nil || n != large {
							return fmt.Errorf("moved %d rows, %v", n, err)
						}
					}
					for j := 0; i == 0 && j < large; j++ {
						tx.Put(kv.Key{Table: tableRows, Row: fmt.Appendf(generation(w, 0), "%04d", j)}, nil)
					}
					tx.Add(counter("n"), 1)
					return nil
				}
			}
			if err := e.Update(t.Context(), locks, fn); err != nil {
				return err
			}
			if w >= 2 && i%10 == 0 {
				err := e.View(t.Context(), func(r kv.Reader) error {
					list, err := scanAll(r, kv.Prefix(tableRows, []byte("gen/")), 10_000)
					if err == nil && len(list)%large != 0 {
						err = fmt.Errorf("a view saw %d rows of large transactions", len(list))
					}
					return err
				})
				if err != nil {
					return err
				}
			}
		}
		return nil
	})
	if n := kv.Counter(value(t, e, counter("n"))); n != 6*small {
		t.Errorf("%d transactions counted, want %d", n, 6*small)
	}
	if n := len(rows(t, e)); n != 2*large+4*small+2*(small-3) {
		t.Errorf("%d rows", n)
	}
}
