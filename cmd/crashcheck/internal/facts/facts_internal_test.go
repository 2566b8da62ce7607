package facts

import (
	"slices"
	"testing"

	"entrepot/cmd/crashcheck/internal/wire"
)

func TestFactHasOldAndNewTextAfterAStepWithoutAnswer(t *testing.T) {
	next := func(old string) []string { return []string{old + "x"} }
	f := &fact{may: []string{"a"}}
	f.apply(wire.Refused, next)
	if text, certain := f.certain(); text != "a" || !certain || f.touched {
		t.Errorf("refused: %q", f.may)
	}
	f.apply(wire.Unknown, next)
	if !slices.Equal(f.may, []string{"a", "ax"}) || !f.touched {
		t.Errorf("unknown: %q", f.may)
	}
	f.apply(wire.OK, next)
	if !slices.Equal(f.may, []string{"ax", "axx"}) {
		t.Errorf("carried out after unknown: %q", f.may)
	}
}

func TestContentTellsWhatItIs(t *testing.T) {
	b := New(7, nil).books[0]
	one, two := b.token(false), b.token(true)
	whole := append(b.pack(one), b.pack(two)...)
	if got := b.unpack(whole); got != one+"+"+two {
		t.Errorf("%q", got)
	}
	if b.unpack(nil) != "" {
		t.Error("nothing is something")
	}
	for at := range whole {
		if at > 300 && at%997 != 0 {
			continue
		}
		damaged := slices.Clone(whole)
		damaged[at] ^= 1
		if got := b.unpack(damaged); got == one+"+"+two {
			t.Errorf("a flipped bit at %d is not seen", at)
		}
	}
	if got := b.unpack(whole[:len(whole)-1]); got == one+"+"+two {
		t.Error("a missing byte is not seen")
	}
}

func TestFilesCountsEachBigContentOnce(t *testing.T) {
	c := New(7, nil)
	c.books[0].add("x", nil, "kept1L,-,kept2")
	c.books[1].add("y", nil, "stack4L|kept1L")
	if got := c.Files(); got != 2 {
		t.Errorf("%d files", got)
	}
}
