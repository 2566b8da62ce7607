// Package chance gives tests what they do at random: the same in every run,
// unless the environment variable TEST_SEED, a number from 1 on, asks for
// something else. So a test that failed can be repeated, and one that passed
// for a commit passes again; "make random" looks for what other seeds find.
package chance

import (
	"flag"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"testing"

	"pgregory.net/rapid"
)

// Variable is the environment variable that holds the seed.
const Variable = "TEST_SEED"

// usual is the seed of runs that ask for none.
const usual = 1

// Seed returns the seed of this run, and logs it, so that it stands beside a
// failure.
func Seed(tb testing.TB) uint64 {
	tb.Helper()
	seed, err := parse(os.Getenv(Variable))
	if err != nil {
		tb.Fatalf("%s: %v", Variable, err)
	}
	tb.Logf("repeat with %s=%d", Variable, seed)
	return seed
}

func parse(text string) (uint64, error) {
	if text == "" {
		return usual, nil
	}
	seed, err := strconv.ParseUint(text, 10, 64)
	if err == nil && seed == 0 {
		err = strconv.ErrRange // rapid takes it for none
	}
	return seed, err
}

// Rand returns numbers that follow from the seed of this run and from stream,
// which tells the users of one test apart. Not safe for concurrent use.
func Rand(tb testing.TB, stream uint64) *rand.Rand {
	tb.Helper()
	return rand.New(rand.NewPCG(Seed(tb), stream))
}

// settled guards rapid's flag, which all tests of a process share.
var settled sync.Once

// Check is rapid.Check with the seed of this run. A seed in rapid's own flag or
// variable (-rapid.seed, RAPID_SEED) wins: rapid names it where a test fails.
func Check(t *testing.T, property func(*rapid.T)) {
	t.Helper()
	seed := Seed(t)
	settled.Do(func() {
		f := flag.Lookup("rapid.seed")
		if f == nil || f.Value.String() != "0" {
			return
		}
		if err := f.Value.Set(strconv.FormatUint(seed, 10)); err != nil {
			t.Error(err)
		}
	})
	rapid.Check(t, property)
}
