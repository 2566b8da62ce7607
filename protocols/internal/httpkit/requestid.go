package httpkit

import (
	"encoding/hex"
	"fmt"
	"io"
	"net/url"
	"strings"
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
	var digits [2 * len(raw)]byte
	hex.Encode(digits[:], raw[:])

	var b strings.Builder
	b.Grow(len("tx") + 21 + 1 + 10)
	b.WriteString("tx")
	b.Write(digits[:21])
	fmt.Fprintf(&b, "-%010x", now.Unix())
	if extra != "" {
		b.WriteByte('-')
		b.WriteString(url.PathEscape(extra[:min(len(extra), maxTransIDExtra)]))
	}
	return b.String()
}
