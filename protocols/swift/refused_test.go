package swift_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"entrepot/gateway"
	"entrepot/protocols/swift"
)

func TestWhatWouldLoseDataIsRefused(t *testing.T) {
	container := gateway.Ref{Account: "a", Container: "c"}
	object := gateway.Ref{Account: "a", Container: "c", Object: "o"}
	tests := []struct {
		method, query string
		ref           gateway.Ref
		h             http.Header
		status        int // 0: let through
	}{
		{"PUT", "", object, headers("X-Static-Large-Object", "true"), 400},
		{"POST", "", container, headers("X-Remove-Versions-Location", "x"), 0},
		{"POST", "", container, headers("X-Container-Sync-To", "//realm/cluster/a/c"), 400},
		{"POST", "", container, headers("Content-Type", "text/plain"), 0},
		{"GET", "temp_url_sig=x&temp_url_expires=1", object, nil, 0},
	}
	for _, tt := range tests {
		r := httptest.NewRequest(tt.method, "/?"+tt.query, nil)
		if tt.h != nil {
			r.Header = tt.h
		}
		err := swift.CheckHeaders(r, tt.ref)
		status := 0
		if err != nil {
			status, _ = swift.AnswerTo(err)
		}
		if status != tt.status {
			t.Errorf("%s ?%s %v: %v, want %d", tt.method, tt.query, tt.h, err, tt.status)
		}
	}
}
