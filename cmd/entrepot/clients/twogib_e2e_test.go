//go:build e2e

package clients_test

import (
	"bytes"
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// overTwoGiB is two bytes more than a signed number of 32 bits counts up to.
const overTwoGiB = 2<<30 + 1

// blocks is content without an end: blocks of 1 MiB that begin with their
// number, so that no part can be taken for another.
type blocks struct {
	block []byte
	at    int64
}

const blockSize = 1 << 20

func newBlocks() *blocks { return &blocks{block: content(81, blockSize)} }

// Read never fails.
func (b *blocks) Read(p []byte) (int, error) {
	in := int(b.at % blockSize)
	copy(b.block, fmt.Sprintf("block %010d", b.at/blockSize))
	n := copy(p, b.block[in:])
	b.at += int64(n)
	return n, nil
}

// part returns n bytes from a place on.
func (b *blocks) part(t *testing.T, from int64, n int) string {
	t.Helper()
	b.at = from
	p := make([]byte, n)
	if _, err := io.ReadFull(b, p); err != nil {
		t.Fatal(err)
	}
	return string(p)
}

// Sizes beyond 32 bits: sent with a length and in chunks, shown by both doors,
// read in ranges about the border, refused at once where the container's quota
// lies a byte below.
func TestE2EFileBeyondTwoGiB(t *testing.T) {
	t.Parallel()
	s := start(t, setting{})
	s.expect(201, admin, "MKCOL", "/dav/box/", "")
	// Who asks for leave waits for the answer, however long it takes.
	transport := &http.Transport{ExpectContinueTimeout: 10 * time.Minute}
	t.Cleanup(transport.CloseIdleConnections)
	s.client = &http.Client{Transport: transport}
	token := s.token(admin)
	sum, etags := md5.New(), map[string]string{}
	put := func(path string, chunked bool, body io.Reader, headers ...string) answer {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), "PUT", s.url+path, io.LimitReader(body, overTwoGiB))
		if err != nil {
			t.Fatal(err)
		}
		if r.ContentLength = overTwoGiB; chunked {
			r.ContentLength = -1
		}
		a, err := s.do(admin, r, headers...)
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	for name, c := range map[string]struct {
		chunked bool
		body    io.Reader
	}{
		"length": {false, io.TeeReader(newBlocks(), sum)},
		"chunks": {true, newBlocks()},
	} {
		path := "/dav/box/" + name
		a := put(path, c.chunked, c.body)
		etags[name] = a.header.Get("Etag")
		if a.status != 201 {
			t.Fatalf("%s: status %d\n%s", name, a.status, a.body)
		}
		s.showsTwoGiB(t, name, token)
		s.expect(204, admin, "DELETE", path, "")
	}
	want := `"` + hex.EncodeToString(sum.Sum(nil)) + `"`
	for name, etag := range etags {
		if etag != want {
			t.Errorf("%s: the entity tag is %s, want %s", name, etag, want)
		}
	}

	s.expect(204, login{}, "POST", "/v1/AUTH_admin/box", "", token, fmt.Sprintf("X-Container-Meta-Quota-Bytes: %d", overTwoGiB-1))
	for name, c := range map[string]struct {
		chunked bool
		header  string
	}{
		"length":          {false, "Accept: */*"},
		"announced":       {true, fmt.Sprintf("X-Expected-Entity-Length: %d", overTwoGiB)},
		"announced total": {true, fmt.Sprintf("OC-Total-Length: %d", overTwoGiB)},
	} {
		a := put("/dav/box/full", c.chunked, newBlocks(), "Expect: 100-continue", c.header)
		if a.status != 507 {
			t.Errorf("quota a byte below, %s: status %d, want 507\n%s", name, a.status, a.body)
		}
	}
	s.expect(404, admin, "GET", "/dav/box/full", "")
}

// showsTwoGiB looks at the large file from all sides.
func (s *server) showsTwoGiB(t *testing.T, name, token string) {
	t.Helper()
	path := "/dav/box/" + name
	if got := s.expect(207, admin, "PROPFIND", path, "", "Depth: 0").body; !strings.Contains(got, "<D:getcontentlength>2147483649</D:getcontentlength>") {
		t.Errorf("%s: PROPFIND shows\n%s", name, got)
	}
	for _, head := range []answer{s.expect(200, admin, "HEAD", path, ""), s.expect(200, login{}, "HEAD", "/v1/AUTH_admin/box/"+name, "", token)} {
		if got := head.header.Get("Content-Length"); got != "2147483649" {
			t.Errorf("%s: HEAD shows %s bytes", name, got)
		}
	}
	whole := newBlocks()
	for _, r := range []struct {
		asked string
		from  int64
		n     int
	}{
		{"0-15", 0, 16},
		{"1073741820-1073741830", 1073741820, 11},
		{"2147483640-2147483648", 2147483640, 9},
		{"2147483640-9999999999", 2147483640, 9},
		{"2147483647-2147483647", 2147483647, 1},
		{"2147483648-", 2147483648, 1},
		{"-1048583", overTwoGiB - 1048583, 1048583},
	} {
		got := s.expect(206, admin, "GET", path, "", "Range: bytes="+r.asked)
		want := fmt.Sprintf("bytes %d-%d/2147483649", r.from, r.from+int64(r.n)-1)
		if got.header.Get("Content-Range") != want || !bytes.Equal([]byte(got.body), []byte(whole.part(t, r.from, r.n))) {
			t.Errorf("%s, range %s: %d bytes, %s, want %s", name, r.asked, len(got.body), got.header.Get("Content-Range"), want)
		}
	}
	s.expect(416, admin, "GET", path, "", "Range: bytes=2147483649-")
}
