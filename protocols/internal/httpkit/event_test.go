package httpkit_test

import (
	"bytes"
	"context"
	"io"
	"regexp"
	"strings"
	"testing"
	"time"

	"entrepot/protocols/internal/httpkit"
)

func TestEventOfReturnsTheRequestsOwnEvent(t *testing.T) {
	e := &httpkit.Event{ReqID: "tx1"}
	ctx := httpkit.WithEvent(t.Context(), e)
	httpkit.EventOf(ctx).Op = "objects.Put"
	if e.Op != "objects.Put" {
		t.Errorf("Op = %q after writing through EventOf, want objects.Put", e.Op)
	}
	if got := httpkit.RequestID(ctx); got != "tx1" {
		t.Errorf("RequestID = %q, want tx1", got)
	}
}

func TestEventOfIsNeverNil(t *testing.T) {
	ctx := context.Background()
	httpkit.EventOf(ctx).Face = "swift"
	if got := httpkit.EventOf(ctx).Face; got != "" {
		t.Errorf("an event without a request was shared: Face = %q", got)
	}
	if got := httpkit.RequestID(ctx); got != "" {
		t.Errorf("RequestID without a request = %q, want none", got)
	}
}

func TestRequestIDHasTheFormOfTransID(t *testing.T) {
	random := bytes.NewReader([]byte("\x62\x86\x27\xfe\xa9\x10\x46\x86\xa3\x66\x2f"))
	got := httpkit.NewRequestID(time.Unix(0x6b026193, 0), random, "")
	if want := "tx628627fea9104686a3662-006b026193"; got != want {
		t.Errorf("ID = %q, want %q", got, want)
	}
}

func TestRequestIDRepeatsTheCallersExtra(t *testing.T) {
	form := regexp.MustCompile(`^tx[0-9a-f]{21}-[0-9a-f]{10}-`)
	for extra, want := range map[string]string{
		"job-7":                 "job-7",
		"a b\r\nX: y":           "a%20b%0D%0AX:%20y",
		strings.Repeat("x", 40): strings.Repeat("x", 32),
	} {
		got := httpkit.NewRequestID(time.Unix(1, 0), strings.NewReader("eleven byte"), extra)
		if tail := form.ReplaceAllString(got, ""); tail != want {
			t.Errorf("extra %q: ID %q ends in %q, want %q", extra, got, tail, want)
		}
	}
}

func TestRequestIDIsMadeWithoutRandomness(t *testing.T) {
	got := httpkit.NewRequestID(time.Unix(1, 0), failingReader{}, "")
	if want := "tx000000000000000000000-0000000001"; got != want {
		t.Errorf("ID = %q, want %q", got, want)
	}
}

type failingReader struct{}

func (failingReader) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }
