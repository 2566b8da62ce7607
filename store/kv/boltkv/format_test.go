package boltkv

import (
	"bytes"
	"encoding/binary"
	"hash/fnv"
	"testing"

	"entrepot/store/kv"
	"entrepot/store/kv/internal/overlay"
)

// writes returns an overlay with one write of each kind.
func writes() *overlay.Overlay {
	o := overlay.New(kv.DefaultLimits)
	o.Reset(nil)
	o.Put(kv.Key{Table: 1, Row: []byte("put")}, []byte("value"))
	o.Put(kv.Key{Table: 1, Row: []byte{}}, nil)
	o.Delete(kv.Key{Table: 2, Row: []byte("gone")})
	o.Add(kv.Key{Table: 3, Row: []byte("sum")}, -5)
	return o
}

// repeated returns the payload that decoding and encoding make of b.
func repeated(b []byte) ([]byte, error) {
	o := overlay.New(kv.DefaultLimits)
	o.Reset(nil)
	err := decodeWrites(b, o)
	return appendWrites(nil, o), err
}

func TestPayloadOfARecordReadsBackAsWritten(t *testing.T) {
	b := appendWrites(nil, writes())
	if again, err := repeated(b); err != nil || !bytes.Equal(again, b) {
		t.Errorf("read back as %q, %v", again, err)
	}
	for n := range len(b) { // a cut payload has fewer writes or is refused
		if again, err := repeated(b[:n]); err == nil && !bytes.HasPrefix(b, again) {
			t.Errorf("%d of %d bytes read as %q", n, len(b), again)
		}
	}
}

func TestRecordIsRefusedWhereAnyByteDiffers(t *testing.T) {
	s := sessionID{1, 2, 3}
	payload := appendWrites(make([]byte, recordHead), writes())
	b := sealRecord(bytes.Clone(payload), s, 7, 3)
	if len(b) != blockSize {
		t.Fatalf("it takes %d bytes", len(b))
	}
	r, end, ok, err := readRecord(bytes.NewReader(b), 0, int64(len(b)), s)
	if !ok || err != nil || end != blockSize || r.seq != 7 || r.number != 3 || !bytes.Equal(r.payload, payload[recordHead:]) {
		t.Fatalf("%+v, %d, %v, %v", r, end, ok, err)
	}
	for at := range payload {
		torn := bytes.Clone(b)
		torn[at] ^= 1
		if _, _, ok, err := readRecord(bytes.NewReader(torn), 0, int64(len(b)), s); ok || err != nil {
			t.Errorf("byte %d differs: %v, %v", at, ok, err)
		}
	}
}

// metaRecord returns a sound meta record.
func metaRecord() (b [metaSize]byte) {
	order := binary.NativeEndian
	order.PutUint32(b[:], metaMagic)
	order.PutUint32(b[4:], metaVersion)
	order.PutUint32(b[8:], 4096)
	order.PutUint64(b[48:], 9)
	h := fnv.New64a()
	h.Write(b[:56])
	order.PutUint64(b[56:], h.Sum64())
	return b
}

func TestHeaderReadsBackAndIsRefusedWhereAnyByteDiffers(t *testing.T) {
	want := header{pageSize: 4096, session: sessionID{9}, number: 4, seq: 12, at: 5 * blockSize, meta: metaRecord()}
	b := appendHeader(nil, want)
	got, err := parseHeader(b)
	if err != nil || got != want || len(b) != blockSize {
		t.Fatalf("%+v, %v", got, err)
	}
	for at := range headerSize {
		torn := bytes.Clone(b)
		torn[at] ^= 1
		if _, err := parseHeader(torn); err == nil {
			t.Errorf("byte %d differs and nobody notices", at)
		}
	}
	for name, h := range map[string]header{
		"records before their place": {pageSize: 4096, number: 1, at: blockSize, meta: metaRecord()},
		"records off the blocks":     {pageSize: 4096, number: 1, at: recordStart + 1, meta: metaRecord()},
		"no meta record":             {pageSize: 4096, number: 1, at: recordStart},
		"other pages":                {pageSize: 8192, number: 1, at: recordStart, meta: metaRecord()},
	} {
		if _, err := parseHeader(appendHeader(nil, h)); err == nil {
			t.Errorf("a header with %s is accepted", name)
		}
	}
	if _, err := parseHeader(b[:headerSize-1]); err == nil {
		t.Error("a header that is cut off is accepted")
	}
}

func FuzzLog(f *testing.F) {
	s := sessionID{1}
	f.Add(appendHeader(nil, header{pageSize: 4096, session: s, number: 1, seq: 1, at: recordStart, meta: metaRecord()}))
	f.Add(sealRecord(appendWrites(make([]byte, recordHead), writes()), s, 1, 1))
	f.Add(appendWrites(nil, writes()))
	f.Fuzz(func(t *testing.T, b []byte) {
		if h, err := parseHeader(b); err == nil {
			if again, err := parseHeader(appendHeader(nil, h)); err != nil || again != h {
				t.Errorf("%+v reads back as %+v, %v", h, again, err)
			}
		}
		if r, end, ok, err := readRecord(bytes.NewReader(b), 0, int64(len(b)), s); err != nil || ok && (end > int64(len(b)) || len(r.payload) > maxRecord) {
			t.Errorf("a record of %d bytes ends at %d of %d, %v", len(r.payload), end, len(b), err)
		}
		if first, err := repeated(b); err == nil {
			if again, err := repeated(first); err != nil || !bytes.Equal(again, first) {
				t.Errorf("%q reads back as %q, %v", first, again, err)
			}
		}
	})
}
