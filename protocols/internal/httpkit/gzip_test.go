package httpkit_test

import (
	"net/http"
	"testing"

	"entrepot/protocols/internal/httpkit"
)

func TestGzipIsTakenWhereItIsNamed(t *testing.T) {
	for accept, want := range map[string]bool{
		"gzip": true, "deflate, gzip;q=0.5": true, "GZIP": true, "x-gzip": true, "*": true, "br;q=1, *;q=0.1": true,
		"": false, "identity": false, "gzip;q=0": false, "*;q=0": false, "gzip;q=0, *": false, "*, gzip;q=0": false,
		"gzip;q=x": false, "gzipx": false, "gzip; q = 0.000": false, "gzip;foo": true,
	} {
		h := http.Header{}
		if accept != "" {
			h.Set("Accept-Encoding", accept)
		}
		if got := httpkit.AcceptsGzip(h); got != want {
			t.Errorf("%q: %v", accept, got)
		}
	}
}
