package httpkit

import (
	"encoding/hex"
	"io"
	"net/url"
	"time"
)

// maxTransIDExtra is how many bytes of X-Trans-Id-Extra a request ID repeats.
const maxTransIDExtra = 32

// NewRequestID makes a request ID in the form of Swift's X-Trans-Id, which all
// faces use: "tx", 21 hexadecimal digits from random, "-", and the Unix second
// of now in 10 hexadecimal digits. The caller's X-Trans-Id-Extra, when not
// empty, follows behind another "-", cut to 32 bytes and percent-encoded, so
// that a client can find its own requests in the log.
//
// Reading random fails only when the system has no randomness left to give;
// the ID then has zeros, since an ID is a convenience and no secret.
func NewRequestID(now time.Time, random io.Reader, extra string) string {
	var raw [11]byte
	_, _ = io.ReadFull(random, raw[:]) // zeros will do, see above
	var seconds [5]byte
	for i, unix := len(seconds)-1, now.Unix(); i >= 0; i, unix = i-1, unix>>8 {
		seconds[i] = byte(unix)
	}
	id := make([]byte, 0, len("tx")+22+1+10)
	id = append(id, "tx"...)
	id = hex.AppendEncode(id, raw[:])
	id = append(id[:len("tx")+21], '-')
	id = hex.AppendEncode(id, seconds[:])
	if extra != "" {
		id = append(id, '-')
		id = append(id, url.PathEscape(extra[:min(len(extra), maxTransIDExtra)])...)
	}
	return string(id)
}
