package store

import (
	"testing"

	"entrepot/store/blob"
)

// A row of parts that decodes says what can be, and encodes to the same parts.
func FuzzDecodeParts(f *testing.F) {
	id := blob.ID{1, 2}
	f.Add(partsKey(id, 7).Row, encodeParts([]Content{{Size: 3, Blob: id, Inline: true}, {Size: 9, Blob: id, Owner: 4, SHA1: make([]byte, 20)}}))
	f.Add([]byte{}, []byte{})
	f.Fuzz(func(t *testing.T, row, value []byte) {
		_, off, parts, err := decodeParts(row, value)
		if err != nil {
			return
		}
		if off < 0 || len(parts) == 0 {
			t.Fatalf("%d parts at %d", len(parts), off)
		}
		_, _, again, err := decodeParts(row, encodeParts(parts))
		if err != nil || len(again) != len(parts) {
			t.Fatalf("%d parts of %d, %v", len(again), len(parts), err)
		}
		for i := range parts {
			if parts[i].Size <= 0 || again[i].Size != parts[i].Size || again[i].Blob != parts[i].Blob || again[i].Owner != parts[i].Owner {
				t.Fatalf("part %d: %+v, then %+v", i, parts[i], again[i])
			}
		}
	})
}

// Rows of parts stay below the limit of a value, however large the numbers.
func TestARowOfPartsFitsIntoAValue(t *testing.T) {
	parts := make([]Content, partsPage)
	for i := range parts {
		parts[i] = Content{Size: 1 << 60, Blob: blob.ID{1}, Owner: 1<<64 - 1, SHA1: make([]byte, 20)}
	}
	if n := len(encodeParts(parts)); n > MaxInlineLimit {
		t.Errorf("%d bytes", n)
	}
}
