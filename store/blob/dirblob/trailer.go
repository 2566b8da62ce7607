package dirblob

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"

	"entrepot/store/blob"
)

// The trailer of a blob file, all numbers big-endian:
//
//	4 bytes for each block   CRC32C of its content
//	16 bytes                 ID
//	8 bytes                  content size
//	8 bytes                  "ENTREPOT"
//	4 bytes                  version, 1
//	4 bytes                  CRC32C of all of the above
const (
	footerSize = 16 + 8 + 8 + 4 + 4
	mark       = "ENTREPOT"
	version    = 1
)

// castagnoli returns the table of the checksum that processors compute.
// crc32 keeps it; asking costs next to nothing.
func castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }

func blocksOf(size int64) int64 { return size/blob.BlockSize + min(1, size%blob.BlockSize) }

// sums computes the checksums of a stream's blocks.
type sums struct {
	done []uint32 // of whole blocks
	crc  uint32   // of the block under way
	size int64
}

func (s *sums) write(p []byte) {
	for len(p) > 0 {
		n := min(int64(len(p)), blob.BlockSize-s.size%blob.BlockSize)
		s.crc = crc32.Update(s.crc, castagnoli(), p[:n])
		s.size += n
		p = p[n:]
		if s.size%blob.BlockSize == 0 {
			s.done = append(s.done, s.crc)
			s.crc = 0
		}
	}
}

// trailer returns the bytes that follow the content.
func (s *sums) trailer(id blob.ID) []byte {
	all := s.done
	if s.size%blob.BlockSize != 0 {
		all = append(all, s.crc)
	}
	b := make([]byte, 0, 4*len(all)+footerSize)
	for _, crc := range all {
		b = binary.BigEndian.AppendUint32(b, crc)
	}
	b = append(b, id[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(s.size))
	b = append(b, mark...)
	b = binary.BigEndian.AppendUint32(b, version)
	return binary.BigEndian.AppendUint32(b, crc32.Checksum(b, castagnoli()))
}

// parseFooter reads the last footerSize bytes of a file of fileSize bytes and
// returns the size of its content and of its whole trailer.
func parseFooter(b []byte, fileSize int64, id blob.ID) (size, trailer int64, err error) {
	if len(b) != footerSize {
		return 0, 0, damaged("the file is shorter than a trailer")
	}
	if string(b[24:32]) != mark {
		return 0, 0, damaged("the trailer is missing")
	}
	if v := binary.BigEndian.Uint32(b[32:]); v != version {
		return 0, 0, damaged(fmt.Sprintf("trailer of version %d", v))
	}
	if blob.ID(b[:16]) != id {
		return 0, 0, damaged("the trailer is another blob's")
	}
	n := binary.BigEndian.Uint64(b[16:])
	if n > math.MaxInt64 || int64(n) > fileSize {
		return 0, 0, damaged("the file is shorter than its content")
	}
	size = int64(n)
	trailer = 4*blocksOf(size) + footerSize
	if fileSize-size != trailer {
		return 0, 0, damaged("the file has not the size that its trailer says")
	}
	return size, trailer, nil
}

// parseTrailer checks a whole trailer and returns the blocks' checksums.
func parseTrailer(b []byte, fileSize int64, id blob.ID) ([]uint32, error) {
	if len(b) < footerSize {
		return nil, damaged("the file is shorter than a trailer")
	}
	_, trailer, err := parseFooter(b[len(b)-footerSize:], fileSize, id)
	if err != nil {
		return nil, err
	}
	if int64(len(b)) != trailer {
		return nil, damaged("the trailer is incomplete")
	}
	own := len(b) - 4
	if crc32.Checksum(b[:own], castagnoli()) != binary.BigEndian.Uint32(b[own:]) {
		return nil, damaged("the trailer fails its checksum")
	}
	crcs := make([]uint32, (len(b)-footerSize)/4)
	for i := range crcs {
		crcs[i] = binary.BigEndian.Uint32(b[4*i:])
	}
	return crcs, nil
}

func damaged(what string) error { return fmt.Errorf("%w: %s", blob.ErrCorrupt, what) }
