package wire

import (
	"crypto/md5" //nolint:gosec // the wire's checksum
	"encoding/hex"
)

// MD5 returns the checksum that doors show of a content, in hex.
func MD5(content []byte) string {
	sum := md5.Sum(content) //nolint:gosec // as above
	return hex.EncodeToString(sum[:])
}
