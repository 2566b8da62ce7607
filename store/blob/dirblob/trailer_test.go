package dirblob

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"testing"

	"entrepot/store/blob"
)

// seal returns the trailer of a blob with the given content.
func seal(id blob.ID, content []byte) []byte {
	var s sums
	s.write(content)
	return s.trailer(id)
}

func TestTrailerHoldsTheChecksumOfEachBlock(t *testing.T) {
	content := bytes.Repeat([]byte("0123456789abcdef"), (2*blob.BlockSize+16)/16)
	crcs, err := parseTrailer(seal(blob.ID{1}, content), int64(len(content)+3*4+footerSize), blob.ID{1})
	if err != nil || len(crcs) != 3 {
		t.Fatalf("%d checksums, %v", len(crcs), err)
	}
	for i, crc := range crcs {
		block := content[i*blob.BlockSize : min(len(content), (i+1)*blob.BlockSize)]
		if want := crc32.Checksum(block, crc32.MakeTable(crc32.Castagnoli)); crc != want {
			t.Errorf("block %d: %08x, want %08x", i, crc, want)
		}
	}
}

// TestTheFormOnDiskStays pins the bytes: blobs written once are read forever.
func TestTheFormOnDiskStays(t *testing.T) {
	id := blob.ID{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}
	want := "\xe3\x06\x92\x83" + // the check value of CRC32C
		string(id[:]) + "\x00\x00\x00\x00\x00\x00\x00\x09" + "ENTREPOT" + "\x00\x00\x00\x01"
	got := seal(id, []byte("123456789"))
	if string(got[:len(got)-4]) != want {
		t.Errorf("trailer %x", got)
	}
	if binary.BigEndian.Uint32(got[len(got)-4:]) != crc32.Checksum([]byte(want), castagnoli()) {
		t.Error("the trailer's own checksum differs")
	}
}

func TestAnyFlippedBitOfATrailerIsFound(t *testing.T) {
	good := seal(blob.ID{1}, make([]byte, 100))
	for bit := range 8 * len(good) {
		bad := bytes.Clone(good)
		bad[bit/8] ^= 1 << (bit % 8)
		if _, err := parseTrailer(bad, int64(100+len(bad)), blob.ID{1}); !errors.Is(err, blob.ErrCorrupt) {
			t.Fatalf("bit %d: %v", bit, err)
		}
	}
}

func FuzzParseTrailer(f *testing.F) {
	for _, size := range []int{0, 1, blob.BlockSize, blob.BlockSize + 1} {
		b := seal(blob.ID{1}, make([]byte, size))
		f.Add(b, int64(size+len(b)))
		f.Add(b[:len(b)-1], int64(size+len(b)-1))
	}
	f.Add([]byte{}, int64(0))
	huge := seal(blob.ID{1}, nil)
	binary.BigEndian.PutUint64(huge[16:], 1<<63-1)
	f.Add(huge, int64(1<<63-1))
	f.Fuzz(func(t *testing.T, b []byte, fileSize int64) {
		crcs, err := parseTrailer(b, fileSize, blob.ID{1})
		if err != nil {
			if !errors.Is(err, blob.ErrCorrupt) || crcs != nil {
				t.Fatalf("refused with %v and %d checksums", err, len(crcs))
			}
			return
		}
		size := fileSize - int64(len(b))
		if size < 0 || int64(len(crcs)) != blocksOf(size) {
			t.Fatalf("%d checksums for %d bytes", len(crcs), size)
		}
	})
}

func TestTheFloorIsTwoPercentButAtMostAGibibyte(t *testing.T) {
	for total, want := range map[int64]int64{0: 0, 1000: 20, 50 << 30: 1 << 30, 50<<30 - 50: 1<<30 - 1, 1 << 50: 1 << 30} {
		if got := defaultFloor(total); got != want {
			t.Errorf("floor of %d bytes: %d, want %d", total, got, want)
		}
	}
}
