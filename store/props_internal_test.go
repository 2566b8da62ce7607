package store

import (
	"bytes"
	"testing"

	"entrepot/store/internal/record"
	"entrepot/store/kv"
)

// FuzzDecodeProp feeds rows of properties, live and past, to their decoder:
// what is understood is written as it was read.
func FuzzDecodeProp(f *testing.F) {
	live := propKey(7, "d/a", "http://x/y", "p", 1).Row
	value := encodeProp(&propRow{lang: "de", value: []byte("v"), born: 3})
	f.Add(false, live, value[:len(value)-4])
	value = encodeProp(&propRow{value: []byte("v"), ended: 5})
	f.Add(true, pastPropRow(live, 3), value[:len(value)-4])
	f.Add(true, pastPropRow(propKey(7, "", "", "", 0).Row, 1<<63), []byte{record.Version})
	f.Fuzz(func(t *testing.T, past bool, row, fields []byte) {
		table := tableProps
		if past {
			table = tablePastProps
		}
		p, err := decodeProp(table, row, record.Seal(bytes.Clone(fields)))
		if err != nil {
			return
		}
		k := propKey(beID(row), p.path, p.space, p.name, p.chunk)
		if past {
			k = kv.Key{Table: table, Row: pastPropRow(k.Row, p.born)}
		}
		if !bytes.Equal(k.Row, row) && !bytes.ContainsAny(row, "/") {
			t.Errorf("row %x became %x", row, k.Row)
		}
		again, err := decodeProp(k.Table, k.Row, encodeProp(&p))
		if err != nil || again.lang != p.lang || !bytes.Equal(again.value, p.value) || !past && p.ended == 0 && again.born != p.born || again.ended != p.ended {
			t.Errorf("%+v became %+v, %v", p, again, err)
		}
	})
}

// A row of the past sorts beside the others of its property, and holds no slash
// but those of its path.
func TestRowOfAPastPropertyHasNoSlashOfItsOwn(t *testing.T) {
	live := propKey(7, "a", "http://x/", "p", 0).Row
	for born := range uint64(300) {
		row := pastPropRow(live, born*0x2f2f2f2f2f2f2f)
		if bytes.IndexByte(row[8:], '/') >= 0 {
			t.Fatalf("epoch %d: %q", born, row)
		}
		if born > 0 && bytes.Compare(pastPropRow(live, born-1), pastPropRow(live, born)) >= 0 {
			t.Fatalf("epoch %d comes before the one before", born)
		}
	}
	for _, bad := range []string{"", "short", string(live), string(bytes.ToUpper(pastPropRow(live, 0xab)))} {
		if _, _, err := splitPast([]byte(bad)); err == nil {
			t.Errorf("%q was taken apart", bad)
		}
	}
}
