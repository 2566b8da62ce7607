package chance_test

import (
	"testing"

	"pgregory.net/rapid"

	"entrepot/store/kv/kvtest/chance"
)

// drawn lists what a property draws.
func drawn(t *testing.T) (all []int) {
	chance.Check(t, func(r *rapid.T) { all = append(all, rapid.Int().Draw(r, "n")) })
	return all
}

func TestPropertiesDrawTheSameInEveryRun(t *testing.T) {
	first, again := drawn(t), drawn(t)
	if len(first) < 2 || len(first) != len(again) {
		t.Fatalf("%d and %d draws", len(first), len(again))
	}
	for i := range first {
		if first[i] != again[i] {
			t.Fatalf("draw %d is %d, then %d", i, first[i], again[i])
		}
	}
}

func TestSeedIsTheVariables(t *testing.T) {
	t.Setenv(chance.Variable, "")
	if got := chance.Seed(t); got != 1 {
		t.Errorf("without one: %d", got)
	}
	usual := chance.Rand(t, 3).Uint64()
	if again := chance.Rand(t, 3).Uint64(); again != usual {
		t.Errorf("the same seed draws %d, then %d", usual, again)
	}
	t.Setenv(chance.Variable, "18446744073709551615")
	if got := chance.Seed(t); got != 1<<64-1 {
		t.Errorf("the greatest: %d", got)
	}
	if other := chance.Rand(t, 3).Uint64(); other == usual {
		t.Error("another seed draws the same")
	}
}
