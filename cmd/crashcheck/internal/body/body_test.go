package body_test

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"entrepot/cmd/crashcheck/internal/body"
)

func all(t *testing.T, id body.ID) []byte {
	t.Helper()
	b, err := io.ReadAll(id.Reader())
	if err != nil || int64(len(b)) != id.Size {
		t.Fatalf("%d bytes, %v", len(b), err)
	}
	return b
}

func TestContentFollowsFromItsID(t *testing.T) {
	id := body.ID{Seed: 1, Origin: "k/a", Version: 3, Size: 200_001}
	first := all(t, id)
	if !bytes.Equal(first, all(t, id)) {
		t.Error("one ID gives two contents")
	}
	for _, other := range []body.ID{
		{Seed: 2, Origin: "k/a", Version: 3, Size: 200_001},
		{Seed: 1, Origin: "k/b", Version: 3, Size: 200_001},
		{Seed: 1, Origin: "k/a", Version: 4, Size: 200_001},
	} {
		if bytes.Equal(first[:64], all(t, other)[:64]) {
			t.Errorf("%v begins like %v", other, id)
		}
	}
}

func TestRangesAreThoseOfTheWhole(t *testing.T) {
	id := body.ID{Seed: 9, Origin: "x", Version: 1, Size: 150_000}
	whole := all(t, id)
	for _, r := range [][2]int64{{0, 1}, {65_535, 2}, {65_536, 10}, {149_999, 1}, {0, 150_000}, {150_000, 0}} {
		if err := id.Check(bytes.NewReader(whole[r[0]:r[0]+r[1]]), r[0], r[1]); err != nil {
			t.Errorf("range %v: %v", r, err)
		}
	}
}

func TestCheckFindsEveryKindOfDamage(t *testing.T) {
	id := body.ID{Seed: 9, Origin: "x", Version: 1, Size: 70_000}
	whole := all(t, id)
	flipped := bytes.Clone(whole)
	flipped[69_999] ^= 1
	for name, damaged := range map[string][]byte{
		"flipped bit": flipped,
		"truncated":   whole[:69_999],
		"extended":    append(bytes.Clone(whole), 0),
		"empty":       nil,
		"zeros":       make([]byte, len(whole)),
	} {
		if err := id.Check(bytes.NewReader(damaged), 0, id.Size); !errors.Is(err, body.ErrDiffers) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
